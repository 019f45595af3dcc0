"""A second, small lab: up, up again, down, and nothing of it is left on the machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

LAB = Path(__file__).parents[2] / "scripts" / "lab"
NAME = "labtest"


def _lab(*words: str) -> str:
    done = subprocess.run([LAB, "--name", NAME, *words], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _left() -> dict[str, list[str]]:
    """What a lab could leave behind, as the machine itself lists it."""
    listings = {
        "containers": ["docker", "ps", "-aq", "--filter", f"name={NAME}-"],
        "volumes": ["docker", "volume", "ls", "-q", "--filter", f"name={NAME}-"],
        "networks": ["docker", "network", "ls", "-q", "--filter", f"name={NAME}"],
        "mounts": ["sh", "-c", f"grep /{NAME}/ /proc/mounts || true"],
        "loops": ["sh", "-c", f"cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep /{NAME}/ || true"],
        # Docker's own, one for each of its networks, may be another test's; those of this lab are listed above.
        "routes": ["sh", "-c", "ip route | grep -v 'dev br-.* scope link' | sed 's, linkdown,,' || true"],
    }
    return {
        what: subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")
        for what, words in listings.items()
    }


def _nodes() -> dict[str, object]:
    found: dict[str, object] = json.loads(_lab("status", "-o", "json"))["nodes"][f"{NAME}-0"]
    return found


def test_up_twice_and_down_leaves_nothing() -> None:
    before = _left()
    try:
        _lab("up", "--nodes", "1")
        _lab("up", "--nodes", "1")
        assert _nodes() == {"container": "running", "ready": True}
        assert _left() != before
        _lab("node", "freeze", f"{NAME}-0")
        _lab("node", "thaw", f"{NAME}-0")
        _lab("s3", "up")
        _lab("s3", "down")
        _lab("node", "isolate", f"{NAME}-0")
        assert _nodes()["ready"] is False
        _lab("node", "heal", f"{NAME}-0")
        _lab("node", "stop", f"{NAME}-0")
        assert _nodes()["container"] == "exited"
        _lab("up", "--nodes", "1")
        assert _nodes() == {"container": "running", "ready": True}
    finally:
        _lab("down", "--purge")
    assert _left() == before
