"""The life of a session through SQLAlchemy and its pool: ../run.sh has its steps, docs/clients.md the snippet."""

# snippet
from sqlalchemy import create_engine, text

USER = "ada00000-0000-4000-8000-000000000001"

# Where to, the PG… variables say. Without hide_parameters each error shows the tokens.
engine = create_engine("postgresql+psycopg2://", hide_parameters=True)


def call(statement, **values):
    """The row of a call, or None. It is committed also when no row came back, as a refresh has to be."""
    with engine.begin() as connection:
        return connection.execute(text(statement), values).first()


made = call("SELECT * FROM session_service.create_session(:user, ip_address => :ip)", user=USER, ip="192.0.2.7")
session = call("SELECT user_id, scopes FROM session_service.validate_session(:token)", token=made.token)
pair = call("SELECT * FROM session_service.refresh_session(:token)", token=made.refresh_token)
call("SELECT session_service.revoke_session_by_token(:token)", token=pair.token)
print(session.user_id)
# end of snippet

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

with engine.begin() as connection:
    statement = text(
        """SELECT * FROM session_service.create_session(:user, 'Laptop', 'SQLAlchemy', :ip, :scopes,
            metadata => :metadata, session_expiry => :expiry, inactivity_timeout => :timeout)"""
    )
    made = connection.execute(
        statement.bindparams(
            bindparam("user", UUID(USER), postgresql.UUID(as_uuid=True)),
            bindparam("metadata", {"plan": "free"}, postgresql.JSONB),
        ),
        {
            "ip": "2001:db8::7",
            "scopes": ["read", "write"],
            "expiry": timedelta(hours=2),
            "timeout": timedelta(minutes=30),
        },
    ).one()
assert timedelta(0) < made.expires_at - datetime.now(timezone.utc) <= timedelta(hours=2)
print("sign_in")


def validate(token):
    return call("SELECT * FROM session_service.validate_session(:token)", token=token)


session = validate(made.token)
assert session.session_id == made.session_id and str(session.user_id) == USER
assert session.scopes == ["read", "write"] and session.metadata == {"plan": "free"}
assert session.mfa_verified is False and isinstance(session.created_at, datetime)
print("validate")

assert validate("nobody's") is None
print("nobody")

pairs = [call("SELECT * FROM session_service.refresh_session(:token)", token=made.refresh_token) for _ in range(2)]
assert [pair.repeated for pair in pairs] == [False, True]
assert pairs[0].token == pairs[1].token and pairs[0].refresh_token == pairs[1].refresh_token
assert validate(made.token) is None
token = pairs[0].token
print("refresh")

with engine.connect() as connection:
    columns = {"id": postgresql.UUID(as_uuid=True), "ip_address": postgresql.INET}
    listed = text("SELECT * FROM session_service.list_user_sessions(:user)").columns(**columns)
    (mine,) = [row for row in connection.execute(listed, {"user": USER}) if row.id == UUID(str(made.session_id))]
assert ip_address(mine.ip_address) == ip_address("2001:db8::7") and mine.status == "active"
assert mine.idle_expires_at - mine.last_activity_at == timedelta(minutes=30)
print("list")

batch = call("SELECT * FROM session_service.validate_sessions(:tokens)", tokens=["nobody's", None, token])
assert (batch.token_index, batch.session_id) == (3, made.session_id)
print("batch")

with ThreadPoolExecutor(8) as threads:
    assert {row.session_id for row in threads.map(validate, [token] * 50)} == {made.session_id}
print("pool")

assert call("SELECT session_service.revoke_session_by_token(:token) AS done", token=token).done is True
assert validate(token) is None
print("sign_out")

try:
    call("SELECT * FROM session_service.create_session(:user, device_name => :token)", user=None, token=token)
except DBAPIError as error:
    assert error.orig.pgcode == "22004" and token not in str(error)
    print("error")
