"""An index that is computed stretch by stretch says what one in memory would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64

from endpoints.facets.spill import Spilled
from endpoints.facets.subjects import Subject, SubjectKind

SUBJECTS = [Subject(SubjectKind.ATTRIBUTE, name) for name in ("city", "등급")]


@given(
    stretches=st.lists(
        st.lists(
            st.tuples(st.sampled_from(SUBJECTS), st.text(max_size=4), st.lists(st.integers(1, 1 << 40), max_size=4)), max_size=12
        ),
        max_size=5,
    ),
    limit=st.integers(1, 6),
)
def test_it_says_what_one_in_memory_would(stretches: list[list[tuple[Subject, str, list[int]]]], limit: int) -> None:
    wanted: dict[Subject, dict[str, BitMap64]] = {}
    with Spilled(limit=limit) as spilled:
        for stretch in stretches:
            for subject, value, ids in stretch:
                spilled.add(subject, value, ids)
                values = wanted.setdefault(subject, {})
                if value in values or len(values) <= limit:
                    values.setdefault(value, BitMap64()).update(ids)
            spilled.write_out()
            assert {subject: spilled.get(subject) for subject in list(spilled.keys())} == wanted

        assert spilled.get(Subject(SubjectKind.ATTRIBUTE, "nobody")) == {}
