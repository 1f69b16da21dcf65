"""Sessions that are bound to a key: what binds them, what renews and opens them, and what does not.

    python3 bound_sessions.py CONNECTION SERVER_LOG CONNECTION_TO_A_STANDBY CLOCK_FILE

The server's clock follows CLOCK_FILE where libfaketime could be loaded into it; elsewhere what needs another time is
skipped.
"""

import base64
import contextlib
import datetime
import functools
import hashlib
import json
import os
import re
import sys
import threading
import time
import traceback
import uuid

import psycopg
from psycopg.rows import namedtuple_row

import token_form
from proofs import (
    ABSENT,
    ALPHABET,
    LONGEST,
    Key,
    ath_of,
    base64url,
    broken,
    compact,
    dbsc_parts,
    dbsc_proof,
    dpop_parts,
    dpop_proof,
    from_base64url,
    jws,
    of_length,
    thumbprint_of,
    twin,
    weak_ed25519,
    weak_rsa,
)
from tap_output import counted, done, empty, extent, log_is_clean, ok, skip

CONNECTION, SERVER_LOG, STANDBY, CLOCK_FILE = sys.argv[1:]
SCHEMA = "session_service."
# The requests that clients make: method and URI.
BIND, REFRESH, REQUEST = (
    ("POST", "https://api.example/bind"),
    ("POST", "https://api.example/refresh"),
    ("GET", "https://api.example/items"),
)
PROTOCOLS = {"dbsc": "refresh", "dpop": "request"}
MINUTE, DAY = 60, 86400
TABLES = ("users", "devices", "sessions", "imported_tokens", "external_sessions", "access_levels")
# Of the bytes that may be presented, what is a proof of nothing.
NO_PROOFS = (None, "", "x", "a.b.c", "é", "x" * 100_000, "." * LONGEST)


def connect(where=CONNECTION, **options):
    return psycopg.connect(where, autocommit=True, row_factory=namedtuple_row, **options)


main = connect()


# --- the clock


class Clock:
    """The server's clock, which stands still until it is moved, if it is ours. In microseconds of the Unix epoch."""

    def __init__(self, path):
        self.path = path
        self.micros = int(time.time()) * 1_000_000
        self.set(self.micros)
        self.is_ours = value("SELECT clock_timestamp() = to_timestamp(%s)", self.micros // 1_000_000)

    def set(self, micros):
        self.micros = micros
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)
        with open(self.path + ".new", "w", encoding="ascii") as file:
            # One digit more, so that the fraction is not rounded down to the microsecond before.
            file.write(f"{moment:%Y-%m-%d %H:%M:%S.%f}5\n")
        os.rename(self.path + ".new", self.path)

    def move(self, seconds):
        self.set(self.micros + round(seconds * 1_000_000))

    def now(self):
        """In seconds."""
        return self.micros / 1_000_000 if self.is_ours else time.time()


# --- calls


def rows(function, *arguments, on=None):
    marks = ", ".join(["%s"] * len(arguments))
    return (on or main).execute(f"SELECT * FROM {SCHEMA}{function}({marks})", arguments).fetchall()


def row(function, *arguments, on=None):
    """The row, or None."""
    found = rows(function, *arguments, on=on)
    return found[0] if found else None


def value(query, *parameters, on=None):
    return (on or main).execute(query, parameters).fetchone()[0]


def one(function, *arguments, on=None):
    """The only value that a function answers."""
    return row(function, *arguments, on=on)[0]


def sqlstate(call):
    try:
        call()
    except psycopg.Error as error:
        return error.sqlstate
    return "no error"


@contextlib.contextmanager
def settings(**values):
    """Settings of ours, for the calls within."""
    for name, given in values.items():
        main.execute(f"SET session_service.{name} = '{given}'")
    try:
        yield
    finally:
        for name in values:
            main.execute(f"RESET session_service.{name}")


