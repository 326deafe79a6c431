"""The one settings file: the environment is read here and nowhere else, and nonsense is refused at start."""

import contextlib
import json
import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from future_skills.retention import shortest_retention

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str) -> str:
    """Text from the environment; an empty value counts as absent."""
    return os.environ.get(name) or default


def env_bool(name: str, *, default: bool) -> bool:
    """Yes or no from the environment; anything else is refused."""
    value = env(name, "yes" if default else "no").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    message = f"{name} must be yes or no, not {value!r}."
    raise ImproperlyConfigured(message)


def env_int(name: str, default: int, *, least: int, most: int) -> int:
    """A whole number from the environment; one out of range, or none at all, is refused."""
    value = env(name, str(default))
    if value.isascii() and value.isdecimal() and len(value) < 10 and least <= int(value) <= most:
        return int(value)
    message = f"{name} must be a whole number from {least} to {most}, not {value!r}."
    raise ImproperlyConfigured(message)


def env_list(name: str, default: str) -> list[str]:
    """Comma-separated words from the environment; “none” is none of them."""
    words = [word.strip() for word in env(name, default).split(",") if word.strip()]
    return [] if words == ["none"] else words


def env_storage(name: str) -> dict[str, Any] | None:
    """A Django storage from the environment, as JSON: ``{"BACKEND": "dotted.Class", "OPTIONS": {…}}``; None where absent."""
    text = env(name, "")
    if not text:
        return None
    with contextlib.suppress(json.JSONDecodeError):
        storage = json.loads(text)
        if isinstance(storage, dict) and "BACKEND" in storage and storage.keys() <= {"BACKEND", "OPTIONS"}:
            return storage
    message = f'{name} must be a storage in JSON: {{"BACKEND": "dotted.Class", "OPTIONS": {{…}}}}.'
    raise ImproperlyConfigured(message)


