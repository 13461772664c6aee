"""Operators' pages of numbers. Events have a composite key, which Django's admin can't show: an endpoint's page lists its own."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from analytics import signing_keys
from analytics.models import (
    CataloguedDay,
    Counter,
    DetailAddition,
    DetailCounter,
    ErasedEndpoint,
    EventStream,
    EventType,
    Horizon,
    LakeFile,
    LakePosition,
    LakeTransform,
    MailDomain,
    ProductCounter,
    Reach,
    ReachAddition,
    RevenueCounter,
    SendCounter,
    SigningKey,
    SmsCounter,
    StreamPosition,
    TransformFile,
    TransformWindow,
    Webhook,
    WebhookDelivery,
)  # fmt: skip
from core.operators import OperatorAdmin


@admin.register(Counter)
class CounterAdmin(OperatorAdmin):
    list_display = ("hour", "project_id", "source_kind", "source_id", "run_id", "kind", "hit_class", "total")
    list_filter = ("kind", "hit_class")
    search_fields = ("=run_id", "=source_id")
    search_help_text = _("Number of a run or a campaign")


@admin.register(SmsCounter)
class SmsCounterAdmin(OperatorAdmin):
    list_display = ("hour", "project_id", "source_id", "run_id", "kind", "country", "status", "messages", "parts", "millicents")
    list_filter = ("kind", "country")
    search_fields = ("=run_id", "=source_id")
    search_help_text = _("Number of a run or a campaign")


@admin.register(SendCounter)
class SendCounterAdmin(OperatorAdmin):
    list_display = ("hour", "project_id", "source_id", "run_id", "kind", "channel", "status", "total")
    list_filter = ("channel", "status")
    search_fields = ("=run_id", "=source_id")
    search_help_text = _("Number of a run or a campaign")


@admin.register(RevenueCounter)
class RevenueCounterAdmin(OperatorAdmin):
    list_display = ("hour", "project_id", "source_id", "run_id", "currency", "purchases", "quantity", "amount")
    list_filter = ("currency",)
    search_fields = ("=run_id", "=source_id")
    search_help_text = _("Number of a run or a campaign")


@admin.register(ProductCounter)
class ProductCounterAdmin(OperatorAdmin):
    list_display = ("hour", "project_id", "product", "currency", "purchases", "quantity", "amount")
    list_filter = ("currency",)
    search_fields = ("product",)


@admin.register(DetailCounter)
class DetailCounterAdmin(OperatorAdmin):
    list_display = ("day", "project_id", "source_id", "kind", "hit_class", "detail", "value", "total")
    list_filter = ("detail", "hit_class")
    search_fields = ("=source_id",)
    search_help_text = _("Number of a campaign")


@admin.register(DetailAddition)
class DetailAdditionAdmin(OperatorAdmin):
    list_display = ("id", "day", "project_id", "source_id", "kind", "detail")
    list_filter = ("detail",)


@admin.register(MailDomain)
class MailDomainAdmin(OperatorAdmin):
    list_display = ("name", "project_id", "id", "made_at")
    search_fields = ("name",)


@admin.register(EventType)
class EventTypeAdmin(OperatorAdmin):
    list_display = ("name", "project_id", "number", "made_at")
    search_fields = ("name",)


@admin.register(EventStream)
class EventStreamAdmin(OperatorAdmin):
    list_display = ("project", "kind", "target", "state", "position", "failures", "last_error", "lease_until")
    list_filter = ("kind", "state")
    search_fields = ("target", "project__name", "project__public_id")
    exclude = ("sealed_secret_access_key", "sealed_signing_secret")


@admin.register(Horizon)
class HorizonAdmin(OperatorAdmin):
    list_display = ("settled", "probed", "writers")


@admin.register(Reach)
class ReachAdmin(OperatorAdmin):
    list_display = ("day", "project_id", "source_id", "run_id", "kind", "hit_class", "link_number")
    list_filter = ("kind", "hit_class")
    search_fields = ("=run_id", "=source_id")
    search_help_text = _("Number of a run or a campaign")
    readonly_fields = ("endpoints",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reach]:
        return super().get_queryset(request).defer("members")

    @admin.display(description=_("endpoints"))
    def endpoints(self, reach: Reach) -> int:
        return len(reach.members)


@admin.register(ReachAddition)
class ReachAdditionAdmin(OperatorAdmin):
    list_display = ("id", "day", "project_id", "source_id", "run_id", "kind")
    exclude = ("members",)


@admin.register(SigningKey)
class SigningKeyAdmin(OperatorAdmin):
    list_display = ("number", "created_at", "retired_at")
    exclude = ("sealed_secret",)
    actions = ("rotate",)

    @admin.action(description=_("Sign new links with a new key (old links stay valid)"))
    def rotate(self, request: HttpRequest, rows: QuerySet[SigningKey]) -> None:
        self.carry_out(request, rows[:1], lambda _row: signing_keys.rotate())


@admin.register(StreamPosition)
class StreamPositionAdmin(OperatorAdmin):
    list_display = ("stream", "position")


@admin.register(ErasedEndpoint)
class ErasedEndpointAdmin(OperatorAdmin):
    list_display = ("endpoint_id", "erased_at")
    search_fields = ("=endpoint_id",)
    ordering = ("-endpoint_id",)


@admin.register(LakeFile)
class LakeFileAdmin(OperatorAdmin):
    list_display = ("day", "project_id", "kind", "rows", "bytes", "made_at", "replaced_at", "path")
    list_filter = ("kind",)
    search_fields = ("path",)


@admin.register(CataloguedDay)
class CataloguedDayAdmin(OperatorAdmin):
    list_display = ("day", "project_id", "kind", "folder", "written_at")
    list_filter = ("kind",)
    search_fields = ("folder",)


@admin.register(LakeTransform)
class LakeTransformAdmin(OperatorAdmin):
    list_display = ("name", "project", "mode", "state", "position", "next_at", "succeeded_at", "failures", "not_before")
    list_filter = ("mode", "state")
    search_fields = ("name", "project__name", "project__public_id")


@admin.register(TransformWindow)
class TransformWindowAdmin(OperatorAdmin):
    list_display = ("starts_at", "transform", "asked", "done", "done_at", "rows", "seconds")
    search_fields = ("transform__name",)


@admin.register(TransformFile)
class TransformFileAdmin(OperatorAdmin):
    list_display = ("day", "project_id", "transform_id", "starts_at", "rows", "bytes", "made_at", "replaced_at", "path")
    search_fields = ("path",)


@admin.register(LakePosition)
class LakePositionAdmin(OperatorAdmin):
    list_display = ("position", "moved_at")


@admin.register(Webhook)
class WebhookAdmin(OperatorAdmin):
    list_display = ("project", "url", "state", "position", "failures", "last_error", "lease_until")
    list_filter = ("state",)
    search_fields = ("url", "project__name", "project__public_id")
    exclude = ("sealed_secret",)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(OperatorAdmin):
    list_display = ("id", "webhook", "event_id", "kind", "state", "attempts", "next_attempt_at", "status", "error")
    list_filter = ("state",)
    search_fields = ("=event_id",)
