"""Addresses that need every name."""

from __future__ import annotations

from django.urls import path

from console import views

app_name = "console"
urlpatterns = [
    path("p/<str:project_id>/", views.show_overview, name="show-overview"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
