"""What was measured, as docs/reference/benchmarks.md, made from benchmarks.json beside it, and plots."""

import json
from dataclasses import asdict
from typing import Any

import matplotlib as mpl

from tests.bench.measures import ROOT, Claim, Section, as_table, machine

DOCS = ROOT / "docs"
JSON = DOCS / "reference" / "benchmarks.json"
PAGE = DOCS / "reference" / "benchmarks.md"
PLOTTED = {"workload": ("contender", "events a second", True), "micro_batch": ("events in the lake", "median s", False)}
ORDER = (
    "workload", "profile", "micro_batch", "billion", "scale", "ledger", "rates", "airflow", "predict", "model",
    "monitoring", "reasons",
)  # fmt: skip
HEAD = """# Benchmarks

Written by `make bench`, which anybody can run; `make bench ARGS="workload"` runs one section. What is compared was
measured side by side in one run. The numbers themselves are the machine's; the ratios are what to look at.
[benchmarks.json](benchmarks.json) holds them for programs; [scaling](../concepts/scaling.md) says what follows.
"""


def write(section: Section) -> None:
    """Replace a section in the JSON by what was measured, and write page and plot anew."""
    known: dict[str, Any] = json.loads(JSON.read_text(encoding="utf-8")) if JSON.exists() else {}
    known[section.name] = asdict(section) | {"machine": machine()}
    JSON.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    parts = [HEAD]
    for name in filter(known.__contains__, ORDER):
        facts = known[name].pop("machine")
        found = Section(**known[name] | {"claims": [Claim(**claim) for claim in known[name]["claims"]]})
        parts.append(as_markdown(found, _picture(found)) + _measured_on(facts))
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def as_markdown(section: Section, picture: str = "") -> str:
    """A section as Markdown: how it was measured, its plot and table, and what was aimed at."""
    parts = [f"## {section.title}", section.how, picture, as_table(section.rows)]
    claims = [f"- {claim.text}: **{'yes' if claim.holds else 'no'}**, {claim.measured}." for claim in section.claims]
    parts.append("Aimed at:\n\n" + "\n".join(claims) if claims else "")
    return "\n\n".join(filter(None, parts)) + "\n"


def _measured_on(facts: dict[str, Any]) -> str:
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
    return f"\nMeasured with: {said}.\n"


def _picture(section: Section) -> str:
    if section.name not in PLOTTED:
        return ""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    label, value, is_logarithmic = PLOTTED[section.name]
    names = [_short(row[label]) for row in section.rows]
    values = [row[value] for row in section.rows]
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.45 * len(names)))
    colours = ["#0b5cad" if name.startswith("Firstday") or section.name != "workload" else "#9aa4b2" for name in names]
    bars = axes.barh(names[::-1], values[::-1], color=colours[::-1])
    told = [f"{number:,.3g}" if number < 100 else f"{number:,.0f}" for number in values[::-1]]
    axes.bar_label(bars, labels=told, padding=3)
    axes.set_xlabel(value + (", logarithmic" if is_logarithmic else ""))
    if is_logarithmic:
        axes.set_xscale("log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.2)
    path = DOCS / "images" / f"benchmark_{section.name}.png"
    figure.savefig(path, bbox_inches="tight", dpi=120)
    plt.close(figure)
    return f"![{section.title}](../images/{path.name})"


def _short(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).split(":")[0].split(",")[0]
