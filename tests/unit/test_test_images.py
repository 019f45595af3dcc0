"""Which images the tests run on."""

from __future__ import annotations

import pytest

from tests import images


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, ("mysql:9.7",)),
        ({"MYSQLOPS_IMAGE": "lab/mysql:9.7"}, ("lab/mysql:9.7",)),
        ({"MYSQLOPS_TEST_IMAGES": "", "MYSQLOPS_IMAGE": "lab/mysql:9.7"}, ("lab/mysql:9.7",)),
        ({"MYSQLOPS_TEST_IMAGES": "a:1, b:2,,a:1", "MYSQLOPS_IMAGE": "lab/mysql:9.7"}, ("a:1", "b:2")),
    ],
)
def test_the_variable_lists_each_image_once_and_without_it_there_is_one(
    environment: dict[str, str], wanted: tuple[str, ...]
) -> None:
    assert images.chosen(environment) == wanted


def test_steps_lead_from_each_to_each_other_and_one_image_has_none() -> None:
    assert images.steps(("a",)) == []
    assert images.steps(("a", "b", "c")) == [("a", "b"), ("a", "c"), ("b", "a"), ("b", "c"), ("c", "a"), ("c", "b")]
