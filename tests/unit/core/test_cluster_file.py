"""The parser of cluster files: what it reads, and what it says of everything else."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest

from mysqlops.cli import yaml_text
from mysqlops.cli.backup.binlog.start import start as binlog_start
from mysqlops.cli.backup.schedule.set import set as schedule_set
from mysqlops.cli.backup.target.add import add as target_add
from mysqlops.cli.deploy import deploy
from mysqlops.cli.expose import expose
from mysqlops.core import cluster_file, file_fields
from mysqlops.core.my_cnf import Setting
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import ConfigError, Reason
from mysqlops.objects import cluster_file as described

FULL = """\
apiVersion: mysqlops/v1
kind: Cluster
metadata: {name: mysql, namespace: shop}
spec:
  replicas: 3
  memory: 2Gi
  storage: {size: 10Gi}
  settings:
    max_connections: 0200
    time_zone: "+00:00"
    log_bin_trust_function_creators: ON
    skip_name_resolve:
  access: {clientNamespaces: [web, api]}
  backup:
    schedule: {target: local, cron: "0 3 * * *", keep: {daily: 7}, maxAge: 2d, rate: 50Mi}
"""
NEW = ClusterSpec("mysql", "shop")


def _one(text: str) -> cluster_file.Document:
    (found,) = cluster_file.parse(text, "f.yaml")
    return found


def test_a_file_is_read_as_it_is_written() -> None:
    """No YAML decides that ON is a boolean and 0200 is 128."""
    found = _one(FULL)
    assert (found.name, found.namespace, found.values["spec.replicas"]) == ("mysql", "shop", 3)
    assert found.values["spec.settings"] == (
        Setting("max_connections", "0200", 9),
        Setting("time_zone", "+00:00", 10),
        Setting("log_bin_trust_function_creators", "ON", 11),
        Setting("skip_name_resolve", None, 12),
    )
    spec = described.spec_of(found, NEW, is_running=False)
    assert (spec.memory, spec.cpu, spec.client_namespaces) == ("2Gi", "500m", ("api", "web"))
    wish = described.schedule_of(found, None)
    assert wish is not None
    assert (wish.rate_mib, wish.max_age, wish.verify_max_age, wish.keep.daily) == (50, 172800, 0, 7)
    assert described.receiver_of(found, None) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("memory", "memroy", "line 6: no field spec.memroy; did you mean memory?"),
        ("daily", "dayly", "line 15: no field spec.backup.schedule.keep.dayly; did you mean daily?"),
        ("spec:", "sepc:", "line 4: no field sepc; did you mean spec?"),
        ("{size: 10Gi}", "10Gi", "line 7: spec.storage: expected fields such as size: value"),
        ("  memory", "  xyzzy: 1\n  memory", "line 6: no field spec.xyzzy; expected one of replicas, image,"),
        ("2Gi", "two", "line 6: spec.memory: 'two' is not a quantity; expected a number with a unit"),
        ("2Gi", "[2Gi]", "line 6: spec.memory: expected one value"),
        ("replicas: 3", "replicas: 3.5", "line 5: spec.replicas: expected a whole number, found '3.5'"),
        ("[web, api]", "web", "line 13: spec.access.clientNamespaces: expected a list such as [a, b]"),
        ("clientNamespaces: [web, api]", "limitEgress: yes", "expected true or false, found 'yes'"),
        ('cron: "0 3 * * *", ', "", "line 15: spec.backup.schedule.cron is missing"),
        ("2d", "soon", "line 15: spec.backup.schedule.maxAge: 'soon' is not a duration"),
        ("0200", "[1]", "line 9: spec.settings.max_connections: expected one value"),
        ("0200", '"a\\nb"', "a setting must not contain control characters"),
        ("max_connections:", "max connections:", "'max connections' is not the name of a setting"),
        ("kind: Cluster", "kind: cluster", "line 2: kind: 'cluster', expected Cluster"),
        ("kind: Cluster\n", "", "kind: missing, expected Cluster or BackupTarget"),
        ("mysqlops/v1", "mysqlops/v2", "line 1: apiVersion: 'mysqlops/v2', expected mysqlops/v1"),
        ("name: mysql", "name: My", "line 3: metadata.name: 'My': expected at most 40 of a-z"),
        ("name: mysql, ", "", "line 3: metadata.name is missing"),
        ("shop", "Shop", "line 3: metadata.namespace: 'Shop': expected"),
        ("  memory: 2Gi", "  memory: 2Gi\n  memory: 3Gi", "line 7: memory is given twice"),
        ("2Gi", "&x 2Gi\n  cpu: *x", "an alias: write the value again"),
        ("2Gi", "!x 2Gi", "a tag: a value that begins with ! needs quotes"),
        ("2Gi", "{", "not YAML"),
        ("metadata", "? [a]\n: b\nmetadata", "expected the name of a field before the ':'"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(old: str, new: str, said: str) -> None:
    assert old in FULL
    with pytest.raises(ConfigError) as error:
        cluster_file.parse(FULL.replace(old, new, 1), "f.yaml")
    assert str(error.value).startswith("f.yaml line ")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("replicas: 3", "replicas: 4", "f.yaml line 5: spec.replicas 4: an even group"),
        ("2Gi", "1Mi", "spec.memory"),
        ("memory: 2Gi", "cpu: 1m", "spec.cpu 1m: expected at least 50m"),
        ("[web, api]", "[Web]", "spec.access.clientNamespaces 'Web': expected"),
        ("max_connections: 0200", "sync_binlog: 0", "f.yaml line 9: sync_binlog may not be set: "),
        ("skip_name_resolve:", "max-connections: 70", "f.yaml line 12: max-connections is set twice: also in line 9"),
        ('cron: "0 3 * * *"', "cron: daily", "spec.backup.schedule.cron 'daily'"),
    ],
)
def test_a_value_that_no_cluster_may_have_is_refused_in_the_words_of_the_file(old: str, new: str, said: str) -> None:
    document = _one(FULL.replace(old, new, 1))

    def read() -> None:
        described.spec_of(document, NEW, is_running=False)
        described.schedule_of(document, None)

    with pytest.raises(ConfigError) as error:
        read()
    assert said in str(error.value)
    assert "--" not in f"{error.value} {error.value.hint}"


def test_several_documents_each_once() -> None:
    assert [
        one.name for one in cluster_file.parse(f"---\n{FULL}---\n{FULL.replace('mysql,', 'other,')}---\n", "f")
    ] == [
        "mysql",
        "other",
    ]
    both = cluster_file.parse(f"{FULL}---\n{FULL.replace(', namespace: shop', '')}", "f")
    with pytest.raises(ConfigError, match="f line 17: Cluster mysql is in f line 1 already"):
        cluster_file.check_once((one.namespace or "shop", one) for one in both)
    cluster_file.check_once((one.namespace or "other", one) for one in both)
    with pytest.raises(ConfigError, match="f line 17: Cluster mysql is in f line 1 already"):
        cluster_file.parse(f"{FULL}---\n{FULL}", "f")
    with pytest.raises(ConfigError, match="no document"):
        cluster_file.parse("# nothing\n", "f")


def test_a_refusal_is_in_the_words_of_the_file_and_a_command_in_a_hint_in_its_own() -> None:
    document = _one(FULL)
    found = document.refusal(Reason("quota", "--memory 2Gi: exceeded", "give smaller --memory, --cpu or --replicas"))
    hint = "give smaller spec.memory, spec.cpu or spec.replicas"
    assert (found.code, found.message, found.hint) == ("quota", "spec.memory 2Gi: exceeded", hint)
    command = Reason("x", "--type NodePort", "mysqlops upgrade NAME --memory 2Gi")
    assert document.refusal(command) == command
    assert document.refusal(Reason("x", "why")) == Reason("x", "why")


@pytest.mark.parametrize(
    "spec",
    [
        "s3: 'https://s3/b/folder'",
        "s3: 'http://s3/b', insecureHttp: true",
        "claim: backups, resticImage: 'restic:2'",
        "repository: 'sftp:host:/b'",
        "repository: 's3:s3.amazonaws.com/b'",
        "repository: 'rest:http://host/', insecureHttp: true",
    ],
)
def test_a_target_that_was_written_is_the_same_when_it_is_read(spec: str) -> None:
    text = f"apiVersion: mysqlops/v1\nkind: BackupTarget\nmetadata: {{name: offsite}}\nspec: {{{spec}}}"
    found = described.target_of(_one(text), "restic:1").target
    again = yaml_text.dump([described.of_target(found, "shop")])
    assert described.target_of(_one(again), "other").target == found


EXPOSED = """\
apiVersion: mysqlops/v1
kind: Cluster
metadata: {name: mysql}
spec:
  expose:
    mysql-outside:
      sourceRanges: [203.0.113.0/24]
      hostname: db.example.com
      annotations: {example.com/internal: true}
    mysql-reads: {sourceRanges: [10.0.0.0/8], type: NodePort, role: replica, nodePort: 30306}
