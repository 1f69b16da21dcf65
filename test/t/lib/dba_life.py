"""A life: every function of the extension that reads or writes a table, called once or more on sessions that were
made beforehand, each step on a user of its own. So a step that the server refuses is nothing to the next one.

    fixture = make_fixture(owner)      # users, sessions and devices, one or two for each step
    stored = stored_rows(owner)        # all of their rows, which restore() puts into tables that were made anew
    life(cell)                         # calls the steps, and notes in cell.problems what was wrong

A step says what the answer is, and what must be stored after it. What else may come of it, an error or "no", the kind
of object says that a DBA added (dba_kinds.py). A yes must be true in every case: see Step.holds.
"""

import datetime
import hashlib
import json
import uuid

import psycopg

from dba_kinds import States
from every_function import SCHEMA, every_function, good_call, without_chance
from proofs import Key, dbsc_proof, dpop_proof

TABLES = ("users", "devices", "sessions", "events", "imported_tokens", "external_sessions", "access_levels")
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# The key of every client that has one, and a request.
KEY = Key.es256()
REQUEST = ("GET", "https://api.example/v1")
LARGE = {"large": hashlib.shake_256(b"large").hexdigest(3500)}


def user_of(name):
    return uuid.uuid5(uuid.NAMESPACE_OID, name)


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


def described(error):
    return f"{error.sqlstate} {str(error).splitlines()[0][:300]}"


# --- what is there before a life begins

# Users who come only during a life.
NEWCOMERS = ("a new user", "an imported user", "a user with a limit of his own")
# Users of one session, of a device with a key.
ORDINARY = (
    "validated",
    "validated alone",
    "in REPEATABLE READ",
    "in SERIALIZABLE",
    "read-only",
    "rolled back",
    "prepared",
    "validated and revoked",
    "validated many times",
    "validated by hash",
    "one of many",
    "authenticated",
    "introspected",
    "listed",
    "refreshed",
    "rotated",
    "extended",
    "revoked now",
    "revoked by its user",
    "revoked by token",
    "revoked by refresh token",
    "of a device",
    "verified",
    "verified by token",
    "unverified",
    "checked again",
    "of a provider",
    "disabled",
    "found",
    "with other scopes",
    "with other metadata",
    "touched",
    "to be trusted",
    "trusted",
    "to be renamed",
    "to be forgotten",
    "with a new limit",
    "limited",
    "known",
    "for other functions",
    "to be deleted",
    "expired",
    "over",
    "idle",
    "revoked",
    "old",
    "inactive",
    "retried",
    "spent",
    "large",
    "challenged",
    "to be bound",
    "to be bound for requests",
    "bound",
    "bound and robbed",
    "bound for requests",
    "bound for requests and robbed",
    "to overlap",
    "overlapping",
)
# Users of two.
WITH_ANOTHER = ("two", "all of a user's", "all but one", "imported", "imported and refreshed")
WITH_IMPORTED = ("imported", "imported and refreshed", "to be deleted")
BOUND = {
    "bound": "dbsc",
    "bound and robbed": "dbsc",
    "bound for requests": "dpop",
    "bound for requests and robbed": "dpop",
}
OF_A_PROVIDER = ("of a provider", "over", "to be deleted")


class Made(dict):
    """What every_function.py needs to call a function for a user; its values are attributes too."""

    def __getattr__(self, name):
        if name not in self:
            raise AttributeError(name)
        return self[name]


def make_session(owner, name, key):
    metadata = json.dumps(LARGE if name == "large" else {"a": 1})
    row = owner.execute(
        f"""
        SELECT session_id, token, refresh_token, device_id FROM {SCHEMA}create_session(%s, 'a device', %s, '192.0.2.1',
            '{{read}}', %s, %s, external_id => %s)""",
        (user_of(name), AGENT, key, metadata, name if name in OF_A_PROVIDER else None),
    ).fetchone()
    made = Made(zip(("session_id", "token", "refresh_token", "device_id"), row))
    made.update(
        user_id=user_of(name),
        device_key=key,
        role="grantee",
        new_token=f"new token of {name}",
        new_refresh_token=f"new refresh token of {name}",
    )
    return made


# Times in the past. An hour is less than the distance of this server's time zone from UTC. What purge_after has is an
# index's; activity after 40 days moves it.
TIMES = {
    "expired": """created_at = now() - interval '2 days', last_activity_at = now() - interval '1 day',
        expires_at = now() - interval '1 hour'""",
    "over": """created_at = now() - interval '80 days', last_activity_at = now() - interval '79 days',
        expires_at = now() - interval '60 days', refresh_expires_at = now() - interval '50 days',
        idle_expires_at = now() - interval '40 days',
        purge_after = date_trunc('day', now() - interval '60 days', 'UTC')""",
    "idle": """created_at = now() - interval '20 days', last_activity_at = now() - interval '10 days',
        idle_expires_at = now() - interval '1 hour',
        purge_after = date_trunc('day', now() - interval '1 hour', 'UTC')""",
    "old": """created_at = now() - interval '41 days', last_activity_at = now() - interval '40 days',
        idle_expires_at = now() + interval '20 days',
        purge_after = date_trunc('day', now() + interval '20 days', 'UTC')""",
}
TIMES["inactive"] = TIMES["old"]
# In the future: no setting is as long as a life may be.
TIMES["overlapping"] = "replaced_token_until = now() + interval '1 day'"


def proof_to_bind(protocol, token, challenge):
    return dbsc_proof(KEY, challenge) if protocol == "dbsc" else dpop_proof(KEY, *REQUEST, token)


