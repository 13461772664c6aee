"""The tenant: the installation, its people, projects, members and their roles, and the audit trail."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.ids import public_id


class Installation(models.Model):
    """One row: what AWS calls the account."""

    singleton = models.BooleanField(primary_key=True, default=True)
    account_id = models.CharField(max_length=12, default="000000000000")
    region = models.CharField(max_length=32, default="ap-northeast-2")
    sending_paused_at = models.DateTimeField(null=True, blank=True)
    place = models.CharField(
        max_length=100, blank=True, db_default=""
    )  # of the database: another one when it was restored (projects.place)
    alive_at = models.DateTimeField(null=True, blank=True)  # set by a tick: a backup knows when it was made
    restored_from = models.DateTimeField(null=True, blank=True)  # what happened between this instant …
    restored_at = models.DateTimeField(null=True, blank=True)  # … and this one is not in the database
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(singleton=True), name="installation_is_one")]

    def __str__(self) -> str:
        return f"{self.region}/{self.account_id}"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person who logs in with an e-mail address (kept in lower case)."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    language = models.CharField(_("language"), max_length=2, blank=True, choices=settings.LANGUAGES)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()  # log-in looks for that

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)


class Project(models.Model):
    """What the API calls an application. All else hangs on it, and every query starts there."""

    class Mode(models.TextChoices):
        PRACTICE = "PRACTICE", _("Practice")
        LIVE = "LIVE", _("Live")

    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    name = models.CharField(_("name"), max_length=64)
    description = models.CharField(_("description"), max_length=500, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="Asia/Seoul")
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.PRACTICE)
    allows_raw_values = models.BooleanField(default=False, db_default=False)  # {{{ }}} in templates
    needs_approval = models.BooleanField(default=False, db_default=False)  # somebody else than the author launches a campaign
    tags = models.JSONField(default=dict, db_default={}, blank=True)  # of the API: key → value
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(mode__in=["PRACTICE", "LIVE"]), name="project_mode_known")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_practice(self) -> bool:
        return self.mode == self.Mode.PRACTICE


class SendingSettings(models.Model):
    """A project's Settings resource (Limits, QuietTime), and under ``Pabal`` what Pinpoint had not: domains, the warm-up."""

    project = models.OneToOneField(Project, models.CASCADE, primary_key=True, related_name="sending_settings")
    document = models.JSONField(default=dict)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "sending settings"

    def __str__(self) -> str:
        return str(self.project)


class Role(models.TextChoices):
    OWNER = "OWNER", _("Owner")
    MARKETER = "MARKETER", _("Marketer")
    VIEWER = "VIEWER", _("Viewer")


MAY_LAUNCH = (Role.OWNER, Role.MARKETER)


class Member(models.Model):
    """A user's role in a project."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=8, choices=Role.choices)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="member_once"),
            models.CheckConstraint(condition=models.Q(role__in=["OWNER", "MARKETER", "VIEWER"]), name="member_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Invitation(models.Model):
    """A mailed invitation. Only the hash of its token is kept."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=8, choices=Role.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "email"], condition=models.Q(accepted_at=None), name="invitation_open_once"
            ),
            models.CheckConstraint(condition=models.Q(role__in=["OWNER", "MARKETER", "VIEWER"]), name="invitation_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.email} → {self.project}"


class PublicKey(models.Model):
    """What a project's web pages and apps send events with. No secret: whoever looks at a page reads it.

    ``sealed_secret`` is one: with it the project's own server signs who a visitor is.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="public_keys")
    token = models.CharField(max_length=40, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=64)
    origins = models.JSONField(default=list)  # "https://shop.example.com", "https://*.example.com"
    needs_consent = models.BooleanField(default=False)  # pages store and send nothing before the visitor agreed
    trusts_pages = models.BooleanField(default=False)  # a page may say who a visitor is without a signature
    takes_new_names = models.BooleanField(default=True)  # of types of events, and of attributes
    sealed_secret = models.TextField(editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True, blank=True)  # to the minute
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["project", "id"], name="public_key_by_project")]

    def __str__(self) -> str:
        return self.name


class AuditEntry(models.Model):
    """Who did what, when. Written in the transaction of the deed, never changed."""

    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="audit_entries")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    verb = models.CharField(max_length=64)  # "segment.created"
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    data = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["project", "-at"], name="audit_by_project")]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.verb} {self.object_type} {self.object_id}"
