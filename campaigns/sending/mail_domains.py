"""Where the mails of a small batch go."""

from __future__ import annotations

from collections.abc import Collection

from analytics.services.mail_domains import numbers_of
from endpoints.queries import EndpointRow


def of(project_id: int, rows: Collection[EndpointRow]) -> dict[int, int]:
    """Endpoint → the number of its address's domain. An e-mail address's key is in lower case."""
    names = [row.address_key[row.address_key.rfind("@") + 1 :] for row in rows]
    numbers = numbers_of(project_id=project_id, names=names)
    return {row.id: numbers[name] for row, name in zip(rows, names, strict=True)}