def make_fixture(owner):
    """By name, what is Made."""
    fixture = {name: make_session(owner, name, f"the key of {name}") for name in ORDINARY}
    for name in WITH_ANOTHER:
        fixture[name] = make_session(owner, name, "a key")
        fixture[name]["other"] = make_session(owner, name, "another key")
    for name in WITH_IMPORTED:
        made = fixture[name]
        made.update(imported=f"token of {name}", imported_refresh=f"refresh token of {name}")
        made["imported_id"] = owner.execute(
            f"""
            SELECT {SCHEMA}import_session(%s, %s, now() + '20 days', %s, device_key => 'a key')""",
            (digest(made.imported), made.user_id, digest(made.imported_refresh)),
        ).fetchone()[0]
    for name, times in (("retried", 1), ("spent", 2)):
        made = fixture[name]
        made["spent"] = made.refresh_token
        for _ in range(times):
            made["token"], made["refresh_token"] = owner.execute(
                f"SELECT token, refresh_token FROM {SCHEMA}refresh_session(%s)", (made.refresh_token,)
            ).fetchone()
    for name, protocol in BOUND.items():
        token = fixture[name].token
        challenge = owner.execute(f"SELECT {SCHEMA}session_challenge(%s)", (token,)).fetchone()[0]
        proof = proof_to_bind(protocol, token, challenge)
        owner.execute(f"SELECT {SCHEMA}bind_session(%s, %s, %s, %s)", (token, proof, *REQUEST))
    made = fixture["overlapping"]
    made["replaced"] = made.token
    with owner.transaction():
        owner.execute("SET LOCAL session_service.token_overlap = '1min'")
        made["token"], made["refresh_token"] = owner.execute(
            f"SELECT token, refresh_token FROM {SCHEMA}refresh_session(%s)", (made.refresh_token,)
        ).fetchone()
    for name in ("trusted", "verified"):
        owner.execute(f"SELECT {SCHEMA}trust_device(%s, %s)", (user_of(name), fixture[name].device_id))
    owner.execute(f"SELECT {SCHEMA}set_user_session_limit(%s, 1)", (user_of("limited"),))
    owner.execute(f"SELECT {SCHEMA}mark_mfa_verified(%s, 'totp')", (fixture["unverified"].session_id,))
    owner.execute(f"SELECT {SCHEMA}revoke_session(%s, 'a reason')", (fixture["revoked"].session_id,))
    for name, times in TIMES.items():
        owner.execute(f"UPDATE {SCHEMA}sessions SET {times} WHERE user_id = %s", (user_of(name),))
    # A device and events that cleanup deletes. The id of an event begins with its milliseconds.
    owner.execute(
        f"""
        UPDATE {SCHEMA}devices SET first_seen_at = now() - interval '90 days',
            last_seen_at = now() - interval '80 days', purge_after = now() - interval '80 days'
        WHERE user_id = %s""",
        (user_of("over"),),
    )
    owner.execute(
        f"""
        UPDATE {SCHEMA}events SET at = at - interval '80 days', id = (lpad(to_hex(
            ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint - 80 * 86400000::bigint), 12, '0')
            || substr(replace(id::text, '-', ''), 13))::uuid WHERE user_id = %s""",
        (user_of("over"),),
    )
    return fixture


def stored_rows(owner):
    # Not of access_levels: what was granted is in the catalogue too.
    return {
        table: owner.execute(f"SELECT json_agg(t) FROM {SCHEMA}{table} t").fetchone()[0]
        for table in TABLES
        if table != "access_levels"
    }


def restore(owner, stored):
    """Into the tables of an extension that was created anew."""
    for table, rows in stored.items():
        records = f"json_populate_recordset(NULL::{SCHEMA}{table}, %s)"
        owner.execute(f"INSERT INTO {SCHEMA}{table} SELECT * FROM {records}", (json.dumps(rows),))
    owner.execute(f"SELECT {SCHEMA}grant_access('app', 'admin'), {SCHEMA}grant_access('revokee', 'validate')")


# --- steps

# What somebody's lock does not let the owner see.
UNSEEN = "unseen"


class Ended(Exception):
    """The rest of a step has nothing to stand on."""


class Step:
    """What a step is given: the connections of its cell, and ways to say what must come of its calls. In the owner's
    queries {s} stands for the schema."""

    def __init__(self, name, cell):
        self.name, self.cell, self.kind = name, cell, cell.kind

    def problem(self, what):
        self.cell.problems.append(f"{self.name}: {what}")

    def ask(self, sql, *parameters):
        """Rows of a statement of the application's, in a transaction of its own where there is none."""
        cursor = self.cell.app.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []

    def call(self, function, *parameters, show="*"):
        marks = ", ".join(["%s"] * len(parameters))
        return self.ask(f"SELECT {show} FROM {SCHEMA}{function}({marks})", *parameters)

    def ids(self, function, *parameters, show="session_id"):
        return [row[0] for row in self.call(function, *parameters, show=show)]

    def value(self, function, *parameters, show="*"):
        rows = self.call(function, *parameters, show=show)
        return rows[0][0] if rows else None

    def challenge(self, token):
        challenge = self.value("session_challenge", token)
        self.says(challenge is not None, True)
        return challenge

    def stored(self, sql, *parameters):
        """A value as the owner sees it, or UNSEEN."""
        try:
            row = self.cell.owner.execute(sql.replace("{s}", SCHEMA), parameters).fetchone()
        except psycopg.errors.LockNotAvailable:
            return UNSEEN
        return row[0] if row else None

    def of_session(self, session_id, expression, *parameters):
        return self.stored(f"SELECT {expression} FROM {{s}}sessions s WHERE s.id = %s", *parameters, session_id)

    def says(self, answer, expected):
        """Ends the step where the answer is another, which is "no" where the kind allows that."""
        is_same = answer == expected and isinstance(answer, bool) == isinstance(expected, bool)
        if is_same or UNSEEN in (answer, expected):
            return
        is_no = answer in (None, False, 0, [], "")
        if not (self.kind.says_no and is_no or self.kind.hides and self.name in SHOWING):
            self.problem(f"answers {without_chance(answer)}, and not {without_chance(expected)}"[:400])
        raise Ended

    def holds(self, what, sql, *parameters):
        """After a yes: what must be stored."""
        if self.stored(f"SELECT coalesce(({sql}), false)", *parameters) not in (True, UNSEEN):
            self.problem(f"says yes, but not: {what}")

    def session_holds(self, session_id, what, condition, *parameters):
        self.holds(what, f"SELECT {condition} FROM {{s}}sessions s WHERE s.id = %s", *parameters, session_id)

    def tokens_are_stored(self, session_id, token, refresh_token=None):
        """Of tokens that were handed out."""
        # As a bytea it would begin with \x.
        is_stored = "ltrim(s.{}::text, '\\x') = %s"
        self.session_holds(session_id, "the session token is stored", is_stored.format("token_hash"), digest(token))
        if refresh_token is not None:
            is_stored = is_stored.format("refresh_hash")
            self.session_holds(session_id, "the refresh token is stored", is_stored, digest(refresh_token))

    @property
    def is_whole(self):
        """Whether nothing may be missing of what a call does besides."""
        return not self.kind.says_no


STEPS = []  # in their order: (name, functions, what to do)


def step(name, *functions):
    def add(body):
        STEPS.append((name, functions, body))
        return body

    return add


# What only reads comes first: the answers are those of the fixture.


def add_step_of_an_ended_session(name, state):
    @step(f"validate_session, {name}", "validate_session", "introspect_token", "get_session")
    def validate(s, f):
        s.says(s.call("validate_session", f[name].token), [])
        s.says(s.value("introspect_token", f[name].token), {"active": False})
        s.says(s.call("get_session", f[name].session_id, show="status::text, is_active"), [(state, False)])


