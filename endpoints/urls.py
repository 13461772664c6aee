from __future__ import annotations

from django.urls import path

from endpoints.views import people

app_name = "endpoints"
urlpatterns = [
    path("p/<str:project_id>/people/", people.list_people, name="list-people"),
    path("p/<str:project_id>/people/<int:endpoint_id>/", people.show_person, name="show-person"),
]
