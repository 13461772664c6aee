from __future__ import annotations

from django.urls import path

from endpoints.views import attributes, editing, people, web_pages

app_name = "endpoints"
_ALL = "p/<str:project_id>/people/"
_ONE = "p/<str:project_id>/people/<int:endpoint_id>/"
_PAGES = "p/<str:project_id>/settings/web-pages/"
urlpatterns = [
    path(_PAGES, web_pages.show_web_pages, name="show-web-pages"),
    path(_PAGES + "seen/", web_pages.list_seen, name="list-seen"),
    path(_PAGES + "keys/new/", web_pages.create_key, name="create-key"),
    path(_PAGES + "keys/<int:public_key_id>/", web_pages.edit_key, name="edit-key"),
    path(_PAGES + "keys/<int:public_key_id>/revoke/", web_pages.revoke_key, name="revoke-key"),
    path(_ALL, people.list_people, name="list-people"),
    path(_ALL + "erasures/", editing.list_erasures, name="list-erasures"),
    path(_ALL + "attributes/", attributes.list_attributes, name="list-attributes"),
    path(_ALL + "attributes/count/", attributes.count_attribute, name="count-attribute"),
    path(_ALL + "attributes/remove/", attributes.remove_attributes, name="remove-attributes"),
    path(_ONE, people.show_person, name="show-person"),
    path(_ONE + "opt-out/", editing.set_opt_out, name="set-opt-out"),
    path(_ONE + "edit/", editing.edit_person, name="edit-person"),
    path(_ONE + "delete/", editing.delete_endpoint, name="delete-endpoint"),
    path(_ONE + "delete-user/", editing.delete_user, name="delete-user"),
    path(_ONE + "erase/", editing.erase_person, name="erase-person"),
]
