"""The custom channel: fifty endpoints a call, each in one call at most, whatever it answers and whoever dies."""

from __future__ import annotations

import collections
import http.server
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import Event, EventKind
from campaigns import review
from campaigns.models import Campaign, CampaignState, ExclusionReason, Outcome, Run, RunExclusion, RunState, Slice, SliceOutcome
from campaigns.sending import freezing, slices, worker
from campaigns.services import launch, occurrences
from core import calling, outbound
from core.audience import Audience
from endpoints.models import Endpoint, OptOut, OptOutEntry
from endpoints.services.opt_out import set_opt_out
from messaging.services import suppressions
from projects.models import Project, Role
from tests.campaigns.test_sending import NOW, Clock
from tests.console.world import logged_in
from tests.core.test_outbound import said, serving
from tests.factories.campaigns import make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_member, make_project, make_user

pytestmark = pytest.mark.django_db


class Program:
    """A program of a user's own on loopback; ``status`` says how it answers the call of that number, from 0."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.status: Callable[[int], int] = lambda _number: 200

    def __call__(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        self.calls.append(json.loads(body))
        said(handler, b"taken", self.status(len(self.calls) - 1))

    @property
    def asked(self) -> collections.Counter[str]:
        return collections.Counter(one for call in self.calls for one in call["Endpoints"])


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def address(program: Program, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    settings.HOOK_PRIVATE_HOSTS = True
    monkeypatch.setattr(calling, "_PAUSES", (0.0, 0.0))
    with serving(program) as found:
        yield found + "/take"


@pytest.fixture
def project() -> Project:
    return make_project(mode=Project.Mode.LIVE)


def document(segment_id: str, address: str, *types: str, **more: Any) -> dict[str, Any]:
    return {
        "SegmentId": segment_id,
        "MessageConfiguration": {"CustomMessage": {"Data": "가을 세일"}},
        "CustomDeliveryConfiguration": {"DeliveryUri": address, "EndpointTypes": list(types or ("CUSTOM",))},
        "Schedule": {"StartTime": "IMMEDIATE", "Frequency": "ONCE", "Timezone": "UTC+09"},
        "Pabal": {"Channel": "CUSTOM", "Kind": "STANDARD", "TimeZone": "Asia/Seoul"},
    } | more


def members(project: Project, count: int) -> list[Endpoint]:
    return [make_endpoint(project=project, channel_type="CUSTOM", address=f"app-{number}") for number in range(count)]


def draft(project: Project, address: str, some: list[Endpoint], *types: str, **more: Any) -> Campaign:
    segment = make_import_segment(project=project, members=Audience([one.pk for one in some]))
    return make_campaign(project=project, document=document(segment.public_id, address, *types, **more))


def frozen(campaign: Campaign, clock: Clock) -> Run:
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    (run_id,) = occurrences.claim_due(now=clock())
    freezing.freeze_run(run_id=run_id, clock=clock)
    return Run.objects.select_related("campaign", "project").get(pk=run_id)


def send(run: Run, clock: Clock) -> None:
    worker.send_run(run_id=run.pk, owner="w", clock=clock)


def outcomes() -> dict[str, int]:
    found: collections.Counter[str] = collections.Counter()
    for outcome, total in SliceOutcome.objects.values_list("outcome", "total"):
        found[outcome] += total
    return dict(found)


def test_every_endpoint_is_in_one_call_of_fifty_at_most(project: Project, program: Program, address: str) -> None:
    clock = Clock()
    run = frozen(draft(project, address, members(project, 130)), clock)

    send(run, clock)

    assert set(program.asked.values()) == {1}
    assert len(program.asked) == 130
    assert max(len(call["Endpoints"]) for call in program.calls) == 50
    first = program.calls[0]
    assert (first["Data"], first["Message"]) == ("가을 세일", {"Data": "가을 세일"})
    assert (first["ActivityId"], first["CampaignId"], first["TreatmentId"]) == (run.public_id, run.campaign.public_id, "0")
    assert next(iter(first["Endpoints"].values()))["ChannelType"] == "CUSTOM"
    run.refresh_from_db()
    assert (run.state, outcomes()) == (RunState.COMPLETED, {"SUCCESS": 130})
    assert {EventKind(kind) for kind in Event.objects.values_list("kind", flat=True)} == {EventKind.CAMPAIGN_SEND}
    assert Event.objects.count() == 130


def test_endpoints_of_other_types_are_left_out_and_an_address_counts_once_a_type(
    project: Project, program: Program, address: str
) -> None:
    some = members(project, 2)
    some += [make_endpoint(project=project, channel_type="CUSTOM", address="app-0"), make_endpoint(project=project)]
    some += [make_endpoint(project=project, channel_type="IN_APP", address="app-0")]
    clock = Clock()
    run = frozen(draft(project, address, some, "CUSTOM", "IN_APP"), clock)

    send(run, clock)

    assert len(program.asked) == 3
    left_out = dict(RunExclusion.objects.filter(run=run).values_list("reason", "total"))
    assert left_out == {ExclusionReason.ENDPOINT_CHANNEL_MISMATCH: 1, ExclusionReason.DUPLICATE_ENDPOINT: 1}
    assert run.targeted == 5


def test_what_was_asked_and_not_taken_is_never_asked_again(project: Project, program: Program, address: str) -> None:
    clock = Clock()
    program.status = lambda number: 500 if number == 0 else 200
    run = frozen(draft(project, address, members(project, 120)), clock)

    send(run, clock)

    assert set(program.asked.values()) == {1}
    assert outcomes() == {"CUSTOM_DELIVERY_FAILURE": 50, "SUCCESS": 70}
    run.refresh_from_db()
    assert run.state == RunState.COMPLETED


@pytest.mark.parametrize("status", [429, 503])
def test_one_that_says_that_it_did_nothing_is_asked_later(project: Project, program: Program, address: str, status: int) -> None:
    clock = Clock()
    program.status = lambda number: status if number == 0 else 200
    run = frozen(draft(project, address, members(project, 60)), clock)

    send(run, clock)
    assert outcomes() == {"SUCCESS": 10}
    clock.pass_(minutes=2)
    send(run, clock)

    assert outcomes() == {"SUCCESS": 60}
    assert sorted(program.asked.values()) == [1] * 10 + [2] * 50


def test_a_program_that_is_not_there_is_told_nothing_and_the_run_waits(project: Project, address: str) -> None:
    clock = Clock()
    nobody = "http://127.0.0.1:9/"
    run = frozen(draft(project, nobody, members(project, 60)), clock)

    send(run, clock)

    assert outcomes() == {}
    run.refresh_from_db()
    assert (run.state, run.server_failures) == (RunState.RUNNING, 1)
    assert not Slice.objects.filter(run=run, intent_cursor__gt=0).exists()


def test_a_program_that_refuses_everybody_pauses_the_campaign(
    project: Project, program: Program, address: str, settings: Any
) -> None:
    settings.SEND_REFUSALS = 60
    clock = Clock()
    program.status = lambda _number: 500
    run = frozen(draft(project, address, members(project, 300)), clock)

    send(run, clock)

    assert Campaign.objects.get(pk=run.campaign_id).state == CampaignState.PAUSED
    assert len(program.asked) < 300


def test_who_opts_out_after_the_freeze_is_in_no_call(project: Project, program: Program, address: str) -> None:
    clock = Clock()
    some = members(project, 3)
    run = frozen(draft(project, address, some), clock)
    set_opt_out(project_id=project.pk, endpoint_id=some[1].pk, opt_out=OptOut.ALL, source=OptOutEntry.Source.CONSOLE, now=clock())

    send(run, clock)

    assert some[1].endpoint_id not in program.asked
    assert outcomes() == {"SUCCESS": 2, "OPT_OUT": 1}


def test_a_list_of_mailboxes_says_nothing_about_other_endpoints(project: Project, program: Program, address: str) -> None:
    clock = Clock()
    named = make_endpoint(project=project, channel_type="CUSTOM", address="kim@example.com")
    run = frozen(draft(project, address, [named]), clock)
    suppressions.add(project=project, actor=make_user(), lines=["kim@example.com"], now=clock())

    send(run, clock)

    assert named.endpoint_id in program.asked
    assert outcomes() == {"SUCCESS": 1}


def test_neither_a_review_nor_a_launch_asks_the_name_service(
    project: Project, program: Program, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_given: Any, **_more: Any) -> list[str]:
        raise AssertionError("the name service was asked")

    campaign = draft(project, address, members(project, 1))
    monkeypatch.setattr(outbound, "_resolved", asked)
    assert "target_refused" not in {finding.code for finding in review.findings(campaign=campaign, now=NOW)}
    launch.launch_campaign(campaign=campaign, actor=None, now=NOW)


@pytest.mark.parametrize("moment", ["intend", "finish"])
def test_a_worker_that_dies_leaves_at_most_its_small_batch_in_doubt(
    project: Project, program: Program, address: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    run = frozen(draft(project, address, members(project, 120)), clock)

    class Died(BaseException):
        pass

    real = getattr(slices, moment)

    def die(*args: Any, **given: Any) -> Any:
        if moment == "intend":
            real(*args, **given)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(slices, moment, die)
        with pytest.raises(Died):
            send(run, clock)
    clock.pass_(minutes=5)
    send(run, clock)

    assert set(program.asked.values()) == {1}
    assert outcomes()["UNKNOWN"] == 50
    assert sum(outcomes().values()) == 120


def test_in_practice_no_program_is_called(project: Project, program: Program, address: str) -> None:
    clock = Clock()
    campaign = draft(project, address, members(project, 3))
    run = frozen(campaign, clock)
    Project.objects.filter(pk=project.pk).update(mode=Project.Mode.PRACTICE)

    send(run, clock)

    assert program.calls == []
    practising = draft(make_project(), address, [])
    assert "practice" in {finding.code for finding in review.findings(campaign=practising, now=NOW)}


@pytest.mark.parametrize(
    ("uri", "code"), [("", "no_target"), ("http://127.0.0.1/", "target_refused"), ("https://127.1/", "target_refused"),
                      ("ftp://example.com/", "target_refused"),
                      ("arn:aws:lambda:ap-northeast-2:1:function:x", "target_refused")]
)  # fmt: skip
def test_what_can_not_be_called_can_not_be_launched(project: Project, uri: str, code: str) -> None:
    campaign = draft(project, uri, members(project, 1))
    assert code in {finding.code for finding in review.findings(campaign=campaign, now=NOW) if finding.is_error}
    with pytest.raises(launch.CampaignIncomplete):
        launch.launch_campaign(campaign=campaign, actor=None, now=NOW)


# -- pages -------------------------------------------------------------------------------------------------------------


def page(campaign: Campaign, name: str, *more: str) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.project.public_id, campaign.public_id, *more])


def test_the_wizard_makes_a_campaign_that_calls_a_program(project: Project, program: Program, address: str) -> None:
    client, (member,) = logged_in(project.created_by), members(project, 1)
    segment = make_import_segment(project=project, members=Audience([member.pk]))
    client.post(
        reverse("campaigns:create-campaign", args=[project.public_id]), {"name": "앱 알림", "channel": "CUSTOM", "varies": ""}
    )
    campaign = Campaign.objects.get(project=project)
    client.post(page(campaign, "edit-campaign", "segment"), {"way": "existing", "segments": [segment.public_id], "holdout": "0"})
    step = page(campaign, "edit-campaign", "message")
    assert "Save it to see what a call says." in client.get(step).content.decode()
    refused = client.post(step, {"uri": address, "types": ["CUSTOM"], "text": "x" * 5_121})
    assert "The data has more than 5 KB." in refused.content.decode()
    client.post(step, {"uri": address, "types": ["CUSTOM"], "text": "세일", "stay": "1"})
    shown = client.get(step).content.decode()
    assert member.endpoint_id in shown

    answer = client.post(page(campaign, "call-test"), headers={"HX-Request": "true"}).content.decode()

    assert "It was called and answered: taken" in answer
    (call,) = program.calls
    assert (call["Data"], list(call["Endpoints"])) == ("세일", [member.endpoint_id])
    client.post(page(campaign, "edit-campaign", "schedule"), {"start_kind": "now", "frequency": "ONCE"})
    reviewed = client.get(page(campaign, "edit-campaign", "review")).content.decode()
    assert address in reviewed


def test_strangers_and_viewers_call_nothing(project: Project, program: Program, address: str, client: Client) -> None:
    campaign = draft(project, address, members(project, 1))
    for person, status in ((make_user(), 404), (make_member(project=project, role=Role.VIEWER), 403)):
        client.force_login(person)
        assert client.post(page(campaign, "call-test")).status_code == status
    assert program.calls == []
    client.force_login(project.created_by)
    assert client.get(page(campaign, "call-test")).status_code == 405


def test_the_campaigns_page_shows_the_custom_outcomes(project: Project, program: Program, address: str) -> None:
    clock = Clock()
    program.status = lambda _number: 500
    run = frozen(draft(project, address, members(project, 3)), clock)
    send(run, clock)
    shown = logged_in(project.created_by).get(page(run.campaign, "show-campaign")).content.decode()
    assert str(Outcome.CUSTOM_DELIVERY_FAILURE.label) in shown


def test_an_ab_test_calls_each_treatments_own_program(project: Project, program: Program, address: str) -> None:
    clock = Clock()
    other = {
        "MessageConfiguration": {"CustomMessage": {"Data": "겨울"}}, "SizePercent": 50,
        "CustomDeliveryConfiguration": {"DeliveryUri": address, "EndpointTypes": ["CUSTOM"]},
    }  # fmt: skip
    campaign = draft(project, address, members(project, 40), AdditionalTreatments=[other])
    shown = logged_in(project.created_by).get(page(campaign, "edit-campaign", "review")).content.decode()
    assert shown.count(address) == 2
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    for run_id in occurrences.claim_due(now=clock()):
        freezing.freeze_run(run_id=run_id, clock=clock)
        send(Run.objects.get(pk=run_id), clock)

    assert set(program.asked.values()) == {1}
    assert collections.Counter(call["Data"] for call in program.calls) == {"가을 세일": 1, "겨울": 1}
    assert {call["TreatmentId"] for call in program.calls} == {"0", "1"}


def test_a_winner_is_not_chosen_among_calls(project: Project, address: str) -> None:
    other = {"MessageConfiguration": {"CustomMessage": {"Data": "b"}}, "SizePercent": 50}
    campaign = draft(project, address, members(project, 1), AdditionalTreatments=[other])
    campaign.document["Pabal"] |= {"Varies": "MESSAGE", "Winner": {"TestPercent": 20, "WaitHours": 2, "Metric": "OPEN"}}
    assert "winner" in {finding.code for finding in review.findings(campaign=campaign, now=NOW) if finding.is_error}
