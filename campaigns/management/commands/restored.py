"""``manage.py restored``: campaigns that are held since a backup was restored, and what becomes of them.

Without an action: lists them. ``leave-out CAMPAIGN … | --all``: go on without those who may have got it already; they end as UNKNOWN.
``send-again CAMPAIGN … | --all``: go on as the backup stood; whoever got it after the backup gets it twice.
``declare --since TIME``: say that the database is a copy from that time, where nothing shows it (all files of the server were copied).
"""

from __future__ import annotations

import datetime
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime

from campaigns import queries
from campaigns.models import Campaign
from campaigns.services import restored, restoring
from core import clock
from core.errors import Refusal

_DEEDS = {"leave-out": restored.leave_out, "send-again": restored.send_again}


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", nargs="?", choices=["list", *_DEEDS, "declare"], default="list")
        parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", help="ids of campaigns, as the list shows them")
        parser.add_argument("--all", action="store_true", help="every campaign that is held")
        parser.add_argument("--since", help="with declare: when the copy was made, like 2026-11-26T03:00+09:00")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "declare":
            self._declare(options["since"])
            return
        restoring.hold_if_restored(now=clock.now())
        held = (
            Campaign.objects.filter(restored_from__isnull=False).exclude(state="DELETED").select_related("project").order_by("pk")
        )
        if options["action"] == "list":
            for campaign in held:
                self.stdout.write(_line(campaign))
            self.stdout.write(f"{len(held)} campaigns wait for a choice: manage.py restored leave-out | send-again")
            return
        self._decide(options["action"], held, set(options["campaigns"]), is_all=options["all"])

    def _declare(self, since: str | None) -> None:
        at = parse_datetime(since or "")
        if at is None or at.tzinfo is None or at > clock.now():
            raise CommandError("Say when the copy was made, with its zone: --since 2026-11-26T03:00+09:00")
        count = restoring.hold_everything(since=at.astimezone(datetime.UTC), actor=None, now=clock.now())
        self.stdout.write(f"{count} campaigns are held: manage.py restored")

    def _decide(self, action: str, held: Any, ids: set[str], *, is_all: bool) -> None:
        chosen = [one for one in held if is_all or one.public_id in ids]
        unknown = ids - {one.public_id for one in chosen}
        if unknown or not (ids or is_all):
            raise CommandError(f"No campaign {', '.join(sorted(unknown)) or 'was named'}: name some of the list, or --all.")
        for campaign in chosen:
            try:
                _DEEDS[action](campaign=campaign, actor=None, now=clock.now())
            except Refusal as refusal:
                raise CommandError(f"{campaign.public_id}: {refusal.message}") from refusal
            self.stdout.write(f"{campaign.public_id} {campaign.name}: {campaign.state}")


def _line(campaign: Campaign) -> str:
    doubt = queries.in_doubt(campaign=campaign)
    assert doubt is not None  # held ones only
    said = f"{campaign.public_id} {campaign.project.name}: {campaign.name}; backup of {doubt.since:%Y-%m-%d %H:%M:%S} UTC"
    said += f"; {doubt.people} people may have got it since"
    if doubt.is_freezing:
        said += "; a run had begun of which nobody knows whom it went to"
    if doubt.missed_at is not None:
        said += f"; the run of {doubt.missed_at:%Y-%m-%d %H:%M} UTC came due since"
    return said
