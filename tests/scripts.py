"""Scripts of this project as modules: they have no suffix that an import would find."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_SCRIPTS = Path(__file__).parents[1] / "scripts"


def load(name: str) -> ModuleType:
    if str(_SCRIPTS) not in sys.path:
        sys.path.append(str(_SCRIPTS))  # where Python finds what a script imports
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(_SCRIPTS / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = made  # dataclasses look there
    loader.exec_module(made)
    return made
