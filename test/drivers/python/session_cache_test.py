"""The example of a cache, examples/cache/session_cache.py, against revocations that it has to see."""

import pathlib
import sys
import threading
import time
import uuid

import psycopg
from psycopg.rows import namedtuple_row

from tap import run, test

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "examples" / "cache"))
from session_cache import SessionCache  # noqa: E402


def connect(**options):
    return psycopg.connect("", autocommit=True, row_factory=namedtuple_row, **options)


def value(connection, query, *parameters):
    return connection.execute(query, parameters).fetchone()[0]


def eventually(condition, what):
    """Waits until a condition holds that is sure to come; a minute is as good as never."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f"never: {what}")


class Counting:
    """A connection that counts the queries that the cache makes, and may do something before the answer is back."""

    def __init__(self, connection):
        self.connection = connection
        self.queries = 0
        self.before_answer = lambda: None

    def cursor(self, **options):
        counting = self

        class Cursor(psycopg.Cursor):
            def execute(self, *arguments):
                counting.queries += 1
                super().execute(*arguments)
                counting.before_answer()
                return self

        return Cursor(self.connection, **options)


class Setting:
    """A cache with a clock that stands still, a way to its database, and somebody else who signs users out."""

    def __init__(self, **options):
        self.now = 1000.0
        self.may_connect = threading.Event()
        self.may_connect.set()
        self.listener = None
        self.admin = connect()
        self.admin.execute("SET session_service.notify = on")
        self.connection = Counting(connect())
        self.cache = SessionCache(self.connect_listener, clock=lambda: self.now, heartbeat=0.2, **options)
        self.wait_until_listening()

    def connect_listener(self):
        self.may_connect.wait()
        connection = connect()
        self.listener = connection.info.backend_pid
        return connection

    def wait_until_listening(self):
        eventually(self.cache.is_listening, "the cache listens")

    def sign_in(self, user=None, **arguments):
        given = "".join(f", {name} => %({name})s" for name in arguments)
        return self.admin.execute(
            f"SELECT * FROM session_service.create_session(%(user)s{given})",
            {"user": user or uuid.uuid4(), **arguments},
        ).fetchone()

    def revoke(self, session_id):
        assert value(self.admin, "SELECT session_service.revoke_session(%s)", session_id)

    def look(self, token):
        """What the cache says, and how many queries that took."""
        before = self.connection.queries
        session = self.cache.session(self.connection, token)
        return (session and session.session_id, self.connection.queries - before)

    def let_notifications_arrive(self):
        """They come in the order of the commits: once the last one has been heard, all have."""
        last = self.sign_in()
        with connect() as other:
            assert self.cache.session(other, last.token) is not None
            self.revoke(last.session_id)
            eventually(lambda: self.cache.session(other, last.token) is None, "a revocation is heard of")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.may_connect.set()
        self.cache.close()
        self.connection.connection.close()
        self.admin.close()


@test
def hit():
    """the first look is a query, the next ones are none, and what they say is the same"""
    with Setting() as setting:
        user = uuid.uuid4()
        made = setting.sign_in(user, scopes=["read"])
        assert setting.look(made.token) == (made.session_id, 1)
        for _ in range(3):
            assert setting.look(made.token) == (made.session_id, 0)
        session = setting.cache.session(setting.connection, made.token)
        assert (session.user_id, session.scopes, session.mfa_verified) == (user, ["read"], False)
        for nonsense in (None, "", "nonsense", made.refresh_token, "\0", "\ud800", "тест"):
            assert setting.cache.session(setting.connection, nonsense) is None
            assert len(setting.cache) == 1, "what is no session is not kept"


@test
def revocation():
    """a revocation in another connection takes the session out, and others stay"""
    with Setting() as setting:
        made, other = setting.sign_in(), setting.sign_in()
        assert setting.look(made.token) == (made.session_id, 1)
        assert setting.look(other.token) == (other.session_id, 1)
        setting.revoke(made.session_id)
        setting.let_notifications_arrive()
        assert setting.look(made.token) == (None, 1)
        assert setting.look(other.token) == (other.session_id, 0)


@test
def every_session_of_a_user():
    """sign-out everywhere takes all of a user's sessions out; the one that is left is cached again"""
    with Setting() as setting:
        user = uuid.uuid4()
        made = [setting.sign_in(user) for _ in range(3)]
        for session in made:
            assert setting.look(session.token) == (session.session_id, 1)
        query = "SELECT session_service.revoke_all_user_sessions_except(%s, %s)"
        assert value(setting.admin, query, user, made[0].session_id) == 2
        setting.let_notifications_arrive()
        assert [setting.look(session.token)[0] for session in made] == [made[0].session_id, None, None]
        assert setting.look(made[0].token) == (made[0].session_id, 0), "its epoch is not older than what was heard"


@test
def rollback():
    """a revocation that is rolled back changes nothing"""
    with Setting() as setting:
        made = setting.sign_in()
        setting.look(made.token)
        setting.admin.execute("BEGIN")
        setting.revoke(made.session_id)
        setting.admin.execute("ROLLBACK")
        setting.let_notifications_arrive()
        assert setting.look(made.token) == (made.session_id, 0)


@test
def late_fill():
    """what was validated before a revocation and arrives after its notification is not kept"""
    with Setting() as setting:
        made = setting.sign_in()

        def meanwhile():
            setting.revoke(made.session_id)
            setting.let_notifications_arrive()

        setting.connection.before_answer = meanwhile
        assert setting.look(made.token) == (made.session_id, 1), "it was good when it was asked for"
        setting.connection.before_answer = lambda: None
        assert setting.look(made.token) == (None, 1), "and is not kept"


