"""Campaigns, versions and treatments (what is sent, and when), and runs with their slices (what was sent)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.audience import AudienceField
from core.ids import public_id
from projects.models import Project


class CampaignState(models.TextChoices):
    """Pinpoint's seven, and three that the API shows as one of them (``lifecycle.API_STATES``)."""

    DRAFT = "DRAFT", _("Draft")
    PENDING_APPROVAL = "PENDING_APPROVAL", _("Waits for approval")
    SCHEDULED = "SCHEDULED", _("Scheduled")
    EXECUTING = "EXECUTING", _("Sending")
    PENDING_NEXT_RUN = "PENDING_NEXT_RUN", _("Waiting for the next run")
    PAUSED = "PAUSED", _("Paused")
    STOPPING = "STOPPING", _("Stopping")
    COMPLETED = "COMPLETED", _("Completed")
    INVALID = "INVALID", _("Invalid")
    DELETED = "DELETED", _("Deleted")


# Not launched: these can be edited and send nothing.
NOT_LAUNCHED = (CampaignState.DRAFT, CampaignState.PENDING_APPROVAL)


class Campaign(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    name = models.CharField(_("name"), max_length=128)
    state = models.CharField(max_length=16, choices=CampaignState.choices, default=CampaignState.DRAFT)
    document = models.JSONField(default=dict)  # Pinpoint's WriteCampaignRequest, and our `Pabal` member
    version = models.IntegerField(default=1)
    split = models.JSONField(null=True, blank=True)  # where the line is cut: campaigns.treatments.split.Cut
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    copied_from = models.ForeignKey("CampaignVersion", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    launched_at = models.DateTimeField(null=True, blank=True)
    pause_reason = models.JSONField(null=True, blank=True)  # why it was paused by itself: campaigns.sending.breaker
    restored_from = models.DateTimeField(null=True, blank=True)  # held since a restore: what it sent after this is not known

    class Meta:
        indexes = [models.Index(fields=["project", "-id"], name="campaign_by_project")]
        constraints = [models.CheckConstraint(condition=models.Q(state__in=CampaignState.values), name="campaign_state_known")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_draft(self) -> bool:
        return self.state == CampaignState.DRAFT

    @property
    def is_pending_approval(self) -> bool:
        return self.state == CampaignState.PENDING_APPROVAL

    @property
    def is_editable(self) -> bool:
        return self.state in NOT_LAUNCHED

    @property
    def is_paused(self) -> bool:
        return self.state == CampaignState.PAUSED

    @property
    def is_restored(self) -> bool:
        return self.restored_from is not None


class CampaignVersion(models.Model):
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="versions")
    version = models.IntegerField()
    name = models.CharField(max_length=128)
    document = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "version"], name="campaign_version_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id} v{self.version}"


class CampaignPast(models.Model):
    """What is known of a campaign that was made and sent in Pinpoint: numbers of there, never added to ours."""

    campaign = models.OneToOneField(Campaign, models.CASCADE, primary_key=True, related_name="past")
    state = models.CharField(max_length=32)  # Pinpoint's, when it was saved
    figures = models.JSONField(default=list)  # [CampaignDateRangeKpiResponse]
    runs = models.JSONField(default=list)  # [ActivityResponse]
    taken_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "campaign pasts"

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.state}"


class ApprovalRequest(models.Model):
    """Somebody asks that another one launches a campaign: exactly this version, with what its segment and its templates say."""

    class State(models.TextChoices):
        OPEN = "OPEN", _("Open")
        APPROVED = "APPROVED", _("Approved")
        SENT_BACK = "SENT_BACK", _("Sent back")
        WITHDRAWN = "WITHDRAWN", _("Withdrawn")

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="approval_requests")
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    version = models.IntegerField()
    segment_version = models.IntegerField()
    message = models.CharField(max_length=64, blank=True)  # template_use.fingerprint
    note = models.CharField(max_length=500, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField()
    answer = models.CharField(max_length=1000, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    mailed_state = models.CharField(max_length=9, blank=True)  # the last one that somebody was mailed

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign"], condition=models.Q(state="OPEN"), name="approval_request_open_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["OPEN", "APPROVED", "SENT_BACK", "WITHDRAWN"]), name="approval_request_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} v{self.version}: {self.state}"


class Treatment(models.Model):
    """The part of a launched campaign that has a schedule of its own; number 0 is the default treatment."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="treatments")
    number = models.SmallIntegerField(default=0)
    next_run_at = models.DateTimeField(null=True, blank=True)  # when a tick must claim it; None: never again
    next_occurrence_at = models.DateTimeField(null=True, blank=True)  # the nominal instant (the same, but for local time)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="treatment_once")]
        indexes = [models.Index(fields=["next_run_at"], condition=models.Q(next_run_at__isnull=False), name="treatment_due")]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.number}"


class EventListener(models.Model):
    """A kind of event that starts messages of an event campaign; written when it is launched."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="event_listeners")
    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    kind = models.SmallIntegerField()  # analytics.EventKind, or the project's own

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "kind"], name="event_listener_once")]
        indexes = [models.Index(fields=["project", "kind"], name="event_listener_by_kind")]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.kind}"


