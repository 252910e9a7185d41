"""Settings, from the environment or `.env`. Every variable is in docs/configuration.md."""

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()
environ.Env.read_env(BASE_DIR / ".env")

TRADEHUB_HOME = Path(env("TRADEHUB_HOME", default=str(BASE_DIR / "var")))
TRADEHUB_HOME.mkdir(parents=True, exist_ok=True)
SECRET_KEY = env("SECRET_KEY", default="for-development-only")
DEBUG = env.bool("DEBUG", default=False)
DATABASES = {
    "default": env.db("DATABASE_URL", default=f"sqlite:///{TRADEHUB_HOME / 'tradehub.sqlite3'}")
}
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "tradehub",
    "accounts",
    "risk",
    "brokers",
    "orders",
    "signals",
    "dashboard",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
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
ROOT_URLCONF = "tradehub.urls"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
