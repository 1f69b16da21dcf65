"""Every function is called by roles whose search_path leads to traps, and by the same roles at peace.

    python3 search_path_traps.py CONNECTION SERVER_LOG

The traps have the names of all that the server has: functions, operators, aggregates, types, relations, and
casts where it has none. They stand before pg_catalog in the path, and what is used of them says so. Made by an
unprivileged role, but for the casts.
"""

import re
import sys
import time

import psycopg

from every_function import SCHEMA, every_function, good_call, make_sessions, without_chance
from tap_output import counted, done, empty, log_is_clean, ok

CONNECTION, SERVER_LOG = sys.argv[1:]
LEVELS = ("validate", "application", "monitor", "admin")
TRAPPED_PATH = "hostile, pg_temp, public, pg_catalog, session_service"

SETUP = f"""
CREATE EXTENSION session_service;
CREATE ROLE intruder LOGIN;
CREATE ROLE grantee;
CREATE SCHEMA hostile AUTHORIZATION intruder;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
GRANT CREATE ON SCHEMA public TO intruder;
GRANT USAGE ON SCHEMA session_service TO intruder;
GRANT USAGE ON TYPE session_service.token_hash, session_service.session_status TO intruder;
{"".join(f"CREATE ROLE {level} LOGIN; SELECT session_service.grant_access('{level}', '{level}');" for level in LEVELS)}
"""

