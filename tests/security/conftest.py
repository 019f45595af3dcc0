"""The fixtures of the database's and the cluster's tests."""

from __future__ import annotations

from tests.cluster.conftest import cluster, namespace
from tests.database.conftest import image, member_volume, pytest_generate_tests, template

__all__ = ["cluster", "image", "member_volume", "namespace", "pytest_generate_tests", "template"]
