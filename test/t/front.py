"""A database in front of four shards, on two servers: every function answers through it as it does on one server.

    python3 front.py CONNECTION SERVER_LOG OTHER_CONNECTION
"""

import collections
import itertools
import re
import sys
import threading
import time
import uuid

import psycopg
from psycopg.conninfo import make_conninfo

from every_function import SCHEMA, every_function, good_call, filled, make_sessions, without_chance
from tap_output import counted, done, empty, extent, log_is_clean, ok

ONE, SERVER_LOG, OTHER = sys.argv[1:]
SHARDS = {"a": (ONE, "shard_a"), "b": (ONE, "shard_b"), "c": (OTHER, "shard_c"), "d": (OTHER, "shard_d")}
# Every fourth range on each.
RANGES = {name: range(place, 16, 4) for place, name in enumerate(SHARDS)}
FRONT = "session_service_front."


def connect(server, database, **options):
    return psycopg.connect(make_conninfo(server, dbname=database, **options), autocommit=True)


def buckets(ranges):
    return ",".join(f"{n * 256}-{n * 256 + 255}" for n in ranges)


def rows(connection, statement, *values):
    return connection.execute(statement, values or None).fetchall()


def row(connection, statement, *values):
    found = rows(connection, statement, *values)
    assert len(found) <= 1, f"{len(found)} rows"
    return found[0] if found else None


def value(connection, statement, *values):
    found = row(connection, statement, *values)
    return found[0] if found else None


def state_of(connection, statement, *values):
    """The SQLSTATE of a statement; 00000 where it succeeds."""
    try:
        connection.execute(statement, values or None)
    except psycopg.Error as error:
        return error.sqlstate
    return "00000"


# --- the servers

for server in (ONE, OTHER):
    with connect(server, "postgres") as connection:
        for role in ("proxy", "grantee", "signing_in", "held_back", "watching"):
            connection.execute(f"CREATE ROLE {role} LOGIN")
