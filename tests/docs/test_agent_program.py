"""The agent's program, made of all the sources that it imports."""

from __future__ import annotations

import base64
import json

from mysqlops.core.spec import ClusterSpec
from mysqlops.objects import backup as planning
from mysqlops.objects import render
from mysqlops.operations import bundle, deploy, signing
from tests.unit.fakes.cluster import Cluster

APPLY_ANNOTATION_LIMIT = 256 * 1024


def test_it_is_the_same_each_time_and_fits_kubectl_apply() -> None:
    assert bundle.build.__wrapped__().content == bundle.build().content
    for item in deploy.objects(ClusterSpec(name="orders", namespace="shop")):
        assert len(json.dumps(item)) < APPLY_ANNOTATION_LIMIT, item["metadata"]["name"]


def test_it_runs_and_fits_into_a_config_map_that_kubectl_applies() -> None:
    """kubectl keeps a copy of the whole ConfigMap in an annotation."""
    content = bundle.build().content
    for name, text in bundle.files(content).items():
        if name.endswith(".py"):
            compile(text, name, "exec")
        else:
            assert name.endswith("/LICENSE")
    assert len(base64.b64encode(content)) < APPLY_ANNOTATION_LIMIT - 8_192


def test_a_job_finds_the_program_that_seals_in_it() -> None:
    """In what `deploy` applies: a backup that is not sealed is restored only with --accept-unsigned."""
    cluster = Cluster(1)
    session = cluster.session()
    content = base64.b64encode(bundle.build().content).decode()
    session.client.create("ConfigMap", {"metadata": {"name": "now"}, "binaryData": {render.AGENT_FILE: content}})
    assert signing.steps(session, "mysql", "now") == planning.SEAL
