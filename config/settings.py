"""The one settings file: the environment is read here and nowhere else, and nonsense is refused at start."""

import contextlib
import os
import secrets
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

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
ML_DIR = Path(env("FUTURE_SKILLS_ML", str(BASE_DIR / "ml")))

# --- The model that is pinned by configuration (empty: what the registry deployed) --------------------------------------
FUTURE_SKILLS_MODEL_PATH = env("FUTURE_SKILLS_MODEL_PATH", "")
FUTURE_SKILLS_MODEL_VERSION = env("FUTURE_SKILLS_MODEL_VERSION", "")

# --- Who acts in a command when --as is not given (see apps/accounts/actors.py) -----------------------------------------
FUTURE_SKILLS_ACTOR = env("FUTURE_SKILLS_ACTOR", "")

# --- Django -------------------------------------------------------------------------------------------------------------
DEBUG = env_bool("FUTURE_SKILLS_DEBUG", default=False)
SECRET_KEY = os.environ.get("FUTURE_SKILLS_SECRET_KEY") or local_secret_key(VAR_DIR / "secret_key")
ALLOWED_HOSTS = env("FUTURE_SKILLS_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "apps.audit",
    "apps.accounts",
    "apps.workforce",
    "apps.registry",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.RefusalPages",
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
                "apps.registry.context_processors.header",
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
        ),
    }
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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

# --- Safe defaults ------------------------------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
