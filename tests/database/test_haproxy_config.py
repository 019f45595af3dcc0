"""HAProxy itself reads the configuration of the example, so that a mistake shows before two pods of it crash."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tests.database.containers import docker

pytestmark = pytest.mark.database

_EXAMPLE = Path(__file__).parents[2] / "manifests" / "examples" / "haproxy.yaml"
_IMAGE = os.environ.get("MYSQLOPS_HAPROXY_IMAGE", "haproxy:3.2")
_NAMES = ("-e", "NAMESPACE=db", "-e", "CLUSTER_DOMAIN=cluster.local")


def test_haproxy_accepts_the_example(tmp_path: Path) -> None:
    maps = [one for one in yaml.safe_load_all(_EXAMPLE.read_text()) if one["kind"] == "ConfigMap"]
    file = tmp_path / "haproxy.cfg"
    file.write_text(maps[0]["data"]["haproxy.cfg"])
    tmp_path.chmod(0o755)
    mount = ("-v", f"{file}:/etc/haproxy/haproxy.cfg:ro")
    docker("run", "--rm", *_NAMES, *mount, _IMAGE, "haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg")
