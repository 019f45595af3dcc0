"""A certificate of the user's own CA in Secret mysql-tls, which no agent renews."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.conftest import Namespace, eventually

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_DAYS = 10
_kept: dict[str, str] = {}


def bring(on: Namespace) -> None:
    """Its CA first, beside the old one: members load them one after another, and verify each other meanwhile."""
    found: dict[str, str] = json.loads(on.kubectl("get", "secret", "mysql-tls", "-o", "json"))["data"]
    _kept.update(found)
    made = _made(found["tls.crt"])
    both = base64.b64encode(b"".join(map(base64.b64decode, (made["ca.crt"], found["ca.crt"])))).decode()
    _load(on, {"ca.crt": both})
    _load(on, {**made, "ca.crt": both})


def take_away(on: Namespace) -> None:
    _load(on, _kept)
    on.await_healthy(seconds=240)


def _load(on: Namespace, data: Mapping[str, str]) -> None:
    before = _loaded(on)
    on.kubectl("patch", "secret", "mysql-tls", "--patch-file=/dev/stdin", stdin=json.dumps({"data": data}))
    eventually(lambda: not before & _loaded(on), "every member has loaded it", 120)


def _loaded(on: Namespace) -> set[str]:
    return {str(one["certificate"]) for one in on.status()["members"]}


def _made(like: str) -> dict[str, str]:
    """The Secret's data, for the names in the certificate `like`."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        (at / "like.crt").write_bytes(base64.b64decode(like))
        names = _openssl(at, "x509", "-in", "like.crt", "-noout", "-ext", "subjectAltName").split("\n", 1)[1]
        given = f"subjectAltName={names.strip()}"
        _openssl(
            at, "req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=own", "-days", str(_DAYS)
        )
        _openssl(
            at, "req", "-new", *_KEY, "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=mysql", "-addext", given
        )
        signed = (
            "-in",
            "tls.csr",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-copy_extensions",
            "copy",
            "-days",
            str(_DAYS),
        )
        _openssl(at, "x509", "-req", *signed, "-out", "tls.crt")
        return {name: base64.b64encode((at / name).read_bytes()).decode() for name in ("ca.crt", "tls.crt", "tls.key")}


def _openssl(at: Path, *words: str) -> str:
    done = subprocess.run(("openssl", *words), cwd=at, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
