"""Receipts: the messages in each landing file, recorded before the file appears.

A server redelivers messages whose acknowledgement it did not receive. Those whose file is in landing are recognised by
its receipt; the others are read again.
"""

import json
from collections import Counter
from pathlib import Path

from include.firstday import landing
from include.firstday.ingest.sources import Message


class Receipts:
    """The receipts of one source that its server may not have heard of yet; a file beside landing's."""

    def __init__(self, use_case: str, source: str) -> None:
        self._use_case = use_case
        self._path = landing.folder(use_case) / f".{source}.receipts.json"
        self._of: dict[str, list[str]] = self._read()
        self._known = Counter(one for ids in self._of.values() for one in ids)

    def new(self, messages: list[Message]) -> list[Message]:
        """Those of the messages that have not come into landing before."""
        return [message for message in messages if not (message.may_be_repeated and self._is_known(message.id))]

    def expect(self, file_name: str, messages: list[Message]) -> None:
        """Note durably that a file of that name will hold these messages."""
        self._of[file_name] = [message.id for message in messages]
        landing.put(self._path, self._write)

    def settle(self) -> None:
        """Drop receipts of acknowledged messages: all but those that may still be redelivered."""
        self._of = {file_name: ids for file_name, ids in self._of.items() if any(self._known[one] > 0 for one in ids)}
        if self._of:
            landing.put(self._path, self._write)
        else:
            self._path.unlink(missing_ok=True)

    def _is_known(self, one: str) -> bool:
        self._known[one] -= 1
        return self._known[one] >= 0

    def _read(self) -> dict[str, list[str]]:
        """Return receipts of files in landing; the messages of others are read again."""
        try:
            noted: dict[str, list[str]] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {name: ids for name, ids in noted.items() if landing.has_arrived(self._use_case, name)}

    def _write(self, path: Path) -> None:
        path.write_text(json.dumps(self._of), encoding="utf-8")
