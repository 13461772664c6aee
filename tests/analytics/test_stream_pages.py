"""The page of the event stream: everybody sees how it goes, owners make it, steer it and try it out."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from analytics.models import EventStream
from core import clock, secretbox
from projects.models import AuditEntry, Project, Role
from tests.console.world import logged_in
from tests.factories.analytics import make_stream, write_events
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db
STREAM = "arn:aws:kinesis:ap-northeast-2:123456789012:stream/events"


@pytest.fixture
def project() -> Project:
    return make_project()


def url(name: str, project: Project) -> str:
    return reverse(f"analytics:{name}", args=[project.public_id])


def english(client: Any, address: str) -> str:
    return str(client.get(address, headers={"accept-language": "en"}).content.decode())


def posted(**values: str) -> dict[str, str]:
    return {"kind": "KINESIS", "arn": STREAM, "region": "ap-northeast-2", "on_transform_failure": "DELIVER"} | values


def test_an_owner_makes_and_changes_it(project: Project) -> None:
    owner = logged_in(project.created_by)
    page = url("edit-event-stream", project)

    answer = owner.post(page, posted(access_key_id="AKIA", secret_access_key="s3cret"))

    assert answer.status_code == 302
    stream = EventStream.objects.get(project=project)
    assert (stream.kind, stream.target, stream.updated_by) == ("KINESIS", STREAM, project.created_by)
    assert secretbox.unseal(stream.sealed_secret_access_key) == "s3cret"
    assert "s3cret" not in english(owner, page)

    owner.post(page, posted(kind="S3", bucket="s3://bucket/x", access_key_id="AKIA"))
    stream.refresh_from_db()
    assert (stream.kind, stream.target, stream.region) == ("S3", "s3://bucket/x", "ap-northeast-2")
    assert secretbox.unseal(stream.sealed_secret_access_key) == "s3cret"

    refused = owner.post(page, posted(kind="S3", bucket="s3://bucket/x", access_key_id="OTHER"))
    assert refused.status_code == 200
    assert [*AuditEntry.objects.order_by("pk").values_list("verb", flat=True)] == ["event_stream.added", "event_stream.changed"]


@pytest.mark.parametrize(
    "values",
    [{"arn": ""}, {"arn": "x"}, {"arn": STREAM}, {"kind": "FOLDER", "folder": "../x"}, {"kind": "HTTPS", "url": "https://10.0.0.1/"},
     {"kind": "NONE"}, {"kind": "FOLDER", "folder": "out", "transform": "no-such-function"}],
)  # fmt: skip
def test_what_can_not_be_is_said_on_the_form(project: Project, values: dict[str, str]) -> None:
    answer = logged_in(project.created_by).post(url("edit-event-stream", project), posted(**values))

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not EventStream.objects.exists()


def test_the_page_says_how_far_it_is_behind_and_what_went_wrong(project: Project) -> None:
    now = clock.now()
    write_events(
        project=project, endpoint_ids=[make_endpoint(project=project).pk] * 3, at=now - datetime.timedelta(seconds=1_000)
    )
    make_stream(project=project, kind="FOLDER", target="out", last_error="it is away", last_error_at=now, not_before=now)

    html = english(logged_in(make_member(project=project, role=Role.VIEWER)), url("show-event-stream", project))

    assert '<dd class="col-sm-7">3</dd>' in html
    assert "16\xa0minutes" in html
    assert "it is away" in html
    assert "nothing is lost meanwhile" in html
    assert "Send a test record" not in html


def test_an_owner_pauses_resumes_replays_tries_and_deletes_it(project: Project, tmp_path: Path) -> None:
    stream = make_stream(project=project, kind="FOLDER", target="out")
    owner = logged_in(project.created_by)

    owner.post(url("pause-event-stream", project))
    stream.refresh_from_db()
    assert stream.is_paused
    owner.post(url("resume-event-stream", project))
    stream.refresh_from_db()
    assert not stream.is_paused
    owner.post(url("test-event-stream", project))
    assert len([*(tmp_path / "streams").rglob("*-test-*.jsonl.gz")]) == 1
    owner.post(url("replay-event-stream", project), {"since": "2026-11-01T00:00"})
    owner.post(url("replay-event-stream", project), {"since": "nonsense"})
    owner.post(url("delete-event-stream", project))

    assert not EventStream.objects.exists()
    assert [*AuditEntry.objects.order_by("pk").values_list("verb", flat=True)] == [
        f"event_stream.{deed}" for deed in ("added", "paused", "resumed", "tested", "replayed", "deleted")
    ]
    assert AuditEntry.objects.get(verb="event_stream.replayed").data["since"] == "2026-11-01T00:00:00+09:00"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MARKETER])
def test_whoever_is_no_owner_changes_nothing(project: Project, role: Role) -> None:
    make_stream(project=project, kind="FOLDER", target="out")
    member = logged_in(make_member(project=project, role=role))

    for name in ("edit", "pause", "resume", "replay", "test", "delete"):
        assert member.post(url(f"{name}-event-stream", project), posted()).status_code == 403
    stream = EventStream.objects.get()
    assert (stream.target, stream.state, stream.epoch) == ("out", "RUNNING", 1)


def test_a_stranger_finds_nothing(project: Project) -> None:
    make_stream(project=project, kind="FOLDER", target="out")
    stranger = logged_in(make_project().created_by)

    assert stranger.get(url("show-event-stream", project)).status_code == 404
    for name in ("edit", "pause", "resume", "replay", "test", "delete"):
        assert stranger.post(url(f"{name}-event-stream", project), posted()).status_code == 404
    assert EventStream.objects.count() == 1
