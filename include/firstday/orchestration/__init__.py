"""What DAG files share: the only importer of airflow besides `dags/` and `plugins/`.

Nothing here reads or writes a row."""
