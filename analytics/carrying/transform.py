"""Code of others that records go through before they are put: a batch in, a batch out, as Firehose asks its Lambda functions.

Whatever it fails to answer about is told apart, so that the stream's setting decides what becomes of it.
"""

from __future__ import annotations

import base64
import binascii
import concurrent.futures
import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from analytics.carrying.parcel import Line, batches
from core import calling

BATCH, _BYTES = 200, 2 << 20  # of a call; a Lambda function takes 6 MB, and base64 makes a third more
_IN_FLIGHT = 4


@dataclass(frozen=True, slots=True)
class Transformed:
    """``lines``: what is left, in its order. ``failed``: how many of them are as they were, ``error`` why."""

    lines: list[Line]
    dropped: int = 0
    failed: int = 0
    error: str = ""


def target_of(text: str) -> calling.Target:
    """A URL, or the name or ARN of a Lambda function."""
    return calling.Target(url=text) if "://" in text else calling.Target(function=text)


def apply(target: calling.Target, lines: Sequence[Line], *, invocation: str) -> Transformed:
    """Ask about all the lines. Never raises for what the other side does."""
    some = enumerate(batches(lines, count=BATCH, size=_BYTES))
    with concurrent.futures.ThreadPoolExecutor(_IN_FLIGHT) as pool:
        found = list(pool.map(lambda one: _asked(target, one[1], f"{invocation}-{one[0]}"), some))
    return Transformed(
        lines=[line for one in found for line in one.lines], dropped=sum(one.dropped for one in found),
        failed=sum(one.failed for one in found), error=next((one.error for one in found if one.error), ""),
    )  # fmt: skip


def _asked(target: calling.Target, lines: Sequence[Line], invocation: str) -> Transformed:
    said = orjson.dumps({"invocationId": invocation, "records": [_record(n, line) for n, line in enumerate(lines)]})
    answers: dict[str, Any] = {}

    def once() -> bytes:
        nonlocal answers
        body = target.call(said)
        answers = _answers(body, len(lines))
        return body

    try:
        calling.attempts(once, wait=time.sleep)
    except calling.CallFailed as silent:
        return Transformed(lines=list(lines), failed=len(lines), error=str(silent))
    kept: list[Line] = []
    dropped = failed = 0
    for number, line in enumerate(lines):
        answer = answers[str(number)]
        if answer["result"] == "Dropped":
            dropped += 1
            continue
        if answer["result"] == "ProcessingFailed":
            failed += 1
            kept.append(line)
            continue
        data = base64.b64decode(answer["data"])
        kept.append(dataclasses.replace(line, data=data if data.endswith(b"\n") else data + b"\n"))
    error = f"it could not process {failed} of {len(lines)} records" if failed else ""
    return Transformed(lines=kept, dropped=dropped, failed=failed, error=error)


def _record(number: int, line: Line) -> dict[str, Any]:
    at = int(line.at.timestamp() * 1_000)
    return {"recordId": str(number), "approximateArrivalTimestamp": at, "data": base64.b64encode(line.data).decode()}


def _answers(body: bytes, count: int) -> dict[str, Any]:
    """What it said of each record. Raises ``CallFailed`` unless that is something of every one."""
    try:
        told = orjson.loads(body)
        found = {str(one["recordId"]): one for one in told["records"]}
        for one in found.values():
            if one["result"] not in ("Ok", "Dropped", "ProcessingFailed"):
                raise ValueError(one["result"])
            if one["result"] == "Ok":
                base64.b64decode(one["data"], validate=True)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise calling.CallFailed("the answer is no list of transformed records", was_sent=True) from error
    if missing := count - sum(str(number) in found for number in range(count)):
        raise calling.CallFailed(f"the answer says nothing of {missing} of {count} records", was_sent=True)
    return found
