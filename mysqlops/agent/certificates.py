"""The cluster's certificate: from Secret NAME-tls, in the form of kubernetes.io/tls (ca.crt, tls.crt, tls.key).

If a user or cert-manager filled it, it is used unchanged. If it is empty, the first member creates a CA and one server
certificate for all members; the CA's certificate and key go to Secret NAME-ca, which is read only in order to sign. A
CA with another key belongs to somebody else, and so do its certificates: they are loaded and otherwise left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mysqlops import errors
from mysqlops.agent import api, credentials, group_lease, openssl, settings, tls_check, vault
from mysqlops.agent.openssl import Files
from mysqlops.agent.tls_check import CA, CERTIFICATE, KEY
from mysqlops.clock import Clock
from mysqlops.core import exposure, instant, names, secret_map

_FILES = (CA, KEY, CERTIFICATE)  # the certificate last: a reload never sees it with an older key
_RENEW_DAYS = 120
_LAST_DAYS = 14  # for a certificate whose CA is about to be replaced: clients are still to get the new one
_TRIES, _PATIENCE = 60, 40


@dataclass(frozen=True)
class Found:
    """What NAME-tls holds, and the version that a change must meet."""

    files: Files
    version: str


@dataclass(frozen=True)
class Signer:
    """A CA whose key we have, and the CAs that are trusted besides it."""

    key: str
    ca: str
    beside: str = ""


class Ends(NamedTuple):
    """When they expire (UTC, ISO 8601); empty if unreadable."""

    certificate: str
    ca: str


class Certificates:
    """Reads, creates and renews certificates; raises KubeError, or StepFailed if openssl fails."""

    def __init__(self, client: api.Api, me: settings.Settings, folder: Path = settings.TLS) -> None:
        self._api, self._me, self._folder = client, me, folder
        self._vault = vault.Vault(client, me.cluster)
        self._final = ""  # the fingerprint of a certificate that cannot be renewed here

    def ensure(self, clock: Clock, *, is_new: bool = True) -> None:
        """Create what is missing, once for all members, and write the files; the losers of a race read the winner's. In
        an existing cluster, running members may restore what was deleted: a new CA, unknown to clients, comes last."""
        for patience in range(_TRIES):
            found = self._find()
            if found.files.get(CERTIFICATE) and found.files.get(KEY):
                self.write(found.files)
                return
            if not is_new and patience < _PATIENCE:
                clock.sleep(1.0)
                continue
            with contextlib.suppress(errors.Conflict):
                held = self._vault.read(secret_map.CA)
                self._issue(found, _signer(held, found.files) or self._new_ca(held, ""))
                continue
            clock.sleep(0.2)
        raise errors.Conflict(f"Secret {names.tls_secret(self._me.cluster)} kept changing while it was filled")

    def refresh(self) -> bool:
        """Write the Secret's files if they changed; True if so, and mysqld must load them. Renews what expires, and
        restores what somebody deleted from the Secret."""
        found = self._find()
        if not found.files.get(CERTIFICATE):
            self._save(found, {name: (self._folder / name).read_text() for name in _FILES})
            return False
        if self._renew(found):
            found = self._find()
        if all((self._folder / name).read_text() == found.files.get(name) for name in _FILES):
            return False
        self.write(found.files)
        return True

    def rotate(self, stage: str, of: str = "") -> bool:
        """`certificate`: a new one, from the newest CA. `ca`: trust a new CA besides the old one, which still signs.
        `drop`: trust only the newest CA. The caller waits before each until every member has loaded what is in the
        Secret, or members would refuse each other. Each may be killed and run again: `ca` makes none beside one whose
        predecessor is still trusted. True if the stage is to run again after such a wait. Raises Refused if mysqlops
        did not create the certificate, and StepFailed if the Secret does not hold what `of` is the fingerprint of: that
        is what the caller waited for, and it may have been given up since, and run again."""
        found = self._unchanged(of)
        held = self._vault.read(secret_map.CA)
        signer, ca = _signer(held, found.files), found.files.get(CA, "")
        # Older releases did not record which CA a new one replaces: after a kill, only its name shows that it is ours.
        if signer is None and not (stage == "ca" and names.KEY_CA_KEY in held.values and openssl.is_ours(ca)):
            text = f"Secret {names.tls_secret(self._me.cluster)} was filled by somebody else, who also renews it"
            raise errors.Refused(
                [errors.Reason("foreign-certificate", text, "change the Secret: members load it within a minute")]
            )
        if stage == "drop":
            if self._is_ca_unused(found.files):
                text = f"the certificate of {self._me.cluster} is still signed by the CA that is to be dropped"
                raise errors.StepFailed(text, hint=f"mysqlops tls rotate {self._me.cluster} --drop-old-ca")
            self._save(found, {**found.files, CA: openssl.newest(ca)})
        elif stage == "ca":
            if signer is None or not (signer.beside or self._is_ca_unused(found.files) or _replaces(held, ca)):
                signer = self._new_ca(held, ca)
            if signer.beside:
                self._sign_or_announce(found, signer)
        elif signer is not None:
            return self._sign_or_announce(found, signer)
        return False

    def _unchanged(self, of: str) -> Found:
        found = self._find()
        if of and _hash(found.files.get(CA, ""), found.files.get(CERTIFICATE, "")) != of:
            text = f"Secret {names.tls_secret(self._me.cluster)} has changed since the command looked at it"
            raise errors.StepFailed(text, hint="run the same command again")
        return found

    def changes_trust(self) -> bool:
        """Whether a new CA waits to be used: a certificate of it is refused by whoever has not loaded it."""
        found = self._find()
        signer = _signer(self._vault.read(secret_map.CA), found.files)
        return signer is not None and (bool(signer.beside) or self._is_ca_unused(found.files))

    def _is_ca_unused(self, files: Files) -> bool:
        """Whether the newest CA that is trusted has not signed the certificate in use."""
        with settings.work_folder(self._folder) as folder:
            return not openssl.is_signed_by(files.get(CERTIFICATE, ""), files.get(CA, ""), folder)

    def _sign_or_announce(self, found: Found, signer: Signer) -> bool:
        """A new certificate; from a CA that nobody trusts yet, none, until every member has loaded that CA. True if it
        is not signed yet."""
        if signer.beside:
            self._save(found, {**found.files, CA: signer.ca + signer.beside})
        else:
            self._issue(found, signer)
        return bool(signer.beside)

    def fingerprint(self) -> str:
        """The fingerprint of the Secret's content, which members report once they have loaded it."""
        files = self._find().files
        return _hash(files.get(CA, ""), files.get(CERTIFICATE, ""))

    def hostnames(self) -> list[str]:
        """By which clients from outside know the cluster."""
        found = group_lease.read(self._api, self._me.cluster)
        return exposure.hostnames(found["metadata"].get("annotations") or {})

    def write(self, files: Files) -> None:
        """Raises StepFailed for files that other members and clients would refuse; the previous files stay."""
        hosts = (self._me.host(self._me.ordinal), f"{names.primary_service(self._me.cluster)}.{self._me.namespace}.svc")
        why = tls_check.refused_because(files, hosts, self._folder)
        if why:
            raise errors.StepFailed(f"Secret {names.tls_secret(self._me.cluster)} is not loaded: {why}")
        credentials.write(self._folder, {name: files.get(name, "") for name in _FILES})

    def _find(self) -> Found:
        tls = self._api.get("v1", "secrets", names.tls_secret(self._me.cluster))
        return Found(files=api.decoded(tls), version=tls["metadata"]["resourceVersion"])

    def _renew(self, found: Found) -> bool:
        """Whether it was renewed: the old one is about to expire, its CA is ours, and the new one lasts longer."""
        certificate = found.files.get(CERTIFICATE, "")
        known = _hash(found.files.get(CA, ""), certificate)
        if not certificate or known == self._final or (left := openssl.days_left(certificate)) >= _RENEW_DAYS:
            return False
        signer = _signer(self._vault.read(secret_map.CA), found.files)
        if signer is None or min(openssl.CERTIFICATE_DAYS, openssl.days_left(signer.ca)) <= left + 1:
            self._final = known
            return False
        if left >= _LAST_DAYS and not signer.beside and self._is_ca_unused(found.files):
            return False
        self._sign_or_announce(found, signer)
        return True

    def _new_ca(self, held: vault.Held, beside: str) -> Signer:
        """The key goes into its Secret first: without it, nobody could sign again. If the run is killed then, the CA to
        be replaced is still in use, and the next run that signs continues from there."""
        with settings.work_folder(self._folder) as folder:
            made = openssl.make_ca(folder)
        signer = Signer(made[names.KEY_CA_KEY], made[CA], beside)
        values = {names.KEY_CA_CERTIFICATE: signer.ca, names.KEY_CA_REPLACES: _hash(openssl.newest(beside))}
        self._vault.write(held, {names.KEY_CA_KEY: signer.key, **values})
        return signer

    def _issue(self, found: Found, signer: Signer) -> None:
        with settings.work_folder(self._folder) as folder:
            ca, where = openssl.newest(signer.ca), (self._me.cluster, self._me.namespace)
            signed = openssl.make_certificate(folder, signer.key, ca, where, also=self.hostnames())
        self._save(found, {**signed, CA: signer.ca + signer.beside})

    def _save(self, found: Found, files: Files) -> None:
        change = {"metadata": {"resourceVersion": found.version}, "data": secret_map.encoded(files)}
        self._api.patch("v1", "secrets", names.tls_secret(self._me.cluster), change)


