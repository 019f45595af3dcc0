"""The agent's client for the API server: the token of each call, what is sent again, and what a refusal becomes."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import api


class Answer:
    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status, self._body = status, body

    def read(self) -> bytes:
        return json.dumps(self._body).encode()


class Connection:
    """An open one; what it answers next may be an exception."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self._answers = [*answers]
        self.sent: list[tuple[str, str, str | None, Mapping[str, str]]] = []
        self.is_closed = False

    def request(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> None:
        self.sent.append((method, path, body, headers))

    def getresponse(self) -> Answer:
        found = self._answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("first\n")
    return tmp_path


def _client(account: Path, connection: Connection) -> api.Api:
    made = api.Api("db", account)
    made._connection = connection  # type: ignore[assignment]
    return made


def test_each_call_reads_the_token_that_kubelet_rotates(account: Path) -> None:
    connection = Connection(Answer(200, {"a": 1}), Answer(200, {"a": 2}))
    client = _client(account, connection)
    assert client.get("v1", "secrets", "mysql-tls") == {"a": 1}
    (account / "token").write_text("second")
    assert client.get("v1", "secrets", "mysql-tls") == {"a": 2}
    assert [headers["Authorization"] for *_, headers in connection.sent] == ["Bearer first", "Bearer second"]


def test_without_a_token_nothing_is_sent(account: Path) -> None:
    connection = Connection()
    (account / "token").unlink()
    with pytest.raises(errors.Forbidden, match="no service account token"):
        _client(account, connection).get("v1", "secrets", "mysql-tls")
    assert connection.sent == []


def test_lists_come_from_the_cache_and_changes_are_merge_patches(account: Path) -> None:
    connection = Connection(Answer(200, {"items": [{"b": 1}]}), Answer(200, {}), Answer(200, {}), Answer(201, {}))
    client = _client(account, connection)
    assert client.list("v1", "pods", "a=b") == [{"b": 1}]
    client.patch("apps/v1", "statefulsets", "mysql", {"c": None})
    client.update("coordination.k8s.io/v1", "leases", "mysql-group", {"d": 1})
    client.create("v1", "events", {"e": 1})
    lists, patch, put, post = [(method, path, body) for method, path, body, _ in connection.sent]
    assert lists == ("GET", "/api/v1/namespaces/db/pods?labelSelector=a%3Db&resourceVersion=0", None)
    assert patch == ("PATCH", "/apis/apps/v1/namespaces/db/statefulsets/mysql", '{"c": null}')
    assert put == ("PUT", "/apis/coordination.k8s.io/v1/namespaces/db/leases/mysql-group", '{"d": 1}')
    assert post == ("POST", "/api/v1/namespaces/db/events", '{"e": 1}')
    assert connection.sent[1][3]["Content-Type"] == "application/merge-patch+json"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, errors.Forbidden), (404, errors.NotFound), (409, errors.Conflict), (500, errors.KubeError)],
)
def test_a_refusal_is_an_error_of_its_kind_without_the_query(
    account: Path, status: int, kind: type[errors.KubeError]
) -> None:
    connection = Connection(Answer(status, {"kind": "Status", "message": "no"}))
    with pytest.raises(kind) as caught:
        _client(account, connection).list("v1", "pods", "a=b")
    assert "labelSelector" not in str(caught.value)
    assert not connection.is_closed


def test_a_call_that_took_too_long_is_not_sent_again(account: Path) -> None:
    """The server may still be at it, and the loop waits for the answer."""
    connection = Connection(TimeoutError("timed out"))
    with pytest.raises(errors.Unreachable, match="timed out"):
        _client(account, connection).get("v1", "secrets", "mysql-tls")
    assert len(connection.sent) == 1
    assert connection.is_closed


def test_a_connection_that_the_server_has_closed_is_opened_again(account: Path) -> None:
    """Here that fails, because the account has no CA: an unverified connection would be none."""
    connection = Connection(http.client.RemoteDisconnected("closed"))
    client = _client(account, connection)
    with pytest.raises(errors.Unreachable, match=r"No such file") as caught:
        client.get("v1", "secrets", "mysql-tls")
    assert isinstance(caught.value.__cause__, OSError)
    assert connection.is_closed
    assert client._connection is None


def test_who_owns_the_fields_of_an_object_is_forgotten_at_once(account: Path) -> None:
    """Half of each object, which no agent reads."""
    one = {"metadata": {"name": "a", "managedFields": [{"manager": "kubectl"}]}}
    connection = Connection(Answer(200, one), Answer(200, {"items": [one]}))
    client = _client(account, connection)
    found = [client.get("v1", "pods", "a"), *client.list("v1", "pods", "a=b")]
    assert found == [{"metadata": {"name": "a"}}] * 2
