"""From features to predictions.

Nothing here trains or promotes a model."""
