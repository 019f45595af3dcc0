"""Objects that kubectl or a controller applied, and then a verb: who owns which field, and what a verb overwrites."""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest

from mysqlops import errors
from mysqlops.core import kube_status
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.objects import field_owners
from mysqlops.operations import deploy, owned
from mysqlops.planning import status, template_state
from tests.simulation import ownership
from tests.simulation.backend import Simulated
from tests.simulation.clients import CliClient

SPEC = ClusterSpec(name="mysql", namespace="db", pull_secrets=("registry",))
CHANGED = replace(SPEC, image="mysql:9.7.9", memory="2Gi", pull_secrets=(), mysqld={"long_query_time": "3"})
IMAGE = 'spec.template.spec.containers[name="mysqld"].image'


class Tools:
    """An API server, and what kubectl does there."""

    def __init__(self) -> None:
        self.server = Simulated()
        self.client = CliClient(self.server)
        self.warnings: list[str] = []
        self.client.warn = self.warnings.append

    def client_side(self, manifest: Json) -> None:
        """`kubectl apply`: what was applied last is an annotation, and a change is a patch that asks nobody."""
        noted = copy.deepcopy(manifest)
        noted["metadata"].setdefault("annotations", {})[field_owners.LAST_APPLIED] = json.dumps(manifest)
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if self.client.find(kind, name) is None:
            self.server.create(kind, noted, manager="kubectl-client-side-apply")
        else:
            change = {key: value for key, value in noted.items() if key not in ("apiVersion", "kind")}
            self.server.merge_patch(kind, name, change, manager="kubectl-client-side-apply")

    def server_side(self, manifest: Json) -> None:
        self.server.apply(manifest, manager="kubectl")

    def owners(self, kind: str, name: str) -> ownership.Owners:
        return self.server.owners(kind, name)


Way = Callable[[Tools, Json], None]
WAYS = pytest.mark.parametrize("place", [Tools.client_side, Tools.server_side], ids=["client-side", "server-side"])


@WAYS
def test_what_kubectl_placed_is_taken_over_by_the_first_verb(place: Way) -> None:
    tools = Tools()
    for one in deploy.objects(SPEC):
        place(tools, one)
    owned.check(tools.client, [(one, tools.client.get(one["kind"], one["metadata"]["name"])) for one in _changed()])
    for one in _changed():
        tools.client.apply(one)
    found = tools.client.get("StatefulSet", "mysql")
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "mysql:9.7.9"
    assert not found["spec"]["template"]["spec"].get("imagePullSecrets")  # kubectl owned it too
    assert field_owners.LAST_APPLIED not in found["metadata"].get("annotations", {})
    assert tools.warnings == [
        "StatefulSet mysql was applied by kubectl and is mysqlops' from now on; removed, because "
        'mysqlops does not render it: .spec.template.spec.imagePullSecrets[name="registry"]'
    ]
    for one in _changed():
        held = tools.owners(one["kind"], one["metadata"]["name"])
        assert [manager for manager in held if manager.startswith("kubectl") and held[manager]] == []


def test_the_same_objects_applied_by_another_manager_conflict_with_nothing() -> None:
    """The API server completes a fieldRef, which is owned as a whole: seen on the lab, where `kubectl apply
    --server-side` of what `render --running` printed was refused with 15 conflicts."""
    tools = Tools()
    for one in deploy.objects(SPEC):
        tools.client.apply(one)
        as_stored = copy.deepcopy(one)
        _complete(as_stored)
        assert as_stored == one
        tools.server_side(one)


def _complete(node: object) -> None:
    """The one default within what is owned as a whole."""
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _complete(inner)
    if isinstance(node, dict) and "fieldRef" in node:
        node["fieldRef"].setdefault("apiVersion", "v1")


def _changed() -> list[Json]:
    return deploy.objects(CHANGED)


