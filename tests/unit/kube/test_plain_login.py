"""A plain kubeconfig gives the login that the kubernetes package gives; anything else is left to it."""

from __future__ import annotations

import base64
import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mysqlops.core.typed import Json
from mysqlops.kube import login, plain_login

CA, CERTIFICATE, KEY = (base64.b64encode(text).decode() for text in (b"the CA", b"the certificate", b"the key"))
_FIELDS = ("host", "verify_ssl", "assert_hostname", "tls_server_name", "proxy", "no_proxy", "proxy_headers")
_FILES = ("ssl_ca_cert", "cert_file", "key_file")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def _config(cluster: Json, user: Json) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "db"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
    }


def _written(folder: Path, config: Json) -> str:
    (folder / "pki").mkdir(exist_ok=True)
    for name in ("ca", "certificate", "key"):
        (folder / "pki" / name).write_text(name)
    (file := folder / "config").write_text(json.dumps(config))
    return str(file)


def _all(found: Any) -> dict[str, object]:
    auth = [(one["key"], one["value"]) for one in found.auth_settings().values()]
    texts = {one: path and Path(path).read_bytes() for one in _FILES for path in [getattr(found, one)]}
    return {**{one: getattr(found, one) for one in _FIELDS}, **texts, "auth": auth}


SERVER = {"server": "https://10.0.0.1:6443"}
PLAIN: dict[str, tuple[Json, Json]] = {
    "data": (
        {**SERVER, "certificate-authority-data": CA},
        {"client-certificate-data": CERTIFICATE, "client-key-data": KEY},
    ),
    "files": (
        {**SERVER, "certificate-authority": "pki/ca"},
        {"client-certificate": "./pki/certificate", "client-key": "pki/../pki/key"},
    ),
    "data before files": (
        {**SERVER, "certificate-authority-data": CA, "certificate-authority": "pki/none"},
        {"client-certificate": "pki/none", "client-certificate-data": CERTIFICATE, "client-key-data": KEY},
    ),
    "a token": ({**SERVER, "certificate-authority-data": CA}, {"token": "t"}),
    "a token of somebody who acts as another": (SERVER, {"token": "t", "as": "jane", "as-groups": ["g"]}),
    "a path in the address": ({"server": "https://proxy.example/k8s/clusters/c-1/"}, {"token": "t"}),
    "nobody": (SERVER, {}),
}


@pytest.mark.parametrize("case", PLAIN)
def test_it_is_the_package_s(tmp_path: Path, case: str) -> None:
    where = _written(tmp_path, _config(*PLAIN[case]))
    found = plain_login.load(where, "here")
    assert found is not None
    assert _all(found) == _all(login._load(where, "here"))
    for path in (getattr(found, one) for one in _FILES):
        is_ours = path and not path.startswith(str(tmp_path))
        assert not is_ours or Path(path).stat().st_mode & 0o077 == 0


def _cluster(**more: object) -> Callable[[Json], None]:
    return lambda config: config["clusters"][0]["cluster"].update(more)


def _user(**more: object) -> Callable[[Json], None]:
    return lambda config: config["users"][0]["user"].update(more)


def _twice(kind: str) -> Callable[[Json], None]:
    return lambda config: config[kind].append(copy.deepcopy(config[kind][0]))


NOT_PLAIN: dict[str, Callable[[Json], None]] = {
    "a plugin": _user(exec={"command": "aws"}),
    "a provider": _user(**{"auth-provider": {"name": "oidc"}}),
    "a password": _user(username="a", password="b"),
    "a file of a token": _user(tokenFile="pki/key"),
    "no verification": _cluster(**{"insecure-skip-tls-verify": True}),
    "another name": _cluster(**{"tls-server-name": "kubernetes"}),
    "a proxy": _cluster(**{"proxy-url": "http://proxy:3128"}),
    "no TLS": _cluster(server="http://10.0.0.1"),
    "no server": lambda config: config["clusters"][0]["cluster"].pop("server"),
    "a number": _user(token=7),
    "nothing": _user(token=""),
    "no base64": _cluster(**{"certificate-authority-data": "*"}),
    "no file": _user(**{"client-key": "pki/none"}),
    "no user": lambda config: config["users"].clear(),
    "two users": _twice("users"),
    "two clusters": _twice("clusters"),
    "two contexts": _twice("contexts"),
}


@pytest.mark.parametrize("case", NOT_PLAIN)
def test_the_rest_is_left_to_the_package(tmp_path: Path, case: str) -> None:
    NOT_PLAIN[case](config := _config(dict(SERVER), {"token": "t"}))
    assert plain_login.load(_written(tmp_path, config), "here") is None


def test_so_are_several_files_and_proxies_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = _written(tmp_path, _config(dict(SERVER), {"token": "t"}))
    assert plain_login.load(where, "here") is not None
    assert plain_login.load(f"{where}:{tmp_path / 'other'}", "here") is None
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    assert plain_login.load(where, "here") is None
