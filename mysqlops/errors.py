"""Every error that a user can meet, as one tree.

    MysqlopsError               70   unexpected, or the base of the rest
    ├ ConfigError                2   an option, file or value is wrong; nothing was changed
    ├ Refused(reasons)           3   doing it could lose data or cannot work; nothing was changed
    ├ OperationLocked            4   another command is changing the cluster; nothing was changed
    ├ WaitTimeout                5   the deadline passed; the work goes on inside the cluster
    ├ StepFailed                 6   a step of the plan failed; run the same command again
    │ └ WriteRefused             6   a server answered a client's write with an error
    ├ KubeError                 10   the API server refused, or could not be reached
    │ ├ Unreachable  ├ Forbidden  ├ NotFound  ├ Invalid  ├ Conflict  ├ PodExecFailed (BadAnswer)  └ PodBusy
    ├ MysqlError                20   a MySQL server refused, or could not be reached
    │ ├ ConnectFailed  ├ AccessDenied  └ StatementFailed
    └ StorageError              30   a backup's repository refused, or could not be reached

`status`, `doctor` and `wait` add their own: 8 degraded, 9 down; `diff`: 1 different; `drill`: 7 SLO missed, 40 rows are
wrong.
docs/reference/errors.md lists each code.
Only `cli/main.py` turns these into text and an exit status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EXIT_DIFFERENT = 1
EXIT_SLO_MISSED = 7
EXIT_DEGRADED = 8
EXIT_DOWN = 9
EXIT_NOT_CLEAN = 40
EXIT_INTERRUPTED = 130


class MysqlopsError(Exception):
    """The base of every error that is reported to the user in one sentence."""

    exit_code = 70  # 1 is an answer of `diff`
    code = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(MysqlopsError):
    """An option, a file or a value in it is wrong."""

    exit_code = 2
    code = "config"


@dataclass(frozen=True)
class Reason:
    """One reason to refuse: a stable code, what was seen, and the next command to run."""

    code: str
    message: str
    hint: str | None = None


class Refused(MysqlopsError):
    """The command was understood and would be unsafe or impossible; nothing was changed."""

    exit_code = 3
    code = "refused"

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("; ".join(reason.message for reason in reasons))
        self.reasons = tuple(reasons)


class OperationLocked(MysqlopsError):
    """Another command is changing the same cluster."""

    exit_code = 4
    code = "locked"


class WaitTimeout(MysqlopsError):
    """A wait's deadline passed; the message says what was last seen."""

    exit_code = 5
    code = "timeout"


class StepFailed(MysqlopsError):
    """A step of the plan did not have its effect."""

    exit_code = 6
    code = "step-failed"


class WriteRefused(StepFailed):
    """A server answered a client's write with an error; a missing or late answer is a WaitTimeout."""

    code = "write-refused"


class KubeError(MysqlopsError):
    """The Kubernetes API answered with an error."""

    exit_code = 10
    code = "kubernetes"


class Unreachable(KubeError):
    """No answer from the API server."""

    code = "kubernetes-unreachable"


class Forbidden(KubeError):
    """The API server knows who asks, and says no."""

    code = "kubernetes-forbidden"


class NotFound(KubeError):
    """The object does not exist."""

    code = "kubernetes-not-found"


class Invalid(KubeError):
    """The API server does not take the content of an object."""

    code = "kubernetes-invalid"


@dataclass(frozen=True)
class FieldOwner:
    """A field manager, and a field that it owns."""

    manager: str
    field: str


class Conflict(KubeError):
    """Somebody else changed the object, or owns the field: then `owners` says who and which."""

    code = "kubernetes-conflict"

    def __init__(self, message: str, *, hint: str | None = None, owners: Sequence[FieldOwner] = ()) -> None:
        super().__init__(message, hint=hint)
        self.owners = tuple(owners)


class PodExecFailed(KubeError):
    """A command inside a pod could not be run or failed."""

    code = "pod-exec"


class BadAnswer(PodExecFailed):
    """A member's agent answered in another form than this release expects; the message names the member, the program
    and the field."""

    code = "bad-answer"


class PodBusy(KubeError):
    """Too many commands run in the pod at once; nothing was asked and nothing was changed."""

    code = "pod-busy"


class MysqlError(MysqlopsError):
    """A MySQL server answered with an error; `errno` is MySQL's number."""

    exit_code = 20
    code = "mysql"

    def __init__(self, message: str, *, errno: int = 0, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errno = errno


class ConnectFailed(MysqlError):
    """No connection to the server, or it was lost."""

    code = "mysql-connect"


class AccessDenied(MysqlError):
    """The server does not accept the account or its password."""

    code = "mysql-access-denied"


class StatementFailed(MysqlError):
    """A statement failed."""

    code = "mysql-statement"


class StorageError(MysqlopsError):
    """A backup's repository does not answer, is locked, or does not hold what it should."""

    exit_code = 30
    code = "repository"
