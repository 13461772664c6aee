"""Senders and their domains, relays, message templates, and the built-in mailbox of practice mode."""

from __future__ import annotations

import email.utils
import re

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from projects.models import Project

_SPECIAL = re.compile(r'[()<>@,:;".\[\]\\]')
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")  # line ends among them


class Sender(models.Model):
    """A name and an address that messages come from."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=64, blank=True)
    address = models.EmailField(_("address"))
    verified_at = models.DateTimeField(null=True, blank=True)
    token_hash = models.CharField(max_length=64, blank=True)  # of the newest mailed link, used or not
    token_expires_at = models.DateTimeField(null=True, blank=True)  # None: it was used
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "address"], name="sender_once")]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address

    @property
    def header(self) -> str:
        """Name and address so that a parser of headers reads both back, whatever the name holds."""
        name = _CONTROLS.sub(" ", self.name).strip()
        if _SPECIAL.search(name):
            return f'"{email.utils.quote(name)}" <{self.address}>'
        return f"{name} <{self.address}>" if name else self.address

    @property
    def is_verified(self) -> bool:
        return self.verified_at is not None


class ChannelKind(models.TextChoices):
    """Pinpoint's ten."""

    EMAIL = "EMAIL", _("E-mail")
    SMS = "SMS", "SMS"
    VOICE = "VOICE", _("Voice")
    GCM = "GCM", "FCM"
    APNS = "APNS", "APNs"
    APNS_SANDBOX = "APNS_SANDBOX", _("APNs (sandbox)")
    APNS_VOIP = "APNS_VOIP", "APNs VoIP"
    APNS_VOIP_SANDBOX = "APNS_VOIP_SANDBOX", _("APNs VoIP (sandbox)")
    ADM = "ADM", "ADM"
    BAIDU = "BAIDU", "Baidu"


class ProjectChannel(models.Model):
    """What the API was told of a channel. Only e-mail is sent by this version; the others are kept for the day when they are."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=17, choices=ChannelKind.choices)
    is_enabled = models.BooleanField(default=True)
    document = models.JSONField(default=dict)  # the members of its request that are no secrets
    sealed_secrets = models.TextField(blank=True)  # the others, a JSON object; never shown
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "kind"], name="project_channel_once"),
            models.CheckConstraint(condition=models.Q(kind__in=ChannelKind.values), name="project_channel_known"),
        ]

    def __str__(self) -> str:
        return f"{self.project_id} {self.kind}"


class TemplateType(models.TextChoices):
    EMAIL = "EMAIL", _("E-mail")
    SMS = "SMS", _("SMS")
    PUSH = "PUSH", _("Push")
    VOICE = "VOICE", _("Voice")
    INAPP = "INAPP", _("In-app")


class MessageTemplate(models.Model):
    """A message to use again. Its name is one for the whole installation and type; see ADR 15 for who sees and changes it."""

    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="+")  # None: every project's
    template_type = models.CharField(max_length=5, choices=TemplateType.choices)
    name = models.CharField(_("name"), max_length=128, db_collation="C")  # case-sensitive, in the API's order
    active_version = models.IntegerField(default=1)
    last_version = models.IntegerField(default=1)  # the highest number ever given: none is given twice
    revision = models.IntegerField(default=1)  # moves with every save, so that one of two at once is refused
    tags = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["template_type", "name"], name="template_once"),
            models.CheckConstraint(condition=models.Q(template_type__in=TemplateType.values), name="template_type_known"),
            models.CheckConstraint(condition=models.Q(name__regex=r"^[A-Za-z0-9][A-Za-z0-9_-]*$"), name="template_name_plain"),
        ]
        indexes = [models.Index(fields=["project", "name"], name="template_by_project")]

    def __str__(self) -> str:
        return self.name


class MessageTemplateVersion(models.Model):
    """What a template says, in Pinpoint's shape (`EmailTemplateRequest` …), and our `Pabal` member."""

    template = models.ForeignKey(MessageTemplate, models.CASCADE, related_name="versions")
    version = models.IntegerField()
    document = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["template", "version"], name="template_version_once")]

    def __str__(self) -> str:
        return f"{self.template_id} v{self.version}"


class MessageImage(models.Model):
    """A picture for messages, in the default storage. Whoever has its address sees it: mail programs log in nowhere."""

    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="+")  # None: every project's
    token = models.CharField(max_length=32, unique=True)  # the part of its address that nobody guesses
    name = models.CharField(max_length=200)  # of the file that was uploaded
    content_type = models.CharField(max_length=32)
    width = models.IntegerField()  # pixels
    height = models.IntegerField()
    size = models.IntegerField()  # bytes
    file = models.CharField(max_length=300)  # its name in the storage
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["project", "-id"], name="image_by_project")]

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        return reverse("messaging:show-image", args=[f"{self.token}.{self.content_type.rpartition('/')[2]}"])

    @property
    def url(self) -> str:
        """The address in mails."""
        return f"{settings.PUBLIC_URL}{self.path}"


