"""Keys of a use case's YAML, from the classes that validate it; examples are those of the bundled use cases."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from include.firstday.use_case.use_case import USE_CASES, UseCase, names
from tests.reference.markdown import anchor, code, page, table

HEAD = """
`include/use_cases/<name>/use_case.yaml`. Unknown keys are errors; `firstday check-use-case NAME` lists errors by
line. A *name* has small letters, digits and `_`. Examples are of the bundled use cases where they have the key. [From
a file of your events](../tutorials/your-own-events.md) makes such a file.
"""
SCHEMA = UseCase.model_json_schema(mode="validation")
LONGEST = 70


@dataclass(frozen=True)
class Part:
    """A group of keys: where it is in the YAML, and its JSON schema."""

    path: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Key:
    """One key, and what is shown of it."""

    name: str
    kind: str
    default: str
    meaning: str
    example: str


def render() -> str:
    head = ("key", "type", "default", "meaning", "example")
    sections = []
    for part in parts():
        rows = [(f"`{key.name}`", key.kind, key.default, key.meaning, code(key.example)) for key in keys(part)]
        title = [f"## `{part.path}`"] if part.path else []
        sections += [*title, part.schema.get("description", "").split("\n\n")[0], table(head, rows)]
    return page("Keys of use_case.yaml", HEAD, *sections)


@cache
def parts() -> list[Part]:
    """Every group of keys, once, the outer ones first."""
    found: dict[str, Part] = {}

    def visit(path: str, schema: dict[str, Any]) -> None:
        for name, field in schema["properties"].items():
            for where, reference in _references(f"{path}.{name}".lstrip("."), field):
                if reference not in found:
                    inner = SCHEMA["$defs"][reference]
                    kind = inner["properties"].get("kind", {}).get("const")
                    found[reference] = Part(f"{where}, {kind}" if kind else where, inner)
                    visit(where, inner)

    visit("", SCHEMA)
    return [Part("", SCHEMA), *found.values()]


def keys(part: Part) -> Iterator[Key]:
    """The keys of a group."""
    path = part.path.partition(",")[0]
    for name, field in part.schema["properties"].items():
        where = f"{path}.{name}".lstrip(".")
        is_required = name in part.schema.get("required", [])
        default = "required" if is_required else _default(field)
        yield Key(name, kind(field), default, field.get("description", ""), _example(where, field))


def kind(field: dict[str, Any]) -> str:
    """The type of a value, in words."""
    if "$ref" in field:
        part = next(each for each in parts() if each.schema is SCHEMA["$defs"][field["$ref"].rsplit("/", 1)[-1]])
        return f"[`{_last(part.path)}`](#{anchor(part.path)})"
    if "anyOf" in field or "oneOf" in field:
        return " or ".join(dict.fromkeys(map(kind, field.get("anyOf", field.get("oneOf")))))
    if "enum" in field or "const" in field:
        return ", ".join(f"`{each}`" for each in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {kind(field['items'])}" if field.get("items") else "list"
    if field.get("type") == "object":
        inner = _inner(field)
        return f"map of name to {kind(inner)}" if inner else "map"
    if field.get("type") == "string":
        return "name" if field.get("pattern", "").startswith("^[a-z][a-z0-9_]") else "text"
    return field.get("type", "any").replace("boolean", "true or false") + _range(field)


def _range(field: dict[str, Any]) -> str:
    bounds = (("minimum", "from {:g}"), ("exclusiveMinimum", "above {:g}"))
    bounds += (("maximum", "to {:g}"), ("exclusiveMaximum", "below {:g}"))
    shown = [text.format(field[name]) for name, text in bounds if name in field]
    return f" {' '.join(shown)}" if shown else ""


def _last(path: str) -> str:
    return path.split(".")[-1] if "<" not in path else ".".join(path.split(".")[-2:])


def _references(path: str, field: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Groups of keys that a field holds: where, and the name of the schema."""
    if "$ref" in field:
        yield path, field["$ref"].rsplit("/", 1)[-1]
    for each in (*field.get("anyOf", []), *field.get("oneOf", [])):
        yield from _references(path, each)
    if inner := _inner(field):
        yield from _references(f"{path}.<name>", inner)
    if isinstance(field.get("items"), dict):
        yield from _references(path, field["items"])


def _inner(field: dict[str, Any]) -> dict[str, Any]:
    """What the values of a map are; nothing where they may be anything."""
    found = [field.get("additionalProperties"), *field.get("patternProperties", {}).values()]
    return next((each for each in found if isinstance(each, dict)), {})


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value in (None, "", [], {}):
        return "none"
    return code(_text(value)) if len(_text(value)) <= LONGEST else "see there"


def _example(path: str, field: dict[str, Any]) -> str:
    """The shortest value that a bundled use case has for the key, else the field's own example."""
    found = [_text(value) for content in _bundled() for value in _at(content, path.split("."))]
    found += [_text(value) for value in [*field.get("examples", []), field.get("const"), field.get("default")]]
    short = [text for text in found if text not in ("[]", "{}", "null", '""') and len(text) <= LONGEST]
    return short[0] if short else ""


@cache
def _bundled() -> list[Any]:
    """The bundled use cases' YAML."""
    return [yaml.safe_load((USE_CASES / name / "use_case.yaml").read_text(encoding="utf-8")) for name in BUNDLED]


def _at(content: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield content
    elif isinstance(content, list):
        for each in content:
            yield from _at(each, path)
    elif isinstance(content, dict):
        for name in content if path[0] == "<name>" else {path[0]} & content.keys():
            yield from _at(content[name], path[1:])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _flow(value)


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return value if isinstance(value, str) and value.replace("_", "").isalnum() else json.dumps(value)


BUNDLED = [name for name in ("first_day_churn", "cart_abandonment", "subscription_churn") if name in names()]
