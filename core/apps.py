from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from core import remembering


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        connection_created.connect(_begin)


def _begin(*, connection: Any, **_: Any) -> None:
    """What is prepared (``core.sql.execute_again``) is planned once, whatever the values. One round trip for each connection."""
    is_direct = not connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    with connection.cursor() as cursor:
        cursor.execute(f"SET plan_cache_mode = force_generic_plan; {remembering.WHICH}" if is_direct else remembering.WHICH)
        remembering.connected(cursor.fetchone()[0])
