"""A setting whose value is a secret is repeated nowhere: in no output, argument, statement or report."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent.jobs import recorded
from mysqlops.cli.main import run
from mysqlops.core import cluster_file, my_cnf, mysqld_config, redaction, setting_secrets, target
from mysqlops.core.spec import ClusterSpec
from mysqlops.objects import backup, drift, render
from mysqlops.operations import backup as backups
from mysqlops.operations import configure, deploy, observe, restic, restore, targets, trial_pod
from mysqlops.planning import apply, settings
from mysqlops.planning.checks import servers
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.operations.test_backup import TARGET, made
from tests.unit.operations.test_configure import Servers

KEY, VALUE = "authentication_ldap_simple_bind_root_pwd", "s3cret-bind"


@pytest.mark.parametrize(
    ("key", "value", "is_secret"),
    [
        (KEY, VALUE, True),
        (f"Loose-{KEY.replace('_', '-')}", VALUE, True),
        ("keyring_hashicorp_secret_id", "x", True),
        ("keyring_hashicorp_role_id", "x", True),
        ("telemetry.otel_exporter_otlp_traces_headers", "authorization=Basic eA==", True),
        ("some_plugin_api_key", "abc", True),
        ("some_plugin_api_key", "/etc/key.pem", False),
        ("ssl_key", "server-key.pem", True),  # refused anyway
        ("password_history", "5", False),
        ("validate_password.length", "8", False),
        ("default_password_lifetime", "0", False),
        ("key_buffer_size", "8M", False),
        ("foreign_key_checks", "ON", False),
        (KEY, "", False),
        (KEY, None, False),
    ],
)
def test_which_settings_are_secrets(key: str, value: str | None, is_secret: bool) -> None:
    assert setting_secrets.is_secret(key, value) is is_secret


class World(Servers):
    """A cluster with such a setting."""

    def __init__(self) -> None:
        super().__init__()
        files = self.store.objects["ConfigMap", "mysql-config"]["data"]
        for file in ("my.cnf", "user.cnf"):
            files[file] += f"{KEY} = {VALUE}\n"
        files["previous.cnf"] = f"[mysqld]\n{KEY} = {VALUE}-old\n"
        for one in self.variables.values():
            one[KEY] = VALUE

    def _answer(self, pod: str, words: Sequence[str]) -> Any:
        if words[0] == "get-settings":
            return {key: self.variables[pod].get(key) for key in words if key in self.variables[pod]}
        return super()._answer(pod, words)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    monkeypatch.chdir(tmp_path)
    made = World()
    monkeypatch.setattr("mysqlops.cli.context.client", lambda *_: made.session().client)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: made.clock)
    return made


@pytest.mark.parametrize("form", ["table", "json"])
def test_config_shows_that_it_is_set_and_not_to_what(
    world: World, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    world.variables["mysql-1"][KEY] = f"{VALUE}-other"
    assert run(["config", "get", NAME, "-o", form]) == 0
    assert run(["config", "diff", NAME, "-o", form]) == 0
    shown = capsys.readouterr()
    assert KEY in shown.out
    assert setting_secrets.HIDDEN in shown.out
    assert VALUE not in shown.out + shown.err


@pytest.mark.parametrize("verb", [["export", NAME], ["render", NAME, "--config", "my.cnf"]])
def test_a_whole_my_cnf_is_printed_with_it_or_not_at_all(
    world: World, capsys: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    Path("my.cnf").write_text(f"[mysqld]\n{KEY} = {VALUE}\n")
    assert run(verb) == errors.Refused.exit_code
    shown = capsys.readouterr()
    assert "secret-setting" in shown.err
    assert VALUE not in shown.out + shown.err
    assert run([*verb, "--show-secrets"]) == 0
    assert VALUE in capsys.readouterr().out


def test_the_command_line_takes_none(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "set", NAME, f"{KEY}={VALUE}"]) == errors.Refused.exit_code
    shown = capsys.readouterr().err
    assert "secret-argument" in shown
    assert f"{KEY}=-" in shown
    assert VALUE not in shown
    assert world.store.log == []


@pytest.mark.parametrize("changes", [["max_connections=9", f"={VALUE}"], ["a=1", VALUE], [f" = {VALUE}"]])
def test_a_value_that_lost_its_key_is_not_repeated(
    world: World, capsys: pytest.CaptureFixture[str], changes: list[str]
) -> None:
    assert run(["config", "set", NAME, *changes]) == errors.ConfigError.exit_code
    shown = capsys.readouterr().err
    assert f"change {len(changes)}: expected KEY=VALUE" in shown
    assert VALUE not in shown
    assert run(["config", "set", NAME, "max_connections="]) == errors.ConfigError.exit_code
    assert "'max_connections': expected KEY=VALUE" in capsys.readouterr().err


def test_stdin_gives_the_value_as_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[ClusterSpec]()

    def plan(_session: object, _name: str, _running: object, spec: ClusterSpec, again: object) -> object:
        seen.append(spec)
        raise errors.Refused([errors.Reason("seen", "seen")])

    monkeypatch.setattr(configure, "plan", plan)
    monkeypatch.setattr("sys.stdin", io.StringIO("a # 'b' \\n\n"))
    assert run(["config", "set", NAME, f"{KEY}=-", "--dry-run"]) == errors.Refused.exit_code
    assert seen[0].mysqld[KEY] == "a # 'b' \\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run(["config", "set", NAME, f"{KEY}=-", "--dry-run"]) == errors.ConfigError.exit_code
    assert run(["config", "set", NAME, f"{KEY}=-", "x=-", "--dry-run"]) == errors.ConfigError.exit_code


def test_it_reaches_servers_by_their_file_and_never_by_an_argument_of_a_program(world: World) -> None:
    session = world.session()
    now = observe.judged(session, NAME)
    assert configure._kinds(session, now, [KEY, "max_connections"]) == {KEY: "static", "max_connections": "dynamic"}
    assert settings.as_configured([KEY, "long_query_time"], f"[mysqld]\n{KEY}=x\nlong_query_time=2") == {
        "long_query_time": "2"
    }


def test_no_sentence_about_settings_has_it() -> None:
    change = configure.Change({KEY: VALUE}, (), {}, None)
    assert VALUE not in str(change.steps())
    (difference,) = apply._of_settings({KEY: VALUE}, {KEY: f"{VALUE}-old"})
    assert VALUE not in str(difference)
    (added,) = apply._of_settings({KEY: VALUE}, {})
    assert "not set" in str(added)
    assert VALUE not in str(added)
    found = servers.shown(servers.differences(f"[mysqld]\n{KEY} = {VALUE}", {KEY: "other-value"}))
    assert found == {KEY: (setting_secrets.HIDDEN, setting_secrets.HIDDEN)}
    (line,) = drift.differences({"data": {"my.cnf": f"{KEY}={VALUE}"}}, {"data": {"my.cnf": f"{KEY}={VALUE}1"}})
    assert VALUE not in str(line)
    spec = ClusterSpec(name=NAME, namespace="db", mysqld={KEY: VALUE})
    assert VALUE not in json.dumps(restore.shown(spec, None, ""))


def test_a_file_is_shown_without_it() -> None:
    text = f"[mysqld]\nsome_plugin_api_key = {VALUE}\nmax_connections = 90\n"
    assert setting_secrets.without_values(text) == text.replace(VALUE, setting_secrets.HIDDEN)


_HEADERS = "telemetry.otel_exporter_otlp_traces_headers"
SECRETS = {KEY: VALUE, _HEADERS: f"a={VALUE}"}
SPEC = ClusterSpec(NAME, "db", mysqld={**SECRETS, "max_connections": "90", "init_connect": "SET @a = 'b'"})


@pytest.mark.parametrize("steps", [backup.CREATE, backup.SNAPSHOT, backup.VERIFY, backup.restore("latest")])
def test_no_job_shows_it_to_whoever_reads_pods(steps: tuple[backup.Step, ...]) -> None:
    source = backup.Source(SPEC, "config", "agent")
    made = backup.job(restic.templates(), "x", TARGET, steps, source, **backup.environment_of(SPEC, "uid"))
    assert "max_connections" in json.dumps(made)
    assert VALUE not in json.dumps(made)


def test_a_trial_of_an_image_does_not_show_it_to_whoever_reads_pods() -> None:
    (container, _) = trial_pod.pod(SPEC, deploy.objects(SPEC))["spec"]["containers"]
    (my_cnf,) = (one["value"] for one in container["env"] if one["name"] == "MY_CNF")
    assert VALUE not in my_cnf
    assert "max_connections = 90" in my_cnf
    assert f"{KEY} = {setting_secrets.HIDDEN}" in my_cnf


def test_a_backup_keeps_all_settings_as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are those of the cluster's ConfigMap, which the Job mounts."""
    assert recorded._USER_CNF.name == render.USER_CNF
    monkeypatch.setattr(recorded, "_USER_CNF", tmp_path / "user.cnf")
    environment = backup.environment_of(SPEC, "uid")
    assert set(recorded.spec(environment)["mysqld"]) == set(SPEC.mysqld) - set(SECRETS)
    (tmp_path / "user.cnf").write_text(mysqld_config.layer([], SPEC.mysqld))
    kept = recorded.spec(environment)
    assert kept["mysqld"] == mysqld_config.recorded(SPEC.mysqld)
    assert kept["memory"] == SPEC.memory
    with pytest.raises(errors.StepFailed, match="SPEC of this Job"):
        recorded.spec({"SPEC": "["})