for ended, state_of_it in (("expired", "expired"), ("over", "expired"), ("idle", "idle"), ("revoked", "revoked")):
    add_step_of_an_ended_session(ended, state_of_it)


@step("validate_user", "validate_user")
def validate_user(s, f):
    s.says(s.value("validate_user", f["listed"].token), f["listed"].user_id)
    s.says(s.value("validate_user", f["revoked"].token), None)


@step("validate_session_hash", "validate_session_hash")
def validate_session_hash(s, f):
    of = f["validated by hash"]
    s.says(s.call("validate_session_hash", of.session_id, digest(f["listed"].token)), [])
    s.says(s.ids("validate_session_hash", of.session_id, digest(of.token)), [of.session_id])


@step("validate_session, the token before", "validate_session", "validate_user")
def validate_overlapping(s, f):
    of = f["overlapping"]
    s.says(s.ids("validate_session", of.replaced), [of.session_id])
    s.says(s.value("validate_user", of.token), of.user_id)


@step("session_challenge", "session_challenge")
def challenge(s, f):
    s.says([s.value("session_challenge", f[name].token) for name in ("expired", "revoked", "bound")], [None] * 3)
    s.says(len(s.challenge(f["challenged"].token)), 54)
    s.says(len(s.challenge(f["bound"].refresh_token)), 54)
    s.says(len(s.challenge(f["bound for requests"].token)), 54)


@step("validate_sessions", "validate_sessions")
def validate_sessions(s, f):
    names = ("one of many", "expired", "validated by hash", "revoked", "idle", "listed")
    rows = s.call("validate_sessions", [f[name].token for name in names], show="token_index, session_id")
    s.says(sorted(rows), [(place, f[names[place - 1]].session_id) for place in (1, 3, 6)])


@step("introspect_token", "introspect_token")
def introspect(s, f):
    of = f["introspected"]
    answer = s.value("introspect_token", of.token) or {}
    s.says(answer.get("active", False), True)
    s.says([answer.get(key) for key in ("sub", "scope", "jti")], [str(of.user_id), "read", str(of.session_id)])
    is_expiry = "floor(extract(epoch FROM s.expires_at::timestamptz)) = %s"
    s.session_holds(of.session_id, "the expiry", is_expiry, answer["exp"])


@step(
    "authenticate",
    "authenticate",
    "current_session_id",
    "current_user_id",
    "current_scopes",
    "has_scope",
    "is_mfa_verified",
)
def authenticate(s, f):
    of = f["authenticated"]
    with s.cell.app.transaction():
        s.says(s.ids("authenticate", of.token), [of.session_id])
        s.says(
            [
                s.value("current_session_id"),
                s.value("current_user_id"),
                s.value("current_scopes"),
                s.value("has_scope", "read"),
                s.value("is_mfa_verified"),
            ],
            [of.session_id, of.user_id, ["read"], True, False],
        )


@step(
    "lists",
    "get_session",
    "get_user_session",
    "list_user_sessions",
    "list_inactive_sessions",
    "list_mfa_verified_sessions",
)
def lists(s, f):
    of, two = f["listed"], f["two"]
    shown = "id, scopes, metadata, host(ip_address), device_name, status::text"
    s.says(
        s.call("get_session", of.session_id, show=shown),
        [(of.session_id, ["read"], {"a": 1}, "192.0.2.1", "a device", "active")],
    )
    s.says(s.ids("get_user_session", of.user_id, of.session_id, show="id"), [of.session_id])
    s.says(s.call("get_user_session", two.user_id, of.session_id), [])
    s.says(s.ids("list_user_sessions", two.user_id, show="id"), [two.other.session_id, two.session_id])
    s.says(s.value("list_user_sessions", f["revoked"].user_id, None, True, show="count(*)"), 1)
    s.says(
        sorted(s.ids("list_inactive_sessions", datetime.timedelta(days=30), show="id")),
        sorted([f["old"].session_id, f["inactive"].session_id]),
    )
    s.says(s.ids("list_mfa_verified_sessions", f["unverified"].user_id, show="id"), [f["unverified"].session_id])


ACTIVE = """
    SELECT count(*) FROM {s}sessions s WHERE s.revoked_at IS NULL AND NOT s.is_closed
        AND s.expires_at > clock_timestamp() AND (s.idle_expires_at IS NULL OR s.idle_expires_at > clock_timestamp())"""


@step("counts", "count_user_sessions", "count_active_sessions", "user_epoch")
def counts(s, f):
    s.says(s.value("count_user_sessions", f["two"].user_id), 2)
    s.says(s.value("count_user_sessions", f["expired"].user_id), 0)
    s.says(s.value("count_active_sessions"), s.stored(ACTIVE))
    of = f["revoked"]
    s.says(s.value("user_epoch", of.user_id), s.stored("SELECT epoch FROM {s}users WHERE user_id = %s", of.user_id))


@step("devices", "list_user_devices", "is_known_device", "is_trusted_device")
def devices(s, f):
    of, other = f["trusted"], f["listed"]
    s.says(
        s.call("list_user_devices", of.user_id, show="id, name, browser, is_trusted, active_sessions"),
        [(of.device_id, "a device", "Firefox", True, 1)],
    )
    s.says(s.value("is_known_device", of.user_id, of.device_key), True)
    s.says(s.value("is_known_device", of.user_id, "no key"), False)
    s.says(s.value("is_trusted_device", of.user_id, of.device_key), True)
    s.says(s.value("is_trusted_device", other.user_id, other.device_key), False)


@step("events", "list_events", "list_all_events")
def events(s, f):
    of = f["revoked"]
    s.says(
        s.call("list_events", of.user_id, None, 1, show="kind, session_id, reason"),
        [("session.revoked", of.session_id, "a reason")],
    )
    s.says(
        s.value(
            "list_events", of.user_id, None, 1, s.value("list_events", of.user_id, None, 1, show="id"), show="kind"
        ),
        s.stored("SELECT kind FROM {s}events WHERE user_id = %s ORDER BY id DESC OFFSET 1 LIMIT 1", of.user_id),
    )
    s.says(s.value("list_all_events", None, 10000, show="count(*)"), s.stored("SELECT count(*) FROM {s}events"))


# Validations, each with activity due. They succeed whatever was added to the tables, and so does COMMIT.


