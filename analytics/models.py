"""Events, their counters and reach, the keys that sign links, and the position of the hits consumer.

Campaigns, runs and endpoints are known here by their ids only.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.audience import AudienceField
from projects.models import Project


class EventKind(models.IntegerChoices):
    """Stored as a small number; the label is the event type of Pinpoint's stream (reference, section 9.1).

    Types that a project's own programs send have numbers of the project from ``FIRST_CUSTOM_KIND`` on (``EventType``).
    """

    CAMPAIGN_SEND = 1, "_campaign.send"
    CAMPAIGN_OPENED_NOTIFICATION = 2, "_campaign.opened_notification"
    CAMPAIGN_RECEIVED_FOREGROUND = 3, "_campaign.received_foreground"
    CAMPAIGN_RECEIVED_BACKGROUND = 4, "_campaign.received_background"
    JOURNEY_SEND = 5, "_journey.send"
    JOURNEY_OPENED_NOTIFICATION = 6, "_journey.opened_notification"
    JOURNEY_RECEIVED_FOREGROUND = 7, "_journey.received_foreground"
    JOURNEY_RECEIVED_BACKGROUND = 8, "_journey.received_background"
    EMAIL_SEND = 10, "_email.send"
    EMAIL_DELIVERED = 11, "_email.delivered"
    EMAIL_REJECTED = 12, "_email.rejected"
    EMAIL_HARDBOUNCE = 13, "_email.hardbounce"
    EMAIL_SOFTBOUNCE = 14, "_email.softbounce"
    EMAIL_COMPLAINT = 15, "_email.complaint"
    EMAIL_OPEN = 16, "_email.open"
    EMAIL_CLICK = 17, "_email.click"
    EMAIL_UNSUBSCRIBE = 18, "_email.unsubscribe"
    EMAIL_RENDERING_FAILURE = 19, "_email.rendering_failure"
    SMS_BUFFERED = 20, "_SMS.BUFFERED"
    SMS_SUCCESS = 21, "_SMS.SUCCESS"
    SMS_FAILURE = 22, "_SMS.FAILURE"
    SMS_OPTOUT = 23, "_SMS.OPTOUT"
    SESSION_START = 30, "_session.start"
    SESSION_STOP = 31, "_session.stop"
    SESSION_PAUSE = 32, "_session.pause"
    SESSION_RESUME = 33, "_session.resume"
    USERAUTH_SIGN_IN = 34, "_userauth.sign_in"
    USERAUTH_SIGN_UP = 35, "_userauth.sign_up"
    USERAUTH_AUTH_FAIL = 36, "_userauth.auth_fail"
    MONETIZATION_PURCHASE = 37, "_monetization.purchase"


FIRST_CUSTOM_KIND = 1_000


def kind_label(kind: int) -> str:
    """The type's name; of a project's own types only its number (``analytics.event_types`` has their names)."""
    return str(EventKind(kind).label) if kind < FIRST_CUSTOM_KIND else f"custom {kind}"


class HitClass(models.IntegerChoices):
    """Who made a hit. Pages say which classes they count."""

    NONE = 0, "none"  # not a hit
    PERSON = 1, "person"
    PROXY = 2, "proxy"  # a mail provider's or Apple's privacy proxy: somebody's open, made by a machine
    SCANNER = 3, "scanner"  # a link checker
    UNKNOWN = 4, "unknown"  # nothing that is known: it may be anybody's program


class SourceKind(models.IntegerChoices):
    DIRECT = 0, "direct"
    CAMPAIGN = 1, "campaign"
    JOURNEY = 2, "journey"


class Event(models.Model):
    """A fact, written once, by COPY. Partitioned by the month of ``occurred_at`` (see the first migration)."""

    pk = models.CompositePrimaryKey("occurred_at", "id")
    id = models.UUIDField()  # made where the event happens, so that writing it twice is seen
    occurred_at = models.DateTimeField()
    position = models.BigIntegerField()  # in which order events were written, with gaps; readers: analytics.stream.horizon
    project_id = models.BigIntegerField()
    endpoint_id = models.BigIntegerField()
    kind = models.SmallIntegerField()
    hit_class = models.SmallIntegerField(choices=HitClass.choices, default=HitClass.NONE)
    source_kind = models.SmallIntegerField(choices=SourceKind.choices, default=SourceKind.DIRECT)
    source_id = models.BigIntegerField(null=True)  # the campaign's or journey's id
    run_id = models.BigIntegerField(null=True)
    treatment = models.SmallIntegerField(default=0)
    link_number = models.IntegerField(null=True)
    data = models.JSONField(null=True)  # what only this kind has: status, SMTP reply, user agent, target
    domain = models.IntegerField(null=True)  # of a mail: the MailDomain it went to; 0: one of the rare ones; None: not known
    client = models.SmallIntegerField(null=True)  # of a hit: program and device (analytics.hits.clients)

    class Meta:
        managed = False  # Django can't write PARTITION BY: the first migration holds the SQL
        db_table = "analytics_event"

    def __str__(self) -> str:
        return f"{kind_label(self.kind)} {self.id}"


class Counter(models.Model):
    """How many events of a kind there are, by run and hour, kept in the transaction that writes them.

    What no campaign and no journey sent has the source and the run 0.
    """

    project_id = models.BigIntegerField()
    source_kind = models.SmallIntegerField(choices=SourceKind.choices)
    source_id = models.BigIntegerField()
    run_id = models.BigIntegerField()
    treatment = models.SmallIntegerField(default=0)
    kind = models.SmallIntegerField()
    hit_class = models.SmallIntegerField(choices=HitClass.choices, default=HitClass.NONE)
    link_number = models.IntegerField(default=-1)  # of a click; −1: none
    hour = models.DateTimeField()
    total = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "project_id", "source_kind", "source_id", "run_id", "treatment", "kind", "hit_class", "link_number", "hour",
                ],
                name="counter_of_link_once",
            )
        ]  # fmt: skip
        indexes = [models.Index(fields=["project_id", "hour"], name="counter_by_hour")]

    def __str__(self) -> str:
        return f"run {self.run_id} {kind_label(self.kind)}: {self.total}"


class Reach(models.Model):
    """Which endpoints did it, by day (UTC): the distinct numbers, and the sets behind them."""

    project_id = models.BigIntegerField()
    source_kind = models.SmallIntegerField(choices=SourceKind.choices)
    source_id = models.BigIntegerField()
    run_id = models.BigIntegerField()
    treatment = models.SmallIntegerField(default=0)
    kind = models.SmallIntegerField()
    hit_class = models.SmallIntegerField(choices=HitClass.choices, default=HitClass.NONE)
    link_number = models.IntegerField(default=-1)  # −1: any link
    day = models.DateField()
    members = AudienceField()

    class Meta:
        verbose_name_plural = "reach"
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "project_id", "source_kind", "source_id", "run_id", "treatment", "kind", "hit_class", "link_number", "day",
                ],
                name="reach_once",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"run {self.run_id} {kind_label(self.kind)} on {self.day}"


class ReachAddition(models.Model):
    """Ids that belong into a set of ``Reach`` and are not in it yet.

    A run's deliveries come by the hundred, many times a second: rewriting the whole set each time would cost more than the
    mails. One narrow row a batch is written with the events instead, and a tick folds them in.
    """

    id = models.BigAutoField(primary_key=True)
    project_id = models.BigIntegerField()
    source_kind = models.SmallIntegerField(choices=SourceKind.choices)
    source_id = models.BigIntegerField()
    run_id = models.BigIntegerField()
    treatment = models.SmallIntegerField(default=0)
    kind = models.SmallIntegerField()
    hit_class = models.SmallIntegerField(choices=HitClass.choices, default=HitClass.NONE)
    link_number = models.IntegerField(default=-1)
    day = models.DateField()
    members = AudienceField()

    class Meta:
        indexes = [models.Index(fields=["project_id", "kind"], name="reach_addition_by_kind")]

    def __str__(self) -> str:
        return f"run {self.run_id} {kind_label(self.kind)} on {self.day}"


class SmsCounter(models.Model):
    """What text messages cost and where they went: by run, country, state and hour, beside the events."""

    project_id = models.BigIntegerField()
    source_kind = models.SmallIntegerField(choices=SourceKind.choices)
    source_id = models.BigIntegerField()
    run_id = models.BigIntegerField()
    treatment = models.SmallIntegerField(default=0)
    kind = models.SmallIntegerField()
    country = models.CharField(max_length=2, blank=True)  # ISO 3166-1
    status = models.CharField(max_length=60, blank=True)  # record_status, e.g. DELIVERED
    hour = models.DateTimeField()
    messages = models.BigIntegerField(default=0)
    parts = models.BigIntegerField(default=0)
    millicents = models.BigIntegerField(default=0)  # thousandths of a US cent

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "project_id", "source_kind", "source_id", "run_id", "treatment", "kind", "country", "status", "hour",
                ],
                name="sms_counter_once",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{kind_label(self.kind)} {self.country} {self.status}: {self.messages}"


class SendCounter(models.Model):
    """How a run's attempts ended: by channel, status and hour, beside the events ``_campaign.send`` and ``_journey.send``."""

    project_id = models.BigIntegerField()
    source_kind = models.SmallIntegerField(choices=SourceKind.choices)
    source_id = models.BigIntegerField()
    run_id = models.BigIntegerField()
    treatment = models.SmallIntegerField(default=0)
    kind = models.SmallIntegerField()
    channel = models.CharField(max_length=30)  # Pinpoint's delivery_type
    status = models.CharField(max_length=60)
    hour = models.DateTimeField()
    total = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project_id", "source_kind", "source_id", "run_id", "treatment", "kind", "channel", "status", "hour"],
                name="send_counter_once",
            )
        ]

    def __str__(self) -> str:
        return f"{kind_label(self.kind)} {self.channel} {self.status}: {self.total}"


