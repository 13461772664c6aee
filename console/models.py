"""What the console keeps for its operators."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.ids import public_id
from projects.models import Project, User


class Invariant(models.TextChoices):
    """What always holds, in a project."""

    RUNS = "RUNS", _("Targeted = excluded + outcomes")
    FACETS = "FACETS", _("Facets = endpoints")
    IMPORTS = "IMPORTS", _("An import's counters = its pieces'")
    ROLLUPS = "ROLLUPS", _("Counters = events")


class InvariantCheck(models.Model):
    """The last check of an invariant in a project, and the one that is asked for."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    invariant = models.CharField(max_length=7, choices=Invariant.choices)
    asked_at = models.DateTimeField(null=True, blank=True)  # empty: it is done
    epoch = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(default=0.0)  # how long it took
    checked = models.BigIntegerField(default=0)  # runs, endpoints, imports, numbers
    broken = models.BigIntegerField(default=0)
    examples = models.JSONField(default=list)  # the first that are broken: [{"code", "params"}]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "invariant"], name="invariant_check_once"),
            models.CheckConstraint(
                condition=models.Q(invariant__in=["RUNS", "FACETS", "IMPORTS", "ROLLUPS"]), name="invariant_known"
            ),
        ]
        indexes = [models.Index(fields=["asked_at"], condition=models.Q(asked_at__isnull=False), name="invariant_check_open")]

    def __str__(self) -> str:
        return f"{self.project_id} {self.invariant}"


class SavedQuery(models.Model):
    """SQL to run again, by its name."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=100)
    sql = models.TextField()
    parameters = models.JSONField(default=dict)  # name → the value that it had when it was saved
    chart = models.JSONField(default=dict)  # what is drawn of its answer: console.sql.charting
    saved_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    saved_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "saved queries"
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="saved_query_name_once")]

    def __str__(self) -> str:
        return self.name


class QueryRun(models.Model):
    """A query that was run. Without an end it is still at it, or was broken off with the process that waited for it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    sql = models.TextField()
    parameters = models.JSONField(default=dict)
    began_at = models.DateTimeField()
    seconds = models.FloatField(null=True, blank=True)
    rows = models.IntegerField(null=True, blank=True)  # empty: it was refused, or is not over

    class Meta:
        indexes = [models.Index(fields=["project", "-id"], name="query_run_of_project")]

    def __str__(self) -> str:
        return self.sql[:80]


class KeptAnswer(models.Model):
    """The newest answer to a query with its values, for pictures and dashboards. Deleted at any time: it is asked again."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=64)  # a hash of the query and its values
    body = models.BinaryField()  # columns and the first rows: console.services.keeping
    refusal = models.JSONField(default=dict)  # why there is no answer: {"code", "params", "detail"}
    seconds = models.FloatField(default=0.0)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="kept_answer_once")]
        indexes = [models.Index(fields=["made_at"], name="kept_answer_by_age")]

    def __str__(self) -> str:
        return self.key


class Dashboard(models.Model):
    """Saved queries as pictures on one page."""

    class Refresh(models.IntegerChoices):
        """Seconds after which numbers are old."""

        BY_HAND = 0, _("only when somebody asks")
        QUARTER = 15 * 60, _("every 15 minutes")
        HOUR = 60 * 60, _("every hour")
        SIX_HOURS = 6 * 60 * 60, _("every 6 hours")
        DAY = 24 * 60 * 60, _("every day")

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=100)
    refresh_seconds = models.IntegerField(choices=Refresh.choices, default=Refresh.HOUR)
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="dashboard_name_once"),
            models.CheckConstraint(
                condition=models.Q(refresh_seconds__in=[0, 900, 3600, 21600, 86400]), name="dashboard_refresh_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DashboardTile(models.Model):
    """A saved query's picture on a dashboard."""

    dashboard = models.ForeignKey(Dashboard, models.CASCADE, related_name="tiles", db_index=False)
    query = models.ForeignKey(SavedQuery, models.CASCADE, related_name="tiles")
    place = models.IntegerField()
    is_wide = models.BooleanField(default=False)
    asked_at = models.DateTimeField(null=True, blank=True)  # somebody wants new numbers

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dashboard", "query"], name="dashboard_tile_once")]
        indexes = [
            models.Index(fields=["asked_at"], condition=models.Q(asked_at__isnull=False), name="dashboard_tile_asked"),
        ]

    def __str__(self) -> str:
        return f"{self.dashboard_id} {self.query_id}"


class ReportSchedule(models.Model):
    """When a project's weekly report is mailed: a weekday (0: Monday) and an hour of the project's zone."""

    project = models.OneToOneField(Project, models.CASCADE, related_name="+")
    weekday = models.SmallIntegerField(default=0)
    hour = models.SmallIntegerField(default=9)
    changed_at = models.DateTimeField()  # what was due before is not mailed any more

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(weekday__range=(0, 6), hour__range=(0, 23)), name="report_schedule_is_a_time_of_the_week"
            )
        ]

    def __str__(self) -> str:
        return f"{self.project_id} {self.weekday} {self.hour}"


class ReportReader(models.Model):
    """Somebody who gets a project's weekly report as long as he is its member. The token turns it off without logging in."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    token = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    since = models.DateTimeField()
    mailed_for = models.DateTimeField(null=True, blank=True)  # the moment that the newest one was due at

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="report_reader_once")]

    def __str__(self) -> str:
        return f"{self.project_id} {self.user_id}"


class RemoteQuery(models.Model):
    """A query that runs, or ran, in Athena. Its answer stays there."""

    class State(models.TextChoices):
        STARTING = "STARTING", _("Being asked")
        QUEUED = "QUEUED", _("Waiting in Athena")
        RUNNING = "RUNNING", _("Running in Athena")
        SUCCEEDED = "SUCCEEDED", _("Done")
        FAILED = "FAILED", _("Failed")
        CANCELLED = "CANCELLED", _("Cancelled")

    project = models.ForeignKey(Project, models.CASCADE, related_name="+", db_index=False)
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    sql = models.TextField()  # as it was written
    parameters = models.JSONField(default=dict)
    translated = models.TextField()
    token = models.CharField(max_length=32, default=public_id, editable=False)  # asked twice with it, Athena runs it once
    execution_id = models.CharField(max_length=128, blank=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.STARTING)
    reason = models.TextField(blank=True)
    scanned = models.BigIntegerField(default=0)  # bytes, which are paid for
    milliseconds = models.BigIntegerField(default=0)
    began_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "remote queries"
        indexes = [models.Index(fields=["project", "-id"], name="remote_query_of_project")]

    def __str__(self) -> str:
        return self.sql[:80]

    @property
    def is_over(self) -> bool:
        return self.state in (self.State.SUCCEEDED, self.State.FAILED, self.State.CANCELLED)