def in_transaction(s, of, *, proof=None, mode="", after=None, ended_by="COMMIT", may_fail=States(), is_recorded=None):
    """A validation, of a request with a proof where there is one, in a transaction with work of the caller's.
    `is_recorded` tells whether the activity must be stored then, must not be, or is either (None). What follows is a
    call of the function `after` for the session, and the end; both may fail with the states `may_fail`."""
    app, work = s.cell.app, None
    seen = "concat(s.last_activity_at, host(s.ip_address::inet))"
    before = s.of_session(of.session_id, seen)
    place = "BEGIN"
    try:
        app.execute(f"BEGIN {mode}")
        if "READ ONLY" not in mode:
            work = f"{s.name} {uuid.uuid4()}"
            app.execute("INSERT INTO work.done VALUES (%s)", (work,))
            if s.kind.needs_foreign:
                app.execute("INSERT INTO work.done_elsewhere VALUES (%s)", (work,))
        place = "the call"
        if proof:
            rows = s.call("validate_session_proof", of.token, proof, *REQUEST, "192.0.2.7")
        else:
            rows = s.call("validate_session", of.token, "192.0.2.7")
        place = "what follows"
        if after:
            s.call(after, of.session_id)
        place = ended_by.split()[0]
        app.execute(ended_by)
    except psycopg.Error as error:
        if app.closed:
            raise
        app.execute("ROLLBACK")
        if error.sqlstate not in (s.kind.validation_refuses if place == "the call" else may_fail):
            s.problem(f"{place} fails: {described(error)}")
        raise Ended from error
    if place == "PREPARE":
        app.execute(ended_by.replace("PREPARE TRANSACTION", "COMMIT PREPARED"))
    if work:
        s.cell.finished.append(work)
    s.says([row[:3] for row in rows], [(of.session_id, of.user_id, of.device_id)])
    now = s.of_session(of.session_id, seen)
    if is_recorded is not None and UNSEEN not in (before, now) and (now != before) is not is_recorded:
        s.problem(f"the activity is {'left out' if is_recorded else 'recorded'}")
    return rows[0]


def validates(s, body):
    """What `body` gives, which is one statement or block with a validation. Nothing tells whether the call failed or
    COMMIT."""
    try:
        return body()
    except psycopg.Error as error:
        if s.cell.app.closed:
            raise
        if error.sqlstate not in s.kind.validation_refuses:
            s.problem(f"fails: {described(error)}")
        raise Ended from error


@step("validate_session", "validate_session")
def validate(s, f):
    row = in_transaction(s, f["validated"], is_recorded=s.kind.records or None)
    s.says(list(row[3:6]), [["read"], {"a": 1}, False])


@step("validate_session_proof", "validate_session_proof")
def validate_proof(s, f):
    of = f["bound for requests"]
    in_transaction(s, of, proof=dpop_proof(KEY, *REQUEST, of.token), is_recorded=s.kind.records or None)
    s.says(s.call("validate_session", of.token), [])


def is_noted_as_rejected(s, of):
    if s.is_whole:
        s.session_holds(of.session_id, "it goes on", "s.revoked_at IS NULL")
        # Where somebody holds the table it is left out.
        if not s.kind.holder:
            s.holds(
                "its event is stored, once",
                """
                SELECT count(*) = 1 FROM {s}events WHERE session_id = %s AND kind = 'session.proof_rejected'""",
                of.session_id,
            )


@step("validate_session_proof, refused", "validate_session_proof")
def refuse_proof(s, f):
    of = f["bound for requests and robbed"]
    for proof in (None, "a.b.c", dpop_proof(Key.es256(), *REQUEST, of.token)):
        s.says(s.call("validate_session_proof", of.token, proof, *REQUEST), [])
    is_noted_as_rejected(s, of)


@step("refresh_session, bound, without a proof", "refresh_session")
def refuse_without_proof(s, f):
    of = f["bound and robbed"]
    for proof in (None, dbsc_proof(Key.es256(), s.challenge(of.refresh_token))):
        s.says(s.call("refresh_session", of.refresh_token, None, None, proof), [])
    is_noted_as_rejected(s, of)


@step("validate_session, on its own", "validate_session")
def validate_alone(s, f):
    of = f["validated alone"]
    before = s.of_session(of.session_id, "s.last_activity_at::text")
    s.says(validates(s, lambda: s.ids("validate_session", of.token, "2001:db8::7")), [of.session_id])
    if s.kind.records and UNSEEN != before == s.of_session(of.session_id, "s.last_activity_at::text"):
        s.problem("the activity is left out")


@step("validate_session, REPEATABLE READ", "validate_session")
def validate_repeatable_read(s, f):
    in_transaction(s, f["in REPEATABLE READ"], mode="ISOLATION LEVEL REPEATABLE READ")


@step("validate_session, SERIALIZABLE", "validate_session")
def validate_serializable(s, f):
    in_transaction(s, f["in SERIALIZABLE"], mode="ISOLATION LEVEL SERIALIZABLE")


@step("validate_session, READ ONLY", "validate_session")
def validate_read_only(s, f):
    in_transaction(s, f["read-only"], mode="READ ONLY", is_recorded=False)


@step("validate_session, rolled back to a savepoint", "validate_session")
def validate_savepoint(s, f):
    of = f["rolled back"]
    before = s.of_session(of.session_id, "s.last_activity_at::text")

    def block():
        with s.cell.app.transaction():
            s.ask("SAVEPOINT a")
            found = s.ids("validate_session", of.token)
            s.ask("ROLLBACK TO a")
            return found

    s.says(validates(s, block), [of.session_id])
    s.session_holds(of.session_id, "what was rolled back is not recorded", "s.last_activity_at::text = %s", before)


@step("validate_session, PREPARE TRANSACTION", "validate_session")
def validate_prepared(s, f):
    ending = f"PREPARE TRANSACTION '{s.cell.database}'"
    in_transaction(s, f["prepared"], ended_by=ending, may_fail=s.kind.prepare_refuses)


@step("validate_session, then revoke_session", "validate_session", "revoke_session")
def validate_and_revoke(s, f):
    of = f["validated and revoked"]
    in_transaction(s, of, after="revoke_session", may_fail=s.kind.refuses)
    if s.is_whole:
        s.session_holds(of.session_id, "it is revoked", "s.revoked_at IS NOT NULL")


@step("validate_session, after 40 days", "validate_session")
def validate_old(s, f):
    in_transaction(s, f["old"], is_recorded=s.kind.records or None)


@step("validate_session, with much metadata", "validate_session")
def validate_large(s, f):
    s.says(in_transaction(s, f["large"], is_recorded=s.kind.records or None)[4], LARGE)


@step("validate_session, until the page is full", "validate_session")
def validate_many_times(s, f):
    """While somebody's snapshot is older, no dead version goes, and so not every update is a HOT one."""
    with s.cell.connect() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")
        validates(s, lambda: s.ask("CALL work.validate_many_times(%s, 60)", f["validated many times"].token))


# Sign-ins.


