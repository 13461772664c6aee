"""The pages of the suppression lists, of the bounce mailbox and of a relay's callback."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from endpoints.ports import ErasedPerson
from messaging.models import BounceMailbox, OutcomeNotice, RelayCallback, Suppression
from messaging.services import erasing, relay_callbacks, suppressions
from messaging.suppression import erased_key
from projects.models import AuditEntry, Project, Role
from tests.console.world import logged_in
from tests.factories.messaging import make_relay
from tests.factories.projects import make_member, make_project, make_user

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 26, 1, 0, tzinfo=datetime.UTC)


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def marketer(project: Project) -> Client:
    return logged_in(make_member(project=project))


def url(project: Project, what: str) -> str:
    return reverse(f"messaging:{what}-suppressions", args=[project.public_id])


def listed(project: Project | None) -> list[str]:
    return list(Suppression.objects.filter(project=project).order_by("id").values_list("address", flat=True))


def add(project: Project | None, *addresses: str) -> None:
    actor = project.created_by if project else make_user()
    suppressions.add(project=project, actor=actor, lines=addresses, now=NOW)


def test_addresses_are_added_by_hand_once_each_and_what_is_none_is_said(project: Project, marketer: Client) -> None:
    add(project, "known@example.com")

    answer = marketer.post(
        url(project, "add"), {"addresses": "A@example.com\r\n a@example.com \r\nKnown@example.com\r\nnobody\r\n\r\n"}, follow=True
    )

    page = answer.content.decode()
    assert listed(project) == ["known@example.com", "A@example.com"]
    assert "1 address was added. Already on the list: 1." in page
    assert "Left out, as they are no e-mail addresses (1 lines): nobody" in page
    entry = Suppression.objects.get(address="A@example.com")
    assert (entry.reason, entry.source, entry.actor_id) == ("MANUAL", "CONSOLE", int(marketer.session["_auth_user_id"]))


def test_when_nothing_is_an_address_nothing_is_added_and_what_was_typed_stays(project: Project, marketer: Client) -> None:
    answer = marketer.post(url(project, "add"), {"addresses": "nobody"})

    assert answer.status_code == 200
    assert answer.context["adding"].errors
    assert "nobody" in answer.content.decode()
    assert not listed(project)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"a@example.com\nb@example.com\n", ["a@example.com", "b@example.com"]),
        (b"\xef\xbb\xbfreason,Email address\r\nBOUNCE,a@example.com\r\n", ["a@example.com"]),
        ("이름,이메일\n김,a@example.com\n".encode("cp949"), ["a@example.com"]),
        (b'"\'+tag@example.com"\n', ["+tag@example.com"]),
    ],
)
def test_a_file_is_imported(project: Project, marketer: Client, raw: bytes, expected: list[str]) -> None:
    marketer.post(url(project, "import"), {"file": SimpleUploadedFile("list.csv", raw)})

    assert listed(project) == expected
    assert set(Suppression.objects.values_list("reason", "source")) == {("IMPORT", "FILE")}


def test_a_file_that_can_not_be_read_is_refused(project: Project, marketer: Client) -> None:
    for raw in (b"\xff\xfe\x00", b"no address here\n"):
        answer = marketer.post(url(project, "import"), {"file": SimpleUploadedFile("list.csv", raw)})
        assert answer.context["importing"].errors
    assert not listed(project)


def test_what_is_exported_can_be_imported_again_and_holds_no_formula(project: Project, marketer: Client) -> None:
    add(project, "=cmd@example.com", "b@example.com")
    Suppression.objects.create(project=project, address="", address_key="#" + "0" * 64, reason="MANUAL", source="CONSOLE", at=NOW)
    add(make_project(), "theirs@example.com")
    add(None, "everywhere@example.com")

    answer = marketer.get(url(project, "export"))
    exported = b"".join(answer.streaming_content)  # type: ignore[attr-defined]

    assert exported.decode() == (
        "\ufeffaddress,reason,source,at\r\n'=cmd@example.com,MANUAL,CONSOLE,2026-11-26T01:00:00+00:00\r\n"
        "b@example.com,MANUAL,CONSOLE,2026-11-26T01:00:00+00:00\r\n"
    )
    other = make_project()
    logged_in(other.created_by).post(url(other, "import"), {"file": SimpleUploadedFile("x.csv", exported)})
    assert listed(other) == ["=cmd@example.com", "b@example.com"]


def test_one_and_several_are_released_and_the_trail_says_who_and_how_many_without_addresses(
    project: Project, marketer: Client
) -> None:
    add(project, *(f"m{number}@example.com" for number in range(4)))
    ids = list(Suppression.objects.order_by("id").values_list("pk", flat=True))

    marketer.post(url(project, "release"), {"ids": ids[0]})
    marketer.post(url(project, "release"), {"ids": ids[1:3]})

    assert listed(project) == ["m3@example.com"]
    entries = AuditEntry.objects.filter(verb="suppression.released").order_by("id")
    assert [entry.data for entry in entries] == [{"count": 1, "reason": "MANUAL"}, {"count": 2, "reason": "MANUAL"}]
    trail = logged_in(project.created_by).get(reverse("projects:list-audit", args=[project.public_id])).content.decode()
    assert "released addresses from the suppression list: 2." in trail
    assert "@example.com from" not in trail


def test_entries_of_others_are_neither_seen_nor_released(project: Project, marketer: Client) -> None:
    other = make_project()
    add(other, "theirs@example.com")
    add(None, "everywhere@example.com")

    page = marketer.get(url(project, "list")).content.decode()
    marketer.post(url(project, "release"), {"ids": list(Suppression.objects.values_list("pk", flat=True))})

    assert "theirs@example.com" not in page
    assert "everywhere@example.com" not in page
    assert Suppression.objects.count() == 2


def test_a_viewer_looks_and_has_no_buttons(project: Project) -> None:
    add(project, "a@example.com")
    viewer = logged_in(make_member(project=project, role=Role.VIEWER))

    page = viewer.get(url(project, "list")).content.decode()

    assert "a@example.com" in page
    assert "Release" not in page
    for what in ("add", "import", "release", "rule"):
        assert viewer.post(url(project, what), {"addresses": "b@example.com"}).status_code == 403
    assert viewer.get(url(project, "export")).status_code == 403
    assert listed(project) == ["a@example.com"]


def test_the_list_is_searched_by_address_and_reason_and_has_pages(project: Project, marketer: Client) -> None:
    add(project, *(f"m{number:02}@example.com" for number in range(60)))
    Suppression.objects.filter(address="m07@example.com").update(reason="COMPLAINT")

    first = marketer.get(url(project, "list"))
    second = marketer.get(url(project, "list"), {"before": first.context["next_before"]})
    found = marketer.get(url(project, "list"), {"q": "M07@", "reason": "COMPLAINT"})

    assert (len(first.context["found"]), len(second.context["found"])) == (50, 10)
    assert second.context["next_before"] is None
    assert [entry.address for entry in found.context["found"]] == ["m07@example.com"]
    assert not marketer.get(url(project, "list"), {"q": "m07@", "reason": "IMPORT"}).context["found"]


def test_the_rules_are_saved(project: Project, marketer: Client) -> None:
    assert suppressions.rules_of(project_id=project.pk) == (True, True)

    marketer.post(url(project, "rule"), {"complaints": "on"})

    assert suppressions.rules_of(project_id=project.pk) == (False, True)
    assert suppressions.rules_of(project_id=None) == (False, False)


def test_the_installations_list_is_the_superusers() -> None:
    superuser = logged_in(make_user(is_staff=True, is_superuser=True))
    owner = logged_in(make_project().created_by)
    staff = logged_in(make_user(is_staff=True))

    for what in ("list", "add", "import", "export", "release", "rule"):
        address = reverse(f"messaging:{what}-installation-suppressions")
        method = "get" if what in ("list", "export") else "post"
        for somebody in (owner, staff):
            assert getattr(somebody, method)(address, {"addresses": "a@example.com"}).status_code == 404
    assert not Suppression.objects.exists()
    superuser.post(reverse("messaging:add-installation-suppressions"), {"addresses": "a@example.com"})
    superuser.post(reverse("messaging:rule-installation-suppressions"), {"hard_bounces": "on"})

    assert listed(None) == ["a@example.com"]
    assert suppressions.rules_of(project_id=None) == (True, False)
    assert "a@example.com" in superuser.get(reverse("messaging:list-installation-suppressions")).content.decode()
    assert set(AuditEntry.objects.values_list("project", "verb")) == {
        (None, "suppression.added"), (None, "suppression.rules_saved"),
    }  # fmt: skip


def test_erasing_a_person_leaves_a_hash_and_the_address_is_still_known(project: Project) -> None:
    add(project, "Kim@example.com", "other@example.com")
    add(None, "kim@example.com")
    other = make_project()
    add(other, "kim@example.com")
    relay = make_relay(project=project)
    for body in ('{"recipient": "kim@example.com"}', '{"recipient": "akim@example.com"}', '{"id": "7"}'):
        OutcomeNotice.objects.create(relay_id=relay.pk, generation=1, kind="SIGNED", notice_id="x", body=body, received_at=NOW)
    person = ErasedPerson(
        project_id=project.pk, endpoint_ids=(1,), user_pk=None, addresses=("kim@EXAMPLE.com",), names=("7",), asked_at=NOW
    )

    for _turn in range(2):
        erasing.erase_suppressions(person, 0)
        erasing.erase_notices(person, 0)

    assert listed(project) == ["", "other@example.com"]
    assert Suppression.objects.filter(project=project, address_key=erased_key("kim@example.com")).count() == 1
    assert (listed(other), listed(None)) == (["kim@example.com"], ["kim@example.com"])
    assert [notice.body for notice in OutcomeNotice.objects.order_by("id")] == [
        '{"recipient": "akim@example.com"}',
        '{"id": "7"}',
    ]
    assert suppressions.add(project=project, actor=project.created_by, lines=["kim@example.com"], now=NOW).known == 1


def test_a_relays_page_says_where_outcomes_are_told_and_what_came(project: Project, settings: Any) -> None:
    settings.PUBLIC_URL = "https://console.example.com"
    owner = logged_in(project.created_by)
    smtp = make_relay(project=project)
    ses = make_relay(project=project, name="ses", kind="SES", region="ap-northeast-2", senders=("a.example",))
    RelayCallback.objects.create(relay=ses, topic_arn="arn:aws:sns:x", confirmed_at=NOW, taken=1234, unmatched=5)

    of_smtp = owner.get(reverse("messaging:edit-relay", args=[project.public_id, smtp.pk])).content.decode()
    of_ses = owner.get(reverse("messaging:edit-relay", args=[project.public_id, ses.pk])).content.decode()

    door = relay_callbacks.door_of(relay=smtp)
    assert f"https://console.example.com/callbacks/outcomes/{door.token}" in of_smtp
    assert door.secret in of_smtp
    assert f"https://console.example.com/callbacks/sns/{relay_callbacks.door_of(relay=ses).token}" in of_ses
    assert relay_callbacks.door_of(relay=ses).secret not in of_ses
    assert "1,234" in of_ses
    assert "arn:aws:sns:x" in of_ses
    owner.post(reverse("messaging:forget-relay-topic", args=[project.public_id, ses.pk]))
    owner.post(reverse("messaging:replace-relay-address", args=[project.public_id, smtp.pk]))
    assert RelayCallback.objects.get(relay=ses).topic_arn == ""
    assert relay_callbacks.door_of(relay=smtp).token != door.token


def test_the_mailboxs_page_says_how_it_goes_and_what_to_do(project: Project) -> None:
    owner = logged_in(project.created_by)
    page = reverse("messaging:edit-bounce-mailbox", args=[project.public_id])
    refused = owner.post(
        page, {"host": "127.0.0.1", "port": 993, "security": "TLS", "user": "x", "password": "y", "folder": "INBOX"}
    )
    assert "own network" in refused.content.decode()
    mailbox = BounceMailbox.objects.create(
        project=project, host="imap.example", user="bounces", next_look_at=NOW + datetime.timedelta(hours=1), looked_at=NOW, taken=7,
        unmatched=3, last_error="timed out", last_error_at=NOW,
    )  # fmt: skip

    shown = owner.get(page).content.decode()
    owner.post(reverse("messaging:look-into-bounce-mailbox", args=[project.public_id]))
    mailbox.refresh_from_db()

    assert "timed out" in shown
    assert "bounces · imap.example:993 · INBOX" in shown
    assert mailbox.next_look_at < datetime.datetime.now(datetime.UTC)
    owner.post(reverse("messaging:delete-bounce-mailbox", args=[project.public_id]))
    assert not BounceMailbox.objects.exists()
    assert logged_in(make_member(project=project)).get(page).status_code == 403
