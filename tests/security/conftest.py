"""The fixtures of tests/cluster: a namespace for each module, and a small cluster in it."""

from __future__ import annotations

from tests.cluster.conftest import cluster, namespace

__all__ = ["cluster", "namespace"]
