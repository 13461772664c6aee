from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, CampaignState, Run
from campaigns.sending import freezing, worker
from campaigns.services import occurrences
from core import clock
from core.audience import Audience
from projects.models import Project, Role
from segments.models import Segment
from tests.campaigns.test_sending import RecordingTransport
from tests.factories.campaigns import HTML, campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_member, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def segment(project: Project) -> Segment:
    make_sender(project=project)
    first = make_endpoint(project=project, user_attributes={"MBR_FULLNM": ["<script>alert(1)</script>"]})
    other = make_endpoint(project=project, opt_out="ALL")
    return make_import_segment(project=project, members=Audience([first.pk, other.pk]))


def logged_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(name: str, project: Project, *args: Any) -> str:
    return reverse(f"campaigns:{name}", args=[project.public_id, *args])


def test_the_wizard_is_walked_left_and_taken_up_again(project: Project, segment: Segment) -> None:
    client = logged_in(project.created_by)

    client.post(url("create-campaign", project), {"name": "세일", "description": ""})
    campaign = Campaign.objects.get()
    step = lambda name: url("edit-campaign", project, campaign.public_id, name)  # noqa: E731
    early = client.get(step("review")).content.decode()
    client.post(step("segment"), {"way": "existing", "segments": [segment.public_id], "document": "", "holdout": "0"})
    client.post(
        step("message"),
        {"sender": "shop@example.com", "subject": "(광고) 안녕", "preheader": "p", "html": HTML, "text": "",
         "defaults": "User.UserAttributes.MBR_FULLNM = 고객"},
    )  # fmt: skip
    client.post(step("schedule"), {
        "start_kind": "now", "frequency": "ONCE", "zone": "Asia/Seoul", "missing_zone": "PROJECT", "past_zone": "SEND",
    })  # fmt: skip
    review = client.get(step("review")).content.decode()
    preview = client.get(url("preview-html", project, campaign.public_id)).content.decode()
    launched = client.post(url("launch-campaign", project, campaign.public_id), {"base": 4})

    assert "Choose whom the message goes to." in early
    assert "2 matching, 1 eligible" in review
    assert "disabled" not in review.partition('class="btn btn-primary"')[2][:60]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;님" in preview
    assert launched.headers["Location"] == url("show-campaign", project, campaign.public_id)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.SCHEDULED
    assert campaign.document["SegmentVersion"] == 1
    assert campaign.document["MessageConfiguration"]["EmailMessage"]["FromAddress"] == "상점 <shop@example.com>"


def test_several_segments_become_one_and_a_filter_made_here_is_kept(project: Project, segment: Segment) -> None:
    client = logged_in(project.created_by)
    other = make_import_segment(project=project, members=Audience([make_endpoint(project=project).pk]))
    campaign = make_campaign(project=project, document={"Pabal": {"Channel": "EMAIL"}})
    step = url("edit-campaign", project, campaign.public_id, "segment")

    client.post(step, {"way": "existing", "segments": [segment.public_id, other.public_id], "holdout": "0"})
    campaign.refresh_from_db()
    combined = Segment.objects.get(public_id=campaign.document["SegmentId"])
    page = client.get(step).content.decode()

    assert not combined.is_listed
    assert "Chosen so far: 3 matching, 2 eligible." in page


def test_ticked_segments_are_counted_before_they_are_saved(project: Project, segment: Segment) -> None:
    client = logged_in(project.created_by)
    other = make_import_segment(project=project, members=Audience([make_endpoint(project=project).pk]))
    theirs = make_import_segment(project=make_project(), members=Audience([1]))
    campaign = make_campaign(project=project, document={})
    count = url("count-segments", project, campaign.public_id)

    both = client.get(count, {"segments": [segment.public_id, other.public_id]}).content.decode()
    none = client.get(count).content.decode()
    foreign = client.get(count, {"segments": [theirs.public_id]}).content.decode()

    assert "Chosen so far: 3 matching, 2 eligible." in both
    assert "Chosen" not in none
    assert "Chosen" not in foreign
    assert 'role="alert"' in foreign


def test_the_preview_says_when_nobody_is_found_and_a_test_leaves_the_page_as_it_is(project: Project, segment: Segment) -> None:
    client = logged_in(project.created_by)
    campaign = make_campaign(project=project, document=campaign_document(segment=segment))
    address = url("preview-campaign", project, campaign.public_id)

    unknown = client.get(address, {"member": "nobody@example.com"}).content.decode()
    known = client.get(address).content.decode()
    refused = client.post(url("send-test", project, campaign.public_id), {"addresses": "nobody"}, headers={"HX-Request": "true"})

    assert "no member with this address" in unknown
    assert "no member with this address" not in known
    assert refused.status_code == 200
    assert "Enter a valid email address." in refused.content.decode()


def test_the_page_is_loaded_again_when_its_campaign_is_in_another_state(project: Project, segment: Segment) -> None:
    client = logged_in(project.created_by)
    campaign = make_campaign(project=project, document=campaign_document(segment=segment), state="COMPLETED")
    address = url("show-campaign", project, campaign.public_id)

    before = client.get(address, {"state": "EXECUTING"}, headers={"HX-Request": "true"})
    since = client.get(address, {"state": "COMPLETED"}, headers={"HX-Request": "true"})

    assert before.headers["HX-Refresh"] == "true"
    assert "HX-Refresh" not in since.headers


