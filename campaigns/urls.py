from __future__ import annotations

from django.urls import path

from campaigns.views import approvals, calendar, clicks, custom, pages, people, sending_settings, treatments, wizard

app_name = "campaigns"
_ONE = "p/<str:project_id>/campaigns/<str:campaign_id>/"
urlpatterns = [
    path("p/<str:project_id>/calendar/", calendar.show_calendar, name="show-calendar"),
    path("p/<str:project_id>/campaigns/", pages.list_campaigns, name="list-campaigns"),
    path("p/<str:project_id>/campaigns/new/", wizard.create_campaign, name="create-campaign"),
    path("p/<str:project_id>/settings/sending/", sending_settings.edit_sending_settings, name="edit-sending-settings"),
    path(_ONE, pages.show_campaign, name="show-campaign"),
    path(_ONE + "edit/<str:step>/", wizard.edit_campaign, name="edit-campaign"),
    path(_ONE + "treatments/", treatments.edit_treatments, name="edit-treatments"),
    path(_ONE + "winner/", treatments.choose_winner, name="choose-winner"),
    path(_ONE + "segment-count/", wizard.count_segments, name="count-segments"),
    path(_ONE + "preview/", wizard.preview, name="preview-campaign"),
    path(_ONE + "preview/html/", wizard.preview_html, name="preview-html"),
    path(_ONE + "test-send/", wizard.send_test, name="send-test"),
    path(_ONE + "test-call/", custom.call_test, name="call-test"),
    path(_ONE + "moments/", wizard.list_moments, name="list-moments"),
    path(_ONE + "launch/", wizard.launch_campaign, name="launch-campaign"),
    path(_ONE + "approval/ask/", approvals.ask_for_approval, name="ask-for-approval"),
    path(_ONE + "approval/withdraw/", approvals.withdraw_approval, name="withdraw-approval"),
    path(_ONE + "approval/approve/", approvals.approve_campaign, name="approve-campaign"),
    path(_ONE + "approval/send-back/", approvals.send_back_campaign, name="send-back-campaign"),
    path(_ONE + "pause/", pages.pause_campaign, name="pause-campaign"),
    path(_ONE + "resume/", pages.resume_campaign, name="resume-campaign"),
    path(_ONE + "restored/", pages.decide_restored, name="decide-restored"),
    path(_ONE + "delete/", pages.delete_campaign, name="delete-campaign"),
    path(_ONE + "duplicate/", pages.duplicate_campaign, name="duplicate-campaign"),
    path(_ONE + "people/<str:what>/", pages.list_people, name="list-people"),
    path("p/<str:project_id>/people/<int:endpoint_id>/history/", people.list_history, name="list-history"),
    path(_ONE + "clicks/", clicks.show_clicks, name="show-clicks"),
    path(_ONE + "clicks/mail/", clicks.show_clicks_mail, name="show-clicks-mail"),
    path(_ONE + "person/", pages.find_person, name="find-person"),
]
