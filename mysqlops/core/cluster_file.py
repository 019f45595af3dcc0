"""A cluster file (docs/reference/cluster-file.md) and the documents in it. Pure.

The file is the whole desired state: what a cluster may have (settings, namespaces, a schedule) is what the file names
and nothing else; what every cluster must have (members, image, sizes) stays as it is where the file does not name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from mysqlops.core import file_fields, my_cnf, names, nearest, pod_patch, target, typed, yaml_nodes
from mysqlops.core.file_fields import ANY, API_VERSION, EXPOSE, FIELDS, SETTINGS, Field
from mysqlops.core.typed import Json
from mysqlops.core.yaml_nodes import Node
from mysqlops.errors import ConfigError, MysqlopsError, Reason

T = TypeVar("T")
_HEAD = ("apiVersion", "kind", "metadata", "spec")
_NAMED = ("metadata.name", "metadata.namespace")
_EXPECTED: Mapping[Any, str] = {list: "a list such as [a, b]", dict: "fields such as name: value", str: "one value"}


@dataclass(frozen=True)
class Document:
    """One document. `values` holds what it names, by path, and `lines` where; of `spec.settings` the values are lines
    of a my.cnf. A section whose names the user chooses has these names under its own path, also if there are none."""

    kind: str
    name: str
    namespace: str | None
    source: str
    line: int
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    @property
    def where(self) -> str:
        return f"{self.source} line {self.line}"

    def has(self, section: str) -> bool:
        return any(path.startswith(f"{section}.") for path in self.values)

    def in_its_words(self, make: Callable[[], T], named: str = "") -> T:
        """What `make` returns; an error that names options of the command line is raised with the file's fields.
        `named` is what the user calls the part of the file that it is about, if such parts have names."""
        try:
            return make()
        except ConfigError as error:
            hint = self._in_fields(error.hint, named) if error.hint else None
            text = self._in_fields(str(error), named)
            named_in = [path for path in self.lines if re.search(rf"{re.escape(path)}\b", text)]
            where = self.lines.get(max([*named_in, ""], key=len) or f"{EXPOSE}.{named}", self.line)
            raise ConfigError(f"{self.source} line {where}: {text}", hint=hint) from error

    def refusal(self, reason: Reason) -> Reason:
        """The same reason in the file's words. A hint that is a command keeps its options."""
        is_command = reason.hint is None or re.search(r"mysqlops |kubectl ", reason.hint)
        hint = reason.hint if is_command else self._in_fields(str(reason.hint), "")
        return replace(reason, message=self._in_fields(reason.message, ""), hint=hint)

    def _in_fields(self, text: str, named: str) -> str:
        known = [field for field in FIELDS[self.kind] if field.option and (named or ANY not in field.path)]
        paths = {field.option: field.path.replace(ANY, named) for field in known}
        text = text.replace(f"SERVICE {named!r}", f"{EXPOSE}.{named}")
        return re.sub(r"--[a-z0-9-]+", lambda found: paths.get(found[0], found[0]), text)


def parse(text: str, source: str) -> list[Document]:
    """Raises ConfigError, which names line, field, value and what was expected."""
    found = [_Parser(source, node).document() for node in yaml_nodes.documents(text, source)]
    if not found:
        raise ConfigError(f"{source}: no document in it", hint="`mysqlops explain cluster-file` shows one")
    check_once((document.namespace or "", document) for document in found)
    return found


def check_once(documents: Iterable[tuple[str, Document]]) -> None:
    """Raises ConfigError for an object that two documents describe, each given with the namespace that it is for."""
    known: dict[tuple[str, str, str], str] = {}
    for namespace, one in documents:
        key = (one.kind, one.name, namespace)
        if key in known:
            raise ConfigError(f"{one.where}: {one.kind} {one.name} is in {known[key]} already")
        known[key] = one.where


