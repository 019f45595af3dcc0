"""What seeds found on the code before issue 17 (commit `9a46e4a`), or since, shrunk: events, because a seed draws
others as soon as `scenarios.py` changes. Each must hold now, and did not then (docs/explanation/simulation.md says
which invariant saw it).
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.faults import Event


@dataclass(frozen=True)
class Case:
    """One world: its scenario and seed still decide how long it lasts and what chance does in it."""

    finding: str
    scenario: str
    seed: int
    saw: str  # the kind of violation on the old code
    events: tuple[Event, ...]


CASES = (
    Case(
        "S2",
        "down",
        0,
        "members differ",
        (
            Event(35.8, "drain", 1, 22.6),
            Event(36.6, "drain", 2, 24.0),
            Event(54.8, "power-cut", 0, 20.3),
            Event(68.9, "verb", 0, 26.1, "recover"),
            Event(84.0, "verb", 0, 27.2, "rebuild"),
            Event(109.5, "verb", 0, 20.4, "recover"),
        ),
    ),
    Case(
        "S4",
        "rebuild-killed",
        22,
        "last copy deleted",
        (
            Event(15.3, "trap-cli", 1, 24.0, "kill DELETE"),
            Event(18.2, "verb", 2, 18.8, "rebuild"),
            Event(50.6, "lose-node", 1, 8.3),
            Event(67.2, "drain", 0, 9.1),
            Event(80.1, "verb", 2, 18.2, "rebuild"),
        ),
    ),
    Case(
        "S6",
        "recover-killed",
        36,
        "led without acknowledged writes",
        (
            Event(16.0, "drain", 1, 26.9),
            Event(20.7, "power-cut", 1, 8.5),
            Event(26.6, "trap-cli", 1, 10.7, "kill PATCH Lease mysql-operation"),
            Event(45.8, "verb", 1, 23.8, "recover"),
            Event(126.5, "drain", 0, 4.7),
            Event(148.2, "power-cut", 1, 20.4),
        ),
    ),
    Case(
        "S7",
        "lock",
        0,
        "lock",
        (
            Event(15.1, "trap-cli", 0, 4.7, "stop"),
            Event(16.0, "trap-cli", 0, 9.5, "stop DELETE"),
            Event(23.8, "verb", 2, 15.7, "restart"),
            Event(40.2, "verb", 1, 4.4, "rebuild"),
        ),
    ),
    Case(
        "S7",
        "lock",
        1,
        "lock",
        (
            Event(57.6, "trap-cli", 1, 29.7, "stop"),
            Event(68.9, "verb", 1, 11.9, "rebuild"),
            Event(84.8, "verb", 1, 5.1, "restart"),
        ),
    ),
    Case(
        "S13",
        "down",
        18,
        "last copy deleted",
        (
            Event(18.4, "drain", 2, 29.6),
            Event(22.9, "drain", 1, 12.5),
            Event(46.5, "break-mysqld", 0, 29.0),
            Event(54.7, "power-cut", 0, 12.6),
            Event(87.1, "verb", 2, 5.7, "recover"),
            Event(129.3, "verb", 0, 7.1, "rebuild"),
        ),
    ),
    Case(
        "U3",
        "wipe",
        1,
        "led without acknowledged writes",
        (
            Event(59.7, "drain", 1, 27.1),
            Event(88.7, "drain", 2, 7.5),
            Event(102.2, "delete-claim", 0, 8.9),
        ),
    ),
    Case(
        "S11",
        "redeploy",
        7,
        "led without acknowledged writes",
        (Event(21.6, "verb", 0, 23.4, "switchover"), Event(25.2, "verb", 0, 12.0, "delete-and-deploy")),
    ),
    Case(
        "S3",
        "rollout",
        33,
        "last copy deleted",
        (
            Event(48.0, "verb", 2, 21.5, "resize-by-rebuild"),
            Event(64.1, "lose-node", 2, 16.9),
            Event(108.6, "power-cut", 0, 24.8),
        ),
    ),
    Case(
        "S1",
        "forming",
        14,
        "two groups",
        (Event(3.4, "trap-agent", 0, 6.3, "kill-during START"), Event(35.1, "partition", 0, 16.2)),
    ),
    Case(
        "S16",  # with relay_log_recovery = ON in today's world (test_sight.py): the old code's was not tried
        "base",
        2,
        "led without acknowledged writes",
        (
            Event(30.0, "hold-applier", 1, 30.0),
            Event(30.0, "hold-applier", 2, 30.0),
            Event(40.0, "kill-mysqld", 1, 4.0),
            Event(40.0, "kill-mysqld", 2, 4.0),
            Event(41.0, "delete-claim", 0, 4.0),
        ),
    ),
    Case(
        "scaled-in-an-outage",  # only `kubectl scale` led out
        "scale",
        2008,
        "not writable",
        (
            Event(60.0, "lose-node", 1, 20.0),
            Event(64.4, "power-cut", 0, 20.0),
            Event(65.4, "verb", 2, 20.0, "scale-and-delete"),
        ),
    ),
    Case(
        "outage-while-a-claim-goes",  # before members left their group first (docs/adr/0036)
        "rebuild-killed",
        1,
        "asks for loss",
        (
            Event(16.7, "trap-cli", 1, 21.5, "stop DELETE"),
            Event(23.5, "verb", 1, 12.2, "rebuild"),
            Event(56.0, "drain", 2, 9.1),
            Event(57.3, "drain", 0, 29.2),
        ),
    ),
    Case(
        "outage-while-a-claim-goes",
        "scale",
        3,
        "asks for loss",
        (Event(21.1, "verb", 0, 5.8, "scale-and-delete"), Event(21.2, "kill-mysqld", 1, 21.4)),
    ),
    Case(
        "lock-deleted-by-hand",  # before each change renewed the Lease
        "lock",
        0,
        "lock",
        (
            Event(20.0, "verb", 1, 5.0, "rebuild"),
            Event(21.1, "unlock", 0, 1.0),
            Event(21.2, "verb", 2, 5.0, "rebuild"),
        ),
    ),
    Case(
        "a-deploy-that-waited",  # before it took the lock again to note the version
        "all",
        100039,
        "lock",
        (
            Event(31.3, "trap-cli", 1, 3.4, "stop DELETE"),
            Event(55.3, "verb", 1, 3.4, "stop"),
            Event(63.0, "verb", 2, 4.1, "delete-and-deploy"),
            Event(86.3, "trap-cli", 2, 9.5, "stop DELETE"),
            Event(105.8, "delete-lease", 2, 4.5),
            Event(118.5, "verb", 0, 9.3, "rebuild"),
            Event(127.6, "verb", 2, 2.6, "delete-and-deploy"),
            Event(131.8, "trap-cli", 0, 16.9, "stop PATCH Lease"),
        ),
    ),
    Case(
        "scaled-by-hand-while-stopped",  # `start` waited for whom it did not bring back
        "all",
        100333,
        "not writable",
        (Event(94.9, "verb", 0, 5.7, "stop"), Event(142.2, "replicas", 2, 27.4)),
    ),
    Case(
        "outage-and-deleted-lease",  # only the members knew from their copy of its note whom they wait for
        "all",
        100184,
        "not writable",
        (
            Event(26.5, "verb", 2, 6.6, "scale-and-delete"),
            Event(30.3, "delete-lease", 0, 2.5),
            Event(52.8, "lose-node", 0, 0.8),
        ),
    ),
    Case(
        "lease-from-a-backup",  # each member took its own group for another one, barred itself, and left
        "base",
        3,
        "not writable",
        (Event(30.0, "old-lease", 0, 60.0), Event(35.0, "power-cut", 1, 10.0)),
    ),
    Case(
        "lease-from-a-backup",  # as above: an agent that had just started again knew nothing
        "base",
        3,
        "not writable",
        (
            Event(30.0, "old-lease", 0, 60.0),
            Event(35.0, "power-cut", 1, 10.0),
            Event(89.0, "kill-agent", 0),
            Event(89.0, "kill-agent", 1),
            Event(89.0, "kill-agent", 2),
        ),
    ),
    Case(
        "lease-from-a-backup",  # the others were all that it knew by another name, and its only member formed a group
        "down",
        500,
        "led without acknowledged writes",
        (
            Event(20.9, "lose-node", 2, 24.8),
            Event(38.3, "lose-node", 0, 29.5),
            Event(45.3, "break-mysqld", 1, 15.9),
            Event(54.5, "power-cut", 1, 18.2),
            Event(75.8, "old-lease", 0, 57.5),
            Event(91.3, "verb", 0, 23.3, "recover"),
        ),
    ),
    Case(
        "applied-what-waits-for-one-scaled-away",  # `apply` waited 150 s, twice, for what only `scale` brings back
        "file",
        1200012,
        "not writable",
        (
            Event(57.7, "trap-cli", 0, 4.1, "kill-during PATCH"),
            Event(70.5, "partition", 1, 5.6),
            Event(80.9, "kill-mysqld", 0, 4.1),
            Event(87.4, "replicas", 2, 4.5),
            Event(92.9, "trap-cli", 1, 9.5, "lose PATCH Lease"),
            Event(104.5, "verb", 1, 4.9, "apply"),
            Event(104.5, "verb", 1, 1.9, "apply"),
        ),
    ),
    Case(
        "only-member-and-bad-image",  # waited for `upgrade --rollback`
        "all",
        100064,
        "not writable",
        (Event(20.1, "replicas", 1, 13.2), Event(31.7, "verb", 1, 25.5, "upgrade-to-bad")),
    ),
    Case(
        "back-on-newer-data",  # before `upgrade --forward`
        "rollout",
        100208,
        "not writable",
        (
            Event(21.7, "verb", 0, 4.3, "upgrade"),
            Event(43.1, "drain", 2, 3.9),
            Event(59.4, "drain", 2, 22.4),
            Event(111.6, "power-cut", 2, 3.5),
        ),
    ),
    Case(
        "noted-before-it-was-applied",  # a new primary forgot its predecessor, which alone had the writes on a disk
        "base",
        1,
        "led without acknowledged writes",
        (
            Event(26.0, "hold-applier", 1, 10.0),
            Event(26.0, "hold-applier", 2, 10.0),
            Event(30.0, "lose-node", 0, 13.0),
            Event(40.0, "lose-node", 1, 2.0),
            Event(40.0, "lose-node", 2, 2.0),
        ),
    ),
    Case(
        "a-probe-that-a-server-refuses",  # the model's probe had no answer to give, so nothing took the change back
        "settings",
        700001,
        "not writable",
        (Event(27.9, "verb", 1, 1.2, "config-shut-out-static"),),
    ),
    Case(
        "as-many-as-the-error-names",  # the model's user knew only three and five, and an open rollout allows only two
        "settings",
        1000002,
        "not writable",
        (Event(60.2, "verb", 1, 12.4, "config-shut-out-static"), Event(102.1, "replicas", 1, 17.6)),
    ),
    Case(
        "deploy-that-refuses-brings-the-lease-back",  # my.cnf waits for a whole group, and the group for its Lease
        "all",
        1060025,
        "not writable",
        (
            Event(55.9, "lose-node", 1, 27.9),
            Event(59.0, "verb", 1, 14.2, "resize"),
            Event(66.1, "delete-lease", 1, 1.6),
            Event(104.7, "lose-node", 0, 4.0),
        ),
    ),
    Case(
        "lease-from-a-backup-in-an-outage",  # nobody was in a group, and whom a user had given up was expected again
        "old-order",
        15,
        "led without acknowledged writes",
        (
            Event(15.3, "drain", 0, 7.8),
            Event(16.6, "drain", 1, 15.6),
            Event(31.3, "power-cut", 2, 21.8),
            Event(39.0, "old-lease", 0, 40.0),
            Event(64.6, "verb", 1, 26.2, "recover"),
            Event(79.0, "power-cut", 0, 26.7),
        ),
    ),
    Case(
        "lease-from-a-backup-in-an-outage",  # and it formed a group beside the one that had gone on without it
        "old-order",
        4,
        "two groups",
        (
            Event(23.2, "drain", 2, 15.9),
            Event(23.5, "drain", 0, 4.5),
            Event(31.7, "power-cut", 1, 17.6),
            Event(55.0, "old-lease", 1, 34.3),
            Event(66.3, "verb", 2, 6.1, "recover"),
            Event(85.4, "cut-agent-off", 0, 12.9),
        ),
    ),
    Case(
        "lease-from-a-backup-in-an-outage",  # or everybody barred itself
        "old-order",
        20,
        "not writable",
        (
            Event(15.5, "drain", 1, 5.6),
            Event(15.9, "drain", 0, 5.0),
            Event(18.1, "drain", 0, 10.2),
            Event(31.3, "power-cut", 2, 20.0),
            Event(42.6, "old-lease", 0, 35.7),
            Event(52.8, "verb", 2, 9.0, "recover"),
            Event(58.4, "verb", 0, 12.6, "recover"),
            Event(79.5, "kill-agent", 0, 23.1),
        ),
    ),
    Case(
        "late-step-of-a-rotation",
        "rotated-late",
        1,
        "passwords",
        (
            Event(20.0, "verb", 0, 5.0, "rotate-users"),
            Event(30.0, "verb", 0, 5.0, "restart"),
            Event(85.0, "trap-exec", 0, 110.0, "stop ALTER"),
            Event(86.0, "verb", 0, 5.0, "finish-users"),
            Event(155.0, "verb", 0, 5.0, "finish-users"),
            Event(165.0, "verb", 0, 5.0, "rotate-users"),
        ),
    ),
    Case(
        "late-step-of-a-rotation",
        "rotated-late",
        1,
        "passwords",
        (
            Event(20.0, "verb", 0, 5.0, "rotate-users"),
            Event(30.0, "verb", 0, 5.0, "restart"),
            Event(85.0, "trap-exec", 0, 110.0, "stop PATCH Secret"),
            Event(86.0, "verb", 0, 5.0, "finish-users"),
            Event(155.0, "verb", 0, 5.0, "finish-users"),
            Event(165.0, "verb", 0, 5.0, "rotate-users"),
        ),
    ),
    Case(
        "late-step-of-a-rotation",
        "rotated-late",
        1,
        "passwords",
        (
            Event(18.0, "trap-exec", 0, 100.0, "stop PATCH Secret"),
            Event(20.0, "verb", 0, 5.0, "rotate-users"),
            Event(90.0, "verb", 0, 5.0, "rotate-users"),
            Event(100.0, "verb", 0, 5.0, "restart"),
        ),
    ),
    Case(
        "late-step-of-tls-rotate",
        "rotated-late",
        1,
        "distrust",
        (
            Event(20.0, "verb", 0, 5.0, "new-ca"),
            Event(59.0, "trap-exec", 0, 86.0, "stop EXEC rotate-tls certificate"),
            Event(60.0, "verb", 0, 5.0, "drop-old-ca"),
            Event(130.0, "verb", 0, 5.0, "drop-old-ca"),
            Event(155.0, "verb", 0, 5.0, "new-ca"),
            Event(168.0, "verb", 0, 5.0, "drop-old-ca"),
        ),
    ),
    Case(
        "late-step-of-tls-rotate",
        "rotated-late",
        1,
        "distrust",
        (
            Event(20.0, "verb", 0, 5.0, "new-ca"),
            Event(59.0, "trap-exec", 0, 106.0, "stop EXEC rotate-tls drop"),
            Event(60.0, "verb", 0, 5.0, "drop-old-ca"),
            Event(130.0, "verb", 0, 5.0, "drop-old-ca"),
            Event(155.0, "verb", 0, 5.0, "new-ca"),
            Event(168.0, "verb", 0, 5.0, "drop-old-ca"),
        ),
    ),
    Case(
        "late-set-settings",
        "rotated-late",
        1,
        "settings differ",
        (
            Event(29.0, "trap-exec", 0, 100.0, "stop EXEC set-settings"),
            Event(30.0, "verb", 0, 5.0, "config-set"),
            Event(100.0, "verb", 2, 5.0, "config-set"),
        ),
    ),
    Case(
        "late-set-settings",
        "rotated-late",
        1,
        "settings differ",
        (
            Event(29.0, "trap-exec", 0, 100.0, "stop EXEC set-settings"),
            Event(30.0, "verb", 0, 5.0, "config-set"),
            Event(100.0, "verb", 2, 5.0, "config-settle"),
        ),
    ),
    Case(
        "lease-from-a-backup-while-forming",  # between a member's claim to the Lease and the group that it then formed
        "old-order",
        1310021,
        "not writable",
        (
            Event(15.4, "drain", 1, 29.9),
            Event(23.2, "drain", 0, 11.7),
            Event(36.7, "lose-node", 2, 12.3),
            Event(60.0, "old-lease", 2, 51.3),
            Event(103.2, "kill-agent", 1, 20.7),
        ),
    ),
    Case(
        "lease-from-a-backup-while-forming",
        "old-order",
        1310034,
        "not writable",
        (
            Event(20.4, "drain", 0, 9.4),
            Event(21.9, "drain", 2, 10.2),
            Event(31.0, "power-cut", 1, 5.9),
            Event(48.9, "old-lease", 1, 25.4),
            Event(61.7, "verb", 1, 10.5, "recover"),
        ),
    ),
    Case(
        "restored-without-a-copy",  # the way back was taken, and the members went by the copy of what was left
        "in-place",
        27,
        "asks for loss",
        (
            Event(34.0, "verb", 1, 22.4, "restore-in-place"),
            Event(108.6, "verb", 2, 6.1, "revert"),
            Event(116.0, "delete-lease", 0, 10.0),
        ),
    ),
    Case(
        "restored-and-a-lease-from-before",  # and nobody had seen the restored group recorded
        "in-place",
        27,
        "asks for loss",
        (
            Event(27.7, "old-lease", 2, 34.2),
            Event(33.9, "verb", 1, 1.0, "restore-in-place"),
            Event(48.2, "trap-agent", 0, 16.5, "stop START"),
        ),
    ),
    Case(
        "way-back-and-a-lease-from-before",  # each of two histories goes on from the other
        "in-place",
        27,
        "asks for loss",
        (
            Event(34.0, "verb", 0, 1.0, "restore-in-place"),
            Event(95.0, "old-lease", 0, 55.0),
            Event(110.0, "verb", 0, 1.0, "revert"),
            Event(149.0, "power-cut", 1, 10.0),
        ),
    ),
    Case(
        "joining-what-was-left",  # the record that was set right expected who had noted that it joins the data before
        "in-place-lease",
        101,
        "not writable",
        (Event(15.9, "old-lease", 0, 46.0), Event(34.0, "verb", 1, 1.0, "restore-in-place")),
    ),
    Case(
        "deleted-by-name",  # a call of a `delete --purge-data` that was stopped, and a new cluster of that name
        "purged",
        1,
        "strange object deleted",
        (
            Event(39.0, "trap-cli", 0, 90.0, "stop DELETE StatefulSet"),
            Event(40.0, "verb", 0, 5.0, "purge"),
            Event(75.0, "verb", 0, 5.0, "purge"),
            Event(95.0, "verb", 0, 5.0, "restore-as"),
        ),
    ),
    Case(
        "restored-beside-a-scale",  # it waited for a primary, and named no way to bring back whom all wait for
        "in-place",
        7,
        "not writable",
        (
            Event(25.9, "verb", 2, 46.7, "switchover"),
            Event(36.9, "verb", 2, 29.8, "restore-in-place"),
            Event(41.7, "kill-agent", 1, 6.6),
            Event(45.1, "kill-mysqld", 0, 19.5),
            Event(63.3, "partition", 0, 7.9),
            Event(63.6, "trap-cli", 0, 7.6, "kill DELETE"),
            Event(90.5, "verb", 0, 27.0, "scale"),
            Event(90.8, "verb", 2, 20.4, "scale"),
            Event(94.6, "lose-node", 1, 14.5),
            Event(116.9, "lose-node", 2, 25.7),
            Event(153.9, "api-away", 2, 5.7),
        ),
    ),
    Case(
        "started-under-the-next-name",  # a tool set the replicas again, once the next data had its name
        "in-place",
        7,
        "not writable",
        (
            Event(34.0, "verb", 1, 1.0, "restore-in-place"),
            Event(60.0, "trap-cli", 0, 4.0, "kill CREATE"),
            Event(70.0, "replicas", 3, 3.0),
        ),
    ),
)
