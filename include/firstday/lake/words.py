"""Words of messages: numbers with their nouns, and ranges of micro-batches."""


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the singular or plural."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def batch_range(first: int, last: int) -> str:
    """A range of micro-batches, both ends included."""
    return f"micro-batch {first}" if first == last else f"micro-batches {first} to {last}"
