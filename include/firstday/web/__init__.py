"""The Firstday page in Airflow and the API under it: FastAPI, mounted by `plugins/firstday_page.py`.

All queries use one read-only connection per use case, kept open. Permissions and schedules, which only Airflow has, are
passed in as `auth.Gate`.
"""
