"""Fills a Django's table of sessions, good ones and of each odd kind. For `manage.py shell`."""

import datetime

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

ada, bob = (User.objects.create_user(name, password="a password") for name in ("ada", "bob"))
tomorrow = timezone.now() + datetime.timedelta(days=1)


def store(key, data, expire_date=tomorrow):
    Session.objects.create(session_key=key, session_data=SessionStore().encode(data), expire_date=expire_date)


def signed_in(user, **other):
    data = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    return {**data, **other}


store("good1", signed_in(ada, basket=["\u0000", "\ud83d"]))
store("good2", signed_in(bob))
store("good3-far", signed_in(bob))
store("nobody1", {"basket": [1]})
store("nobody2-password", signed_in(ada, **{HASH_SESSION_KEY: "of an earlier password"}))
store("nobody3-deleted", signed_in(ada, **{SESSION_KEY: "999"}))
store("nobody4-data", {})
Session.objects.filter(session_key="nobody4-data").update(session_data="no session")
store("odd1", signed_in(ada, **{SESSION_KEY: "abc"}))
store("odd2", signed_in(ada, **{SESSION_KEY: ""}))
store("odd3", signed_in(ada, **{SESSION_KEY: {"id": 1}}))
store("odd4", ["a list"])
store("odd5", signed_in(ada, **{SESSION_KEY: float("inf")}))
store("odd-ké", signed_in(ada))
store("odd-infinite", signed_in(ada))
store("over", signed_in(ada), timezone.now() - datetime.timedelta(days=1))
with connection.cursor() as cursor:
    cursor.execute("UPDATE django_session SET expire_date = 'infinity' WHERE session_key = 'odd-infinite'")
    cursor.execute("UPDATE django_session SET expire_date = '20000-01-01' WHERE session_key = 'good3-far'")
