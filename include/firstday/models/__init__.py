"""Training, evaluating, registering and promoting models: the only importer of mlflow.

Nothing here writes a prediction."""
