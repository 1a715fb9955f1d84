"""`python -m include.firstday.stack` runs the servers; `… airflow ARGS` runs Airflow's command line beside them.

`… cluster` runs the services of docker-compose.yaml as processes of this machine; `… exec SERVICE COMMAND` runs a
command beside them, in the environment of one.
"""

import sys

from include.firstday import stack


def main(arguments: list[str]) -> int:
    """Run the subcommand and return the exit code."""
    match arguments:
        case ["airflow", *rest]:
            return stack.airflow(rest)
        case ["cluster"]:
            return stack.run_cluster()
        case ["exec", service, *command] if command:
            return stack.execute(service, command)
    return stack.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
