"""The channel of a campaign, and whom it reaches: e-mail, or a program of the user's own (Pinpoint's custom channel)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

DATA_LIMIT = 5 * 1024  # bytes of CustomMessage.Data (reference, section 6.1)


class Channel(models.TextChoices):
    EMAIL = "EMAIL", _("E-mail")
    CUSTOM = "CUSTOM", _("Custom: a program of your own is called")


@dataclass(frozen=True, slots=True)
class CustomDelivery:
    """``CustomDeliveryConfiguration`` and ``CustomMessage``: what is called, for which types, the text it brings."""

    uri: str
    types: tuple[str, ...]
    data: str


def custom_of(document: Mapping[str, Any]) -> CustomDelivery:
    """What a campaign's document says of its custom channel, as far as it says it."""
    message = document.get("MessageConfiguration", {}).get("CustomMessage", {})
    return custom_of_parts(document.get("CustomDeliveryConfiguration", {}), message)


def custom_of_parts(configuration: Mapping[str, Any], message: Mapping[str, Any]) -> CustomDelivery:
    types = tuple(str(one) for one in configuration.get("EndpointTypes") or ())
    return CustomDelivery(str(configuration.get("DeliveryUri") or "").strip(), types, str(message.get("Data") or ""))


def channel_of(document: Mapping[str, Any]) -> Channel:
    """A document of the API doesn't say it: it is what its message is for."""
    said = document.get("Pabal", {}).get("Channel")
    if said in Channel.values:
        return Channel(said)
    return Channel.CUSTOM if document.get("MessageConfiguration", {}).get("CustomMessage") else Channel.EMAIL


def is_custom(document: Mapping[str, Any]) -> bool:
    return channel_of(document) is Channel.CUSTOM


def endpoint_types(document: Mapping[str, Any]) -> Sequence[str]:
    """The ``ChannelType`` of the endpoints that it reaches."""
    if not is_custom(document):
        return ("EMAIL",)
    return custom_of(document).types
