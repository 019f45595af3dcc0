"""What an agent imports stays in its memory, in each member of each cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
# Started with a word only: there is no pod, so it ends at once, after it has imported all.
_RUN = """
import json, sys
from mysqlops.agent.__main__ import main
print(json.dumps({"code": main(["run"]), "modules": sorted(sys.modules)}))
"""
_LARGE = {"argparse", "tempfile", "shutil", "uuid", "logging", "asyncio", "concurrent.futures", "kubernetes", "yaml"}


def test_the_agent_imports_no_large_module_that_it_rarely_needs() -> None:
    done = subprocess.run([sys.executable, "-c", _RUN], capture_output=True, text=True, check=True, cwd=_ROOT, env={})
    said = json.loads(done.stdout)
    assert said["code"], done.stderr  # an agent needs its pod's name
    assert "mysqlops.agent.loop" in said["modules"]
    assert not _LARGE & set(said["modules"])