class _Parser:
    """Reads one document."""

    def __init__(self, source: str, root: Node) -> None:
        self._source, self._root = source, root
        self._lines: dict[str, int] = {}

    def document(self) -> Document:
        fields = self._mapping(self._root, "the document")
        self._check_known(fields, _HEAD, "")
        _, kind = (self._one_of(fields, key, among) for key, among in _heads())
        name, namespace = self._named(fields, kind)
        if "spec" not in fields:
            raise self._bad(self._root, "spec is missing")
        values = dict(self._values(fields["spec"], "spec", FIELDS[kind]))
        return Document(kind, name, namespace, self._source, self._root.line, values, self._lines)

    def _one_of(self, fields: Mapping[str, Node], key: str, among: Sequence[str]) -> str:
        node = fields.get(key, self._root)
        found = node.value if key in fields else None
        if found not in among:
            close = nearest.names(str(found), among)[:1] or among
            what = f"{_shown(found)}, " if key in fields else "missing, "
            raise self._bad(node, f"{key}: {what}expected {' or '.join(close)}")
        return str(found)

    def _named(self, fields: Mapping[str, Node], kind: str) -> tuple[str, str | None]:
        node = fields.get("metadata", Node({}, self._root.line))
        found = dict(self._values(node, "metadata", _METADATA))
        if "metadata.name" not in found:
            raise self._bad(node, "metadata.name is missing")
        check = names.check_cluster_name if kind == file_fields.CLUSTER else target.check_name
        for path, judge in (("metadata.name", check), ("metadata.namespace", names.check_namespace)):
            try:
                judge(found.get(path, "x"))
            except ConfigError as error:
                raise self._bad(node, re.sub(r"^\S+", f"{path}:", str(error))) from error
        return found["metadata.name"], found.get("metadata.namespace")

    def _values(self, node: Node, section: str, fields: Iterable[Field]) -> Iterator[tuple[str, Any]]:
        """What a section names, by path; null is like not named."""
        if node.value is None:
            return
        inside = [field for field in fields if field.path.startswith(f"{section}.")]
        if _children(inside, section) == [ANY]:
            yield from self._named_parts(node, section, inside)
        else:
            yield from self._given(node, section, inside)

    def _given(self, node: Node, section: str, inside: list[Field]) -> Iterator[tuple[str, Any]]:
        known = _children(inside, section)
        found = self._mapping(node, section, known[0])
        self._check_known(found, known, section)
        for name, child in found.items():
            path = f"{section}.{name}"
            field = next((field for field in inside if field.path == path), None)
            if field is None:
                yield from self._values(child, path, inside)
            elif child.value is not None:
                self._lines[path] = child.line
                yield path, self._value(child, field)
        for field in inside:
            if field.required and field.path.rpartition(".")[0] == section and _is_unset(found, field):
                raise self._bad(node, f"{field.path} is missing")

    def _named_parts(self, node: Node, section: str, fields: list[Field]) -> Iterator[tuple[str, Any]]:
        """Those whose names the user chooses; as part of a path, such a name has no dot in it."""
        found = self._mapping(node, section)
        yield section, tuple(sorted(found))
        for name, child in found.items():
            path = f"{section}.{name}"
            if not re.fullmatch("[a-z0-9-]+", name):
                raise self._bad(child, f"{section}: {typed.visible(name)!r} is no name: expected a-z, 0-9 and '-'")
            self._lines[path] = child.line
            part = replace(child, value={}) if child.value is None else child  # what is required in it is missing
            yield from self._values(part, path, [replace(one, path=one.path.replace(ANY, name)) for one in fields])

    def _value(self, node: Node, field: Field) -> Any:
        shape: Any = field.kind.shape
        if not isinstance(node.value, shape):
            raise self._bad(node, f"{field.path}: expected {_EXPECTED[shape]}")
        if field.path == SETTINGS:
            return tuple(self._setting(key, child) for key, child in node.value.items())
        if field.path == pod_patch.PATH:
            return self._patch(node)
        if shape is list:
            return tuple(sorted({self._read(child, field) for child in node.value}))
        if shape is dict:
            return {name: self._read(child, field) for name, child in node.value.items()}
        return self._read(node, field)

    def _patch(self, node: Node) -> str:
        try:
            return pod_patch.of_node(node)
        except ConfigError as error:
            raise self._bad(pod_patch.place(node, error), str(error)) from error

    def _read(self, node: Node, field: Field) -> Any:
        if not isinstance(node.value, str):
            raise self._bad(node, f"{field.path}: expected one value")
        try:
            return field.kind.read(node.value)
        except MysqlopsError as error:
            raise self._bad(node, f"{field.path}: {error}") from error

    def _setting(self, key: str, node: Node) -> my_cnf.Setting:
        path = f"{SETTINGS}.{key}"
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", key):
            raise self._bad(node, f"{SETTINGS}: {typed.visible(key)!r} is not the name of a setting")
        if not isinstance(node.value, str | None):
            raise self._bad(node, f"{path}: expected one value")
        if node.value is not None and not typed.is_plain(node.value):
            raise self._bad(node, f"{path}: a setting must not contain control characters")
        return my_cnf.Setting(key, node.value, node.line)

    def _mapping(self, node: Node, what: str, such_as: str = "name") -> dict[str, Node]:
        if not isinstance(node.value, dict):
            raise self._bad(node, f"{what}: expected fields such as {such_as}: value")
        return node.value

    def _check_known(self, found: Mapping[str, Node], known: Sequence[str], section: str) -> None:
        for name, node in found.items():
            if name not in known:
                path = f"{section}.{name}" if section else name
                expected = nearest.question(name, known) or f"expected one of {', '.join(known)}"
                raise self._bad(node, f"no field {typed.visible(path)}; {expected}")

    def _bad(self, node: Node, why: str) -> ConfigError:
        hint = "`mysqlops explain cluster-file` lists the fields"
        return ConfigError(f"{self._source} line {node.line}: {why}", hint=hint)


_METADATA = tuple(Field(path, file_fields.TEXT, "") for path in _NAMED)


def _heads() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("apiVersion", (API_VERSION,)), ("kind", tuple(FIELDS))


def _children(fields: Iterable[Field], section: str) -> list[str]:
    """The names that a section takes, in the order of the table."""
    below = [field.path.removeprefix(f"{section}.") for field in fields]
    return list(dict.fromkeys(path.partition(".")[0] for path in below))


def _is_unset(found: Mapping[str, Node], field: Field) -> bool:
    node = found.get(field.path.rpartition(".")[2])
    return node is None or node.value is None


def _shown(value: Any) -> str:
    return repr(typed.visible(value)) if isinstance(value, str) else "another kind of value"


def document(kind: str, name: str, namespace: str, values: Mapping[str, Any]) -> Json:
    """The inverse: the fields by path, nested as a file has them; None is left out."""
    made: Json = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, "namespace": namespace}}
    made["spec"] = {}
    for field in FIELDS[kind]:
        section, _, _ = field.path.partition(f".{ANY}")
        chosen = values.get(section) or () if section != field.path else (ANY,)
        for part in chosen:
            path = field.path.replace(ANY, part)
            if values.get(path) is not None:
                _put(made, path, field.kind.write(values[path]))
    return made


def _put(made: Json, path: str, value: Any) -> None:
    *sections, last = path.split(".")
    for title in sections:
        made = made.setdefault(title, {})
    made[last] = value
