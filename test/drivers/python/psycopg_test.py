"""The extension through psycopg 3: bind parameters, text and binary results, prepared statements."""

import hashlib
import ipaddress
import json
import pathlib
import re
import threading
import uuid
from datetime import datetime, timedelta, timezone

import psycopg
from psycopg import errors
from psycopg.rows import dict_row, namedtuple_row
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.json import Jsonb

from tap import run, test

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


def connect(**options):
    return psycopg.connect("", autocommit=True, row_factory=namedtuple_row, **options)


def one(connection, query, *parameters, **options):
    """The only row of a query, or None."""
    rows = connection.execute(query, parameters, **options).fetchall()
    assert len(rows) <= 1, "more than one row"
    return rows[0] if rows else None


def value(connection, query, *parameters):
    return one(connection, query, *parameters)[0]


def sign_in(connection, user, **arguments):
    given = "".join(f", {name} => %({name})s" for name in arguments)
    query = f"SELECT * FROM session_service.create_session(%(user)s{given})"
    return connection.execute(query, {"user": user, **arguments}).fetchone()


def validate(connection, token):
    return one(connection, "SELECT * FROM session_service.validate_session(%s)", token)


def refresh(connection, token):
    return one(connection, "SELECT * FROM session_service.refresh_session(%s)", token)


def info(connection, session_id):
    return one(connection, "SELECT * FROM session_service.get_session(%s)", session_id)


def fails_with(sqlstate, function, *arguments, **named):
    """The error that the call must raise."""
    try:
        function(*arguments, **named)
    except psycopg.Error as error:
        assert error.sqlstate == sqlstate, f"{error.sqlstate}, not {sqlstate}: {error}"
        return error
    raise AssertionError(f"no error, where {sqlstate} was expected")


@test
def every_argument():
    """every argument of create_session as a bind parameter, text and binary"""
    for placeholder in ("%s", "%t", "%b"):
        user = uuid.uuid4()
        with connect() as connection:
            parameters = ", ".join([placeholder] * 10)
            made = one(
                connection,
                f"SELECT * FROM session_service.create_session({parameters})",
                user,
                "Ada's laptop",
                FIREFOX,
                ipaddress.ip_address("2001:db8::7"),
                ["read", "write"],
                "a key of the client's",
                Jsonb({"plan": "free", "n": [1, None, "ü"]}),
                timedelta(hours=2),
                timedelta(minutes=30),
                True,
            )
            assert isinstance(made.session_id, uuid.UUID) and isinstance(made.device_id, uuid.UUID)
            assert made.token.startswith("sst_") and made.refresh_token.startswith("ssr_")
            assert made.is_new_device is True and made.evicted_session_ids == []
            left = made.expires_at - datetime.now(timezone.utc)
            assert timedelta(hours=1, minutes=59) < left <= timedelta(hours=2)
            stored = info(connection, made.session_id)
            assert stored.user_id == user and stored.device_name == "Ada's laptop"
            assert stored.ip_address == ipaddress.ip_address("2001:db8::7")
            assert stored.scopes == ["read", "write"]
            assert stored.metadata == {"plan": "free", "n": [1, None, "ü"]}
            assert stored.idle_expires_at - stored.last_activity_at == timedelta(minutes=30)


@test
def null_arguments():
    """None for every optional argument is as if it were left out"""
    with connect() as connection:
        query = "SELECT * FROM session_service.create_session(%s" + ", %s" * 9 + ")"
        made = one(connection, query, uuid.uuid4(), *[None] * 9)
        stored = info(connection, made.session_id)
        assert made.refresh_token is not None
        assert stored.scopes == [] and stored.metadata == {} and stored.ip_address is None
        without = sign_in(connection, uuid.uuid4(), issue_refresh=False)
        assert without.refresh_token is None and without.refresh_expires_at is None


