"""Whether the text of a routine, trigger, event or view creates that very object: the account that loads a dump runs
what it holds as a definition, which must do nothing else.

mysqldump looks for words such as ` TRIGGER` in the text, to put parts of its head into comments that older servers
skip. A definer's name that holds such a word moves the parts, and the server reads another statement. So the head is
read here as the server reads it, and must not hold these words where mysqldump would find them first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# As the server writes it, which follows ANSI_QUOTES; in a trigger, as its author wrote it after the definer.
_QUOTED = r"`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\""
_NAME = rf"(?:{_QUOTED}|[\w$\x80-\U0010ffff]+)"
# A comment of a version or a hint is not skipped by every reader.
_GAP = r"(?:[ \t\n\v\f\r]|/\*(?![!+])(?:[^*]|\*(?!/))*\*/|\#[^\n]*\n|--[ \t][^\n]*\n)"
_DEFINER = rf"(?:DEFINER\s?=\s?(?P<definer>(?:{_QUOTED})@(?:{_QUOTED})) )?"
_OPTIONS = {"view": rf"(?P<algorithm>ALGORITHM=\w+ )?{_DEFINER}(?P<security>SQL SECURITY \w+ )?"}
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
        rf"CREATE {_OPTIONS.get(kind, _DEFINER)}(?P<what>{kind}){_GAP}+(?:IF{_GAP}+NOT{_GAP}+EXISTS{_GAP}+)?"
        rf"(?:(?P<schema>{_NAME}){_GAP}*\.{_GAP}*)?(?P<name>{_NAME}){then}",
        re.IGNORECASE | re.ASCII,
    )
    for kind, then in _THEN.items()
}
# What mysqldump searches for in the whole text, and what ends its comments.
_MISLEADING = re.compile(
    r" (?:DEFINER|PROCEDURE|FUNCTION|TRIGGER|EVENT|SQL SECURITY|VIEW)|\*/", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True)
class ViewHead:
    """A view's definition, with its own definer, and as one that runs with the rights of whoever reads it. Both replace
    the view of that name."""

    original: str
    as_invoker: str


def of_view(schema: str, name: str, text: str) -> ViewHead | None:
    """None if the text does not create that view."""
    found = _match("view", schema, name, text)
    if found is None:
        return None
    algorithm, body = found["algorithm"] or "", text[found.start("what") :]
    original = f"CREATE OR REPLACE {text[len('CREATE ') :]}"
    return ViewHead(original, f"CREATE OR REPLACE {algorithm}SQL SECURITY INVOKER {body}")


def creates(kind: str, schema: str, name: str, text: str) -> bool:
    """True if the statement creates the object of that kind and name, in that database or the current one."""
    return _match(kind, schema, name, text) is not None


def _match(kind: str, schema: str, name: str, text: str) -> re.Match[str] | None:
    found = _HEADS[kind].match(text)
    if found is None or _MISLEADING.search(found["definer"] or "") or not _is_same(found["name"], name):
        return None
    return found if found["schema"] is None or _is_same(found["schema"], schema) else None


def _is_same(written: str, name: str) -> bool:
    """Names of programs are not case-sensitive; those of databases and views may be, and the dump says only which."""
    quote = written[0] if written[0] in '`"' else ""
    meant = written[1:-1].replace(quote * 2, quote) if quote else written
    return meant.casefold() == name.casefold()
