"""Refused lines, and the numbers of an import: listed, downloadable, and they add up."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from projects.models import Project
from segments import importing
from tests.factories.projects import make_project
from tests.segments.jobs import from_s3, upload

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(settings: Any) -> Project:
    settings.CELERY_TASK_ALWAYS_EAGER = False
    return make_project()


def test_broken_lines_are_listed_and_come_back_as_a_file(project: Project, s3: Any) -> None:
    job = from_s3(project, "s3://sample-audience/broken.csv")
    client = Client()
    client.force_login(project.created_by)

    page = client.get(reverse("segments:list-refused-lines", args=[project.public_id, job.public_id])).content.decode()
    file = b"".join(
        client.get(reverse("segments:download-refused-lines", args=[project.public_id, job.public_id])).streaming_content
    ).decode()

    assert (job.total_processed, job.total_failures) == (21, 14)
    assert "“TELEX” is not a channel type." in page
    name = "User.UserAttributes.MBR_FULLNM"
    assert f'<div class="column-name" title="{name}">{name}</div>' in page  # a long name breaks within its own column
    lines = file.lstrip("\ufeff").splitlines()
    assert lines[0].endswith("Attributes.signup,Pabal.Reason")
    assert len(lines) == 15
    assert lines[1].startswith('ok-3,EMAIL,"quoted, name" <x@example.com>,NONE')
    assert "Line 4" in lines[1]


def test_the_numbers_of_an_import_add_up_on_its_page(project: Project, s3: Any) -> None:
    job = from_s3(project, "s3://sample-audience/broken.csv")
    client = Client()
    client.force_login(project.created_by)
    url = reverse("segments:show-import", args=[project.public_id, job.public_id])

    page, korean = client.get(url), client.get(url, headers={"accept-language": "ko"})

    taken, repeated = page.context["taken"], page.context["repeated"]
    assert (taken, job.total_created, job.total_changed, job.total_unchanged, repeated) == (7, 6, 0, 0, 1)
    assert "1 line repeats an Id that stood earlier in the file; the last one holds." in page.content.decode()
    assert "줄 1개는 파일 앞쪽에 나온 Id를 되풀이합니다." in korean.content.decode()


def test_an_endpoint_that_loses_its_number_is_told_apart_from_the_lines(project: Project) -> None:
    upload(project, b"Id,ChannelType,Address\na,SMS,+821012345678\n")
    job = upload(project, b"Id,ChannelType,Address\nb,SMS,+821012345678\n")

    assert (job.total_processed, job.total_created, job.total_changed, job.total_unchanged) == (1, 1, 1, 0)
    assert importing.repeated_lines(job) == -1
    with translation.override("en"):
        said = importing.sum_sentences(job)[0]
    assert said.startswith("1 endpoint of those that changed stands in no line")


def test_nothing_is_said_of_repeated_lines_when_each_line_has_its_endpoint(project: Project) -> None:
    job = upload(project, b"Id,ChannelType,Address\na,EMAIL,a@example.com\nb,EMAIL,b@example.com\n")

    assert (importing.repeated_lines(job), importing.sum_sentences(job)) == (0, [])
