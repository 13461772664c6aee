"""Addresses that need every name."""

from __future__ import annotations

from django.urls import path

from console import views

app_name = "console"
urlpatterns = [
    path("p/<str:project_id>/", views.show_overview, name="show-overview"),
    path("health/", views.show_health, name="show-health"),
    path("health/check/", views.check_invariants, name="check-invariants"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