class Detail(models.IntegerChoices):
    """What a ``DetailCounter`` tells apart. Its ``value`` is what the event has in the column of this name."""

    DOMAIN = 1, "domain"
    CLIENT = 2, "client"


DEFERRED = 0  # in the place of a kind: refused for now and tried again, which no event tells


class DetailCounter(models.Model):
    """How many events of a kind there are by one more thing: the receiving domain, the program that opened. By campaign and day (UTC)."""

    project_id = models.BigIntegerField()
    source_kind = models.SmallIntegerField(choices=SourceKind.choices)
    source_id = models.BigIntegerField()
    kind = models.SmallIntegerField()  # or DEFERRED
    hit_class = models.SmallIntegerField(choices=HitClass.choices, default=HitClass.NONE)
    detail = models.SmallIntegerField(choices=Detail.choices)
    value = models.IntegerField()
    day = models.DateField()
    total = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project_id", "detail", "source_kind", "source_id", "kind", "hit_class", "value", "day"],
                name="detail_counter_once",
            )
        ]
        indexes = [models.Index(fields=["project_id", "detail", "day"], name="detail_counter_by_day")]

    def __str__(self) -> str:
        return f"{kind_label(self.kind) if self.kind else 'deferred'} {self.get_detail_display()} {self.value}: {self.total}"


