"""The FILTER hook of a run: who stays, with what the hook adds. Asked before the intent, fifty at a time, kept while the slice is held.

A crash loses the answers and nothing else: whoever takes the slice over asks again about at most a small batch and the fifty it ends in.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from campaigns.hooks import payload
from campaigns.models import Outcome, Run
from core import calling
from core.calling import Target
from endpoints.queries import EndpointRow, endpoint_rows

_log = logging.getLogger(__name__)


class FilterHook:
    """One worker's hook on one run."""

    def __init__(self, *, run: Run, target: Target, should_stop: Callable[[], bool]) -> None:
        self._run = run
        self._target = target
        self._should_stop = should_stop
        self._answers: dict[int, dict[str, Any] | Outcome] = {}
        self._asked: set[int] = set()

    def make_ready(self, ids: Sequence[int], *, done: int, end: int) -> None:
        """See to it that there is an answer for the positions ``done`` … ``end`` of a slice. Raises ``calling.Stopped``.

        Answers about others are forgotten.
        """
        open_ = set(ids[done:])
        self._answers = {one: answer for one, answer in self._answers.items() if one in open_}
        self._asked &= open_
        at = next((done + place for place, one in enumerate(ids[done:end]) if one not in self._asked), end)
        while at < end:
            chunk = ids[at : at + calling.ENDPOINTS]
            self._ask(chunk)
            at += len(chunk)

    def judged(self, row: EndpointRow) -> EndpointRow | Outcome:
        """The endpoint as the hook gave it back, or how it ends. One that was not asked about ends as a failure of the hook."""
        answer = self._answers.get(row.id, Outcome.HOOK_FAILURE)
        if isinstance(answer, Outcome):
            return answer
        return dataclasses.replace(row, document={**row.document, **answer})

    def _ask(self, chunk: Sequence[int]) -> None:
        rows = [row for row in endpoint_rows(project_id=self._run.project_id, ids=chunk) if row.address and not row.is_opted_out]
        if rows:
            self._answers |= self._answers_of(rows)
        self._asked |= set(chunk)

    def _answers_of(self, rows: Sequence[EndpointRow]) -> dict[int, dict[str, Any] | Outcome]:
        kind = "CustomMessage" if self._run.content.get("Custom") else "EmailMessage"
        own = {"MessageConfiguration": {kind: self._run.content.get("Message", {})}}
        request = payload.request(run=self._run, rows=rows, own=own)
        found: dict[str, dict[str, Any]] = {}

        def once() -> bytes:
            nonlocal found
            body = self._target.call(request)
            try:
                found = payload.answered(body)
            except payload.Undecodable as error:
                raise calling.CallFailed(str(error), was_sent=True) from error
            return body

        try:
            calling.attempts(once, wait=time.sleep, may_go_on=lambda: not self._should_stop())
        except calling.CallFailed as failed:
            _log.warning("run %s: the hook failed for %s endpoints: %s", self._run.public_id, len(rows), failed)
            return {row.id: Outcome.HOOK_FAILURE for row in rows}
        return {row.id: found.get(row.document["Id"], Outcome.HOOK_FILTERED) for row in rows}


def filter_of(*, run: Run, should_stop: Callable[[], bool]) -> FilterHook | None:
    """The hook that was frozen with the run's content, if it has one."""
    target = target_of(run.content.get("Hook"))
    return FilterHook(run=run, target=target, should_stop=should_stop) if target else None


def target_of(hook: dict[str, Any] | None) -> Target | None:
    """What Pinpoint's ``Hook`` member says to call; its mode DELIVERY was never supported."""
    if not hook or hook.get("Mode", "FILTER") != "FILTER":
        return None
    if hook.get("LambdaFunctionName"):
        return Target(function=str(hook["LambdaFunctionName"]))
    return Target(url=str(hook["WebUrl"])) if hook.get("WebUrl") else None
