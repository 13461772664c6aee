"""The addresses of imports and connections; segments/urls.py takes them in."""

from __future__ import annotations

from django.urls import path

from segments.views import columns, connections, imports, schedules

urlpatterns = [
    path("p/<str:project_id>/segments/imports/", imports.list_imports, name="list-imports"),
    path("p/<str:project_id>/segments/imports/new/", imports.create_import, name="create-import"),
    path("p/<str:project_id>/segments/imports/schedule/", schedules.create_schedule, name="create-schedule"),
    path("p/<str:project_id>/segments/imports/scheduled/<str:schedule_id>/", schedules.change_schedule, name="change-schedule"),
    path("p/<str:project_id>/segments/imports/<str:job_id>/", imports.show_import, name="show-import"),
    path("p/<str:project_id>/segments/imports/<str:job_id>/refused/", imports.list_refused_lines, name="list-refused-lines"),
    path(
        "p/<str:project_id>/segments/imports/<str:job_id>/refused.csv",
        imports.download_refused_lines,
        name="download-refused-lines",
    ),
    path("p/<str:project_id>/segments/imports/<str:job_id>/cancel/", imports.cancel_import, name="cancel-import"),
    path("p/<str:project_id>/segments/imports/<str:job_id>/retry/", imports.retry_import, name="retry-import"),
    path("p/<str:project_id>/segments/imports/<str:job_id>/undo/", imports.undo_import, name="undo-import"),
    path("p/<str:project_id>/segments/imports/<str:job_id>/columns/", columns.choose_columns, name="choose-columns"),
    path("p/<str:project_id>/connections/", connections.list_connections, name="list-connections"),
    path("p/<str:project_id>/connections/check/", connections.check_connection, name="check-connection"),
    path("p/<str:project_id>/connections/<int:connection_id>/delete/", connections.delete_connection, name="delete-connection"),
]
