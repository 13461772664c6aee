"""Opt-outs that waited for the database or that a restored backup lacks, the daily look at senders' domains, outcomes from outside."""

from __future__ import annotations

from celery import shared_task

from core import clock
from messaging.models import SenderDomain
from messaging.services import bounce_mailboxes, domains, notices, opt_out_journal, unsubscribe


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


@shared_task(name="messaging.drain_notices")
def drain_notices() -> None:
    notices.drain(now=clock.now())


@shared_task(name="messaging.tick_mailboxes")
def tick_mailboxes() -> None:
    now = clock.now()
    bounce_mailboxes.ensure_installations(now=now)
    for mailbox_id in bounce_mailboxes.due(now=now):
        check_mailbox.delay(mailbox_id)


@shared_task(name="messaging.check_mailbox")
def check_mailbox(mailbox_id: int) -> None:
    bounce_mailboxes.look(mailbox_id=mailbox_id, clock=clock.now)
