"""Operators' pages: every model is there, can be searched, and is changed only through services."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from analytics import signing_keys
from analytics.models import Counter, EventKind, Reach, SigningKey, SourceKind
from campaigns.models import Campaign, CampaignState, Run, RunExclusion, Slice, SliceOutcome
from campaigns.sending import slices
from campaigns.services import launch, occurrences
from console.celery import app
from console.models import ReportReader
from core import clock
from core.audience import Audience
from endpoints.models import AttributeRemoval, Endpoint, ErasureRequest
from projects.models import AuditEntry, Installation, Invitation, Member, Project, Role, User
from projects.services import members
from segments.models import Connection, ExportJob, ImportJob, ImportPiece, JobStatus, RefusedLine
from segments.services import connections
from tests.console.world import make_world
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_member, make_project, make_user

pytestmark = pytest.mark.django_db
APPS = {"projects", "analytics", "endpoints", "segments", "messaging", "campaigns", "api", "console"}
NOT_SHOWN = {"analytics.Event"}  # Django's admin can't show composite keys: an endpoint's page lists its events
NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=datetime.UTC)


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_user(email="operator@example.com", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def campaign() -> Campaign:
    """A project with something of every kind in it, and a campaign that is being sent."""
    project = make_project()
    make_member(project=project)
    make_sender(project=project)
    members.invite(project=project, actor=project.created_by, email="new@example.com", role=Role.VIEWER, now=clock.now())
    connections.create_connection(
        project=project, actor=project.created_by, name="bucket", access_key_id="AKIA", secret_access_key="s3cret-key", now=NOW
    )
    ids = make_members(project=project, count=3)
    segment = make_import_segment(project=project, members=Audience(ids))
    job = ImportJob.objects.create(
        project=project, source="UPLOAD", format="CSV", upload_name="x.csv", status=JobStatus.PROCESSING
    )
    piece = ImportPiece.objects.create(
        job=job, number=0, file_name="x", start_byte=0, end_byte=9, first_line=2, members=Audience(ids)
    )
    RefusedLine.objects.create(
        job=job, piece=piece, file_name="x.csv", line_number=2, code="too_long", line="<script>alert(1)</script>"
    )
    campaign = make_campaign(project=project, document=campaign_document(segment=segment))
    launch.launch_campaign(campaign=campaign, actor=None, now=NOW)
    (run_id,) = occurrences.claim_due(now=NOW)
    Run.objects.filter(pk=run_id).update(state="RUNNING", audience=Audience(ids), frozen=3, targeted=4)
    RunExclusion.objects.create(run_id=run_id, reason="ENDPOINT_OPT_OUT", members=Audience([7]), total=1)
    held = Slice.objects.create(run_id=run_id, number=0, ids=Audience(ids), size=3)
    SliceOutcome.objects.create(slice=held, run_id=run_id, outcome="SUCCESS", members=Audience(ids[:1]), total=1)
    common = {
        "project_id": project.pk, "source_kind": SourceKind.CAMPAIGN, "source_id": campaign.pk, "run_id": run_id,
        "kind": EventKind.EMAIL_OPEN,
    }  # fmt: skip
    Counter.objects.create(**common, hour=NOW, total=1)
    Reach.objects.create(**common, day=NOW.date(), members=Audience(ids))
    signing_keys.current()
    campaign.refresh_from_db()
    return campaign


def test_every_model_has_its_page() -> None:
    ours = {model for model in apps.get_models() if model._meta.app_label in APPS}
    missing = {model._meta.label for model in ours if model not in admin.site._registry}
    assert missing == NOT_SHOWN


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_list_search_and_row_can_be_opened(operator: Client, campaign: Campaign, language: str) -> None:
    headers = {"accept-language": language}
    for model, page in admin.site._registry.items():
        if model._meta.app_label not in APPS:
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        answer = operator.get(reverse(f"{name}_changelist"), headers=headers)
        assert answer.status_code == 200, model
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        if page.search_fields:
            assert operator.get(reverse(f"{name}_changelist"), {"q": "17"}, headers=headers).status_code == 200, model
        row = model._default_manager.first()
        if row is not None:
            html = operator.get(reverse(f"{name}_change", args=[row.pk]), headers=headers)
            assert html.status_code == 200, model
            assert "s3cret-key" not in html.content.decode()
            assert "<script>alert" not in html.content.decode()


def test_secrets_are_never_shown(operator: Client, campaign: Campaign) -> None:
    for row, secret in (
        (Connection.objects.get(), Connection.objects.get().sealed_secret_access_key),
        (Invitation.objects.get(), Invitation.objects.get().token_hash),
        (SigningKey.objects.get(), SigningKey.objects.get().sealed_secret),
    ):
        meta = row._meta
        html = operator.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])).content.decode()
        assert secret
        assert secret not in html


def test_what_the_console_keeps_can_be_opened_and_shows_no_token(operator: Client) -> None:
    world = make_world()
    reader = ReportReader.objects.create(project=world.project, user=world.owner, since=NOW)

    for row in (world.query, world.tile, world.tile.dashboard, world.remote, reader):
        name = f"admin:console_{row._meta.model_name}"
        assert operator.get(reverse(f"{name}_changelist"), {"q": world.project.public_id}).status_code == 200
        shown = operator.get(reverse(f"{name}_change", args=[row.pk]))
        assert shown.status_code == 200
        assert getattr(row, "token", "none at all") not in shown.content.decode()


def test_a_list_asks_a_fixed_number_of_queries(operator: Client) -> None:
    project = make_project()
    address = reverse("admin:endpoints_endpoint_changelist")
    make_members(project=project, count=2)
    with CaptureQueriesContext(connection) as few:
        operator.get(address)
    make_members(project=project, count=40)
    with CaptureQueriesContext(connection) as many:
        operator.get(address)
    assert len(many) == len(few)


def test_rows_cannot_be_changed_by_hand(operator: Client, campaign: Campaign) -> None:
    for row in (Endpoint.objects.first(), Run.objects.first(), AuditEntry.objects.first(), campaign, campaign.project):
        assert row is not None
        meta = row._meta
        for step in ("change", "delete"):
            address = reverse(f"admin:{meta.app_label}_{meta.model_name}_{step}", args=[row.pk])
            assert operator.post(address, {"post": "yes", "name": "x"}).status_code == 403
        assert operator.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_add")).status_code == 403
        assert type(row)._default_manager.filter(pk=row.pk).exists()


def act(operator: Client, model: str, action: str, pk: object) -> str:
    address = reverse(f"admin:{model}_changelist")
    return operator.post(address, {"action": action, "_selected_action": [str(pk)]}, follow=True).content.decode()


def test_all_sending_is_paused_and_resumed(operator: Client, campaign: Campaign) -> None:
    operator.get(reverse("admin:projects_installation_changelist"))
    installation = Installation.objects.get()

    act(operator, "projects_installation", "pause_sending", installation.pk)
    installation.refresh_from_db()
    assert installation.sending_paused_at is not None
    held = slices.claim(run_id=Run.objects.get().pk, owner="test", now=NOW)
    assert held is not None
    assert slices.intend(held=held, end=1, now=NOW) is False
    assert "is paused already" in act(operator, "projects_installation", "pause_sending", installation.pk)

    act(operator, "projects_installation", "resume_sending", installation.pk)
    assert slices.intend(held=held, end=1, now=NOW) is True
    assert list(AuditEntry.objects.filter(project=None).order_by("id").values_list("verb", flat=True)) == [
        "installation.sending_paused",
        "installation.sending_resumed",
    ]


def test_a_campaign_is_paused_and_a_refusal_is_shown(operator: Client, campaign: Campaign) -> None:
    assert "Done: 1." in act(operator, "campaigns_campaign", "pause", campaign.pk)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PAUSED
    assert "Only a campaign that is scheduled or sending can be paused." in act(
        operator, "campaigns_campaign", "pause", campaign.pk
    )


def test_a_lease_is_taken_from_a_worker_that_hangs(operator: Client, campaign: Campaign) -> None:
    now = clock.now()
    held = slices.claim(run_id=Run.objects.get().pk, owner="hanging", now=now)
    assert held is not None
    assert slices.intend(held=held, end=2, now=now)

    assert "Done: 1." in act(operator, "campaigns_slice", "take_over", held.id)

    with pytest.raises(slices.LeaseLost):
        slices.finish(held=held, end=2, outcomes={"SUCCESS": held.ids[:2]}, deferred=[], events=[], now=now)
    taken = slices.claim(run_id=held.run_id, owner="other", now=now)
    assert taken is not None
    assert (taken.done, taken.intent) == (0, 2)
    assert "Nobody holds this work." in act(operator, "campaigns_slice", "take_over", Slice.objects.create(
        run_id=held.run_id, number=1, ids=Audience([1]), size=1
    ).pk)  # fmt: skip


def test_whatever_a_worker_holds_is_taken_over_once_audited_and_refused_when_nobody_holds_it(
    operator: Client, campaign: Campaign
) -> None:
    project, until = campaign.project, NOW + datetime.timedelta(days=999)
    run = Run.objects.get()
    Run.objects.filter(pk=run.pk).update(state="FREEZING")
    undone = ImportJob.objects.create(project=project, source="UPLOAD", format="CSV", status=JobStatus.COMPLETED, undo="ASKED")
    rows: list[tuple[str, Any, str]] = [
        ("campaigns_run", run, "campaign.freeze_taken_over"),
        ("segments_exportjob", ExportJob.objects.create(project=project, destination="S3", format="JSON"), "export.lease_ended"),
        ("segments_importjob", undone, "import.lease_ended"),
        (
            "endpoints_erasurerequest",
            ErasureRequest.objects.create(project=project, endpoints=1, requested_at=NOW),
            "person.erasure_taken_over",
        ),
        (
            "endpoints_attributeremoval",
            AttributeRemoval.objects.create(
                project=project, kind="ATTRIBUTE", patterns=["grade"], names=["grade"], requested_at=NOW
            ),
            "attributes.removal_taken_over",
        ),
    ]
    for model, row, verb in rows:
        type(row).objects.filter(pk=row.pk).update(lease_until=until, epoch=4)

        assert "Done: 1." in act(operator, model, "take_over", row.pk), model

        row.refresh_from_db()
        assert (row.epoch, row.lease_until) == (5, None), model
        assert AuditEntry.objects.get(verb=verb).actor == User.objects.get(email="operator@example.com")
        if model != "segments_importjob":
            assert "Nobody holds this work." in act(operator, model, "take_over", row.pk), model
            assert AuditEntry.objects.filter(verb=verb).count() == 1


def test_who_is_no_operator_takes_nothing_over(campaign: Campaign) -> None:
    client = Client()
    client.force_login(campaign.project.created_by)
    Run.objects.update(state="FREEZING", lease_until=NOW, epoch=4)

    for model, row in (("campaigns_run", Run.objects.get()), ("segments_importjob", ImportJob.objects.get())):
        address = reverse(f"admin:{model}_changelist")
        for action in ("take_over", "retry"):
            assert client.post(address, {"action": action, "_selected_action": [str(row.pk)]}).status_code == 302

    assert Run.objects.get().epoch == 4
    assert ImportJob.objects.count() == 1
    assert not AuditEntry.objects.filter(verb__contains="taken_over").exists()


def test_a_job_that_failed_is_tried_again(operator: Client, campaign: Campaign) -> None:
    project = campaign.project
    ImportJob.objects.update(status=JobStatus.FAILED)
    failed = ExportJob.objects.create(project=project, destination="DOWNLOAD", format="CSV", status=JobStatus.FAILED)

    assert "Done: 1." in act(operator, "segments_importjob", "retry", ImportJob.objects.get().pk)
    assert "Done: 1." in act(operator, "segments_exportjob", "retry", failed.pk)

    assert sorted(ImportJob.objects.values_list("status", flat=True)) == ["CREATED", "FAILED"]
    assert sorted(ExportJob.objects.values_list("status", flat=True)) == ["CREATED", "FAILED"]
    assert set(
        AuditEntry.objects.filter(verb__in=["import.created", "export.created"]).values_list("actor__email", flat=True)
    ) == {"operator@example.com"}


def test_an_import_is_taken_over_and_cancelled(operator: Client, campaign: Campaign) -> None:
    job = ImportJob.objects.get()
    ImportJob.objects.filter(pk=job.pk).update(lease_until=NOW + datetime.timedelta(days=999), epoch=4)

    act(operator, "segments_importjob", "take_over", job.pk)
    job.refresh_from_db()
    assert (job.epoch, job.lease_until) == (5, None)
    assert "Only an import that failed can be tried again." in act(operator, "segments_importjob", "retry", job.pk)

    act(operator, "segments_importjob", "cancel", job.pk)
    job.refresh_from_db()
    assert job.status == JobStatus.FAILED
    assert "This import is finished already." in act(operator, "segments_importjob", "cancel", job.pk)


def test_a_project_without_an_owner_gets_one(operator: Client, campaign: Campaign) -> None:
    marketer = Member.objects.get(role=Role.MARKETER)
    act(operator, "projects_member", "make_owner", marketer.pk)
    marketer.refresh_from_db()
    assert marketer.role == Role.OWNER


def test_people_are_added_and_deactivated(operator: Client) -> None:
    fields = {
        "email": "New@Example.com",
        "usable_password": "true",
        "password1": "a long secret 1",
        "password2": "a long secret 1",
    }
    operator.post(reverse("admin:projects_user_add"), fields)
    made = User.objects.get(email="new@example.com")
    assert made.check_password("a long secret 1")
    assert operator.post(reverse("admin:projects_user_delete", args=[made.pk]), {"post": "yes"}).status_code == 403


def test_who_is_no_operator_does_not_get_in(campaign: Campaign) -> None:
    client = Client()
    client.force_login(campaign.project.created_by)
    for model in (Project, Endpoint, Run):
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert client.get(address).status_code == 302


@pytest.fixture
def entries() -> tuple[PeriodicTask, PeriodicTask]:
    """One of the house's own, and one that an operator made."""
    for name, entry in django_settings.CELERY_BEAT_SCHEDULE.items():
        ModelEntry.from_entry(name, app=app, **entry)
    minute = IntervalSchedule.objects.create(every=7, period="minutes")
    theirs = PeriodicTask.objects.create(name="Nightly report", task="console.tick_checks", interval=minute)
    return PeriodicTask.objects.get(name="campaigns.tick_due"), theirs


