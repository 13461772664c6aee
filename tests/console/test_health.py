"""Operators see what runs, what waits and whether the invariants hold; the command says the same."""

from __future__ import annotations

import datetime
import io
import json
import uuid
from typing import Any

import pytest
from celery.signals import task_postrun, task_prerun
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from analytics.events import EventRow
from analytics.models import Counter, EventKind, SourceKind
from analytics.services.record import record_events
from campaigns.models import Run, Slice
from console import tasks
from console.celery import app
from console.health import checking, pulse, status
from console.health.wording import Level
from console.models import Invariant, InvariantCheck
from core import clock
from core.audience import Audience
from endpoints.models import Endpoint, ErasureRequest, FacetDelta
from projects.models import Project
from segments.models import ImportJob, ImportPiece
from tests.console.world import World, make_world
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project, make_user

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=datetime.UTC)
PAGE, CHECK = "/health/", "/health/check/"


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_user(is_staff=True))
    return client


@pytest.fixture
def world(clean_redis: Any) -> World:
    """Everything in it is as it should be."""
    made = make_world()
    ImportJob.objects.update(total_processed=0)
    return made


def check_everything() -> dict[str, InvariantCheck]:
    checking.ask(now=NOW)
    for check_id in checking.due_checks(now=NOW):
        checking.run_check(check_id=check_id, clock=clock.now)
    return {check.invariant: check for check in InvariantCheck.objects.order_by("broken")}