class DetailAddition(models.Model):
    """What belongs into ``DetailCounter`` and is not in it yet: one narrow row a batch, folded in by a tick, as ``ReachAddition`` is."""

    id = models.BigAutoField(primary_key=True)
    project_id = models.BigIntegerField()
    source_kind = models.SmallIntegerField(choices=SourceKind.choices)
    source_id = models.BigIntegerField()
    kind = models.SmallIntegerField()
    hit_class = models.SmallIntegerField(choices=HitClass.choices, default=HitClass.NONE)
    detail = models.SmallIntegerField(choices=Detail.choices)
    day = models.DateField()
    numbers = ArrayField(models.IntegerField())  # values of the counter
    totals = ArrayField(models.IntegerField())  # of each

    class Meta:
        indexes = [models.Index(fields=["project_id", "detail"], name="detail_addition_by_project")]

    def __str__(self) -> str:
        return f"{self.project_id} {self.day}: {sum(self.totals)}"


class MailDomain(models.Model):
    """A domain that a project's mails go to, and (its id) the number by which events know it. The first ones of a project have one each;
    what comes after ``MAIL_DOMAINS_LIMIT`` of them is counted together as 0."""

    id = models.AutoField(primary_key=True)
    project_id = models.BigIntegerField()
    name = models.CharField(max_length=255)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project_id", "name"], name="mail_domain_once")]

    def __str__(self) -> str:
        return self.name


