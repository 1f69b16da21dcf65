"""Clients that work with sessions, and know what the server acknowledged.

    load.py '{"conninfo": "host=… port=…", …}'       started by Load.pm, which tells of the options

Each client has users of its own, so it knows what must be stored of them: every answer is checked as it
comes, and `settle` compares all that is stored, and which tokens are alive, with what was answered. What
was asked without an answer is in doubt: it happened wholly or not at all. Users that all clients share
make them wait for each other.

Reads commands on standard input, answers each with one line of JSON.
"""

import json
import os
import random
import sys
import threading
import time
import uuid
from collections import Counter

from psycopg import pq
from psycopg.errors import OperationalError

LIMIT = 5  # session_service.max_per_user
USERS = 3  # of each client
SESSIONS = 30  # of a user, before it is deleted
EVICTED = "Session limit exceeded"
REUSED = "Refresh token reuse"
PATIENCE = 300  # seconds without an answer


class Failed(Exception):
    """The server answered with an error: nothing happened."""

    def __init__(self, sqlstate, message):
        super().__init__(f"{sqlstate}: {message}")
        self.sqlstate = sqlstate


class Lost(Exception):
    """The connection is gone."""


def literal(value):
    return "'" + str(value).replace("'", "''") + "'"


def array(values, kind):
    return f"ARRAY[{', '.join(map(literal, values))}]::{kind}[]"


class Connection:
    def __init__(self, conninfo):
        self.pgconn = pq.PGconn.connect(conninfo.encode())
        if self.pgconn.status != pq.ConnStatus.OK:
            raise Lost(self.pgconn.error_message.decode(errors="replace"))
        self.pid = self.pgconn.backend_pid

    def ask(self, statement):
        """The rows of a statement, each a list of texts."""
        try:
            result = self.pgconn.exec_(statement.encode())
        except OperationalError as error:
            raise Lost(str(error)) from None
        return self.rows_of(result)

    def rows_of(self, result):
        if result.status == pq.ExecStatus.TUPLES_OK:
            return [
                [
                    None if (text := result.get_value(row, column)) is None else text.decode()
                    for column in range(result.nfields)
                ]
                for row in range(result.ntuples)
            ]
        if result.status == pq.ExecStatus.COMMAND_OK:
            return []
        sqlstate = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        message = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode(errors="replace")
        severity = (result.error_field(pq.DiagnosticField.SEVERITY_NONLOCALIZED) or b"").decode()
        if severity != "ERROR" or self.pgconn.status != pq.ConnStatus.OK:
            raise Lost(f"{severity} {sqlstate} {message}")
        raise Failed(sqlstate, message)

    def value(self, statement):
        return self.ask(statement)[0][0]

    def abandon(self, statement, wait):
        """Sends a statement and goes without waiting for the answer."""
        self.pgconn.send_query(statement.encode())
        self.pgconn.flush()
        time.sleep(wait)
        self.close()

    def in_transaction(self):
        return self.pgconn.transaction_status != pq.TransactionStatus.IDLE

    def close(self):
        self.pgconn.finish()


# --- what a client knows


class Session:
    def __init__(self, session_id, device_id, token, refresh_token):
        self.id = session_id
        self.device_id = device_id
        self.token = token  # None where its answer was lost
        self.refresh_token = refresh_token
        self.replaced = []  # session tokens that are dead
        self.previous = None  # the refresh token that was replaced last
        self.is_repeatable = False  # whether that one still gets the pair
        self.spent = []  # refresh tokens before that
        self.ended = None  # the reason

    def refreshed(self, token, refresh_token):
        if self.previous:
            self.spent.append(self.previous)
        self.previous, self.is_repeatable = self.refresh_token, True
        self.replace_token(token)
        self.refresh_token = refresh_token

    def rotated(self, token):
        self.replace_token(token)
        self.is_repeatable = False

    def reauthenticated(self, token, refresh_token):
        """No older refresh token is the session's any more: none ends it."""
        if self.refresh_token:
            self.replaced.append(self.refresh_token)
        self.previous, self.is_repeatable, self.spent = None, False, []
        self.replace_token(token)
        self.refresh_token = refresh_token

    def replace_token(self, token):
        if self.token:
            self.replaced = self.replaced[-4:] + [self.token]
        self.token = token


class User:
    def __init__(self):
        self.id = str(uuid.uuid4())
        self.sessions = {}

    def live(self):
        return [session for session in self.sessions.values() if session.ended is None]


class Wrong(Exception):
    """The server did something else than is documented."""


