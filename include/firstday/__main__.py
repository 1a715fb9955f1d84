"""`python -m include.firstday` is `firstday`, where the command is not installed."""

import sys

from include.firstday.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
