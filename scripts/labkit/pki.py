"""Certificates and kubeconfigs of a lab, made once and kept with its state."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from labkit import cache
from labkit.shell import run

_API_NAMES = (
    "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,"
    "DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:127.0.0.1"
)
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def ensure(folder: Path, api_ip: str, service_ip: str, nodes: list[str]) -> None:
    """Keys for the API server, the administrator and each node; those that exist stay. The API server has an address of
    its own and one as a Service."""
    if not (folder / api_ip).exists():
        # Whole or not at all, and of this address: a certificate for another one is worth nothing.
        with cache.fresh_folder(folder) as half:
            _make_ca(half)
            _issue(half, "apiserver", "kube-apiserver", "lab", f"{_API_NAMES},IP:{service_ip},IP:{api_ip}")
            _issue(half, "admin", "admin", "system:masters", "DNS:admin")
            _kubeconfig(half, "admin", api_ip)
            (half / api_ip).touch()
    for node in nodes:
        if not (folder / f"node-{node}.conf").exists():
            _issue(folder, f"node-{node}", f"system:node:{node}", "system:nodes", f"DNS:{node}")
            _kubeconfig(folder, f"node-{node}", api_ip)


def _make_ca(folder: Path) -> None:
    # kube-apiserver signs service account tokens with RSA or ECDSA; clients verify RSA faster.
    run("openssl", "genrsa", "-out", folder / "sa.key", "2048")
    run("openssl", "rsa", "-in", folder / "sa.key", "-pubout", "-out", folder / "sa.pub")
    run("openssl", "req", "-x509", *_KEY, "-keyout", folder / "ca.key", "-subj", "/CN=lab-ca",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
        "-days", "3650", "-out", folder / "ca.crt")  # fmt: skip


def _issue(folder: Path, name: str, common_name: str, organisation: str, alternatives: str) -> None:
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    run("openssl", "req", "-new", *_KEY, "-keyout", folder / f"{name}.key",
        "-subj", f"/O={organisation}/CN={common_name}", "-out", request)  # fmt: skip
    extensions.write_text(f"subjectAltName={alternatives}\n")
    run("openssl", "x509", "-req", "-in", request, "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key",
        "-CAcreateserial", "-days", "3650", "-extfile", extensions,
        "-out", folder / f"{name}.crt")  # fmt: skip
    request.unlink()
    extensions.unlink()


def _kubeconfig(folder: Path, name: str, api_ip: str) -> None:
    """Written last and renamed into place: its presence says that the key and certificate are whole."""
    host = f"[{api_ip}]" if ":" in api_ip else api_ip
    cluster = {
        "server": f"https://{host}:6443",
        "certificate-authority-data": _encoded(folder / "ca.crt"),
    }
    user = {
        "client-certificate-data": _encoded(folder / f"{name}.crt"),
        "client-key-data": _encoded(folder / f"{name}.key"),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": name}}],
    }
    half = folder / f"{name}.conf.half"
    half.touch(mode=0o600)
    half.write_text(json.dumps(config, indent=1) + "\n")  # JSON is YAML
    half.rename(folder / f"{name}.conf")


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
