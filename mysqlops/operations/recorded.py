"""What the manifest of a backup says about the cluster, read as untrusted input: anybody with the repository's password
may have written it. Each field must have its type and range, settings pass the same checks as `--config`, and images
are never taken from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mysqlops.core import mysqld_config, names, quantity, setting_rules, typed
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError, Reason, Refused
from mysqlops.mysql import contents

_CLASS = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_IMAGES = ("image", "agent_image")


@dataclass(frozen=True)
class Images:
    """The images that a restore runs; `why` is their origin."""

    image: str
    agent_image: str
    why: str


def load(text: str, backup: str) -> Json:
    """manifest.json, if it is an object with the three parts; raises Refused."""
    found = typed.json_of(text)
    if not isinstance(found, dict):
        raise _bad(backup, "the file", "expected a JSON object")
    for part in ("backup", "contents", "spec"):
        if not isinstance(found.get(part), dict):
            raise _bad(backup, part, "expected an object")
    _check_contents(backup, found["contents"])
    return found


def spec_of(
    manifest: Json, backup: str, images: Images, where: tuple[str, str], changed: Mapping[str, Any]
) -> ClusterSpec:
    """The spec of the backed-up cluster, under another name (`where`: name, namespace), with the user's own values for
    some fields: those fields are not read at all. Raises Refused, which names the field; ConfigError."""
    recorded = {
        key: read(manifest["spec"][key], backup)
        for key, read in _FIELDS.items()
        if key in manifest["spec"] and key not in changed
    }
    wanted = {"image": images.image, "agent_image": images.agent_image, **recorded, **changed}
    return ClusterSpec(**{**wanted, "name": where[0], "namespace": where[1]})


def settings_in(manifest: Json, backup: str) -> dict[str, str | None]:
    """Those settings under which the data was written that servers must share with it; raises Refused. The others are
    never applied from here, so it does not matter what today's rules say of them."""
    found = manifest["spec"].get("mysqld") or {}
    if isinstance(found, dict):
        found = {key: value for key, value in found.items() if mysqld_config.normalise(key) in setting_rules.fixed()}
    return _mysqld(found, backup)


def images_in(manifest: Json | None) -> tuple[str, str]:
    """The recorded images, only for the user to read."""
    found = [str((manifest or {"spec": {}})["spec"].get(key, "")) for key in _IMAGES]
    return found[0], found[1]


def _replicas(value: Any, backup: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= names.MAX_MEMBERS:
        raise _bad(backup, "spec.replicas", f"expected 1 to {names.MAX_MEMBERS}, found {value!r}")
    return value


def _quantity(field: str, read: Callable[[str], object]) -> Callable[[Any, str], str]:
    def check(value: Any, backup: str) -> str:
        try:
            if not isinstance(value, str) or not typed.is_plain(value):
                raise ConfigError("not a string")
            read(value)
        except ConfigError:
            raise _bad(backup, f"spec.{field}", f"expected a quantity such as 1Gi, found {value!r}") from None
        return value

    return check


def _storage_class(value: Any, backup: str) -> str | None:
    if value is not None and not (isinstance(value, str) and _CLASS.fullmatch(value)):
        raise _bad(backup, "spec.storage_class", f"expected the name of a StorageClass, found {value!r}")
    return value


def _mysqld(value: Any, backup: str) -> dict[str, str | None]:
    """Through the same checks as the user's file: written and read as such a file."""
    if not isinstance(value, dict) or not all(isinstance(value, str | None) for value in value.values()):
        raise _bad(backup, "spec.mysqld", "expected an object of setting names and string values")
    try:
        return mysqld_config.of_record(value, f"the settings recorded with {backup}")
    except ConfigError as error:
        hint = "--config FILE gives settings of your own instead of all recorded ones"
        raise Refused([Reason("bad-manifest", f"spec.mysqld: {error}", hint)]) from error


_FIELDS: Mapping[str, Callable[[Any, str], Any]] = {
    "replicas": _replicas,
    "storage_size": _quantity("storage_size", quantity.parse_bytes),
    "storage_class": _storage_class,
    "memory": _quantity("memory", quantity.parse_bytes),
    "cpu": _quantity("cpu", quantity.parse),
    "mysqld": _mysqld,
}


def _check_contents(backup: str, found: Json) -> None:
    for kind in ("tables", "rights"):
        if not isinstance(found.get(kind), dict):
            raise _bad(backup, f"contents.{kind}", "expected an object")
        for name, one in found[kind].items():
            if not isinstance(one, dict) or not _is_table(one):
                raise _bad(backup, f"contents.{kind}.{name}", "expected rows and checksum, each a number")
    programs = found.get("programs")
    if not isinstance(programs, dict) or not all(isinstance(program, str) for program in programs.values()):
        raise _bad(backup, "contents.programs", "expected an object of names and strings")


def _is_table(value: Json) -> bool:
    return _is_below(2**64, value.get("rows")) and _is_below(contents.CHECKSUM_END, value.get("checksum") or 0)


def _is_below(end: int, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < end


def _bad(backup: str, field: str, why: str) -> Refused:
    text = f"{backup}: manifest.json: {field}: {why}"
    hint = "the repository was tampered with; give that field as an option, or choose another backup"
    return Refused([Reason("bad-manifest", text, hint)])
