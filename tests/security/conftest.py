"""The fixtures of the database's and the cluster's tests."""

from __future__ import annotations

from tests.cluster.conftest import cluster, namespace
from tests.database.conftest import image, pytest_generate_tests, template

__all__ = ["cluster", "image", "namespace", "pytest_generate_tests", "template"]
