"""SQL over the lake: what is answered, and what is refused or cut off."""

from __future__ import annotations

import datetime
import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from analytics.lake import catalog, process, sql
from analytics.models import EventKind, HitClass
from analytics.services.event_types import kinds_of
from endpoints.models import Endpoint
from projects.models import Project
from tests.analytics.lake import NOW, event, files_on_disk, folder, paths, written
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "only-of-the-other-project"


@pytest.fixture(autouse=True)
def lake(settings: Any, tmp_path: Path) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")


@pytest.fixture
def project() -> Project:
    return make_project()


def opens(project: Project, count: int = 3) -> Endpoint:
    endpoint = make_endpoint(project=project)
    written(
        *(event(project, endpoint_id=endpoint.pk, minutes=number, hit_class=HitClass.PERSON) for number in range(count)),
        event(project, endpoint_id=endpoint.pk, kind=EventKind.EMAIL_SEND, minutes=90),
    )
    return endpoint


def run(project: Project, query: str, **parameters: str) -> sql.Answer:
    return sql.run(project_id=project.pk, sql=query, parameters=parameters)


def refused(project: Project, query: str, **parameters: str) -> sql.SqlRefused:
    with pytest.raises(sql.SqlRefused) as caught:
        run(project, query, **parameters)
    return caught.value


def test_events_are_counted_by_type(project: Project) -> None:
    opens(project)

    answer = run(project, "SELECT event_type, count(*) AS events FROM all_events GROUP BY 1 ORDER BY 2 DESC")

    assert [(one.name, one.type) for one in answer.columns] == [("event_type", "VARCHAR"), ("events", "BIGINT")]
    assert answer.rows == [["_email.open", 3], ["_email.send", 1]]
    assert not answer.is_cut


def test_every_view_can_be_asked_and_has_the_columns_that_the_page_lists(project: Project) -> None:
    opens(project)
    tables = {table.name: table for table in catalog.tables()}

    assert len(catalog.views(paths=[])) == 16
    assert len(tables) == 16
    query = " UNION ALL ".join(
        f"(SELECT '{name}', count(*), (SELECT string_agg(column_name || ' ' || column_type, ',') FROM (DESCRIBE {name})) FROM {name})"
        for name in tables
    )
    for name, count, columns in run(project, query).rows:
        assert count == {"all_events": 4, "email_open": 3, "email_send": 1}.get(name, 0)
        assert columns.split(",")[:3] == [f"{one.name} {one.type}" for one in tables[name].columns][:3]
        assert columns == ",".join(f"{one.name} {one.type}" for one in tables[name].columns)


def test_types_of_programs_are_found_under_their_own_names(project: Project) -> None:
    names = ["cart/left", "50% off", "a=b&c", "그림 'x'", "..", "day=1", "각" * 50, "%" * 50, "😀" * 50]
    kinds = kinds_of(project_id=project.pk, names=names)
    written(*(event(project, kind=kinds[name], data={"attributes": {"name": name}}) for name in names))

    answer = run(project, "SELECT event_type, attributes['name'] FROM all_events")

    assert sorted(answer.rows) == sorted([name, name] for name in names)
    assert run(project, "SELECT count(*) FROM all_events WHERE event_type = :type", type="50% off").rows == [[1]]


def test_a_project_without_events_has_empty_tables(project: Project) -> None:
    assert run(project, "SELECT count(*) FROM email_open").rows == [[0]]


def test_parameters_are_values_and_never_sql(project: Project) -> None:
    opens(project)
    query = "SELECT count(*) FROM email_open WHERE arrival_timestamp >= :since AND hit_class = :class AND endpoint_id <> :number"

    assert sql.parameters_of(query) == ["since", "class", "number"]
    assert run(project, query, since="2026-11-26 02:59", **{"class": "person"}, number="0").rows == [[2]]
    assert run(project, query, since="2026-11-26", **{"class": "x' OR '1'='1"}, number="0").rows == [[0]]
    assert refused(project, query, since="2026-11-26").message == "Give a value for: class, number"


def test_what_only_looks_like_a_parameter_is_none() -> None:
    assert sql.parameters_of("SELECT ':a', \":b\", x::int, l[1:n], {'k': 1} -- :c\n, /* :d */ $$ :e $$, :f") == ["f"]