class EventTrigger(models.Model):
    """An event that is to start a message of a campaign, and waits for a run: a tick puts it into one and deletes it.

    Written in the transaction that writes the event, hence once. No foreign key is checked here: that would lock the campaign's row
    for each event.
    """

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    event_id = models.UUIDField()
    endpoint_id = models.BigIntegerField()
    occurred_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "event_id"], name="event_trigger_once")]
        indexes = [models.Index(fields=["endpoint_id"], name="event_trigger_by_endpoint")]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.event_id}"


class WinnerTest(models.Model):
    """The choice of a winner: the treatments were sent to a part of the audience, and the rest waits for the best one."""

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waiting")
        CHOSEN = "CHOSEN", _("Chosen")

    class Why(models.TextChoices):
        BEST = "BEST", _("the best figures")
        TIE = "TIE", _("no treatment was better than the others, so the default one was taken")
        NO_DATA = "NO_DATA", _("nobody had reacted yet, so the default one was taken")
        BY_HAND = "BY_HAND", _("chosen by hand")
        LOST = "LOST", _("given up after a restore: it may have gone to the others already")

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="winner_tests")
    occurrence_at = models.DateTimeField()
    decide_at = models.DateTimeField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    winner = models.SmallIntegerField(null=True, blank=True)
    why = models.CharField(max_length=7, choices=Why.choices, blank=True)
    figures = models.JSONField(default=list)  # what was known at the choice, by treatment
    chosen_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    chosen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "occurrence_at"], name="winner_test_once"),
            models.CheckConstraint(
                condition=models.Q(state="WAITING", winner=None) | models.Q(state="CHOSEN", winner__isnull=False),
                name="winner_test_chosen_with_winner",
            ),
        ]
        indexes = [models.Index(fields=["decide_at"], condition=models.Q(state="WAITING"), name="winner_test_due")]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.occurrence_at:%Y-%m-%d %H:%M}"


class RunState(models.TextChoices):
    """Pinpoint's activity states, and FREEZING while the audience is being computed."""

    PENDING = "PENDING", _("Waiting")  # a later wave of a frozen occurrence
    FREEZING = "FREEZING", _("Computing the audience")  # the API's INITIALIZING
    RUNNING = "RUNNING", _("Sending")
    CANCELLED = "CANCELLED", _("Cancelled")
    COMPLETED = "COMPLETED", _("Completed")
    FAILED = "FAILED", _("Failed")  # the API's COMPLETED with Result FAIL


