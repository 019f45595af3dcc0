"""Take secrets out of what is handed to a colleague: values that are known, and what has the form of a secret. Pure.

A short value is not looked for: it would be found in every word. Certificates, the group's name (it is in every GTID)
and addresses are public.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mysqlops.core import known_secrets, server_log, setting_secrets, typed
from mysqlops.core.typed import Json

MARK = known_secrets.MARK
_PUBLIC = re.compile(r".*\.crt|group-name|ca-certificate|ca-replaces|host|port|user|username|database|type")
_DROPPED = ("managedFields",)
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # a copy of the object as somebody wrote it
# No form begins with a run of characters of any length: a search would take the square of its length.
_NAME = (
    r"(?:passw(?:or)?d|passphrase|(?<![a-z])(?:pass|pwd)(?![a-z])|(?-i:(?:Pass|Pwd)(?![a-z]))"
    r"|secret|token|credential|access[_-]?key|api[_-]?key|private[_-]?key)[\w.-]{0,64}"
)
# To its end, as SQL and JSON write quotes within; if that is missing, to the end of the line.
_STRING = r"""(?:'(?:[^'\\\n]|\\[^\n]|'')*'?|"(?:[^"\\\n]|\\[^\n]|"")*"?)"""
_VALUE = rf"(?:\\{{1,8}}[\"'][^\n]{{0,4096}}?\\{{1,8}}[\"']|{_STRING}|[^\s,;&}}\]]+)"
_IS = r"\\{0,8}[\"']?\s{0,32}(?:[=:]|%3[aAdD])\s{0,32}"
_FORMS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MARK),
    (re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MARK),  # a JSON Web Token
    (re.compile(rf"(?i)(\bauthorization{_IS}[\"']?)(?![\"'])[^\n\"']+"), rf"\1{MARK}"),
    (re.compile(r"(?i)\b((?:bearer|basic)\s{1,32})[\w.+/=~-]{8,}"), rf"\1{MARK}"),
    (re.compile(r"://[^\s/\"'`]+@"), f"://{MARK}@"),  # also a token alone
    # With a `/` in it.
    (re.compile(r"(?i)(://|%3a%2f%2f)[^\s/:\"'`@%]{0,64}(?::|%3a)[^\s\"'`]{1,512}(?:@|%40)"), rf"\1{MARK}@"),
    # As Go's driver reads it.
    (re.compile(r"(?<![\w.-])([\w.-]{1,64}:)[^\s@\"'`]{1,256}(@(?:tcp|unix)\()"), rf"\1{MARK}\2"),
    # In YAML: a block below its key, and the value of an environment variable.
    (re.compile(rf"(?i)({_NAME}{_IS}[|>][+-]?\d?[ \t]{{0,8}}\n)(?:[ \t]+[^\n]*(?:\n|\Z)){{1,64}}"), rf"\1{MARK}\n"),
    (
        re.compile(
            rf"(?i)(\bname{_IS}\\{{0,8}}[\"']?[\w.-]{{0,64}}?{_NAME}\\{{0,8}}[\"']?,?\s{{1,64}}\\{{0,8}}[\"']?value{_IS}){_VALUE}"
        ),
        rf"\1{MARK}",
    ),
    (re.compile(rf"(?i)(\b(?:password\s{{0,32}}\(|replace\b)\s{{0,32}}){_STRING}"), rf"\1{MARK}"),
    (
        re.compile(
            rf"(?i)(\bidentified\b[^\n]{{0,200}}?\b(?:by|as)\s{{1,32}}(?:password\s{{1,32}})?)({_STRING}|0x[0-9a-f]+)"
        ),
        rf"\1{MARK}",
    ),
    (re.compile(rf"(?i)(\bset\s{{1,32}}password\b[^\n]{{0,200}}?=\s{{0,32}}){_VALUE}"), rf"\1{MARK}"),
    (re.compile(rf"(?i)((?<![\w-])--[\w-]{{0,64}}?{_NAME}\s{{1,32}}){_VALUE}"), rf"\1{MARK}"),
    (re.compile(rf"(?i)({_NAME}{_IS}){_VALUE}"), rf"\1{MARK}"),
    (re.compile(r"\$A\$\d{3}\$.{20,}?(?=['\"\s]|$)"), MARK),  # hashes of caching_sha2_password
    (re.compile(r"\*[0-9A-F]{40}\b"), MARK),  # of mysql_native_password
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), MARK),
)
_IS_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)


