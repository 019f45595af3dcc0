"""The phrases that no page and no text of the program may hold: word-for-word translations that make a reader stop.

Each comes with what to say instead. The list grows; style.md "Words" has the rule: subject first, the domain's verb,
one thought a sentence. Texts of the program are its strings, docstrings and comments, not its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

# Phrase -> what to say. A phrase begins at a word: `\b` before it would make the search ten times slower.
WORST = {
    r"(?:what|that|which) lacks?\b": "missing",
    r"lacked[.,;]": "was missing",
    r"mend(?:s|ed|ing)?\b": "fix",
    r"anew\b": "again",
    r"^#+.*\bby the clock\b|, by the clock[.,]": "on a schedule",
    r"of before\b": "previous",
    r"leave (?:it|them) away\b": "omit it",
    r"(?:told|tells)\b": "report, say, show",
    r"(?:bears?|bore)\b": "has, carries",
    r"for ever\b": "until stopped, without end",
    r"for want of\b": "because there is no",
    r"for the eyes of\b": "for … to read",
    r"turn(?:s|ed)? round\b": "reverse",
    r"put(?:s|ting)? right\b": "correct, restore",
    r"(?:that|which) (?:is|are|was|were) there\b": "existing, present",
    r"if (?:there is|it has) not any\b": "without",
    r"on his (?:cluster|machine)\b|than he\b": "your, you",
    r"g(?:o|oes|oing|one) on without\b|went on without\b": "continue without",
    r"so many (?:hours|seconds|members|of)\b|the so many\b": "that number of",
    r"thrice\b": "three times",
    r"serves? nobody\b": "accept no clients",
    r"deeds?\b": "action",
    r"(?:makes?|made|making) (?:it|them|one|the \w+) again\b": "recreate",
    r"(?:br(?:ing|ings|ought)) forward\b": "recover to a point",
    r"(?:can|cannot) be brought to\b": "recover to",
    r"gone on with\b": "continue",
    r"its writes back\b": "let it accept writes again",
    r"stands? still\b|stood still\b": "is stuck, is frozen",
    r"comes? along\b": "is copied too",
    r"of (?:our|its own|somebody else's) making\b": "created by",
    r"belong together\b": "match",
    r"in the path\b": "on the network path",
    r"(?:leads?|led) (?:nowhere|elsewhere)\b": "routes",
    r"what stands\b|stands (?:on|in) the (?:Lease|StatefulSet|repository|entry)\b": "is recorded in",
    r"says of (?:itself|themselves|it)\b": "reports",
    r"to be had\b|can be had\b": "available",
    r"for people\.$": "as people read it",
    r"correct what is named\b": "fix the cause above",
    r"(?:one|ones) more\b(?= by)": "another",
}
# Docstrings that begin or end like this are fragments.
WORST_DOCSTRINGS = {
    r'"""Of (?:a|an|one|the|what|those|this|that|every|each|its|whom)\b': "name what is returned or done",
    r', or nothing\."""': "empty if …",
    r'"""Raises \w+\."""': "say what it does first",
    r'"""True of what\b': "True if …",
}
_PAGES = {re.compile(phrase, re.I | re.M): say for phrase, say in WORST.items()}
_CODE = {re.compile(phrase): say for phrase, say in (WORST | WORST_DOCSTRINGS).items()}
# Python's strings and comments. The standard library's tokenizer takes two seconds for the whole program.
_TEXT = re.compile(r'"""(?:[^"]|"(?!""))*"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*')
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


def found(text: str) -> list[str]:
    """The phrases of a page that are on the list, code and output left out."""
    text = re.sub(r"^```.*?^```|^ {4}.*?$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"(?<=\S)\n *(?=[^\s#|*-])", " ", text)
    return [f"{hit[0]!r}: say {say}" for hit, say in _hits(text, _PAGES)]


def found_in_code(source: str) -> list[str]:
    """The phrases of a module's strings, docstrings and comments that are on the list, each with its line."""
    hits = []
    for start, text in _texts(source):
        for hit, say in _hits(text, _CODE):
            line = source.count("\n", 0, start) + 1
            hits.append(f"line {line}: {hit[0]!r}: say {say}")
    return hits


def modules(package: Path) -> Iterator[Path]:
    yield from sorted(package.rglob("*.py"))


def _texts(source: str) -> Iterator[tuple[int, str]]:
    """Each text with its place. The parts of one that goes over several lines, strings or comments, are joined."""
    parts: list[str] = []
    start = end = 0
    for part in _TEXT.finditer(source):
        if parts and (source[end : part.start()].strip(" \nfr") or _kind(part[0]) != _kind(parts[-1])):
            yield start, _plain(parts)
            parts = []
        start, end = (start if parts else part.start()), part.end()
        parts.append(part[0])
    if parts:
        yield start, _plain(parts)


def _kind(part: str) -> str:
    """A docstring, a string or a comment."""
    return part[:3] if part.startswith('"""') else part[:1].replace("'", '"')


def _plain(parts: list[str]) -> str:
    joined = "".join(
        f" {one.lstrip('# ')}" if one.startswith("#") else one if one.startswith('"""') else one[1:-1] for one in parts
    )
    # Twice: a placeholder may hold a string with placeholders.
    return " ".join(_PLACEHOLDER.sub("X", _PLACEHOLDER.sub("X", joined)).split())


def _hits(text: str, phrases: Mapping[re.Pattern[str], str]) -> Iterator[tuple[re.Match[str], str]]:
    text = re.sub(r"`[^`\n]*`", "", text)
    if " " not in text:
        return  # a key, a name
    for phrase, say in phrases.items():
        for hit in phrase.finditer(text):
            if not (hit[0][0].isalnum() and text[: hit.start()][-1:].isalnum()):
                yield hit, say
