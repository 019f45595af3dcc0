"""What a wheel carries besides the package: the agent's program, built here and nowhere else, and the files of folders
that lie beside the package in a checkout."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FOLDERS = {  # folder: (which files, where to)
    "manifests": ("*", "mysqlops/_manifests"),
    "docs": ("*.md", "mysqlops/_docs"),
    "scripts/runbooks": ("*.sh", "mysqlops/_runbooks"),
}
_BUILT = "agent.pyz"  # `kubectl apply -k` wants it in manifests/; a wheel has its own


class Carried(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # the package reads the checkout
        root = Path(self.root)
        for folder, (pattern, target) in _FOLDERS.items():
            for file in sorted((root / folder).rglob(pattern)):
                if file.is_file() and file.name != _BUILT:
                    build_data["force_include"][str(file)] = f"{target}/{file.relative_to(root / folder)}"
        build_data["force_include"][str(self._agent(root))] = f"mysqlops/_agent/{_BUILT}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self._folder.cleanup()

    def _agent(self, root: Path) -> Path:
        sys.path.insert(0, str(root))
        from mysqlops.operations import bundle

        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / _BUILT
        path.write_bytes(bundle.from_sources().content)
        return path
