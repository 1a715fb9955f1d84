"""Creation and validation of business cases.

Nothing here runs in a micro-batch."""
