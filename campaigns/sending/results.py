"""What became of a small batch: an outcome for each id, or another try, and the events that tell it."""

from __future__ import annotations

import collections
import datetime
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from analytics.events import EventBlock, EventRow
from analytics.models import EventKind, SourceKind
from analytics.services import details
from analytics.services.mail_domains import RARE
from campaigns.models import Outcome, Run
from messaging.delivery import Delivery, DeliveryStatus
from messaging.delivery.refusals import RefusalClass, classify

_OF_A_SUCCESS = (EventKind.EMAIL_SEND, EventKind.EMAIL_DELIVERED)  # a 250 over SMTP is both
_OUTCOMES = {
    DeliveryStatus.SUCCESS: Outcome.SUCCESS,
    DeliveryStatus.FAILURE_PERMANENT: Outcome.FAILURE_PERMANENT,
    DeliveryStatus.FAILED: Outcome.CUSTOM_DELIVERY_FAILURE,
    DeliveryStatus.UNKNOWN: Outcome.UNKNOWN,
}
_REFUSED = frozenset({Outcome.FAILURE_PERMANENT, Outcome.TRANSIENT_FAILURE})


@dataclass(slots=True)
class Results:
    """``outcomes`` and ``deferred`` together are the ids of the batch. ``domains``: of mails, the number of where each goes."""

    domains: Mapping[int, int] = field(default_factory=dict)
    outcomes: dict[str, list[int]] = field(default_factory=lambda: collections.defaultdict(list))
    deferred: list[int] = field(default_factory=list)
    _told: list[tuple[Delivery, Outcome]] = field(default_factory=list)  # what a server said of those whom it did not take

    def add(self, outcome: Outcome, ids: Iterable[int]) -> None:
        self.outcomes[outcome.value].extend(ids)

    def take(self, delivery: Delivery, *, may_retry: bool) -> None:
        """How an attempt ended. ``may_retry``: a refusal for now is tried again."""
        if delivery.status is DeliveryStatus.DEFERRED and may_retry:
            self.deferred.append(delivery.endpoint_id)
            return
        outcome = _OUTCOMES.get(delivery.status, Outcome.TRANSIENT_FAILURE)
        self.outcomes[outcome.value].append(delivery.endpoint_id)
        if outcome is not Outcome.SUCCESS and delivery.reply:
            self._told.append((delivery, outcome))

    @property
    def bounced(self) -> list[int]:
        """Those of whom the server said, in words or by an enhanced code, that there is no such mailbox.

        A bare 550 is not enough to never write to anybody again: a relay that is set up wrongly says it to all.
        """
        return [
            delivery.endpoint_id
            for delivery, outcome in self._told
            if outcome is Outcome.FAILURE_PERMANENT and classify(code="", reply=_words(delivery)) is RefusalClass.HARD
        ]

    def refusals(self) -> dict[str, int]:
        """How many were refused for a reason of each kind."""
        return collections.Counter(
            classify(code=delivery.code, reply=delivery.reply).value for delivery, outcome in self._told if outcome in _REFUSED
        )

    def deferred_by_domain(self, *, run: Run, now: datetime.datetime) -> details.Found:
        """Where the mails of those were to go who are tried again."""
        domains = [self.domains[one] for one in self.deferred if one in self.domains]
        if not domains:
            return {}
        return details.deferred(
            project_id=run.project_id, source_kind=SourceKind.CAMPAIGN, source_id=run.campaign_id, domains=domains, now=now
        )

    def events(self, *, run: Run, now: datetime.datetime) -> tuple[list[EventRow], list[EventBlock]]:
        """A campaign's send for each outcome, and what it means for the mail, if it is one."""
        common: dict[str, Any] = {
            "occurred_at": now, "project_id": run.project_id, "source_kind": SourceKind.CAMPAIGN, "source_id": run.campaign_id,
            "run_id": run.pk, "treatment": run.treatment,
        }  # fmt: skip
        rows: list[EventRow] = []
        blocks: list[EventBlock] = []
        channel = {"channel": "CUSTOM"} if run.content.get("Custom") else {}
        for delivery, outcome in self._told:
            reply = {"code": delivery.code, "reply": delivery.reply}
            if outcome in _REFUSED:
                reply["class"] = classify(code=delivery.code, reply=delivery.reply).value
            one = common | {"endpoint_id": delivery.endpoint_id}
            status = {"status": outcome.value} | channel
            rows.append(EventRow(id=uuid.uuid4(), kind=EventKind.CAMPAIGN_SEND, data=status | reply, **one))
            if outcome in _REFUSED and not channel:  # a mail that was sent and bounced; a program's answers are no bounces
                is_hard = outcome is Outcome.FAILURE_PERMANENT and reply["class"] == RefusalClass.HARD
                kind = EventKind.EMAIL_HARDBOUNCE if is_hard else EventKind.EMAIL_SOFTBOUNCE
                bounce = {"bounce_type": "Permanent" if is_hard else "Transient"}
                one["domain"] = self.domains.get(delivery.endpoint_id)
                rows.append(EventRow(id=uuid.uuid4(), kind=EventKind.EMAIL_SEND, **one))
                rows.append(EventRow(id=uuid.uuid4(), kind=kind, data=bounce | reply, **one))
        told = {delivery.endpoint_id for delivery, _outcome in self._told}
        for name, ids in self.outcomes.items():
            left = [one for one in ids if one not in told] if told else ids
            if left:
                status = {"status": name} | channel
                blocks.append(EventBlock(endpoint_ids=left, kind=EventKind.CAMPAIGN_SEND, data=status, **common))
                if name == Outcome.SUCCESS and not channel:
                    domains = [self.domains.get(one, RARE) for one in left] if self.domains else None
                    blocks += [EventBlock(endpoint_ids=left, kind=kind, domains=domains, **common) for kind in _OF_A_SUCCESS]
        return rows, blocks


def _words(delivery: Delivery) -> str:
    return delivery.reply.removeprefix(delivery.code).strip() if delivery.code else delivery.reply
