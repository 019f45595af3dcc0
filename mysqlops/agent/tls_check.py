"""Checks by a handshake in memory whether other members and clients would accept a certificate, before it is used."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from mysqlops.agent import settings

CA, CERTIFICATE, KEY = "ca.crt", "tls.crt", "tls.key"
_ROUNDS = 10  # TLS 1.3 takes two


def refused_because(files: Mapping[str, str], hosts: Sequence[str], work: Path) -> str | None:
    """Why the certificate is not valid for one of these names under the trusted CA; None if it is.

    `work` is a folder in memory: Python loads keys from files only.
    """
    missing = [name for name in (CA, CERTIFICATE, KEY) if not files.get(name)]
    if missing:
        return f"it lacks {', '.join(missing)}"
    try:
        serving, asking = _contexts(files, work)
    except (ssl.SSLError, ValueError) as error:
        return f"{CERTIFICATE}, {KEY} and {CA} do not match: {_text(error)}"
    for host in hosts:
        try:
            _shake_hands(serving, asking, host)
        except ssl.SSLError as error:
            return f"{CERTIFICATE} is not valid for {host}: {_text(error)}"
    return None


def _contexts(files: Mapping[str, str], work: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    serving, asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with settings.work_folder(work) as folder:
        trusted, chain, key = folder / CA, folder / CERTIFICATE, folder / KEY
        # As a file: Python takes a CA as text in ASCII only, and bundles have comments in other scripts.
        trusted.write_text(files[CA], encoding="utf-8")
        asking.load_verify_locations(trusted)
        chain.write_text(files[CERTIFICATE], encoding="utf-8")
        key.touch(mode=0o600)
        key.write_text(files[KEY], encoding="utf-8")
        serving.load_cert_chain(chain, key, password="")
    return serving, asking


def _shake_hands(serving: ssl.SSLContext, asking: ssl.SSLContext, host: str) -> None:
    forth, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(forth, back, server_side=True)
    client = asking.wrap_bio(back, forth, server_hostname=host)
    for _ in range(_ROUNDS):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()


def _text(error: Exception) -> str:
    return str(getattr(error, "verify_message", "") or error.args[-1])[:300]