@WAYS
def test_what_an_overlay_added_goes_and_is_named_and_labels_of_the_object_stay(place: Way) -> None:
    tools = Tools()
    mine = deploy.objects(SPEC)[-1]
    patched = copy.deepcopy(mine)
    patched["metadata"]["labels"]["team"] = "shop"
    patched["spec"]["template"]["spec"]["tolerations"] = [{"key": "db", "operator": "Exists"}]
    patched["spec"]["template"]["spec"]["containers"][0].setdefault("env", []).append({"name": "X", "value": "1"})
    place(tools, patched)
    tools.client.apply(mine)
    found = tools.client.get("StatefulSet", "mysql")
    assert found["metadata"]["labels"]["team"] == "shop"
    assert "tolerations" not in found["spec"]["template"]["spec"]
    (said,) = tools.warnings
    assert ".spec.template.spec.tolerations" in said
    assert '.spec.template.spec.containers[name="mysqld"].env[name="X"]' in said
    tools.client.apply(mine)
    assert len(tools.warnings) == 1


_OPENING = {"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"protocol": "TCP", "port": "sql"}]}
_RIGHT = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}


@WAYS
@pytest.mark.parametrize(
    ("kind", "field", "added"), [("NetworkPolicy", ".spec.ingress", _OPENING), ("Role", ".rules", _RIGHT)]
)
def test_an_opening_that_an_overlay_added_is_not_cut_off(place: Way, kind: str, field: str, added: Json) -> None:
    """These lists have one owner as a whole: the opening would go with the first verb."""
    tools = Tools()
    mine = next(one for one in deploy.objects(SPEC) if (one["kind"], one["metadata"]["name"]) == (kind, "mysql"))
    patched = copy.deepcopy(mine)
    (patched["rules"] if kind == "Role" else patched["spec"]["ingress"]).append(added)
    place(tools, patched)
    with pytest.raises(errors.Refused) as refused:
        owned.check(tools.client, [(mine, tools.client.get(kind, "mysql"))])
    (reason,) = refused.value.reasons
    assert (reason.code, reason.message.partition(" belongs")[0]) == ("field-owner", f"{kind} mysql: {field}")
    words = shlex.split((reason.hint or "").partition(": ")[2])
    tools.server.merge_patch(kind, words[3], json.loads(words[-1]))  # the way out that is named
    owned.check(tools.client, [(mine, tools.client.get(kind, "mysql"))])
    tools.client.apply(mine)
    assert tools.client.get(kind, "mysql").get("rules", mine.get("rules")) == mine.get("rules")


@WAYS
def test_an_option_of_mysqlops_may_change_what_a_placed_policy_admits(place: Way) -> None:
    open_to_all = replace(SPEC, client_namespaces=("shop", "web"), metrics_namespaces=("*",))
    tools = Tools()
    for one in deploy.objects(open_to_all):
        place(tools, one)
    for spec in (replace(SPEC, client_namespaces=("*",)), replace(SPEC, client_namespaces=("shop",))):
        owned.check(tools.client, [(one, tools.client.find(one["kind"], one["metadata"]["name"])) for one in _of(spec)])


def _of(spec: ClusterSpec) -> list[Json]:
    return [one for one in deploy.objects(spec) if one["kind"] in ("NetworkPolicy", "Role")]


@WAYS
def test_a_list_that_an_overlay_changed_is_named_in_the_warning(place: Way) -> None:
    tools = Tools()
    mine = deploy.objects(SPEC)[-1]
    patched = copy.deepcopy(mine)
    patched["spec"]["template"]["spec"]["containers"][0]["command"].append("--more")
    place(tools, patched)
    tools.client.apply(mine)
    (said,) = tools.warnings
    assert said.endswith('; given mysqlops\' value: .spec.template.spec.containers[name="mysqld"].command')


@WAYS
@pytest.mark.parametrize("name", ["mysql-tls", "mysql-app"])
def test_what_a_user_put_into_a_secret_stays(name: str, place: Way) -> None:
    """mysqlops renders Secrets without content; the only copy of a key may be there."""
    tools = Tools()
    rendered = next(one for one in deploy.objects(SPEC) if (one["kind"], one["metadata"]["name"]) == ("Secret", name))
    assert "data" not in rendered
    place(tools, {**copy.deepcopy(rendered), "data": {"tls.key": "b25seQ=="}})
    tools.client.apply(copy.deepcopy(rendered))
    found = tools.client.find("Secret", name)
    assert found is not None
    assert found["data"] == {"tls.key": "b25seQ=="}
    assert not [one for one in tools.warnings if ".data" in one]


