"""An A/B test in the wizard and on the campaign's page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import review
from campaigns.models import Campaign, CampaignState, Run, WinnerTest
from campaigns.services import occurrences
from core import clock
from core.audience import Audience
from projects.models import Project, Role
from tests.campaigns.test_sending import Clock, RecordingTransport
from tests.campaigns.test_treatments import email, work
from tests.campaigns.test_winner import WINNER
from tests.console.world import logged_in
from tests.factories.campaigns import HTML, campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(project: Project) -> Client:
    return logged_in(project.created_by)


@pytest.fixture
def draft(project: Project) -> Campaign:
    make_sender(project=project)
    segment = make_import_segment(project=project, members=Audience(make_members(project=project, count=40)))
    document = campaign_document(segment=segment, Varies="MESSAGE", Kind="AB")
    document["AdditionalTreatments"] = [{"SizePercent": 30, "TreatmentName": "짧게", "MessageConfiguration": email("둘째")}]
    return make_campaign(project=project, document=document)


def url(name: str, campaign: Campaign, *args: Any, treatment: int | None = None) -> str:
    path = reverse(f"campaigns:{name}", args=[campaign.project.public_id, campaign.public_id, *args])
    return path if treatment is None else f"{path}?treatment={treatment}"


def message(subject: str, base: int, **button: str) -> dict[str, Any]:
    values = {"sender": "shop@example.com", "subject": subject, "html": HTML, "text": "", "preheader": "", "defaults": ""}
    return values | {"base": base} | button


def shares(base: int, *percents: int, **values: Any) -> dict[str, Any]:
    names = {f"name_{number}": f"{number}안" for number in range(len(percents) + 1)}
    return names | {f"share_{number}": percent for number, percent in enumerate(percents, start=1)} | {"base": base} | values


def subjects(campaign: Campaign) -> list[str]:
    campaign.refresh_from_db()
    own = [campaign.document, *campaign.document["AdditionalTreatments"]]
    return [one["MessageConfiguration"]["EmailMessage"]["Title"] for one in own]


def test_the_first_step_makes_a_test_of_two_and_a_standard_campaign_again(client: Client, project: Project) -> None:
    new = reverse("campaigns:create-campaign", args=[project.public_id])
    client.post(new, {"name": "실험", "description": "", "varies": "MESSAGE"})
    campaign = Campaign.objects.get()
    assert campaign.document["Pabal"]["Varies"] == "MESSAGE"
    assert [one["SizePercent"] for one in campaign.document["AdditionalTreatments"]] == [50]

    client.post(url("edit-campaign", campaign, "name"), {"name": "실험", "description": "", "varies": "", "base": 1})

    campaign.refresh_from_db()
    assert "AdditionalTreatments" not in campaign.document
    assert "Varies" not in campaign.document["Pabal"]


def test_each_tab_saves_its_own_message_and_goes_to_the_next(client: Client, draft: Campaign) -> None:
    step = lambda number: url("edit-campaign", draft, "message", treatment=number)  # noqa: E731

    answer = client.post(step(0), message("(광고) 길게", 1, tab="1"))
    assert answer["Location"] == step(1)
    page = client.get(step(1)).content.decode()
    answer = client.post(step(1), message("(광고) 짧은 것", 2))

    assert 'value="둘째"' in page
    assert answer["Location"] == url("edit-campaign", draft, "schedule")
    assert subjects(draft) == ["(광고) 길게", "(광고) 짧은 것"]
    preview = client.get(url("preview-campaign", draft, treatment=1)).content.decode()
    assert "짧은 것" in preview
    assert "treatment=1" in preview


def test_a_save_over_somebodys_newer_one_stays_with_its_treatment(client: Client, draft: Campaign) -> None:
    client.post(url("edit-campaign", draft, "message", treatment=0), message("(광고) 남의 것", 1))

    answer = client.post(url("edit-campaign", draft, "message", treatment=1), message("(광고) 내 것", 1))
    assert subjects(draft) == ["(광고) 남의 것", "둘째"]
    assert f'formaction="{url("edit-campaign", draft, "message", treatment=1)}"' in answer.content.decode()
    client.post(url("edit-campaign", draft, "message", treatment=1), message("(광고) 내 것", 1, over="2"))

    assert subjects(draft) == ["(광고) 남의 것", "(광고) 내 것"]


def test_a_treatment_that_is_gone_is_not_written(client: Client, draft: Campaign) -> None:
    answer = client.post(url("edit-campaign", draft, "message", treatment=3), message("x", 1))

    assert answer.status_code == 404
    draft.refresh_from_db()
    assert draft.version == 1


def test_treatments_are_named_shared_copied_and_removed(client: Client, draft: Campaign) -> None:
    page = url("edit-treatments", draft)
    client.post(page, shares(1, 40, act="copy-1"))
    draft.refresh_from_db()
    assert [one["SizePercent"] for one in draft.document["AdditionalTreatments"]] == [20, 20]
    assert subjects(draft) == ["(광고) 소식", "둘째", "둘째"]

    client.post(page, shares(2, 20, 25, act="remove-1", is_automatic="on", test_percent="30", wait_hours="6", metric="CLICK"))

    draft.refresh_from_db()
    assert [(one["TreatmentName"], one["SizePercent"]) for one in draft.document["AdditionalTreatments"]] == [("2안", 25)]
    assert draft.document["TreatmentName"] == "0안"
    assert draft.document["Pabal"]["Winner"] == {"TestPercent": 30, "WaitHours": 6, "Metric": "CLICK"}


def test_a_winner_by_conversions_needs_its_event(client: Client, draft: Campaign) -> None:
    page = url("edit-treatments", draft)
    asked = {"is_automatic": "on", "test_percent": "30", "wait_hours": "6", "metric": "CONVERSION"}
    for event in ("", "_email.send"):
        assert "event" in client.post(page, shares(1, 30, **asked, event=event)).context["form"].errors
    client.post(page, shares(1, 30, **asked, event="order.placed"))

    draft.refresh_from_db()
    assert draft.document["Pabal"]["Winner"] | {"TestPercent": 30} == {
        "TestPercent": 30, "WaitHours": 6, "Metric": "CONVERSION", "Event": "order.placed",
    }  # fmt: skip
    assert "“order.placed”" in client.get(url("edit-campaign", draft, "review")).content.decode()
    assert 'value="order.placed"' in client.get(page).content.decode()


@pytest.mark.parametrize(
    "values",
    [
        shares(1, 100), shares(1, 0), shares(1, -5), shares(1, 99, act="copy-0") | {"share_1": ""},
        shares(1, 30, is_automatic="on", test_percent="", wait_hours="4"),
        shares(1, 30, is_automatic="on", test_percent="120", wait_hours="4"), shares(1, 30, act="remove-0"),
        shares(1, 30, act="remove-1"),
    ],
)  # fmt: skip
def test_shares_that_do_not_fit_are_refused_with_a_reason(client: Client, draft: Campaign, values: dict[str, Any]) -> None:
    answer = client.post(url("edit-treatments", draft), values)

    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    draft.refresh_from_db()
    assert draft.version == 1


def test_a_sixth_treatment_is_refused(client: Client, draft: Campaign) -> None:
    for version in range(1, 4):
        client.post(url("edit-treatments", draft), shares(version, *[10] * version, act="copy-0"))

    answer = client.post(url("edit-treatments", draft), shares(4, 10, 10, 10, 10, act="copy-0"))

    assert 'role="alert"' in answer.content.decode()
    draft.refresh_from_db()
    assert len(draft.document["AdditionalTreatments"]) == 4


def test_the_review_shows_each_and_says_whose_the_errors_are(client: Client, draft: Campaign) -> None:
    draft.document["AdditionalTreatments"][0]["MessageConfiguration"] = email("")
    draft.save()

    page = client.get(url("edit-campaign", draft, "review")).content.decode()

    assert [(one.code, one.treatment) for one in review.findings(campaign=draft, now=clock.now()) if one.is_error] == [
        ("no_subject", 1)
    ]
    assert url("edit-campaign", draft, "message", treatment=1) in page
    assert "짧게: " in page
    assert "(광고) 소식" in page


def test_the_page_shows_treatments_side_by_side_and_a_winner_is_chosen_there(
    project: Project, client: Client, draft: Campaign
) -> None:
    draft.document["Pabal"] |= {"Winner": WINNER["Winner"]}
    draft.save()
    client.post(url("launch-campaign", draft), {"base": "1"})
    moment, transport = Clock(), RecordingTransport()
    moment.now = clock.now()
    work(clock=moment, transport=transport)
    page = client.get(url("show-campaign", draft)).content.decode()
    viewer = logged_in(make_member(project=project, role=Role.VIEWER))
    assert url("choose-winner", draft) in page
    assert url("choose-winner", draft) not in viewer.get(url("show-campaign", draft)).content.decode()
    assert viewer.post(url("choose-winner", draft), {"treatment": "1"}).status_code == 403

    client.post(url("choose-winner", draft), {"treatment": "1"})

    assert (WinnerTest.objects.get().winner, Run.objects.get(is_rest=True).treatment) == (1, 1)
    assert "<strong>짧게</strong>" in client.get(url("show-campaign", draft)).content.decode()
    draft.refresh_from_db()
    assert draft.state == CampaignState.EXECUTING
    assert occurrences.waits(campaign_id=draft.pk) is False


def test_a_test_without_messages_and_times_says_once_what_is_missing(client: Client, project: Project) -> None:
    client.post(
        reverse("campaigns:create-campaign", args=[project.public_id]), {"name": "실험", "description": "", "varies": "MESSAGE"}
    )
    campaign = Campaign.objects.get()

    preview = client.get(url("preview-campaign", campaign, treatment=1)).content.decode()
    reviewed = client.get(url("edit-campaign", campaign, "review")).content.decode()

    assert "Nothing is written yet." in preview
    assert "<iframe" not in preview
    assert "is not a time" not in reviewed
    assert reviewed.count("Choose when it is sent.") == 1
