"""A Django application with users and sessions, in the database "django" of the server that PGHOST and PGPORT name."""

import os

SECRET_KEY = "the test's"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "django",
        "HOST": os.environ["PGHOST"],
        "PORT": os.environ["PGPORT"],
    }
}
# Sessions that cannot be read are the test's own.
LOGGING = {"version": 1, "loggers": {"django.security": {"level": "CRITICAL"}}}
