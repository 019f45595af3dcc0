"""Whether the text of a routine, trigger, event or view creates that very object: the account that loads a dump runs
what it holds as a definition, which must do nothing else.

mysqldump looks for words such as ` TRIGGER` in the text, to put parts of its head into comments that older servers
skip. A definer's name that holds such a word moves the parts, and the server reads another statement. So the head is
read here as the server reads it, and must not hold these words where mysqldump would find them first.
"""

from __future__ import annotations

import re

# As the server writes it, which follows ANSI_QUOTES; in a trigger, as its author wrote it after the definer.
_QUOTED = r"`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\""
_NAME = rf"(?:{_QUOTED}|[\w$\x80-\U0010ffff]+)"
# A comment of a version or a hint is not skipped by every reader.
_GAP = r"(?:[ \t\n\v\f\r]|/\*(?![!+])(?:[^*]|\*(?!/))*\*/|\#[^\n]*\n|--[ \t][^\n]*\n)"
_DEFINER = rf"(?:DEFINER\s?=\s?(?P<definer>(?:{_QUOTED})@(?:{_QUOTED})) )?"
_OPTIONS = {"view": rf"(?:ALGORITHM=\w+ )?{_DEFINER}(?:SQL SECURITY \w+ )?"}
# What must follow the name, so that it is the whole name.
_THEN = {
    "view": r" (?:AS |\()",
    "procedure": rf"{_GAP}*\(",
    "function": rf"{_GAP}*\(",
    "event": rf"{_GAP}+ON\b",
    "trigger": rf"{_GAP}+(?:BEFORE|AFTER)\b",
}
_HEADS = {
    kind: re.compile(
        rf"CREATE {_OPTIONS.get(kind, _DEFINER)}{kind}{_GAP}+(?:IF{_GAP}+NOT{_GAP}+EXISTS{_GAP}+)?"
        rf"(?:(?P<schema>{_NAME}){_GAP}*\.{_GAP}*)?(?P<name>{_NAME}){then}",
        re.IGNORECASE | re.ASCII,
    )
    for kind, then in _THEN.items()
}
# What mysqldump searches for in the whole text, and what ends its comments.
_MISLEADING = re.compile(
    r" (?:DEFINER|PROCEDURE|FUNCTION|TRIGGER|EVENT|SQL SECURITY|VIEW)|\*/", re.IGNORECASE | re.ASCII
)


def creates(kind: str, schema: str, name: str, text: str) -> bool:
    """True if the statement creates the object of that kind and name, in that database or the current one."""
    found = _HEADS[kind].match(text)
    if found is None or _MISLEADING.search(found["definer"] or ""):
        return False
    return _is_same(found["name"], name) and (found["schema"] is None or _is_same(found["schema"], schema))


def _is_same(written: str, name: str) -> bool:
    """Names of programs are not case-sensitive; those of databases and views may be, and the dump says only which."""
    quote = written[0] if written[0] in '`"' else ""
    meant = written[1:-1].replace(quote * 2, quote) if quote else written
    return meant.casefold() == name.casefold()
