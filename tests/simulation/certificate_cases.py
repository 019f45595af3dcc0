"""The contract of certificates: each case holds for the simulator's openssl of words and for the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mysqlops import errors
from mysqlops.agent import openssl
from mysqlops.agent.tls_check import CA, CERTIFICATE, KEY
from mysqlops.core import names
from tests.simulation.certificates import Files

Accepts = Callable[[Files], bool]  # whether a pod loads what Secret NAME-tls holds
_WHERE = ("mysql", "db")


def _signed(work: Path, ca: Files) -> Files:
    return openssl.make_certificate(work, ca[names.KEY_CA_KEY], ca[CA], _WHERE)


def a_ca_belongs_to_its_key(work: Path, _: Accepts) -> None:
    first, second = openssl.make_ca(work), openssl.make_ca(work)
    assert openssl.fits(first[CA], first[names.KEY_CA_KEY])
    assert not openssl.fits(first[CA], second[names.KEY_CA_KEY])
    assert openssl.is_ours(first[CA])


def another_cas_key_signs_nothing(work: Path, _: Accepts) -> None:
    first, second = openssl.make_ca(work), openssl.make_ca(work)
    with pytest.raises(errors.StepFailed):
        openssl.make_certificate(work, second[names.KEY_CA_KEY], first[CA], _WHERE)


def the_newest_of_a_bundle_is_asked_whether_it_signed(work: Path, _: Accepts) -> None:
    old, new = openssl.make_ca(work), openssl.make_ca(work)
    bundle, certificate = new[CA] + old[CA], _signed(work, old)[CERTIFICATE]
    assert openssl.all_of(bundle) == [new[CA], old[CA]]
    assert openssl.is_signed_by(certificate, old[CA], work)
    assert not openssl.is_signed_by(certificate, new[CA], work)
    assert not openssl.is_signed_by(certificate, bundle, work)
    assert openssl.is_signed_by(_signed(work, new)[CERTIFICATE], bundle, work)


def each_certificate_is_another_one(work: Path, _: Accepts) -> None:
    ca = openssl.make_ca(work)
    first, second = _signed(work, ca), _signed(work, ca)
    assert openssl.fits(first[CERTIFICATE], first[KEY])
    assert not openssl.fits(first[CERTIFICATE], second[KEY])
    assert first.keys() == second.keys() == {CERTIFICATE, KEY}
    assert first[CERTIFICATE] != second[CERTIFICATE]
    assert first[KEY] != second[KEY]
    assert 0 < openssl.days_left(first[CERTIFICATE]) <= openssl.CERTIFICATE_DAYS


def a_pod_loads_what_any_ca_of_the_bundle_signed(work: Path, accepts: Accepts) -> None:
    old, new = openssl.make_ca(work), openssl.make_ca(work)
    made = _signed(work, old)
    assert accepts({**made, CA: old[CA]})
    assert accepts({**made, CA: new[CA] + old[CA]})
    assert not accepts({**made, CA: new[CA]})


def a_pod_loads_no_certificate_with_another_ones_key(work: Path, accepts: Accepts) -> None:
    """As a Secret is whose parts two commands wrote."""
    ca = openssl.make_ca(work)
    first, second = _signed(work, ca), _signed(work, ca)
    assert not accepts({CA: ca[CA], CERTIFICATE: first[CERTIFICATE], KEY: second[KEY]})
    for name in (CA, CERTIFICATE, KEY):
        assert not accepts({key: value for key, value in {**first, CA: ca[CA]}.items() if key != name})


CASES = [
    a_ca_belongs_to_its_key,
    another_cas_key_signs_nothing,
    the_newest_of_a_bundle_is_asked_whether_it_signed,
    each_certificate_is_another_one,
    a_pod_loads_what_any_ca_of_the_bundle_signed,
    a_pod_loads_no_certificate_with_another_ones_key,
]
