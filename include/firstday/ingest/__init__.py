"""From sources and landing to `events` and `rejected_events`.

Nothing here computes a feature."""
