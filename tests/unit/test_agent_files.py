"""Files that the agent writes where mysqld's container can write too."""

from __future__ import annotations

from pathlib import Path

from mysqlops.agent import settings


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    secret, mark = tmp_path / "backup-key", tmp_path / "handing-over"
    secret.write_text("the key")
    mark.symlink_to(secret)
    settings.write(mark, "12")
    assert (secret.read_text(), mark.read_text()) == ("the key", "12")
    assert not mark.is_symlink()
    assert mark.stat().st_mode & 0o777 == 0o600
    assert {one.name for one in tmp_path.iterdir()} == {"backup-key", "handing-over"}
