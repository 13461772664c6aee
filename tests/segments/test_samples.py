"""What must come out of members.csv (tests/data): matching and eligible, filter by filter."""

from __future__ import annotations

import datetime
import io
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from core.audience import Audience
from endpoints.eligibility import eligibility
from endpoints.importer.piece import import_piece
from endpoints.importer.scan import scan
from projects.models import Project
from segments import evaluation
from segments.models import Segment
from tests.factories.campaigns import make_import_segment
from tests.factories.projects import make_project

NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def base(data: Path) -> Segment:
    project = make_project()
    raw = (data / "members.csv").read_bytes()
    found = scan(io.BytesIO(raw), is_csv=True)
    (span,) = found.spans
    with transaction.atomic():
        result = import_piece(
            project=project, stream=io.BytesIO(raw[span.start :]), header=found.header, first_line=2,
            now=NOW, on_bytes=lambda _count: None,
        )  # fmt: skip
    return make_import_segment(project=project, members=result.members)


def user(name: str, *values: str, kind: str = "INCLUSIVE") -> dict[str, Any]:
    return {"UserAttributes": {name: {"AttributeType": kind, "Values": list(values)}}}


def counts(base: Segment, *dimensions: dict[str, Any]) -> tuple[int, int]:
    document = {
        "SegmentGroups": {
            "Include": "ALL",
            "Groups": [
                {"SourceSegments": [{"Id": base.public_id}], "SourceType": "ANY", "Type": "ALL", "Dimensions": list(dimensions)}
            ],
        }
    }
    project: Project = base.project
    members: Audience = evaluation.evaluate_document(project_id=project.pk, document=document, now=NOW)
    return len(members), len(eligibility(project_id=project.pk, members=members, channels=("EMAIL",)).eligible)


SIGNUP = {"Attributes": {"signup": {"AttributeType": "AFTER", "Values": ["2020-01-01T00:00:00Z"]}}}
SPEND = {"Metrics": {"spend": {"ComparisonOperator": "GREATER_THAN", "Value": 5000}}}
SEOUL = {"Pabal": {"Location": {"City": {"DimensionType": "INCLUSIVE", "Values": ["서울"]}}}}


def test_the_table_of_the_samples_holds(base: Segment) -> None:
    assert counts(base) == (2000, 1956)
    assert counts(base, user("status", "정상"), user("type", "직원")) == (82, 80)
    assert counts(base, user("status", "정상", "휴면"), user("type", "VIP")) == (207, 205)
    assert counts(base, SIGNUP) == (1129, 1104)
    assert counts(base, SPEND) == (972, 949)
    assert counts(base, SEOUL, user("status", "탈퇴", kind="EXCLUSIVE")) == (100, 97)
