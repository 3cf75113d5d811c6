"""Settings of Keyhouse, read from the environment.

Every value is named `KEYHOUSE_*` (the database alone is `DATABASE_URL`); a secret may also be given as the name of a
file, in the same name with `_FILE` behind it. A missing or malformed value stops the start with a sentence.
"""

import secrets
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

DEMO = env.bool("KEYHOUSE_DEMO", False)
"""The demo makes its own secrets and speaks plain HTTP on the loopback; nothing else may."""

VAR = Path(env.str("KEYHOUSE_VAR", str(BASE_DIR / "var")))


def read_secret(name: str, *, shortest: int = 32) -> str:
    """Return the secret `name` from the environment, from the file `<name>_FILE`, or, in the demo, from `var/`.

    Raises ImproperlyConfigured, naming the variable, where it is missing or shorter than `shortest` characters.
    """
    value = env.str(name, "")
    if not value and (path := env.str(f"{name}_FILE", "")):
        value = Path(path).read_text(encoding="utf-8").strip()
    if not value and DEMO:
        value = _demo_secret(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. Set it, or {name}_FILE, to a secret of your own.")
    if len(value) < shortest:
        raise ImproperlyConfigured(f"{name} is too short: it needs at least {shortest} characters.")
    return value


def _demo_secret(name: str) -> str:
    path = VAR / "secrets" / name.lower()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = path.with_suffix(f".{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32), encoding="utf-8")
        with suppress(FileExistsError):  # whoever links first wins; two starts at once share one secret
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text(encoding="utf-8")


def read_peppers() -> dict[int, bytes]:
    """Return the numbered peppers, `1:secret,2:secret`; a bare secret counts as number 1."""
    peppers = {}
    for part in read_secret("KEYHOUSE_TOKEN_PEPPERS").split(","):
        number, _, secret = part.strip().rpartition(":")
        if not (number or "1").isdecimal() or len(secret) < 32:
            raise ImproperlyConfigured("KEYHOUSE_TOKEN_PEPPERS must read 1:<secret>,2:<secret>, 32 characters or more.")
        peppers[int(number or 1)] = secret.encode()
    return peppers


def read_database() -> dict:
    """Return Django's description of the database that DATABASE_URL names, SQLite under `var/` by default."""
    default = f"sqlite:///{VAR / ('demo.sqlite3' if DEMO else 'keyhouse.sqlite3')}"
    try:
        config = env.dj_db_url("DATABASE_URL", default)
    except (EnvError, ValueError) as error:
        raise ImproperlyConfigured("DATABASE_URL must be sqlite:///path or postgres://user@host/name.") from error
    if config["ENGINE"].endswith("sqlite3"):
        # WAL lets decisions read while a change is written, IMMEDIATE makes writers queue instead of failing,
        # FULL keeps what was acknowledged, secure_delete wipes what was deleted.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
        }
    elif config["ENGINE"].endswith("postgresql"):
        config["CONN_HEALTH_CHECKS"] = True  # a pooled connection may have died with a restarted server
        config["OPTIONS"] = {"pool": {"min_size": 1, "max_size": env.int("KEYHOUSE_DB_POOL", 8), "timeout": 10}}
    else:
        raise ImproperlyConfigured("DATABASE_URL must name SQLite or PostgreSQL.")
    return config


def read_networks(name: str, default: list[str]) -> list:
    """Return the networks that `name` lists as CIDR blocks."""
    try:
        return [ip_network(block) for block in env.list(name, default)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must list networks such as 10.0.0.0/8,::1/128.") from error


SECRET_KEY = read_secret("KEYHOUSE_SECRET_KEY")
TOKEN_PEPPERS = read_peppers()
AUDIT_KEY = read_secret("KEYHOUSE_AUDIT_KEY").encode()

DEBUG = env.bool("KEYHOUSE_DEBUG", False)
ALLOWED_HOSTS = env.list("KEYHOUSE_HOSTS", ["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS = env.list("KEYHOUSE_ORIGINS", [])
HTTPS = env.bool("KEYHOUSE_HTTPS", not DEMO)
BEHIND_PROXY = env.bool("KEYHOUSE_BEHIND_PROXY", False)
"""One proxy of ours stands in front: it tells the caller's address and scheme, and drops what a caller says of them."""

INSTALLED_APPS = [
    "portal",
    "tokens",
    "accounts",
    "portal.apps.KeyhouseAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.forms",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "mptt",
    "allauth",
    "allauth.account",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_filters",
    "django_tables2",
    "django_htmx",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.middleware.AuditOrigin",
    "portal.middleware.NeverStored",
    "portal.middleware.PlainRefusals",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
DATABASES = {"default": read_database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
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
                "django.template.context_processors.i18n",
                "portal.context.shell",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "bootstrap5"
DJANGO_TABLES2_TEMPLATE = "components/table.html"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "portal:dashboard"
ACCOUNT_ADAPTER = "accounts.adapter.SignInAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
ALLAUTH_TRUSTED_PROXY_COUNT = int(BEHIND_PROXY)
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "30/m/ip,10/30m/key"}
globals().update(env.dj_email_url("KEYHOUSE_EMAIL_URL", "consolemail://"))  # EMAIL_BACKEND, EMAIL_HOST ...
DEFAULT_FROM_EMAIL = env.str("KEYHOUSE_EMAIL_FROM", "keyhouse@localhost")
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False

CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "accounts_cache"}}
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
TIME_ZONE = "UTC"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

_OWN = ("script-src", "style-src", "font-src", "connect-src", "form-action", "manifest-src")
_NOTHING = ("default-src", "base-uri", "frame-ancestors")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "img-src": ["'self'", "data:"],
        **{directive: ["'self'"] for directive in _OWN},
        **{directive: ["'none'"] for directive in _NOTHING},
    },
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = ["^livez$", "^readyz$", "^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SESSION_COOKIE_NAME = "__Host-keyhouse" if HTTPS else "keyhouse"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_NAME = "__Host-keyhouse-csrf" if HTTPS else "keyhouse-csrf"
CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

METRICS_NETWORKS = read_networks("KEYHOUSE_METRICS_NETWORKS", ["127.0.0.0/8", "::1/128"])
REFUSE_ON_FAULT = env.bool("KEYHOUSE_REFUSE_ON_FAULT", False)
"""Whether a gateway gets 403 instead of 503 where no decision can be made: for one that lets a 503 through."""
DECISIONS_THROUGH_DJANGO = False
"""Whether decisions use Django's connection instead of their own: tests that roll back need what they wrote."""
TOKEN_QUOTA = env.int("KEYHOUSE_TOKEN_QUOTA", 20_000)
"""Most tokens of one merchant that may be active or inactive at once (ruling C5)."""
USAGE_KEEP_DAYS = env.int("KEYHOUSE_USAGE_KEEP_DAYS", 90)
USAGE_FLUSH_SECONDS = env.float("KEYHOUSE_USAGE_FLUSH_SECONDS", 1.0)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("KEYHOUSE_LOG_LEVEL", "WARNING")},
}