def at_once(count, work):
    """What `work(connection, number)` answers for so many clients that begin together."""
    answers = [None] * count
    barrier = threading.Barrier(count)

    def client(number):
        with connect() as connection:
            barrier.wait(120)
            try:
                answers[number] = work(connection, number)
            except psycopg.Error as error:
                answers[number] = error.sqlstate

    threads = [threading.Thread(target=client, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def challenge(token, on=None):
    return one("session_challenge", token, on=on)


# --- sessions, and the proofs that their clients make


class Session:
    """A session, with what its client has."""

    protocol = key = None

    def __init__(self, **arguments):
        arguments = {"user_id": uuid.uuid4(), **arguments}
        given = ", ".join(f"{name} => %({name})s" for name in arguments)
        made = main.execute(f"SELECT * FROM {SCHEMA}create_session({given})", arguments).fetchone()
        self.user, self.id, self.device = arguments["user_id"], made.session_id, made.device_id
        self.token, self.refresh_token = made.token, made.refresh_token

    def keep(self, pair):
        """The tokens of an answer."""
        self.token = pair.token
        self.refresh_token = getattr(pair, "refresh_token", self.refresh_token)
        return pair

    def info(self):
        return row("get_session", self.id)

    def stored(self):
        """Its row, with the version of it, and who has locked that."""
        return value(f"SELECT (s.ctid, s.xmin, s.xmax, s)::text FROM {SCHEMA}sessions s WHERE id = %s", self.id)

    def change(self, changes):
        """What only time would do."""
        main.execute(f"UPDATE {SCHEMA}sessions SET {changes} WHERE id = %s", (self.id,))

    def expire(self):
        self.change("expires_at = now() - interval '1 minute'")

    def idle(self):
        self.change("idle_expires_at = now() - interval '1 minute'")

    def end(self):
        self.change("expires_at = now() - interval '1 minute', refresh_expires_at = now() - interval '1 minute'")

    def events(self, kind):
        return [event for event in rows("list_events", self.user, None, 1000) if event.kind == kind]


def key_of(algorithm="ES256"):
    """A key; those by RSA are made once."""
    if algorithm.startswith("RS256"):
        return RSA.setdefault(algorithm, Key.rs256(int(algorithm[6:] or 2048)))
    return {"ES256": Key.es256, "EdDSA": Key.ed25519}[algorithm]()


RSA = {}


def dpop(key, request, token=None, **claims):
    """A DPoP proof of now."""
    claims.setdefault("iat", int(clock.now()))
    return dpop_proof(key, *request, token, **claims)


def changed(parts, key, header=None, payload=None):
    """A proof of these parts, with other members, signed rightly."""
    return jws({**parts[0], **(header or {})}, {**parts[1], **(payload or {})}, key)


def registration(session, key, protocol):
    """The proof that binds it."""
    if protocol == "dbsc":
        return dbsc_proof(key, challenge(session.token))
    return dpop(key, BIND, session.token, nonce=nonce_for(session.token))


def nonce_for(token):
    return challenge(token) if value("SHOW session_service.proof_nonce") == "on" else None


def given(token, own):
    """The token that is given, also an empty one, or the session's own."""
    return own if token is None else token


def bind(session, proof, token=None, request=BIND, on=None):
    return row("bind_session", given(token, session.token), proof, *request, on=on)


def bound(protocol, key=None, **arguments):
    """A session that is bound."""
    session = Session(**arguments)
    session.protocol, session.key = protocol, key or Key.es256()
    assert bind(session, registration(session, session.key, protocol)), "not bound"
    return session


def renewal(session, token=None, key=None):
    """The proof of a refresh."""
    token = token or session.refresh_token
    if session.protocol == "dbsc":
        return dbsc_proof(key or session.key, challenge(token), jwk=None)
    return dpop(key or session.key, REFRESH, nonce=nonce_for(token))


def refresh(session, proof, token=None, request=REFRESH, on=None):
    return row("refresh_session", given(token, session.refresh_token), None, None, proof, *request, on=on)


def renewed(session):
    """A refresh as it should be: the pair that was replaced."""
    old = session.token, session.refresh_token
    session.keep(refresh(session, renewal(session)))
    return old


def prove(session, proof, token=None, request=REQUEST, on=None):
    return row("validate_session_proof", given(token, session.token), proof, *request, None, on=on)


def asked(session, token=None, **claims):
    """The proof of a request."""
    token = token or session.token
    claims.setdefault("nonce", nonce_for(token))
    return dpop(session.key, REQUEST, token, **claims)


def openers(session, token=None):
    """Which functions take the token alone."""
    token = token or session.token
    digest = hashlib.sha256(token.encode()).hexdigest()
    return {
        name
        for name, answer in {
            "validate_session": row("validate_session", token),
            "validate_user": one("validate_user", token),
            "validate_session_hash": row("validate_session_hash", session.id, digest),
            "validate_sessions": row("validate_sessions", [None, token]),
            "authenticate": row("authenticate", token),
        }.items()
        if answer is not None
    }


OPENERS = {"validate_session", "validate_user", "validate_session_hash", "validate_sessions", "authenticate"}


def is_open(session, token=None):
    """Whether its token opens it, with all that is needed."""
    if session.protocol == "dpop":
        return prove(session, asked(session, token), token) is not None
    return openers(session, token) == OPENERS


def introspected(token):
    return one("introspect_token", token)


def stored():
    """All rows but events, with their versions and who has locked those."""
    return [
        value(
            f"SELECT md5(string_agg(t::text, '' ORDER BY t.ctid))"
            f" FROM (SELECT ctid, xmin, xmax, r FROM {SCHEMA}{table} r) t"
        )
        for table in TABLES
    ]


def next_transaction():
    return value("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")


def close_to(moment, seconds):
    """Whether a time is so many seconds from now, but for what a call takes."""
    distance = moment.timestamp() - clock.now() - seconds
    return distance == 0 if clock.is_ours else -60 < distance < 5


def accepted(tries, call):
    """The names of those to which the call has an answer."""
    return [name for name, given in tries.items() if call(given) is not None]


def each_protocol(test):
    """The same test for both."""

    @functools.wraps(test)
    def both():
        for protocol in PROTOCOLS:
            test(protocol)

    return both


# --- challenges


def challenges_are_texts_that_nobody_stores():
    session = Session()
    first = challenge(session.token)
    ok(re.fullmatch("[A-Za-z0-9_-]{54}", first), "a challenge is 54 characters of base64url", first)
    before = stored(), next_transaction()
    # The eighth of its life after which there is another may have just begun.
    ok(any(challenge(session.token) == challenge(session.token) for _ in range(3)), "asked again it is the same")
    texts = {challenge(session.token) for _ in range(1000)}
    ok(len(texts) <= 2, "and after that", f"{len(texts)} others")
    ok((stored(), next_transaction()) == before, "it changes nothing, and takes no transaction's id")

    dbsc, request = bound("dbsc"), bound("dpop")
    texts = [
        challenge(token)
        for token in (
            session.token,
            Session().token,
            dbsc.refresh_token,
            bound("dbsc").refresh_token,
            request.token,
            request.refresh_token,
            bound("dpop").token,
        )
    ]
    ok(None not in texts and len(set(texts)) == len(texts), "each session has its own, for each thing to prove", texts)
    old, before = session.token, challenge(session.token)
    session.keep(row("rotate_session_token", session.token))
    ok(challenge(session.token) not in (None, before), "so has each session token")
    ok(challenge(old) is None, "but not one that was replaced")
    generations = [challenge(dbsc.refresh_token)]
    first = dbsc.refresh_token
    for _ in range(3):
        renewed(dbsc)
        ok(
            challenge(first) in {challenge(dbsc.refresh_token), challenge(dbsc.refresh_token)},
            "each refresh token that the session once issued has the challenge for the next refresh",
        )
        generations.append(challenge(first))
    ok(len(set(generations)) == 4, "which is another after each refresh")


def challenges_are_for_what_can_be_proved():
    session, dbsc, request = Session(), bound("dbsc"), bound("dpop")
    ok(challenge(session.refresh_token) is None, "an unbound session has none for its refresh token")
    ok(challenge(dbsc.token) is None, "a session bound for refreshes has none for its session token")
    made = [
        name
        for which in (session, dbsc, request)
        for token in (which.token, which.refresh_token)
        for name, text in token_form.broken(token).items()
        if challenge(text) is not None
    ]
    empty(made, "no token that is wrong has one")
    empty([text for text in NO_PROOFS if challenge(text) is not None], "nor has a text that is no token")

    def over(end):
        ended = [Session(), bound("dbsc"), bound("dpop")]
        for which in ended:
            end(which)
        return [
            which.protocol
            for which in ended
            for token in (which.token, which.refresh_token)
            if challenge(token) is not None
        ]

    empty(over(lambda which: one("revoke_session", which.id)), "a revoked session has none")
    empty(over(Session.idle), "nor has an idle one")
    empty(over(Session.end), "nor one that is over")
    empty(over(lambda which: one("disable_user", which.user)), "nor one of a user who was disabled")
    empty(over(lambda which: one("delete_user", which.user)), "nor one of a user who is gone")
    for which in (session, dbsc, request):
        which.expire()
    ok(challenge(session.token) is None and challenge(request.token) is None, "an expired session token has none")
    ok(
        challenge(dbsc.refresh_token) and challenge(request.refresh_token),
        "a session that can be refreshed has one although its session token has expired",
    )


# --- binding


@each_protocol
def a_proof_binds(protocol):
    published = {"crv": "Ed25519", "kty": "OKP", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    ok(thumbprint_of(published) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "thumbprints are those of RFC 8037")
    for algorithm in ("ES256", "EdDSA", "RS256", "RS256 3072", "RS256 4096"):
        key, session = key_of(algorithm), Session()
        name = f"{protocol}, {algorithm}"
        before = session.info()
        ok((before.binding, before.key_thumbprint) == ("none", None), f"{name}: a session is not bound at first")
        made = bind(session, registration(session, key, protocol))
        if not ok(made is not None, f"{name}: a proof binds it"):
            continue
        ok(
            (made.session_id, made.binding) == (session.id, PROTOCOLS[protocol]),
            f"{name}: for what the proof says",
            made,
        )
        ok(made.key_thumbprint == key.thumbprint(), f"{name}: the key has the thumbprint of RFC 7638", made)
        info = session.info()
        ok((info.binding, info.key_thumbprint) == made[1:3], f"{name}: the session shows both", info)
        ok((info.expires_at, info.refresh_expires_at) == made[3:], f"{name}: and its deadlines", info)
        ok(made.refresh_expires_at == before.refresh_expires_at, f"{name}: that of the refresh token is as it was")
        same = {column for column in before._fields if getattr(before, column) == getattr(info, column)}
        ok(set(before._fields) - same <= {"binding", "key_thumbprint", "expires_at"}, f"{name}: and all else", same)
        session.protocol, session.key = protocol, key
        ok(is_open(session), f"{name}: the same session token opens it")
        ok(refresh(session, renewal(session)) is not None, f"{name}: and the key renews it")


def a_bound_session_is_short():
    for name, options, arguments, seconds in (
        ("ten minutes", {}, {}, 10 * MINUTE),
        ("as long as the setting says", {"bound_session_expiry": "90s"}, {}, 90),
        ("no longer than it would be unbound", {}, {"session_expiry": "2 minutes"}, 2 * MINUTE),
        ("no longer than its absolute end", {}, {"absolute_timeout": "3 minutes"}, 3 * MINUTE),
    ):
        with settings(**options):
            session = bound("dbsc", **arguments)
            ok(close_to(session.info().expires_at, seconds), f"bound for refreshes a session token is good for {name}")
            made = session.keep(refresh(session, renewal(session)))
            ok(close_to(made.expires_at, seconds), f"after a refresh, {name}", made)
            ok(made.expires_at == session.info().expires_at, "as the session shows", made)
            made = session.keep(row("reauthenticate_session", session.token))
            ok(close_to(made.expires_at, seconds), f"after the user was checked again, {name}", made)
    session = bound("dbsc", issue_refresh=False)
    ok(session.info().refresh_expires_at is None, "a session without a refresh token can be bound")
    ok(close_to(session.info().expires_at, 10 * MINUTE), "and is as short, although nothing renews it then")
    session = bound("dpop")
    ok(close_to(session.info().expires_at, 30 * DAY), "bound for requests it is as good as before")
    ok(close_to(refresh(session, renewal(session)).expires_at, 30 * DAY), "after a refresh too")


@each_protocol
def a_session_is_bound_once(protocol):
    session, key = Session(), Key.es256()
    session.protocol, session.key = protocol, key
    proof = registration(session, key, protocol)
    # Made before it is bound, as everybody who has the token can make them.
    others = {
        f"{other}, {name}": registration(session, by, other)
        for other in PROTOCOLS
        for name, by in (("another key", Key.es256()), ("a key by RSA", key_of("RS256")), ("the same key", key))
    }
    again = others.pop(f"{protocol}, the same key")
    first = bind(session, proof)
    before = stored()
    ok(bind(session, proof) == first, f"{protocol}: the same proof again has the same answer", first)
    ok(bind(session, again) == first, f"{protocol}: another proof by that key as well")
    empty(
        accepted(others, lambda proof: bind(session, proof)),
        f"{protocol}: no other key binds it, and no other protocol",
    )
    ok(stored() == before, f"{protocol}: nothing of that changes anything")
    ok(len(session.events("session.bound")) == 1, f"{protocol}: it is told once that it was bound")
    event = session.events("session.bound")[0]
    ok(
        (event.session_id, event.user_id, event.device_id) == (session.id, session.user, session.device),
        "with whose it is",
        event,
    )
    renewed(session)
    empty(
        [
            name
            for name, by in (("another key", Key.es256()), ("the same key", key))
            if bind(session, proof)
            or (challenge(session.token) and bind(session, dbsc_proof(by, challenge(session.token))))
        ],
        f"{protocol}: nor does that proof with the next token, or one that answers what is asked then",
    )
    session.keep(row("reauthenticate_session", session.token))
    ok(session.info().key_thumbprint == key.thumbprint(), f"{protocol}: it stays bound when the user is checked again")
    ok(bind(session, dpop(Key.es256(), BIND, session.token)) is None, f"{protocol}: and nobody binds it after that")


@each_protocol
def who_comes_first_binds(protocol):
    session = Session()
    thief, owner = (registration(session, Key.es256(), protocol) for _ in range(2))
    ok(bind(session, thief) is not None, f"{protocol}: a thief of an unbound session's token can bind it")
    ok(bind(session, owner) is None, f"{protocol}: and then its owner's device is told no")


@each_protocol
def what_binds_nothing(protocol):
    def refused(name, make):
        """`make(session, key)` ends in the arguments of bind_session; nothing is stored."""
        session, key = Session(), Key.es256()
        arguments = make(session, key)
        before = stored()
        made = row("bind_session", *arguments)
        ok(made is None and stored() == before, f"{protocol}: {name} binds nothing", made)

    def ended(end):
        def make(session, key):
            proof = registration(session, key, protocol)
            end(session)
            return session.token, proof, *BIND

        return make

    def replaced(replace):
        def make(session, key):
            old, proof = session.token, registration(session, key, protocol)
            replace(session)
            return old, proof, *BIND

        return make

    refused("a revoked session's token", ended(lambda session: one("revoke_session", session.id)))
    refused("an expired token", ended(Session.expire))
    refused(
        "an idle session's token",
        ended(Session.idle),
    )
    refused("a token that was rotated", replaced(lambda session: row("rotate_session_token", session.token)))
    refused("a token that a refresh replaced", replaced(lambda session: row("refresh_session", session.refresh_token)))
    refused(
        "a token of before the user was checked again",
        replaced(lambda session: row("reauthenticate_session", session.token)),
    )
    with settings(token_overlap="5min"):
        refused(
            "a token that was replaced and still opens the session",
            replaced(lambda session: row("refresh_session", session.refresh_token)),
        )
        session = Session()
        old = session.token
        session.keep(row("refresh_session", session.refresh_token))
        ok(challenge(old) is None, "which has no challenge")
    refused(
        "a refresh token", lambda session, key: (session.refresh_token, registration(session, key, protocol), *BIND)
    )
    for given in (None, "", "x"):
        refused(
            f"{given!r} as the token",
            lambda session, key, given=given: (given, registration(session, key, protocol), *BIND),
        )
    refused(
        "another session's proof", lambda session, key: (session.token, registration(Session(), key, protocol), *BIND)
    )

    def of_other_token(session, key):
        proof = registration(session, key, protocol)
        return row("rotate_session_token", session.token).token, proof, *BIND

    refused("a proof for the token that it had before", of_other_token)
    for given in NO_PROOFS:
        refused(f"{str(given)[:9]!r} as the proof", lambda session, key, given=given: (session.token, given, *BIND))


def a_registration_answers_its_challenge():
    def refused(name, make):
        session, key = Session(), Key.es256()
        proof = make(session, key)
        ok(bind(session, proof) is None, f"dbsc: a registration {name} binds nothing")

    refused("without a key", lambda session, key: dbsc_proof(key, challenge(session.token), jwk=None))
    refused(
        "with two keys",
        lambda session, key: changed(dbsc_parts(key, challenge(session.token)), key, payload={"key": key.jwk()}),
    )
    refused("of no challenge", lambda session, key: changed(dbsc_parts(key, "x"), key, payload={"jti": ABSENT}))
    refused("with a number as challenge", lambda session, key: changed(dbsc_parts(key, "x"), key, payload={"jti": 1}))
    for name, change in {
        "empty": lambda text: "",
        "cut": lambda text: text[:-1],
        "longer": lambda text: text + "A",
        "padded": lambda text: text + "==",
        "huge": lambda text: text * 80,
        "in capitals": str.upper,
        "of a later time": lambda text: later(text, MINUTE),
        "of an earlier time": lambda text: later(text, -MINUTE),
        "with another code": lambda text: text[:-3] + text[-3:].swapcase(),
        "of the greatest time": lambda text: base64url(b"\x7f" + b"\xff" * 7 + from_base64url(text)[8:]),
        "of the least time": lambda text: base64url(b"\x80" + b"\0" * 7 + from_base64url(text)[8:]),
    }.items():
        refused(
            f"whose challenge is {name}",
            lambda session, key, change=change: dbsc_proof(key, change(challenge(session.token))),
        )
    dbsc, request = bound("dbsc"), bound("dpop")
    refused(
        "that answers another session's challenge", lambda session, key: dbsc_proof(key, challenge(Session().token))
    )
    refused("that answers what a refresh is asked", lambda session, key: dbsc_proof(key, challenge(dbsc.refresh_token)))
    refused("that answers the nonce of requests", lambda session, key: dbsc_proof(key, challenge(request.token)))
    session, key = Session(), Key.es256()
    ok(
        bind(session, dbsc_proof(key, challenge(session.token), jwk="payload")).key_thumbprint == key.thumbprint(),
        "dbsc: the key may stand in the payload, as earlier drafts had it",
    )
    session = Session()
    ok(
        row("bind_session", session.token, dbsc_proof(Key.es256(), challenge(session.token))),
        "dbsc: method and URI do not matter",
    )


def later(text, seconds):
    """The same challenge, which says that it was made at another time."""
    raw = from_base64url(text)
    return base64url((int.from_bytes(raw[:8], "big") + seconds * 1_000_000).to_bytes(8, "big") + raw[8:])


# --- what is no proof


def no_broken_proof_is_taken():
    for protocol in PROTOCOLS:
        session, key = Session(), Key.es256()

        def parts():
            if protocol == "dbsc":
                return dbsc_parts(key, challenge(session.token))
            return dpop_parts(key, *BIND, session.token, iat=int(clock.now()))

        tries = {
            **broken(key, *parts()),
            **{f"RSA {name}": text for name, text in weak_rsa(*parts()).items()},
            **{f"Ed25519 {name}": text for name, text in weak_ed25519(*parts()).items()},
        }
        before = stored()
        empty(accepted(tries, lambda proof: bind(session, proof)), f"{protocol}: no broken proof binds")
        ok(stored() == before, f"{protocol}: nor changes anything")
        counted(f"{len(tries)} broken proofs, {protocol}, presented to bind")
        ok(bind(session, of_length(LONGEST, *parts(), key)), f"{protocol}: the longest proof binds")

        session = bound(protocol)
        if protocol == "dbsc":
            parts = dbsc_parts(session.key, challenge(session.refresh_token), jwk=None)
        else:
            parts = dpop_parts(session.key, *REFRESH, iat=int(clock.now()))
        tries = broken(session.key, *parts)
        before = stored()
        empty(accepted(tries, lambda proof: refresh(session, proof)), f"{protocol}: no broken proof renews")
        ok(stored() == before, f"{protocol}: nor changes anything")
        counted(f"{len(tries)} broken proofs, {protocol}, presented to refresh")
        session.keep(refresh(session, of_length(LONGEST, *parts, session.key)))

    tries = broken(session.key, *dpop_parts(session.key, *REQUEST, session.token, iat=int(clock.now())))
    before = stored()
    empty(accepted(tries, lambda proof: prove(session, proof)), "no broken proof opens a session")
    ok(stored() == before and is_open(session), "nor changes anything")
    counted(f"{len(tries)} broken proofs presented with requests")


def what_a_proof_may_have_besides():
    key = Key.es256()
    jwk = key.jwk()
    for name, header, payload in (
        (
            "members of a key that do not matter",
            {"jwk": {**jwk, "kid": "1", "ext": True, "key_ops": ["verify"], "use": "sig", "alg": "ES256"}},
            {},
        ),
        ("a key in another order", {"jwk": dict(reversed(jwk.items()))}, {}),
        ("a kid", {"kid": "a"}, {}),
        ("claims of others", {}, {"iss": "x", "nbf": 2**40, "exp": 1, "nested": {"a": [1, {"b": None}]}}),
        ("a jti of 512 characters", {}, {"jti": "j" * 512}),
    ):
        session = Session()
        proof = changed(dpop_parts(key, *BIND, session.token, iat=int(clock.now())), key, header, payload)
        made = bind(session, proof)
        ok(made and made.key_thumbprint == key.thumbprint(), f"a proof may have {name}", made)
    session = Session()
    header, payload = dpop_parts(key, *BIND, session.token, iat=int(clock.now()))
    ok(
        bind(session, jws(json.dumps(header, indent=2), json.dumps(payload, indent="\t"), key)),
        "a proof may have white space in its JSON",
    )
    escaped = compact(payload).replace("htm", r"\u0068tm").replace("/", r"\/")
    ok(bind(session, jws(header, escaped, key)), "and escaped characters")


# --- refresh


@each_protocol
def a_proof_renews(protocol):
    for algorithm in ("ES256", "EdDSA", "RS256"):
        session = bound(protocol, key_of(algorithm))
        before, old, name = session.info(), session.token, f"{protocol}, {algorithm}"
        pair = session.keep(refresh(session, renewal(session)))
        ok(
            (pair.session_id, pair.user_id, pair.repeated) == (session.id, session.user, False),
            f"{name}: a refresh",
            pair,
        )
        ok(is_open(session), f"{name}: the new session token opens it")
        ok(not is_open(session, old), f"{name}: the old one is dead at once")
        info = session.info()
        ok(
            (info.binding, info.key_thumbprint) == (before.binding, before.key_thumbprint),
            f"{name}: it stays bound",
            info,
        )
        ok(close_to(pair.refresh_expires_at, 90 * DAY), f"{name}: the refresh token lives as it would unbound", pair)
    tokens = [session.refresh_token]
    for _ in range(4):
        renewed(session)
        tokens.append(session.refresh_token)
    for age, token in enumerate(reversed(tokens)):
        before = session.token
        pair = session.keep(refresh(session, renewal(session, token), token))
        ok(
            pair and not pair.repeated and is_open(session),
            f"{protocol}: a refresh token {age} times replaced buys a pair with a proof",
        )
        ok(not is_open(session, before), f"{protocol}: which replaces the pair before")
    ok(not session.events("session.reuse_detected"), f"{protocol}: it does not count as reuse")
    session.expire()
    ok(not is_open(session), f"{protocol}: a session token that has expired opens nothing")
    session.keep(refresh(session, renewal(session)))
    ok(is_open(session), f"{protocol}: and a refresh makes the session active")


def an_unbound_session_needs_no_proof():
    session = Session()
    for given in (*NO_PROOFS, dpop(Key.es256(), REFRESH), dbsc_proof(Key.es256(), "x")):
        pair = refresh(session, given)
        ok(
            pair and not pair.repeated,
            f"a session that is not bound does not ask for a proof: {str(given)[:9]!r}",
            pair,
        )
        session.keep(pair)
    old = session.refresh_token
    session.keep(row("refresh_session", old))
    session.keep(row("refresh_session", session.refresh_token))
    ok(
        row("refresh_session", old, None, None, dpop(Key.es256(), REFRESH), *REFRESH) is None,
        "reuse of a spent token ends it",
    )
    ok(session.info().revoke_reason == "Refresh token reuse", "whatever proof comes with it")


@each_protocol
def without_a_proof_nothing_happens(protocol):
    session, other = bound(protocol), bound(protocol)
    oldest = session.refresh_token
    captured = renewal(session)
    renewed(session)
    renewed(session)
    key = session.key
    if protocol == "dbsc":
        asked_for = challenge(session.refresh_token)
        tries = {
            "by another key": dbsc_proof(Key.es256(), asked_for, jwk=None),
            "by another key, with that key": dbsc_proof(Key.es256(), asked_for),
            "by another key, with that key in the payload": dbsc_proof(Key.es256(), asked_for, jwk="payload"),
            "by another key, with the session's": changed(dbsc_parts(key, asked_for), Key.es256()),
            "by the session's key, with another": changed(dbsc_parts(Key.es256(), asked_for), key),
            "with the key twice": changed(dbsc_parts(key, asked_for), key, payload={"key": key.jwk()}),
            "of another session's challenge": dbsc_proof(key, challenge(other.refresh_token), jwk=None),
            "of the challenge of a registration": dbsc_proof(key, challenge(Session().token), jwk=None),
            "of an empty challenge": dbsc_proof(key, "", jwk=None),
            "of a challenge of later": dbsc_proof(key, later(asked_for, 1), jwk=None),
            "of before the refreshes": captured,
            "of requests": dpop(key, REFRESH),
            "of requests, with the challenge as nonce": dpop(key, REFRESH, nonce=asked_for),
            "by another algorithm": dbsc_proof(key_of("RS256"), asked_for, jwk=None),
        }
    else:
        tries = {
            "by another key": dpop(Key.es256(), REFRESH),
            "by another key, with the session's": changed(dpop_parts(key, *REFRESH, iat=int(clock.now())), Key.es256()),
            "by the session's key, with another": changed(dpop_parts(Key.es256(), *REFRESH, iat=int(clock.now())), key),
            "without a key": changed(dpop_parts(key, *REFRESH, iat=int(clock.now())), key, {"jwk": ABSENT}),
            "of another method": dpop(key, ("GET", REFRESH[1])),
            "of another URI": dpop(key, REQUEST),
            "of long ago": dpop(key, REFRESH, iat=int(clock.now()) - 10 * MINUTE),
            "of the future": dpop(key, REFRESH, iat=int(clock.now()) + 10 * MINUTE),
            "that answers a challenge": dbsc_proof(key, challenge(session.refresh_token), jwk=None),
            "by another algorithm": dpop(key_of("EdDSA"), REFRESH),
        }
    tries |= {f"{str(given)[:9]!r}": given for given in NO_PROOFS}
    before = stored()
    for token, name in ((session.refresh_token, "the refresh token"), (oldest, "one that was spent")):
        empty(
            accepted(tries, lambda proof, token=token: refresh(session, proof, token)),
            f"{protocol}: {name} buys nothing without a good proof",
        )
        ok(row("refresh_session", token) is None, f"{protocol}: {name} alone buys nothing")
    if protocol == "dpop":
        good = dpop(key, REFRESH)
        requests = {
            "no method": (None, REFRESH[1]),
            "no URI": (REFRESH[0], None),
            "neither": (None, None),
            "an empty method": ("", REFRESH[1]),
            "an empty URI": (REFRESH[0], ""),
            "a long method": ("POST" * 100, REFRESH[1]),
            "a long URI": (REFRESH[0], REFRESH[1] * 1000),
            "a method in small letters": ("post", REFRESH[1]),
            "another URI": REQUEST,
        }
        empty(
            accepted(requests, lambda request: refresh(session, good, request=request)),
            "dpop: nor with a proof whose request this is not",
        )
        ok(stored() == before, "dpop: nothing of that changes anything")
    ok(stored() == before, f"{protocol}: nothing of that changes anything, whatever else the token was")
    ok(is_open(session) and session.info().status == "active", f"{protocol}: nobody is signed out")
    ok(
        not session.events("session.reuse_detected") and not session.events("session.revoked"),
        f"{protocol}: no event says so",
    )
    pair = refresh(session, renewal(session))
    ok(pair and not pair.repeated, f"{protocol}: with a good proof the same token buys a pair after all that")

    stranger = [text for name, text in token_form.broken(session.refresh_token).items() if "family key" in name]
    before = stored()
    session.keep(pair)
    proof = renewal(session)
    empty(
        [text for text in stranger if refresh(session, proof, text) or challenge(text)],
        f"{protocol}: a refresh token without the session's family key buys nothing with a good proof",
    )
    ok(stored() == before, f"{protocol}: nor changes anything")


@each_protocol
def a_retry_has_the_same_pair(protocol):
    session = bound(protocol)
    token, proof = session.refresh_token, renewal(session)
    pair = session.keep(refresh(session, proof))
    before = stored()
    again = [refresh(session, proof, token) for _ in range(3)]
    ok(
        all(answer and answer.repeated and answer[:6] == pair[:6] for answer in again),
        f"{protocol}: the same proof again has the same pair",
        again,
    )
    ok(refresh(session, twin(proof), token)[:6] == pair[:6], f"{protocol}: its twin (r, n - s) as well")
    ok(stored() == before, f"{protocol}: and nothing changes")
    if protocol == "dbsc":
        spent = json.loads(from_base64url(proof.split(".")[1]))["jti"]
        ok(
            refresh(session, dbsc_proof(session.key, spent, jwk=None), token)[:6] == pair[:6],
            "dbsc: signed again the same answer has it too",
        )
        ok(refresh(session, dbsc_proof(Key.es256(), spent, jwk=None), token) is None, "dbsc: not by another key")
        ok(refresh(session, proof) is None, "dbsc: the new refresh token buys nothing with an answer to what is spent")
        ok(stored() == before, "dbsc: and nothing changes")
        other = refresh(session, dbsc_proof(session.key, challenge(token), jwk=None), token)
        ok(
            other and not other.repeated and other.token != pair.token,
            "dbsc: with the challenge of now the replaced token buys another pair",
        )
        session.keep(other)
    else:
        ok(refresh(session, dpop(session.key, REFRESH), token)[:6] == pair[:6], "dpop: a fresh proof has it too")
        ok(refresh(session, dpop(Key.es256(), REFRESH), token) is None, "dpop: not by another key")
        ok(stored() == before, "dpop: and nothing changes")
    renewed(session)
    before = stored()
    if protocol == "dbsc":
        ok(refresh(session, proof, token) is None, "dbsc: after the next refresh a captured proof is worth nothing")
        ok(stored() == before and is_open(session), "dbsc: and changes nothing")

    with settings(refresh_grace="0"):
        session = bound(protocol)
        token, proof = session.refresh_token, renewal(session)
        pair = session.keep(refresh(session, proof))
        if protocol == "dbsc":
            ok(
                refresh(session, proof, token) is None and is_open(session),
                "dbsc: past the grace a captured proof is worth nothing",
            )
        other = refresh(session, renewal(session, token), token)
        ok(
            other and not other.repeated and other.token != pair.token,
            f"{protocol}: past the grace a proof buys another pair",
        )

    session = bound(protocol)
    token, proof = session.refresh_token, renewal(session)
    session.keep(refresh(session, proof))
    session.keep(row("rotate_session_token", session.token))
    before = stored()
    ok(refresh(session, proof, token) is None, f"{protocol}: a rotation ends the retry")
    ok(stored() == before and is_open(session), f"{protocol}: and nothing else")
    ok(refresh(session, renewal(session)), f"{protocol}: the current token buys the next pair")


@each_protocol
def checked_again_the_older_tokens_are_nobodys(protocol):
    session = bound(protocol)
    old, proof = session.refresh_token, renewal(session)
    session.keep(row("reauthenticate_session", session.token, "high"))
    before = stored()
    ok(challenge(old) is None, f"{protocol}: after the user was checked again, an older refresh token has no challenge")
    ok(
        refresh(session, proof, old) is None and refresh(session, renewal(session), old) is None,
        f"{protocol}: and buys nothing with any proof",
    )
    ok(stored() == before and is_open(session), f"{protocol}: nor does it end anything")
    if protocol == "dbsc":
        ok(refresh(session, proof) is None, "dbsc: an answer of before buys nothing with the new token")
    ok(refresh(session, renewal(session)) is not None, f"{protocol}: the new one buys a pair by the same key")


# --- only a proof renews


def only_a_proof_renews():
    for protocol in (None, *PROTOCOLS):

        def sessions():
            made = bound(protocol) if protocol else Session()
            made.change(
                "expires_at = now() + interval '5 minutes', last_activity_at = last_activity_at - interval '1 hour'"
            )
            return made, made.info().expires_at

        renews, name = (
            ("lengthens", "an unbound session")
            if protocol is None
            else ("does not lengthen", f"one that is bound ({protocol})")
        )
        session, before = sessions()
        with settings(sliding_expiry="on", touch_interval="0"):
            ok(is_open(session), f"{name}: activity")
        info = session.info()
        ok(info.last_activity_at > info.created_at - datetime.timedelta(minutes=1), "is recorded")
        ok((info.expires_at > before) == (protocol is None), f"sliding {renews} {name}", before, info.expires_at)
        session, before = sessions()
        with settings(sliding_expiry="on", touch_interval="0"):
            one("touch_sessions", [session.id])
        ok((session.info().expires_at > before) == (protocol is None), f"nor by touch_sessions: it {renews} {name}")
        session, before = sessions()
        answer = one("extend_session", session.id, "10 days")
        after = session.info().expires_at
        ok((after > before) == (protocol is None) and after == answer, f"extend_session {renews} {name}", before, after)
        session, before = sessions()
        answer = row("rotate_session_token", session.token)
        ok(session.info().expires_at == before == answer.expires_at, f"rotate_session_token does not lengthen {name}")
        session, before = sessions()
        one("mark_mfa_verified", session.id, "totp")
        one("set_session_metadata", session.id, '{"a": 1}')
        one("set_session_scopes", session.id, ["a"])
        ok(session.info().expires_at == before, f"nor does any other change, {name}")


@each_protocol
def a_bound_session_can_be_rotated(protocol):
    session = bound(protocol)
    old = session.token
    session.keep(row("rotate_session_token", session.token))
    ok(is_open(session) and not is_open(session, old), f"{protocol}: a session token can be rotated without a proof")
    ok(session.info().key_thumbprint == session.key.thumbprint(), f"{protocol}: the session stays bound")
    ok(row("rotate_session_token", old) is None, f"{protocol}: the old one rotates nothing")


# --- no downgrade


def a_token_alone_opens_no_session_that_is_bound_for_requests():
    session, dbsc, request = Session(), bound("dbsc"), bound("dpop")
    ok(openers(session) == OPENERS, "each function takes the token of an unbound session", openers(session))
    ok(openers(dbsc) == OPENERS, "and of one that is bound for refreshes", openers(dbsc))
    ok(openers(request) == set(), "and none that of one that is bound for requests", openers(request))
    found = [
        answer.token_index
        for answer in rows("validate_sessions", [request.token, session.token, None, dbsc.token, request.token])
    ]
    ok(found == [2, 4], "in a batch the others keep their places", found)
    main.execute("BEGIN")
    row("authenticate", session.token)
    row("authenticate", request.token)
    ok(
        value(f"SELECT {SCHEMA}current_user_id()") is None,
        "authenticate with such a token ends the identity that was there",
    )
    main.execute("COMMIT")
    good = {
        which: dpop(key, REQUEST, which.token)
        for which, key in ((session, Key.es256()), (dbsc, dbsc.key), (request, request.key))
    }
    ok(prove(request, good[request]) is not None, "with its proof validate_session_proof takes it")
    ok(prove(session, good[session]) is None, "but no token of an unbound session")
    ok(prove(dbsc, good[dbsc]) is None, "nor of one that is bound for refreshes")
    ok(row("rotate_session_token", request.token) is not None, "rotation needs none")
    request = bound("dpop")
    ok(one("mark_mfa_verified_by_token", request.token), "nor does the mark of a second factor")
    ok(one("revoke_session_by_token", request.token), "nor the end of a session")


# --- requests


def a_proof_opens_a_session_for_requests():
    session = bound("dpop", scopes=["read", "write"], metadata='{"a": 1}', acr="high")
    one("mark_mfa_verified", session.id, "totp")
    found = prove(session, asked(session))
    info = session.info()
    told = {
        "session_id": info.id,
        **{column: getattr(info, column) for column in found._fields if column != "session_id"},
    }
    ok(found._asdict() == told, "the row is that of validate_session", found, told)
    ok(found._fields == row("validate_session", Session().token)._fields, "with its columns")
    with settings(touch_interval="0"):
        session.change("last_activity_at = last_activity_at - interval '1 hour', ip_address = NULL")
        row("validate_session_proof", session.token, dpop(Key.es256(), REQUEST, session.token), *REQUEST, "192.0.2.9")
        ok(session.info().last_activity_at < found.last_activity_at, "a refused proof is no activity")
        row("validate_session_proof", session.token, asked(session), *REQUEST, "192.0.2.9")
        info = session.info()
        ok(
            info.last_activity_at >= found.last_activity_at and str(info.ip_address) == "192.0.2.9",
            "a good one is",
            info,
        )
    ok(
        sqlstate(lambda: row("validate_session_proof", session.token, asked(session), None, REQUEST[1])) == "22004",
        "a method is required",
    )
    ok(
        sqlstate(lambda: row("validate_session_proof", session.token, asked(session), REQUEST[0], None)) == "22004",
        "and a URI",
    )
    ok(
        sqlstate(lambda: row("validate_session_proof", None, None, None, None)) == "22004",
        "also where there is no token",
    )
    empty([str(given)[:9] for given in NO_PROOFS if prove(session, given)], "without a proof the answer is no")
    good = asked(session)
    empty(
        [
            name
            for name, text in {
                **token_form.broken(session.token),
                "refresh": session.refresh_token,
                "empty": "",
            }.items()
            if row("validate_session_proof", text, good, *REQUEST)
        ],
        "and for each token that is wrong",
    )
    ok(row("validate_session_proof", None, good, *REQUEST) is None, "and for none")
    for name, end in {
        "revoked": lambda which: one("revoke_session", which.id),
        "idle": Session.idle,
        "expired": Session.expire,
    }.items():
        which = bound("dpop")
        proof = asked(which)
        end(which)
        ok(prove(which, proof) is None, f"no proof opens a session that is {name}")


def a_proof_is_for_one_request():
    session, other = bound("dpop"), bound("dpop")
    key, now = session.key, int(clock.now())
    base = dpop_parts(key, *REQUEST, session.token, iat=now)
    ok(prove(session, jws(*base, key)), "a proof")
    claims = {
        "htm left out": {"htm": ABSENT},
        "htm in small letters": {"htm": "get"},
        "another htm": {"htm": "POST"},
        "an empty htm": {"htm": ""},
        "htm with a space": {"htm": "GET "},
        "a list of htm": {"htm": ["GET"]},
        "htu left out": {"htu": ABSENT},
        "a list of htu": {"htu": [REQUEST[1]]},
        "an empty htu": {"htu": ""},
        "iat left out": {"iat": ABSENT},
        "iat as a text": {"iat": str(now)},
        "iat null": {"iat": None},
        "iat true": {"iat": True},
        "iat 0": {"iat": 0},
        "iat of old": {"iat": now - 90},
        "iat of later": {"iat": now + 90},
        "iat in milliseconds": {"iat": now * 1000},
        "iat huge": {"iat": 10**300},
        "iat without end": {"iat": 10**400},
        "iat negative": {"iat": -now},
        "iat a long integer": {"iat": 2**63 - 1},
        "iat longer": {"iat": 2**64 + now},
        "iat as far before": {"iat": -(2**63)},
        "ath left out": {"ath": ABSENT},
        "an empty ath": {"ath": ""},
        "ath null": {"ath": None},
        "ath of another token": {"ath": ath_of(other.token)},
        "ath of the refresh token": {"ath": ath_of(session.refresh_token)},
        "the token as ath": {"ath": session.token},
        "ath in hexadecimal": {"ath": hashlib.sha256(session.token.encode()).hexdigest()},
        "ath padded": {"ath": ath_of(session.token) + "="},
        "ath cut": {"ath": ath_of(session.token)[:-1]},
        "ath in base64": {"ath": base64.b64encode(hashlib.sha256(session.token.encode()).digest()).decode()},
        "ath with spare bits": {"ath": spare(ath_of(session.token))},
        "jti left out": {"jti": ABSENT},
        "an empty jti": {"jti": ""},
        "jti as a number": {"jti": 1},
        "a jti of 513": {"jti": "j" * 513},
        "nonce as a number": {"nonce": 1},
        "nonce null": {"nonce": None},
    }
    empty(
        [name for name, change in claims.items() if prove(session, changed(base, key, payload=change))],
        "each claim must be right",
    )
    counted(f"{len(claims)} claims that are not")
    for name, change in {
        "iat with a fraction": {"iat": now + 0.5},
        "iat with an exponent": {"iat": float(now)},
        "a nonce that nobody asked for": {"nonce": "x"},
        "iat just now": {"iat": now - 50},
        "iat soon": {"iat": now + 50},
    }.items():
        ok(prove(session, changed(base, key, payload=change)), f"{name} is taken")
    ok(prove(session, dpop(key, REQUEST, other.token)) is None, "a proof for another token")
    ok(
        prove(other, dpop(key, REQUEST, other.token)) is None,
        "the proof of one session's key with another session's token",
    )
    ok(prove(session, dpop(other.key, REQUEST, session.token)) is None, "and the other way round")
    ok(prove(session, asked(session), request=("POST", REQUEST[1])) is None, "a proof for another method")
    ok(prove(session, dbsc_proof(key, challenge(session.token))) is None, "a proof of the other protocol")
    proof = asked(session)
    ok(
        prove(session, proof) and prove(session, proof),
        "within its time a proof opens the session again: nothing is kept of it",
    )


def spare(text):
    """The same bytes with other bits behind them."""
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1]) ^ 1]


