"""An old CA is dropped only if every member, seen now, presents a certificate of the newest one, and no Secret gives
clients the old one alone."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import presented, settings
from mysqlops.core import names, secret_map
from mysqlops.mysql import connect
from mysqlops.operations import tls
from mysqlops.planning import old_ca
from tests.unit.agent.test_commands import Server
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.fakes.secret_api import Secrets

OLD, NEW = (
    f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n" for text in ("T0xE\nT0xE", "TkVX\nTkVX")
)
HOSTS = {f"mysql-{n}": names.member_host(NAME, n, "db") for n in range(3)}
ALL = {host: ["presents", ""] for host in HOSTS.values()}


def _secret(name: str, **data: str) -> dict[str, Any]:
    held = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"kind": "Secret", "metadata": {"name": name}, "data": held}


def _codes(secrets: Sequence[dict[str, Any]] = (), **answer: Any) -> list[tuple[str, str]]:
    facts = old_ca.read({"trusted": NEW + OLD, "application": NEW + OLD, "members": ALL, **answer})
    found = list(old_ca.refused(NAME, HOSTS, facts, secrets))
    assert all(one.hint for one in found)
    return [(one.code, one.message) for one in found]


def test_what_nobody_needs_any_more_may_be_dropped() -> None:
    assert _codes() == []
    assert _codes([_secret("shop", ca_crt=NEW), _secret("other", tls_crt=OLD.replace("T0xE", "T1RI"))]) == []


@pytest.mark.parametrize("secret", ["mysql-app", "shop"])
@pytest.mark.parametrize("bundle", [OLD, f"# ours\r\n{OLD}".replace("T0xE\nT0xE", "T0xET0xE")])
def test_a_secret_with_the_old_ca_alone_blocks(secret: str, bundle: str) -> None:
    is_own = secret == "mysql-app"
    found = _codes(application=bundle) if is_own else _codes([_secret(secret, tls_crt=NEW, ca_pem=bundle)])
    assert found == [("old-ca-in-use", f"Secret {secret} gives clients an old CA and not the newest one")]


def test_the_secret_that_agents_sign_with_is_no_clients() -> None:
    assert _codes([_secret(secret_map.secret(NAME, secret_map.CA), tls_crt=OLD)]) == []


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (["refused", "certificate verify failed"], "old-ca-in-use"),
        (["unknown", "timed out"], "certificate-unknown"),
        (["", ""], "certificate-unknown"),
        (["of course", ""], "certificate-unknown"),
        ("presents", "certificate-unknown"),
        (None, "certificate-unknown"),
    ],
)
def test_a_member_that_is_behind_or_unknown_blocks(told: Any, code: str) -> None:
    (found,) = _codes(members={**ALL, HOSTS["mysql-2"]: told})
    assert (found[0], "mysql-2" in found[1]) == (code, True)


@pytest.mark.parametrize("answer", [None, [], {}, {"trusted": 7}, {"trusted": "no certificate"}])
def test_an_answer_that_cannot_be_read_is_no_leave(answer: Any) -> None:
    assert [one.code for one in old_ca.refused(NAME, HOSTS, old_ca.read(answer), ())] == ["certificate-unknown"]


def test_once_the_old_one_is_dropped_the_next_run_only_waits() -> None:
    assert _codes([_secret("shop", ca_crt=OLD)], trusted=NEW, members={}) == []


def _cluster(answer: dict[str, Any]) -> tuple[Cluster, Callable[[], str]]:
    cluster = Cluster(3)
    session = cluster.session(30.0)

    def told(pod: str, words: Sequence[str]) -> Any:
        cluster.store.log.append(" ".join(words[:2]) if words[0] == "rotate-tls" else words[0])
        if words[0] == "rotate-tls":
            for facts in cluster.facts.values():
                facts["certificate"] = "f"
            return {"fingerprint": "f", "hostnames": []}
        return answer

    session.client.answer = told  # type: ignore[attr-defined]
    return cluster, lambda: tls.rotate(session, NAME, tls.DROP)


def test_the_old_ca_is_dropped_after_every_member_was_asked() -> None:
    cluster, drop = _cluster({"trusted": NEW + OLD, "application": NEW + OLD, "members": ALL})
    assert drop() == "f"
    noted = "PATCH Lease mysql-group"  # so that calm agents look at the Secret at once
    asked = [
        "rotate-tls look",
        "tls-presented",
        "rotate-tls certificate",
        noted,
        "tls-presented",
        "rotate-tls drop",
        noted,
    ]
    assert [one.partition(" {")[0] for one in cluster.store.log] == asked


def test_a_member_that_does_not_answer_keeps_the_old_ca() -> None:
    answer = {**ALL, HOSTS["mysql-1"]: ["unknown", "no such host"]}
    cluster, drop = _cluster({"trusted": NEW + OLD, "application": NEW + OLD, "members": answer})
    cluster.store.put(_secret("shop", ca_crt=OLD))
    with pytest.raises(errors.Refused) as error:
        drop()
    assert [one.code for one in error.value.reasons] == ["certificate-unknown", "old-ca-in-use"]
    assert cluster.store.log == ["rotate-tls look", "tls-presented"]


def test_a_ca_that_a_killed_run_made_does_not_sign_before_clients_were_asked() -> None:
    """When the command begins, only the old one is trusted: the agent announces the new one first."""
    cluster = Cluster(3)
    session = cluster.session(30.0)
    bundles = [OLD]

    def told(pod: str, words: Sequence[str]) -> Any:
        cluster.store.log.append(" ".join(words[:2]) if words[0] == "rotate-tls" else words[0])
        if words[0] == "tls-presented":
            return {"trusted": bundles[-1], "application": OLD, "members": ALL}
        for facts in cluster.facts.values():
            facts["certificate"] = "f"
        if words[1] == "certificate":
            bundles.append(NEW + OLD)
        return {"fingerprint": "f", "hostnames": [], "again": True}

    session.client.answer = told  # type: ignore[attr-defined]
    with pytest.raises(errors.Refused) as error:
        tls.rotate(session, NAME, tls.DROP)
    assert {reason.code for reason in error.value.reasons} == {"old-ca-in-use"}
    assert cluster.store.log.count("rotate-tls certificate") == 1


def test_who_may_not_list_secrets_is_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, drop = _cluster({"trusted": NEW + OLD, "application": NEW + OLD, "members": ALL})
    there = type(cluster.session().client).list

    def limited(self: Any, kind: str, selector: str = "") -> Any:
        if kind == "Secret":
            raise errors.Forbidden("no")
        return there(self, kind, selector)

    monkeypatch.setattr(type(cluster.session().client), "list", limited)
    assert drop() == "f"
    assert any("copies of the CA beside mysql-app were not looked at" in one for one in cluster.said)


ANSWERS = {
    "a": None,
    "b": errors.ConnectFailed("certificate verify failed", errno=2026),
    "c": errors.ConnectFailed("timed out", errno=2003),
    "d": errors.ConnectFailed("offline mode", errno=3032),
    "e": errors.ConnectFailed("lost", errno=2013),
    "f": errors.ConnectFailed("too many connections", errno=1040),
}


def test_an_agent_asks_each_member_with_the_newest_ca_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secrets = Secrets()
    secrets.put(names.tls_secret("mysql"), {"ca.crt": NEW + OLD})
    secrets.put(secret_map.secret("mysql", secret_map.APP), {"ca.crt": OLD})
    monkeypatch.setattr(settings, "TLS", tmp_path)

    def answer(host: str, login: connect.Login, **_: object) -> connect.Server:
        assert Path(login.ca_file).read_text() == NEW
        if (error := ANSWERS[host]) is not None:
            raise error
        return Server()

    monkeypatch.setattr(connect, "connect_tcp", answer)
    me = settings.Settings("mysql", "db", "mysql-0", "uid")
    found = presented.look(secrets, me, list(ANSWERS), connect.Login("probe", "pw"))
    assert (found["trusted"], found["application"]) == (NEW + OLD, OLD)
    states = {host: state for host, (state, _) in found["members"].items()}
    assert states == {"a": "presents", "b": "refused", "c": "unknown", "d": "presents", "e": "unknown", "f": "unknown"}
    assert list(tmp_path.iterdir()) == []
