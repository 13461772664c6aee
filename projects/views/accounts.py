"""Logging in and out, passwords, one's own account, the language, invitations."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock
from projects.forms import AccountForm, JoinForm, LogInForm, NewPasswordForm, ResetForm, styled
from projects.middleware import remember_language
from projects.models import Invitation, User
from projects.services import members


class LogInView(auth_views.LoginView):
    template_name = "projects/log_in.html"
    authentication_form = LogInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        user = form.get_user()
        if isinstance(user, User) and user.language:
            remember_language(response, user.language)
        elif isinstance(user, User):  # mails come in the language in which she reads the console
            User.objects.filter(pk=user.pk).update(language=translation.get_language())
        return response


log_in = LogInView.as_view()
log_out = auth_views.LogoutView.as_view()
reset_password = auth_views.PasswordResetView.as_view(
    template_name="projects/reset_password.html",
    form_class=ResetForm,
    email_template_name="projects/reset_mail.txt",
    subject_template_name="projects/reset_subject.txt",
    success_url=reverse_lazy("projects:reset-password-sent"),
)
set_password = auth_views.PasswordResetConfirmView.as_view(
    template_name="projects/set_password.html", form_class=NewPasswordForm, success_url=reverse_lazy("projects:log-in")
)


def reset_password_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "projects/reset_sent.html", {"to_mailbox": settings.MAILS_TO_MAILBOX})


def _back(request: HttpRequest) -> str:
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return target if is_ours else "/"


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    language = request.POST.get("language", "")
    response = HttpResponseRedirect(_back(request))
    if language in dict(settings.LANGUAGES):
        remember_language(response, language)
        if isinstance(request.user, User):
            User.objects.filter(pk=request.user.pk).update(language=language)
    return response


@login_required
def show_account(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    account = AccountForm(request.POST if "name" in request.POST else None, initial={"name": request.user.name})
    password = PasswordChangeForm(request.user, request.POST if "old_password" in request.POST else None)
    styled(password)
    if account.is_bound and account.is_valid():
        User.objects.filter(pk=request.user.pk).update(name=account.cleaned_data["name"])
        messages.success(request, _("Your name is saved."))
        return redirect("projects:show-account")
    if password.is_bound and password.is_valid():
        login(request, password.save(), backend="django.contrib.auth.backends.ModelBackend")
        messages.success(request, _("Your password is changed."))
        return redirect("projects:show-account")
    return render(request, "projects/account.html", {"account": account, "password": password})


def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    now = clock.now()
    invitation = members.find_invitation(token=token, now=now)
    if invitation is None:
        return render(request, "projects/invitation_gone.html", status=404)
    if isinstance(request.user, User):
        return _join(request, request.user, invitation)
    has_account = User.objects.filter(email=invitation.email).exists()
    form = JoinForm(request.POST or None)
    if not has_account and form.is_valid():
        values = form.cleaned_data
        user = members.create_account(invitation=invitation, name=values["name"], password=values["password"], now=now)
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return redirect("console:show-overview", invitation.project.public_id)
    return render(
        request, "projects/accept_invitation.html", {"invitation": invitation, "form": form, "has_account": has_account}
    )


def _join(request: HttpRequest, user: User, invitation: Invitation) -> HttpResponse:
    if request.method == "POST":
        try:
            members.accept_invitation(invitation=invitation, user=user, now=clock.now())
        except members.MemberRefused as refusal:
            messages.error(request, refusal.message)
            return redirect("projects:list-projects")
        return redirect("console:show-overview", invitation.project.public_id)
    return render(
        request, "projects/accept_invitation.html", {"invitation": invitation, "is_wrong": user.email != invitation.email}
    )
