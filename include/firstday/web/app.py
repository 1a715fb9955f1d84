"""The FastAPI app: the page, its files, and the API under `/api/{use_case}`. Every route requires authentication."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse

from include.firstday.authoring import check_use_case
from include.firstday.errors import (
    BacklogError,
    BodyError,
    InputError,
    KeyReusedError,
    LakeError,
    NothingToExplainError,
    UnknownUserError,
    UseCaseError,
)
from include.firstday.lake import clock
from include.firstday.settings import settings
from include.firstday.web import (
    backlog,
    catalog,
    decisions,
    documents,
    drift_room,
    drivers,
    metrics,
    model,
    overview,
    parsing,
    schemas,
    tables,
    users,
    workbench,
)
from include.firstday.web.auth import Gate
from include.firstday.web.delivery import delivery
from include.firstday.web.reader import Reader, reader

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


_WITH_LOGIN: dict[int | str, dict[str, Any]] = {401: schemas.problem("no valid login")}
_OF_USE_CASE = _WITH_LOGIN | {
    403: schemas.problem("no permission for this use case"),
    404: schemas.problem("no such use case or user"),
    503: schemas.problem("the lake cannot be opened, or landing is not writable; retry later"),
}
_OF_BODY = _OF_USE_CASE | {
    400: schemas.problem("the body is not of the form of its Content-Type; names the line"),
    413: schemas.problem("the body is too large"),
    415: schemas.problem("another Content-Type or Content-Encoding was expected"),
    422: schemas.problem("the Idempotency-Key is too long, or was used for another body"),
    429: schemas.problem("too much is pending in landing; retry after Retry-After seconds"),
}

UserId = Annotated[str, PathParameter(pattern=rf"^{users.NO_CONTROL}+$")]


def build(gate: Gate) -> FastAPI:
    """Build the app; `gate` checks permissions by the orchestrator's rules."""
    # FastAPI's own schema pages would need no login and load scripts from other hosts.
    app = FastAPI(title="Firstday", description=__doc__, openapi_url=None, docs_url=None, redoc_url=None)
    app.middleware("http")(_with_headers)
    app.add_exception_handler(UseCaseError, _status(404))
    app.add_exception_handler(UnknownUserError, _status(404))
    app.add_exception_handler(NothingToExplainError, _status(404))
    app.add_exception_handler(LakeError, _status(503))
    app.add_exception_handler(KeyReusedError, _status(422))
    app.add_exception_handler(InputError, _status(422))
    app.add_exception_handler(BodyError, _invalid_body)
    app.add_exception_handler(BacklogError, _retry_later)
    app.include_router(_page(app, gate))
    app.include_router(_reading(gate))
    app.include_router(_writing(gate))
    return app


def _page(app: FastAPI, gate: Gate) -> APIRouter:
    router = APIRouter(dependencies=[Depends(gate.may_enter)], responses=_WITH_LOGIN)

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
    def use_cases() -> list[schemas.UseCaseName]:
        """List the valid use cases; those whose DAGs start unpaused come first."""
        return [
            schemas.UseCaseName(
                name=case.name,
                title=case.title,
                description=case.description,
                outcome=case.outcome,
                features=list(case.features),
                event_types=list(case.events),
                window_hours=case.window.hours,
                cutoff_minutes=sorted(case.training.cutoff_minutes),
            )
            for case in sorted(check_use_case.valid(), key=lambda case: (case.starts_paused, case.name))
        ]

    return router


