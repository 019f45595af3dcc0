"""Before data goes: who else holds it, seen now; and nobody deletes a claim but through the gate."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mysqlops.core import gtid
from mysqlops.planning import gate, status
from tests.unit.clusters import DOWN, GROUP, of_members

SOURCES = Path(gate.__file__).parents[1]
ALL = gtid.GtidSet.parse(f"{GROUP}:1-5")
ANSWERS = {f"mysql-{number}": ALL for number in range(5)}


def _ask(now: status.Status, held: gtid.GtidSet | None = ALL, member: str = "mysql-2", **given: Any) -> set[str]:
    answers = given.pop("answers", ANSWERS)
    going = gate.Going(f"data-{member}", "uid", member, held)
    return {one.code for one in gate.reasons(now, going, answers, **given)}


def test_a_claim_goes_if_a_majority_holds_all_of_it_now() -> None:
    assert _ask(of_members(3)) == set()
    passed = gate.check(of_members(3), gate.Going("data-mysql-2", "uid", "mysql-2", ALL), ANSWERS)
    assert (passed.claim, passed.uid, passed.member) == ("data-mysql-2", "uid", "mysql-2")
    assert _ask(of_members(3, m2=DOWN)) == set()
    assert _ask(of_members(3), member="mysql-4") == set()


@pytest.mark.parametrize(
    ("now", "given", "codes"),
    [
        (of_members(3, "mysql-2"), {}, {"is-primary"}),
        (of_members(1), {"member": "mysql-0"}, {"only-member"}),
        (of_members(3, m1=DOWN), {}, {"no-majority"}),
        (of_members(3), {"answers": {"mysql-0": ALL}}, {"no-majority"}),
        (of_members(3), {"answers": {"mysql-1": ALL}}, {"no-primary"}),
        (of_members(3, m0={"role": "replica"}), {}, {"no-primary"}),
        (of_members(3, m0={"online": 2}), {}, {"members-unseen"}),
        (of_members(3), {"held": None}, {"unknown-data"}),
        (of_members(3), {"held": gtid.GtidSet.parse(f"{GROUP}:1-7")}, {"only-copy"}),
        (of_members(3), {"held": None, "accept_loss": True}, set()),
        (of_members(3, m1=DOWN), {"held": None, "accept_loss": True}, {"no-majority"}),
        (of_members(1), {"member": "mysql-0", "accept_loss": True}, {"only-member"}),
    ],
)
def test_what_the_gate_keeps(now: status.Status, given: dict[str, Any], codes: set[str]) -> None:
    assert _ask(now, **given) == codes


def test_without_an_answer_of_its_server_what_a_member_holds_is_unknown() -> None:
    now = of_members(3, m1={"received": f"{GROUP}:6-7"}, m2={**DOWN, "executed": ""})
    assert (now.members[2].executed, now.members[2].behind, now.members[2].missing) == (None, None, None)
    assert gate.held_by(now, "mysql-2") is None
    assert gate.held_by(now, "mysql-9") is None
    assert gate.held_by(now, "mysql-1") == gtid.GtidSet.parse(f"{GROUP}:1-7")


def _calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    for file in SOURCES.rglob("*.py"):
        text = file.read_text()
        for node in ast.walk(ast.parse(text)) if any(f"{name}(" in text for name in names) else ():
            if isinstance(node, ast.Call) and {getattr(node.func, "attr", ""), getattr(node.func, "id", "")} & {*names}:
                yield str(file.relative_to(SOURCES)), node


def _is_of_client(call: ast.Call) -> bool:
    """`client.delete(…)`, whatever leads to the client; not `jobs.delete(…)`."""
    base = call.func.value if isinstance(call.func, ast.Attribute) else None
    return (getattr(base, "attr", "") or getattr(base, "id", "")).endswith("client")


def _kind(call: ast.Call) -> str | None:
    """The first word of a deletion, None if it is not written out."""
    first = call.args[0] if call.args else None
    return str(first.value) if isinstance(first, ast.Constant) else None


def test_only_one_place_deletes_claims_and_only_with_what_the_gate_lets_pass() -> None:
    deletions = [(file, _kind(call)) for file, call in _calls("delete", "delete_unchanged") if _is_of_client(call)]
    assert [file for file, kind in deletions if kind == "PersistentVolumeClaim"] == ["operations/claims.py"]
    computed = {file for file, kind in deletions if kind is None}
    assert computed <= DELETE_WHAT_THEY_ARE_TOLD, computed - DELETE_WHAT_THEY_ARE_TOLD
    assert {file for file, _ in _calls("Passed")} == {"planning/gate.py"}
    literals = {file.name for file in SOURCES.rglob("*.py") if '"persistentvolumeclaims"' in file.read_text()}
    assert literals <= {"client.py", "rights.py"}


DELETE_WHAT_THEY_ARE_TOLD = {
    "operations/binlog.py",  # the Deployment, Lease and rights of a receiver
    "operations/delete.py",  # --purge-data, which the user confirmed by the cluster's name
}
