"""Operators' pages of what belongs to the console itself, and of beat's entries. The house's own stay as they are; those that operators
make are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_celery_beat.admin as of_beat  # registers its pages, which are replaced here
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from console.models import (
    Dashboard,
    DashboardTile,
    InvariantCheck,
    KeptAnswer,
    QueryRun,
    RemoteQuery,
    ReportReader,
    ReportSchedule,
    SavedQuery,
)
from core.operators import OperatorAdmin


def house_tasks(rows: QuerySet[PeriodicTask]) -> QuerySet[PeriodicTask]:
    """Those that the code names; beat makes them when it is started."""
    return rows.filter(name__in=settings.CELERY_BEAT_SCHEDULE)


class _KeepsTheHouse(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at run time
    """Rows on which the house stands are looked at, not changed or deleted."""

    def is_of_house(self, row: Any) -> bool:
        raise NotImplementedError

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj is not None and self.is_of_house(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj is not None and self.is_of_house(obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], list[str]]:
        found, counts, refused, protected = super().get_deleted_objects(objs, request)
        ours = [_("%(name)s is the house's own and stays.") % {"name": row} for row in objs if self.is_of_house(row)]
        return (
            found,
            counts,
            set() if ours else refused,
            [*protected, *ours],
        )  # what is protected says why, a missing right does not


admin.site.unregister([PeriodicTask, IntervalSchedule])


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(_KeepsTheHouse, of_beat.PeriodicTaskAdmin):  # type: ignore[misc]  # untyped
    list_display = ("name", "is_house_task", "enabled", "scheduler", "interval", "last_run_at")

    def is_of_house(self, row: Any) -> bool:
        return row.name in settings.CELERY_BEAT_SCHEDULE

    @admin.display(boolean=True, description=gettext_lazy("The house's own"))
    def is_house_task(self, row: PeriodicTask) -> bool:
        return self.is_of_house(row)

    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        super().disable_tasks(request, self._without_ours(request, queryset))

    def toggle_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        super().toggle_tasks(request, self._without_ours(request, queryset))

    disable_tasks.short_description = of_beat.PeriodicTaskAdmin.disable_tasks.short_description  # type: ignore[attr-defined]
    toggle_tasks.short_description = of_beat.PeriodicTaskAdmin.toggle_tasks.short_description  # type: ignore[attr-defined]

    def _without_ours(self, request: HttpRequest, rows: QuerySet[PeriodicTask]) -> QuerySet[PeriodicTask]:
        names: Sequence[str] = list(house_tasks(rows).values_list("name", flat=True))
        if names:
            told = _("The house stands still without its own tasks; they were left running: %(names)s.")
            self.message_user(request, told % {"names": ", ".join(names)}, messages.WARNING)
        return rows.exclude(name__in=names)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(_KeepsTheHouse, of_beat.IntervalScheduleAdmin):  # type: ignore[misc]  # untyped
    """Deleting an interval deletes its tasks; changing one changes when they run."""

    def is_of_house(self, row: Model) -> bool:
        return house_tasks(PeriodicTask.objects.filter(interval=row)).exists()


@admin.register(InvariantCheck)
class InvariantCheckAdmin(OperatorAdmin):
    list_display = ("project", "invariant", "asked_at", "completed_at", "checked", "broken", "seconds", "lease_until")
    search_fields = ("=project__public_id", "project__name")
    search_help_text = gettext_lazy("Id or name of a project")
    list_select_related = ("project",)
    list_filter = ("invariant",)


@admin.register(SavedQuery)
class SavedQueryAdmin(OperatorAdmin):
    list_display = ("name", "project", "saved_by", "saved_at")
    search_fields = ("name", "=project__public_id", "project__name")
    search_help_text = gettext_lazy("Name, or id or name of the project")
    list_select_related = ("project", "saved_by")


@admin.register(QueryRun)
class QueryRunAdmin(OperatorAdmin):
    list_display = ("began_at", "project", "actor", "seconds", "rows")
    search_fields = ("=project__public_id", "=actor__email")
    search_help_text = gettext_lazy("Id of a project, or address of a person")
    list_select_related = ("project", "actor")


@admin.register(KeptAnswer)
class KeptAnswerAdmin(OperatorAdmin):
    list_display = ("made_at", "project", "key", "seconds")
    search_fields = ("=key", "=project__public_id")
    search_help_text = gettext_lazy("Key, or id of a project")
    list_select_related = ("project",)
    exclude = ("body",)


@admin.register(Dashboard)
class DashboardAdmin(OperatorAdmin):
    list_display = ("name", "project", "refresh_seconds", "made_by", "made_at")
    search_fields = ("name", "=project__public_id", "project__name")
    search_help_text = gettext_lazy("Name, or id or name of the project")
    list_select_related = ("project", "made_by")
    list_filter = ("refresh_seconds",)


@admin.register(DashboardTile)
class DashboardTileAdmin(OperatorAdmin):
    list_display = ("query", "dashboard", "place", "is_wide", "asked_at")
    search_fields = ("query__name", "dashboard__name")
    search_help_text = gettext_lazy("Name of the query or the dashboard")
    list_select_related = ("query", "dashboard")


@admin.register(ReportSchedule)
class ReportScheduleAdmin(OperatorAdmin):
    list_display = ("project", "weekday", "hour", "changed_at")
    search_fields = ("=project__public_id", "project__name")
    search_help_text = gettext_lazy("Id or name of a project")
    list_select_related = ("project",)


@admin.register(ReportReader)
class ReportReaderAdmin(OperatorAdmin):
    list_display = ("user", "project", "since", "mailed_for")
    search_fields = ("=user__email", "=project__public_id")
    search_help_text = gettext_lazy("Address of a person, or id of a project")
    list_select_related = ("project", "user")
    exclude = ("token",)  # whoever knows it turns the report off


@admin.register(RemoteQuery)
class RemoteQueryAdmin(OperatorAdmin):
    list_display = ("began_at", "project", "actor", "state", "scanned", "milliseconds")
    search_fields = ("=execution_id", "=project__public_id")
    search_help_text = gettext_lazy("Id in Athena, or id of a project")
    list_select_related = ("project", "actor")
    list_filter = ("state",)
    exclude = ("token",)
