"""The images of MySQL that tests run on, from MYSQLOPS_TEST_IMAGES=A,B,C: read here and nowhere else.

Without it, the one image that the lab or the person chose. scripts/imitate builds images that say another version.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping

VARIABLE = "MYSQLOPS_TEST_IMAGES"
_ONE = "MYSQLOPS_IMAGE"
_DEFAULT = "mysql:9.7"


def chosen(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """At least one, each once, in the order given."""
    listed = (word.strip() for word in environment.get(VARIABLE, "").split(","))
    return tuple(dict.fromkeys(word for word in listed if word)) or (environment.get(_ONE) or _DEFAULT,)


def steps(images: tuple[str, ...]) -> list[tuple[str, str]]:
    """From each image to each other, in a walk: each step begins where the one before it ended, in a cluster that is
    there already. Whether a step is allowed is known once both have said their version."""
    found: list[tuple[str, str]] = []
    for place, new in enumerate(images[1:], 1):
        stops = [images[0], *images[1:place], images[0]]  # to each of the earlier ones and back, and home
        found += [step for here, there in itertools.pairwise(stops) for step in ((here, new), (new, there))]
    return found
