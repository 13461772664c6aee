"""Undoing a whole import: what it made goes, what it changed comes back, what somebody wrote since stays."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from campaigns.services import launch
from core import clock
from core.audience import Audience
from endpoints.facets import rebuilding
from endpoints.models import Endpoint, EndpointUser, OptOut, OptOutEntry
from endpoints.services import update
from endpoints.services.opt_out import set_opt_out
from projects.models import AuditEntry, Project
from segments.models import ImportBefore, ImportJob, ImportPiece, Segment
from segments.services import imports, preparing, running, undoing
from segments.services.imports import Order
from segments.services.segments import SegmentInUse
from tests.factories.campaigns import campaign_document, make_campaign
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project, make_user

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
HEADER = "Id,ChannelType,Address,Attributes.city,OptOut,User.UserId,User.UserAttributes.name\n"


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "memory://"


def line(name: str, city: str = "서울", opt_out: str = "NONE", user: str = "", called: str = "") -> str:
    return f"{name},EMAIL,{name}@example.com,{city},{opt_out},{user or 'u-' + name},{called}\n"


def upload(project: Project, *lines: str, **order: Any) -> ImportJob:
    content = (HEADER + "".join(lines)).encode()
    job = imports.create_upload_import(
        project=project, actor=project.created_by, upload=ContentFile(content, name="members.csv"), order=Order(**order), now=NOW
    )
    running.run_job(job_id=job.pk, clock=clock.now)
    job.refresh_from_db()
    return job


def retried(job: ImportJob) -> ImportJob:
    """Tried again, as if it had failed."""
    ImportJob.objects.filter(pk=job.pk).update(status="FAILED")
    job.refresh_from_db()
    again = imports.retry_import(job=job, actor=job.created_by, now=clock.now())
    running.run_job(job_id=again.pk, clock=clock.now)
    again.refresh_from_db()
    return again


def undo(job: ImportJob) -> ImportJob:
    undoing.ask_undo(job=job, actor=job.created_by, now=clock.now())
    undoing.run_undo(job_id=job.pk, clock=clock.now)
    job.refresh_from_db()
    return job


def state() -> dict[str, Any]:
    return {
        one.endpoint_id: (one.address, one.attributes, one.opt_out, one.user and (one.user.user_id, one.user.attributes))
        for one in Endpoint.objects.select_related("user")
    }


def test_new_endpoints_go_and_changed_ones_are_as_they_were(project: Project) -> None:
    upload(project, line("a", called="김"), line("b"), line("c"))
    before = state()
    second = upload(project, line("a", "부산", "ALL", called="박"), line("b", user="other"), line("c"), line("d"))
    assert (second.total_created, second.total_unchanged) == (1, 1)

    undone = undo(second)

    assert (undone.undo, undone.undone["deleted"], undone.undone["restored"], undone.undone["left"]) == ("DONE", 1, 2, 0)
    assert state() == before
    assert not EndpointUser.objects.filter(user_id="u-d").exists()
    assert Segment.objects.filter(deleted_at=None).count() == 1
    assert not ImportBefore.objects.filter(piece__job=second).exists()
    assert rebuilding.verify(project_id=project.pk) == []
    assert AuditEntry.objects.filter(verb="import.undone").count() == 1


def test_what_somebody_wrote_since_is_left_and_counted(project: Project) -> None:
    upload(project, line("a"), line("b"))
    second = upload(project, line("a", "부산"), line("b", "부산"), line("c"), line("d"))
    for name in ("b", "c"):
        set_opt_out(
            project_id=project.pk, endpoint_id=Endpoint.objects.get(endpoint_id=name).pk, opt_out=OptOut.ALL,
            source=OptOutEntry.Source.LINK, now=clock.now(),
        )  # fmt: skip

    undone = undo(second).undone

    assert (undone["deleted"], undone["restored"], undone["left"]) == (1, 1, 2)
    found = {one.endpoint_id: (one.attributes["city"], one.opt_out) for one in Endpoint.objects.all()}
    assert found == {"a": (["서울"], "NONE"), "b": (["부산"], "ALL"), "c": (["서울"], "ALL")}


def test_an_import_of_many_pieces_that_write_the_same_endpoint_is_undone_as_a_whole(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(project, line("a", "처음"))
    monkeypatch.setattr(preparing.scan, "__kwdefaults__", preparing.scan.__kwdefaults__ | {"piece_bytes": 60})
    before = state()
    job = upload(project, *(line(name, city) for city in ("하나", "둘", "셋") for name in ("a", "b")))
    assert job.total_pieces > 2

    undone = undo(job).undone

    assert state() == before
    assert (undone["deleted"], undone["restored"], undone["left"]) == (1, 1, 0)
    assert rebuilding.verify(project_id=project.pk) == []


def test_an_endpoint_of_several_pieces_that_somebody_wrote_since_is_counted_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(project, line("a", "처음"))
    monkeypatch.setattr(preparing.scan, "__kwdefaults__", preparing.scan.__kwdefaults__ | {"piece_bytes": 60})
    job = upload(project, *(line(name, city) for city in ("하나", "둘", "셋") for name in ("a", "b", "c")))
    for name in ("a", "b"):
        update.update_endpoints(
            project=project, items=[{"Id": name, "Attributes": {"city": ["대전"]}}], source=OptOutEntry.Source.API, now=clock.now()
        )  # fmt: skip

    undone = undo(job).undone

    assert (undone["deleted"], undone["restored"], undone["left"]) == (1, 0, 2)
    assert {one.endpoint_id: one.attributes["city"] for one in Endpoint.objects.all()} == {"a": ["대전"], "b": ["대전"]}


def test_a_killed_undo_counts_an_endpoint_of_several_pieces_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing.scan, "__kwdefaults__", preparing.scan.__kwdefaults__ | {"piece_bytes": 60})
    job = upload(project, *(line(name, city) for city in ("하나", "둘", "셋") for name in ("a", "b")))
    undoing.ask_undo(job=job, actor=job.created_by, now=clock.now())
    held = ImportJob.objects.select_related("project").get(pk=job.pk)
    last = held.pieces.order_by("-number")[0]
    undoing._undo_piece(held, last, undoing._in_earlier_pieces(held)[last.number])

    undoing.run_undo(job_id=job.pk, clock=clock.now)

    job.refresh_from_db()
    assert (job.undone["deleted"], job.undone["restored"], job.undone["left"]) == (2, 0, 0)


def test_a_killed_undo_is_taken_over(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing.scan, "__kwdefaults__", preparing.scan.__kwdefaults__ | {"piece_bytes": 60})
    job = upload(project, *(line(name) for name in "abcdef"))
    undoing.ask_undo(job=job, actor=job.created_by, now=clock.now())
    held = ImportJob.objects.select_related("project").get(pk=job.pk)
    undoing._undo_piece(held, held.pieces.order_by("-number")[0], Audience())
    assert Endpoint.objects.count() < 6
    assert undoing.due_undoes(now=clock.now()) == [job.pk]

    undoing.run_undo(job_id=job.pk, clock=clock.now)
    undoing.run_undo(job_id=job.pk, clock=clock.now)

    job.refresh_from_db()
    assert (job.undo, job.undone["deleted"]) == ("DONE", 6)
    assert not Endpoint.objects.exists()
    assert not ImportPiece.objects.exclude(state="UNDONE").exists()


def test_an_extended_segment_gets_its_former_members_back(project: Project) -> None:
    first = upload(project, line("a"))
    second = upload(project, line("b"), into="EXTEND", into_segment=first.segment)

    undo(second)

    segment = Segment.objects.get()
    assert segment.version == 3
    assert segment.versions.get(version=3).members == segment.versions.get(version=1).members


def test_an_import_whose_segment_a_campaign_uses_is_not_undone(project: Project) -> None:
    job = upload(project, line("a"))
    make_sender(project=project)
    campaign = make_campaign(project=project, document=campaign_document(segment=job.segment), name="가을 세일")
    launch.launch_campaign(campaign=campaign, actor=None, now=clock.now())

    with pytest.raises(SegmentInUse, match="가을 세일"):
        undoing.ask_undo(job=job, actor=job.created_by, now=clock.now())

    assert Endpoint.objects.count() == 1


def test_after_seven_days_there_is_nothing_to_undo_and_nothing_is_kept(project: Project) -> None:
    upload(project, line("a"))
    job = upload(project, line("a", "부산"))
    later = clock.now() + datetime.timedelta(days=7, minutes=1)
    assert ImportBefore.objects.exists()

    assert undoing.purge(now=clock.now()) == 0
    assert default_storage.exists(job.upload_key)
    undoing.purge(now=later)

    assert not ImportBefore.objects.exists()
    assert not default_storage.exists(job.upload_key)
    assert retried(job).failure["code"] == "gone"
    assert not undoing.may_undo(job=job, now=later)
    with pytest.raises(undoing.UndoRefused):
        undoing.ask_undo(job=job, actor=job.created_by, now=later)


def test_the_upload_of_an_old_import_stays_while_a_later_try_needs_it(project: Project) -> None:
    failed = upload(project, line("a"))
    ImportJob.objects.filter(pk=failed.pk).update(status="FAILED")
    failed.refresh_from_db()
    later = clock.now() + datetime.timedelta(days=8)
    again = imports.retry_import(job=failed, actor=failed.created_by, now=later)

    undoing.purge(now=later)
    running.run_job(job_id=again.pk, clock=lambda: later)

    again.refresh_from_db()
    assert again.status == "COMPLETED"
    undoing.purge(now=later + datetime.timedelta(days=8))
    assert not default_storage.exists(failed.upload_key)


def test_the_page_offers_it_and_a_stranger_may_not(project: Project) -> None:
    job = upload(project, line("a"))
    client, stranger = Client(), Client()
    client.force_login(project.created_by)
    stranger.force_login(make_user())
    page = reverse("segments:show-import", args=[project.public_id, job.public_id])
    url = reverse("segments:undo-import", args=[project.public_id, job.public_id])

    assert "Undo the import" in client.get(page).content.decode()
    assert stranger.post(url).status_code == 404
    client.post(url)
    assert "being undone" in client.get(page).content.decode()
    undoing.run_undo(job_id=job.pk, clock=clock.now)
    assert "1 new endpoints deleted" in client.get(page).content.decode()
    client.post(url)
    assert Endpoint.objects.count() == 0


def test_an_endpoint_updated_by_the_api_since_is_left(project: Project) -> None:
    job = upload(project, line("a"))
    update.update_endpoints(
        project=project, items=[{"Id": "a", "Attributes": {"city": ["대전"]}}], source=OptOutEntry.Source.API, now=clock.now()
    )  # fmt: skip

    assert undo(job).undone["left"] == 1
    assert Endpoint.objects.get().attributes == {"city": ["대전"]}