# What is asked for, and what the proof says: the same request, or not.
SAME_URIS = (
    ("https://api.example/items", "https://api.example/items"),
    ("https://api.example/items?page=2", "https://api.example/items"),
    ("https://api.example/items", "https://api.example/items?page=2"),
    ("https://api.example/items?a", "https://api.example/items?b#c"),
    ("https://api.example/items?" + "q" * 3000, "https://api.example/items"),
    ("https://api.example/items#top", "https://api.example/items"),
    ("https://API.Example/items", "https://api.example/items"),
    ("HTTPS://api.example/items", "https://api.example/items"),
    ("https://api.example:443/items", "https://api.example/items"),
    ("https://api.example:/items", "https://api.example/items"),
    ("http://api.example:80/items", "http://api.example/items"),
    ("https://api.example", "https://api.example/"),
    ("https://api.example?x", "https://api.example/"),
    ("https://api.example/a/./b/../items", "https://api.example/a/items"),
    ("https://api.example/%7euser", "https://api.example/~user"),
    ("https://api.example/%c3%a9", "https://api.example/%C3%A9"),
    ("https://api.example/%2e%2e/items", "https://api.example/items"),
    ("https://[2001:DB8::1]/items", "https://[2001:db8::1]/items"),
    ("https://192.0.2.1:8443/items", "https://192.0.2.1:8443/items"),
)
OTHER_URIS = (
    ("https://api.example/items", "http://api.example/items"),
    ("https://api.example/items", "https://api.example/items/"),
    ("https://api.example/items", "https://api.example/Items"),
    ("https://api.example/items", "https://api.example/"),
    ("https://api.example/items", "https://api.example"),
    ("https://api.example/items", "https://api.example/items/1"),
    ("https://api.example/items", "https://api.example//items"),
    ("https://api.example/items", "https://api.example:8443/items"),
    ("https://api.example/items", "https://api.example:80/items"),
    ("http://api.example:443/items", "http://api.example/items"),
    ("https://api.example/items", "https://api.example.evil/items"),
    ("https://api.example/items", "https://evil.example/items"),
    ("https://api.example/items", "https://api.example./items"),
    ("https://api.example/items", "https://api.example@evil.example/items"),
    ("https://api.example/a%2Fb", "https://api.example/a/b"),
    ("https://api.example/items", "https://api.example/items%00"),
    ("https://api.example/items", "/items"),
    ("https://api.example/items", "//api.example/items"),
    ("https://api.example/items", "api.example/items"),
    ("https://api.example/items", "items"),
)
# Equal, and yet no URIs of a request.
NO_URIS = (
    "",
    "/items",
    "items",
    "https:",
    "https://",
    "https:///items",
    "ftp://api.example/items",
    "file:///items",
    "wss://api.example/items",
    "https://user@api.example/items",
    "https://user:password@api.example/items",
    "https://api.example:0/items",
    "https://api.example:65536/items",
    "https://api.example:0443/items",
    "https://api.example:x/items",
    "https://api.example/%",
    "https://api.example/%zz",
    "https://api.example/ items",
    "https://api.example/\u00e9",
    "https://api.example\\items",
    " https://api.example/items",
    "https://api.example/items\n",
    "https://[::1/items",
    "https://api.example/" + "x" * 3000,
    "urn:items",
    "*",
)


