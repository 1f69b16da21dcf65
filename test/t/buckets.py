"""Every function on a server that holds other buckets than those it is asked for.

    python3 buckets.py CONNECTION SERVER_LOG

Whatever is asked for by an id or a token is refused with 55000 and changes nothing; what goes over all rows does not
see these. On a server that holds no bucket but the user's, all goes on as before.
"""

import sys

import psycopg

from every_function import ALICE, SCHEMA, every_function, good_call, make_sessions
from tap_output import done, empty, log_is_clean, ok

CONNECTION, SERVER_LOG = sys.argv[1:]

connection = psycopg.connect(CONNECTION, autocommit=True, prepare_threshold=None)
connection.execute("CREATE EXTENSION session_service; CREATE ROLE grantee")
fixture = make_sessions(connection)
imported = dict(fixture, token="imported", refresh_token="imported refresh")
bucket = connection.execute(f"SELECT {SCHEMA}user_bucket(%s)", (ALICE,)).fetchone()[0]
HERE, ELSEWHERE = str(bucket), "0-{},{}-4095".format(bucket - 1, bucket + 1)

# What reads and writes the rows of no bucket by its id or token, and so has an answer.
OF_ALL = {
    "list_sessions",
    "find_external_sessions",
    "list_inactive_sessions",
    "count_active_sessions",
    "list_all_events",
    "cleanup_sessions",
    "revoke_inactive_sessions",
    "revoke_sessions",
    "revoke_external_sessions",
    "stats",
    "health",
}
OF_NONE = {
    "generate_token",
    "current_session_id",
    "current_user_id",
    "current_scopes",
    "has_scope",
    "is_mfa_verified",
    "is_authenticated_within",
    "current_metadata",
    "holds_bucket",
    "grant_access",
    "revoke_access",
}
TABLES = [
    name
    for (name,) in connection.execute(
        "SELECT c.relname FROM pg_class c "
        "WHERE c.relnamespace = 'session_service'::regnamespace AND c.relkind = 'r' ORDER BY 1"
    )
]


def rows():
    return {
        table: connection.execute(f"SELECT t::text FROM {SCHEMA}{table} t ORDER BY 1").fetchall() for table in TABLES
    }


def outcome(call):
    """Its rows, or its SQLSTATE, and what it changed undone."""
    try:
        with connection.transaction(force_rollback=True):
            return connection.execute(f"SELECT * FROM {call}").fetchall()
    except psycopg.Error as error:
        return error.sqlstate


functions = [
    function for function in every_function(connection) if not function.is_of_type and not function.is_internal
]
names = {function.name for function in functions}
empty(sorted((OF_ALL | OF_NONE) - names), "each function that has an answer is there")
asked = [function for function in functions if not function.is_computed and function.name not in OF_ALL | OF_NONE]
ok(len(asked) > 45, f"{len(asked)} functions are asked for rows by their ids or tokens")

# What filters name users is no question to all.
chosen = {"user_ids": "NULL::uuid[]"}
before = rows()
wrong = []
connection.execute(f"SET session_service.buckets = '{ELSEWHERE}'")
for function in asked:
    for name, values in (("", fixture), (", imported", imported)):
        found = outcome(good_call(function, values))
        if found != "55000":
            wrong.append(f"{function.name}{name}: {found}")
empty(wrong, "whatever is asked for by an id or token of another server's is refused with 55000")
wrong = []
for function in functions:
    if function.name in OF_ALL | OF_NONE or function.is_computed:
        found = outcome(good_call(function, fixture, chosen))
        if isinstance(found, str):
            wrong.append(f"{function.name}: {found}")
        elif function.name in OF_ALL - {"stats", "health"} and found not in ([], [(0,)]):
            wrong.append(f"{function.name}: {found}")
empty(wrong, "what goes over all rows, and what reads none, has an answer, and sees none of another server's")
empty([table for table, found in rows().items() if found != before[table]], "nothing was changed")

connection.execute(f"SET session_service.buckets = '{HERE}'")
empty(
    [
        f"{function.name}: {found}"
        for function in functions
        if isinstance(found := outcome(good_call(function, fixture)), str)
    ],
    "where its bucket is held all goes on as before",
)

# Activity that was noted before the fence went up is left out, and no COMMIT fails for it.
connection.execute("SET session_service.buckets = ''")
active = f"SELECT last_activity_at FROM {SCHEMA}get_session(%s)"
before = connection.execute(active, (fixture["session_id"],)).fetchone()
with connection.transaction():
    connection.execute(f"SELECT FROM {SCHEMA}validate_session(%s)", (fixture["token"],))
    connection.execute(f"SET LOCAL session_service.buckets = '{ELSEWHERE}'")
ok(
    connection.execute(active, (fixture["session_id"],)).fetchone() == before,
    "activity of another server's is left out",
)
with connection.transaction():
    connection.execute(f"SELECT FROM {SCHEMA}validate_session(%s)", (fixture["token"],))
ok(connection.execute(active, (fixture["session_id"],)).fetchone() > before, "and else written")

# As the setting changes under a kept plan, a remembered row and an open transaction.
connection.execute("SET session_service.buckets = ''")
validate = f"SELECT count(*) FROM {SCHEMA}validate_session(%s)"
with psycopg.connect(CONNECTION, autocommit=True) as other, other.transaction():
    ok(
        other.execute(validate, (fixture["token"],), prepare=True).fetchone() == (1,),
        "a transaction finds a token good",
    )
    connection.execute(f"ALTER SYSTEM SET session_service.buckets = '{ELSEWHERE}'")
    connection.execute("SELECT pg_reload_conf()")
    seen = ""
    while seen != ELSEWHERE:
        with psycopg.connect(CONNECTION, autocommit=True) as fresh:
            seen = fresh.execute("SHOW session_service.buckets").fetchone()[0]
    try:
        with other.transaction():
            other.execute(validate, (fixture["token"],), prepare=True)
        ok(False, "once a new connection sees the fence, its next call is refused")
    except psycopg.errors.ObjectNotInPrerequisiteState:
        ok(True, "once a new connection sees the fence, its next call is refused")

log_is_clean(SERVER_LOG)
done()
