"""Reports as people read them, and the objects that a drill makes."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from mysqlops.core import names
from mysqlops.drill.plan import choice, objects
from mysqlops.drill.report import html, markdown, page
from mysqlops.kube import manifests
from tests.unit.drill.test_drill import GOOD, a_report, a_round

CLUSTER = objects.Cluster("orders", "shop", ("orders-0", "orders-1", "orders-2"), "python:x", "orders-agent-abc")
EVIL = "<script>alert('x')</script> & \"more\""


class Balance(HTMLParser):
    """Every element that opens closes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing() -> None:
    text = page.of(a_report(*(a_round(n, n / 2) for n in range(1, 6)), slo="rto=10s"))
    found = Balance(text)
    assert found.open == []
    assert found.seen.count("svg") == 2 + 2 + 5
    assert "width=device-width" in text
    assert not {"script", "link", "img", "iframe"} & set(found.seen)
    assert "http" not in text
    assert "SLO met" in text


def test_words_of_users_are_text_and_never_markup() -> None:
    text = page.of(a_report(a_round(witnesses={"lost": [EVIL]}), forced=EVIL))
    assert "<script>" not in text
    assert text.count("&lt;script&gt;") >= 2


def test_words_of_others_are_no_markup_in_markdown_either() -> None:
    """An error, a row or a pod's name."""
    evil = "a | b\n\n# head ``x`` <img src=//e> [l](//e) \x1b[2J"
    text = markdown.of(a_report(a_round(witnesses={"lost": [evil]}, target=evil), stopped=evil, forced=evil))
    outside = [line for line in text.splitlines() if "``` a" not in line and "--force" not in line]
    assert not [line for line in outside if "<img" in line.replace("\\<", "") or "[l]" in line]
    assert not [line for line in text.splitlines() if line.startswith("# head")]
    assert "\x1b" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| 1 |")]
    assert row.replace("\\|", "").count("|") == 13
    assert "- round 1, lost: ``` a | b / # head ``x``" in text


def test_a_report_says_what_was_lost_and_what_was_missed() -> None:
    bad = a_round(2, 12.0, counts={**GOOD, "lost": 1}, witnesses={"lost": ["main0 7 aa"]})
    report = a_report(a_round(), bad, slo="rto=10s", stopped="interrupted")
    for text in (page.of(report), markdown.of(report)):
        assert "main0 7 aa" in text
        assert "12.00 s in round 2" in text
    assert "Rows are wrong" in page.of(report)
    assert "1 lost" in markdown.of(report)
    assert "--seed 7" in markdown.command(report)


def test_a_drill_without_a_round_is_reported_too() -> None:
    report = a_report()
    assert "no round was finished" in page.of(report)
    assert "No round was finished" in markdown.of(report)


def test_a_fault_that_stopped_all_writes_can_be_drawn() -> None:
    line = {"from": -3.0, "step": 0.1, "writes": [0] * 3000, "errors": [1] * 3000, "events": [], "members": {}}
    assert Balance(page.of(a_report(a_round(gap=0.0, timeline=line)))).open == []


def test_elements_escape_what_is_no_element() -> None:
    made = html.element("p", "<b>", html.element("i", 1.50, class_="a"), title='"', hidden=None)
    assert made == '<p title="&quot;">&lt;b&gt;<i class="a">1.5</i></p>'


def _pod(request: objects.Clients) -> dict[str, Any]:
    return objects.pod(manifests.load_one("drill/client.yaml"), CLUSTER, request, "orders-drill-main-1")


def test_clients_go_through_the_service_and_keep_their_journal_elsewhere() -> None:
    made = _pod(objects.main_clients(CLUSTER, 4, "node-b"))
    words = made["spec"]["containers"][0]["command"]
    assert words[words.index("--host") + 1] == "orders-primary.shop.svc"
    assert words[words.index("--table") + 1] == choice.TABLE
    assert "P=orders-primary.shop.svc" in words
    members = [f"orders-{n}.orders.shop.svc" for n in range(3)]
    for option in ("--by-name", "--poll"):
        assert words[words.index(option) + 1 :][:3] == members
    volumes = {one["name"]: one for one in made["spec"]["volumes"]}
    assert volumes["journal"] == {"name": "journal", "emptyDir": {}}
    assert not any("persistentVolumeClaim" in one for one in volumes.values())
    assert made["metadata"]["labels"][names.LABEL_CLIENT] == "orders"
    assert "node-b" in str(made["spec"]["affinity"])


def test_no_password_is_in_words_or_environment() -> None:
    made = _pod(objects.main_clients(CLUSTER, 4, ""))
    container = made["spec"]["containers"][0]
    assert "password" not in str(container["command"]) + str(container["env"])
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "nodeAffinity" not in made["spec"]["affinity"]


def test_clients_of_a_minority_sit_on_its_node_and_talk_to_it() -> None:
    made = _pod(objects.clients_beside(CLUSTER, "orders-1", "node-b"))
    assert made["spec"]["nodeName"] == "node-b"
    assert "affinity" not in made["spec"]
    words = made["spec"]["containers"][0]["command"]
    assert words[words.index("--host") + 1] == "orders-1.orders.shop.svc"
    assert not {"--poll", "--by-name"} & set(words)


def test_the_undoing_of_a_full_volume_is_on_the_members_node() -> None:
    undo = objects.Undo("node-b", "data-orders-1", "filler", 90)
    made = objects.undo_job(manifests.load_one("drill/undo.yaml"), CLUSTER, undo)
    spec = made["spec"]["template"]["spec"]
    assert made["metadata"]["name"] == "orders-drill-undo"
    assert spec["nodeName"] == "node-b"
    assert spec["containers"][0]["command"][-2:] == ["90", "filler"]
    assert spec["volumes"][0]["persistentVolumeClaim"]["claimName"] == "data-orders-1"
    assert objects.config_map(CLUSTER, "text")["data"] == {"client.py": "text"}
