"""Requests and responses of the API, from its OpenAPI document."""

from collections.abc import Iterator
from typing import Any

from include.firstday.web.app import build
from include.firstday.web.auth import Gate
from tests.reference.markdown import code, page, table

HEAD = """
All requests are below `/firstday` of Airflow's address and need [an Airflow token](page.md#requests). The API tab of
the page has the OpenAPI document, from which this page is generated: `/firstday/api/openapi.json`.
"""


def render() -> str:
    document = build(Gate(_anybody, _anybody, _anybody, lambda _: None, lambda *_: [], lambda: "")).openapi()
    found = [(method, path, about) for path, methods in document["paths"].items() for method, about in methods.items()]
    shared = _shared([about["responses"] for _, path, about in found if "{use_case}" in path])
    routes = [_route(method, path, about, shared) for method, path, about in found]
    schemas = document["components"]["schemas"]
    bodies = [_schema(name, schemas[name]) for name in sorted(schemas) if "properties" in schemas[name]]
    errors = table(("status", "response"), shared.items())
    return page("API", HEAD, "## Errors of every request", errors, "## Requests", *routes, "## Responses", *bodies)


def _anybody() -> None:
    """Allow anybody: only the document is read."""


def _shared(responses: list[dict[str, Any]]) -> dict[str, str]:
    """Statuses with the same description in all requests of a use case."""
    first, *others = responses
    texts = {status: str(each["description"]) for status, each in first.items() if status >= "4"}
    return {
        status: text
        for status, text in sorted(texts.items())
        if all(other.get(status, {}).get("description") == text for other in others)
    }


def _route(method: str, path: str, about: dict[str, Any], shared: dict[str, str]) -> str:
    parameters = [
        (f"`{each['name']}`", each["in"], kind(each["schema"]), code(each["schema"].get("default", "")), _about(each))
        for each in about.get("parameters", [])
        if each["name"] != "use_case"
    ]
    responses = [(status, _response(each)) for status, each in about["responses"].items() if status not in shared]
    parts = [
        f"### {method.upper()} {path}",
        about.get("description", about["summary"]),
        table(("parameter", "in", "type", "default", "meaning"), parameters) if parameters else "",
        table(("status", "response"), responses),
    ]
    return "\n\n".join(filter(None, parts))


def _about(parameter: dict[str, Any]) -> str:
    return str(parameter.get("description", parameter["schema"].get("description", "")))


def _response(response: dict[str, Any]) -> str:
    found = [kind(body.get("schema", {})) for body in response.get("content", {}).values()]
    model = next((each for each in found if each.startswith("[")), "")
    return model if model and "Problem" not in model and "Validation" not in model else response["description"]


def _schema(name: str, schema: dict[str, Any]) -> str:
    rows = [(f"`{field}`", kind(about), about.get("description", "")) for field, about in schema["properties"].items()]
    parts = [f"### {name}", " ".join(schema.get("description", "").split()), table(("field", "type", "meaning"), rows)]
    return "\n\n".join(filter(None, parts))


def kind(schema: dict[str, Any]) -> str:
    """The type of a value, in words, with links to other responses."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(kind, schema["anyOf"])))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        items = list(_items(schema))
        return f"list of {' and '.join(dict.fromkeys(items))}" if items else "list"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {kind(schema['additionalProperties'])}"
    return {"date-time": "time"}.get(schema.get("format", ""), str(schema.get("type", "any")))


def _items(schema: dict[str, Any]) -> Iterator[str]:
    for each in schema.get("prefixItems", [schema["items"]] if "items" in schema else []):
        yield kind(each)
