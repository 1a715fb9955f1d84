"""The tables of a use case: opening, creating and migrating them.

Nothing here changes what a row says."""
