"""Questions about events: the table, the lake and the counters against plain counting, and what is said of limits."""

from __future__ import annotations

import collections
import datetime
import itertools
import statistics
import uuid
import zoneinfo
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import explorer
from analytics.events import EventRow
from analytics.explorer import table
from analytics.explorer.question import Answer, Measure, Question, QuestionRefused
from analytics.models import EventKind, HitClass, LakeFile, SourceKind
from analytics.services.record import record_events
from analytics.statistics.buckets import Buckets, Grain
from analytics.statistics.daily import Days
from tests.analytics.lake import written
from tests.factories.projects import make_project

SEOUL, BERLIN = zoneinfo.ZoneInfo("Asia/Seoul"), zoneinfo.ZoneInfo("Europe/Berlin")
CHANGE = datetime.date(2026, 10, 25)  # clocks go back in Berlin at three in the morning
KIND = EventKind.MONETIZATION_PURCHASE
_projects = itertools.count(9_500_001)
Told = tuple[int, float, dict[str, str], dict[str, float]]  # endpoint, hours after the change's day begins, attributes, metrics


def buckets(*, grain: Grain = Grain.DAY, zone: zoneinfo.ZoneInfo = BERLIN, days: int = 3) -> Buckets:
    first = CHANGE - datetime.timedelta(days=1)
    return Buckets(Days(first, first + datetime.timedelta(days=days - 1), zone), grain)


def rows(project_id: int, told: Sequence[Told], kind: int = KIND, **more: Any) -> list[EventRow]:
    start = datetime.datetime.combine(CHANGE, datetime.time(), tzinfo=BERLIN).astimezone(datetime.UTC)
    return [
        EventRow(
            id=uuid.uuid4(), occurred_at=start + datetime.timedelta(hours=hours), project_id=project_id, endpoint_id=who, kind=kind,
            data={"attributes": attributes, "metrics": metrics}, **more,
        )
        for who, hours, attributes, metrics in told
    ]  # fmt: skip


def record(project_id: int, told: Sequence[Told], **more: Any) -> None:
    with transaction.atomic():
        record_events(events=rows(project_id, told, **more))


def question(project_id: int, **more: Any) -> Question:
    return Question(**({"project_id": project_id, "kind": KIND, "buckets": buckets()} | more))


def shown(answer: Answer) -> tuple[Any, ...]:
    def rounded(value: float | None) -> float | None:  # as the averages of plain counting are
        return None if value is None else round(value, 6)

    groups = [(one.name, one.is_rest, [rounded(value) for value in one.values], rounded(one.total)) for one in answer.groups]
    return groups, rounded(answer.total)


def naive(told: Sequence[Told], asked: Question) -> tuple[Any, ...]:
    held = [
        one
        for one in told
        if all(one[2].get(name) in values for name, values in asked.attributes)
        and all(name in one[3] and {"<": one[3][name] < value, "=": one[3][name] == value}[sign] for name, sign, value in asked.metrics)
    ]  # fmt: skip
    start = datetime.datetime.combine(CHANGE, datetime.time(), tzinfo=BERLIN).astimezone(datetime.UTC)
    places = {id(one): asked.buckets.place_of(start + datetime.timedelta(hours=one[1])) for one in held}
    by_name: dict[str, list[Told]] = collections.defaultdict(list)
    for one in held:
        by_name[one[2].get(asked.group, "") if asked.group else ""].append(one)

    def measured(some: Sequence[Told]) -> float | None:
        numbers = [one[3][asked.metric] for one in some if asked.metric in one[3]]
        match asked.measure:
            case Measure.EVENTS:
                return len(some)
            case Measure.ENDPOINTS:
                return len({one[0] for one in some})
            case Measure.SUM:
                return sum(numbers)
            case Measure.AVERAGE:
                return round(statistics.fmean(numbers), 6) if numbers else None
            case Measure.LEAST:
                return min(numbers, default=None)
            case Measure.GREATEST:
                return max(numbers, default=None)

    def rank(name: str) -> tuple[float, str]:
        some = by_name[name]
        return -(measured(some) or 0) if asked.measure is Measure.SUM else -len(some), name

    names = sorted(by_name, key=rank)
    parts = [(name, False, by_name[name]) for name in names[:8]]
    if names[8:]:
        parts.append(("", True, [one for name in names[8:] for one in by_name[name]]))
    groups = [
        (name, is_rest, [measured([one for one in some if places[id(one)] == at]) for at in range(asked.buckets.count)], measured(some))
        for name, is_rest, some in parts
    ]  # fmt: skip
    return groups or [("", False, [measured([])] * asked.buckets.count, measured([]))], measured(held)