"""


def test_services_have_the_names_that_the_user_chose() -> None:
    found = described.exposed_of(_one(EXPOSED))
    assert found is not None
    outside, reads = found
    assert (outside.service, outside.type, outside.hostname) == ("mysql-outside", "LoadBalancer", "db.example.com")
    assert outside.annotations == {"example.com/internal": "true"}
    assert (reads.service, reads.type, reads.role, reads.node_port) == ("mysql-reads", "NodePort", "replica", 30306)
    assert described.exposed_of(_one(FULL)) is None
    none = _one(f"{EXPOSED.partition('  expose:')[0]}  expose: {{}}\n")
    assert described.exposed_of(none) == ()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("hostname:", "hostnme:", "line 8: no field spec.expose.mysql-outside.hostnme; did you mean hostname"),
        ("sourceRanges: [203.0.113.0/24]", "port: 1", "line 6: spec.expose.mysql-outside.sourceRanges is missing"),
        ("    mysql-reads: {", "    a.b: {", "f.yaml line 10: spec.expose: 'a.b' is no name"),
        ("{sourceRanges: [10.0.0.0/8], type: NodePort, role: replica, nodePort: 30306}", "", "sourceRanges is missing"),
        ("NodePort", "ClusterIP", "spec.expose.mysql-reads.type 'ClusterIP': expected LoadBalancer or NodePort"),
        ("replica", "replicas", "line 10: spec.expose.mysql-reads.role 'replicas': expected primary or replica"),
        ("type: NodePort, ", "", "spec.expose.mysql-reads.nodePort needs spec.expose.mysql-reads.type NodePort"),
        ("30306", "70000", "spec.expose.mysql-reads.nodePort 70000: expected 1 to 65535"),
        ("203.0.113.0/24", "203.0.113.1/24", "line 7: spec.expose.mysql-outside.sourceRanges '203.0.113.1/24'"),
        ("mysql-reads", "mysql-replicas", "line 10: spec.expose.mysql-replicas: expected at most 63"),
    ],
)
def test_what_is_wrong_in_a_service_is_named_with_the_service(old: str, new: str, why: str) -> None:
    with pytest.raises(ConfigError) as error:
        described.exposed_of(_one(EXPOSED.replace(old, new)))
    assert why in str(error.value)


def test_a_target_takes_one_place() -> None:
    head = "apiVersion: mysqlops/v1\nkind: BackupTarget\nmetadata: {name: offsite}\nspec: "
    found = described.target_of(_one(f"{head}{{s3: 'https://s3/b', credentials: keys}}"), "restic:1")
    assert (found.target.repository, found.target.image, found.credentials) == ("s3:https://s3/b", "restic:1", "keys")
    with pytest.raises(ConfigError, match=r"one of spec\.s3 URL, spec\.claim NAME and spec\.repository"):
        described.target_of(_one(f"{head}{{s3: 'https://s3/b', claim: b}}"), "restic:1")
    with pytest.raises(ConfigError, match="without TLS") as error:
        described.target_of(_one(f"{head}{{s3: 'http://s3/b'}}"), "restic:1")
    assert "--" not in str(error.value.hint)
    assert described.target_of(_one(f"{head}{{s3: 'http://s3/b', insecureHttp: true}}"), "restic:1")


def test_the_schema_knows_every_field_and_no_other() -> None:
    found = file_fields.schema()
    for kind, fields in file_fields.FIELDS.items():
        (one,) = [one for one in found["oneOf"] if one["properties"]["kind"] == {"const": kind}]
        assert {path for path in _paths(one["properties"]["spec"], "spec")} == {field.path for field in fields}
    json.dumps(found)


def _paths(schema: dict[str, Any], path: str) -> list[str]:
    if "properties" not in schema:
        return [path]
    if schema["additionalProperties"] is not False:  # whose names the user chooses
        return _paths(schema["additionalProperties"], f"{path}.{file_fields.ANY}")
    return [found for name, child in schema["properties"].items() for found in _paths(child, f"{path}.{name}")]


# Whom the command asks and how it answers; and what a command does once, which is no state.
_OF_A_RUN = {
    *("--namespace", "--context", "--kubeconfig", "--as", "--as-group", "--timeout", "--output", "--dry-run", "--wait"),
}


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (deploy, file_fields.CLUSTER),
        (expose, file_fields.CLUSTER),
        (schedule_set, file_fields.CLUSTER),
        (binlog_start, file_fields.CLUSTER),
        (target_add, file_fields.TARGET),
    ],
    ids=lambda one: one if isinstance(one, str) else one.name,
)
def test_each_option_that_describes_a_cluster_is_a_field_of_its_file(command: click.Command, kind: str) -> None:
    options = {found.opts[0].replace("-", "") for found in command.params if isinstance(found, click.Option)}
    fields = file_fields.FIELDS[kind]
    known = {one for field in fields for one in (field.option.replace("-", ""), field.path.rpartition(".")[2].lower())}
    assert options - {one.replace("-", "") for one in _OF_A_RUN} - known == set()
