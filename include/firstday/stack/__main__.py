"""`python -m include.firstday.stack` runs the servers; `… airflow ARGS` runs Airflow's command line beside them."""

import sys

from include.firstday import stack


def main(arguments: list[str]) -> int:
    """Run the subcommand and return the exit code."""
    match arguments:
        case ["airflow", *rest]:
            return stack.airflow(rest)
    return stack.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
