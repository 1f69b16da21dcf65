"""The calls of log_canary.pl, with bind parameters over the extended protocol.

    python3 log_canary.py CONNECTION {every|literals|tokens|hashes}

`literals` calls each function with literals, the others with parameters. Prints one JSON object: `secrets` (tokens,
keys, challenges and proofs that were handed over), `stored` (parts of sessions' keys, which tables hold), `bound`
(other values that were handed over), `outcomes` (what each call should have led to, and did), `texts` (what the
server's views show of the statements).
"""

import base64
import hashlib
import ipaddress
import json
import random
import sys
import threading
import time
import uuid

import psycopg
from psycopg.rows import namedtuple_row

from every_function import every_function, filled, literal, make_sessions
from proofs import Key, broken, dbsc_parts, dbsc_proof, dpop_parts, dpop_proof, thumbprint_of
from tap_output import extent

CONNECTION, WHAT = sys.argv[1:]
SCHEMA = "session_service."

secrets: list[str] = []
stored: list[str] = []
bound: list[str] = []
outcomes: list[tuple[str, str, str]] = []
open_connections = []


def connect(**options):
    connection = psycopg.connect(CONNECTION, autocommit=True, row_factory=namedtuple_row, **options)
    connection.prepare_threshold = 3
    open_connections.append(connection)
    return connection


main = connect()
other = connect()


def connect_quietly():
    """Where nothing is logged and no statement is counted: what is done here may be long, and have literals."""
    return connect(
        options="-c log_statement=none -c log_min_messages=panic -c log_min_duration_statement=-1 "
        "-c log_duration=off -c log_statement_stats=off "
        "-c auto_explain.log_min_duration=-1 -c pg_stat_statements.track=none "
        "-c debug_print_plan=off -c debug_print_parse=off -c debug_print_rewritten=off"
    )


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


def run(query, *parameters, on=main, **options):
    return on.execute(query, parameters, **options).fetchall()


def outcome(name, expected, call):
    """Notes what came of a call: the number of its rows, its only value, or the SQLSTATE."""
    try:
        rows = call()
        got = str(rows[0][0]) if len(rows) == 1 and len(rows[0]) == 1 else f"{len(rows)} rows"
    except psycopg.Error as error:
        got = error.sqlstate
    outcomes.append((name, expected, got))


def call(function, *parameters, on=main, **options):
    marks = ", ".join(["%s"] * len(parameters))
    return run(f"SELECT * FROM {SCHEMA}{function}({marks})", *parameters, on=on, **options)


def create(**arguments):
    arguments = {"user_id": uuid.uuid4(), **arguments}
    given = ", ".join(f"{name} => %({name})s" for name in arguments)
    made = main.execute(
        f"SELECT *, %(user_id)s::uuid AS user_id FROM {SCHEMA}create_session({given})", arguments
    ).fetchone()
    secrets.extend(token for token in (made.token, made.refresh_token) if token)
    return made


def keep(rows):
    for row in rows:
        secrets.extend(getattr(row, name) for name in ("token", "refresh_token") if hasattr(row, name))
    return rows


def damaged(token):
    return token[:-1] + ("A" if token[-1] != "A" else "B")


# What each function that takes a session token makes of a bad one.
REFUSALS = {
    "validate_session": "0 rows",
    "authenticate": "0 rows",
    "rotate_session_token": "0 rows",
    "reauthenticate_session": "0 rows",
    "session_challenge": "None",
    "refresh_session": "0 rows",
    "introspect_token": "{'active': False}",
    "revoke_session_by_token": "False",
    "mark_mfa_verified_by_token": "False",
}


def refusals(kind, token):
    for function, expected in REFUSALS.items():
        outcome(f"{function}, {kind}", expected, lambda: call(function, token))
    for function in ("bind_session", "validate_session_proof"):
        outcome(f"{function}, {kind}", "0 rows", lambda: call(function, token, "canary", *REQUEST))
    outcome(f"validate_sessions, {kind}", "0 rows", lambda: call("validate_sessions", [token, None]))
    for form in ("%s", "%b"):
        outcome(
            f"validate_session_hash, {kind}, {form}",
            "0 rows",
            lambda: run(
                f"SELECT * FROM {SCHEMA}validate_session_hash(%s, {form}::bytea::{SCHEMA}token_hash)",
                uuid.uuid4(),
                bytes.fromhex(digest(token)),
            ),
        )


