"""Erasing a person for good. The walk at the top goes through every table of the house, also those that come later."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import transaction

from analytics.events import EventRow
from analytics.models import ErasedEndpoint, Event, EventKind, HitClass, Reach, SourceKind
from analytics.services.record import record_events
from campaigns import queries as campaign_queries
from campaigns.models import Run, RunExclusion, Slice, SliceOutcome
from campaigns.sending import freezing
from campaigns.services import launch, occurrences
from core.audience import Audience, AudienceField
from endpoints import ports
from endpoints.facets import rebuilding
from endpoints.facets.rebuilding import verify
from endpoints.models import Endpoint, EndpointUser, ErasureRequest, FacetSubject, OptOut, OptOutEntry
from endpoints.services import erasing
from endpoints.services.opt_out import set_opt_out
from messaging.models import MailboxMessage
from projects.models import AuditEntry, Project, SendingSettings
from segments.models import ImportBefore, ImportJob, ImportPiece, RefusedLine, SegmentVersion
from segments.services import imports, running
from tests.campaigns.test_sending import Clock, RecordingTransport, send
from tests.console.test_documents import APPS, ROOT
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

# What the house may remember of the person nowhere: Ids, UserId, addresses, attribute values.
SECRETS = ("Zx-Endpoint-1", "zx-endpoint-2", "zx-user-77", "zx.kim@example.com", "+821099998888", "Zx-Kim-Hana", "zx-tea")
CSV = (
    "Id,ChannelType,Address,User.UserId,User.UserAttributes.name,Attributes.likes\n"
    "Zx-Endpoint-1,EMAIL,zx.kim@example.com,zx-user-77,Zx-Kim-Hana,zx-tea\n"
    "zx-endpoint-2,SMS,+821099998888,zx-user-77,Zx-Kim-Hana,zx-tea\n"
    "other-1,EMAIL,lee@example.com,user-1,Lee,coffee\n"
    "zx-endpoint-3,FAX,ZX.Kim@example.com,zx-user-77,Zx-Kim-Hana,zx-tea\n"
    "bad-1,FAX,park@example.com,user-2,Park,coffee\n"
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def project() -> Project:
    return make_project()


def imported(project: Project, clock: Clock) -> ImportJob:
    job = imports.create_upload_import(
        project=project, actor=project.created_by, upload=ContentFile(CSV.encode(), name="members.csv"), format="CSV",
        segment_name="회원", now=clock(),
    )  # fmt: skip
    running.run_job(job_id=job.pk, clock=clock)
    job.refresh_from_db()
    assert (job.total_processed, job.total_failures) == (5, 2)
    return job


def lived(project: Project, clock: Clock) -> Run:
    """A person who came by a file, got a message, clicked, opted out; and left traces in another run's exclusions."""
    job = imported(project, clock)
    make_sender(project=project)
    SendingSettings.objects.create(project=project, document={"Limits": {"Daily": 2}})
    document = campaign_document(segment=job.segment) | {"Limits": {"Daily": 1, "Total": 1}}
    campaign = make_campaign(project=project, document=document)
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    (run_id,) = occurrences.claim_due(now=clock())
    freezing.freeze_run(run_id=run_id, clock=clock)
    run = Run.objects.get(pk=run_id)
    transport = RecordingTransport()
    send(run, transport, clock)
    endpoint = Endpoint.objects.get(endpoint_key="zx-endpoint-1")
    for message in transport.messages:
        MailboxMessage.objects.create(
            project=project, recipient=message.recipient, mail_from="a@b.c", subject="x", raw=bytes(message.data)
        )
    with transaction.atomic():
        record_events(events=[click(project, endpoint, run)])
    set_opt_out(
        project_id=project.pk, endpoint_id=endpoint.pk, opt_out=OptOut.ALL, source=OptOutEntry.Source.LINK, now=clock(),
        campaign_id=campaign.pk, run_id=run.pk,
    )  # fmt: skip
    run.refresh_from_db()
    return run


