"""From predictions to other systems.

Nothing here computes a prediction."""
