"""The only module that locates manifests/: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

import yaml

from mysqlops import errors
from mysqlops.core.typed import Json

try:  # libyaml reads the manifests in a tenth of the time
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]


def folder() -> Traversable:
    """Raises ConfigError where neither is."""
    packaged = resources.files("mysqlops") / "_manifests"
    beside = resources.files("mysqlops").joinpath("..", "manifests")
    found = next((place for place in (packaged, beside) if place.is_dir()), None)
    if found is None:
        raise errors.ConfigError(f"{beside} is missing", hint="git checkout -- manifests; or install mysqlops's wheel")
    return found


def load_base() -> list[Json]:
    """The objects of base/ in the order of its kustomization, ConfigMaps first, without the agent's program.

    Only the parts of kustomize that our own file uses are supported: resources, and a configMapGenerator of files,
    which may be immutable.
    """
    found: list[Json] = json.loads(_base())
    return found


def load_one(path: str) -> Json:
    """One object of manifests/, such as `adopt/job.yaml`."""
    found: Json = json.loads(_one(path))
    return found


# A command renders the same files several times. They are parsed once, and kept as JSON: reading that again takes a
# thirtieth of the time, and no caller gets what another has changed.
@cache
def _base() -> str:
    base = folder() / "base"
    kustomization = _load((base / "kustomization.yaml").read_text(encoding="utf-8"))
    labels = kustomization["generatorOptions"]["labels"]
    objects = [_config_map(base, entry, labels) for entry in kustomization["configMapGenerator"]]
    for name in kustomization["resources"]:
        objects.append(_load((base / name).read_text(encoding="utf-8")))
    return json.dumps(objects)


@cache
def _one(path: str) -> str:
    return json.dumps(_load((folder() / path).read_text(encoding="utf-8")))


def _load(text: str) -> Json:
    found: Json = yaml.load(text, Loader=SafeLoader)
    return found


def read_text(path: str) -> str:
    """A file of manifests/, such as a script."""
    return (folder() / path).read_text(encoding="utf-8")


def _config_map(base: Traversable, entry: Json, labels: dict[str, str]) -> Json:
    texts = [base / path for path in entry["files"] if not path.endswith(".pyz")]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": entry["name"], "labels": dict(labels)},
        "data": {file.name: file.read_text(encoding="utf-8") for file in texts},
        **({"immutable": True} if entry.get("options", {}).get("immutable") else {}),
    }
