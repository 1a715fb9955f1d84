"""The YAML of a business case as a frozen, checked object.

Nothing here opens the lake or reads an event."""
