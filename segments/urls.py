from __future__ import annotations

from django.urls import path

from segments import export_urls, import_urls
from segments.views import comparing, people, segments

app_name = "segments"
urlpatterns = [
    *import_urls.urlpatterns,
    *export_urls.urlpatterns,
    path("p/<str:project_id>/segments/", segments.list_segments, name="list-segments"),
    path("p/<str:project_id>/segments/new/", segments.create_segment, name="create-segment"),
    path("p/<str:project_id>/segments/compare/", comparing.compare_segments, name="compare-segments"),
    path("p/<str:project_id>/segments/builder/count/", segments.count_document, name="count-document"),
    path("p/<str:project_id>/segments/builder/values/", segments.list_values, name="list-values"),
    path("p/<str:project_id>/segments/builder/links/", segments.list_links, name="list-links"),
    path("p/<str:project_id>/people/<int:endpoint_id>/segments/", people.list_person_segments, name="list-person-segments"),
    path("p/<str:project_id>/segments/<str:segment_id>/", segments.show_segment, name="show-segment"),
    path("p/<str:project_id>/segments/<str:segment_id>/edit/", segments.edit_segment, name="edit-segment"),
    path("p/<str:project_id>/segments/<str:segment_id>/copy/", segments.copy_segment, name="copy-segment"),
    path(
        "p/<str:project_id>/segments/<str:segment_id>/versions/<int:version>/restore/",
        segments.restore_version,
        name="restore-version",
    ),
    path("p/<str:project_id>/segments/<str:segment_id>/delete/", segments.delete_segment, name="delete-segment"),
]
