"""Commands for data: files into landing, rows into the lake, and queries."""

import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from include.firstday import landing
from include.firstday.cli.options import CaseOption, ReasonOption, run
from include.firstday.cli.output import Output, OutputOption, progress, show, show_rows, show_sections
from include.firstday.records import text_tables

FILES = (
    f"Files, or folders of files, ending in {', '.join(landing.ENDINGS)}; "
    f"files ending in {' or '.join(text_tables.ENDINGS)} are copied as CSV."
)

commands = typer.Typer()
command = partial(commands.command, rich_help_panel="Data")


@command()
def ingest(
    case: CaseOption,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help=FILES)],
    into: Annotated[str, typer.Option(metavar="TABLE", help="An enrichment table instead of events.")] = "",
) -> None:
    """Copy files, or the files of folders, into landing, atomically and each under a name of its own."""
    from include.firstday.ingest.add_files import add_files

    for added in add_files(case, paths, into):
        print(f"{added.path} → {added.target or 'skipped: its ending is not one of ' + ', '.join(landing.ENDINGS)}")


@command()
def micro_batch(
    case: CaseOption,
    no_score: Annotated[bool, typer.Option("--no-score", help="Store events and update features only.")] = False,
) -> None:
    """Store events, update features, score users and publish, once and without Airflow."""
    from include.firstday.models import promotion
    from include.firstday.operations import micro_batch as stages

    done, nothing = list[str](), "no new events in landing"

    def tell(one: stages.Done) -> None:
        if not done and one.stage != "store_events":
            print(nothing)
        done.append(one.stage)
        print(stages.describe(one))

    with progress("Processing"):
        if not no_score:
            promotion.register_bundled(case)
        stages.process(case, run(), tell, with_scores=not no_score)
    if not done:
        print(nothing)
    if "score_users" not in done and not no_score:
        print("no users to score")


@command()
def query(
    case: CaseOption,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT; - reads it from standard input.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Run one query on the lake, read-only, and print its rows."""
    from include.firstday.schema.open_lake import open_lake

    with open_lake(case, read_only=True) as lake:
        rows = lake.query(sys.stdin.read() if sql == "-" else sql)
    show_rows(rows.column_names, list(zip(*(column.to_pylist() for column in rows.columns), strict=True)), output)


@command()
def status(case: CaseOption, output: OutputOption = Output.TABLE) -> None:
    """Print what the lake holds, how far each stage is, the last commits and what needs attention."""
    from dataclasses import asdict

    from include.firstday.operations import status as state

    sections = {
        "summary": [{"name": name, "value": value} for name, value in asdict(state.summary(case)).items()],
        "stages": state.stages(case),
        "commits": state.commits(case),
        "notices": [{"notice": notice} for notice in state.notices(case)],
    }
    notices = sections.pop("notices") if output == Output.TABLE else []
    show_sections(sections, output)
    for row in notices:
        print(f"\n{row['notice']}")


@command()
def generate(
    case: CaseOption,
    minutes: Annotated[int, typer.Option(min=1, help="Whole minutes before now.")] = 1,
    days: Annotated[float, typer.Option(min=0, help="Days of history instead.", show_default=False)] = 0,
) -> None:
    """Write generated events of the last minutes, or days of history, into landing."""
    from include.firstday.delivery import experiments
    from include.firstday.generator import generate_events

    end = datetime.now(UTC).replace(second=0, microsecond=0)
    if not days:
        reached = experiments.reached_by_generator(case)
        print(generate_events.generate_minutes(case, end - timedelta(minutes=minutes), end, reached=reached))
        return
    with progress("Generating events") as report:
        written = generate_events.generate_history(case, end, days, progress=report)
    print(written)


@command()
def rejected(case: CaseOption, reason: ReasonOption = "", output: OutputOption = Output.TABLE) -> None:
    """List the reasons of rejected rows that have not been stored since."""
    from include.firstday.ingest import replay_rejected as stage

    rows = stage.rejected_by_rule(case, reason)
    if rows or output != Output.TABLE:
        show(rows, output)
    else:
        print("no rejected rows")


@command()
def replay_rejected(case: CaseOption, reason: ReasonOption = "") -> None:
    """Replay rejected rows after a fix; each is stored once."""
    from include.firstday.ingest import replay_rejected as stage

    print(stage.describe(stage.replay_rejected(case, reason, run())))


@command()
def export(case: CaseOption) -> None:
    """Write features and predictions as plain Parquet, for tools that do not read a DuckLake."""
    from include.firstday.operations import export_tables

    with progress("Exporting") as report:
        exported = export_tables.export_tables(case, run(), report)
    print(export_tables.describe(exported))
    print(export_tables.folder(case))
