"""Opt-outs that waited for the database or that a restored backup lacks, and the daily look at senders' domains."""

from __future__ import annotations

from celery import shared_task

from core import clock
from messaging.models import SenderDomain
from messaging.services import domains, opt_out_journal, unsubscribe


@shared_task(name="messaging.tick_opt_outs")
def tick_opt_outs() -> None:
    unsubscribe.drain_spool()
    unsubscribe.replay_after_restore()
    opt_out_journal.drop_old(now=clock.now())


@shared_task(name="messaging.tick_domains")
def tick_domains() -> None:
    for domain_id in domains.claim_due(now=clock.now()):
        check_domain.delay(domain_id)


@shared_task(name="messaging.check_domain")
def check_domain(domain_id: int) -> None:
    domain = SenderDomain.objects.select_related("project").filter(pk=domain_id).first()
    if domain is not None:
        domains.check_domain(domain=domain, now=clock.now())
