from __future__ import annotations

from django.urls import path

from analytics.views import event_streams, webhooks

app_name = "analytics"
_STREAM = "p/<str:project_id>/event-stream/"
_WEBHOOKS = "p/<str:project_id>/webhooks/"
_WEBHOOK = _WEBHOOKS + "<int:webhook_id>/"
urlpatterns = [
    path(_STREAM, event_streams.show_event_stream, name="show-event-stream"),
    path(_STREAM + "edit/", event_streams.edit_event_stream, name="edit-event-stream"),
    path(_STREAM + "pause/", event_streams.pause_event_stream, name="pause-event-stream"),
    path(_STREAM + "resume/", event_streams.resume_event_stream, name="resume-event-stream"),
    path(_STREAM + "replay/", event_streams.replay_event_stream, name="replay-event-stream"),
    path(_STREAM + "test/", event_streams.test_event_stream, name="test-event-stream"),
    path(_STREAM + "delete/", event_streams.delete_event_stream, name="delete-event-stream"),
    path(_WEBHOOKS, webhooks.list_webhooks, name="list-webhooks"),
    path(_WEBHOOKS + "new/", webhooks.create_webhook, name="create-webhook"),
    path(_WEBHOOK, webhooks.show_webhook, name="show-webhook"),
    path(_WEBHOOK + "edit/", webhooks.edit_webhook, name="edit-webhook"),
    path(_WEBHOOK + "pause/", webhooks.pause_webhook, name="pause-webhook"),
    path(_WEBHOOK + "resume/", webhooks.resume_webhook, name="resume-webhook"),
    path(_WEBHOOK + "test/", webhooks.test_webhook, name="test-webhook"),
    path(_WEBHOOK + "secret/", webhooks.replace_secret, name="replace-webhook-secret"),
    path(_WEBHOOK + "resend/", webhooks.resend_failed, name="resend-failed"),
    path(_WEBHOOK + "deliveries/<int:delivery_id>/resend/", webhooks.resend, name="resend-delivery"),
    path(_WEBHOOK + "delete/", webhooks.delete_webhook, name="delete-webhook"),
]