@test
def revocation_between():
    """a revocation between the reading of the epoch and of the session is seen in the answer"""
    with Setting() as setting, connect() as watch:
        made = setting.sign_in()
        answers = []
        # The users table, which the epoch is read from, is locked for the while.
        setting.admin.execute("BEGIN")
        setting.admin.execute("LOCK TABLE session_service.users IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=lambda: answers.append(setting.look(made.token)))
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'session_service.users'::regclass"
        eventually(lambda: value(watch, waiting) == 1, "the epoch is waited for")
        setting.revoke(made.session_id)
        setting.admin.execute("COMMIT")
        thread.join()
        assert answers == [(None, 1)]
        assert len(setting.cache) == 0


@test
def lost_connection():
    """a lost LISTEN clears the cache; each look is a query until it is back, and then nothing old is left"""
    with Setting() as setting:
        made, other = setting.sign_in(), setting.sign_in()
        setting.look(made.token)
        setting.look(other.token)
        assert len(setting.cache) == 2
        setting.may_connect.clear()
        assert value(setting.admin, "SELECT pg_terminate_backend(%s)", setting.listener)
        eventually(lambda: not setting.cache.is_listening(), "the loss is noticed")
        assert len(setting.cache) == 0
        assert setting.look(other.token) == (other.session_id, 1)
        assert setting.look(other.token) == (other.session_id, 1), "nothing is kept meanwhile"
        setting.revoke(made.session_id)
        assert setting.look(made.token) == (None, 1), "so that a revocation is seen at once"

        # What was asked for before LISTEN was back may have missed a notification.
        third = setting.sign_in()
        setting.connection.before_answer = lambda: (setting.may_connect.set(), setting.wait_until_listening())
        assert setting.look(third.token) == (third.session_id, 1)
        setting.connection.before_answer = lambda: None
        assert setting.look(third.token) == (third.session_id, 1)
        assert setting.look(third.token) == (third.session_id, 0), "then it is as before"
        setting.revoke(third.session_id)
        setting.let_notifications_arrive()
        assert setting.look(third.token) == (None, 1)


@test
def bounds():
    """at most so many entries, the least recently used go; none is older than max_age or than its session"""
    with Setting(max_sessions=2, max_age=60.0) as setting:
        made = [setting.sign_in() for _ in range(3)]
        assert setting.look(made[0].token)[1] == 1 and setting.look(made[1].token)[1] == 1
        assert setting.look(made[0].token) == (made[0].session_id, 0)
        assert setting.look(made[2].token)[1] == 1
        assert len(setting.cache) == 2
        assert setting.look(made[0].token) == (made[0].session_id, 0)
        assert setting.look(made[1].token) == (made[1].session_id, 1)

        setting.now += 59.0
        assert setting.look(made[1].token) == (made[1].session_id, 0)
        setting.now += 1.0
        assert setting.look(made[1].token) == (made[1].session_id, 1), "hits make an entry no younger"

        brief = setting.sign_in(session_expiry="20 seconds")
        assert setting.look(brief.token) == (brief.session_id, 1)
        setting.now += 20.0
        assert setting.look(brief.token)[1] == 1

        # The age counts from the question, not from the answer.
        slow = setting.sign_in()

        def meanwhile():
            setting.now += 60.0

        setting.connection.before_answer = meanwhile
        assert setting.look(slow.token) == (slow.session_id, 1)
        setting.connection.before_answer = lambda: None
        assert setting.look(slow.token) == (slow.session_id, 1)


@test
def forged_notifications():
    """notifications of others do no harm: nonsense none, and a forged epoch only costs queries for a while"""
    with Setting(max_age=60.0) as setting:
        user = uuid.uuid4()
        made = setting.sign_in(user)
        setting.look(made.token)
        for payload in (
            "",
            "nonsense",
            "[]",
            "null",
            "{}",
            '{"user_id": 1, "epoch": 1}',
            '{"user_id": "x", "epoch": []}',
            '{"user_id": "%s", "epoch": null}' % user,
            '{"user_id": "%s", "epoch": 1e999}' % user,
            "[" * 7999,
        ):
            setting.admin.execute("SELECT pg_notify('session_service', %s)", [payload])
        setting.let_notifications_arrive()
        assert setting.look(made.token) == (made.session_id, 0)
        forged = '{"user_id": "%s", "epoch": 9000000000000000000}' % user
        setting.admin.execute("SELECT pg_notify('session_service', %s)", [forged])
        setting.let_notifications_arrive()
        assert setting.look(made.token) == (made.session_id, 1)
        assert setting.look(made.token) == (made.session_id, 1)
        setting.now += 60.0
        setting.let_notifications_arrive()
        setting.look(made.token)
        assert setting.look(made.token) == (made.session_id, 0), "which is forgotten once it can concern nothing"


@test
def access_level():
    """a role with the access level "application" is enough"""
    with Setting() as setting:
        setting.admin.execute("CREATE ROLE session_service_drivers_cache")
        setting.admin.execute("SELECT session_service.grant_access('session_service_drivers_cache', 'application')")
        made = setting.sign_in()
        setting.connection.connection.execute("SET ROLE session_service_drivers_cache")
        assert setting.look(made.token) == (made.session_id, 1)
        setting.admin.execute("SELECT session_service.revoke_access('session_service_drivers_cache', 'application')")
        setting.admin.execute("DROP ROLE session_service_drivers_cache")


run("session cache")
