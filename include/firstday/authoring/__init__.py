"""Making and checking a business case.

Nothing here runs in a micro-batch."""