def test_anothers_segment_or_sender_is_refused(project: Project, segment: Segment) -> None:
    stranger = make_project()
    make_sender(project=stranger, address="other@example.com")
    theirs = make_import_segment(project=stranger, members=Audience([1]))
    client = logged_in(project.created_by)
    campaign = make_campaign(project=project, document={})

    first = client.post(
        url("edit-campaign", project, campaign.public_id, "segment"),
        {"way": "existing", "segments": [theirs.public_id], "holdout": "0"},
    )
    second = client.post(
        url("edit-campaign", project, campaign.public_id, "message"), {"sender": "other@example.com", "subject": "x", "html": "x"}
    )

    assert (first.status_code, second.status_code) == (200, 200)
    campaign.refresh_from_db()
    assert campaign.document == {}


def test_a_stranger_gets_404_and_a_viewer_may_only_look(project: Project, segment: Segment) -> None:
    campaign = make_campaign(project=project, document=campaign_document(segment=segment), state="COMPLETED")
    stranger, viewer = logged_in(make_user()), logged_in(make_member(project=project, role=Role.VIEWER))
    reads = ["show-campaign", "count-segments", "preview-campaign", "preview-html", "find-person"]
    writes = [
        "launch-campaign",
        "pause-campaign",
        "resume-campaign",
        "delete-campaign",
        "duplicate-campaign",
        "send-test",
        "list-moments",
    ]

    for name in reads:
        assert stranger.get(url(name, project, campaign.public_id)).status_code == 404
        assert viewer.get(url(name, project, campaign.public_id)).status_code == 200
    for name in writes:
        assert stranger.post(url(name, project, campaign.public_id)).status_code == 404
        assert viewer.post(url(name, project, campaign.public_id)).status_code == 403
    elsewhere = make_project(owner=project.created_by)
    owner = logged_in(project.created_by)
    assert owner.get(url("show-campaign", elsewhere, campaign.public_id)).status_code == 404


def test_the_numbers_and_the_people_behind_them(project: Project, segment: Segment) -> None:
    client = logged_in(project.created_by)
    campaign = make_campaign(project=project, document=campaign_document(segment=segment))
    client.post(url("launch-campaign", project, campaign.public_id), {"base": 1})
    (run_id,) = occurrences.claim_due(now=clock.now())
    freezing.freeze_run(run_id=run_id, clock=clock.now)
    transport = RecordingTransport()
    worker.send_run(run_id=run_id, owner="t", clock=clock.now, transport=transport)

    page = client.get(url("show-campaign", project, campaign.public_id)).content.decode()
    sent = client.get(url("list-people", project, campaign.public_id, "outcome-SUCCESS")).content.decode()
    left_out = client.get(url("list-people", project, campaign.public_id, "excluded-ENDPOINT_OPT_OUT")).content.decode()
    targeted = client.get(url("list-people", project, campaign.public_id, "targeted")).content.decode()
    why = client.get(url("find-person", project, campaign.public_id), {"q": transport.messages[0].recipient}).content.decode()

    assert Run.objects.get().targeted == 2
    assert 'data-number="Targeted">2<' in page
    assert 'data-number="Sent">1<' in page
    assert transport.messages[0].recipient in sent
    assert "1 people" in left_out
    assert "<td>Sent</td>" in targeted
    assert "<td>left out: Opted out</td>" in targeted
    assert "Sent" in why
    assert client.get(url("list-people", project, campaign.public_id, "nonsense")).status_code == 404


def test_the_campaign_page_asks_a_fixed_number_of_queries(
    project: Project, segment: Segment, django_assert_max_num_queries: Any
) -> None:
    client = logged_in(project.created_by)
    schedule = {"StartTime": "2026-11-25T00:00:00Z", "Frequency": "DAILY"}
    campaign = make_campaign(project=project, document=campaign_document(segment=segment, schedule=schedule), state="EXECUTING")
    for day in range(1, 13):
        at = datetime.datetime(2026, 11, day, tzinfo=datetime.UTC)
        Run.objects.create(
            project=project, campaign=campaign, occurrence_at=at, due_at=at, state="COMPLETED", completed_at=at, campaign_version=1,
            frozen=0, targeted=0,
        )  # fmt: skip

    with django_assert_max_num_queries(14):
        client.get(url("show-campaign", project, campaign.public_id))


def test_every_page_has_the_strict_policy_in_both_languages(project: Project, segment: Segment) -> None:
    client = logged_in(project.created_by)
    campaign = make_campaign(project=project, document=campaign_document(segment=segment))
    pages = [
        reverse("projects:list-projects"), reverse("projects:create-project"), reverse("projects:show-account"),
        *(reverse(name, args=[project.public_id]) for name in (
            "console:show-overview", "projects:edit-project", "projects:list-members", "segments:list-segments",
            "segments:create-segment", "segments:list-imports", "segments:create-import", "segments:list-connections",
            "messaging:list-senders", "messaging:list-mailbox", "campaigns:list-campaigns", "campaigns:create-campaign",
        )),
        reverse("segments:show-segment", args=[project.public_id, segment.public_id]),
        *(url("edit-campaign", project, campaign.public_id, step) for step in ("name", "segment", "message", "schedule", "review")),
    ]  # fmt: skip

    for page in pages:
        for language in ("ko", "en"):
            answer = client.get(page, headers={"accept-language": language})
            assert answer.status_code == 200, page
            policy = answer.headers["Content-Security-Policy"]
            assert "script-src 'self';" in policy + ";"
            assert "unsafe" not in policy
            text = answer.content.decode()
            assert " style=" not in text, page
            assert "<script>" not in text, page
            assert f'<html lang="{language}">' in text
