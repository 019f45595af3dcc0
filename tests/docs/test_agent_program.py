"""The agent's program, made of all the sources that it imports."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from mysqlops.agent import unpack
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


_FILES = {"mysqlops/a.py": b"a = 1\n\nb = 2\n", "mysqlops/empty.py": b"", "pymysql/b.py": b"\xc3\xa4\n"}
_WHOLE = b"14 mysqlops/a.py\n0 mysqlops/empty.py\n3 pymysql/b.py\n\na = 1\n\nb = 2\n\xc3\xa4\n"
_PACKED = bundle._packed(_FILES)


@pytest.mark.parametrize(
    "outside",
    [
        {"program.bz2": _PACKED},
        {"program.z": zlib.compress(_WHOLE)},
        {"program.zip.z": zlib.compress(bundle._zipped(_FILES))},
        _FILES,
    ],
)
def test_a_program_of_each_release_says_which_modules_it_has(outside: dict[str, bytes]) -> None:
    content = bundle._zipped({"__main__.py": b"", **outside})
    assert [bundle.lacks(content, path) for path in (*_FILES, "mysqlops/c.py")] == [False, False, False, True]


def test_a_program_is_what_was_packed_or_an_error() -> None:
    assert unpack.files(_PACKED) == _FILES
    for damaged in (b"", _PACKED[:-1], _PACKED[:20], b"no program", _PACKED[:30] + b"x" + _PACKED[31:]):
        with pytest.raises((ValueError, OSError)):
            unpack.files(damaged)
        assert not bundle.lacks(bundle._zipped({"program.bz2": damaged}), "mysqlops/c.py"), "nothing is known of it"


def test_a_job_finds_the_program_that_seals_in_it() -> None:
    """In what `deploy` applies: a backup that is not sealed is restored only with --accept-unsigned."""
    cluster = Cluster(1)
    session = cluster.session()
    content = base64.b64encode(bundle.build().content).decode()
    session.client.create("ConfigMap", {"metadata": {"name": "now"}, "binaryData": {render.AGENT_FILE: content}})
    assert signing.steps(session, "mysql", "now") == planning.SEAL
