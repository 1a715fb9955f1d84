"""Drift, data quality and realised performance of the champion.

Nothing here changes a model or a prediction."""
