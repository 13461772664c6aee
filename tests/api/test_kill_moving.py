"""SIGKILL to the command while it takes a house in: run again, it finishes, and nothing is there twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from campaigns.models import Campaign, CampaignPast
from core.audience import Audience
from endpoints.models import Endpoint, EndpointStatus, OptOut
from messaging.models import MessageTemplate
from projects.models import Project
from segments.models import ImportJob, JobStatus, Segment
from tests.factories.projects import make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]
ROOT = Path(__file__).resolve().parent.parent.parent
APP, MEMBERS = "5f2d7c1e9a4b4e0c8d3f6a1b2c3d4e5f", "a1" * 16
MORE = 20_000  # endpoints, so that there is a middle in which to be killed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "saved"
    shutil.copytree(ROOT / "tests" / "data" / "from_pinpoint", made)
    with (made / APP / "exports" / "all" / "more.json").open("w") as out:
        for n in range(MORE):
            opt_out = "ALL" if n % 10 == 0 else "NONE"
            line = {
                "Id": f"more-{n}",
                "ApplicationId": APP,
                "ChannelType": "EMAIL",
                "Address": f"m{n}@example.com",
                "OptOut": opt_out,
            }
            out.write(json.dumps(line) + "\n")
    return made


def start(folder: Path) -> subprocess.Popen[bytes]:
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = os.environ | {
        "DATABASE_URL": urlunsplit(database), "PABAL_VAR": str(folder.parent / "var"),
        "DJANGO_SETTINGS_MODULE": "console.settings", "IMPORT_LEASE_SECONDS": "2", "LOG_LEVEL": "ERROR",
    }  # fmt: skip
    command = [sys.executable, "manage.py", "import_from_pinpoint", str(folder), "--report", str(folder.parent / "report.json")]
    with (folder.parent / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def test_a_move_that_is_killed_is_finished_by_the_next(folder: Path) -> None:
    make_user(email="operator@example.com", is_superuser=True)
    moments: list[Callable[[], bool]] = [
        lambda: ImportJob.objects.filter(status=JobStatus.PROCESSING).exists(),
        lambda: Segment.objects.exists(),
        lambda: Campaign.objects.count() >= 3,
    ]
    ends = []
    for is_reached in moments:
        process = start(folder)
        while process.poll() is None and not is_reached():
            time.sleep(0.005)
        process.kill()
        ends.append(process.wait())
    assert ends[0] == -signal.SIGKILL, (folder.parent / "log").read_text()[-3000:]  # the others may have been quicker

    assert start(folder).wait(timeout=120) == 0, (folder.parent / "log").read_text()[-3000:]

    assert (Project.objects.count(), MessageTemplate.objects.count(), Segment.objects.count()) == (2, 5, 4)
    assert (Campaign.objects.count(), CampaignPast.objects.count()) == (9, 9)
    assert not ImportJob.objects.exclude(status=JobStatus.COMPLETED).exists()
    assert Endpoint.objects.count() == MORE + 8
    assert Endpoint.objects.filter(opt_out=OptOut.ALL).count() == MORE // 10 + 2
    assert Endpoint.objects.filter(status=EndpointStatus.INACTIVE).count() == 2
    members = Segment.objects.get(public_id=MEMBERS).versions.get().members
    named = ["kim-mail", "lee-mail", "park-mail", "Visitor-4", "kim-phone"]
    assert members == Audience(Endpoint.objects.filter(endpoint_id__in=named).values_list("pk", flat=True))
