"""What the doctor says of a domain, asked of a real DNS server."""

from __future__ import annotations

import pytest
from django.utils import translation

from messaging.domains import doctor, keys, records, spf, wording
from messaging.domains.doctor import Check, Finding, Level
from messaging.domains.lookup import DnsAway, Lookup
from tests.messaging.dns_server import DnsServer

PUBLIC = keys.make_pair().public
OTHER = keys.make_pair().public
GOOD = {
    "mx": "10 mail.shop.example.",
    "spf": "v=spf1 ip4:192.0.2.7 ~all",
    "dmarc": "v=DMARC1; p=none; rua=mailto:d@shop.example",
}


def healthy(dns: DnsServer) -> None:
    dns.txt("s1._domainkey.shop.example", f"v=DKIM1; k=rsa; p={PUBLIC}")
    dns.txt("shop.example", "google-site-verification=x", GOOD["spf"])
    dns.txt("_dmarc.shop.example", GOOD["dmarc"])
    dns.put("shop.example", "MX", GOOD["mx"])
    dns.put("mail.shop.example", "A", "192.0.2.9")
    dns.put("bounces.shop.example", "MX", "10 mx.console.example.")
    dns.txt("bounces.shop.example", GOOD["spf"])
    dns.put("7.2.0.192.in-addr.arpa", "PTR", "out.shop.example.")
    dns.put("out.shop.example", "A", "192.0.2.7")


def examined(**other: object) -> dict[Check, Finding]:
    values = {
        "domain": "shop.example", "keys": {"s1": PUBLIC}, "return_path": "bounces.shop.example",
        "return_path_host": "mx.console.example", "mechanisms": ["ip4:192.0.2.7"], "addresses": ["192.0.2.7"],
    } | other  # fmt: skip
    found = doctor.examine(patient=doctor.Patient(**values), lookup=Lookup())  # type: ignore[arg-type]
    return {finding.check: finding for finding in found}


def test_a_healthy_domain_is_green_all_over(dns: DnsServer) -> None:
    healthy(dns)

    found = examined()

    assert {finding.level for finding in found.values()} == {Level.GOOD}
    assert set(found) == set(Check)
    assert "s1._domainkey.shop.example" in dns.by_tcp  # a key of 2,048 bits is too long for a plain datagram


def test_a_bare_domain_is_told_everything(dns: DnsServer) -> None:
    found = examined()

    assert {check: finding.code for check, finding in found.items()} == {
        Check.DKIM: "dkim_missing", Check.SPF: "spf_missing", Check.DMARC: "dmarc_missing", Check.MX: "mx_missing",
        Check.RETURN_PATH: "return_path_missing", Check.PTR: "ptr_missing",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ([f"v=DKIM1; k=rsa; p={PUBLIC}"], "dkim_good"),
        ([f"p={PUBLIC}"], "dkim_good"),
        ([f"v=DKIM1;k=rsa;p={PUBLIC[:90]} {PUBLIC[90:]};"], "dkim_good"),
        ([f"v=DKIM1; t=y; p={PUBLIC}"], "dkim_testing"),
        ([f"v=DKIM1; k=rsa; p={OTHER}"], "dkim_other_key"),
        ([f"v=DKIM1; k=rsa; p={PUBLIC[:200]}"], "dkim_other_key"),
        (["v=DKIM1; p="], "dkim_revoked"),
        (["hello"], "dkim_other_text"),
        ([f"p={PUBLIC}", f"p={OTHER}"], "dkim_several"),
        ([], "dkim_missing"),
    ],
)
def test_a_key_in_dns_is_the_same_or_not(dns: DnsServer, texts: list[str], code: str) -> None:
    healthy(dns)
    dns.txt("s1._domainkey.shop.example", *texts)

    assert examined()[Check.DKIM].code == code


