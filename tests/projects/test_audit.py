"""Who did what, in sentences: for owners, with filters, and for operators."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from core.audience import Audience
from messaging.services import senders
from projects import ports, queries
from projects.models import AuditEntry, Project, Role, User
from projects.services import audit, members
from segments.services import segments
from tests.console.world import logged_in
from tests.factories.campaigns import make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_member, make_project, make_user

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=datetime.UTC)
_VERB = re.compile(rf'"((?:{"|".join([*queries.KINDS, "installation"])})\.[a-z_]+)"')


@pytest.fixture
def project() -> Project:
    return make_project(owner=make_user(name="Kim"), name="Shop")


def page(project: Project, **chosen: Any) -> str:
    client = logged_in(project.created_by)
    return client.get(
        reverse("projects:list-audit", args=[project.public_id]), chosen, headers={"accept-language": "en"}
    ).content.decode()


def said(project: Project, **chosen: Any) -> list[str]:
    return [
        line.before + line.what + line.after
        for line in queries.audit_lines(project=project, chosen=queries.AuditFilter(**chosen))
    ]


def note(project: Project, verb: str, *, actor: User | None, at: datetime.datetime = NOW, **data: Any) -> None:
    audit.record(project=project, actor=actor, verb=verb, target=project, now=at, **data)


def test_every_deed_of_the_house_has_a_sentence_and_a_kind() -> None:
    apps = ("projects", "analytics", "endpoints", "segments", "messaging", "campaigns", "api", "console")
    rooms = ("services/*.py", "sending/*.py", "reports/*.py")
    texts = [file.read_text() for app in apps for room in rooms for file in (Path(django_settings.BASE_DIR) / app).rglob(room)]
    verbs = {verb for text in texts for verb in _VERB.findall(text)}
    told = {verb for some in ports.audit_sentences.call() for verb in some}

    assert len(verbs) > 40
    assert verbs == told
    noted = {verb for text in texts if "audit.record(" in text for verb in re.findall(r'verb="([^"]+)"', text)}
    assert noted <= verbs, "projects.queries.KINDS lacks the first word of a verb"


def test_an_entry_is_a_sentence_with_a_link_to_what_is_still_there(project: Project) -> None:
    segment = make_import_segment(project=project, members=Audience([1]), name="Regulars")
    audit.record(project=project, actor=project.created_by, verb="segment.imported", target=segment, now=NOW, size=12345)

    html = page(project)

    link = reverse("segments:show-segment", args=[project.public_id, segment.public_id])
    assert f'Kim imported the segment <a href="{link}">“Regulars”</a> with 12,345 members.' in html
    assert "&quot;verb&quot;: &quot;segment.imported&quot;" in html

    segments.delete_segment(segment=segment, actor=project.created_by, now=NOW)
    html = page(project)
    assert f'href="{link}"' not in html
    assert "Kim imported the segment “Regulars” with 12,345 members." in html
    assert "Kim deleted the segment “Regulars”." in html


def test_each_kind_of_thing_is_named_and_linked(project: Project) -> None:
    owner = project.created_by
    endpoint = make_endpoint(project=project, address="lee@example.com")
    campaign = make_campaign(project=project, document={}, name="Autumn")
    sender = senders.add_sender(project=project, actor=owner, name="", address="shop@example.com", now=NOW)
    audit.record(project=project, actor=owner, verb="endpoint.opted_out", target=endpoint, now=NOW)
    audit.record(project=project, actor=owner, verb="campaign.launched", target=campaign, now=NOW)
    audit.record(project=project, actor=None, verb="sender.verified", target=sender, now=NOW, address=sender.address)

    lines = {line.before + line.what + line.after: line.url for line in queries.audit_lines(project=project)}

    key = project.public_id
    assert lines["Kim opted the endpoint “lee@example.com” out."] == reverse("endpoints:show-person", args=[key, endpoint.pk])
    assert lines["Kim launched the campaign “Autumn”."] == reverse("campaigns:show-campaign", args=[key, campaign.public_id])
    assert lines["The sender “shop@example.com” was verified by the mailed link."] == reverse(
        "messaging:list-senders", args=[key]
    )
    senders.delete_sender(sender=sender, actor=owner, now=NOW)
    assert "Kim deleted the sender “shop@example.com”." in said(project)


def test_a_role_is_told_by_its_name_and_in_korean(project: Project) -> None:
    lee = make_member(project=project, user=make_user(name="Lee"))
    members.set_role(member=project.members.get(user=lee), actor=project.created_by, role=Role.VIEWER, now=NOW)

    assert "Kim gave the member “Lee” another role: Viewer." in said(project)
    with translation.override("ko"):
        assert "Kim 님이 구성원 “Lee”의 역할을 바꾸었습니다: 뷰어." in said(project)


def test_entries_are_chosen_by_person_kind_and_day_of_the_project_s_zone(project: Project) -> None:
    kim, lee = project.created_by, make_user(name="Lee")
    AuditEntry.objects.all().delete()
    note(project, "campaign.launched", actor=kim, at=datetime.datetime(2026, 11, 23, 14, 59, tzinfo=datetime.UTC), name="one")
    note(project, "campaign.paused", actor=lee, at=datetime.datetime(2026, 11, 23, 15, 0, tzinfo=datetime.UTC), name="two")
    note(project, "segment.created", actor=None, at=datetime.datetime(2026, 11, 24, 15, 0, tzinfo=datetime.UTC), name="three")

    def verbs(**chosen: str) -> list[str]:
        return re.findall(r"verb&quot;: &quot;([a-z.]+)", page(project, **chosen))

    assert verbs() == ["segment.created", "campaign.paused", "campaign.launched"]
    assert verbs(person=str(lee.pk)) == ["campaign.paused"]
    assert verbs(person="0") == ["segment.created"]
    assert verbs(kind="campaign") == ["campaign.paused", "campaign.launched"]
    assert verbs(since="2026-11-24") == ["segment.created", "campaign.paused"]
    assert verbs(since="2026-11-24", until="2026-11-24") == ["campaign.paused"]
    assert len(verbs(since="0001-01-01", until="9999-12-31")) == 3


def test_older_entries_are_a_page_further_with_the_same_filter(project: Project) -> None:
    for number in range(60):
        note(project, "campaign.launched", actor=project.created_by, name=f"n{number}")

    first = page(project, kind="campaign")
    (older,) = re.findall(r'href="\?([^"]+)"', first)
    second = logged_in(project.created_by).get(
        reverse("projects:list-audit", args=[project.public_id]) + "?" + older.replace("&amp;", "&")
    )

    assert "kind=campaign" in older
    assert len(second.context["lines"]) == 10
    assert second.context["older"] == ""


def test_the_page_asks_a_fixed_number_of_queries(project: Project) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(project)
        return len(captured)

    for number in range(20):
        if number == 2:
            few = asked()
        endpoint = make_endpoint(project=project)
        audit.record(project=project, actor=make_user(), verb="endpoint.opted_out", target=endpoint, now=NOW)
    assert asked() == few


def test_only_owners_read_it(project: Project) -> None:
    address = reverse("projects:list-audit", args=[project.public_id])

    assert logged_in(project.created_by).get(address).status_code == 200
    assert logged_in(make_member(project=project, role=Role.MARKETER)).get(address).status_code == 403
    assert logged_in(make_project().created_by).get(address).status_code == 404
    assert Client().get(address).status_code in (302, 404)


def test_operators_read_sentences_in_their_list(project: Project) -> None:
    note(project, "project.updated", actor=project.created_by, name="Shop")
    audit.record(project=None, actor=None, verb="installation.sending_paused", target=project, now=NOW)
    segment = make_import_segment(project=make_project(), members=Audience([1]), name="Regulars")
    audit.record(project=segment.project, actor=None, verb="segment.imported", target=segment, now=NOW, size=1)

    operator = logged_in(make_user(is_staff=True, is_superuser=True))
    html = operator.get(reverse("admin:projects_auditentry_changelist"), headers={"accept-language": "en"}).content.decode()

    assert "Kim changed the settings of the project “Shop”." in html
    assert "The console itself paused all sending of the installation." in html
    assert "The console itself imported the segment “Regulars” with 1 members." in html