def _reading(gate: Gate) -> APIRouter:
    router = APIRouter(prefix="/api/{use_case}", dependencies=[Depends(gate.may_read)], responses=_OF_USE_CASE)
    Case = Annotated[Reader, Depends(_reader)]

    @router.get("/status")
    def status(case: Case) -> schemas.Status:
        """Return the state of the pipeline: state line, totals, lag, model, latest micro-batch, next run."""
        return overview.status(case, gate)

    @router.get("/activity")
    def activity(
        case: Case, hours: Annotated[float, Query(ge=0.5, le=72)] = 3, until: datetime | None = None
    ) -> schemas.Activity:
        """Return events, rejected rows, predictions, lag and marks over the hours up to a time, by default to now."""
        return overview.activity(case, hours, _naive("until", until) if until else None)

    @router.get("/users")
    def list_users(case: Case, choice: Annotated[users.Choice, Depends()]) -> schemas.Users:
        """List users in their window, highest risk first; with `search`, all users with that id prefix."""
        return users.users(case, choice)

    @router.get("/users/cohorts")
    def cohorts(case: Case) -> list[schemas.Cohort]:
        """List the values of the registrations' columns by which `/users` can be filtered."""
        return users.cohorts(case)

    @router.get("/users.csv", response_class=StreamingResponse)
    def export_users(case: Case, choice: Annotated[users.Choice, Depends()]) -> StreamingResponse:
        """Export the list of users as CSV."""
        found = users.users(case, choice)
        attachment = {"Content-Disposition": f'attachment; filename="{case.use_case.name}_users.csv"'}
        return StreamingResponse(users.as_csv(found), media_type="text/csv", headers=attachment)

    @router.get("/users/{user_id}")
    def user(case: Case, user_id: UserId) -> schemas.OneUser:
        """Return a user's current feature values and latest prediction."""
        return users.user(case, user_id)

    @router.get("/users/{user_id}/timeline")
    def timeline(case: Case, user_id: UserId) -> schemas.Timeline:
        """Return a user's events in their window and all their predictions."""
        return users.timeline(case, user_id)

    @router.get("/users/{user_id}/drivers")
    def user_drivers(case: Case, user_id: UserId) -> schemas.Drivers:
        """Return the top drivers of a user's churn probability. The first call loads the model, which takes seconds."""
        return drivers.drivers(case, user_id)

    @router.get("/predictions")
    def predictions(
        case: Case, since: datetime, limit: Annotated[int, Query(ge=1, le=100_000)] = 10_000
    ) -> schemas.Predictions:
        """Return predictions made after a time, with the features used. A time without an offset is UTC."""
        return users.predictions_since(case, _naive("since", since), limit)

    @router.get("/model")
    def show_model(case: Case) -> schemas.Model:
        """Return model versions, score distribution, calibration and monitoring measurements."""
        return model.model(case)

    @router.get("/model/decisions")
    def model_decisions(case: Case, version: Annotated[int, Query(ge=1, le=2**31)]) -> schemas.Decisions:
        """Return users with known labels by a version's probability: what each threshold and costs would have meant."""
        return decisions.decisions(case, version)

    @router.get("/model/comparison")
    def model_comparison(case: Case) -> schemas.Comparison:
        """Compare champion and challenger on the same users."""
        return decisions.comparison(case)

    @router.get("/model/importance")
    def model_importance(case: Case) -> schemas.Importance:
        """Return the mean size of each effect on the champion's predictions. The first call loads the model."""
        return decisions.importance(case)

    @router.get("/model/versions/{version}")
    def model_version(case: Case, version: Annotated[int, PathParameter(ge=1, le=2**31)]) -> schemas.VersionReport:
        """Return a version's test, with intervals, overall and by cut-off, and the gates' answers."""
        return decisions.report(case, version)

    @router.get("/alerts")
    def seen_alerts(case: Case) -> list[schemas.SeenAlert]:
        """Return the alerts of the last two weeks' monitoring runs, when each was raised first and last."""
        return drift_room.seen_alerts(case)

    @router.get("/drift/{feature}")
    def distribution(case: Case, feature: Annotated[str, PathParameter(max_length=100)]) -> schemas.Distribution:
        """Return a feature's distribution in the training set and in the last day's predictions."""
        return drift_room.distribution(case, feature)

    @router.get("/lake")
    def show_lake(case: Case) -> schemas.LakeContents:
        """Return tables and files, micro-batches, snapshots, and rejected rows by rule."""
        return catalog.contents(case)

    @router.get("/lake/tables/{table}")
    def show_table(case: Case, table: Annotated[str, PathParameter(max_length=100)]) -> schemas.TableAbout:
        """Describe a table: columns with their meaning, freshness, readers, and a sample without personal columns."""
        return tables.table(case, table)

    @router.get("/metrics", response_class=PlainTextResponse)
    def show_metrics(case: Case) -> PlainTextResponse:
        """Return the state as gauges in Prometheus text format."""
        return PlainTextResponse(metrics.text(overview.status(case, gate)), media_type=metrics.MEDIA_TYPE)

    return router


def _writing(gate: Gate) -> APIRouter:
    allowed = [Depends(gate.may_edit), Depends(_reader), Depends(_from_here)]
    router = APIRouter(prefix="/api/{use_case}", dependencies=allowed, responses=_OF_BODY)

    @router.post("/events", status_code=202, openapi_extra=_EVENTS_BODY)
    async def post_events(
        use_case: str,
        request: Request,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> schemas.Accepted:
        """Accept events as one JSON object, an array, or NDJSON; plain or gzipped. A body is accepted atomically.

        The response is sent when the events are durable in landing. Events posted again with the same Idempotency-Key
        within a day are stored once. 429: the backlog in landing is too large; retry after Retry-After seconds.
        """
        await run_in_threadpool(backlog.check, use_case)
        headers = request.headers
        encoding, limit = headers.get("content-encoding", "").lower(), settings().post_megabytes * 10**6
        body = await parsing.unpacked(request.stream(), encoding, limit)
        lines = await run_in_threadpool(parsing.events, body, headers.get("content-type", ""))
        try:
            return await asyncio.wrap_future(delivery(use_case).put(lines, idempotency_key))
        except OSError as error:
            raise HTTPException(503, f"landing is not writable: {error.strerror}; retry later") from error

    @router.post("/query")
    async def run_query(use_case: str, query: schemas.QueryText, request: Request) -> schemas.QueryResult:
        """Run one SELECT on the lake, read-only, for at most twenty seconds; it may read personal columns."""
        case = await run_in_threadpool(_reader, use_case)
        return await workbench.run(case.use_case, query.sql, request.is_disconnected)

    @router.post("/predict")
    def predict(use_case: str, asked: schemas.Asked) -> schemas.Answer:
        """Predict by the champion, for a user's current features or for given ones. Nothing is stored."""
        return drivers.predict(_reader(use_case), asked)

    return router


def _naive(name: str, moment: datetime) -> datetime:
    """A time of a request as naive UTC; one without an offset is UTC. Raises HTTPException."""
    try:
        return clock.naive(moment) if moment.tzinfo else moment
    except OverflowError as error:  # the year 1 in a zone east of Greenwich
        raise HTTPException(422, f"{name}: expected a time of the years 1 to 9999 in UTC") from error


def _from_here(request: Request) -> None:
    """Reject cross-site requests, so that another site cannot use a visitor's cookie."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "Sec-Fetch-Site: expected same-origin; cross-site requests are not allowed")


_EVENTS_BODY = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {}} for kind in (parsing.ONE_OR_ARRAY, parsing.LINES[0])},
    }
}


def _reader(use_case: str) -> Reader:
    return reader(use_case)


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
