"""Operators' pages of the API. Keys are made by members, and the account's by ``manage.py create_access_key``."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from api.models import AccessKey, IdempotentCall
from api.services import access_keys
from core import clock
from core.operators import OperatorAdmin


@admin.register(AccessKey)
class AccessKeyAdmin(OperatorAdmin):
    list_display = (
        "access_key_id",
        "name",
        "project",
        "rights_in_words",
        "created_by",
        "created_at",
        "last_used_at",
        "revoked_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), ("project", admin.EmptyFieldListFilter))
    list_select_related = ("project", "created_by")
    search_fields = ("=access_key_id", "name", "project__name", "created_by__email")
    exclude = ("sealed_secret",)
    ordering = ("-id",)
    actions = ("revoke",)

    @admin.action(description=_("Revoke"))
    def revoke(self, request: HttpRequest, rows: QuerySet[AccessKey]) -> None:
        actor: Any = request.user
        self.carry_out(request, rows, lambda row: access_keys.revoke_access_key(key=row, actor=actor, now=clock.now()))


@admin.register(IdempotentCall)
class IdempotentCallAdmin(OperatorAdmin):
    """Without what was answered: it may hold personal data."""

    list_display = ("key", "access_key", "status", "created_at")
    list_select_related = ("access_key",)
    search_fields = ("=key", "=access_key__access_key_id")
    exclude = ("body",)
    ordering = ("-id",)
