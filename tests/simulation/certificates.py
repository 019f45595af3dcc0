"""Certificates of a world: the agent's code (agent/certificates.py) over an openssl of words, with files in memory.

A CA is a line with its number; a certificate names the CA that signed it. Whether members verify each other is looked
at whenever one of them loads another certificate. Contract: certificate_cases.py.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mysqlops import errors
from mysqlops.agent import api, certificates, log, member, openssl, pod, secrets_watch, settings
from mysqlops.agent.tls_check import CA, CERTIFICATE, KEY
from mysqlops.core import names, view

if TYPE_CHECKING:
    from tests.simulation.world import World

Files = dict[str, str]
_END = "-----END CERTIFICATE-----\n"


class _File:
    def __init__(self, files: Files, name: str) -> None:
        self._files, self._name = files, name

    def read_text(self) -> str:
        if self._name not in self._files:
            raise FileNotFoundError(self._name)
        return self._files[self._name]


class Folder:
    """What a Path is to the agent: the files that its pod's containers share."""

    def __init__(self) -> None:
        self.files: Files = {}

    def __truediv__(self, name: str) -> _File:
        return _File(self.files, name)


class Signers:
    """`openssl`, as far as the agent calls it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def make_ca(self, _: object) -> Files:
        number = next(self._numbers)
        return {CA: f"CA {number}\n{_END}", names.KEY_CA_KEY: f"key of CA {number}"}

    def make_certificate(
        self, _: object, key: str, ca: str, where: tuple[str, str], *, days: int = 0, also: Sequence[str] = ()
    ) -> Files:
        if not self.fits(ca, key):
            raise errors.StepFailed("openssl x509 failed: CA certificate and CA private key do not match")
        number = next(self._numbers)
        text = f"certificate {number} by {ca.splitlines()[0]} for {','.join(also)}\n{_END}"
        return {CERTIFICATE: text, KEY: f"key {number}"}

    def fits(self, certificate: str, key: str) -> bool:
        return key == _key(certificate)

    def stand_ins(self) -> list[tuple[Any, str, Any]]:
        """What is replaced, where, and by what."""
        replaced = {one: getattr(self, one) for one in ("make_ca", "make_certificate", "fits")}
        replaced["is_signed_by"] = lambda certificate, ca, _: signer(certificate) == ca.partition("\n")[0]
        replaced |= {"is_ours": lambda _: True, "days_left": lambda _: 300}
        found: list[tuple[Any, str, Any]] = [(openssl, name, value) for name, value in replaced.items()]
        return [*found, (settings, "work_folder", lambda _: contextlib.nullcontext("nowhere"))]


def signer(certificate: str) -> str:
    """The first line of the CA that signed it."""
    return certificate.partition(" by ")[2].partition(" for ")[0]


def _key(certificate: str) -> str:
    """That belongs to a CA, or to what a CA signed."""
    first = certificate.splitlines()[0]
    return f"key of {first}" if first.startswith("CA ") else f"key {first.split()[1]}"


def hostnames(certificate: str) -> list[str]:
    return [one for one in certificate.partition(" for ")[2].splitlines()[0].split(",") if one]


class Certificates(certificates.Certificates):
    """The real one, but for the handshake in memory by which a pod tries a certificate before it is used."""

    def __init__(self, client: api.Api, me: settings.Settings, folder: Folder) -> None:
        super().__init__(client, me, folder)  # type: ignore[arg-type]

    def write(self, files: Files) -> None:
        missing = [name for name in (CA, CERTIFICATE, KEY) if not files.get(name)]
        is_trusted = not missing and signer(files[CERTIFICATE]) in files[CA].splitlines()
        if not is_trusted or files[KEY] != _key(files[CERTIFICATE]):
            why = f"it lacks {', '.join(missing)}" if missing else "its CA did not sign it, or its key is another's"
            raise errors.StepFailed(f"Secret {names.tls_secret(self._me.cluster)} is not loaded: {why}")
        self._folder.files.update({name: files[name] for name in (CA, KEY, CERTIFICATE)})  # type: ignore[attr-defined]


class Watch(secrets_watch.SecretsWatch):
    """Passwords never change here; certificates do, as in secrets_watch.py."""

    def __init__(self, client: api.Api, own: pod.Pod, folder: Folder, server: member.Member) -> None:
        self._certificates = Certificates(client, own.me, folder)
        self._files, self._server = folder, server
        self.loaded = certificates.fingerprint(folder)  # type: ignore[arg-type]
        self.trouble = self.missing = self.accounts = ""
        self.knows_missing = False
        self.until = certificates.Ends("", "")

    def look(self, words: log.Log, record: view.GroupRecord | None) -> None:
        self.missing = self.trouble = ""
        try:
            self._take()
        except errors.Conflict:
            pass  # another member did the same just now
        except errors.NotFound:
            self.missing = "a Secret does not exist"
        except (errors.MysqlError, errors.StepFailed) as error:
            self.trouble = str(error)

    def _take(self) -> None:
        found = certificates.fingerprint(self._files)  # type: ignore[arg-type]
        if self._certificates.refresh() or found != self.loaded:
            self._server.reload_tls()
            self.loaded = certificates.fingerprint(self._files)  # type: ignore[arg-type]


def distrust(world: World) -> str:
    """Which member would not take which other's certificate; empty if each takes all."""
    running = [one.server for one in world.kubelet.pods.values() if one.server.is_up and one.server.tls]
    for one, other in itertools.permutations(running, 2):
        if signer(other.tls[CERTIFICATE]) not in one.tls[CA].splitlines():
            return f"{one.pod} does not trust the CA of the certificate of {other.pod}"
    return ""


def first(signers: Signers) -> tuple[Files, Files]:
    """What Secrets NAME-tls and NAME-ca of a new cluster hold."""
    made = signers.make_ca(None)
    tls = {CA: made[CA], **signers.make_certificate(None, made[names.KEY_CA_KEY], made[CA], ("", ""))}
    return tls, {names.KEY_CA_KEY: made[names.KEY_CA_KEY], names.KEY_CA_CERTIFICATE: made[CA]}