class Run(models.Model):
    """One wave of one occurrence of a treatment. Its audience is frozen once."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="runs")
    treatment = models.SmallIntegerField(default=0)
    occurrence_at = models.DateTimeField()  # nominal
    zone_wave = models.CharField(max_length=64, blank=True)  # IANA name; empty: one wave for all
    is_rest = models.BooleanField(default=False)  # goes to those who waited for the winner
    state = models.CharField(max_length=9, choices=RunState.choices)
    due_at = models.DateTimeField()
    campaign_version = models.IntegerField()
    content = models.JSONField(default=dict)  # what is sent, frozen with the audience
    links = models.JSONField(default=list)  # link number → target as written
    message_key = models.CharField(max_length=32, blank=True, db_default="")  # of an e-mail's HTML: equal ones number links alike
    targeted = models.IntegerField(default=0)  # members at the freeze
    frozen = models.IntegerField(default=0)  # of them, to be attempted
    audience = AudienceField(null=True, blank=True)  # the frozen ones
    triggered = AudienceField(null=True, blank=True)  # of a run that events started: whose they were; until the freeze
    epoch = models.IntegerField(default=0)  # of the lease on the freeze
    lease_until = models.DateTimeField(null=True, blank=True)
    failure = models.JSONField(null=True, blank=True)  # {"code", "params"}
    not_before = models.DateTimeField(null=True, blank=True)  # its mail server is given some rest
    server_failures = models.IntegerField(default=0)  # in a row
    server_failing_since = models.DateTimeField(null=True, blank=True)
    server_said = models.CharField(max_length=300, blank=True)
    is_slow = models.BooleanField(default=False)  # its mail server takes long over a small batch: one worker is enough
    expires_at = models.DateTimeField(null=True, blank=True)  # Limits.MaximumDuration after the scheduled start; None: never
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "treatment", "occurrence_at", "zone_wave", "is_rest"], name="run_once"),
            models.CheckConstraint(condition=models.Q(state__in=RunState.values), name="run_state_known"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(state__in=["PENDING", "FREEZING", "RUNNING"]), name="run_open"),
            models.Index(fields=["project", "due_at"], name="run_by_day"),
        ]

    def __str__(self) -> str:
        return self.public_id


class ExclusionReason(models.TextChoices):
    """Why a member was not frozen: the names of Pinpoint's execution metrics (reference, section 10.4), and ours for the suppression
    list, of which Pinpoint said nothing."""

    ENDPOINT_OPT_OUT = "ENDPOINT_OPT_OUT", _("Opted out")
    ENDPOINT_INACTIVE = "ENDPOINT_INACTIVE", _("Inactive")
    ENDPOINT_MISSING_ADDRESS = "ENDPOINT_MISSING_ADDRESS", _("No address")
    ENDPOINT_CHANNEL_MISMATCH = "ENDPOINT_CHANNEL_MISMATCH", _("Another channel")
    ENDPOINT_SUPPRESSED = "ENDPOINT_SUPPRESSED", _("On the suppression list")
    ENDPOINT_MISSING_TIMEZONE = "ENDPOINT_MISSING_TIMEZONE", _("No time zone")
    TREATMENT_HOLDOUT = "TREATMENT_HOLDOUT", _("Held out")
    DUPLICATE_ENDPOINT = "DUPLICATE_ENDPOINT", _("Address already in this run")
    FILTERED_OUT_BY_SEGMENT = "FILTERED_OUT_BY_SEGMENT", _("Deleted since")


class RunExclusion(models.Model):
    """The members of a run who were left out for one reason; the sets are disjoint."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="exclusions")
    reason = models.CharField(max_length=30, choices=ExclusionReason.choices)
    members = AudienceField()
    total = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "reason"], name="run_exclusion_once")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.reason}: {self.total}"


class Outcome(models.TextChoices):
    """How an attempt ended: Pinpoint's sixteen send statuses (section 6.5), OPT_OUT and SUPPRESSED for what came after the freeze,
    and HOOK_FILTERED for whom a hook left out."""

    SUCCESS = "SUCCESS", _("Sent")
    FAILURE = "FAILURE", _("Failed")
    FAILURE_PERMANENT = "FAILURE_PERMANENT", _("Refused for good")
    TRANSIENT_FAILURE = "TRANSIENT_FAILURE", _("Refused for now, given up")
    THROTTLED = "THROTTLED", _("Throttled")
    UNKNOWN = "UNKNOWN", _("Unknown: not sent again")
    OPT_OUT = "OPT_OUT", _("Opted out before it was sent")
    SUPPRESSED = "SUPPRESSED", _("Suppressed before it was sent")
    EXPIRED = "EXPIRED", _("Out of time")
    DAILY_CAP = "DAILY_CAP", _("Daily limit")
    CAMPAIGN_CAP = "CAMPAIGN_CAP", _("Campaign limit")
    QUIET_TIME = "QUIET_TIME", _("Quiet time")
    HOLDOUT = "HOLDOUT", _("Held out")
    DUPLICATE_ADDRESS = "DUPLICATE_ADDRESS", _("Address already in this run")
    HOOK_FAILURE = "HOOK_FAILURE", _("Hook failed")
    HOOK_FILTERED = "HOOK_FILTERED", _("Left out by the hook")
    CUSTOM_DELIVERY_FAILURE = "CUSTOM_DELIVERY_FAILURE", _("Custom channel failed")
    RECOMMENDATION_FAILURE = "RECOMMENDATION_FAILURE", _("Recommendation failed")
    UNSUPPORTED_CHANNEL = "UNSUPPORTED_CHANNEL", _("Unsupported channel")


class HoldReason(models.TextChoices):
    """Why a slice waits for its ``not_before``."""

    RETRY = "RETRY", _("Refused for now, tried again")
    SERVER = "SERVER", _("The mail server could not be reached")
    REDIS = "REDIS", _("Redis could not be reached")
    QUIET_TIME = "QUIET_TIME", _("Quiet time")
    DOMAIN = "DOMAIN", _("Limit of a recipient domain")
    WARM_UP = "WARM_UP", _("Warm-up")
    SPREAD = "SPREAD", _("Spread over time")


