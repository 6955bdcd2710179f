"""The Celery application: ``celery -A gyral_portal.worker worker``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gyral_portal.settings")

app = Celery("gyral")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
