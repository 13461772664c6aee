"""Limits on pages: the project's settings, the wizard, the review, and what waits."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import limits, treatments
from campaigns.models import Campaign
from campaigns.services import drafts
from core import clock as clocks
from projects.models import AuditEntry, Project, Role, SendingSettings
from tests.campaigns.test_limits import frozen, rules, schedule
from tests.campaigns.test_sending import Clock, RecordingTransport, send
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db

SETTINGS = {
    "daily": "2", "total": "10", "per_second": "500", "minutes": "90", "quiet_start": "21:00", "quiet_end": "08:00", "quiet_mode": "HOLD",
    "rates": "naver.com = 600\n\nDaum.net, hanmail.net = 1,200\n", "warm_up_start": "2026-12-01", "warm_up_caps": "200, 500\n1000",
    "base": "new",
}  # fmt: skip
STORED = {
    "Limits": {"Daily": 2, "Total": 10, "MessagesPerSecond": 500, "MaximumDuration": 5_400},
    "QuietTime": {"Start": "21:00", "End": "08:00"},
    "Pabal": {
        "QuietTimeMode": "HOLD", "WarmUp": {"Start": "2026-12-01", "Caps": [200, 500, 1_000]},
        "DomainRates": [
            {"Domains": ["naver.com"], "PerMinute": 600}, {"Domains": ["daum.net", "hanmail.net"], "PerMinute": 1_200},
        ],
    },
}  # fmt: skip
SCHEDULE = {"start_kind": "now", "frequency": "ONCE", "zone": "Asia/Seoul", "missing_zone": "PROJECT", "past_zone": "SEND"}


@pytest.fixture
def project() -> Project:
    made = make_project()
    make_sender(project=made)
    return made


def logged_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(project: Project) -> str:
    return reverse("campaigns:edit-sending-settings", args=[project.public_id])


def draft(project: Project, **document: Any) -> Campaign:
    segment = make_import_segment(project=project, members=limits_members(project))
    return make_campaign(project=project, document=campaign_document(segment=segment) | document)


def limits_members(project: Project) -> Any:
    from core.audience import Audience

    return Audience(make_members(project=project, count=2))


def step(project: Project, campaign: Campaign, name: str = "schedule") -> str:
    return reverse("campaigns:edit-campaign", args=[project.public_id, campaign.public_id, name])


def test_settings_are_saved_shown_again_and_on_the_record(project: Project) -> None:
    client = logged_in(project.created_by)

    saved = client.post(page(project), SETTINGS)
    stored = SendingSettings.objects.get()
    shown = client.get(page(project)).context["form"]

    assert (saved.status_code, stored.document) == (302, STORED)
    assert shown["rates"].value() == "naver.com = 600\ndaum.net, hanmail.net = 1200"
    assert (shown["minutes"].value(), shown["warm_up_caps"].value()) == ("90", "200, 500, 1000")
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.actor) == ("project.sending_settings_saved", project.created_by)
    again = client.post(page(project), {name: shown[name].value() for name in shown.fields})
    assert again.status_code == 302
    assert SendingSettings.objects.get().document == STORED


def test_settings_that_somebody_else_saved_meanwhile_are_not_saved_over(project: Project) -> None:
    client = logged_in(project.created_by)
    old = client.get(page(project)).context["form"]["base"].value()
    client.post(page(project), SETTINGS)

    for base in (old, "2026-01-01T00:00:00+00:00"):
        answer = client.post(page(project), SETTINGS | {"daily": "9", "base": base})
        assert answer.status_code == 200
        assert "Somebody else saved these settings" in answer.content.decode()
    assert SendingSettings.objects.get().document == STORED


@pytest.mark.parametrize(("field", "value", "said"), [
    ("daily", "0", "greater than or equal to 1"),
    ("daily", "101", "less than or equal to 100"),
    ("per_second", "20001", "less than or equal to 20000"),
    ("minutes", "0.5", "greater than or equal to 1"),
    ("quiet_end", "21:00", "start and end at the same time"),
    ("quiet_end", "", "needs a start and an end"),
    ("quiet_start", "25:00", "Enter a valid time"),
    ("rates", "naver.com", "messages a minute"),
    ("rates", "naver.com = many", "messages a minute"),
    ("rates", "nobody = 5", "is not a domain"),
    ("rates", "= 5", "messages a minute"),
    ("rates", "a.com = 5\nA.com = 6", "stands in two places"),
    ("warm_up_caps", "200, lots", "such as 200, 500, 1000"),
    ("warm_up_caps", ", ".join(["5"] * 91), "1 to 90 days"),
    ("warm_up_start", "some day", "Enter a valid date"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_at_its_field(project: Project, field: str, value: str, said: str) -> None:
    answer = logged_in(project.created_by).post(page(project), SETTINGS | {field: value})

    assert answer.status_code == 200
    found = answer.context["form"].errors
    assert said in " ".join(found.get(field, []) + found.get("quiet_end", [])), found
    assert not SendingSettings.objects.exists()


def test_marketers_look_and_owners_save(project: Project) -> None:
    marketer = logged_in(make_member(project=project, role=Role.MARKETER))

    assert marketer.get(page(project)).status_code == 200
    assert marketer.post(page(project), SETTINGS).status_code == 403
    assert logged_in(make_project().created_by).get(page(project)).status_code == 404


def test_defaults_go_into_campaigns_made_later_and_not_into_copies(project: Project) -> None:
    now = clocks.now()
    before = drafts.create_campaign(project=project, actor=None, name="x", document={"Pabal": {"Kind": "STANDARD"}}, now=now)
    rules(project, **STORED)

    after = drafts.create_campaign(project=project, actor=None, name="x", document={"Pabal": {"Kind": "STANDARD"}}, now=now)
    own = drafts.create_campaign(project=project, actor=None, name="x", document={"Limits": {"Total": 1}}, now=now)
    copy = drafts.duplicate_campaign(campaign=before, actor=project.created_by, now=now)

    assert "Limits" not in before.document
    assert after.document == {
        "Limits": {"Total": 10, "MessagesPerSecond": 500, "MaximumDuration": 5_400},
        "Schedule": {"QuietTime": {"Start": "21:00", "End": "08:00"}},
        "Pabal": {"Kind": "STANDARD", "QuietTimeMode": "HOLD"},
    }
    assert own.document["Limits"]["Total"] == 1
    assert copy.document == before.document
    client = logged_in(project.created_by)
    for name in ("schedule", "review"):
        assert client.get(step(project, after, name)).status_code == 200


def test_the_wizard_saves_limits_beside_the_time_and_takes_them_away_again(project: Project) -> None:
    client = logged_in(project.created_by)
    campaign = draft(project, Limits={"Session": 3})
    typed = SCHEDULE | {
        "daily": "1", "total": "5", "per_second": "100", "minutes": "300", "quiet_start": "21:00", "quiet_end": "08:00",
        "quiet_mode": "DROP", "spread_hours": "4",
    }  # fmt: skip

    saved = client.post(step(project, campaign), typed)
    campaign.refresh_from_db()
    document = campaign.document
    shown = client.get(step(project, campaign)).context["limits_form"]
    review = client.get(step(project, campaign, "review")).content.decode()
    client.post(step(project, campaign), SCHEDULE)
    campaign.refresh_from_db()

    assert saved.status_code == 302
    assert document["Limits"] == {"Session": 3, "Daily": 1, "Total": 5, "MessagesPerSecond": 100, "MaximumDuration": 18_000}
    assert document["Schedule"]["QuietTime"] == {"Start": "21:00", "End": "08:00"}
    assert (document["Pabal"]["QuietTimeMode"], document["Pabal"]["SpreadHours"]) == ("DROP", 4)
    assert {name: str(shown[name].value()) for name in typed if name in shown.fields} == {
        name: value for name, value in typed.items() if name in shown.fields
    }
    assert shown.is_used
    assert "At most 100 messages a second." in review
    assert "Spread over 4 hours." in review
    assert campaign.document["Limits"] == {"Session": 3}
    assert "QuietTime" not in campaign.document["Schedule"]
    assert not {"QuietTimeMode", "SpreadHours"} & set(campaign.document["Pabal"])


def test_limits_that_contradict_each_other_are_refused_in_the_wizard(project: Project) -> None:
    client = logged_in(project.created_by)
    campaign = draft(project)

    answer = client.post(step(project, campaign), SCHEDULE | {"spread_hours": "4", "minutes": "60"})

    assert answer.status_code == 200
    assert "minutes" in answer.context["limits_form"].errors
    campaign.refresh_from_db()
    assert campaign.version == 1


def test_two_windows_a_changed_limit_is_a_changed_step(project: Project) -> None:
    client = logged_in(project.created_by)
    campaign = draft(project)
    client.post(step(project, campaign), SCHEDULE | {"daily": "1", "base": "1"})

    answer = client.post(step(project, campaign), SCHEDULE | {"daily": "2", "base": "1"})

    assert answer.context["collision"]
    campaign.refresh_from_db()
    assert campaign.document["Limits"] == {"Daily": 1}


@pytest.mark.parametrize(("document", "said"), [
    ({"Limits": {"Daily": 0}}, "Daily is a number from 1 to 100."),
    ({"Limits": {"MessagesPerSecond": "9"}}, "MessagesPerSecond is a number from 1 to 20000."),
    ({"Limits": [1]}, "Limits is not an object."),
    ({"Schedule": schedule(QuietTime={"Start": "9:00", "End": "10:00"})}, "Quiet time needs a start and an end"),
    ({"Pabal": {"SpreadHours": 1_000}}, "Sending can be spread over 1 to 72 hours."),
    ({"Pabal": {"QuietTimeMode": "LATER"}}, "QuietTimeMode is DROP or HOLD."),
    ({"Limits": {"MessagesPerSecond": 1, "MaximumDuration": 60}}, ""),
])  # fmt: skip
def test_the_review_says_what_is_wrong_with_limits(project: Project, document: dict[str, Any], said: str) -> None:
    campaign = draft(project, **document)
    review = logged_in(project.created_by).get(step(project, campaign, "review"))
    errors = [one.message for one in review.context["findings"] if one.is_error and one.code == "limits"]
    assert bool(errors) == bool(said)
    assert said in " ".join(errors)


def test_a_run_that_begins_in_quiet_time_is_warned_of(project: Project) -> None:
    quiet = {"StartTime": "2099-11-24T13:00:00Z", "Frequency": "ONCE", "QuietTime": {"Start": "21:00", "End": "08:00"}}
    found = []
    for mode in ("DROP", "HOLD"):
        campaign = draft(project, Schedule=quiet, Pabal={"QuietTimeMode": mode})
        review = logged_in(project.created_by).get(step(project, campaign, "review"))
        found += [one.message for one in review.context["findings"] if one.code == "quiet"]

    assert found == [
        "It begins in quiet time (22:00): messages are dropped. Choose another time, or hold them until it ends.",
        "It begins in quiet time (22:00): messages are held until it ends.",
    ]


def test_the_campaign_page_says_who_waits_and_until_when(project: Project) -> None:
    clock = Clock()
    clock.now = clocks.now()
    zone = "Asia/Seoul"
    local = clock.now.astimezone(datetime.timezone(datetime.timedelta(hours=9)))
    start, end = local - datetime.timedelta(hours=1), local + datetime.timedelta(hours=2)
    if end.date() != local.date() or start.date() != local.date():
        end = start + datetime.timedelta(hours=3)
    quiet = schedule(QuietTime={"Start": f"{start:%H:%M}", "End": f"{end:%H:%M}"})
    run = frozen(project, make_members(project=project, count=1_200), clock, Schedule=quiet, Pabal={"QuietTimeMode": "HOLD"})
    send(run, RecordingTransport(), clock)

    answer = logged_in(project.created_by).get(
        reverse("campaigns:show-campaign", args=[project.public_id, run.campaign.public_id])
    )

    (line,) = answer.context["waiting"]
    assert line.total == 1_200
    assert line.text.startswith("held until ")
    assert line.text.endswith(f"{end:%H:%M} in {zone}: quiet time")
    assert "1,200 messages: held until" in answer.content.decode()


def test_sentences_say_all_limits(project: Project) -> None:
    rules(project, **STORED)
    document = {
        "Limits": {"MaximumDuration": 3_661, "Daily": 1, "Total": 2, "MessagesPerSecond": 1}, "Pabal": {"SpreadHours": 1},
    }  # fmt: skip
    now = datetime.datetime(2026, 12, 1, 3, tzinfo=datetime.UTC)

    assert limits.sentences(document, project=project, now=now, people=7_200) == [
        "At most 1 message of this campaign to one person in 24 hours.",
        "At most 2 messages to one person over all runs.",
        "At most 1 message a second. That takes about 2 hours.",
        "Spread over 1 hour.",
        "Each run gives up after 1 hour 1 minute 1 second.",
        "At most 2 messages of all campaigns of the project to one person in 24 hours.",
        "Warm-up: 200 messages of the project today; what exceeds it waits for tomorrow.",
        "Messages a minute to recipient domains: naver.com 600, daum.net 1,200.",
    ]
    assert limits.sentences({"Limits": [1]}, project=project, now=now) == []


def test_each_treatment_of_a_test_of_times_has_its_own_quiet_time_and_the_campaign_its_limits(project: Project) -> None:
    client = logged_in(project.created_by)
    own = {"SizePercent": 50, "Schedule": schedule()}
    campaign = draft(project, Limits={"Daily": 1}, AdditionalTreatments=[own], Pabal={"Varies": "SCHEDULE", "SpreadHours": 3})
    second = step(project, campaign) + "?treatment=1"

    shown = client.get(second).context["limits_form"]
    client.post(second, SCHEDULE | {"quiet_start": "22:00", "quiet_end": "07:00", "quiet_mode": "HOLD", "daily": "9"})
    campaign.refresh_from_db()

    assert "daily" not in shown.fields
    assert campaign.document["Limits"] == {"Daily": 1}
    assert "Limits" not in campaign.document["AdditionalTreatments"][0]
    found = [limits.parse_limits(treatments.definition(campaign.document, number)) for number in (0, 1)]
    assert [one.daily for one in found] == [1, 1]
    assert found[0].quiet is None
    assert found[1].quiet == limits.QuietTime(datetime.time(22), datetime.time(7))
    assert found[1].holds_quiet
    assert [one.spread for one in found] == [datetime.timedelta(hours=3), datetime.timedelta(0)]
