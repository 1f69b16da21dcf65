"""The server under test: calls of its functions, and its clock, which stands still until it is moved. And what its
clients sign."""

import datetime
import hashlib
import json
import os
import select
import time

from proofs import Key, dbsc_parts, dpop_parts, jws
from psycopg import pq

from model import SECOND, Proof, Refused

# For one call, on the busiest machine.
SECONDS_TO_WAIT = 120

# Types of the arguments. A `hash` is that of the token that is passed.
SIGNATURES = {
    "create_session": "uuid text text inet text[] text jsonb interval interval boolean text text[]",
    "validate_session": "text inet",
    "validate_user": "text inet",
    "validate_session_hash": "uuid hash inet",
    "validate_sessions": "text[]",
    "authenticate": "text",
    "introspect_token": "text",
    "session_challenge": "text",
    "bind_session": "text text text text",
    "validate_session_proof": "text text text text inet",
    "refresh_session": "text inet text text text text",
    "rotate_session_token": "text",
    "reauthenticate_session": "text text text[] inet",
    "extend_session": "uuid interval",
    "revoke_session": "uuid text",
    "revoke_user_session": "uuid uuid text",
    "revoke_session_by_token": "text text",
    "revoke_all_user_sessions": "uuid text",
    "revoke_all_user_sessions_except": "uuid uuid text",
    "revoke_device_sessions": "uuid uuid text",
    "revoke_inactive_sessions": "interval text",
    "get_session": "uuid uuid",
    "get_user_session": "uuid uuid uuid",
    "list_user_sessions": "uuid uuid boolean",
    "list_inactive_sessions": "interval",
    "list_mfa_verified_sessions": "uuid",
    "count_user_sessions": "uuid",
    "count_active_sessions": "",
    "list_events": "uuid timestamptz integer",
    "list_all_events": "timestamptz integer",
    "mark_mfa_verified": "uuid text",
    "mark_mfa_verified_by_token": "text text",
    "clear_mfa_verified": "uuid",
    "set_session_scopes": "uuid text[]",
    "set_session_metadata": "uuid jsonb",
    "patch_session_metadata": "uuid jsonb",
    "touch_sessions": "uuid[]",
    "list_user_devices": "uuid uuid",
    "is_known_device": "uuid text",
    "is_trusted_device": "uuid text",
    "trust_device": "uuid uuid interval",
    "untrust_device": "uuid uuid",
    "untrust_all_devices": "uuid",
    "rename_device": "uuid uuid text",
    "forget_device": "uuid uuid",
    "user_epoch": "uuid",
    "set_user_session_limit": "uuid integer",
    "disable_user": "uuid text",
    "enable_user": "uuid",
    "is_user_disabled": "uuid",
    "delete_user": "uuid",
    "cleanup_sessions": "interval integer",
    "import_session": "hash uuid timestamptz hash text inet timestamptz timestamptz boolean timestamptz text",
}
# Of these not all are passed.
NAMED_ARGUMENTS = {
    "create_session": "user_id device_name user_agent ip_address scopes device_key metadata session_expiry "
    "inactivity_timeout issue_refresh acr amr".split(),
    "import_session": "token_hash user_id expires_at refresh_token_hash device_name ip_address created_at "
    "last_activity_at mfa_verified refresh_expires_at device_key".split(),
}

# In which order a list comes: latest first.
ORDERS = {
    "list_user_sessions": "last_activity_at",
    "list_inactive_sessions": "last_activity_at",
    "list_mfa_verified_sessions": "last_activity_at",
    "list_user_devices": "last_seen_at",
    "list_events": "at",
    "list_all_events": "at",
}

# What is asked besides, where the answer does not tell it.
EVICTED = (
    "SELECT jsonb_agg(id) FROM session_service.sessions WHERE revoke_reason = 'Session limit exceeded' "
    "AND user_id = (SELECT user_id FROM session_service.sessions WHERE id = $1::uuid)"
)
DEVICE = "SELECT to_jsonb(device_id) FROM session_service.sessions WHERE id = $1::uuid"
LEFT = (
    "SELECT jsonb_build_object('sessions', (SELECT coalesce(jsonb_agg(id), '[]') FROM session_service.sessions), "
    "'devices', (SELECT coalesce(jsonb_agg(id), '[]') FROM session_service.devices), "
    "'events', (SELECT coalesce(jsonb_agg(jsonb_build_array((extract(epoch FROM at) * 1000000)::bigint, kind, "
    "session_id, device_id, ip_address, reason, detail ->> 'method')), '[]') FROM session_service.events))"
)

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MICROSECOND = datetime.timedelta(microseconds=1)