@test
def binary_results():
    """binary results hold the same values as text results"""
    with connect() as connection:
        register_enum(EnumInfo.fetch(connection, "session_service.session_status"), connection)
        user = uuid.uuid4()
        made = sign_in(
            connection,
            user,
            ip_address=ipaddress.ip_address("203.0.113.7"),
            scopes=["a", "b"],
            metadata=Jsonb({"k": "v"}),
        )
        for query, parameter in (
            ("SELECT * FROM session_service.validate_session(%s)", made.token),
            ("SELECT * FROM session_service.list_user_sessions(%s)", user),
            ("SELECT * FROM session_service.list_events(%s)", user),
            ("SELECT session_service.introspect_token(%s)", made.token),
            ("SELECT session_service.count_user_sessions(%s)", user),
        ):
            text = one(connection, query, parameter)
            binary = one(connection, query, parameter, binary=True)
            assert text == binary, f"{query}: {text} is not {binary}"
        valid = one(connection, "SELECT * FROM session_service.validate_session(%s)", made.token, binary=True)
        assert valid.user_id == user and valid.scopes == ["a", "b"] and valid.metadata == {"k": "v"}
        assert valid.mfa_verified is False and valid.created_at.tzinfo is not None


@test
def prepared_validation():
    """five thousand validations with one prepared statement"""
    with connect() as connection:
        made = sign_in(connection, uuid.uuid4())
        other = sign_in(connection, uuid.uuid4())
        query = "SELECT session_id FROM session_service.validate_session(%s, %s)"
        address = ipaddress.ip_address("203.0.113.7")
        tokens = [made.token, other.token, made.refresh_token, "sst_nonsense", None]
        expected = [made.session_id, other.session_id, None, None, None]
        for round_ in range(1000):
            for token, session_id in zip(tokens, expected):
                row = one(connection, query, token, address, prepare=True, binary=bool(round_ % 2))
                assert (row.session_id if row else None) == session_id
        one(connection, "SELECT session_service.revoke_session(%s)", made.session_id)
        assert one(connection, query, made.token, address, prepare=True) is None
        assert one(connection, query, other.token, address, prepare=True) is not None
        prepared = value(
            connection, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%validate_session(%%'"
        )
        # One for each combination of parameter types: the tokens, and None.
        assert prepared <= 2, prepared


@test
def token_hash_values():
    """token_hash as text, as bytes, and as a binary parameter"""
    with connect() as connection:
        made = sign_in(connection, uuid.uuid4())
        digest = hashlib.sha256(made.token.encode()).digest()
        query = "SELECT session_service.hash_token(%s)"
        assert one(connection, query, made.token)[0] == digest.hex()
        assert one(connection, query, made.token, binary=True)[0] == digest
        assert value(connection, "SELECT session_service.hash_token(%s)::bytea", made.token) == digest

        by_hash = "SELECT session_id FROM session_service.validate_session_hash(%s, "
        assert value(connection, by_hash + "%s)", made.session_id, digest.hex()) == made.session_id
        assert value(connection, by_hash + "%s)", made.session_id, digest.hex().upper()) == made.session_id
        as_bytes = by_hash + "%s::session_service.token_hash)"
        assert value(connection, as_bytes, made.session_id, digest) == made.session_id
        assert one(connection, by_hash + "%s)", made.session_id, None) is None
        assert one(connection, by_hash + "%s)", uuid.uuid4(), digest.hex()) is None
        fails_with("22P02", one, connection, by_hash + "%s)", made.session_id, "no hash")

        # The receive function: 32 bytes of the binary format, and no other number of them.
        raw = connection.pgconn.exec_params(
            b"SELECT session_id::text FROM session_service.validate_session_hash($1, $2)",
            [str(made.session_id).encode(), digest],
            param_formats=[0, 1],
        )
        assert raw.get_value(0, 0) == str(made.session_id).encode()
        for wrong in (b"", digest[:31], digest + b"0"):
            raw = connection.pgconn.exec_params(b"SELECT $1::session_service.token_hash", [wrong], param_formats=[1])
            assert raw.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"22P02"


@test
def copy_of_token_hash():
    """token_hash through COPY, text and binary"""
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE copied (hash session_service.token_hash PRIMARY KEY)")
        digests = [hashlib.sha256(bytes([i])).digest() for i in range(100)]
        with cursor.copy("COPY copied FROM STDIN") as copy:
            for digest in digests[:50]:
                copy.write_row([digest.hex()])
        with cursor.copy("COPY copied FROM STDIN (FORMAT BINARY)") as copy:
            for digest in digests[50:]:
                copy.write_row([digest])
        stored = cursor.execute("SELECT hash::bytea FROM copied ORDER BY hash").fetchall()
        assert [row.hash for row in stored] == sorted(digests)


@test
def many_tokens():
    """validate_sessions with an array of tokens"""
    with connect() as connection:
        user = uuid.uuid4()
        made = [sign_in(connection, user) for _ in range(3)]
        tokens = [made[0].token, "nonsense", None, made[2].token, made[1].refresh_token, made[0].token]
        rows = connection.execute("SELECT * FROM session_service.validate_sessions(%s)", [tokens]).fetchall()
        assert [(row.token_index, row.session_id) for row in rows] == [
            (1, made[0].session_id),
            (4, made[2].session_id),
            (6, made[0].session_id),
        ]
        assert connection.execute("SELECT * FROM session_service.validate_sessions(%s)", [[]]).fetchall() == []


@test
def composite_and_enum():
    """session_info as a composite, session_status as an enum, to_jsonb"""
    with connect() as connection:
        register_enum(EnumInfo.fetch(connection, "session_service.session_status"), connection)
        composite = CompositeInfo.fetch(connection, "session_service.session_info")
        register_composite(composite, connection)
        user = uuid.uuid4()
        made = sign_in(connection, user, user_agent=IPHONE, scopes=["read"])
        row = value(
            connection,
            "SELECT s FROM session_service.get_user_session(%s, %s, %s) s",
            user,
            made.session_id,
            made.session_id,
        )
        assert row.id == made.session_id and row.status.name == "active"
        assert row.is_active is True and row.is_current is True and row.scopes == ["read"]
        assert row.device_name == "Safari on iOS", row.device_name
        json = value(connection, "SELECT to_jsonb(s) FROM session_service.get_session(%s) s", made.session_id)
        assert list(json) and set(json) == set(composite.field_names)
        assert json["id"] == str(made.session_id) and json["is_current"] is False
        assert made.token not in str(json) and hashlib.sha256(made.token.encode()).hexdigest() not in str(json)


@test
def life_of_a_session():
    """a session's whole life on two devices"""
    with connect() as connection:
        user = uuid.uuid4()
        key = value(connection, "SELECT session_service.generate_token()")
        phone = sign_in(connection, user, device_name="Phone", user_agent=IPHONE, device_key=key)
        laptop = sign_in(connection, user, device_name="Laptop", user_agent=FIREFOX, scopes=["read"])
        again = sign_in(connection, user, device_key=key)
        assert phone.is_new_device and laptop.is_new_device and not again.is_new_device
        assert again.device_id == phone.device_id != laptop.device_id
        assert value(connection, "SELECT session_service.count_user_sessions(%s)", user) == 3

        listed = connection.execute(
            "SELECT * FROM session_service.list_user_sessions(%s, %s)", [user, laptop.session_id]
        ).fetchall()
        assert [row.id for row in listed] == [again.session_id, laptop.session_id, phone.session_id]
        assert [row.is_current for row in listed] == [False, True, False]

        assert value(connection, "SELECT session_service.mark_mfa_verified_by_token(%s, %s)", laptop.token, "totp")
        assert validate(connection, laptop.token).mfa_verified is True
        assert value(connection, "SELECT session_service.set_session_scopes(%s, %s)", laptop.session_id, ["a", "b"])
        assert value(connection, "SELECT session_service.set_session_metadata(%s, %s)", laptop.session_id, Jsonb([1]))

        next_ = refresh(connection, laptop.refresh_token)
        assert next_.session_id == laptop.session_id and next_.user_id == user and next_.repeated is False
        assert validate(connection, laptop.token) is None
        kept = validate(connection, next_.token)
        assert kept.scopes == ["a", "b"] and kept.metadata == [1] and kept.mfa_verified is True

        rotated = one(connection, "SELECT * FROM session_service.rotate_session_token(%s)", next_.token)
        assert validate(connection, next_.token) is None and validate(connection, rotated.token) is not None
        assert refresh(connection, next_.refresh_token).repeated is False

        extended = value(
            connection, "SELECT session_service.extend_session(%s, %s)", laptop.session_id, timedelta(days=60)
        )
        assert timedelta(days=59) < extended - datetime.now(timezone.utc) <= timedelta(days=60)

        answer = value(connection, "SELECT session_service.introspect_token(%s)", again.token)
        assert answer["active"] is True and answer["sub"] == str(user) and answer["jti"] == str(again.session_id)
        assert value(connection, "SELECT session_service.introspect_token(%s)", "nonsense") == {"active": False}

        assert not value(
            connection, "SELECT session_service.revoke_user_session(%s, %s)", uuid.uuid4(), phone.session_id
        )
        assert value(connection, "SELECT session_service.revoke_session_by_token(%s, %s)", phone.refresh_token, "Bye")
        assert not value(connection, "SELECT session_service.revoke_session(%s)", phone.session_id)
        assert info(connection, phone.session_id).revoke_reason == "Bye"
        assert value(connection, "SELECT session_service.revoke_device_sessions(%s, %s)", user, phone.device_id) == 1
        assert (
            value(connection, "SELECT session_service.revoke_all_user_sessions_except(%s, %s)", user, laptop.session_id)
            == 0
        )
        assert value(connection, "SELECT session_service.revoke_all_user_sessions(%s)", user) == 1
        all_ = connection.execute("SELECT * FROM session_service.list_user_sessions(%s, NULL, true)", [user]).fetchall()
        assert len(all_) == 3 and {row.status for row in all_} == {"revoked"}
        kinds = connection.execute("SELECT kind FROM session_service.list_events(%s)", [user]).fetchall()
        assert (
            sorted(row.kind for row in kinds) == ["device.new"] * 2 + ["session.mfa_verified"] + ["session.revoked"] * 3
        )

        assert value(connection, "SELECT session_service.delete_user(%s)", user) == 3
        assert value(connection, "SELECT session_service.user_epoch(%s)", user) == 0


@test
def parallel_refresh():
    """sixteen connections refresh one token: one rotation, one pair"""
    with connect() as connection:
        made = sign_in(connection, uuid.uuid4())
        barrier = threading.Barrier(16)
        answers = []

        def client():
            with connect() as own:
                barrier.wait()
                answers.append(refresh(own, made.refresh_token))

        threads = [threading.Thread(target=client) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 16 and None not in answers
        assert [answer.repeated for answer in answers].count(False) == 1
        assert len({(answer.token, answer.refresh_token, answer.expires_at) for answer in answers}) == 1
        assert validate(connection, answers[0].token) is not None


@test
def reuse():
    """a spent refresh token ends the session, if the call is committed"""
    with connect() as connection:
        made = sign_in(connection, uuid.uuid4())
        second = refresh(connection, made.refresh_token)
        third = refresh(connection, second.refresh_token)
        with connection.transaction() as transaction:
            assert refresh(connection, made.refresh_token) is None
            assert validate(connection, third.token) is None
            raise psycopg.Rollback(transaction)
        assert validate(connection, third.token) is not None, "the rollback took the revocation back"
        with connection.transaction():
            assert refresh(connection, made.refresh_token) is None
        assert validate(connection, third.token) is None
        assert info(connection, made.session_id).revoke_reason == "Refresh token reuse"
        assert refresh(connection, third.refresh_token) is None


@test
def anything_as_a_token():
    """any text as a token is no row and no error"""
    with connect() as connection:
        for text in (None, "", "sst_", "ssr_" + "A" * 140, "x" * 1_000_000, "тест", "sst_'; --", "\u0001"):
            assert validate(connection, text) is None
            assert refresh(connection, text) is None
            assert one(connection, "SELECT * FROM session_service.rotate_session_token(%s)", text) is None
            assert value(connection, "SELECT session_service.revoke_session_by_token(%s)", text) is False
            assert value(connection, "SELECT session_service.introspect_token(%s)", text) == {"active": False}
            assert value(connection, "SELECT session_service.token_session_id(%s)", text) is None


@test
def sqlstates():
    """errors arrive with their SQLSTATE, and carry no value"""
    with connect() as connection:
        user = uuid.uuid4()
        made = sign_in(connection, user)
        secret = "k" * 513
        for sqlstate, query, parameter in (
            ("22004", "SELECT * FROM session_service.create_session(%s)", None),
            ("22004", "SELECT session_service.revoke_session(%s)", None),
            ("22004", "SELECT * FROM session_service.create_session(gen_random_uuid(), scopes => %s)", ["a", None]),
            ("22001", "SELECT * FROM session_service.create_session(gen_random_uuid(), device_key => %s)", secret),
            (
                "22001",
                "SELECT * FROM session_service.create_session(gen_random_uuid(), metadata => %s)",
                Jsonb({"k": secret * 16}),
            ),
            ("22023", "SELECT * FROM session_service.create_session(gen_random_uuid(), scopes => %s)", ["two words"]),
            (
                "22023",
                "SELECT * FROM session_service.create_session(gen_random_uuid(), session_expiry => %s)",
                timedelta(0),
            ),
            ("22P02", "SELECT %s::session_service.token_hash", secret),
        ):
            error = fails_with(sqlstate, one, connection, query, parameter)
            shown = " ".join(
                filter(None, (str(error), error.diag.message_detail, error.diag.message_hint, error.diag.context))
            )
            assert "kkk" not in shown and "two words" not in shown, shown

        connection.execute("BEGIN READ ONLY")
        assert validate(connection, made.token) is not None, "validation is for read-only transactions too"
        fails_with("25006", refresh, connection, made.refresh_token)
        connection.execute("ROLLBACK")

        connection.execute("BEGIN")
        connection.execute("SET LOCAL session_service.max_per_user = 1")
        connection.execute("SET LOCAL session_service.limit_policy = 'reject'")
        error = fails_with("53400", sign_in, connection, user)
        assert isinstance(error, errors.ConfigurationLimitExceeded)
        connection.execute("ROLLBACK")

        connection.execute("CREATE ROLE session_service_drivers_nobody")
        connection.execute("SET ROLE session_service_drivers_nobody")
        fails_with("42501", validate, connection, made.token)
        fails_with("42501", one, connection, "SELECT * FROM session_service.sessions")
        connection.execute("RESET ROLE")


@test
def transactions_and_savepoints():
    """rolled back means never happened; a savepoint takes back its own part"""
    with connect() as connection, connect() as other:
        user = uuid.uuid4()
        with connection.transaction() as transaction:
            lost = sign_in(connection, user)
            assert validate(connection, lost.token) is not None, "seen by its own transaction"
            assert validate(other, lost.token) is None, "not by others before COMMIT"
            raise psycopg.Rollback(transaction)
        assert validate(connection, lost.token) is None

        with connection.transaction():
            kept = sign_in(connection, user)
            with connection.transaction() as savepoint:
                dropped = sign_in(connection, user)
                assert value(connection, "SELECT session_service.revoke_session(%s)", kept.session_id)
                raise psycopg.Rollback(savepoint)
            try:
                with connection.transaction():
                    sign_in(connection, user, scopes=["two words"])
            except errors.InvalidParameterValue:
                pass
            assert validate(connection, kept.token) is not None
        assert validate(other, kept.token) is not None
        assert validate(other, dropped.token) is None


@test
def activity():
    """activity is written as the transaction commits, and not if it rolls back"""
    with connect() as connection, connect() as other:
        connection.execute("SET session_service.touch_interval = 0")
        made = sign_in(connection, uuid.uuid4())
        before = info(other, made.session_id).last_activity_at
        with connection.transaction() as transaction:
            assert validate(connection, made.token) is not None
            raise psycopg.Rollback(transaction)
        assert info(other, made.session_id).last_activity_at == before
        with connection.transaction():
            one(
                connection,
                "SELECT * FROM session_service.validate_session(%s, %s)",
                made.token,
                ipaddress.ip_address("192.0.2.1"),
            )
            assert info(connection, made.session_id).last_activity_at == before
            # No row is locked meanwhile: others get through.
            other.execute("SET lock_timeout = '5s'")
            assert value(other, "SELECT session_service.set_session_scopes(%s, %s)", made.session_id, ["x"])
        after = info(other, made.session_id)
        assert after.last_activity_at > before and after.ip_address == ipaddress.ip_address("192.0.2.1")


@test
def isolation():
    (
        "REPEATABLE READ sees a revocation at once; "
        "a refresh that lost there is the same pair or 40001, then a retry settles it"
    )
    with connect() as connection, connect() as other:
        made = sign_in(connection, uuid.uuid4())
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        assert validate(connection, made.token) is not None
        assert value(other, "SELECT session_service.revoke_session(%s)", made.session_id)
        assert validate(connection, made.token) is None
        connection.execute("COMMIT")

        made = sign_in(connection, uuid.uuid4())
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT 1")
        other.execute("BEGIN")
        first = refresh(other, made.refresh_token)
        outcome = []

        def client():
            try:
                outcome.append(refresh(connection, made.refresh_token).token)
            except errors.SerializationFailure:
                outcome.append("40001")

        thread = threading.Thread(target=client)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "waits for the other refresh"
        other.execute("COMMIT")
        thread.join()
        connection.execute("ROLLBACK")
        assert outcome in (["40001"], [first.token])
        again = refresh(connection, made.refresh_token)
        assert again.repeated is True and again.token == first.token


@test
def pipeline():
    """a pipeline of calls"""
    with connect() as connection:
        if not psycopg.Pipeline.is_supported():
            return
        made = [sign_in(connection, uuid.uuid4()) for _ in range(5)]
        with connection.pipeline():
            cursors = [
                connection.execute("SELECT session_id FROM session_service.validate_session(%s)", [session.token])
                for session in made
            ]
            found = [cursor.fetchone().session_id for cursor in cursors]
        assert found == [session.session_id for session in made]


@test
def dictionaries():
    """column names are what an application sees as keys"""
    with connect() as connection:
        made = sign_in(connection, uuid.uuid4())
        cursor = connection.cursor(row_factory=dict_row)
        row = cursor.execute("SELECT * FROM session_service.validate_session(%s)", [made.token]).fetchone()
        assert list(row) == [
            "session_id",
            "user_id",
            "device_id",
            "scopes",
            "metadata",
            "mfa_verified",
            "created_at",
            "last_activity_at",
            "expires_at",
            "authenticated_at",
            "mfa_verified_at",
            "acr",
        ]


@test
def addresses():
    """addresses as proxies give them, taken apart as docs/calling.md does"""
    root = pathlib.Path(__file__).parents[3]
    (code,) = re.findall(r"^```python\n(.*?)^```$", (root / "docs/calling.md").read_text(), re.MULTILINE | re.DOTALL)
    example = {}
    exec(code, example)
    with connect() as connection:
        made = sign_in(connection, uuid.uuid4())
        for given, proxies, expected in json.loads((root / "test/drivers/addresses.json").read_text()):
            address = example["client_address"](given, proxies)
            assert (address is None) == (expected is None), given
            call = "SELECT %s::inet IS NOT DISTINCT FROM %s::inet FROM session_service.validate_session(%s, %s)"
            assert connection.execute(call, (address, expected, made.token, address)).fetchone()[0], given


@test
def typed_parameters():
    """a parameter of another type is no argument without a cast"""
    with connect() as connection:
        made = sign_in(connection, uuid.uuid4())
        call = "SELECT 1 FROM session_service.validate_session(%s::varchar, %s::varchar{})"
        try:
            connection.execute(call.format(""), (made.token, "192.0.2.7"))
            raise AssertionError("taken without a cast")
        except errors.UndefinedFunction:
            pass
        assert connection.execute(call.format("::inet"), (made.token, "192.0.2.7")).fetchone()


@test
def readme():
    """the README's example for psycopg"""
    text = (pathlib.Path(__file__).parents[3] / "README.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    example = {}
    exec(code, example)
    with connect() as connection:
        made = sign_in(connection, uuid.uuid4(), scopes=["read"])
        session = example["current_session"](connection, made.token, "203.0.113.7")
        assert session.session_id == made.session_id and session.scopes == ["read"]
        assert example["current_session"](connection, "nonsense", None) is None
        second = example["refresh"](connection, made.refresh_token, "203.0.113.7")
        assert example["refresh"](connection, made.refresh_token, "203.0.113.7") == second
        third = example["refresh"](connection, second.refresh_token, None)
        assert example["refresh"](connection, made.refresh_token, None) is None
        with connect() as other:
            assert validate(other, third.token) is None, "the revocation was committed"


run("psycopg")
