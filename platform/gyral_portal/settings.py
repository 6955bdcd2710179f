"""Settings; every deployment choice is an environment variable."""

import os

from gyral.places import home

SECRET_KEY = os.environ.get("GYRAL_SECRET_KEY", "insecure-development-key")
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "gyral_submissions"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": home() / "gyral.sqlite3"}}
USE_TZ = True
