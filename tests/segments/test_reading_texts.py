"""What Python reads an instant or a number from, SQL does, too, and comes to the same."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.evaluation import leaves
from segments.evaluation.tree import Comparison, Numeric, Subject, SubjectKind
from segments.evaluation.values import read_instant, read_number

pytestmark = pytest.mark.django_db

_two = st.integers(0, 62).map("{:02d}".format)
_dates = st.builds(
    "{}-{}-{}".format, st.sampled_from(["0000", "0001", "1999", "2000", "2023", "2024", "9999", "20240"]), _two, _two
)
_zones = st.sampled_from(["", "Z", "+09:00", "-0330", "+14", "+15:00", "z", " UTC"])
_times = st.builds("{}{}:{}{}{}".format, st.sampled_from("T t"), _two, _two,
                   st.one_of(st.just(""), _two.map(":{}".format), _two.map(":{}.25".format)), _zones)  # fmt: skip
_instants = st.one_of(
    _dates, st.builds("{}{}".format, _dates, _times), st.text(max_size=4),
    st.sampled_from(["2024-02-29", "2023-02-29", "now", "epoch", "infinity", "20240229", "2024-02-29T24:00:00Z", "2024-02-29T23:59:60Z",
                     "2024-02-29T00:00:00Z ", "٢٠٢٤-٠٢-٢٩", "2024-02-29T00:00:00Z BC"]),
)  # fmt: skip
_numbers = st.one_of(
    st.decimals(allow_nan=True, allow_infinity=True).map(str), st.floats().map(repr), st.text("0123456789+-.eE_ xn\t", max_size=8),
    st.sampled_from(["1_000", "0x1F", " 1", "1 ", "NaN", "-Infinity", "1e99", "1e100", "9" * 60, "9" * 61, ".5", "5.", "٣"]),
)  # fmt: skip


@settings(max_examples=60)
@given(texts=st.lists(_instants.filter(lambda text: "\0" not in text), min_size=20, max_size=60))
def test_instants(texts: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pabal_instant(it)::text FROM unnest(%s::text[]) WITH ORDINALITY AS given (it, place) ORDER BY place", [texts]
        )
        found = [text for (text,) in cursor.fetchall()]
    for text, said in zip(texts, found, strict=True):
        expected = read_instant(text)
        if expected is None and said is not None:  # a zone carries it out of Python's years
            assert said.startswith("10000-01-01") or said.endswith("BC"), text
        else:
            assert (said and datetime.datetime.fromisoformat(said)) == expected, text


@settings(max_examples=60)
@given(texts=st.lists(_numbers.filter(lambda text: "\0" not in text), min_size=20, max_size=60))
def test_numbers(texts: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT pabal_number(it), pabal_number(it) IS NULL OR pg_input_is_valid(it, 'numeric')
                 FROM unnest(%s::text[]) WITH ORDINALITY AS given (it, place) ORDER BY place""",
            [texts],
        )
        found = cursor.fetchall()
    assert [number for number, _is_valid in found] == [read_number(text) for text in texts]
    assert all(is_valid for _number, is_valid in found)  # so it may be asked first


_SCAN = """
    SELECT coalesce({condition}, FALSE)
      FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS given (it, place),
           LATERAL (SELECT jsonb_build_object('amount', jsonb_build_array(given.it)) AS attributes) AS e
     ORDER BY place
"""
_ends = st.one_of(
    st.integers(-100, 100).map(Decimal), st.decimals(-100, 100, places=1),
    st.sampled_from([Decimal(2) ** 31, Decimal(2) ** 31 - 1, -(Decimal(2) ** 31), Decimal(2) ** 63,
                     Decimal("-1e30"), Decimal("1e30"), Decimal("0.5")]),
)  # fmt: skip
_amounts = st.one_of(
    _numbers, st.integers(-110, 110).map(str), st.decimals(-101, 101, places=1).map(str),
    st.sampled_from(["007", "+7", "-0", "7.0", "2147483647", "2147483648", "-2147483648", "9223372036854775808", "0.50"]),
)  # fmt: skip


@settings(max_examples=80)
@given(
    texts=st.lists(_amounts.filter(lambda text: "\0" not in text), min_size=20, max_size=60),
    comparison=st.sampled_from(Comparison), ends=st.tuples(_ends, _ends).map(sorted),
)  # fmt: skip
def test_a_range_takes_the_texts_whose_number_is_in_it(texts: list[str], comparison: Comparison, ends: list[Decimal]) -> None:
    low, high = ends
    test = Numeric(Subject(SubjectKind.ATTRIBUTE, "amount"), comparison, low, high if comparison is Comparison.BETWEEN else None)
    condition, params = leaves.condition(test)
    with connection.cursor() as cursor:
        cursor.execute(_SCAN.format(condition=condition), params | {"texts": texts})
        found = [text for text, (is_in,) in zip(texts, cursor.fetchall(), strict=True) if is_in]
    assert found == [text for text in texts if _is_in(read_number(text), comparison, low, high)]


def _is_in(number: Decimal | None, comparison: Comparison, low: Decimal, high: Decimal) -> bool:
    if number is None:
        return False
    return {
        Comparison.EQUAL: number == low, Comparison.GREATER_THAN: number > low, Comparison.LESS_THAN: number < low,
        Comparison.GREATER_THAN_OR_EQUAL: number >= low, Comparison.LESS_THAN_OR_EQUAL: number <= low,
        Comparison.BETWEEN: low <= number <= high,
    }[comparison]  # fmt: skip
