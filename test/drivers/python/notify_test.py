"""Events, and the notifications of revocations as a listening client gets them."""

import json
import re
import uuid

import psycopg
from psycopg import errors
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from tap import run, test


def connect(*settings):
    connection = psycopg.connect("", autocommit=True, row_factory=namedtuple_row)
    for setting in settings:
        connection.execute(f"SET session_service.{setting}")
    return connection


def one(connection, query, *parameters):
    return connection.execute(query, parameters).fetchone()


def value(connection, query, *parameters):
    return one(connection, query, *parameters)[0]


def sign_in(connection, user, **arguments):
    given = "".join(f", {name} => %({name})s" for name in arguments)
    return connection.execute(
        f"SELECT * FROM session_service.create_session(%(user)s{given})", {"user": user, **arguments}
    ).fetchone()


def kinds(connection, user):
    """The kinds of a user's events, in the order in which they happened."""
    rows = connection.execute("SELECT kind FROM session_service.list_events(%s, max_rows => 1000)", [user]).fetchall()
    return [row.kind for row in reversed(rows)]


class Listener:
    """Hears the channel in a connection of its own."""

    def __init__(self):
        self.connection = connect()
        self.connection.execute("LISTEN session_service")

    def heard(self):
        """All payloads so far. Notifications come in the order of the commits, so that a last one ends them."""
        end = str(uuid.uuid4())
        with connect() as other:
            other.execute("SELECT pg_notify('session_service', %s)", [end])
        payloads = []
        for notification in self.connection.notifies():
            assert notification.channel == "session_service"
            if notification.payload == end:
                return payloads
            payloads.append(notification.payload)

    def told(self):
        """The same, as kind and session."""
        return [(payload["event"], uuid.UUID(payload["session_id"])) for payload in map(json.loads, self.heard())]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


@test
def payload():
    """the payload is the JSON that docs/calling.md says, and nothing more"""
    with connect("notify = on") as connection, Listener() as listener:
        user = uuid.uuid4()
        made = sign_in(connection, user)
        before = value(connection, "SELECT session_service.user_epoch(%s)", user)
        assert value(connection, "SELECT session_service.revoke_session(%s)", made.session_id)
        epoch = value(connection, "SELECT session_service.user_epoch(%s)", user)
        assert epoch > before
        (text,) = listener.heard()
        assert text == (
            f'{{"event": "session.revoked", "session_id": "{made.session_id}", "user_id": "{user}", "epoch": {epoch}}}'
        )
        assert list(json.loads(text)) == ["event", "session_id", "user_id", "epoch"]


@test
def at_commit():
    """notifications come with COMMIT, and not after a rollback"""
    with connect("notify = on") as connection, Listener() as listener:
        made = [sign_in(connection, uuid.uuid4()) for _ in range(4)]
        revoke = "SELECT session_service.revoke_session(%s)"
        connection.execute("BEGIN")
        assert value(connection, revoke, made[0].session_id)
        assert listener.heard() == [], "not before"
        connection.execute("ROLLBACK")
        assert listener.heard() == [], "and not after a rollback"
        connection.execute("BEGIN")
        assert value(connection, revoke, made[1].session_id)
        connection.execute("SAVEPOINT a")
        assert value(connection, revoke, made[2].session_id)
        connection.execute("ROLLBACK TO a")
        assert value(connection, revoke, made[3].session_id)
        assert listener.heard() == []
        connection.execute("COMMIT")
        assert listener.told() == [("session.revoked", made[1].session_id), ("session.revoked", made[3].session_id)]