shard = {}
for name, (server, database) in SHARDS.items():
    with connect(server, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {database}")
        connection.execute(f"ALTER DATABASE {database} SET session_service.buckets = '{buckets(RANGES[name])}'")
    shard[name] = connect(server, database)
    shard[name].execute("CREATE EXTENSION session_service")
    shard[name].execute(f"SELECT {SCHEMA}grant_access('proxy', 'admin')")
with connect(ONE, "postgres") as connection:
    connection.execute("CREATE DATABASE front")
    connection.execute("CREATE DATABASE direct")
front, direct = connect(ONE, "front"), connect(ONE, "direct")
direct.execute("CREATE EXTENSION session_service")


def connection_of(name):
    server, database = SHARDS[name]
    return make_conninfo(server, dbname=database, user="proxy")


# --- what makes a database the front

front.execute("CREATE EXTENSION session_service")
front.execute("CREATE EXTENSION plproxy")
front.execute("CREATE EXTENSION session_service_front")
APPLY = f"SELECT {FRONT}apply()"
CHECK = f"SELECT subject, problem FROM {FRONT}check()"

secret = "s3cret-of-a-shard"
for given in (
    f"host=a password={secret}",
    f"password = '{secret}' host=a",
    f"host=a sslpassword={secret}",
    f"postgresql://u:{secret}@a/app",
):
    try:
        front.execute(f"INSERT INTO {FRONT}shards VALUES ('x', %s)", (given,))
        ok(False, "a shard's connection has no password")
    except psycopg.Error as error:
        told = f"{error} {error.diag.message_detail} {error.diag.message_hint} {error.diag.context}"
        ok(
            error.sqlstate == "22023" and secret not in told,
            "a shard's connection has no password, and is no URI; the error does not repeat it",
            told,
        )
ok(state_of(front, f"INSERT INTO {FRONT}ranges VALUES (16, 'a')") == "23514", "there are ranges from 0 to 15")
ok(state_of(front, APPLY) == "55000", "a front without ranges is refused")
for name in SHARDS:
    front.execute(f"INSERT INTO {FRONT}shards VALUES (%s, %s)", (name, connection_of(name)))
    for n in RANGES[name]:
        front.execute(f"INSERT INTO {FRONT}ranges (range, shard) VALUES (%s, %s)", (n, name))
ok(
    state_of(front, f"INSERT INTO {FRONT}ranges VALUES (3, 'nowhere')") in ("23503", "23505"),
    "each range is on one shard that there is",
)
front.execute(f"DELETE FROM {FRONT}ranges WHERE range = 7")
try:
    front.execute(APPLY)
    ok(False, "a front with a range missing is refused")
except psycopg.Error as error:
    ok(
        error.sqlstate == "55000" and "range 7" in str(error),
        "a front with a range missing is refused, and told which",
        error,
    )
front.execute(f"INSERT INTO {FRONT}ranges (range, shard) VALUES (7, 'd')")
told = dict(rows(front, CHECK))
ok(
    told.get("server session_service_ranges", "").startswith("is not there")
    and any(subject.startswith("function") for subject in told),
    "before apply(), check() asks for it",
    told,
)
front.execute(APPLY)
empty(rows(front, CHECK), "after apply() all is well")

OBJECTS = """
    SELECT 'function ' || oid::regprocedure, xmin::text FROM pg_proc
    WHERE pronamespace IN ('session_service'::regnamespace, 'session_service_front'::regnamespace)
    UNION ALL SELECT 'server ' || srvname, xmin::text FROM pg_foreign_server
    UNION ALL SELECT 'mapping ' || oid, xmin::text FROM pg_user_mapping
    UNION ALL SELECT 'member ' || classid || ' ' || objid, xmin::text FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass"""
before = rows(front, OBJECTS)
front.execute(APPLY)
empty(set(rows(front, OBJECTS)) ^ set(before), "apply() again changes nothing")

# --- the same functions

DESCRIPTION = """
    SELECT p.oid::regprocedure::text, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.provolatile,
        p.proisstrict, p.proretset, p.prorows, p.proleakproof, obj_description(p.oid), p.pronargdefaults, p.proacl::text
    FROM pg_proc p WHERE p.pronamespace = 'session_service'::regnamespace"""
empty(
    set(rows(front, DESCRIPTION)) ^ set(rows(direct, DESCRIPTION)),
    "all functions have the names, arguments, defaults, results and comments that they have on one server",
)
ways = rows(
    front,
    """
    SELECT p.oid::regprocedure::text, p.proname, l.lanname, p.provolatile, p.prosecdef, p.proconfig, p.proparallel
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'session_service'::regnamespace""",
)
LOCAL = {"generate_token", "grant_access", "revoke_access", "bind_identity"}
empty(
    [
        signature
        for signature, name, language, volatility, *_ in ways
        if (language == "c") != (volatility != "v" or name in LOCAL)
    ],
    "whatever reads or writes rows is routed, and nothing else",
)
empty(
    [
        signature
        for signature, _, language, _, definer, settings, parallel in ways
        if language != "c"
        and (not definer or "search_path=pg_catalog, pg_temp" not in (settings or []) or parallel != "u")
    ],
    "what is routed runs as its owner, under a pinned search_path, and in no parallel worker",
)
merged = {name for (name,) in rows(front, f"SELECT name::text FROM {FRONT}merged()")}
empty(merged - {name for _, name, *_ in ways}, "no answer is put together of a function that there is not")
OURS = """
    SELECT p.oid::regprocedure::text, coalesce(obj_description(p.oid), ''), p.proconfig, l.lanname, p.proname,
        p.prosecdef,
        EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'),
        EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee <> p.proowner)
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = 'session_service_front'::regnamespace"""
functions = rows(front, OURS)
empty([f[0] for f in functions if not f[1]], "each function of the front has a comment")
# (what is asked for by PL/Proxy names everything with its schema; token_range is put in the place of its call)
empty(
    [
        f[0]
        for f in functions
        if f[3] != "plproxy" and f[4] != "token_range" and "search_path=pg_catalog, pg_temp" not in (f[2] or [])
    ],
    "and a pinned search_path",
)
empty([f[0] for f in functions if f[5] or not f[6]], "and is a member of the extension, without the rights of another")
empty([f[0] for f in functions if f[7]], "and is for nobody but its owner")
empty(
    rows(
        front,
        """
    SELECT c.oid::regclass::text, a.grantee FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.relnamespace = 'session_service_front'::regnamespace AND a.grantee <> c.relowner
    UNION ALL SELECT n.oid::regnamespace::text, a.grantee FROM pg_namespace n, aclexplode(n.nspacl) a
    WHERE n.nspname = 'session_service_front' AND a.grantee <> n.nspowner""",
    ),
    "so are its tables, and its schema",
)

with psycopg.connect(make_conninfo(ONE, dbname="front")) as connection:
    connection.execute(
        "CREATE FUNCTION session_service.forgotten(something integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'"
    )
    connection.execute("ALTER EXTENSION session_service ADD FUNCTION session_service.forgotten(integer)")
    told = dict(rows(connection, CHECK))
    ok(
        told == {"function session_service.forgotten(integer)": "has no route: update session_service_front"},
        "check() tells of a new function that has no route",
        told,
    )
    try:
        connection.execute(APPLY)
        ok(False, "a new function that has no route ends apply()")
    except psycopg.Error as error:
        ok(
            error.sqlstate == "0A000" and "session_service.forgotten(integer)" in str(error),
            "and apply() fails with its name",
            error,
        )
    connection.rollback()
    connection.execute(
        "CREATE FUNCTION session_service.routed(user_id uuid) RETURNS SETOF uuid LANGUAGE sql AS 'SELECT $1'"
    )
    connection.execute("ALTER EXTENSION session_service ADD FUNCTION session_service.routed(uuid)")
    connection.execute(APPLY)
    ok(
        value(connection, "SELECT count(*) FROM pg_proc WHERE proname = 'remote_routed'") == 1,
        "one that has a rule's first argument is routed",
    )
    connection.execute("ALTER EXTENSION session_service DROP FUNCTION session_service.routed(uuid)")
    connection.execute("DROP FUNCTION session_service.routed(uuid)")
    connection.execute(APPLY)
    ok(
        value(connection, "SELECT count(*) FROM pg_proc WHERE proname = 'remote_routed'") == 0,
        "and what was made for it goes with it",
    )
    connection.rollback()

# --- every function, here and there, with the same values

calls = every_function(direct)


def outcome(connection, call):
    """Names of columns and rows without what chance decides, or the SQLSTATE."""
    try:
        cursor = connection.execute(f"SELECT * FROM {call} r")
    except psycopg.Error as error:
        return error.sqlstate
    found = cursor.fetchall() if cursor.description else []
    return ([column.name for column in cursor.description or []], sorted(without_chance(list(found)), key=repr))


different = []
made = 0
for function in calls:
    if function.is_computed or function.is_internal:
        continue
    user_id = uuid.uuid5(uuid.NAMESPACE_DNS, function.name)
    here, there = make_sessions(front, user_id), make_sessions(direct, user_id)
    chosen = [{}]
    for argument in function.arguments:
        chosen += [{argument.name: sql} for sql, _ in argument.bad] + [{argument.name: sql} for sql in argument.unknown]
        chosen.append({argument.name: f"NULL::{argument.type}"})
    # The good call last: what ends the sessions would leave the others nothing.
    for choice in chosen[1:] + chosen[:1]:
        answers = [
            outcome(
                connection,
                good_call(
                    function,
                    fixture,
                    {name: filled(sql.replace("PLACING 'x'", "PLACING '.'"), fixture) for name, sql in choice.items()},
                ),
            )
            for connection, fixture in ((front, here), (direct, there))
        ]
        made += 1
        if function.name in ("stats", "health"):
            answers = [answer[0] for answer in answers]
        if answers[0] != answers[1]:
            different.append(f"{function.name} {choice}: {answers[0]} and not {answers[1]}")
empty(different, "every function answers, and fails, as on one server")
counted(f"{made} calls of every function through a front, each as on one server")

# --- a session's life, on each shard

CREATE = f"""
    SELECT session_id, token, refresh_token, device_id
    FROM {SCHEMA}create_session(%s, device_name => %s, scopes => '{{read}}')"""


def user_of(name):
    """A new user whose sessions are on this shard."""
    while True:
        user_id = uuid.uuid4()
        if value(direct, f"SELECT {SCHEMA}user_range(%s)", user_id) in RANGES[name]:
            return user_id


def live_through(name):
    user_id = user_of(name)
    session_id, token, refresh_token, device_id = row(front, CREATE, user_id, "Laptop")
    yield "a sign-in is on the user's shard", [
        n for n in SHARDS if value(shard[n], "SELECT count(*) FROM session_service.sessions WHERE id = %s", session_id)
    ] == [name]
    yield "and validates", row(
        front, f"SELECT session_id, user_id, scopes FROM {SCHEMA}validate_session(%s, '192.0.2.1')", token
    ) == (session_id, user_id, ["read"])
    yield "as one value too", value(front, f"SELECT {SCHEMA}validate_user(%s)", token) == user_id
    yield "and by its hash", row(
        front, f"SELECT user_id FROM {SCHEMA}validate_session_hash(%s, {SCHEMA}hash_token(%s))", session_id, token
    ) == (user_id,)
    yield "introspection", value(front, f"SELECT {SCHEMA}introspect_token(%s)", token)["sub"] == str(user_id)
    pair = row(front, f"SELECT token, refresh_token, repeated FROM {SCHEMA}refresh_session(%s)", refresh_token)
    again = row(front, f"SELECT token, refresh_token, repeated FROM {SCHEMA}refresh_session(%s)", refresh_token)
    yield "a refresh, and its repetition", pair[:2] == again[:2] and (pair[2], again[2]) == (False, True)
    yield "the token before is dead", not rows(front, f"SELECT FROM {SCHEMA}validate_session(%s)", token)
    rotated = value(front, f"SELECT token FROM {SCHEMA}rotate_session_token(%s)", pair[0])
    yield "a rotation", value(front, f"SELECT {SCHEMA}validate_user(%s)", rotated) == user_id
    renewed = row(
        front, f"SELECT token, refresh_token FROM {SCHEMA}reauthenticate_session(%s, 'gold', '{{otp}}')", rotated
    )
    yield "a reauthentication", value(front, f"SELECT acr FROM {SCHEMA}validate_session(%s)", renewed[0]) == "gold"
    yield "MFA, scopes, metadata", row(
        front,
        f"""SELECT {SCHEMA}mark_mfa_verified(%s, 'totp'), {SCHEMA}set_session_scopes(%s, '{{a,b}}'),
            {SCHEMA}patch_session_metadata(%s, '{{"k": 1}}')""",
        session_id,
        session_id,
        session_id,
    ) == (True, True, True)
    yield "as the lists show", row(
        front,
        f"""SELECT device_name, scopes, metadata, mfa_method, is_current, status::text
            FROM {SCHEMA}list_user_sessions(%s, %s)""",
        user_id,
        session_id,
    ) == ("Laptop", ["a", "b"], {"k": 1}, "totp", True, "active")
    yield "devices", row(
        front,
        f"SELECT {SCHEMA}trust_device(%s, %s), (SELECT is_trusted FROM {SCHEMA}list_user_devices(%s))",
        user_id,
        device_id,
        user_id,
    ) == (True, True)
    yield "a call that gives nothing", row(front, f"SELECT {SCHEMA}set_user_session_limit(%s, 3)::text", user_id) == (
        "",
    )
    yield "a sign-out", value(front, f"SELECT {SCHEMA}revoke_session_by_token(%s)", renewed[1]) is True
    yield "is one", not rows(front, f"SELECT FROM {SCHEMA}validate_session(%s)", renewed[0])
    yield "the events", "session.revoked" in [
        kind for (kind,) in rows(front, f"SELECT kind FROM {SCHEMA}list_events(%s)", user_id)
    ]
    yield "what is stored", len(value(front, f"SELECT {SCHEMA}export_user(%s)", user_id)["sessions"]) == 1
    yield "a user who is disabled", value(front, f"SELECT {SCHEMA}disable_user(%s)", user_id) == 0 and state_of(
        front, CREATE, user_id, "x"
    ) == "28000"
    yield "a user who is deleted", value(front, f"SELECT {SCHEMA}delete_user(%s)", user_id) == 1 and not rows(
        front, f"SELECT FROM {SCHEMA}list_events(%s)", user_id
    )


for name in SHARDS:
    empty([what for what, is_so in live_through(name) if not is_so], f"a session lives its life on shard {name}")

# Values go to the shards as text: the caller's way to write them does not matter.
user_id = user_of("b")
row(front, CREATE, user_id, "Clock")
with connect(
    ONE, "front", options="-c datestyle=SQL,DMY -c intervalstyle=sql_standard -c timezone=Asia/Kathmandu"
) as caller:
    ok(
        rows(
            caller,
            f"""
        SELECT count(*) FILTER (WHERE created_at > clock_timestamp() - interval '1 minute')
        FROM {SCHEMA}list_sessions(user_ids => %s,
            created_after => now() - interval '11 hours', created_before => now() + interval '1 hour')""",
            [user_id],
        )
        == [(1,)]
        and value(
            caller,
            f"""SELECT extract(epoch FROM s.expires_at - s.created_at)
                FROM {SCHEMA}create_session(%s, session_expiry => interval '1 day' - interval '1 hour') c,
                    {SCHEMA}get_session(c.session_id) s""",
            user_id,
        )
        == 23 * 3600,
        "times and intervals mean the same, however the caller writes them",
    )

# --- several calls in one list of expressions

many = user_of("a")
for device in range(5):
    row(front, CREATE, many, f"Device {device}")
other = user_of("a")
for device in range(3):
    row(front, CREATE, other, f"Other {device}")
lists = rows(
    front,
    f"""
    SELECT ({SCHEMA}list_user_sessions(%s)).user_id, ({SCHEMA}list_user_sessions(%s)).user_id,
        {SCHEMA}count_user_sessions(%s), ({SCHEMA}list_user_devices(%s)).user_id""",
    many,
    other,
    other,
    many,
)
counts = [collections.Counter(column) for column in zip(*lists)]
ok(
    [counts[0][many], counts[1][other], counts[3][many]] == [5, 3, 5] and set(counts[2]) == {3},
    "calls in one list of expressions, with several rows each, do not take each other's rows",
    lists,
)

# --- batches

owners = {}
for name in SHARDS:
    for _ in range(5):
        user_id = user_of(name)
        session_id, token, refresh_token, _ = row(front, CREATE, user_id, "Batch")
        owners[token] = (user_id, session_id)
tokens = []
for place, token in enumerate(owners):
    tokens += [token, None, "nonsense", token[:-1] + "x" if place % 2 else refresh_token][: 1 + place % 4]
tokens += tokens[:7]
expected = [(place, *owners[token]) for place, token in enumerate(tokens, 1) if token in owners]
BATCH = f"SELECT token_index, user_id, session_id FROM {SCHEMA}validate_sessions(%s)"
ok(rows(front, BATCH, tokens) == expected, "a batch over all shards keeps the places, in their order")
columns = [column.name for column in front.execute(f"SELECT * FROM {SCHEMA}validate_sessions('{{}}')").description]
ok(
    columns
    == [column.name for column in direct.execute(f"SELECT * FROM {SCHEMA}validate_sessions('{{}}')").description],
    "with the columns that it has on one server",
)
ok(
    rows(front, BATCH, []) == [] and rows(front, f"SELECT FROM {SCHEMA}validate_sessions(NULL)") == [],
    "an empty batch gives nothing, nor does NULL",
)
one, two, three, four = list(owners)[:4]
ok(
    rows(
        front,
        f"SELECT token_index, user_id FROM {SCHEMA}validate_sessions(ARRAY[[%s, %s], [%s, %s]])",
        one,
        "x",
        three,
        two,
    )
    == [(1, owners[one][0]), (3, owners[three][0]), (4, owners[two][0])],
    "so does an array of two dimensions",
)
ok(
    rows(
        front,
        f"SELECT token_index FROM {SCHEMA}validate_sessions(('[5:6]={{' || %s || ',' || %s || '}}')::text[])",
        one,
        two,
    )
    == [(1,), (2,)],
    "and one that begins elsewhere",
)
ids = [session_id for _, session_id in owners.values()]
ok(
    value(front, f"SELECT {SCHEMA}touch_sessions(%s)", [*ids, uuid.uuid4(), None]) == len(ids),
    "activity is recorded on all shards, and added up",
)
ok(value(front, f"SELECT {SCHEMA}touch_sessions('{{}}')") == 0, "none for none")

# --- answers of all shards

TAG = "merged"
tagged = []
for _ in range(6):
    # By turns, so that ids in their order are not shard by shard.
    for name in SHARDS:
        user_id = user_of(name)
        tagged.append(
            (
                value(
                    front,
                    f"""
            SELECT session_id
            FROM {SCHEMA}create_session(%s, metadata => %s::jsonb, external_id => 'an identity provider')""",
                    user_id,
                    f'{{"tag": "{TAG}"}}',
                ),
                user_id,
            )
        )
ORDERED = sorted(session_id for session_id, _ in tagged)
LIST = f'SELECT id FROM {SCHEMA}list_sessions(metadata => \'{{"tag": "{TAG}"}}\', after => %s, max_rows => %s)'


def pages(statement, size, last=None):
    found = []
    while page := [key for (key,) in rows(front, statement, last, size)]:
        found.append(page)
        last = page[-1]
    return found


ok(
    [len(page) for page in pages(LIST, 5)] == [5] * 4 + [4] and list(itertools.chain(*pages(LIST, 5))) == ORDERED,
    "pages of sessions go by id over all shards",
)
ok(
    len(rows(front, f"SELECT FROM {SCHEMA}list_sessions(max_rows => NULL)"))
    == min(100, value(front, f"SELECT {SCHEMA}count_active_sessions()")),
    "a hundred, if not said otherwise",
)
EVENTS = f"SELECT id FROM {SCHEMA}list_all_events(before => %s, max_rows => %s)"
listed = list(itertools.chain(*pages(EVENTS, 37)))
stored = [event for name in SHARDS for (event,) in rows(shard[name], "SELECT id FROM session_service.events")]
ok(
    listed == sorted(stored, reverse=True),
    "pages of events go from the latest back, over all shards",
    f"{len(listed)} of {len(stored)}",
)
found = rows(front, f"SELECT id, last_activity_at FROM {SCHEMA}find_external_sessions('an identity provider')")
ok(
    sorted(key for key, _ in found) == ORDERED and found == sorted(found, key=lambda r: (r[1], r[0]), reverse=True),
    "sessions of an identity provider, latest activity first",
)
idle = rows(front, f"SELECT id, last_activity_at FROM {SCHEMA}list_inactive_sessions('1 microsecond')")
ok(
    len(idle)
    == sum(len(rows(shard[n], f"SELECT FROM {SCHEMA}list_inactive_sessions('1 microsecond')")) for n in SHARDS)
    and idle == sorted(idle, key=lambda r: (r[1], r[0]), reverse=True),
    "inactive sessions of all shards, latest activity first",
)
ok(
    value(front, f"SELECT {SCHEMA}count_active_sessions()")
    == sum(value(shard[n], f"SELECT {SCHEMA}count_active_sessions()") for n in SHARDS),
    "the number of sessions is that of all shards",
)

# At most so many in one call, over all shards.
REVOKE = f'SELECT {SCHEMA}revoke_sessions(metadata => \'{{"tag": "{TAG}"}}\', max_rows => 7)'
ok(
    [value(front, REVOKE) for _ in range(5)] == [7, 7, 7, 3, 0],
    "sessions are revoked over all shards, so many in a call and no more",
)
NO_ROWS = "user_ids => '{}', max_rows => 0"
ok(
    [outcome(front, f"{SCHEMA}{function}({NO_ROWS})") for function in ("list_sessions", "revoke_sessions")]
    == ["22023"] * 2,
    "arguments are looked at also where there is no user to ask for",
)
for name in SHARDS:
    user_id = user_of(name)
    row(front, f"SELECT FROM {SCHEMA}create_session(%s, external_id => 'another')", user_id)
ok(
    value(front, f"SELECT {SCHEMA}revoke_external_sessions('another')") == 4,
    "the sessions of an identity provider end on all shards",
)
kept = value(front, f"SELECT {SCHEMA}count_active_sessions()")
ok(
    value(front, f"SELECT {SCHEMA}revoke_inactive_sessions('1 microsecond')") == kept
    and value(front, f"SELECT {SCHEMA}count_active_sessions()") == 0,
    "inactive sessions end on all shards, and are counted together",
)
dead = sum(value(shard[n], "SELECT count(*) FROM session_service.sessions") for n in SHARDS)
deleted = [value(front, f"SELECT {SCHEMA}cleanup_sessions('0', 10)")]
while deleted[-1]:
    deleted.append(value(front, f"SELECT {SCHEMA}cleanup_sessions('0', 10)"))
ok(
    max(deleted) <= 40 and sum(deleted) == dead,
    "cleanup takes a batch on each shard, until nothing is left",
    deleted,
    dead,
)

# Counters: two shards of a server are counted once.
front.execute("SELECT pg_sleep(0)")
columns = [column.name for column in front.execute(f"SELECT * FROM {SCHEMA}stats()").description]
there = [row(shard[n], f"SELECT * FROM {SCHEMA}stats()") for n in ("a", "c")]
here = row(front, f"SELECT * FROM {SCHEMA}stats()")
ok(
    here == (max(there[0][0], there[1][0]), *(a + b for a, b in zip(there[0][1:], there[1][1:]))) and sum(here[1:]) > 0,
    "counters are added up over servers, not over databases",
    columns,
    here,
    there,
)
for n in SHARDS:
    shard[n].execute("ANALYZE session_service.sessions")
columns = [column.name for column in front.execute(f"SELECT * FROM {SCHEMA}health()").description]
there = [dict(zip(columns, row(shard[n], f"SELECT * FROM {SCHEMA}health()"))) for n in SHARDS]
here = dict(zip(columns, row(front, f"SELECT * FROM {SCHEMA}health()")))
latest = max(there, key=lambda health: health["last_cleanup_at"])
ok(
    here["total_size"] == sum(health["total_size"] for health in there)
    and here["sessions"] == sum(health["sessions"] for health in there)
    and here["oldest_event_at"] == min(health["oldest_event_at"] for health in there)
    and all(
        here[column] == latest[column] for column in ("last_cleanup_at", "last_cleanup_rows", "last_cleanup_duration")
    )
    and here["worker_running"] == all(health["worker_running"] for health in there)
    and min(health["hot_update_share"] for health in there)
    <= here["hot_update_share"]
    <= max(health["hot_update_share"] for health in there),
    "health is that of all shards",
    here,
    there,
)

# --- tokens of another system

IMPORT = f"SELECT {SCHEMA}import_session({SCHEMA}hash_token(%s), %s, now() + interval '1 day', {SCHEMA}hash_token(%s))"
MANY_IMPORTS = 12
imported = {}
for n in range(MANY_IMPORTS):
    user_id = user_of(list(SHARDS)[n % 4])
    imported[f"foreign {n}"] = (user_id, value(front, IMPORT, f"foreign {n}", user_id, f"foreign refresh {n}"))
ok(
    all(
        row(front, f"SELECT user_id, session_id FROM {SCHEMA}validate_session(%s)", token) == known
        for token, known in imported.items()
    ),
    "imported tokens are found on every shard",
)
ok(
    [place for (place, *_) in rows(front, BATCH, [*imported, "no such token"])] == list(range(1, MANY_IMPORTS + 1)),
    "in a batch too",
)
ok(
    all(
        value(front, f"SELECT {SCHEMA}introspect_token(%s) ->> 'jti'", token) == str(session_id)
        for token, (_, session_id) in imported.items()
    ),
    "and introspected",
)
ok(
    all(
        value(front, IMPORT, token, user_id, f"foreign refresh {n}") == session_id
        for n, (token, (user_id, session_id)) in enumerate(imported.items())
    ),
    "imported again it is the same session",
)
ok(
    all(
        value(front, IMPORT, token, user_of(name), None) == session_id
        for token, (_, session_id) in list(imported.items())[:4]
        for name in SHARDS
    ),
    "also for another user, wherever that one is",
)
taken = (
    {state_of(front, IMPORT, "foreign refresh 0", user_of(name), None) for name in SHARDS}
    | {state_of(front, IMPORT, "not yet", user_of(name), "foreign refresh 0") for name in SHARDS}
    | {state_of(front, IMPORT, "not yet", user_of(name), "foreign 1") for name in SHARDS}
    | {state_of(front, IMPORT, "twice", user_of("a"), "twice")}
)
ok(taken == {"23505"}, "a hash that is another token's is refused, on whichever shard that is", taken)
ok(
    value(
        front,
        f"""SELECT count(*) FROM {FRONT}imported_tokens
            WHERE session_id IS NULL OR token_hash OPERATOR(session_service.=) {SCHEMA}hash_token('not yet')""",
    )
    == 0,
    "and leaves nothing in the directory",
)
ok(
    state_of(front, f"SELECT {SCHEMA}import_session(NULL, %s, now())", uuid.uuid4()) == "22004"
    and state_of(front, f"SELECT {SCHEMA}import_session({SCHEMA}hash_token('x'), NULL, now())") == "22004",
    "hash and user are required",
)
for n in range(MANY_IMPORTS):
    pair = row(front, f"SELECT token, refresh_token, repeated FROM {SCHEMA}refresh_session(%s)", f"foreign refresh {n}")
    again = row(
        front, f"SELECT token, refresh_token, repeated FROM {SCHEMA}refresh_session(%s)", f"foreign refresh {n}"
    )
    if (
        pair[:2] != again[:2]
        or (pair[2], again[2]) != (False, True)
        or value(front, f"SELECT {SCHEMA}validate_user(%s)", pair[0]) != imported[f"foreign {n}"][0]
    ):
        ok(False, "an imported refresh token buys a pair, and the same again", n)
        break
else:
    ok(True, "an imported refresh token buys a pair, and the same again")
ok(
    value(front, f"SELECT {SCHEMA}revoke_session_by_token('foreign refresh 3')") is False
    and value(front, f"SELECT {SCHEMA}revoke_all_user_sessions(%s)", imported["foreign 3"][0]) == 1,
    "what was imported ends",
)
with psycopg.connect(make_conninfo(ONE, dbname="front")) as connection:
    user_id = user_of("c")
    first = value(connection, IMPORT, "rolled back", user_id, "rolled back refresh")
    connection.rollback()
ok(
    not rows(front, f"SELECT FROM {SCHEMA}validate_session('rolled back')")
    and value(front, IMPORT, "rolled back", user_id, "rolled back refresh") == first
    and value(front, f"SELECT {SCHEMA}validate_user('rolled back')") == user_id,
    "an import that was rolled back here is found when it is repeated",
)
with connect(ONE, "front", options="-c synchronous_commit=off") as caller, caller.transaction():
    value(caller, IMPORT, "in haste", user_of("d"), "in haste refresh")
    ok(value(caller, "SHOW synchronous_commit") == "on", "an import is as durable here as there")
ok(
    state_of(front, "BEGIN READ ONLY") == "00000"
    and state_of(front, IMPORT, "not here", user_of("a"), None) == "25006",
    "nothing is imported where the directory cannot be written",
)
front.execute("ROLLBACK")
ok(
    not rows(
        shard["a"],
        f"""SELECT FROM session_service.imported_tokens
            WHERE token_hash OPERATOR(session_service.=) {SCHEMA}hash_token('not here')""",
    ),
    "on no shard either",
)

# Of sessions that are gone
gone = imported["foreign 0"][0]
front.execute(f"SELECT {SCHEMA}delete_user(%s)", (gone,))
ok(value(front, f"SELECT {FRONT}forget_imported_tokens()") == 0, "an entry whose session is gone stays a day")
front.execute(f"UPDATE {FRONT}imported_tokens SET imported_at = now() - interval '2 days'")
living = f"SELECT count(*) FROM {FRONT}imported_tokens i, {SCHEMA}get_session(i.session_id)"
entries = f"SELECT count(*) FROM {FRONT}imported_tokens"
kept, all_entries = value(front, living), value(front, entries)
ok(
    value(front, f"SELECT {FRONT}forget_imported_tokens()") == all_entries - kept >= 2
    and value(front, living) == value(front, entries) == kept,
    "then it is forgotten, and no other",
)
again = user_of("b")
ok(
    value(front, IMPORT, "foreign 0", again, "foreign refresh 0") is not None
    and value(front, f"SELECT {SCHEMA}validate_user('foreign 0')") == again,
    "the hash may be imported anew",
)
gone = imported["foreign 4"][0]
front.execute(f"SELECT {SCHEMA}delete_user(%s)", (gone,))
again = user_of("d")
ok(
    value(front, IMPORT, "foreign 4", again, "foreign refresh 4") is not None
    and value(front, f"SELECT {SCHEMA}validate_user('foreign 4')") == again,
    "also while the entry is there, to another shard",
)

# --- identity

front.execute(
    f"""
    CREATE TABLE notes (owner uuid NOT NULL DEFAULT {SCHEMA}current_user_id(), note text NOT NULL);
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own_notes ON notes USING (owner = (SELECT {SCHEMA}current_user_id()));
    GRANT SELECT, INSERT ON notes TO held_back;
    SELECT {SCHEMA}grant_access('held_back', 'validate');
    SELECT {SCHEMA}grant_access('signing_in', 'application');
    SELECT {SCHEMA}grant_access('watching', 'monitor')"""
)
people = {}
for name in SHARDS:
    user_id = user_of(name)
    session_id, token, _, _ = row(front, CREATE, user_id, "Notes")
    front.execute(
        f'SELECT {SCHEMA}mark_mfa_verified(%s), {SCHEMA}set_session_metadata(%s, \'{{"tenant": "north"}}\')',
        (session_id, session_id),
    )
    people[name] = (user_id, session_id, token)
client = connect(ONE, "front", user="held_back")
AUTHENTICATE = f"SELECT * FROM {SCHEMA}authenticate(%s)"
BOUND = f"""
    SELECT {SCHEMA}current_user_id(), {SCHEMA}current_session_id(), {SCHEMA}current_scopes(),
        {SCHEMA}current_metadata(), {SCHEMA}has_scope('read'),
        {SCHEMA}is_mfa_verified('1 hour'), {SCHEMA}is_authenticated_within('1 hour')"""
NOBODY = (None, None, None, None, False, False, False)
for name, (user_id, session_id, token) in people.items():
    with client.transaction():
        answer = client.execute(AUTHENTICATE, (token,))
        same = front.execute(f"SELECT * FROM {SCHEMA}validate_session(%s)", (token,))
        is_same = [column.name for column in answer.description] == [
            column.name for column in same.description
        ] and answer.fetchall() == same.fetchall()
        bound = row(client, BOUND)
        client.execute("INSERT INTO notes (note) VALUES (%s)", (f"of {name}",))
        seen = rows(client, "SELECT note FROM notes")
    ok(
        is_same
        and bound == (user_id, session_id, ["read"], {"tenant": "north"}, True, True, True)
        and seen == [(f"of {name}",)],
        f"authenticate binds a session of shard {name} here, and row-level security holds",
        bound,
        seen,
    )
ok(row(client, BOUND) == NOBODY and rows(client, "SELECT FROM notes") == [], "to the end of the transaction")
with client.transaction():
    token = people["a"][2]
    client.execute(AUTHENTICATE, (token,))
    ok(
        rows(client, AUTHENTICATE, "sst_nonsense") == [] and row(client, BOUND) == NOBODY,
        "an authenticate that finds no session clears it",
    )
    client.execute(AUTHENTICATE, (token,))
    ok(rows(client, AUTHENTICATE, None) == [] and row(client, BOUND) == NOBODY, "as does NULL")
    client.execute(AUTHENTICATE, (token,))
    try:
        with client.transaction():
            client.execute(AUTHENTICATE, (people["b"][2],))
            inside = value(client, f"SELECT {SCHEMA}current_user_id()")
            raise psycopg.Rollback
    finally:
        ok(
            inside == people["b"][0] and value(client, f"SELECT {SCHEMA}current_user_id()") == people["a"][0],
            "a savepoint that is rolled back brings the one before back",
        )
ok(
    state_of(client, f"SELECT {SCHEMA}bind_identity(NULL, NULL, NULL, NULL, NULL, NULL)") == "42501",
    "nobody else binds",
)

# --- who may call what

LEVELS = {"held_back": "validate", "signing_in": "application", "watching": "monitor"}
for grant in LEVELS.items():
    direct.execute(f"SELECT {SCHEMA}grant_access(%s::regrole, %s)", grant)
RIGHTS = """
    SELECT p.oid::regprocedure::text, r, has_function_privilege(r, p.oid, 'EXECUTE')
    FROM pg_proc p, unnest(%s::text[]) r WHERE p.pronamespace = 'session_service'::regnamespace"""
empty(
    set(rows(front, RIGHTS, list(LEVELS))) ^ set(rows(direct, RIGHTS, list(LEVELS))),
    "access levels give the same functions as on one server",
)
application, monitor = connect(ONE, "front", user="signing_in"), connect(ONE, "front", user="watching")
ok(
    row(application, CREATE, uuid.uuid4(), "x") is not None
    and state_of(application, f"SELECT {SCHEMA}delete_user(%s)", uuid.uuid4()) == "42501"
    and state_of(client, CREATE, uuid.uuid4(), "x") == "42501"
    and value(monitor, f"SELECT {SCHEMA}count_active_sessions()") > 0
    and row(monitor, f"SELECT * FROM {SCHEMA}health()") is not None,
    "and roles call what they may, through the owner's connections",
)
ok(
    {
        state_of(role, statement)
        for role in (client, application, monitor)
        for statement in (
            APPLY,
            f"TABLE {FRONT}shards",
            f"TABLE {FRONT}imported_tokens",
            f"SELECT {FRONT}remote_import_session(0{', NULL' * 14})",
        )
    }
    == {"42501"},
    "but nothing of the front itself",
)
front.execute(f"SELECT {SCHEMA}revoke_access('watching', 'monitor')")
ok(state_of(monitor, f"SELECT {SCHEMA}count_active_sessions()") == "42501", "what is taken is taken")

# A caller's objects are not run.
front.execute(
    """
    CREATE SCHEMA hostile AUTHORIZATION signing_in; SET ROLE signing_in;
    CREATE FUNCTION hostile.sprung() RETURNS void LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'sprung as %', CURRENT_USER; END $$;
    CREATE FUNCTION hostile."left"(text, integer) RETURNS text LANGUAGE sql AS 'SELECT hostile.sprung(); SELECT $1';
    CREATE FUNCTION hostile.octet_length(text) RETURNS integer LANGUAGE sql AS 'SELECT hostile.sprung(); SELECT 1';
    CREATE FUNCTION hostile.sum_step(bigint, integer) RETURNS bigint LANGUAGE sql
        AS 'SELECT hostile.sprung(); SELECT $1';
    CREATE AGGREGATE hostile.sum(integer) (SFUNC = hostile.sum_step, STYPE = bigint, INITCOND = '0');
    CREATE FUNCTION hostile.equal(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT hostile.sprung(); SELECT true';
    CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.equal);
    CREATE FUNCTION hostile.user_range(uuid) RETURNS integer LANGUAGE sql AS 'SELECT hostile.sprung(); SELECT 0';
    RESET ROLE"""
)
application.execute("SET search_path = hostile, pg_temp, pg_catalog, session_service")
application.execute("CREATE TEMP TABLE imported_tokens (token_hash text)")
# (what the call itself names is found before)
ok(
    value(application, f"SELECT {SCHEMA}validate_user(%s)", people["d"][2]) == people["d"][0]
    and value(application, f"SELECT {SCHEMA}touch_sessions(%s)", [people["d"][1]]) == 1
    and rows(application, BATCH, [people["a"][2]])
    and value(application, f"SELECT {SCHEMA}revoke_external_sessions('nobody')") == 0,
    "nothing of a caller's is run on the way",
)

# --- many clients

CLIENTS = 64
connections = [connect(ONE, "front") for _ in range(CLIENTS)]


def at_once(statement, parameters):
    """What each client is answered: its rows, or a SQLSTATE."""
    barrier = threading.Barrier(CLIENTS)
    answers = [None] * CLIENTS

    def work(number, connection):
        connection.execute(f"SELECT {SCHEMA}count_active_sessions()")
        barrier.wait()
        try:
            answers[number] = rows(connection, statement, *parameters(number))
        except psycopg.Error as error:
            answers[number] = error.sqlstate

    threads = [threading.Thread(target=work, args=client) for client in enumerate(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


for name in SHARDS:
    refresh_token = row(front, CREATE, user_of(name), "Race")[2]
    answers = at_once(f"SELECT token, refresh_token FROM {SCHEMA}refresh_session(%s)", lambda n, t=refresh_token: (t,))
    ok(
        len(answers) == CLIENTS and len({str(answer) for answer in answers}) == 1 and len(answers[0]) == 1,
        f"{CLIENTS} clients with one refresh token get one pair, on shard {name}",
        set(map(str, answers)),
    )
    user_id = user_of(name)
    answers = at_once(CREATE, lambda n, u=user_id: (u, f"Device {n}"))
    ok(
        all(isinstance(answer, list) for answer in answers)
        and value(front, f"SELECT {SCHEMA}count_user_sessions(%s)", user_id) == 10,
        f"{CLIENTS} sign-ins stay within the limit, on shard {name}",
        {answer for answer in answers if isinstance(answer, str)},
    )
user_id = user_of("b")
answers = at_once(IMPORT, lambda n: ("raced", user_id, "raced refresh"))
ok(
    len({str(answer) for answer in answers}) == 1 and answers[0][0][0] is not None,
    f"{CLIENTS} imports of one token make one session",
    set(map(str, answers)),
)
pair = {name: user_of(name) for name in SHARDS}
answers = at_once(IMPORT, lambda n: ("raced for two", pair["abcd"[n % 4]], "raced for two refresh"))
ids = {str(answer) for answer in answers}
ok(
    len(ids) == 1
    and sum(
        value(shard[n], "SELECT count(*) FROM session_service.sessions WHERE user_id = ANY(%s)", list(pair.values()))
        for n in SHARDS
    )
    == 1,
    "for users of four shards one of them as well",
    ids,
)
user_id = user_of("c")
before = value(front, entries)
answers = at_once(IMPORT, lambda n: ("raced with others", user_id, f"raced refresh {n}"))
ok(
    len({str(answer) for answer in answers}) == 1 and value(front, entries) == before + 2,
    "each with another refresh token as well, of which one is known",
    set(map(str, answers)),
    value(front, entries) - before,
)
for connection in connections:
    connection.close()
counted(f"{CLIENTS} clients at once on each of {len(SHARDS)} shards")

# --- what check() tells

empty(rows(front, CHECK), "all is well")


def tells(name, change, expected, undo, **options):
    """check() tells this problem and no other, while something is wrong; and nothing afterwards."""
    for connection, statement in change:
        connection.execute(statement)
    # In a connection of its own, for settings of a database.
    with connect(ONE, "front") as fresh:
        told = rows(fresh, CHECK)
    is_told = len(told) == len(expected) and all(
        any(subject.startswith(s) and re.search(p, problem) for s, p in expected) for subject, problem in told
    )
    for connection, statement in undo:
        connection.execute(statement)
    with connect(ONE, "front") as fresh:
        left = rows(fresh, CHECK)
    ok(is_told and left == [], f"check() tells of {name}", told, left)


postgres = {server: connect(server, "postgres") for server in (ONE, OTHER)}
a_holds, b_holds = buckets(RANGES["a"]), buckets(RANGES["b"])
tells(
    "buckets that a shard does not hold",
    [(postgres[ONE], "ALTER DATABASE shard_a SET session_service.buckets = '0-255,1024-1279,2048-2303'")],
    [("shard a", r"does not hold the buckets \{\[3072,3328\)\}")],
    [(postgres[ONE], f"ALTER DATABASE shard_a SET session_service.buckets = '{a_holds}'")],
)
tells(
    "buckets that two shards hold",
    [(postgres[ONE], f"ALTER DATABASE shard_b SET session_service.buckets = '{b_holds},0-9'")],
    [("shard b", r"holds the buckets \{\[0,10\)\}, as shard a does")],
    [(postgres[ONE], f"ALTER DATABASE shard_b SET session_service.buckets = '{b_holds}'")],
)
tells(
    "a shard that cannot be reached",
    [
        (front, f"UPDATE {FRONT}shards SET connection = connection || ' dbname=nowhere' WHERE shard = 'd'"),
        (front, APPLY),
    ],
    [("shard d", 'database "nowhere" does not exist')],
    [
        (front, f"UPDATE {FRONT}shards SET connection = replace(connection, ' dbname=nowhere', '') WHERE shard = 'd'"),
        (front, APPLY),
    ],
)
tells(
    "a shard without the extension",
    [
        (postgres[OTHER], "CREATE DATABASE bare"),
        (front, f"UPDATE {FRONT}shards SET connection = connection || ' dbname=bare' WHERE shard = 'd'"),
        (front, APPLY),
    ],
    [("shard d", "session_service")],
    [
        (front, f"UPDATE {FRONT}shards SET connection = replace(connection, ' dbname=bare', '') WHERE shard = 'd'"),
        (front, APPLY),
    ],
)
tells(
    "tables that were changed without apply()",
    [(front, f"UPDATE {FRONT}ranges SET dbname = 'alias' WHERE range = 3")],
    [("server session_service_ranges", r"call session_service_front.apply\(\)")],
    [(front, f"UPDATE {FRONT}ranges SET dbname = NULL WHERE range = 3")],
)
tells(
    "a shard that was added without apply()",
    [(front, f"INSERT INTO {FRONT}shards SELECT 'e', connection FROM {FRONT}shards WHERE shard = 'd'")],
    [("server session_service_shards", r"apply\(\)"), ("function session_service.revoke_sessions", r"apply\(\)")],
    [(front, f"DELETE FROM {FRONT}shards WHERE shard = 'e'")],
)
tells(
    "a range on no shard",
    [(front, f"DELETE FROM {FRONT}ranges WHERE range = 5")],
    [
        ("range 5", "is on no shard"),
        ("server session_service_ranges", r"apply\(\)"),
        ("function session_service.revoke_sessions", r"apply\(\)"),
    ],
    [(front, f"INSERT INTO {FRONT}ranges (range, shard) VALUES (5, 'b')")],
)
version = value(front, "SELECT extversion FROM pg_extension WHERE extname = 'session_service'")
tells(
    "another version",
    [(shard["c"], "UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'session_service'")],
    [("shard c", "another version of session_service: 0.9")],
    [
        (
            shard["c"],
            f"UPDATE pg_extension SET extversion = '{version}' WHERE extname = 'session_service'",
        )
    ],
)
tells(
    "a role that may not call all",
    [
        (
            shard["c"],
            f"""SELECT {SCHEMA}revoke_access('proxy', 'admin'), {SCHEMA}grant_access('proxy', 'application');
                GRANT EXECUTE ON FUNCTION {SCHEMA}holds_bucket TO proxy""",
        )
    ],
    [("shard c", "does not let its user call every function")],
    [(shard["c"], f"SELECT {SCHEMA}grant_access('proxy', 'admin')")],
)
tells(
    "times in another form",
    [(postgres[OTHER], "ALTER ROLE proxy SET DateStyle = 'SQL, DMY'")],
    [("shard c", "DateStyle ISO"), ("shard d", "DateStyle ISO")],
    [(postgres[OTHER], "ALTER ROLE proxy RESET DateStyle")],
)
postgres[OTHER].execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
with connect(OTHER, "latin") as connection:
    connection.execute("CREATE EXTENSION session_service")
    connection.execute(f"SELECT {SCHEMA}grant_access('proxy', 'admin')")
postgres[OTHER].execute(f"ALTER DATABASE latin SET session_service.buckets = '{buckets(RANGES['d'])}'")
tells(
    "another encoding",
    [(front, f"UPDATE {FRONT}shards SET connection = connection || ' dbname=latin' WHERE shard = 'd'"), (front, APPLY)],
    [("shard d", "another encoding: LATIN1")],
    [
        (front, f"UPDATE {FRONT}shards SET connection = replace(connection, ' dbname=latin', '') WHERE shard = 'd'"),
        (front, APPLY),
    ],
)
tells(
    "a function that is not routed",
    [
        (
            front,
            f"""
    CREATE OR REPLACE FUNCTION {SCHEMA}user_epoch(user_id uuid) RETURNS bigint
        AS '$libdir/session_service', 'session_service_user_epoch' LANGUAGE C VOLATILE PARALLEL UNSAFE;
    ALTER FUNCTION {SCHEMA}user_epoch(uuid) SECURITY INVOKER RESET ALL""",
        )
    ],
    [("function session_service.user_epoch(uuid)", r"is not routed: call session_service_front.apply\(\)")],
    [(front, APPLY)],
)
front.execute("GRANT USAGE ON FOREIGN DATA WRAPPER plproxy TO proxy")
tells(
    "a server of another role",
    [(front, "ALTER SERVER session_service_ranges OWNER TO proxy")],
    [("server session_service_ranges", "belongs to another role")],
    [(front, "ALTER SERVER session_service_ranges OWNER TO CURRENT_USER")],
)
front.execute("ALTER SERVER session_service_ranges OWNER TO proxy")
ok(state_of(front, APPLY) == "42501", "apply() does not take a server of another role for its own")
front.execute("ALTER SERVER session_service_ranges OWNER TO CURRENT_USER")
front.execute("ALTER SERVER session_service_ranges OPTIONS (ADD query_timeout '5')")
front.execute(APPLY)
ok(
    "query_timeout=5"
    in value(front, "SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'session_service_ranges'")
    and rows(front, CHECK) == [],
    "options of the DBA's stay as they are",
)
ok(
    state_of(shard["a"], "CREATE EXTENSION plproxy") == "00000"
    and state_of(shard["a"], "CREATE EXTENSION session_service_front") == "00000"
    and state_of(
        shard["a"],
        f"""INSERT INTO {FRONT}shards VALUES ('a', 'dbname=x');
            INSERT INTO {FRONT}ranges SELECT n, 'a' FROM generate_series(0, 15) n; {APPLY}""",
    )
    == "55000",
    "a database with users of its own does not become a front",
)

log_is_clean(SERVER_LOG)
done()
