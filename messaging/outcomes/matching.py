"""Whose message a report is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.links import BadToken, read_token
from endpoints.models import Endpoint
from messaging import ports
from messaging.domains.return_path import BadReturnPath, read_return_path
from messaging.outcomes.report import Report, ReportKind
from messaging.suppression import key_of

_MESSAGE_ID = re.compile(r"<?([0-9a-f]{32})\.([0-9]{1,18})@[^<>@\s]+>?")


@dataclass(frozen=True, slots=True)
class Matched:
    """``address``: the endpoint's, if that is where the message bounced; empty when it has another one by now, or is gone.

    Who complains is known by a signature (feedback loops strike the recipient out), so that a complaint always has it.
    """

    report: Report
    run: ports.SentRun
    endpoint_id: int
    address: str


def match(*, reports: Sequence[Report], project_id: int | None) -> list[Matched | None]:
    """In the order of the reports; None for a message that nobody knows, or that is of another project (None: of any)."""
    signed = [_signed(report) for report in reports]
    named = [None if by else _named(report) for report, by in zip(reports, signed, strict=True)]
    ids, public_ids = {by[0] for by in signed if by}, {by[0] for by in named if by}
    runs = [run for found in ports.sent_runs.call(ids, public_ids) for run in found] if ids or public_ids else []
    by_id, by_public_id = {run.run_id: run for run in runs}, {run.public_id: run for run in runs}
    endpoints = {by[1] for by in (*signed, *named) if by}
    rows = Endpoint.objects.filter(pk__in=endpoints).values_list("pk", "project_id", "address", "address_key")
    held = {(pk, owner): (address, key) for pk, owner, address, key in rows}

    def matched(report: Report, by_signature: tuple[int, int] | None, by_name: tuple[str, int] | None) -> Matched | None:
        if by_signature:
            run, endpoint_id = by_id.get(by_signature[0]), by_signature[1]
        elif by_name:
            run, endpoint_id = by_public_id.get(by_name[0]), by_name[1]
        else:
            return None
        if run is None or project_id not in (None, run.project_id):
            return None
        address, key = held.get((endpoint_id, run.project_id), ("", ""))
        is_theirs = bool(key) and key in map(key_of, report.recipients)
        if by_name and not by_signature and not is_theirs and not (report.is_trusted and key):
            return None
        is_known = is_theirs or not report.recipients or (by_signature is not None and report.kind is ReportKind.COMPLAINT)
        return Matched(report, run, endpoint_id, address if is_known else "")

    return [matched(*each) for each in zip(reports, signed, named, strict=True)]


def _signed(report: Report) -> tuple[int, int] | None:
    """(run, endpoint) by a signature of the house."""
    for address in report.paths:
        try:
            found = read_return_path(address if "@" in address else f"{address}@")
        except BadReturnPath:
            continue
        return found.run_id, found.endpoint_id
    for token in report.links:
        try:
            hit = read_token(token)
        except BadToken:
            continue
        if hit.kind == "unsubscribe":
            return hit.context.run_id, hit.endpoint_id
    return None


def _named(report: Report) -> tuple[str, int] | None:
    """(run's public id, endpoint) by the Message-ID."""
    for text in report.message_ids:
        found = _MESSAGE_ID.fullmatch(text.strip())
        if found:
            return found[1], int(found[2])
    return None
