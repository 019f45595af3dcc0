"""The Go programs, each group built once per content of its module."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from labkit import cache
from labkit.shell import LabError, run, tell

KUBERNETES = "1.36.3"
_STAMP = "-X k8s.io/component-base/version"
_SIDECARS = (
    "github.com/kubernetes-csi/external-provisioner/v6/cmd/csi-provisioner",
    "github.com/kubernetes-csi/external-resizer/v2/cmd/csi-resizer",
    "github.com/kubernetes-csi/external-snapshotter/v8/cmd/csi-snapshotter",
    "github.com/kubernetes-csi/external-snapshotter/v8/cmd/snapshot-controller",
)


@dataclass(frozen=True)
class Group:
    """One Go module and the packages of it that are built; a binary is named as its package's last part."""

    module: str
    packages: tuple[str, ...]
    flags: str = "-s -w"


GROUPS = {
    "kube": Group("kube", (".",), f"-s -w {_STAMP}.gitVersion=v{KUBERNETES} {_STAMP}.gitMajor=1 {_STAMP}.gitMinor=36"),
    "coredns": Group("coredns", (".",)),
    "storage": Group("storage", ("./csi-lab", *_SIDECARS)),
    "holder": Group("watch-holder", (".",)),
    "s3": Group("storage", ("github.com/versity/versitygw/cmd/versitygw",)),
}
# Only for what is asked for by name: `scripts/lab up` builds none of it.
GROUPS_ON_DEMAND = {"policies": Group("policies", ("github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",))}


def build(name: str) -> Path:
    """The folder with the group's binaries."""
    group = GROUPS.get(name) or GROUPS_ON_DEMAND[name]
    source = cache.SOURCES / "go" / group.module
    target = cache.root() / "bin" / f"{name}-{cache.digest(source, *group.packages, group.flags)}"
    if target.is_dir():
        return target
    if not shutil.which("go"):
        raise LabError("go: not installed; Go 1.26 or later builds Kubernetes from its modules")
    tell(f"building {name} (minutes, the first time)")
    with cache.fresh_folder(target) as half:
        words = ["go", "build", "-C", str(source), "-trimpath", "-ldflags", group.flags, "-o", f"{half}/"]
        run("env", "CGO_ENABLED=0", *words, *group.packages, timeout=3600)
        if name == "storage":
            _copy_snapshot_crds(source, half)
    cache.drop_others(target, f"{name}-*")
    return target


def _copy_snapshot_crds(source: Path, target: Path) -> None:
    """The definitions of the snapshot API lie in the module of its client."""
    module = "github.com/kubernetes-csi/external-snapshotter/client/v8"
    folder = run("go", "list", "-C", source, "-m", "-f", "{{.Dir}}", module).strip()
    (target / "crds").mkdir()
    for file in Path(folder, "config", "crd").glob("snapshot.storage.k8s.io_*.yaml"):
        (target / "crds" / file.name).write_bytes(file.read_bytes())