def statement(function: str) -> str:
    types = SIGNATURES[function].replace("hash", "session_service.token_hash").split()
    parameters = [f"${number}::{type}" for number, type in enumerate(types, 1)]
    if function in NAMED_ARGUMENTS:
        parameters = [f"{name} => {parameter}" for name, parameter in zip(NAMED_ARGUMENTS[function], parameters)]
    call = f"session_service.{function}({', '.join(parameters)})"
    if function == "set_user_session_limit":
        return f"SELECT jsonb_build_array({call}::text)"
    bound = ""
    if function == "authenticate":
        bound = (
            " || jsonb_build_object('bound_session_id', session_service.current_session_id(), "
            "'bound_user_id', session_service.current_user_id())"
        )
    return f"SELECT coalesce(jsonb_agg(to_jsonb(r){bound}), '[]') FROM {call} AS r"


def encoded(value, type: str) -> bytes | None:
    if value is None:
        return None
    if type == "hash":
        return hashlib.sha256(value.encode()).hexdigest().encode()
    if type in ("interval", "timestamptz"):
        return (f"{value} microseconds" if type == "interval" else time_text(value) + "+00").encode()
    if type.endswith("[]"):
        return ("{" + ",".join("NULL" if element is None else quoted(element) for element in value) + "}").encode()
    return str(value).encode()


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def time_text(micros: int) -> str:
    return (EPOCH + micros * MICROSECOND).strftime("%Y-%m-%d %H:%M:%S.%f")


def decoded(value, name: str = ""):
    """An answer with times as integers."""
    if isinstance(value, dict):
        return {key: decoded(element, key) for key, element in value.items()}
    if isinstance(value, str) and (name.endswith("_at") or name in ("at", "trusted_until")):
        return (datetime.datetime.fromisoformat(value) - EPOCH) // MICROSECOND
    return value


# The keys that clients have, each of another algorithm.
KEYS = {key.thumbprint(): key for key in (Key.es256(), Key.ed25519(), Key.rs256())}


def signed(
    protocol: str,
    carried: str | None,
    signer: str,
    challenge: str | None,
    method: str,
    uri: str,
    at: int,
    token: str | None,
) -> Proof:
    """A proof that carries one key and is signed by one, which should be the same. Keys are told by their thumbprints.
    DBSC needs to carry its key at the registration only."""
    key = KEYS[carried or signer]
    if protocol == "dbsc":
        header, payload = dbsc_parts(key, challenge, "header" if carried else None)
        return Proof(jws(header, payload, KEYS[signer]), protocol, carried, signer, challenge)
    issued_at = at // SECOND
    header, payload = dpop_parts(key, method, uri, token, challenge, issued_at)
    text = jws(header, payload, KEYS[signer])
    return Proof(text, protocol, carried, signer, challenge, method, uri, issued_at * SECOND, token)


class Goal:
    """How many are run: COUNT, or as many as SECONDS allow, but at least LEAST if ten times the seconds allow that."""

    def __init__(self, count: str, least: str, seconds: str) -> None:
        self.count, self.least = int(count), int(least)
        self.ends = time.monotonic() + int(seconds)
        self.gives_up = time.monotonic() + 10 * int(seconds)

    def is_open(self, done: int) -> bool:
        ends = self.ends if done >= self.least else self.gives_up
        return done < self.count and time.monotonic() < ends


