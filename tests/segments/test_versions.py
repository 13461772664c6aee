"""The versions of a segment: listed in words, restored as new ones; and copies."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.audience import Audience
from projects.models import AuditEntry, Project, Role
from segments.evaluation import SourceRefused, evaluate_segment
from segments.models import ImportJob, Segment, SegmentVersion
from segments.services import completing, segments
from segments.services.segments import SegmentNotEditable
from tests.console.world import logged_in
from tests.factories.campaigns import make_import_segment
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)


@pytest.fixture
def project() -> Project:
    return make_project()


def by_grade(grade: str, *sources: Segment) -> dict[str, Any]:
    dimension = {"UserAttributes": {"grade": {"AttributeType": "INCLUSIVE", "Values": [grade]}}}
    group = {"SourceSegments": [{"Id": one.public_id} for one in sources], "Type": "ALL", "Dimensions": [dimension]}
    return {"SegmentGroups": {"Include": "ALL", "Groups": [group]}}


def changed(project: Project, *documents: dict[str, Any]) -> Segment:
    """A segment with these versions, in their order."""
    segment = segments.create_segment(project=project, actor=None, name="등급", document=documents[0], now=NOW)
    for document in documents[1:]:
        segment = segments.update_segment(segment=segment, actor=None, document=document, name="등급", now=NOW)
    return segment


def restore(segment: Segment, version: int) -> Segment:
    return segments.restore_version(segment=segment, version=version, actor=segment.project.created_by, now=NOW)


def members(segment: Segment) -> set[int]:
    return set(evaluate_segment(project_id=segment.project_id, segment_id=segment.public_id, now=NOW))


def test_an_older_definition_becomes_a_new_version_and_the_others_stay(project: Project) -> None:
    gold = make_endpoint(project=project, user_attributes={"grade": ["gold"]})
    make_endpoint(project=project, user_attributes={"grade": ["silver"]})
    segment = changed(project, by_grade("gold"), by_grade("silver"))

    restored = restore(segment, 1)

    assert restored.version == 3
    assert members(restored) == {gold.pk}
    documents = restored.versions.order_by("version").values_list("document", flat=True)
    assert list(documents) == [by_grade("gold"), by_grade("silver"), by_grade("gold")]
    entry = AuditEntry.objects.get(verb="segment.restored")
    assert (entry.actor, entry.data) == (project.created_by, {"version": 3, "restored": 1})


def test_an_imported_segment_gets_the_members_of_then(project: Project) -> None:
    ids = make_members(project=project, count=3)
    segment = make_import_segment(project=project, members=Audience(ids[:1]))
    segment = segments.update_import_segment(
        segment=segment, actor=None, members=Audience(ids), import_definition={"Size": 3}, now=NOW
    )

    restored = restore(segment, 1)

    assert members(restored) == {ids[0]}
    assert restored.versions.get(version=3).import_definition == {"Size": 1}


def test_the_newest_version_and_one_that_is_not_there_are_not_restored(project: Project) -> None:
    segment = changed(project, by_grade("gold"), by_grade("silver"))

    with pytest.raises(SegmentNotEditable, match="newest"):
        restore(segment, 2)
    with pytest.raises(SegmentVersion.DoesNotExist):
        restore(segment, 3)
    assert Segment.objects.get().version == 2


def test_a_version_whose_base_segment_is_gone_is_not_restored(project: Project) -> None:
    base = make_import_segment(project=project, members=Audience([1]))
    segment = changed(project, by_grade("gold", base), by_grade("silver"))
    segments.delete_segment(segment=base, actor=None, now=NOW)

    with pytest.raises(SourceRefused):
        restore(segment, 1)

    assert Segment.objects.get(pk=segment.pk).version == 2


def test_the_page_says_each_version_in_words_and_restores_one(project: Project) -> None:
    segment = changed(project, by_grade("gold"), by_grade("silver"))
    client = logged_in(make_member(project=project, role=Role.MARKETER))
    show = reverse("segments:show-segment", args=[project.public_id, segment.public_id])
    url = reverse("segments:restore-version", args=[project.public_id, segment.public_id, 1])

    page = client.get(show).content.decode()
    assert "everyone in the project for whom grade is “gold”" in page
    assert (page.count(url), page.count("/restore/")) == (1, 1)
    answer = client.post(url)

    assert answer.headers["Location"] == show
    assert Segment.objects.get().version == 3
    for number, status in ((3, 302), (9, 404), (2**40, 404)):  # the newest one, none, and none that the column could hold
        assert client.post(url.replace("/1/restore", f"/{number}/restore")).status_code == status
    assert Segment.objects.get().version == 3


def test_many_versions_come_in_pages_with_the_queries_of_one(project: Project) -> None:
    segment = changed(project, *(by_grade(f"{number}") for number in range(1, 24)))
    client = logged_in(project.created_by)
    show = reverse("segments:show-segment", args=[project.public_id, segment.public_id])

    with CaptureQueriesContext(
        connection,
    ) as many:
        first = client.get(show)
    second = client.get(show, {"before": first.context["next_before"]})
    client.get(show, {"before": "99999999999999999999"})
    with CaptureQueriesContext(connection) as one:
        last = client.get(show, {"before": "2"})

    assert [line.version.version for line in first.context["versions"]] == list(range(23, 3, -1))
    assert [line.version.version for line in second.context["versions"]] == [3, 2, 1]
    assert [line.version.version for line in last.context["versions"]] == [1]
    assert len(many) == len(one)


def test_a_copy_of_an_imported_segment_keeps_its_members_whatever_becomes_of_the_first(project: Project) -> None:
    ids = make_members(project=project, count=3)
    segment = make_import_segment(project=project, members=Audience(ids[:2]), name="회원")
    client = logged_in(project.created_by)

    answer = client.post(reverse("segments:copy-segment", args=[project.public_id, segment.public_id]))
    copy = Segment.objects.exclude(pk=segment.pk).get()
    segments.update_import_segment(segment=segment, actor=None, members=Audience(ids), import_definition={}, now=NOW)
    segments.delete_segment(segment=segment, actor=None, now=NOW)

    assert answer.headers["Location"] == reverse("segments:show-segment", args=[project.public_id, copy.public_id])
    assert (copy.name, copy.segment_type, copy.version) == ("Copy of 회원", "IMPORT", 1)
    assert members(copy) == set(ids[:2])


def test_a_copy_of_a_dynamic_segment_has_its_newest_definition_and_is_edited(project: Project) -> None:
    segment = changed(project, by_grade("gold"), by_grade("silver"))
    client = logged_in(project.created_by)

    answer = client.post(reverse("segments:copy-segment", args=[project.public_id, segment.public_id]))

    copy = Segment.objects.exclude(pk=segment.pk).get()
    assert answer.headers["Location"] == reverse("segments:edit-segment", args=[project.public_id, copy.public_id])
    assert copy.versions.get().document == by_grade("silver")


def test_two_imports_that_extend_a_segment_both_do(project: Project) -> None:
    ids = make_members(project=project, count=3)
    segment = make_import_segment(project=project, members=Audience(ids[:1]))
    for _number in range(2):
        ImportJob.objects.create(project=project, source="UPLOAD", format="CSV", into="EXTEND", into_segment=segment)
    first, second = ImportJob.objects.select_related("into_segment").order_by("pk")  # both have seen version 1

    completing._segment(first, Audience(ids[1:2]), NOW)
    completing._segment(second, Audience(ids[2:]), NOW)

    segment.refresh_from_db()
    assert (segment.version, members(segment)) == (3, set(ids))


def test_a_segment_that_was_changed_meanwhile_is_not_saved_over_unless_asked_for() -> None:
    project = make_project()
    client = logged_in(project.created_by)
    segment = segments.create_segment(project=project, actor=None, name="등급", document={}, now=NOW)
    edit = reverse("segments:edit-segment", args=[project.public_id, segment.public_id])
    client.post(edit, {"name": "그들의", "document": "{}", "base": 1})

    refused = client.post(edit, {"name": "나의", "document": "{}", "base": 1}, headers={"accept-language": "en"})
    segment.refresh_from_db()
    before = (segment.version, segment.name)
    kept = client.post(edit, {"name": "나의", "document": "{}", "base": 1, "over": 2})
    segment.refresh_from_db()

    text = refused.content.decode()
    assert "You changed the segment in another window on" in text
    assert 'value="나의"' in text
    assert before == (2, "그들의")
    assert kept.status_code == 302
    assert (segment.version, segment.name) == (3, "나의")
    assert 'name="base" value="3"' in client.get(edit).content.decode()
