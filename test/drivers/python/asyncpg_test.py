"""The life of a session through asyncpg and its pool: ../run.sh has its steps, docs/clients.md the snippet."""

import json
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

# snippet
import asyncio
from uuid import UUID

import asyncpg

USER = UUID("ada00000-0000-4000-8000-000000000001")


async def main():
    async with asyncpg.create_pool() as db:  # where to, the PG… variables say
        made = await db.fetchrow(
            "SELECT * FROM session_service.create_session($1, ip_address => $2)", USER, "192.0.2.7"
        )
        session = await db.fetchrow(
            "SELECT user_id, scopes FROM session_service.validate_session($1)", made["token"]
        )  # None: answer 401
        pair = await db.fetchrow("SELECT * FROM session_service.refresh_session($1)", made["refresh_token"])
        await db.fetchval("SELECT session_service.revoke_session_by_token($1)", pair["token"])
        print(session["user_id"])
        # end of snippet
    async with asyncpg.create_pool(init=read_json) as db:
        await live(db, ip_address("2001:db8::7"))


async def read_json(connection):
    """jsonb is text to asyncpg, unless it is told."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


async def live(db, address):
    async def validate(token):
        return await db.fetchrow("SELECT * FROM session_service.validate_session($1, $2)", token, address)

    made = await db.fetchrow(
        """SELECT * FROM session_service.create_session($1, $2, $3, $4, $5,
            metadata => $6, session_expiry => $7, inactivity_timeout => $8)""",
        USER,
        "Laptop",
        "asyncpg",
        address,
        ["read", "write"],
        {"plan": "free"},
        timedelta(hours=2),
        timedelta(minutes=30),
    )
    assert timedelta(0) < made["expires_at"] - datetime.now(timezone.utc) <= timedelta(hours=2)
    assert all(isinstance(id, UUID) for id in made["evicted_session_ids"])
    print("sign_in")

    session = await validate(made["token"])
    assert session["session_id"] == made["session_id"] and session["user_id"] == USER
    assert session["scopes"] == ["read", "write"] and session["metadata"] == {"plan": "free"}
    assert session["mfa_verified"] is False and isinstance(session["created_at"], datetime)
    print("validate")

    assert await validate("nobody's") is None
    print("nobody")

    pairs = [
        await db.fetchrow("SELECT * FROM session_service.refresh_session($1)", made["refresh_token"]) for _ in range(2)
    ]
    assert [pair["repeated"] for pair in pairs] == [False, True]
    assert pairs[0]["token"] == pairs[1]["token"] and pairs[0]["refresh_token"] == pairs[1]["refresh_token"]
    assert await validate(made["token"]) is None
    token = pairs[0]["token"]
    print("refresh")

    listed = await db.fetch("SELECT * FROM session_service.list_user_sessions($1, $2)", USER, made["session_id"])
    (mine,) = [row for row in listed if row["is_current"]]
    assert mine["ip_address"] == address and mine["status"] == "active" and mine["metadata"] == {"plan": "free"}
    assert mine["idle_expires_at"] - mine["last_activity_at"] == timedelta(minutes=30)
    print("list")

    batch = await db.fetch("SELECT * FROM session_service.validate_sessions($1)", ["nobody's", None, token])
    assert [(row["token_index"], row["session_id"]) for row in batch] == [(3, made["session_id"])]
    print("batch")

    many = await asyncio.gather(*(validate(token) for _ in range(50)))
    assert {row["session_id"] for row in many} == {made["session_id"]}
    print("pool")

    async with db.acquire() as listener:
        heard = asyncio.get_running_loop().create_future()
        # Called with the connection, the process, the channel and the payload.
        await listener.add_listener("session_service", lambda *told: heard.set_result(told[3]))
        assert await db.fetchval("SELECT session_service.revoke_session_by_token($1)", token) is True
        assert await validate(token) is None
        print("sign_out")
        assert json.loads(await heard)["session_id"] == str(made["session_id"])
        await listener.reset()
        print("listen")

    try:
        await db.fetchrow("SELECT * FROM session_service.create_session($1, $2)", None, token)
    except asyncpg.NullValueNotAllowedError as error:
        assert error.sqlstate == "22004" and token not in repr(error)
        print("error")


# snippet


asyncio.run(main())
# end of snippet