def _signer(held: vault.Held, files: Files) -> Signer | None:
    """The CA in use, if our key belongs to it; the CA that was about to replace it, if a run was killed there; None if
    the CA in use belongs to somebody else."""
    key, in_use = held.values.get(names.KEY_CA_KEY), files.get(CA, "")
    if not key:
        return None
    if in_use and openssl.fits(openssl.newest(in_use), key):
        return Signer(key, in_use)
    made = held.values.get(names.KEY_CA_CERTIFICATE)
    if made and held.values.get(names.KEY_CA_REPLACES) == _hash(openssl.newest(in_use)):
        return Signer(key, made, in_use)
    return None


def _replaces(held: vault.Held, in_use: str) -> bool:
    """Whether the newest CA in use is the one that replaces another, which is still trusted."""
    replaced = held.values.get(names.KEY_CA_REPLACES)
    newest, *older = openssl.all_of(in_use)
    return held.values.get(names.KEY_CA_CERTIFICATE) == newest and replaced in [_hash(older_ca) for older_ca in older]


def fingerprint(folder: Path = settings.TLS) -> str:
    """A hash of the CA and the certificate that mysqld was ordered to load."""
    try:
        return _hash((folder / CA).read_text(), (folder / CERTIFICATE).read_text())
    except OSError:
        return ""


def ca(folder: Path = settings.TLS) -> str:
    """The CAs that verify the other members; empty if they cannot be read."""
    try:
        return (folder / CA).read_text()
    except OSError:
        return ""


def ends(folder: Path = settings.TLS) -> Ends:
    """When the loaded certificate and its CA expire."""
    return Ends(_end(folder / CERTIFICATE), _end(folder / CA))


def _end(file: Path) -> str:
    try:
        return instant.text(openssl.ends(file.read_text()))
    except (errors.StepFailed, OSError):
        return ""


def _hash(ca: str, certificate: str = "") -> str:
    return hashlib.sha256((ca + certificate).encode()).hexdigest()[:16]
