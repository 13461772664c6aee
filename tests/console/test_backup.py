"""``manage.py backup`` and ``manage.py restore``: whole or not there at all, and back only where nothing is."""

from __future__ import annotations

import datetime
import io
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

import campaigns
from analytics import signing_keys
from campaigns.models import Campaign, CampaignState
from campaigns.services import restoring
from console.backup import making, manifest, programs
from console.backup.errors import BackupRefused
from endpoints.models import Endpoint
from projects.services import installation
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport, launched, outcomes, send
from tests.other_database import empty_database
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def beside(settings: Any, tmp_path: Path) -> Path:
    """What lies beside the database, in a folder of its own."""
    settings.VAR_DIR = tmp_path / "var"
    for path, text in (
        ("uploads/a/members.csv", "Id\n1\n"),
        ("opt-outs/2026-11-24.jsonl", "{}\n"),
        ("spool/hits/1.json", "{}"),
        ("staticfiles/pabal.css", "a {}"),
        ("postgres/PG_VERSION", "18"),
    ):
        (settings.VAR_DIR / path).parent.mkdir(parents=True, exist_ok=True)
        (settings.VAR_DIR / path).write_text(text)
    return tmp_path / "var"


def said(*command: Any) -> str:
    out = io.StringIO()
    call_command(*map(str, command), stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_what_is_backed_up_in_the_middle_of_a_run_is_restored_held_and_finished_with_nobody_twice(
    folder: Path, beside: Path, settings: Any
) -> None:
    clock, transport = Clock(), RecordingTransport()
    run = launched(1_500, clock=clock)
    installation.note_alive(now=clock())
    restoring.hold_if_restored(now=clock())  # notes where the database lives, as the first tick does
    number, secret = signing_keys.current()
    batches = iter(range(100))
    send(run, transport, clock, should_stop=lambda: next(batches) > 5)
    sent = len(transport.sent)
    said("backup", folder)
    (backup,) = making.backups(folder)
    send(run, transport, clock)
    settings.VAR_DIR = beside.with_name("new")

    with empty_database():
        told = said("restore", backup)
        signing_keys.forget()

        assert "Every campaign that may send is held" in told
        assert Campaign.objects.get().state == CampaignState.PAUSED
        assert Endpoint.objects.count() == 1_500
        assert signing_keys.by_number(number) == secret
        assert (beside.with_name("new") / "uploads/a/members.csv").read_text() == "Id\n1\n"
        said("restored", "leave-out", "--all")
        send(run, transport, clock)
        run.refresh_from_db()
        assert run.state == "COMPLETED"
        assert 0 < sent < 1_500
        assert outcomes(run) == {"SUCCESS": sent, "UNKNOWN": 1_500 - sent}
    assert set(transport.sent.values()) == {1}
    assert len(transport.sent) == 1_500


@pytest.mark.django_db
def test_a_backup_holds_what_must_last_with_checksums_and_for_its_owner_alone(folder: Path, beside: Path) -> None:
    signing_keys.current()

    made = making.make_backup(folder=folder, now=NOW)

    found = manifest.verify(made)
    assert made.name == "pabal-20261124T010000Z"
    assert set(found.files) == {
        "pabal.dump", "uploads/a/members.csv", "opt-outs/2026-11-24.jsonl", "spool/hits/1.json", "signing-keys.json",
    }  # fmt: skip
    assert (found.made_at, found.server_version, found.version) == (NOW, programs.server_version(), "0.1.0")
    newest = max(path.stem for path in (Path(campaigns.__file__).parent / "migrations").glob("0*.py"))
    assert found.migrations["campaigns"] == newest
    assert [stat.S_IMODE(one.stat().st_mode) for one in (folder, made, made / "signing-keys.json")] == [0o700, 0o700, 0o600]
    assert "whole" in said("backup", folder, "--verify")
    assert "whole" in said("backup", made, "--verify")


@pytest.mark.django_db
def test_uploads_in_a_bucket_are_said_and_not_copied(folder: Path, beside: Path, settings: Any) -> None:
    settings.UPLOADS_BUCKET = "shop-uploads"

    told = said("backup", folder)

    assert "Uploads are not in it: they are in the bucket shop-uploads" in told
    (made,) = making.backups(folder)
    assert not any(path.startswith("uploads/") for path in manifest.read(made).files)


@pytest.mark.django_db
def test_only_the_newest_are_kept_and_only_after_a_new_one_is_whole(folder: Path, beside: Path) -> None:
    for second in range(4):
        making.make_backup(folder=folder, now=NOW + second * SECOND, keep=2)
    assert [one.name[-3:-1] for one in making.backups(folder)] == ["02", "03"]

    connection.close()
    name = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = "no_such_database"
    try:
        with pytest.raises(BackupRefused, match="can't be opened"):
            making.make_backup(folder=folder, now=NOW + 9 * SECOND, keep=1)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
    assert len(making.backups(folder)) == 2
    with pytest.raises(CommandError, match="1 or more"):
        said("backup", folder, "--keep", 0)


@pytest.mark.django_db
@pytest.mark.parametrize("harm", ["one byte", "cut off", "gone", "manifest cut off", "no manifest"])
def test_damage_is_found_and_nothing_is_restored(harm: str, folder: Path, beside: Path) -> None:
    made = making.make_backup(folder=folder, now=NOW)
    dump, upload, listed = made / "pabal.dump", made / "uploads/a/members.csv", made / "manifest.json"
    if harm == "one byte":
        content = bytearray(dump.read_bytes())
        content[len(content) // 2] ^= 1
        dump.write_bytes(content)
    elif harm == "cut off":
        dump.write_bytes(dump.read_bytes()[:-100])
    elif harm == "gone":
        upload.unlink()
    elif harm == "manifest cut off":
        listed.write_text(listed.read_text()[:-20])
    else:
        listed.unlink()

    for command in (("backup", made, "--verify"), ("restore", made)):
        with pytest.raises(CommandError, match=r"damaged|can't be read|no backup|no whole backup"):
            said(*command)


@pytest.mark.django_db
def test_a_database_that_is_not_empty_is_left_as_it_is(folder: Path, beside: Path) -> None:
    made = making.make_backup(folder=folder, now=NOW)
    before = Endpoint.objects.count(), sorted(beside.rglob("*"))

    with pytest.raises(CommandError, match=r"not empty .*createdb -T template0"):
        said("restore", made)

    assert (Endpoint.objects.count(), sorted(beside.rglob("*"))) == before


@pytest.mark.django_db(transaction=True)
def test_another_secrets_key_or_an_older_server_is_refused_before_anything_is_written(
    folder: Path, beside: Path, settings: Any
) -> None:
    made = making.make_backup(folder=folder, now=NOW)
    settings.VAR_DIR = beside.with_name("new")

    with empty_database():
        key, settings.SECRETS_KEY = settings.SECRETS_KEY, "another"
        with pytest.raises(CommandError, match="SECRETS_KEY is another one"):
            said("restore", made)
        settings.SECRETS_KEY = key
        document = json.loads((made / "manifest.json").read_text())
        (made / "manifest.json").write_text(json.dumps(document | {"server_version": 99}))
        with pytest.raises(CommandError, match="PostgreSQL 99"):
            said("restore", made)
        assert connection.introspection.table_names() == []
    assert not settings.VAR_DIR.exists()


@pytest.mark.django_db(transaction=True)
def test_the_longer_journal_of_opt_outs_stays_and_other_link_keys_are_set_aside(folder: Path, beside: Path) -> None:
    signing_keys.current()
    made = making.make_backup(folder=folder, now=NOW)
    (beside / "opt-outs/2026-11-24.jsonl").write_text("{}\n{}\n")
    (beside / "signing-keys.json").write_text("{}")
    (beside / "uploads/a/members.csv").unlink()

    with empty_database():
        said("restore", made)

    assert (beside / "opt-outs/2026-11-24.jsonl").read_text() == "{}\n{}\n"
    assert (beside / "uploads/a/members.csv").read_text() == "Id\n1\n"
    assert "1" in json.loads((beside / "signing-keys.json").read_text())
    assert (beside / "signing-keys.json.before-restore").read_text() == "{}"


@pytest.mark.django_db
def test_a_program_that_is_too_old_or_missing_is_said_with_what_to_install() -> None:
    fits = programs.find("pg_dump", at_least=programs.server_version())
    assert programs.version_of(fits) == programs.server_version()

    with pytest.raises(BackupRefused, match=r"pg_dump of version 99 or newer is needed .* apt-get install postgresql-client-99"):
        programs.find("pg_dump", at_least=99)


@pytest.mark.django_db(transaction=True)
def test_killed_half_way_it_leaves_nothing_that_looks_whole_and_the_next_one_takes_the_rest_away(
    folder: Path, beside: Path
) -> None:
    with (beside / "uploads/large").open("wb") as large:
        large.truncate(1 << 30)  # long enough to be killed within
    given = connection.get_connection_params()
    environment = os.environ | {
        "DATABASE_URL": f"postgres://{given['user']}@/{given['dbname']}?host={given['host']}", "PABAL_VAR": str(beside),
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "manage.py", "backup", str(folder)], cwd=ROOT, env=environment)
    try:
        wait_until(lambda: any(folder.glob(".unfinished-*/uploads/large")))
        with pytest.raises(BackupRefused, match="Another backup"):
            making.make_backup(folder=folder, now=NOW)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()

    assert making.backups(folder) == []
    assert len(list(folder.glob(".unfinished-*"))) == 1
    with pytest.raises(CommandError, match="no whole backup"):
        said("backup", folder, "--verify")

    (beside / "uploads/large").unlink()
    made = making.make_backup(folder=folder, now=NOW)

    assert manifest.verify(made)
    assert sorted(one.name for one in folder.iterdir()) == [".lock", made.name]
