"""The FastAPI app: the page, its files, and the API under `/api/{use_case}`. Every route is guarded."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from include.firstday import check_use_case
from include.firstday.lake import LakeError
from include.firstday.use_case import UseCaseError
from include.firstday.web import answers, now
from include.firstday.web.gate import Gate
from include.firstday.web.reader import Reader, reader

STATIC = Path(__file__).parent / "static"
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
    """The app, guarded by the orchestrator's rules."""
    # FastAPI's own pages for the schema would not be guarded, and load their scripts from elsewhere.
    app = FastAPI(title="Firstday", description=__doc__, openapi_url=None, docs_url=None, redoc_url=None)
    app.middleware("http")(_with_headers)
    app.add_exception_handler(UseCaseError, _says(404))
    app.add_exception_handler(LakeError, _says(503))
    app.include_router(_page(app, gate))
    app.include_router(_reading(gate))
    return app


def _page(app: FastAPI, gate: Gate) -> APIRouter:
    router = APIRouter(dependencies=[Depends(gate.may_enter)])

    @router.get("/", include_in_schema=False)
    def page() -> FileResponse:
        """The page itself."""
        return FileResponse(STATIC / "index.html")

    @router.get("/static/{name}", include_in_schema=False)
    def static(name: str) -> FileResponse:
        """A file of the page."""
        if name not in STATIC_FILES:
            raise HTTPException(404, f"no file {name}")
        return FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})

    @router.get("/api/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, Any]:
        """This API, as OpenAPI."""
        return app.openapi()

    @router.get("/api/use_cases")
    def use_cases() -> list[answers.UseCaseName]:
        """The business cases whose files fit together."""
        return [
            answers.UseCaseName(
                name=case.name,
                title=case.title,
                description=case.description,
                features=list(case.features),
                event_types=list(case.events),
                window_hours=case.window.hours,
            )
            for case in check_use_case.valid()
        ]

    return router


def _reading(gate: Gate) -> APIRouter:
    router = APIRouter(prefix="/api/{use_case}", dependencies=[Depends(gate.may_read)])
    Case = Annotated[Reader, Depends(_reader)]

    @router.get("/status")
    def status(case: Case) -> answers.Status:
        """How the use case stands: state line, totals, lag, model, last micro-batch, next run."""
        return now.status(case, gate.schedule(now.process_events(case.use_case)))

    @router.get("/activity")
    def activity(case: Case, hours: Annotated[float, Query(ge=0.5, le=72)] = 3) -> answers.Activity:
        """Events, refusals, predictions and lag over the last hours."""
        return now.activity(case, hours)

    return router


def _reader(use_case: str) -> Reader:
    return reader(use_case)


async def _with_headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await answer(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _says(code: int) -> Callable[[Request, Exception], JSONResponse]:
    def handler(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, code)

    return handler
