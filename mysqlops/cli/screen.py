"""What of a program elsewhere may reach this terminal while it is lent to it (terminal.py).

A client with line editing needs to move the cursor, so its output cannot be made harmless as output.py does. But its
rows were written by others, and a terminal also obeys sequences that set its title or the clipboard, or that make it
type an answer into the shell. Only sequences that move, erase and colour pass; others are shown and not obeyed.
"""

from __future__ import annotations

import codecs
import re

from mysqlops.core import typed

_LONGEST = 24  # characters of a sequence
_KEPT = "\n\r\t\b\x07"
# What the mysql client's libedit and readline write. No report of a position: a terminal types its answer.
_PASSES = re.compile(r"\x1b(?:\[[0-9;]{0,16}[ABCDEFGHJKPX@`adm]|\[\?[0-9;]{1,16}[hl]|[=>78M]|[()][B0])")
_MODES = re.compile(r"\x1b\[\?(?:1|7|25|1034|2004)[hl]")
# What stays after the program: signs for lines instead of letters, modes, the keypad's, colours; and the usual state.
_LASTS = re.compile(r"\x1b(?:\[\?|[()=>]|\[[0-9;]*m)")
_USUAL = "\x1b(B\x1b)B\x0f\x1b[?1l\x1b[?7h\x1b[?25h\x1b[?1034l\x1b[?2004l\x1b>\x1b[0m"
_BEGINS = re.compile(r"\x1b(?:[()]|\[\??[0-9;]{0,16})?\Z")


class Screen:
    """Filters the bytes of one program in order; a sequence or character may come in several parts."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._is_changed = False  # whether a mode may outlast the program

    def pass_on(self, data: bytes) -> bytes:
        """The bytes for the terminal. What may be the beginning of a sequence waits for the next ones."""
        text = self._rest + self._decoder.decode(data)
        begun = _BEGINS.search(text, max(0, len(text) - _LONGEST))
        whole, self._rest = (text[: begun.start()], begun[0]) if begun else (text, "")
        return self._filtered(whole)

    def end(self) -> bytes:
        """What waited, and what undoes each mode that a program or a row may have left set."""
        rest, self._rest = self._rest + self._decoder.decode(b"", final=True), ""
        shown = self._filtered(rest)
        return shown + (_USUAL.encode() if self._is_changed else b"")

    def _filtered(self, text: str) -> bytes:
        parts, done = list[str](), 0
        for found in _PASSES.finditer(text):
            passes = "?" not in found[0] or _MODES.fullmatch(found[0])
            before = typed.visible(text[done : found.start()], kept=_KEPT)
            self._is_changed |= bool(passes) and _LASTS.match(found[0]) is not None
            parts += [before, found[0] if passes else typed.visible(found[0])]
            done = found.end()
        parts.append(typed.visible(text[done:], kept=_KEPT))
        return "".join(parts).encode(errors="replace")