def signs_in(s, user_id, *, key=None, name=None, evicted=0, is_new):
    rows = s.call(
        "create_session",
        user_id,
        name,
        AGENT,
        "192.0.2.8",
        ["read", "write"],
        key,
        '{"b": 2}',
        show="session_id, token, refresh_token, cardinality(evicted_session_ids), is_new_device",
    )
    s.says(len(rows), 1)
    session_id, token, refresh_token, ended, is_new_device = rows[0]
    s.tokens_are_stored(session_id, token, refresh_token)
    s.session_holds(
        session_id,
        "it is the session that was asked for",
        """
        s.user_id = %s AND s.scopes::text = '{read,write}' AND s.metadata::jsonb @> '{"b": 2}'
        AND host(s.ip_address::inet) = '192.0.2.8' AND s.revoked_at IS NULL""",
        user_id,
    )
    if s.is_whole:
        s.says([ended, is_new_device], [evicted, is_new])
        s.holds(
            "its event is stored",
            """
            SELECT count(*) = 1 FROM {s}events e WHERE e.session_id = %s AND e.kind = 'session.created'""",
            session_id,
        )
    s.says(s.ids("validate_session", token), [session_id])


@step("create_session, known user and device", "create_session")
def create_known(s, f):
    for _ in range(2):
        signs_in(s, f["known"].user_id, key=f["known"].device_key, is_new=False)


@step("create_session, new user", "create_session")
def create_new(s, f):
    signs_in(s, user_of("a new user"), key="a new key", name="a new device", is_new=True)


@step("create_session, new device without a key", "create_session")
def create_on_new_device(s, f):
    signs_in(s, f["known"].user_id, is_new=True)


@step("create_session, over the limit", "create_session")
def create_evicting(s, f):
    of = f["limited"]
    signs_in(s, of.user_id, key="a key", evicted=1, is_new=True)
    if s.is_whole:
        s.session_holds(of.session_id, "the one before is revoked", "s.revoked_at IS NOT NULL")
        s.session_holds(of.session_id, "and why", "s.revoke_reason = 'Session limit exceeded'")


@step("create_session, of a provider", "create_session", "find_external_sessions", "revoke_external_sessions")
def create_external(s, f):
    of = f["of a provider"]
    made = s.ask(
        f"SELECT session_id FROM {SCHEMA}create_session(%s, device_key => %s, external_id => 'another')",
        of.user_id,
        of.device_key,
    )
    s.says(s.ids("find_external_sessions", "another", show="id"), [row[0] for row in made])
    s.says(s.value("revoke_external_sessions", "of a provider"), 1)
    if s.is_whole:
        s.session_holds(of.session_id, "it is revoked", "s.revoked_at IS NOT NULL")


@step("create_session, then ROLLBACK", "create_session")
def create_and_roll_back(s, f):
    s.ask("BEGIN")
    s.call("create_session", f["known"].user_id)
    s.ask("ROLLBACK")


# Renewals.

PAIR = "session_id, token, refresh_token"


@step("refresh_session", "refresh_session", "rotate_session_token")
def refresh(s, f):
    of = f["refreshed"]
    rows = s.call("refresh_session", of.refresh_token, "192.0.2.9", "another agent", show=f"{PAIR}, repeated")
    s.says([(row[0], row[3]) for row in rows], [(of.session_id, False)])
    s.tokens_are_stored(*rows[0][:3])
    s.says(s.call("validate_session", of.token), [])
    s.says(s.ids("validate_session", rows[0][1]), [of.session_id])
    s.says(s.call("refresh_session", of.refresh_token, show=f"{PAIR}, repeated"), [(*rows[0][:3], True)])
    # What a retry derives from goes with the next rotation.
    rotated = s.call("rotate_session_token", rows[0][1], show="session_id, token")
    s.says([row[0] for row in rotated], [of.session_id])
    s.tokens_are_stored(*rotated[0])
    s.session_holds(of.session_id, "the salt is erased", "s.rotation_salt IS NULL")


@step("refresh_session, expired", "refresh_session")
def refresh_expired(s, f):
    of = f["expired"]
    rows = s.call("refresh_session", of.refresh_token, show=PAIR)
    s.says([row[0] for row in rows], [of.session_id])
    s.tokens_are_stored(*rows[0])


@step("refresh_session, again", "refresh_session")
def retry(s, f):
    of = f["retried"]
    s.says(
        s.call("refresh_session", of.spent, show=f"{PAIR}, repeated"),
        [(of.session_id, of.token, of.refresh_token, True)],
    )


@step("refresh_session, reuse", "refresh_session")
def reuse(s, f):
    of = f["spent"]
    s.says(s.call("refresh_session", of.spent), [])
    if s.is_whole:
        s.session_holds(of.session_id, "it is revoked", "s.revoked_at IS NOT NULL")
        s.session_holds(of.session_id, "and why", "s.revoke_reason = 'Refresh token reuse'")
        s.says(s.call("validate_session", of.token), [])


@step("refresh_session, over, revoked or idle", "refresh_session")
def refresh_ended(s, f):
    for name in ("over", "revoked", "idle"):
        s.says(s.call("refresh_session", f[name].refresh_token), [])


@step("reauthenticate_session", "reauthenticate_session")
def reauthenticate(s, f):
    of = f["checked again"]
    rows = s.call("reauthenticate_session", of.token, "gold", ["pwd"], show=PAIR)
    s.says([row[0] for row in rows], [of.session_id])
    s.tokens_are_stored(*rows[0])
    s.says(s.call("validate_session", of.token), [])
    s.says(s.ids("validate_session", rows[0][1]), [of.session_id])


@step("refresh_session, bound", "refresh_session")
def refresh_bound(s, f):
    of, show = f["bound"], f"{PAIR}, repeated"

    def refreshed(proof):
        return s.call("refresh_session", of.refresh_token, None, None, proof, show=show)

    proof = dbsc_proof(KEY, s.challenge(of.refresh_token), jwk=None)
    rows = refreshed(proof)
    s.says([(row[0], row[3]) for row in rows], [(of.session_id, False)])
    s.tokens_are_stored(*rows[0][:3])
    s.says(refreshed(proof), [(*rows[0][:3], True)])
    # The device is there: the token that is spent buys another pair.
    rows = refreshed(dbsc_proof(KEY, s.challenge(of.refresh_token), jwk=None))
    s.says([(row[0], row[3]) for row in rows], [(of.session_id, False)])
    s.tokens_are_stored(*rows[0][:3])
    s.says(s.ids("validate_session", rows[0][1]), [of.session_id])