def successes():
    key = call("generate_token")[0][0]
    secrets.append(key)
    made = create(device_key=key, device_name="canary", user_agent="Canary/1", ip_address="192.0.2.1")
    for repeat in range(6):  # some unprepared, some prepared
        outcome("validate_session", "1 rows", lambda: call("validate_session", made.token))
    outcome(
        "validate_session, binary",
        "1 rows",
        lambda: run(f"SELECT * FROM {SCHEMA}validate_session(%b)", made.token, binary=True),
    )
    outcome(
        "validate_session_hash", "1 rows", lambda: call("validate_session_hash", made.session_id, digest(made.token))
    )
    outcome("validate_sessions", "1 rows", lambda: call("validate_sessions", [made.token, "nothing"]))
    outcome("authenticate", "1 rows", lambda: call("authenticate", made.token))
    outcome("introspect_token", "True", lambda: run(f"SELECT {SCHEMA}introspect_token(%s)->'active'", made.token))
    outcome(
        "introspect_token, of a refresh token",
        "True",
        lambda: run(f"SELECT {SCHEMA}introspect_token(%s)->'active'", made.refresh_token),
    )
    outcome("mark_mfa_verified_by_token", "True", lambda: call("mark_mfa_verified_by_token", made.token, "totp"))
    outcome("hash_token", digest(made.token), lambda: call("hash_token", made.token))
    outcome("token_session_id", str(made.session_id), lambda: call("token_session_id", made.token))
    outcome(
        "token_bucket",
        "True",
        lambda: run(f"SELECT {SCHEMA}token_bucket(%s) = {SCHEMA}session_bucket(%s)", made.token, made.session_id),
    )
    outcome(
        "a hash as text",
        "True",
        lambda: run(
            f"SELECT %s::{SCHEMA}token_hash = {SCHEMA}hash_token(%s)".replace(" = ", f" OPERATOR({SCHEMA}=) "),
            digest(made.token),
            made.token,
        ),
    )
    rotated = keep(call("rotate_session_token", made.token))[0]
    outcome("rotate_session_token", "1 rows", lambda: call("validate_session", rotated.token))
    again = keep(call("reauthenticate_session", create().token, "canary class", ["canary method"]))[0]
    outcome("reauthenticate_session", "1 rows", lambda: call("validate_session", again.token))
    pair = keep(call("refresh_session", made.refresh_token, "192.0.2.2", "Canary/2"))[0]
    outcome("refresh_session", "1 rows", lambda: call("validate_session", pair.token))
    outcome("refresh_session, again", "1 rows", lambda: keep(call("refresh_session", made.refresh_token)))
    devices = run(f"SELECT {SCHEMA}is_known_device(%s, %s)", pair.user_id, key)
    outcome("is_known_device", "True", lambda: devices)
    outcome("is_trusted_device", "False", lambda: run(f"SELECT {SCHEMA}is_trusted_device(%s, %s)", pair.user_id, key))
    keep(call("refresh_session", pair.refresh_token))
    outcome("refresh_session, reused", "0 rows", lambda: call("refresh_session", made.refresh_token))
    refusals("revoked", pair.token)
    refusals("unknown to it", made.refresh_token)
    ended = create()
    outcome("revoke_session_by_token", "True", lambda: call("revoke_session_by_token", ended.refresh_token))


REQUEST = ("POST", "https://canary.example/v1")


def kept(secret):
    secrets.append(secret)
    return secret


def challenge_of(token):
    return kept(call("session_challenge", token)[0][0])


def new_key():
    key = Key.es256()
    jwk = key.jwk()
    stored.extend((jwk["x"], jwk["y"], thumbprint_of(jwk)))
    return key


def bind(made, proof):
    """Binds a session; what the table holds of its keys after that is known too."""
    rows = call("bind_session", made.token, kept(proof), *REQUEST)
    quiet = connect_quietly()
    query = f"SELECT encode(challenge_key, 'hex') FROM {SCHEMA}sessions WHERE id = %s AND challenge_key IS NOT NULL"
    stored.extend(row[0] for row in run(query, made.session_id, on=quiet))
    quiet.close()
    return rows


def refused_proofs(header, payload, key):
    """Many that are wrong in one thing; in the quick form some of them."""
    wrong = [text for text in broken(key, header, payload).values() if "\0" not in text]
    wrong = wrong if extent(False, True) else random.sample(wrong, 15)
    return [kept(text) for text in wrong if len(text) > 40]


