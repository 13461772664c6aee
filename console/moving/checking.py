"""What an import would say of a line, for a run that writes nothing."""

from __future__ import annotations

from endpoints.importer import refusals, rows
from endpoints.writing import rules
from endpoints.writing.documents import Refused
from endpoints.writing.refusals import ItemRefused


def check(raw: bytes, *, number: int) -> tuple[str, str] | None:
    """The member and the reason of a refusal; None for a line that would be taken as a new endpoint."""
    try:
        line = next(iter(rows.read_json([raw.decode()], first_line=number)))
        if isinstance(line, Refused):
            return line.column, refusals.sentence(line.code, line.params)
        if not line.channel:
            raise ItemRefused("channel_missing", "ChannelType")
        if not line.address:
            raise ItemRefused("address_missing", "Address")
        rules.check_address(line.address, line.channel)
    except ItemRefused as refusal:
        return refusal.column, str(refusal.message)
    return None
