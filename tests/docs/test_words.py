"""Pages and the program's own texts use no phrase of tests/docs/words.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs import words
from tests.docs.pages import GENERATED, PAGES, ROOT

CHECKED = [page for page in PAGES if page not in GENERATED]
PACKAGE = ROOT / "mysqlops"


@pytest.mark.parametrize("page", CHECKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_plain_words(page: Path) -> None:
    assert words.found(page.read_text()) == []


def test_strings_docstrings_and_comments_use_plain_words() -> None:
    found = [
        f"{module.relative_to(PACKAGE)} {hit}"
        for module in words.modules(PACKAGE)
        for hit in words.found_in_code(module.read_text())
    ]
    assert found == []


def test_the_list_finds_what_it_is_for() -> None:
    text = "what lacks is\ncreated, for\never, and the\nanswer is told anew\n## By the clock\n"
    code = "```\nanew\n```\n    anew\n`anew`\n"
    assert len(words.found(text + code)) == 5
    assert len(words.found("- a node that stood\n  still\n")) == 1
    assert words.found("What is missing is created. An agent reports by the clock of its node.") == []


def test_it_reads_strings_docstrings_and_comments_and_no_names() -> None:
    source = '''
def told(anew: str) -> str:
    """Of a member, what it
    lacks: that which lacks, or nothing."""
    # It goes on
    # without that.
    deed = {"deed": f"{anew} and {told(f'{anew}')}, {'told'} for "
        "ever"}  # is mended
    return deed["told"]
'''
    assert [hit.partition(": say")[0] for hit in words.found_in_code(source)] == [
        "line 3: 'which lacks'",
        'line 3: \'"""Of a\'',
        'line 3: \', or nothing."""\'',
        "line 5: 'goes on without'",
        "line 7: 'for ever'",
        "line 8: 'mended'",
    ]
