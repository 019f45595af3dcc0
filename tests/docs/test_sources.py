"""What holds for all of the source: found by reading it, whichever module it is in."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

from mysqlops.operations import bundle
from mysqlops.planning import gate
from tests.docs import sources


def test_functions_stay_small() -> None:
    large = []
    for file, nodes in sources.nodes().items():
        for one in nodes:
            if isinstance(one, ast.FunctionDef) and (one.end_lineno or 0) - one.lineno >= 50 + _docstring(one):
                large.append(f"{file}: {one.name}")
    assert large == []


def _docstring(function: ast.FunctionDef) -> int:
    """The help of a command is its docstring."""
    first = function.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return (first.end_lineno or 0) - first.lineno + 1 if is_text else 0


# A Lease's seconds; rollout.Limits; logs --follow, which ends when the user ends it.
_OWN_LIMITS = {"_await_death", "replace_all", "follow"}


def test_every_loop_that_sleeps_waits_with_patience() -> None:
    """operations/waiting.py ends; a loop of its own may forget to."""
    found = set()
    for file, nodes in sources.nodes().items():
        if file.relative_to(sources.PACKAGE).parts[0] in ("operations", "drill"):
            for function in nodes:
                if isinstance(function, ast.FunctionDef) and any(_sleeps(one) for one in ast.walk(function)):
                    found.add(function.name)
    assert found == _OWN_LIMITS


def _sleeps(node: ast.AST) -> bool:
    calls = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)] if isinstance(node, ast.While) else []
    names = [ast.unparse(one) for one in calls]
    return any(one.endswith(("clock.sleep", "waiting.sleep")) for one in names)


SOURCES = Path(gate.__file__).parents[1]


def _calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    for file, nodes in sources.nodes().items():
        for node in nodes:
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
    "operations/own.py",  # what bears the cluster's labels
    "operations/rehearsal.py",  # what the Job of an earlier rehearsal owned
    "operations/expose.py",  # a Service and its policy, if they are its own
    "drill/mine.py",  # what a drill created, by its labels and UID
    "operations/delete.py",  # --purge-data, which the user confirmed by the cluster's name
}


_PACKAGE = Path(__file__).parents[2] / "mysqlops"


# What they read they, or another of our own programs, wrote a moment ago, or it runs where nothing else is harmed.
_OWN = {
    *(
        "agent/commands.py",
        "agent/jobs/adoption.py",
        "agent/jobs/backup.py",
        "agent/jobs/replay.py",
    ),
    "drill/reach/lab.py",
    *("cli/output.py", "cli/yaml_text.py", "core/typed.py", "kube/manifests.py"),
}


def test_nothing_else_parses_json() -> None:
    found = set()
    for file in _PACKAGE.rglob("*.py"):
        for one in ast.walk(ast.parse(file.read_text())):
            if isinstance(one, ast.Attribute) and one.attr in ("loads", "load") and ast.unparse(one.value) == "json":
                found.add(str(file.relative_to(_PACKAGE)))
    assert found == _OWN


def test_the_agent_is_its_sources_without_comments_and_docstrings_and_nothing_else() -> None:
    """What is removed is what Python itself calls a comment: a # in a string is none."""
    shipped = dict(bundle._files())
    modules = {path: module.source for path, module in bundle._needed(bundle._ENTRY).items()}
    assert shipped.keys() > modules.keys()
    for path, source in modules.items():
        bare = shipped[path]
        tokens = tokenize.tokenize(io.BytesIO(bare).readline)
        assert [one.string for one in tokens if one.type == tokenize.COMMENT] == [], path
        assert ast.dump(_essence(ast.parse(bare))) == ast.dump(_essence(ast.parse(source))), path
        assert bare.count(b"\n") == source.count("\n"), path
        assert _types(ast.parse(bare)) >= _types(ast.parse(source)) & _evaluated(ast.parse(bare)), path


def _types(tree: ast.Module) -> set[str]:
    """What it imports that only describes types."""
    found = [one for one in tree.body if isinstance(one, ast.ImportFrom) and one.module in bundle._TYPES]
    return {name.name for one in found for name in one.names}