class Stuck(Exception):
    """Nothing moves any more."""


def expect(is_right, what):
    if not is_right:
        raise Wrong(what)


# --- operations: what is asked, what an answer means, and what shows that it happened without one


class Operation:
    def __init__(self, call, user=None, session=None):
        self.call = call
        self.user = user
        self.session = session

    def name(self):
        return type(self).__name__

    def check(self, rows):
        """Whether the answer is right, given what the client knows."""

    def acknowledge(self, rows):
        """It happened, and this was the answer."""

    def tokens(self, rows):
        """What the answer hands out, and what is worth nothing if that is rolled back."""
        return [row[key] for row in rows for key in ("token", "refresh_token") if row.get(key)]

    def settle(self, stored, connection):
        """Whether it happened, seen from what is stored; if so, the client knows from now on."""
        return False


class Create(Operation):
    def __init__(self, user, dice):
        device = dice.choice(["NULL", "'phone'", "'laptop'", "'tablet'"])
        super().__init__(
            f"SELECT * FROM session_service.create_session({literal(user.id)}, device_key => {device})", user
        )

    def check(self, rows):
        expect(len(rows) == 1, "create_session gave no row")
        surplus = max(0, len(self.user.live()) + 1 - LIMIT)
        evicted = rows[0]["evicted_session_ids"]
        expect(len(evicted) == surplus, f"{len(evicted)} evicted, not {surplus}")
        expect(all(self.user.sessions[e].ended is None for e in evicted), "what was evicted was not alive")

    def acknowledge(self, rows):
        row = rows[0]
        for evicted in row["evicted_session_ids"]:
            self.user.sessions[evicted].ended = EVICTED
        self.user.sessions[row["session_id"]] = Session(
            row["session_id"], row["device_id"], row["token"], row["refresh_token"]
        )

    def settle(self, stored, connection):
        unknown = [row for row in stored.of(self.user) if row["id"] not in self.user.sessions]
        evicted = [s for s in self.user.live() if stored.reason(s.id) == EVICTED]
        if not unknown:
            expect(not evicted, "a create that did not happen evicted")
            return False
        surplus = max(0, len(self.user.live()) + 1 - LIMIT)
        expect(len(unknown) == 1, "one create made several sessions")
        expect(len(evicted) == surplus, f"a create evicted {len(evicted)}, not {surplus}")
        for session in evicted:
            session.ended = EVICTED
        row = unknown[0]
        self.user.sessions[row["id"]] = Session(row["id"], row["device_id"], None, None)
        return True


class Import(Operation):
    """Only below the limit, since the answer does not tell who was evicted."""

    def __init__(self, user):
        self.token = f"import-{uuid.uuid4().hex}"
        self.refresh_token = f"import-{uuid.uuid4().hex}"
        super().__init__(
            "SELECT id, (SELECT device_id FROM session_service.get_session(id)) FROM session_service.import_session("
            f"session_service.hash_token({literal(self.token)}), {literal(user.id)}, now() + '1 day', "
            f"session_service.hash_token({literal(self.refresh_token)}), "
            "refresh_expires_at => now() + '2 days') AS i(id)",
            user,
        )

    def check(self, rows):
        expect(len(rows) == 1 and rows[0]["id"], "import_session gave no id")

    def tokens(self, rows):
        return [self.token, self.refresh_token]

    def add(self, session_id, device_id):
        self.user.sessions[session_id] = Session(session_id, device_id, self.token, self.refresh_token)

    def acknowledge(self, rows):
        self.add(rows[0]["id"], rows[0]["device_id"])

    def settle(self, stored, connection):
        unknown = [row for row in stored.of(self.user) if row["id"] not in self.user.sessions]
        expect(len(unknown) <= 1, "one import made several sessions")
        for row in unknown:
            self.add(row["id"], row["device_id"])
        return bool(unknown)


class Refresh(Operation):
    def __init__(self, user, session):
        super().__init__(
            f"SELECT * FROM session_service.refresh_session({literal(session.refresh_token)})", user, session
        )

    def check(self, rows):
        expect(len(rows) == 1, "a refresh token was refused")
        expect(not rows[0]["repeated"], "a refresh token had been used already")

    def acknowledge(self, rows):
        self.session.refreshed(rows[0]["token"], rows[0]["refresh_token"])

    def settle(self, stored, connection):
        # The client tries again, and gets the pair in either case.
        was_alive = self.session.token is not None and alive(connection, [self.session.token]) == 1
        rows = ask(connection, self.call)
        expect(len(rows) == 1, "a refresh whose answer was lost cannot be tried again")
        is_one_alive = self.session.token is None or was_alive != rows[0]["repeated"]
        expect(is_one_alive, "the old token lives beside the new pair, or neither does")
        self.acknowledge(rows)
        return rows[0]["repeated"]


