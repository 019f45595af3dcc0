"""Phrases that no page may hold: word-for-word translations that make a reader stop. The list grows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import GENERATED, PAGES, ROOT

# phrase -> what to say
WORST = {
    r"\b(?:what|that|which) lacks?\b": "missing",
    r"\blacked[.,;]": "was missing",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\banew\b": "again",
    r"^#+.*\bby the clock\b|, by the clock[.,]": "on a schedule",
    r"\bof before\b": "previous",
    r"\bleave (?:it|them) away\b": "omit it",
    r"\b(?:told|tells)\b": "report, say, show",
    r"\b(?:bears?|bore)\b": "has, carries",
    r"\bfor ever\b": "until stopped, without end",
    r"\bfor want of\b": "because there is no",
    r"\bfor the eyes of\b": "for … to read",
    r"\bturned round\b": "reversed",
    r"\bput right\b": "correct, restore",
    r"\b(?:that|which) (?:is|are|was|were) there\b": "existing, present",
    r"\bif (?:there is|it has) not any\b": "without",
    r"\bon his (?:cluster|machine)\b|\bthan he\b": "your, you",
}
CHECKED = [page for page in PAGES if page not in GENERATED]


def found(text: str) -> list[str]:
    """The phrases of a text that are on the list, code and output left out."""
    text = re.sub(r"^```.*?^```|^ {4}.*?$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"(?<=\S)\n(?=[^\s#|-])", " ", text)
    hits = [(hit[0], say) for phrase, say in WORST.items() for hit in re.finditer(phrase, text, re.I | re.M)]
    return [f"{words!r}: say {say}" for words, say in hits]


@pytest.mark.parametrize("page", CHECKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_plain_words(page: Path) -> None:
    assert found(page.read_text()) == []


def test_the_list_finds_what_it_is_for() -> None:
    text = "what lacks is\ncreated, for\never, and the\nanswer is told anew\n## By the clock\n"
    code = "```\nanew\n```\n    anew\n`anew`\n"
    assert len(found(text + code)) == 5
    assert found("What is missing is created. An agent reports by the clock of its node.") == []
