"""What the trial of an image of MySQL shows: why it cannot be used, and what it warns of. Pure; the trial itself is
operations/image_check.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mysqlops.core import capabilities, mysqld_config, series, setting_secrets, version
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import Reason


@dataclass(frozen=True)
class Tried:
    """Reasons to refuse, mysqld's version, what it warned of in the my.cnf, by container the image that its node ran,
    and what the image of MySQL has; None if the probe did not say."""

    reasons: tuple[Reason, ...]
    version: version.ServerVersion | None = None
    warnings: tuple[str, ...] = ()
    image_ids: Mapping[str, str] = field(default_factory=dict)
    has: capabilities.Capabilities | None = None


def judge(spec: ClusterSpec, output: str, code: int) -> Tried:
    output = setting_secrets.without_those_of(spec.mysqld, output)
    found = version.parse_mysqld_output(output)
    if found is None:
        text = f"--image {spec.image} does not contain MySQL: `mysqld --version` says {_first_line(output)!r}"
        return Tried((Reason("not-mysql", text, "give an image of mysql, or of percona-server"),))
    why = series.unsupported_because(found)
    if why:
        text = f"--image {spec.image}: {why}"
        return Tried(
            (Reason("unsupported-version", text, "`mysqlops explain versions` lists the supported versions"),), found
        )
    if code != 0:
        complaints = [line for line in output.splitlines() if "[ERROR]" in line] or output.splitlines()[-1:]
        text = f"the server refuses the configuration: {' '.join(complaints[0].split())[:300]}"
        return Tried((Reason("bad-config", text, "correct the settings: in --config, or by `config set`"),), found)
    has = capabilities.read(output)
    if missing := capabilities.missing_plugins(has):
        text = f"--image {spec.image}: {'; '.join(missing)}"
        hint = "give an image of mysql, or of percona-server, with its plugins"
        return Tried((Reason("image-incomplete", text, hint),), found, has=has)
    return Tried((), found, (*_warnings(spec, output), *_lacking(spec, has)), has=has)


def _lacking(spec: ClusterSpec, has: capabilities.Capabilities | None) -> tuple[str, ...]:
    return tuple(f"--image {spec.image} {tool}" for tool in capabilities.missing_tools(has))


def _warnings(spec: ClusterSpec, output: str) -> tuple[str, ...]:
    """Warnings about the user's own settings: deprecated names, adjusted values."""
    user = mysqld_config.by_name(spec.mysqld)
    lines = [line for line in output.splitlines() if "[Warning]" in line]
    return tuple(" ".join(line.split())[:300] for line in lines if any(key in line for key in user))


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "nothing")[:200]
