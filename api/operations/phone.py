"""Checking a telephone number (reference, section 8.3), by libphonenumber's tables: nobody is asked who carries it now."""

from __future__ import annotations

import phonenumbers
from phonenumbers import PhoneNumberType, carrier, geocoder, timezone

from api.operations.contract import Call, Document, Entry, reads
from api.protocol.errors import BadRequest

TITLE = "Telephone numbers"
_TYPES = {
    PhoneNumberType.MOBILE: ("MOBILE", 0), PhoneNumberType.FIXED_LINE_OR_MOBILE: ("MOBILE", 0),
    PhoneNumberType.FIXED_LINE: ("LANDLINE", 1), PhoneNumberType.VOIP: ("VOIP", 2),
}  # fmt: skip
_INVALID, _OTHER = ("INVALID", 3), ("OTHER", 4)


def phone_number_validate(call: Call) -> Document:
    """Whether a number can be, in its international form, with its type, country and zone."""
    asked = call.params["NumberValidateRequest"]
    text, country = asked.get("PhoneNumber", ""), asked.get("IsoCountryCode", "").upper() or None
    if not text:
        raise BadRequest("PhoneNumber: it is missing.")
    given = {"OriginalPhoneNumber": text, "OriginalCountryCodeIso2": country}
    try:
        number = phonenumbers.parse(text if text.startswith("+") or country else f"+{text}", country)
    except phonenumbers.NumberParseException:
        return {**given, "PhoneType": _INVALID[0], "PhoneTypeCode": _INVALID[1]}
    kind, code = _OTHER
    if not phonenumbers.is_valid_number(number):
        kind, code = _INVALID
    else:
        kind, code = _TYPES.get(phonenumbers.number_type(number), _OTHER)
    region = phonenumbers.region_code_for_number(number)
    country_name = geocoder.country_name_for_number(number, "en")
    place = geocoder.description_for_number(number, "en")  # the country, where nothing more is known
    zones = [zone for zone in timezone.time_zones_for_number(number) if zone != "Etc/Unknown"]
    return {
        **given, "PhoneType": kind, "PhoneTypeCode": code, "CountryCodeIso2": region, "CountryCodeNumeric": str(number.country_code),
        "CleansedPhoneNumberE164": phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
        "CleansedPhoneNumberNational": phonenumbers.national_significant_number(number),
        "Country": country_name or None, "Carrier": carrier.name_for_number(number, "en") or None,
        "City": place if place and place != country_name else None, "Timezone": zones[0] if zones else None,
    }  # fmt: skip


TABLE: dict[str, Entry] = {"PhoneNumberValidate": reads(phone_number_validate)}
