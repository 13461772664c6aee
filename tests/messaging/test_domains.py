"""A domain is verified by its key in DNS; then its addresses may send, and what they send is signed."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from campaigns import review
from core import secretbox
from messaging import queries, tasks
from messaging.domains import keys, signing
from messaging.models import DkimKey, SenderDomain
from messaging.services import domains
from projects.models import AuditEntry, Project, Role
from tests.console.world import logged_in
from tests.factories.campaigns import make_campaign
from tests.factories.messaging import key_pair, make_domain, make_sender
from tests.factories.projects import make_member, make_project
from tests.messaging.dns_server import DnsServer

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 26, 1, 0, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
NAME = "s1._domainkey.shop.example"


def publish(dns: DnsServer, key: DkimKey) -> None:
    dns.txt(f"{key.selector}._domainkey.{key.domain.name}", f"v=DKIM1; k=rsa; p={key.public_key}")


def checked(domain: SenderDomain, now: datetime.datetime = NOW) -> SenderDomain:
    domains.check_domain(domain=domain, now=now)
    return domain


@pytest.fixture
def live(settings: Any) -> Project:
    settings.EMAIL_URL = "smtp://mail.example:25"
    return make_project(mode="LIVE")


def test_a_domain_is_verified_by_its_key_in_dns(dns: DnsServer, live: Project) -> None:
    domain = domains.add_domain(project=live, actor=live.created_by, name="Shop.Example.", now=NOW)
    assert not checked(domain).is_usable
    assert not queries.may_send_from(project=live, address="any@shop.example")

    publish(dns, domain.keys.get())

    assert checked(domain).is_usable
    assert queries.may_send_from(project=live, address="any@shop.example")
    assert queries.may_send_from(project=live, address="any@SHOP.example")
    for address in ("any@sub.shop.example", "any@example", "any@other.example", "shop.example", ""):
        assert not queries.may_send_from(project=live, address=address)
    assert not queries.may_send_from(project=make_project(mode="LIVE"), address="any@shop.example")
    assert list(AuditEntry.objects.filter(project=live).order_by("at", "pk").values_list("verb", flat=True)) == [
        "domain.added", "domain.verified",
    ]  # fmt: skip


def test_the_private_key_is_sealed_and_fits_the_record(live: Project) -> None:
    domain = domains.add_domain(project=live, actor=None, name="shop.example", now=NOW)
    key = domain.keys.get()
    private = keys.load(secretbox.unseal(key.sealed_private_key))

    assert "PRIVATE" not in key.sealed_private_key
    assert private.key_size == 2048
    page = logged_in(live.created_by).get(reverse("messaging:show-domain", args=[live.public_id, domain.pk])).content.decode()
    assert f"{key.selector}._domainkey.shop.example" in page
    assert key.public_key.replace("+", "&#x2B;") in page or key.public_key in page
    assert key.sealed_private_key not in page


@pytest.mark.parametrize(
    "name", ["", "x", "a b.example", "shop..example", "-a.example", "1.2.3.4", "naver.com", "GMAIL.com", "x" * 70 + ".example"]
)
def test_what_is_no_domain_of_ones_own_is_refused(live: Project, name: str) -> None:
    with pytest.raises(domains.DomainRefused):
        domains.add_domain(project=live, actor=None, name=name, now=NOW)
    assert not SenderDomain.objects.exists()


def test_a_korean_domain_is_kept_as_dns_knows_it(live: Project) -> None:
    domain = domains.add_domain(project=live, actor=None, name="가게.한국", now=NOW)
    SenderDomain.objects.filter(pk=domain.pk).update(verified_at=NOW)

    assert domain.name.isascii()
    assert queries.may_send_from(project=live, address="a@가게.한국")
    page = logged_in(live.created_by).get(reverse("messaging:list-domains", args=[live.public_id])).content.decode()
    assert "가게.한국" in page


def test_a_domain_is_in_a_project_once_and_in_two_with_two_keys(live: Project) -> None:
    first = domains.add_domain(project=live, actor=None, name="shop.example", now=NOW)
    with pytest.raises(domains.DomainRefused, match="already"):
        domains.add_domain(project=live, actor=None, name="SHOP.example", now=NOW)

    second = domains.add_domain(project=make_project(), actor=None, name="shop.example", now=NOW)

    assert first.keys.get().selector != second.keys.get().selector
    assert first.keys.get().public_key != second.keys.get().public_key


def test_a_key_that_is_gone_blocks_until_it_is_back(dns: DnsServer, live: Project) -> None:
    domain = make_domain(project=live)

    assert not checked(domain).is_usable
    assert domain.broken_since == NOW
    (finding,) = queries.sender_findings(project=live, address="a@shop.example")
    assert (finding.is_error, finding.code) == (True, "domain_broken")
    assert signing.signer_for(project=live, address="a@shop.example") is None
    publish(dns, domain.keys.get())
    assert checked(domain, NOW + DAY).is_usable
    assert domain.verified_at == datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    verbs = AuditEntry.objects.filter(project=live).order_by("at", "pk").values_list("verb", flat=True)
    assert list(verbs) == ["domain.broken", "domain.mended"]


def test_a_resolver_that_is_away_breaks_nothing(dns: DnsServer, live: Project) -> None:
    domain = make_domain(project=live, return_path_at=NOW)
    dns.broken = {NAME, "bounces.shop.example"}

    assert checked(domain).is_usable
    assert domain.next_check_at == NOW + datetime.timedelta(minutes=15)


def test_the_newest_key_that_dns_has_signs(dns: DnsServer, live: Project) -> None:
    domain = make_domain(project=live)
    old = domain.keys.get()
    publish(dns, old)
    new = domains.add_key(domain=domain, actor=live.created_by, now=NOW)

    checked(domain)
    assert domains.signing_key(domain=domain) == old
    with pytest.raises(domains.DomainRefused):
        domains.add_key(domain=domain, actor=live.created_by, now=NOW)
    with pytest.raises(domains.DomainRefused):
        domains.remove_key(key=old, actor=live.created_by, now=NOW)
    publish(dns, new)
    checked(domain)
    assert domains.signing_key(domain=domain) == new
    with pytest.raises(domains.DomainRefused):
        domains.remove_key(key=new, actor=live.created_by, now=NOW)

    domains.remove_key(key=old, actor=live.created_by, now=NOW)

    assert checked(domain).is_usable
    assert list(domain.keys.all()) == [new]


def test_an_old_key_signs_again_when_the_new_one_is_lost(dns: DnsServer, live: Project) -> None:
    domain = make_domain(project=live)
    old = domain.keys.get()
    publish(dns, old)
    new = domains.add_key(domain=domain, actor=live.created_by, now=NOW)
    publish(dns, new)
    checked(domain)

    dns.txt(f"{new.selector}._domainkey.shop.example", "v=DKIM1; p=")
    checked(domain)

    assert domain.is_usable
    assert domains.signing_key(domain=domain) == old


def test_each_domain_is_looked_up_again_every_day(dns: DnsServer, live: Project) -> None:
    domain = make_domain(project=live, next_check_at=NOW)
    other = make_domain(project=live, name="later.example", next_check_at=NOW + DAY)
    make_domain(project=make_project(deleted_at=NOW), next_check_at=NOW)
    publish(dns, domain.keys.get())

    assert domains.claim_due(now=NOW) == [domain.pk]
    assert domains.claim_due(now=NOW) == []  # somebody has it
    with time_machine.travel(NOW, tick=False):
        tasks.check_domain(domain.pk)
        tasks.check_domain(0)  # deleted meanwhile
    domain.refresh_from_db()
    other.refresh_from_db()
    assert (domain.checked_at, domain.next_check_at) == (NOW, NOW + DAY)
    assert other.checked_at != NOW


def test_a_check_whose_worker_died_is_made_again(live: Project) -> None:
    make_domain(project=live, next_check_at=NOW)
    domains.claim_due(now=NOW)

    assert len(domains.claim_due(now=NOW + datetime.timedelta(minutes=10))) == 1


def test_a_domain_that_was_deleted_while_it_was_looked_up_stays_deleted(dns: DnsServer, live: Project) -> None:
    domain = make_domain(project=live)
    SenderDomain.objects.all().delete()

    checked(domain)

    assert not SenderDomain.objects.exists()


def test_an_address_of_a_verified_domain_needs_no_link(mailoutbox: list[Any], live: Project) -> None:
    make_domain(project=live)
    client = logged_in(live.created_by)
    path = reverse("messaging:list-senders", args=[live.public_id])

    client.post(path, {"name": "상점", "address": "news@shop.example"})
    client.post(path, {"name": "", "address": "news@elsewhere.example"})

    assert [mail.to for mail in mailoutbox] == [["news@elsewhere.example"]]
    assert [sender.address for sender in queries.usable_senders(project=live)] == ["news@shop.example"]


def test_a_review_says_what_dns_lacks(dns: DnsServer, live: Project) -> None:
    domain = make_domain(project=live)
    publish(dns, domain.keys.get())
    checked(domain)

    def codes(address: str) -> list[tuple[bool, str]]:
        document = {"MessageConfiguration": {"EmailMessage": {"FromAddress": address, "Title": "(광고) x", "HtmlBody": "x"}}}
        found = review.message_findings(campaign=make_campaign(project=live, document=document))
        return [
            (one.is_error, one.code) for one in found if one.code.startswith(("dns_", "no_domain", "free_", "sender_", "domain_"))
        ]

    assert codes("상점 <a@shop.example>") == [(False, "dns_spf_missing"), (False, "dns_dmarc_missing"), (False, "dns_mx_missing")]
    (first, *_rest) = queries.sender_findings(project=live, address="a@shop.example")
    assert first.url == reverse("messaging:show-domain", args=[live.public_id, domain.pk])
    assert codes("a@unknown.example") == [(True, "sender_unusable")]
    make_sender(project=live, address="a@unknown.example")
    make_sender(project=live, address="a@naver.com")
    assert codes("a@unknown.example") == [(False, "no_domain")]
    assert codes("a@naver.com") == [(False, "free_mail")]


def test_a_key_sealed_with_another_secret_is_said(settings: Any, live: Project) -> None:
    make_domain(project=live)
    settings.SECRETS_KEY = "another"

    with pytest.raises(signing.KeyUnreadable, match="SECRETS_KEY"):
        signing.signer_for(project=live, address="a@shop.example")


def test_the_pages_add_check_and_delete(dns: DnsServer) -> None:
    project = make_project()
    client = logged_in(make_member(project=project))
    added = client.post(reverse("messaging:list-domains", args=[project.public_id]), {"name": "shop.example"}, follow=True)
    domain = SenderDomain.objects.get(project=project)
    publish(dns, domain.keys.get())
    check = client.post(reverse("messaging:check-domain", args=[project.public_id, domain.pk]), follow=True)

    assert "_domainkey.shop.example" in added.content.decode()
    assert "shop.example is verified" in check.content.decode()
    assert "There is no DMARC policy at _dmarc.shop.example." in check.content.decode()
    assert "v=DMARC1; p=none; rua=mailto:dmarc@shop.example" in check.content.decode()
    client.post(reverse("messaging:delete-domain", args=[project.public_id, domain.pk]))
    assert not SenderDomain.objects.exists()
    assert not DkimKey.objects.exists()


def test_a_viewer_reads_and_a_stranger_does_not(live: Project) -> None:
    domain = make_domain(project=live)
    path = reverse("messaging:show-domain", args=[live.public_id, domain.pk])
    check = reverse("messaging:check-domain", args=[live.public_id, domain.pk])
    viewer = logged_in(make_member(project=live, role=Role.VIEWER))

    assert viewer.get(path).status_code == 200
    assert viewer.post(check).status_code == 403
    assert logged_in(make_project().created_by).get(path).status_code == 404
    assert Client().get(path).status_code in (302, 404)


def test_the_command_says_what_is_wrong_and_exits_1(dns: DnsServer, live: Project, capsys: pytest.CaptureFixture[str]) -> None:
    make_domain(project=live)

    with pytest.raises(SystemExit):
        call_command("check_domain", "shop.example")

    said = capsys.readouterr().out
    assert "BAD      DKIM        There is no TXT record at s1._domainkey.shop.example." in said
    assert key_pair().public not in said