@test
def every_revocation():
    """each way to end a session is told of, with its kind, and with the epoch of its user"""
    ways = {
        "revoke_session": ("SELECT session_service.revoke_session(%(session_id)s)", "session.revoked"),
        "revoke_user_session": (
            "SELECT session_service.revoke_user_session(%(user)s, %(session_id)s)",
            "session.revoked",
        ),
        "session token": ("SELECT session_service.revoke_session_by_token(%(token)s)", "session.revoked"),
        "refresh token": ("SELECT session_service.revoke_session_by_token(%(refresh_token)s)", "session.revoked"),
        "all": ("SELECT session_service.revoke_all_user_sessions(%(user)s)", "session.revoked"),
        "others": (
            "SELECT session_service.revoke_all_user_sessions_except(%(user)s, gen_random_uuid())",
            "session.revoked",
        ),
        "device": ("SELECT session_service.revoke_device_sessions(%(user)s, %(device_id)s)", "session.revoked"),
        "forget": ("SELECT session_service.forget_device(%(user)s, %(device_id)s)", "session.revoked"),
        "inactive": ("SELECT session_service.revoke_inactive_sessions('1 microsecond')", "session.revoked"),
        "delete": ("SELECT session_service.delete_user(%(user)s)", "session.revoked"),
        "eviction": (
            "SELECT c.session_id FROM set_config('session_service.max_per_user', '1', true),"
            " session_service.create_session(%(user)s) c",
            "session.evicted",
        ),
        "import": (
            "SELECT session_service.import_session(session_service.hash_token(gen_random_uuid()::text), %(user)s,"
            " now() + interval '1 hour') FROM set_config('session_service.max_per_user', '1', true)",
            "session.evicted",
        ),
        "reuse": (
            "SELECT count(*) FROM session_service.refresh_session(%(refresh_token)s) a,"
            " session_service.refresh_session(a.refresh_token) b,"
            " LATERAL (SELECT count(*) FROM session_service.refresh_session("
            "CASE WHEN b.token <> '' THEN %(refresh_token)s END)) c",
            "session.reuse_detected",
        ),
    }
    with connect("notify = on") as connection, Listener() as listener:
        # Or "inactive" would end what other tests left.
        value(connection, "SELECT session_service.revoke_inactive_sessions('1 microsecond')")
        listener.heard()
        for name, (query, kind) in ways.items():
            user = uuid.uuid4()
            made = sign_in(connection, user)
            connection.execute(query, {"user": user, **made._asdict()}).fetchall()
            (payload,) = map(json.loads, listener.heard())
            epoch = value(connection, "SELECT session_service.user_epoch(%s)", user)
            # A user who was deleted has no epoch any more.
            assert payload["epoch"] == epoch if name != "delete" else payload["epoch"] > epoch, name
            assert payload == {
                "event": kind,
                "session_id": str(made.session_id),
                "user_id": str(user),
                "epoch": payload["epoch"],
            }, name
            # What is over already is not told of again.
            value(connection, "SELECT session_service.revoke_session(%s)", made.session_id)
            assert listener.heard() == [], name
            value(connection, "SELECT session_service.delete_user(%s)", user)
            listener.heard()


@test
def several():
    """a call that ends several tells of each, in one transaction with others in their order, all with one epoch"""
    with connect("notify = on", "max_per_user = 0") as connection, Listener() as listener:
        user, other = uuid.uuid4(), uuid.uuid4()
        made = {sign_in(connection, user).session_id for _ in range(200)}
        theirs = sign_in(connection, other)
        with connection.transaction():
            assert value(connection, "SELECT session_service.revoke_all_user_sessions(%s)", user) == 200
            assert value(connection, "SELECT session_service.revoke_session(%s)", theirs.session_id)
        payloads = [json.loads(text) for text in listener.heard()]
        assert len(payloads) == 201
        assert {uuid.UUID(payload["session_id"]) for payload in payloads[:200]} == made
        assert {payload["epoch"] for payload in payloads[:200]} == {
            value(connection, "SELECT session_service.user_epoch(%s)", user)
        }
        assert payloads[200]["session_id"] == str(theirs.session_id)


@test
def every_kind():
    """every kind of event is recorded, in its order; of the revoking ones alone there is a notification"""
    with connect(
        "notify = on", "event_log = 'all'", "refresh_grace = 0", "max_per_user = 1"
    ) as connection, Listener() as listener:
        user = uuid.uuid4()
        first = sign_in(connection, user, device_name="Laptop")
        second = sign_in(connection, user, device_name="Phone")
        pair = one(connection, "SELECT * FROM session_service.refresh_session(%s)", second.refresh_token)
        assert one(connection, "SELECT * FROM session_service.rotate_session_token(%s)", pair.token)
        assert value(connection, "SELECT session_service.mark_mfa_verified(%s)", second.session_id)
        assert value(connection, "SELECT session_service.trust_device(%s, %s)", user, second.device_id)
        assert one(connection, "SELECT * FROM session_service.refresh_session(%s)", second.refresh_token) is None
        third = sign_in(connection, user, device_name="Laptop")
        assert value(connection, "SELECT session_service.forget_device(%s, %s)", user, third.device_id)
        recorded = kinds(connection, user)
        assert recorded[:10] == [
            "device.new",
            "session.created",
            "session.evicted",
            "device.new",
            "session.created",
            "session.refreshed",
            "session.rotated",
            "session.mfa_verified",
            "device.trusted",
            "session.reuse_detected",
        ], recorded
        assert recorded[10] == "session.created" and sorted(recorded[11:]) == [
            "device.forgotten",
            "session.revoked",
        ], recorded
        assert listener.told() == [
            ("session.evicted", first.session_id),
            ("session.reuse_detected", second.session_id),
            ("session.revoked", third.session_id),
        ]


