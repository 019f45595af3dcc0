"""The agent's access to the cluster's Secrets: values by our keys, wherever core/secret_map.py places them.

A write is based on the versions that were read: it changes nothing if a Secret has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mysqlops import errors
from mysqlops.agent import api
from mysqlops.core import group, names, secret_map
from mysqlops.core.typed import Json

# What most callers need. The CA's key is read only in order to sign.
_USUAL = (secret_map.APP, secret_map.ROOT, secret_map.INTERNAL)


@dataclass(frozen=True)
class Held:
    """The values by key, and the versions of the Secrets that a write must meet."""

    values: dict[str, str]
    versions: dict[str, str]
    is_split: bool
    application: dict[str, str] = field(default_factory=dict)  # all that NAME-app held, by its own keys


class Vault:
    """The Secrets of one cluster; raises KubeError."""

    def __init__(self, client: api.Api, cluster: str) -> None:
        self._api, self._cluster = client, cluster

    def read(self, *purposes: str) -> Held:
        """The values of the Secrets of these purposes, by default all except the CA's."""
        main, is_split = self._main()
        if not is_split:
            return Held(api.decoded(main), {main["metadata"]["name"]: _version(main)}, is_split)
        held = Held({}, {}, is_split)
        for purpose in purposes or _USUAL:
            found = main if purpose == secret_map.INTERNAL else self._get(secret_map.secret(self._cluster, purpose))
            data = api.decoded(found)
            held.values.update(secret_map.known(purpose, data))
            if purpose == secret_map.APP:
                held.application.update(data)
            held.versions[secret_map.secret(self._cluster, purpose)] = _version(found)
        return held

    def write(self, held: Held, values: Mapping[str, str | None]) -> None:
        """Change these values; None deletes one. Raises Conflict if a Secret has changed since `held`. A change of
        several Secrets may stop between two of them: NAME-internal comes last."""
        for secret, data in secret_map.by_secret(self._cluster, values, is_split=held.is_split).items():
            if secret == secret_map.secret(self._cluster, secret_map.APP) and data.get("password"):
                data.update(self._application(str(data["password"])))
            change = {"metadata": {"resourceVersion": held.versions[secret]}, "data": secret_map.encoded(data)}
            held.versions[secret] = _version(self._api.patch("v1", "secrets", secret, change))
        held.values.update({key: value for key, value in values.items() if value is not None})
        for key in [key for key, value in values.items() if value is None]:
            held.values.pop(key, None)

    def is_complete(self, held: Held, ca: str) -> bool:
        """Whether NAME-app held all that an application needs when `held` was read. One Secret for everything never
        has more."""
        wanted = {**self._application(held.application.get("password", "")), "ca.crt": ca}
        return not held.is_split or not _differs(held.application, wanted)

    def complete_application(self, ca: str) -> None:
        """Add to NAME-app what an application needs besides its password, unless it is there already."""
        if not self._main()[1]:
            return
        found = self._get(secret_map.secret(self._cluster, secret_map.APP))
        existing = api.decoded(found)
        wanted = {**self._application(existing.get("password", "")), "ca.crt": ca}
        if _differs(existing, wanted):
            change = {"metadata": {"resourceVersion": _version(found)}, "data": secret_map.encoded(wanted)}
            self._api.patch("v1", "secrets", found["metadata"]["name"], change)

    def _application(self, password: str) -> dict[str, str | None]:
        return {**secret_map.for_applications(self._cluster, self._api.namespace, password)}

    def forget(self, key: str) -> None:
        """Delete a value from NAME-internal, regardless of other changes."""
        found, is_split = self._main()
        change = {"data": {secret_map.place(self._cluster, key, is_split=is_split).key: None}}
        self._api.patch("v1", "secrets", found["metadata"]["name"], change)

    def absent(self) -> list[str]:
        """Which of the Secrets that members need do not exist."""
        found = [secret_map.secret(self._cluster, purpose) for purpose in _USUAL]
        return [secret for secret in (*found, names.tls_secret(self._cluster)) if not self._is_there(secret)]

    def without(self, keys: Sequence[str]) -> str:
        """In which Secrets these keys are missing, as text; empty if none is."""
        is_split = self._main()[1] if keys else True
        places = [secret_map.place(self._cluster, key, is_split=is_split) for key in keys]
        return "; ".join(f"Secret {place.secret} does not hold {place.key}" for place in places)

    def _is_there(self, secret: str) -> bool:
        try:
            self._get(secret)
        except errors.NotFound:
            return False
        return True

    def notes(self) -> dict[str, str]:
        """The annotations of the Secret that holds the group's name."""
        return self._main()[0]["metadata"].get("annotations") or {}

    def note(self, wanted: Mapping[str, str]) -> None:
        """Write these annotations to that Secret, unless it has them, or a later note than they hold: whoever was
        paused may write what is over. Raises Conflict if the Secret has changed meanwhile."""
        secret = self._main()[0]
        existing = secret["metadata"].get("annotations") or {}
        is_later = group.note_of(existing).is_later(group.note_of(wanted))
        if not is_later and any(existing.get(key) != value for key, value in wanted.items()):
            change = {"resourceVersion": _version(secret), "annotations": dict(wanted)}
            self._api.patch("v1", "secrets", secret["metadata"]["name"], {"metadata": change})

    def _main(self) -> tuple[Json, bool]:
        """The Secret that holds the group's name, and whether each purpose has its own."""
        internal = self._get(secret_map.secret(self._cluster, secret_map.INTERNAL))
        if not secret_map.is_filled(internal):
            try:
                before = self._get(names.credentials_secret(self._cluster))
            except errors.NotFound:
                before = None
            if before is not None and secret_map.is_filled(before):
                return before, False
        return internal, True

    def _get(self, secret: str) -> Json:
        return self._api.get("v1", "secrets", secret)


def _differs(existing: Mapping[str, str], wanted: Mapping[str, str | None]) -> bool:
    """An application without a password is not ours to complete."""
    return bool(existing.get("password")) and any(existing.get(key) != value for key, value in wanted.items())


def _version(secret: Json) -> str:
    version: str = secret["metadata"]["resourceVersion"]
    return version
