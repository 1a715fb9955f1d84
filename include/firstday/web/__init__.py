"""The Firstday page in Airflow and the API under it: FastAPI, mounted by `plugins/firstday_page.py`.

Everything here reads the lake through one warm read-only connection a use case. What only Airflow knows, who may do
what and when the next run is, comes in through `gate.Gate`.
"""
