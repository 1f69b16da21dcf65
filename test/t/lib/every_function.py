"""Every function of the extension, from the catalog, and good values for its arguments."""

import datetime
import re
import uuid

SCHEMA = "session_service."
ALICE = uuid.UUID(int=0xA11CE)


class Argument:
    def __init__(self, name, kind, has_default):
        self.name, self.type, self.has_default = name, kind, has_default


class Function:
    def __init__(self, name, arguments, is_computed, is_of_type, returns_set, returns_row, returned):
        self.name, self.arguments = name, arguments
        self.returns_set, self.returns_row, self.returned = returns_set, returns_row, returned
        # Whether it computes, and reads nothing; whether it belongs to the type token_hash.
        self.is_computed, self.is_of_type = is_computed, is_of_type
        self.is_internal = any(argument.type == "internal" for argument in arguments)


QUERY = """
    SELECT p.proname, coalesce(p.proargnames[:p.pronargs], array_fill(''::text, ARRAY[p.pronargs])),
           array(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY u (t, n) ORDER BY n), p.pronargdefaults, p.provolatile = 'i',
           EXISTS (SELECT FROM pg_type t WHERE t.oid = 'session_service.token_hash'::regtype AND p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend))
           OR EXISTS (SELECT FROM pg_cast c WHERE c.castfunc = p.oid) OR EXISTS (SELECT FROM pg_operator o WHERE o.oprcode = p.oid)
           OR EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid),
           p.proretset, t.typtype = 'c' OR t.typname = 'record', format_type(t.oid, NULL)
    FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype WHERE p.pronamespace = 'session_service'::regnamespace ORDER BY 1, 3"""


def every_function(connection):
    found = []
    for name, names, kinds, defaults, *properties in connection.execute(QUERY):
        required = len(kinds) - defaults
        arguments = [Argument(argument, kind, place >= required) for place, (argument, kind) in enumerate(zip(names, kinds))]
        found.append(Function(name, arguments, *properties))
    return found


def literal(text):
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"


def make_sessions(owner, user_id=ALICE):
    """Two sessions, one of them of a trusted device and verified by MFA, and an imported one."""
    create = f"SELECT session_id, token, refresh_token, device_id FROM {SCHEMA}create_session(%s, device_key => %s, scopes => '{{read}}')"
    session_id, token, refresh_token, device_id = owner.execute(create, (user_id, "a good key")).fetchone()
    owner.execute(create, (user_id, "another key"))
    owner.execute(f"SELECT {SCHEMA}mark_mfa_verified(%s), {SCHEMA}trust_device(%s, %s)", (session_id, user_id, device_id))
    owner.execute(f"SELECT {SCHEMA}import_session({SCHEMA}hash_token('imported'), %s, now() + '1 day', {SCHEMA}hash_token('imported refresh'))", (user_id,))
    return {"user_id": user_id, "session_id": session_id, "token": token, "refresh_token": refresh_token, "device_id": device_id}


def good_value(function, argument, fixture):
    """SQL of a value with which the call does what it is for; of built-in names alone, and each with its schema."""

    def typed(value, kind):
        return f"'{value}'::pg_catalog.{kind}"

    def time(**ahead):
        return typed(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**ahead), "timestamptz")

    name = argument.name
    digest = f"{SCHEMA}hash_token({literal(fixture['token'])})"
    if name == "token_hash":
        return digest if function.name == "validate_session_hash" else f"{SCHEMA}hash_token('new')"
    if name == "id":
        return {"bigint": typed(7, "int8"), "text": "'a name'"}[argument.type]
    if function.is_of_type:
        return {f"{SCHEMA}token_hash": digest, "cstring": typed("ab" * 32, "cstring"), "bytea": typed("\\x" + "cd" * 32, "bytea"),
                "bigint": typed(1, "int8")}.get(argument.type)
    return {
        "user_id": typed(fixture["user_id"], "uuid"), "session_id": typed(fixture["session_id"], "uuid"), "device_id": typed(fixture["device_id"], "uuid"),
        "current_session_id": typed(fixture["session_id"], "uuid"), "current_device_id": typed(fixture["device_id"], "uuid"),
        "token": literal(fixture["token"]), "refresh_token": literal(fixture["refresh_token"]),
        "tokens": typed("{" + fixture["token"] + "}", "text[]"), "session_ids": typed("{" + str(fixture["session_id"]) + "}", "uuid[]"),
        "refresh_token_hash": f"{SCHEMA}hash_token('new refresh')",
        "device_name": "'a name'", "name": "'a name'", "user_agent": "'Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0'", "ip_address": typed("192.0.2.1", "inet"),
        "scopes": typed("{read,write}", "text[]"), "scope": "'read'", "device_key": "'a good key'", "metadata": typed('{"a": 1}', "jsonb"),
        "session_expiry": typed("1 day", "interval"), "inactivity_timeout": typed("1 hour", "interval"), "by": typed("1 day", "interval"),
        "trust_for": typed("1 day", "interval"), "inactive_for": typed("1 microsecond", "interval"), "retention": typed("1 day", "interval"),
        "issue_refresh": "true", "include_inactive": "true", "mfa_verified": "true",
        "expires_at": time(days=1), "refresh_expires_at": time(days=2), "created_at": time(days=-1), "last_activity_at": time(hours=-1),
        "since": typed("epoch", "timestamptz"), "reason": "'a reason'", "method": "'totp'", "max_rows": "10", "batch_size": "10", "max_sessions": "10",
        "length": "16", "role": typed("grantee", "regrole"), "level": "'validate'",
    }.get(name)


def without_chance(value):
    """A value of a result, but for what differs with each call."""
    if isinstance(value, uuid.UUID):
        return "an id"
    if isinstance(value, datetime.datetime):
        return "a time"
    if isinstance(value, int) and abs(value) > 10**6:
        return "a large number"
    if isinstance(value, (bytes, bytearray)):
        return f"{len(value)} bytes"
    if isinstance(value, (list, tuple)):
        return [without_chance(part) for part in value]
    if isinstance(value, dict):
        return {key: without_chance(part) for key, part in value.items()}
    if isinstance(value, bool):
        return value
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "an id", str(value))
    return re.sub(r"ss([tr])_[A-Za-z0-9_-]{40,}|[0-9a-f]{32,}", "a secret", text)
