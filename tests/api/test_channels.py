"""Channels and telephone numbers, by boto3."""

from __future__ import annotations

from typing import Any

import pytest

from core import secretbox
from messaging.models import ProjectChannel
from projects.models import Project
from tests.api.server import Clients
from tests.factories.api import make_access_key
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
PRIVATE = {
    "TokenKey": "very-secret",
    "TokenKeyId": "K",
    "TeamId": "T",
    "BundleId": "com.example",
    "DefaultAuthenticationMethod": "KEY",
}
# The method's part of the name → the member of its request, what it says, and the platform.
KINDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "email": (
        "EmailChannelRequest",
        {"FromAddress": "shop@example.com", "Identity": "arn:aws:ses:x:1:identity/example.com"},
        "EMAIL",
    ),
    "sms": ("SMSChannelRequest", {"SenderId": "SHOP", "ShortCode": "12345"}, "SMS"),
    "voice": ("VoiceChannelRequest", {}, "VOICE"),
    "gcm": ("GCMChannelRequest", {"ServiceJson": "very-secret", "DefaultAuthenticationMethod": "TOKEN"}, "GCM"),
    "apns": ("APNSChannelRequest", PRIVATE, "APNS"),
    "apns_sandbox": ("APNSSandboxChannelRequest", PRIVATE, "APNS_SANDBOX"),
    "apns_voip": ("APNSVoipChannelRequest", PRIVATE, "APNS_VOIP"),
    "apns_voip_sandbox": ("APNSVoipSandboxChannelRequest", PRIVATE, "APNS_VOIP_SANDBOX"),
    "adm": ("ADMChannelRequest", {"ClientId": "very-secret", "ClientSecret": "very-secret"}, "ADM"),
    "baidu": ("BaiduChannelRequest", {"ApiKey": "very-secret", "SecretKey": "very-secret"}, "BAIDU"),
}


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.mark.parametrize("kind", KINDS)
def test_a_channel_is_set_read_listed_and_deleted_and_keeps_its_secrets(kind: str, pinpoint: Any, project: Project) -> None:
    member, said, platform = KINDS[kind]
    ids = {"ApplicationId": project.public_id}

    def response(answer: dict[str, Any]) -> dict[str, Any]:
        (found,) = (value for name, value in answer.items() if name.endswith("ChannelResponse"))
        assert "very-secret" not in str(answer)
        return dict(found)

    made = response(getattr(pinpoint, f"update_{kind}_channel")(**ids, **{member: said | {"Enabled": True}}))
    off = response(getattr(pinpoint, f"update_{kind}_channel")(**ids, **{member: said | {"Enabled": False}}))
    got = response(getattr(pinpoint, f"get_{kind}_channel")(**ids))
    listed = pinpoint.get_channels(**ids)["ChannelsResponse"]["Channels"]
    held = ProjectChannel.objects.get(project=project)
    deleted = response(getattr(pinpoint, f"delete_{kind}_channel")(**ids))

    assert (made["Platform"], made["Enabled"], made["Version"]) == (platform, True, 1)
    assert got == off == deleted
    assert (off["Enabled"], off["Version"]) == (False, 2)
    assert list(listed) == [platform]
    assert "very-secret" not in f"{held.document} {held.sealed_secrets}"
    if "very-secret" in said.values():
        assert made["HasCredential"] is True
        assert "very-secret" in secretbox.unseal(held.sealed_secrets)
    if kind == "email":
        assert {name: got[name] for name in said} == said
    assert not ProjectChannel.objects.exists()
    with pytest.raises(pinpoint.exceptions.NotFoundException):
        getattr(pinpoint, f"get_{kind}_channel")(**ids)


def test_a_channel_of_another_project_is_out_of_reach(clients: Clients, project: Project) -> None:
    stranger = clients.with_key(make_access_key(project=make_project()))
    for call, given in (
        (stranger.get_channels, {}), (stranger.get_email_channel, {}), (stranger.delete_email_channel, {}),
        (stranger.update_voice_channel, {"VoiceChannelRequest": {}}),
    ):  # fmt: skip
        with pytest.raises(stranger.exceptions.ForbiddenException):
            call(ApplicationId=project.public_id, **given)
    assert not ProjectChannel.objects.exists()


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("+821012345678", None, ("MOBILE", 0, "KR", "+821012345678", "Asia/Seoul")),
        ("010-1234-5678", "KR", ("MOBILE", 0, "KR", "+821012345678", "Asia/Seoul")),
        ("821012345678", None, ("MOBILE", 0, "KR", "+821012345678", "Asia/Seoul")),
        ("02-312-3456", "KR", ("LANDLINE", 1, "KR", "+8223123456", "Asia/Seoul")),
        ("+82999", None, ("INVALID", 3, "KR", "+82999", None)),
        ("hello", "KR", ("INVALID", 3, None, None, None)),
    ],
)
def test_a_number_is_checked(number: str, country: str | None, expected: tuple[Any, ...], pinpoint: Any) -> None:
    given = {"PhoneNumber": number} | ({"IsoCountryCode": country} if country else {})
    found = pinpoint.phone_number_validate(NumberValidateRequest=given)["NumberValidateResponse"]
    names = ("PhoneType", "PhoneTypeCode", "CountryCodeIso2", "CleansedPhoneNumberE164", "Timezone")
    assert tuple(found.get(name) for name in names)[:4] == expected[:4]
    assert found["OriginalPhoneNumber"] == number
    assert found.get("City") == ("Seoul" if expected[0] == "LANDLINE" else None)
    if expected[4]:
        assert found["Timezone"] == expected[4]
