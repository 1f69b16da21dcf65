"""Takes over the sessions of Django's database backend, from its table

    django_session (session_key varchar, session_data text, expire_date timestamptz)

    python manage.py shell < django.py

A script of Python, since SQL cannot read session_data: it is compressed and signed with SECRET_KEY. The
extension is in the database that Django uses, and its user there has the level admin. A row that cannot be
taken over is left out, and so is a session in which nobody is signed in; in the end a table counts them by
reason.

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
from collections import Counter

from django.contrib.auth import get_user
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.db.models import TextField
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils import timezone


class Decoded(dict):
    """A session that Django may ask, and that keeps what it would change from the table."""

    def flush(self):
        self.clear()

    def cycle_key(self):
        pass


class LeftOut(Exception):
    """Why a session is not taken over."""


def signed_in_user(session):
    """The user whom Django itself would find: nobody after a change of password."""
    request = HttpRequest()
    try:
        request.session = Decoded(session.get_decoded())
        user = get_user(request)
    except (ValidationError, TypeError, ValueError, OverflowError):
        raise LeftOut("session_data does not name a user") from None
    if not user.is_authenticated:
        raise LeftOut("nobody is signed in")
    return user


def import_session(cursor, session):
    key = session.session_key
    if not (1 <= len(key) <= 512 and key.isascii() and key.isprintable()):
        raise LeftOut("session_key is no token: 1 to 512 printable ASCII characters")
    user = signed_in_user(session)
    # The key itself is in no statement, and so in no log.
    key_hash = hashlib.sha256(key.encode()).hexdigest()
    # Users with a number as their key; for uuids leave user_uuid out, for texts take user_uuid_from_text.
    cursor.execute(
        """
        SELECT session_service.import_session(
            token_hash => %s::session_service.token_hash,
            user_id    => session_service.user_uuid(%s),
            expires_at => %s::timestamptz,
            device_key => %s)
        """,
        [key_hash, user.pk, session.expires, key_hash],
    )


def outcome(cursor, session):
    """What becomes of one session, and why."""
    try:
        # In a savepoint, so that what is wrong with one leaves the others alone.
        with transaction.atomic():
            import_session(cursor, session)
    except LeftOut as reason:
        return "left out", str(reason)
    except DatabaseError as error:
        diagnostics = error.__cause__.diag
        state = diagnostics.sqlstate or ""
        # Errors of other kinds (rights, a full disk) are no row's, and end it all.
        if state[:2] != "22" and state not in ("23505", "53400"):
            raise
        return "left out", diagnostics.message_primary
    return "imported", ""


with transaction.atomic(), connection.cursor() as cursor:
    # What Django may still write waits until this is committed.
    cursor.execute("LOCK TABLE django_session IN SHARE MODE")
    now = timezone.now()
    # The expiry as text: PostgreSQL has times that Python has not.
    living = Session.objects.filter(expire_date__gt=now).annotate(expires=Cast("expire_date", TextField()))
    counts = Counter()
    counts["left out", "expired"] = Session.objects.filter(expire_date__lte=now).count()
    # Of a user with too many, those that last longest stay.
    for session in living.only("session_key", "session_data").order_by("expire_date", "session_key").iterator():
        counts[outcome(cursor, session)] += 1

# Without what did not happen.
for (result, reason), sessions in sorted((+counts).items()):
    print(f"{result:8} | {sessions:8} | {reason}")