TOLD = st.lists(
    st.tuples(
        st.integers(1, 3), st.integers(-24, 48).map(lambda quarter: quarter / 2 - 0.25),
        st.dictionaries(st.sampled_from(["plan", "it's"]), st.sampled_from([*"abcdefghijk", "'", "", ":x"]), max_size=2),
        st.dictionaries(st.just("price"), st.sampled_from([-1.5, 0.0, 2.0, 10.25])),
    ),
    max_size=30,
)  # fmt: skip
ASKED = st.fixed_dictionaries(
    {
        "measure": st.sampled_from(list(Measure)), "metric": st.just("price"), "group": st.sampled_from(["", "plan", "it's"]),
        "buckets": st.sampled_from(list(Grain)).map(lambda grain: buckets(grain=grain)),
        "attributes": st.sampled_from([(), (("plan", ("a", "b")),), (("it's", ("'",)), ("plan", ("c",)))]),
        "metrics": st.sampled_from([(), (("price", "<", 5.0),), (("price", "=", 2.0),)]),
    }
)  # fmt: skip


@pytest.mark.django_db
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TOLD, ASKED)
def test_the_table_answers_as_plain_counting_does(told: list[Told], asked: dict[str, Any]) -> None:
    project = next(_projects)
    record(project, told)
    assert shown(table.answer(question(project, **asked))) == naive(told, question(project, **asked))


@pytest.mark.django_db
def test_counters_answer_what_has_no_conditions_as_the_table_does() -> None:
    project = next(_projects)
    record(project, [(1, hours, {}, {}) for hours in (-3, 0, 1, 2.5, 3, 20, 30)])
    record(project, [(1, 5, {}, {})], hit_class=HitClass.SCANNER)
    for grain in Grain:
        asked = question(project, buckets=buckets(grain=grain))
        assert asked.is_counted
        assert shown(explorer.answer(asked)) == shown(table.answer(asked))


@pytest.mark.django_db
def test_by_campaign_the_ninth_and_all_after_it_are_one_line() -> None:
    project = next(_projects)
    for campaign in range(1, 11):
        of = {"source_kind": SourceKind.CAMPAIGN, "source_id": campaign, "run_id": campaign}
        record(project, [(1, 1, {}, {})] * (20 - campaign), **of)
    record(project, [(1, 30, {}, {})])

    found = explorer.answer(question(project, is_by_campaign=True))

    assert [(one.name, one.total) for one in found.groups][:2] == [("1", 19), ("2", 18)]
    assert (found.groups[-1].is_rest, list(found.groups[-1].values)) == (True, [0, 11 + 10, 1])
    assert found.total == sum(range(10, 20)) + 1


@pytest.mark.django_db
def test_of_what_the_console_sends_only_the_number_is_known() -> None:
    asked = question(next(_projects), kind=EventKind.EMAIL_OPEN, group="plan")
    with pytest.raises(QuestionRefused):
        explorer.answer(asked)