# The body of a trap: it tells, and gives nothing.
MAKE_TRAPS = r"""
CREATE TABLE hostile.made (what text, name text, probe text);
CREATE FUNCTION hostile.make(what text, name text, definition text, probe text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE definition;
    INSERT INTO hostile.made VALUES (what, name, probe);
EXCEPTION WHEN OTHERS THEN
    -- a pseudotype that no function of ours may have
END $$;
CREATE FUNCTION hostile.name_of(of_type oid) RETURNS text LANGUAGE sql AS $$
    SELECT format('%I.%I', n.nspname, t.typname)
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = of_type
$$;
CREATE FUNCTION hostile.body(what text, is_set boolean) RETURNS text LANGUAGE sql AS $$
    SELECT format('BEGIN RAISE WARNING %L; %s END', 'sprung: ' || replace(what, '%', '%%'),
        CASE WHEN is_set THEN 'RETURN;' ELSE 'RETURN NULL;' END)
$$;
-- A function that a domain or a view asks.
CREATE FUNCTION hostile.sprung(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'sprung: %', what;
    RETURN true;
END $$;

DO $$
DECLARE
    f record;
    types text;
    what text;
BEGIN
    -- functions, with the arguments that the server's have
    FOR f IN SELECT p.oid, p.proname, p.proretset OR p.prorettype = 'void'::regtype AS is_set,
                    p.proretset, p.prorettype,
                    array(SELECT hostile.name_of(t)
                        FROM unnest(p.proargtypes) WITH ORDINALITY u (t, n) ORDER BY n) AS types
             FROM pg_proc p
             WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f'
               AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) LOOP
        types := array_to_string(f.types, ', ');
        what := format('%s(%s)', f.proname, types);
        PERFORM hostile.make('function', what,
            format('CREATE FUNCTION hostile.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', f.proname, types,
                CASE WHEN f.proretset THEN 'SETOF' END, hostile.name_of(f.prorettype), hostile.body(what, f.is_set)),
            CASE WHEN types !~ 'any' THEN format('SELECT %I(%s)', f.proname,
                (SELECT string_agg('NULL::' || t, ', ') FROM unnest(f.types) t)) END);
    END LOOP;
    -- operators
    FOR f IN SELECT o.oid, o.oprname, hostile.name_of(o.oprleft) AS l, hostile.name_of(o.oprright) AS r, o.oprresult
             FROM pg_operator o
             WHERE o.oprnamespace = 'pg_catalog'::regnamespace
             -- and those that the server does not have, which would fit better than one that it has
             UNION ALL SELECT 1e6::int + row_number() OVER (), sign, one, other, 'boolean'::regtype
             FROM unnest('{=,<>,<,<=,>,>=,~,||}'::text[]) sign,
             (VALUES ('session_service.token_hash', 'session_service.token_hash'),
                     ('session_service.token_hash', 'pg_catalog.bytea'),
                     ('pg_catalog.bytea', 'session_service.token_hash'),
                     ('session_service.session_status', 'session_service.session_status'),
                     ('pg_catalog.uuid', 'pg_catalog.text'),
                     ('pg_catalog.text', 'pg_catalog.uuid'),
                     ('pg_catalog.regrole', 'pg_catalog.oid'),
                     ('pg_catalog.oid', 'pg_catalog.regrole'),
                     ('pg_catalog.regrole', 'pg_catalog.regrole'),
                     ('pg_catalog.text', 'pg_catalog.int4'),
                     ('pg_catalog.timestamptz', 'pg_catalog.text'),
                     ('pg_catalog.anyelement', 'pg_catalog.anyelement')) pairs (one, other) LOOP
        what := format('operator %s (%s, %s)', f.oprname, f.l, f.r);
        PERFORM hostile.make('operator', what,
            format('CREATE FUNCTION hostile.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L; ',
                'op_' || f.oid, concat_ws(', ', f.l, f.r), hostile.name_of(f.oprresult), hostile.body(what, false))
            || format('CREATE OPERATOR hostile.%s (%s RIGHTARG = %s, FUNCTION = hostile.%I)',
                f.oprname, 'LEFTARG = ' || f.l || ',', f.r, 'op_' || f.oid),
            CASE WHEN what ~ 'any' THEN NULL ELSE format('SELECT %s %s NULL::%s', 'NULL::' || f.l, f.oprname, f.r) END);
    END LOOP;
    -- aggregates
    FOR f IN SELECT p.oid, p.proname, p.prorettype,
                    array(SELECT hostile.name_of(t)
                        FROM unnest(p.proargtypes) WITH ORDINALITY u (t, n) ORDER BY n) AS types
             FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'a' LOOP
        types := array_to_string(f.types, ', ');
        what := format('aggregate %s(%s)', f.proname, coalesce(nullif(types, ''), '*'));
        types := replace(types, 'pg_catalog."any"', 'pg_catalog.anyelement');
        PERFORM hostile.make('aggregate', what,
            format('CREATE FUNCTION hostile.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L; ',
                'step_' || f.oid, concat_ws(', ', hostile.name_of(f.prorettype), nullif(types, '')),
                hostile.name_of(f.prorettype), hostile.body(what, false))
            || format('CREATE AGGREGATE hostile.%I(%s) (SFUNC = hostile.%I, STYPE = %s)',
                f.proname, coalesce(nullif(types, ''), '*'), 'step_' || f.oid, hostile.name_of(f.prorettype)),
            CASE WHEN types ~ 'any' THEN NULL
                WHEN types = '' THEN format('SELECT %I(*)', f.proname)
                ELSE format('SELECT %I(%s)', f.proname,
                    (SELECT string_agg('NULL::' || t, ', ') FROM unnest(f.types) t)) END);
    END LOOP;
    -- types: a value of the type of that name asks
    FOR f IN SELECT t.typname FROM pg_type t
             WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm') AND t.typelem = 0
             UNION ALL SELECT typname FROM pg_type
             WHERE typnamespace = 'session_service'::regnamespace AND typtype IN ('b', 'c', 'e') AND typelem = 0 LOOP
        PERFORM hostile.make('type', f.typname,
            format('CREATE DOMAIN hostile.%I AS pg_catalog.text CHECK (hostile.sprung(%L))',
                f.typname, 'type ' || f.typname),
            format('SELECT ''x''::%I', f.typname));
    END LOOP;
END $$;
"""

# Where the server has no cast of its own; made by a superuser.
CASTS = [
    (source, target)
    for source in [f"pg_catalog.{name}" for name in ("text", "uuid", "bytea", "inet", "jsonb", "interval", "int2")]
    + [f"{SCHEMA}token_hash", f"{SCHEMA}session_status"]
    for target in [
        f"pg_catalog.{name}"
        for name in ("text", "uuid", "bytea", "inet", "jsonb", "interval", "timestamptz", "bool", "int8")
    ]
    + [f"{SCHEMA}token_hash", f"{SCHEMA}session_status"]
    if source != target
]

# What a caller's own temporary relations are called, which stand before everything.
RELATIONS = """
    SELECT relname FROM pg_class WHERE relnamespace = 'session_service'::regnamespace AND relkind = 'r'
    UNION SELECT relname FROM pg_class
    WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1"""


