"""The FILTER hook: asked before anything is sent, fifty at a time; who is missing in its answer gets nothing, and is said to."""

from __future__ import annotations

import collections
import email
import http.server
import json
from collections.abc import Callable, Iterator
from email.header import decode_header, make_header
from typing import Any

import pytest
from django.urls import reverse

from campaigns.hooks import payload
from campaigns.models import Campaign, Outcome, Run, Slice, SliceOutcome
from campaigns.sending import slices, worker
from core import calling
from core.audience import Audience
from endpoints.models import OptOut, OptOutEntry
from endpoints.services.opt_out import set_opt_out
from projects.models import Project
from tests.campaigns.test_sending import Clock, RecordingTransport, launched
from tests.console.world import logged_in
from tests.core.test_outbound import said, serving
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db


class Hook:
    """A hook on a loopback server; ``answer`` decides, ``calls`` are the requests it got."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], Any] = lambda request: request["Endpoints"]
        self.status = 200

    def __call__(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        request = json.loads(body)
        self.calls.append(request)
        answer = self.answer(request)
        said(handler, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), self.status)

    @property
    def asked(self) -> collections.Counter[str]:
        return collections.Counter(one for call in self.calls for one in call["Endpoints"])


@pytest.fixture
def hook() -> Hook:
    return Hook()


@pytest.fixture
def address(hook: Hook, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    settings.HOOK_PRIVATE_HOSTS = True
    monkeypatch.setattr(calling, "_PAUSES", (0.0, 0.0))
    with serving(hook) as found:
        yield found + "/filter"


def run_of(address: str, count: int, clock: Clock, project: Project | None = None) -> Run:
    return launched(count, project=project, clock=clock, Hook={"WebUrl": address, "Mode": "FILTER"})


def send(run: Run, transport: RecordingTransport, clock: Clock, **options: Any) -> None:
    worker.send_run(run_id=run.pk, owner="w", clock=clock, transport=transport, **options)


def outcomes() -> dict[str, int]:
    found: collections.Counter[str] = collections.Counter()
    for outcome, total in SliceOutcome.objects.values_list("outcome", "total"):
        found[outcome] += total
    return dict(found)


def test_the_hook_is_asked_fifty_at_a_time_about_each_once(hook: Hook, address: str) -> None:
    clock, transport = Clock(), RecordingTransport()
    run = run_of(address, 1_130, clock)

    send(run, transport, clock)

    assert set(hook.asked.values()) == {1}
    assert max(len(call["Endpoints"]) for call in hook.calls) == 50
    assert (len(hook.calls), len(transport.sent)) == (23, 1_130)
    first = hook.calls[0]
    assert (first["ActivityId"], first["CampaignId"], first["TreatmentId"]) == (run.public_id, run.campaign.public_id, "0")
    assert first["MessageConfiguration"]["EmailMessage"]["Title"] == "(광고) 소식"
    assert first["ApplicationId"] == run.project.public_id


def test_who_is_missing_in_the_answer_gets_nothing_and_has_an_outcome(hook: Hook, address: str) -> None:
    clock, transport = Clock(), RecordingTransport()
    run = run_of(address, 300, clock)
    hook.answer = lambda request: dict(list(request["Endpoints"].items())[::3]) | {"stranger": {}}

    send(run, transport, clock)

    kept = sum(len(range(0, len(call["Endpoints"]), 3)) for call in hook.calls)
    assert outcomes() == {"SUCCESS": kept, "HOOK_FILTERED": 300 - kept}
    assert len(transport.sent) == kept
    run.refresh_from_db()
    assert (run.state, run.failure) == ("COMPLETED", None)


def test_what_the_hook_adds_is_in_the_message_but_whom_it_goes_to_stays(hook: Hook, address: str) -> None:
    clock, transport = Clock(), RecordingTransport()
    run = run_of(address, 1, clock)

    def enriched(request: dict[str, Any]) -> dict[str, Any]:
        ((key, endpoint),) = request["Endpoints"].items()
        user = {"UserId": "u", "UserAttributes": {"MBR_FULLNM": ["HookName"]}}
        other = {"Address": "thief@example.com", "OptOut": "NONE", "TitleOverride": "Overridden", "BodyOverride": "Overridden"}
        return {key: endpoint | {"User": user} | other}

    hook.answer = enriched

    send(run, transport, clock)

    (message,) = transport.messages
    (part,) = (one for one in email.message_from_bytes(message.data).walk() if one.get_content_type() == "text/html")
    html = part.get_payload(decode=True).decode()
    assert "HookName님" in html
    assert "Overridden" not in html
    assert str(make_header(decode_header(email.message_from_bytes(message.data)["Subject"]))) == "(광고) 소식"
    assert message.recipient != "thief@example.com"


@pytest.mark.parametrize(
    "answer",
    [
        b"no json", b"[]", b'"x"', b'{"a": 1}', b'{"a": {"Attributes": {"x": "y"}}}', b'{"a": {"User": []}}', b"[" * 100_000,
        b'{"a": {"Metrics": {"x": {}}}}', b"\xff",
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_asked_for_three_times_and_fails_those_fifty(
    hook: Hook, address: str, answer: bytes
) -> None:
    clock, transport = Clock(), RecordingTransport()
    run = run_of(address, 60, clock)
    hook.answer = lambda request: answer if len(request["Endpoints"]) == 50 else request["Endpoints"]

    send(run, transport, clock)

    assert outcomes() == {"HOOK_FAILURE": 50, "SUCCESS": 10}
    assert sorted(set(hook.asked.values())) == [1, 3]


def test_a_refusal_and_a_dead_hook_fail(hook: Hook, address: str) -> None:
    clock, transport = Clock(), RecordingTransport()
    hook.status = 302
    send(run_of(address, 5, clock), transport, clock)
    assert (outcomes(), len(hook.calls)) == ({"HOOK_FAILURE": 5}, 3)

    send(run_of(address.replace("/filter", "")[:-1] + "1/", 5, clock), transport, clock)

    assert outcomes() == {"HOOK_FAILURE": 10}
    assert not transport.sent


def test_a_crash_before_the_intent_asks_again_and_sends_once(hook: Hook, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, transport = Clock(), RecordingTransport()
    run = run_of(address, 400, clock)
    usual, count = slices.intend, 0

    class Killed(BaseException):
        pass

    def intend(**given: Any) -> bool:
        nonlocal count
        count += 1
        if count == 3:
            raise Killed
        return usual(**given)

    monkeypatch.setattr(slices, "intend", intend)
    with pytest.raises(Killed):
        send(run, transport, clock)
    clock.pass_(minutes=5)
    send(run, transport, clock)

    assert set(transport.sent.values()) == {1}
    assert (len(transport.sent), outcomes()) == (400, {"SUCCESS": 400})
    again = [one for one, times in hook.asked.items() if times > 1]
    assert len(again) <= worker.SMALL_BATCH + calling.ENDPOINTS
    assert max(hook.asked.values()) == 2


def test_who_opts_out_while_the_hook_thinks_gets_nothing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, transport = Clock(), RecordingTransport()
    project = make_project()
    run = run_of(address, 3, clock, project)
    gone = next(iter(run.audience or []))

    usual = calling.Target.call

    def call(target: calling.Target, body: bytes) -> bytes:
        answer = usual(target, body)
        set_opt_out(
            project_id=project.pk, endpoint_id=gone, opt_out=OptOut.ALL, source=OptOutEntry.Source.LINK, now=clock()
        )  # fmt: skip
        return answer

    monkeypatch.setattr(calling.Target, "call", call)

    send(run, transport, clock)

    assert outcomes() == {"SUCCESS": 2, "OPT_OUT": 1}
    assert gone not in transport.sent


def test_a_worker_that_is_to_stop_gives_the_slice_back_undecided(hook: Hook, address: str) -> None:
    clock, transport = Clock(), RecordingTransport()
    run = run_of(address, 100, clock)
    hook.status = 500

    send(run, transport, clock, should_stop=lambda: len(hook.calls) >= 2)

    assert (outcomes(), len(transport.sent)) == ({}, 0)
    assert Slice.objects.get().intent_cursor == 0
    assert Slice.objects.get().lease_until is None


def test_a_function_that_is_not_allowed_is_not_called(settings: Any) -> None:
    settings.HOOK_FUNCTIONS = ["welcome-filter"]

    calling.Target(function="welcome-filter").check()
    with pytest.raises(calling.TargetRefused):
        calling.Target(function="other").check()
    with pytest.raises(calling.CallFailed):
        calling.Target(function="other").call(b"{}")


def test_a_lambda_function_is_called_through_the_sdk(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_DEFAULT_REGION": "ap-northeast-2"}.items():
        monkeypatch.setenv(name, value)
    settings.HOOK_FUNCTIONS = ["welcome-filter"]
    paths: list[str] = []

    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        paths.append(handler.path)
        error = {"X-Amz-Function-Error": "Unhandled"} if body == b"fail" else {}
        said(handler, body, **{name.replace("-", "_"): value for name, value in error.items()})

    with serving(answer) as address:
        settings.LAMBDA_ENDPOINT_URL = address
        assert calling.Target(function="welcome-filter").call(b'{"a": {}}') == b'{"a": {}}'
        with pytest.raises(calling.CallFailed):
            calling.Target(function="welcome-filter").call(b"fail")

    assert paths[0] == "/2015-03-31/functions/welcome-filter/invocations"


def test_a_campaign_without_a_hook_asks_nobody(hook: Hook, address: str) -> None:
    clock, transport = Clock(), RecordingTransport()
    run = launched(20, clock=clock)

    send(run, transport, clock)

    assert (hook.calls, len(transport.sent)) == ([], 20)
    assert Campaign.objects.get().document.get("Hook") is None
    assert payload.answered(b"{}") == {}
    assert Audience(transport.sent) == run.audience
    assert Outcome.HOOK_FILTERED not in outcomes()


def test_the_wizard_takes_a_hook_and_refuses_one_that_may_not_be_called(settings: Any, address: str) -> None:
    project = make_project()
    client = logged_in(project.created_by)
    new = reverse("campaigns:create-campaign", args=[project.public_id])
    client.post(new, {"name": "훅", "description": "", "varies": "", "hook": address})
    campaign = Campaign.objects.get()
    step = reverse("campaigns:edit-campaign", args=[project.public_id, campaign.public_id, "name"])
    settings.HOOK_PRIVATE_HOSTS = False

    answer = client.post(step, {"name": "훅", "description": "", "varies": "", "hook": "https://169.254.169.254/", "base": 1})
    unlisted = client.post(step, {"name": "훅", "description": "", "varies": "", "hook": "some-function", "base": 1})

    assert campaign.document["Hook"] == {"WebUrl": address, "Mode": "FILTER"}
    assert 'role="alert"' in answer.content.decode()
    assert "HOOK_FUNCTIONS" in unlisted.content.decode()
    client.post(step, {"name": "훅", "description": "", "varies": "", "hook": "", "base": 1})
    campaign.refresh_from_db()
    assert "Hook" not in campaign.document
