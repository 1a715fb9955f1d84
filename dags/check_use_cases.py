"""Shows each use case whose files do not fit together as an import error of this file.

There is no DAG in here, so that airflow has nothing else to show: the use cases that fit run on.
"""

from include.firstday.authoring import check_use_case

if found := check_use_case.problems():
    raise ValueError("\n".join(found))
