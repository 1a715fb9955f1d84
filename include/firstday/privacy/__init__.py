"""Tombstones of erased users, and where their personal data can be.

Erasing itself is an operation."""