def bound_sessions():
    key, another = new_key(), new_key()
    browser, client = create(), create()
    challenge = challenge_of(browser.token)
    for proof in refused_proofs(*dbsc_parts(key, challenge), key):
        outcome("bind_session, refused", "0 rows", lambda: call("bind_session", browser.token, proof))
    proof = dbsc_proof(key, challenge)
    outcome("bind_session", "1 rows", lambda: bind(browser, proof))
    outcome("bind_session, again", "1 rows", lambda: bind(browser, proof))
    outcome("bind_session, by another key", "0 rows", lambda: bind(browser, dbsc_proof(another, challenge)))
    challenge = challenge_of(browser.refresh_token)
    for proof in (None, "canary", *refused_proofs(*dbsc_parts(key, challenge), key)):
        outcome(
            "refresh_session, refused",
            "0 rows",
            lambda: call("refresh_session", browser.refresh_token, "192.0.2.1", None, proof),
        )
    proof = kept(dbsc_proof(key, challenge, None))
    for expected in ("a pair", "the same"):
        outcome(
            f"refresh_session, {expected}",
            "1 rows",
            lambda: keep(call("refresh_session", browser.refresh_token, None, None, proof)),
        )

    for proof in refused_proofs(*dpop_parts(key, *REQUEST, client.token), key):
        outcome("bind_session, refused", "0 rows", lambda: call("bind_session", client.token, proof, *REQUEST))
    outcome("bind_session, for requests", "1 rows", lambda: bind(client, dpop_proof(key, *REQUEST, client.token)))
    wrong = {
        "by another key": dpop_proof(another, *REQUEST, client.token),
        "for another method": dpop_proof(key, "GET", REQUEST[1], client.token),
        "for another URI": dpop_proof(key, REQUEST[0], "https://canary.example/v2", client.token),
        "for another token": dpop_proof(key, *REQUEST, browser.token),
        "for no token": dpop_proof(key, *REQUEST),
        "too old": dpop_proof(key, *REQUEST, client.token, iat=int(time.time()) - 3600),
        "of another protocol": dbsc_proof(key, challenge),
    }
    wrong |= dict(enumerate(refused_proofs(*dpop_parts(key, *REQUEST, client.token), key)))
    for fault, proof in wrong.items():
        outcome(
            f"validate_session_proof, {fault}",
            "0 rows",
            lambda: call("validate_session_proof", client.token, kept(proof), *REQUEST, "192.0.2.1"),
        )
    for repeat in range(6):
        proof = kept(dpop_proof(key, *REQUEST, client.token, challenge_of(client.token)))
        outcome(
            "validate_session_proof", "1 rows", lambda: call("validate_session_proof", client.token, proof, *REQUEST)
        )
    outcome("validate_session, bound for requests", "0 rows", lambda: call("validate_session", client.token))
    proof = kept(dpop_proof(key, *REQUEST))
    outcome(
        "refresh_session, with a proof of DPoP",
        "1 rows",
        lambda: keep(call("refresh_session", client.refresh_token, None, None, proof, *REQUEST)),
    )
    outcome("bind_session, without a method", "0 rows", lambda: call("bind_session", client.token, proof))
    outcome(
        "validate_session_proof, without a URI",
        "22004",
        lambda: call("validate_session_proof", client.token, proof, "GET", None),
    )


def bad_tokens():
    good = create()
    refusals("truncated", good.token[:-5])
    refusals("damaged", damaged(good.token))
    refusals("with more behind it", good.token + "A")
    expired = create(session_expiry="1 millisecond", issue_refresh=False)
    time.sleep(0.005)
    refusals("expired", expired.token)
    secrets.append("canary-in-a-foreign-token-0123456789")
    refusals("foreign", secrets[-1])


def imports():
    tokens = [f"imported-canary-{name}-{uuid.uuid4().hex}" for name in "abcd"]
    secrets.extend(tokens)
    first, first_refresh, second, second_refresh = (digest(token) for token in tokens)
    query = (
        f"SELECT {SCHEMA}import_session(%s, %s, now() + interval '1 day', refresh_token_hash => %s, "
        "device_key => %s) IS NOT NULL"
    )
    user = uuid.uuid4()
    outcome("import_session", "True", lambda: run(query, first, user, first_refresh, tokens[3]))
    outcome("import_session, again", "True", lambda: run(query, first, user, first_refresh, None))
    outcome(
        "import_session, of another with one of the hashes",
        "23505",
        lambda: run(query, second, user, first_refresh, None),
    )
    outcome("import_session, twice one hash", "23505", lambda: run(query, second, user, second, None))
    outcome("import_session, a token for a hash", "22P02", lambda: run(query, tokens[2], user, None, None))
    outcome("import_session, a short hash", "22P02", lambda: run(query, second[:-1], user, None, None))
    outcome(
        "import_session, a short hash as refresh_token_hash",
        "22P02",
        lambda: run(query, second, user, second_refresh[:-2], None),
    )
    outcome(
        "import_session, too long a name",
        "22001",
        lambda: run(f"SELECT {SCHEMA}import_session(%s, %s, now(), device_name => %s)", second, user, "n" * 300),
    )
    outcome("import_session, for nobody", "22004", lambda: run(query, second, None, None, None))
    outcome("an imported token", "1 rows", lambda: call("validate_session", tokens[0]))
    outcome("its refresh", "1 rows", lambda: keep(call("refresh_session", tokens[1])))
    outcome("and again", "1 rows", lambda: keep(call("refresh_session", tokens[1])))