def a_proof_is_for_one_uri():
    session = bound("dpop")

    def fits(asked_for, said):
        return prove(session, dpop(session.key, ("GET", said), session.token), request=("GET", asked_for)) is not None

    empty(
        [pair for pair in SAME_URIS for which in (pair, pair[::-1]) if not fits(*which)],
        "URIs are compared after RFC 3986",
    )
    empty(
        [pair for pair in OTHER_URIS for which in (pair, pair[::-1]) if fits(*which)],
        "what differs after that is another request",
    )
    empty(
        [uri for uri in NO_URIS if fits(uri, uri)],
        "what is no http or https URI of a request fits nothing, itself neither",
    )
    ok(
        fits("https://api.example/items?" + "q" * 10_000_000, "https://api.example/items"),
        "a query may have any length",
    )
    ok(not fits("https://api.example/" + "i" * 3000 + "?q", "https://api.example/"), "but no path")
    counted(f"{2 * (len(SAME_URIS) + len(OTHER_URIS)) + len(NO_URIS)} pairs of URIs")


def a_nonce_where_it_is_asked_for():
    for protocol in PROTOCOLS:
        with settings(proof_nonce="on"):
            session = bound(protocol)
            ok(session.info().binding == PROTOCOLS[protocol], f"{protocol}: binds with a challenge as its nonce")
    with settings(proof_nonce="on"):
        fresh, key = Session(), Key.es256()
        other = bound("dpop")
        for name, nonce in {
            "none": None,
            "an empty one": "",
            "that of a refresh": challenge(session.refresh_token),
            "that of requests": challenge(session.token),
            "another session's": challenge(Session().token),
        }.items():
            ok(bind(fresh, dpop(key, BIND, fresh.token, nonce=nonce)) is None, f"to bind, {name} is refused")
        ok(bind(fresh, dpop(key, BIND, fresh.token, nonce=challenge(fresh.token))) is not None, "its own is taken")

        ok(is_open(session), "a request with the session's nonce")
        nonces = {
            "none": None,
            "an empty one": "",
            "another": "x",
            "another session's": challenge(other.token),
            "that of a refresh": challenge(session.refresh_token),
            "that of a registration": challenge(Session().token),
            "one of later": later(challenge(session.token), 1),
        }
        before = stored()
        empty(accepted(nonces, lambda nonce: prove(session, asked(session, nonce=nonce))), "and with no other")
        ok(refresh(session, dpop(session.key, REFRESH)) is None, "a refresh without a nonce is refused")
        ok(
            refresh(session, dpop(session.key, REFRESH, nonce=challenge(session.token))) is None,
            "and with that of requests",
        )
        ok(
            refresh(session, dpop(session.key, REFRESH, nonce=challenge(other.refresh_token))) is None,
            "and with another session's",
        )
        ok(stored() == before, "nothing of that spends the token or changes anything")
        token, nonce = session.refresh_token, challenge(session.refresh_token)
        pair = refresh(session, dpop(session.key, REFRESH, nonce=nonce))
        ok(pair is not None, "with the challenge of the refresh token it is taken")
        again = refresh(session, dpop(session.key, REFRESH, nonce=nonce), token)
        ok(again and again.repeated and again[:6] == pair[:6], "a retry with that nonce has the same pair", again)
        session.keep(pair)
        ok(refresh(session, dpop(session.key, REFRESH, nonce=nonce)) is None, "which is spent for the next refresh")
        ok(
            prove(session, dpop(session.key, REQUEST, session.token, nonce=challenge(session.token))) is not None,
            "the new session token has its nonce",
        )
        with settings(token_overlap="10s"):
            old, _ = renewed(session)
            ok(is_open(session, old), "and so has one that was replaced, while it opens the session")
    ok(
        prove(session, dpop(session.key, REQUEST, session.token)) is not None,
        "where none is asked for, a proof needs none",
    )


