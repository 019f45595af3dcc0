"""What an image prints when it is tried is the image's own word."""

from __future__ import annotations

from typing import Any

import pytest

from mysqlops.core.spec import ClusterSpec
from mysqlops.operations import image_check
from tests.unit.fakes.cluster import NAME


class Printed:
    """The client of a cluster in which the tried Python printed this."""

    def __init__(self, text: str) -> None:
        self._text = text

    def logs(self, *_: str) -> str:
        return self._text

    def find(self, *_: str) -> None:
        return None


def _judged(text: str) -> list[str]:
    client: Any = Printed(text)
    return [reason.code for reason in image_check._judge_python(client, ClusterSpec(NAME, "db"), "pod", 0)]


@pytest.mark.parametrize(
    "text",
    ["python x y", "python", "python 3", "python 3 10 /usr/bin/openssl", "python ² 11", "", "hello 3 13", "9" * 5000],
)
def test_an_image_that_prints_something_else_has_no_python(text: str) -> None:
    assert _judged(text) == ["not-python"]


def test_an_image_says_which_python_and_whether_it_has_openssl() -> None:
    assert _judged("python 3 13 /usr/bin/openssl") == []
    assert _judged("python 3 11") == ["no-openssl"]
    assert _judged("python 4 0 /bin/openssl") == []
