"""The command line: `python -m include.firstday COMMAND`. Every command calls the same function as the DAGs' tasks."""

import argparse
import csv
import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from include.firstday import landing
from include.firstday.errors import LakeError
from include.firstday.lake.lake import QueryError
from include.firstday.lake.run import Run
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase

Command = Callable[[UseCase, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. What a user can mend ends as one sentence, not as a traceback."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(message)s")
    command: Command = options.command
    try:
        return command(use_case.load(options.use_case), options)
    except (use_case.UseCaseError, LakeError, QueryError, OSError, ValueError, LookupError) as error:
        print(f"firstday: {error}", file=sys.stderr)
        return 1


def ingest(case: UseCase, options: argparse.Namespace) -> int:
    """Copy files, or the files of folders, into landing, atomically and each under a name of its own."""
    from include.firstday.ingest.add_files import add_files

    for added in add_files(case, options.paths, options.into):
        print(f"{added.path} → {added.target or 'skipped: its ending is not one of ' + ', '.join(landing.ENDINGS)}")
    return 0


def micro_batch(case: UseCase, options: argparse.Namespace) -> int:
    """Store, update features and score once, without Airflow."""
    from include.firstday.features import update_features
    from include.firstday.ingest import store_events

    run = _run()
    storing = replace(run, task=store_events.STAGE)
    stored = store_events.store_events(case, storing, on_batch=lambda batch: print(store_events.describe(batch)))
    if not stored:
        print("no new events in landing")
    for step in update_features.update_features(case, replace(run, task=update_features.STAGE)):
        print(update_features.describe(step))
    if not options.no_score:
        _score(case, run)
    return 0


def query(case: UseCase, options: argparse.Namespace) -> int:
    """Print the rows of a SELECT; the lake is opened read-only."""
    from include.firstday.schema.open_lake import open_lake

    with open_lake(case, read_only=True) as lake:
        rows = lake.query(options.sql)
    _print(rows.column_names, [list(row.values()) for row in rows.to_pylist()], options.format)
    return 0


def status(case: UseCase, options: argparse.Namespace) -> int:
    """Print what the lake holds, how far each stage is, and the last commits."""
    from dataclasses import asdict

    from include.firstday.operations import status as state

    _print(["what", "value"], [[name, value] for name, value in asdict(state.summary(case)).items()], "table")
    for rows in (state.stages(case), state.commits(case)):
        print()
        _print(list(rows[0]) if rows else [], [list(row.values()) for row in rows], "table")
    for notice in state.notices(case):
        print(f"\n{notice}")
    return 0


def rebuild(case: UseCase, options: argparse.Namespace) -> int:
    """Compute all features anew from the events, say how many users differ, and swap to the result."""
    from include.firstday.features import rebuild_features

    print(rebuild_features.describe(rebuild_features.rebuild_features(case, _run(), progress=print)))
    return 0


def new_use_case(case: UseCase, options: argparse.Namespace) -> int:
    """Write the YAML and SQL of a new business case, made to be changed; with --from, made for a file of events."""
    from include.firstday.authoring import new_use_case as maker

    chosen = {"user_id": options.user, "event_time": options.time, "event_type": options.type}
    for path in maker.new_use_case(options.name, options.file, {ours: name for ours, name in chosen.items() if name}):
        print(path)
    print(f"\nNext: python -m include.firstday check-use-case {options.name}")
    return 0


def check(case: UseCase, options: argparse.Namespace) -> int:
    """Say line by line what is wrong or missing in a use case, and show the features of a few sample events."""
    from include.firstday.authoring import explain_use_case as explainer

    if wrong := explainer.explain(options.name):
        print("\n".join(wrong))
        return 1
    checked = use_case.load(options.name)
    print(f"{options.name}: all of its YAML and SQL fits together")
    for hint in explainer.hints(checked):
        print(f"- {hint}")
    source, rows, refused = explainer.sample(checked, options.sample)
    print(f"\nFeatures of {source}.\n")
    if rows:
        names = [name for name in rows[0] if name != "user_id"]
        _print(
            ["feature", *(row["user_id"] for row in rows)],
            [[name, *(row[name] for row in rows)] for name in names],
            "table",
        )
    if refused:
        print("\nRefused rows, as they would be in rejected_events:\n")
        _print(["rows", "first row", "reason"], [list(row.values()) for row in refused], "table")
    return 0


def train(case: UseCase, options: argparse.Namespace) -> int:
    """Train the candidates on what has arrived, test the best, and promote it if better: what the DAG does."""
    from include.firstday.models.training import candidates, evaluate, gates, training_set

    built = training_set.build_training_set(case, run=_run())
    print(f"{built['rows']:,} rows of {built['users']:,} users, up to micro-batch {built['batch_id']}")
    results = [candidates.train_candidate(case, built, name) for name in case.training.candidates]
    for result in results:
        print(f"{result['name']}: log loss {result['log_loss']:.4f}, ROC AUC {result['roc_auc']:.3f}, out of fold")
    tested = evaluate.evaluate_candidate(case, built, results)
    verdict = gates.promote_if_better(case, built, tested, _run())
    print(f"{tested['name']} on the newest users: ROC AUC {tested['roc_auc']:.3f}")
    becomes = "is the champion" if verdict["is_promoted"] else "stays challenger"
    print(f"version {tested['version']} {becomes}: {verdict['reason']}")
    return 0


def export(case: UseCase, options: argparse.Namespace) -> int:
    """Write features and predictions as plain Parquet, for tools that do not read a DuckLake."""
    from include.firstday.operations import export_tables

    print(export_tables.describe(export_tables.export_tables(case, _run())))
    print(export_tables.folder(case))
    return 0


def generate(case: UseCase, options: argparse.Namespace) -> int:
    """Write generated events of the last minutes, or days of history, into landing."""
    from include.firstday.generator import generate_events

    end = datetime.now(UTC).replace(second=0, microsecond=0)
    if options.days:
        report = generate_events.generate_history(case, end, options.days, progress=print)
    else:
        report = generate_events.generate_minutes(case, end - timedelta(minutes=options.minutes), end)
    print(report)
    return 0


def rejected(case: UseCase, options: argparse.Namespace) -> int:
    """List why rows were refused; only those that have not been stored since."""
    from include.firstday.ingest import replay_rejected

    rows = replay_rejected.rejected_by_rule(case, options.reason)
    if rows:
        _print(list(rows[0]), [list(row.values()) for row in rows], "table")
    else:
        print("no refused rows")
    return 0


def replay(case: UseCase, options: argparse.Namespace) -> int:
    """Try refused rows once more; those that break no rule any more become events."""
    from include.firstday.ingest import replay_rejected

    print(replay_rejected.describe(replay_rejected.replay_rejected(case, options.reason, _run())))
    return 0


def forget(case: UseCase, options: argparse.Namespace) -> int:
    """Erase one user from the lake, its history, its files and the artifacts of training."""
    from include.firstday.operations import forget_user

    print(forget_user.describe(forget_user.forget_user(case, options.user_id, _run())))
    return 0


def rollback(case: UseCase, options: argparse.Namespace) -> int:
    """Make the champion before this one, or a version, the champion again."""
    from include.firstday.models import promotion

    before, now = promotion.rollback_model(case, options.version, _run())
    print(f"version {now} is the champion, version {before} no longer is")
    return 0


def _run() -> Run:
    return Run(run=f"cli-{datetime.now(UTC):%Y%m%dT%H%M%S}")


def backup(case: UseCase, options: argparse.Namespace) -> int:
    """Copy the whole lake, all use cases, to a new folder while it is at work."""
    from include.firstday.operations import backup as backups

    made = backups.backup(options.to)
    print(f"{options.to}: the lake as of {made.made_at}, {made.files:,} files and {made.bytes / 1e6:,.1f} MB")
    return 0


def restore(case: UseCase, options: argparse.Namespace) -> int:
    """Make the lake, where there is none, from a backup; what was consumed since then waits in landing again."""
    from include.firstday.operations import backup as backups

    about = backups.restore(options.source)
    print(f"the lake is as of {about.made_at}; the next micro-batches store what has come since")
    for name in use_case.names():
        again = backups.take_again(use_case.load(name))
        print(f"{name}: {len(again):,} files that were consumed since then wait in landing again")
    print(f"who was forgotten after {about.made_at} has to be forgotten again: forget-user")
    return 0


def verify(case: UseCase, options: argparse.Namespace) -> int:
    """Compare the lake's data files with the hashes of when they were written; name damaged ones."""
    from include.firstday.operations import verify as verification

    verified = verification.verify(options.share)
    print("\n".join(verification.describe(verified)))
    return 1 if verified.damaged else 0


def verify_backup(case: UseCase, options: argparse.Namespace) -> int:
    """Compare a backup's files with its manifest; name damaged ones."""
    from include.firstday.operations import backup as backups

    about = backups.verify_backup(options.source)
    print(f"{options.source}: the lake as of {about.made_at}, {about.files:,} files, undamaged")
    return 0


def _score(case: UseCase, run: Run) -> None:
    from include.firstday.delivery import publish_predictions
    from include.firstday.models import promotion
    from include.firstday.scoring import score_users

    promotion.register_bundled(case)
    step = score_users.score_users(case, replace(run, task=score_users.STAGE))
    print(score_users.describe(step) if step else "no users to score")
    publish_predictions.publish_predictions(case, replace(run, task=publish_predictions.STAGE))


def _print(columns: list[str], rows: list[list[Any]], style: str) -> None:
    if style == "json":
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str, indent=2))
    elif style == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *rows])
    else:
        cells = [columns, *([_cell(value) for value in row] for row in rows)]
        widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
        for row in cells:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.firstday", description=__doc__)
    parser.add_argument("--use-case", default="first_day_churn", help="name of a folder in include/use_cases")
    parser.add_argument("--verbose", action="store_true", help="say what each stage does")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        added.set_defaults(command=command)
        return added

    ingested = add("ingest", ingest)
    ingested.add_argument("paths", nargs="+", type=Path, metavar="PATH", help=f"ending in {', '.join(landing.ENDINGS)}")
    ingested.add_argument("--into", default="", help="an enrichment table instead of events")
    add("micro-batch", micro_batch).add_argument("--no-score", action="store_true", help="store and update only")
    asked = add("query", query)
    asked.add_argument("sql")
    asked.add_argument("--format", choices=("table", "csv", "json"), default="table")
    add("status", status)
    add("backup", backup).add_argument("to", type=Path, metavar="FOLDER", help="must not be there yet")
    add("verify-backup", verify_backup).add_argument("source", type=Path, metavar="FOLDER", help="made by backup")
    verified = add("verify", verify)
    verified.add_argument("--share", type=float, default=1.0, help="share of the files; another one each hour")
    add("restore", restore).add_argument("source", type=Path, metavar="FOLDER", help="made by backup")
    made = add("new-use-case", new_use_case)
    made.add_argument("name", help="small letters, digits and _")
    made.add_argument("--from", dest="file", type=Path, metavar="FILE", help="a file of events, or a part of one")
    for ours, what in (("user", "who it was"), ("time", "when it was"), ("type", "what it was")):
        made.add_argument(f"--{ours}", default="", metavar="COLUMN", help=f"the file's column that says {what}")
    checked = add("check-use-case", check)
    checked.add_argument("name")
    checked.add_argument("--sample", type=Path, metavar="FILE", help="events to show the features of")
    add("train", train)
    add("export", export)
    add("rebuild-features", rebuild)
    add("forget-user", forget).add_argument("user_id", help="as in events")
    for name, command in (("rejected", rejected), ("replay-rejected", replay)):
        add(name, command).add_argument("--reason", default="", help="how the reason begins, such as event_type")
    add("rollback-model", rollback).add_argument("--version", type=int, help="the one before, unless given")
    generated = add("generate", generate)
    generated.add_argument("--minutes", type=int, default=1, help="how many whole minutes before now")
    generated.add_argument("--days", type=float, default=0, help="days of history instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
