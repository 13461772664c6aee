"""Moving house from Pinpoint: a saved folder through the command, read back by boto3 and on pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from campaigns.models import Campaign, CampaignState, EventListener, Run, Treatment
from campaigns.services import occurrences
from console.moving import running
from core import clock
from endpoints.models import Endpoint, EndpointStatus, OptOut, OptOutEntry
from endpoints.services import opt_out
from messaging.models import MailboxMessage, Suppression
from projects.models import AuditEntry, Installation, Project, User
from segments import evaluation
from segments.models import ImportJob
from tests.console.world import logged_in
from tests.factories.projects import make_user

pytestmark = pytest.mark.django_db(transaction=True)
FOLDER = Path(__file__).resolve().parent.parent / "data" / "from_pinpoint"
APP = "5f2d7c1e9a4b4e0c8d3f6a1b2c3d4e5f"
MEMBERS, GOLD, ACTIVE, EITHER = "a1" * 16, "b2" * 16, "c3" * 16, "d4" * 16
DONE, WEEKLY, GOING, PAUSED, TEXT_DONE, TEXT_NEXT, ON_EVENT, IN_APP, WAITS, DELETED, INVALID = (f"{n:032x}" for n in range(1, 12))
KINDS = {"project", "settings", "channel", "suppression list", "template", "segment", "campaign", "campaign figures"}


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "memory://"


@pytest.fixture
def operator() -> User:
    return make_user(email="operator@example.com", is_superuser=True)


def move(tmp_path: Path, *flags: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Run the command; its report."""
    path = tmp_path / "report.json"
    call_command("import_from_pinpoint", str(folder), "--report", str(path), *flags)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def results(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for entry in report["entries"]:
        of_kind = found.setdefault(entry["kind"], {})
        of_kind[entry["result"]] = of_kind.get(entry["result"], 0) + 1
    return found


@pytest.fixture
def moved(operator: User, tmp_path: Path) -> dict[str, Any]:
    return move(tmp_path)


def test_the_report_says_what_became_of_each_thing(
    operator: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    moved = move(tmp_path)
    printed = capsys.readouterr().out

    assert results(moved) == {
        "project": {"taken": 2}, "settings": {"taken": 1}, "channel": {"taken": 3}, "suppression list": {"taken": 2},
        "template": {"taken": 5}, "export": {"taken": 3}, "segment": {"taken": 4}, "campaign": {"taken": 9, "left": 2},
        "campaign figures": {"taken": 2}, "figures": {"left": 1}, "event stream": {"left": 1}, "journey": {"left": 1},
        "recommender": {"left": 1},
    }  # fmt: skip
    assert moved["endpoints"] == {APP: {"taken": 8, "there already": 0}}
    assert "journey 99999999999999999999999999999999 “Welcome”" in printed
    assert "this version has no journeys" in printed
    assert "practice mode" in printed


def test_projects_keep_their_ids_settings_and_channels(moved: dict[str, Any], pinpoint: Any) -> None:
    app = pinpoint.get_app(ApplicationId=APP)["ApplicationResponse"]
    assert (app["Id"], app["Name"], app["tags"]) == (APP, "서울 산책", {"team": "growth"})
    assert app["CreationDate"].startswith("2021-03-02T01:02:03")
    settings = pinpoint.get_application_settings(ApplicationId=APP)["ApplicationSettingsResource"]
    assert settings["Limits"] == {"Daily": 3, "MessagesPerSecond": 50}
    assert settings["QuietTime"] == {"Start": "21:00", "End": "08:00"}
    mail = pinpoint.get_email_channel(ApplicationId=APP)["EmailChannelResponse"]
    assert (mail["FromAddress"], mail["ConfigurationSet"]) == ("산책 <hello@walks.example.com>", "walks")
    assert pinpoint.get_sms_channel(ApplicationId=APP)["SMSChannelResponse"]["SenderId"] == "WALKS"
    project = Project.objects.get(public_id=APP)
    assert (project.is_practice, project.created_by.email) == (True, "operator@example.com")
    assert {(one.address, one.reason, one.project) for one in Suppression.objects.all()} == {
        ("gone@example.com", "HARD_BOUNCE", None),
        ("angry@example.com", "COMPLAINT", None),
    }


def test_endpoints_keep_what_they_were(moved: dict[str, Any], pinpoint: Any) -> None:
    def get(endpoint_id: str) -> dict[str, Any]:
        found: dict[str, Any] = pinpoint.get_endpoint(ApplicationId=APP, EndpointId=endpoint_id)["EndpointResponse"]
        return found

    kim = get("kim-mail")
    assert kim["Attributes"] == {"좋아하는 곳": ["남산", "북촌"]}
    assert kim["User"] == {"UserId": "kim", "UserAttributes": {"grade": ["gold"], "name": ["김하늘"]}}
    assert (kim["Metrics"], kim["CohortId"], kim["OptOut"]) == ({"walks": 12.0}, "42", "NONE")
    assert (kim["CreationDate"], kim["EffectiveDate"]) == ("2023-02-01T00:00:00.000Z", "2026-09-01T10:00:00.000Z")
    assert get("lee-mail")["OptOut"] == "ALL"
    assert get("visitor-4")["Id"] == "Visitor-4"
    # The number is the active endpoint's, though the inactive one has it too.
    assert (get("kim-phone")["EndpointStatus"], get("old-phone")["EndpointStatus"]) == ("ACTIVE", "INACTIVE")
    assert (get("gone-mail")["EndpointStatus"], get("gone-mail")["OptOut"]) == ("INACTIVE", "ALL")
    assert get("old-phone")["EffectiveDate"] == "2022-01-01T00:00:00.000Z"


def test_segments_keep_ids_versions_and_members(moved: dict[str, Any], pinpoint: Any) -> None:
    project = Project.objects.get(public_id=APP)

    def members(segment_id: str) -> set[str]:
        found = evaluation.evaluate_segment(project_id=project.pk, segment_id=segment_id, now=clock.now())
        return set(Endpoint.objects.filter(pk__in=list(found)).values_list("endpoint_id", flat=True))

    assert members(MEMBERS) == {"kim-mail", "lee-mail", "park-mail", "Visitor-4", "kim-phone"}
    assert members(GOLD) == {"kim-mail", "lee-mail", "kim-phone"}
    assert members(EITHER) == {"kim-mail", "lee-mail", "kim-phone"}  # park walked much, but not since 2024
    imported = pinpoint.get_segment(ApplicationId=APP, SegmentId=MEMBERS)["SegmentResponse"]
    assert imported["ImportDefinition"]["ChannelCounts"] == {"EMAIL": 4, "SMS": 1}
    assert (imported["ImportDefinition"]["Size"], imported["ImportDefinition"]["S3Url"]) == (5, "s3://walks/imports/may.csv")
    versions = pinpoint.get_segment_versions(ApplicationId=APP, SegmentId=GOLD)["SegmentsResponse"]["Item"]
    assert [one["Version"] for one in versions] == [3, 2, 1]
    first = versions[-1]["SegmentGroups"]["Groups"][0]
    assert first["Dimensions"][0]["UserAttributes"]["grade"]["Values"] == ["gold"]
    assert first["SourceSegments"] == [{"Id": MEMBERS, "Version": 1}]
    assert pinpoint.get_segment(ApplicationId=APP, SegmentId=EITHER)["SegmentResponse"]["Version"] == 2
    assert "Metrics" in json.dumps(pinpoint.get_segment(ApplicationId=APP, SegmentId=ACTIVE)["SegmentResponse"]["SegmentGroups"])


def test_templates_keep_versions_and_defaults(moved: dict[str, Any], pinpoint: Any) -> None:
    active = pinpoint.get_email_template(TemplateName="weekly-walks")["EmailTemplateResponse"]
    assert (active["Version"], active["Subject"]) == ("2", "이번 주 길")
    assert active["tags"] == {"team": "growth"}
    assert json.loads(active["DefaultSubstitutions"]) == {"User.UserAttributes.name": "산책 친구"}
    listed = pinpoint.list_template_versions(TemplateName="weekly-walks", TemplateType="email")["TemplateVersionsResponse"][
        "Item"
    ]
    assert [(one["Version"], one["LastModifiedDate"][:10]) for one in listed] == [
        ("3", "2023-03-02"),
        ("2", "2023-02-02"),
        ("1", "2023-01-02"),
    ]
    assert pinpoint.get_sms_template(TemplateName="reminder")["SMSTemplateResponse"]["Body"].endswith("내일 걸어요")
    assert pinpoint.get_push_template(TemplateName="news")["PushNotificationTemplateResponse"]["Default"]["Title"] == "산책"
    assert pinpoint.get_voice_template(TemplateName="call")["VoiceTemplateResponse"]["VoiceId"] == "Seoyeon"
    assert pinpoint.get_in_app_template(TemplateName="banner")["InAppTemplateResponse"]["Layout"] == "BOTTOM_BANNER"


def test_campaigns_keep_ids_versions_and_history(moved: dict[str, Any], pinpoint: Any) -> None:
    done = pinpoint.get_campaign(ApplicationId=APP, CampaignId=DONE)["CampaignResponse"]
    assert (done["Name"], done["State"], done["Version"]) == ("Autumn letter", {"CampaignStatus": "COMPLETED"}, 2)
    assert (done["HoldoutPercent"], done["Description"], done["tags"]) == (10, "The first of autumn", {"season": "autumn"})
    assert done["MessageConfiguration"]["EmailMessage"]["Title"] == "가을 산책"
    versions = pinpoint.get_campaign_versions(ApplicationId=APP, CampaignId=DONE)["CampaignsResponse"]["Item"]
    assert [(one["Version"], one["Name"]) for one in versions] == [(2, "Autumn letter"), (1, "Autumn letter (draft)")]
    weekly = pinpoint.get_campaign(ApplicationId=APP, CampaignId=WEEKLY)["CampaignResponse"]
    assert weekly["TemplateConfiguration"] == {"EmailTemplate": {"Name": "weekly-walks", "Version": "2"}}
    assert (weekly["SegmentId"], weekly["SegmentVersion"]) == (GOLD, 3)
    paused = pinpoint.get_campaign(ApplicationId=APP, CampaignId=PAUSED)["CampaignResponse"]
    assert [(one["TreatmentName"], one["SizePercent"]) for one in paused["AdditionalTreatments"]] == [("B", 40)]
    assert paused["MessageConfiguration"]["EmailMessage"]["FromAddress"] == "산책 <hello@walks.example.com>"


def test_no_campaign_is_launched_by_it(moved: dict[str, Any]) -> None:
    """Whatever they did in Pinpoint, and whatever time it is: nothing that a tick could take up."""
    states = dict(Campaign.objects.values_list("public_id", "state"))
    over = {DONE: "COMPLETED", TEXT_DONE: "COMPLETED", DELETED: "DELETED", INVALID: "INVALID"}
    assert states == over | dict.fromkeys([WEEKLY, GOING, PAUSED, ON_EVENT, WAITS], CampaignState.DRAFT)
    for now in (clock.now(), clock.now().replace(year=2099, month=12)):
        assert occurrences.claim_due(now=now) == []
    assert not Treatment.objects.exists()
    assert not EventListener.objects.exists()
    assert not Run.objects.exists()
    assert not MailboxMessage.objects.exists()


def test_pages_show_pinpoints_figures_apart_from_ours(moved: dict[str, Any], operator: User) -> None:
    client = logged_in(operator)

    def page(campaign_id: str, step: str = "") -> str:
        name, args = (
            ("campaigns:edit-campaign", [APP, campaign_id, step]) if step else ("campaigns:show-campaign", [APP, campaign_id])
        )
        answer = client.get(reverse(name, args=args), headers={"accept-language": "en"})
        assert answer.status_code == 200
        return answer.content.decode()

    done = page(DONE)
    assert "Figures from Pinpoint until" in done
    for label, value in {
        "Attempted": "1,200", "Endpoints delivered to": "1,175", "Delivery rate": "0.9833", "Opened": "485", "Clicked": "203",
        "Open rate": "0.4127",
    }.items():  # fmt: skip
        assert f'data-past="{label}">{value}</dd>' in done
    assert "1,180" in done  # of the run
    going = page(GOING, "review")
    assert "where it had begun to be sent" in going
    assert "No figures of there were saved." in going
    assert "Figures from Pinpoint until" in page(WEEKLY, "review")
    assert page(TEXT_DONE)
    korean = client.get(reverse("campaigns:show-campaign", args=[APP, DONE]), headers={"accept-language": "ko"}).content.decode()
    assert "Pinpoint에서 가져온 수치" in korean


def test_a_second_run_changes_nothing(moved: dict[str, Any], tmp_path: Path) -> None:
    project = Project.objects.get(public_id=APP)
    kim = Endpoint.objects.get(endpoint_id="kim-mail")
    opt_out.set_opt_out(
        project_id=project.pk, endpoint_id=kim.pk, opt_out=OptOut.ALL, source=OptOutEntry.Source.LINK, now=clock.now()
    )
    before = (AuditEntry.objects.count(), ImportJob.objects.count(), list(Endpoint.objects.order_by("pk").values()))

    again = move(tmp_path)

    found = results(again)
    for kind in KINDS:
        assert set(found[kind]) <= {"there already", "left"}, kind
    assert again["endpoints"] == {APP: {"there already": 8}}
    assert (AuditEntry.objects.count(), ImportJob.objects.count(), list(Endpoint.objects.order_by("pk").values())) == before


def test_a_dry_run_says_the_same_and_writes_nothing(operator: User, tmp_path: Path) -> None:
    tried = move(tmp_path, "--dry-run")

    assert not Project.objects.exists()
    assert not Suppression.objects.exists()
    assert not ImportJob.objects.exists()
    really = move(tmp_path)
    assert results(tried) == results(really)
    assert tried["endpoints"][APP]["taken"] == really["endpoints"][APP]["taken"] == 8


def test_a_run_that_was_broken_off_goes_on(operator: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each step in turn, as a kill would leave it: every thing is written in a transaction of its own."""
    steps = ["take_settings", "take_templates", "take_endpoints", "take_segments", "take_campaigns"]
    modules = [running.projects, running.templates, running.endpoints, running.segments, running.campaigns]
    for module, step in zip(modules, steps, strict=True):
        with monkeypatch.context() as patch:
            patch.setattr(module, step, _broken_off)
            with pytest.raises(KeyboardInterrupt):
                move(tmp_path)

    move(tmp_path)

    assert (Campaign.objects.count(), Endpoint.objects.count(), Project.objects.count()) == (9, 8, 2)
    assert Endpoint.objects.filter(status=EndpointStatus.INACTIVE).count() == 2


def _broken_off(*_args: object) -> None:
    raise KeyboardInterrupt


def test_two_at_once_are_refused(operator: User, tmp_path: Path) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [running.LOCK])
        with pytest.raises(CommandError, match="under way"):
            move(tmp_path)
    finally:
        other.close()
    assert not Project.objects.exists()


def test_the_account_that_arns_name_is_advised(operator: User, tmp_path: Path) -> None:
    assert "ACCOUNT_ID=123456789012" in " ".join(move(tmp_path)["advice"])
    Installation.objects.update_or_create(singleton=True, defaults={"account_id": "123456789012"})
    assert "ACCOUNT_ID" not in " ".join(move(tmp_path)["advice"])


def test_only_a_superuser_takes_a_house_in(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no superuser"):
        move(tmp_path)
    make_user(email="kim@example.com")
    with pytest.raises(CommandError, match="no superuser"):
        move(tmp_path, "--email", "kim@example.com")
    assert not Project.objects.exists()
