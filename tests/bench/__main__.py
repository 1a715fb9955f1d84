"""`make bench`: measure side by side, in one run, and write docs/reference/benchmarks.md, its plot and its JSON."""

import argparse
import sys

from tests.bench import (
    airflow,
    billion,
    growth,
    ledger,
    model,
    monitoring,
    predict,
    profile,
    rates,
    reasons,
    report,
    scale,
    workload,
)

SECTIONS = {
    "workload": workload.run,
    "profile": profile.run,
    "micro_batch": growth.run,
    "scale": scale.run,
    "ledger": ledger.run,
    "rates": rates.run,
    "model": model.run,
    "airflow": airflow.run,
    "monitoring": monitoring.run,
    "reasons": reasons.run,
    "predict": predict.run,
    "billion": billion.run,
}
HOURS = {"billion"}  # only where it is asked for


def main() -> int:
    """Run the sections that are asked for, all by default. Fails where a run fails, not where a claim does."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help=f"some of {', '.join(SECTIONS)}; without {', '.join(HOURS)}, which takes hours, all by default",
    )
    parser.add_argument("--quick", action="store_true", help="small, in a minute, and without writing the docs")
    options = parser.parse_args()
    if unknown := set(options.sections) - SECTIONS.keys():
        parser.error(f"no section {', '.join(sorted(unknown))}; there are: {', '.join(SECTIONS)}")
    for name in options.sections or [name for name in SECTIONS if name not in HOURS]:
        print(f"== {name}", flush=True)
        section = SECTIONS[name](quick=options.quick)
        print(report.as_markdown(section), flush=True)
        if not options.quick:
            report.write(section)
    return 0


if __name__ == "__main__":
    sys.exit(main())
