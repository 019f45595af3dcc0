"""A YAML file, each scalar as it is written, with its line: what `ON`, `0200` or `1e3` means is decided by the field
that it stands in, not by a version of YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from mysqlops.errors import ConfigError

_NULL = {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True)
class Node:
    """`value` is a text, None, a list of nodes, or a dict from text to node. A plain text is not quoted. The line of a
    field is that of its name."""

    value: Any
    line: int
    is_plain: bool = False


def at(node: Node, path: str) -> Node:
    """The innermost node on a path such as `spec.containers[0].env`, as far as there is one. What follows the path in
    the text is ignored, and a name with dots in it is found too."""
    inner: Node | None = None
    if isinstance(node.value, dict):
        found = [name for name in node.value if re.match(rf"{re.escape(name)}(?![\w-])", path)]
        if found:
            name = max(found, key=len)
            inner, path = node.value[name], path[len(name) :].removeprefix(".")
    elif isinstance(node.value, list) and (number := re.match(r"\[(\d+)\]\.?", path)):
        index = int(number[1])
        inner, path = (node.value[index], path[number.end() :]) if index < len(node.value) else (None, "")
    return node if inner is None else at(inner, path)


def documents(text: str, source: str) -> list[Node]:
    """Those that are not empty; raises ConfigError with the line."""
    import yaml

    try:
        roots = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
    except RecursionError:
        raise ConfigError(f"{source}: nested too deeply") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
        if isinstance(error, yaml.composer.ComposerError):  # its word may be a password without quotes
            problem = "a value that begins with * or & needs quotes"
        where = source if mark is None else f"{source} line {mark.line + 1}"
        raise ConfigError(f"{where}: not YAML: {problem}") from error
    made = [_Reader(source).read(node) for node in roots]
    return [node for node in made if node.value is not None]


class _Reader:
    """Refuses what makes a file say something else than it seems to: keys given twice, tags, and aliases, whose
    expansion has no limit."""

    def __init__(self, source: str) -> None:
        self._source, self._seen = source, set[int]()

    def read(self, node: Any) -> Node:
        import yaml

        line = node.start_mark.line + 1
        if id(node) in self._seen:
            raise self._bad(line, "an alias: write the value again")
        self._seen.add(id(node))
        if node.tag.startswith("!"):
            raise self._bad(line, "a tag: a value that begins with ! needs quotes")
        if isinstance(node, yaml.MappingNode):
            return Node(dict(self._pairs(node)), line)
        if isinstance(node, yaml.SequenceNode):
            return Node([self.read(item) for item in node.value], line)
        is_null = node.style is None and node.value in _NULL
        return Node(None if is_null else node.value, line, node.style is None)

    def _pairs(self, node: Any) -> Iterator[tuple[str, Node]]:
        known: set[str] = set()
        for key, value in node.value:
            line, name = key.start_mark.line + 1, self.read(key).value
            if not isinstance(name, str):
                raise self._bad(line, "expected the name of a field before the ':'")
            if name in known:
                raise self._bad(line, f"{name} is given twice")
            known.add(name)
            yield name, replace(self.read(value), line=line)

    def _bad(self, line: int, why: str) -> ConfigError:
        return ConfigError(f"{self._source} line {line}: {why}")
