"""Whole columns or one by one: both ways of importing come to the same."""

from __future__ import annotations

import csv
import datetime
import io
import json
from typing import Any
from unittest.util import safe_repr

import numpy as np
import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endpoints.facets import reading, rebuilding
from endpoints.importer import columnar, objects
from endpoints.importer.items import items_of
from endpoints.importer.piece import PieceResult, prepare_piece, write_piece
from endpoints.importer.rows import read_json
from endpoints.importer.scan import scan
from endpoints.models import Endpoint, EndpointUser, OptOutEntry
from projects.models import Project
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
HEADER = (
    "Id", "ChannelType", "Address", "OptOut", "User.UserId", "User.UserAttributes.n", "Attributes.a", "Attributes.a", "Metrics.m",
    "Location.Country", "Location.Latitude", "Demographic.Make",
)  # fmt: skip

_ids = st.sampled_from(["", "e1", "E1", "e2", "e3", "e4", "é", "e$", "x" * 513])
_channels = st.sampled_from(["EMAIL", "EMAIL", "EMAIL", "SMS", "GCM", "", "TELEX"])
_addresses = st.sampled_from(
    ["a@example.com", "A@example.com", "b@example.com", "+821012345678", "", "token", "한글@example.com"]
)
_texts = st.sampled_from(["", "", "김", 'say "hi"', "back\\slash", "tab\there", "a,b", "y" * 100, "y" * 101, "<b>"])
_row = st.tuples(
    _ids, _channels, _addresses, st.sampled_from(["", "ALL", "NONE", "NO"]), st.sampled_from(["", "u1", "u2", "u3"]), _texts, _texts,
    _texts, st.sampled_from(["", "1", "-2.50", "1e3", "x", "1_0"]), st.sampled_from(["", "KR", "XX"]),
    st.sampled_from(["", "37.56", "91", "-0.04"]), st.sampled_from(["", "Apple"]),
)  # fmt: skip
_garbage = st.sampled_from(
    ['e9,EMAIL,"a"x,,,,,,,,,', "e9,EMAIL", "", 'e9,EMAIL,"a\nb",,,,,,,,,', "e9,EMAIL,a@example.com,,,,,,,,,,,"]
)

_GOOD = ("good", "EMAIL", "good@example.com", *[""] * 9)


def csv_lines(rows: list[Any]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for row in rows:
        if isinstance(row, str):
            out.write(row + "\n")
        else:
            writer.writerow(row)
    return out.getvalue()


def document(row: tuple[str, ...]) -> dict[str, Any]:
    members: dict[str, Any] = dict(zip(("Id", "ChannelType", "Address", "OptOut"), row, strict=False))
    members["User"] = {"UserId": row[4], "UserAttributes": {"n": [row[5]]} if row[5] else {}}
    members["Attributes"] = {"a": [text for text in row[6:8] if text]}
    try:
        members["Metrics"] = {"m": float(row[8])} if row[8] else {}
    except ValueError:
        members["Metrics"] = {"m": row[8]}
    members["Location"] = {"Country": row[9]} | ({"Latitude": float(row[10])} if row[10] else {})
    members["Demographic"] = {"Make": row[11] or None}
    return members


def json_lines(rows: list[Any]) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(document(row), ensure_ascii=False)) + "\n" for row in rows)


