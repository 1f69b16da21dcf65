"""Validated sessions, kept for a moment in the memory of an application's process.

    cache = SessionCache(lambda: psycopg.connect("dbname=app", autocommit=True))

    def handle(request):
        with pool.connection() as connection:
            session = cache.session(connection, request.token)  # None: answer 401

Needs psycopg 3, `session_service.notify = on`, and a role with the access level "application".

What stays right, and why:

- A revocation reaches the cache with NOTIFY as it is committed, and drops what is cached for its user.
- The notification carries the user's epoch, which grew with the revocation. What is cached carries the epoch
  that was read *before* the validation, so that a result that was on its way meanwhile has an older one, and
  is not kept, also where it arrives after the notification.
- Notifications are lost while nobody listens. So nothing is cached unless LISTEN is in force, and a lost
  connection clears the cache.
- Only revocations are told of. What else may change (a token that was replaced, scopes, metadata, MFA) is
  seen once an entry is older than max_age at the latest; so is everything, should a network fail silently.
  Requests that cannot accept that call validate_session themselves.
- Anyone may send a notification: the worst that a forged one does is a query more.
"""

import collections
import hashlib
import json
import select
import threading
import time
import uuid

from psycopg.rows import namedtuple_row

# The second validation is the one that counts: its argument depends on the epoch, which so is read before.
VALIDATE = """
    SELECT v.session_id, v.user_id, v.scopes, v.mfa_verified, e.epoch,
           extract(epoch FROM v.expires_at - clock_timestamp())::float8 AS seconds_left
    FROM session_service.validate_session(%(token)s::text) AS first,
         LATERAL (SELECT session_service.user_epoch(first.user_id) AS epoch OFFSET 0) AS e,
         LATERAL session_service.validate_session(CASE WHEN e.epoch >= 0 THEN %(token)s::text END) AS v
"""

Entry = collections.namedtuple("Entry", "session deadline")
Revocation = collections.namedtuple("Revocation", "epoch forget_at")


class SessionCache:
    """Safe to use from several threads.

    connect: makes a connection for LISTEN, in autocommit, straight to the server or to a pooler in session mode
    max_sessions: entries at most; the least recently used go
    max_age: seconds after which an entry is validated again, whatever was heard
    heartbeat: seconds between looks at whether the listening connection is still there
    """

    def __init__(self, connect, max_sessions=10_000, max_age=10.0, heartbeat=2.0, clock=time.monotonic):
        self._connect = connect
        self._max_sessions = max_sessions
        self._max_age = max_age
        self._heartbeat = heartbeat
        self._clock = clock
        self._lock = threading.Lock()
        self._entries = collections.OrderedDict()  # by SHA-256 of the token, latest use last
        self._revocations = collections.OrderedDict()  # by user, for as long as older results may arrive
        self._listening = False
        self._generation = 0  # grows as the cache is cleared: results of earlier ones are not kept
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="session_cache", daemon=True)
        self._thread.start()

    def session(self, connection, token):
        """The session that a token opens, with session_id, user_id, scopes and mfa_verified, or None."""
        if not token or not token.isascii() or not token.isprintable():
            return None  # what no token is, and a driver may refuse to send
        key = hashlib.sha256(token.encode()).digest()
        began = self._clock()
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and began < entry.deadline:
                self._entries.move_to_end(key)
                return entry.session
            generation = self._generation
        with connection.cursor(row_factory=namedtuple_row) as cursor:
            session = cursor.execute(VALIDATE, {"token": token}).fetchone()
        with self._lock:
            self._entries.pop(key, None)
            if session is not None:
                self._keep(key, session, began, generation)
        return session

    def __len__(self):
        with self._lock:
            return len(self._entries)

    def is_listening(self):
        with self._lock:
            return self._listening

    def close(self):
        """Ends the thread, within a heartbeat. The cache then passes everything on to the database."""
        self._closed.set()
        self._thread.join()

    # With the lock held

    def _keep(self, key, session, began, generation):
        revocation = self._revocations.get(session.user_id)
        if not self._listening or generation != self._generation:
            return
        if revocation is not None and session.epoch < revocation.epoch:
            return
        # From the time of the question: a result is never older than max_age, however long it took.
        self._entries[key] = Entry(session, began + min(self._max_age, session.seconds_left))
        while len(self._entries) > self._max_sessions:
            self._entries.popitem(last=False)

    def _clear(self, listening):
        self._entries.clear()
        self._revocations.clear()
        self._listening = listening
        self._generation += 1

    # In the thread that listens

    def _listen(self):
        while not self._closed.is_set():
            try:
                with self._connect() as connection:
                    connection.add_notify_handler(self._hear)
                    connection.execute("LISTEN session_service")
                    with self._lock:
                        self._clear(listening=True)
                    while not self._closed.is_set():
                        select.select([connection.fileno()], [], [], self._heartbeat)
                        # Reads what has come, and fails where the connection is lost.
                        connection.execute("")
            except Exception:  # whatever it was: nothing is cached until it has been put right
                pass
            with self._lock:
                self._clear(listening=False)
            self._closed.wait(1.0)

    def _hear(self, notification):
        try:
            payload = json.loads(notification.payload)
            user_id, epoch = uuid.UUID(payload["user_id"]), int(payload["epoch"])
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
            return  # not the extension's
        now = self._clock()
        with self._lock:
            for key in [key for key, entry in self._entries.items() if entry.session.user_id == user_id]:
                del self._entries[key]
            # No result that this could concern is kept for longer.
            known = self._revocations.pop(user_id, None)
            self._revocations[user_id] = Revocation(max(epoch, known.epoch if known else 0), now + self._max_age)
            while self._revocations and next(iter(self._revocations.values())).forget_at <= now:
                self._revocations.popitem(last=False)
            if len(self._revocations) > self._max_sessions:
                self._clear(listening=True)