def test_the_house_s_own_ticks_are_looked_at_and_never_changed(
    operator: Client, entries: tuple[PeriodicTask, PeriodicTask]
) -> None:
    own, _theirs = entries
    for row in (own, own.interval):
        name = f"admin:django_celery_beat_{row._meta.model_name}"
        change, delete = (reverse(f"{name}_{step}", args=[row.pk]) for step in ("change", "delete"))
        assert operator.get(change).status_code == 200
        assert operator.post(change, {"name": "x", "every": "3600", "period": "seconds"}).status_code == 403
        assert operator.post(delete, {"post": "yes"}).status_code == 403
        sheet = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
        html = operator.post(reverse(f"{name}_changelist"), sheet).content.decode()
        assert "is the house&#x27;s own and stays." in html
    assert set(django_settings.CELERY_BEAT_SCHEDULE) <= set(PeriodicTask.objects.values_list("name", flat=True))
    own.refresh_from_db()
    assert (own.name, own.interval.every, own.enabled) == ("campaigns.tick_due", 1, True)


def test_only_an_operator_s_own_ticks_are_switched_off_by_the_list(
    operator: Client, entries: tuple[PeriodicTask, PeriodicTask]
) -> None:
    own, theirs = entries
    for action in ("disable_tasks", "toggle_tasks"):
        sheet = {"action": action, "_selected_action": [str(own.pk), str(theirs.pk)]}
        html = operator.post(reverse("admin:django_celery_beat_periodictask_changelist"), sheet, follow=True).content.decode()
        assert "they were left running: campaigns.tick_due." in html
        own.refresh_from_db()
        theirs.refresh_from_db()
        assert (own.enabled, theirs.enabled) == (True, action == "toggle_tasks")


def test_an_operator_s_own_tick_is_changed_and_deleted(operator: Client, entries: tuple[PeriodicTask, PeriodicTask]) -> None:
    _own, theirs = entries
    address = reverse("admin:django_celery_beat_periodictask_change", args=[theirs.pk])
    fields = {
        "name": "Report",
        "task": "console.tick_checks",
        "interval": str(theirs.interval_id),
        "args": "[]",
        "kwargs": "{}",
        "headers": "{}",
    }
    assert operator.post(address, fields).status_code == 302
    assert PeriodicTask.objects.get(pk=theirs.pk).name == "Report"

    operator.post(reverse("admin:django_celery_beat_periodictask_delete", args=[theirs.pk]), {"post": "yes"})
    assert not PeriodicTask.objects.filter(pk=theirs.pk).exists()