class Retry(Operation):
    def __init__(self, user, session):
        super().__init__(f"SELECT * FROM session_service.refresh_session({literal(session.previous)})", user, session)

    def check(self, rows):
        if not self.session.is_repeatable:
            expect(not rows, "a retry after a rotation was answered")
            return
        expect(len(rows) == 1, "a retry was refused")
        got = rows[0]["token"], rows[0]["refresh_token"], rows[0]["repeated"]
        expect(got == (self.session.token, self.session.refresh_token, True), "a retry gave another pair")

    def tokens(self, rows):
        return []


class Rotate(Operation):
    def __init__(self, user, session):
        super().__init__(f"SELECT * FROM session_service.rotate_session_token({literal(session.token)})", user, session)

    def check(self, rows):
        expect(len(rows) == 1, "a session token was refused")

    def acknowledge(self, rows):
        self.session.rotated(rows[0]["token"])

    def settle(self, stored, connection):
        if alive(connection, [self.session.token]) == 1:
            return False
        self.session.rotated(None)
        return True


class Reauthenticate(Operation):
    def __init__(self, user, session):
        super().__init__(
            f"SELECT * FROM session_service.reauthenticate_session({literal(session.token)}, 'again')", user, session
        )

    def check(self, rows):
        expect(len(rows) == 1 and rows[0]["refresh_token"], "a session token was refused by reauthenticate_session")

    def acknowledge(self, rows):
        self.session.reauthenticated(rows[0]["token"], rows[0]["refresh_token"])

    def settle(self, stored, connection):
        if alive(connection, [self.session.token]) == 1:
            return False
        self.session.reauthenticated(None, None)
        return True


class End(Operation):
    """Any call that ends sessions."""

    def __init__(self, function, arguments, user, ends, reason, answer):
        super().__init__(f"SELECT session_service.{function}({arguments}) AS answer", user)
        self.function = function
        self.ends = ends
        self.reason = reason
        self.answer = answer

    def name(self):
        return self.function

    def check(self, rows):
        expect(rows[0]["answer"] == self.answer, f"{self.function} answered {rows[0]['answer']}, not {self.answer}")

    def acknowledge(self, rows):
        for session in self.ends:
            session.ended = self.reason

    def settle(self, stored, connection):
        ended = [stored.reason(session.id) == self.reason for session in self.ends]
        expect(all(ended) or not any(ended), f"{self.function} ended some of its sessions only")
        if not any(ended):
            return False
        self.acknowledge([])
        return True


class Reuse(End):
    """Of a refresh token that was replaced before the last one: no row, and the end of the session."""

    def __init__(self, user, session):
        super().__init__("refresh_session", literal(session.spent[-1]), user, [session], REUSED, 0)
        self.call = f"SELECT count(*) AS answer FROM session_service.refresh_session({literal(session.spent[-1])})"


class DeleteUser(Operation):
    def __init__(self, user, client):
        super().__init__(f"SELECT session_service.delete_user({literal(user.id)}) AS answer", user)
        self.client = client

    def check(self, rows):
        count = len(self.user.sessions)
        expect(rows[0]["answer"] == count, f"delete_user deleted {rows[0]['answer']} sessions, not {count}")

    def acknowledge(self, rows):
        self.client.forget(self.user)

    def settle(self, stored, connection):
        if stored.of(self.user) or not self.user.sessions:
            return False
        self.client.forget(self.user)
        return True


class Validate(Operation):
    def __init__(self, user, session):
        call = f"SELECT * FROM session_service.validate_session({literal(session.token)}, '192.0.2.1')"
        super().__init__(call, user, session)

    def check(self, rows):
        expect(rows or self.session.ended is not None, "a live token was refused")
        expect(not rows or self.session.ended is None, "a dead token was accepted")


class Change(Operation):
    """What is not promised to survive a crash, and is not looked at again."""

    def check(self, rows):
        expect(rows[0]["answer"] not in (None, False, 0), f"{self.call} had no effect")


class CreateShared(Operation):
    def __init__(self, user_id, client):
        super().__init__(f"SELECT * FROM session_service.create_session({literal(user_id)})")
        self.client = client

    def acknowledge(self, rows):
        self.client.shared_created = self.client.shared_created[-200:] + [rows[0]["session_id"]]
        self.client.shared_evicted = self.client.shared_evicted[-200:] + rows[0]["evicted_session_ids"]


