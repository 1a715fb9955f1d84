"""Connections, transactions, statements, the write lock and checkpoints: the only importer of duckdb.

Nothing here knows a stage, a use case or what a row means."""
