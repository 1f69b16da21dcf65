"""The extension through psycopg2, which writes its parameters into the statement as literals."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import psycopg2.extensions
from psycopg2.extras import Inet, Json, NamedTupleCursor, register_inet, register_uuid

from tap import run, test

register_uuid()
register_inet()


def connect():
    connection = psycopg2.connect("", cursor_factory=NamedTupleCursor)
    connection.autocommit = True
    return connection


def one(connection, query, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows = cursor.fetchall()
    assert len(rows) <= 1, "more than one row"
    return rows[0] if rows else None


def sign_in(connection, user, **arguments):
    names = "".join(f", {name} => %s" for name in arguments)
    return one(connection, f"SELECT * FROM session_service.create_session(%s{names})", user, *arguments.values())


def validate(connection, token):
    return one(connection, "SELECT * FROM session_service.validate_session(%s)", token)


def refresh(connection, token):
    return one(connection, "SELECT * FROM session_service.refresh_session(%s)", token)


def fails_with(sqlstate, function, *arguments, **named):
    try:
        function(*arguments, **named)
    except psycopg2.Error as error:
        assert error.pgcode == sqlstate, f"{error.pgcode}, not {sqlstate}: {error}"
        return error
    raise AssertionError(f"no error, where {sqlstate} was expected")


@test
def types():
    """arrays, jsonb, inet, uuid and timestamptz come and go"""
    connection = connect()
    user = uuid.uuid4()
    made = sign_in(
        connection,
        user,
        device_name="Ada's 'laptop' \\",
        ip_address=Inet("203.0.113.7"),
        scopes=["read", "write"],
        metadata=Json({"k": ["'", '"', "\\"]}),
    )
    valid = validate(connection, made.token)
    assert valid.user_id == user and valid.scopes == ["read", "write"]
    assert valid.metadata == {"k": ["'", '"', "\\"]} and valid.expires_at == made.expires_at
    row = one(connection, "SELECT * FROM session_service.get_user_session(%s, %s)", user, made.session_id)
    assert row.device_name == "Ada's 'laptop' \\" and row.ip_address.addr == "203.0.113.7"
    assert row.status == "active" and row.expires_at.tzinfo is not None
    hashed = one(connection, "SELECT session_service.hash_token(%s) AS hash", made.token).hash
    assert one(connection, "SELECT * FROM session_service.validate_session_hash(%s, %s)", made.session_id, hashed)
    connection.close()


@test
def prepared():
    """three thousand validations with PREPARE and EXECUTE"""
    connection = connect()
    made = sign_in(connection, uuid.uuid4())
    with connection.cursor() as cursor:
        cursor.execute("PREPARE check_token(text) AS SELECT session_id FROM session_service.validate_session($1)")
        for _ in range(3000):
            cursor.execute("EXECUTE check_token(%s)", [made.token])
            assert cursor.fetchone().session_id == made.session_id
        cursor.execute(
            "SELECT session_service.revoke_all_user_sessions(user_id) FROM session_service.get_session(%s)",
            [made.session_id],
        )
        assert cursor.fetchone()[0] == 1
        cursor.execute("EXECUTE check_token(%s)", [made.token])
        assert cursor.fetchone() is None
    connection.close()


@test
def life():
    """sign-in, refresh, retry from parallel connections, reuse"""
    connection = connect()
    user = uuid.uuid4()
    made = sign_in(connection, user)

    def retry(_):
        own = connect()
        try:
            return refresh(own, made.refresh_token)
        finally:
            own.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(retry, range(8)))
    assert len({(answer.token, answer.refresh_token) for answer in answers}) == 1
    assert [answer.repeated for answer in answers].count(False) == 1
    second = refresh(connection, answers[0].refresh_token)
    assert refresh(connection, made.refresh_token) is None
    assert validate(connection, second.token) is None
    assert one(connection, "SELECT * FROM session_service.list_user_sessions(%s, NULL, true)", user).status == "revoked"
    connection.close()


@test
def transactions():
    """the driver's own transactions, savepoints and errors in them"""
    connection = connect()
    connection.autocommit = False
    user = uuid.uuid4()
    made = sign_in(connection, user)
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before")
        fails_with("22001", sign_in, connection, user, device_name="n" * 256)
        fails_with("25P02", validate, connection, made.token)
        cursor.execute("ROLLBACK TO before")
    connection.commit()
    assert validate(connection, made.token) is not None
    connection.rollback()
    assert one(connection, "SELECT session_service.revoke_session(%s)", made.session_id)[0] is True
    connection.rollback()
    assert validate(connection, made.token) is not None
    connection.commit()
    connection.set_session(isolation_level=psycopg2.extensions.ISOLATION_LEVEL_SERIALIZABLE)
    assert refresh(connection, made.refresh_token).repeated is False
    connection.commit()
    connection.close()


@test
def server_side_cursor():
    """a server-side cursor over a list"""
    connection = connect()
    user = uuid.uuid4()
    ids = {sign_in(connection, user).session_id for _ in range(7)}
    connection.autocommit = False
    with connection.cursor(name="sessions") as cursor:
        cursor.itersize = 2
        cursor.execute("SELECT id FROM session_service.list_user_sessions(%s)", [user])
        assert {row.id for row in cursor} == ids
    connection.commit()
    connection.close()


@test
def literals_in_errors():
    """an error of a call shows no literal of the statement"""
    connection = connect()
    made = sign_in(connection, uuid.uuid4())
    error = fails_with(
        "22001", one, connection, "SELECT session_service.revoke_session_by_token(%s, %s)", made.token, "r" * 256
    )
    assert made.token not in str(error)
    connection.close()


run("psycopg2")
