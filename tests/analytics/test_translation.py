"""SQL for Athena: what is asked here means the same there, and nobody's events but one project's can be named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from analytics.lake import sql as lake
from analytics.lake.translation import NotTranslated, to_athena
from analytics.models import EventKind, HitClass
from projects.models import Project
from tests.analytics.lake import event, folder, written
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

APP = "0" * 32
SAME = [
    "SELECT event_type, count(*) AS n, count(DISTINCT endpoint_id) AS people FROM all_events GROUP BY ALL ORDER BY n DESC, 1",
    "SELECT * EXCLUDE (attributes) FROM email_click ORDER BY position LIMIT 3",
    "SELECT attributes['page'] AS page, sum(metrics['price']) AS spent FROM all_events WHERE day >= '2026-11-01' GROUP BY ALL ORDER BY 1",
    "WITH each AS (SELECT client_id, count(*) AS n FROM email_open GROUP BY ALL) SELECT n / 2 AS a, n // 2 AS b FROM each ORDER BY 1",
    "SELECT strftime(arrival_timestamp, '%Y-%m-%d') AS d, hour(arrival_timestamp) AS h FROM all_events GROUP BY ALL ORDER BY ALL",
    "SELECT k, count(*) AS n FROM all_events CROSS JOIN UNNEST(map_keys(attributes)) AS t(k) GROUP BY k ORDER BY k",
    "SELECT a.client_id FROM email_open a SEMI JOIN email_click b ON a.client_id = b.client_id ORDER BY 1",
    "SELECT event_type FROM all_events UNION SELECT feedback FROM email_open ORDER BY 1",
    "SELECT client_id, link FROM all_events QUALIFY row_number() OVER (PARTITION BY client_id ORDER BY position DESC) = 1 ORDER BY 1",
    "SELECT count(*) FILTER (hit_class = 'person') AS people FROM all_events",
    "SELECT count(*) AS n FROM all_events WHERE event_type = $type AND endpoint_id > $least",
]
REFUSED = [
    "DELETE FROM all_events", "SELECT 1; DROP TABLE all_events", "INSERT INTO all_events SELECT * FROM all_events",
    "CREATE TABLE x AS SELECT 1", "UNLOAD (SELECT 1) TO 's3://elsewhere/'", "SELECT * FROM other.all_events",
    'SELECT * FROM "pabal"."all_events"', 'SELECT * FROM awsdatacatalog.pabal.all_events', "SELECT * FROM information_schema.tables",
    "SELECT * FROM read_parquet('s3://elsewhere/*')", "SELECT * FROM 's3://elsewhere/x.parquet'", "SELECT * FROM secret_table",
    "SELECT (SELECT count(*) FROM secret_table) FROM all_events", "SELECT * FROM (WITH x AS (SELECT 1 AS a) SELECT * FROM x) t, x",
    "WITH all_events AS (SELECT 1 AS a) SELECT * FROM all_events", "WITH email_open AS (SELECT 1 AS a) SELECT * FROM email_open",
    "SELECT * FROM TABLE(system.query('x'))", "SELECT 1 FROM email_open, LATERAL (SELECT * FROM y) z", "SELECT nothing FROM all_events",
    "SELECT link FROM email_click PIVOT (count(*) FOR hit_class IN ('person'))", "SELECT unnest(map_keys(attributes)) FROM all_events",
    "ATTACH 'x.db'", "COPY all_events TO 's3://elsewhere/'", "SELECT $nothing", "SELECT", "", "'", "WITH x AS (SELECT 1) DELETE FROM y",
    "SHOW TABLES", "EXPLAIN SELECT 1", "SELECT * FROM all_events JOIN LATERAL (SELECT * FROM all_events_of_others) x ON true",
]  # fmt: skip


@pytest.fixture
def project(settings: Any, tmp_path: Path) -> Project:
    settings.LAKE_URL = str(tmp_path / "lake")
    project = make_project()
    for of in (project, make_project()):
        for number in range(1, 4):
            endpoint = make_endpoint(project=of)
            kinds = [EventKind.EMAIL_SEND, EventKind.EMAIL_OPEN, *([EventKind.EMAIL_CLICK] if number > 1 else [])]
            bought = {"attributes": {"page": f"p{number % 2}"}, "metrics": {"price": 1.5 * number}}
            written(
                *(event(of, kind=kind, endpoint_id=endpoint.pk, minutes=number, hit_class=HitClass.PERSON) for kind in kinds),
                event(of, kind=EventKind.MONETIZATION_PURCHASE, endpoint_id=endpoint.pk, minutes=number * 70, data=bought),
            )
    return project


@pytest.mark.django_db(transaction=True)
def test_the_same_rows_come_out_of_it(project: Project) -> None:
    """What Athena would be told, told to DuckDB, which has everybody's files in the place of Glue's table."""
    there = duckdb.connect()
    there.execute("CREATE SCHEMA pabal")
    files = "hive_partitioning = true, hive_types = {'project': VARCHAR, 'type': VARCHAR, 'day': DATE}"
    there.execute(f"CREATE VIEW pabal.all_events AS SELECT * FROM read_parquet('{folder()}/**/*.parquet', {files})")
    values: dict[str, Any] = {"type": "_email.open", "least": 0}
    for query in SAME:
        used = {name: value for name, value in values.items() if f"${name}" in query}
        translated = to_athena(sql=query, parameters=used, app_id=project.public_id, database="pabal")
        back = sqlglot.transpile(translated, read="athena", write="duckdb")[0]
        found = there.execute(back).fetchall()
        asked = re.sub(r"\$(\w+)", r":\1", query)
        given = {name: str(value) for name, value in used.items()}
        expected = lake.run(project_id=project.pk, sql=asked, parameters=given).rows
        assert [[_plain(cell) for cell in row] for row in found] == expected, translated
        assert expected


def _plain(cell: Any) -> Any:
    return cell if cell is None or isinstance(cell, int | float | str) else str(cell)


@pytest.mark.parametrize("query", REFUSED)
def test_what_names_other_tables_or_is_no_select_is_refused(query: str) -> None:
    with pytest.raises(NotTranslated) as refused:
        to_athena(sql=query, parameters={}, app_id=APP, database="pabal")
    assert refused.value.message


def test_values_stay_values() -> None:
    text = to_athena(
        sql="SELECT link FROM email_click WHERE link = $link AND position > $n",
        parameters={"link": "' OR project <> '' --", "n": 3}, app_id=APP, database="pabal",
    )  # fmt: skip

    assert "email_click.link = ''' OR project <> '''' --'" in text
    assert "position > 3" in text


def test_a_key_that_a_map_has_not_is_null_there_as_here() -> None:
    text = to_athena(sql="SELECT median(metrics['price']) FROM all_events", parameters={}, app_id=APP, database="pabal")

    assert "APPROX_PERCENTILE(ELEMENT_AT(all_events.metrics, 'price'), 0.5)" in text
    assert f"FROM pabal.all_events WHERE project = '{APP}'" in text