@step("refresh_session, with an overlap", "refresh_session")
def refresh_with_overlap(s, f):
    of = f["to overlap"]
    with s.cell.app.transaction():
        s.ask("SET LOCAL session_service.token_overlap = '5min'")
        rows = s.call("refresh_session", of.refresh_token, show=PAIR)
    s.says([row[0] for row in rows], [of.session_id])
    s.tokens_are_stored(*rows[0])
    is_kept = "ltrim(s.replaced_token_hash::text, '\\x') = %s AND s.replaced_token_until > now()"
    s.session_holds(of.session_id, "the session token before is kept", is_kept, digest(of.token))
    s.says([s.ids("validate_session", token) for token in (of.token, rows[0][1])], [[of.session_id]] * 2)


def binds(s, of, protocol, binding):
    proof = proof_to_bind(protocol, of.token, s.challenge(of.token))
    rows = [(of.session_id, binding, KEY.thumbprint())]
    for _ in range(2):
        answer = s.call("bind_session", of.token, proof, *REQUEST, show="session_id, binding, key_thumbprint")
        s.says(answer, rows)
    s.session_holds(of.session_id, "its key is stored", "s.bound_key::text::jsonb = %s::jsonb", json.dumps(KEY.jwk()))
    s.session_holds(of.session_id, "and the server's part of challenges", "s.challenge_key IS NOT NULL")
    if s.is_whole:
        s.holds(
            "its event is stored, once",
            """
            SELECT count(*) = 1 FROM {s}events WHERE session_id = %s AND kind = 'session.bound'""",
            of.session_id,
        )
    another = dpop_proof(Key.es256(), *REQUEST, of.token)
    s.says(s.call("bind_session", of.token, another, *REQUEST), [])


@step("bind_session", "bind_session")
def bind(s, f):
    of = f["to be bound"]
    binds(s, of, "dbsc", "refresh")
    is_short = "s.expires_at::timestamptz < now() + interval '11 minutes'"
    s.session_holds(of.session_id, "its token is short-lived", is_short)
    s.says(s.ids("validate_session", of.token), [of.session_id])
    s.says(s.call("refresh_session", of.refresh_token), [])


@step("bind_session, for requests", "bind_session")
def bind_for_requests(s, f):
    of = f["to be bound for requests"]
    binds(s, of, "dpop", "request")
    s.says(s.call("validate_session", of.token), [])
    s.says(s.ids("validate_session_proof", of.token, dpop_proof(KEY, *REQUEST, of.token), *REQUEST), [of.session_id])


@step("rotate_session_token", "rotate_session_token")
def rotate(s, f):
    of = f["rotated"]
    rows = s.call("rotate_session_token", of.token, show="session_id, token")
    s.says([row[0] for row in rows], [of.session_id])
    s.tokens_are_stored(*rows[0])
    s.says(s.call("validate_session", of.token), [])


@step("extend_session", "extend_session")
def extend(s, f):
    of = f["extended"]
    answer = s.value("extend_session", of.session_id, datetime.timedelta(days=35))
    s.says(answer is not None, True)
    is_stored = "abs(extract(epoch FROM s.expires_at::timestamptz - %s)) < 1"
    s.session_holds(of.session_id, "the new expiry is stored", is_stored, answer)
    s.session_holds(of.session_id, "it is later", "s.expires_at::timestamptz > now() + interval '34 days'")


# What a session carries.


@step("mark_mfa_verified", "mark_mfa_verified")
def mark(s, f):
    of = f["verified"]
    s.says(s.value("mark_mfa_verified", of.session_id, "webauthn"), True)
    s.session_holds(of.session_id, "it is verified", "s.mfa_verified_at IS NOT NULL")
    s.session_holds(of.session_id, "and how", "s.mfa_method::text = 'webauthn'")


@step("mark_mfa_verified_by_token", "mark_mfa_verified_by_token")
def mark_by_token(s, f):
    of = f["verified by token"]
    s.says(s.value("mark_mfa_verified_by_token", of.token), True)
    s.session_holds(of.session_id, "it is verified", "s.mfa_verified_at IS NOT NULL")


@step("clear_mfa_verified", "clear_mfa_verified")
def clear(s, f):
    of = f["unverified"]
    s.says(s.value("clear_mfa_verified", of.session_id), True)
    s.session_holds(of.session_id, "it is not verified", "s.mfa_verified_at IS NULL")


@step("set_session_scopes", "set_session_scopes")
def set_scopes(s, f):
    of = f["with other scopes"]
    s.says(s.value("set_session_scopes", of.session_id, ["a", "b"]), True)
    s.session_holds(of.session_id, "they are stored", "s.scopes::text = '{a,b}'")


@step("set_session_metadata", "set_session_metadata")
def set_metadata(s, f):
    of = f["with other metadata"]
    s.says(s.value("set_session_metadata", of.session_id, '{"c": 3}'), True)
    s.session_holds(of.session_id, "it is stored", "s.metadata::jsonb @> '{\"c\": 3}' AND NOT s.metadata::jsonb ? 'a'")


@step("patch_session_metadata", "patch_session_metadata")
def patch_metadata(s, f):
    of = f["with other metadata"]
    s.says(s.value("set_session_metadata", of.session_id, '{"c": 3}'), True)
    s.says(s.value("patch_session_metadata", of.session_id, '{"d": {"e": 4, "f": null}}'), True)
    s.session_holds(of.session_id, "both are stored", 's.metadata::jsonb @> \'{"c": 3, "d": {"e": 4}}\'')


@step("touch_sessions", "touch_sessions")
def touch(s, f):
    of = f["touched"]
    before = s.of_session(of.session_id, "s.last_activity_at")
    s.says(s.value("touch_sessions", [of.session_id, f["revoked"].session_id]), 1)
    s.session_holds(of.session_id, "the activity is stored", "s.last_activity_at > %s", before)


# Devices.


@step("trust_device", "trust_device")
def trust(s, f):
    of = f["to be trusted"]
    s.says(s.value("trust_device", of.user_id, of.device_id), True)
    s.holds(
        "it is trusted",
        """
        SELECT trusted_until > now() + interval '29 days' FROM {s}devices WHERE id = %s""",
        of.device_id,
    )


@step("untrust_device", "untrust_device")
def untrust(s, f):
    of = f["trusted"]
    s.says(s.value("untrust_device", of.user_id, of.device_id), True)
    s.holds(
        "it is not trusted",
        """
        SELECT coalesce(trusted_until <= now(), true) FROM {s}devices WHERE id = %s""",
        of.device_id,
    )


@step("untrust_all_devices", "untrust_all_devices")
def untrust_all(s, f):
    of = f["trusted"]
    s.says(s.value("trust_device", of.user_id, of.device_id), True)
    s.says(s.value("untrust_all_devices", of.user_id), 1)
    s.holds(
        "none is trusted",
        """
        SELECT NOT EXISTS (SELECT FROM {s}devices WHERE user_id = %s AND trusted_until > now())""",
        of.user_id,
    )