def ask(connection, call):
    return [json.loads(row[0]) for row in connection.ask(as_json(call))]


def as_json(call):
    return f"SELECT to_jsonb(r) FROM ({call}) r"


def alive(connection, tokens):
    return int(connection.value(f"SELECT count(*) FROM session_service.validate_sessions({array(tokens, 'text')})"))


def active(connection, tokens):
    is_active = "(session_service.introspect_token(t)->>'active')::boolean"
    return int(connection.value(f"SELECT count(*) FILTER (WHERE {is_active}) FROM unnest({array(tokens, 'text')}) t"))


class Stored:
    """The sessions of some users, as the table has them."""

    def __init__(self, connection, users):
        self.rows = {}
        for row in ask(
            connection,
            "SELECT id, user_id, device_id, revoked_at IS NOT NULL AS is_revoked, revoke_reason "
            f"FROM session_service.sessions WHERE user_id = ANY ({array(users, 'uuid')})",
        ):
            self.rows[row["id"]] = row

    def of(self, user):
        return [row for row in self.rows.values() if row["user_id"] == user.id]

    def reason(self, session_id):
        row = self.rows.get(session_id)
        return row["revoke_reason"] if row and row["is_revoked"] else None


# --- the ways in which a call is made

OFF = "SET LOCAL synchronous_commit = {level}"  # off, or another one that waits for less than the server's setting


class Way:
    def __init__(self, before=(), after=(), wrap=as_json, is_undone=False, goes_on=False):
        self.before = list(before)
        self.after = list(after)
        self.wrap = wrap
        self.is_undone = is_undone
        self.goes_on = goes_on  # after an error, from the savepoint s


def quickly(call):
    return f"SELECT * FROM quickly({literal(as_json(call))})"


WAYS = {
    "alone": Way(),
    "a function with SET": Way(wrap=quickly),
    "SET LOCAL before": Way(["BEGIN", OFF], ["COMMIT"]),
    "SET LOCAL after": Way(["BEGIN"], [OFF, "COMMIT"]),
    "a savepoint": Way(
        ["BEGIN", OFF, "SAVEPOINT a"], ["RELEASE a", "SAVEPOINT b", "SELECT 1", "ROLLBACK TO b", "COMMIT"]
    ),
    "a validation first": Way(["BEGIN", None], ["COMMIT"]),
    "an error is rolled back": Way(["BEGIN", "SAVEPOINT s"], ["COMMIT"], goes_on=True),
    "rolled back": Way(["BEGIN"], ["ROLLBACK"], is_undone=True),
    "rolled back to a savepoint": Way(["BEGIN", "SAVEPOINT a"], ["ROLLBACK TO a", "COMMIT"], is_undone=True),
}
WEIGHTS = {"alone": 4}

# The settings that turn synchronous_commit off, or to such a level, for a whole connection.
CONNECTIONS = [
    {"user": "load", "options": "-c synchronous_commit={level}"},
    {"user": "load", "set": "SET synchronous_commit = {level}"},
    {"user": "load_with_setting"},
    {"user": "load"},
]
LEVELS = ["read committed"] * 6 + ["repeatable read", "serializable"]

# What must be as before after an error: who one is, all settings, and no lock.
CONTEXT = """SELECT concat_ws('|', current_user, session_user, current_setting('search_path'),
    (SELECT md5(string_agg(name || '=' || setting, ',' ORDER BY name)) FROM pg_settings
        WHERE name NOT IN ('statement_timeout', 'lock_timeout')))"""
LOCKS = """SELECT count(*) FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND l.mode <> 'SIReadLock'
        AND (c.relnamespace = 'session_service'::regnamespace
            OR l.locktype IN ('tuple', 'transactionid', 'advisory'))"""


