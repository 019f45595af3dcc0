"""The cluster's certificate: from Secret NAME-tls, in the form of kubernetes.io/tls (ca.crt, tls.crt, tls.key).

If a user or cert-manager filled it, it is used as it is. If it is empty, the first member makes a CA and one server
certificate for all members with `openssl`, which the stock Python images have; the CA's key goes to the credentials
Secret. Keys pass through files in memory only.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from mysqlops import errors
from mysqlops.agent import api, credentials, settings, tls_check
from mysqlops.agent.tls_check import CA, CERTIFICATE, KEY
from mysqlops.clock import Clock
from mysqlops.core import names

_FILES = (CA, KEY, CERTIFICATE)  # the certificate last: a reload never meets it with an older key
_CA_DAYS, _CERTIFICATE_DAYS, _RENEW_DAYS = 3650, 397, 120
_TRIES, _PATIENCE = 60, 40
_SECONDS = 30
Files = dict[str, str]


@dataclass(frozen=True)
class Found:
    """The two Secrets' values, and the versions that a change must meet."""

    files: Files
    version: str
    ca_key: str | None
    credentials_version: str


class Certificates:
    """Reads, makes and renews; raises KubeError, or StepFailed if openssl fails."""

    def __init__(self, client: api.Api, me: settings.Settings, folder: Path = settings.TLS) -> None:
        self._api, self._me, self._folder = client, me, folder

    def ensure(self, clock: Clock, *, is_new: bool = True) -> None:
        """Make what is missing, once for all members, and write the files; the losers of a race read what won. In a
        cluster that is not new, members that run know what somebody deleted: a CA that no client knows comes last."""
        for patience in range(_TRIES):
            found = self._find()
            if found.files.get(CERTIFICATE) and found.files.get(KEY):
                self.write(found.files)
                return
            if not is_new and patience < _PATIENCE:
                clock.sleep(1.0)
                continue
            try:
                self._issue(found, found.ca_key, found.files.get(CA))
            except errors.Conflict:
                clock.sleep(0.2)
        raise errors.Conflict(f"Secret {names.tls_secret(self._me.cluster)} kept changing while it was filled")

    def refresh(self) -> bool:
        """Write the Secret's files if they changed, True if so: then mysqld must load them. Renews what runs out, and
        puts back what somebody deleted from the Secret."""
        found = self._find()
        if not found.files.get(CERTIFICATE):
            own = {name: (self._folder / name).read_text() for name in _FILES}
            self._patch(names.tls_secret(self._me.cluster), found.version, own)
            return False
        if found.ca_key and self._runs_out(found.files.get(CERTIFICATE, "")):
            self._issue(found, found.ca_key, found.files[CA])
            found = self._find()
        if all((self._folder / name).read_text() == found.files.get(name) for name in _FILES):
            return False
        self.write(found.files)
        return True

    def rotate(self, stage: str) -> None:
        """`certificate`: a new one of the same CA. `ca`: a new CA beside the old one, and a certificate of it.
        `drop`: trust the newest CA only. Raises Refused if the certificate is not of our making."""
        found = self._find()
        if found.ca_key is None:
            text = f"Secret {names.tls_secret(self._me.cluster)} was filled by somebody else, who also renews it"
            raise errors.Refused(
                [errors.Reason("foreign-certificate", text, "change the Secret: members load it within a minute")]
            )
        if stage == "certificate":
            self._issue(found, found.ca_key, found.files[CA])
        elif stage == "ca":
            self._issue(found, None, None, trusted=found.files[CA])
        else:
            self._save(found, {**found.files, CA: _newest(found.files[CA])}, found.ca_key)

    def fingerprint(self) -> str:
        """Of what the Secret holds now: what members show once they have loaded it."""
        files = self._find().files
        return _hash(files.get(CA, ""), files.get(CERTIFICATE, ""))

    def write(self, files: Files) -> None:
        """Raises StepFailed for what other members and clients would refuse; the files before then stay."""
        hosts = (self._me.host(self._me.ordinal), f"{names.primary_service(self._me.cluster)}.{self._me.namespace}.svc")
        why = tls_check.refused_because(files, hosts, self._folder)
        if why:
            raise errors.StepFailed(f"Secret {names.tls_secret(self._me.cluster)} is not loaded: {why}")
        credentials.write(self._folder, {name: files.get(name, "") for name in _FILES})

    def _find(self) -> Found:
        tls = self._api.get("v1", "secrets", names.tls_secret(self._me.cluster))
        ours = self._api.get("v1", "secrets", names.credentials_secret(self._me.cluster))
        return Found(
            files=api.decoded(tls),
            version=tls["metadata"]["resourceVersion"],
            ca_key=api.decoded(ours).get(names.KEY_CA_KEY),
            credentials_version=ours["metadata"]["resourceVersion"],
        )

    def _issue(self, found: Found, ca_key: str | None, ca: str | None, trusted: str = "") -> None:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            work = Path(folder)
            if ca_key is None or ca is None:
                made = make_ca(work)
                ca_key, ca = made[names.KEY_CA_KEY], made[CA]
            signed = make_certificate(work, ca_key, _newest(ca), self._me.cluster, self._me.namespace)
        self._save(found, {**signed, CA: ca + trusted}, ca_key)

    def _save(self, found: Found, files: Files, ca_key: str) -> None:
        """The CA's key first: without it a killed run could never sign again, with it the next run just goes on."""
        if ca_key != found.ca_key:
            self._patch(
                names.credentials_secret(self._me.cluster), found.credentials_version, {names.KEY_CA_KEY: ca_key}
            )
        self._patch(names.tls_secret(self._me.cluster), found.version, files)

    def _patch(self, secret: str, version: str, values: Mapping[str, str]) -> None:
        change = {"metadata": {"resourceVersion": version}, "data": api.encoded(values)}
        self._api.patch("v1", "secrets", secret, change)

    def _runs_out(self, certificate: str) -> bool:
        seconds = str(_RENEW_DAYS * 86400)
        done = subprocess.run(
            ["openssl", "x509", "-noout", "-checkend", seconds],
            input=certificate,
            text=True,
            capture_output=True,
            check=False,
        )
        return done.returncode == 1 and "will expire" in done.stdout


