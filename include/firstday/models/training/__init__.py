"""Training: a set of users as they were in the middle of their first day, candidates, a test, a promotion.

Only this package and `registry` import mlflow. Each function is one task of the DAG `train_model`; what passes between
them is a small dictionary, the rows are in Parquet beside the MLflow run.
"""