class Listening:
    """A connection that notes which traps were sprung."""

    def __init__(self, role=None, path=None, database="trapped"):
        options = {} if path is None else {"options": f"-c search_path={path.replace(' ', '')}"}
        self.connection = psycopg.connect(
            CONNECTION, dbname=database, autocommit=True, **({} if role is None else {"user": role}), **options
        )
        self.sprung = []
        self.connection.add_notice_handler(self.note)

    def note(self, diagnostic):
        found = re.search("sprung: .*", diagnostic.message_primary or "")
        if found:
            self.sprung.append(found.group())

    def set_relation_traps(self, names):
        for name in names:
            self.connection.execute(
                f"CREATE TEMP VIEW {name} AS SELECT 1 AS id WHERE hostile.sprung('relation {name}')"
            )

    def execute(self, statement):
        return self.connection.execute(statement)


def call_all(client, owner, functions):
    """What each function gives, with fresh sessions for each."""
    results = {}
    for function in functions:
        # Since roles by name are found in the caller's path as well.
        owner.execute(
            "TRUNCATE session_service.sessions, session_service.devices, session_service.users, "
            "session_service.events, session_service.imported_tokens, session_service.external_sessions"
        )
        fixture = make_sessions(owner)
        name = f"{function.name}({', '.join(argument.type for argument in function.arguments)})"
        try:
            rows = client.execute(f"SELECT * FROM {good_call(function, fixture)}").fetchall()
            # The server's counters and statistics go on.
            results[name] = len(rows) if function.name in ("stats", "health") else without_chance(rows)
        except psycopg.Error as error:
            results[name] = error.sqlstate
    return results


with psycopg.connect(CONNECTION, autocommit=True) as first:
    first.execute("CREATE DATABASE trapped")
owner = psycopg.connect(CONNECTION, dbname="trapped", autocommit=True)
owner.execute(SETUP)
functions = [function for function in every_function(owner) if not function.is_internal]
internal = [function.name for function in every_function(owner) if function.is_internal]
ok(internal == ["token_hash_recv", "token_hash_sortsupport"], "SQL can call all functions but two", internal)

intruder = Listening("intruder", "pg_catalog")
intruder.execute(MAKE_TRAPS)
made = dict(intruder.execute("SELECT what, count(*) FROM hostile.made GROUP BY 1").fetchall())
ok(
    made.get("function", 0) > 2000
    and made.get("operator", 0) > 700
    and made.get("aggregate", 0) > 80
    and made.get("type", 0) > 60,
    "traps are set for most of what the server has",
    made,
)
casts = []
for source, target in CASTS:
    name = "cast_" + f"{source}_{target}".replace("pg_catalog.", "").replace(SCHEMA, "")
    # The function is the intruder's; only superusers may make casts between types that are not theirs.
    intruder.execute(
        f"CREATE FUNCTION hostile.{name}({source}) RETURNS {target} LANGUAGE plpgsql "
        f"AS $$ BEGIN RAISE WARNING 'sprung: {name}'; RETURN NULL; END $$"
    )
    try:
        owner.execute(f"CREATE CAST ({source} AS {target}) WITH FUNCTION hostile.{name}({source}) AS IMPLICIT")
        casts.append((name, source, target))
    except psycopg.errors.DuplicateObject:
        pass
ok(len(casts) > 50, "and for casts", casts)

# --- each trap is one: what a plain statement finds

relations = [row[0] for row in owner.execute(RELATIONS)]
client = Listening("intruder", TRAPPED_PATH)
client.set_relation_traps(relations)
probes = client.execute("SELECT what, name, probe FROM hostile.made WHERE probe IS NOT NULL").fetchall()
untold = client.execute("SELECT name FROM hostile.made WHERE probe IS NULL").fetchall()
idle = []
for what, name, probe in probes + [("relation", name, f'TABLE "{name}"') for name in relations]:
    client.sprung.clear()
    try:
        client.execute(probe)
    except psycopg.Error as error:
        client.sprung.append(f"{error}") if "sprung" in str(error) else None
    if not client.sprung:
        idle.append(f"{what} {name}: {probe}")
for name, source, target in casts:
    client.sprung.clear()
    client.execute(f"SELECT v::{target} FROM (SELECT NULL::{source} AS v OFFSET 0) t")
    if not any(name in sprung for sprung in client.sprung):
        idle.append(f"cast {name}")