def test_the_job_mounts_what_it_reads() -> None:
    made = backup.job(restic.templates(), "x", TARGET, backup.CREATE, backup.Source(SPEC, "config", "agent"))
    pod = made["spec"]["template"]["spec"]
    copying = next(one for one in pod["initContainers"] if one["name"] == "copy")
    assert str(recorded._USER_CNF.parent) in [mount["mountPath"] for mount in copying["volumeMounts"]]


def test_a_report_hides_it_in_jobs_of_older_releases() -> None:
    record = json.dumps({"memory": "1Gi", "mysqld": {**SECRETS, "max_connections": "90"}})
    shown = json.dumps(redaction.tree({"env": [{"name": "SPEC", "value": record}]}, ()))
    assert "max_connections" in shown
    assert VALUE not in shown


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
@pytest.mark.parametrize("verb", [["restore", "b", "--as", "copy", "--dry-run"], ["backup", "describe", "b"]])
def test_no_document_about_a_backup_has_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: list[str], form: str
) -> None:
    found = made(1, id="b")
    spec = {**asdict(SPEC), "mysqld": mysqld_config.recorded(SPEC.mysqld)}
    manifest = {"spec": spec, "contents": {"tables": {}, "rights": {}, "programs": {}}}
    cluster = Cluster()
    monkeypatch.setattr("mysqlops.cli.context.client", lambda *_: cluster.session().client)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: cluster.clock)
    monkeypatch.setattr(targets, "find", lambda *_: TARGET)
    monkeypatch.setattr(backups, "held", lambda *_: ([found], []))
    monkeypatch.setattr(backups, "find", lambda *_: found)
    monkeypatch.setattr(backups, "manifest", lambda *_: manifest)
    for check in ("check", "check_data"):
        monkeypatch.setattr(restore, check, lambda *_: None)
    assert run([*verb, "-o", form, *["--accept-unsigned"] * (verb[0] == "restore")]) == 0
    shown = capsys.readouterr()
    assert VALUE not in shown.out + shown.err
    assert setting_secrets.HIDDEN in shown.out or (verb[0], form) == ("backup", "table")


