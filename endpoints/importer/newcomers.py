"""The plain lines of a piece that make new endpoints: written by COPY, with their new users, opt-outs and facets."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings

from endpoints import facets
from endpoints.importer import bulk, columnar
from endpoints.importer.columnar import Lines, Mask, Positions
from endpoints.importer.columns import ColumnKind
from endpoints.importer.drafts import Drafts, drafts
from endpoints.importer.prepared import Prepared, is_in
from endpoints.models import EndpointStatus
from endpoints.writing import hashes, rules


@dataclass(slots=True)
class Newcomers:
    """``rows`` are their positions among the plain lines; ``users`` what is stored of their users, in the order of the drafts."""

    project_id: int
    rows: Positions
    lines: Lines
    drafts: Drafts
    users: bulk.StoredUsers


def newcomers(*, project_id: int, prepared: Prepared, is_new: Mask) -> Newcomers:
    """The plain lines that are new. Their drafts were made beforehand if all of them were expected to be."""
    assert prepared.plain is not None
    lines = prepared.plain.where(is_new)
    made = prepared.drafts if prepared.drafts is not None and len(lines) == len(is_new) else drafts(lines)
    users = bulk.stored_users(project_id=project_id, user_ids=made.user_ids)
    return Newcomers(project_id=project_id, rows=np.flatnonzero(is_new), lines=lines, drafts=made, users=users)


def entangled(new: Newcomers, *, others: pa.Array) -> Mask:
    """Which of the new lines can't be written by columns: their user changes, has no room, or stands on one of the other lines
    (``others`` are those lines' users) too."""
    if not len(new.rows):
        return np.zeros(0, dtype=bool)
    who, user_ids = new.drafts.who, new.drafts.user_ids
    takes = _takes_an_address(new)
    found = np.zeros(len(user_ids), dtype=bool)
    found[who[takes]] = True  # their lines are folded, so the user is written there
    if len(others):
        found |= columnar.true(pc.is_in(user_ids, value_set=others))
    counts = np.bincount(who, minlength=len(user_ids))
    found |= (new.users.pks > 0) & (new.users.endpoints + counts > settings.ENDPOINTS_PER_USER)
    for place in np.flatnonzero((new.users.pks > 0) & ~found).tolist():
        stored = new.users.attributes[place] or {}
        found[place] = stored | orjson.loads(new.drafts.user_documents[place].as_py()) != stored
    found &= columnar.true(pc.not_equal(user_ids, ""))
    return found[who] | takes


def _takes_an_address(new: Newcomers) -> Mask:
    """Lines of push tokens and phone numbers that another endpoint has so far."""
    has_one_owner = is_in(new.lines.channels, set(rules.ONE_OWNER_CHANNELS))
    found = np.zeros(len(new.rows), dtype=bool)
    if has_one_owner.any():
        found[has_one_owner] = bulk.holders(project_id=new.project_id, lines=new.lines.where(has_one_owner))[0]
    return found


def insert(new: Newcomers, *, stay: Mask, line_hashes: npt.NDArray[np.uint64], now: datetime.datetime) -> Positions:
    """Write the lines that stay; their ids. ``line_hashes`` are those of all plain lines."""
    if not stay.any():
        return np.zeros(0, dtype=np.int64)
    lines = new.lines.where(stay)
    made = new.drafts.where(stay)
    who = made.who
    users = _users(new, who, now)
    shared, present = bulk.holders(project_id=new.project_id, lines=lines)
    ids = bulk.new_ids("endpoints_endpoint", len(lines))
    given_up = facets.given_up(project_id=new.project_id)
    with bulk.copying(users.rows):
        rows = bulk.endpoint_rows(
            project_id=new.project_id, pks=ids, drafts=made, user_pks=users.pks[who], users_written=users.written[who],
            line_hashes=line_hashes[new.rows[stay]], now=now,
        )  # fmt: skip
    with bulk.copying(rows):
        changes = facets.Changes()
        _index(changes, given_up, lines, ids, has_new_user=users.is_new[who])
        _index_stored_users(changes, new, who, ids)
        if shared.any():
            changes.add(facets.ADDRESS, facets.SHARED, [*present, *ids[shared].tolist()])
    opted_out = ids[columnar.true(pc.equal(lines.opt_outs, "ALL"))]
    bulk.copy(bulk.opt_out_rows(project_id=new.project_id, endpoint_pks=opted_out, now=now))
    changes.record(project_id=new.project_id)
    return ids


@dataclass(slots=True)
class _Users:
    """All users by position: primary keys, moments of their last write, who is new with these lines; ``rows`` are the new ones."""

    pks: Positions
    written: Positions
    is_new: Mask
    rows: bulk.Rows


def _users(new: Newcomers, who: Positions, now: datetime.datetime) -> _Users:
    pks, written = new.users.pks.copy(), new.users.written.copy()
    is_new = np.zeros(len(pks), dtype=bool)
    is_new[who] = True
    is_new &= (pks == 0) & columnar.true(pc.not_equal(new.drafts.user_ids, ""))
    places = np.flatnonzero(is_new)
    pks[places] = bulk.new_ids("endpoints_endpointuser", len(places))
    written[places] = hashes.microseconds(now)
    taken = pa.array(places)
    rows = bulk.user_rows(
        project_id=new.project_id,
        pks=pks[places],
        user_ids=new.drafts.user_ids.take(taken),
        documents=new.drafts.user_documents.take(taken),
        now=now,
    )
    return _Users(pks, written, is_new, rows)


_PREFIX = {ColumnKind.DEMOGRAPHIC: "Demographic.", ColumnKind.LOCATION: "Location."}
_KINDS = {
    ColumnKind.ATTRIBUTE: facets.SubjectKind.ATTRIBUTE,
    ColumnKind.USER_ATTRIBUTE: facets.SubjectKind.USER_ATTRIBUTE,
    ColumnKind.METRIC: facets.SubjectKind.METRIC,
}


def _index(changes: facets.Changes, given_up: set[facets.Subject], lines: Lines, ids: Positions, *, has_new_user: Mask) -> None:
    """What the columns say: ids grouped by value, a column at a time."""
    for one in lines.fields:
        if one.kind == ColumnKind.LOCATION and one.name in ("Latitude", "Longitude"):
            continue
        kind = _KINDS.get(one.kind, facets.SubjectKind.STANDARD)
        subject = facets.Subject(kind, _PREFIX.get(one.kind, "") + one.name)
        if subject in given_up:
            continue
        for texts, rows in columnar.values(one):
            if one.kind == ColumnKind.USER_ATTRIBUTE and not has_new_user.all():
                kept = has_new_user[rows]
                texts, rows = texts.filter(pa.array(kept)), rows[kept]
            _group(changes, subject, texts, ids[rows])
    standard = facets.SubjectKind.STANDARD
    _group(changes, facets.Subject(standard, "Demographic.Channel"), lines.channels, ids)
    opt_outs = pc.if_else(pc.equal(lines.opt_outs, "ALL"), "ALL", "NONE")
    _group(changes, facets.Subject(standard, "OptOut"), opt_outs, ids)
    changes.add(facets.Subject(standard, "EndpointStatus"), str(EndpointStatus.ACTIVE), ids)
    changes.add(facets.EVERYONE, "", ids)
    changes.add(facets.ADDRESS, "set", ids)


def _group(changes: facets.Changes, subject: facets.Subject, texts: pa.Array, ids: Positions) -> None:
    encoded = texts.dictionary_encode()
    if len(encoded.dictionary) > settings.FACET_VALUES_LIMIT:
        changes.give_up(subject)
        return
    places = encoded.indices.to_numpy()
    in_order = ids[np.argsort(places, kind="stable")]
    ends = np.cumsum(np.bincount(places, minlength=len(encoded.dictionary))).tolist()
    begin = 0
    for value, end in zip(encoded.dictionary.to_pylist(), ends, strict=True):
        changes.add(subject, value, in_order[begin:end])
        begin = end


def _index_stored_users(changes: facets.Changes, new: Newcomers, who: Positions, ids: Positions) -> None:
    """Users who were stored before may have more attributes than their lines say."""
    for row in np.flatnonzero((new.users.pks > 0)[who]).tolist():
        attributes = new.users.attributes[who[row]] or {}
        for subject, value in facets.values_of(user_attributes=attributes):
            changes.add(subject, value, [int(ids[row])])
