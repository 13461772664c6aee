"""Operators' pages of campaigns, their runs and slices."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from campaigns.models import (
    ApprovalRequest,
    Campaign,
    CampaignPast,
    CampaignVersion,
    DailyUse,
    EventListener,
    EventTrigger,
    Run,
    RunExclusion,
    Slice,
    SliceOutcome,
    SliceRefusal,
    TotalUse,
    Treatment,
    WarmUpDay,
    WinnerTest,
)
from campaigns.services import launch, leases, restored
from core import clock
from core.operators import OperatorAdmin


@admin.register(Campaign)
class CampaignAdmin(OperatorAdmin):
    list_display = ("name", "project", "state", "restored_from", "version", "launched_at", "updated_at")
    list_filter = ("state", ("restored_from", admin.EmptyFieldListFilter))
    list_select_related = ("project",)
    search_fields = ("name", "=public_id", "project__name")
    actions = ("pause", "resume", "leave_out", "send_again", "delete")

    @admin.action(description=_("Pause"))
    def pause(self, request: HttpRequest, rows: QuerySet[Campaign]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: launch.pause_campaign(campaign=row, actor=actor, now=clock.now()))

    @admin.action(description=_("Resume"))
    def resume(self, request: HttpRequest, rows: QuerySet[Campaign]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: launch.resume_campaign(campaign=row, actor=actor, now=clock.now()))

    @admin.action(description=_("After a restore: go on without those who may have got it"))
    def leave_out(self, request: HttpRequest, rows: QuerySet[Campaign]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: restored.leave_out(campaign=row, actor=actor, now=clock.now()))

    @admin.action(description=_("After a restore: send to those who may have got it, too (they may get it twice)"))
    def send_again(self, request: HttpRequest, rows: QuerySet[Campaign]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: restored.send_again(campaign=row, actor=actor, now=clock.now()))

    @admin.action(description=_("Delete: nothing more is sent, the numbers stay"))
    def delete(self, request: HttpRequest, rows: QuerySet[Campaign]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: launch.delete_campaign(campaign=row, actor=actor, now=clock.now()))


@admin.register(CampaignVersion)
class CampaignVersionAdmin(OperatorAdmin):
    list_display = ("campaign", "version", "name", "created_by", "created_at")
    list_select_related = ("campaign", "created_by")
    search_fields = ("name", "=campaign__public_id")


@admin.register(CampaignPast)
class CampaignPastAdmin(OperatorAdmin):
    list_display = ("campaign", "state", "taken_at")
    list_filter = ("state",)
    list_select_related = ("campaign",)
    search_fields = ("campaign__name", "=campaign__public_id")


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(OperatorAdmin):
    """To read: an approval is given by somebody of the project, on the campaign's page."""

    list_display = ("campaign", "state", "version", "asked_by", "asked_at", "decided_by", "decided_at")
    list_filter = ("state",)
    list_select_related = ("campaign", "asked_by", "decided_by")
    search_fields = ("campaign__name", "=campaign__public_id")


@admin.register(Treatment)
class TreatmentAdmin(OperatorAdmin):
    list_display = ("campaign", "number", "next_run_at", "next_occurrence_at")
    list_filter = (("next_run_at", admin.EmptyFieldListFilter),)
    list_select_related = ("campaign",)
    search_fields = ("campaign__name", "=campaign__public_id")


@admin.register(WinnerTest)
class WinnerTestAdmin(OperatorAdmin):
    list_display = ("campaign", "occurrence_at", "decide_at", "state", "winner", "why", "chosen_by", "chosen_at")
    list_filter = ("state", "why")
    list_select_related = ("campaign", "chosen_by")
    search_fields = ("campaign__name", "=campaign__public_id")


@admin.register(Run)
class RunAdmin(OperatorAdmin):
    list_display = (
        "public_id", "campaign", "project", "occurrence_at", "zone_wave", "state", "targeted", "frozen", "started_at", "completed_at",
    )  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("campaign", "project")
    search_fields = ("=public_id", "campaign__name", "=campaign__public_id")
    date_hierarchy = "occurrence_at"
    actions = ("take_over",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("audience", "triggered")

    @admin.action(description=_("Take the computing of the audience over from a worker that hangs"))
    def take_over(self, request: HttpRequest, rows: QuerySet[Run]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: leases.end_freeze_lease(run=row, actor=actor, now=clock.now()))


@admin.register(RunExclusion)
class RunExclusionAdmin(OperatorAdmin):
    list_display = ("run", "reason", "total")
    list_filter = ("reason",)
    list_select_related = ("run",)
    search_fields = ("=run__public_id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("members", "run__audience")


@admin.register(Slice)
class SliceAdmin(OperatorAdmin):
    list_display = (
        "run", "number", "attempt", "state", "size", "intent_cursor", "done_cursor", "epoch", "lease_owner", "lease_until", "not_before",
        "hold_reason",
    )  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("run",)
    search_fields = ("=run__public_id",)
    search_help_text = _("Id of a run")
    actions = ("take_over",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("ids", "run__audience")

    @admin.action(description=_("Take over from a worker that hangs (its small batch becomes UNKNOWN)"))
    def take_over(self, request: HttpRequest, rows: QuerySet[Slice]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: leases.end_lease(slice_id=row.pk, actor=actor, now=clock.now()))


@admin.register(SliceOutcome)
class SliceOutcomeAdmin(OperatorAdmin):
    list_display = ("slice", "run", "outcome", "total")
    list_filter = ("outcome",)
    list_select_related = ("slice", "run")
    search_fields = ("=run__public_id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("members", "slice__ids", "run__audience")


@admin.register(DailyUse)
class DailyUseAdmin(OperatorAdmin):
    list_display = ("endpoint_id", "project", "campaign", "last_at")
    list_select_related = ("project", "campaign")
    search_fields = ("=endpoint_id",)


@admin.register(TotalUse)
class TotalUseAdmin(OperatorAdmin):
    list_display = ("endpoint_id", "campaign", "count")
    list_select_related = ("campaign",)
    search_fields = ("=endpoint_id", "=campaign__public_id")


@admin.register(EventListener)
class EventListenerAdmin(OperatorAdmin):
    list_display = ("campaign", "project", "kind")
    list_select_related = ("campaign", "project")
    search_fields = ("campaign__name", "=campaign__public_id", "=kind")


@admin.register(EventTrigger)
class EventTriggerAdmin(OperatorAdmin):
    """What waits for the next run: nothing, a second later."""

    list_display = ("campaign", "endpoint_id", "occurred_at", "event_id")
    list_select_related = ("campaign",)
    search_fields = ("=endpoint_id", "=campaign__public_id")


@admin.register(WarmUpDay)
class WarmUpDayAdmin(OperatorAdmin):
    list_display = ("project", "date", "used")
    list_select_related = ("project",)
    date_hierarchy = "date"


@admin.register(SliceRefusal)
class SliceRefusalAdmin(OperatorAdmin):
    list_display = ("slice", "run", "refusal", "total")
    list_filter = ("refusal",)
    list_select_related = ("slice", "run")
    search_fields = ("=run__public_id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("slice__ids", "run__audience")
