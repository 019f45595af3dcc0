"""What a backup keeps of its cluster's spec. The Job's environment gives it without settings that are secrets: whoever
may read pods would read them there. The Job reads these from the cluster's ConfigMap."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mysqlops.agent import settings
from mysqlops.core import mysqld_config, setting_secrets

_USER_CNF = settings.MY_CNF.with_name("user.cnf")


def spec(environment: Mapping[str, str]) -> dict[str, Any]:
    """The spec with all settings of the user."""
    found: dict[str, Any] = json.loads(environment["SPEC"])
    return {**found, "mysqld": {**found.get("mysqld", {}), **_secrets()}}


def _secrets() -> dict[str, str | None]:
    if not _USER_CNF.exists():  # a ConfigMap of a cluster without settings of its own
        return {}
    values = mysqld_config.read(mysqld_config.parse(_USER_CNF.read_text(), _USER_CNF.name))
    return mysqld_config.recorded({key: values[key] for key in setting_secrets.of(values)})
