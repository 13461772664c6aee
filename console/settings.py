"""Settings of the Django project. Each environment variable read here is documented in docs/settings.md."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import environ
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

VAR_DIR = Path(env.str("PABAL_VAR", default=str(BASE_DIR / "var")))
DEBUG = env.bool("DEBUG", default=False)
KNOWN_SECRET_KEY = "only-for-the-machine-of-a-developer"  # noqa: S105 (console.checks refuses it on a server)
SECRET_KEY = env.str("SECRET_KEY", default=KNOWN_SECRET_KEY)
SECRETS_KEY = env.str("SECRETS_KEY", default=SECRET_KEY)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")

INSTALLED_APPS = [
    "core",
    "projects",
    "analytics",
    "endpoints",
    "segments",
    "messaging",
    "campaigns",
    "api",
    "console",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "django_htmx",
    "axes",
    "csp",
    "storages",
]

MIDDLEWARE = [
    "api.middleware.pinpoint_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "projects.middleware.LanguageAndZoneMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "projects.middleware.no_null_middleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.navigation.navigation",
            ],
        },
    },
]

# -- database: PostgreSQL, and nothing else --------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default="postgres://postgres@127.0.0.1:5432/pabal"),
}
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("TEST", {})["NAME"] = env.str("TEST_DATABASE_NAME", default="test_pabal")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")

# -- people -----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "projects.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "projects:log-in"
LOGIN_REDIRECT_URL = "projects:list-projects"
LOGOUT_REDIRECT_URL = "projects:log-in"
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60  # seconds
AXES_VERBOSE = False
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = datetime.timedelta(minutes=15)
AXES_USERNAME_FORM_FIELD = "username"  # what Django's log-in form calls it; axes would look for our users' "email"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "projects/locked_out.html"

# -- language and time ------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("ko", _("Korean")), ("en", _("English"))]
LANGUAGE_COOKIE_NAME = "pabal_language"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_PROJECT_TIME_ZONE = "Asia/Seoul"

# -- files ------------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "staticfiles"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise wants it to be there, filled or not
_MODULES = BASE_DIR / "node_modules"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    *(
        (prefix, _MODULES / folder)
        for prefix, folder in {
            "vendor/tabler": "@tabler/core/dist",
            "vendor/htmx": "htmx.org/dist",
            "vendor/stimulus": "@hotwired/stimulus/dist",
            "vendor/tom-select": "tom-select/dist",
            "vendor/ace": "ace-builds/src-min-noconflict",
            "vendor/ace-css": "ace-builds/css",
            "vendor/grapesjs": "grapesjs/dist",
            "vendor/grapesjs-locale": "grapesjs/locale",
            "vendor/grapesjs-mjml": "grapesjs-mjml/dist",
            "vendor/pretendard": "pretendard/dist/web/variable",
            "vendor/echarts": "echarts/dist",
            "vendor/world-atlas": "world-atlas",
            "vendor/topojson": "topojson-client/dist",
        }.items()
        if (_MODULES / folder).is_dir()
    ),
]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
AWS_S3_ENDPOINT_URL = S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", default="") or None
UPLOADS_BUCKET = env.str("UPLOADS_BUCKET", default="")
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(VAR_DIR / "uploads")}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if UPLOADS_BUCKET:  # a server with several machines keeps uploads on S3, through the same storage interface
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": UPLOADS_BUCKET,
            "endpoint_url": S3_ENDPOINT_URL,
            "default_acl": None,
            "querystring_auth": True,
            "file_overwrite": False,
        },
    }
FILE_UPLOAD_MAX_MEMORY_SIZE = 1 << 20  # bytes; larger uploads go to disk
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 << 20  # bytes; a message of 1 MB in a form must arrive to be refused with a reason
FACET_VALUES_LIMIT = env.int("FACET_VALUES_LIMIT", default=10_000)  # distinct values; an attribute with more is asked by SQL
FACET_CACHE_BYTES = env.int("FACET_CACHE_BYTES", default=256 << 20)  # bitmaps kept in each process
LAKE_URL = env.str("LAKE_URL", default=str(VAR_DIR / "lake"))  # a folder, or s3://bucket/prefix
LAKE_RETENTION_DAYS = env.int("LAKE_RETENTION_DAYS", default=0)  # 0: events stay in it as long as the project
LAKE_TABLES_RETENTION_DAYS = env.int("LAKE_TABLES_RETENTION_DAYS", default=0)  # of what transforms made; 0: all
LAKE_GLUE_DATABASE = env.str("LAKE_GLUE_DATABASE", default="")  # empty: no catalog is kept
ATHENA_WORKGROUP = env.str("ATHENA_WORKGROUP", default="")  # empty: queries run here alone
ATHENA_OUTPUT_URL = env.str("ATHENA_OUTPUT_URL", default="")  # s3://…; empty: as the workgroup says
SQL_SECONDS = env.float("SQL_SECONDS", default=20.0)  # of a query over the lake
SQL_MEMORY_BYTES = env.int("SQL_MEMORY_BYTES", default=512 << 20)
MAIL_DOMAINS_LIMIT = env.int("MAIL_DOMAINS_LIMIT", default=1_000)  # receiving domains that a project has numbers of
IMPORT_MAX_BYTES = env.int("IMPORT_MAX_BYTES", default=1 << 30)
ENDPOINTS_PER_USER = env.int("ENDPOINTS_PER_USER", default=15)
ATTRIBUTE_NAMES_LIMIT = env.int("ATTRIBUTE_NAMES_LIMIT", default=250)
WEB_REQUESTS_PER_ADDRESS = env.int("WEB_REQUESTS_PER_ADDRESS", default=300)  # in ten seconds; larger ones count for several
WEB_REQUESTS_PER_KEY = env.int("WEB_REQUESTS_PER_KEY", default=20_000)  # in ten seconds
WEB_VISITORS_PER_DAY = env.int("WEB_VISITORS_PER_DAY", default=200_000)  # new ones of a public key, by days of UTC

# -- mail -------------------------------------------------------------------------------------------------------------
# Campaigns of live projects and the console's own mails (invitations, password links) go through EMAIL_URL; campaigns of
# projects in practice always go to the built-in mailbox, by SMTP as well.
MAILBOX_HOST = env.str("MAILBOX_HOST", default="127.0.0.1")
MAILBOX_PORT = env.int("MAILBOX_PORT", default=1025)
EMAIL_URL = env.str("EMAIL_URL", default="")
_EMAIL = env.email_url("EMAIL_URL", default=f"smtp://{MAILBOX_HOST}:{MAILBOX_PORT}")
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = _EMAIL["EMAIL_HOST"]
EMAIL_PORT = _EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER = _EMAIL["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _EMAIL["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = _EMAIL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _EMAIL.get("EMAIL_USE_SSL", False)
MAILS_TO_MAILBOX = (EMAIL_HOST, EMAIL_PORT) == (MAILBOX_HOST, MAILBOX_PORT)  # the console's own mails: no mail server yet
EMAIL_TIMEOUT = 30  # seconds
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Pabal <pabal@localhost>")
RELAY_PORTS = env.list("RELAY_PORTS", cast=int, default=[25, 465, 587, 2525])
RELAY_PRIVATE_HOSTS = env.list("RELAY_PRIVATE_HOSTS", default=[])
SES_ENDPOINT_URL = env.str("SES_ENDPOINT_URL", default="") or None
SNS_ENDPOINT_URL = env.str("SNS_ENDPOINT_URL", default="")  # stands in for every sns.REGION.amazonaws.com
BOUNCE_MAILBOX_URL = env.str("BOUNCE_MAILBOX_URL", default="")
BOUNCE_MAILBOX_PORTS = env.list("BOUNCE_MAILBOX_PORTS", cast=int, default=[143, 993])
BOUNCE_MAILBOX_SECONDS = env.float("BOUNCE_MAILBOX_SECONDS", default=60.0)  # between two looks into a mailbox
DNS_RESOLVER = env.str("DNS_RESOLVER", default="")
RETURN_PATH_HOST = env.str("RETURN_PATH_HOST", default="").rstrip(".").lower()
SENDING_ADDRESSES = env.list("SENDING_ADDRESSES", default=[])
SPF_INCLUDE = env.str("SPF_INCLUDE", default="")

# -- work in the background -------------------------------------------------------------------------------------------
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "ticks"
CELERY_TASK_ROUTES = {
    "segments.import_*": {"queue": "imports"},
    "segments.export_*": {"queue": "exports"},
    "endpoints.erase_*": {"queue": "exports"},
    "endpoints.remove_*": {"queue": "exports"},
    "endpoints.rebuild_*": {"queue": "exports"},
    "console.check_*": {"queue": "exports"},
    "console.refresh_*": {"queue": "exports"},
    "messaging.check_*": {"queue": "exports"},
    "messaging.drain_*": {"queue": "events"},
    "campaigns.send_*": {"queue": "sends"},
    "campaigns.count_*": {"queue": "exports"},
    "campaigns.mail_*": {"queue": "exports"},
    "campaigns.freeze_*": {"queue": "sends"},
    "analytics.drain_*": {"queue": "events"},
    "endpoints.drain_*": {"queue": "events"},
    "analytics.tick_lake*": {"queue": "exports"},  # it takes longer than the other ticks may wait
    "endpoints.tick_growth": {"queue": "exports"},
    "analytics.carry_*": {"queue": "streams"},
    "analytics.run_*": {"queue": "exports"},
    "*.tick_*": {"queue": "ticks"},
}
CELERY_TASK_ACKS_LATE = False  # a lost message costs latency: the next tick finds the row again
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10  # seconds in which SIGTERM lets a small batch finish
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1  # seconds; a tick every second needs a beat that wakes as often
CELERY_TIMEZONE = "UTC"
HOOK_PRIVATE_HOSTS = env.bool("HOOK_PRIVATE_HOSTS", default=False)  # campaigns' hooks may be in the own network, without TLS, too
HOOK_FUNCTIONS = env.list("HOOK_FUNCTIONS", default=[])  # Lambda functions (names or ARNs) that campaigns may call
LAMBDA_ENDPOINT_URL = env.str("LAMBDA_ENDPOINT_URL", default="") or None
WEBHOOK_PRIVATE_HOSTS = env.bool("WEBHOOK_PRIVATE_HOSTS", default=False)  # webhooks and streams may go into the own network, too
EVENT_STREAM_FOLDER = env.str("EVENT_STREAM_FOLDER", default="")
EVENT_STREAM_ENDPOINT_URL = env.str("EVENT_STREAM_ENDPOINT_URL", default="") or None
IMPORT_LEASE_SECONDS = env.float("IMPORT_LEASE_SECONDS", default=60.0)  # and an import worker's piece
INVARIANT_CHECK_SECONDS = env.float("INVARIANT_CHECK_SECONDS", default=24 * 60 * 60.0)  # between two checks of an invariant
SEND_FAILURES = env.int(
    "SEND_FAILURES", default=10
)  # failed attempts to reach a mail server after which a campaign may be paused
SEND_FAILING_SECONDS = env.float("SEND_FAILING_SECONDS", default=300.0)  # and for so long at the least
SEND_REFUSALS = env.int(
    "SEND_REFUSALS", default=100
)  # people in a row, refused for no reason of their own: the campaign is paused
SEND_COME_BACK_SECONDS = env.float("SEND_COME_BACK_SECONDS", default=5.0)  # no takeover for so long after the database came back
SEND_LEASE_SECONDS = env.float("SEND_LEASE_SECONDS", default=30.0)  # a dead worker's slice is taken over after so long
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    # `expires` drops the ticks that pile up while no worker listens: one of them is as good as all.
    "campaigns.tick_due": {"task": "campaigns.tick_due", "schedule": 1.0, "options": {"expires": 5}},
    "campaigns.tick_events": {"task": "campaigns.tick_events", "schedule": 1.0, "options": {"expires": 5}},
    "campaigns.tick_runs": {"task": "campaigns.tick_runs", "schedule": 2.0, "options": {"expires": 5}},
    "campaigns.tick_limits": {"task": "campaigns.tick_limits", "schedule": 300.0, "options": {"expires": 200}},
    "segments.tick_imports": {"task": "segments.tick_imports", "schedule": 2.0, "options": {"expires": 5}},
    "segments.tick_exports": {"task": "segments.tick_exports", "schedule": 5.0, "options": {"expires": 5}},
    "segments.tick_undo": {"task": "segments.tick_undo", "schedule": 15.0, "options": {"expires": 10}},
    "segments.tick_schedules": {"task": "segments.tick_schedules", "schedule": 5.0, "options": {"expires": 5}},
    "analytics.drain_hits": {"task": "analytics.drain_hits", "schedule": 1.0, "options": {"expires": 5}},
    "endpoints.drain_batches": {"task": "endpoints.drain_batches", "schedule": 1.0, "options": {"expires": 5}},
    "analytics.tick_streams": {"task": "analytics.tick_streams", "schedule": 1.0, "options": {"expires": 5}},
    "analytics.tick_reach": {"task": "analytics.tick_reach", "schedule": 10.0, "options": {"expires": 20}},
    "analytics.tick_lake": {"task": "analytics.tick_lake", "schedule": 60.0, "options": {"expires": 50}},
    "analytics.tick_lake_orphans": {"task": "analytics.tick_lake_orphans", "schedule": 3600.0, "options": {"expires": 600}},
    "analytics.tick_transforms": {"task": "analytics.tick_transforms", "schedule": 10.0, "options": {"expires": 10}},
    "analytics.tick_lake_catalog": {"task": "analytics.tick_lake_catalog", "schedule": 60.0, "options": {"expires": 50}},
    "analytics.tick_lake_upkeep": {"task": "analytics.tick_lake_upkeep", "schedule": 300.0, "options": {"expires": 200}},
    "analytics.tick_partitions": {"task": "analytics.tick_partitions", "schedule": 3600.0, "options": {"expires": 600}},
    "endpoints.tick_facets": {"task": "endpoints.tick_facets", "schedule": 1.0, "options": {"expires": 5}},
    "endpoints.tick_rebuilds": {"task": "endpoints.tick_rebuilds", "schedule": 30.0, "options": {"expires": 20}},
    "endpoints.tick_growth": {"task": "endpoints.tick_growth", "schedule": 300.0, "options": {"expires": 200}},
    "endpoints.tick_erasures": {"task": "endpoints.tick_erasures", "schedule": 5.0, "options": {"expires": 5}},
    "messaging.tick_opt_outs": {"task": "messaging.tick_opt_outs", "schedule": 5.0, "options": {"expires": 5}},
    "messaging.drain_notices": {"task": "messaging.drain_notices", "schedule": 2.0, "options": {"expires": 5}},
    "messaging.tick_mailboxes": {"task": "messaging.tick_mailboxes", "schedule": 10.0, "options": {"expires": 10}},
    "messaging.tick_domains": {"task": "messaging.tick_domains", "schedule": 60.0, "options": {"expires": 50}},
    "api.tick_calls": {"task": "api.tick_calls", "schedule": 900.0, "options": {"expires": 600}},
    "console.tick_reports": {"task": "console.tick_reports", "schedule": 60.0, "options": {"expires": 50}},
    "console.tick_dashboards": {"task": "console.tick_dashboards", "schedule": 5.0, "options": {"expires": 5}},
    "console.tick_answers": {"task": "console.tick_answers", "schedule": 900.0, "options": {"expires": 600}},
    "console.tick_checks": {"task": "console.tick_checks", "schedule": 30.0, "options": {"expires": 20}},
}
for _entry in CELERY_BEAT_SCHEDULE.values():
    _entry["enabled"] = True  # at each start: the house stands still without them

# -- the API ----------------------------------------------------------------------------------------------------------
# Calls a second of a key, by operation, over those in api.identity.rates; `default` for all others, 0 for no limit.
API_RATES: dict[str, int] = env.dict("API_RATES", cast={"value": int}, default={})
# What ARNs name; empty: as it was (at first 000000000000 and ap-northeast-2).
ACCOUNT_ID = env.str("ACCOUNT_ID", default="")
ACCOUNT_REGION = env.str("ACCOUNT_REGION", default="")
API_REFUSES_REPLAYS = env.bool("API_REFUSES_REPLAYS", default=False)  # a signature sends messages once: api.identity.replays

# -- safety -----------------------------------------------------------------------------------------------------------
_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
SESSION_COOKIE_AGE = 14 * 24 * 60 * 60  # seconds
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
SILENCED_SYSTEM_CHECKS: list[str] = []
X_FRAME_OPTIONS = "SAMEORIGIN"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "frame-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'"],
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
}