@test
def whatever_is_logged():
    """event_log is for the table alone: notifications are the same with none of it"""
    expected = {
        "none": [],
        "security": ["device.new", "session.revoked"],
        "all": ["device.new", "session.created", "session.refreshed", "session.rotated", "session.revoked"],
    }
    for level, recorded in expected.items():
        with connect("notify = on", f"event_log = '{level}'") as connection, Listener() as listener:
            user = uuid.uuid4()
            made = sign_in(connection, user)
            pair = one(connection, "SELECT * FROM session_service.refresh_session(%s)", made.refresh_token)
            assert one(connection, "SELECT * FROM session_service.rotate_session_token(%s)", pair.token)
            assert value(connection, "SELECT session_service.revoke_session(%s)", made.session_id)
            assert listener.told() == [("session.revoked", made.session_id)], level
            assert kinds(connection, user) == recorded, level


@test
def long_values():
    """the longest values a session can have make no notification longer, and nothing of them is in it"""
    with connect("notify = on", "token_length = 64") as connection, Listener() as listener:
        for text, character in (("x" * 255, "x"), ("\U0001f600" * 255, "\U0001f600"), ('"\\' * 127, '\\"')):
            user = uuid.uuid4()
            made = sign_in(
                connection,
                user,
                device_name=text,
                user_agent=character * 2048 if len(character) == 1 else text,
                device_key=character * 512 if len(character) == 1 else text,
                scopes=[f"{i:05}".ljust(255, "x") for i in range(100)],
                metadata=Jsonb({"x": "x" * 8000}),
            )
            assert value(connection, "SELECT session_service.revoke_session(%s, %s)", made.session_id, text)
            (payload,) = listener.heard()
            assert len(payload.encode()) < 200
            assert set(json.loads(payload)) == {"event", "session_id", "user_id", "epoch"}


@test
def no_secret():
    """no token and no hash is in any notification or event"""
    with connect(
        "notify = on", "event_log = 'all'", "refresh_grace = 0", "max_per_user = 1"
    ) as connection, Listener() as listener:
        user = uuid.uuid4()
        made = sign_in(connection, user, device_key="secret-key")
        tokens = [made.token, made.refresh_token, "secret-key"]
        pair = one(connection, "SELECT * FROM session_service.refresh_session(%s)", made.refresh_token)
        tokens += [pair.token, pair.refresh_token]
        tokens.append(one(connection, "SELECT * FROM session_service.rotate_session_token(%s)", pair.token).token)
        assert one(connection, "SELECT * FROM session_service.refresh_session(%s)", made.refresh_token) is None
        hashes = [value(connection, "SELECT session_service.hash_token(%s)", token) for token in tokens]
        events = connection.execute(
            "SELECT to_jsonb(e)::text FROM session_service.list_events(%s) e", [user]
        ).fetchall()
        texts = listener.heard() + [event[0] for event in events]
        assert len(texts) > 5
        for text in texts:
            assert not re.search("ss[tr]_", text)
            assert not any(secret in text for secret in tokens + hashes)


@test
def off():
    """without the setting nothing is sent; it is off by default, and no role without privileges turns it on"""
    with connect() as connection, Listener() as listener:
        user = uuid.uuid4()
        made = sign_in(connection, user)
        assert value(connection, "SHOW session_service.notify") == "off"
        assert value(connection, "SELECT session_service.revoke_session(%s)", made.session_id)
        assert listener.heard() == []
        assert kinds(connection, user) == ["device.new", "session.revoked"]
        connection.execute("SET session_service.notify = on")
        made = sign_in(connection, user)
        connection.execute("SET session_service.notify = off")
        assert value(connection, "SELECT session_service.delete_user(%s)", user) == 2
        assert listener.heard() == []
        connection.execute("CREATE ROLE session_service_drivers_notify")
        connection.execute("SET ROLE session_service_drivers_notify")
        try:
            connection.execute("SET session_service.notify = on")
            raise AssertionError("a role without privileges set it")
        except errors.InsufficientPrivilege:
            pass
        connection.execute("RESET ROLE")
        connection.execute("DROP ROLE session_service_drivers_notify")


@test
def prepared_transaction():
    """a transaction that would notify cannot be prepared, as PostgreSQL has it; its revocation is undone"""
    with connect("notify = on") as connection, Listener() as listener:
        made = sign_in(connection, uuid.uuid4())
        connection.execute("BEGIN")
        assert value(connection, "SELECT session_service.revoke_session(%s)", made.session_id)
        try:
            connection.execute("PREPARE TRANSACTION 'notify'")
            raise AssertionError("prepared")
        except errors.FeatureNotSupported:
            pass
        assert one(connection, "SELECT * FROM session_service.validate_session(%s)", made.token) is not None
        assert listener.heard() == []


run("notifications")
