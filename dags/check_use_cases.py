"""Validate every use case, and show each invalid one as an import error of this file.

This file defines no DAG. Valid use cases keep running. The error names the file, the key and the expected value.
"""

# Airflow reads only files that contain the words airflow and dag.

from include.firstday.authoring import check_use_case

if found := check_use_case.problems():
    raise ValueError("\n".join(found))
