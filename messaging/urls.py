from __future__ import annotations

from django.urls import path

from messaging.views import callbacks, domains, images, mailbox, relays, senders, template_design, template_editor, templates

app_name = "messaging"
_TEMPLATE = "p/<str:project_id>/templates/<int:template_id>/"
urlpatterns = [
    path("p/<str:project_id>/senders/", senders.list_senders, name="list-senders"),
    path("p/<str:project_id>/senders/<int:sender_id>/resend/", senders.resend_verification, name="resend-verification"),
    path("p/<str:project_id>/senders/<int:sender_id>/delete/", senders.delete_sender, name="delete-sender"),
    path("p/<str:project_id>/senders/domains/", domains.list_domains, name="list-domains"),
    path("p/<str:project_id>/senders/domains/<int:domain_id>/", domains.show_domain, name="show-domain"),
    path("p/<str:project_id>/senders/domains/<int:domain_id>/check/", domains.check_domain, name="check-domain"),
    path("p/<str:project_id>/senders/domains/<int:domain_id>/delete/", domains.delete_domain, name="delete-domain"),
    path("p/<str:project_id>/senders/domains/<int:domain_id>/keys/", domains.add_key, name="add-domain-key"),
    path(
        "p/<str:project_id>/senders/domains/<int:domain_id>/keys/<int:key_id>/remove/",
        domains.remove_key,
        name="remove-domain-key",
    ),
    path("p/<str:project_id>/senders/relays/", relays.list_relays, name="list-relays"),
    path("p/<str:project_id>/senders/relays/new/", relays.create_relay, name="create-relay"),
    path("p/<str:project_id>/senders/relays/<int:relay_id>/", relays.edit_relay, name="edit-relay"),
    path("p/<str:project_id>/senders/relays/<int:relay_id>/test/", relays.test_relay, name="test-relay"),
    path("p/<str:project_id>/senders/relays/<int:relay_id>/delete/", relays.delete_relay, name="delete-relay"),
    path("senders/verify/<str:token>/", senders.verify_sender, name="verify-sender"),
    path("p/<str:project_id>/mailbox/", mailbox.list_mailbox, name="list-mailbox"),
    path("p/<str:project_id>/mailbox/<int:pk>/", mailbox.show_message, name="show-mailbox-message"),
    path("p/<str:project_id>/mailbox/<int:pk>/html/", mailbox.show_html, name="show-mailbox-html"),
    path("p/<str:project_id>/mailbox/<int:pk>/raw/", mailbox.download_raw, name="download-mailbox-message"),
    path("mailbox/", mailbox.list_installation_mailbox, name="list-installation-mailbox"),
    path("mailbox/<int:message_id>/", mailbox.show_installation_message, name="show-installation-message"),
    path("p/<str:project_id>/templates/", templates.list_templates, name="list-templates"),
    path("p/<str:project_id>/templates/new/", templates.create_template, name="create-template"),
    path("p/<str:project_id>/templates/check/", template_editor.check_template, name="check-template"),
    path(_TEMPLATE, templates.show_template, name="show-template"),
    path(_TEMPLATE + "edit/", template_editor.edit_template, name="edit-template"),
    path(_TEMPLATE + "preview/", template_editor.preview_template, name="preview-template"),
    path(_TEMPLATE + "preview/html/", template_editor.preview_template_html, name="preview-template-html"),
    path(_TEMPLATE + "compare/", templates.compare_versions, name="compare-template-versions"),
    path(_TEMPLATE + "versions/<int:version>/activate/", templates.activate_version, name="activate-template-version"),
    path(_TEMPLATE + "versions/<int:version>/restore/", templates.restore_version, name="restore-template-version"),
    path(_TEMPLATE + "copy/", templates.copy_template, name="copy-template"),
    path(_TEMPLATE + "delete/", templates.delete_template, name="delete-template"),
    path(_TEMPLATE + "design/", template_design.edit_design, name="edit-design"),
    path("p/<str:project_id>/designs/<str:design>/", template_design.show_design, name="show-design"),
    path("p/<str:project_id>/images/", images.list_images, name="list-images"),
    path("p/<str:project_id>/images/add/", images.add_images, name="add-images"),
    path("p/<str:project_id>/images/<int:image_id>/delete/", images.delete_image, name="delete-image"),
    path("images/<str:file_name>", images.show_image, name="show-image"),
    path("u/<str:token>", callbacks.show_unsubscribe, name="unsubscribe"),
]
