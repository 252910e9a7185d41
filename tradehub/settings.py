"""Settings, from the environment or `.env`. Every variable is in docs/configuration.md.

A bad value stops the start with one sentence that names the variable. Nothing here opens a
connection; the only thing written is the home folder and, on a first run, the hub's keys.
"""

from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from tradehub import env
from tradehub.keys import decode_key, hub_keys
from tradehub.lib.logs import configure_structlog, logging_config
from tradehub.redis_address import broker_url, embedded_url
from tradehub.schedule import SCHEDULE
from tradehub.settings_ui import SPECTACULAR_SETTINGS, UNFOLD  # noqa: F401  # settings

BASE_DIR = Path(__file__).resolve().parent.parent
env.load_env_file(BASE_DIR / env.text("ENV_FILE", ".env"))

# --- Where things are

TRADEHUB_HOME = (BASE_DIR / env.text("TRADEHUB_HOME", "var")).absolute()
try:
    TRADEHUB_HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as error:
    raise env.BadSetting(f"TRADEHUB_HOME can't be made: {error}.") from error
HOST = env.text("HOST", "127.0.0.1")
PORT = env.whole("PORT", default=8000, least=0, most=65535)
PUBLIC_URL = env.address("PUBLIC_URL", schemes=("http", "https"), bare=True)
ROOT_URLCONF = "tradehub.urls"
ASGI_APPLICATION = "tradehub.asgi.application"
ASSETS_DIR = BASE_DIR / "frontend" / "dist"

# --- Keys

_keys = {name: env.text(name) for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "INSTALL_KEY")}
if not all(_keys.values()):
    _kept = hub_keys(TRADEHUB_HOME)
    _keys = {name: value or _kept[name] for name, value in _keys.items()}
SECRET_KEY = _keys["SECRET_KEY"]
FIELD_ENCRYPTION_KEYS = [part.strip() for part in _keys["FIELD_ENCRYPTION_KEYS"].split(",")]
"""Url-safe base64 of 32 bytes each; the first encrypts, all decrypt."""
for _key in FIELD_ENCRYPTION_KEYS:
    decode_key("FIELD_ENCRYPTION_KEYS", _key)
INSTALL_KEY = decode_key("INSTALL_KEY", _keys["INSTALL_KEY"])
"""Client order ids are made with it, so that no other hub can make the same."""

# --- Who may talk to us

DEBUG = env.flag("DEBUG", default=False)
LOG_LEVEL = env.choice(
    "LOG_LEVEL", default="INFO", allowed=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
)
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS") or ([_public.hostname] if _public.hostname else [])
# Loopback is always added: probes and `up` itself ask there.
ALLOWED_HOSTS = [*dict.fromkeys([*ALLOWED_HOSTS, "localhost", "127.0.0.1", "[::1]"])]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
TRUSTED_PROXY_COUNT = env.whole("TRUSTED_PROXY_COUNT", default=0, least=0, most=10)
METRICS_ALLOWED = env.networks("METRICS_ALLOWED")
"""Addresses and networks besides loopback that may read /metrics."""
SIGN_UP = env.choice("SIGN_UP", default="closed", allowed=("closed", "open"))

# --- Database

DATABASES = {
    "default": env.database(
        "DATABASE_URL", default=f"sqlite:///{TRADEHUB_HOME / 'tradehub.sqlite3'}", base=BASE_DIR
    )
}
_worker = env.text("TRADEHUB_ROLE") == "worker"
if str(DATABASES["default"]["ENGINE"]).endswith("sqlite3"):
    # A worker's threads stay, and so may their connections; a web request's thread ends with it.
    DATABASES["default"]["CONN_MAX_AGE"] = None if _worker else 0
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 8,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    # Under ASGI every request has a thread of its own, so a pool is what keeps connections.
    # A worker's threads each need one while they wait for a venue: no lane may starve another.
    # Half of its threads may wait for one kind of venue, and as many comparisons besides.
    _threads = env.whole("WORKER_THREADS", default=8, least=2, most=200)
    _default = 2 * _threads + 6 if _worker else 8
    _size = env.whole("DATABASE_POOL_SIZE", default=_default, least=1, most=406)
    _given = DATABASES["default"].get("OPTIONS")
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 2,
        # A server that vanished without a word is noticed in 10 s, not in two hours.
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        # The locks of a process that is stopped amid a transaction are let go of.
        "options": f"-c lock_timeout={'20s' if _worker else '2s'}"
        " -c idle_in_transaction_session_timeout=15s",
        **(_given if isinstance(_given, dict) else {}),
        # Its own pauses between attempts would double for minutes after the server is back.
        "pool": {"min_size": 1, "max_size": _size, "timeout": 2, "reconnect_timeout": 1},
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis, Celery, Channels

_redis_url = env.address("REDIS_URL", schemes=("redis", "rediss", "unix"))
REDIS_EMBEDDED = not _redis_url
REDIS_URL = _redis_url or embedded_url(TRADEHUB_HOME)

CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 1
# For those who ring: a dead Redis must not slow an acknowledgement. Workers and beat, which only
# listen, get longer ones in tradehub.celery.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 0.2,
    "socket_connect_timeout": 0.2,
    "max_retries": 0,
    "visibility_timeout": 120,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "background"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = env.whole("WORKER_THREADS", default=8, least=2, most=200)
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "tradehub.beat.PulsingScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_BEAT_SCHEDULE = SCHEDULE
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_connect_timeout": 1}]},
    }
}
# Only sign-in attempts are counted here. In memory, so that no page needs Redis; each web process
# counts on its own.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- Applications

ROLE = env.choice("TRADEHUB_ROLE", default="all", allowed=("all", "worker", "stream"))
"""`up` names it: a worker and a stream load no pages, which is a third of their memory."""
_WITHOUT_PAGES = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "accounts",
    "risk",
    "brokers",
    "orders",
    "signals",
    "tradehub",  # last: its admin takes away what others have registered
]
_WITH_PAGES = [
    "unfold",  # before the admin that it dresses
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "allauth",
    "allauth.account",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "lucide",
    "csp",
    "dashboard",
]
INSTALLED_APPS = [*(_WITH_PAGES if ROLE == "all" else []), *_WITHOUT_PAGES]
MIDDLEWARE = [
    "tradehub.lib.request_log.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "tradehub.lib.static_files.StaticFilesMiddleware",
    "tradehub.lib.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
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
            ]
        },
    }
]

# --- Accounts

AUTH_USER_MODEL = "accounts.User"
# One backend, so that every attempt costs one hash and its time tells nothing.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
_validation = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_validation}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_validation}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{_validation}.CommonPasswordValidator"},
    {"NAME": f"{_validation}.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
"""Seconds for which a password given in a session may change a venue's key or go live."""
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key", "login": "30/m/ip"}

# --- Mail

_mail = env.mail("EMAIL_URL")
EMAIL_BACKEND = _mail.get("EMAIL_BACKEND", "")
EMAIL_HOST = _mail.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL"))
EMAIL_FILE_PATH = _mail.get("EMAIL_FILE_PATH")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = f"TradeHub <tradehub@{_public.hostname or 'localhost'}>"

# --- Browser security

_https = _public.scheme == "https"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "tradehub.lib.problems.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains, and
    "security.W021",  # preloading, bind names that are not ours
    "security.W008",  # the proxy redirects to https; probes come to us in plain text
]
_strict = {
    "default-src": [SELF],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "object-src": [NONE],
    "frame-ancestors": [NONE],
    "form-action": [SELF],
    "base-uri": [SELF],
}
CONTENT_SECURITY_POLICY = {"DIRECTIVES": _strict}
CSP_BY_PREFIX = {
    "/admin/": _strict | {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]},
    "/api/docs/": _strict | {"style-src": [SELF, UNSAFE_INLINE], "worker-src": [SELF, "blob:"]},
}

# --- REST (pages are set by tradehub.lib.api.OwnedViewSet)

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tradehub.lib.api_parser.DecimalJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.SiteSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.HasScope"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "tradehub.lib.api.problem_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

# --- Static files: served from where they lie, so nothing has to be collected

STATIC_URL = "/static/"
STATICFILES_DIRS = [("vendor", ASSETS_DIR)]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0 if DEBUG else 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False
if not ASSETS_DIR.is_dir():
    # Our own check (tradehub.E001) says so with the cure.
    SILENCED_SYSTEM_CHECKS.append("staticfiles.W004")

# --- Language, time, logs

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING = logging_config(LOG_LEVEL)
configure_structlog()

# --- Venues: who speaks for each kind of account, as "module:factory", imported when one needs it

BROKER_ADAPTERS = {
    "paper": "brokers.paper.adapter:open_paper",
    "binance_spot": "brokers.binance.spot:open_spot",
    "binance_futures": "brokers.binance.futures:open_futures",
    "alpaca": "brokers.alpaca.adapter:open_alpaca",
}

# --- Venues: other addresses than the vendors' own, for testnets, proxies and tests

_http, _socket = ("http", "https"), ("ws", "wss")
VENUE_URLS = {
    name: env.address(name, schemes=schemes, bare=True)
    for name, schemes in {
        "BINANCE_SPOT_REST_URL": _http,
        "BINANCE_SPOT_WS_API_URL": _socket,
        "BINANCE_SPOT_STREAM_URL": _socket,
        "BINANCE_FUTURES_REST_URL": _http,
        "BINANCE_FUTURES_STREAM_URL": _socket,
        "ALPACA_TRADING_URL": _http,
        "ALPACA_DATA_URL": _http,
        "ALPACA_STREAM_URL": _socket,
        "ALPACA_DATA_STREAM_URL": _socket,
    }.items()
}
