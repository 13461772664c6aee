"""The pages of the API's keys. The API itself (`/v1/…`) is answered before Django's resolver (api.middleware)."""

from __future__ import annotations

from django.urls import path

from api.views import access_keys

app_name = "api"
_KEYS = "p/<str:project_id>/settings/access-keys/"
urlpatterns = [
    path(_KEYS, access_keys.list_access_keys, name="list-access-keys"),
    path(_KEYS + "new/", access_keys.create_access_key, name="create-access-key"),
    path(_KEYS + "<int:access_key_pk>/revoke/", access_keys.revoke_access_key, name="revoke-access-key"),
]
