"""Firstday: a micro-batch lakehouse that tells, on a user's first day, who will churn.

One module per stage, named as the stage. Nothing here imports `dags`; importing a module has no effect.
"""