class RevenueCounter(models.Model):
    """What was bought, by whose run (0: nobody's), currency and hour, beside the events ``_monetization.purchase``."""

    project_id = models.BigIntegerField()
    source_kind = models.SmallIntegerField(choices=SourceKind.choices)
    source_id = models.BigIntegerField()
    run_id = models.BigIntegerField()
    treatment = models.SmallIntegerField(default=0)
    kind = models.SmallIntegerField()
    currency = models.CharField(max_length=3, blank=True)  # ISO 4217
    hour = models.DateTimeField()
    purchases = models.BigIntegerField(default=0)
    quantity = models.DecimalField(max_digits=24, decimal_places=4, default=0)
    amount = models.DecimalField(max_digits=28, decimal_places=4, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project_id", "source_kind", "source_id", "run_id", "treatment", "kind", "currency", "hour"],
                name="revenue_counter_once",
            )
        ]
        indexes = [models.Index(fields=["project_id", "hour"], name="revenue_by_hour")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} in {self.purchases} purchases"


class ProductCounter(models.Model):
    """The same by product, whoever's run it came from."""

    project_id = models.BigIntegerField()
    kind = models.SmallIntegerField()
    currency = models.CharField(max_length=3, blank=True)
    product = models.CharField(max_length=200, blank=True)
    hour = models.DateTimeField()
    purchases = models.BigIntegerField(default=0)
    quantity = models.DecimalField(max_digits=24, decimal_places=4, default=0)
    amount = models.DecimalField(max_digits=28, decimal_places=4, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project_id", "hour", "kind", "currency", "product"],
                include=["purchases", "quantity", "amount"], name="product_counter_once",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.product}: {self.amount} {self.currency}"


class EventType(models.Model):
    """A type of events that a project's own programs send, and the number under which they are stored."""

    project_id = models.BigIntegerField()
    name = models.CharField(max_length=50)
    number = models.SmallIntegerField()
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project_id", "name"], name="event_type_name_once"),
            models.UniqueConstraint(fields=["project_id", "number"], name="event_type_number_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ErasedEndpoint(models.Model):
    """The number of an endpoint whose person was erased: what is still heard of it (a click in an old mail) is not kept."""

    endpoint_id = models.BigIntegerField(primary_key=True)
    erased_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.endpoint_id)


class SigningKey(models.Model):
    """A key that signs links. Rotated, kept for years; its number stands in each token."""

    number = models.SmallIntegerField(primary_key=True)
    sealed_secret = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    retired_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"key {self.number}"