def click(project: Project, endpoint: Endpoint, run: Run) -> EventRow:
    return EventRow(
        id=uuid.uuid4(), occurred_at=datetime.datetime(2026, 11, 24, 2, tzinfo=datetime.UTC), project_id=project.pk,
        endpoint_id=endpoint.pk, kind=EventKind.EMAIL_CLICK, hit_class=HitClass.PERSON, source_kind=SourceKind.CAMPAIGN,
        source_id=run.campaign_id, run_id=run.pk, link_number=1, data={"ua": "zx-tea browser", "ip": "127.0.0.9"},
    )  # fmt: skip


def erase(project: Project, clock: Clock, **whom: Any) -> ErasureRequest:
    """Both turns."""
    whom = whom or {"user_id": "zx-user-77"}
    request = erasing.erase_person(project=project, actor=project.created_by, now=clock(), **whom)
    erasing.run_erasure(request_id=request.pk, clock=clock)
    clock.pass_(minutes=11)
    erasing.run_erasure(request_id=request.pk, clock=clock)
    request.refresh_from_db()
    return request


def traces(ids: set[int]) -> Iterator[str]:
    """Every place of every table that holds a secret, or a set with one of the ids."""
    for model in apps.get_models():
        if model._meta.app_label not in APPS:
            continue
        fields = model._meta.concrete_fields
        for row in model._base_manager.all():
            for field in fields:
                value = getattr(row, field.attname)
                if isinstance(field, AudienceField):
                    if value is not None and value & Audience(ids):
                        yield f"{model._meta.label}.{field.name}: an id"
                elif isinstance(value, bytes | memoryview):
                    if any(secret.lower().encode() in bytes(value).lower() for secret in SECRETS):
                        yield f"{model._meta.label}.{field.name}"
                elif any(secret.lower() in str(value).lower() for secret in SECRETS):
                    yield f"{model._meta.label}.{field.name}: {value}"
                elif field.attname == "endpoint_id" and value in ids and model is not ErasedEndpoint:
                    yield f"{model._meta.label}.{field.name}: an id"


def test_nothing_of_the_person_is_left_in_any_table_or_file(project: Project, clock: Clock) -> None:
    lived(project, clock)
    endpoint = Endpoint.objects.get(endpoint_key="zx-endpoint-1")
    piece = ImportPiece.objects.get()
    examples = [{"id": endpoint.pk, "address": "zx.kim@example.com"}, {"id": 7, "address": "lee@example.com"}]
    ImportPiece.objects.update(changed=Audience([endpoint.pk]), examples=examples)
    for kind, row_id in (("ENDPOINT", endpoint.pk), ("USER", endpoint.user_id), ("ENDPOINT", 7), ("USER", 7)):
        document = {"likes": ["zx-tea" if row_id != 7 else "coffee"]}
        ImportBefore.objects.create(piece=piece, kind=kind, row_id=row_id, document=document)
    ids = set(Endpoint.objects.filter(user__user_id="zx-user-77").values_list("pk", flat=True))
    before = {trace.split(":")[0] for trace in traces(ids)}

    request = erase(project, clock)

    assert len(ids) == 2
    assert {
        "endpoints.Endpoint.address", "endpoints.EndpointUser.user_id", "segments.SegmentVersion.members",
        "segments.ImportPiece.members", "segments.RefusedLine.line", "campaigns.Run.audience", "campaigns.RunExclusion.members",
        "campaigns.Slice.ids", "campaigns.SliceOutcome.members", "campaigns.DailyUse.endpoint_id",
        "campaigns.TotalUse.endpoint_id", "analytics.Event.endpoint_id", "analytics.Reach.members",
        "messaging.MailboxMessage.recipient", "endpoints.OptOutEntry.endpoint", "segments.ImportPiece.changed",
        "segments.ImportBefore.document",
    } <= before | {"analytics.Event.endpoint_id"}  # fmt: skip
    assert list(traces(ids)) == []
    assert verify(project_id=project.pk) == []
    assert (ImportBefore.objects.count(), len(ImportPiece.objects.get().examples)) == (2, 1)
    assert (request.state, request.person, request.turn) == (ErasureRequest.State.DONE, {}, 2)
    assert request.rows == {
        "analytics.Event": 4, "analytics.Reach": 2, "analytics.ReachAddition": 1, "campaigns.DailyUse": 2, "campaigns.Run": 4,
        "campaigns.TotalUse": 1,
        "messaging.MailboxMessage": 1, "segments.ImportBefore": 2, "segments.ImportJob": 1, "segments.ImportPiece": 1,
        "segments.RefusedLine": 1, "segments.SegmentVersion": 1,
    }  # fmt: skip