# --- overlap


@each_protocol
def replaced_tokens_of_bound_sessions(protocol):
    session = bound(protocol)
    old, _ = renewed(session)
    ok(not is_open(session, old), f"{protocol}: without token_overlap a replaced token is dead at once")
    with settings(token_overlap="10s"):
        old, _ = renewed(session)
        ok(
            is_open(session, old) and is_open(session),
            f"{protocol}: with it the replaced token opens the session, beside the new one",
        )
        if protocol == "dpop":
            ok(openers(session, old) == set(), "dpop: not without a proof")
            ok(challenge(old) is not None, "dpop: it has its nonce")
            ok(bind(session, dpop(Key.es256(), BIND, old), old) is None, "dpop: it binds nothing")
        ok(
            introspected(old)["active"] and introspected(old)["cnf"] == {"jkt": session.key.thumbprint()},
            f"{protocol}: introspection tells of both",
        )
        older = old
        old, _ = renewed(session)
        ok(not is_open(session, older) and is_open(session, old), f"{protocol}: only the one that was replaced last")


def a_replaced_token_of_any_session_may_overlap():
    def overlapping(**arguments):
        session = Session(**arguments)
        old = session.token
        session.keep(row("refresh_session", session.refresh_token))
        return session, old

    session, old = overlapping()
    ok(
        openers(session, old) == set() and not introspected(old)["active"],
        "without token_overlap a replaced token is dead at once",
    )
    with settings(token_overlap="10s"):
        session, old = overlapping()
        ok(
            openers(session, old) == openers(session) == OPENERS,
            "with it each function takes both tokens",
            openers(session, old),
        )
        told = introspected(old)
        ok(
            told["active"] and -60 < told["exp"] - clock.now() <= 10,
            "introspection tells that the older one is soon over",
            told,
        )
        ok(one("mark_mfa_verified_by_token", old, "totp"), "it stands for the session")
        before = session.stored()
        ok(row("rotate_session_token", old) is None, "it rotates nothing")
        ok(row("reauthenticate_session", old) is None, "it is no proof that the user was checked again")
        ok(bind(session, dpop(Key.es256(), BIND, old), old) is None, "it binds nothing")
        ok(session.stored() == before, "and changes nothing by that")
        ok(
            one("revoke_session_by_token", old) and openers(session) == set(),
            "it ends the session, as the other one does",
        )
        ok(openers(session, old) == set(), "after which it opens nothing")
        for name, end in {
            "a revocation": lambda which: one("revoke_session", which.id),
            "a revocation of all of the user's": lambda which: one("revoke_all_user_sessions", which.user),
            "a rotation": lambda which: row("rotate_session_token", which.token),
            "another refresh": lambda which: row("refresh_session", which.refresh_token),
            "a check of the user": lambda which: row("reauthenticate_session", which.token),
            "the user's being disabled": lambda which: one("disable_user", which.user),
            "the session's expiry": lambda which: which.change("expires_at = now() - interval '1 second'"),
            "the session's being idle": lambda which: which.change("idle_expires_at = now() - interval '1 second'"),
        }.items():
            session, old = overlapping()
            end(session)
            ok(openers(session, old) == set(), f"{name} ends it")
        session = Session()
        old, spent = session.token, session.refresh_token
        session.keep(row("refresh_session", spent))
        before = session.stored()
        again = row("refresh_session", spent)
        ok(
            again.repeated and session.stored() == before and openers(session, old) == OPENERS,
            "a retry leaves it as it is",
        )
        session.change("expires_at = now() + interval '2 seconds'")
        old = session.token
        session.keep(row("refresh_session", session.refresh_token))
        told = introspected(old)
        ok(told["exp"] - clock.now() <= 2, "it never outlives its own expiry", told, clock.now())


