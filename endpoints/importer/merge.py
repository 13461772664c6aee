"""A folded piece into the tables: COPY into staging, then set-based insert, merge and skip-unchanged."""

from __future__ import annotations

import datetime
import io
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from core.audience import Audience
from core.sql import id_set
from endpoints.importer import rules
from endpoints.importer.fold import Folded
from endpoints.importer.rows import Row

_STAGE_USERS = """
    CREATE TEMP TABLE IF NOT EXISTS user_stage (user_id text, attributes jsonb, reached boolean) ON COMMIT DELETE ROWS;
    TRUNCATE user_stage
"""
_STAGE_ENDPOINTS = """
    CREATE TEMP TABLE IF NOT EXISTS endpoint_stage (
        endpoint_key text, endpoint_id text, channel_type text, address text, address_key text, opt_out text, user_id text,
        request_id text, attributes jsonb, metrics jsonb, demographic jsonb, location jsonb, cohort_id smallint, line bigint
    ) ON COMMIT DELETE ROWS;
    TRUNCATE endpoint_stage
"""
# In sorted order, so that two writers of the same users can't deadlock.
_UPSERT_USERS = """
    INSERT INTO endpoints_endpointuser AS u (project_id, user_id, attributes, created_at, updated_at)
    SELECT %(project)s, user_id, attributes, %(now)s, %(now)s FROM user_stage ORDER BY user_id
    ON CONFLICT (project_id, user_id) DO UPDATE
       SET attributes = u.attributes || excluded.attributes, updated_at = excluded.updated_at
     WHERE u.attributes IS DISTINCT FROM u.attributes || excluded.attributes
"""
_INSERT = """
    WITH made AS (
        INSERT INTO endpoints_endpoint
               (project_id, endpoint_id, endpoint_key, channel_type, address, address_key, opt_out, status, user_id, attributes,
                metrics, demographic, location, cohort_id, request_id, effective_at, created_at, updated_at)
        SELECT %(project)s, s.endpoint_id, s.endpoint_key, s.channel_type, s.address, s.address_key, coalesce(s.opt_out, 'NONE'),
               'ACTIVE', u.id, s.attributes, s.metrics, s.demographic, s.location, s.cohort_id, coalesce(s.request_id, ''),
               %(now)s, %(now)s, %(now)s
          FROM endpoint_stage s
          LEFT JOIN endpoints_endpointuser u ON u.project_id = %(project)s AND u.user_id = s.user_id
         WHERE NOT EXISTS (
               SELECT 1 FROM endpoints_endpoint e WHERE e.project_id = %(project)s AND e.endpoint_key = s.endpoint_key)
         ORDER BY s.line
        ON CONFLICT (project_id, endpoint_key) DO NOTHING
        RETURNING id, opt_out
    ), entry AS (
        INSERT INTO endpoints_optoutentry (project_id, endpoint_id, opt_out, source, at)
        SELECT %(project)s, id, 'ALL', 'IMPORT', %(now)s FROM made WHERE opt_out = 'ALL'
    )
    SELECT id FROM made
"""
# A file may opt somebody out, and may take back what a file said; it may not take back what the person (or a colleague) said.
_MERGED = """
    CREATE TEMP TABLE IF NOT EXISTS endpoint_merged (
        id bigint, channel_type text, address text, address_key text, opt_out text, kept boolean, user_pk bigint, request_id text,
        attributes jsonb, metrics jsonb, demographic jsonb, location jsonb
    ) ON COMMIT DELETE ROWS;
    TRUNCATE endpoint_merged;
    INSERT INTO endpoint_merged
    SELECT e.id, s.channel_type, s.address, s.address_key,
           CASE WHEN kept.is THEN 'ALL' ELSE coalesce(s.opt_out, e.opt_out) END, kept.is,
           coalesce(u.id, e.user_id), coalesce(s.request_id, e.request_id),
           e.attributes || s.attributes, e.metrics || s.metrics, e.demographic || s.demographic, e.location || s.location
      FROM endpoint_stage s
      JOIN endpoints_endpoint e ON e.project_id = %(project)s AND e.endpoint_key = s.endpoint_key
      LEFT JOIN endpoints_endpointuser u ON u.project_id = %(project)s AND u.user_id = s.user_id
      CROSS JOIN LATERAL (SELECT s.opt_out = 'NONE' AND e.opt_out = 'ALL' AND EXISTS (
               SELECT 1 FROM endpoints_optoutentry o
                WHERE o.endpoint_id = e.id AND o.opt_out = 'ALL' AND o.source <> 'IMPORT') AS is) kept
     ORDER BY e.id
       FOR UPDATE OF e
"""
_UPDATE = """
    WITH changed AS (
        UPDATE endpoints_endpoint e
           SET channel_type = m.channel_type, address = m.address, address_key = m.address_key, opt_out = m.opt_out,
               status = 'ACTIVE', user_id = m.user_pk, request_id = m.request_id, attributes = m.attributes,
               metrics = m.metrics, demographic = m.demographic, location = m.location,
               effective_at = %(now)s, updated_at = %(now)s
          FROM endpoint_merged m JOIN endpoints_endpoint old ON old.id = m.id
         WHERE e.id = m.id
           AND (e.channel_type, e.address, e.opt_out, e.status, e.user_id, e.attributes, e.metrics, e.demographic, e.location)
               IS DISTINCT FROM
               (m.channel_type, m.address, m.opt_out, 'ACTIVE', m.user_pk, m.attributes, m.metrics, m.demographic, m.location)
        RETURNING e.id, e.opt_out, old.opt_out AS old_opt_out
    ), entry AS (
        INSERT INTO endpoints_optoutentry (project_id, endpoint_id, opt_out, source, at)
        SELECT %(project)s, id, opt_out, 'IMPORT', %(now)s FROM changed WHERE opt_out <> old_opt_out
    )
    SELECT id FROM changed
"""
_ONE_OWNER = """
    UPDATE endpoints_endpoint o SET status = 'INACTIVE', updated_at = %(now)s
      FROM (SELECT channel_type, address_key, (array_agg(endpoint_key ORDER BY line DESC))[1] AS owner
              FROM endpoint_stage WHERE channel_type = ANY(%(channels)s) GROUP BY 1, 2) s
     WHERE o.project_id = %(project)s AND o.channel_type = s.channel_type AND o.address_key = s.address_key
       AND o.endpoint_key <> s.owner AND o.status = 'ACTIVE'
"""
# By arrays, not by joins: with statistics that know nothing of the rows just written a join can take minutes.
_MEMBERS = """
    SELECT id FROM endpoints_endpoint WHERE project_id = %(project)s AND endpoint_key = ANY(%(keys)s)
     UNION
    SELECT id FROM endpoints_endpoint WHERE user_id = ANY(ARRAY(
        SELECT id FROM endpoints_endpointuser WHERE project_id = %(project)s AND user_id = ANY(%(users)s)))
"""
_ANALYSE = "ANALYZE endpoint_stage; ANALYZE user_stage"


