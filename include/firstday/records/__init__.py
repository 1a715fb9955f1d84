"""The bytes of a file as typed rows, and the reasons of rejected ones.

Nothing here writes to the lake's tables."""