def values(secrets: Iterable[Json]) -> frozenset[str]:
    """What must not be seen, of these Secrets: each value, what it is made of, and how the Secret itself writes it."""
    found: set[str] = set()
    for secret in secrets:
        for key, encoded in (secret.get("data") or {}).items():
            if not _PUBLIC.fullmatch(key):
                found |= {str(encoded), *known_secrets.within(_decoded(str(encoded)))}
    return frozenset(text for text in found if len(text) >= known_secrets.SHORTEST)


def _decoded(encoded: str) -> str:
    try:
        return base64.b64decode(encoded).decode(errors="ignore")
    except ValueError:
        return ""


def outline(secret: Json) -> Json:
    """Names and keys of a Secret."""
    metadata = secret["metadata"]
    kept = {key: metadata[key] for key in ("name", "namespace", "creationTimestamp", "labels") if key in metadata}
    return {"kind": "Secret", "type": secret.get("type"), "metadata": kept, "keys": sorted(secret.get("data") or {})}


def text(found: str, known: Collection[str]) -> str:
    """A text without secrets, and without values of rows where servers quote them."""
    return server_log.without_values(_without_secrets(found, known))


def log(found: str, known: Collection[str]) -> str:
    """The same for the log of a container, with kubelet's times."""
    return _without_secrets(server_log.log_without_values(found), known)


def _without_secrets(found: str, known: Collection[str]) -> str:
    found = known_secrets.without(found, known)
    for form, instead in _FORMS:
        found = form.sub(instead, found)
    return found


_DEEPEST = 60  # deeper than objects of Kubernetes are, and JSON within their texts


def tree(found: Any, known: Collection[str], depth: int = 0) -> Any:
    """The same for an object: every text in it, and every value whose key says that it is a secret. A text that is JSON
    itself, as in annotations, is read as such: its escapes would hide what it holds."""
    if depth > _DEEPEST:
        return MARK
    if isinstance(found, str):
        inner = _json(found)
        return text(found, known) if inner is None else json.dumps(tree(inner, known, depth + 1), ensure_ascii=False)
    if isinstance(found, list | tuple):
        return [tree(item, known, depth + 1) for item in found]
    if isinstance(found, Mapping):
        return _mapping(found, known, depth)
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return MARK if is_number and known_secrets.spans(str(found), known) else found


def _mapping(found: Mapping[str, Any], known: Collection[str], depth: int) -> Json:
    is_named = isinstance(found.get("name"), str) and _IS_SECRET_NAME.search(found["name"]) is not None
    is_secret = found.get("kind") == "Secret"
    made: Json = {}
    for key, value in found.items():
        if key in _DROPPED or key == _APPLIED:
            continue
        hides = (_IS_SECRET_NAME.search(str(key)) or (is_named and key == "value")) and not _is_reference(str(key))
        if key == "mysqld" and isinstance(value, Mapping):  # settings, as a backup records them
            made[key] = tree(setting_secrets.shown_all(value), known, depth + 1)
        elif is_secret and key in ("data", "stringData") and isinstance(value, Mapping):
            made[str(key)] = {text(str(item), known): MARK for item in value}
        else:
            made[text(str(key), known)] = _hidden(value, known, depth) if hides else tree(value, known, depth + 1)
    return made


def _hidden(value: Any, known: Collection[str], depth: int) -> Any:
    """In place of what a key calls a secret; what it names below keeps its own keys."""
    if isinstance(value, list | tuple):
        return [
            _hidden(item, known, depth + 1) if isinstance(item, str | int | float) else tree(item, known, depth + 1)
            for item in value
        ]
    is_value = isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
    return MARK if is_value else tree(value, known, depth + 1)


def _json(found: str) -> Any:
    """None unless the text is an object or a list, or holds one as a text of its own."""
    inner = typed.json_of(found) if found.lstrip()[:1] in ("{", "[", '"') else None
    return inner if isinstance(inner, dict | list) or (isinstance(inner, str) and _json(inner) is not None) else None


def _is_reference(key: str) -> bool:
    """Kubernetes' fields that name a Secret, and do not hold it."""
    return key in ("secretName", "secretRef", "secretKeyRef", "imagePullSecrets", "automountServiceAccountToken")
