"""Where mails went and what opened them: numbered, told by links, counted."""

from __future__ import annotations

import base64
import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import signing_keys
from analytics.hits import clients, queue
from analytics.hits.clients import Device, Program, client_of, device_of, program_of
from analytics.links import LinkContext, RunLinks, read_token, run_links
from analytics.models import Detail, EventKind, HitClass, MailDomain
from analytics.services import details, mail_domains
from analytics.statistics import by_detail
from analytics.statistics.by_detail import Looked
from core import varint
from tests.analytics.test_recount import DAY, MONTH, of_campaign, record, row
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
CONTEXT = LinkContext(project_id=1, campaign_id=2, run_id=3, treatment=1)


def test_a_domain_has_one_number_in_each_project_and_rare_ones_share_none(settings: Any) -> None:
    settings.MAIL_DOMAINS_LIMIT = 3
    one, other = make_project(), make_project()

    first = mail_domains.numbers_of(project_id=one.pk, names=["naver.com", "gmail.com", "naver.com"])
    again = mail_domains.numbers_of(project_id=one.pk, names=["gmail.com", "daum.net", "rare.kr", "rarer.kr", ""])
    theirs = mail_domains.numbers_of(project_id=other.pk, names=["gmail.com"])

    assert again["gmail.com"] == first["gmail.com"] != theirs["gmail.com"]
    assert MailDomain.objects.filter(project_id=one.pk).count() == 3
    assert {again["rare.kr"], again["rarer.kr"], again[""]} == {mail_domains.RARE}
    numbers = [*first.values(), again["daum.net"], mail_domains.RARE, theirs["gmail.com"]]
    assert set(mail_domains.names_of(project_id=one.pk, numbers=numbers).values()) == {"naver.com", "gmail.com", "daum.net"}


@pytest.mark.django_db(transaction=True)
def test_a_process_asks_for_domains_that_it_does_not_know_only(settings: Any) -> None:
    settings.MAIL_DOMAINS_LIMIT = 2
    project = make_project()
    mail_domains.numbers_of(project_id=project.pk, names=["naver.com"])

    with CaptureQueriesContext(
        connection,
    ) as known:
        mail_domains.numbers_of(project_id=project.pk, names=["naver.com"])
    MailDomain.objects.create(project_id=project.pk, name="gmail.com")  # by another process
    found = mail_domains.numbers_of(project_id=project.pk, names=["gmail.com", "naver.com"])
    with CaptureQueriesContext(connection) as full:
        rare = mail_domains.numbers_of(project_id=project.pk, names=["rare.kr", "gmail.com"])

    assert len(known) == len(full) == 0
    assert found["gmail.com"] == MailDomain.objects.get(name="gmail.com").pk == rare["gmail.com"]
    assert rare["rare.kr"] == mail_domains.RARE


@pytest.mark.parametrize("domain", [None, 0, 1, 300])
def test_links_say_where_the_mail_went(domain: int | None) -> None:
    links = run_links(context=CONTEXT)
    links.set_recipient(7, domain)

    urls = [links.open_url(7), links.click_url(7, 4, "https://shop.kr/가"), links.unsubscribe_url(7)]

    hits = [read_token(url.rpartition("/")[2]) for url in urls]
    assert [(hit.endpoint_id, hit.domain, hit.context) for hit in hits] == [(7, domain, CONTEXT)] * 3
    assert (hits[1].link_number, hits[1].target) == (4, "https://shop.kr/가")
    assert read_token(links.open_url(8).rpartition("/")[2]).domain is None


def test_links_in_mails_that_were_sent_before_say_no_domain() -> None:
    number, secret = signing_keys.current()
    links = RunLinks(context=CONTEXT, key=(number, secret), base_url="")
    numbers = b"".join(varint.packed(one) for one in (1, 2, 3, 1, 7, 5))

    token = links._token(bytes([1, number, 1]) + numbers + b"https://shop.kr/")

    hit = read_token(token)
    assert (hit.endpoint_id, hit.link_number, hit.target, hit.domain) == (7, 4, "https://shop.kr/", None)
    assert base64.urlsafe_b64decode(token + "==")[0] == 1


def test_a_hit_carries_domain_and_client_through_the_queue_and_older_ones_lack_them() -> None:
    links = run_links(context=CONTEXT)
    links.set_recipient(7, 12)
    token = read_token(links.open_url(7).rpartition("/")[2])
    event = queue.hit_event(kind=EventKind.EMAIL_OPEN, token=token, now=MONTH, user_agent="Mozilla/5.0", ip="", method="GET")

    line = queue.encode(event)
    before = line.replace(b',"domain":12', b"").replace(b',"client":60', b"")

    assert (queue.decode(line).domain, queue.decode(line).client) == (12, client_of("Mozilla/5.0"))
    assert (queue.decode(before).domain, queue.decode(before).client) == (None, None)
    assert before != line


