"""YAML that YAML 1.1 and 1.2 readers take alike."""

from __future__ import annotations

import pytest

from mysqlops.cli import yaml_text


@pytest.mark.parametrize(
    "text",
    "y Y n N yes No on OFF true null ~ = << 1e3 12e34 1E3 0x1f 0o17 0b1 017 1_000 1:30 .5 5. .inf -.NaN +1 1.5 "
    "2026-11-27 2026-11-27T00:00:00Z 0 1,000".split(),
)
def test_what_a_reader_could_take_for_something_else_is_quoted(text: str) -> None:
    assert yaml_text.dump([{"name": text, text: 1}]) == f"---\nname: '{text}'\n'{text}': 1\n"


@pytest.mark.parametrize("text", ["mysql", "10Gi", "500m", "mysql:9.7", "yes-1", "nn", "a1e3", "0.1.0-543b76ca54c8"])
def test_plain_words_stay_plain(text: str) -> None:
    assert yaml_text.dump([{"name": text}]) == f"---\nname: {text}\n"