@pytest.mark.django_db
def test_more_events_than_may_be_read_are_cut_off_and_the_days_before_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    project = next(_projects)
    record(
        project, [(1, -20, {"plan": "a"}, {}), (1, 1, {"plan": "a"}, {}), (2, 2, {"plan": "a"}, {}), (3, 30, {"plan": "b"}, {})]
    )
    monkeypatch.setattr(table, "MOST_EVENTS", 2)

    found = explorer.answer(question(project, group="plan"))

    assert found.cut is not None
    assert (found.cut.events, found.cut.read) == (4, 2)
    assert [(one.name, list(one.values)) for one in found.groups] == [("a", [None, 1, 0]), ("b", [None, 0, 1])]
    assert "0 of the 4" in found.reason


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("grain", list(Grain))
@pytest.mark.parametrize("measure", list(Measure))
def test_the_lake_answers_as_the_table_does(
    grain: Grain, measure: Measure, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")
    project = make_project()
    told: list[Told] = [
        (number % 4, number / 3 - 20, {"plan": "abcdefghijk"[number % 11], "it's": "':x"}, {"price": float(number % 7)})
        for number in range(200)
    ]
    written(*rows(project.pk, told), *rows(make_project().pk, told), *rows(project.pk, told, kind=EventKind.SESSION_START))
    asked = question(
        project.pk, measure=measure, metric="price", group="plan", buckets=buckets(grain=grain), attributes=(("it's", ("':x", "y")),),
        metrics=(("price", "<", 6.0),),
    )  # fmt: skip
    whole = table.answer(asked)
    monkeypatch.setattr(table, "MOST_EVENTS", 10)

    found = explorer.answer(asked)

    assert found.is_of_lake, found.reason
    assert shown(found) == shown(whole)
    assert found.missing == 0


@pytest.mark.django_db(transaction=True)
def test_a_lake_that_lacks_some_says_how_many_and_one_that_lacks_its_files_leaves_it_to_the_table(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")
    project = make_project()
    told: list[Told] = [(number, 1, {"plan": "a"}, {}) for number in range(40)]
    written(*rows(project.pk, told))
    record(project.pk, told[:2])
    monkeypatch.setattr(table, "MOST_EVENTS", 10)
    asked = question(project.pk, group="plan")

    behind = explorer.answer(asked)
    for one in LakeFile.objects.all():
        (tmp_path / "lake" / one.path).unlink()
    gone = explorer.answer(asked)

    assert (behind.is_of_lake, behind.total, behind.missing) == (True, 40, 2)
    assert gone.cut is not None
    assert (gone.is_of_lake, gone.total) == (False, 10)
    assert "rebuild" in gone.reason


@pytest.mark.django_db
def test_names_and_values_are_those_of_the_newest_events() -> None:
    project = next(_projects)
    record(project, [(1, 1, {"plan": "a"}, {"price": 1}), (1, 2, {"plan": "b", "shop": "x"}, {}), (1, 3, {"plan": "b"}, {})])
    record(project, [(1, 1, {"other": "a"}, {})], kind=EventKind.SESSION_START)

    known = explorer.known_names(project_id=project, kind=KIND, buckets=buckets())

    assert (list(known.attributes), list(known.metrics)) == (["plan", "shop"], ["price"])
    assert explorer.known_values(project_id=project, kind=KIND, buckets=buckets(), name="plan") == ["b", "a"]


@pytest.mark.django_db
def test_people_of_a_point_are_those_with_an_event_in_its_time() -> None:
    project = next(_projects)
    record(project, [(1, 1.5, {"plan": "a"}, {}), (2, 2.5, {"plan": "b"}, {}), (3, 3.5, {}, {}), (4, 24.5, {"plan": "a"}, {})])
    hours = buckets(grain=Grain.HOUR)
    two = hours.place("2026-10-25 02:00")
    assert two is not None
    given: dict[str, Any] = {"project_id": project, "kinds": [KIND]}
    day = buckets()

    assert set(table.people(spans=[hours.span(two)], **given)) == {2, 3}  # two o'clock comes twice
    assert set(table.people(spans=[day.span(1)], **given)) == {1, 2, 3, 4}
    assert set(table.people(spans=[day.span(1)], attributes=[("plan", ["a"])], **given)) == {1, 4}
    assert set(table.people(spans=[day.span(1)], without="plan", **given)) == {3}
    assert not table.people(spans=[day.span(2)], **given)


@pytest.mark.django_db
def test_a_question_finds_its_events_by_the_index() -> None:
    project = next(_projects)
    record(project, [(1, hours / 10, {"plan": "a"}, {}) for hours in range(300)])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {table._READ}", table._params(replace(question(project), group="plan")))
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "by_kind" in plan or "project_id_kind_occurred_at_idx" in plan


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Asia/Seoul", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"])
def test_a_bucket_is_found_by_its_label_and_its_instants(zone: str) -> None:
    days = Days(datetime.date(2026, 3, 27), datetime.date(2026, 11, 3), zoneinfo.ZoneInfo(zone))
    for grain in Grain:
        some = Buckets(days, grain)
        assert [some.place(label) for label in some.labels] == list(range(some.count))
        assert some.place("2026-03-26") is None
        shifts = some.shifts()
        for place in range(0, some.count, 7):
            start, end = some.span(place)
            if start < end:
                assert some.place_of(start) == place
                at = end - datetime.timedelta(seconds=1)
                assert some.place_of(at) in (place, place + 1)
                ahead = [seconds for since, seconds in shifts if since <= at][-1]
                assert at.astimezone(days.zone).utcoffset() == datetime.timedelta(seconds=ahead)