def test_a_record_whose_name_was_doubled_by_the_provider_is_found(dns: DnsServer) -> None:
    healthy(dns)
    dns.txt("s1._domainkey.shop.example")
    dns.txt("s1._domainkey.shop.example.shop.example", f"p={PUBLIC}")

    finding = examined()[Check.DKIM]

    assert (finding.level, finding.code) == (Level.BAD, "dkim_twice")


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (["v=spf1 ip4:192.0.2.0/24 -all"], "spf_good"),
        (["V=SPF1 a:out.shop.example ~all"], "spf_good"),
        (["v=spf1 include:big.example ~all"], "spf_good"),
        (["v=spf1 redirect=big.example"], "spf_good"),
        (["v=spf1 mx/24 ~all"], "spf_good"),
        (["v=spf1 ip4:192.0.2.7"], "spf_open"),
        (["v=spf1 ip4:198.51.100.1 -all"], "spf_outside"),
        (["v=spf1 ip4:192.0.2.7 +all"], "spf_all"),
        (["v=spf1 ip4:192.0.2.7 ~all", "v=spf1 -all"], "spf_several"),
        (["v=spf1 include:gone.example ~all"], "spf_broken"),
        (["v=spf1 ip4:192.0.2.999 ~all"], "spf_broken"),
        (["v=spf1 sender:x ~all"], "spf_broken"),
        (["v=spf1 include:bounces.shop.example ~all"], "spf_broken"),  # itself
        (["v=spf1 " + "include:big.example " * 5 + "~all"], "spf_lookups"),
        (["v=spf10 ~all"], "spf_missing"),
    ],
)
def test_spf_is_read_as_a_receiver_reads_it(dns: DnsServer, texts: list[str], code: str) -> None:
    healthy(dns)
    dns.txt("big.example", "v=spf1 include:part.example a:out.shop.example -all")
    dns.txt("part.example", "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8::/32 ~all")
    dns.put("bounces.shop.example", "A", "192.0.2.8")
    dns.put("mx.console.example", "A", "192.0.2.1")
    dns.txt("bounces.shop.example", *texts)

    assert examined()[Check.SPF].code == code


def test_ten_lookups_are_allowed_and_eleven_are_not(dns: DnsServer) -> None:
    for number in range(12):
        dns.txt(f"n{number}.example", "v=spf1 ip4:192.0.2.7 ~all")
    for count, lookups in ((10, 10), (11, 11)):
        dns.txt("shop.example", "v=spf1 " + " ".join(f"include:n{number}.example" for number in range(count)) + " ~all")
        assert spf.read(lookup=Lookup(), name="shop.example").lookups == lookups


def test_an_spf_that_includes_itself_in_a_circle_ends(dns: DnsServer) -> None:
    dns.txt("a.example", "v=spf1 include:b.example redirect=b.example")
    dns.txt("b.example", "v=spf1 include:a.example redirect=a.example")

    found = spf.read(lookup=Lookup(), name="a.example")

    assert found.lookups <= 45
    assert found.problems


@pytest.mark.parametrize(
    ("name", "texts", "level", "code"),
    [
        ("_dmarc.shop.example", ["v=DMARC1; p=reject; rua=mailto:d@x.example"], Level.GOOD, "dmarc_good"),
        ("_dmarc.shop.example", ["v=DMARC1;p=none"], Level.DOUBTFUL, "dmarc_no_reports"),
        ("_dmarc.shop.example", ["v=DMARC1; rua=mailto:d@x.example"], Level.BAD, "dmarc_broken"),
        ("_dmarc.shop.example", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], Level.BAD, "dmarc_several"),
    ],
)
def test_a_dmarc_policy_counts_with_reports(dns: DnsServer, name: str, texts: list[str], level: Level, code: str) -> None:
    healthy(dns)
    dns.txt(name, *texts)

    finding = examined()[Check.DMARC]

    assert (finding.level, finding.code) == (level, code)


def test_a_subdomain_has_the_policy_of_the_domain_above(dns: DnsServer) -> None:
    dns.txt("_dmarc.shop.example", "v=DMARC1; p=reject; sp=quarantine; rua=mailto:d@x.example")

    finding = examined(domain="news.of.shop.example")[Check.DMARC]

    assert (finding.code, finding.params["policy"]) == ("dmarc_good", "quarantine")


