"""Text as a server sends it, which need not be UTF-8.

A literal with an introducer, such as `_binary'…'`, holds bytes of any character set, and the server sends definitions
and statements as their authors wrote them. Each byte that is no UTF-8 becomes a lone surrogate, and is sent as the same
byte: a stranger's text ends no program, and a definition goes through it unchanged.
"""

from __future__ import annotations

import codecs
from typing import Any

CODEC = "mysqlops_wire"
_ERRORS = "surrogateescape"


def encode(text: str) -> bytes:
    return text.encode("utf-8", _ERRORS)


def decode(sent: bytes | bytearray | memoryview) -> str:
    return bytes(sent).decode("utf-8", _ERRORS)


def printable(text: str) -> str:
    """With such bytes as escapes: a file or an answer of ours is UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _encode(text: str, _: str = "strict") -> tuple[bytes, int]:
    return encode(text), len(text)


def _decode(sent: Any, _: str = "strict") -> tuple[str, int]:
    held = bytes(sent)
    return decode(held), len(held)


def _search(name: str) -> codecs.CodecInfo | None:
    return codecs.CodecInfo(_encode, _decode, name=CODEC) if name == CODEC else None


codecs.register(_search)
