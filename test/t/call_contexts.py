"""Every function, called in every place of a statement where a function can stand, and where it cannot.

    python3 call_contexts.py CONNECTION SERVER_LOG

What is called once gives what it gives in FROM; the rest gives something, or an error that the server's manual
knows. Then the type token_hash and the row types, with bytes and rows of wrong shapes.
"""

import hashlib
import os
import sys

import psycopg

from every_function import SCHEMA, every_function, good_call, make_sessions, without_chance
from tap_output import counted, done, empty, extent, log_is_clean, ok

CONNECTION, SERVER_LOG = sys.argv[1:]

connection = psycopg.connect(CONNECTION, autocommit=True, prepare_threshold=None)
connection.execute("CREATE EXTENSION session_service; CREATE ROLE grantee; SET statement_timeout = '1min'")
fixture = make_sessions(connection)
VERSION = connection.info.server_version
PARALLEL = "debug_parallel_query" if VERSION >= 160000 else "force_parallel_mode"

# What the server may say of a function in the wrong place: a set where none can be, an expression that is not
# immutable, a function of another kind or type, a column definition list where the row type is known, a type
# that cannot be compared, several sets or rows where one is needed.
SET_REFUSED = {"0A000", "42P20", "42803"}
NOT_IMMUTABLE = {"42P17"}
WRONG_KIND = {"42809", "42883", "42P13", "42P17"}
WRONG_TYPE = {"42804", "42846", "42883", "42P16"}

SAME, ANY = "same", "any"


class Context:
    """Statements around a call; the last one's rows are what it gives, and are compared with those of FROM where
    it calls once. `errors` are what it may raise instead."""

    def __init__(self, name, *statements, gives=ANY, errors=(), for_sets=True, for_rows=True, for_scalars=True):
        self.name, self.statements, self.gives, self.errors = name, statements, gives, frozenset(errors)
        self.for_sets, self.for_rows, self.for_scalars = for_sets, for_rows, for_scalars

    def fits(self, function):
        if function.returns_set:
            return self.for_sets
        return self.for_rows if function.returns_row else self.for_scalars