def load(project: Project, text: str, *, is_csv: bool, by_columns: bool, hours: int, pieces: int = 1) -> list[PieceResult]:
    raw = text.encode()
    found = scan(io.BytesIO(raw), is_csv=is_csv, piece_bytes=len(raw) // pieces + 1)
    results = []
    for span in found.spans:
        prepared = prepare_piece(
            stream=io.BytesIO(raw[span.start : span.end]), header=found.header, first_line=span.first_line,
            on_bytes=lambda _count: None,
        )  # fmt: skip
        if not by_columns and prepared.plain is not None:
            items = prepared.items(prepared.plain.positions.tolist())
            assert items == prepared.plain_items(np.ones(len(prepared.plain), dtype=bool))
            prepared.others |= items
            prepared.others = dict(sorted(prepared.others.items()))
            prepared.plain = None
        with transaction.atomic():
            results.append(write_piece(project=project, prepared=prepared, now=NOW + datetime.timedelta(hours=hours)))
    return results


def outcome(project: Project, results: list[PieceResult]) -> Any:
    keys = dict(Endpoint.objects.filter(project=project).values_list("pk", "endpoint_key"))

    def key(name: str) -> str:
        return "derived" if len(name) == 36 else name  # an Id made from the address holds the project's number, too

    return [
        (
            sorted(key(keys[pk]) for pk in result.members), result.processed, result.kept_opted_out, result.unchanged,
            sorted(key(keys[pk]) for pk in result.created), sorted(key(keys[pk]) for pk in result.changed),
            sorted((line.line, line.column, line.code, line.raw) for line in result.refused),
        )
        for result in results
    ]  # fmt: skip


def stored(project: Project) -> Any:
    columns = (
        "channel_type", "address", "address_key", "opt_out", "status", "user__user_id", "attributes", "metrics", "demographic",
        "location", "effective_at", "updated_at",
    )  # fmt: skip
    endpoints = sorted(map(safe_repr, Endpoint.objects.filter(project=project).values_list(*columns)))
    users = sorted(
        map(safe_repr, EndpointUser.objects.filter(project=project).values_list("user_id", "attributes", "updated_at"))
    )
    entries = sorted(OptOutEntry.objects.filter(project=project).values_list("endpoint__address", "opt_out", "at"))
    return endpoints, users, entries


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    files=st.lists(st.lists(st.one_of(_row, _row, _row, _garbage), min_size=1, max_size=12), min_size=1, max_size=3),
    is_csv=st.booleans(),
    limit=st.sampled_from([1, 15]),
)
def test_both_ways_come_to_the_same_and_the_index_is_right(files: list[list[Any]], is_csv: bool, limit: int) -> None:
    reading.forget()
    with transaction.atomic(), override_settings(ENDPOINTS_PER_USER=limit):
        columns, rows = make_project(), make_project()
        for hours, file in enumerate([*files, files[-1]]):
            file = [_GOOD, *file]  # a file of nothing is refused whole
            text = csv_lines(file) if is_csv else json_lines(file)
            fast = load(columns, text, is_csv=is_csv, by_columns=True, hours=hours)
            slow = load(rows, text, is_csv=is_csv, by_columns=False, hours=hours)
            assert outcome(columns, fast) == outcome(rows, slow)
            assert stored(columns) == stored(rows)
        for project in (columns, rows):
            assert rebuilding.verify(project_id=project.pk) == []
        transaction.set_rollback(True)


def test_plain_lines_take_the_way_of_columns_and_a_file_again_is_known_by_its_hashes() -> None:
    project = make_project()
    rows = [
        (f"e{n}", "EMAIL", f"e{n}@example.com", "", f"u{n // 3}", f"이름{n // 3}", "x", "", "1.5", "KR", "", "")
        for n in range(30)
    ]
    raw = csv_lines(rows).encode()
    found = scan(io.BytesIO(raw), is_csv=True)
    body = raw[found.spans[0].start :]

    prepared = prepare_piece(stream=io.BytesIO(body), header=found.header, first_line=2, on_bytes=lambda _count: None)
    assert (len(prepared.plain or ()), prepared.others) == (30, {})
    first = write_piece(project=project, prepared=prepared, now=NOW)
    second = write_piece(project=project, prepared=prepared, now=NOW + datetime.timedelta(hours=1))

    assert (len(first.created), first.unchanged) == (30, 0)
    assert (len(second.created), len(second.changed), second.unchanged) == (0, 0, 30)
    assert second.members == first.members
    assert Endpoint.objects.filter(project=project, line_hash=None).count() == 0