def fingerprint(folder: Path = settings.TLS) -> str:
    """Names what mysqld was told to load: a hash of the CA and of the certificate."""
    try:
        return _hash((folder / CA).read_text(), (folder / CERTIFICATE).read_text())
    except OSError:
        return ""


def _hash(ca: str, certificate: str) -> str:
    return hashlib.sha256((ca + certificate).encode()).hexdigest()[:16]


def make_ca(work: Path) -> Files:
    """A CA of our own: its certificate and its key."""
    (work / "ca.cnf").write_text(
        dedent("""\
            [req]
            distinguished_name = name
            prompt = no
            x509_extensions = extensions
            [name]
            CN = mysqlops CA
            [extensions]
            basicConstraints = critical, CA:TRUE
            keyUsage = critical, keyCertSign, cRLSign
            subjectKeyIdentifier = hash
            """)
    )
    _openssl(work, "req", "-x509", "-config", "ca.cnf", *_new_key("ca.key"), "-days", str(_CA_DAYS), "-out", CA)
    return {CA: (work / CA).read_text(), names.KEY_CA_KEY: (work / "ca.key").read_text()}


def make_certificate(work: Path, ca_key: str, ca: str, cluster: str, namespace: str) -> Files:
    """One server certificate for all members and Services, signed by the CA."""
    hosts = [f"*.{cluster}", cluster, names.primary_service(cluster), names.replicas_service(cluster)]
    domains = [f"{host}.{namespace}{tail}" for host in hosts for tail in ("", ".svc", ".svc.cluster.local")]
    alternatives = ", ".join(f"DNS:{name}" for name in [*domains, *hosts[1:], "localhost"])
    (work / CA).write_text(ca)
    (work / "ca.key").write_text(ca_key)
    (work / "tls.cnf").write_text("[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = mysqlops member\n")
    (work / "tls.ext").write_text(
        dedent(f"""\
            basicConstraints = critical, CA:FALSE
            keyUsage = critical, digitalSignature
            extendedKeyUsage = serverAuth, clientAuth
            subjectAltName = {alternatives}
            """)
    )
    _openssl(work, "req", "-new", "-config", "tls.cnf", *_new_key(KEY), "-out", "tls.csr")
    signing = ("-CA", CA, "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "tls.ext")
    _openssl(work, "x509", "-req", "-in", "tls.csr", *signing, "-days", str(_CERTIFICATE_DAYS), "-out", CERTIFICATE)
    return {CERTIFICATE: (work / CERTIFICATE).read_text(), KEY: (work / KEY).read_text()}


def _new_key(file: str) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file)


def _openssl(work: Path, *words: str) -> None:
    try:
        done = subprocess.run(
            ["openssl", *words], cwd=work, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except FileNotFoundError as error:
        raise errors.StepFailed(
            f"the agent's image has no openssl, and Secret {names.tls_secret('NAME')} is empty",
            hint="use a stock Python image, or fill the Secret: ca.crt, tls.crt, tls.key",
        ) from error
    if done.returncode != 0:
        raise errors.StepFailed(f"openssl {words[0]} failed: {done.stderr.strip()[-300:]}")


def _newest(bundle: str) -> str:
    """The first certificate of a bundle: new ones are put in front."""
    end = "-----END CERTIFICATE-----\n"
    return bundle.partition(end)[0] + end
