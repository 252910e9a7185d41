"""What the tests change: speed and isolation, never behaviour.

`tests.engines` has put TRADEHUB_HOME, DATABASE_URL and REDIS_URL into the environment by now.
"""

from tradehub.settings import *  # noqa: F403  # the settings, with the changes below
from tradehub.settings import DATABASES, TRADEHUB_HOME

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ACCOUNT_RATE_LIMITS = {}
if str(DATABASES["default"]["ENGINE"]).endswith("sqlite3"):
    # A file, since threads and a database in memory lock each other out without waiting.
    DATABASES["default"]["TEST"] = {"NAME": str(TRADEHUB_HOME / "test.sqlite3")}
    options = DATABASES["default"]["OPTIONS"]
    assert isinstance(options, dict)
    options["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
