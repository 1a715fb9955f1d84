"""Routes that change something or cost much, under `/api/{use_case}`: events, queries, predictions, alerts."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from include.firstday.settings import settings
from include.firstday.web import backlog, drift_room, drivers, parsing, rejected, schemas, workbench
from include.firstday.web.auth import Gate
from include.firstday.web.delivery import delivery
from include.firstday.web.reader import Reader, reader
from include.firstday.web.schemas.common import OF_BODY, OF_CHAMPION, problem

_EVENTS_BODY = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {}} for kind in (parsing.ONE_OR_ARRAY, parsing.LINES[0])},
    }
}


def writing(gate: Gate) -> APIRouter:
    """Routes of a use case that only those who may trigger process_events may use."""
    allowed = [Depends(gate.may_edit), Depends(_reader), Depends(_from_here)]
    router = APIRouter(prefix="/api/{use_case}", dependencies=allowed, responses=OF_BODY)

    @router.post("/events", status_code=202, openapi_extra=_EVENTS_BODY)
    async def post_events(
        use_case: str,
        request: Request,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> schemas.lake.Accepted:
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
    async def run_query(use_case: str, query: schemas.lake.QueryText, request: Request) -> schemas.lake.QueryResult:
        """Run one SELECT on the lake, read-only, for at most twenty seconds; it may read personal columns."""
        case = await run_in_threadpool(reader, use_case)
        return await workbench.run(case.use_case, query.sql, request.is_disconnected)

    @router.post("/predict", responses=OF_CHAMPION | {422: problem("names the feature or key that is not valid")})
    def predict(use_case: str, asked: schemas.users.Asked) -> schemas.users.Answer:
        """Predict by the champion, for a user's current features or for given ones. Nothing is stored."""
        return drivers.predict(reader(use_case), asked)

    @router.post("/rejected/try")
    def try_rejected(use_case: str, trial: schemas.lake.Trial) -> schemas.lake.TrialResult:
        """Try a replay of rejected rows with a changed mapping, or of edited rows: how many would pass.

        Nothing is stored.
        """
        return rejected.try_rejected(reader(use_case).use_case, trial)

    @router.post("/rejected/correct")
    def correct_rejected(
        use_case: str, row: schemas.lake.EditedRow, by: Annotated[str, Depends(gate.user)]
    ) -> schemas.lake.CorrectedRow:
        """Store a rejected row pending replay with other values of some fields, by the contract and exactly once.

        422: the row still breaks a rule, its user was erased, or it was stored or dismissed meanwhile.
        """
        return rejected.correct(reader(use_case), row, by)

    @router.post("/alerts")
    def change_alert(
        use_case: str, change: schemas.drift.AlertChange, by: Annotated[str, Depends(gate.user)]
    ) -> list[schemas.drift.SeenAlert]:
        """Acknowledge an alert until it is over, or mute it for some hours; without a state, neither any more.

        It is not notified meanwhile, and is no reason of the state. Returns the alerts.
        """
        return drift_room.change_alert(reader(use_case), change, by)

    return router


def _from_here(request: Request) -> None:
    """Reject cross-site requests, so that another site cannot use a visitor's cookie."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "Sec-Fetch-Site: expected same-origin; cross-site requests are not allowed")


def _reader(use_case: str) -> Reader:
    """The reader of the path's use case, which must exist."""
    return reader(use_case)