class Client(threading.Thread):
    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load = load
        self.number = number
        self.random = random.Random(f"{load.seed} {number}")
        self.users = [self.new_user() for _ in range(USERS)]
        self.deleted = []
        self.worthless = []  # tokens of calls that were rolled back
        self.shared_created = []
        self.shared_evicted = []
        self.doubt = None
        self.connection = None
        self.counts = Counter()
        self.problems = []
        self.turn = 0  # the run in which it works, or has lost its connection
        self.asking = ""  # what it does at this moment
        self.is_idle = threading.Event()
        self.is_idle.set()

    def new_user(self):
        return User()

    def forget(self, user):
        self.deleted = self.deleted[-30:] + [user.id]
        self.users[self.users.index(user)] = self.new_user()

    def problem(self, what):
        self.problems.append(f"client {self.number}: {what}")

    # --- its life

    def run(self):
        while True:
            self.load.is_running.wait()
            turn = self.load.turn
            if self.turn == turn:
                time.sleep(0.01)  # lost its connection in this run
                continue
            self.is_idle.clear()
            try:
                self.work(turn)
            except Wrong as wrong:
                self.problem(str(wrong))
            except Exception as error:  # noqa: BLE001: whatever it is, it is told
                self.problem(repr(error))
            self.turn = turn
            self.is_idle.set()

    def work(self, turn):
        while self.load.is_running.is_set() and self.load.turn == turn and not self.problems:
            try:
                if self.connection is None:
                    self.connect()
                self.step()
            except Lost:
                self.count("connections lost")
                if self.connection:
                    self.connection.close()
                pid, self.connection = self.connection and self.connection.pid, None
                if not self.load.reconnects:
                    return
                self.settle_alone(pid)

    def connect(self):
        self.asking = "connecting"
        kind = CONNECTIONS[self.number % len(CONNECTIONS)]
        level = self.random.choice(LEVELS).replace(" ", "\\\\ ")
        options = f"{self.with_level(kind.get('options', ''))} -c default_transaction_isolation={level}"
        self.connection = Connection(f"{self.conninfo()} application_name=load user={kind['user']} options='{options}'")
        self.is_strict = "read" in level and "committed" in level
        if "set" in kind:
            self.patiently(lambda: self.connection.ask(self.with_level(kind["set"])))
        # The settings of libraries are there once these are loaded.
        self.patiently(
            lambda: self.connection.ask("SELECT session_service.hash_token(''), quickly('SELECT ''1''::jsonb')")
        )
        self.context = self.patiently(lambda: self.connection.value(CONTEXT))

    def conninfo(self):
        return self.load.conninfo

    def with_level(self, text):
        return text.replace("{level}", self.random.choice(self.load.levels))

    def patiently(self, function):
        """What is not the object of the test, and may be interrupted like everything else."""
        while True:
            try:
                return function()
            except Failed as failed:
                if failed.sqlstate not in self.load.allowed:
                    raise Wrong(f"unexpected error {failed}") from None

    def step(self):
        operation = self.choose()
        if operation is None:
            return
        names = [name for name, way in WAYS.items() if None not in way.before or self.live_with("token")]
        name = self.random.choices(names, [WEIGHTS.get(n, 1) for n in names])[0]
        self.asking = f"{operation.name()}, {name}"
        if self.load.interrupts and self.random.random() < 0.3:
            self.set_timeout()
        try:
            self.perform(operation, WAYS[name])
        except Failed as failed:
            self.count(f"{operation.name()} failed")
            self.failed(failed)
        self.load.answered += 1
        if self.load.interrupts:
            self.patiently(lambda: self.connection.ask("SET statement_timeout = 0; SET lock_timeout = 0"))

    def set_timeout(self):
        name, longest = self.random.choice([("statement_timeout", 12), ("lock_timeout", 3)])
        milliseconds = self.random.randint(1, longest)
        self.patiently(lambda: self.connection.ask(f"SET {name} = {milliseconds}"))

    def perform(self, operation, way):
        statements = [*way.before, operation, *way.after]
        rows = []
        for place, statement in enumerate(statements):
            is_last = place == len(statements) - 1
            if statement is operation:
                text = way.wrap(operation.call)
            elif statement is None:
                text = Validate(*self.random.choice(self.live_with("token"))).call
            else:
                text = self.with_level(statement)
            commits = is_last and not way.is_undone
            try:
                if self.load.interrupts and self.random.random() < 0.002:
                    self.count("connections abandoned")
                    self.connection.abandon(text, self.random.choice([0, 0, 0.001, 0.005]))
                    raise Lost("abandoned")
                answer = self.connection.ask(text)
            except Failed as failed:
                if not way.goes_on or statement is not operation or not self.connection.in_transaction():
                    raise
                self.go_on(failed)
                return
            except Lost:
                if commits:
                    self.doubt = operation
                    self.count("in doubt")
                raise
            if statement is operation:
                rows = [json.loads(row[0]) for row in answer]
                operation.check(rows)
        if way.is_undone:
            self.worthless = self.worthless[-20:] + operation.tokens(rows)
            self.count("rolled back")
            return
        operation.acknowledge(rows)
        self.count(operation.name())
        self.load.acknowledged += 1

    def go_on(self, failed):
        """In the same transaction, from its savepoint: nothing happened."""
        self.expect_allowed(failed)
        self.count("rolled back to a savepoint after an error")
        self.connection.ask("ROLLBACK TO s")
        self.expect_context()
        self.connection.ask("COMMIT")

    def expect_allowed(self, failed):
        self.count(f"error {failed.sqlstate}")
        if failed.sqlstate not in self.load.allowed and (self.is_strict or failed.sqlstate != "40001"):
            raise Wrong(f"unexpected error {failed}")

    def expect_context(self):
        context = self.connection.value(CONTEXT)
        expect(context == self.context, f"an error left {context}, not {self.context}")

    def failed(self, failed):
        """Nothing happened, and everything is as it was before."""
        self.expect_allowed(failed)
        while self.connection.in_transaction():
            self.patiently(lambda: self.connection.ask("ROLLBACK"))
        self.patiently(lambda: self.connection.ask("SET statement_timeout = 0; SET lock_timeout = 0"))
        self.patiently(self.expect_context)
        locks = self.patiently(lambda: self.connection.value(LOCKS))
        expect(locks == "0", f"an error left {locks} locks")

    # --- what it does next

    def live_with(self, *attributes):
        return [
            (user, session)
            for user in self.users
            for session in user.live()
            if all(getattr(session, attribute) for attribute in attributes)
        ]

    def choose(self):
        user = self.random.choice(self.users)
        if len(user.sessions) >= SESSIONS:
            return DeleteUser(user, self)
        kinds = self.load.mix
        kind = self.random.choices(list(kinds), kinds.values())[0]
        return getattr(self, f"choose_{kind}")(user)

    def pick(self, *attributes):
        found = self.live_with(*attributes)
        return self.random.choice(found) if found else None

    def choose_create(self, user):
        return Create(user, self.random)

    def choose_shared(self, user):
        return CreateShared(self.random.choice(self.load.shared), self)

    def choose_import(self, user):
        return Import(user) if len(user.live()) < LIMIT else None

    def choose_delete(self, user):
        return DeleteUser(user, self)

    def choose_refresh(self, user):
        picked = self.pick("refresh_token")
        return Refresh(*picked) if picked else None

    def choose_retry(self, user):
        picked = self.pick("previous")
        return Retry(*picked) if picked else None

    def choose_rotate(self, user):
        picked = self.pick("token")
        return Rotate(*picked) if picked else None

    def choose_reauthenticate(self, user):
        picked = self.pick("token", "refresh_token")
        return Reauthenticate(*picked) if picked else None

    def choose_validate(self, user):
        with_token = [(user, session) for session in user.sessions.values() if session.token]
        return Validate(*self.random.choice(with_token)) if with_token else None

    def choose_change(self, user):
        picked = self.pick("token")
        if not picked:
            return None
        session_id = literal(picked[1].id)
        call = self.random.choice(
            [
                f"session_service.extend_session({session_id}) IS NOT NULL",
                f"session_service.mark_mfa_verified({session_id}, 'totp')",
                f"session_service.set_session_scopes({session_id}, ARRAY['a', 'b'])",
                f"session_service.set_session_metadata({session_id}, '{{\"a\": 1}}')",
                f"session_service.patch_session_metadata({session_id}, '{{\"b\": 1}}')",
            ]
        )
        return Change(f"SELECT {call} AS answer")

    def choose_end(self, user):
        function = self.random.choice(["reuse", "one", "of_user", "by_token", "all", "others", "device", "forget"])
        if function == "all":
            live = user.live()
            return End("revoke_all_user_sessions", f"{literal(user.id)}, 'by all'", user, live, "by all", len(live))
        picked = self.pick("spent") if function == "reuse" else self.pick("token", "refresh_token")
        return getattr(self, f"end_{function}")(*picked) if picked else None

    def end_reuse(self, user, session):
        return Reuse(user, session)

    def end_one(self, user, session):
        return End("revoke_session", f"{literal(session.id)}, 'by id'", user, [session], "by id", True)

    def end_of_user(self, user, session):
        ids = f"{literal(user.id)}, {literal(session.id)}"
        return End("revoke_user_session", f"{ids}, 'of user'", user, [session], "of user", True)

    def end_by_token(self, user, session):
        token = self.random.choice([session.token, session.refresh_token])
        return End("revoke_session_by_token", f"{literal(token)}, 'by token'", user, [session], "by token", True)

    def end_others(self, user, session):
        ids = f"{literal(user.id)}, {literal(session.id)}"
        others = [other for other in user.live() if other is not session]
        return End("revoke_all_user_sessions_except", f"{ids}, 'others'", user, others, "others", len(others))

    def end_device(self, user, session):
        ids = f"{literal(user.id)}, {literal(session.device_id)}"
        ends = [other for other in user.live() if other.device_id == session.device_id]
        return End("revoke_device_sessions", f"{ids}, 'by device'", user, ends, "by device", len(ends))

    def end_forget(self, user, session):
        ids = f"{literal(user.id)}, {literal(session.device_id)}"
        ends = [other for other in user.live() if other.device_id == session.device_id]
        return End("forget_device", ids, user, ends, "Device signed out", True)

    # --- what must be stored

    def settle_alone(self, pid):
        """After it lost its own connection only: once what was under way there has ended."""
        self.asking = "comparing"
        connection = Connection(self.load.admin)
        deadline = time.monotonic() + 120
        under_way = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND application_name = 'load'"
        while pid and connection.value(under_way) != "0":
            expect(time.monotonic() < deadline, "a backend does not end")
            time.sleep(0.002)
        self.settle(connection)
        connection.close()

    def settle(self, connection):
        users = [user.id for user in self.users] + self.deleted
        stored = Stored(connection, users)
        if self.doubt:
            doubt, self.doubt = self.doubt, None
            happened = doubt.settle(stored, connection)
            self.count("in doubt, happened" if happened else "in doubt, did not happen")
            stored = Stored(connection, [user.id for user in self.users] + self.deleted)
        self.compare(stored)
        self.compare_tokens(connection)
        if self.deleted:
            of_deleted = f"user_id = ANY ({array(self.deleted, 'uuid')})"
            for table in ("users", "sessions", "devices", "events"):
                left = connection.value(f"SELECT count(*) FROM session_service.{table} WHERE {of_deleted}")
                expect(left == "0", f"{left} rows of deleted users in {table}")

    def compare(self, stored):
        known = {}
        for user in self.users:
            known.update(user.sessions)
        for session_id, session in known.items():
            row = stored.rows.get(session_id)
            expect(row is not None, f"a session is lost: {session_id}")
            reason = stored.reason(session_id)
            expect(reason == session.ended, f"session {session_id} is ended by {reason}, not by {session.ended}")
            self.count("sessions compared")
        for session_id in stored.rows:
            expect(session_id in known, f"a session that nobody made: {session_id}")

    def compare_tokens(self, connection):
        live, dead, refresh = [], list(self.worthless), []
        for user in self.users:
            for session in user.sessions.values():
                tokens = [token for token in (session.token, session.refresh_token) if token]
                dead += session.replaced
                if session.ended is not None:
                    dead += tokens
                else:
                    live += [session.token] if session.token else []
                    refresh += [session.refresh_token] if session.refresh_token else []
        if live:
            expect(alive(connection, live) == len(live), "a live token is refused")
        if dead:
            expect(alive(connection, dead) == 0, "a dead token is accepted")
            expect(active(connection, dead) == 0, "a dead token is active")
        if refresh:
            expect(active(connection, refresh) == len(refresh), "a live refresh token is refused")
        self.count("tokens compared", len(live) + len(dead) + len(refresh))
        repeatable = [(user, s) for user, s in self.live_with("previous", "token") if s.is_repeatable]
        for user, session in repeatable[:3]:
            retry = Retry(user, session)
            retry.check(ask(connection, retry.call))
            self.count("retries compared")

    def compare_shared(self, connection):
        for ids, condition in ((self.shared_created, "true"), (self.shared_evicted, "revoked_at IS NOT NULL")):
            if ids:
                of_these = f"id = ANY ({array(ids, 'uuid')}) AND {condition}"
                query = f"SELECT count(*) FROM session_service.sessions WHERE {of_these}"
                missing = len(set(ids)) - int(connection.value(query))
                expect(missing == 0, f"{missing} shared sessions are not as answered")

    def count(self, what, number=1):
        self.counts[what] += number