# --- what is shown


def what_is_shown():
    session, user = Session(), uuid.uuid4()
    dbsc, request = bound("dbsc", user_id=user, device_name="laptop"), bound("dpop", user_id=user, device_name="phone")
    plain = Session(user_id=user, device_name="tablet")
    shown = {
        dbsc.id: ("refresh", dbsc.key.thumbprint()),
        request.id: ("request", request.key.thumbprint()),
        plain.id: ("none", None),
    }
    for name, found in {
        "list_user_sessions": rows("list_user_sessions", user),
        "list_sessions": rows("list_sessions", [user]),
        "get_session": [row("get_session", which) for which in shown],
        "get_user_session": [row("get_user_session", user, which) for which in shown],
    }.items():
        ok(
            {info.id: (info.binding, info.key_thumbprint) for info in found} == shown,
            f"{name} tells which sessions are bound",
            found,
        )
    devices = {device.name: device.is_bound for device in rows("list_user_devices", user)}
    ok(
        devices == {"laptop": True, "phone": True, "tablet": False},
        "a device is bound while one of its sessions is",
        devices,
    )
    dbsc.expire()
    one("revoke_session", request.id)
    devices = {device.name: device.is_bound for device in rows("list_user_devices", user)}
    ok(
        devices == {"laptop": True, "phone": False, "tablet": False},
        "one that can be refreshed is, one that is over is not",
        devices,
    )
    for which, kind in ((Session(), "Bearer"), (bound("dbsc"), "Bearer"), (bound("dpop"), "DPoP")):
        for token, told_kind in ((which.token, kind), (which.refresh_token, "refresh_token")):
            told = introspected(token)
            ok(
                told["token_type"] == told_kind and told["jti"] == str(which.id),
                f"introspection tells the type: {told_kind}",
                told,
            )
            ok(told.get("cnf") == (which.key and {"jkt": which.key.thumbprint()}), "and which key confirms it", told)

    # The server's part of the keys of challenges, in each form that it may be shown in.
    secrets = [
        value(f"SELECT challenge_key FROM {SCHEMA}sessions WHERE id = %s", which.id) for which in (dbsc, request)
    ]
    forms = [
        form
        for secret in secrets
        for form in (secret.hex(), base64.b64encode(secret).decode().rstrip("="), base64url(secret))
    ]
    told = [
        value(f"SELECT {SCHEMA}export_user(%s)::text", user),
        *(
            value("SELECT to_jsonb(s)::text FROM " + SCHEMA + "get_session(%s) s", which.id)
            for which in (dbsc, request)
        ),
    ]
    ok(all(secrets) and secrets[0] != secrets[1], "each bound session has a key for its challenges")
    empty(
        [form for form in forms if any(form in text for text in told)],
        "which export_user does not show, nor does a session",
    )
    ok(
        dbsc.key.jwk()["x"] in told[0],
        "it tells what a session is bound to",
        told[0],
    )
    ok(session.info().binding == "none", "other sessions are as they were")


# --- refused proofs


def rejected(session):
    return len(session.events("session.proof_rejected"))


def counter():
    return value(f"SELECT proofs_rejected FROM {SCHEMA}stats()")


@each_protocol
def refused_proofs_are_told_of_once(protocol):
    session, other = bound(protocol), bound(protocol)
    spent = session.refresh_token
    renewed(session)
    before = counter()
    row("refresh_session", spent, "192.0.2.7")
    for _ in range(5):
        refresh(session, None)
        refresh(session, "x", spent)
        if protocol == "dpop":
            prove(session, None)
    ok(
        counter() - before == (16 if protocol == "dpop" else 11),
        f"{protocol}: each refused proof is counted",
        counter() - before,
    )
    ok(rejected(session) == 1, f"{protocol}: one event in a minute tells of them", rejected(session))
    event = session.events("session.proof_rejected")[0]
    ok(
        (event.session_id, event.user_id, event.device_id, str(event.ip_address))
        == (session.id, session.user, session.device, "192.0.2.7"),
        "whose they were, and where from",
        event,
    )
    refresh(other, None)
    ok(rejected(other) == 1, f"{protocol}: each session has its own")
    # Tokens that the session did not issue, and those of sessions that are over, are none of its proofs.
    before = counter()
    third = bound(protocol)
    for name, text in token_form.broken(third.refresh_token).items():
        refresh(third, "x", text)
    for name, text in token_form.broken(third.token).items():
        row("validate_session_proof", text, "x", *REQUEST)
    ok(rejected(third) == 0 and counter() == before, f"{protocol}: what is no token of a session counts for none")
    one("revoke_session", third.id)
    refresh(third, "x")
    prove(third, "x")
    ok(rejected(third) == 0 and counter() == before, f"{protocol}: nor does one of a session that is over")
    fourth = bound(protocol)
    with settings(event_log="none"):
        refresh(fourth, None)
    ok(rejected(fourth) == 0, f"{protocol}: where no events are kept, there is none")
    with settings(event_log="security"):
        refresh(fourth, None)
    ok(rejected(fourth) == 1, f"{protocol}: it is one of the security's")
    fifth = bound(protocol)
    main.execute("BEGIN")
    refresh(fifth, None)
    refresh(fifth, None)
    main.execute("ROLLBACK")
    refresh(fifth, None)
    ok(rejected(fifth) == 1, f"{protocol}: one that was rolled back does not stand in the way")
    sixth = Session()
    before = counter()
    bind(sixth, "x")
    row("validate_session", session.token)
    ok(rejected(sixth) == 0 and counter() == before, f"{protocol}: to refuse to bind is no such event")


def versions():
    """Row versions written so far, by table, and the next transaction's id."""
    main.execute("SELECT pg_stat_force_next_flush()")
    written = main.execute(
        """
        SELECT relname, n_tup_ins, n_tup_upd, n_tup_del, n_dead_tup FROM pg_stat_user_tables
        WHERE schemaname = 'session_service' ORDER BY relname"""
    ).fetchall()
    return written, next_transaction()


def wal():
    return value("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")