@step("rename_device", "rename_device")
def rename(s, f):
    of = f["to be renamed"]
    s.says(s.value("rename_device", of.user_id, of.device_id, "a new name"), True)
    s.holds("the name is stored", "SELECT name = 'a new name' FROM {s}devices WHERE id = %s", of.device_id)


@step("forget_device", "forget_device")
def forget(s, f):
    of = f["to be forgotten"]
    s.says(s.value("forget_device", of.user_id, of.device_id), True)
    s.holds("it is gone", "SELECT NOT EXISTS (SELECT FROM {s}devices WHERE id = %s)", of.device_id)
    if s.is_whole:
        s.holds(
            "its session is over",
            """
            SELECT NOT EXISTS (SELECT FROM {s}sessions WHERE id = %s AND revoked_at IS NULL)""",
            of.session_id,
        )


# Imports, and administration.


@step("disable_user", "disable_user", "is_user_disabled", "enable_user")
def disable(s, f):
    of = f["disabled"]
    s.says(s.value("disable_user", of.user_id), 1)
    s.says(s.call("validate_session", of.token), [])
    s.says(s.value("is_user_disabled", of.user_id), True)
    s.says(s.value("enable_user", of.user_id), True)


@step("revoke_sessions", "list_sessions", "revoke_sessions")
def revoke_found(s, f):
    of = f["found"]
    ids = s.ids("list_sessions", [of.user_id], show="id")
    s.says(s.value("revoke_sessions", [of.user_id]), len(ids))
    s.says(s.ids("list_sessions", [of.user_id], show="id"), [])


@step("set_user_session_limit", "set_user_session_limit")
def set_limit(s, f):
    for user_id in (f["with a new limit"].user_id, user_of("a user with a limit of his own")):
        s.call("set_user_session_limit", user_id, 7)
        if s.is_whole:
            s.holds("the limit is stored", "SELECT max_sessions = 7 FROM {s}users WHERE user_id = %s", user_id)


IMPORT = f"SELECT {SCHEMA}import_session(%s, %s, now() + interval '1 day', %s, device_key => 'a key')"


@step("import_session", "import_session")
def import_session(s, f):
    user_id = user_of("an imported user")
    session_id = s.ask(IMPORT, digest("an import"), user_id, digest("an imported refresh"))[0][0]
    s.says(session_id is not None, True)
    s.session_holds(session_id, "the session is stored", "s.user_id = %s", user_id)
    s.holds("both hashes are stored", "SELECT count(*) = 2 FROM {s}imported_tokens WHERE session_id = %s", session_id)
    s.says(s.ids("validate_session", "an import"), [session_id])


@step("validate_session, imported", "validate_session", "import_session")
def validate_imported(s, f):
    of = f["imported"]
    s.says(s.ids("validate_session", of.imported, "192.0.2.7"), [of.imported_id])
    s.says(s.ask(IMPORT, digest(of.imported), of.user_id, None), [(of.imported_id,)])


@step("refresh_session, imported", "refresh_session")
def refresh_imported(s, f):
    of = f["imported and refreshed"]
    rows = s.call("refresh_session", of.imported_refresh, show=PAIR)
    s.says([row[0] for row in rows], [of.imported_id])
    s.tokens_are_stored(*rows[0])
    s.says(s.call("validate_session", of.imported), [])
    s.says(s.call("refresh_session", of.imported_refresh, show=PAIR), rows)


HAS_LEVEL = "SELECT count(*) FROM {s}access_levels WHERE role::text = 'NAME'"


@step("grant_access", "grant_access")
def grant(s, f):
    s.call("grant_access", "grantee", "application")
    function = "{s}revoke_session(uuid, text)"
    s.holds("the level is granted", f"SELECT has_function_privilege('grantee', '{function}', 'EXECUTE')")
    if s.is_whole:
        s.says(s.stored(HAS_LEVEL.replace("NAME", "grantee")), 1)


@step("revoke_access", "revoke_access")
def revoke_access(s, f):
    s.call("revoke_access", "revokee", "validate")
    if s.is_whole:
        function = "{s}validate_session(text, inet)"
        s.holds("the level is revoked", f"SELECT NOT has_function_privilege('revokee', '{function}', 'EXECUTE')")
        s.says(s.stored(HAS_LEVEL.replace("NAME", "revokee")), 0)


# Ends.


def is_revoked(s, of, reason=None):
    s.session_holds(of.session_id, "it is revoked", "s.revoked_at IS NOT NULL")
    s.session_holds(of.session_id, "and why", "s.revoke_reason = coalesce(%s::text, s.revoke_reason)", reason)
    s.says(s.call("validate_session", of.token), [])
    if s.is_whole:
        s.holds(
            "the user's epoch is of now",
            """
            SELECT epoch > extract(epoch FROM now() - interval '10 minutes') * 1000000 FROM {s}users
            WHERE user_id = %s""",
            of.user_id,
        )
        s.holds(
            "its event is stored",
            """
            SELECT count(*) = 1 FROM {s}events WHERE session_id = %s AND kind = 'session.revoked'""",
            of.session_id,
        )


@step("revoke_session", "revoke_session")
def revoke(s, f):
    of = f["revoked now"]
    s.says(s.value("revoke_session", of.session_id, "a reason"), True)
    is_revoked(s, of, "a reason")
    s.says(s.value("revoke_session", of.session_id), False)


@step("revoke_user_session", "revoke_user_session")
def revoke_of_user(s, f):
    of = f["revoked by its user"]
    s.says(s.value("revoke_user_session", f["listed"].user_id, of.session_id), False)
    s.says(s.value("revoke_user_session", of.user_id, of.session_id), True)
    is_revoked(s, of)


@step("revoke_session_by_token", "revoke_session_by_token")
def revoke_by_token(s, f):
    s.says(s.value("revoke_session_by_token", f["revoked by token"].token), True)
    is_revoked(s, f["revoked by token"])
    s.says(s.value("revoke_session_by_token", f["revoked by refresh token"].refresh_token), True)
    is_revoked(s, f["revoked by refresh token"])


@step("revoke_all_user_sessions", "revoke_all_user_sessions")
def revoke_all(s, f):
    of = f["all of a user's"]
    s.says(s.value("revoke_all_user_sessions", of.user_id), 2)
    is_revoked(s, of)
    is_revoked(s, of.other)


@step("revoke_all_user_sessions_except", "revoke_all_user_sessions_except")
def revoke_all_but_one(s, f):
    of = f["all but one"]
    s.says(s.value("revoke_all_user_sessions_except", of.user_id, of.other.session_id), 1)
    is_revoked(s, of)
    s.session_holds(of.other.session_id, "the other goes on", "s.revoked_at IS NULL")


