"""`python -m include.firstday.stack` runs the servers; `… airflow ARGS` runs Airflow's command line beside them."""

import sys

from include.firstday import stack

if __name__ == "__main__":
    sys.exit(stack.airflow(sys.argv[2:]) if sys.argv[1:2] == ["airflow"] else stack.run())
