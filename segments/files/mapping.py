"""What each column of a file is: chosen by a marketer, guessed from the names, kept as JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from endpoints.importer.columns import parse_header
from endpoints.importer.refusals import FileRefused
from endpoints.models import ChannelType
from endpoints.writing.rules import DEMOGRAPHIC, LOCATION, NAME_LIMIT

CUSTOM = ("Attributes.", "User.UserAttributes.", "Metrics.")
FIXED = (
    "Id", "Address", "ChannelType", "OptOut", "User.UserId", "RequestId",
    *(f"Location.{name}" for name in LOCATION), *(f"Demographic.{name}" for name in DEMOGRAPHIC),
)  # fmt: skip

# Names as they stand in files of Korean and other shops, in lower case and without spaces, dots, dashes and underscores.
_GUESSES = {
    "Id": "id endpointid 아이디 엔드포인트 엔드포인트id",
    "Address": "address email emailaddress mail e메일 이메일 이메일주소 메일 메일주소 전자우편 phone phonenumber mobile tel "
    "전화 전화번호 휴대폰 휴대폰번호 휴대전화 휴대전화번호 핸드폰 핸드폰번호 연락처 주소값",
    "ChannelType": "channel channeltype 채널 채널유형",
    "OptOut": "optout 수신거부 수신거부여부",
    "User.UserId": "userid memberid memberno customerid customerno mbrno 회원번호 회원id 고객번호 고객id 사번 사용자id 사용자번호",
    "Location.City": "city 도시 시군구",
    "Location.Country": "country countrycode 국가 국가코드",
    "Location.Region": "region state province 지역 시도",
    "Location.PostalCode": "postalcode zip zipcode 우편번호",
    "Location.Latitude": "latitude lat 위도",
    "Location.Longitude": "longitude lng lon 경도",
    "Demographic.Platform": "platform os 플랫폼",
    "Demographic.AppVersion": "appversion 앱버전",
    "Demographic.Locale": "locale language 언어",
    "Demographic.Timezone": "timezone 시간대",
}
_TARGETS = {name: target for target, names in _GUESSES.items() for name in names.split()}
_PHONES = re.compile("phone|mobile|tel|전화|휴대|핸드폰")
_NOISE = re.compile(r"[\s._\-()/]+")
_FORBIDDEN = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Mapping:
    """``columns``: a column's name in the file → Pinpoint's (empty: left out). ``channel_type``: of every line, where no column says it."""

    columns: dict[str, str] = field(default_factory=dict)
    channel_type: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"columns": self.columns, "channel_type": self.channel_type}

    @classmethod
    def from_json(cls, stored: dict[str, Any] | None) -> Mapping | None:
        return None if stored is None else cls(columns=stored["columns"], channel_type=stored["channel_type"])

    def targets(self, names: Sequence[str]) -> list[str]:
        """What each column of a header is; a column that is not known is left out."""
        return [self.columns.get(name, "") for name in names]

    def check(self, names: Sequence[str]) -> None:
        """Raises ``FileRefused`` when the columns make no header that may be imported."""
        parse_header(",".join(f'"{target}"' for target in self.header(names)))

    def header(self, names: Sequence[str]) -> list[str]:
        """The header of the copy."""
        taken = [target for target in self.targets(names) if target]
        return [*taken, "ChannelType"] if self.adds_channel(names) else taken

    def adds_channel(self, names: Sequence[str]) -> bool:
        return bool(self.channel_type) and "ChannelType" not in self.targets(names)


def header_key(names: Sequence[str]) -> str:
    """The same for the same names, whatever their order."""
    return hashlib.sha256(json.dumps(sorted(set(names)), ensure_ascii=False).encode()).hexdigest()


def is_pinpoint(names: Sequence[str]) -> bool:
    """Whether a header is in Pinpoint's format, as it stands."""
    try:
        parse_header(",".join('"' + name.replace('"', '""') + '"' for name in names))
    except FileRefused:
        return False
    return True


def guess(names: Sequence[str]) -> Mapping:
    """What the columns probably are: by their names, each of Pinpoint's fixed columns once, anything else an attribute."""
    columns: dict[str, str] = {}
    used: set[str] = set()
    for name in names:
        target = _guess(name, used)
        used.add(target)
        columns[name] = target
    if "Id" not in used and "Address" not in used and names and "User.UserId" not in used:
        columns[names[0]] = "Id"
    has_phone = any(columns[name] == "Address" and _PHONES.search(name.lower()) for name in columns)
    channel = "" if "ChannelType" in used or "Address" not in used else ChannelType.SMS if has_phone else ChannelType.EMAIL
    return Mapping(columns=columns, channel_type=str(channel))


def _guess(name: str, used: set[str]) -> str:
    if name in FIXED and name not in used:
        return name
    for prefix in CUSTOM:
        if name.startswith(prefix) and 0 < len(name) - len(prefix) <= NAME_LIMIT:
            return name
    target = _TARGETS.get(_NOISE.sub("", name.lower()), "")
    if target and target not in used:
        return target
    return attribute_target(name)


def attribute_target(name: str) -> str:
    """The attribute that a column becomes under its own name; empty for a column without a name."""
    cleaned = _FORBIDDEN.sub(" ", name).strip()[:NAME_LIMIT].strip()
    return f"Attributes.{cleaned}" if cleaned else ""
