"""The FastAPI app: the page, its files, and the API under `/api/{use_case}`. Every route requires authentication."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from include.firstday.authoring import check_use_case
from include.firstday.errors import (
    BacklogError,
    BodyError,
    HeldBackError,
    InputError,
    KeyReusedError,
    LakeError,
    NothingToExplainError,
    UnknownExperimentError,
    UnknownSnapshotError,
    UnknownUserError,
    UseCaseError,
)
from include.firstday.web import backlog, documents
from include.firstday.web.auth import Gate
from include.firstday.web.reading import reading
from include.firstday.web.schemas.common import WITH_LOGIN, UseCaseName
from include.firstday.web.writing import writing

STATIC = Path(__file__).parent / "static"
VERSIONED = re.compile(r"-\d+\.\d+\.\d+\.")
STATIC_FILES = frozenset(path.name for path in STATIC.iterdir() if path.is_file())

HEADERS = {
    # The page may only be framed by Airflow, and loads nothing from anywhere else.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def build(gate: Gate) -> FastAPI:
    """Build the app; `gate` checks permissions by the orchestrator's rules."""
    # FastAPI's own schema pages would need no login and load scripts from other hosts.
    app = FastAPI(title="Firstday", description=__doc__, openapi_url=None, docs_url=None, redoc_url=None)
    app.middleware("http")(_with_headers)
    app.add_exception_handler(UseCaseError, _status(404))
    app.add_exception_handler(UnknownUserError, _status(404))
    app.add_exception_handler(UnknownExperimentError, _status(404))
    app.add_exception_handler(UnknownSnapshotError, _status(404))
    app.add_exception_handler(NothingToExplainError, _status(404))
    app.add_exception_handler(HeldBackError, _status(409))
    app.add_exception_handler(LakeError, _status(503))
    app.add_exception_handler(KeyReusedError, _status(422))
    app.add_exception_handler(InputError, _status(422))
    app.add_exception_handler(BodyError, _invalid_body)
    app.add_exception_handler(BacklogError, _retry_later)
    app.include_router(_page(app, gate))
    app.include_router(reading(gate))
    app.include_router(writing(gate))
    return app


def _page(app: FastAPI, gate: Gate) -> APIRouter:
    router = APIRouter(dependencies=[Depends(gate.may_enter)], responses=WITH_LOGIN)

    @router.get("/", include_in_schema=False)
    def page() -> FileResponse:
        """Return the page."""
        return FileResponse(STATIC / "index.html")

    @router.get("/static/{name}", include_in_schema=False)
    def static(name: str) -> FileResponse:
        """Return a static file of the page."""
        if name not in STATIC_FILES:
            raise HTTPException(404, f"no file {name}")
        # A file with its version in its name never changes.
        is_fixed = VERSIONED.search(name) is not None
        cache = "private, max-age=31536000, immutable" if is_fixed else "no-cache"
        return FileResponse(STATIC / name, headers={"Cache-Control": cache})

    @router.get("/docs/{name:path}", include_in_schema=False)
    def docs(name: str) -> FileResponse:
        """Return a file of the documentation."""
        return documents.file(name)

    @router.get("/api/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, Any]:
        """Return the OpenAPI document of this API."""
        return app.openapi()

    @router.get("/api/use_cases")
    def use_cases() -> list[UseCaseName]:
        """List the valid use cases; those whose DAGs start unpaused come first."""
        return [
            UseCaseName(
                name=case.name,
                title=case.title,
                description=case.description,
                outcome=case.outcome.name,
                is_positive=case.outcome.positive,
                features=list(case.features),
                segments=list(case.segments),
                event_types=list(case.events),
                window_hours=case.window.hours,
                cutoff_minutes=sorted(case.training.cutoff_minutes),
            )
            for case in sorted(check_use_case.valid(), key=lambda case: (case.starts_paused, case.name))
        ]

    return router


def _invalid_body(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, error.code if isinstance(error, BodyError) else 400)


def _retry_later(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 429, {"Retry-After": str(backlog.RETRY_SECONDS)})


async def _with_headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await answer(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _status(code: int) -> Callable[[Request, Exception], JSONResponse]:
    def handler(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, code)

    return handler
