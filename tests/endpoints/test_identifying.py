"""Who a web page says its visitor is: what a public key can't do to others, and what a signature allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from endpoints import facets
from endpoints.models import Endpoint, EndpointUser, OptOutEntry
from endpoints.services import collecting
from endpoints.services.update import update_endpoints
from endpoints.writing.rules import VISITORS_PER_USER
from projects.models import Project, PublicKey
from tests.endpoints.test_collecting import event
from tests.endpoints.web_page import Page, collector
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project, make_public_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(clean_redis: Any) -> Project:
    return make_project()


@pytest.fixture
def address() -> Iterator[str]:
    with collector() as found:
        yield found


@pytest.fixture
def strict(project: Project, address: str) -> Page:
    return Page(address, make_public_key(project=project))


@pytest.fixture
def trusting(project: Project, address: str) -> Page:
    return Page(address, make_public_key(project=project, trusts_pages=True))


def visitor(page: Page) -> Endpoint:
    return Endpoint.objects.select_related("user").get(project=page.key.project, endpoint_id=page.endpoint_id)


def everything(project: Project) -> list[object]:
    """What is stored of everybody but the visitors of web pages."""
    own = Endpoint.objects.filter(project=project).exclude(endpoint_id__startswith="web-").order_by("pk")
    return [*own.values(), *EndpointUser.objects.filter(project=project).order_by("pk").values()]


def test_a_signed_visitor_belongs_to_his_user_with_attributes_and_address(strict: Page, project: Project) -> None:
    answer = strict.put(
        Identity=strict.identity("kim", email="Kim@example.com", OptIn=True, UserAttributes={"grade": "gold", "likes": ["a", "b"]}),
        Events={"e": event()},
    )  # fmt: skip
    collecting.drain_batches()

    assert "Refused" not in answer.said
    user = EndpointUser.objects.get()
    assert (user.user_id, user.attributes) == ("kim", {"grade": ["gold"], "likes": ["a", "b"]})
    assert visitor(strict).user == user
    mail = Endpoint.objects.get(channel_type="EMAIL")
    assert (mail.address, mail.user, mail.opt_out) == ("Kim@example.com", user, "NONE")


def test_an_address_without_opting_in_gets_no_mail(strict: Page) -> None:
    strict.put(Identity=strict.identity("kim", email="kim@example.com"))
    collecting.drain_batches()

    assert Endpoint.objects.get(channel_type="EMAIL").opt_out == "ALL"
    assert OptOutEntry.objects.get().source == OptOutEntry.Source.WEB_PAGE


@pytest.mark.parametrize("forged", ["none", "wrong", "of another user", "of another address", "of another key", "empty secret"])
def test_without_the_right_signature_nobody_becomes_a_user(strict: Page, project: Project, address: str, forged: str) -> None:
    make_endpoint(project=project, user_id="kim", user_attributes={"grade": ["gold"]}, address="kim@example.com")
    before = everything(project)
    honest = strict.identity("kim", email="new@example.com", OptIn=True, UserAttributes={"grade": "none"})
    signature = {
        "none": "", "wrong": "0" * 64, "of another user": strict.identity("lee", email="new@example.com")["Signature"],
        "of another address": strict.identity("kim")["Signature"],
        "of another key": Page(address, make_public_key(project=project)).identity("kim", email="new@example.com")["Signature"],
        "empty secret": "한글",
    }[forged]  # fmt: skip
    answer = strict.put(Identity=honest | {"Signature": signature}, Events={"e": event()})
    collecting.drain_batches()

    assert "ignature" in answer.said["Refused"]["Identity"]
    assert visitor(strict).user is None
    assert everything(project) == before


def test_a_page_that_is_trusted_links_its_visitor_and_writes_nothing_of_the_user(trusting: Page, project: Project) -> None:
    make_endpoint(project=project, user_id="kim", user_attributes={"grade": ["gold"]}, address="kim@example.com", opt_out="ALL")
    before = everything(project)

    answer = trusting.put(
        Identity={"UserId": "kim", "UserAttributes": {"grade": "none"}, "Email": "new@example.com", "OptIn": True}
    )
    collecting.drain_batches()

    assert "with a signature only" in answer.said["Refused"]["Identity"]
    linked = visitor(trusting).user
    assert linked is not None
    assert linked.user_id == "kim"
    assert everything(project) == before


def test_a_page_never_touches_an_endpoint_it_did_not_make(strict: Page, project: Project) -> None:
    """Neither by the Id, nor by members of the endpoint, nor by an address that somebody has."""
    theirs = make_endpoint(project=project, endpoint_id="phone-1", address="kim@example.com", opt_out="ALL", user_id="kim")
    nobodys = make_endpoint(project=project, address="lee@example.com", opt_out="ALL")
    before = everything(project)

    by_id = strict.post(b'{"Visitor": "phone-1", "Events": {}}')
    by_member = [
        strict.put(Endpoint={name: value})
        for name, value in (
            ("Id", "phone-1"), ("Address", "kim@example.com"), ("ChannelType", "EMAIL"), ("OptOut", "NONE"), ("User", {"UserId": "kim"}),
            ("EndpointStatus", "ACTIVE"),
        )
    ]  # fmt: skip
    for user, email in (("kim", "KIM@example.com"), ("park", "lee@example.com"), ("park", "kim@example.com")):
        strict.put(Identity=strict.identity(user, email=email, OptIn=True))
    collecting.drain_batches()

    assert by_id.status == 400
    assert all("may not say" in answer.said["Refused"]["Endpoint"] for answer in by_member)
    assert [one for one in everything(project) if one not in before] == [
        EndpointUser.objects.filter(user_id="park").values().get()
    ]  # fmt: skip
    for one in (theirs, nobodys):
        one.refresh_from_db()
        assert one.opt_out == "ALL"
    assert (theirs.user and theirs.user.user_id, nobodys.user) == ("kim", None)


def test_two_users_with_one_address_at_once_don_t_share_it(project: Project, address: str) -> None:
    key = make_public_key(project=project)
    for user in ("kim", "lee"):
        page = Page(address, key)
        page.put(Identity=page.identity(user, email="one@example.com", OptIn=True))
    collecting.drain_batches()

    mail = Endpoint.objects.select_related("user").get(channel_type="EMAIL")
    assert mail.user is not None
    assert mail.user.user_id == "kim"


def test_who_reads_an_endpoints_id_can_not_write_to_it(strict: Page) -> None:
    strict.put(Events={"e": event()})
    collecting.drain_batches()
    known = visitor(strict).endpoint_id

    other = Page(strict.address, strict.key, number=known.removeprefix("web-"))
    other.put(Endpoint={"Attributes": {"forged": "x"}})
    collecting.drain_batches()

    assert visitor(strict).attributes == {}
    assert visitor(other).pk != visitor(strict).pk


def test_a_number_of_another_project_is_another_endpoint(strict: Page, address: str) -> None:
    theirs = make_project()
    same = Page(address, make_public_key(project=theirs), number=strict.number)
    for page in (strict, same):
        page.put(Endpoint={"Attributes": {"of": page.key.project.public_id}})
    collecting.drain_batches()

    assert visitor(strict).attributes == {"of": [strict.key.project.public_id]}
    assert visitor(same).attributes == {"of": [theirs.public_id]}


def test_answers_tell_nothing_of_what_is_stored(strict: Page, project: Project) -> None:
    make_endpoint(project=project, user_id="kim", user_attributes={"grade": ["gold"]}, address="kim@example.com")
    told = [strict.put(Identity={"UserId": user}, Events={}) for user in ("kim", "nobody")]
    signed = [strict.put(Identity=strict.identity(user, email=f"{user}@example.com"), Events={}) for user in ("kim", "nobody")]

    for known, unknown in (told, signed):
        assert (known.status, known.body, sorted(known.headers)) == (unknown.status, unknown.body, sorted(unknown.headers))


def test_visitors_take_none_of_a_users_seats_and_the_oldest_steps_aside(project: Project, address: str, settings: Any) -> None:
    settings.ENDPOINTS_PER_USER = 2
    key = make_public_key(project=project)
    pages = [Page(address, key) for _number in range(VISITORS_PER_USER + 1)]
    for page in pages:
        page.put(Identity=page.identity("kim"), Events={"e": event()})
        collecting.drain_batches()
    items = [
        {"Id": f"m{one}", "ChannelType": "EMAIL", "Address": f"m{one}@example.com", "User": {"UserId": "kim"}} for one in range(3)
    ]
    answers = update_endpoints(project=project, items=items, source=OptOutEntry.Source.API, now=visitor(pages[0]).updated_at)

    assert [getattr(answer, "code", "") for answer in answers] == ["", "", "user_full"]
    assert (visitor(pages[0]).user, visitor(pages[0]).status) == (None, "INACTIVE")
    assert all(visitor(page).user is not None for page in pages[1:])
    assert facets_are_right(project)


def test_a_flood_of_unsigned_visitors_takes_nobodys_place(project: Project, address: str) -> None:
    trusting = make_public_key(project=project, trusts_pages=True)
    own = Page(address, trusting)
    own.put(Identity=own.identity("kim"))
    flood = [Page(address, trusting) for _number in range(VISITORS_PER_USER + 3)]
    for page in flood:
        page.put(Identity={"UserId": "kim"}, Events={"e": event()})
    collecting.drain_batches()

    assert visitor(own).user is not None
    assert sum(visitor(page).user is not None for page in flood) == VISITORS_PER_USER - 1


def test_after_a_log_out_the_next_ones_events_are_not_the_first_ones(strict: Page) -> None:
    strict.put(Identity=strict.identity("kim"), Events={"e": event()})
    next_one = Page(strict.address, strict.key)
    next_one.put(Identity=next_one.identity("lee"), Events={"e": event()})
    collecting.drain_batches()

    for page, user_id in ((strict, "kim"), (next_one, "lee")):
        user = visitor(page).user
        assert user is not None
        assert user.user_id == user_id


def facets_are_right(project: Project) -> bool:
    """The index says of everybody what the tables say."""
    subject = facets.Subject(facets.SubjectKind.STANDARD, "EndpointStatus")
    facet = facets.read(project_id=project.pk, subjects=[subject]).facet(subject)
    assert facet is not None
    inactive = Endpoint.objects.filter(project=project, status="INACTIVE").values_list("pk", flat=True)
    return list(facet.carrying(["INACTIVE"])) == sorted(inactive)


def test_a_key_whose_secret_can_not_be_opened_trusts_no_signature(strict: Page, project: Project) -> None:
    from projects.public_keys import signed

    PublicKey.objects.filter(pk=strict.key.pk).update(sealed_secret="sealed elsewhere")
    from projects.services import known_keys

    known_keys.forget()
    answer = strict.put(Identity={"UserId": "kim", "Signature": signed(b"", user_id="kim")})

    assert "ignature" in answer.said["Refused"]["Identity"]