def test_an_error_says_where_it_is(project: Project) -> None:
    refusal = refused(project, "SELECT count(*)\nFROM all_events\nWHERE evnt_type = 'x'")

    assert "LINE 3: WHERE evnt_type = 'x'" in refusal.detail
    assert 'Candidate bindings: "event_type"' in refusal.detail


def test_rows_and_cells_are_cut(project: Project) -> None:
    many = run(project, "SELECT range, repeat('가', 10) FROM range(1000000)")
    wide = run(project, "SELECT repeat('x', 100000) FROM range(1000)")
    exact = run(project, f"SELECT * FROM range({sql.ROWS})")

    assert (len(many.rows), many.is_cut, many.rows[-1][0]) == (sql.ROWS, True, sql.ROWS - 1)
    assert wide.is_cut
    assert len(json.dumps(wide.rows)) < 3 * sql.BYTES
    assert wide.rows[0][0].endswith("…")
    assert (len(exact.rows), exact.is_cut) == (sql.ROWS, False)


def test_every_kind_of_value_is_told(project: Project) -> None:
    answer = run(
        project,
        "SELECT 1::HUGEINT, 1.50::DECIMAL(5,2), TIMESTAMP '2026-01-02 03:04:05', DATE '2026-01-02', INTERVAL 1 DAY, NULL, true,"
        " 'nan'::DOUBLE, [1, 2], {'a': 1}, MAP {'k': 'v'}, '\\x41'::BLOB, uuid() IS NOT NULL",
    )

    assert answer.rows == [
        [
            1, "1.50", "2026-01-02 03:04:05", "2026-01-02", "1 day, 0:00:00", None, True, "nan", "[1, 2]", '{"a": 1}', '{"k": "v"}',
            "41", True,
        ]
    ]  # fmt: skip


# -- attacks ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def theirs(project: Project) -> Iterator[Project]:
    """Another project's events beside the project's own. Nothing of any file changes."""
    other = make_project()
    opens(project)
    written(event(other, data={"ua": SECRET}))
    before = {path: (folder() / path).read_bytes() for path in files_on_disk()}
    yield other
    assert {path: (folder() / path).read_bytes() for path in files_on_disk()} == before
    assert not [path for path in folder().parent.rglob("*") if path.is_file() and path.suffix != ".parquet"]


