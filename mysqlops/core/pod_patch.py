"""`pod:` of a cluster file: what a user adds to every pod of a cluster, and what no user may touch. Pure.

It has the form of a pod template, with `roles` for some pods only, and is kept as JSON with sorted keys, so that equal
patches are equal texts. Whoever reads it checks it again: it stands in an object that others can write.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mysqlops.core import names, nearest, typed, yaml_nodes
from mysqlops.core.typed import Json
from mysqlops.core.yaml_nodes import Node
from mysqlops.errors import ConfigError

MEMBERS, JOBS, RECEIVER, IMAGE_CHECK, DRILL = ROLES = ("members", "jobs", "receiver", "imageCheck", "drill")
EVERY = "*"  # stands for each of mysqlops' own containers
PATH = "spec.pod"
ANNOTATION = f"{names.DOMAIN}/pod"  # of the members' template: a rollout that goes back takes the old one with it
MOST_BYTES = 32 * 1024  # a copy is an annotation of each member

# Names of mysqlops' own; tests compare them with the manifests and the steps of Jobs.
CONTAINERS = frozenset(
    "mysqld agent prepare wait-for-database restic python ship receiver clients fill undo "
    "look choose fetch copy store examine seal store-seal look-again expired forget check note verdict place "
    "choose-logs fetch-logs applier apply-logs write read delete init add-key remove-key export run conclude "
    "mysqlops-exporter".split()
)
VOLUMES = frozenset(
    "config agent bytecode token credentials statements tls run tmp data target login ca repository work scratch "
    "source source-ca program secret journal volume mysqlops-exporter".split()
)
_FOLDERS = (
    "/agent /etc/mysqlops /etc/hostname /proc /run /var/run /var/lib/mysql /tmp /work /scratch /repository /journal "
    "/volume /program /secret /ca".split()
)
_OWN_LABEL = re.compile(
    r"mysqlops\.io/.*|app\.kubernetes\.io/(name|instance|managed-by|component)|statefulset\.kubernetes\.io/.*|"
    r"apps\.kubernetes\.io/.*|batch\.kubernetes\.io/.*|controller-revision-hash|controller-uid|job-name|"
    r"pod-template-hash"
)
_OWN_VARIABLE = re.compile(r"(MYSQLOPS_|PYTHON).*|MY_CNF")
# Where older Kubernetes reads AppArmor and seccomp from, of the pod or of one container.
_PROFILE = re.compile(
    r"(?:container\.(?:apparmor|seccomp)|seccomp)\.security\.(?:alpha|beta)\.kubernetes\.io/(?:pod|(.+))"
)
_STRINGS = ("labels", "annotations", "nodeSelector", "matchLabels")  # maps whose values are texts, quoted or not
_OF_OURS = ("name", "env", "volumeMounts")
_ELSEWHERE = {"imagePullSecrets": "give spec.imagePullSecrets"}
_HOST = "kubernetes.io/hostname"
_REQUIRED, _PREFERRED = (f"{how}DuringSchedulingIgnoredDuringExecution" for how in ("required", "preferred"))


def of_node(node: Node) -> str:
    """The patch of a file; raises ConfigError."""
    return canonical(_plain(node, ""))


def place(node: Node, error: ConfigError) -> Node:
    """Where in the file that error is."""
    return yaml_nodes.at(node, str(error).removeprefix(f"{PATH}."))


def _plain(node: Node, key: str, *, is_text: bool = False) -> Any:
    """As YAML 1.2 reads it, but texts where the API wants texts: a label `1` or a variable `true`."""
    value = node.value
    if isinstance(value, dict):
        inner = {name: _plain(one, name, is_text=key in _STRINGS) for name, one in value.items()}
        return {name: one for name, one in inner.items() if one is not None}
    if isinstance(value, list):
        return [_plain(item, key) for item in value]
    if value is None or not node.is_plain or is_text or key in ("value", "name"):
        return value
    if value in ("true", "false"):
        return value == "true"
    if key in ("mode", "defaultMode") and re.fullmatch("0[0-7]{1,4}", value):
        return int(value, 8)
    return int(value) if re.fullmatch(r"-?(0|[1-9][0-9]{0,9})", value) else value


def canonical(patch: Any) -> str:
    """The text of a patch, empty for an empty one; raises ConfigError, which names what may not be patched."""
    _mapping(patch, PATH)
    for name, part in patch.items():
        if name == "roles":
            for role, one in _mapping(part, f"{PATH}.roles").items():
                _one_of(role, ROLES, f"{PATH}.roles")
                _template(one, f"{PATH}.roles.{role}", role)
    _template({name: part for name, part in patch.items() if name != "roles"}, PATH, "")
    text = json.dumps(patch, sort_keys=True, separators=(",", ":"))
    if not all(typed.is_plain(text) or "\n" in text for text in _texts(patch)) or len(text) > MOST_BYTES:
        raise ConfigError(f"{PATH}: expected at most {MOST_BYTES} bytes without control characters")
    return "" if patch == {} else text


def load(text: str) -> Json:
    """The patch of a text; raises ConfigError."""
    found = typed.json_of(text) if text else {}
    canonical(found)
    checked: Json = found
    return checked


def parts(text: str, role: str) -> list[Json]:
    """What is merged into the pods of a role, in this order: what all pods get, then what these get."""
    patch = load(text)
    return [part for part in (patch, patch.get("roles", {}).get(role)) if part]


def _template(patch: Any, path: str, role: str) -> None:
    for section, inside in _mapping(patch, path).items():
        _one_of(section, ("metadata", "spec") if role else ("metadata", "spec", "roles"), path)
        fields: Mapping[str, Callable[[Any, str], None]] = _METADATA if section == "metadata" else _SPEC
        for name, value in _mapping(inside, f"{path}.{section}").items():
            where = f"{path}.{section}.{name}"
            if name not in fields:
                why = _ELSEWHERE.get(name) or _known(name, fields)
                raise ConfigError(f"{where} may not be patched: {why}")
            fields[name](value, where)
    spec = patch.get("spec") or {}
    _check_containers(spec, f"{path}.spec", role)


def _labels(value: Any, path: str) -> None:
    for key in _texts_by_name(value, path):
        if _OWN_LABEL.fullmatch(key):
            raise ConfigError(f"{path}.{key} may not be patched: mysqlops or Kubernetes selects pods by it")


def _annotations(value: Any, path: str) -> None:
    for key in _texts_by_name(value, path):
        if key.startswith("mysqlops.io/"):
            raise ConfigError(f"{path}.{key} may not be patched: it is mysqlops' own")
        profile = _PROFILE.fullmatch(key)
        if profile is not None and is_ours(profile[1] or EVERY) and value[key] == "unconfined":
            raise ConfigError(f"{path}.{key} may not be patched: it would change what mysqlops' own containers may do")


def _texts_by_name(value: Any, path: str) -> Mapping[str, str]:
    for key, one in _mapping(value, path).items():
        _text(one, f"{path}.{key}")
    return _mapping(value, path)


def _selector(value: Any, path: str) -> None:
    _texts_by_name(value, path)


def _affinity(value: Any, path: str) -> None:
    """Down to where it is merged with ours."""
    for kind, inside in _mapping(value, path).items():
        _one_of(kind, ("nodeAffinity", "podAffinity", "podAntiAffinity"), path)
        for key, rules in _mapping(inside, f"{path}.{kind}").items():
            where = f"{path}.{kind}.{key}"
            _one_of(key, (_REQUIRED, _PREFERRED), f"{path}.{kind}")
            if (kind, key) != ("nodeAffinity", _REQUIRED):
                _list(rules, where)
                continue
            for term, at in _each(_mapping(rules, where).get("nodeSelectorTerms"), f"{where}.nodeSelectorTerms"):
                for field, among in term.items():
                    _list(among, f"{at}.{field}")


def _items(value: Any, path: str) -> None:
    list(_each(value, path))


def _spread(value: Any, path: str) -> None:
    for item, where in _each(value, path):
        if _text(item.get("topologyKey"), f"{where}.topologyKey") == _HOST:
            raise ConfigError(f"{where} may not be patched for {_HOST}: give spec.spread")


def _volumes(value: Any, path: str) -> None:
    for item, where in _each(value, path):
        if _is_our_volume(_text(item.get("name"), f"{where}.name")):
            raise ConfigError(f"{where}: volume {item['name']} is mysqlops' own: choose another name")


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{path}: expected a text")
    return value


def _class_name(value: Any, path: str) -> None:
    names.check_object_name(_text(value, path), path)


_METADATA = {"labels": _labels, "annotations": _annotations}
_SPEC: Mapping[str, Callable[[Any, str], None]] = {
    "tolerations": _items,
    "nodeSelector": _selector,
    "affinity": _affinity,
    "topologySpreadConstraints": _spread,
    "priorityClassName": _class_name,
    "schedulerName": _class_name,
    "runtimeClassName": _class_name,
    "volumes": _volumes,
    "containers": _items,
    "initContainers": _items,
}


def _check_containers(spec: Json, path: str, role: str) -> None:
    own = {volume["name"] for volume in spec.get("volumes", [])}
    for kind in ("initContainers", "containers"):
        for one, where in _each(spec.get(kind, []), f"{path}.{kind}"):
            name = _text(one.get("name"), f"{where}.name")
            if is_ours(name):
                _check_ours(one, where)
            elif kind == "containers" and role not in (MEMBERS, RECEIVER):
                text = f"{where}: container {name} would keep a Job from ending"
                raise ConfigError(f"{text}: give it under {PATH}.roles.{MEMBERS} or .{RECEIVER}")
            else:
                _text(one.get("image"), f"{where}.image")
            for mount, at in _each(one.get("volumeMounts", []), f"{where}.volumeMounts"):
                _check_mount(mount, at, own, in_ours=is_ours(name))


def _check_ours(container: Json, path: str) -> None:
    for key in container:
        if key not in _OF_OURS:
            text = f"{path}.{key} may not be patched"
            why = f"{container['name']} is mysqlops' own, and takes env and volumeMounts"
            raise ConfigError(f"{text}: {nearest.question(key, _OF_OURS) or why}")
    for variable, where in _each(container.get("env", []), f"{path}.env"):
        if _OWN_VARIABLE.fullmatch(_text(variable.get("name"), f"{where}.name")):
            raise ConfigError(f"{where}: {variable['name']} may not be patched: mysqlops sets it")


def _check_mount(mount: Json, path: str, own: set[str], *, in_ours: bool) -> None:
    name, folder = _text(mount.get("name"), f"{path}.name"), _text(mount.get("mountPath"), f"{path}.mountPath")
    if _is_our_volume(name):
        raise ConfigError(f"{path}: volume {name} is mysqlops' own and may not be mounted")
    if name not in own:
        raise ConfigError(f"{path}: volume {name} is not among the volumes beside it")
    normal = posixpath.normpath(folder)  # which keeps two slashes at the beginning
    if not folder.startswith("/") or folder.startswith("//") or folder not in (normal, f"{normal}/"):
        text = f"{path}.mountPath {typed.visible(folder)!r}: expected an absolute path"
        raise ConfigError(f"{text} without '//', '.' or '..'")
    folder = folder.rstrip("/")
    if in_ours and any(
        f"{folder}/".startswith(f"{reserved}/") or f"{reserved}/".startswith(f"{folder}/") for reserved in _FOLDERS
    ):
        raise ConfigError(f"{path}: {mount['mountPath']} is mysqlops' own or holds what is: choose another folder")


def is_ours(name: str) -> bool:
    """Whether a patch of that container is one of mysqlops' own containers, or of all of them."""
    return name in CONTAINERS or name == EVERY


def _is_our_volume(name: str) -> bool:
    return name in VOLUMES or name.startswith(f"{names.CLAIM_TEMPLATE}-")


def _mapping(value: Any, path: str) -> Json:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{path}: expected fields such as name: value")
    return value


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"{path}: expected a list")
    return value


def _each(value: Any, path: str) -> Iterator[tuple[Json, str]]:
    for number, item in enumerate(_list(value, path)):
        yield _mapping(item, f"{path}[{number}]"), f"{path}[{number}]"


def _one_of(name: str, among: tuple[str, ...], path: str) -> None:
    if name not in among:
        raise ConfigError(f"{path}.{typed.visible(name)} may not be patched: {_known(name, among)}")


def _known(name: str, among: Iterable[str]) -> str:
    return nearest.question(name, among) or f"expected one of {', '.join(among)}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
