"""Operators' pages of endpoints. Written by imports, unsubscribe links and marketers; only looked at here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from analytics.queries import endpoint_events
from core import clock
from core.operators import OperatorAdmin
from endpoints.models import (
    ArrivalMonth,
    AttributeName,
    AttributeRemoval,
    AudienceDay,
    Endpoint,
    EndpointUser,
    ErasureRequest,
    FacetChunk,
    FacetDelta,
    FacetSubject,
    OptOutEntry,
)
from endpoints.services import erasing, removing_attributes


@admin.register(Endpoint)
class EndpointAdmin(OperatorAdmin):
    list_display = ("endpoint_id", "project", "channel_type", "address", "opt_out", "status", "user", "updated_at")
    list_filter = ("channel_type", "opt_out", "status")
    list_select_related = ("project", "user")
    search_fields = ("endpoint_key",)
    search_help_text = _("The whole Id or the whole address")
    ordering = ("-id",)
    readonly_fields = ("events",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().lower()  # the indexed columns are in lower case
        return (queryset.filter(Q(endpoint_key=term) | Q(address_key=term)) if term else queryset), False

    @admin.display(description=_("the newest events"))
    def events(self, endpoint: Endpoint) -> str:
        found = endpoint_events(project_id=endpoint.project_id, endpoint_id=endpoint.pk)
        return format_html_join(
            "",
            "<div>{} UTC {} {}</div>",
            ((f"{event.at:%Y-%m-%d %H:%M:%S}", event.event_type, event.data or "") for event in found),
        )


@admin.register(EndpointUser)
class EndpointUserAdmin(OperatorAdmin):
    list_display = ("user_id", "project", "updated_at")
    list_select_related = ("project",)
    search_fields = ("=user_id",)
    search_help_text = _("The whole UserId")
    ordering = ("-id",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(user_id=term) if term else queryset), False


@admin.register(OptOutEntry)
class OptOutEntryAdmin(OperatorAdmin):
    list_display = ("at", "project", "endpoint", "opt_out", "source", "campaign_id", "run_id", "actor_id")
    list_filter = ("opt_out", "source")
    list_select_related = ("project", "endpoint")
    search_fields = ("endpoint__address_key", "endpoint__endpoint_key")
    ordering = ("-id",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().lower()
        whole = Q(endpoint__endpoint_key=term) | Q(endpoint__address_key=term)
        return (queryset.filter(whole) if term else queryset), False


@admin.register(AttributeName)
class AttributeNameAdmin(OperatorAdmin):
    list_display = ("name", "kind", "project", "looks_like_date", "first_seen_at")
    list_filter = ("kind", "looks_like_date")
    list_select_related = ("project",)
    search_fields = ("name", "project__name")


@admin.register(ErasureRequest)
class ErasureRequestAdmin(OperatorAdmin):
    """Without whom it is about: operators have no more right to that than anybody."""

    list_display = ("public_id", "project", "state", "turn", "table", "waits_for", "requested_at", "completed_at")
    list_filter = ("state",)
    list_select_related = ("project",)
    search_fields = ("=public_id",)
    exclude = ("person",)
    ordering = ("-id",)
    actions = ("take_over",)

    @admin.action(description=_("Take over from a worker that hangs"))
    def take_over(self, request: HttpRequest, rows: QuerySet[ErasureRequest]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: erasing.end_lease(request=row, actor=actor, now=clock.now()))


@admin.register(AttributeRemoval)
class AttributeRemovalAdmin(OperatorAdmin):
    list_display = ("public_id", "project", "kind", "state", "changed", "requested_at", "completed_at")
    list_filter = ("state", "kind")
    list_select_related = ("project",)
    search_fields = ("=public_id",)
    ordering = ("-id",)
    actions = ("take_over",)

    @admin.action(description=_("Take over from a worker that hangs"))
    def take_over(self, request: HttpRequest, rows: QuerySet[AttributeRemoval]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: removing_attributes.end_lease(removal=row, actor=actor, now=clock.now()))


@admin.register(AudienceDay)
class AudienceDayAdmin(OperatorAdmin):
    list_display = ("day", "project", "endpoints", "reachable")
    list_select_related = ("project",)
    search_fields = ("project__name",)


@admin.register(ArrivalMonth)
class ArrivalMonthAdmin(OperatorAdmin):
    list_display = ("month", "project")
    list_select_related = ("project",)
    search_fields = ("project__name",)
    exclude = ("members",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("members")


@admin.register(FacetSubject)
class FacetSubjectAdmin(OperatorAdmin):
    list_display = ("name", "kind", "project", "state", "fold")
    list_filter = ("kind", "state")
    list_select_related = ("project",)
    search_fields = ("name", "project__name")


@admin.register(FacetChunk)
class FacetChunkAdmin(OperatorAdmin):
    list_display = ("subject", "value", "chunk", "total", "fold")
    list_select_related = ("subject",)
    search_fields = ("=value", "subject__name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("ids")


@admin.register(FacetDelta)
class FacetDeltaAdmin(OperatorAdmin):
    list_display = ("id", "subject", "value", "created_at")
    list_select_related = ("subject",)
    search_fields = ("=value", "subject__name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("added", "removed")
