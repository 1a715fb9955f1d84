"""Where events come from beside files and posts: one module per kind, each with a function `consume`.

`consume` writes messages into landing, durably, and only then acknowledges them to the server. Killed between the
two, the same comes again, is recognised by its receipt, and counts once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from include.firstday.lake.words import counted


@dataclass(frozen=True)
class ConsumeResult:
    """What a run brought into landing: files, and messages in them (objects, where the source holds files)."""

    messages: int
    files: int

    def __str__(self) -> str:
        return f"{counted(self.messages, 'message')} in {counted(self.files, 'file')}"


@dataclass(frozen=True)
class Message:
    """One message: what its server calls it, and its bytes, None where it has none.

    `may_be_repeated`: whether it may be a redelivery; true for servers that do not report it.
    """

    id: str
    body: bytes | None
    may_be_repeated: bool = True


@dataclass
class Batch:
    """Messages that are committed together, as many as fit into a file of a moderate size."""

    messages: list[Message] = field(default_factory=list)
    size: int = 0  # bytes

    LIMIT = 20_000  # messages
    LIMIT_SIZE = 16 * 2**20

    def add(self, message: Message) -> None:
        """Take one more."""
        self.messages.append(message)
        self.size += len(message.body or b"")

    def __bool__(self) -> bool:
        return bool(self.messages)

    @property
    def is_full(self) -> bool:
        """Whether it is to be committed before more is taken."""
        return len(self.messages) >= self.LIMIT or self.size >= self.LIMIT_SIZE

    def lines(self) -> Iterator[bytes]:
        """One line a message, so that a broken one leaves the others readable."""
        return (line(message.body) for message in self.messages)


class Queue(Protocol):
    """An open queue, or a log with a position."""

    def poll(self) -> Batch:
        """The next messages that are there; none where the queue is consumed. Raises SourceError."""

    def commit(self) -> None:
        """Acknowledge all messages that were read, and wait for the confirmation. Raises SourceError."""


def line(body: bytes | None) -> bytes:
    """A message as a line of a file: a line break within JSON is only white space; an empty message is no event."""
    text = (body or b"").replace(b"\r", b" ").replace(b"\n", b" ").strip()
    return (text or (b"null" if body is None else b'""')) + b"\n"
