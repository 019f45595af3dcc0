"""Certificates, created and read with `openssl`, which the stock Python images contain.

A CA's key only passes through pipes: other containers may see the folder for temporary files.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from mysqlops import errors
from mysqlops.agent.tls_check import CA, CERTIFICATE, KEY
from mysqlops.core import names, typed

_CA_DAYS, CERTIFICATE_DAYS = 3650, 397
_SECONDS = 30
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CURVE = ("ec_paramgen_curve:prime256v1",)
Files = dict[str, str]


def make_ca(work: Path) -> Files:
    """A new CA: its certificate and its key. Its name is its own: beside an older one of the same name, openssl might
    look for a certificate's signer in the wrong one."""
    (work / "ca.cnf").write_text(
        "[req]\ndistinguished_name = name\nprompt = no\nx509_extensions = extensions\n"
        f"[name]\nCN = mysqlops CA {os.urandom(4).hex()}\n"
        "[extensions]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n"
        "subjectKeyIdentifier = hash\n"
    )
    key = _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", *_CURVE)
    words = ("-x509", "-config", "ca.cnf", "-key", "/dev/stdin", "-days", str(_CA_DAYS))
    return {CA: _openssl("req", *words, work=work, text=key), names.KEY_CA_KEY: key}


def make_certificate(
    work: Path,
    ca_key: str,
    ca: str,
    where: tuple[str, str],
    *,
    days: int = CERTIFICATE_DAYS,
    also: Sequence[str] = (),
) -> Files:
    """One server certificate for all members and Services of a cluster in a namespace, signed by the CA, which it does
    not outlive. `also`: host names of clients from outside."""
    cluster, namespace = where
    hosts = [f"*.{cluster}", cluster, names.primary_service(cluster), names.replicas_service(cluster)]
    domains = [f"{host}.{namespace}{tail}" for host in hosts for tail in ("", ".svc", ".svc.cluster.local")]
    alternatives = ", ".join(f"DNS:{name}" for name in [*domains, *hosts[1:], "localhost", *also])
    (work / CA).write_text(ca)
    (work / "tls.cnf").write_text("[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = mysqlops member\n")
    (work / "tls.ext").write_text(
        "basicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n"
        f"extendedKeyUsage = serverAuth, clientAuth\nsubjectAltName = {alternatives}\n"
    )
    days = min(days, days_left(ca))
    if days < 1:
        raise errors.StepFailed("the CA expires within a day", hint=f"mysqlops tls rotate {cluster} --new-ca")
    key = ("-newkey", "ec", "-pkeyopt", *_CURVE, "-nodes", "-keyout", KEY)
    _openssl("req", "-new", "-config", "tls.cnf", *key, "-out", "tls.csr", work=work)
    signing = ("-CA", CA, "-CAkey", "/dev/stdin", "-CAcreateserial", "-extfile", "tls.ext")
    words = ("-req", "-in", "tls.csr", *signing, "-days", str(days), "-out", CERTIFICATE)
    _openssl("x509", *words, work=work, text=ca_key)
    return {CERTIFICATE: (work / CERTIFICATE).read_text(), KEY: (work / KEY).read_text()}


@lru_cache(maxsize=8)  # an agent looks at each of its own several times a minute
def ends(certificate: str) -> datetime:
    """When the first certificate of a bundle expires; raises StepFailed if it is not a certificate."""
    return _moment(_openssl("x509", "-noout", "-enddate", text=certificate))


def _moment(printed: str) -> datetime:
    """strptime, which `ssl` has for this, would bring a calendar and the names of all languages."""
    try:
        month, day, time, year, zone = printed.strip().removeprefix("notAfter=").split()
        if zone == "GMT":
            return datetime.fromisoformat(f"{year}-{_MONTHS.index(month) + 1:02}-{day:0>2}T{time}+00:00")
    except ValueError:
        pass
    raise errors.StepFailed(f"openssl x509 printed no end of a certificate: {typed.visible(printed.strip()[:100])}")


def days_left(certificate: str) -> int:
    """Whole days until it expires; negative afterwards."""
    return (ends(certificate) - datetime.now(UTC)).days


def fits(certificate: str, key: str) -> bool:
    """Whether the first certificate of a bundle belongs to that key."""
    public = _openssl("x509", "-noout", "-pubkey", text=certificate)
    return public == _openssl("pkey", "-pubout", text=key)


def all_of(bundle: str) -> list[str]:
    """The certificates of a bundle, the newest first; at least one text."""
    first = newest(bundle)
    return [first] if first == bundle else [first, *all_of(bundle[len(first) :])]


def is_signed_by(certificate: str, ca: str, work: Path) -> bool:
    """Whether the first certificate of the bundle `ca` signed it, valid or expired."""
    (work / CA).write_text(newest(ca))
    (work / CERTIFICATE).write_text(certificate)
    try:
        _openssl("verify", "-no_check_time", "-CAfile", CA, CERTIFICATE, work=work)
    except errors.StepFailed:
        return False
    return True


def newest(bundle: str) -> str:
    """The first certificate of a bundle: new ones are put in front."""
    end = "-----END CERTIFICATE-----\n"
    return bundle.partition(end)[0] + end if end in bundle else bundle


def is_ours(certificate: str) -> bool:
    """Whether its name is that of a CA from `make_ca`."""
    return "CN=mysqlops CA" in _openssl("x509", "-noout", "-subject", text=certificate).replace(" = ", "=")


def _openssl(*words: str, work: Path | None = None, text: str = "") -> str:
    try:
        done = subprocess.run(
            ["openssl", *words], cwd=work, input=text, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except FileNotFoundError as error:
        raise errors.StepFailed(
            f"the agent's image has no openssl, and Secret {names.tls_secret('NAME')} is empty",
            hint="use a stock Python image, or fill the Secret: ca.crt, tls.crt, tls.key",
        ) from error
    if done.returncode != 0:
        raise errors.StepFailed(f"openssl {words[0]} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