def casts():
    made = create()
    raw = bytes.fromhex(digest(made.token))
    cast = f"SELECT %s::{SCHEMA}token_hash"
    for name, text in {
        "a token": made.token,
        "a short hash": digest(made.token)[:-1],
        "a hash with more": digest(made.token) + "00",
        "base64": base64.b64encode(raw).decode(),
        "an upper-case hash with a space": digest(made.token).upper() + " ",
    }.items():
        outcome(f"{name} to token_hash", "22P02", lambda: run(cast, text))
        outcome(f"{name} as text to token_hash", "22P02", lambda: run(f"SELECT %s::text::{SCHEMA}token_hash", text))
        outcome(
            f"{name} to validate_session_hash", "22P02", lambda: call("validate_session_hash", made.session_id, text)
        )
    outcome("short bytes to token_hash", "22P02", lambda: run(f"SELECT %b::bytea::{SCHEMA}token_hash", raw[:-1]))
    outcome("long bytes to token_hash", "22P02", lambda: run(f"SELECT %b::bytea::{SCHEMA}token_hash", raw + b"1"))
    # The receive function, by a binary COPY.
    main.execute(f"CREATE TEMP TABLE received (h {SCHEMA}token_hash)")
    for name, sent in {"short": raw[:-1], "long": raw + b"1"}.items():

        def receive():
            with main.cursor() as cursor, cursor.copy("COPY received FROM STDIN (FORMAT binary)") as copy:
                copy.write(
                    b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\1" + len(sent).to_bytes(4, "big") + sent + b"\xff\xff"
                )
            return []

        outcome(f"{name} bytes received", "22P02", receive)


def limits_of_arguments():
    made = create()
    long = "n" * 3000
    outcome(
        "refresh_session, too long a user agent",
        "22001",
        lambda: call("refresh_session", made.refresh_token, None, long),
    )
    outcome(
        "revoke_session_by_token, too long a reason", "22001", lambda: call("revoke_session_by_token", made.token, long)
    )
    outcome(
        "mark_mfa_verified_by_token, too long a method",
        "22001",
        lambda: call("mark_mfa_verified_by_token", made.token, long),
    )
    key = f"canary-key-{uuid.uuid4().hex}"
    secrets.append(key)
    for name, arguments, state in (
        ("a key and too long a name", {"device_name": long}, "22001"),
        ("a key and a bad scope", {"scopes": ["a b"]}, "22023"),
        ("a key that is too long", {"device_key": key * 20}, "22001"),
    ):
        outcome(f"create_session, {name}", state, lambda: [create(**{"device_key": key, **arguments})])


def commit_when_waited_for():
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
    with psycopg.connect(CONNECTION, autocommit=True) as monitor:
        while not monitor.execute(waiting, (main.info.backend_pid,)).fetchone()[0]:
            time.sleep(0.01)
    other.execute("COMMIT")


