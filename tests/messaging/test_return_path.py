"""A return path says whose message came back, and can't be made up."""

from __future__ import annotations

import base64
import datetime
import hmac

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import signing_keys
from messaging.domains.return_path import BadReturnPath, Returned, ReturnPath, read_return_path, return_path_for
from tests.factories.messaging import make_domain
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
LARGEST = 2**63 - 1


def made(run_id: int = 7, endpoint_id: int = 99) -> str:
    return ReturnPath(run_id=run_id, domain="bounces.shop.example", key=signing_keys.current()).address(endpoint_id)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(run_id=st.integers(0, LARGEST), endpoint_id=st.integers(0, LARGEST), upper=st.booleans())
def test_what_is_made_is_read_back_in_any_case(run_id: int, endpoint_id: int, upper: bool) -> None:
    address = made(run_id, endpoint_id)
    local, _at, domain = address.partition("@")

    assert domain == "bounces.shop.example"
    assert len(local) <= 64
    assert read_return_path(address.upper() if upper else address) == Returned(run_id, endpoint_id)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(2, 40), letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_letter_changed_is_a_forgery(place: int, letter: str) -> None:
    local, _at, domain = made().partition("@")
    forged = local[: place % len(local)] + letter + local[place % len(local) + 1 :]

    if forged != local:
        with pytest.raises(BadReturnPath):
            read_return_path(f"{forged}@{domain}")


def test_a_signature_of_another_message_or_key_does_not_fit() -> None:
    first, second = made(7, 99).partition("@")[0], made(7, 98).partition("@")[0]
    stranger = ReturnPath(run_id=7, domain="x.example", key=(signing_keys.current()[0], b"guessed")).address(99)
    unknown = ReturnPath(run_id=7, domain="x.example", key=(200, signing_keys.current()[1])).address(99)

    for forged in (first[:12] + second[12:], stranger, unknown):
        with pytest.raises(BadReturnPath):
            read_return_path(forged if "@" in forged else f"{forged}@x.example")


@pytest.mark.parametrize(
    "address", ["", "@", "b-@x", "b-a@x", "b-0189@x", "b-" + "a" * 400 + "@x", "kim@example.com", "b-가@x", "b-aaaaaaaa@x"]
)
def test_other_addresses_are_not_ours(address: str) -> None:
    with pytest.raises(BadReturnPath):
        read_return_path(address)


def test_a_retired_key_still_reads() -> None:
    address = made()
    signing_keys.rotate()

    assert read_return_path(address) == Returned(7, 99)
    assert made() != address


def test_the_key_of_links_itself_signs_no_return_path() -> None:
    number, secret = signing_keys.current()
    payload = bytes([1, number, 7, 99])
    signed = payload + hmac.digest(secret, payload, "sha256")[:10]

    with pytest.raises(BadReturnPath):
        read_return_path("b-" + base64.b32encode(signed).decode().rstrip("=").lower() + "@x.example")


def test_only_a_domain_whose_return_path_leads_here_has_one() -> None:
    project = make_project()
    domain = make_domain(project=project)
    assert return_path_for(project=project, address="a@shop.example", run_id=7) is None

    domain.return_path_at = AT
    domain.save(update_fields=["return_path_at"])

    found = return_path_for(project=project, address="a@SHOP.example", run_id=7)
    assert found is not None
    assert found.address(99).endswith("@bounces.shop.example")
    assert return_path_for(project=project, address="a@other.example", run_id=7) is None
    assert return_path_for(project=make_project(), address="a@shop.example", run_id=7) is None
