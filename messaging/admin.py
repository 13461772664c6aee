"""Operators' pages of senders, domains, relays, templates and the practice mailbox."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core import clock
from core.operators import OperatorAdmin
from messaging.models import (
    BounceMailbox,
    DkimKey,
    MailboxMessage,
    MessageImage,
    MessageTemplate,
    MessageTemplateVersion,
    OutcomeNotice,
    ProjectChannel,
    Relay,
    RelayCallback,
    RelayRoute,
    Sender,
    SenderDomain,
    Suppression,
    SuppressionRules,
)
from messaging.services import bounce_mailboxes, domains, images, senders, suppressions, templates


@admin.register(Sender)
class SenderAdmin(OperatorAdmin):
    list_display = ("address", "name", "project", "verified_at", "token_expires_at", "created_by")
    list_filter = (("verified_at", admin.EmptyFieldListFilter),)
    list_select_related = ("project", "created_by")
    search_fields = ("address", "name", "project__name")
    exclude = ("token_hash",)
    actions = ("send_verification",)

    @admin.action(description=_("Mail the verification link again"))
    def send_verification(self, request: HttpRequest, rows: QuerySet[Sender]) -> None:
        self.carry_out(request, rows, lambda sender: senders.send_verification(sender=sender, now=clock.now()))


@admin.register(SenderDomain)
class SenderDomainAdmin(OperatorAdmin):
    list_display = ("name", "project", "verified_at", "broken_since", "return_path_at", "checked_at")
    list_filter = (("verified_at", admin.EmptyFieldListFilter), ("broken_since", admin.EmptyFieldListFilter))
    list_select_related = ("project",)
    search_fields = ("name", "project__name")
    actions = ("check_again",)

    @admin.action(description=_("Look them up in DNS"))
    def check_again(self, request: HttpRequest, rows: QuerySet[SenderDomain]) -> None:
        self.carry_out(request, rows, lambda domain: domains.check_domain(domain=domain, now=clock.now()))


@admin.register(DkimKey)
class DkimKeyAdmin(OperatorAdmin):
    list_display = ("selector", "domain", "seen_at", "created_at")
    list_select_related = ("domain",)
    search_fields = ("selector", "domain__name")
    exclude = ("sealed_private_key",)


@admin.register(Relay)
class RelayAdmin(OperatorAdmin):
    list_display = ("name", "project", "kind", "place", "max_connections", "messages_per_second", "created_at")
    list_filter = ("kind",)
    list_select_related = ("project",)
    search_fields = ("name", "host", "project__name")
    exclude = ("sealed_secret",)


@admin.register(RelayRoute)
class RelayRouteAdmin(OperatorAdmin):
    list_display = ("__str__", "relay", "project")
    list_select_related = ("relay", "project")
    search_fields = ("sender", "relay__name")


@admin.register(MessageTemplate)
class MessageTemplateAdmin(OperatorAdmin):
    list_display = ("name", "template_type", "project", "active_version", "last_version", "updated_at")
    list_filter = ("template_type", ("project", admin.EmptyFieldListFilter))
    list_select_related = ("project",)
    search_fields = ("name", "project__name")
    actions = ("delete",)

    @admin.action(description=_("Delete with all versions, unless campaigns use it"))
    def delete(self, request: HttpRequest, rows: QuerySet[MessageTemplate]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: templates.delete_template(template=row, actor=actor, now=clock.now()))


@admin.register(MessageTemplateVersion)
class MessageTemplateVersionAdmin(OperatorAdmin):
    list_display = ("template", "version", "created_by", "updated_at")
    list_select_related = ("template", "created_by")
    search_fields = ("template__name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("document")


@admin.register(MessageImage)
class MessageImageAdmin(OperatorAdmin):
    list_display = ("name", "project", "content_type", "width", "height", "size", "created_by", "created_at")
    list_filter = ("content_type",)
    list_select_related = ("project", "created_by")
    search_fields = ("name", "=token", "project__name")
    actions = ("delete",)

    @admin.action(description=_("Delete: mails that were sent with it show a gap"))
    def delete(self, request: HttpRequest, rows: QuerySet[MessageImage]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: images.delete_image(image=row, actor=actor, now=clock.now()))


@admin.register(MailboxMessage)
class MailboxMessageAdmin(OperatorAdmin):
    list_display = ("received_at", "project", "recipient", "subject")
    list_select_related = ("project",)
    search_fields = ("=recipient",)
    search_help_text = _("The whole address")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("raw")


@admin.register(Suppression)
class SuppressionAdmin(OperatorAdmin):
    list_display = ("__str__", "project", "reason", "source", "actor", "at")
    list_filter = ("reason", "source", ("project", admin.EmptyFieldListFilter))
    list_select_related = ("project", "actor")
    search_fields = ("address", "project__name")
    actions = ("release",)

    @admin.action(description=_("Release: they get messages again"))
    def release(self, request: HttpRequest, rows: QuerySet[Suppression]) -> None:
        actor: Any = request.user
        self.carry_out(
            request, rows, lambda row: suppressions.release(project=row.project, actor=actor, ids=[row.pk], now=clock.now())
        )


@admin.register(SuppressionRules)
class SuppressionRulesAdmin(OperatorAdmin):
    list_display = ("__str__", "hard_bounces", "complaints", "updated_at")
    list_select_related = ("project",)
    search_fields = ("project__name",)


@admin.register(RelayCallback)
class RelayCallbackAdmin(OperatorAdmin):
    list_display = ("relay", "topic_arn", "confirmed_at", "last_at", "taken", "unmatched", "refused", "last_error")
    list_select_related = ("relay",)
    search_fields = ("relay__name", "topic_arn", "relay__project__name")


@admin.register(OutcomeNotice)
class OutcomeNoticeAdmin(OperatorAdmin):
    list_display = ("notice_id", "kind", "relay_id", "received_at")
    list_filter = ("kind",)
    search_fields = ("=notice_id",)


@admin.register(BounceMailbox)
class BounceMailboxAdmin(OperatorAdmin):
    list_display = ("__str__", "project", "looked_at", "taken", "unmatched", "failures", "last_error")
    list_filter = (("project", admin.EmptyFieldListFilter),)
    list_select_related = ("project",)
    search_fields = ("user", "host", "project__name")
    exclude = ("sealed_password",)
    actions = ("look_now",)

    @admin.action(description=_("Look into them now"))
    def look_now(self, request: HttpRequest, rows: QuerySet[BounceMailbox]) -> None:
        self.carry_out(request, rows, lambda row: bounce_mailboxes.ask(mailbox=row, now=clock.now()))


@admin.register(ProjectChannel)
class ProjectChannelAdmin(OperatorAdmin):
    """What the API was told."""

    list_display = ("project", "kind", "is_enabled", "version", "updated_at", "updated_by")
    list_filter = ("kind", "is_enabled")
    list_select_related = ("project", "updated_by")
    search_fields = ("project__name",)
    exclude = ("sealed_secrets",)