ATTACKS = {
    "read their file": "SELECT * FROM read_parquet('{file}')",
    "read their file by its name": "SELECT * FROM '{file}'",
    "read the lake": "SELECT * FROM read_parquet('{lake}/**/*.parquet')",
    "read by another way": "SELECT * FROM read_parquet('{mine}/../../../../{theirs}')",
    "list the lake": "SELECT * FROM glob('{lake}/*')",
    "read bytes": "SELECT * FROM read_blob('{file}')",
    "read a text": "SELECT content FROM read_text('/etc/passwd')",
    "read a CSV": "SELECT * FROM read_csv('/etc/passwd')",
    "read a CSV by its name": "SELECT * FROM '/etc/passwd.csv'",
    "sniff a CSV": "SELECT * FROM sniff_csv('/etc/passwd')",
    "read JSON": "SELECT * FROM read_json('/etc/passwd')",
    "read the parent's keys": "SELECT * FROM read_text('/proc/{parent}/environ')",
    "read the own process": "SELECT * FROM read_text('/proc/self/environ')",
    "read the metadata": "SELECT * FROM parquet_metadata('{file}')",
    "read by a computed query": "SELECT * FROM query('SELECT * FROM read_par' || 'quet(''{file}'')')",
    "read by a computed name": "SELECT * FROM query_table('{file}')",
    "read over the network": "SELECT * FROM read_csv('http://127.0.0.1:{port}/x.csv')",
    "read from S3": "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "write a file": "COPY (SELECT * FROM all_events) TO '{lake}/stolen.parquet'",
    "write over my file": "COPY (SELECT 1) TO '{mine}' (FORMAT parquet)",
    "write into my file": "COPY (SELECT 1) TO '{mine}' (FORMAT parquet, USE_TMP_FILE false)",
    "attach my file": "ATTACH '{mine}' AS x (READ_WRITE)",
    "write after a SELECT": "SELECT 1; COPY (SELECT 1) TO '{lake}/x.csv'",
    "explain a write": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/x.csv'",
    "export": "EXPORT DATABASE '{lake}/export'",
    "import": "IMPORT DATABASE '{lake}/export'",
    "attach a file": "ATTACH '{lake}/new.db' AS x",
    "attach PostgreSQL": "ATTACH 'host=127.0.0.1 user=postgres' AS p (TYPE postgres)",
    "install": "INSTALL httpfs",
    "load": "LOAD '{lake}/evil.duckdb_extension'",
    "open the door": "SET enable_external_access = true",
    "unlock": "SET lock_configuration = false",
    "raise the memory": "SET memory_limit = '64GB'",
    "a profile as a file": "PRAGMA profiling_output = '{lake}/profile.json'",
    "a log as a file": "CALL enable_logging(storage = 'file', storage_config = {{'path': '{lake}'}})",
    "spill elsewhere": "SET temp_directory = '{lake}'",
    "make a secret": "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "make a persistent secret": "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'b')",
    "make a table": "CREATE TABLE t AS SELECT * FROM range(1000)",
    "replace a view": "CREATE OR REPLACE VIEW email_open AS SELECT 1",
    "delete": "DELETE FROM all_events",
    "write within WITH": "WITH x AS (SELECT 1) INSERT INTO all_events SELECT * FROM x",
    "a macro": "CREATE MACRO m() AS TABLE SELECT * FROM read_text('/etc/passwd')",
    "prepare and execute": "PREPARE p AS SELECT 1; EXECUTE p",
    "a variable of Python": "SELECT * FROM schema",
    "a variable of another frame": "SELECT * FROM request",
    "a pointer": "SELECT * FROM arrow_scan(1, 2, 3)",
    "a pointer of pandas": "SELECT * FROM pandas_scan(140000000000000)",
    "list the secrets": "SELECT * FROM duckdb_secrets()",
    "list the extensions": "SELECT * FROM duckdb_extensions()",
    "a function of the shell": "SELECT getenv('DATABASE_URL')",
    "nothing": "",
    "no SQL": "\x00\ud7ff not SQL ;;",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused(name: str, project: Project, theirs: Project) -> None:
    query = ATTACKS[name].format(
        file=folder() / next(iter(paths(project_id=theirs.pk))), mine=folder() / next(iter(paths(project_id=project.pk))),
        lake=folder(), theirs=next(iter(paths(project_id=theirs.pk))), parent=os.getpid(), port=9,
    )  # fmt: skip

    refusal = refused(project, query)

    assert "broken off" not in refusal.message  # it was refused, and did not break
    assert SECRET not in refusal.message + refusal.detail
    assert "root:" not in refusal.detail


HARMLESS = {
    "their project by its id": "SELECT count(*) FROM all_events WHERE app_id = '{app_id}'",
    "all projects": "SELECT count(*) FROM all_events WHERE app_id <> (SELECT min(app_id) FROM all_events)",
    "their words": "SELECT count(*) FROM all_events WHERE user_agent = 'only-of-the-other-project'",
    "databases": "SELECT count(*) FROM duckdb_databases() WHERE path IS NOT NULL",
    "settings with keys": "SELECT count(*) FROM duckdb_settings() WHERE name LIKE '%secret_access_key%' AND value <> ''",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_asked_of_others_finds_nothing(name: str, project: Project, theirs: Project) -> None:
    assert run(project, HARMLESS[name].format(app_id=theirs.public_id)).rows == [[0]]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT length(repeat('x', 4000000000))",
        "SELECT count(DISTINCT hash(a.range, b.range)) FROM range(100000) a, range(100000) b",
        "SELECT list(range) FROM range(1000000000)",
        "SELECT a.range, b.range FROM range(1000000) a, range(1000000) b ORDER BY hash(a.range + b.range) LIMIT 10000000",
        "SELECT string_agg(repeat('x', 1000), '') FROM range(100000000)",
    ],
)
def test_memory_is_limited(query: str, project: Project, settings: Any) -> None:
    settings.SQL_SECONDS, settings.SQL_MEMORY_BYTES = 15, 128 << 20
    began = time.monotonic()

    refusal = refused(project, query)

    assert time.monotonic() - began < 20
    assert "memory" in refusal.message or "stopped after" in refusal.message or "broken off" in refusal.message


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT count(*) FROM r",
        "SELECT regexp_matches(repeat('a', 5000), '^(a*)*(a*)*$') FROM range(100000000) WHERE range = -1 OR sin(range) > 2",
    ],
)
def test_time_is_limited(query: str, project: Project, settings: Any) -> None:
    settings.SQL_SECONDS = 1.5
    began = time.monotonic()

    refusal = refused(project, query)

    assert time.monotonic() - began < 4
    assert refusal.message.startswith("The query was stopped after 1.5 seconds.")


