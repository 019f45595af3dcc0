"""Whether a group is asked to take a member as a new one: its address in other capitals, and what members must say
first (docs/adr/0062)."""

from __future__ import annotations

import pytest

from mysqlops.core import group_address
from mysqlops.mysql import xcom
from mysqlops.planning.newcomer import Verdict, verdict

_NAME = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
_OWN, _P, _Q = (f"mysql-{number}.mysql.db.svc:3306" for number in (2, 0, 1))
# What a member of a group of three answered (9.7.4): mysql-2 was dead and UNREACHABLE.
_ANSWER = bytes.fromhex(
    "ffffffff ffffffff 00000000  4317e324 0000000000000060 00000001  00000000"
    "00000000 ffffffff  ffffffff ffffffff  00000016  00000000 0000000000000000 00000000  00000000 00000000 00000000"
    "00000000 00000000  00000000  00000000  00000001  4317e324 0000000000000060 00000002  0000000a 00000000 00000001"
    "00000000 00000000 00000000 00000003"
    "00000019 6d7973716c2d302e6d7973716c2e64622e7376633a33333036 000000"
    "00000019 6d7973514c2d312e6d5953716c2e64422e7376433a33333036 000000"
    "00000019 4d5973516c2d322e6d7953514c2e44622e5376433a33333036 000000"
)


# --- spelling
def test_each_join_has_other_capitals_and_the_same_letters() -> None:
    spelled = {group_address.respell(_OWN, number) for number in range(300)}
    assert len(spelled) > 250
    assert _OWN not in spelled
    assert all(group_address.is_same(one, _OWN) for one in spelled)


def test_what_had_capitals_gets_none_so_that_each_second_try_is_plain() -> None:
    assert group_address.respell(group_address.respell(_OWN, 77), 12) == _OWN


@pytest.mark.parametrize("number", [0, 1, 999_999])
def test_an_address_without_letters_stays_as_it_is(number: int) -> None:
    assert group_address.respell("10.0.0.1:3306", number) == "10.0.0.1:3306"


# --- bytes
def test_the_list_is_what_a_real_member_answered() -> None:
    assert xcom.addresses(_ANSWER, _NAME) == (_P, "mysQL-1.mYSql.dB.svC:3306", "MYsQl-2.mySQL.Db.SvC:3306")


def test_a_list_of_another_group_or_cut_off_is_not_understood() -> None:
    assert xcom.addresses(_ANSWER, _NAME.replace("a", "b")) is None
    for size in range(len(_ANSWER)):
        assert xcom.addresses(_ANSWER[:size], _NAME) is None
    assert xcom.addresses(_ANSWER + b"\0" * 4, _NAME) is None


# --- the rule
def test_who_is_counted_in_whatever_capitals_is_not_new() -> None:
    assert verdict(_OWN, {_P: (_P, _OWN.upper(), _Q), _Q: (_P, _Q)}) is Verdict.COUNTED


def test_who_is_counted_by_nobody_of_a_majority_that_answers_is_new() -> None:
    assert verdict(_OWN, {_P: (_P.title(), _Q), _Q: (_P, _Q)}) is Verdict.UNKNOWN
    assert verdict(_OWN, {_P: (_P,)}) is Verdict.UNKNOWN


@pytest.mark.parametrize("answers", [{}, {_P: (_P, _Q)}, {_P: ()}, {_P: (_P,), _Q: (_P, _Q, "x:1", "y:1")}])
def test_too_few_answers_prove_nothing(answers: dict[str, tuple[str, ...]]) -> None:
    assert verdict(_OWN, answers) is Verdict.UNPROVEN