CONTEXTS = [
    # in FROM
    Context("a subselect", "SELECT * FROM (SELECT * FROM {call} OFFSET 0) s", gives=SAME),
    Context("ROWS FROM", "SELECT * FROM ROWS FROM ({call})", gives=SAME),
    Context("ROWS FROM twice, with ordinality", "SELECT * FROM ROWS FROM ({call}, {call}) WITH ORDINALITY"),
    Context("beside a longer set", "SELECT * FROM ROWS FROM ({call}, generate_series(1, 5)) WITH ORDINALITY"),
    Context("with ordinality", "SELECT * FROM {call} WITH ORDINALITY"),
    Context("LATERAL", "SELECT * FROM generate_series(1, 3) n, LATERAL (SELECT n, x FROM {call} x) s"),
    Context("the outer side of a join", "SELECT * FROM generate_series(1, 3) n LEFT JOIN {call} x ON n = 1"),
    Context(
        "scanned again",
        "SET LOCAL enable_material = off",
        "SELECT count(*) FROM generate_series(1, 3) n LEFT JOIN (SELECT x FROM {call} x) s ON n > 0",
    ),
    Context("a column definition list", "SELECT * FROM {call} AS t (a integer, b text)", errors={"42601", "42804"}),
    Context("a whole row", "SELECT x FROM {call} x"),
    Context("as JSON", "SELECT row_to_json(x), to_jsonb(x) FROM {call} x", errors={"42883"}),
    Context("as text", "SELECT x::text FROM {call} x", errors=WRONG_TYPE),
    Context("LIMIT 0", "SELECT * FROM {call} LIMIT 0"),
    Context("LIMIT 1", "SELECT * FROM {call} LIMIT 1"),
    Context("OFFSET", "SELECT * FROM {call} OFFSET 1"),
    Context("a common table expression", "WITH c AS MATERIALIZED (SELECT * FROM {call}) SELECT * FROM c", gives=SAME),
    Context("one that nobody reads", "WITH c AS (SELECT * FROM {call}) SELECT 1"),
    Context(
        "a recursive one",
        "WITH RECURSIVE c (n, x) AS (SELECT 1, (SELECT x::text FROM {call} x LIMIT 1) "
        "UNION ALL SELECT n + 1, x FROM c WHERE n < 3) SELECT * FROM c",
        errors=WRONG_TYPE,
    ),
    Context("UNION ALL", "SELECT x::text FROM {call} x UNION ALL SELECT x::text FROM {call} x", errors=WRONG_TYPE),
    Context("DISTINCT", "SELECT DISTINCT x FROM {call} x", errors={"42883"}),
    Context("sampled by a window", "SELECT row_number() OVER (), x FROM {call} x"),
    Context("aggregated", "SELECT array_agg(x), count(x) FROM {call} x", errors={"42704", "0A000", "42883", "22004"}),
    # in the select list
    Context("the select list", "SELECT {call}"),
    Context("its columns", "SELECT ({call}).*", errors={"42809"}, for_scalars=False),
    Context("a field", "SELECT ({call}).session_id", errors={"42703", "42809"}, for_scalars=False),
    Context("the select list, LIMIT 0", "SELECT {call} LIMIT 0"),
    Context("the select list, LIMIT 1", "SELECT {call}, generate_series(1, 100) LIMIT 1"),
    Context("twice", "SELECT {call}, {call}"),
    Context("beside a set", "SELECT {call}, generate_series(1, 3)"),
    Context("for many rows", "SELECT {call} FROM generate_series(1, 3)"),
    Context("a scalar subselect", "SELECT (SELECT x FROM {call} x LIMIT 1)", errors={"42804"}),
    Context("EXISTS", "SELECT EXISTS (SELECT FROM {call})"),
    Context("an array of a subselect", "SELECT ARRAY(SELECT x FROM {call} x)", errors={"42704", "42804", "22004"}),
    Context("CASE", "SELECT CASE WHEN n > 1 THEN {call} END FROM generate_series(1, 2) n", errors=SET_REFUSED),
    Context("COALESCE", "SELECT coalesce({call}, NULL)", errors=SET_REFUSED),
    Context("IS NULL", "SELECT {call} IS NULL", errors=SET_REFUSED),
    Context("an argument", "SELECT pg_typeof({call})", errors=SET_REFUSED),
    Context("an array", "SELECT ARRAY[{call}]", errors=SET_REFUSED | {"42704", "42P13"}),
    Context("a row", "SELECT ROW({call}, {call})", errors=SET_REFUSED),
    Context("compared", "SELECT {call} IS NOT DISTINCT FROM {call}", errors=SET_REFUSED | {"42883"}),
    # elsewhere in a query
    Context("WHERE", "SELECT 1 WHERE {call} IS NOT NULL", errors=SET_REFUSED),
    Context("HAVING", "SELECT 1 HAVING {call} IS NOT NULL", errors=SET_REFUSED),
    Context(
        "JOIN … ON",
        "SELECT 1 FROM generate_series(1, 2) a JOIN generate_series(1, 2) b ON {call} IS NOT NULL",
        errors=SET_REFUSED,
    ),
    Context("ORDER BY", "SELECT n FROM generate_series(1, 3) n ORDER BY {call}", errors={"42883", "0A000"}),
    Context("GROUP BY", "SELECT count(*) FROM generate_series(1, 3) GROUP BY {call}", errors={"42883", "0A000"}),
    Context("LIMIT", "SELECT 1 LIMIT (SELECT count(*) FROM {call})"),
    Context("VALUES", "VALUES ({call})", errors=SET_REFUSED),
    Context("an aggregate's argument", "SELECT count({call})", errors=SET_REFUSED),
    Context("an aggregate's filter", "SELECT count(*) FILTER (WHERE {call} IS NOT NULL)", errors=SET_REFUSED),
    Context(
        "a window's order",
        "SELECT row_number() OVER (ORDER BY {call}) FROM generate_series(1, 2)",
        errors=SET_REFUSED | {"42883"},
    ),
    # statements
    Context(
        "CREATE TABLE AS",
        "CREATE TEMP TABLE made ON COMMIT DROP AS SELECT * FROM {call}",
        "TABLE made",
        gives=SAME,
        errors={"42P16"},
    ),
    Context(
        "INSERT … SELECT",
        "CREATE TEMP TABLE made (x text) ON COMMIT DROP",
        "INSERT INTO made SELECT x::text FROM {call} x",
        errors=WRONG_TYPE,
    ),
    Context(
        "RETURNING",
        "CREATE TEMP TABLE made (x text) ON COMMIT DROP",
        "INSERT INTO made VALUES ('a') RETURNING {call}",
        errors=SET_REFUSED,
    ),
    Context(
        "SET of an UPDATE",
        "CREATE TEMP TABLE made (x text) ON COMMIT DROP",
        "INSERT INTO made VALUES ('a')",
        "UPDATE made SET x = (SELECT x::text FROM {call} x LIMIT 1)",
        errors=WRONG_TYPE,
    ),
    Context(
        "a default",
        "CREATE TEMP TABLE made (n int, x text DEFAULT ({call})::text) ON COMMIT DROP",
        "INSERT INTO made VALUES (1) RETURNING x",
        errors=SET_REFUSED | WRONG_TYPE,
    ),
    Context(
        "a check",
        "CREATE TEMP TABLE made (n int CHECK ({call} IS NOT NULL)) ON COMMIT DROP",
        "INSERT INTO made VALUES (1)",
        errors=SET_REFUSED | {"23514"},
    ),
    Context(
        "a generated column",
        "CREATE TEMP TABLE made (n int, x text GENERATED ALWAYS AS (({call})::text) STORED) ON COMMIT DROP",
        "INSERT INTO made VALUES (1) RETURNING x",
        errors=SET_REFUSED | NOT_IMMUTABLE | WRONG_TYPE,
    ),
    Context(
        "an index",
        "CREATE TEMP TABLE made (n int) ON COMMIT DROP",
        "INSERT INTO made VALUES (1)",
        "CREATE INDEX ON made (({call}))",
        errors=SET_REFUSED | NOT_IMMUTABLE | {"42704", "42P16"},
    ),
    Context(
        "an index's condition",
        "CREATE TEMP TABLE made (n int) ON COMMIT DROP",
        "CREATE INDEX ON made (n) WHERE {call} IS NOT NULL",
        errors=SET_REFUSED | NOT_IMMUTABLE,
    ),
    Context(
        "a partition's key",
        "CREATE TEMP TABLE made (n int) PARTITION BY LIST (({call}))",
        errors=SET_REFUSED | NOT_IMMUTABLE | {"42704", "42P16"},
    ),
    Context(
        "a domain's check",
        "CREATE DOMAIN pg_temp.made AS int CHECK ({call} IS NOT NULL)",
        "SELECT 1::pg_temp.made",
        errors=SET_REFUSED | {"23514"},
    ),
    Context("a view", "CREATE TEMP VIEW made AS SELECT * FROM {call}", "TABLE made", gives=SAME, errors={"42P16"}),
    Context(
        "a policy",
        "CREATE TEMP TABLE made (n int) ON COMMIT DROP",
        "ALTER TABLE made ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY p ON made USING ({call} IS NOT NULL)",
        "TABLE made",
        errors=SET_REFUSED,
    ),
    Context(
        "a rule",
        "CREATE TEMP TABLE made (n int) ON COMMIT DROP",
        "CREATE RULE r AS ON INSERT TO made DO ALSO SELECT * FROM {call}",
        "INSERT INTO made VALUES (1)",
    ),
    Context(
        "a trigger's condition",
        "CREATE TEMP TABLE made (n int) ON COMMIT DROP",
        (
            "CREATE TRIGGER t BEFORE INSERT ON made FOR EACH ROW "
            "WHEN ({call} IS NULL) EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        ),
        "INSERT INTO made VALUES (1)",
        errors=SET_REFUSED | {"39P01"},
    ),
    Context("EXPLAIN", "EXPLAIN (VERBOSE, COSTS off) SELECT * FROM {call}"),
    Context("EXPLAIN ANALYZE", "EXPLAIN (ANALYZE, VERBOSE, BUFFERS) SELECT * FROM {call}"),
    Context("EXPLAIN ANALYZE of the select list", "EXPLAIN (ANALYZE, VERBOSE) SELECT {call}"),
    Context("PREPARE", "PREPARE made AS SELECT * FROM {call}", "EXECUTE made", gives=SAME),
    Context("PREPARE, again and again", "PREPARE made AS SELECT * FROM {call}", *["EXECUTE made"] * 7),
    Context(
        "CREATE TABLE AS EXECUTE",
        "PREPARE made AS SELECT * FROM {call}",
        "CREATE TEMP TABLE executed AS EXECUTE made",
        errors={"42P16"},
    ),
    Context("a cursor", "DECLARE made CURSOR FOR SELECT * FROM {call}", "FETCH ALL FROM made", gives=SAME),
    Context("a cursor that is left", "DECLARE made CURSOR FOR SELECT * FROM {call}", "FETCH 1 FROM made", "CLOSE made"),
    Context("a cursor that nobody reads", "DECLARE made CURSOR FOR SELECT * FROM {call}"),
    Context(
        "a scrolling cursor",
        "DECLARE made SCROLL CURSOR FOR SELECT * FROM {call}",
        "FETCH ALL FROM made",
        "MOVE ABSOLUTE 0 IN made",
        "FETCH LAST FROM made",
    ),
    Context(
        "a cursor to and fro",
        "DECLARE made SCROLL CURSOR FOR SELECT {call} FROM generate_series(1, 3)",
        "FETCH 2 FROM made",
        "FETCH BACKWARD 1 FROM made",
        "FETCH FORWARD ALL FROM made",
    ),
    Context("a savepoint", "SAVEPOINT a", "SELECT * FROM {call}", "ROLLBACK TO a", "SELECT * FROM {call}", gives=SAME),
    Context(
        "after an error",
        "SAVEPOINT a",
        "!SELECT 1 / 0 FROM {call}",
        "ROLLBACK TO a",
        "SELECT * FROM {call}",
        gives=SAME,
    ),
    Context("CALL", "CALL {call}", errors=WRONG_KIND),
    # levels of isolation, and parallel plans
    Context("REPEATABLE READ", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT * FROM {call}", gives=SAME),
    Context("SERIALIZABLE", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SELECT * FROM {call}", gives=SAME),
    Context(
        "SERIALIZABLE, READ ONLY, DEFERRABLE",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
        "SELECT * FROM {call}",
        errors={"25006"},
    ),
    Context("READ ONLY", "SET TRANSACTION READ ONLY", "SELECT * FROM {call}", errors={"25006"}),
    Context("a parallel plan", f"SET LOCAL {PARALLEL} = on", "SELECT * FROM {call}", gives=SAME),
    Context(
        "a parallel plan for every row",
        f"SET LOCAL {PARALLEL} = on",
        "SELECT relname, {call} FROM pg_class ORDER BY 1 LIMIT 3",
    ),
    # What says that it is safe and is not runs in a worker, where nothing can be written.
    Context(
        "a function that lies of itself",
        f"SET LOCAL {PARALLEL} = on",
        (
            "CREATE FUNCTION pg_temp.lying() RETURNS text LANGUAGE plpgsql PARALLEL SAFE "
            "AS $$ BEGIN RETURN (SELECT x::text FROM {call} x LIMIT 1); END $$"
        ),
        "SELECT pg_temp.lying() FROM pg_class LIMIT 1",
        errors={"25000", "42846"},
    ),
    # PL/pgSQL and SQL functions
    Context(
        "a block with EXCEPTION",
        "DO $$ BEGIN PERFORM {call}; RAISE 'undone'; EXCEPTION WHEN raise_exception THEN PERFORM {call}; END $$",
    ),
    Context(
        "a loop that ends early",
        "DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM {call} LOOP EXIT; END LOOP; END $$",
    ),
    Context(
        "SELECT INTO STRICT",
        "DO $$ DECLARE r record; BEGIN SELECT * INTO STRICT r FROM {call}; END $$",
        errors={"P0003", "P0002"},
    ),
    Context(
        "an assignment", "DO $$ DECLARE r text; BEGIN r := {call}; END $$", errors=SET_REFUSED | {"22001", "21000"}
    ),
    Context(
        "EXECUTE", "DO $$ DECLARE r record; BEGIN EXECUTE 'SELECT * FROM (SELECT 1) x' INTO r; PERFORM {call}; END $$"
    ),
    Context(
        "RETURN QUERY",
        (
            "CREATE FUNCTION pg_temp.made() RETURNS SETOF text LANGUAGE plpgsql "
            "AS $$ BEGIN RETURN QUERY SELECT x::text FROM {call} x; END $$"
        ),
        "SELECT * FROM pg_temp.made()",
        errors=WRONG_TYPE,
    ),
    Context(
        "a SQL function",
        "CREATE FUNCTION pg_temp.made() RETURNS SETOF record LANGUAGE sql AS $$ SELECT x FROM {call} x $$",
        "SELECT pg_temp.made()",
        errors={"42P13"},
    ),
    Context(
        "a SQL function with settings",
        (
            "CREATE FUNCTION pg_temp.made() RETURNS bigint LANGUAGE sql SET work_mem = '64kB' SET role = grantee "
            "AS $$ SELECT count(*) FROM {call} $$"
        ),
        "SELECT pg_temp.made()",
        errors={"42501"},
    ),
    Context(
        "a trigger's body",
        "CREATE TEMP TABLE made (n int) ON COMMIT DROP",
        (
            "CREATE FUNCTION pg_temp.fired() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN PERFORM {call}; RETURN NEW; END $$"
        ),
        "CREATE TRIGGER t BEFORE INSERT OR UPDATE ON made FOR EACH ROW EXECUTE FUNCTION pg_temp.fired()",
        "INSERT INTO made VALUES (1), (2)",
        "UPDATE made SET n = 3",
    ),
    Context(
        "a deferred trigger's body",
        "CREATE TEMP TABLE made (n int)",
        (
            "CREATE FUNCTION pg_temp.fired() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN PERFORM {call}; RETURN NEW; END $$"
        ),
        (
            "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON made DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION pg_temp.fired()"
        ),
        "INSERT INTO made VALUES (1), (2)",
        "SET CONSTRAINTS ALL IMMEDIATE",
    ),
    # the name of a function where it is no call
    Context(
        "a trigger",
        "CREATE TEMP TABLE made (n int) ON COMMIT DROP",
        "CREATE TRIGGER t BEFORE INSERT ON made FOR EACH ROW EXECUTE FUNCTION {name}()",
        errors=WRONG_KIND,
    ),
    Context(
        "an event trigger",
        "CREATE EVENT TRIGGER made ON ddl_command_start EXECUTE FUNCTION {name}()",
        errors=WRONG_KIND,
    ),
    Context(
        "an aggregate's transition",
        "CREATE AGGREGATE pg_temp.made (text) (SFUNC = {name}, STYPE = text)",
        "SELECT pg_temp.made(x) FROM (VALUES ('a'), ('b')) v (x)",
        errors=WRONG_KIND | {"42725", "42804"},
    ),
    Context(
        "an aggregate's end",
        "CREATE AGGREGATE pg_temp.made (text) (SFUNC = textcat, STYPE = text, INITCOND = '', FINALFUNC = {name})",
        "SELECT pg_temp.made(x) FROM (VALUES ('a'), ('b')) v (x)",
        errors=WRONG_KIND | {"42725", "42804"},
    ),
    Context(
        "an operator",
        "CREATE OPERATOR pg_temp.!# (FUNCTION = {name}, {operands})",
        errors=WRONG_KIND | {"42601"},
        for_scalars=True,
    ),
    Context(
        "a cast",
        "CREATE TYPE pg_temp.made AS ENUM ('a')",
        "CREATE CAST (text AS pg_temp.made) WITH FUNCTION {name}({types})",
        errors=WRONG_KIND | {"42P17", "42804"},
    ),
]


def run(statements):
    """The rows of the last statement, in a transaction that is undone; or its SQLSTATE."""
    rows = None
    connection.execute("BEGIN")
    try:
        for statement in statements:
            if statement.startswith("!"):
                try:
                    connection.execute(statement[1:])
                except psycopg.errors.DivisionByZero:
                    pass
                continue
            cursor = connection.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
        return without_chance(rows)
    except psycopg.Error as error:
        if connection.closed:
            raise
        return error.sqlstate
    finally:
        if not connection.closed:
            connection.execute("ROLLBACK")
            connection.execute("DEALLOCATE ALL")


def filled(statement, function):
    types = [argument.type for argument in function.arguments]
    operands = (
        ", ".join(
            f"{side} = {kind}"
            for side, kind in zip(("LEFTARG", "RIGHTARG") if len(types) > 1 else ("RIGHTARG",), types)
        )
        or "RIGHTARG = text"
    )
    return (
        statement.replace("{call}", good_call(function, fixture))
        .replace("{name}", SCHEMA + function.name)
        .replace("{operands}", operands)
        .replace("{types}", ", ".join(types))
    )


functions = [function for function in every_function(connection) if not function.is_internal]
tried, problems = 0, []
for number, function in enumerate(functions):
    plain = run([f"SELECT * FROM {good_call(function, fixture)}"])
    if isinstance(plain, str):
        problems.append(f"{function.name}: {plain}")
    for place, context in enumerate(CONTEXTS):
        # In the quick form each function is tried in every other context, and each context with every other function.
        if not context.fits(function) or (number + place) % extent(2, 1) != 0:
            continue
        tried += 1
        found = run([filled(statement, function) for statement in context.statements])
        # The server's counters and statistics go on.
        is_same = found == plain or function.name in ("stats", "health", "cleanup_sessions")
        if isinstance(found, str):
            # A pseudotype can stand hardly anywhere.
            pseudotype = (
                {"42P16", "0A000", "42P13", "42704", "42804", "42883", "42846"}
                if function.returned in ("void", "cstring")
                else set()
            )
            if found not in context.errors | pseudotype:
                problems.append(f"{function.name}, {context.name}: {found}")
        elif context.gives == SAME and not is_same:
            problems.append(f"{function.name}, {context.name}: {found}, in FROM {plain}")
empty(problems, "each function in each context gives what it should, or a known error")
counted(f"{tried} contexts of {len(functions)} functions")

# --- COPY, with each format

problems = []
for function in functions:
    for options in ("", "(FORMAT csv, HEADER)", "(FORMAT binary)"):
        connection.execute("BEGIN")
        try:
            with connection.cursor() as cursor, cursor.copy(
                f"COPY (SELECT * FROM {good_call(function, fixture)}) TO STDOUT {options}"
            ) as copy:
                for _ in copy:
                    pass
        except psycopg.Error as error:
            # cstring has binary output, void has none in 15 that COPY would use
            if function.returned not in ("void", "cstring"):
                problems.append(f"{function.name} {options}: {error}")
        connection.execute("ROLLBACK")
empty(problems, "COPY writes what each function gives")

# --- calls in the arguments of others

NESTED = [
    (
        "SELECT count(*) FROM {s}create_session(gen_random_uuid()) c, {s}validate_session(c.token) v "
        "WHERE v.session_id = c.session_id",
        [[1]],
    ),
    (
        "SELECT count(*) FROM {s}create_session(gen_random_uuid()) c, {s}refresh_session(c.refresh_token) r, "
        "{s}rotate_session_token(r.token) t, {s}validate_session(t.token) v",
        [[1]],
    ),
    ("SELECT count(*) FROM {s}validate_session((SELECT token FROM {s}create_session(gen_random_uuid())))", [[1]]),
    (
        "SELECT {s}revoke_session({s}token_session_id((SELECT token FROM {s}create_session(gen_random_uuid()))))",
        [[True]],
    ),
    (
        "SELECT {s}revoke_session_by_token(refresh_token), {s}revoke_session_by_token(token) "
        "FROM {s}create_session(gen_random_uuid())",
        [[True, False]],
    ),
    (
        "SELECT count(*) FROM {s}create_session(gen_random_uuid()) c, "
        "{s}validate_session_hash({s}token_session_id(c.token), {s}hash_token(c.token))",
        [[1]],
    ),
    ("SELECT {s}has_scope({s}generate_token()), {s}user_bigint({s}user_uuid(42)) = 42", [[False, True]]),
    (
        "SELECT count(*) FROM {s}validate_sessions(ARRAY(SELECT token FROM generate_series(1, 3), "
        "LATERAL (SELECT token FROM {s}create_session(gen_random_uuid())) c))",
        [[3]],
    ),
    (
        "SELECT ({s}authenticate(token)).user_id = {s}current_user_id() FROM {s}create_session(gen_random_uuid())",
        [[True]],
    ),
    (
        "SELECT {s}session_bucket(session_id) = {s}token_bucket(token) FROM {s}create_session(gen_random_uuid())",
        [[True]],
    ),
    (
        "SELECT count(*) FROM {s}list_user_sessions((SELECT user_id "
        "FROM {s}validate_session((SELECT token FROM {s}create_session(gen_random_uuid())))))",
        [[1]],
    ),
    ("SELECT count(DISTINCT t) FROM (SELECT {s}generate_token() AS t FROM generate_series(1, 100)) x", [[100]]),
    (
        "SELECT max({s}count_user_sessions('00000000-0000-4000-8000-0000000000aa')) "
        "FROM (SELECT ({s}create_session('00000000-0000-4000-8000-0000000000aa')).token "
        "FROM generate_series(1, 30) OFFSET 0) c",
        [[10]],
    ),
    (
        "SELECT bool_and({s}revoke_session(id)) "
        "FROM (SELECT id FROM {s}create_session('00000000-0000-4000-8000-0000000000ab') c, "
        "{s}list_user_sessions('00000000-0000-4000-8000-0000000000ab')) x",
        [[True]],
    ),
]
wrong = []
for statement, expected in NESTED:
    for parallel in ("off", "on"):
        connection.execute("BEGIN")
        connection.execute(f"SET LOCAL {PARALLEL} = {parallel}")
        try:
            found = [list(row) for row in connection.execute(statement.replace("{s}", SCHEMA)).fetchall()]
        except psycopg.Error as error:
            found = str(error)
        connection.execute("ROLLBACK")
        if found != expected:
            wrong.append(f"{statement}: {found}")
empty(wrong, f"{len(NESTED)} calls within calls")

# A procedure that commits between calls, and within a cursor's loop.
connection.execute(
    f"""
    CREATE PROCEDURE pg_temp.sign_in_and_out(times integer) LANGUAGE plpgsql AS $$
    DECLARE
        made record;
        shown record;
        valid integer := 0;
    BEGIN
        FOR n IN 1 .. times LOOP
            SELECT * INTO made FROM {SCHEMA}create_session(gen_random_uuid());
            COMMIT;
            PERFORM FROM {SCHEMA}validate_session(made.token, '192.0.2.7');
            COMMIT AND CHAIN;
            FOR shown IN SELECT * FROM {SCHEMA}get_session(made.session_id) LOOP
                COMMIT;
                ASSERT shown.ip_address = '192.0.2.7';
                ASSERT {SCHEMA}revoke_session(shown.id);
                ROLLBACK;
                ASSERT EXISTS (SELECT FROM {SCHEMA}validate_session(made.token));
            END LOOP;
        END LOOP;
    END $$"""
)
try:
    connection.execute("CALL pg_temp.sign_in_and_out(5)")
    ok(True, "a procedure that commits between calls")
except psycopg.Error as error:
    ok(False, "a procedure that commits between calls", error)

# Two-phase commit, of each function.
unprepared = []
for function in functions:
    connection.execute("BEGIN")
    connection.execute(f"SELECT * FROM {good_call(function, fixture)}")
    try:
        connection.execute("PREPARE TRANSACTION 'made'")
        connection.execute("ROLLBACK PREPARED 'made'")
    except psycopg.Error as error:
        # What it sends with NOTIFY, and what is done to roles, cannot be prepared
        connection.execute("ROLLBACK")
        if error.sqlstate != "0A000":
            unprepared.append(f"{function.name}: {error}")
empty(unprepared, "a transaction with a call of each can be prepared")

# --- token_hash: binary parameters and results of every length

hash_oid = connection.execute("SELECT 'session_service.token_hash'::regtype::oid").fetchone()[0]


def sent(statement, *values, binary=1):
    """The first value of the answer, its bytes as the server sent them, or the SQLSTATE."""
    result = connection.pgconn.exec_params(
        statement.encode(), list(values), [hash_oid] * len(values), [binary] * len(values), 1
    )
    state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
    return state.decode() if state else result.get_value(0, 0)


wrong = []
for length in [*range(0, 70), 255, 256, 1000, 65536, 1_000_000]:
    value = os.urandom(length)
    found = sent("SELECT $1", value)
    if found != (value if length == 32 else "22P02"):
        wrong.append(f"{length} bytes: {found}")
    # A statement with a parameter of the wrong length leaves the connection as it is.
    found = sent("SELECT $1", b"x" * 64, binary=0)
    if found != "22P02":
        wrong.append(f"after {length} bytes: {found}")
empty(wrong, "a token_hash is received from 32 bytes and from no other number")
one, other = os.urandom(32), os.urandom(32)
comparisons = {
    "=": one == other,
    "<>": one != other,
    "<": one < other,
    "<=": one <= other,
    ">": one > other,
    ">=": one >= other,
}
empty(
    [
        sign
        for sign, holds in comparisons.items()
        if sent(f"SELECT $1 OPERATOR({SCHEMA}{sign}) $2", one, other) != (b"\1" if holds else b"\0")
    ],
    "binary parameters are compared by their bytes",
)
ok(sent("SELECT $1", None) is None, "a NULL parameter is NULL")

received = []
connection.execute(f"CREATE TEMP TABLE received (h {SCHEMA}token_hash)")
for length in [-1, *range(0, 40), 64, 100_000]:
    try:
        with connection.cursor() as cursor, cursor.copy("COPY received FROM STDIN (FORMAT binary)") as copy:
            copy.write(
                b"PGCOPY\n\xff\r\n\0"
                + bytes(8)
                + b"\0\1"
                + length.to_bytes(4, "big", signed=True)
                + b"h" * max(length, 0)
                + b"\xff\xff"
            )
        outcome = "accepted"
    except psycopg.Error as error:
        outcome = error.sqlstate
    # A length of -1 is a NULL.
    if outcome != ("accepted" if length in (-1, 32) else "22P02"):
        received.append(f"{length} bytes: {outcome}")
empty(received, "COPY receives 32 bytes, and no other number")

# Sorted, hashed, joined, grouped and partitioned as bytea is.
connection.execute(
    f"""
    CREATE TABLE hashes AS
    SELECT sha256(n::text::bytea) AS b, {SCHEMA}hash_token(n::text) AS h FROM generate_series(1, 20000) n;
    INSERT INTO hashes
    SELECT b, b::{SCHEMA}token_hash
    FROM (SELECT decode(lpad(to_hex(n % 300), 64, CASE WHEN n % 2 = 0 THEN '0' ELSE 'f' END), 'hex') AS b
        FROM generate_series(1, 5000) n) x;
    INSERT INTO hashes SELECT NULL, NULL FROM generate_series(1, 3);
    ANALYZE hashes"""
)
checks = {
    "sorted": """
        SELECT bool_and(b IS NOT DISTINCT FROM h::bytea)
        FROM (SELECT (SELECT array_agg(b ORDER BY b) FROM hashes) AS bs,
            (SELECT array_agg(h ORDER BY h) FROM hashes) AS hs) x, unnest(bs, hs) AS u (b, h)""",
    "sorted backward": """
        SELECT (SELECT array_agg(b ORDER BY b DESC NULLS LAST) FROM hashes)
            = (SELECT array_agg(h::bytea ORDER BY h DESC NULLS LAST) FROM hashes)""",
    "distinct": "SELECT (SELECT count(DISTINCT b) FROM hashes) = (SELECT count(DISTINCT h) FROM hashes)",
    "grouped": """
        SELECT (SELECT count(*) FROM (SELECT h FROM hashes GROUP BY h) x)
            = (SELECT count(*) FROM (SELECT b FROM hashes GROUP BY b) x)""",
    "joined": """
        SELECT (SELECT count(*) FROM hashes x JOIN hashes y USING (h))
            = (SELECT count(*) FROM hashes x JOIN hashes y USING (b))""",
    "in an array": f"""
        SELECT count(*) = 2 FROM hashes
        WHERE h = ANY (ARRAY[{SCHEMA}hash_token('1'), {SCHEMA}hash_token('2')])""",
}
wrong = []
for settings in (
    "enable_hashjoin=off enable_hashagg=off",
    "enable_mergejoin=off enable_sort=off enable_nestloop=off",
    "enable_hashjoin=off enable_mergejoin=off work_mem=64kB",
    f"{PARALLEL}=on",
):
    connection.execute("BEGIN")
    connection.execute("SET LOCAL search_path = session_service, public")
    for setting in settings.split():
        connection.execute("SET LOCAL {} = '{}'".format(*setting.split("=")))
    for name, statement in checks.items():
        # A nested loop over all of them takes too long.
        if "nestloop" not in settings and "mergejoin=off" in settings and name == "joined":
            continue
        if connection.execute(statement).fetchone()[0] is not True:
            wrong.append(f"{name}, {settings}")
    connection.execute("ROLLBACK")
empty(wrong, "hashes are sorted, grouped and joined as their bytes are")
connection.execute(
    f"""
    CREATE TABLE parts (h {SCHEMA}token_hash PRIMARY KEY) PARTITION BY HASH (h);
    CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 0);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 1);
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 2);
    INSERT INTO parts SELECT DISTINCT h FROM hashes WHERE h IS NOT NULL;
    CREATE TABLE ranges (h {SCHEMA}token_hash) PARTITION BY RANGE (h);
    CREATE TABLE ranges_0 PARTITION OF ranges FOR VALUES FROM (MINVALUE) TO ('{"80" + "00" * 31}');
    CREATE TABLE ranges_1 PARTITION OF ranges FOR VALUES FROM ('{"80" + "00" * 31}') TO (MAXVALUE);
    INSERT INTO ranges SELECT h FROM hashes WHERE h IS NOT NULL"""
)
ok(
    connection.execute("SELECT min(n) > 5000 FROM (SELECT count(*) AS n FROM parts GROUP BY tableoid) x").fetchone()[0],
    "partitioned by hash, about evenly",
)
ok(
    connection.execute(
        "SELECT bool_and((get_byte(h::bytea, 0) >= 128) = (tableoid = 'ranges_1'::regclass)) FROM ranges"
    ).fetchone()[0],
    "and by range, in the order of the bytes",
)

# --- rows and states of wrong shapes

SHAPES = [
    ("ROW()::{s}session_info", {"42846"}),
    ("ROW(1)::{s}session_info", {"42846"}),
    ("ROW(1, 2, 3)::{s}token_hash", {"42846"}),
    ("'()'::{s}session_info", {"22P02"}),
    ("''::{s}session_info", {"22P02"}),
    ("'(,,,'::{s}session_info", {"22P02"}),
    ("('(' || repeat(',', 22) || ')')::{s}session_info", {"22P02"}),
    ("('(' || repeat(',', 24) || ')')::{s}session_info", {"22P02"}),
    ("('(x' || repeat(',', 28) || ')')::{s}session_info", {"22P02"}),
    ("('(' || repeat(',', 21) || 'unknown,,,,,,,)')::{s}session_info", {"22P02"}),
    ("'on'::{s}session_status", {"22P02"}),
    ("''::{s}session_status", {"22P02"}),
    ("'ACTIVE'::{s}session_status", {"22P02"}),
    ("1::{s}session_status", {"42846"}),
    ("'active'::{s}session_status < 1", {"42883"}),
    ("to_jsonb('x'::text)::{s}session_info", {"42846"}),
    ('jsonb_populate_record(NULL::{s}session_info, \'{"id": "x"}\')', {"22P02"}),
    ('jsonb_populate_record(NULL::{s}session_info, \'{"status": "x"}\')', {"22P02"}),
    ("jsonb_populate_record(NULL::{s}session_info, '[]')", {"22023"}),
    ("'x'::{s}token_hash || 'y'", {"22P02", "42883"}),
    ("{s}hash_token('a') = 'abc'", {"22P02"}),
    ("{s}hash_token('a')::text::uuid", {"22P02"}),
    ("{s}hash_token('a')::integer", {"42846"}),
    ("{s}validate_session(ROW('a'))", {"42883"}),
    ("{s}hash_token(NULL::{s}session_info)", {"42883"}),
    ("({s}hash_token('a')).x", {"42809"}),
    ("NULL::{s}session_info = NULL::{s}session_info", {"42883"}),
]
wrong = []
for expression, states in SHAPES:
    found = run([f"SET LOCAL search_path = public, session_service", "SELECT " + expression.replace("{s}", SCHEMA)])
    if found not in list(states) if isinstance(found, str) else "42883" not in states:
        wrong.append(f"{expression}: {found}")
empty(wrong, "rows, states and hashes of wrong shapes are refused")
right = [
    ("('(' || repeat(',', 28) || ')')::{s}session_info IS NULL", True),
    (
        "(jsonb_populate_record(NULL::{s}session_info, to_jsonb(s))) IS NOT DISTINCT FROM s FROM {s}get_session('"
        + str(fixture["session_id"])
        + "') s",
        None,
    ),
    (
        "array_agg(v ORDER BY v)::text FROM unnest(enum_range(NULL::{s}session_status)) v",
        "{active,expired,idle,revoked}",
    ),
    ("{s}hash_token('abc')::bytea = sha256('abc')", True),
    ("sha256('abc')::{s}token_hash::text", hashlib.sha256(b"abc").hexdigest()),
    ("('\\x' || upper({s}hash_token('abc')::text))::{s}token_hash::text", hashlib.sha256(b"abc").hexdigest()),
]
wrong = []
for expression, expected in right:
    found = run(["SELECT " + expression.replace("{s}", SCHEMA).replace("IS NOT DISTINCT FROM s ", "::text = s::text ")])
    if found != [[without_chance(True if expected is None else expected)]]:
        wrong.append(f"{expression}: {found}")
empty(wrong, "and those of right shapes are read")

log_is_clean(SERVER_LOG)
done()
