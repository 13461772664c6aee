"""What the DNS doctor says, in sentences that say what to do."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging.domains.doctor import Check, Finding, Level
from messaging.domains.records import Purpose

CHECKS = {
    Check.DKIM: gettext_lazy("Signature (DKIM)"),
    Check.SPF: gettext_lazy("Permitted servers (SPF)"),
    Check.DMARC: gettext_lazy("Policy (DMARC)"),
    Check.MX: gettext_lazy("Mailbox for answers (MX)"),
    Check.RETURN_PATH: gettext_lazy("Return path for bounces"),
    Check.PTR: gettext_lazy("Server's own name (PTR)"),
}
LEVELS = {
    Level.GOOD: gettext_lazy("In order"),
    Level.DOUBTFUL: gettext_lazy("Could be better"),
    Level.BAD: gettext_lazy("To be mended"),
    Level.UNKNOWN: gettext_lazy("Not known"),
}
COLOURS = {Level.GOOD: "green", Level.DOUBTFUL: "yellow", Level.BAD: "red", Level.UNKNOWN: "secondary"}
PURPOSES = {
    Purpose.DKIM: gettext_lazy("Signature (DKIM): proves that the domain is yours, and that mail comes from it"),
    Purpose.SPF: gettext_lazy("Permitted servers (SPF)"),
    Purpose.DMARC: gettext_lazy("Policy (DMARC)"),
    Purpose.RETURN_PATH: gettext_lazy("Return path: bounces come back to Pabal"),
}
_SENTENCES = {
    "away": gettext_lazy("DNS did not answer for %(name)s. That says nothing about the domain: check again later."),
    "dkim_good": gettext_lazy("%(name)s holds the key %(selector)s."),
    "dkim_testing": gettext_lazy("%(name)s holds the key, but says that it is only being tested (t=y). Take that out."),
    "dkim_missing": gettext_lazy(
        "There is no TXT record at %(name)s. Add the one that the domain's page shows; DNS may take an hour."
    ),
    "dkim_twice": gettext_lazy(
        "The record stands at %(wrong)s: your DNS provider adds the domain by itself. Enter the name without it."
    ),
    "dkim_other_text": gettext_lazy(
        "What stands at %(name)s is no DKIM key. Replace it with the record that the domain's page shows."
    ),
    "dkim_several": gettext_lazy("There are several keys at %(name)s. Leave only the one that the domain's page shows."),
    "dkim_revoked": gettext_lazy(
        "The record at %(name)s has no key (p= is empty). Replace it with the one that the domain's page shows."
    ),
    "dkim_other_key": gettext_lazy(
        "Another key stands at %(name)s, or a part of it was lost. Copy the whole record that the domain's page shows."
    ),
    "spf_good": gettext_lazy("%(name)s says who may send, with %(lookups)s of %(limit)s look-ups."),
    "spf_missing": gettext_lazy("%(name)s has no SPF record. Add the one that the domain's page shows."),
    "spf_several": gettext_lazy("%(name)s has %(count)s SPF records, so none counts. Make one of them."),
    "spf_lookups": gettext_lazy(
        "The SPF record of %(name)s needs %(lookups)s look-ups; after %(limit)s it counts as broken. Take out what you no longer use."
    ),
    "spf_broken": gettext_lazy("The SPF record of %(name)s can't be followed at: %(terms)s. Correct or remove it."),
    "spf_all": gettext_lazy("The SPF record of %(name)s allows everybody (+all). End it with ~all or -all."),
    "spf_outside": gettext_lazy("The SPF record of %(name)s does not allow %(addresses)s, where your mail leaves from. Add it."),
    "spf_not_named": gettext_lazy(
        "The SPF record of %(name)s does not name %(mechanisms)s. Add it, unless your mail server is allowed by another word."
    ),
    "spf_open": gettext_lazy("The SPF record of %(name)s has no end. End it with ~all or -all."),
    "dmarc_good": gettext_lazy("%(name)s has a policy (%(policy)s) and gets reports."),
    "dmarc_none": gettext_lazy(
        "%(name)s has a policy (none) and gets reports. When those show only your own mail, tighten it to quarantine."
    ),
    "dmarc_no_reports": gettext_lazy("%(name)s has a policy (%(policy)s), but nobody gets reports. Add rua=mailto:…"),
    "dmarc_missing": gettext_lazy(
        "There is no DMARC policy at %(name)s. Gmail, Naver and the others ask bulk senders for one."
        " Add the record that the domain's page shows."
    ),
    "dmarc_several": gettext_lazy("There are several DMARC records at %(name)s, so none counts. Leave one."),
    "dmarc_broken": gettext_lazy("The DMARC record at %(name)s has no policy that is known. Write p=none, quarantine or reject."),
    "mx_good": gettext_lazy("Answers go to %(hosts)s."),
    "mx_address": gettext_lazy("%(name)s has no MX record; mail goes to its web server's address. Add an MX record."),
    "mx_missing": gettext_lazy("%(name)s can't get mail: no MX record. Answers and complaints are lost. Add one."),
    "mx_null": gettext_lazy(
        "%(name)s says that it takes no mail (MX “.”). Many refuse mail from such a domain. Name a mail server."
    ),
    "mx_nowhere": gettext_lazy("The mail servers of %(name)s (%(hosts)s) have no address. Correct the MX record."),
    "return_path_good": gettext_lazy("Bounces to %(name)s come back to Pabal."),
    "return_path_missing": gettext_lazy(
        "%(name)s has no MX record: bounces go to the sender's mailbox, and Pabal does not learn of them."
        " Add the one that the domain's page shows."
    ),
    "return_path_elsewhere": gettext_lazy(
        "Bounces to %(name)s go to %(hosts)s, not to %(host)s. Until the MX record is corrected, the sender's mailbox gets them."
    ),
    "ptr_good": gettext_lazy("%(address)s is called %(hosts)s, and that name leads back to it."),
    "ptr_missing": gettext_lazy("%(address)s has no name. Whoever runs the mail server must have a PTR record set for it."),
    "ptr_other": gettext_lazy(
        "%(address)s is called %(hosts)s, but that name does not lead back to it. Whoever runs the mail server must mend one of the two."
    ),
}


def sentence(finding: Finding) -> str:
    text = _SENTENCES.get(finding.code)
    return str(text) % finding.params if text else _("Check again.")