def waits():
    """What is cancelled, interfered with or refused."""
    writes = ("refresh_session", "rotate_session_token", "revoke_session_by_token", "mark_mfa_verified_by_token")

    def token_for(function, made):
        return made.refresh_token if function == "refresh_session" else made.token

    for function in writes:
        made = create()
        with other.transaction():
            other.execute(f"SELECT FROM {SCHEMA}sessions WHERE id = %s FOR UPDATE", (made.session_id,))
            for setting, state in (("statement_timeout", "57014"), ("lock_timeout", "55P03")):
                main.execute(f"SET {setting} = '150ms'")
                outcome(f"{function}, {setting}", state, lambda: call(function, token_for(function, made)))
                main.execute(f"RESET {setting}")
        main.execute("BEGIN READ ONLY")
        outcome(f"{function}, read-only", "25006", lambda: call(function, token_for(function, made)))
        main.execute("ROLLBACK")

    key = new_key()
    for function in ("bind_session", "refresh_session"):
        made = create()
        token, arguments = made.token, ()
        if function == "refresh_session":
            bind(made, dbsc_proof(key, challenge_of(made.token)))
            token, arguments = made.refresh_token, (None, None)
        proof = kept(dbsc_proof(key, challenge_of(token)))
        with other.transaction():
            other.execute(f"SELECT FROM {SCHEMA}sessions WHERE id = %s FOR UPDATE", (made.session_id,))
            main.execute("SET lock_timeout = '150ms'")
            outcome(f"{function} with a proof, lock_timeout", "55P03", lambda: call(function, token, *arguments, proof))
            main.execute("RESET lock_timeout")
        main.execute("BEGIN READ ONLY")
        outcome(f"{function} with a proof, read-only", "25006", lambda: call(function, token, *arguments, proof))
        main.execute("ROLLBACK")

    # Each holds what the other waits for.
    first, second = create(), create()
    states = []

    def rotate_both(connection, one, another, met):
        try:
            with connection.transaction():
                keep(call("rotate_session_token", one.token, on=connection))
                met.wait()
                keep(call("rotate_session_token", another.token, on=connection))
        except psycopg.Error as error:
            states.append(error.sqlstate)

    met = threading.Barrier(2)
    threads = [
        threading.Thread(target=rotate_both, args=(connection, *pair, met))
        for connection, pair in ((main, (first, second)), (other, (second, first)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcomes.append(("rotations, crosswise", "40P01", " ".join(states)))

    # The second sign-in of a new user waits for the first, and cannot go on in its snapshot.
    key = f"canary-key-{uuid.uuid4().hex}"
    secrets.append(key)
    for level in ("REPEATABLE READ", "SERIALIZABLE"):
        user = uuid.uuid4()
        other.execute("BEGIN")
        keep(call("create_session", user, on=other))
        main.execute(f"BEGIN ISOLATION LEVEL {level}")
        commit = threading.Thread(target=commit_when_waited_for)
        commit.start()
        outcome(
            f"create_session with a key, {level}",
            "40001",
            lambda: keep(run(f"SELECT * FROM {SCHEMA}create_session(%s, device_key => %s)", user, key)),
        )
        commit.join()
        main.execute("ROLLBACK")

    # In a function that is called with a token, errors have a context.
    main.execute(
        f"""
        CREATE FUNCTION pg_temp.login(t text) RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN PERFORM {SCHEMA}revoke_session_by_token(t, repeat('r', 300)); END $$"""
    )
    outcome("in a function", "22001", lambda: run("SELECT pg_temp.login(%s)", create().token))


def canary(argument):
    """A value of its own for an argument, as text, by which it is found; None where there can be none."""
    mark = f"canary-{argument.name}-{uuid.uuid4().hex}"
    made = {
        "jsonb": json.dumps({"canary": mark}),
        "inet": f"2001:db8:{':'.join(mark[-24:][n:n + 4] for n in range(0, 24, 4))}",
        "text[]": f"{{{mark}}}",
        "text": mark,
    }.get(argument.type)
    if argument.name in ("token", "tokens", "refresh_token", "device_key", "level") or made is None:
        return None
    if argument.type == "inet":
        mark = str(ipaddress.ip_address(made))
    bound.append(mark)
    return made


def every_call(with_literals):
    """Each function with good arguments, and with each of them that is refused; by a caller who may not call it, and,
    where it writes, in a transaction that may not."""
    quiet = connect_quietly()
    quiet.execute(
        """DO $$ BEGIN
            CREATE ROLE grantee;
            CREATE ROLE nobody;
            GRANT USAGE ON SCHEMA session_service TO nobody;
        EXCEPTION WHEN duplicate_object THEN
        END $$"""
    )
    fixture = make_sessions(quiet, uuid.uuid4()) | {
        name: f"canary-{uuid.uuid4().hex}" for name in ("device_key", "new_token", "new_refresh_token")
    }
    secrets.extend(fixture[name] for name in ("token", "refresh_token", "device_key", "new_token", "new_refresh_token"))
    bound.extend(str(fixture[name]) for name in ("user_id", "session_id", "device_id"))

    def text_of(sql):
        return quiet.execute(f"SELECT concat({filled(sql, fixture)})".encode()).fetchone()[0]

    def called(function, values, before=()):
        marks = [
            f"{'NULL' if value is None else literal(value)}::{argument.type}" if with_literals else "%s"
            for argument, value in zip(function.arguments, values)
        ]
        statement = f"SELECT * FROM {SCHEMA}{function.name}({', '.join(marks)})"
        try:
            main.execute("BEGIN")
            for statement_before in before:
                main.execute(statement_before)
            main.execute(statement.encode(), None if with_literals else values)
            state = "00000"
        except psycopg.Error as error:
            state = error.sqlstate
        main.execute("ROLLBACK")
        return state

    for function in every_function(quiet):
        if function.is_internal:
            continue
        good = [canary(argument) or text_of(argument.good) for argument in function.arguments]
        refused = []
        for place, argument in enumerate(function.arguments):
            for sql, state in argument.bad:
                try:
                    bad = text_of(sql)
                except psycopg.Error:  # a value that cannot be made, and so not be bound
                    continue
                mark = canary(argument) if argument.type == "text" else None
                bad = mark + bad[len(mark) :] if mark and state == "22001" else mark or bad
                refused.append((state, good[:place] + [bad] + good[place + 1 :], []))
            if argument.null == "22004":
                refused.append(("22004", good[:place] + [None] + good[place + 1 :], []))
        refused.append(("42501", good, ["SET LOCAL ROLE nobody"]))
        if function.kind == "writes":
            refused.append(("25006", good, ["SET TRANSACTION READ ONLY"]))
        # The quick form is content with one refusal of each function where plans are logged, which are long.
        refused = refused if with_literals or extent(False, True) else [random.choice(refused)]
        for number, (expected, values, before) in enumerate([("00000", good, []), *refused]):
            outcomes.append((f"{function.name}, {number}", expected, called(function, values, before)))
    # Of which pg_stat_activity shows the last statement, for a moment even when it is gone.
    quiet.execute("DISCARD ALL")
    quiet.close()


if WHAT == "every":
    every_call(False)
    successes()
    bound_sessions()
    bad_tokens()
    imports()
    casts()
    limits_of_arguments()
    waits()
elif WHAT == "literals":
    every_call(True)
elif WHAT == "hashes":
    made = create()
    outcome(
        "validate_session_hash", "1 rows", lambda: call("validate_session_hash", made.session_id, digest(made.token))
    )
    outcome(
        "validate_session_hash, of bytes",
        "1 rows",
        lambda: run(
            f"SELECT * FROM {SCHEMA}validate_session_hash(%s, %b::bytea::{SCHEMA}token_hash)",
            made.session_id,
            bytes.fromhex(digest(made.token)),
        ),
    )
else:
    made = create()
    outcome("validate_session", "1 rows", lambda: call("validate_session", made.token))
    keep(call("refresh_session", made.refresh_token))
    outcome(
        "revoke_session_by_token, too long a reason",
        "22001",
        lambda: call("revoke_session_by_token", made.token, "r" * 300),
    )

# What the server's views show: of these connections what only they see, while they have prepared statements, and of
# all. The statistics of the tables hold hashes, for their owner.
VIEWS = """
    SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'v'
    AND relname ~ '^pg_(stat|prepared|cursors|locks|settings|shmem|backend|indexes|views|rules)'
    AND relname NOT IN ('pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs') ORDER BY 1"""
OWN_VIEWS = ("pg_prepared_statements", "pg_cursors", "pg_backend_memory_contexts")
texts, statistics = [], []
if WHAT == "every":
    reader = connect_quietly()
    every_view = [row[0] for row in reader.execute(VIEWS).fetchall()]
    for connection, views in ((main, OWN_VIEWS), (other, OWN_VIEWS), (reader, every_view)):
        for view in views:
            texts += [row[0] for row in connection.execute(f"SELECT v::text FROM pg_catalog.{view} v").fetchall()]
    reader.execute("ANALYZE")
    statistics += [
        row[0]
        for row in reader.execute("SELECT s::text FROM pg_stats s WHERE schemaname = 'session_service'").fetchall()
    ]
    if reader.execute("SELECT to_regclass('pg_stat_statements') IS NOT NULL").fetchone()[0]:
        texts += [row[0] for row in reader.execute("SELECT query FROM pg_stat_statements").fetchall()]

print(
    json.dumps(
        {
            "secrets": sorted(set(secrets)),
            "stored": sorted(set(stored)),
            "bound": sorted(set(bound)),
            "outcomes": outcomes,
            "texts": texts,
            "statistics": statistics,
        }
    )
)