class Horizon(models.Model):
    """Up to which position every event is visible: nobody who might write one below it is still at it. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    settled = models.BigIntegerField(default=0)
    probed = models.BigIntegerField(default=0)  # becomes settled when all of ``writers`` are over
    writers = models.JSONField(default=list)  # the transactions that were writing events then

    def __str__(self) -> str:
        return f"settled {self.settled}"


class StreamPosition(models.Model):
    """How far a Redis stream has been written into the event table; moves in the same transaction."""

    stream = models.CharField(max_length=100, primary_key=True)
    position = models.CharField(max_length=40, default="0-0")
    moved_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.stream} at {self.position}"


class LakePosition(models.Model):
    """Up to which position events are in the lake's files; moves in the transaction that adds their rows. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"up to {self.position}"


class LakeFile(models.Model):
    """A Parquet file of events of one project, type and day (UTC). Never changed: another one takes its place."""

    project_id = models.BigIntegerField()
    kind = models.SmallIntegerField()
    day = models.DateField()
    path = models.CharField(max_length=300, unique=True)  # below the lake's folder
    rows = models.BigIntegerField()
    bytes = models.BigIntegerField()
    first_position = models.BigIntegerField()
    last_position = models.BigIntegerField()
    made_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True, blank=True)  # not of the lake any more: its file goes a little later

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(rows__gt=0), name="lake_file_has_rows")]
        indexes = [
            models.Index(fields=["project_id", "kind", "day"], condition=models.Q(replaced_at=None), name="lake_file_current"),
            models.Index(fields=["replaced_at"], condition=models.Q(replaced_at__isnull=False), name="lake_file_replaced"),
        ]

    def __str__(self) -> str:
        return self.path


class CataloguedDay(models.Model):
    """A partition of the lake's table in Glue: which list of files it was given last."""

    project_id = models.BigIntegerField()
    kind = models.SmallIntegerField()
    day = models.DateField()
    folder = models.CharField(max_length=300)  # project=…/type=…/day=…
    listed = models.CharField(max_length=32)  # a digest of the files' paths
    written_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project_id", "kind", "day"], name="catalogued_day_once")]

    def __str__(self) -> str:
        return self.folder


class LakeTransform(models.Model):
    """SQL whose answer is a table of the lake: asked again for each part of time of which there are new events."""

    class Mode(models.TextChoices):
        """What the SQL is asked about at a time, and what of the table its answer takes the place of."""

        HOUR = "HOUR", _("hour by hour")
        DAY = "DAY", _("day by day")
        WHOLE = "WHOLE", _("all at once")

    class State(models.TextChoices):
        RUNNING = "RUNNING", _("Running")
        PAUSED = "PAUSED", _("Paused")

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=50)  # of the table
    sql = models.TextField()
    mode = models.CharField(max_length=5, choices=Mode.choices)
    state = models.CharField(max_length=7, choices=State.choices, default=State.RUNNING)
    version = models.IntegerField(default=1)  # grows when the SQL is another
    columns = models.JSONField(default=list)  # of the table: [[name, type]]
    reads = models.JSONField(default=list)  # names of the tables that the SQL reads
    position = models.BigIntegerField(default=0)  # events up to here have been looked at
    next_at = models.DateTimeField()  # when one looks for new events
    succeeded_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)  # empty: the last time went well
    failure = models.JSONField(default=dict)  # {"code", "params", "detail"}
    failures = models.IntegerField(default=0)  # in a row
    not_before = models.DateTimeField(null=True, blank=True)  # after a failure
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="lake_transform_name_once"),
            models.CheckConstraint(condition=models.Q(mode__in=["HOUR", "DAY", "WHOLE"]), name="lake_transform_mode_known"),
            models.CheckConstraint(condition=models.Q(state__in=["RUNNING", "PAUSED"]), name="lake_transform_state_known"),
        ]
        indexes = [models.Index(fields=["next_at"], condition=models.Q(state="RUNNING"), name="lake_transform_due")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_paused(self) -> bool:
        return self.state == self.State.PAUSED


class TransformWindow(models.Model):
    """A part of time of a transform, and whether it is to be asked about (again): ``asked`` is greater than ``done``."""

    transform = models.ForeignKey(LakeTransform, models.CASCADE, related_name="windows", db_index=False)
    starts_at = models.DateTimeField()  # of the hour or the day (UTC); of all at once: 1970
    asked = models.IntegerField(default=1)  # how often there was something new
    done = models.IntegerField(default=0)  # how much of that is in the table
    done_at = models.DateTimeField(null=True, blank=True)
    rows = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["transform", "starts_at"], name="transform_window_once")]
        indexes = [
            models.Index(
                fields=["transform", "-starts_at"], condition=models.Q(asked__gt=models.F("done")), name="transform_window_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.transform_id} {self.starts_at:%Y-%m-%d %H:%M}"


class TransformFile(models.Model):
    """A Parquet file of a transform's table. Never changed: another one takes its place."""

    project_id = models.BigIntegerField()
    transform_id = models.BigIntegerField()  # outlives the transform, until the file is gone
    starts_at = models.DateTimeField(null=True, blank=True)  # of its window; empty: all hours of the day
    day = models.DateField(null=True, blank=True)  # empty: of all at once
    path = models.CharField(max_length=300, unique=True)  # below the lake's folder
    rows = models.BigIntegerField()
    bytes = models.BigIntegerField()
    made_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True, blank=True)  # not of the table any more: its file goes a little later

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(rows__gt=0), name="transform_file_has_rows")]
        indexes = [
            models.Index(fields=["transform_id", "day"], condition=models.Q(replaced_at=None), name="transform_file_current"),
            models.Index(fields=["project_id"], condition=models.Q(replaced_at=None), name="transform_file_of_project"),
            models.Index(fields=["replaced_at"], condition=models.Q(replaced_at__isnull=False), name="transform_file_replaced"),
        ]

    def __str__(self) -> str:
        return self.path


