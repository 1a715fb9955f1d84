"""From events to features and labels, as of a moment.

Nothing here knows a model."""
