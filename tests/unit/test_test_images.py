"""Which images the tests run on."""

from __future__ import annotations

import itertools

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


@pytest.mark.parametrize("count", range(1, 6))
def test_a_walk_makes_each_step_once_and_one_image_has_none(count: int) -> None:
    names = tuple("abcde"[:count])
    steps = images.steps(names)
    assert sorted(steps) == list(itertools.permutations(names, 2))
    assert all(before[1] == after[0] for before, after in itertools.pairwise(steps))