@step("revoke_device_sessions", "revoke_device_sessions")
def revoke_of_device(s, f):
    of = f["of a device"]
    s.says(s.value("revoke_device_sessions", of.user_id, of.device_id), 1)
    is_revoked(s, of)


INACTIVE = """
    SELECT count(*) FROM {s}sessions s WHERE s.last_activity_at < now() - interval '30 days' AND s.revoked_at IS NULL
        AND greatest(s.expires_at, s.refresh_expires_at) > now() AND s.idle_expires_at > now()"""


@step("revoke_inactive_sessions", "revoke_inactive_sessions")
def revoke_inactive(s, f):
    due = s.stored(INACTIVE)
    s.says(s.value("revoke_inactive_sessions", datetime.timedelta(days=30)), due)
    s.holds("none is left", f"SELECT ({INACTIVE}) = 0")
    is_revoked(s, f["inactive"])


OVER = """
    SELECT count(*) FROM {s}sessions s
    WHERE coalesce(s.revoked_at, least(s.idle_expires_at, greatest(s.expires_at, s.refresh_expires_at))) < now()"""


@step("cleanup_sessions", "cleanup_sessions")
def cleanup(s, f):
    there, due = s.stored("SELECT count(*) FROM {s}sessions"), s.stored(OVER)
    answer = s.value("cleanup_sessions", datetime.timedelta(0), 1000)
    if s.kind.holder:
        return  # It passes over what somebody holds.
    s.says(answer, due)
    s.holds("as many are gone", "SELECT count(*) = %s FROM {s}sessions", there - due)
    s.holds("none is left that is over", f"SELECT ({OVER}) = 0")


@step("cleanup_sessions, by the setting", "cleanup_sessions")
def cleanup_by_setting(s, f):
    s.call("cleanup_sessions")
    if s.is_whole:
        for table in ("events", "devices"):
            nothing = f"SELECT NOT EXISTS (SELECT FROM {{s}}{table} WHERE user_id = %s)"
            s.holds(f"old {table} are gone", nothing, f["over"].user_id)


@step("delete_user", "delete_user")
def delete_user(s, f):
    of = f["to be deleted"]
    s.says(s.value("delete_user", of.user_id), 2)
    for table in ("sessions", "devices", "users", "events") if s.is_whole else ("sessions",):
        nothing = f"SELECT NOT EXISTS (SELECT FROM {{s}}{table} WHERE user_id = %s)"
        s.holds(f"nothing is left of the user in {table}", nothing, of.user_id)
    if s.is_whole:
        s.holds(
            "no imported token is left",
            """
            SELECT NOT EXISTS (SELECT FROM {s}imported_tokens WHERE session_id = %s)""",
            of.imported_id,
        )
    s.says([s.call("validate_session", of.token), s.call("validate_session", of.imported)], [[], []])


@step("lists at the end", "list_user_sessions", "list_user_devices", "list_all_events", "count_active_sessions")
def lists_at_the_end(s, f):
    user_id = f["known"].user_id
    s.says(s.value("count_active_sessions"), s.stored(ACTIVE))
    s.says(
        s.value("list_user_sessions", user_id, None, True, show="count(*)"),
        s.stored("SELECT count(*) FROM {s}sessions WHERE user_id = %s", user_id),
    )
    s.says(
        s.value("list_user_devices", user_id, show="count(*)"),
        s.stored("SELECT count(*) FROM {s}devices WHERE user_id = %s", user_id),
    )
    s.says(s.value("list_all_events", None, 10000, show="count(*)"), s.stored("SELECT count(*) FROM {s}events"))


# Steps with answers that show rows of several tables.
SHOWING = (
    "lists",
    "counts",
    "devices",
    "events",
    "lists at the end",
    "create_session, known user and device",
    "create_session, over the limit",
)
# Steps that do nothing else.
VALIDATIONS = [
    name
    for name, functions, _ in STEPS
    if set(functions)
    <= {
        "validate_session",
        "validate_user",
        "validate_sessions",
        "validate_session_hash",
        "validate_session_proof",
        "session_challenge",
    }
]
# What is tried while somebody holds a lock; the rest would only wait for it.
BESIDE_A_LOCK = VALIDATIONS + [
    "create_session, known user and device",
    "refresh_session",
    "refresh_session, bound",
    "bind_session",
    "revoke_session",
    "set_session_scopes",
    "rename_device",
    "cleanup_sessions",
]
# Steps that together do everything to a table that the extension does, but for activity.
WRITING = {
    "users": ("create_session, new user", "set_user_session_limit", "revoke_session", "delete_user"),
    "devices": (
        "create_session, new device without a key",
        "rename_device",
        "forget_device",
        "cleanup_sessions, by the setting",
    ),
    "sessions": (
        "create_session, known user and device",
        "refresh_session",
        "bind_session",
        "revoke_session",
        "cleanup_sessions",
    ),
    "events": (
        "create_session, new user",
        "validate_session_proof, refused",
        "revoke_session",
        "cleanup_sessions, by the setting",
    ),
    "imported_tokens": ("import_session", "validate_session, imported", "refresh_session, imported", "delete_user"),
    "external_sessions": ("create_session, of a provider", "cleanup_sessions", "delete_user"),
    "access_levels": ("grant_access", "revoke_access"),
}


def functions_without_a_step(connection):
    """What the catalogue has and no step calls: it is called with the values of every_function.sql, so that no function
    is forgotten that comes later."""
    called = {function for _, functions, _ in STEPS for function in functions}
    every = every_function(connection)
    unknown = called - {function.name for function in every}
    if unknown:
        raise RuntimeError(f"there is no {unknown}")
    return [
        function
        for function in every
        if function.name not in called and not (function.is_internal or function.is_of_type or function.is_computed)
    ]


def run_step(cell, name, body):
    cell.tried.append(name)
    try:
        body(Step(name, cell), cell.fixture)
    except Ended:
        pass
    except psycopg.Error as error:
        if cell.app.closed or cell.owner.closed:
            raise
        cell.refused += 1
        if error.sqlstate not in cell.kind.refuses:
            cell.problems.append(f"{name}: {described(error)}")
    if cell.app.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        cell.app.execute("ROLLBACK")


def names_of_steps(other_functions):
    return [name for name, _, _ in STEPS] + [function.name for function in other_functions]


def life(cell, names):
    """Runs the steps that are named; cell.tried has their names, and cell.refused counts those that were refused."""
    for name, _, body in STEPS:
        if name in names:
            run_step(cell, name, body)
    for function in cell.worker.other_functions:
        call = good_call(function, cell.fixture["for other functions"])
        if function.name in names:
            run_step(cell, function.name, lambda s, f, call=call: s.ask(f"SELECT * FROM {call}".replace("%", "%%")))
