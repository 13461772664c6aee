"""A process that goes on with a restored database: ids are given out again there, for other things than it remembers."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection

from analytics import signing_keys
from analytics.models import SigningKey
from analytics.services import mail_domains
from core import remembering
from endpoints.facets import changes, folding
from endpoints.models import FacetChunk
from projects.models import Project
from tests.endpoints.test_facets import COLOUR, carrying, record
from tests.factories.projects import make_project
from tests.other_database import copied_database


def write_to(project: Project) -> dict[str, int]:
    record(project, add={"red": {1, 2}})
    folding.fold_project(project_id=project.pk)
    assert carrying(project, "red") == {1, 2}
    return mail_domains.numbers_of(project_id=project.pk, names=["naver.com"])


@pytest.mark.django_db(transaction=True)
def test_nothing_that_was_known_of_a_lost_database_holds_in_the_next_one() -> None:
    with copied_database():
        lost = make_project()
        write_to(lost)
    project = make_project()
    assert project.pk == lost.pk, "else nothing is shown"

    record(project, add={"red": {3}})
    assert carrying(project, "red") == {3}
    folding.fold_project(project_id=project.pk)
    assert carrying(project, "red") == {3}
    number = mail_domains.numbers_of(project_id=project.pk, names=["daum.net"])["daum.net"]
    assert mail_domains.names_of(project_id=project.pk, numbers=[number]) == {number: "daum.net"}
    assert "naver.com" not in mail_domains._known[project.pk]


@pytest.mark.django_db
def test_a_subject_whose_row_is_missing_is_an_error_once_and_made_the_next_time() -> None:
    project = make_project()
    changes._known.add((project.pk, COLOUR))

    with pytest.raises(IntegrityError):
        record(project, add={"red": {1}})

    record(project, add={"red": {1}})
    assert carrying(project, "red") == {1}


@pytest.mark.django_db
def test_after_a_leap_what_was_kept_is_read_anew() -> None:
    project = make_project()
    write_to(project)
    FacetChunk.objects.filter(subject__project=project).delete()  # as in an older backup
    assert carrying(project, "red") == {1, 2}

    folding.leap()

    assert carrying(project, "red") == set()


@pytest.mark.timeout(30)
@pytest.mark.django_db(transaction=True)
def test_keys_that_are_read_first_of_all_from_another_database_are_that_ones() -> None:
    ours = signing_keys.current()
    with copied_database():
        SigningKey.objects.all().delete()
        connection.close()
        remembering.connected("a third one")
        signing_keys.forget()
        assert signing_keys.current() != ours