_names = st.sampled_from(["a", "b", "이름", 'say "hi"', "", "n" * 51, "Id", "EffectiveDate"])
_values = st.one_of(st.sampled_from(["", "x", "김", 'say "hi"', "tab\t", "{}", "[[", "null", "y" * 101]), st.text(max_size=3))
_lists = st.dictionaries(_names, st.one_of(st.lists(_values, max_size=3), _values, st.none()), max_size=3)
_places = st.sampled_from(["Country", "Latitude", "City", "Town"])
_person = st.fixed_dictionaries({}, optional={"UserId": _values, "UserAttributes": _lists, "Name": _values})
_document = st.fixed_dictionaries(
    {"Id": _values, "ChannelType": st.sampled_from(["EMAIL", "SMS", "x"]), "Address": st.just("a@example.com")},
    optional={
        "OptOut": st.sampled_from(["ALL", "NONE", "", 1]), "EffectiveDate": _values, "CohortId": st.sampled_from(["1", 1, True]),
        "Attributes": _lists, "User": _person, "Place": _values,
        "Metrics": st.dictionaries(_names, st.one_of(st.floats(), st.integers(), st.booleans(), _values), max_size=2),
        "Location": st.dictionaries(_places, st.one_of(_values, st.integers()), max_size=2),
    },
)  # fmt: skip
_odd = st.one_of(
    _document.map(json.dumps), _document.map(lambda one: json.dumps(one, ensure_ascii=False)),
    st.sampled_from(
        ['{"Id": "x"} {"Id": "y"}', '{"Id": "x", "Id": "y"}', '{"Id": "x"', "[]", "1", '{"Id": "\\ud800"}', '{"\\u0049d": "x"}', "{}",
         " {}", '{"Zzz": ' + "[" * 3000 + "]" * 3000 + "}", '{"Attributes": {"a": ["x", {"b": 1}]}}', "", "  ", "\ufeff{}"]
    ),
)  # fmt: skip
_ORDINARY = [
    json.dumps({"Id": f"e{n}", "ChannelType": "EMAIL", "Address": f"e{n}@example.com", "Attributes": {"a": ["x", "김"]},
                "Metrics": {"m": n / 8}, "Location": {"Latitude": 37, "Country": "KR"}, "User": {"UserId": f"u{n}"}})
    for n in range(120)
]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(odd=st.lists(_odd, max_size=3), place=st.integers(0, 120))
def test_json_lines_read_by_columns_say_what_they_say_one_by_one(odd: list[str], place: int) -> None:
    raw = [line.encode() for line in (*_ORDINARY[:place], *odd, *_ORDINARY[place:])]
    gathered = objects.gather(raw)
    if gathered is None:
        assert odd  # ordinary lines alone are read by columns
        return
    lines, good = columnar.check(gathered.columns, gathered.places)
    items = items_of(lines.where(good), raw=raw, first_line=1)
    assert items == {at: next(read_json([raw[at].decode() + "\n"], first_line=at + 1)) for at in items}
    assert len(items) >= len(_ORDINARY)
    blank = [at for at, line in enumerate(raw) if not line.strip()]
    assert sorted([*gathered.places.tolist(), *gathered.left, *blank]) == list(range(len(raw)))


def test_names_that_the_first_lines_lack_are_learnt_and_too_many_left_to_other_readers() -> None:
    late = [
        json.dumps({"Id": f"l{n}", "ChannelType": "EMAIL", "Address": "l@example.com", "Attributes": {"late": ["x"]}})
        for n in range(9)
    ]
    raw = [line.encode() for line in (*_ORDINARY[:101], *late)]
    gathered = objects.gather(raw)
    assert gathered is not None
    assert len(gathered.places) == 110

    wide = [
        json.dumps({"Id": "w", "Attributes": {f"a{n}": ["x"] for n in range(250)}, "Metrics": {f"m{n}": 1 for n in range(51)}})
    ]
    assert objects.gather([line.encode() for line in wide * 9]) is None
