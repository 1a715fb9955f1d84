"""The model card: what a version was made from, how good it is, why it is live or not, and what it is not for."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from include.firstday.models import registry
from include.firstday.models.training.candidates import SKIPPED
from include.firstday.servers import links
from include.firstday.use_case.use_case import UseCase

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }} th, td {{ border: 1px solid #bbb; padding: .2rem .6rem; text-align: left }}
</style></head><body>
{body}</body></html>
"""
METRICS = (
    "roc_auc", "pr_auc", "log_loss", "brier", "calibration_error", "calibration_gap", "accuracy", "f1",
    "lift_at_10_percent",
)  # fmt: skip
METRICS_BY_CUTOFF = ("roc_auc", "log_loss", "brier", "calibration_gap", "f1", "lift_at_10_percent")
COLUMNS = ("log_loss", "roc_auc", "brier", "fit_seconds", "model_megabytes", "scoring_seconds")  # of candidates

# Markdown, whose raw HTML is not rendered: nothing is to be escaped. What a template lacks is an error.
_TEMPLATE = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True).from_string(  # noqa: S701
    Path(__file__).with_name("model_card.md.j2").read_text(encoding="utf-8")
)


def markdown(
    use_case: UseCase,
    training_set: dict[str, Any],
    tested: dict[str, Any],
    verdict: dict[str, Any],
    outcomes: list[dict[str, Any]],
) -> str:
    """Return the card's text, of the template beside this file."""
    return _TEMPLATE.render(
        use_case=use_case,
        training_set=training_set,
        tested=tested,
        verdict=verdict,
        outcomes=outcomes,
        version_url=links.model_version(use_case.name, int(tested["version"])),
        costs=use_case.scoring.costs,
        hours=[f"{minutes / 60:g}" for minutes in sorted(use_case.training.cutoff_minutes)],
        metrics=METRICS,
        metrics_by_cutoff=METRICS_BY_CUTOFF,
        columns=COLUMNS,
        skipped=SKIPPED,
    )


def log(use_case: UseCase, version: int, card: str) -> None:
    """Log the card to the active run as Markdown and HTML, and show it as the description of run and version."""
    import mlflow
    from markdown_it import MarkdownIt

    # Without raw HTML, so that nothing in the YAML becomes a script.
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(card)
    mlflow.log_text(card, "model_card.md")
    mlflow.log_text(PAGE.format(title=f"{use_case.title}, version {version}", body=body), "model_card.html")
    mlflow.set_tag("mlflow.note.content", card)
    registry.describe(use_case, version, card)
