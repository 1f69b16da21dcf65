"""Every function of the extension, with values for its arguments, from the catalog and every_function.sql."""

import datetime
import os
import re
import time
import uuid

SCHEMA = "session_service."
ALICE = uuid.UUID(int=0xA11CE)


class Argument:
    """`good` is SQL of a value with which the call does what it is for, `bad` a list of SQL and SQLSTATE, `unknown`
    a list of SQL of values that stand for nothing; `null` what comes of a NULL: answer, no, or a SQLSTATE."""

    def __init__(self, name, type, has_default, good, bad, unknown, null):
        self.name, self.type, self.has_default = name, type, has_default
        self.good, self.bad, self.unknown, self.null = good, bad, unknown, null


class Function:
    def __init__(self, name, kind, is_computed, is_of_type, is_internal, returns_set, returns_row, returned, arguments):
        self.name, self.kind = name, kind
        # Whether it computes, and reads nothing; belongs to the type token_hash; cannot be called from SQL.
        self.is_computed, self.is_of_type, self.is_internal = is_computed, is_of_type, is_internal
        self.returns_set, self.returns_row, self.returned = returns_set, returns_row, returned
        self.arguments = [Argument(**argument) for argument in arguments]


def every_function(connection):
    """But for those that are nobody's but the owner's."""
    with open(os.path.join(os.path.dirname(__file__), "every_function.sql"), encoding="utf-8") as file:
        rows = connection.execute(file.read().encode()).fetchall()
    unknown = [row[0] for row in rows if None in row]
    if unknown:
        raise RuntimeError(f"every_function.sql does not know {unknown}")
    found = [Function(*row) for row in rows]
    unknown = [
        f"{function.name}({argument.name})"
        for function in found
        for argument in function.arguments
        if argument.good is None and not function.is_internal
    ]
    if unknown:
        raise RuntimeError(f"every_function.sql does not know {unknown}")
    return [function for function in found if function.kind != "owner"]


def literal(text):
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"


def make_sessions(owner, user_id=ALICE):
    """Two sessions, one of them of a trusted device and verified by MFA, and an imported one. They are made in
    different milliseconds, since ids of the same one come in any order."""
    create = f"""SELECT session_id, token, refresh_token, device_id FROM {SCHEMA}create_session(
        %s, device_key => %s, scopes => '{{read}}', external_id => 'an identity provider''s')"""
    session_id, token, refresh_token, device_id = owner.execute(create, (user_id, "a good key")).fetchone()
    time.sleep(0.002)
    owner.execute(create, (user_id, "another key"))
    time.sleep(0.002)
    owner.execute(
        f"SELECT {SCHEMA}mark_mfa_verified(%s), {SCHEMA}trust_device(%s, %s)", (session_id, user_id, device_id)
    )
    owner.execute(
        f"SELECT {SCHEMA}import_session({SCHEMA}hash_token('imported'), %s, now() + '1 day', "
        f"{SCHEMA}hash_token('imported refresh'))",
        (user_id,),
    )
    return {
        "user_id": user_id,
        "session_id": session_id,
        "token": token,
        "refresh_token": refresh_token,
        "device_id": device_id,
        "device_key": "a good key",
        "new_token": "new",
        "new_refresh_token": "new refresh",
        "role": "grantee",
    }


def filled(sql, fixture):
    """SQL of every_function.sql, with a fixture's values in the place of {token} and the like."""

    def value(match):
        if match[1] not in fixture:
            return match[0]
        given = fixture[match[1]]
        return f"'{given}'::pg_catalog.uuid" if isinstance(given, uuid.UUID) else literal(given)

    return re.sub(r"\{(\w+)\}", value, sql)


def good_call(function, fixture, chosen=()):
    """A call with good values, but for those that were chosen: SQL by the argument's name."""
    arguments = (
        chosen[argument.name] if argument.name in chosen else filled(argument.good, fixture)
        for argument in function.arguments
    )
    return f"{SCHEMA}{function.name}({', '.join(arguments)})"


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
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d", "a time", text)
    text = re.sub(r"^AA[A-Za-z0-9_-]{52}$", "a challenge", text)
    return re.sub(r"ss([tr])_[A-Za-z0-9_-]{40,}|[0-9a-f]{32,}", "a secret", text)
