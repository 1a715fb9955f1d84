"""Commands for models: train one, go back to an earlier one, and score users with a new one."""

from functools import partial
from typing import Annotated

import typer

from include.firstday.cli.options import CaseOption, run
from include.firstday.cli.output import Output, OutputOption, progress, show, show_sections

commands = typer.Typer()
NOTHING_TO_RESCORE = "nobody is in their window with a prediction of another version"
command = partial(commands.command, rich_help_panel="Models")


@command()
def train(case: CaseOption, output: OutputOption = Output.TABLE) -> None:
    """Train the candidates, test the best, and promote it if it passes the gates."""
    from include.firstday.models.training import candidates, evaluate, gates, training_set

    names = case.training.candidates
    steps, this, results = len(names) + 3, run(), []
    with progress("Training") as report:
        report(0, steps, "building the training set")
        built = training_set.build_training_set(case, run=this, progress=lambda *part: report(0, steps, part[-1]))
        for number, name in enumerate(names, 1):
            report(number, steps, f"training {name}")
            results.append(candidates.train_candidate(case, built, name))
        report(steps - 2, steps, "evaluating the best candidate on the newest users")
        tested = evaluate.evaluate_candidate(case, built, results)
        report(steps - 1, steps, "comparing it with the champion")
        verdict = gates.promote_if_better(case, built, tested, this)
    shown = [{name: each[name] for name in ("name", "log_loss", "roc_auc")} for each in candidates.trained(results)]
    skipped = [
        {name: each[name] for name in ("name", candidates.SKIPPED)} for each in results if candidates.SKIPPED in each
    ]
    evaluated = {name: tested[name] for name in ("name", "version", "roc_auc")} | verdict
    if output != Output.TABLE:
        show_sections({"candidates": shown, "skipped": skipped, "evaluated": [evaluated]}, output)
        return
    print(f"{built['rows']:,} rows of {built['users']:,} users, up to micro-batch {built['batch_id']}\n")
    show(shown, output)
    for one in skipped:
        print(f"{one['name']} was not trained: {one[candidates.SKIPPED]}")
    print(f"\n{tested['name']} on the newest users: ROC AUC {tested['roc_auc']:.3f}")
    becomes = "is the champion" if verdict["is_promoted"] else "remains challenger"
    print(f"version {tested['version']} {becomes}: {verdict['reason']}")


@command()
def explain(
    case: CaseOption,
    user_id: Annotated[str, typer.Argument(metavar="USER_ID", help="As in users.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Show why the champion predicts what it does for a user: effects that add up to the probability."""
    from include.firstday.errors import NothingToExplainError
    from include.firstday.features.model_inputs import value_of
    from include.firstday.models import registry
    from include.firstday.schema.open_lake import open_lake
    from include.firstday.scoring.explain import explain as explained

    champion = registry.champion(case)
    with open_lake(case, read_only=True) as lake:
        rows = lake.rows_of("user_features", user_id=user_id)
    if champion is None or not rows:
        raise NothingToExplainError(
            f"{case.name}: no champion yet: train a model" if champion is None else f"no registered user {user_id}"
        )
    values = {name: value_of(rows[0][name]) for name in case.features}
    found = explained(champion, values)
    effects = [
        {"features": ", ".join(one.values), "values": ", ".join(map(_shown, one.values.values())), "effect": one.effect}
        for one in found.effects
    ]
    base = {"features": "median user", "values": "", "effect": found.base}
    show([base, *effects, {"features": "probability", "values": "", "effect": found.probability}], output)


def _shown(value: float | str | None) -> str:
    return "unknown" if value is None else value if isinstance(value, str) else f"{value:g}"


@command()
def rollback_model(
    case: CaseOption,
    version: Annotated[
        int | None, typer.Option(min=1, help="The version to promote; the previous champion unless given.")
    ] = None,
) -> None:
    """Promote the previous champion, or another version, again."""
    from include.firstday.models import promotion

    before, now = promotion.rollback_model(case, version, run())
    print(f"version {now} is the champion, version {before} no longer is")


@command()
def rescore(case: CaseOption) -> None:
    """Score every user in their window with the champion, unless their last prediction is the champion's."""
    from include.firstday.scoring import score_users

    step = score_users.score_users(case, run(), rescore=True)
    print(score_users.describe(step) if step else NOTHING_TO_RESCORE)