_FILE = "apiVersion: mysqlops/v1\nkind: Cluster\nmetadata: {{name: x}}\nspec:\n  settings:\n    {}: {}\n"
_TARGET = "apiVersion: mysqlops/v1\nkind: BackupTarget\nmetadata: {{name: x}}\nspec: {{s3: {}}}\n"


@pytest.mark.parametrize(
    "refuse",
    [
        lambda: my_cnf.written("password", f"{VALUE}\x00"),  # of `sql`: a file in UTF-16 became the Secret
        lambda: my_cnf.parse(f"{KEY} = {VALUE}\n", "--config"),
        lambda: my_cnf.parse(f"[mysqld]\n!{VALUE}\n", "--config"),
        lambda: my_cnf.parse(f"[mysqld]\n{KEY} = {VALUE}\x01\n", "--config"),
        lambda: mysqld_config.of_record({KEY: f"{VALUE}\x01"}, "the settings recorded with x"),
        lambda: cluster_file.parse(_FILE.format(KEY, f'"{VALUE}\\x01"'), "f"),
        lambda: cluster_file.parse(_FILE.format(KEY, f"*{VALUE}"), "f"),
        lambda: cluster_file.parse(_FILE.format(KEY, f"!{VALUE}"), "f"),
        lambda: target.repository_of(f"https://key:{VALUE}@host/bucket", None, None),
        lambda: target.repository_of(None, None, f"rest:https://user:{VALUE}@host/ \x01"),
    ],
)
def test_a_refusal_does_not_repeat_the_secret_that_it_refuses(refuse: Callable[[], object]) -> None:
    with pytest.raises(errors.ConfigError) as error:
        refuse()
    assert VALUE not in f"{error.value} {error.value.hint}"
