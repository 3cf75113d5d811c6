"""Settings of Keyhouse, read from the environment.

Every value is named `KEYHOUSE_*` (the database alone is `DATABASE_URL`); a secret may also be given as the name of a
file, in the same name with `_FILE` behind it. A missing or malformed value stops the start with a sentence.
"""

from portal.environment import (
    BASE_DIR,
    DEMO,
    VAR,
    env,
    read_breached,
    read_database,
    read_email,
    read_journal,
    read_networks,
    read_peppers,
    read_secret,
    read_vault_keys,
)
from portal.production import refuse_unsafe

SECRET_KEY = read_secret("KEYHOUSE_SECRET_KEY", shortest=50)
TOKEN_PEPPERS = read_peppers()
VAULT_KEYS = read_vault_keys()
AUDIT_KEY = read_secret("KEYHOUSE_AUDIT_KEY").encode()
AUDIT_JOURNAL = read_journal(VAR / ("demo.journal" if DEMO else "audit.journal"))
"""The file outside the database that says once more what the audit log holds: one for each database."""

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
    "django.contrib.messages",
    "django.forms",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "mptt",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_filters",
    "django_tables2",
    "django_htmx",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.middleware.Isolation",
    "portal.middleware.NeverStored",
    "whitenoise.middleware.WhiteNoiseMiddleware",
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
    "portal.middleware.WholePages",
    "portal.middleware.PlainRefusals",
    "portal.middleware.Presence",
    "portal.middleware.SecondFactorFirst",
    "portal.middleware.SupportReason",
    "portal.middleware.StepUp",
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
FILE_UPLOAD_HANDLERS = ["portal.uploads.Bounded"]
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_500
"""Fields of a form. A thousand terminals can be ticked (`tokens.sdk.fleet.MOST_AT_ONCE`), beside what the form and the
question for a proof hold themselves; somewhat more gets the form's own sentence, and a flood still stops early."""
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "bootstrap5"
DJANGO_TABLES2_TEMPLATE = "components/table.html"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.signin.passwords.LongEnough"},
    {"NAME": "accounts.signin.passwords.HardToGuess"},
    {"NAME": "accounts.signin.passwords.NotUsedLately"},
    {"NAME": "accounts.signin.breached.NotBreached"},
]
BREACHED_PASSWORDS = read_breached()
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
ACCOUNT_FORMS = {"change_password": "accounts.signin.forms.CountedChangePasswordForm"}
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": None}  # failures are counted by accounts.signin.attempts
REQUIRE_MFA = env.bool("KEYHOUSE_REQUIRE_MFA", not DEMO)
"""Whether everybody needs a second factor: without one, nothing but its set-up can be reached."""
MFA_ADAPTER = "accounts.adapter.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = "Keyhouse"
MFA_RATE_LIMITS = {"webauthn_login": "60/m/ip"}
MFA_FORMS = {
    "authenticate": "accounts.signin.forms.CountedCodeForm",
    "authenticate_webauthn": "accounts.signin.forms.SignInPasskeyForm",
    "login_webauthn": "accounts.signin.forms.PasskeyAloneForm",
}
globals().update(read_email())  # EMAIL_BACKEND, EMAIL_HOST ...
DEFAULT_FROM_EMAIL = env.str("KEYHOUSE_EMAIL_FROM", "keyhouse@localhost")
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
PASSWORD_RESET_TIMEOUT = 3600
ACCOUNT_LOGIN_TIMEOUT = 600
"""Seconds for which a right password waits for the second step."""
MAIL_AT_ONCE = False
"""Whether mails are sent before the answer instead of behind it: tests look for them right away."""

CACHES = {"default": {"BACKEND": "accounts.cache.JsonCache"}}
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
_NOTHING = ("default-src", "object-src", "base-uri", "frame-ancestors")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "img-src": ["'self'", "data:"],
        **{directive: ["'self'"] for directive in _OWN},
        **{directive: ["'none'"] for directive in _NOTHING},
        "upgrade-insecure-requests": HTTPS,
    },
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = ["^livez$", "^readyz$", "^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
# Preloading binds the whole domain, for years, in every browser: its owner decides that, not a portal below it.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SESSION_COOKIE_NAME = "__Host-keyhouse" if HTTPS else "keyhouse"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "accounts.signin.sessions"  # 15 minutes without a sign of life, 12 hours at most
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
DEVICE_COOKIE_NAME = "__Host-keyhouse-known" if HTTPS else "keyhouse-known"
CSRF_COOKIE_NAME = "__Host-keyhouse-csrf" if HTTPS else "keyhouse-csrf"
THEME_COOKIE_NAME = "__Host-keyhouse-theme" if HTTPS else "keyhouse-theme"  # a script of ours writes it
CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

METRICS_NETWORKS = read_networks("KEYHOUSE_METRICS_NETWORKS", ["127.0.0.0/8", "::1/128"])
REFUSE_ON_FAULT = env.bool("KEYHOUSE_REFUSE_ON_FAULT", False)
"""Whether a gateway gets 403 instead of 503 where no decision can be made: for one that lets a 503 through."""
PAGES_AT_ONCE = env.int("KEYHOUSE_PAGES_AT_ONCE", 0)
"""Most pages that one process works on at once, so that threads are left for decisions; 0 means no limit."""
ONE_CORE_EACH = env.bool("KEYHOUSE_ONE_CORE_EACH", False)
"""Whether each worker keeps to one core: said by `manage.py serve`."""
PAGES_WAITING = env.int("KEYHOUSE_PAGES_WAITING", 1)
"""How many more may wait for their turn for long: each holds a thread, too."""
DECISIONS_THROUGH_DJANGO = False
"""Whether decisions use Django's connection instead of their own: tests that roll back need what they wrote."""
TOKEN_QUOTA = env.int("KEYHOUSE_TOKEN_QUOTA", 20_000)
"""Most tokens of one merchant that may be active or inactive at once (ruling C5)."""
USAGE_KEEP_DAYS = env.int("KEYHOUSE_USAGE_KEEP_DAYS", 90)
USAGE_FLUSH_SECONDS = env.float("KEYHOUSE_USAGE_FLUSH_SECONDS", 1.0)

DEFAULT_EXCEPTION_REPORTER = "portal.reports.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "portal.reports.NothingHeld"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "portal.logs.JsonLine"}},
    "filters": {"refusals": {"()": "portal.logs.Refusals"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals"]}},
    "root": {"handlers": ["console"], "level": env.str("KEYHOUSE_LOG_LEVEL", "WARNING")},
    # Django's own handlers would mail faults, to nobody. Its template engine, asked for DEBUG, quotes all that a page
    # is made of, tokens that are shown once too.
    "loggers": {"django": {"handlers": [], "level": "INFO"}},
}

refuse_unsafe(globals())