@WAYS
def test_freshly_rendered_objects_are_applied_again_and_the_next_verb_still_works(place: Way) -> None:
    tools = Tools()
    for image in ("mysql:9.7.1", "mysql:9.7.2", "mysql:9.7.3"):
        fresh = deploy.objects(replace(SPEC, image=image))[-1]
        place(tools, fresh) if image == "mysql:9.7.1" else None
        tools.client.apply(fresh)
        before = tools.client.get("StatefulSet", "mysql")["spec"]
        place(tools, fresh)
        assert tools.client.get("StatefulSet", "mysql")["spec"] == before


@WAYS
def test_what_kubectl_changed_since_is_noted_by_status_and_nothing_else_is(place: Way) -> None:
    tools = Tools()
    old, new = deploy.objects(SPEC)[-1], deploy.objects(replace(SPEC, image="mysql:9.7.9"))[-1]
    place(tools, old)
    assert _noted(tools) == []  # no verb has run
    tools.client.apply(new)
    assert _noted(tools) == []
    place(tools, new)
    assert _noted(tools) == []
    if place is Tools.server_side:
        tools.server.apply(old, manager="kubectl", force=True)
    else:
        place(tools, old)
    (note,) = _noted(tools)
    assert f".{IMAGE}" in note.message
    assert note.severity == status.NOTE
    tools.client.apply(new)
    assert _noted(tools) == []


def _noted(tools: Tools) -> list[status.Condition]:
    return template_state.applied_over("mysql", tools.client.get("StatefulSet", "mysql"))


def test_old_rendered_objects_are_refused_by_the_server_where_it_is_asked() -> None:
    tools = Tools()
    old, new = deploy.objects(SPEC)[-1], deploy.objects(CHANGED)[-1]
    tools.server_side(old)
    tools.client.apply(new)
    with pytest.raises(errors.Conflict) as refused:
        tools.server_side(old)
    assert {one.manager for one in refused.value.owners} == {"mysqlops"}
    assert (
        tools.client.get("StatefulSet", "mysql")["spec"]["template"]["spec"]["containers"][0]["image"] == "mysql:9.7.9"
    )


@pytest.mark.parametrize(
    ("manager", "words"),
    [
        ("argocd-controller", "stop argocd-controller from"),
        ("kustomize-controller", "stop kustomize"),
        ("kubectl-edit", "no tool restores"),
    ],
)
@pytest.mark.parametrize("operation", ["Apply", "Update"])
def test_a_field_of_somebody_else_is_refused_before_anything_is_changed(
    manager: str, words: str, operation: str
) -> None:
    tools = Tools()
    for one in deploy.objects(SPEC):
        if operation == "Apply":
            tools.server.apply(one, manager=manager)
        else:
            tools.server.create(one["kind"], one, manager=manager)
    before = {kind: tools.client.list(kind) for kind in tools.server.kinds()}
    with pytest.raises(errors.Refused) as refused:
        owned.check(tools.client, [(one, tools.client.get(one["kind"], one["metadata"]["name"])) for one in _changed()])
    assert {one.code for one in refused.value.reasons} == {"field-owner"}
    (reason,) = [one for one in refused.value.reasons if one.message.startswith("StatefulSet mysql: ")]
    assert f".{IMAGE}" in reason.message
    assert f"belongs to {manager}" in reason.message
    assert reason.hint is not None
    assert reason.hint.startswith(words)
    assert {kind: tools.client.list(kind) for kind in tools.server.kinds()} == before
    with pytest.raises(errors.Conflict, match="belongs to") as late:  # it came after the check
        tools.client.apply(_changed()[-1])
    assert late.value.hint == reason.hint


