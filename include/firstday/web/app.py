"""The FastAPI app: the page, its files, and the API under `/api/{use_case}`. Every route is guarded."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse

from include.firstday.authoring import check_use_case
from include.firstday.errors import LakeError
from include.firstday.lake import clock
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCaseError
from include.firstday.web import backlog, catalog, drivers, metrics, model, overview, parsing, schemas, users
from include.firstday.web.auth import Gate
from include.firstday.web.delivery import KeyReusedError, delivery
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


@dataclass(frozen=True)
class Choice:
    """Which users are wanted."""

    search: Annotated[str, Query(max_length=200, description="how the id begins")] = ""
    only: Annotated[users.Only, Query(description="by their newest prediction")] = "all"
    limit: Annotated[int, Query(ge=1, le=100_000)] = 200


def build(gate: Gate) -> FastAPI:
    """The app, guarded by the orchestrator's rules."""
    # FastAPI's own pages for the schema would not be guarded, and load their scripts from elsewhere.
    app = FastAPI(title="Firstday", description=__doc__, openapi_url=None, docs_url=None, redoc_url=None)
    app.middleware("http")(_with_headers)
    app.add_exception_handler(UseCaseError, _says(404))
    app.add_exception_handler(users.UnknownUserError, _says(404))
    app.add_exception_handler(drivers.NothingToExplainError, _says(404))
    app.add_exception_handler(LakeError, _says(503))
    app.add_exception_handler(KeyReusedError, _says(422))
    app.add_exception_handler(parsing.BodyError, _refused_body)
    app.add_exception_handler(backlog.BacklogError, _too_much)
    app.include_router(_page(app, gate))
    app.include_router(_reading(gate))
    app.include_router(_writing(gate))
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
    def use_cases() -> list[schemas.UseCaseName]:
        """The business cases whose files fit together; those that run from the start come first."""
        return [
            schemas.UseCaseName(
                name=case.name,
                title=case.title,
                description=case.description,
                features=list(case.features),
                event_types=list(case.events),
                window_hours=case.window.hours,
            )
            for case in sorted(check_use_case.valid(), key=lambda case: (case.starts_paused, case.name))
        ]

    return router


def _reading(gate: Gate) -> APIRouter:
    router = APIRouter(prefix="/api/{use_case}", dependencies=[Depends(gate.may_read)])
    Case = Annotated[Reader, Depends(_reader)]

    @router.get("/status")
    def status(case: Case) -> schemas.Status:
        """How the use case stands: state line, totals, lag, model, last micro-batch, next run."""
        return overview.status(case, gate.schedule(overview.process_events(case.use_case)))

    @router.get("/activity")
    def activity(case: Case, hours: Annotated[float, Query(ge=0.5, le=72)] = 3) -> schemas.Activity:
        """Events, refusals, predictions and lag over the last hours."""
        return overview.activity(case, hours)

    @router.get("/users")
    def list_users(case: Case, choice: Annotated[Choice, Depends()]) -> schemas.Users:
        """Users in their window, most endangered first; with `search`, all whose id begins with it."""
        return users.users(case, choice.search, choice.only, choice.limit)

    @router.get("/users.csv", response_class=StreamingResponse)
    def export_users(case: Case, choice: Annotated[Choice, Depends()]) -> StreamingResponse:
        """The same as CSV."""
        found = users.users(case, choice.search, choice.only, choice.limit)
        attachment = {"Content-Disposition": f'attachment; filename="{case.use_case.name}_users.csv"'}
        return StreamingResponse(users.as_csv(found), media_type="text/csv", headers=attachment)

    @router.get("/users/{user_id}")
    def user(case: Case, user_id: str) -> schemas.OneUser:
        """One user's features as they stand, and their newest prediction."""
        return users.user(case, user_id)

    @router.get("/users/{user_id}/timeline")
    def timeline(case: Case, user_id: str) -> schemas.Timeline:
        """What a user did in their window, and how the probability moved."""
        return users.timeline(case, user_id)

    @router.get("/users/{user_id}/drivers")
    def user_drivers(case: Case, user_id: str) -> schemas.Drivers:
        """Which features drive a user's probability. A server's first call loads the model, in seconds."""
        return drivers.drivers(case, user_id)

    @router.get("/predictions")
    def predictions(
        case: Case, since: datetime, limit: Annotated[int, Query(ge=1, le=100_000)] = 10_000
    ) -> schemas.Predictions:
        """The inference log after a moment, with the features as used. A time without an offset is UTC."""
        moment = clock.naive(since) if since.tzinfo else since
        return users.predictions_since(case, moment, limit)

    @router.get("/model")
    def show_model(case: Case) -> schemas.Model:
        """Versions, score distribution, calibration, and what monitor_model has measured."""
        return model.model(case)

    @router.get("/lake")
    def show_lake(case: Case) -> schemas.LakeContents:
        """Tables and files, micro-batches, commits, refused rows by rule."""
        return catalog.contents(case)

    @router.get("/metrics", response_class=PlainTextResponse)
    def show_metrics(case: Case) -> PlainTextResponse:
        """The state as gauges, for Prometheus."""
        status = overview.status(case, gate.schedule(overview.process_events(case.use_case)))
        return PlainTextResponse(metrics.text(status), media_type=metrics.MEDIA_TYPE)

    return router


def _writing(gate: Gate) -> APIRouter:
    router = APIRouter(
        prefix="/api/{use_case}", dependencies=[Depends(gate.may_edit), Depends(_reader), Depends(_from_here)]
    )

    @router.post("/events", status_code=202, openapi_extra=_EVENTS_BODY)
    async def post_events(
        use_case: str,
        request: Request,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> schemas.Accepted:
        """Take events: one JSON object, an array, or NDJSON; plain or gzipped. All of a body or nothing of it.

        The answer comes when they are durable in landing. The same Idempotency-Key within a day brings the same events
        once. 429 says that too much waits in landing; come back after Retry-After seconds.
        """
        await run_in_threadpool(backlog.check, use_case)
        headers = request.headers
        encoding, limit = headers.get("content-encoding", "").lower(), settings().post_megabytes * 10**6
        body = await parsing.unpacked(request.stream(), encoding, limit)
        lines = await run_in_threadpool(parsing.events, body, headers.get("content-type", ""))
        try:
            return await asyncio.wrap_future(delivery(use_case).put(lines, idempotency_key))
        except OSError as error:
            raise HTTPException(503, f"landing cannot be written: {error.strerror}; try again later") from error

    return router


def _from_here(request: Request) -> None:
    """A browser says where a request comes from; another site must not use a visitor's cookie."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "Sec-Fetch-Site: expected same-origin; requests of other sites are refused")


_EVENTS_BODY = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {}} for kind in (parsing.ONE_OR_ARRAY, parsing.LINES[0])},
    }
}


def _reader(use_case: str) -> Reader:
    return reader(use_case)


def _refused_body(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, error.code if isinstance(error, parsing.BodyError) else 400)


def _too_much(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 429, {"Retry-After": str(backlog.RETRY_SECONDS)})


async def _with_headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await answer(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _says(code: int) -> Callable[[Request, Exception], JSONResponse]:
    def handler(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, code)

    return handler