def local_secret_key(path: Path) -> str:
    """Secret key of this installation, made at first use and readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        own = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):  # another process was first; its key is the key
            os.link(own, path)
        own.unlink()
    key = path.read_text().strip()
    if len(key) < 50:
        message = f"{path} does not hold a secret key: delete it, and a new one is made."
        raise ImproperlyConfigured(message)
    return key


# --- Places -----------------------------------------------------------------------------------------------------------
VAR_DIR = Path(env("FUTURE_SKILLS_VAR", str(BASE_DIR / "var")))
ARTIFACTS_DIR = Path(env("FUTURE_SKILLS_ARTIFACTS", str(VAR_DIR / "artifacts")))
# Private halves of the keys that sign versions: on every machine that registers, readable by its owner alone.
KEYS_DIR = Path(env("FUTURE_SKILLS_KEYS", str(VAR_DIR / "keys")))
# Where what a storage holds is fetched, to be checked and opened; it may be emptied at any time.
CACHE_DIR = Path(env("FUTURE_SKILLS_CACHE", str(VAR_DIR / "cache")))
ML_DIR = Path(env("FUTURE_SKILLS_ML", str(BASE_DIR / "ml")))
# What campaigns have scored while they are under way; workers on several machines go on with each other's work where they
# share it. A finished result is in the artifact store.
CAMPAIGNS_DIR = VAR_DIR / "campaigns"
RETRAINING_DIR = VAR_DIR / "retraining"
# What the processes of the server count for /metrics, added up there; on a disk of this machine, no other one shares it.
METRICS_DIR = Path(env("FUTURE_SKILLS_METRICS", str(VAR_DIR / "metrics")))

# --- The artifact store: ARTIFACTS_DIR, or a Django storage of this installation ----------------------------------------
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if artifacts_storage := env_storage("FUTURE_SKILLS_ARTIFACTS_STORAGE"):
    STORAGES["artifacts"] = artifacts_storage
# Dotted names that a model's pickle may use besides those of future_skills/unpickling.py: each is code that it may call.
FUTURE_SKILLS_ALLOWED_TYPES = env_list("FUTURE_SKILLS_ALLOWED_TYPES", "")

# --- The model that is pinned by configuration (empty: what the registry deployed) --------------------------------------
FUTURE_SKILLS_MODEL_PATH = env("FUTURE_SKILLS_MODEL_PATH", "")
FUTURE_SKILLS_MODEL_VERSION = env("FUTURE_SKILLS_MODEL_VERSION", "")

# --- Who acts in a command (see apps/accounts/actors.py and docs/decisions/0009-who-may-do-what.md) ----------------------
FUTURE_SKILLS_ACTOR = env("FUTURE_SKILLS_ACTOR", "")
FUTURE_SKILLS_TOKEN = env("FUTURE_SKILLS_TOKEN", "")
# Roles of the user of the operating system, where no account has that name; what needs a proof of who acts never counts.
FUTURE_SKILLS_SYSTEM_ROLES = env_list("FUTURE_SKILLS_SYSTEM_ROLES", "data_scientist,operator")

# --- Predictions (see docs/decisions/0015-prediction-log.md) ---------------------------------------------------------------
# Months for which predictions are kept. Fewer would be gone before it is known whether they came true.
FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS = env_int("FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS", 36, least=1, most=1200)
if shortest_retention() > FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS:
    message = (
        f"FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS must be at least {shortest_retention()}, not "
        f"{FUTURE_SKILLS_PREDICTION_RETENTION_MONTHS}: what came true is known that late."
    )
    raise ImproperlyConfigured(message)
# Requests that one person may make of the API in a minute, with whatever token and whichever process answers.
FUTURE_SKILLS_REQUESTS_PER_MINUTE = env_int("FUTURE_SKILLS_REQUESTS_PER_MINUTE", 6000, least=1, most=100_000_000)

# --- Monitoring: who is told of new alerts, and how often a worker looks (see docs/decisions/0022-monitoring.md) ------------
FUTURE_SKILLS_ALERT_RECIPIENTS = env_list("FUTURE_SKILLS_ALERT_RECIPIENTS", "")
# How browsers reach the pages, for links in e-mails.
FUTURE_SKILLS_ADDRESS = env("FUTURE_SKILLS_ADDRESS", "http://localhost:8000").rstrip("/")
# Hours between two looks of a worker at production; 0: only "manage.py monitor" looks.
FUTURE_SKILLS_MONITOR_EVERY_HOURS = env_int("FUTURE_SKILLS_MONITOR_EVERY_HOURS", 24, least=0, most=8760)
EMAIL_HOST = env("FUTURE_SKILLS_SMTP_HOST", "localhost")
EMAIL_PORT = env_int("FUTURE_SKILLS_SMTP_PORT", 25, least=1, most=65535)
EMAIL_HOST_USER = env("FUTURE_SKILLS_SMTP_USER", "")
EMAIL_HOST_PASSWORD = env("FUTURE_SKILLS_SMTP_PASSWORD", "")
EMAIL_USE_TLS = env_bool("FUTURE_SKILLS_SMTP_TLS", default=False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env("FUTURE_SKILLS_EMAIL_FROM", "future-skills@localhost")

# --- Django -------------------------------------------------------------------------------------------------------------
DEBUG = env_bool("FUTURE_SKILLS_DEBUG", default=False)
SECRET_KEY = os.environ.get("FUTURE_SKILLS_SECRET_KEY") or local_secret_key(VAR_DIR / "secret_key")
LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]"}
ALLOWED_HOSTS = env_list("FUTURE_SKILLS_HOSTS", "localhost,127.0.0.1,[::1]")

INSTALLED_APPS = [
    "apps.accounts",  # before Django's own: its createsuperuser and changepassword are guarded
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "apps.audit",
    "apps.workforce",
    "apps.registry",
    "apps.serving",
    "apps.monitoring",
    "axes",
    "django_tasks",
    "django_tasks_db",
]

MIDDLEWARE = [
    # what every request goes through
    "config.operations.follow_requests",  # first: what it times and numbers is everything that happens to a request
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.language",
    "django.middleware.common.CommonMiddleware",
    "config.middleware.token_requests",
    # what is for pages, and for who comes to the API from a page
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.LoginRequired",
    "config.middleware.PageMessages",
    "config.middleware.RefusalPages",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.accounts.access.rights_in_pages",
                "apps.registry.context_processors.header",
                "apps.monitoring.context_processors.header",
            ],
        },
    },
]

# --- Database: SQLite by default, PostgreSQL by DATABASE_URL ------------------------------------------------------------
try:
    DATABASES = {
        "default": dj_database_url.parse(
            env("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}"), conn_max_age=60, conn_health_checks=True
        )
    }
except ValueError as error:
    message = f"DATABASE_URL is not the address of a database: {error}"
    raise ImproperlyConfigured(message) from error
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a transaction that will write takes its turn when it begins, instead of failing half-way.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=134217728; PRAGMA cache_size=-64000;"
            "PRAGMA wal_autocheckpoint=25000;"  # pages, 100 MB: a checkpoint waits for the disk, and predictions for it
        ),
    }
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Background tasks: the database is the queue, "manage.py worker" runs what is in it ---------------------------------
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# --- Language: French first ---------------------------------------------------------------------------------------------
LANGUAGE_CODE = env("FUTURE_SKILLS_LANGUAGE", "fr")
LANGUAGES = [("fr", "Français"), ("en", "English")]
if LANGUAGE_CODE not in dict(LANGUAGES):
    message = f"FUTURE_SKILLS_LANGUAGE must be fr or en, not {LANGUAGE_CODE!r}."
    raise ImproperlyConfigured(message)
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env("FUTURE_SKILLS_TIME_ZONE", "Europe/Paris")

# --- Static files: served by the application itself, no build step ------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

# --- People: logins, passwords, lockouts --------------------------------------------------------------------------------
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "registry:home"
LOGOUT_REDIRECT_URL = "accounts:login"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SESSION_COOKIE_AGE = 12 * 3600  # one working day
# Five failures lock a name out from one address for a quarter of an hour; the audit log keeps logins and lockouts.
AXES_FAILURE_LIMIT = 5
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "apps.accounts.views.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# --- The server's log: one line a record on stderr (see docs/decisions/0021-operations.md) --------------------------------
LOG_FORMAT = env("FUTURE_SKILLS_LOG_FORMAT", "json")
if LOG_FORMAT not in {"json", "text"}:
    message = f"FUTURE_SKILLS_LOG_FORMAT must be json or text, not {LOG_FORMAT!r}."
    raise ImproperlyConfigured(message)
LOG_LEVEL = env("FUTURE_SKILLS_LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    message = f"FUTURE_SKILLS_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {LOG_LEVEL!r}."
    raise ImproperlyConfigured(message)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "config.logs.WithRequestId"},
        "fault": {"()": "django.utils.log.CallbackFilter", "callback": lambda record: bool(record.exc_info)},
    },
    "formatters": {"json": {"()": "config.logs.JsonLines"}, "text": {"()": "config.logs.TextLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "filters": ["request_id"], "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "axes": {"level": "ERROR"},  # a wrong password is no event of the server, nor a line in a terminal
        # Without Django's own handlers. Never below INFO: its SQL would hold what people sent.
        "django": {"handlers": [], "level": "INFO"},
        "django_tasks_db": {"level": "WARNING"},  # a worker asks every second whether there is anything to do
        "django.request": {"filters": ["fault"]},  # a fault leaves its trace; a refusal has the line of its request
    },
}

# --- Safe defaults ------------------------------------------------------------------------------------------------------
# Cookies that only travel encrypted, and no page without encryption: by default as soon as the server has a name other
# than this machine's own, where nothing can be encrypted and nothing leaves.
HTTPS = env_bool("FUTURE_SKILLS_HTTPS", default=not DEBUG and not LOCAL_HOSTS.issuperset(ALLOWED_HOSTS))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]  # whoever asks these takes a redirect for good health
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# A proxy in front says that the browser's connection is encrypted; it must set this header itself, whatever came in.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
# A body of the API, and a form. By default 10 000 rows, every value given.
DATA_UPLOAD_MAX_MEMORY_SIZE = env_int("FUTURE_SKILLS_BODY_MB", 8, least=1, most=1000) * 1024 * 1024
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