class MailboxMessage(models.Model):
    """A message that the built-in mailbox took by SMTP. The last 1,000 of a project are kept whole."""

    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="+")  # None: the console's own mails
    recipient = models.EmailField()
    mail_from = models.CharField(max_length=320)
    subject = models.CharField(max_length=998, blank=True)
    raw = models.BinaryField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["project", "-id"], name="mailbox_by_project"),
            models.Index(fields=["project", "recipient"], name="mailbox_by_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} → {self.recipient}"


class SenderDomain(models.Model):
    """A domain that a project sends from. Verified by the public key of one of its keys in DNS; then any address of it may send."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)  # as DNS knows it: ASCII, lower case
    verified_at = models.DateTimeField(null=True, blank=True)  # when a key was seen in DNS first
    broken_since = models.DateTimeField(null=True, blank=True)  # verified once, and no key is in DNS any more
    return_path_at = models.DateTimeField(null=True, blank=True)  # since when its return path leads here; None: it does not
    checks = models.JSONField(default=list)  # what the last check found: [{"check", "level", "code", "params"}]
    checked_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="sender_domain_once")]
        indexes = [models.Index(fields=["next_check_at"], name="sender_domain_due")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_usable(self) -> bool:
        return self.verified_at is not None and self.broken_since is None


class DkimKey(models.Model):
    """A key of a domain. The newest one that was seen in DNS signs; two at most, so that one can take over from the other."""

    domain = models.ForeignKey(SenderDomain, models.CASCADE, related_name="keys")
    selector = models.CharField(max_length=63)
    public_key = models.TextField()  # base64, as it stands in DNS
    sealed_private_key = models.TextField()
    seen_at = models.DateTimeField(null=True, blank=True)  # since when DNS has it; None: not, or not any more
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "selector"], name="dkim_selector_once")]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain_id}"


class Relay(models.Model):
    """A way out of a project's own: an SMTP server, or Amazon SES. Practice mode never uses one."""

    class Kind(models.TextChoices):
        SMTP = "SMTP", _("Mail server (SMTP)")
        SES = "SES", "Amazon SES"

    class Security(models.TextChoices):
        STARTTLS = "STARTTLS", _("STARTTLS (usually port 587)")
        TLS = "TLS", _("TLS from the start (usually port 465)")
        NONE = "NONE", _("None")

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=64)
    kind = models.CharField(max_length=4, choices=Kind.choices)
    host = models.CharField(max_length=253, blank=True)
    port = models.IntegerField(default=587)
    security = models.CharField(max_length=8, choices=Security.choices, default=Security.STARTTLS)
    user = models.CharField(max_length=256, blank=True)
    region = models.CharField(max_length=32, blank=True)
    access_key_id = models.CharField(max_length=128, blank=True)
    role_arn = models.CharField(max_length=300, blank=True)  # assumed with the keys, or with the server's own
    configuration_set = models.CharField(max_length=64, blank=True)
    spf_include = models.CharField(max_length=253, blank=True)  # what its provider asks to have included in SPF
    sealed_secret = models.TextField(blank=True)  # the password, or the secret access key
    max_connections = models.IntegerField(default=10)  # of all workers together
    messages_per_second = models.FloatField(null=True, blank=True)  # of all workers together; None: as fast as it goes
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="relay_name_once"),
            models.CheckConstraint(condition=models.Q(kind__in=["SMTP", "SES"]), name="relay_kind_known"),
            models.CheckConstraint(condition=models.Q(security__in=["STARTTLS", "TLS", "NONE"]), name="relay_security_known"),
            models.CheckConstraint(
                condition=models.Q(max_connections__gte=1)
                & (models.Q(messages_per_second=None) | models.Q(messages_per_second__gt=0)),
                name="relay_limits_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_ses(self) -> bool:
        return self.kind == self.Kind.SES

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"Amazon SES, {self.region}" if self.is_ses else f"{self.host}:{self.port}"


class RelayRoute(models.Model):
    """Whose messages take a relay: those of an address, of a domain, or (empty) of every other sender of the project."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    relay = models.ForeignKey(Relay, models.CASCADE, related_name="routes")
    sender = models.CharField(max_length=254, blank=True)  # lower case

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "sender"], name="relay_route_once")]

    def __str__(self) -> str:
        return self.sender or "*"


class Suppression(models.Model):
    """An address that gets nothing: in one project, or (without a project) in the whole installation.

    ``address_key`` tells two addresses apart as an endpoint's does. Of an erased person it is ``#`` and a keyed hash, and ``address``
    is empty: the address is known again when it comes back, and can't be read.
    """

    class Reason(models.TextChoices):
        HARD_BOUNCE = "HARD_BOUNCE", _("Bounced for good")
        COMPLAINT = "COMPLAINT", _("Reported as spam")
        MANUAL = "MANUAL", _("Added by hand")
        IMPORT = "IMPORT", _("Imported")

    class Source(models.TextChoices):
        SENDING = "SENDING", _("Refused when it was sent")
        SES = "SES", "Amazon SES"
        CALLBACK = "CALLBACK", _("Callback")
        MAILBOX = "MAILBOX", _("Bounce mailbox")
        CONSOLE = "CONSOLE", _("Console")
        FILE = "FILE", _("File")

    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="+")  # None: every project's
    address = models.CharField(max_length=1024, blank=True)
    address_key = models.CharField(max_length=1024)
    reason = models.CharField(max_length=11, choices=Reason.choices)
    source = models.CharField(max_length=8, choices=Source.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "address_key"], nulls_distinct=False, name="suppression_once"),
            models.CheckConstraint(
                condition=models.Q(reason__in=["HARD_BOUNCE", "COMPLAINT", "MANUAL", "IMPORT"]), name="suppression_reason_known"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-id"], name="suppression_by_project"),
            models.Index(fields=["address_key"], name="suppression_by_address"),
            models.Index(fields=["project"], condition=models.Q(address=""), name="suppression_of_erased"),
        ]

    def __str__(self) -> str:
        return self.address or "#"

    @property
    def posted(self) -> dict[str, int]:
        """What a form that releases it posts."""
        return {"ids": self.pk}


class SuppressionRules(models.Model):
    """What goes onto a list by itself: a project's, or (without a project) the installation's."""

    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="+")
    hard_bounces = models.BooleanField()
    complaints = models.BooleanField()
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "suppression rules"
        constraints = [models.UniqueConstraint(fields=["project"], nulls_distinct=False, name="suppression_rules_once")]

    def __str__(self) -> str:
        return str(self.project or "installation")


class RelayCallback(models.Model):
    """Where a relay tells what became of messages: the number that its addresses hold, and how it went so far."""

    relay = models.OneToOneField(Relay, models.CASCADE, related_name="callback")
    generation = models.IntegerField(default=1)  # addresses and keys of an earlier one are refused
    topic_arn = models.CharField(max_length=300, blank=True)  # the first that was confirmed; all others are refused
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_at = models.DateTimeField(null=True, blank=True)  # of a notice
    taken = models.BigIntegerField(default=0)  # outcomes that were written
    repeated = models.BigIntegerField(default=0)  # outcomes that were known
    ignored = models.BigIntegerField(default=0)  # notices of other things
    unmatched = models.BigIntegerField(default=0)  # outcomes of messages that nobody knows
    refused = models.BigIntegerField(default=0)  # notices that say nothing that can be read, or of another topic
    last_error = models.CharField(max_length=500, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.relay)


class OutcomeNotice(models.Model):
    """What a relay told, word by word, its signature checked: kept until it is written as events."""

    class Kind(models.TextChoices):
        SES = "SES", "Amazon SES"
        SIGNED = "SIGNED", _("Signed callback")

    relay_id = models.BigIntegerField()  # no constraint: a relay that is gone is found when the notice is read
    generation = models.IntegerField()
    kind = models.CharField(max_length=6, choices=Kind.choices)
    notice_id = models.CharField(max_length=200)  # the vendor's own
    topic_arn = models.CharField(max_length=300, blank=True)
    body = models.TextField()
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.notice_id


class BounceMailbox(models.Model):
    """A mailbox that bounces and complaints are mailed to, read by IMAP: a project's, or (without one) the installation's.

    ``last_uid`` moves in the transaction that writes what was read up to it. The installation's comes from ``BOUNCE_MAILBOX_URL``.
    """

    class Security(models.TextChoices):
        TLS = "TLS", _("TLS from the start (usually port 993)")
        STARTTLS = "STARTTLS", _("STARTTLS (usually port 143)")
        NONE = "NONE", _("None")

    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="+")
    host = models.CharField(max_length=253)
    port = models.IntegerField(default=993)
    security = models.CharField(max_length=8, choices=Security.choices, default=Security.TLS)
    user = models.CharField(max_length=256)
    sealed_password = models.TextField(blank=True)
    folder = models.CharField(max_length=200, default="INBOX")
    uid_validity = models.BigIntegerField(default=0)
    last_uid = models.BigIntegerField(default=0)
    next_look_at = models.DateTimeField()
    epoch = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)  # the last time that it could be read
    failures = models.IntegerField(default=0)  # in a row
    last_error = models.CharField(max_length=500, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    taken = models.BigIntegerField(default=0)  # outcomes that were written
    repeated = models.BigIntegerField(default=0)  # outcomes that were known
    ignored = models.BigIntegerField(default=0)  # mails that are no report
    unmatched = models.BigIntegerField(default=0)  # reports of messages that nobody knows
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "bounce mailboxes"
        constraints = [
            models.UniqueConstraint(fields=["project"], nulls_distinct=False, name="bounce_mailbox_once"),
            models.CheckConstraint(
                condition=models.Q(security__in=["TLS", "STARTTLS", "NONE"]), name="bounce_mailbox_security_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}@{self.host}/{self.folder}"