empty(idle, "a plain statement springs each trap")
total = len(probes) + len(relations) + len(casts)
counted(f"{total} traps proven, {len(untold)} more of any type")
client.connection.close()

# --- the calls

at_peace, calls = {}, 0
for level in LEVELS:
    peaceful = Listening(level, "pg_catalog")
    at_peace[level] = call_all(peaceful, owner, functions)
    allowed = [name for name, result in at_peace[level].items() if result != "42501"]
    calls += 2 * len(functions)
    trapped = Listening(level, TRAPPED_PATH)
    trapped.set_relation_traps(relations)
    found = call_all(trapped, owner, functions)
    empty(
        [
            f"{name}: {found[name]}, at peace {result}"
            for name, result in at_peace[level].items()
            if found[name] != result
        ],
        f"{level}: the same results among traps",
    )
    empty(trapped.sprung, f"{level}: no trap was sprung by {len(allowed)} functions")
    if level == "admin":
        ok(
            len(allowed) == len(functions),
            "admin may call everything but what is the owner's",
            [name for name in found if name not in allowed],
        )
        # Plans that were made at peace, and then the other way round.
        peaceful.execute(f"SET search_path = {TRAPPED_PATH}")
        peaceful.set_relation_traps(relations)
        trapped.execute("SET search_path = pg_catalog")
        for name, again in (("made at peace", peaceful), ("made among traps", trapped)):
            found = call_all(again, owner, functions)
            calls += len(functions)
            empty(
                [
                    f"{function}: {found[function]}, at peace {result}"
                    for function, result in at_peace[level].items()
                    if found[function] != result
                ],
                f"the same results with plans {name}",
            )
            empty(again.sprung, f"no trap was sprung with plans {name}")
        # What a plain statement does in the same connection.
        peaceful.execute("SELECT pg_catalog.length('x') = 1")
        ok(peaceful.sprung, "which were there all the time")
        # The two functions that SQL cannot call.
        trapped.execute(f"SET search_path = {TRAPPED_PATH}")
        trapped.execute(f"SELECT v FROM (VALUES ({SCHEMA}hash_token('a')), ({SCHEMA}hash_token('b'))) t (v) ORDER BY v")
        owner.execute(
            "CREATE TABLE public.received "
            "(h session_service.token_hash, EXCLUDE USING btree (h WITH OPERATOR(session_service.=)))"
        )
        owner.execute("GRANT INSERT ON public.received TO admin")
        with trapped.connection.cursor() as cursor, cursor.copy(
            "COPY public.received FROM STDIN (FORMAT binary)"
        ) as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + (b"\0\1\0\0\0\x20" + b"h" * 32) + b"\xff\xff")
        empty(trapped.sprung, "nor by the type's sorting, indexing and receiving")
    peaceful.connection.close()
    trapped.connection.close()
counted(f"{calls} calls of {len(functions)} functions, at peace and among traps")

# --- those that others make for us: the owner's CREATE EXTENSION, the maintenance worker

owner.execute(f"ALTER DATABASE trapped SET search_path = {TRAPPED_PATH}")
superuser = Listening()
superuser.execute("DROP EXTENSION session_service CASCADE")
superuser.execute("CREATE EXTENSION session_service")
empty(superuser.sprung, "CREATE EXTENSION springs no trap")
# In the worker a warning goes to the log.
owner.execute(f"SELECT {SCHEMA}revoke_session(session_id) FROM {SCHEMA}create_session(gen_random_uuid())")
owner.execute(
    "UPDATE session_service.sessions "
    "SET revoked_at = revoked_at - interval '100 days', purge_after = purge_after - interval '100 days'"
)
log_before = open(SERVER_LOG).read().count("sprung")
owner.execute("ALTER SYSTEM SET session_service.maintenance_database = 'trapped'")
owner.execute("SELECT pg_reload_conf()")
for _ in range(600):
    if owner.execute("SELECT count(*) FROM session_service.sessions").fetchone()[0] == 0:
        break
    time.sleep(0.1)
ok(owner.execute("SELECT count(*) FROM session_service.sessions").fetchone()[0] == 0, "the worker cleaned the database")
ok(open(SERVER_LOG).read().count("sprung") == log_before, "and sprang no trap")
owner.close()
log_is_clean(SERVER_LOG)
done()
