"""Routes that read, under `/api/{use_case}`: one or a few for each room of the page."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, StreamingResponse

from include.firstday.lake import clock
from include.firstday.web import (
    catalog,
    decisions,
    drift_room,
    drivers,
    experiments,
    lineage,
    metrics,
    model,
    overview,
    schemas,
    tables,
    users,
)
from include.firstday.web.auth import Gate
from include.firstday.web.reader import Reader, reader, reader_at
from include.firstday.web.schemas.common import OF_CHAMPION, OF_USE_CASE

Snapshot = Annotated[int | None, Query(ge=0, le=2**62, description="snapshot of the lake to answer as of")]
ExperimentName = Annotated[str, PathParameter(max_length=300, pattern=rf"^{users.NO_CONTROL}+$")]
UserId = Annotated[str, PathParameter(pattern=rf"^{users.NO_CONTROL}+$")]


def reading(gate: Gate) -> APIRouter:
    """Routes of a use case that its readers may use."""
    router = APIRouter(prefix="/api/{use_case}", dependencies=[Depends(gate.may_read)], responses=OF_USE_CASE)
    Case = Annotated[Reader, Depends(reader_of)]

    @router.get("/status")
    def status(case: Case) -> schemas.overview.Status:
        """Return the state of the pipeline: state line, totals, lag, model, latest micro-batch, next run."""
        return overview.status(case, gate)

    @router.get("/activity")
    def activity(
        case: Case, hours: Annotated[float, Query(ge=0.5, le=72)] = 3, until: datetime | None = None
    ) -> schemas.overview.Activity:
        """Return events, rejected rows, predictions, lag and marks over the hours up to a time, by default to now."""
        return overview.activity(case, hours, _naive("until", until) if until else None)

    @router.get("/users")
    def list_users(case: Case, choice: Annotated[users.Choice, Depends()]) -> schemas.users.Users:
        """List users in their window, highest risk first; with `search`, all users with that id prefix."""
        return users.users(case, choice)

    @router.get("/users/cohorts")
    def cohorts(case: Case) -> list[schemas.users.Cohort]:
        """List the values of the registrations' columns by which `/users` can be filtered."""
        return users.cohorts(case)

    @router.get("/users.csv", response_class=StreamingResponse)
    def export_users(case: Case, choice: Annotated[users.Choice, Depends()]) -> StreamingResponse:
        """Export the list of users as CSV."""
        found = users.users(case, choice)
        attachment = {"Content-Disposition": f'attachment; filename="{case.use_case.name}_users.csv"'}
        return StreamingResponse(users.as_csv(found), media_type="text/csv", headers=attachment)

    @router.get("/users/{user_id}")
    def user(case: Case, user_id: UserId) -> schemas.users.OneUser:
        """Return a user's current feature values and latest prediction."""
        return users.user(case, user_id)

    @router.get("/users/{user_id}/timeline")
    def timeline(case: Case, user_id: UserId) -> schemas.users.Timeline:
        """Return a user's events in their window and all their predictions."""
        return users.timeline(case, user_id)

    @router.get("/users/{user_id}/drivers", responses=OF_CHAMPION)
    def user_drivers(case: Case, user_id: UserId) -> schemas.users.Drivers:
        """Return the top drivers of a user's probability. The first call loads the model, which takes seconds."""
        return drivers.drivers(case, user_id)

    @router.get("/predictions")
    def predictions(
        case: Case, since: datetime, limit: Annotated[int, Query(ge=1, le=100_000)] = 10_000
    ) -> schemas.users.Predictions:
        """Return predictions made after a time, with the features used. A time without an offset is UTC."""
        return users.predictions_since(case, _naive("since", since), limit)

    @router.get("/model")
    def show_model(case: Case) -> schemas.model.Model:
        """Return model versions, score distribution, calibration and monitoring measurements."""
        return model.model(case)

    @router.get("/model/decisions")
    def model_decisions(case: Case, version: Annotated[int, Query(ge=1, le=2**31)]) -> schemas.model.Decisions:
        """Return users with known labels by a version's probability: what each threshold and costs would have meant."""
        return decisions.decisions(case, version)

    @router.get("/model/comparison")
    def model_comparison(case: Case) -> schemas.model.Comparison:
        """Compare champion and challenger on the same users."""
        return decisions.comparison(case)

    @router.get("/model/importance")
    def model_importance(case: Case) -> schemas.model.Importance:
        """Return the mean size of each effect on the champion's predictions. The first call loads the model."""
        return decisions.importance(case)

    @router.get("/model/versions/{version}")
    def model_version(
        case: Case, version: Annotated[int, PathParameter(ge=1, le=2**31)]
    ) -> schemas.model.VersionReport:
        """Return a version's test, with intervals, overall and by cut-off, and the gates' answers."""
        return decisions.report(case, version)

    @router.get("/alerts")
    def seen_alerts(case: Case) -> list[schemas.drift.SeenAlert]:
        """Return the alerts of the last two weeks' monitoring runs, when each was raised first and last."""
        return drift_room.seen_alerts(case)

    @router.get("/drift/{feature}")
    def distribution(case: Case, feature: Annotated[str, PathParameter(max_length=100)]) -> schemas.drift.Distribution:
        """Return a feature's distribution in the training set and in the last day's predictions."""
        return drift_room.distribution(case, feature)

    @router.get("/experiments")
    def list_experiments(case: Case) -> schemas.experiments.Experiments:
        """List running and past experiments with what each has shown, the latest first."""
        return experiments.experiments(case)

    @router.get("/experiments/{experiment}")
    def one_experiment(case: Case, experiment: ExperimentName) -> schemas.experiments.OneExperiment:
        """Return an experiment: its effect over time, arms, balance, contamination, and who was not reached and why."""
        return experiments.experiment(case, experiment)

    @router.get("/lake")
    def show_lake(case: Case) -> schemas.lake.LakeContents:
        """Return tables and files, micro-batches, snapshots, and rejected rows by rule."""
        return catalog.contents(case)

    @router.get("/snapshots")
    def snapshots(case: Case) -> list[schemas.lake.Snapshot]:
        """List the latest snapshots; as of each, the other requests answer with the parameter `at`."""
        return catalog.snapshots(case)

    @router.get("/lake/lineage")
    def show_lineage(case: Case) -> schemas.lake.Lineage:
        """Return which tables are made from which, and by which stage or DAG."""
        return lineage.lineage(case)

    @router.get("/lake/tables/{table}")
    def show_table(case: Case, table: Annotated[str, PathParameter(max_length=100)]) -> schemas.lake.TableAbout:
        """Describe a table: columns with their meaning, freshness, readers, and a sample without personal columns."""
        return tables.table(case, table)

    @router.get("/metrics", response_class=PlainTextResponse)
    def show_metrics(case: Case) -> PlainTextResponse:
        """Return the state as gauges in Prometheus text format."""
        return PlainTextResponse(metrics.text(overview.status(case, gate)), media_type=metrics.MEDIA_TYPE)

    return router


def _naive(name: str, moment: datetime) -> datetime:
    """A time of a request as naive UTC; one without an offset is UTC. Raises HTTPException."""
    try:
        return clock.naive(moment) if moment.tzinfo else moment
    except OverflowError as error:  # the year 1 in a zone east of Greenwich
        raise HTTPException(422, f"{name}: expected a time of the years 1 to 9999 in UTC") from error


async def reader_of(use_case: str, at: Snapshot = None) -> AsyncIterator[Reader]:
    """The reader of the path's use case; as of a snapshot, it is the time of its commit in what is called."""
    if at is None:
        yield await run_in_threadpool(reader, use_case)
        return
    found, committed_at = await run_in_threadpool(reader_at, use_case, at)
    with clock.simulated(committed_at):  # the endpoint has the context of this dependency
        yield found