def test_where_answers_and_bounces_go(dns: DnsServer) -> None:
    healthy(dns)
    dns.put("shop.example", "MX", "0 .")
    dns.put("bounces.shop.example", "MX", "10 elsewhere.example.")
    assert examined()[Check.MX].code == "mx_null"
    found = examined()
    assert found[Check.RETURN_PATH].code == "return_path_elsewhere"
    assert found[Check.SPF].params["name"] == "shop.example"  # the envelope is the sender's own then

    dns.put("shop.example", "MX", "10 nowhere.example.")
    assert examined()[Check.MX].code == "mx_nowhere"
    dns.put("shop.example", "MX")
    dns.put("shop.example", "A", "192.0.2.9")
    assert examined()[Check.MX].code == "mx_address"


def test_a_return_path_by_cname_is_as_good(dns: DnsServer) -> None:
    healthy(dns)
    dns.put("bounces.shop.example", "MX")
    dns.put("bounces.shop.example", "CNAME", "bounces.console.example.")
    dns.put("bounces.console.example", "MX", "10 mx.console.example.")
    dns.txt("bounces.console.example", GOOD["spf"])

    found = examined()

    assert (found[Check.RETURN_PATH].code, found[Check.SPF].code) == ("return_path_good", "spf_good")


def test_a_server_is_called_what_leads_back_to_it(dns: DnsServer) -> None:
    healthy(dns)
    dns.put("out.shop.example", "A", "192.0.2.99")
    assert examined()[Check.PTR].code == "ptr_other"


def test_no_answer_says_nothing(dns: DnsServer) -> None:
    healthy(dns)
    dns.broken = {"s1._domainkey.shop.example", "_dmarc.shop.example"}

    found = examined()

    assert {check for check, finding in found.items() if finding.level == Level.UNKNOWN} == {Check.DKIM, Check.DMARC}


def test_questions_end_with_their_time(dns: DnsServer) -> None:
    moments = iter([0.0, 30.0])
    lookup = Lookup(clock=lambda: next(moments))

    with pytest.raises(DnsAway):
        lookup.txt("shop.example")
    assert dns.asked == []


@pytest.mark.parametrize("name", ["", "." * 300, "a" * 70 + ".example", "가" * 100 + ".example"])
def test_a_name_that_can_not_be_one_is_not_there(dns: DnsServer, name: str) -> None:
    assert Lookup().txt(name) == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_finding_has_a_sentence(language: str) -> None:
    codes = set(wording._SENTENCES)
    names = "name selector wrong lookups limit count terms addresses address mechanisms policy hosts host"
    params = dict.fromkeys(names.split(), "VALUE")
    with translation.override(language):
        for code in codes:
            said = wording.sentence(Finding(Check.SPF, Level.BAD, code, params))
            assert said.endswith((".", "…"))
            assert "%(" not in said


def test_a_long_text_is_split_into_strings_of_255_bytes() -> None:
    record = records.dkim(domain="shop.example", selector="s1", public=PUBLIC)
    parts = record.zone_value.strip('"').split('" "')

    assert record.name == "s1._domainkey.shop.example"
    assert [len(part) for part in parts] == [255, len(record.value) - 255]
    assert "".join(parts) == record.value == f"v=DKIM1; k=rsa; p={PUBLIC}"


@pytest.mark.parametrize(
    ("existing", "wanted"),
    [
        ("", "v=spf1 include:_spf.relay.example ~all"),
        ("v=spf1 include:_spf.google.com -all", "v=spf1 include:_spf.google.com include:_spf.relay.example -all"),
        ("v=spf1 include:_spf.relay.example ?all", "v=spf1 include:_spf.relay.example ?all"),
        ("v=spf1 redirect=x.example", "v=spf1 include:_spf.relay.example redirect=x.example"),
        ("v=spf1 mx", "v=spf1 mx include:_spf.relay.example"),
    ],
)
def test_an_spf_record_keeps_what_it_allowed(existing: str, wanted: str) -> None:
    assert records.spf(name="shop.example", existing=existing, mechanisms=["include:_spf.relay.example"]).value == wanted