def thousands_of_refused_proofs_leave_nothing():
    session, request = bound("dbsc"), bound("dpop")
    spent = session.refresh_token
    renewed(session)
    bad = [None, "x", dbsc_proof(Key.es256(), challenge(session.refresh_token), jwk=None)]
    wrong = [None, dpop(Key.es256(), REQUEST, request.token), dpop(request.key, BIND, request.token)]
    before, rows_before = versions(), stored()
    refresh(session, None)
    prove(request, None)
    first = versions()
    ok(stored() == rows_before, "the first refused proof of each session locks and writes no row")
    written = {now.relname: now[1] - then[1] for then, now in zip(before[0], first[0]) if now != then}
    ok(written == {"events": 2}, "the first refused proof of each session leaves an event", written)
    many = extent(2000, 100_000)
    main.execute("CHECKPOINT")
    # Since PostgreSQL 16 it may freeze rows, and then forgets who had locked them.
    main.execute("VACUUM session_service.events, session_service.sessions")
    first, rows_before, wal_before = versions(), stored(), wal()
    for number in range(many // 4):
        refresh(session, bad[number % 3])
        refresh(session, bad[number % 3], spent)
        prove(request, wrong[number % 3])
        refresh(request, wrong[number % 3])
        for token in (session.refresh_token, spent, request.token, request.refresh_token):
            challenge(token)
    after, wal_after = versions(), wal()
    if clock.is_ours:
        ok(after == first, f"{many} more leave no row version and take no transaction's id", first, after)
    else:
        skip(f"{many} more leave no row version and take no transaction's id", "minutes go by")
    ok(stored() == rows_before, "no row is locked or written")
    # What the server itself notes now and then.
    ok(wal_after - wal_before < 2000, f"{many} refused proofs and challenges write no WAL", wal_after - wal_before)
    counted(f"{many} refused proofs, and as many challenges")


def a_refused_proof_waits_for_nobody():
    session, request = bound("dbsc"), bound("dpop")
    pid = value("SELECT pg_backend_pid()")

    def held(mode):
        """Another transaction has locked all that a change of the sessions would lock."""
        holder = connect()
        holder.execute("BEGIN")
        holder.execute(f"SELECT FROM {SCHEMA}users WHERE user_id IN (%s, %s) FOR UPDATE", (session.user, request.user))
        holder.execute(f"SELECT FROM {SCHEMA}sessions WHERE id IN (%s, %s) FOR UPDATE", (session.id, request.id))
        holder.execute(
            f"SELECT FROM {SCHEMA}devices WHERE user_id IN (%s, %s) FOR UPDATE", (session.user, request.user)
        )
        holder.execute(f"LOCK TABLE {SCHEMA}events, {SCHEMA}users, {SCHEMA}devices IN {mode} MODE")
        return holder

    for mode in ("SHARE", "EXCLUSIVE", "ACCESS EXCLUSIVE"):
        holder = held(mode)
        answers = []

        def calls(answers=answers):
            answers.append(
                (
                    refresh(session, None),
                    refresh(session, "x"),
                    prove(request, None),
                    refresh(request, None),
                    challenge(session.refresh_token),
                    challenge(request.token),
                    bind(session, None),
                )
            )

        thread = threading.Thread(target=calls)
        thread.start()
        # Who waits here waits for ever.
        thread.join(60)
        if not ok(
            not thread.is_alive(), f"no refused proof waits for rows that are locked, or for tables in {mode} mode"
        ):
            value("SELECT pg_cancel_backend(%s)", pid, on=holder)
        holder.execute("ROLLBACK")
        holder.close()
        thread.join()
        ok(answers and not any(answers[0][:4]) and all(answers[0][4:6]), "the answer is no, and a challenge is given")
        ok(rejected(session) == 0, "there is no event then")

    def locked():
        """What two refused proofs keep locked until their transaction ends, and others would wait for."""
        main.execute("BEGIN")
        refresh(session, None)
        prove(request, None)
        locks = main.execute(
            """
            SELECT l.locktype, c.relname, l.mode FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation
            WHERE l.pid = pg_backend_pid() AND (l.locktype IN ('tuple', 'object')
                OR c.relnamespace = 'session_service'::regnamespace) AND l.mode <> 'AccessShareLock'"""
        ).fetchall()
        main.execute("COMMIT")
        return locks

    first = locked()
    empty(
        [lock for lock in first if lock.locktype == "tuple" or not (lock.relname or "events").startswith("events")],
        "no row is locked, and no table but that of events for writing",
    )
    ok(rejected(session) == rejected(request) == 1, "the events are there")
    if clock.is_ours:
        empty(locked(), "within the minute nothing is locked for writing")


# --- at the same time


def a_proof_from_many_clients_makes_one_rotation():
    clients = 64
    for protocol in PROTOCOLS:
        session = bound(protocol)
        token, proof = session.refresh_token, renewal(session)
        before = value(f"SELECT generation FROM {SCHEMA}sessions WHERE id = %s", session.id)
        answers = at_once(clients, lambda connection, number: refresh(session, proof, token, on=connection))
        pairs = {answer and (answer.token, answer.refresh_token) for answer in answers}
        ok(len(pairs) == 1 and None not in pairs, f"{protocol}: one proof from {clients} clients: one pair", pairs)
        ok(sum(not answer.repeated for answer in answers if answer) == 1, f"{protocol}: one of them made it")
        after = value(f"SELECT generation FROM {SCHEMA}sessions WHERE id = %s", session.id)
        ok(after == before + 1, f"{protocol}: by one rotation", before, after)


def answers_to_one_challenge_race():
    session = bound("dbsc")
    spent = session.refresh_token
    renewed(session)
    for _ in range(extent(5, 200)):
        current = session.refresh_token
        asked_for = challenge(current)
        tries = [
            (current, dbsc_proof(session.key, asked_for, jwk=None)),
            (spent, dbsc_proof(session.key, asked_for, jwk=None)),
        ]
        answers = at_once(
            2, lambda connection, number: refresh(session, tries[number][1], tries[number][0], on=connection)
        )
        made = [answer for answer in answers if answer]
        if len(made) != 1 or session.info().status != "active":
            ok(False, "of two refresh tokens with one challenge one buys a pair", answers)
            return
        spent = current
        session.keep(made[0])
    ok(is_open(session), "of two refresh tokens with one challenge one buys a pair, and nobody is signed out")


@each_protocol
def many_keys_race_to_bind(protocol):
    session = Session()
    keys = [Key.es256() for _ in range(16)]
    proofs = [registration(session, key, protocol) for key in keys]
    answers = at_once(16, lambda connection, number: bind(session, proofs[number], on=connection))
    made = [number for number, answer in enumerate(answers) if answer]
    ok(len(made) == 1, f"{protocol}: of 16 keys one binds", answers)
    ok(session.info().key_thumbprint == keys[made[0]].thumbprint(), f"{protocol}: which is the session's")
    session, key = Session(), Key.es256()
    proof = registration(session, key, protocol)
    answers = at_once(16, lambda connection, number: bind(session, proof, on=connection))
    ok(
        len(set(answers)) == 1 and answers[0],
        f"{protocol}: the same proof from 16 clients has one answer",
        set(answers),
    )
    ok(len(session.events("session.bound")) == 1, f"{protocol}: and one event")


@each_protocol
def many_refused_proofs_at_once(protocol):
    session = bound(protocol)
    at_once(16, lambda connection, number: [refresh(session, None, on=connection) for _ in range(10)])
    ok(rejected(session) == 1, f"{protocol}: refused proofs of 16 clients make one event", rejected(session))


def bound_and_refreshed_at_once():
    """Whoever comes first: a pair that is bought without a proof is of before the session was bound."""
    for _ in range(extent(5, 200)):
        session = Session()
        proof = registration(session, Key.es256(), "dbsc")
        made, pair = at_once(
            2,
            lambda connection, number: (
                bind(session, proof, on=connection)
                if number == 0
                else row("refresh_session", session.refresh_token, on=connection)
            ),
        )
        # Refreshed first, the token of the registration is dead; bound first, the refresh needs a proof.
        if bool(made) == bool(pair) or (session.info().binding == "refresh") != bool(made):
            ok(False, "a session that is bound and refreshed at once", made, pair, session.info())
            return
    ok(True, "a session that is bound and refreshed at once is one or the other")


def ended_only_while_it_is_unbound():
    """A reuse is found, waits for the user's row, and meanwhile the session is bound, or its user checked again."""

    def bind_it(session):
        return bind(session, registration(session, Key.es256(), "dbsc"))

    def check_again(session):
        return row("reauthenticate_session", session.token)

    for name, change, ends in (
        ("nothing happens", lambda session: True, True),
        ("it is bound", bind_it, False),
        ("its user is checked again", check_again, False),
    ):
        session = Session()
        spent = session.refresh_token
        for _ in range(2):
            session.keep(row("refresh_session", session.refresh_token))
        holder = connect()
        holder.execute("BEGIN")
        holder.execute(f"SELECT FROM {SCHEMA}users WHERE user_id = %s FOR UPDATE", (session.user,))
        caller, answers = connect(), []
        thread = threading.Thread(
            target=lambda caller=caller, spent=spent, answers=answers: answers.append(
                row("refresh_session", spent, on=caller)
            )
        )
        thread.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        while value(waits, caller.info.backend_pid) == 0:
            time.sleep(0.01)
        ok(change(session), f"a spent token is presented, and {name} before its session ends")
        holder.execute("ROLLBACK")
        thread.join()
        status = session.info().status
        ok(
            answers == [None] and (status == "revoked") == ends,
            f"{name}: it {'ends' if ends else 'goes on'}",
            answers,
            status,
        )
        holder.close()
        caller.close()


# --- transactions


def transactions():
    reader = connect()
    for level in ("REPEATABLE READ", "SERIALIZABLE"):
        session, key = Session(), Key.es256()
        proof = registration(session, key, "dpop")
        reader.execute(f"BEGIN ISOLATION LEVEL {level}")
        ok(row("validate_session", session.token, on=reader), f"{level}: a session that is not bound")
        bind(session, proof)
        ok(
            row("validate_session", session.token, on=reader) is None,
            "bound meanwhile for requests its token alone opens nothing",
        )
        ok(prove(session, dpop(key, REQUEST, session.token), on=reader), "and its proof does")
        session = bound("dbsc")
        spent = challenge(session.refresh_token, on=reader)
        renewed(session)
        ok(
            challenge(session.refresh_token, on=reader) not in (None, spent),
            "a challenge is of the session as it is now",
        )
        one("revoke_session", session.id)
        ok(challenge(session.refresh_token, on=reader) is None, "a revocation is seen")
        reader.execute("COMMIT")
        reader.execute(f"BEGIN ISOLATION LEVEL {level}")
        session = Session()
        ok(bind(session, registration(session, key, "dbsc"), on=reader), "and a session can be bound")
        session.protocol, session.key = "dbsc", key
        proof = dbsc_proof(key, challenge(session.refresh_token, on=reader), jwk=None)
        ok(refresh(session, proof, on=reader), "and refreshed")
        reader.execute("ROLLBACK")
        ok(
            session.info().binding == "none" and row("refresh_session", session.refresh_token),
            "until that is rolled back",
        )
    session = Session()
    main.execute("BEGIN")
    bind(session, registration(session, Key.es256(), "dpop"))
    main.execute("SAVEPOINT a")
    main.execute("ROLLBACK TO a")
    ok(row("validate_session", session.token) is None, "bound in this transaction it is bound already")
    main.execute("ROLLBACK")
    ok(row("validate_session", session.token) is not None, "and not, if that is rolled back")
    reader.close()


def reading_only():
    where_nothing_is_written("a read-only transaction", connect(), False)
    where_nothing_is_written("a standby", connect(STANDBY), True)


def where_nothing_is_written(where, on, is_standby):
    session, key = Session(), Key.es256()
    dbsc, request = bound("dbsc"), bound("dpop")
    proof, renews = registration(session, key, "dbsc"), renewal(dbsc)
    spent = dbsc.refresh_token
    renewed(dbsc)
    if is_standby:
        catch_up(on)
    else:
        on.execute("BEGIN READ ONLY")
    tokens = {
        "an unbound session": session.token,
        "a refresh": dbsc.refresh_token,
        "a spent token's refresh": spent,
        "requests": request.token,
        "a refresh of one bound for requests": request.refresh_token,
    }
    differ = [
        name
        for name, token in tokens.items()
        if not any(challenge(token, on=on) == challenge(token) is not None for _ in range(3))
    ]
    empty(differ, f"{where} gives the same challenges")
    ok(prove(request, asked(request), on=on) is not None, f"{where}: a proof opens a session for requests")
    ok(prove(request, None, on=on) is None, "and none does not")
    ok(row("validate_session", request.token, on=on) is None, "nor does the token alone")
    ok(
        refresh(dbsc, None, on=on) is None and refresh(dbsc, renews, on=on) is None,
        "a refused refresh is no there, and no error",
    )
    if is_standby:
        catch_up(on)
    proof_of_now = renewal(dbsc)
    state = sqlstate(lambda: refresh(dbsc, proof_of_now, on=on))
    ok(state == "25006", f"{where}: a refresh with a good proof is an error", state)
    if not is_standby:
        on.execute("ROLLBACK")
        on.execute("BEGIN READ ONLY")
    state = sqlstate(lambda: bind(session, proof, on=on))
    ok(state == "25006", f"{where}: and so is a binding", state)
    if not is_standby:
        on.execute("ROLLBACK")
    ok(rejected(dbsc) == rejected(request) == 0, f"{where}: no event is written")
    ok(refresh(dbsc, proof_of_now) and bind(session, proof), f"a challenge of {where} is answered on the primary")


# What no commit flushed, such as what a look at a page tidied up, may not get there for long.
def catch_up(standby):
    wanted = value("SELECT pg_current_wal_flush_lsn()::text")
    while not value("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", wanted, on=standby):
        time.sleep(0.01)


# --- sessions of another system


def imported_sessions():
    for length in (1, 512):
        for protocol in PROTOCOLS:
            token = (uuid.uuid4().hex * 20)[:length] if length > 1 else {"dbsc": "!", "dpop": "?"}[protocol]
            refresh_token = f"refresh {uuid.uuid4()}"
            name = f"{protocol}, imported, of {length}"
            session = Session()
            session.user, session.protocol, session.key = uuid.uuid4(), protocol, Key.es256()
            session.token, session.refresh_token = token, refresh_token
            session.id = value(
                f"SELECT {SCHEMA}import_session({SCHEMA}hash_token(%s), %s, now() + '1 day', {SCHEMA}hash_token(%s))",
                token,
                session.user,
                refresh_token,
            )
            ok(challenge(refresh_token) is None, f"{name}: unbound it has no challenge for a refresh")
            ok(
                bind(session, registration(session, Key.es256(), protocol), "another") is None,
                "another token binds nothing",
            )
            ok(
                bind(session, registration(session, session.key, protocol)).key_thumbprint == session.key.thumbprint(),
                f"{name}: a proof binds it",
            )
            ok(is_open(session), f"{name}: its token opens it")
            ok(
                protocol == "dpop" or close_to(session.info().expires_at, 10 * MINUTE),
                f"{name}: it is short, if it is bound for refreshes",
            )
            ok(row("refresh_session", refresh_token) is None, f"{name}: its refresh token buys nothing without a proof")
            proof = renewal(session)
            pair = session.keep(refresh(session, proof))
            ok(pair.token.startswith("sst_") and is_open(session), f"{name}: with one it buys tokens of ours")
            again = refresh(session, proof, refresh_token)
            ok(again and again.repeated and again[:6] == pair[:6], f"{name}: a retry has the same pair")
            renewed(session)
            before = stored()
            ok(
                row("refresh_session", refresh_token) is None and stored() == before,
                f"{name}: spent and without a proof it changes nothing",
            )
            native = session.refresh_token
            session.keep(refresh(session, renewal(session, refresh_token), refresh_token))
            ok(is_open(session), f"{name}: and with one it buys a pair")
            session.keep(refresh(session, renewal(session, native), native))
            ok(is_open(session), f"{name}: after which tokens of ours from before are still the session's")


# --- time


def times():
    if not clock.is_ours:
        skip("what the time decides", "needs libfaketime in the server")
        return
    challenges_last()
    proofs_last()
    overlaps_last()
    bound_tokens_last()
    retries_last()
    what_was_accepted_may_come_again()
    rejections_are_told_of_each_minute()


def made_at(text):
    return int.from_bytes(from_base64url(text)[:8], "big")


def challenges_last():
    for seconds in (300, 1, DAY):
        life = seconds * 1_000_000
        with settings(challenge_expiry=f"{seconds}s", proof_nonce="on", proof_max_age="1d", bound_session_expiry="30d"):
            for what in ("a registration", "a refresh", "a request"):
                for began in (0, 1, life // 8 - 1, life // 3):
                    clock.set((clock.micros // life + 1) * life + began)
                    session = (
                        Session() if what == "a registration" else bound("dbsc" if what == "a refresh" else "dpop")
                    )
                    clock.set(clock.micros + began)
                    text = challenge(session.refresh_token if what == "a refresh" else session.token)
                    moment = made_at(text)
                    name = f"{what}, {seconds} s, {began}"
                    if not 0 <= clock.micros - moment < life // 8:
                        ok(
                            False,
                            f"{name}: a challenge is good for seven eighths of its life at least",
                            clock.micros,
                            moment,
                        )
                        continue
                    key = session.key or Key.es256()

                    def answer(session=session, key=key, text=text, what=what):
                        if what == "a registration":
                            return bind(session, dbsc_proof(key, text))
                        if what == "a refresh":
                            return refresh(session, dbsc_proof(key, text, jwk=None))
                        return prove(session, dpop(key, REQUEST, session.token, nonce=text))

                    clock.set(moment + life)
                    late = answer()
                    # A server whose clock is behind.
                    clock.set(moment - life // 8 - 1)
                    early = answer()
                    clock.set(moment + life - 1)
                    if late or early or not answer():
                        ok(False, f"{name}: a challenge is good for its life, and not longer", late, early)
        ok(True, f"a challenge is good for seven to eight eighths of {seconds} s")


def proofs_last():
    session = bound("dpop")
    clock.set((clock.micros // 1_000_000 + 1) * 1_000_000)
    now = clock.micros // 1_000_000
    with settings(proof_max_age="60s"):
        taken = {
            age
            for age in (-61, -60.001, -60, -59, 0, 59, 60, 60.001, 61)
            if prove(session, dpop(session.key, REQUEST, session.token, iat=now - age))
        }
    ok(taken == {-60, -59, 0, 59, 60}, "a proof is good for proof_max_age, before and after its time", taken)
    with settings(proof_max_age="5s"):
        taken = {
            age for age in (-6, -5, 0, 5, 6) if prove(session, dpop(session.key, REQUEST, session.token, iat=now - age))
        }
    ok(taken == {-5, 0, 5}, "as the setting says", taken)
    captured = asked(session)
    clock.move(61)
    ok(prove(session, captured) is None, "after that a captured proof opens nothing")
    with settings(proof_nonce="on"):
        captured = asked(session)
        clock.move(30)
        ok(prove(session, captured) is not None, "nor is it refused before, with a nonce of the server's")


def overlaps_last():
    with settings(token_overlap="10s"):
        for protocol in (None, *PROTOCOLS):
            session = bound(protocol) if protocol else Session()
            old, spent = session.token, session.refresh_token
            proof = renewal(session) if protocol else None
            began = clock.micros
            session.keep(refresh(session, proof))
            clock.set(began + 5_000_000)
            ok(refresh(session, proof, spent).repeated, f"{protocol}: a retry")
            clock.set(began + 9_999_999)
            ok(is_open(session, old), f"{protocol}: a replaced token opens the session until token_overlap is over")
            clock.set(began + 10_000_000)
            ok(not is_open(session, old), f"{protocol}: and not longer, whatever was retried")
        session = Session(session_expiry="15 seconds")
        old, began = session.token, clock.micros
        clock.move(10)
        session.keep(row("refresh_session", session.refresh_token))
        clock.set(began + 14_999_999)
        ok(openers(session, old) == OPENERS, "near its own end a replaced token opens the session until then")
        clock.set(began + 15_000_000)
        ok(openers(session, old) == set() and openers(session) == OPENERS, "and not longer")


def bound_tokens_last():
    session = bound("dbsc")
    began = clock.micros
    with settings(sliding_expiry="on", touch_interval="0"):
        for seconds in (100, 400, 599.999999):
            clock.set(began + round(seconds * 1_000_000))
            if not is_open(session):
                ok(False, "a bound session's token is good for ten minutes", seconds)
        clock.set(began + 600_000_000)
        ok(openers(session) == set(), "a bound session's token is dead after ten minutes, however much it was used")
    ok(one("extend_session", session.id, "1 day") is None, "and nothing extends it")
    session.keep(refresh(session, renewal(session)))
    clock.move(599)
    ok(is_open(session), "a refresh makes it good for ten more")
    clock.move(90 * DAY)
    ok(
        challenge(session.refresh_token) is None and refresh(session, dbsc_proof(session.key, "x")) is None,
        "until its refresh token is over",
    )


def retries_last():
    for protocol in PROTOCOLS:
        session = bound(protocol)
        token, proof, began = session.refresh_token, renewal(session), clock.micros
        pair = session.keep(refresh(session, proof))
        clock.set(began + 29_999_999)
        ok(refresh(session, proof, token)[:6] == pair[:6], f"{protocol}: a retry has the same pair within the grace")
        clock.set(began + 30_000_000)
        other = refresh(session, proof, token)
        ok(other is None if protocol == "dbsc" else other and not other.repeated, f"{protocol}: not after it", other)
        ok(session.info().status == "active", f"{protocol}: and nobody is signed out")


def what_was_accepted_may_come_again():
    """Also when by then it is too old for anything else."""
    for protocol in PROTOCOLS:
        for nonce in ("off", "on"):
            name = f"{protocol}, proof_nonce = {nonce}"
            with settings(proof_max_age="20s", challenge_expiry="16s", proof_nonce=nonce):
                session = bound(protocol)
                token, proof = session.refresh_token, renewal(session)
                clock.move(10)
                pair = session.keep(refresh(session, proof))
                clock.move(20)
                again = refresh(session, proof, token)
                ok(again and again.repeated and again[:6] == pair[:6], f"{name}: an old proof has the same pair", again)
                renewed(session)
                ok(
                    refresh(session, proof, token) is None and is_open(session),
                    f"{name}: but not after the next refresh",
                )

                session, key = Session(), Key.es256()
                session.protocol, session.key = protocol, key
                proof = registration(session, key, protocol)
                early = dpop(key, BIND, session.token, iat=int(clock.now()) - 15, nonce=nonce_for(session.token))
                clock.move(10)
                made = bind(session, proof)
                clock.move(100)
                ok(made and bind(session, proof) == made, f"{name}: an old registration has the same row")
                ok(bind(session, early) is None, f"{name}: but none that was old when the session was bound")


def rejections_are_told_of_each_minute():
    session = bound("dbsc")
    counts = []
    began = clock.micros
    for seconds in (0, 1, 59.9, 61, 61, 120, 122, 122.5):
        clock.set(began + round(seconds * 1_000_000))
        refresh(session, None)
        counts.append(rejected(session))
    ok(counts == [1, 1, 1, 2, 2, 2, 3, 3], "an event in each minute tells of refused proofs", counts)


# --- all of it

main.execute("CREATE EXTENSION session_service")
clock = Clock(CLOCK_FILE)
for test in (
    challenges_are_texts_that_nobody_stores,
    challenges_are_for_what_can_be_proved,
    a_proof_binds,
    a_bound_session_is_short,
    a_session_is_bound_once,
    who_comes_first_binds,
    what_binds_nothing,
    a_registration_answers_its_challenge,
    no_broken_proof_is_taken,
    what_a_proof_may_have_besides,
    a_proof_renews,
    an_unbound_session_needs_no_proof,
    without_a_proof_nothing_happens,
    a_retry_has_the_same_pair,
    checked_again_the_older_tokens_are_nobodys,
    only_a_proof_renews,
    a_bound_session_can_be_rotated,
    a_token_alone_opens_no_session_that_is_bound_for_requests,
    a_proof_opens_a_session_for_requests,
    a_proof_is_for_one_request,
    a_proof_is_for_one_uri,
    a_nonce_where_it_is_asked_for,
    replaced_tokens_of_bound_sessions,
    a_replaced_token_of_any_session_may_overlap,
    what_is_shown,
    refused_proofs_are_told_of_once,
    thousands_of_refused_proofs_leave_nothing,
    a_refused_proof_waits_for_nobody,
    a_proof_from_many_clients_makes_one_rotation,
    answers_to_one_challenge_race,
    many_keys_race_to_bind,
    many_refused_proofs_at_once,
    bound_and_refreshed_at_once,
    ended_only_while_it_is_unbound,
    transactions,
    reading_only,
    imported_sessions,
    times,
):
    try:
        test()
    except Exception:
        ok(False, f"{test.__name__} comes to its end", traceback.format_exc())
        main.execute("ROLLBACK")
        main.execute("RESET ALL")
log_is_clean(SERVER_LOG)
done()
