"""Replies as servers give them, and what each is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.delivery.refusals import LABELS, RefusalClass, classify

HARD, SOFT, POLICY, AUTH, CONTENT, THROTTLED, OTHER = RefusalClass

REPLIES = [
    # Gmail
    ("550", "5.1.1 The email account that you tried to reach does not exist. Please try double-checking the recipient's email address"
     " for typos or unnecessary spaces. For more information, go to https://support.google.com/mail/?p=NoSuchUser - gsmtp", HARD),
    ("550", "5.2.1 The email account that you tried to reach is disabled. https://support.google.com/mail/?p=DisabledUser - gsmtp", HARD),
    ("552", "5.2.2 The email account that you tried to reach is over quota and inactive. https://support.google.com/mail/?p=OverQuotaPerm"
     " - gsmtp", SOFT),
    ("452", "4.2.2 The email account that you tried to reach is over quota. Please direct the recipient to"
     " https://support.google.com/mail/?p=OverQuotaTemp - gsmtp", SOFT),
    ("450", "4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend your message at a later time."
     " https://support.google.com/mail/?p=ReceivingRate - gsmtp", THROTTLED),
    ("421", "4.7.28 Our system has detected an unusual rate of unsolicited mail originating from your IP address. To protect our users"
     " from spam, mail sent from your IP address has been temporarily rate limited. - gsmtp", THROTTLED),
    ("550", "5.4.5 Daily user sending limit exceeded. https://support.google.com/mail/answer/22839 - gsmtp", THROTTLED),
    ("550", "5.7.26 This mail has been blocked because the sender is unauthenticated. Gmail requires all senders to authenticate with"
     " either SPF or DKIM. - gsmtp", AUTH),
    ("550", "5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy. - gsmtp", AUTH),
    ("550", "5.7.25 The IP address sending this message does not have a PTR record setup, or the corresponding forward DNS entry does"
     " not match the sending IP. - gsmtp", AUTH),
    ("550", "5.7.1 [2001:db8::1] Gmail has detected that this message does not meet IPv6 sending guidelines regarding PTR records and"
     " authentication. https://support.google.com/mail/?p=IPv6AuthError - gsmtp", AUTH),
    ("550", "5.7.1 Our system has detected that this message is likely unsolicited mail. To reduce the amount of spam sent to Gmail,"
     " this message has been blocked. https://support.google.com/mail/?p=UnsolicitedMessageError - gsmtp", POLICY),
    ("552", "5.7.0 This message was blocked because its content presents a potential security issue. Please visit"
     " https://support.google.com/mail/?p=BlockedMessage to review our attachment security guidelines. - gsmtp", CONTENT),
    ("552", "5.3.4 Your message exceeded Google's message size limits. https://support.google.com/mail/?p=MaxSizeError - gsmtp", CONTENT),
    ("550", "5.7.1 This message is not RFC 5322 compliant. There are multiple Subject headers. - gsmtp", CONTENT),
    # Naver and others in Korea
    ("421", "4.3.2 Your IP(192.0.2.1) is filtered and this connection will be closed. You must register your IP to"
     " http://realip.naver.com", POLICY),
    ("421", "4.3.1 You send too many messages.", THROTTLED),
    ("550", "5.1.1 No such user", HARD),
    ("550", "5.1.1 Inactive mbox", HARD),
    ("550", "5.1.1 Suspended user", HARD),
    ("550", "Account disabled", HARD),
    ("550", "You are registered as spammer (by user's reject list)", POLICY),
    ("554", "5.0.0 Service unavailable (member1: mail is denied, by spam filter)", POLICY),
    ("552", "Requested mail action aborted: exceeded storage allocation", SOFT),
    ("550", "5.7.1 <member1@example.com>... Error.your access was denied. Since you sent too many e-mails,you are not allowed to send"
     " more e-mails within 24 hours.", THROTTLED),
    ("550", "5.7.1 Unable to relay for member1@example.com", AUTH),
    # Daum, Kakao
    ("554", "5.7.1 DAS51 192.0.2.1: Your mail is blocked automatically by anti-spam system. (E06)", POLICY),
    ("550", "5.1.1 RUSR 192.0.2.1: No such user: <member1@hanmail.net>", HARD),
    ("421", "4.4.1 CHIC 192.0.2.1: Network is busy.", THROTTLED),
    ("421", "4.4.5 CCRT 192.0.2.1: Connection refused. Server is busy(RT)", THROTTLED),
    # Outlook.com, Exchange Online
    ("550", "5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [HE1EUR01FT020.eop-EUR01.prod.protection.outlook.com]",
     HARD),
    ("550", "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient member1@example.com not found by SMTP address lookup", HARD),
    ("550", "5.4.1 Recipient address rejected: Access denied. [CY4PEPF0000EE3C.namprd03.prod.outlook.com]", HARD),
    ("550", "5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of"
     " their network is on our block list (S3140).", POLICY),
    ("550", "5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this list please visit"
     " https://sender.office.com/", POLICY),
    ("550", "5.7.515 Access denied, sending domain EXAMPLE.COM doesn't meet the required authentication level.", AUTH),
    ("451", "4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)", THROTTLED),
    ("421", "RP-001 (BAY004) Unfortunately, some messages from 192.0.2.1 weren't sent. The mail server IP connecting to Outlook.com has"
     " exceeded the rate limit allowed on this connection.", THROTTLED),
    ("550", "5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient", CONTENT),
    ("550", "5.2.2 STOREDRV.Deliver.Exception:QuotaExceededException; mailbox full", SOFT),
    ("530", "5.7.57 Client not authenticated to send mail.", AUTH),
    ("550", "5.7.60 SMTP; Client does not have permissions to send as this sender", AUTH),
    # Yahoo
    ("554", "delivery error: dd This user doesn't have a yahoo.com account (member1@yahoo.com) [0] - mta1007.mail.ne1.yahoo.com", HARD),
    ("421", "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints", THROTTLED),
    # Postfix and others
    ("550", "5.1.1 <member1@example.com>: Recipient address rejected: User unknown in local recipient table", HARD),
    ("554", "5.7.1 <member1@example.com>: Relay access denied", AUTH),
    ("535", "5.7.8 Error: authentication failed", AUTH),
    ("554", "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", POLICY),
    ("450", "4.2.0 <member1@example.com>: Recipient address rejected: Greylisted, see http://postgrey.example", THROTTLED),
    ("450", "4.1.8 <shop@example.com>: Sender address rejected: Domain not found", AUTH),
    ("451", "4.1.8 Domain of sender address shop@example.com does not resolve", AUTH),
    ("452", "4.3.1 Insufficient system storage", SOFT),
    ("451", "4.4.2 Bad connection (io timeout)", SOFT),
    ("552", "5.3.4 Message size exceeds fixed limit", CONTENT),
    ("556", "5.1.10 Recipient address has null MX", HARD),
    ("500", "5.6.0 Lines longer than SMTP allows found. Connection rejected.", CONTENT),
    # Amazon SES
    ("429", "TooManyRequestsException: Maximum sending rate exceeded.", THROTTLED),
    ("400", "MessageRejected: Address is on the suppression list for your account: blacklisted", POLICY),
    # hardly a word
    ("550", "", HARD), ("450", "", SOFT), ("421", "", THROTTLED), ("554", "", POLICY), ("552", "", CONTENT), ("", "", OTHER),
    ("", "no connection", OTHER), ("599", "what?", OTHER),
]  # fmt: skip


@pytest.mark.parametrize(("code", "reply", "wanted"), REPLIES, ids=[f"{code} {reply[:40]}" for code, reply, _wanted in REPLIES])
def test_a_reply_is_about_this(code: str, reply: str, wanted: RefusalClass) -> None:
    assert classify(code=code, reply=reply) is wanted
    assert classify(code=code, reply=f"{code} {reply}".strip()) is wanted
    assert classify(code=code, reply=reply.replace(". ", ".\n")) is wanted


@given(code=st.sampled_from(["", "421", "450", "550", "554", "999"]), reply=st.text(max_size=500))
def test_any_words_have_one_class(code: str, reply: str) -> None:
    assert classify(code=code, reply=reply) in LABELS


@given(first=st.sampled_from("45"), second=st.integers(0, 999), third=st.integers(0, 999))
def test_any_enhanced_code_has_one_class(first: str, second: int, third: int) -> None:
    assert classify(code=f"{first}50", reply=f"{first}.{second}.{third}") in LABELS
