"""Uplift: by how much an offer changes a user's outcome, learned from an experiment, and its test.

Nothing here reads the lake."""
