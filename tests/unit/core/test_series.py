"""The rules between versions, over every pair: what is expected is written down here, from the vendor's manual, and not
computed from the table.

https://dev.mysql.com/doc/refman/26.10/en/upgrade-paths.html, .../26.7/en/downgrading-downgrade-validation.html and
.../26.10/en/clone-plugin-limitations.html
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mysqlops.core import series
from mysqlops.core.version import ServerVersion, find
from mysqlops.planning import plugins, status, version_state
from tests.unit.clusters import HEALTHY, judge, pod

TODAY = "2026-11-27"
VERSIONS = """
8.0.30 8.0.36 8.0.37 8.0.46 8.4.0 8.4.13 9.0.1 9.6.0 9.7.0 9.7.4 26.7.0 26.7.2 26.10.0 27.1.0 28.1.3 28.4.0 28.4.4
28.7.0 29.1.0""".split()
# From each version, the others whose server opens its data directory; everything else is refused.
_OF_8_4 = "9.0.1 9.6.0 9.7.0 9.7.4"
_OF_9_7 = "26.7.0 26.7.2 26.10.0 27.1.0 28.1.3 28.4.0 28.4.4"
MAY_FOLLOW = {
    "8.0.30": "8.0.36 8.0.37 8.0.46 8.4.0 8.4.13",
    "8.0.36": "8.0.37 8.0.46 8.4.0 8.4.13",
    "8.0.37": "8.0.46 8.4.0 8.4.13",
    "8.0.46": "8.4.0 8.4.13",
    "8.4.0": f"8.4.13 {_OF_8_4}",
    "8.4.13": f"8.4.0 {_OF_8_4}",  # a patch of an LTS series may be taken back
    "9.0.1": "9.6.0 9.7.0 9.7.4",
    "9.6.0": "9.7.0 9.7.4",
    "9.7.0": f"9.7.4 {_OF_9_7}",
    "9.7.4": f"9.7.0 {_OF_9_7}",
    "26.7.0": "26.7.2 26.10.0 27.1.0 28.1.3 28.4.0 28.4.4",
    "26.7.2": "26.10.0 27.1.0 28.1.3 28.4.0 28.4.4",  # one of an innovation series may not
    "26.10.0": "27.1.0 28.1.3 28.4.0 28.4.4",
    "27.1.0": "28.1.3 28.4.0 28.4.4",
    "28.1.3": "28.4.0 28.4.4",
    "28.4.0": "28.4.4 28.7.0 29.1.0",
    "28.4.4": "28.4.0 28.7.0 29.1.0",
    "28.7.0": "29.1.0",
    "29.1.0": "",
}
# Donors -> the other versions whose empty servers may clone them.
MAY_CLONE = {
    "8.0.37": "8.0.46",
    "8.0.46": "8.0.37",
    "8.4.0": "8.4.13",
    "8.4.13": "8.4.0",
    "9.7.0": "9.7.4 28.4.0 28.4.4",
    "9.7.4": "9.7.0 28.4.0 28.4.4",
    "26.7.0": "26.7.2",
    "26.7.2": "26.7.0",
    "28.4.0": "28.4.4",
    "28.4.4": "28.4.0",
}


def of(text: str) -> ServerVersion:
    return ServerVersion.parse(text)


@pytest.mark.parametrize("before", VERSIONS)
def test_each_pair_is_allowed_or_refused_as_the_manual_says(before: str) -> None:
    refused = {after: series.upgrade_refused_because(of(before), of(after)) for after in VERSIONS}
    allowed = [after for after, why in refused.items() if why is None]
    assert allowed == [one for one in VERSIONS if one == before or one in MAY_FOLLOW[before].split()], refused
    assert [one for one in VERSIONS if series.may_take_back(of(one), of(before))] == allowed


@pytest.mark.parametrize("donor", VERSIONS)
def test_each_pair_clones_or_not_as_the_manual_says(donor: str) -> None:
    wanted = [one for one in VERSIONS if one == donor or one in MAY_CLONE.get(donor, "").split()]
    assert [one for one in VERSIONS if series.may_clone(of(donor), of(one))] == wanted
    # A build's suffix does not matter.
    assert [one for one in VERSIONS if series.may_clone(find(f"{donor}-2"), find(one))] == wanted


@pytest.mark.parametrize(
    ("before", "after", "through"),
    [
        ("8.0.46", "9.7.4", "8.4"),
        ("8.0.46", "9.0.1", "8.4"),
        ("8.0.46", "26.10.0", "8.4, then 9.7"),
        ("8.4.13", "26.7.0", "9.7"),
        ("9.6.0", "26.7.0", "9.7"),
        ("9.7.4", "28.7.0", "28.4"),
        ("26.10.0", "28.7.0", "28.4"),
        ("8.0.46", "28.4.0", "8.4, then 9.7"),
    ],
)
def test_a_refusal_names_the_way(before: str, after: str, through: str) -> None:
    why = series.upgrade_refused_because(of(before), of(after))
    assert why == f"the upgrade from {before} to {after} must go through {through}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        *((text, None) for text in VERSIONS),
        ("5.7.44", "8.0.30 or later"),
        ("8.0.28", "8.0.30 or later"),  # switches over with one argument only
        ("8.0.29", "withdrawn"),
        ("8.0.38", "withdrawn"),
        ("8.4.1", "withdrawn"),
        ("9.0.0", "withdrawn"),
        ("8.1.0", "8.0 from 8.0.30 on, 8.4, 9.0 to 9.7, 26.7 and later"),
        ("9.8.0", "not of a series"),
        ("10.2.0", "not of a series"),
        ("26.4.0", "not of a series"),  # the first one is of July
        ("27.13.0", "not of a series"),  # no month
        ("27.0.0", "not of a series"),
        ("100.1.0", "not of a series"),
    ],
)
def test_what_may_run(text: str, why: str | None) -> None:
    found = series.unsupported_because(of(text))
    assert (why in found) if why and found else found == why


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("8.0.46", ["8.0 reached its end of life on 2026-04-30"]),
        ("8.4.13", []),
        ("9.3.0", ["9.4 replaced"]),
        ("9.7.4", []),
        ("26.7.2", ["26.10 replaced"]),
        ("26.10.0", ["supported only until the next one"]),
        ("27.1.0", ["newer than this mysqlops, which takes it for innovation after 9.7", "until the next one"]),
        ("28.4.0", ["newer than this mysqlops, which takes it for LTS"]),
        ("30.4.1", ["newer than this mysqlops, which takes it for innovation after 28.4", "until the next one"]),
    ],
)
def test_what_is_said_before_a_version_is_used(text: str, said: list[str]) -> None:
    found = series.warnings(of(text), TODAY)
    assert len(found) == len(said)
    assert all(part in whole for part, whole in zip(said, found, strict=True)), found


def test_what_a_series_is_proven_with_is_a_release_of_it() -> None:
    """By hand or by a test: the row names the one release, not the series."""
    proven = {one.name: one.proven_with for one in series.TABLE if one.proven_with}
    assert {*proven} >= {"8.4", "9.7"}
    for name, text in proven.items():
        found = series.of(of(text.split()[0].rstrip(":")))
        assert found is not None
        assert found.name == name


def test_a_long_term_series_ends_after_its_day() -> None:
    assert series.ended_because(of("8.4.13"), "2032-04-30") is None
    assert "end of life on 2032-04-30" in str(series.ended_because(of("8.4.13"), "2032-05-01"))


@pytest.mark.parametrize(
    ("text", "newer"),
    [("8.0.46", "8.4"), ("8.0.28", "8.4"), ("8.4.1", "8.4"), ("9.0.0", "9.7"), ("9.3.0", "9.7"), ("26.7.0", "26.10")],
)
def test_status_notes_what_gets_no_more_fixes(text: str, newer: str) -> None:
    """Not a fault of the cluster: the verdict stays, and no verb is refused."""
    first, second, third = HEALTHY
    seen = judge(first, second, pod("mysql-2", server_version=f"{text}-log"))
    (note,) = version_state.conditions("orders", seen.members, datetime(2026, 11, 27, tzinfo=UTC))
    assert (note.code, note.severity) == ("version-ended", status.NOTE)
    assert note.hint == f"mysqlops upgrade orders --image mysql:{newer} --dry-run"
    assert (seen.verdict, status.in_the_way(seen)) == (status.HEALTHY, [])
    assert judge(first, second, third).conditions == ()


NATIVE = {"mysql_native_password": ["shop@%", "cron@10.%"], "caching_sha2_password": ["app@%"]}


@pytest.mark.parametrize(
    ("after", "settings", "told"),
    [
        ("8.0.46", {}, None),
        ("8.4.13", {}, "switched off"),
        ("8.4.13", {"mysql_native_password": "ON"}, None),
        ("8.4.13", {"loose_mysql_native_password": "1"}, None),
        ("8.4.13", {"loose_mysql_native_password": None}, None),
        ("8.4.13", {"loose_mysql_native_password": "OFF"}, "switched off"),
        ("9.0.1", {"loose_mysql_native_password": "ON"}, "no plugin mysql_native_password"),
        ("9.7.4", {}, "no plugin mysql_native_password"),
        ("26.10.0", {}, "no plugin mysql_native_password"),
    ],
)
def test_accounts_that_a_version_would_lock_out_are_named(
    after: str, settings: dict[str, str | None], told: str | None
) -> None:
    found = plugins.lost(NATIVE, of(after), settings, "orders")
    if told is None:
        assert found == []
        return
    (reason,) = found
    assert reason.code == "removed-plugin"
    assert reason.message.startswith("shop@%, cron@10.% could no longer log in")
    assert told in reason.message
    assert "caching_sha2_password" in str(reason.hint)
    bridge = "mysqlops config set orders loose_mysql_native_password=ON"
    assert (bridge in str(reason.hint)) == (told == "switched off")


def test_many_accounts_are_counted_and_fido_is_gone_at_once() -> None:
    many = {"authentication_fido": [f"u{one}@%" for one in range(12)]}
    (reason,) = plugins.lost(many, of("8.4.0"), {}, "orders")
    assert "u9@% and 2 more could no longer log in: MySQL 8.4.0 has no plugin authentication_fido" in reason.message
