"""``manage.py run_mailbox``: the built-in mailbox's SMTP server on MAILBOX_HOST:MAILBOX_PORT."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from messaging.mailbox.server import serve
from messaging.mailbox.store import Store


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        store = Store()
        store.prune()
        try:
            asyncio.run(_serve(store))
        except OSError as error:
            raise CommandError(f"The mailbox can't listen on {settings.MAILBOX_HOST}:{settings.MAILBOX_PORT}: {error}") from None
        finally:
            store.close()


async def _serve(store: Store) -> None:
    task = asyncio.ensure_future(serve(host=settings.MAILBOX_HOST, port=settings.MAILBOX_PORT, store=store))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return