def doctor(*names: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("doctor", *names, stdout=out, **options)
    return out.getvalue()


def tick_all(*, but: str = "", at: datetime.datetime | None = None) -> None:
    for entry in django_settings.CELERY_BEAT_SCHEDULE.values():
        if entry["task"] != but:
            pulse.note(task=str(entry["task"]), queue="ticks", beat=pulse.Beat(at or clock.now(), 0.1, ""))


def test_only_operators_see_the_page(operator: Client, world: World) -> None:
    owner = Client()
    owner.force_login(world.owner)

    assert operator.get(PAGE).status_code == 200
    assert owner.get(PAGE).status_code == 404
    assert owner.post(CHECK).status_code == 404
    assert Client().get(PAGE).headers["Location"].startswith(reverse("projects:log-in"))
    assert not InvariantCheck.objects.exists()
    assert PAGE in operator.get(reverse("projects:list-projects")).content.decode()
    assert PAGE not in owner.get(reverse("projects:list-projects")).content.decode()


def test_the_button_asks_for_a_check_and_the_page_shows_what_it_found(operator: Client, world: World) -> None:
    ImportJob.objects.update(total_failures=0)  # its refused line is listed all the same

    operator.post(CHECK)
    assert "under way" in operator.get(PAGE).content.decode()
    assert InvariantCheck.objects.filter(asked_at__isnull=False).count() == len(Invariant)
    found = check_everything()
    html = operator.get(PAGE).content.decode()

    assert "under way" not in html
    assert "Every member of every run is excluded" in html
    assert f"Import {world.job.public_id}: 0 lines were refused, but 1 are listed." in html
    assert (found["IMPORTS"].checked, found["IMPORTS"].broken, found["IMPORTS"].asked_at) == (1, 1, None)
    assert (found["RUNS"].checked, found["RUNS"].broken) == (1, 0)
    assert (found["FACETS"].checked, found["FACETS"].broken) == (Endpoint.objects.count(), 0)


def test_one_invariant_is_asked_for_alone(operator: Client, world: World) -> None:
    operator.post(CHECK, {"invariant": "RUNS"})

    assert list(InvariantCheck.objects.filter(asked_at__isnull=False).values_list("invariant", flat=True)) == ["RUNS"]


def break_runs(world: World) -> str:
    run = Run.objects.get()
    Run.objects.update(targeted=3)
    return f"Run {run.public_id} of “가을”: 3 targeted, but 1 excluded and 0 frozen."


def break_outcomes(world: World) -> str:
    run = Run.objects.get()
    Run.objects.update(targeted=2, frozen=1, audience=Audience([world.endpoint_id]))
    return f"Run {run.public_id} of “가을”: 1 frozen, but 0 outcomes."


def break_facets(world: World) -> str:
    FacetDelta.objects.filter(subject__name="Location.City").delete()
    return "STANDARD Location.City “가을”: 1 missing, 0 too many."


def break_imports(world: World) -> str:
    ImportPiece.objects.update(state="DONE", processed=7)
    ImportJob.objects.update(completed_pieces=1, total_processed=8, total_failures=1)
    ImportPiece.objects.update(failed=1)
    return f"Import {world.job.public_id}: TotalProcessed is 8, its pieces come to 7."


def break_rollups(world: World) -> str:
    key = {"project_id": world.project.pk, "source_kind": SourceKind.CAMPAIGN, "source_id": 1, "run_id": 9}
    Counter.objects.create(**key, kind=EventKind.EMAIL_OPEN, hour=NOW, total=2)
    return "Run number 9, _email.open: 2 counted, but 0 events."


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("runs", break_runs), ("runs", break_outcomes), ("facets", break_facets), ("imports", break_imports),
        ("rollups", break_rollups),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_red_on_the_page_and_fails_the_command(
    operator: Client, world: World, name: str, broken: Any
) -> None:
    ImportJob.objects.update(total_failures=0, total_processed=0)
    world.job.refused_lines.all().delete()
    assert doctor("runs", "facets", "imports", "rollups").count("ok    ") == 4
    assert Level.BAD not in {line.level for line in status.invariants()}

    sentence = broken(world)
    if name == "imports":
        world.job.refused_lines.create(piece=world.job.pieces.get(), file_name="x", line_number=2, code="channel", line="x")
    check_everything()
    html = operator.get(PAGE).content.decode()
    with pytest.raises(CommandError, match=f"Not well: {name}"):
        doctor(name)

    assert sentence in html
    assert "bg-red-lt" in html
    lines = {line.invariant: line for line in status.invariants()}
    assert {key for key, line in lines.items() if line.level == Level.BAD} == {name.upper()}
    assert (lines[name.upper()].broken, status.broken()[0].sentences) == (1, [sentence])


def test_numbers_stay_when_the_events_of_a_person_are_erased(world: World) -> None:
    event = EventRow(
        id=uuid.uuid4(), occurred_at=clock.now(), project_id=world.project.pk, endpoint_id=77,
        kind=EventKind.EMAIL_OPEN, hit_class=1, source_kind=SourceKind.CAMPAIGN, source_id=1, run_id=9, treatment=0,
        link_number=None, data=None,
    )  # fmt: skip
    with transaction.atomic():
        record_events(events=[event])
    assert "ok     rollups" in doctor("rollups")
    Counter.objects.update(total=2)
    with pytest.raises(CommandError):
        doctor("rollups")

    ErasureRequest.objects.create(
        project=world.project, state="DONE", endpoints=1, requested_at=NOW, completed_at=NOW
    )  # fmt: skip
    assert "ok     rollups" in doctor("rollups")
    Counter.objects.update(total=0)
    with pytest.raises(CommandError):
        doctor("rollups")


def test_the_check_of_a_worker_that_died_is_taken_over(world: World) -> None:
    checking.ask(now=NOW, invariant=Invariant.RUNS)
    (check_id,) = checking.due_checks(now=NOW)
    InvariantCheck.objects.update(epoch=1, lease_until=NOW + checking.LEASE)
    assert checking.due_checks(now=NOW) == []
    assert checking.due_checks(now=NOW + checking.LEASE * 2) == [check_id]

    checking.run_check(check_id=check_id, clock=lambda: NOW + checking.LEASE * 2)
    checking.run_check(check_id=check_id, clock=lambda: NOW + checking.LEASE * 2)

    check = InvariantCheck.objects.get(pk=check_id)
    assert (check.epoch, check.asked_at, check.completed_at) == (2, None, NOW + checking.LEASE * 2)


def test_each_invariant_is_checked_once_a_day(world: World) -> None:
    assert checking.ask_for_old_ones(now=NOW) == len(Invariant)
    assert checking.ask_for_old_ones(now=NOW) == 0
    for check_id in checking.due_checks(now=NOW):
        checking.run_check(check_id=check_id, clock=lambda: NOW)

    assert checking.ask_for_old_ones(now=NOW + checking.EVERY) == 0
    assert checking.ask_for_old_ones(now=NOW + checking.EVERY * 2) == len(Invariant)


def test_what_broke_is_told_with_its_first_twenty(world: World, operator: Client) -> None:
    project = make_project(name="<b>broken</b>")
    for number in range(25):
        make_endpoint(project=project, attributes={"x": [f"v{number}"]})
    FacetDelta.objects.filter(subject__project=project, subject__name="x").delete()

    check = next(one for one in check_everything().values() if one.broken)

    assert (check.broken, len(check.examples)) == (25, 20)
    assert "&lt;b&gt;broken&lt;/b&gt;: Facets = endpoints" in operator.get(PAGE).content.decode()


def test_the_page_asks_a_fixed_number_of_queries(operator: Client, world: World, django_assert_max_num_queries: Any) -> None:
    check_everything()
    with django_assert_max_num_queries(24):
        operator.get(PAGE)
    for _number in range(3):
        make_project()
    check_everything()
    with django_assert_max_num_queries(24):
        operator.get(PAGE)


def test_ticks_that_are_late_fail_or_never_ran_are_bad(clean_redis: Any) -> None:
    pulse.note_start(at=NOW - datetime.timedelta(hours=3))
    assert {line.level for line in status.ticks(now=NOW)} == {Level.BAD}

    tick_all(but="campaigns.tick_due", at=NOW)
    pulse.note(task="campaigns.tick_runs", queue="ticks", beat=pulse.Beat(NOW, 0.1, "OperationalError"))
    pulse.note(
        task="segments.tick_imports", queue="ticks", beat=pulse.Beat(NOW - datetime.timedelta(minutes=5), 0.1, "")
    )  # fmt: skip

    told = {line.name: line.detail for line in status.ticks(now=NOW) if line.level == Level.BAD}
    assert told == {
        "campaigns.tick_due": "Never done yet.",
        "campaigns.tick_runs": "Failed the last time: OperationalError.",
        "segments.tick_imports": "5 min ago, took 0.1 s",
    }


def test_a_tick_of_a_new_installation_has_two_intervals_before_it_is_overdue(clean_redis: Any, operator: Client) -> None:
    start = clock.now()
    pulse.note_start(at=start)

    def levels(seconds: int) -> dict[str, str]:
        return {line.name: line.level for line in status.ticks(now=start + datetime.timedelta(seconds=seconds))}

    assert set(levels(30).values()) == {Level.WAITING}
    html = operator.get(PAGE).content.decode()
    assert html.count("Not yet due: beat was started just now.") == 2 * len(django_settings.CELERY_BEAT_SCHEDULE)
    assert "Never done yet" not in html
    assert "bg-secondary-lt" in html
    early, late = levels(31), levels(61)
    assert (early["campaigns.tick_due"], early["console.tick_checks"]) == (Level.BAD, Level.WAITING)
    assert (late["console.tick_checks"], late["analytics.tick_partitions"]) == (Level.BAD, Level.WAITING)
    assert levels(7201)["analytics.tick_partitions"] == Level.BAD
    assert status.worst(status.ticks(now=start)) == Level.WAITING
    tick_all(but="analytics.tick_partitions", at=start)
    assert status.worst(status.ticks(now=start)) == Level.GOOD


def test_before_beat_was_ever_started_ticks_are_due_from_the_first_migration_on(clean_redis: Any) -> None:
    made = MigrationRecorder.Migration.objects.order_by("applied").values_list("applied", flat=True)[0]
    for seconds, level in ((29, Level.WAITING), (31, Level.BAD)):
        lines = {line.name: line.level for line in status.ticks(now=made + datetime.timedelta(seconds=seconds))}
        assert lines["campaigns.tick_due"] == level


def beat_starts() -> None:
    DatabaseScheduler(app=app).setup_schedule()


def test_an_entry_that_is_gone_off_or_changed_is_red_and_mended_when_beat_starts(clean_redis: Any) -> None:
    beat_starts()
    tick_all(at=NOW)
    assert {line.level for line in status.ticks(now=NOW)} == {Level.GOOD}
    PeriodicTask.objects.filter(name="campaigns.tick_due").delete()
    PeriodicTask.objects.filter(name="campaigns.tick_runs").update(enabled=False)
    PeriodicTask.objects.filter(name="segments.tick_undo").update(task="campaigns.tick_due")
    hour, _made = IntervalSchedule.objects.get_or_create(every=3600, period="seconds")
    PeriodicTask.objects.filter(name="segments.tick_imports").update(interval=hour)

    told = {line.name: line.detail for line in status.ticks(now=NOW) if line.level == Level.BAD}
    beat_starts()

    assert told == {
        "campaigns.tick_due": "Its entry is gone. Start beat again: it makes a new one.",
        "campaigns.tick_runs": "Switched off. Start beat again: it switches it on.",
        "segments.tick_imports": "Its entry was changed. Start beat again: it puts it back.",
        "segments.tick_undo": "Its entry was changed. Start beat again: it puts it back.",
    }
    assert {line.level for line in status.ticks(now=NOW)} == {Level.GOOD}


def test_a_task_that_ends_is_noted_with_its_queue(clean_redis: Any) -> None:
    task = tasks.tick_checks
    for state, answer in (("SUCCESS", None), ("FAILURE", ValueError("x"))):
        task.push_request(delivery_info={"routing_key": "ticks"})
        try:
            task_prerun.send(sender=task, task=task, task_id="1")
            task_postrun.send(sender=task, task=task, task_id="1", state=state, retval=answer)
        finally:
            task.pop_request()

    assert pulse.last_of_tasks()["console.tick_checks"].failure == "ValueError"
    assert set(pulse.last_of_queues()) == {"ticks"}


def test_queues_say_what_waits_and_whether_anybody_works_on_it(clean_redis: Any, settings: Any) -> None:
    settings.CELERY_BROKER_URL = settings.REDIS_URL
    clean_redis.lpush("imports", "a", "b")
    pulse.note(task="x", queue="sends", beat=pulse.Beat(NOW, 0.1, ""))

    lines = {line.name: line for line in status.queues(now=NOW)}

    assert (lines["imports"].waiting, lines["imports"].level) == (2, Level.NOTE)
    assert (lines["sends"].waiting, lines["sends"].level, lines["sends"].last_at) == (0, Level.GOOD, NOW)


def test_leases_held_and_lost_are_counted(world: World) -> None:
    Run.objects.update(state="RUNNING", completed_at=None)
    world.campaign.state = "EXECUTING"
    world.campaign.save(update_fields=["state"])
    run, second = Run.objects.get(), datetime.timedelta(seconds=1)
    for number, until in enumerate([NOW + second, NOW - second, NOW - 200 * second, None]):
        Slice.objects.create(run=run, number=number, ids=Audience([1]), size=1, lease_until=until)

    found = {line.name: line for line in status.leases(now=NOW)}["Slices being sent"]

    assert (found.held, found.lost, found.waiting, found.level) == (1, 2, 1, Level.BAD)
    assert found.detail == "Lost for 3 min."
    Slice.objects.filter(number=2).delete()
    assert {line.name: line.level for line in status.leases(now=NOW)}["Slices being sent"] == Level.NOTE


def test_what_waits_to_be_written_is_bad_when_it_waits_too_long(clean_redis: Any, settings: Any) -> None:
    folder = settings.VAR_DIR / "spool" / "hits"
    folder.mkdir(parents=True)
    (folder / "1.jsonl").write_text(json.dumps({}))
    clean_redis.xadd("pabal:hits", {"hit": "{}"})
    make_endpoint(project=make_project())
    now = clock.now()

    early = {line.name: (line.waiting, line.level) for line in status.backlogs(now=now)}
    late = {line.name: line.level for line in status.backlogs(now=now + datetime.timedelta(minutes=6))}

    assert early["Opens and clicks in Redis"] == early["Opens and clicks in the spool"] == (1, Level.GOOD)
    assert early["Opt-outs in the spool"] == (0, Level.GOOD)
    assert [name for name, level in late.items() if level == Level.BAD] == [
        "Facets to be folded", "Opens and clicks in Redis", "Opens and clicks in the spool",
    ]  # fmt: skip


def test_the_doctor_says_one_line_for_each_check_and_fails_when_one_is_bad(world: World) -> None:
    ImportJob.objects.update(total_failures=0)
    world.job.refused_lines.all().delete()
    tick_all()

    names = ["database", "redis", "restored", "ticks", "queues", "leases", "backlogs", "runs", "facets", "imports", "rollups"]
    told = doctor(*names)

    assert [line.split(":")[0] for line in told.splitlines() if not line.startswith(" ")] == [f"ok     {name}" for name in names]
    with pytest.raises(CommandError, match="There is no check heart"):
        doctor("heart")
    with pytest.raises(CommandError, match="There is no project x"):
        doctor(project="x")


def test_the_doctor_looks_at_one_project_alone(world: World) -> None:
    other = make_project()
    break_runs(world)

    assert "0 runs" in doctor("runs", project=Project.objects.get(pk=other.pk).public_id)
    with pytest.raises(CommandError):
        doctor("runs", project=world.project.public_id)
