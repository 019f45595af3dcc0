"""How the image check runs MySQL Shell's upgrade checker: the real script, with a stand-in for the Shell, because none
is available here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mysqlops.kube import manifests

_SHELL = """#!/bin/sh
IFS= read -r password
printf 'stdin:%s\\n' "$password" >{folder}/heard
printf 'arg:%s\\n' "$@" >>{folder}/heard
env >>{folder}/heard
echo '{{"checksPerformed": []}}'
"""
PASSWORD = "s3cret '$x` word"


def _run(folder: Path, **secret: str) -> subprocess.CompletedProcess[str]:
    (folder / "bin").mkdir()
    (folder / "checker").mkdir()
    shell = folder / "bin" / "mysqlsh"
    shell.write_text(_SHELL.format(folder=folder))
    shell.chmod(0o755)
    for key, value in secret.items():
        (folder / "checker" / key).write_text(value)
    script = manifests.read_text("image-check/upgrade-check.sh")
    script = script.replace("/tmp", str(folder)).replace("/run/checker", f"{folder}/checker")
    environment = {"PATH": f"{folder}/bin:/usr/bin:/bin", "MY_CNF": "[mysqld]", "PRIMARY": "p.db.svc"}
    return subprocess.run(
        ["/bin/sh", "-c", script],
        env={**environment, "TARGET_VERSION": "9.7.5"},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def test_the_password_goes_through_stdin_only(tmp_path: Path) -> None:
    done = _run(tmp_path, username="checker", password=PASSWORD)
    assert (done.returncode, done.stdout) == (0, '{"checksPerformed": []}\n'), done.stderr
    heard = (tmp_path / "heard").read_text()
    assert heard.startswith(f"stdin:{PASSWORD}\n")
    assert heard.count(PASSWORD) == 1
    uri = "arg:checker@p.db.svc:3306?ssl-mode=VERIFY_IDENTITY&ssl-ca=%2Frun%2Fca%2Fca.crt\n"
    wanted = ("arg:--passwords-from-stdin\n", uri, "arg:--target-version=9.7.5\n", "arg:--output-format=JSON\n")
    assert [one for one in wanted if one not in heard] == []
    assert (tmp_path / "my.cnf").read_text() == "[mysqld]"


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ({}, "no username and password"),
        ({"username": "checker"}, "no username and password"),
        ({"password": "x"}, "no username and password"),
        ({"username": "a@evil.example:3306/?x", "password": "x"}, "characters other than"),
    ],
)
def test_a_secret_that_says_no_account_is_named(tmp_path: Path, secret: dict[str, str], why: str) -> None:
    done = _run(tmp_path, **secret)
    assert (done.returncode, why in done.stdout) == (3, True), done.stdout
    assert not (tmp_path / "heard").exists()
