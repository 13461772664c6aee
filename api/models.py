"""Who may call the API, and what was answered to calls that may come twice."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from projects.models import Project


class Right(models.TextChoices):
    """What a key may do. An operation needs one or several; ``APP`` alone is what apps and browsers carry with them."""

    READ = "READ", _("Read")
    WRITE = "WRITE", _("Write")
    SEND = "SEND", _("Send messages")
    APP = "APP", _("Apps and browsers only")


class AccessKey(models.Model):
    """A pair as AWS's: an id, and a secret that signs. Without a project it is the account's: every project, and the templates."""

    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="+")
    name = models.CharField(_("name"), max_length=64)
    access_key_id = models.CharField(max_length=20, unique=True, editable=False)
    sealed_secret = models.TextField(editable=False)  # signatures are checked with it, so a hash would not do
    rights = models.JSONField()  # of Right, sorted
    # What is done with the key is done in this person's name. People are deactivated, never deleted.
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True, blank=True)  # to a minute
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(rights=[]), name="access_key_has_rights"),
            models.CheckConstraint(
                condition=~models.Q(rights__contains=["APP"]) | models.Q(rights=["APP"], project__isnull=False),
                name="access_key_of_apps_is_bound",
            ),
        ]
        indexes = [models.Index(fields=["project", "-id"], name="access_key_by_project")]

    def __str__(self) -> str:
        return self.access_key_id

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None

    @property
    def is_for_apps(self) -> bool:
        return bool(self.rights == [Right.APP])

    @property
    def rights_in_words(self) -> str:
        return ", ".join(str(right.label) for right in Right if right in self.rights)


class IdempotentCall(models.Model):
    """What a call with an ``Idempotency-Key`` was answered, kept for a day. Without an answer: it is being carried out, or broke off."""

    access_key = models.ForeignKey(AccessKey, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # of method, path, query and body
    status = models.SmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["access_key", "key"], name="idempotent_call_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotent_call_by_age")]

    def __str__(self) -> str:
        return self.key
