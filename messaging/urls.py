from __future__ import annotations

from django.urls import path

from messaging.views import callbacks, domains, mailbox, relays, senders

app_name = "messaging"
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
    path("u/<str:token>", callbacks.show_unsubscribe, name="unsubscribe"),
]