class Slice(models.Model):
    """Up to 1,000 frozen ids. Claimed by lease and epoch; cursors are positions in the ascending list of its ids.

    ``done_cursor`` ≤ ``intent_cursor`` ≤ size. Ids before done have an outcome (or were deferred into a retry slice);
    ids between the two were being sent, and after a crash end as UNKNOWN.
    """

    class State(models.TextChoices):
        OPEN = "OPEN", _("Open")
        DONE = "DONE", _("Done")

    run = models.ForeignKey(Run, models.CASCADE, related_name="slices")
    number = models.IntegerField()
    attempt = models.SmallIntegerField(default=0)  # 0: first try; a retry slice carries ids that were deferred
    ids = AudienceField()
    size = models.IntegerField()
    state = models.CharField(max_length=4, choices=State.choices, default=State.OPEN)
    epoch = models.IntegerField(default=0)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    hold_reason = models.CharField(max_length=10, choices=HoldReason.choices, blank=True)  # of not_before
    hold_note = models.CharField(max_length=253, blank=True)  # the time zone or the domain that it waits for
    intent_cursor = models.IntegerField(default=0)
    done_cursor = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="slice_once"),
            models.CheckConstraint(
                condition=models.Q(done_cursor__lte=models.F("intent_cursor"), intent_cursor__lte=models.F("size")),
                name="slice_cursors_in_order",
            ),
        ]
        indexes = [models.Index(fields=["run", "number"], condition=models.Q(state="OPEN"), name="slice_open")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"


class SliceOutcome(models.Model):
    """Which of a slice's ids ended how. Grows in the transaction that moves ``done_cursor``."""

    slice = models.ForeignKey(Slice, models.CASCADE, related_name="outcomes")
    run = models.ForeignKey(Run, models.CASCADE, related_name="+", db_index=False)
    outcome = models.CharField(max_length=23, choices=Outcome.choices)
    members = AudienceField()
    total = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["slice", "outcome"], name="slice_outcome_once")]
        indexes = [models.Index(fields=["run", "outcome"], name="slice_outcome_by_run")]

    def __str__(self) -> str:
        return f"{self.slice_id} {self.outcome}: {self.total}"


class DailyUse(models.Model):
    """When somebody was sent to within the last 24 hours: by a campaign, or (``campaign`` empty) by any of the project's.

    One instant for each message that went out or may have, the oldest first. Only where Limits.Daily is set. No foreign key is
    checked here: that would lock the campaign's row for each of two hundred rows.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    endpoint_id = models.BigIntegerField()
    campaign = models.ForeignKey(
        Campaign, models.CASCADE, null=True, blank=True, related_name="+", db_index=False, db_constraint=False
    )
    instants = ArrayField(models.DateTimeField())
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "endpoint_id", "campaign"], nulls_distinct=False, name="daily_use_once")
        ]
        indexes = [models.Index(fields=["last_at"], name="daily_use_by_age")]

    def __str__(self) -> str:
        return f"{self.endpoint_id}: {len(self.instants)}"


class TotalUse(models.Model):
    """In how many runs of a campaign somebody was targeted. Only where Limits.Total is set, and until the campaign is over."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    endpoint_id = models.BigIntegerField()
    count = models.SmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "endpoint_id"], name="total_use_once"),
            models.CheckConstraint(condition=models.Q(count__gte=0), name="total_use_not_negative"),
        ]
        indexes = [models.Index(fields=["endpoint_id"], name="total_use_by_endpoint")]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.endpoint_id}: {self.count}"


class WarmUpDay(models.Model):
    """How many messages a project's warm-up has let out on a day (of the project's zone)."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    date = models.DateField()
    used = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "date"], name="warm_up_day_once"),
            models.CheckConstraint(condition=models.Q(used__gte=0), name="warm_up_day_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.project_id} {self.date}: {self.used}"


class SliceRefusal(models.Model):
    """How many of a slice's ids were refused for a reason of one kind (``messaging.delivery.refusals``).

    Grows with the outcomes, in the same transaction.
    """

    slice = models.ForeignKey(Slice, models.CASCADE, related_name="refusals")
    run = models.ForeignKey(Run, models.CASCADE, related_name="+", db_index=False)
    refusal = models.CharField(max_length=9)
    total = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["slice", "refusal"], name="slice_refusal_once")]
        indexes = [models.Index(fields=["run", "refusal"], name="slice_refusal_by_run")]

    def __str__(self) -> str:
        return f"{self.slice_id} {self.refusal}: {self.total}"
