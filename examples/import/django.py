"""Takes over the sessions of Django's database backend, from its table

    django_session (session_key varchar, session_data text, expire_date timestamptz)

    python manage.py shell < django.py

A script of Python, since SQL cannot read session_data: it is compressed and signed with SECRET_KEY. The
extension is in the database that Django uses, and its user there has the level admin.

The cookie (sessionid) is the session_key, and that is the token that is taken over. There is no refresh
token, and the table holds every key in the clear: drop it after the switch. The application must
  - pass the cookie to validate_session, and not to Django's own middleware any more;
  - give the client a token of ours instead when it can: rotate_session_token(session_key);
  - end sessions itself when a password changes (revoke_all_user_sessions_except): Django did so by a hash in
    session_data, which is checked here for the last time;
  - find what else it kept in session_data where it likes: up to 8 kB could go to the metadata.
The table does not tell when a session was last used, nor from where: all of a user's sessions come to one
device, unless device_key tells them apart, as here.
"""

import hashlib

from django.contrib.auth import get_user
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.http import HttpRequest
from django.utils import timezone


class Decoded(dict):
    """A session that Django may ask, and that keeps what it would change from the table."""

    def flush(self):
        self.clear()

    def cycle_key(self):
        pass


def signed_in_user(session):
    """The user whom Django itself would find, or an anonymous one: also after a change of password."""
    request = HttpRequest()
    request.session = Decoded(session.get_decoded())
    return get_user(request)


# With an empty line after each block, as the interactive shell wants it.
with transaction.atomic(), connection.cursor() as cursor:
    # What Django may still write waits until this is committed.
    cursor.execute("LOCK TABLE django_session IN SHARE MODE")
    hashes, users, expiries = [], [], []
    for session in Session.objects.filter(expire_date__gt=timezone.now()).order_by("expire_date"):
        user = signed_in_user(session)
        if user.is_authenticated:
            # The key itself is in no statement, and so in no log.
            hashes.append(hashlib.sha256(session.session_key.encode()).hexdigest())
            users.append(user.pk)
            expiries.append(session.expire_date)
    # Users with a number as their key; for uuids leave user_uuid out, for texts take user_uuid_from_text.
    cursor.execute(
        """
        SELECT count(session_service.import_session(
                   token_hash => hash::session_service.token_hash,
                   user_id    => session_service.user_uuid(user_id),
                   expires_at => expires_at,
                   device_key => hash)) AS sessions
        FROM (SELECT * FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[]) old (hash, user_id, expires_at)
              -- Of a user with too many, those that last longest stay.
              ORDER BY user_id, expires_at, hash) old
        """,
        [hashes, users, expiries],
    )
    print(cursor.fetchone()[0], "sessions")