@dataclass(frozen=True, slots=True)
class Merged:
    """``members``: the endpoints that the piece names; ``kept_opted_out``: who stays so although the file says otherwise."""

    members: Audience
    created: Audience
    changed: Audience
    kept_opted_out: int


def merge(*, project_id: int, folded: Folded, now: datetime.datetime, keep_before: bool = False) -> Merged:
    """Write a folded piece in the caller's transaction."""
    given: dict[str, Any] = {"project": project_id, "now": now, "channels": sorted(rules.ONE_OWNER_CHANNELS)}
    with connection.cursor() as cursor:
        cursor.execute(_STAGE_USERS)
        cursor.execute(_STAGE_ENDPOINTS)
        cursor.copy_expert("COPY user_stage FROM STDIN", _user_lines(folded))
        cursor.copy_expert("COPY endpoint_stage FROM STDIN", _endpoint_lines(folded.endpoints.items()))
        cursor.execute(_ANALYSE)
        cursor.execute(_UPSERT_USERS, given)
        cursor.execute(_INSERT, given)
        created = Audience(pk for (pk,) in cursor.fetchall())
        changed = Audience()
        kept = 0
        if len(created) < len(folded.endpoints):
            cursor.execute(_MERGED, given)
            cursor.execute("SELECT count(*) FILTER (WHERE kept) FROM endpoint_merged")
            kept = cursor.fetchone()[0]
            cursor.execute("ANALYZE endpoint_merged")
            cursor.execute(_UPDATE, given)
            changed = Audience(pk for (pk,) in cursor.fetchall())
        if any(row.channel in rules.ONE_OWNER_CHANNELS for row in folded.endpoints.values()):
            cursor.execute(_ONE_OWNER, given)
    return Merged(members=members(project_id=project_id, folded=folded), created=created, changed=changed, kept_opted_out=kept)


def members(*, project_id: int, folded: Folded) -> Audience:
    """The stored endpoints that a folded piece names."""
    return id_set(_MEMBERS, {"project": project_id, "keys": list(folded.endpoints), "users": sorted(folded.reached_users)})


def refresh_statistics() -> None:
    """Tell the planner what the tables hold now; autovacuum comes a minute later, a campaign may come at once.

    Takes a sample, a few tenths of a second whatever the size. A table that is being analysed already is left out.
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE (SKIP_LOCKED) endpoints_endpoint, endpoints_endpointuser")


def _user_lines(folded: Folded) -> io.StringIO:
    return io.StringIO(
        "".join(
            f"{_text(user_id)}\t{_json(attributes)}\t{'t' if user_id in folded.reached_users else 'f'}\n"
            for user_id, attributes in folded.users.items()
        )
    )


def _endpoint_lines(rows: Iterable[tuple[str, Row]]) -> io.StringIO:
    lines = []
    for key, row in rows:
        address_key = rules.address_key(row.address, row.channel)
        lines.append(
            f"{_text(key)}\t{_text(row.endpoint_id)}\t{row.channel}\t{_text(row.address)}\t{_text(address_key)}\t"
            f"{row.opt_out or _NULL}\t{_text(row.user_id) or _NULL}\t{_text(row.request_id) or _NULL}\t{_json(row.attributes)}\t"
            f"{_json(row.metrics)}\t{_json(row.demographic)}\t{_json(row.location)}\t{_cohort(key)}\t{row.line}\n"
        )
    return io.StringIO("".join(lines))


def _cohort(key: str) -> int:
    """0 … 99, the same for the same Id, near enough one in a hundred each."""
    return zlib.crc32(key.encode()) % 100


_NULL = r"\N"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _json(value: object) -> str:
    return _encode(value).replace("\\", "\\\\") if value else "{}"


def _text(value: str) -> str:
    if "\\" in value or "\t" in value or "\n" in value or "\r" in value:
        return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return value