def test_a_huge_cross_join_is_stopped_while_others_are_answered(project: Project, settings: Any) -> None:
    opens(project)
    other = make_project()
    opens(other, count=2)
    settings.SQL_SECONDS = 6

    def ask(whose: Project, query: str) -> Any:
        began = time.monotonic()
        try:
            found: Any = run(whose, query).rows
        except sql.SqlRefused as refusal:
            found = refusal.message
        finally:
            connection.close()
        return found, time.monotonic() - began

    with ThreadPoolExecutor(4) as threads:
        huge = [
            threads.submit(ask, project, "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7")
            for _number in range(2)
        ]
        time.sleep(1)  # they are at it
        third, _seconds = threads.submit(ask, project, "SELECT 1").result()
        small, seconds = threads.submit(ask, other, "SELECT count(*) FROM email_open").result()
        stopped = [one.result() for one in huge]

    assert third == "Other queries are being answered. Try again in some seconds."
    assert small == [[2]]
    assert seconds < 4
    assert all("stopped after" in message and took < 9 for message, took in stopped)
    assert run(project, "SELECT count(*) FROM email_open").rows == [[3]]  # the places are free again


def test_the_process_has_no_keys_and_nothing_to_write_on(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever got past DuckDB would find the process empty-handed."""
    probe = tmp_path / "probe.py"
    door = socket.create_server(("127.0.0.1", 0))
    open_port = door.getsockname()[1]
    child = process.CHILD
    opens(project)
    mine = folder() / next(iter(paths()))
    probe.write_text(f"""
import importlib.util, json, os, socket, sys
spec = importlib.util.spec_from_file_location("child", {str(child)!r})
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
def tried(what, deed):
    try:
        deed()
    except (OSError, ModuleNotFoundError) as error:
        return [what, type(error).__name__]
    return [what, "done"]
def answer(request):
    child._say({{"columns": [{{"name": "x", "type": "y"}}]}})
    child._say({{"rows": [
        ["keys", sorted(os.environ)], tried("own", lambda: open({str(mine)!r}, "rb").read()),
        tried("passwd", lambda: open("/etc/passwd").read()), tried("parent", lambda: open("/proc/{os.getpid()}/environ").read()),
        tried("write", lambda: open("x", "w").write("x")), tried("spoil", lambda: open({str(mine)!r}, "r+b").write(b"x")),
        tried("cut", lambda: os.truncate({str(mine)!r}, 0)), tried("run", lambda: os.execv("/bin/true", ["true"])),
        tried("net", lambda: socket.create_connection(("127.0.0.1", {open_port}), 1)),
        tried("django", lambda: __import__("console.settings")),
    ]}})
    child._say({{"end": True, "is_cut": False}})
child._answer = answer
child.main()
""")
    monkeypatch.setattr(process, "CHILD", probe)

    found = dict(run(project, "SELECT 1").rows)
    door.close()

    assert "DATABASE_URL" not in found.pop("keys")
    assert found.pop("own") == "done"
    assert set(found.values()) <= {"PermissionError", "ModuleNotFoundError", "ConnectionRefusedError", "OSError"}
    assert mine.stat().st_size > 0


def test_a_day_and_a_type_open_their_files_only(project: Project) -> None:
    opens(project)
    written(event(project, minutes=24 * 60))
    for path in paths(day=datetime.date(2026, 11, 25)) | paths(kind=EventKind.EMAIL_SEND):
        (folder() / path).chmod(0o644)
        (folder() / path).write_bytes(b"not to be read")

    query = f"SELECT count(*) FROM email_open WHERE day = '{NOW:%Y-%m-%d}'"

    assert run(project, query).rows == [[3]]
