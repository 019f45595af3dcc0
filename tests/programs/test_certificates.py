"""Who renews a certificate, and who leaves it alone; with real openssl, as an agent runs it."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mysqlops import errors
from mysqlops.agent import certificates, openssl, settings, tls_check
from mysqlops.clock import SystemClock
from mysqlops.core import exposure, names
from mysqlops.planning import certificate_state
from tests.unit import clusters
from tests.unit.fakes.secret_api import Killed, Secrets

ME = settings.Settings("mysql", "db", "mysql-0", "uid")
TLS, CA = "mysql-tls", "mysql-ca"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tls"
    made.mkdir()
    return made


def _agent(secrets: Secrets, folder: Path) -> certificates.Certificates:
    return certificates.Certificates(secrets, ME, folder)


def _deployed(folder: Path) -> Secrets:
    secrets = Secrets()
    _agent(secrets, folder).ensure(SystemClock())
    return secrets


def _signed(work: Path, ca: dict[str, str], days: int) -> dict[str, str]:
    """NAME-tls as the owner of that CA would fill it, with a certificate of so many days."""
    made = openssl.make_certificate(work, ca[names.KEY_CA_KEY], ca["ca.crt"], ("mysql", "db"), days=days)
    return {**made, "ca.crt": ca["ca.crt"]}


def test_the_first_member_makes_a_ca_whose_key_touches_no_file(folder: Path) -> None:
    secrets = _deployed(folder)
    assert secrets.values(CA).keys() == {"tls.crt", "tls.key", "replaces"}
    assert "PRIVATE KEY" in secrets.values(CA)["tls.key"]
    assert secrets.values(CA)["tls.crt"] == secrets.values(TLS)["ca.crt"]
    assert {path.name for path in folder.iterdir()} == {"ca.crt", "tls.crt", "tls.key"}
    assert "/dev/stdin" in re.findall(r'"-CAkey", "([^"]+)"', Path(openssl.__file__).read_text())


def test_nobody_reads_the_cas_key_before_it_is_needed(folder: Path) -> None:
    secrets = _deployed(folder)
    secrets.reads.clear()
    assert not _agent(secrets, folder).refresh()
    assert CA not in secrets.reads


def test_a_certificate_of_our_own_is_renewed_before_its_end(folder: Path) -> None:
    secrets = _deployed(folder)
    ca = {names.KEY_CA_KEY: secrets.values(CA)["tls.key"], "ca.crt": secrets.values(TLS)["ca.crt"]}
    secrets.put(TLS, _signed(folder.parent, ca, 100))
    assert _agent(secrets, folder).refresh()
    assert openssl.days_left(secrets.values(TLS)["tls.crt"]) > 390
    assert secrets.values(TLS)["ca.crt"] == ca["ca.crt"]


@pytest.mark.parametrize("days", [90, 20])
def test_a_certificate_of_somebody_elses_is_loaded_and_left_alone(folder: Path, days: int) -> None:
    """cert-manager takes the Secret over after the first deploy: its certificates are always near their end."""
    secrets = _deployed(folder)
    theirs = _signed(folder.parent, openssl.make_ca(folder.parent), days)
    secrets.put(TLS, theirs)
    agent = _agent(secrets, folder)
    assert agent.refresh()
    assert (folder / "tls.crt").read_text() == theirs["tls.crt"]
    assert not agent.refresh()
    assert secrets.values(TLS) == theirs
    with pytest.raises(errors.Refused, match="somebody else"):
        agent.rotate("certificate")
    renewed = {**theirs, **_signed(folder.parent, openssl.make_ca(folder.parent), 90)}
    secrets.put(TLS, renewed)
    assert agent.refresh()
    assert (folder / "tls.crt").read_text() == renewed["tls.crt"]


def test_a_secret_that_others_would_refuse_is_not_loaded_and_the_files_stay(folder: Path) -> None:
    """A CA beside the certificate of another one: members would refuse each other, and clients all of them."""
    secrets = _deployed(folder)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    theirs = _signed(folder.parent, openssl.make_ca(folder.parent), 90)
    secrets.put(TLS, {**theirs, "ca.crt": before["ca.crt"]})
    with pytest.raises(errors.StepFailed, match="Secret mysql-tls is not loaded"):
        _agent(secrets, folder).refresh()
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


@pytest.mark.parametrize("stage", ["certificate", "ca"])
def test_a_change_of_the_ca_that_was_killed_is_ended_by_the_next_run(folder: Path, stage: str) -> None:
    secrets = _deployed(folder)
    old = secrets.values(TLS)["ca.crt"]
    secrets.kill_at = secrets.writes + 1
    with pytest.raises(Killed):
        _agent(secrets, folder).rotate("ca")
    assert secrets.values(TLS)["ca.crt"] == old
    new = secrets.values(CA)["tls.crt"]
    assert new != old
    secrets.kill_at = None
    _agent(secrets, folder).rotate(stage)
    assert secrets.values(TLS)["ca.crt"] == new + old
    assert _agent(secrets, folder).refresh()


def test_a_change_of_the_ca_that_was_killed_while_it_waited_makes_no_third_one(folder: Path) -> None:
    """Clients may have the second one by now."""
    secrets = _deployed(folder)
    _agent(secrets, folder).rotate("ca")
    made = secrets.values(TLS), secrets.values(CA)
    assert len(openssl.all_of(made[0]["ca.crt"])) == 2
    _agent(secrets, folder).rotate("ca")
    assert (secrets.values(TLS), secrets.values(CA)) == made
    _agent(secrets, folder).rotate("certificate")
    _agent(secrets, folder).rotate("ca")  # the old one is still trusted: the change has not ended
    assert len(openssl.all_of(secrets.values(TLS)["ca.crt"])) == 2
    _agent(secrets, folder).rotate("drop")
    assert openssl.all_of(secrets.values(TLS)["ca.crt"]) == [secrets.values(CA)["tls.crt"]]
    _agent(secrets, folder).rotate("drop")
    _agent(secrets, folder).rotate("ca")
    assert openssl.all_of(secrets.values(TLS)["ca.crt"]) == [secrets.values(CA)["tls.crt"], made[1]["tls.crt"]]


def test_a_change_of_the_ca_that_was_killed_is_ended_by_the_next_renewal(folder: Path) -> None:
    secrets = _deployed(folder)
    ca = {names.KEY_CA_KEY: secrets.values(CA)["tls.key"], "ca.crt": secrets.values(TLS)["ca.crt"]}
    secrets.put(TLS, _signed(folder.parent, ca, 100))
    secrets.kill_at = secrets.writes + 1
    with pytest.raises(Killed):
        _agent(secrets, folder).rotate("ca")
    secrets.kill_at = None
    assert _agent(secrets, folder).refresh()
    assert secrets.values(TLS)["ca.crt"] == secrets.values(CA)["tls.crt"] + ca["ca.crt"]


def _is_by(secrets: Secrets, ca: str, folder: Path) -> bool:
    return openssl.is_signed_by(secrets.values(TLS)["tls.crt"], ca, folder.parent)


def test_a_new_ca_is_trusted_by_all_before_it_signs_and_signs_before_the_old_one_is_dropped(folder: Path) -> None:
    """A member that has loaded none of it yet trusts the old CA only, and is trusted by those that have."""
    secrets = _deployed(folder)
    agent, before = _agent(secrets, folder), secrets.values(TLS)
    assert not agent.changes_trust()
    assert not agent.rotate("ca")
    assert secrets.values(TLS)["tls.crt"] == before["tls.crt"]
    new = secrets.values(TLS)["ca.crt"].removesuffix(before["ca.crt"])
    assert new != before["ca.crt"]
    assert agent.changes_trust()
    assert agent.refresh()  # a certificate of the old CA holds under both
    with pytest.raises(errors.StepFailed, match="still signed by the CA that is to be dropped"):
        agent.rotate("drop")
    agent.rotate("ca")  # again: nothing changes
    assert secrets.values(TLS)["ca.crt"] == new + before["ca.crt"]
    assert not agent.rotate("certificate")
    assert _is_by(secrets, new, folder)
    assert agent.refresh()
    assert not agent.rotate("drop")
    assert secrets.values(TLS)["ca.crt"] == new
    assert agent.refresh()


def test_a_certificate_waits_until_the_ca_that_a_killed_run_made_is_trusted(folder: Path) -> None:
    secrets = _deployed(folder)
    old = secrets.values(TLS)["ca.crt"]
    secrets.kill_at = secrets.writes + 1
    with pytest.raises(Killed):
        _agent(secrets, folder).rotate("ca")
    secrets.kill_at = None
    assert _agent(secrets, folder).rotate("certificate")
    assert _is_by(secrets, old, folder)
    assert not _agent(secrets, folder).rotate("certificate")
    assert _is_by(secrets, secrets.values(CA)["tls.crt"], folder)


@pytest.mark.parametrize(("days", "renews"), [(100, False), (13, True)])
def test_a_renewal_leaves_clients_time_to_get_the_new_ca(folder: Path, days: int, renews: bool) -> None:
    secrets = _deployed(folder)
    ca = {names.KEY_CA_KEY: secrets.values(CA)["tls.key"], "ca.crt": secrets.values(TLS)["ca.crt"]}
    secrets.put(TLS, _signed(folder.parent, ca, days))
    agent = _agent(secrets, folder)
    agent.rotate("ca")
    assert agent.refresh()
    assert _is_by(secrets, secrets.values(CA)["tls.crt"], folder) is renews


def test_a_first_deploy_that_was_killed_goes_on_with_the_ca_that_it_made(folder: Path) -> None:
    secrets = Secrets()
    secrets.kill_at = 1
    with pytest.raises(Killed):
        _agent(secrets, folder).ensure(SystemClock())
    made = secrets.values(CA)
    secrets.kill_at = None
    _agent(secrets, folder).ensure(SystemClock())
    assert secrets.values(TLS)["ca.crt"] == made["tls.crt"]
    assert secrets.values(CA) == made


def test_the_key_that_an_older_release_kept_is_found(folder: Path) -> None:
    ca = openssl.make_ca(folder.parent)
    before = {names.KEY_CA_KEY: ca[names.KEY_CA_KEY], names.KEY_GROUP_NAME: clusters.GROUP}
    secrets = Secrets(before)
    secrets.put(TLS, openssl.make_certificate(folder.parent, ca[names.KEY_CA_KEY], ca["ca.crt"], ("mysql", "db")))
    secrets.put(TLS, {**secrets.values(TLS), "ca.crt": ca["ca.crt"]})
    _agent(secrets, folder).rotate("certificate")
    assert secrets.values(TLS)["ca.crt"] == ca["ca.crt"]
    assert not secrets.values(CA)


def _short_ca(work: Path, days: int) -> dict[str, str]:
    key = openssl.make_ca(work)[names.KEY_CA_KEY]
    words = ["openssl", "req", "-x509", "-config", "ca.cnf", "-key", "/dev/stdin", "-days", str(days)]
    done = subprocess.run(words, cwd=work, input=key, capture_output=True, text=True, check=True)
    return {names.KEY_CA_KEY: key, "ca.crt": done.stdout}


def test_no_certificate_outlives_its_ca_and_none_is_made_in_vain(folder: Path) -> None:
    ca = _short_ca(folder.parent, 60)
    made = openssl.make_certificate(folder.parent, ca[names.KEY_CA_KEY], ca["ca.crt"], ("mysql", "db"))
    assert openssl.ends(made["tls.crt"]) <= openssl.ends(ca["ca.crt"])
    secrets = Secrets()
    secrets.put(CA, {"tls.crt": ca["ca.crt"], "tls.key": ca[names.KEY_CA_KEY]})
    secrets.put(TLS, {**made, "ca.crt": ca["ca.crt"]})
    agent = _agent(secrets, folder)
    for name, text in secrets.values(TLS).items():
        (folder / name).write_text(text)
    assert not agent.refresh()
    assert secrets.writes == 0
    with pytest.raises(errors.StepFailed, match="expires within a day"):
        openssl.make_certificate(
            folder.parent, ca[names.KEY_CA_KEY], _short_ca(folder.parent, 1)["ca.crt"], ("m", "db")
        )


def test_what_is_loaded_says_when_it_ends(folder: Path) -> None:
    assert certificates.ends(folder) == ("", "")
    _deployed(folder)
    found = certificates.ends(folder)
    left = datetime.fromisoformat(found.certificate) - datetime.now(UTC)
    assert timedelta(days=390) < left < timedelta(days=400)
    assert found.ca > found.certificate


@pytest.mark.parametrize(
    ("days", "ca_days", "codes"),
    [(31, 61, []), (29, 3000, ["certificate-ends"]), (100, 59, ["ca-ends"]), (-1, -1, ["certificate-ends", "ca-ends"])],
)
def test_status_warns_before_the_end(days: int, ca_days: int, codes: list[str]) -> None:
    until, ca = (f"{clusters.NOW + timedelta(days=one):%Y-%m-%dT%H:%M:%SZ}" for one in (days, ca_days))
    pods = [clusters.pod("mysql-0", role="primary"), clusters.pod("mysql-1"), clusters.pod("mysql-2")]
    pods[1] = clusters.pod("mysql-1", certificate_until=until, ca_until=ca)
    now = clusters.judge(*pods)
    assert [one.code for one in now.conditions] == codes
    assert certificate_state.line(now.members) == f"certificate until {until}, its CA until {ca}"


@pytest.mark.parametrize("text", ["tomorrow", "2026-01-01", ""])
def test_a_moment_that_is_none_is_unknown(text: str) -> None:
    pods = [clusters.pod("mysql-0", role="primary"), clusters.pod("mysql-1"), clusters.pod("mysql-2")]
    pods[1] = clusters.pod("mysql-1", certificate_until=text, ca_until=text)
    now = clusters.judge(*pods)
    assert now.conditions == ()
    assert certificate_state.line(now.members) == ""


def test_host_names_are_in_every_new_certificate(tmp_path: Path) -> None:
    secrets = _deployed(tmp_path)
    agent = _agent(secrets, tmp_path)
    noted = {"x": asdict(exposure.Exposure("primary", "LoadBalancer", "db.example.com"))}
    secrets.objects["mysql-group"]["metadata"]["annotations"] = {exposure.ANNOTATION: json.dumps(noted)}
    agent.rotate("certificate")
    hosts = ["db.example.com", "mysql-primary.db.svc"]
    assert tls_check.refused_because(secrets.values("mysql-tls"), hosts, tmp_path) is None
    assert "not valid for evil" in str(tls_check.refused_because(secrets.values("mysql-tls"), ["evil"], tmp_path))
    assert agent.hostnames() == ["db.example.com"]


@pytest.mark.parametrize("stage", ["certificate", "ca", "drop"])
def test_a_step_changes_only_what_its_command_looked_at(folder: Path, stage: str) -> None:
    """Its program was paused, and a later command has announced another CA, which not every member has loaded."""
    secrets = _deployed(folder)
    of = _agent(secrets, folder).fingerprint()
    _agent(secrets, folder).rotate("ca", of)
    before = secrets.values(TLS), secrets.values(CA)
    with pytest.raises(errors.StepFailed, match="has changed"):
        _agent(secrets, folder).rotate(stage, of)
    assert (secrets.values(TLS), secrets.values(CA)) == before