def test_others_keep_everything(project: Project, clock: Clock) -> None:
    lived(project, clock)
    other = Endpoint.objects.get(endpoint_key="other-1")
    events = Event.objects.filter(endpoint_id=other.pk).count()

    erase(project, clock)

    assert EndpointUser.objects.get().user_id == "user-1"
    assert SegmentVersion.objects.get().members == Audience([other.pk])
    assert Event.objects.filter(endpoint_id=other.pk).count() == events > 0
    assert MailboxMessage.objects.get().recipient == "lee@example.com"
    assert [line.line for line in RefusedLine.objects.order_by("line_number")] == ["", CSV.splitlines()[-1]]
    assert RefusedLine.objects.order_by("line_number").values_list("line_number", "code")[0] == (5, "erased")


def test_the_numbers_of_a_run_stay_as_they_were_sent(project: Project, clock: Clock) -> None:
    run = lived(project, clock)
    before = campaign_queries.campaign_summary(campaign=run.campaign)

    erase(project, clock)

    after = campaign_queries.campaign_summary(campaign=run.campaign)
    assert (after.targeted, after.attempted, after.frozen, after.adds_up) == (3, 2, 2, True)
    assert [tile.value for tile in after.tiles[:5]] == [tile.value for tile in before.tiles[:5]]
    run.refresh_from_db()
    assert (run.targeted, run.frozen, len(run.audience or ())) == (3, 2, 1)
    exclusion, outcome = RunExclusion.objects.get(), SliceOutcome.objects.get()
    assert (exclusion.total, len(exclusion.members), outcome.total, len(outcome.members)) == (1, 0, 2, 1)


def test_the_audit_trail_says_who_and_when_and_how_much_and_not_whom(project: Project, clock: Clock) -> None:
    lived(project, clock)

    request = erase(project, clock)

    entries = AuditEntry.objects.filter(verb__startswith="person.").order_by("pk")
    assert [(entry.verb, entry.actor_id, entry.object_id) for entry in entries] == [
        ("person.erasure_requested", project.created_by_id, request.public_id),
        ("person.erased", project.created_by_id, request.public_id),
    ]
    assert entries[1].data == {"endpoints": 2, "rows": request.rows}


def test_the_endpoints_are_gone_at_once(project: Project, clock: Clock) -> None:
    endpoint = make_endpoint(project=project, user_id="u")
    make_endpoint(project=project, user_id="u")

    erasing.erase_person(project=project, actor=None, now=clock(), endpoint_pk=endpoint.pk)

    assert not Endpoint.objects.exists()
    assert not EndpointUser.objects.exists()


def test_an_endpoint_without_a_user_is_a_person_too(project: Project, clock: Clock) -> None:
    endpoint, other = make_endpoint(project=project), make_endpoint(project=project)

    request = erase(project, clock, endpoint_pk=endpoint.pk)

    assert list(Endpoint.objects.all()) == [other]
    assert (request.is_done, request.endpoints) == (True, 1)


@pytest.mark.parametrize("whom", [{"endpoint_pk": 0}, {"user_id": "nobody"}, {"user_id": ""}])
def test_nobody_is_refused_and_nothing_happens(project: Project, clock: Clock, whom: dict[str, Any]) -> None:
    make_endpoint(project=project)

    with pytest.raises(erasing.ErasureRefused):
        erasing.erase_person(project=project, actor=None, now=clock(), **whom)

    assert (Endpoint.objects.count(), ErasureRequest.objects.count(), AuditEntry.objects.count()) == (1, 0, 0)


