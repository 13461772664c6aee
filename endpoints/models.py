"""Endpoints, their users, opt-outs, and the catalogue of attribute names."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.audience import AudienceField
from core.ids import public_id
from projects.models import Project


class ChannelType(models.TextChoices):
    """Pinpoint's thirteen."""

    EMAIL = "EMAIL", _("E-mail")
    SMS = "SMS", _("SMS")
    VOICE = "VOICE", _("Voice")
    PUSH = "PUSH", _("Push")
    GCM = "GCM", "FCM"
    APNS = "APNS", "APNs"
    APNS_SANDBOX = "APNS_SANDBOX", "APNs sandbox"
    APNS_VOIP = "APNS_VOIP", "APNs VoIP"
    APNS_VOIP_SANDBOX = "APNS_VOIP_SANDBOX", "APNs VoIP sandbox"
    ADM = "ADM", "ADM"
    BAIDU = "BAIDU", "Baidu"
    CUSTOM = "CUSTOM", _("Custom")
    IN_APP = "IN_APP", _("In-app")


class OptOut(models.TextChoices):
    NONE = "NONE", _("Receives messages")
    ALL = "ALL", _("Opted out")


class EndpointStatus(models.TextChoices):
    ACTIVE = "ACTIVE", _("Active")
    INACTIVE = "INACTIVE", _("Inactive")


class EndpointUser(models.Model):
    """A person; ``attributes`` (name → list of texts) are shared by all of the person's endpoints."""

    # No constraint in the database, here and in Endpoint: it would look up each row of an import three times when it is committed,
    # which costs as much as writing them all. Projects are hidden, never deleted; a user goes only under his lock, with nobody left.
    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    user_id = models.CharField(max_length=512)
    attributes = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user_id"], name="endpoint_user_once")]

    def __str__(self) -> str:
        return self.user_id


class Endpoint(models.Model):
    """An address of a person on a channel. Its primary key is what audiences hold."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    endpoint_id = models.CharField(max_length=512)  # the client's Id, as it was first written
    endpoint_key = models.CharField(max_length=512)  # the same in lower case: Ids are case-insensitive
    channel_type = models.CharField(max_length=17, choices=ChannelType.choices)
    address = models.CharField(max_length=1024, blank=True)
    address_key = models.CharField(max_length=1024, blank=True)  # what tells two addresses apart (e-mail: lower case)
    opt_out = models.CharField(max_length=4, choices=OptOut.choices, default=OptOut.NONE)
    status = models.CharField(max_length=8, choices=EndpointStatus.choices, default=EndpointStatus.ACTIVE)
    user = models.ForeignKey(EndpointUser, models.SET_NULL, null=True, blank=True, related_name="endpoints", db_constraint=False)
    attributes = models.JSONField(default=dict)  # name → list of texts
    metrics = models.JSONField(default=dict)  # name → number
    demographic = models.JSONField(
        default=dict
    )  # AppVersion, Locale, Make, Model, ModelVersion, Platform, PlatformVersion, Timezone
    location = models.JSONField(default=dict)  # City, Country, Latitude, Longitude, PostalCode, Region
    cohort_id = models.SmallIntegerField()  # 0–99
    request_id = models.CharField(max_length=64, blank=True)
    effective_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    line_hash = models.BigIntegerField(null=True, blank=True, editable=False)  # endpoints.writing.hashes

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "endpoint_key"], name="endpoint_once"),
            models.CheckConstraint(condition=models.Q(cohort_id__range=(0, 99)), name="endpoint_cohort_in_range"),
            models.CheckConstraint(condition=models.Q(opt_out__in=["NONE", "ALL"]), name="endpoint_opt_out_known"),
            models.CheckConstraint(condition=models.Q(status__in=["ACTIVE", "INACTIVE"]), name="endpoint_status_known"),
        ]
        indexes = [
            # With the user, so that who belongs to some users is read from the index alone.
            models.Index(fields=["project", "id"], include=["user"], name="endpoint_of_project"),
            models.Index(fields=["project", "channel_type", "address_key"], name="endpoint_by_address"),
        ]

    def __str__(self) -> str:
        return self.endpoint_id

    @property
    def is_active(self) -> bool:
        return self.status == EndpointStatus.ACTIVE

    @property
    def is_opted_out(self) -> bool:
        return self.opt_out == OptOut.ALL


class OptOutEntry(models.Model):
    """Who opted out (or in again), when, and by what way. Written with the change itself."""

    class Source(models.TextChoices):
        LINK = "LINK", _("Unsubscribe page")
        ONE_CLICK = "ONE_CLICK", _("One-click unsubscribe")
        IMPORT = "IMPORT", _("Import")
        CONSOLE = "CONSOLE", _("Console")
        API = "API", _("API")
        COMPLAINT = "COMPLAINT", _("Spam report")
        WEB_PAGE = "WEB_PAGE", _("Web page")

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="opt_out_entries")
    opt_out = models.CharField(max_length=4, choices=OptOut.choices)
    source = models.CharField(max_length=9, choices=Source.choices)
    campaign_id = models.BigIntegerField(null=True, blank=True)
    run_id = models.BigIntegerField(null=True, blank=True)
    actor_id = models.BigIntegerField(null=True, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "opt-out entries"

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.opt_out} {self.at}"


class AudienceDay(models.Model):
    """How many endpoints a project had on a day of its time zone, as they were counted last on it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    endpoints = models.BigIntegerField()
    reachable = models.BigIntegerField(null=True)  # None: of a day before days were counted, made out from when endpoints came

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "day"], name="audience_day_once")]

    def __str__(self) -> str:
        return f"{self.day}: {self.endpoints}"


