"""Commands for operations: recompute, erase, copy and restore."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from include.firstday.cli.options import CaseOption, run
from include.firstday.cli.output import Output, OutputOption, progress, show
from include.firstday.errors import EngineError
from include.firstday.settings import share_bucket_keys
from include.firstday.use_case import use_case

commands = typer.Typer()
command = partial(commands.command, rich_help_panel="Operations")
engine = typer.Typer(help="Servers for work over all users (FIRSTDAY_ENGINE=spark).")
commands.add_typer(engine, name="engine", rich_help_panel="Operations")


@engine.command()
def sail(
    port: Annotated[int, typer.Option(help="Port, for FIRSTDAY_SPARK=sc://HOST:PORT.")] = 50051,
    host: Annotated[str, typer.Option(help="Address: who reaches it can run any Python here.")] = "127.0.0.1",
) -> None:
    """Run Sail, a Spark Connect server without a JVM, until Ctrl-C: for tests, and for one machine."""
    try:
        from pysail.spark import SparkConnectServer
    except ImportError as error:
        raise EngineError("Sail is not installed; install it with: make spark") from error
    share_bucket_keys()
    server = SparkConnectServer(host, port)
    print(f"Sail listens at sc://{host}:{port}", flush=True)
    server.start(background=False)


@command()
def rebuild_features(
    case: CaseOption,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show which features and predictions would change.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Compute all features from the events, report how many users differ, and swap to the result."""
    from include.firstday.features import rebuild_features as stage

    if dry_run:
        from include.firstday.operations import preview_features as previewer

        with progress("Recomputing features") as report:
            preview = previewer.preview_features(case, run(), report)
        if output == Output.TABLE:
            print(previewer.describe(preview, case))
        show([asdict(change) for change in preview.features], output)
        return
    with progress("Recomputing features") as report:
        rebuilt = stage.rebuild_features(case, run(), progress=report)
    print(stage.describe(rebuilt))


@command()
def forget_user(
    case: CaseOption,
    user_id: Annotated[str, typer.Argument(help="As in events.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be erased.")] = False,
) -> None:
    """Erase one user from the lake, its history, its files and the artifacts of training; write a certificate."""
    from include.firstday.operations import forget_user as stage

    if dry_run:
        print(stage.describe_held(stage.find_user(case, user_id)))
        return
    this = run()
    with progress("Erasing") as report:
        erased = stage.forget_user(case, user_id, this, report)
    print(f"{stage.describe(erased)}; certificate: {stage.certificate(case, user_id, erased, this)}")


@command()
def backup(to: Annotated[Path, typer.Argument(metavar="FOLDER", help="Must not exist.")]) -> None:
    """Copy the lake of all use cases to a new folder, beside running micro-batches."""
    from include.firstday.operations import backup as backups

    with progress("Copying") as report:
        made = backups.backup(to, report)
    print(f"{to}: the lake as of {made.made_at}, {made.files:,} files and {made.bytes / 1e6:,.1f} MB")


@command()
def restore(source: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made by backup.")]) -> None:
    """Create the lake from a backup, where there is none; files consumed since then return to landing."""
    from include.firstday.operations import backup as backups

    about = backups.restore(source)
    print(f"the lake is as of {about.made_at}; the next micro-batches store later files")
    for name in use_case.names():
        again = backups.take_again(use_case.load(name))
        print(f"{name}: {len(again):,} files that were consumed since then are pending again")
    print(f"repeat the erasure of users who were erased after {about.made_at}: firstday forget-user")


@command()
def verify(
    share: Annotated[float, typer.Option(help="Share of the files; another one each hour.")] = 1.0,
) -> None:
    """Compare the lake's data files with the hashes of when they were written; name damaged ones."""
    from include.firstday.operations import verify as verification

    with progress("Verifying") as report:
        verified = verification.verify(share, report)
    print("\n".join(verification.describe(verified)))
    if verified.damaged:
        raise typer.Exit(1)


@command()
def verify_backup(source: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made by backup.")]) -> None:
    """Compare a backup's files with its manifest; name damaged ones."""
    from include.firstday.operations import backup as backups

    with progress("Verifying"):
        about = backups.verify_backup(source)
    print(f"{source}: the lake as of {about.made_at}, {about.files:,} files, undamaged")