def test_a_person_of_another_project_is_not_reached(project: Project, clock: Clock) -> None:
    theirs = make_endpoint(project=make_project(), user_id="zx-user-77")

    for whom in ({"endpoint_pk": theirs.pk}, {"user_id": "zx-user-77"}):
        with pytest.raises(erasing.ErasureRefused):
            erasing.erase_person(project=project, actor=None, now=clock(), **whom)

    assert Endpoint.objects.get() == theirs


class Killed(Exception):
    """The worker died here."""


def test_killed_after_any_step_it_goes_on_where_it_stood(project: Project, clock: Clock) -> None:
    """The clock is read once in each step: it dies at the first, the second, … until the request is done."""
    lived(project, clock)
    ids = set(Endpoint.objects.filter(user__user_id="zx-user-77").values_list("pk", flat=True))
    request = erasing.erase_person(project=project, actor=None, now=clock(), user_id="zx-user-77")

    kills = 0
    for _attempt in range(200):
        clock.pass_(minutes=11)  # the dead worker's lease is over
        reads = iter(range(2))

        def dying(reads: Iterator[int] = reads) -> datetime.datetime:
            if next(reads, None) is None:
                raise Killed
            return clock()

        try:
            with transaction.atomic():  # a savepoint: what was committed before the kill stays
                erasing.run_erasure(request_id=request.pk, clock=clock if kills > 60 else dying)
        except Killed:
            kills += 1
            _commit_one_step(request, clock)
        request.refresh_from_db()
        if request.is_done:
            break

    assert request.is_done
    assert kills >= 10
    assert list(traces(ids)) == []


def _commit_one_step(request: ErasureRequest, clock: Clock) -> None:
    """What a worker that dies in its second step has committed: the first."""
    reads = iter(range(2))

    def once() -> datetime.datetime:
        if next(reads, None) is None:
            raise Killed
        return clock()

    with pytest.raises(Killed):
        erasing.run_erasure(request_id=request.pk, clock=once)


def test_a_worker_that_lost_its_lease_moves_nothing(project: Project, clock: Clock) -> None:
    endpoint = make_endpoint(project=project)
    segment = make_import_segment(project=project, members=Audience([endpoint.pk]))
    request = erasing.erase_person(project=project, actor=None, now=clock(), endpoint_pk=endpoint.pk)

    def slow() -> datetime.datetime:
        ErasureRequest.objects.filter(pk=request.pk).update(epoch=99)
        return clock()

    erasing.run_erasure(request_id=request.pk, clock=slow)

    request.refresh_from_db()
    assert (request.epoch, request.table, request.rows) == (100, "", {})
    assert segment.versions.get().members == Audience([endpoint.pk])


def test_a_request_in_another_workers_hands_is_left_alone(project: Project, clock: Clock) -> None:
    endpoint = make_endpoint(project=project)
    request = erasing.erase_person(project=project, actor=None, now=clock(), endpoint_pk=endpoint.pk)
    ErasureRequest.objects.filter(pk=request.pk).update(lease_until=clock() + datetime.timedelta(seconds=60))

    assert erasing.due_erasures(now=clock()) == []
    erasing.run_erasure(request_id=request.pk, clock=clock)
    request.refresh_from_db()
    assert request.epoch == 0
    clock.pass_(seconds=61)
    assert erasing.due_erasures(now=clock()) == [request.pk]


def test_a_run_that_is_being_sent_is_waited_for(project: Project, clock: Clock) -> None:
    run = lived(project, clock)
    Run.objects.filter(pk=run.pk).update(state="RUNNING", completed_at=None)
    request = erasing.erase_person(project=project, actor=None, now=clock(), user_id="zx-user-77")

    erasing.run_erasure(request_id=request.pk, clock=clock)

    request.refresh_from_db()
    assert (request.table, request.waits_for) == ("campaigns.Run", "a campaign that is being sent")
    assert len(Slice.objects.get().ids) == 2
    assert erasing.due_erasures(now=clock()) == []
    Run.objects.filter(pk=run.pk).update(state="COMPLETED", completed_at=clock())
    clock.pass_(minutes=2)
    assert erasing.due_erasures(now=clock()) == [request.pk]
    erasing.run_erasure(request_id=request.pk, clock=clock)
    request.refresh_from_db()
    assert (request.turn, request.waits_for, len(Slice.objects.get().ids)) == (2, "", 1)