class EventStream(models.Model):
    """Where a project's events are carried to, and how far they are (reference, section 9). One a project, as in Pinpoint."""

    class Destination(models.TextChoices):
        KINESIS = "KINESIS", "Amazon Kinesis Data Streams"
        FIREHOSE = "FIREHOSE", "Amazon Data Firehose"
        S3 = "S3", "Amazon S3"
        FOLDER = "FOLDER", _("Folder of this server")
        HTTPS = "HTTPS", "HTTPS"

    class State(models.TextChoices):
        RUNNING = "RUNNING", _("Running")
        PAUSED = "PAUSED", _("Paused")

    class OnFailure(models.TextChoices):
        """What becomes of records that the transform gave no answer about."""

        DELIVER = "DELIVER", _("deliver them unchanged")
        HOLD = "HOLD", _("hold the stream until it answers")

    project = models.OneToOneField(Project, models.CASCADE, related_name="event_stream")
    kind = models.CharField(max_length=8, choices=Destination.choices)
    target = models.CharField(max_length=1_000)  # an ARN, s3://bucket/prefix/, a folder's name, a URL
    region = models.CharField(max_length=32, blank=True)  # of a bucket; an ARN says its own
    access_key_id = models.CharField(max_length=128, blank=True)
    sealed_secret_access_key = models.TextField(blank=True)
    role_arn = models.CharField(max_length=300, blank=True)  # assumed with the keys, or with the server's own
    sealed_signing_secret = models.TextField(blank=True)  # of HTTPS
    transform = models.CharField(max_length=1_000, blank=True)  # a URL or a Lambda function
    on_transform_failure = models.CharField(max_length=8, choices=OnFailure.choices, default=OnFailure.DELIVER)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    position = models.BigIntegerField(default=0)  # every event up to it has arrived
    until = models.BigIntegerField(default=0)  # where the parcel that is being put ends: put again, it is the same one; 0: none
    not_before = models.DateTimeField(null=True, blank=True)
    failures = models.IntegerField(default=0)  # in a row
    last_error = models.CharField(max_length=500, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    transform_error = models.CharField(max_length=500, blank=True)
    transform_error_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    delivered = models.BigIntegerField(default=0)  # records; those that were put again count again
    dropped = models.BigIntegerField(default=0)  # by the transform
    unchanged = models.BigIntegerField(default=0)  # delivered as they were because the transform failed
    oversized = models.BigIntegerField(default=0)  # larger than the destination takes: not delivered
    epoch = models.IntegerField(default=0)  # of the lease; each write of a worker states it
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["KINESIS", "FIREHOSE", "S3", "FOLDER", "HTTPS"]), name="event_stream_kind_known"
            ),
            models.CheckConstraint(condition=models.Q(state__in=["RUNNING", "PAUSED"]), name="event_stream_state_known"),
            models.CheckConstraint(
                condition=models.Q(on_transform_failure__in=["DELIVER", "HOLD"]), name="event_stream_failure_known"
            ),
        ]

    def __str__(self) -> str:
        return self.target

    @property
    def is_paused(self) -> bool:
        return self.state == self.State.PAUSED

    @property
    def is_https(self) -> bool:
        return self.kind == self.Destination.HTTPS

    @property
    def is_files(self) -> bool:
        """Records are collected into files."""
        return self.kind in (self.Destination.S3, self.Destination.FOLDER)


