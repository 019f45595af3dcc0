"""The contract of certificates on the simulator's openssl of words; tests/programs has the same on the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mysqlops import errors
from mysqlops.agent import settings
from tests.simulation import certificate_cases
from tests.simulation.apiserver import ApiServer
from tests.simulation.backend import Simulated
from tests.simulation.certificate_cases import Accepts
from tests.simulation.certificates import Certificates, Files, Folder, Signers
from tests.simulation.clients import AgentApi
from tests.simulation.standins import replacing

_ME = settings.Settings("mysql", "db", "mysql-0", "uid")


def _loads(server: ApiServer, files: Files) -> bool:
    folder = Folder()
    try:
        Certificates(AgentApi(server), _ME, folder).write(files)
    except errors.StepFailed:
        assert folder.files == {}
        return False
    return True


@pytest.mark.parametrize("case", certificate_cases.CASES, ids=lambda case: case.__name__)
def test_the_model(case: Callable[[Path, Accepts], None], tmp_path: Path) -> None:
    server = Simulated()
    with replacing(Signers().stand_ins()):
        case(tmp_path, lambda files: _loads(server, files))