class ArrivalMonth(models.Model):
    """The endpoints that came in a month of UTC that is over. Those who came later are in no such set.

    A month in which nobody came has a row only when it was the last one that was over when the project was looked at.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    month = models.DateField()  # its first day
    members = AudienceField()  # endpoints that are gone since may be among them

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "month"], name="arrival_month_once")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class AttributeKind(models.TextChoices):
    ATTRIBUTE = "ATTRIBUTE", _("Endpoint attribute")
    USER_ATTRIBUTE = "USER_ATTRIBUTE", _("User attribute")
    METRIC = "METRIC", _("Metric")


class AttributeName(models.Model):
    """The catalogue: which attribute names a project has seen (at most 250). Written with the endpoints."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=14, choices=AttributeKind.choices)
    name = models.CharField(max_length=50)
    looks_like_date = models.BooleanField(default=False)  # most of the values seen are ISO 8601 instants or dates
    first_seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "kind", "name"], name="attribute_name_once")]

    def __str__(self) -> str:
        return self.name


class ErasureRequest(models.Model):
    """A person who is to be erased for good: the intent, and how far it is carried out.

    ``person`` says whom to look for while it runs; when it is done nothing of the person is left here either.
    """

    class State(models.TextChoices):
        RUNNING = "RUNNING", _("Being erased")
        DONE = "DONE", _("Erased")

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    state = models.CharField(max_length=7, choices=State.choices, default=State.RUNNING)
    person = models.JSONField(default=dict)  # {"endpoint_ids", "user_pk", "addresses", "names"}
    endpoints = models.IntegerField()  # how many the person had
    turn = models.SmallIntegerField(default=1)  # everything is gone through twice
    table = models.CharField(max_length=100, blank=True)  # at which eraser; empty: at the first
    after = models.BigIntegerField(default=0)  # where that eraser goes on
    rows = models.JSONField(default=dict)  # table → rows changed or deleted
    waits_for = models.CharField(max_length=200, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    epoch = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    requested_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=["RUNNING", "DONE"]), name="erasure_state_known"),
            models.CheckConstraint(condition=~models.Q(state="DONE") | models.Q(person={}), name="erasure_forgets"),
        ]
        indexes = [
            models.Index(fields=["project", "-id"], name="erasure_by_project"),
            models.Index(fields=["id"], condition=models.Q(state="RUNNING"), name="erasure_open"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_done(self) -> bool:
        return self.state == self.State.DONE


class AttributeRemoval(models.Model):
    """Pinpoint's RemoveAttributes: names that are taken from all endpoints (or users) of a project, and how far it is carried out."""

    class State(models.TextChoices):
        RUNNING = "RUNNING", _("Being removed")
        DONE = "DONE", _("Removed")

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    kind = models.CharField(max_length=14, choices=AttributeKind.choices)
    patterns = models.JSONField()  # as they were asked for: names, and beginnings that end with *
    names = models.JSONField()  # those of the catalogue that fitted
    state = models.CharField(max_length=7, choices=State.choices, default=State.RUNNING)
    after = models.BigIntegerField(default=0)  # the endpoint (or user) up to which it is done
    changed = models.BigIntegerField(default=0)  # endpoints (or users) that had one of the names
    epoch = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    requested_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=["RUNNING", "DONE"]), name="attribute_removal_state_known")
        ]
        indexes = [
            models.Index(fields=["project", "-id"], name="attribute_removal_by_project"),
            models.Index(fields=["id"], condition=models.Q(state="RUNNING"), name="attribute_removal_open"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_done(self) -> bool:
        return self.state == self.State.DONE


class FacetState(models.TextChoices):
    LIVE = "LIVE"  # answers
    FILLING = "FILLING"  # is being rebuilt: written to, but SQL answers
    TOO_MANY = "TOO_MANY"  # more values than the limit: SQL answers


class FacetSubject(models.Model):
    """What the index is about in a project: an attribute, a metric or a standard field. Rows go only with their project."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=14)  # endpoints.facets.SubjectKind
    name = models.CharField(max_length=60)
    state = models.CharField(max_length=8, choices=FacetState.choices, default=FacetState.LIVE)
    fold = models.BigIntegerField(default=0)  # how often deltas were folded in
    floor = models.BigIntegerField(default=0)  # what was cached before this fold is worth nothing

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "kind", "name"], name="facet_subject_once"),
            models.CheckConstraint(condition=models.Q(state__in=["LIVE", "FILLING", "TOO_MANY"]), name="facet_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class FacetChunk(models.Model):
    """A stretch of the endpoints that carry a value: a 32-bit roaring bitmap of their ids' low halves."""

    subject = models.ForeignKey(FacetSubject, models.CASCADE, related_name="+", db_index=False)
    value = models.TextField()  # at most 100 characters by the rules of writing
    chunk = models.IntegerField()  # id >> 21
    ids = models.BinaryField()
    total = models.IntegerField()
    fold = models.BigIntegerField()  # of the subject, when this row was written

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "value", "chunk"], name="facet_chunk_once")]
        indexes = [models.Index(fields=["subject", "fold"], name="facet_chunk_by_fold")]

    def __str__(self) -> str:
        return f"{self.subject_id} {self.value} {self.chunk}"


class FacetDelta(models.Model):
    """What one write changed of one value; folded into the chunks by a tick. Order for one endpoint is the id's order."""

    # No constraint: its check would cost each update more than the row itself, and subjects go only with their project.
    subject = models.ForeignKey(FacetSubject, models.DO_NOTHING, related_name="+", db_constraint=False)
    value = models.TextField()  # at most 100 characters by the rules of writing
    added = models.BinaryField(null=True)
    removed = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.subject_id} {self.value}"
