"""Who gets the weekly report and when; and turning it off from the mail."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from console.models import ReportReader, ReportSchedule
from console.reports import choosing, mailing
from console.statistics.tabs import statistics_tabs
from core import clock
from projects.access import Access, project_or_404
from projects.forms import StyledForm
from projects.models import Member, Role

WEEKDAYS = [
    gettext_lazy("Monday"), gettext_lazy("Tuesday"), gettext_lazy("Wednesday"), gettext_lazy("Thursday"), gettext_lazy("Friday"),
    gettext_lazy("Saturday"), gettext_lazy("Sunday"),
]  # fmt: skip


class ReportForm(StyledForm):
    """Weekday, hour, and the members who get it."""

    weekday = forms.TypedChoiceField(label=gettext_lazy("Weekday"), coerce=int, choices=list(enumerate(WEEKDAYS)))
    hour = forms.TypedChoiceField(label=gettext_lazy("Hour"), coerce=int, choices=[(hour, f"{hour:02}:00") for hour in range(24)])
    readers = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Who gets it"), coerce=int, required=False, widget=forms.CheckboxSelectMultiple()
    )

    def __init__(self, *args: object, access: Access, **kwargs: object) -> None:
        schedule = ReportSchedule.objects.filter(project=access.project).first()
        readers = ReportReader.objects.filter(project=access.project).values_list("user_id", flat=True)
        initial = {"weekday": schedule.weekday if schedule else 0, "hour": schedule.hour if schedule else 9}
        super().__init__(*args, initial=initial | {"readers": list(readers)}, **kwargs)  # type: ignore[arg-type]
        members = (
            Member.objects.filter(project=access.project, user__is_active=True).select_related("user").order_by("user__email")
        )
        self.fields["readers"].choices = [  # type: ignore[attr-defined]
            (one.user_id, f"{one.user.name} ({one.user.email})" if one.user.name else one.user.email) for one in members
        ]


@login_required
def show_report(request: HttpRequest, project_id: str) -> HttpResponse:
    """The form for those who may change it; for others what is chosen."""
    is_saving = request.method == "POST"
    access = project_or_404(request, project_id, at_least=Role.MARKETER if is_saving else Role.VIEWER)
    form = ReportForm(request.POST if is_saving else None, access=access)
    if is_saving and form.is_valid():
        values = form.cleaned_data
        choosing.choose(
            project=access.project, actor=access.user, users=values["readers"], weekday=values["weekday"], hour=values["hour"],
            now=clock.now(),
        )  # fmt: skip
        count = ReportReader.objects.filter(project=access.project).count()
        messages.success(
            request, _("Saved. %(count)s get the report.") % {"count": count} if count else _("Nobody gets the report now.")
        )
        return redirect("console:show-report", project_id)
    readers = [
        one.user for one in ReportReader.objects.filter(project=access.project).select_related("user").order_by("user__email")
    ]
    context = {"form": form, "readers": readers, "tab": "report", "tabs": statistics_tabs(access.project)}
    return render(request, "console/reports/choose.html", context)


@login_required
@require_POST
def send_report(request: HttpRequest, project_id: str) -> HttpResponse:
    """One to oneself, now."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    try:
        mailing.report_mail(project=access.project, user=access.user, at=clock.now()).send()
    except OSError as error:
        messages.error(request, _("It could not be mailed: %(reason)s") % {"reason": error})
    else:
        messages.success(request, _("Mailed to %(address)s.") % {"address": access.user.email})
    return redirect("console:show-report", project_id)


@csrf_exempt  # mail programs post there by themselves, with the token alone
def turn_off_report(request: HttpRequest, token: str) -> HttpResponse:
    """Asks first: programs that scan mails open every link."""
    reader = ReportReader.objects.filter(token=token).select_related("project").first()
    if request.method == "POST":
        choosing.turn_off(token=token, now=clock.now())
        return render(request, "console/reports/off.html", {"project": reader.project if reader else None, "is_off": True})
    return render(request, "console/reports/off.html", {"project": reader.project if reader else None, "is_off": reader is None})
