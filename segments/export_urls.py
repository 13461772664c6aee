"""The addresses of exports; segments/urls.py takes them in."""

from __future__ import annotations

from django.urls import path

from segments.views import exports

urlpatterns = [
    path("p/<str:project_id>/segments/exports/", exports.list_exports, name="list-exports"),
    path("p/<str:project_id>/segments/exports/new/", exports.create_export, name="create-export"),
    path("p/<str:project_id>/segments/exports/<str:export_id>/", exports.show_export, name="show-export"),
    path("p/<str:project_id>/segments/exports/<str:export_id>/file/", exports.download_export, name="download-export"),
    path("p/<str:project_id>/segments/exports/<str:export_id>/cancel/", exports.cancel_export, name="cancel-export"),
    path("p/<str:project_id>/segments/exports/<str:export_id>/retry/", exports.retry_export, name="retry-export"),
]
