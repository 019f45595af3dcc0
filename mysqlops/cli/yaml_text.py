"""YAML that every parser reads alike.

kubectl parses YAML 1.1, where `y` is true and `1e3` is a number; other parsers follow 1.2, where `0o17` is one. A
string that either would read as another type is quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_OTHER = re.compile(
    r"~|=|<<|null|y|yes|n|no|on|off|true|false"
    r"|[-+]?[0-9.][0-9_,.:]*(?:e[-+]?[0-9_]+)?"
    r"|[-+]?0[xob][0-9a-f_]+"
    r"|[-+]?\.(?:inf|nan)"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*",
    re.IGNORECASE,
)


def dump(documents: Iterable[Any]) -> str:
    """Multi-document YAML, the same bytes each time; strings of several lines become blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else "'" if _OTHER.fullmatch(value) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return yaml.dump_all(
        json.loads(json.dumps(list(documents))), Dumper=Dumper, sort_keys=False, explicit_start=True, width=1000
    )
