"""A restore says which named time zones it changes; only a backup that recorded them can be compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mysqlops.core import backup, zones
from mysqlops.kube import manifests
from mysqlops.operations import image_check, restore
from mysqlops.planning.image_trial import Tried
from tests.unit.fakes.cluster import Cluster
from tests.unit.operations.test_restore_as import BACKUP, SPEC

OURS, _ = zones.unpacked(manifests.read_text("base/config/zones.txt"))


@pytest.mark.parametrize(
    ("held", "method", "said"),
    [
        ("", backup.ARCHIVE, None),  # an older release made the backup
        (OURS, backup.ARCHIVE, None),
        (OURS, backup.LOGICAL, None),
        (zones.OWN, backup.ARCHIVE, None),  # they are in the data, and stay
        (zones.OWN, backup.SNAPSHOT, None),
        (
            zones.OWN,
            backup.LOGICAL,
            "somebody loaded into the backed-up server; CONVERT_TZ may answer differently, until",
        ),
        ("2019.3", backup.ARCHIVE, f"those of version {OURS} come in place of those of version 2019.3"),
        ("2019.3", backup.LOGICAL, "come in place of those of version 2019.3"),
    ],
)
def test_a_restore_warns_of_zones_that_it_changes(
    monkeypatch: pytest.MonkeyPatch, held: str, method: str, said: str | None
) -> None:
    monkeypatch.setattr(image_check, "check", lambda *_: Tried(()))
    cluster = Cluster(1)
    restore.check_image(cluster.session(), replace(BACKUP, zones=held, method=method), SPEC)
    warned = [text for text in cluster.said if "time zones" in text]
    assert len(warned) == (said is not None)
    assert all(str(said) in text for text in warned)


def test_a_record_of_something_else_than_a_word_is_no_backup() -> None:
    """Whoever may write to the repository wrote it, and it is shown."""
    made = {"id": "s", "tags": backup.tags(replace(BACKUP, zones="\x1b[2J"))}
    assert backup.catalogue([made]) == []
    assert backup.catalogue([{**made, "tags": backup.tags(replace(BACKUP, zones="2026.1"))}]) != []
