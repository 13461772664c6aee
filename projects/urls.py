from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from projects.views import accounts, projects

app_name = "projects"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="projects:list-projects"), name="home"),
    path("login/", accounts.log_in, name="log-in"),
    path("logout/", accounts.log_out, name="log-out"),
    path("password-reset/", accounts.reset_password, name="reset-password"),
    path("password-reset/sent/", accounts.reset_password_sent, name="reset-password-sent"),
    path("password-reset/<uidb64>/<token>/", accounts.set_password, name="set-password"),
    path("language/", accounts.set_language, name="set-language"),
    path("account/", accounts.show_account, name="show-account"),
    path("invitations/<str:token>/", accounts.accept_invitation, name="accept-invitation"),
    path("projects/", projects.list_projects, name="list-projects"),
    path("projects/new/", projects.create_project, name="create-project"),
    path("p/<str:project_id>/settings/", projects.edit_project, name="edit-project"),
    path("p/<str:project_id>/settings/mode/", projects.set_mode, name="set-mode"),
    path("p/<str:project_id>/settings/raw-values/", projects.allow_raw_values, name="allow-raw-values"),
    path("p/<str:project_id>/settings/approval/", projects.set_approval, name="set-approval"),
    path("p/<str:project_id>/settings/delete/", projects.delete_project, name="delete-project"),
    path("p/<str:project_id>/audit/", projects.list_audit, name="list-audit"),
    path("p/<str:project_id>/members/", projects.list_members, name="list-members"),
    path("p/<str:project_id>/members/<int:member_id>/", projects.change_member, name="change-member"),
    path(
        "p/<str:project_id>/invitations/<int:invitation_id>/withdraw/",
        projects.withdraw_invitation,
        name="withdraw-invitation",
    ),
]
