"""Firstday: a micro-batch lakehouse that predicts, during a user's first day, who will churn.

One module per stage, named as the stage. Nothing here imports `dags`; importing a module has no effect.
"""
