"""The addresses of the console. Opens and clicks (`/t/…`) are answered before Django (console/wsgi.py)."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

admin.site.site_header = admin.site.site_title = "Pabal"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("projects.urls")),
    path("", include("analytics.urls")),
    path("", include("endpoints.urls")),
    path("", include("segments.urls")),
    path("", include("messaging.urls")),
    path("", include("campaigns.urls")),
    path("", include("api.urls")),
    path("", include("console.pages")),
]