@pytest.mark.parametrize(
    ("agent", "program", "device"),
    [
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", Program.GMAIL, Device.UNKNOWN),
        ("Mozilla/5.0", Program.APPLE_MAIL, Device.UNKNOWN),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
         Program.APPLE_MAIL, Device.PHONE),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 "
         "Safari/604.1", Program.SAFARI, Device.PHONE),
        ("Mozilla/5.0 (iPad; CPU OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/604.1",
         Program.SAFARI, Device.TABLET),
        ("Mozilla/5.0 (Linux; Android 16; SM-S938N) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36",
         Program.CHROME, Device.PHONE),
        ("Mozilla/5.0 (Linux; Android 16; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/140.0.0.0 "
         "Safari/537.36", Program.SAMSUNG_INTERNET, Device.TABLET),
        ("Mozilla/5.0 (Linux; Android 16; SM-S938N; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/150.0 Mobile "
         "Safari/537.36", Program.ANDROID_APP, Device.PHONE),
        ("Mozilla/5.0 (Linux; Android 16; SM-S938N; wv) AppleWebKit/537.36 Version/4.0 Chrome/150.0 Mobile Safari/537.36 "
         "NAVER(inapp; search; 2000; 12.9.1)", Program.NAVER, Device.PHONE),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 KAKAOTALK/25.9.0 (INAPP)",
         Program.KAKAOTALK, Device.PHONE),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Whale/4.33 Safari/537.36",
         Program.WHALE, Device.DESKTOP),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36 Edg/150.0",
         Program.EDGE, Device.DESKTOP),
        ("Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0)", Program.OUTLOOK, Device.DESKTOP),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Thunderbird/140.0", Program.THUNDERBIRD, Device.DESKTOP),
        ("", Program.OTHER, Device.UNKNOWN),
    ],
)  # fmt: skip
def test_programs_and_devices_are_told_by_the_user_agent(agent: str, program: Program, device: Device) -> None:
    found = client_of(agent)

    assert (program_of(found), device_of(found)) == (program, device)
    assert 0 <= found < 2**15


def test_every_program_has_a_number_that_fits() -> None:
    assert max(Program) * clients._DEVICES + max(Device) < 2**15
    assert max(Device) < clients._DEVICES


def test_what_is_counted_is_the_same_before_and_after_it_is_folded() -> None:
    project, other = make_project(), make_project()
    sent = {"kind": EventKind.EMAIL_SEND} | of_campaign()
    opened = {"kind": EventKind.EMAIL_OPEN} | of_campaign()
    record(
        *(row(project.pk, domain=5, **sent) for _number in range(3)), row(project.pk, domain=6, **sent), row(project.pk, **sent),
        row(project.pk, domain=5, client=12, hit_class=HitClass.PERSON, **opened),
        row(project.pk, domain=5, client=12, hit_class=HitClass.SCANNER, **opened),
        row(project.pk, domain=6, client=13, hit_class=HitClass.PROXY, minutes=24 * 60, **opened),
        row(project.pk, domain=6, client=13, hit_class=HitClass.PROXY, **(opened | {"source_id": 9})),
        row(other.pk, domain=5, **sent),
    )  # fmt: skip
    kinds = [EventKind.EMAIL_SEND, EventKind.EMAIL_OPEN]
    month = {"project_id": project.pk, "first": DAY, "last": DAY + datetime.timedelta(days=5)}
    of_one = Looked(detail=Detail.DOMAIN, campaign_id=2, **month)
    of_all = Looked(detail=Detail.DOMAIN, **month)
    of_clients = Looked(detail=Detail.CLIENT, classes=list(HitClass), **month)

    def asked() -> list[Any]:
        return [
            {key: dict(value) for key, value in by_detail.totals(looked=of_one, kinds=kinds).items()},
            {key: dict(value) for key, value in by_detail.totals(looked=of_all, kinds=kinds).items()},
            by_detail.by_day(looked=of_one, kinds=kinds, values=[6]),
            by_detail.by_class(looked=of_clients, kinds=kinds),
            by_detail.days_of(looked=of_one),
        ]

    before = asked()
    while details.fold():
        pass

    send, open_ = EventKind.EMAIL_SEND, EventKind.EMAIL_OPEN
    day, next_day = DAY, DAY + datetime.timedelta(days=1)
    assert before == asked() == [
        {5: {send: 3, open_: 1}, 6: {send: 1, open_: 1}},
        {5: {send: 3, open_: 1}, 6: {send: 1, open_: 2}},
        {(6, send, day): 1, (6, open_, next_day): 1},
        {(12, open_, HitClass.PERSON): 1, (12, open_, HitClass.SCANNER): 1, (13, open_, HitClass.PROXY): 2},
        (day, next_day),
    ]  # fmt: skip
