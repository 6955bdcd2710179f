"""Settings. Every deployment choice is an environment variable; the defaults run on one machine.

==========================  ==================================================================
GYRAL_HOME                  folder of database, uploads, queue and runs
GYRAL_SECRET_KEY            signing key; made once and kept in GYRAL_HOME when unset
GYRAL_DEBUG                 1 for tracebacks in the browser; never on a public site
GYRAL_ALLOWED_HOSTS         host names, comma-separated; loopback names by default
GYRAL_TRUSTED_ORIGINS       origins ("https://board.example.org") behind a proxy
GYRAL_HTTPS                 0 to send cookies over plain HTTP on a host that is not loopback
GYRAL_BEHIND_PROXY          1 to believe X-Forwarded-Proto and X-Forwarded-For
DATABASE_URL                postgres://...; SQLite in GYRAL_HOME when unset
BROKER_URL                  redis://..., amqp://...; Celery's file transport in GYRAL_HOME when unset
CACHE_URL                   redis://...; memory of the process when unset
GYRAL_EMAIL_HOST            SMTP server; mail goes to the console when unset
GYRAL_EMAIL_VERIFICATION    none (default), optional or mandatory
GYRAL_SITE_ADDRESS          https://board.example.org, for links in mail
GYRAL_ORCID_CLIENT_ID       with GYRAL_ORCID_SECRET: people may sign in with ORCID
GYRAL_GITHUB_CLIENT_ID      with GYRAL_GITHUB_SECRET: people may sign in with GitHub
GYRAL_STATIC                "collected" to serve hashed files from STATIC_ROOT (`gyral serve` does)
==========================  ==================================================================

Limits of uploads, quota, leases and the worker's device are in `gyral_submissions.conf`, those of the API in `gyral_portal.conf`.
"""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from gyral.places import home
from gyral_portal import style
from gyral_portal.secret import kept_secret


def _flag(name: str, default: str = "0") -> bool:
    return os.environ.get(name, default).lower() in {"1", "true", "yes", "on"}


def _words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
PACKAGE = Path(__file__).resolve().parent
HOME = home()

DEBUG = _flag("GYRAL_DEBUG")
SECRET_KEY = os.environ.get("GYRAL_SECRET_KEY") or kept_secret(HOME / "secret.key")
ALLOWED_HOSTS = _words("GYRAL_ALLOWED_HOSTS", ",".join(LOOPBACK))
CSRF_TRUSTED_ORIGINS = _words("GYRAL_TRUSTED_ORIGINS")

# Where people may sign in besides, each with the client id and secret that the operator got there.
_KNOWN_ELSEWHERE = {"orcid": "https://orcid.org", "github": "https://github.com"}
SIGN_IN_ELSEWHERE = [name for name in _KNOWN_ELSEWHERE if os.environ.get(f"GYRAL_{name.upper()}_CLIENT_ID")]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    *(
        f"allauth.socialaccount{part}"
        for part in ("", *(f".providers.{name}" for name in SIGN_IN_ELSEWHERE))
        if SIGN_IN_ELSEWHERE
    ),
    "csp",
    "django_htmx",
    "gyral_submissions",
    "gyral_portal.accounts",
    "gyral_portal.portal",
    "gyral_portal.leaderboard",
    "gyral_portal.api",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "gyral_portal.nul.RefuseNul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "gyral_portal.api.middleware.ApiAnswers",
]
ROOT_URLCONF = "gyral_portal.urls"
WSGI_APPLICATION = "gyral_portal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gyral_portal.context.site",
            ],
            "builtins": ["gyral_portal.templatetags.gyral"],
        },
    }
]


# --- data -------------------------------------------------------------------------------------------
def _database() -> dict[str, Any]:
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{HOME / 'gyral.sqlite3'}"
    database: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))
    if database["ENGINE"].endswith("sqlite3"):
        # Two writers fail half their read-then-write transactions unless each takes its lock at BEGIN. A page of a board
        # reads a thousand rows from all over the file: copied one by one they take twice as long as mapped.
        database["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=268435456;",
        }
    return database | {"ATOMIC_REQUESTS": False}


DATABASES = {"default": _database()}
_cache = os.environ.get("CACHE_URL", "")
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _cache}
    if _cache
    # Room for counts of requests and logins: with few entries, many addresses would throw out one another's.
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100_000}}
}
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_HANDLERS = [
    "gyral_portal.portal.capped.CappedUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
# On the disk of the accepted uploads, so that a file moves by renaming; the sweeper clears what is left there.
FILE_UPLOAD_TEMP_DIR = HOME / "uploads" / ".incoming"
FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1 << 20

# --- queue ------------------------------------------------------------------------------------------
CELERY_BROKER_URL = os.environ.get("BROKER_URL") or "filesystem://localhost//"
if CELERY_BROKER_URL.startswith("filesystem"):
    _queue = HOME / "queue"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_queue / "messages"),
        "data_folder_out": str(_queue / "messages"),
        "control_folder": str(_queue / "control"),
        "polling_interval": 0.5,
    }
    for _folder in ("messages", "control"):
        (_queue / _folder).mkdir(parents=True, exist_ok=True)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# One task at a time and none held back: a run waits in the queue, not in a busy worker.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

# --- people -----------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_REDIRECT_URL = "portal:submissions"
LOGIN_URL = "account_login"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = os.environ.get("GYRAL_EMAIL_VERIFICATION", "none")
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Gyral] "
MFA_ADAPTER = "allauth.mfa.adapter.DefaultMFAAdapter"
MFA_TOTP_ISSUER = "Gyral"
SOCIALACCOUNT_PROVIDERS = {
    name: {
        "APPS": [
            {
                "client_id": os.environ[f"GYRAL_{name.upper()}_CLIENT_ID"],
                "secret": os.environ.get(f"GYRAL_{name.upper()}_SECRET", ""),
            }
        ]
    }
    for name in SIGN_IN_ELSEWHERE
}
# An address that somebody else's service vouches for opens no account here: its owner connects the two while logged in.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_LOGIN_ON_GET = False
EMAIL_HOST = os.environ.get("GYRAL_EMAIL_HOST", "")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_HOST_USER = os.environ.get("GYRAL_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("GYRAL_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = bool(EMAIL_HOST) and _flag("GYRAL_EMAIL_TLS", "1")
EMAIL_TIMEOUT = 20
GYRAL_SITE_ADDRESS = os.environ.get("GYRAL_SITE_ADDRESS", "http://localhost:8000")
DEFAULT_FROM_EMAIL = os.environ.get("GYRAL_EMAIL_FROM", "gyral@localhost")

# --- the wire ---------------------------------------------------------------------------------------
_https = _flag("GYRAL_HTTPS", "0" if DEBUG or set(ALLOWED_HOSTS) <= set(LOOPBACK) else "1")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 3600 * 24 * 30 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if _flag("GYRAL_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF, style.SOURCE],
        "img-src": [SELF, "data:"],
        "media-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        # A form that leads to another site by a redirect must name it.
        "form-action": [SELF, *(_KNOWN_ELSEWHERE[name] for name in SIGN_IN_ELSEWHERE)],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- files that the browser gets --------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [PACKAGE / "static"]
STATIC_ROOT = HOME / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns where it is not there
_collected = os.environ.get("GYRAL_STATIC") == "collected"
WHITENOISE_USE_FINDERS = not _collected
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _collected
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- words and time ---------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("GYRAL_LOG_LEVEL", "INFO")},
}
