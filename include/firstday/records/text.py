"""Which text may be stored: Unicode, without control characters, which catalogs, files and pages cannot hold.

Tab, line feed and carriage return are allowed in text, where addresses and comments have them; not in identifiers.
"""

import re

CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"  # in text
CONTROL_OR_BREAK = r"[\x00-\x1f\x7f]"  # in identifiers
_CONTROL = re.compile(CONTROL)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)")


def fault_of(line: str) -> str | None:
    """Why a line cannot hold a row whatever its fields are; None where it may."""
    if not line.isascii():
        try:
            line.encode()
        except UnicodeEncodeError:
            return "line: expected UTF-8"
    if found := _CONTROL.search(line):
        return f"line: expected no control characters, found 0x{ord(found[0]):02x} at character {found.start()}"
    return None


def lone_surrogate(line: bytes) -> str | None:
    r"""The first escape in a line of JSON that is half a character, such as `\ud800`; None where there is none."""
    if b"\\u" not in line:
        return None
    high = None
    for found in _ESCAPE.finditer(line):
        code = int(found[1], 16) if found[1] else 0
        if high is not None:
            if found.start() != high.end() or not 0xDC00 <= code < 0xE000:
                break
            high = None
        elif 0xDC00 <= code < 0xE000:
            return found[0].decode()
        elif 0xD800 <= code < 0xDC00:
            high = found
    return high[0].decode() if high else None


def printable(text: str) -> str:
    r"""A text with control characters and halves of characters written as escapes, such as `\x00`."""
    return _UNPRINTABLE.sub(lambda found: _escaped(ord(found[0])), text)


def _escaped(code: int) -> str:
    """As Python writes it; a half that stands for a byte (surrogateescape) as that byte."""
    byte = code - 0xDC00 if 0xDC80 <= code < 0xDD00 else code
    return f"\\x{byte:02x}" if byte < 256 else f"\\u{byte:04x}"