def test_an_import_that_is_running_is_waited_for(project: Project, clock: Clock) -> None:
    imported(project, clock)
    ImportJob.objects.update(status="PROCESSING")
    request = erasing.erase_person(project=project, actor=None, now=clock(), user_id="zx-user-77")

    erasing.run_erasure(request_id=request.pk, clock=clock)

    request.refresh_from_db()
    assert (request.table, request.waits_for) == ("segments.ImportJob", "an import that is running")


def test_an_index_that_is_being_rebuilt_is_waited_for(project: Project, clock: Clock) -> None:
    """Its waiting rows are not folded, and may name a value that only the person had."""
    imported(project, clock)
    request = erasing.erase_person(project=project, actor=None, now=clock(), user_id="zx-user-77")
    FacetSubject.objects.filter(project=project).update(state="FILLING")

    erasing.run_erasure(request_id=request.pk, clock=clock)

    request.refresh_from_db()
    assert (request.table, request.waits_for) == ("endpoints.FacetChunk", "an index that is being rebuilt")
    rebuilding.resume(project_id=project.pk)
    clock.pass_(minutes=2)
    erasing.run_erasure(request_id=request.pk, clock=clock)
    request.refresh_from_db()
    assert (request.turn, request.waits_for) == (2, "")


def test_the_uploaded_file_goes_too(project: Project, clock: Clock) -> None:
    job = imported(project, clock)
    assert default_storage.exists(job.upload_key)

    erase(project, clock)

    assert not default_storage.exists(job.upload_key)


def test_a_click_that_comes_later_is_not_kept(project: Project, clock: Clock) -> None:
    run = lived(project, clock)
    endpoint = Endpoint.objects.get(endpoint_key="zx-endpoint-1")
    late = click(project, endpoint, run)
    other = click(project, Endpoint.objects.get(endpoint_key="other-1"), run)
    erase(project, clock)

    with transaction.atomic():
        written = record_events(events=[late, other], may_repeat=True)

    assert written == 1
    assert not Event.objects.filter(endpoint_id=endpoint.pk).exists()
    assert all(endpoint.pk not in reach.members for reach in Reach.objects.all())


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("1,kim@example.com", True),
        ('{"Address":"KIM@example.com"}', True),
        ("xkim@example.com", False),
        ("kim@example.com.au", False),
        ("kim@example.commerce", False),
        ("write to kim@example.com.", True),
        ("7", True),
        ("17,70,7th,+7", False),
        ("a;7;b", True),
    ],
)
def test_a_text_names_the_person_by_whole_words(text: str, is_named: bool) -> None:
    person = ports.ErasedPerson(
        project_id=1, endpoint_ids=(1,), user_pk=None, addresses=("kim@example.com",), names=("7",),
        asked_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    )  # fmt: skip

    assert person.is_named_in(text) is is_named


def test_every_table_that_the_list_of_owners_says_loses_something_has_an_eraser() -> None:
    erased = set()
    for line in (ROOT / "docs" / "ownership.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        has_app = len(cells) == 6 and "." in cells[1] and cells[1].split(".")[0] not in ("projects", "endpoints")
        if has_app and not cells[4].startswith("–"):
            erased.add(cells[1])

    by_the_run = {"campaigns.RunExclusion", "campaigns.Slice", "campaigns.SliceOutcome"}
    later = {"endpoints.FacetChunk", "endpoints.ArrivalMonth"}  # of the endpoints' own tables those that are not emptied at once
    assert erased - by_the_run == set(ports.erasers()) - later


def test_the_command_erases_and_says_how_much(project: Project, capsys: Any) -> None:
    make_endpoint(project=project, endpoint_id="Kim-1", user_id="u")

    call_command("erase_person", project.public_id, endpoint="kim-1")

    assert "1 endpoints are gone" in capsys.readouterr().out
    assert not Endpoint.objects.exists()
    for given in ({"endpoint": "kim-1"}, {"user": "u"}):
        with pytest.raises(CommandError, match="no such person"):
            call_command("erase_person", project.public_id, **given)
