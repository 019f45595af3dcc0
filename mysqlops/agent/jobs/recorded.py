"""What a backup keeps of its cluster's spec. The Job's environment gives it without settings that are secrets: whoever
may read pods would read them there. The Job reads these from the cluster's ConfigMap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mysqlops import errors
from mysqlops.agent import settings
from mysqlops.core import mysqld_config, setting_secrets, typed

_USER_CNF = settings.MY_CNF.with_name("user.cnf")


def spec(environment: Mapping[str, str]) -> dict[str, Any]:
    """The spec with all settings of the user; raises StepFailed if somebody made it unreadable."""
    found = typed.json_of(environment["SPEC"])
    if not isinstance(found, dict):
        raise errors.StepFailed(
            "SPEC of this Job is not a cluster's spec: the backup would not be enough to restore it"
        )
    return {**found, "mysqld": {**found.get("mysqld", {}), **_secrets()}}


def _secrets() -> dict[str, str | None]:
    if not _USER_CNF.exists():  # a ConfigMap of a cluster without settings of its own
        return {}
    values = mysqld_config.read(mysqld_config.parse(_USER_CNF.read_text(), _USER_CNF.name))
    return mysqld_config.recorded({key: values[key] for key in setting_secrets.of(values)})
