"""Every address against everybody who may not use it. New addresses are covered as soon as they exist."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from core import clock
from core.audience import Audience
from messaging.models import Sender
from projects.models import Project
from segments.models import ImportJob, Segment
from segments.services import running
from tests.console.test_documents import APPS
from tests.console.world import World, addresses, fill, logged_in, make_world
from tests.factories.campaigns import make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project, make_user

pytestmark = pytest.mark.django_db

ADDRESSES = addresses()
OF_A_PROJECT = {name: held for name, held in ADDRESSES.items() if "project_id" in held}
WITH_AN_ID = {
    name: held
    for name, held in OF_A_PROJECT.items()
    if any(parameter == "pk" or (parameter.endswith(("_id", "_pk")) and parameter != "project_id") for parameter in held)
}
# Addresses for everybody: a token is what authorises, or there is nothing to hide.
PUBLIC = {
    "projects:home", "projects:log-in", "projects:log-out", "projects:reset-password", "projects:reset-password-sent",
    "projects:set-password", "projects:set-language", "projects:accept-invitation", "messaging:verify-sender",
    "messaging:unsubscribe", "messaging:show-image", "messaging:take-sns", "messaging:take-callback", "console:healthz", "console:readyz",
    "console:turn-off-report",
}  # fmt: skip
# Pages that only read: a POST is answered as a GET is, and changes nothing. All others must refuse a viewer's POST.
READS = {
    "campaigns:list-campaigns", "campaigns:show-campaign", "campaigns:preview-campaign", "campaigns:preview-html",
    "campaigns:list-people", "campaigns:find-person", "campaigns:show-clicks", "campaigns:show-clicks-mail",
    "campaigns:show-calendar", "messaging:list-mailbox", "messaging:show-mailbox-message",
    "messaging:show-mailbox-html", "messaging:download-mailbox-message", "segments:list-imports", "segments:show-import",
    "segments:list-exports", "segments:show-export", "campaigns:count-segments",
    "segments:list-refused-lines", "segments:download-refused-lines", "segments:list-segments", "segments:show-segment",
    "segments:count-document", "segments:list-values", "segments:list-links", "console:show-overview", "endpoints:list-people",
    "console:compare-campaigns", "console:show-deliverability", "console:show-readers",
    "endpoints:show-person", "segments:list-person-segments", "campaigns:list-history", "endpoints:list-erasures",
    "endpoints:list-attributes", "endpoints:count-attribute", "messaging:show-domain",
    "messaging:list-templates", "messaging:show-template", "messaging:preview-template", "messaging:preview-template-html",
    "messaging:compare-template-versions", "messaging:show-design", "messaging:list-images",
    "messaging:list-suppressions", "console:show-statistics", "console:show-usage", "console:show-events", "console:show-funnel",
    "console:show-sql", "console:list-dashboards", "console:show-dashboard", "console:show-tile",
    "console:explore-events", "console:show-revenue", "console:show-demographics",
    "console:list-transforms", "console:show-transform",
    "analytics:show-event-stream",
    "api:list-access-keys",
    "endpoints:show-web-pages", "endpoints:list-seen", "analytics:list-webhooks", "analytics:show-webhook",
}  # fmt: skip


@pytest.fixture
def world() -> World:
    return make_world()


def url(name: str, ids: dict[str, Any]) -> str:
    return reverse(name, kwargs=fill(name, ADDRESSES[name], ids))


def rows() -> dict[str, list[str]]:
    """Everything that the house has written (sessions and log-ins aside)."""
    found = {}
    for model in apps.get_models():
        if model._meta.app_label in APPS:
            fields = [field.attname for field in model._meta.concrete_fields if not isinstance(field, models.BinaryField)]
            found[model._meta.label] = sorted(map(repr, model._base_manager.values_list(*fields)))
    return found


def test_the_walk_sees_the_addresses() -> None:
    assert len(OF_A_PROJECT) > 40
    assert set(READS) <= set(OF_A_PROJECT), "READS names an address that is gone"
    assert set(PUBLIC) <= set(ADDRESSES), "PUBLIC names an address that is gone"


@pytest.mark.parametrize("name", [name for name in ADDRESSES if name not in PUBLIC])
def test_who_is_not_logged_in_sees_nothing(name: str, world: World) -> None:
    before = rows()

    for method in ("get", "post"):
        answer = getattr(Client(raise_request_exception=False), method)(url(name, world.ids()))
        if name in OF_A_PROJECT:
            assert answer.status_code in (302, 404, 405), method
        else:
            assert answer.status_code == 302, method
        if answer.status_code == 302:
            assert answer.headers["Location"].startswith(reverse("projects:log-in")), method
    assert rows() == before


@pytest.mark.parametrize("name", OF_A_PROJECT)
def test_a_stranger_gets_404(name: str, world: World) -> None:
    stranger = logged_in(make_project().created_by)
    before = rows()

    assert stranger.get(url(name, world.ids())).status_code in (404, 405)
    for method in ("post", "put", "patch", "delete"):
        assert getattr(stranger, method)(url(name, world.ids())).status_code in ((404,) if method == "post" else (404, 405)), (
            method
        )
    assert rows() == before


@pytest.mark.parametrize("name", OF_A_PROJECT)
def test_a_viewer_looks_and_changes_nothing(name: str, world: World) -> None:
    viewer = logged_in(world.viewer)
    before = rows()

    looked = viewer.get(url(name, world.ids()))
    posted = viewer.post(url(name, world.ids()))

    assert looked.status_code in ((200,) if name in READS - {"segments:count-document"} else (200, 403, 404, 405))
    assert posted.status_code in ((200,) if name in READS else (403, 405)), "a page that only reads is listed in READS"
    assert rows() == before


@pytest.mark.parametrize("name", WITH_AN_ID)
def test_a_thing_of_another_project_is_not_found_under_ones_own(name: str, world: World) -> None:
    mine = make_project()
    owner = logged_in(mine.created_by)
    ids = world.ids() | {"project_id": mine.public_id}
    before = rows()

    assert owner.get(url(name, ids)).status_code in (404, 405)
    assert owner.post(url(name, ids)).status_code == 404
    assert rows() == before


@pytest.mark.parametrize("name", [name for name in WITH_AN_ID if "campaign_id" in WITH_AN_ID[name]])
def test_a_draft_of_another_project_is_not_found_at_any_step(name: str, world: World) -> None:
    mine = make_project()
    owner = logged_in(mine.created_by)
    ids = world.ids() | {"project_id": mine.public_id, "campaign_id": world.draft.public_id}
    before = rows()

    assert owner.get(url(name, ids)).status_code in (404, 405)
    assert (
        owner.post(url(name, ids), {"name": "x", "way": "existing", "subject": "x", "addresses": "a@example.com"}).status_code
        == 404
    )
    assert rows() == before


@pytest.mark.parametrize("name", OF_A_PROJECT)
def test_a_deleted_project_is_gone_for_its_owner(name: str, world: World) -> None:
    Project.objects.filter(pk=world.project.pk).update(deleted_at="2026-01-01T00:00:00Z")
    owner = logged_in(world.owner)

    assert owner.get(url(name, world.ids())).status_code in (404, 405)
    assert owner.post(url(name, world.ids())).status_code == 404


def test_the_operators_pages_are_closed_to_marketers(world: World) -> None:
    for client in (Client(), logged_in(world.owner)):
        for path in ("", "auth/", "projects/user/", "projects/user/1/change/", "no/such/page/"):
            answer = client.get(f"/admin/{path}")
            assert answer.status_code in (302, 404)
            assert answer.status_code == 404 or "/admin/login/" in answer.headers["Location"]


# -- fields of forms that name a thing of another project -------------------------------------------------------------


@pytest.fixture
def mine() -> Project:
    return make_project(name="Mine")


def draft(project: Project) -> Campaign:
    return make_campaign(project=project, document={"Pabal": {"Channel": "EMAIL"}})


def document_on(segment: Segment) -> str:
    group = {"SourceSegments": [{"Id": segment.public_id}], "Type": "ALL", "Dimensions": []}
    return json.dumps({"SegmentGroups": {"Include": "ALL", "Groups": [group]}})


def test_the_wizard_takes_no_segment_of_another_project(mine: Project, world: World) -> None:
    campaign = draft(mine)
    own = make_import_segment(project=mine, members=Audience([1]))
    step = reverse("campaigns:edit-campaign", args=[mine.public_id, campaign.public_id, "segment"])
    client = logged_in(mine.created_by)

    for data in (
        {"way": "existing", "segments": [world.segment.public_id], "holdout": "0"},
        {"way": "existing", "segments": [own.public_id, world.segment.public_id], "holdout": "0"},
        {"way": "filter", "document": document_on(world.segment), "holdout": "0"},
        {"way": "filter", "document": document_on(world.dynamic), "holdout": "0"},
    ):
        answer = client.post(step, data)
        assert answer.status_code == 200
        assert answer.context["form"].errors
    campaign.refresh_from_db()
    assert campaign.document == {"Pabal": {"Channel": "EMAIL"}}
    assert Segment.objects.filter(project=mine).count() == 1


def test_the_wizard_takes_no_sender_of_another_project(mine: Project, world: World) -> None:
    Sender.objects.filter(pk=world.sender.pk).update(address="theirs@example.com")
    campaign = draft(mine)
    step = reverse("campaigns:edit-campaign", args=[mine.public_id, campaign.public_id, "message"])

    answer = logged_in(mine.created_by).post(step, {"sender": "theirs@example.com", "subject": "x", "html": "x"})

    assert answer.status_code == 200
    assert "sender" in answer.context["form"].errors
    campaign.refresh_from_db()
    assert "MessageConfiguration" not in campaign.document


def test_a_campaign_whose_document_names_a_foreign_segment_is_not_launched(mine: Project, world: World) -> None:
    """Even if a document got in by another way (a copy, the API)."""
    campaign = make_campaign(project=mine, document=world.draft.document)
    client = logged_in(mine.created_by)

    review = client.get(reverse("campaigns:edit-campaign", args=[mine.public_id, campaign.public_id, "review"]))
    launched = client.post(reverse("campaigns:launch-campaign", args=[mine.public_id, campaign.public_id]), {"base": 1})
    preview = client.get(reverse("campaigns:preview-campaign", args=[mine.public_id, campaign.public_id]))

    assert (review.status_code, launched.status_code, preview.status_code) == (200, 302, 200)
    assert review.context["segment"] is None
    assert preview.context["member"] is None
    campaign.refresh_from_db()
    assert campaign.state == "DRAFT"


def test_the_preview_finds_no_member_of_another_project(mine: Project, world: World) -> None:
    theirs = make_endpoint(project=world.project, address="theirs@example.com", endpoint_id="their-id")
    own = make_import_segment(project=mine, members=Audience([make_endpoint(project=mine).pk]))
    campaign = make_campaign(project=mine, document={"SegmentId": own.public_id})
    client = logged_in(mine.created_by)

    for search in (theirs.address, theirs.endpoint_id, str(theirs.pk)):
        preview = client.get(reverse("campaigns:preview-campaign", args=[mine.public_id, campaign.public_id]), {"member": search})
        person = client.get(reverse("campaigns:find-person", args=[mine.public_id, campaign.public_id]), {"q": search})
        assert preview.context["member"].address != theirs.address
        assert not person.context["is_found"]


def test_a_segment_takes_no_base_segment_of_another_project(mine: Project, world: World) -> None:
    client = logged_in(mine.created_by)
    own = make_import_segment(project=mine, members=Audience([1]))
    create = reverse("segments:create-segment", args=[mine.public_id])
    count = reverse("segments:count-document", args=[mine.public_id])

    offered = client.get(create, {"base": world.segment.public_id})
    for theirs in (world.segment, world.dynamic):
        made = client.post(create, {"name": "x", "document": document_on(theirs)})
        counted = client.post(count, {"document": document_on(theirs)})
        assert made.status_code == 200
        assert made.context["form"].non_field_errors()
        assert "counts" not in counted.context
        assert theirs.name not in counted.content.decode()
    assert world.segment.name not in offered.content.decode()
    client.post(create, {"name": "mine", "document": document_on(own)})
    dynamic = Segment.objects.get(project=mine, name="mine")
    changed = client.post(
        reverse("segments:edit-segment", args=[mine.public_id, dynamic.public_id]),
        {"name": "mine", "document": document_on(world.segment)},
    )
    assert changed.status_code == 200
    assert changed.context["form"].non_field_errors()
    dynamic.refresh_from_db()
    assert dynamic.version == 1


def test_the_builder_offers_no_name_or_value_of_another_project(mine: Project, world: World) -> None:
    make_endpoint(project=world.project, user_attributes={"secret-name": ["secret-value"]}, location={"City": "secret-value"})
    client = logged_in(mine.created_by)

    page = client.get(reverse("segments:create-segment", args=[mine.public_id])).content.decode()
    for kind, name in (("UserAttributes", "secret-name"), ("Attributes", "secret-name"), ("Standard", "City"), ("x", "y")):
        found = client.get(reverse("segments:list-values", args=[mine.public_id]), {"kind": kind, "name": name})
        assert found.json() == {"values": []}
    assert "secret" not in page


def test_an_import_takes_no_connection_of_another_project(mine: Project, world: World) -> None:
    for connection in (str(world.connection.pk), "0", "-1", "9" * 30, "x", "\0"):
        answer = logged_in(mine.created_by).post(
            reverse("segments:create-import", args=[mine.public_id]),
            {"source": "S3", "connection": connection, "s3_url": "s3://bucket/x.csv", "format": "CSV", "segment_name": ""},
        )
        assert answer.status_code == 200
        assert "connection" in answer.context["form"].errors
    assert not ImportJob.objects.filter(project=mine).exists()


def test_an_import_never_falls_back_to_the_servers_own_keys(mine: Project, world: World, s3: Any) -> None:
    """Without a connection boto3 takes the keys of the machine, which may open any bucket."""
    answer = logged_in(mine.created_by).post(
        reverse("segments:create-import", args=[mine.public_id]),
        {"source": "S3", "s3_url": "s3://sample-audience/members.csv", "format": "CSV", "segment_name": ""},
    )
    job = ImportJob.objects.get(pk=world.job.pk)
    ImportJob.objects.filter(pk=job.pk).update(
        s3_url="s3://sample-audience/members.csv", status="CREATED", created_by=world.owner, failure=None, connection=None
    )
    job.pieces.all().delete()
    running.run_job(job_id=job.pk, clock=clock.now)

    assert "connection" in answer.context["form"].errors
    job.refresh_from_db()
    assert (job.status, job.failure) == ("FAILED", {"code": "no_connection", "params": {}})


def test_an_invitation_of_another_project_can_not_be_accepted_by_its_number(mine: Project, world: World) -> None:
    invited = make_user(email="new@example.com")

    for token in (str(world.invitation.pk), world.invitation.token_hash):
        answer = logged_in(invited).post(reverse("projects:accept-invitation", args=[token]))
        assert answer.status_code == 404
    assert not world.project.members.filter(user=invited).exists()