class Clock:
    """Moves the clock of a server that runs with libfaketime."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.now = 0

    def set(self, now: int) -> None:
        self.now = now
        with open(self.path + ".new", "w", encoding="ascii") as file:
            # One digit more, so that the fraction is not rounded down to the microsecond before.
            file.write(time_text(now) + "5")
        os.rename(self.path + ".new", self.path)


class Connection:
    """A connection that is in the middle of one call at most."""

    def __init__(self, conninfo: str) -> None:
        self.pgconn = pq.PGconn.connect(conninfo.encode())
        if self.pgconn.status != pq.ConnStatus.OK:
            raise RuntimeError(self.pgconn.error_message.decode())
        self.run("SET client_min_messages = error")
        self.run("SET timezone = 'UTC'")
        self.run("LOAD 'session_service'")
        self.prepared: set[str] = set()

    def run(self, sql: str, parameters: list | None = None) -> str | None:
        """Runs what must not fail; its only value."""
        result = (
            self.pgconn.exec_params(sql.encode(), parameters)
            if parameters is not None
            else self.pgconn.exec_(sql.encode())
        )
        return self._value(result)

    def _value(self, result) -> str | None:
        if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            value = result.get_value(0, 0) if result.ntuples else None
            return value.decode() if value is not None else None
        sqlstate = result.error_field(pq.DiagnosticField.SQLSTATE)
        if sqlstate is None:
            raise RuntimeError(self.pgconn.error_message.decode())
        raise Refused(sqlstate.decode(), result.error_message.decode())

    def prepare(self, function: str) -> bytes:
        name = function.encode()
        if function not in self.prepared:
            self._value(self.pgconn.prepare(name, statement(function).encode()))
            self.prepared.add(function)
        return name

    def call(self, function: str, arguments: tuple) -> list:
        """Calls a function; what it answers."""
        self.send(function, arguments)
        return self.receive(function)

    def send(self, function: str, arguments: tuple) -> None:
        types = SIGNATURES[function].split()
        arguments += (None,) * (len(types) - len(arguments))
        name = self.prepare(function)
        self.pgconn.send_query_prepared(name, [encoded(value, type) for value, type in zip(arguments, types)])

    def receive(self, function: str) -> list:
        while self.pgconn.is_busy():
            if not select.select([self.pgconn.socket], [], [], SECONDS_TO_WAIT)[0]:
                raise RuntimeError(f"{function} does not end")
            self.pgconn.consume_input()
        result = self.pgconn.get_result()
        while self.pgconn.get_result() is not None:
            pass
        rows = json.loads(self._value(result))
        name = "expires_at" if function == "extend_session" else ""
        answer = [decoded(row, name) for row in rows]
        if function in ("list_events", "list_all_events"):
            for row in answer:
                del row["id"]  # known to nobody else
        if function == "import_session":
            return [{"session_id": answer[0], **self._about_import(answer[0])}]
        if function == "cleanup_sessions":
            return [{"deleted": answer[0], **json.loads(self.run(LEFT))}]
        return answer

    def _about_import(self, session_id: str) -> dict:
        parameter = [session_id.encode()]
        return {
            "device_id": json.loads(self.run(DEVICE, parameter)),
            "evicted_session_ids": json.loads(self.run(EVICTED, parameter) or "[]"),
        }

    def set_settings(self, settings: dict) -> None:
        self.run(
            "; ".join(f"SET session_service.{name} = {setting_text(name, value)}" for name, value in settings.items())
        )


def setting_text(name: str, value) -> str:
    """Times are in microseconds."""
    if isinstance(value, bool) or name in ("limit_policy", "event_log"):
        return f"'{value}'"
    if name in ("max_per_user", "token_length", "cleanup_batch_size"):
        return str(value)
    return f"'{value // 1000}ms'"


def in_order(function: str, rows: list) -> bool:
    times = [row[ORDERS[function]] for row in rows] if function in ORDERS else []
    return times == sorted(times, reverse=True)


def comparable(rows: list) -> str:
    """An answer as a text that is the same for equal ones. The order of a list is looked at apart."""
    return "\n".join(sorted(json.dumps(comparable_value(row), sort_keys=True) for row in rows))


def comparable_value(value, name: str = ""):
    if isinstance(value, dict):
        return {key: comparable_value(element, key) for key, element in value.items()}
    if isinstance(value, (list, tuple)) and name in ("evicted_session_ids", "sessions", "devices", "events"):
        return sorted((list(element) if isinstance(element, tuple) else element for element in value), key=json.dumps)
    if name == "metadata" and isinstance(value, str):
        return json.loads(value)
    return value