@pytest.mark.parametrize("manager", ["argocd-controller", "kubectl-edit"])
def test_the_way_out_that_is_named_ends_the_conflict(manager: str) -> None:
    tools = Tools()
    tools.server.create("StatefulSet", deploy.objects(SPEC)[-1], manager=manager)
    changed = _changed()[-1]
    with pytest.raises(errors.Refused) as refused:
        tools.client.apply(changed, dry_run=True)
    hint = refused.value.reasons[0].hint or ""
    words = shlex.split(hint[hint.index("kubectl patch") :])
    assert words[2:6] == ["statefulset", "mysql", "-n", "db"]
    tools.server.merge_patch("StatefulSet", words[3], json.loads(words[-1]))
    tools.client.apply(changed, dry_run=True)
    tools.client.apply(changed)
    tools.client.apply(deploy.objects(SPEC)[-1])


@WAYS
def test_what_kubectl_placed_and_a_controller_applies_too_is_the_controllers(place: Way) -> None:
    """Only the controller restores its values: kubectl is nobody to be stopped."""
    tools = Tools()
    mine, changed = deploy.objects(SPEC)[-1], _changed()[-1]
    place(tools, mine)
    tools.server.apply(mine, manager="argocd-controller", force=True)
    with pytest.raises(errors.Refused) as refused:
        tools.client.apply(changed, dry_run=True)
    (reason,) = refused.value.reasons
    assert "argocd-controller" in reason.message
    assert (reason.hint or "").startswith("stop argocd-controller from applying it")


def test_a_controller_that_only_labels_an_object_is_no_obstacle() -> None:
    tools = Tools()
    tools.server_side(deploy.objects(SPEC)[-1])
    tools.server.merge_patch("StatefulSet", "mysql", {"metadata": {"labels": {"argocd": "x"}}}, manager="argocd")
    changed = _changed()[-1]
    owned.check(tools.client, [(changed, tools.client.get("StatefulSet", "mysql"))])
    assert tools.client.apply(changed)["metadata"]["labels"]["argocd"] == "x"


def test_an_object_that_changes_meanwhile_is_looked_at_again() -> None:
    tools = Tools()
    tools.server_side(deploy.objects(SPEC)[-1])
    left = [2]

    def before(text: str) -> None:
        if text == "PATCH StatefulSet mysql" and left[0]:
            left[0] -= 1
            change = {"metadata": {"annotations": {"seen": str(left[0])}}}
            tools.server.merge_patch("StatefulSet", "mysql", change, manager="agent")

    client = CliClient(tools.server, before)
    assert client.apply(_changed()[-1])["metadata"]["annotations"]["seen"] == "0"


def test_the_owners_are_read_from_the_servers_answer() -> None:
    causes = [{"reason": "FieldManagerConflict", "message": 'conflict with "kubectl" using v1', "field": ".data.a"}]
    status = {"kind": "Status", "message": "Apply failed", "details": {"causes": [*causes, {"reason": "x"}, 7]}}
    found = kube_status.failure("PATCH x", 409, json.dumps(status).encode())
    assert isinstance(found, errors.Conflict)
    assert found.owners == (errors.FieldOwner("kubectl", ".data.a"),)
    for odd in ({}, {"details": 1}, {"details": {"causes": "x"}}):
        error = kube_status.failure("x", 409, json.dumps({"kind": "Status", **odd}).encode())
        assert isinstance(error, errors.Conflict)
        assert error.owners == ()


def test_a_list_of_managers_of_any_depth_ends_no_command() -> None:
    """Whoever may patch an object writes there what they like: `status` ended as unexpected."""
    deep: Json = {}
    for _ in range(950):  # JSON of less than a thousand levels is read
        deep = {"f:a": deep}
    theirs: Json = {"f:metadata": {"f:labels": {"f:theirs": {}}}}
    manifest = next(one for one in deploy.objects(SPEC) if one["kind"] == "StatefulSet")
    entries = [
        {"manager": manager, "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": fields}
        for manager in ("kubectl", "mysqlops", "argocd-controller")
        for fields in (deep, theirs)
    ]
    found = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": "1", "managedFields": entries}}
    assert field_owners.applied_over(found) == []
    assert field_owners.held(found, [("spec", "replicas")]) == []
    assert field_owners.handed_over(found, manifest) is None
    assert field_owners.removed(found, manifest) == field_owners.replaced(found, manifest) == []
    assert field_owners.cut_off(found, manifest) is None
