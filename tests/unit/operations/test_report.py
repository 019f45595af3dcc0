"""The zip for a colleague: whole, without secrets, also with few rights, and never in the place of another file."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.cli.main import run
from mysqlops.core import names, redaction
from mysqlops.operations import bundle, doctor, local_file
from tests.unit.fakes.cluster import GROUP, NAME, Cluster
from tests.unit.planning.test_doctor import SANE

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nAASCBKcwggSjAgEAAoIBAQ\n-----END PRIVATE KEY-----"
KNOWN = {"password": 'correct horse\'s "battery"', "ca-key": PEM, "backup-key": "fTz0w9-Kq2"}
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJl.c2lnbmF0dXJl"
# What has the form of a secret is found without knowing it: text -> what must not be seen of it.
FORMS = {
    f"Authorization: Bearer {JWT}": JWT,
    f"token is {JWT} there": JWT,
    "https://backup:hunter2pass@s3.example.org/x": "hunter2pass",
    "CREATE USER 'a'@'%' IDENTIFIED WITH caching_sha2_password BY 'let me in'": "let me in",
    'ALTER USER a IDENTIFIED BY "l\'e-t"': "l'e-t",
    "mysql --password=s3same-x app": "s3same-x",
    'AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7"': "wJalrXUtnFEMI",
    '{"client_secret": "abc def", "a": 1}': "abc def",
    "AKIAIOSFODNN7EXAMPLE": "AKIAIOSFODNN7EXAMPLE",
    "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29": "94BDCEBE",
    "hash $A$005$abcdefghijklmnopqrstuvwxyz0123 end": "abcdefghijklm",
    PEM.replace("\n", "\n2026-01-01T00:00:00Z "): "AASCBKcwggSjAgEAAoIBAQ",
    "authentication_ldap_simple_bind_root_pwd = ldap-bind-1": "ldap-bind-1",
    "DB_PASS=db-pass-1 run": "db-pass-1",
    "dbPass: camel-pass-1": "camel-pass-1",
    "passphrase: phrase-1": "phrase-1",
    "https://ghp0token1@git.example.org/x": "ghp0token1",
    "mysql://root:p@ss#word1@db:3306/x": "ss#word1",
    "curl -H 'Authorization: token tok-en-1' x": "tok-en-1",
    "mysqldump --password option-1 shop": "option-1",
    "mysqldump --ssl-passphrase 'option 2' shop": "option 2",
    "SET PASSWORD FOR 'a'@'%' = 'set password 1'": "set password 1",
    "SET PASSWORD = PASSWORD('in brackets')": "in brackets",
    "ALTER USER a IDENTIFIED WITH 'sha256_password' BY 'new one' REPLACE 'old one'": "old one",
    "ALTER USER b IDENTIFIED WITH 'sha256_password' BY 'new two'": "new two",
    'password: "abc\\"def ghi-1", a': "ghi-1",
    "IDENTIFIED BY 'ab''cd-1'": "cd-1",
    "IDENTIFIED BY 'cut off 1": "cut off 1",
    '"body": "{\\"password\\": \\"inner one\\"}"': "inner one",
    "Duplicate entry 'ann@example.org' for key 'PRIMARY'": "ann@example.org",
}


@pytest.mark.parametrize("told", FORMS)
def test_what_has_the_form_of_a_secret_is_taken_out_and_the_rest_stays(told: str) -> None:
    assert FORMS[told] in told
    assert FORMS[told] not in redaction.text(f"before {told}\nafter", ())
    assert redaction.text(f"before {told}\nafter", ()).startswith("before ")
    assert redaction.text(f"before {told}\nafter", ()).endswith("\nafter")


@pytest.mark.parametrize(
    "part",
    [
        *("a-", "x", "eyJ-", "eyJaaaaaaaa.", "password", 'password\\"', "identified ", "set password ", "://", "--"),
        *("://a:", "%3a%2f%2fa%3a", "a:b@", "password: >\n a", "name: password ", "name: a", "password%3d"),
        *("-----BEGIN ", "*A", "$A$005$", "by '", "'", "\\", "pass:'", "Basic ", "authorization ", "replace "),
    ],
)
def test_the_time_of_a_long_word_does_not_grow_with_its_square(part: str) -> None:
    """A server's log may have a line of any length, and whoever connects may write into it."""
    began = time.process_time()
    redaction.text(part * (64_000 // len(part)), ())
    assert time.process_time() - began < 1.0


def test_plain_texts_stay() -> None:
    plain = f"{GROUP}:1-5 mysql-0 ONLINE; Secret mysql-root, keys password; certificate until 2026-01-01T00:00:00Z"
    assert redaction.text(plain, redaction.values([_secret("x", {"password": "short"})])) == plain


def test_values_in_objects_are_taken_out_by_their_names() -> None:
    found = {
        "env": [{"name": "MY_PASSWORD", "value": "x"}, {"name": "HOME", "value": "/root"}],
        "api_token": "y",
        "secretKeyRef": {"name": "mysql-root", "key": "password"},
        "secretName": "mysql-tls",
        "managedFields": [1],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    assert redaction.tree(found, ()) == {
        "env": [{"name": "MY_PASSWORD", "value": redaction.MARK}, {"name": "HOME", "value": "/root"}],
        "api_token": redaction.MARK,
        "secretKeyRef": {"name": "mysql-root", "key": "password"},
        "secretName": "mysql-tls",
        "annotations": {},
    }


def _secret(name: str, values: dict[str, str]) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"kind": "Secret", "metadata": {"name": name, "labels": {}}, "data": data}


class World:
    """A cluster, what its containers logged, and what may not be read."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.log, self.forbidden = cluster, "", set[str]()

    def client(self, *_: object) -> Any:
        found = self.cluster.session().client
        listed = found.list

        def timed_logs(pod: str, container: str, *, lines: int, previous: bool = False) -> str:
            if "logs" in self.forbidden:
                raise errors.Forbidden("pods/log")
            return f"2026-01-01T00:00:00Z {pod} {container} {previous}\n{self.log}"

        def limited(kind: str, selector: str = "") -> Any:
            if kind in self.forbidden:
                raise errors.Forbidden(f"you may not list {kind}")
            return listed(kind, selector)

        def answer(*_: object) -> Any:
            if "exec" in self.forbidden:
                raise errors.PodExecFailed("403 forbidden")
            return {**SANE, "moment": self.cluster.clock.now().isoformat(), "my-cnf": f"[mysqld]\n# {self.log}\n"}

        found.timed_logs, found.list, found.answer = timed_logs, limited, answer  # type: ignore[method-assign,assignment,attr-defined]
        return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    monkeypatch.chdir(tmp_path)
    made = World(Cluster(3))
    for one in doctor._wanted(NAME).values():
        made.cluster.store.put(one)
    monkeypatch.setattr("mysqlops.cli.context.client", made.client)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: made.cluster.clock)
    return made


def _files(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist()}


def _spread(world: World) -> None:
    """Every secret everywhere: in logs, settings, annotations, ConfigMaps, events, and in each form."""
    store = world.cluster.store
    everywhere = "\n".join(
        [*KNOWN.values(), *(base64.b64encode(one.encode()).decode() for one in KNOWN.values()), *FORMS]
    )
    world.log = everywhere
    labels = store.objects["Lease", "mysql-group"]["metadata"]["labels"]
    store.put(_secret("mine", KNOWN) | {"metadata": {"name": "mine", "labels": labels}})
    store.put({"kind": "ConfigMap", "metadata": {"name": "c", "labels": labels}, "data": {"a": everywhere}})
    about = {"kind": "Pod", "name": "mysql-0"}
    store.put({"kind": "Event", "metadata": {"name": "e"}, "involvedObject": about, "message": everywhere})
    store.objects["Lease", "mysql-group"]["metadata"]["annotations"]["note"] = json.dumps({"a": everywhere})


def test_no_secret_is_in_the_file(world: World) -> None:
    _spread(world)
    assert run(["report", NAME, "--file", "r.zip"]) == 0
    content = Path("r.zip").read_bytes()
    text = "\n".join(_files(Path("r.zip")).values())
    for value in (*KNOWN.values(), *FORMS.values()):
        for one in (value, *value.splitlines(), base64.b64encode(value.encode()).decode(), json.dumps(value)[1:-1]):
            if len(one) > 5 and not one.startswith("-----"):
                assert one not in text, one
    assert len(zipfile.ZipFile(io.BytesIO(content)).namelist()) > 15
    (mine,) = [
        one for one in json.loads(_files(Path("r.zip"))["objects/Secret.json"]) if one["metadata"]["name"] == "mine"
    ]
    assert mine["keys"] == ["backup-key", "ca-key", "password"]
    assert "data" not in mine


def test_without_the_right_to_read_secrets_their_forms_are_still_taken_out(world: World) -> None:
    _spread(world)
    world.forbidden = {"Secret"}
    assert run(["report", NAME, "--file", "r.zip"]) == 0
    files = _files(Path("r.zip"))
    assert {value for value in FORMS.values() if value in "\n".join(files.values())} == set()
    assert "Secrets: you may not list Secret" in files["README.txt"]


def test_without_the_right_to_list_secrets_those_that_the_cluster_names_are_still_known(world: World) -> None:
    value = "Xk3-92hdu"
    world.cluster.store.objects["Secret", "mysql-root"]["data"] = _secret("x", {"password": value})["data"]
    world.log = f"someone printed {value} here"
    world.forbidden = {"Secret"}
    assert run(["report", NAME, "--file", "r.zip"]) == 0
    files = _files(Path("r.zip"))
    assert value not in "".join(files.values())
    assert "someone printed [redacted] here" in files["logs/mysql-0/mysqld.log"]


@pytest.mark.parametrize(
    ("told", "hidden"),
    [
        ("mysql://root:p/ss@wo/rd1@db:3306/x", "wo/rd1"),
        ("mysql%3A%2F%2Froot%3Aenc0ded%40db", "enc0ded"),
        ("root:go-pass1@tcp(db:3306)/x", "go-pass1"),
        ("password: >-\n    folded-1\n    folded-2\nuser: a", "folded-2"),
        ("- name: DB_PASSWORD\n  value: in-yaml-1", "in-yaml-1"),
        ('{\\"name\\": \\"DB_PASSWORD\\", \\"value\\": \\"in-json-1\\"}', "in-json-1"),
        ("password%3Din-form-1&x=1", "in-form-1"),
    ],
)
def test_more_forms(told: str, hidden: str) -> None:
    assert hidden not in redaction.text(f"before {told}\nafter", ())


def test_json_in_a_text_in_json_is_read_to_the_bottom_and_no_depth_ends_the_report() -> None:
    inner: Any = {"kind": "Secret", "data": {"plain": "c2VjcmV0LXZhbHVl"}, "passwords": ["one-1", 2], "pwd": 12345}
    for _ in range(6):
        inner = f" {json.dumps(json.dumps(inner))}" if isinstance(inner, dict) else json.dumps({"a": inner})
    found = str(redaction.tree({"note": inner}, ()))
    for hidden in ("c2VjcmV0LXZhbHVl", "one-1", "12345"):
        assert hidden not in found
    for deep in ("[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900):
        assert redaction.MARK in redaction.tree({"note": deep}, ())["note"]
    assert redaction.tree({"n": 12345678}, ["12345678"]) == {"n": redaction.MARK}


def test_everything_that_a_colleague_needs_is_in_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.cluster.facts["mysql-1"]["mysqld"] = {"restartCount": 1, "state": {"running": {}}}
    template = world.cluster.stateful_set()["spec"]["template"]
    template["metadata"].setdefault("annotations", {})[names.ANNOTATION_AGENT] = bundle.build().version
    assert run(["report", NAME, "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["kind"], shown["unread"]) == ("Report", {})
    path = Path(shown["file"])
    assert path.name == "mysql-report-20260101-000000.zip"
    assert path.stat().st_mode & 0o777 == 0o600
    files = _files(path)
    wanted = ["README.txt", "status.json", "doctor.json", "events.json", "objects/Pod.json", "objects/Secret.json"]
    wanted += ["logs/mysql-0/mysqld.log", "logs/mysql-1/mysqld.previous.log", "servers/mysql-2.json"]
    assert set(wanted) <= files.keys()
    assert "logs/mysql-0/mysqld.previous.log" not in files
    assert json.loads(files["servers/mysql-0.json"])["group"] == SANE["group"]
    assert json.loads(files["doctor.json"])["name"] == NAME
    assert "Everything could be read." in files["README.txt"]
    assert GROUP in files["status.json"]


def test_a_terminal_obeys_nothing_in_it_and_no_name_leads_out_of_it(world: World) -> None:
    """A name in mysqld's log, and a list of pods that is not Kubernetes' own."""
    world.log = "Aborted connection to db: 'x\x1b]0;title\x07\u202e' and\ttabs"
    pod = world.cluster.store.objects["Pod", "mysql-0"]
    for number, name in enumerate(("../../../etc/cron.d/x", "..\\..\\y", "/z", "a\x1bb")):
        world.cluster.store.objects["Pod", f"odd-{number}"] = {**pod, "metadata": {**pod["metadata"], "name": name}}
    assert run(["report", NAME, "--file", "it.zip"]) == 0
    with zipfile.ZipFile("it.zip") as archive:
        names = archive.namelist()
    assert not [name for name in names if ".." in name.split("/") or name.startswith("/") or "\\" in name]
    assert len({*names}) == len(names)
    files = _files(Path("it.zip"))
    assert not [path for path, text in files.items() if "\x1b" in path + text or "\u202e" in text]
    assert "title" in files["logs/mysql-0/mysqld.log"]
    assert "\ttabs" in files["logs/mysql-0/mysqld.log"]


def test_what_may_not_be_read_is_said_in_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.forbidden = {"Secret", "ConfigMap", "Event", "logs", "exec", "Node"}
    assert run(["report", NAME, "--file", "r.zip"]) == 0
    assert "could not be read, see its README.txt" in capsys.readouterr().out
    readme = _files(Path("r.zip"))["README.txt"]
    for source in ("ConfigMap", "Event", "Node", "Secrets", "logs/mysql-0/mysqld.log", "servers/mysql-1"):
        assert f"  {source}: " in readme
    assert json.loads(_files(Path("r.zip"))["status.json"])["primary"] == "mysql-0"


def test_an_existing_file_stays(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    Path("r.zip").write_text("mine")
    assert run(["report", NAME, "--file", "r.zip"]) == errors.Refused.exit_code
    assert "file-exists" in capsys.readouterr().err
    assert Path("r.zip").read_text() == "mine"
    with pytest.raises(errors.Refused):  # it came while the report was made
        local_file.write(Path("r.zip"), b"other", overwrite=False)
    assert [one.name for one in Path().iterdir()] == ["r.zip"]
    assert run(["report", NAME, "--file", "r.zip", "--overwrite"]) == 0
    assert zipfile.is_zipfile("r.zip")
    assert run(["report", NAME, "--file", "no/folder.zip"]) == errors.ConfigError.exit_code


def test_a_cluster_that_does_not_exist_makes_no_file(world: World) -> None:
    assert run(["report", "other", "--file", "r.zip"]) == errors.NotFound.exit_code
    assert not Path("r.zip").exists()
