"""The model card: what a version was made from, how good it is, why it is live or not, and what it is not for."""

from collections.abc import Iterator
from typing import Any

from include.firstday.models import registry
from include.firstday.servers import links
from include.firstday.use_case.use_case import UseCase

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }} th, td {{ border: 1px solid #bbb; padding: .2rem .6rem; text-align: left }}
</style></head><body>
{body}</body></html>
"""
SHOWN = (
    "roc_auc", "pr_auc", "log_loss", "brier", "calibration_error", "calibration_gap", "accuracy", "f1",
    "lift_at_10_percent",
)  # fmt: skip


def markdown(
    use_case: UseCase,
    training_set: dict[str, Any],
    tested: dict[str, Any],
    verdict: dict[str, Any],
    outcomes: list[dict[str, Any]],
) -> str:
    """The card's text."""
    parts = (
        _head(use_case, tested, verdict),
        _gates(outcomes),
        _data(use_case, training_set),
        _quality(tested),
        _by_cutoff(tested),
        _decision(use_case, tested),
        _candidates(tested),
        _limits(use_case),
    )
    return "\n".join(line for part in parts for line in (*part, ""))


def log(use_case: UseCase, version: int, card: str) -> None:
    """Log the card to the active run as Markdown and HTML, and show it as the description of run and version."""
    import mlflow
    from markdown_it import MarkdownIt

    # Without raw HTML, so that nothing in the YAML becomes a script.
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(card)
    mlflow.log_text(card, "model_card.md")
    mlflow.log_text(PAGE.format(title=f"{use_case.title}, version {version}", body=body), "model_card.html")
    mlflow.set_tag("mlflow.note.content", card)
    registry.client().update_model_version(use_case.name, str(version), description=card)


def _head(use_case: UseCase, tested: dict[str, Any], verdict: dict[str, Any]) -> Iterator[str]:
    yield f"# {use_case.title}: version {tested['version']}, {tested['name']}"
    yield ""
    yield use_case.description
    yield ""
    places = {"Version in MLflow": links.model_version(use_case.name, int(tested["version"]))}
    if "airflow_url" in verdict:
        places["Run in Airflow"] = verdict["airflow_url"]
    yield " · ".join(f"[{name}]({url})" for name, url in places.items())
    yield ""
    yield "**Promoted to champion.**" if verdict["is_promoted"] else f"**Not promoted.** {verdict['reason']}"


def _gates(outcomes: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Gates"
    yield ""
    rows = [(each["gate"], "passed" if each["holds"] else "failed", each["reason"]) for each in outcomes]
    yield from _table(("gate", "result", "reason"), rows)


def _data(use_case: UseCase, training_set: dict[str, Any]) -> Iterator[str]:
    training = use_case.training
    hours = ", ".join(f"{minutes / 60:g}" for minutes in sorted(training.cutoff_minutes))
    known = ", as known at the time" if training_set["as_known"] else ""
    yield "## Data"
    yield ""
    yield (
        f"{training_set['users']:,} users, {training_set['rows']:,} rows: features of each user as of {hours} hours "
        f"after their window opened{known}, from events stored up to micro-batch {training_set['batch_id']}. The label "
        f"is {training.label} and known {training.label_known_after_hours:g} hours after the window opened; recent "
        "users are excluded. The older three quarters of the users are the training set, the newest quarter the test "
        "set; no user is in both."
    )
    yield ""
    yield (
        f"The registered model was then refitted on all {training_set['users']:,} users: a user's weight halves with "
        f"each {training.refit_half_life_hours:g} hours of age. The performance below is that of the model before."
        if training.refit_half_life_hours
        else "The registered model is the tested one, fitted on the training set."
    )
    yield ""
    yield f"SHA-256 of the training set: `{training_set['sha256']}`"
    yield ""
    yield f"Features: {', '.join(use_case.features)}."


def _quality(tested: dict[str, Any]) -> Iterator[str]:
    yield "## Performance on the newest users"
    yield ""
    yield "With 95 % confidence intervals (bootstrap over users), compared with simple baselines."
    yield ""
    names = list(tested["overall"])
    rows = [(metric, *(_shown(tested["overall"][name][metric]) for name in names)) for metric in SHOWN]
    yield from _table(("", *names), rows)


def _by_cutoff(tested: dict[str, Any]) -> Iterator[str]:
    yield "## Performance by hours since the window opened"
    yield ""
    metrics = ("roc_auc", "log_loss", "brier", "calibration_gap", "f1", "lift_at_10_percent")
    rows = [
        (f"{int(minutes) / 60:g} h", *(_shown(found[metric]) for metric in metrics))
        for minutes, found in tested["by_cutoff"].items()
    ]
    yield from _table(("", *metrics), rows)


def _decision(use_case: UseCase, tested: dict[str, Any]) -> Iterator[str]:
    costs, seen = use_case.scoring.costs, tested["confusion"]
    yield "## Decision"
    yield ""
    yield (
        f"A missed churner costs {costs.missed_churner:g}, an unneeded offer {costs.unneeded_offer:g}, so the "
        f"threshold is a probability of {costs.threshold:.2f}. At this threshold the cost per user is "
        f"{tested['cost_per_user']:.3f}."
    )
    yield ""
    rows = [
        ("churned", seen["churners_called"], seen["churners_missed"]),
        ("retained", seen["needless_offers"], seen["left_in_peace"]),
    ]
    yield from _table(("rows", "predicted churn", "no predicted churn"), rows)


def _candidates(tested: dict[str, Any]) -> Iterator[str]:
    yield "## Candidates"
    yield ""
    yield "Cross-validated by user on the training set; the candidate with the lowest log loss was tested."
    yield ""
    columns = ("log_loss", "roc_auc", "brier", "fit_seconds", "model_megabytes", "scoring_seconds")
    ranked = sorted(tested["candidates"], key=lambda each: each["log_loss"])
    yield from _table(("", *columns), [(each["name"], *(f"{each[key]:.3f}" for key in columns)) for each in ranked])


def _limits(use_case: UseCase) -> Iterator[str]:
    yield "## Limits"
    yield ""
    yield f"- Predictions are valid for the first {use_case.window.hours:g} hours of a user's window only."
    yield "- Early predictions are less accurate: see the performance by hours."
    yield "- The performance assumes users like those of the training set; monitoring reports drift."
    if use_case.generator is not None:
        yield "- Results from generated events do not apply to real users."


def _shown(found: dict[str, float]) -> str:
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _table(head: tuple[object, ...], rows: list[tuple[Any, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(str(cell) for cell in head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"
