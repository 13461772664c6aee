from __future__ import annotations

from django.urls import path

from analytics.views import event_streams

app_name = "analytics"
_STREAM = "p/<str:project_id>/event-stream/"
urlpatterns = [
    path(_STREAM, event_streams.show_event_stream, name="show-event-stream"),
    path(_STREAM + "edit/", event_streams.edit_event_stream, name="edit-event-stream"),
    path(_STREAM + "pause/", event_streams.pause_event_stream, name="pause-event-stream"),
    path(_STREAM + "resume/", event_streams.resume_event_stream, name="resume-event-stream"),
    path(_STREAM + "replay/", event_streams.replay_event_stream, name="replay-event-stream"),
    path(_STREAM + "test/", event_streams.test_event_stream, name="test-event-stream"),
    path(_STREAM + "delete/", event_streams.delete_event_stream, name="delete-event-stream"),
]
