"""Bound sessions under races, at each isolation level: one proof from 64 clients, old challenges against new ones, and
binding against whatever else changes a session."""

import collections
import contextlib
import sys
import threading
import uuid

import psycopg

import proofs
from tap_output import counted, done, empty, extent, log_is_clean, ok

CONNINFO, LOG = sys.argv[1:3]
LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
CLIENTS = 64
ROUNDS = extent(20, 500)  # of each pair of calls
URI = "https://api.example/session"
KEY = proofs.Key.es256()
# What a call may be answered where another one got first: a caller of these levels tries again.
SERIALIZATION_FAILURE = "40001"


class Pool:
    """Connections that make one call each at the same moment."""

    def __init__(self, size):
        self.connections = [psycopg.connect(CONNINFO, autocommit=True) for _ in range(size)]

    def at_once(self, level, calls):
        """The answers to calls, each (statement, parameters): the rows, or a SQLSTATE. All calls have begun their
        transactions, and seen the database, before the first one is made."""
        barrier = threading.Barrier(len(calls))
        answers = [None] * len(calls)

        def work(number, connection, statement, parameters):
            try:
                connection.execute(f"BEGIN ISOLATION LEVEL {level}")
                connection.execute("SELECT count(*) FROM session_service.sessions").fetchone()
                barrier.wait()
                answers[number] = connection.execute(statement, parameters).fetchall()
                connection.execute("COMMIT")
            except psycopg.Error as error:
                answers[number] = error.sqlstate
                with contextlib.suppress(psycopg.Error):
                    connection.execute("ROLLBACK")

        threads = [
            threading.Thread(target=work, args=(number, connection, *call))
            for number, (connection, call) in enumerate(zip(self.connections, calls))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


class Session:
    """A new session of a user of its own, bound or not."""

    def __init__(self, owner, binding=None, key=KEY):
        self.owner = owner
        self.id, self.token, self.refresh_token = owner.execute(
            "SELECT session_id, token, refresh_token FROM session_service.create_session(%s)", (uuid.uuid4(),)
        ).fetchone()
        if binding:
            bound = owner.execute(*self.bind(binding, key)).fetchall()
            assert len(bound) == 1, "a session cannot be bound"

    def challenge(self, token):
        return self.owner.execute("SELECT session_service.session_challenge(%s)", (token,)).fetchone()[0]

    def bind(self, binding, key):
        if binding == "refresh":
            proof = proofs.dbsc_proof(key, self.challenge(self.token))
        else:
            proof = proofs.dpop_proof(key, "POST", URI, self.token)
        return "SELECT key_thumbprint FROM session_service.bind_session(%s, %s, 'POST', %s)", (self.token, proof, URI)

    def proof(self, refresh_token=None):
        return proofs.dbsc_proof(KEY, self.challenge(refresh_token or self.refresh_token))

    def refresh(self, proof, refresh_token=None):
        statement = """SELECT token, refresh_token, repeated
            FROM session_service.refresh_session(%s, proof => %s, http_method => 'POST', http_uri => %s)"""
        return statement, (refresh_token or self.refresh_token, proof, URI)

    def stored(self, column):
        return self.owner.execute(
            f"SELECT {column} FROM session_service.sessions WHERE id = %s", (self.id,)
        ).fetchone()[0]

    def status(self):
        return self.owner.execute("SELECT status::text FROM session_service.get_session(%s)", (self.id,)).fetchone()[0]

    def opens(self, token):
        return self.owner.execute(
            "SELECT (session_service.introspect_token(%s) ->> 'active')::boolean", (token,)
        ).fetchone()[0]


def unexpected(level, answers):
    """SQLSTATEs that no call may give: at READ COMMITTED none."""
    allowed = () if level == "READ COMMITTED" else (SERIALIZATION_FAILURE,)
    return [answer for answer in answers if isinstance(answer, str) and answer not in allowed]


def rows_of(answers):
    return [row for answer in answers if isinstance(answer, list) for row in answer]


def test_one_proof(pool, owner, level):
    """Of 64 clients with one token and one proof one rotates, and all that are answered have its pair."""
    for binding in ("refresh", "request"):
        session = Session(owner, binding)
        before = session.stored("generation")
        proof = session.proof() if binding == "refresh" else proofs.dpop_proof(KEY, "POST", URI)
        call = session.refresh(proof)
        answers = pool.at_once(level, [call] * CLIENTS)
        rows = rows_of(answers)
        name = f"{level.lower()}, a session bound by {binding}"
        empty(unexpected(level, answers), f"{name}: no call fails")
        ok(
            len({row[:2] for row in rows}) == 1
            and [row[2] for row in rows].count(False) == 1
            and session.stored("generation") == before + 1,
            f"{name}: one proof from {CLIENTS} clients is one rotation, and one pair",
            rows,
        )
        again = owner.execute(*call).fetchall()
        ok(again == [(*rows[0][:2], True)], f"{name}: and whoever was not answered gets that pair", again)


def test_several_proofs(pool, owner, level):
    """Several proofs of one challenge, as of several tabs, give one pair as well."""
    session = Session(owner, "refresh")
    challenge = session.challenge(session.refresh_token)
    answers = pool.at_once(level, [session.refresh(proofs.dbsc_proof(KEY, challenge)) for _ in range(16)])
    rows = rows_of(answers)
    empty(unexpected(level, answers), f"{level.lower()}, several tabs: no call fails")
    ok(len({row[:2] for row in rows}) == 1, f"{level.lower()}, several tabs: one pair", rows)


def test_old_against_new(pool, owner, level):
    """Refresh tokens of two generations, with proofs of the old challenge and the new:
    never two live pairs, never an end."""
    wrong = []
    for _ in range(ROUNDS):
        session = Session(owner, "refresh")
        old_token, old_proof = session.refresh_token, session.proof()
        session.token, session.refresh_token, _ = owner.execute(*session.refresh(old_proof)).fetchone()
        before = session.stored("generation")
        calls = [
            session.refresh(old_proof, old_token),
            session.refresh(session.proof(old_token), old_token),
            session.refresh(session.proof()),
        ] * 4
        answers = pool.at_once(level, calls)
        rows = rows_of(answers)
        alive = {row[0] for row in rows if session.opens(row[0])}
        grown = session.stored("generation") - before
        new = {row[:2] for row in rows if row[0] != session.token}
        if unexpected(level, answers) or len(alive) != 1 or session.status() != "active" or grown != len(new):
            wrong.append((answers, alive, session.status(), grown))
    empty(wrong, f"{level.lower()}: old challenges against new ones leave one live pair, and the session")


def race(pool, level, make, calls_of, judge, name):
    """Calls at once, in many rounds; tells how often each outcome came."""
    wrong, outcomes = [], collections.Counter()
    for _ in range(ROUNDS):
        session = make()
        answers = pool.at_once(level, calls_of(session))
        what = judge(session, [rows_of([answer]) for answer in answers])
        outcomes[str(what)] += 1
        if unexpected(level, answers) or what is None:
            wrong.append((answers, session.status()))
    empty(wrong, f"{level.lower()}: {name}")
    counted(f"{level.lower()}: {name}: {dict(outcomes)}")


def test_binding(pool, owner, level):
    others = [proofs.Key.es256() for _ in range(8)]

    def bound_by(session):
        return owner.execute(
            "SELECT binding, key_thumbprint FROM session_service.get_session(%s)", (session.id,)
        ).fetchone()

    def one_key(session, answers):
        binding, thumbprint = bound_by(session)
        told = {rows[0][0] for rows in answers if rows}
        return "one key" if binding == "refresh" and told == {thumbprint} else None

    race(
        pool,
        level,
        lambda: Session(owner),
        lambda session: [session.bind("refresh", key) for key in others],
        one_key,
        f"of {len(others)} keys one binds the session",
    )

    def same_row(session, answers):
        return (
            "one row"
            if len({rows[0][0] for rows in answers if rows}) == 1 and bound_by(session)[0] == "request"
            else None
        )

    def same_proof(session):
        return [session.bind("request", KEY)] * 8

    race(pool, level, lambda: Session(owner), same_proof, same_row, "the same proof again gives the same row")

    def refreshed_or_bound(session, answers):
        bound, refreshed = answers
        if bound and refreshed:
            return None
        return (
            ("refreshed" if refreshed else "bound" if bound else "neither")
            if (bound_by(session)[0] == "refresh") == bool(bound)
            else None
        )

    def with_refresh(session):
        return [session.bind("refresh", KEY), session.refresh(None)]

    race(
        pool,
        level,
        lambda: Session(owner),
        with_refresh,
        refreshed_or_bound,
        "a session is bound, or its token is replaced by a refresh without a proof, never both",
    )

    def rotated(session, answers):
        bound, _ = answers
        return ("bound" if bound else "not bound") if (bound_by(session)[0] == "refresh") == bool(bound) else None

    def with_rotation(session):
        return [
            session.bind("refresh", KEY),
            ("SELECT token FROM session_service.rotate_session_token(%s)", (session.token,)),
        ]

    race(pool, level, lambda: Session(owner), with_rotation, rotated, "what a bind answers beside a rotation is so")

    def revoked(session, answers):
        _, ended = answers
        return "revoked" if session.status() == ("revoked" if ended and ended[0][0] else "active") else None

    def with_revocation(session):
        return [session.bind("refresh", KEY), ("SELECT session_service.revoke_session(%s)", (session.id,))]

    race(
        pool,
        level,
        lambda: Session(owner),
        with_revocation,
        revoked,
        "a session that is bound as it is revoked stays revoked",
    )


def test_proven_refresh(pool, owner, level):
    def revoked(session, answers):
        refreshed, ended = answers
        is_alive = any(session.opens(row[0]) for row in refreshed)
        return "revoked" if is_alive == (session.status() == "active") or (not refreshed and not ended) else None

    def with_revocation(session):
        return [session.refresh(session.proof()), ("SELECT session_service.revoke_session(%s)", (session.id,))]

    race(
        pool,
        level,
        lambda: Session(owner, "refresh"),
        with_revocation,
        revoked,
        "nothing is refreshed past a revocation",
    )

    def one_alive(session, answers):
        tokens = [row[0] for rows in answers for row in rows]
        return "one" if [session.opens(token) for token in tokens].count(True) == 1 or not tokens else None

    def with_reauthentication(session):
        return [
            session.refresh(session.proof()),
            ("SELECT token FROM session_service.reauthenticate_session(%s)", (session.token,)),
        ]

    race(
        pool,
        level,
        lambda: Session(owner, "refresh"),
        with_reauthentication,
        one_alive,
        "a refresh beside a reauthentication leaves one live pair",
    )

    def spent_with_fresh_proof(session):
        old = session.refresh_token
        session.token, session.refresh_token, _ = owner.execute(*session.refresh(session.proof())).fetchone()
        session.token, session.refresh_token, _ = owner.execute(*session.refresh(session.proof())).fetchone()
        return [session.refresh(session.proof(old), old), session.refresh(session.proof()), session.refresh(None, old)]

    def still_there(session, answers):
        return "active" if session.status() == "active" and not answers[2] else None

    race(
        pool,
        level,
        lambda: Session(owner, "refresh"),
        spent_with_fresh_proof,
        still_there,
        "a spent token signs nobody out, with a proof or without",
    )


def main():
    owner = psycopg.connect(CONNINFO, autocommit=True)
    owner.execute("CREATE EXTENSION session_service")
    owner.execute("SET search_path = session_service")
    pool = Pool(CLIENTS)
    for level in LEVELS:
        test_one_proof(pool, owner, level)
        test_several_proofs(pool, owner, level)
        test_old_against_new(pool, owner, level)
        test_binding(pool, owner, level)
        test_proven_refresh(pool, owner, level)
    log_is_clean(LOG)
    done()


main()