class Webhook(models.Model):
    """A program of the project's own that is told of events of chosen types, one by one, signed as Standard Webhooks."""

    class State(models.TextChoices):
        RUNNING = "RUNNING", _("Running")
        PAUSED = "PAUSED", _("Paused")
        DISABLED = "DISABLED", _("Disabled")  # by itself: it failed for too long, or said that it is gone

    project = models.ForeignKey(Project, models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=1_000)
    types = models.JSONField(default=list)  # names of event types
    sealed_secret = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    position = models.BigIntegerField(default=0)  # every event up to it has its delivery, or none
    not_before = models.DateTimeField(null=True, blank=True)
    failures = models.IntegerField(default=0)  # in a row, of calls side by side of which none was taken
    failing_since = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    delivered = models.BigIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)
    epoch = models.IntegerField(default=0)  # of the lease; each write of a worker states it
    lease_until = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["RUNNING", "PAUSED", "DISABLED"]), name="webhook_state_known"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.url

    @property
    def is_running(self) -> bool:
        return self.state == self.State.RUNNING

    @property
    def is_disabled(self) -> bool:
        return self.state == self.State.DISABLED

    @property
    def is_in_trouble(self) -> bool:
        """Whether nothing was taken since the last error."""
        return self.last_error_at is not None and (self.delivered_at is None or self.delivered_at <= self.last_error_at)


class WebhookDelivery(models.Model):
    """That a webhook is told of an event. What it is told is made of the event again at each attempt, so nothing of a person lies here."""

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waiting")
        DELIVERED = "DELIVERED", _("Delivered")
        FAILED = "FAILED", _("Failed")

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event_id = models.UUIDField()
    occurred_at = models.DateTimeField()  # of the event
    kind = models.SmallIntegerField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    attempts = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)  # of one that waits
    attempted_at = models.DateTimeField(null=True, blank=True)
    status = models.SmallIntegerField(default=0)  # the last answer's, 0: none came
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event_id"], name="webhook_delivery_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["WAITING", "DELIVERED", "FAILED"]), name="webhook_delivery_state_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["webhook", "next_attempt_at"], name="webhook_delivery_waiting", condition=models.Q(state="WAITING")
            ),
            models.Index(fields=["webhook", "state", "-id"], name="webhook_delivery_log"),
            models.Index(fields=["created_at"], name="webhook_delivery_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to webhook {self.webhook_id}"

    @property
    def is_waiting(self) -> bool:
        return self.state == self.State.WAITING

    @property
    def is_failed(self) -> bool:
        return self.state == self.State.FAILED
