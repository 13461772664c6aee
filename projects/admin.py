"""Operators' pages of people and projects."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core import clock
from core.operators import OperatorAdmin
from projects import queries
from projects.models import AuditEntry, Installation, Invitation, Member, Project, PublicKey, SendingSettings, User
from projects.services import installation, members, projects, public_keys


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email",)


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    """The one model that is edited here: who may log in, and who is an operator."""

    add_form = NewUserForm
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "last_login", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    readonly_fields = ("last_login", "created_at")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "password", "name", "language")}),
        (_("Rights"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (_("When"), {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what somebody made stays; deactivate the account instead


@admin.register(Installation)
class InstallationAdmin(OperatorAdmin):
    list_display = ("__str__", "sending_paused_at", "created_at")
    actions = ("pause_sending", "resume_sending")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        Installation.objects.get_or_create(singleton=True)
        return super().get_queryset(request)

    @admin.action(description=_("Pause all sending"))
    def pause_sending(self, request: HttpRequest, rows: QuerySet[Installation]) -> None:
        self.carry_out(request, rows, lambda _row: installation.pause_sending(actor=_actor(request), now=clock.now()))

    @admin.action(description=_("Resume sending"))
    def resume_sending(self, request: HttpRequest, rows: QuerySet[Installation]) -> None:
        self.carry_out(request, rows, lambda _row: installation.resume_sending(actor=_actor(request), now=clock.now()))


@admin.register(Project)
class ProjectAdmin(OperatorAdmin):
    list_display = ("name", "public_id", "mode", "time_zone", "created_by", "created_at", "deleted_at")
    list_filter = ("mode", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("created_by",)
    search_fields = ("name", "=public_id")
    actions = ("back_to_practice",)

    @admin.action(description=_("Back to practice mode"))
    def back_to_practice(self, request: HttpRequest, rows: QuerySet[Project]) -> None:
        mode, actor = Project.Mode.PRACTICE, _actor(request)
        self.carry_out(request, rows, lambda row: projects.set_mode(project=row, actor=actor, mode=mode, now=clock.now()))


@admin.register(Member)
class MemberAdmin(OperatorAdmin):
    list_display = ("user", "project", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "project")
    search_fields = ("user__email", "project__name")
    actions = ("make_owner",)

    @admin.action(description=_("Make an owner (when a project's owner has left)"))
    def make_owner(self, request: HttpRequest, rows: QuerySet[Member]) -> None:
        from projects.models import Role

        actor = _actor(request)
        self.carry_out(request, rows, lambda row: members.set_role(member=row, actor=actor, role=Role.OWNER, now=clock.now()))


@admin.register(Invitation)
class InvitationAdmin(OperatorAdmin):
    list_display = ("email", "project", "role", "invited_by", "created_at", "expires_at", "accepted_at")
    list_filter = ("role", ("accepted_at", admin.EmptyFieldListFilter))
    list_select_related = ("project", "invited_by")
    search_fields = ("email", "project__name")
    exclude = ("token_hash",)
    actions = ("withdraw",)

    @admin.action(description=_("Withdraw"))
    def withdraw(self, request: HttpRequest, rows: QuerySet[Invitation]) -> None:
        actor = _actor(request)
        self.carry_out(request, rows, lambda row: members.withdraw_invitation(invitation=row, actor=actor, now=clock.now()))


@admin.register(AuditEntry)
class AuditEntryAdmin(OperatorAdmin):
    list_display = ("at", "told", "project", "verb", "object_id")
    list_filter = ("verb",)
    list_select_related = ("actor", "project")
    search_fields = ("=object_id", "actor__email", "project__name")
    date_hierarchy = "at"

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        page = super().get_changelist_instance(request)
        sentences = queries.audit_sentences(entries=page.result_list)  # of all rows at once
        for entry in page.result_list:
            entry.sentence = sentences[entry.pk]
        return page

    @admin.display(description=_("What was done"))
    def told(self, entry: Any) -> str:
        return str(entry.sentence)


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # Django's admin lets nobody else in
    return request.user


@admin.register(SendingSettings)
class SendingSettingsAdmin(OperatorAdmin):
    list_display = ("project", "updated_at")
    list_select_related = ("project",)
    search_fields = ("project__name", "=project__public_id")


@admin.register(PublicKey)
class PublicKeyAdmin(OperatorAdmin):
    list_display = ("name", "project", "token", "created_at", "used_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("project",)
    search_fields = ("=token", "name", "project__name")
    exclude = ("sealed_secret",)
    actions = ("revoke",)

    @admin.action(description=_("Revoke"))
    def revoke(self, request: HttpRequest, rows: QuerySet[PublicKey]) -> None:
        actor = _actor(request)
        self.carry_out(request, rows, lambda row: public_keys.revoke_key(key=row, actor=actor, now=clock.now()))