# --- who interrupts


class Interrupter(threading.Thread):
    """Cancels statements and terminates backends at random moments."""

    def __init__(self, load):
        super().__init__(daemon=True)
        self.load = load
        self.random = random.Random(f"{load.seed} interrupter")
        self.counts = Counter()

    def run(self):
        connection = Connection(self.load.admin)
        while True:
            self.load.is_running.wait()
            function = "pg_terminate_backend" if self.random.random() < 0.1 else "pg_cancel_backend"
            done = connection.ask(
                f"SELECT {function}(pid) FROM pg_stat_activity "
                "WHERE application_name = 'load' AND state = 'active' ORDER BY random() LIMIT 1"
            )
            self.counts[function] += len(done)
            time.sleep(self.random.random() * 0.01)


class Load:
    client = Client

    def __init__(self, options):
        self.conninfo = options["conninfo"]
        self.admin = f"{self.conninfo} application_name=verify user={options['admin']}"
        self.allowed = set(options.get("allowed", []))
        self.reconnects = options.get("reconnects", False)
        self.interrupts = options.get("interrupts", False)
        self.seed = options["seed"]
        self.levels = options["levels"]
        self.mix = options["mix"]
        self.shared = [str(uuid.uuid4()) for _ in range(3)]
        self.acknowledged = 0
        self.answered = 0
        self.turn = 0
        self.is_running = threading.Event()
        self.clients = [self.client(self, number) for number in range(options["clients"])]
        self.interrupter = Interrupter(self) if self.interrupts else None
        for thread in self.clients + [self.interrupter] * self.interrupts:
            thread.start()

    def told(self):
        counts = sum((client.counts for client in self.clients), Counter())
        if self.interrupter:
            counts += self.interrupter.counts
        return {
            "problems": [problem for client in self.clients for problem in client.problems],
            "acknowledged": self.acknowledged,
            "counts": dict(counts),
        }

    def start(self):
        self.turn += 1
        self.is_running.set()
        return self.told()

    def wait(self, operations):
        """Until so many more operations are answered, or every client has stopped."""
        target = self.answered + operations
        self.wait_until(
            lambda: self.answered >= target or all(client.turn == self.turn for client in self.clients),
            f"{operations} operations are waited for, and none is answered",
        )
        return self.told()

    def stop(self):
        self.is_running.clear()
        self.wait_until(lambda: all(client.is_idle.is_set() for client in self.clients), "clients do not stop")
        return self.told()

    def wait_until(self, condition, what):
        answered, deadline = self.answered, time.monotonic() + PATIENCE
        while not condition():
            if self.answered != answered:
                answered, deadline = self.answered, time.monotonic() + PATIENCE
            if time.monotonic() > deadline:
                raise Stuck(f"{what} for {PATIENCE} seconds\n{self.whereabouts()}")
            time.sleep(0.002)

    def whereabouts(self):
        """What each client is at, and what the server says of it."""
        lines = [problem for client in self.clients for problem in client.problems]
        lines += [
            f"client {client.number}, process {client.connection and client.connection.pid}: {client.asking}"
            for client in self.clients
            if not client.is_idle.is_set()
        ]
        try:
            server = Connection(f"{self.admin} connect_timeout=10 options='-c statement_timeout=10s'")
            activity = server.ask(
                "SELECT pid, state, concat_ws(' ', wait_event_type, wait_event), pg_blocking_pids(pid) "
                "FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid"
            )
            lines += [
                f"process {pid}: {state}, waits for {event or 'nothing'}, behind {others}"
                for pid, state, event, others in activity
            ]
        except (Failed, Lost) as error:
            lines.append(f"the server does not tell: {error}")
        return "\n".join(lines)

    def settle(self):
        """Everything is as was answered. Only while no client works."""
        connection = Connection(self.admin)
        self.compare(self.clients, connection)
        over = self.over_the_limit(connection)
        connection.close()
        told = self.told()
        if over != "0":
            told["problems"].append(f"{over} users over the limit")
        return told

    def compare(self, clients, connection):
        for client in clients:
            try:
                client.settle(connection)
                client.compare_shared(connection)
            except (Wrong, Failed, Lost) as error:
                client.problem(str(error))

    def over_the_limit(self, connection):
        return connection.value(
            "SELECT count(*) FROM (SELECT FROM session_service.sessions WHERE revoked_at IS NULL "
            f"GROUP BY user_id HAVING count(*) > {LIMIT}) u"
        )


def main(kind=Load):
    load = kind(json.loads(sys.argv[1]))
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "quit":
            break
        try:
            told = getattr(load, command)(*map(int, arguments))
        except Stuck as stuck:
            told = {"stuck": str(stuck)}
        print(json.dumps(told), flush=True)
    # Its threads may wait for a server that is gone.
    os._exit(0)


if __name__ == "__main__":
    main()
