"""The YAML of a business case as a frozen, validated object.

Nothing here opens the lake or reads an event."""
