"""A certificate is judged before it is used; real keys and certificates, made with openssl as an agent makes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mysqlops.agent import openssl, tls_check
from mysqlops.core import names
from tests.simulation import certificate_cases

HOSTS = ("mysql-0.mysql.db.svc", "mysql-primary.db.svc")


def _made(work: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Files that fit, and the files of a stranger with the same names."""
    sets = []
    for name in ("ours", "strangers"):
        folder = work / name
        folder.mkdir()
        made = openssl.make_ca(folder)
        made |= openssl.make_certificate(folder, made[names.KEY_CA_KEY], made[tls_check.CA], ("mysql", "db"))
        sets.append(made)
    return sets[0], sets[1]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, str]]:
    return _made(tmp_path_factory.mktemp("certificates"))


def test_a_fitting_certificate_is_taken(made: tuple[dict[str, str], dict[str, str]], tmp_path: Path) -> None:
    ours, strangers = made
    assert tls_check.refused_because(ours, HOSTS, tmp_path) is None
    beside = {**ours, "ca.crt": strangers["ca.crt"] + ours["ca.crt"]}
    assert tls_check.refused_because(beside, HOSTS, tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("swapped", "hosts", "told"),
    [
        (("ca.crt",), HOSTS, "is not valid for mysql-0.mysql.db.svc"),
        (("tls.key",), HOSTS, "do not match"),
        ((), ("mysql-0.mysql.elsewhere.svc",), "is not valid for mysql-0.mysql.elsewhere.svc"),
    ],
)
def test_a_certificate_that_others_would_refuse_is_not_taken(
    made: tuple[dict[str, str], dict[str, str]],
    tmp_path: Path,
    swapped: tuple[str, ...],
    hosts: tuple[str, ...],
    told: str,
) -> None:
    ours, strangers = made
    files = {**ours, **{name: strangers[name] for name in swapped}}
    assert told in str(tls_check.refused_because(files, hosts, tmp_path))


@pytest.mark.parametrize("broken", ["", "not PEM"])
def test_files_that_lack_or_are_no_certificates_are_named(
    made: tuple[dict[str, str], dict[str, str]], tmp_path: Path, broken: str
) -> None:
    for name in ("ca.crt", "tls.crt", "tls.key"):
        assert name in str(tls_check.refused_because({**made[0], name: broken}, HOSTS, tmp_path))


def test_a_bundle_with_comments_in_any_script_is_taken(
    made: tuple[dict[str, str], dict[str, str]], tmp_path: Path
) -> None:
    commented = {name: f"# Főtanúsítvány, 認証局\n{text}" for name, text in made[0].items() if name != "tls.key"}
    assert tls_check.refused_because({**made[0], **commented}, HOSTS, tmp_path) is None


@pytest.mark.parametrize("case", certificate_cases.CASES, ids=lambda case: case.__name__)
def test_the_simulators_contract(case: Callable[[Path, certificate_cases.Accepts], None], tmp_path: Path) -> None:
    case(tmp_path, lambda files: tls_check.refused_because(files, ["mysql-0.mysql.db.svc"], tmp_path) is None)