def _evaluated(tree: ast.Module) -> set[str]:
    """All names but those of annotations."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant("")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


class _Untyped(ast.NodeTransformer):
    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return node if node.value is None else ast.Assign([node.target], node.value, lineno=node.lineno)


def _essence(tree: ast.Module) -> ast.Module:
    """Less docstrings, the annotations of functions and in them, and imports of types."""
    tree.body = [one for one in tree.body if not (isinstance(one, ast.ImportFrom) and one.module in bundle._TYPES)]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body[0] = ast.Expr(ast.Constant(""))
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            _Untyped().generic_visit(node)
    return tree


def test_no_command_rehearses_past_the_one_function() -> None:
    """Run.do rehearses, asks and locks in the one order that is safe; a command that repeats it may ask too late."""
    rehearsals = {file for file, _ in _calls("rehearse") if file.startswith("cli/")}
    assert rehearsals == {"cli/context.py", "cli/upgrade.py"}, "upgrade's is --rehearse, which tries a backup"


def test_no_pod_is_built_past_the_one_function() -> None:
    """Who sets pull secrets builds a pod: there is one such place."""
    found = [
        str(file.relative_to(_PACKAGE))
        for file, nodes in sources.nodes().items()
        for node in nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.slice, ast.Constant)
        and node.slice.value == "imagePullSecrets"
    ]
    assert found == ["objects/pod_template.py"]


# Deploy and restore ask whose these are before they touch them.
_READ_BY_NAME = {"Lease", "Secret", "ConfigMap", "StatefulSet", "PersistentVolumeClaim"}


def _by_name_alone(nodes: Iterable[ast.AST]) -> list[int]:
    """Lines that find or delete an object whose name follows from the cluster's, without asking whose it is."""
    found = []
    for call in nodes:
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or len(call.args) < 2:
            continue
        kind, name = call.args[:2]
        computed = isinstance(name, ast.Call) and ast.unparse(name.func).startswith("names.")
        reads = call.func.attr == "find" and isinstance(kind, ast.Constant) and kind.value not in _READ_BY_NAME
        is_client = ast.unparse(call.func.value).endswith("client")
        deletes = call.func.attr == "delete" and is_client and "uid" not in {one.arg for one in call.keywords}
        if computed and (reads or deletes):
            found.append(call.lineno)
    return found


def test_no_operation_trusts_a_computed_name() -> None:
    for trusting in (
        'session.client.delete("Job", names.restore_job(name))',
        'client.find("CronJob", names.schedule(name, kind))',
    ):
        assert _by_name_alone(ast.walk(ast.parse(trusting))) == [1]
    operations = {one: nodes for one, nodes in sources.nodes().items() if one.parent.name == "operations"}
    assert len(operations) > 50
    assert {str(one): found for one, nodes in operations.items() if (found := _by_name_alone(nodes))} == {}


_UNIT = Path(__file__).parents[1] / "unit"


def test_unit_tests_generate_no_examples() -> None:
    """They run on every save, and loading Hypothesis alone takes as long as a hundred of them."""
    found = {
        file.name
        for file in sorted(_UNIT.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom)) and "hypothesis" in ast.unparse(node)
    }
    assert found == set()


def _guesses(call: ast.Call) -> bool:
    """Whether it reads or writes text in whatever encoding the user's locale names."""
    name = getattr(call.func, "attr", "") or getattr(call.func, "id", "")
    base = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    given = {one.arg for one in call.keywords}
    if base in ("os", "manifests") and name != "fdopen":
        return False
    if name in ("open", "fdopen"):
        modes = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        return "encoding" not in given and not any("b" in mode for mode in modes)
    is_text = name in ("read_text", "write_text") or (base == "subprocess" and "text" in given)
    return is_text and "encoding" not in given


def test_nothing_on_a_users_machine_depends_on_the_locale() -> None:
    """With an ASCII locale `render` ended in a UnicodeDecodeError; a Latin one would have changed what it applies.
    In pods, Python's own rule for the C locale is UTF-8."""
    found = [
        f"{file.relative_to(_PACKAGE)}:{one.lineno}"
        for file, nodes in sources.nodes().items()
        if file.relative_to(_PACKAGE).parts[0] != "agent"
        for one in nodes
        if isinstance(one, ast.Call) and _guesses(one)
    ]
    assert found == []
