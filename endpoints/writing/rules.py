"""What a value may be (reference, sections 2 and 3). Each function gives back the value to store, or raises ``ItemRefused``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from endpoints.models import ChannelType
from endpoints.writing.refusals import ItemRefused

NAME_LIMIT = 50  # characters of an attribute name
VALUE_LIMIT = 100  # characters of an attribute value
VALUES_LIMIT = 50  # values of an attribute
DEMOGRAPHIC = ("AppVersion", "Locale", "Make", "Model", "ModelVersion", "Platform", "PlatformVersion", "Timezone")
LOCATION = ("City", "Country", "Latitude", "Longitude", "PostalCode", "Region")
ENDPOINT_BYTES = 15 * 1024
CHANNELS = frozenset(ChannelType.values)
PHONE_CHANNELS = frozenset({ChannelType.SMS, ChannelType.VOICE})
# An address of these belongs to one device or person at a time: the endpoint updated last keeps it.
ONE_OWNER_CHANNELS = frozenset(CHANNELS - {ChannelType.EMAIL, ChannelType.CUSTOM, ChannelType.IN_APP})
# Push tokens go stale by themselves: the oldest of a user's makes room for a new one (reference, section 2).
STALE_CHANNELS = frozenset(
    {
        ChannelType.ADM, ChannelType.GCM, ChannelType.APNS, ChannelType.APNS_SANDBOX, ChannelType.APNS_VOIP,
        ChannelType.APNS_VOIP_SANDBOX, ChannelType.BAIDU,
    }
)  # fmt: skip
# Visitors of web pages (endpoints.collecting): they take none of a user's seats, and the oldest steps aside when he has many.
VISITOR_PREFIX = "web-"
VISITORS_PER_USER = 10

_EMAIL = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[^\W_](?:[^\W_]|-){0,62}(?<!-)\.)+[^\W\d_](?:[^\W_]|-){0,62}(?<!-)\Z"
)
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}\Z")
_ISO_3166 = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD
CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF
GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN
KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI
SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI
VN VU WF WS YE YT ZA ZM ZW
"""
_COUNTRIES = frozenset(_ISO_3166.split())


def check_id(value: str, column: str) -> str:
    if "$" in value or "{" in value or "}" in value:
        raise ItemRefused("id", column)
    if len(value) > 512:
        raise ItemRefused("id_long", column)
    return value


def check_user_id(value: str, column: str) -> str:
    if len(value) > 512:
        raise ItemRefused("user_long", column)
    return value


def check_channel(value: str, column: str) -> str:
    if value not in CHANNELS:
        raise ItemRefused("channel", column, value=value)
    return value


def check_opt_out(value: str, column: str) -> str:
    if value not in ("ALL", "NONE"):
        raise ItemRefused("opt_out", column, value=value)
    return value


def check_address(value: str, channel: str) -> str:
    """An address fits its channel: a bare addr-spec, E.164, or any token."""
    if channel == ChannelType.EMAIL:
        if not _EMAIL.match(value):
            raise ItemRefused("address_email", "Address", value=value[:200])
    elif channel in PHONE_CHANNELS:
        if not _PHONE.match(value):
            raise ItemRefused("address_phone", "Address", value=value[:200])
    elif len(value) > 1024:
        raise ItemRefused("address_long", "Address")
    return value


def address_key(address: str, channel: str) -> str:
    """What tells two addresses apart: e-mail without regard to case."""
    return address.lower() if channel == ChannelType.EMAIL else address


def check_text(value: str, column: str) -> str:
    if len(value) > VALUE_LIMIT:
        raise ItemRefused("text_long", column, length=len(value))
    return value


def check_attribute(value: str, column: str) -> str:
    if len(value) > VALUE_LIMIT:
        raise ItemRefused("value_long", column, length=len(value))
    return value


def check_counts(attributes: Mapping[str, Sequence[str]], user_attributes: Mapping[str, Sequence[str]]) -> None:
    for column, some in (("Attributes", attributes), ("User.UserAttributes", user_attributes)):
        for name, values in some.items():
            if len(values) > VALUES_LIMIT:
                raise ItemRefused("values_many", f"{column}.{name}", count=len(values))


def check_metric(value: object, column: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]  # what is no number is refused
    except (TypeError, ValueError):
        raise ItemRefused("metric", column, value=str(value)[:100]) from None
    if not math.isfinite(number) or isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ItemRefused("metric", column, value=str(value)[:100])
    return number


def check_location(name: str, value: object, column: str) -> object:
    if name == "Country":
        if value not in _COUNTRIES:
            raise ItemRefused("country", column, value=str(value)[:100])
        return value
    if name in ("Latitude", "Longitude"):
        limit = 90 if name == "Latitude" else 180
        try:
            degrees = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            degrees = math.nan
        if not -limit <= degrees <= limit:
            raise ItemRefused(name.lower(), column, value=str(value)[:100])
        return round(degrees, 1)  # as Pinpoint keeps it
    return check_text(str(value), column)
