"""Every reason for which one endpoint's fields are not taken: a code, parameters, and a sentence in both languages."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import Refusal

SENTENCES: dict[str, Any] = {
    "columns": _("The line has %(found)s of %(expected)s columns."),
    "stray_quote": _("A quotation mark stands where none may. Write it doubled, inside quotation marks."),
    "line_break": _("A value holds a line break. Pinpoint's format does not allow it."),
    "nul": _("The line holds a NUL character."),
    "too_big": _("The line is larger than 15 KB, the limit of one endpoint."),
    "json_syntax": _("The line is not JSON: see its character %(place)s."),
    "json": _("The line is not a JSON object: %(reason)s."),
    "json_member": _("“%(member)s” is not a member of an endpoint. Did you mean “%(nearest)s”?"),
    "json_member_alone": _("“%(member)s” is not a member of an endpoint."),
    "json_type": _("“%(member)s” must be %(expected)s."),
    "id": _("An Id must not contain $, { or }."),
    "id_missing": _("An endpoint needs an Id."),
    "id_long": _("An Id has 512 characters at most."),
    "address_missing": _("A new endpoint needs an Address."),
    "address_email": _("“%(value)s” is not an e-mail address (name@example.com, nothing else)."),
    "address_phone": _("“%(value)s” is not a telephone number in E.164 form (+821012345678)."),
    "address_long": _("An address has 1,024 characters at most."),
    "channel_missing": _("A new endpoint needs a ChannelType."),
    "channel": _("“%(value)s” is not a channel type."),
    "opt_out": _("OptOut is ALL or NONE, not “%(value)s”."),
    "country": _("“%(value)s” is not a country code of two letters (ISO 3166-1, such as KR)."),
    "latitude": _("A latitude is a number between -90 and 90, not “%(value)s”."),
    "longitude": _("A longitude is a number between -180 and 180, not “%(value)s”."),
    "metric": _("A metric is a number, not “%(value)s”."),
    "value_long": _("A value has 100 characters at most; this one has %(length)s."),
    "values_many": _("An attribute has 50 values at most; this one has %(count)s."),
    "name_long": _("An attribute name has 50 characters at most."),
    "text_long": _("The value has %(length)s characters; 100 is the limit."),
    "user_long": _("A UserId has 512 characters at most."),
    "user_unknown": _("The user “%(value)s” has no endpoint yet, so there is nobody to reach."),
    "user_full": _("The user “%(value)s” has %(limit)s endpoints already, the limit of one user."),
    "names_full": _("The project would have more attribute names than it may; %(limit)s is the limit."),
    "endpoint_unknown": _("There is no such endpoint, and this import registers none."),
    "erased": _("The line was erased with its person."),
    "not_of_pages": _(
        "A web page may not say “%(member)s” of an endpoint; Attributes, Metrics, Demographic and Location it may."
    ),
    "user_missing": _("“Identity” needs a UserId."),
    "signature_missing": _("The project takes users with a signature of its own server only."),
    "signature_wrong": _("The signature is not that of this user (and e-mail address) by the key's secret."),
    "signature_for_more": _(
        "User attributes and an e-mail address are taken with a signature only; the user is taken without them."
    ),
    "key_missing": _("The line has neither Id nor Address nor User.UserId."),
}


class ItemRefused(Refusal):
    """A line of a file or an item of a request that is not taken. ``column`` is the header's name, the member's path, or empty."""

    def __init__(self, code: str, column: str = "", **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.column = column
        self.params = params

    @property
    def message(self) -> str:
        return str(SENTENCES[self.code]) % self.params
