#!/usr/bin/python3
"""Random sequences of calls, one after the other, each answer compared with the model's.

    sequences.py CONNINFO CLOCK_FILE SEED COUNT LEAST SECONDS

Runs COUNT sequences, or as many as SECONDS allow, but LEAST. The first one that differs is made as short as deletion
of operations makes it, and printed with the seed that makes it again:
`sequences.py CONNINFO CLOCK_FILE SEED/NUMBER 1 1 60`. The caller looks whether there were enough.
"""

import random
import sys
import time
import uuid
from collections.abc import Callable

from model import MINUTE, SECOND, SETTINGS, WRITES_AT_ONCE, Model, Proof, Refused, Session
from operations import UNKNOWN, Generator, Operand, Operation, Signed, damaged
from server import KEYS, Clock, Connection, Goal, comparable, in_order, signed

SECONDS_TO_SHORTEN = 60
START = 1_930_999_696_789_012


class Difference(Exception):
    """An answer that is not the model's."""


class Run:
    """One sequence as it runs."""

    def __init__(self, connection: Connection, clock: Clock, seed: str) -> None:
        self.connection = connection
        self.clock = clock
        self.model = Model()
        self.users = [
            str(uuid.UUID(int=random.Random(f"{seed} user {number}").getrandbits(128))) for number in range(3)
        ]
        self.session_ids: dict[int, str] = {}
        self.devices: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        self.tokens: dict[tuple[str, str], list[str]] = {}
        self.signed: dict[str, list[Proof]] = {}  # by session
        self.challenges: dict[str, list[str]] = {}
        self.bound: dict[str, tuple[str, str]] = {}  # protocol and thumbprint of the key
        # Which challenge the server has for a token.
        self.ask: Callable[[str | None], str | None] = lambda token: self.call("session_challenge", token)[0]
        self.before: Model | None = None  # the transaction that is open
        self.savepoint: Model | None = None
        self.issued: list[tuple[str, str]] = []  # refresh tokens, by it
        self.is_alone = True  # and may move the clock at any time
        self.calls = 0

    def run(self, operations: list[Operation]) -> None:
        self.set_clock(START)
        for operation in operations:
            self.step(operation)
        self.do_rollback()
        self.look_at_everything()
        self.delete_everything()

    def step(self, operation: Operation) -> None:
        act = getattr(self, "do_" + operation.name, None)
        if act:
            act(*operation.arguments)
        else:
            self.call(operation.name, *map(self.resolve, operation.arguments), number=operation.number)

    # --- operations that are not calls

    def set_clock(self, now: int) -> None:
        self.clock.set(now)
        self.model.now = now

    def do_clock(self, micros: int) -> None:
        self.set_clock(self.model.now + micros)

    def do_clock_to(self, label: int, deadline: str, micros: int) -> None:
        session = self.model.sessions.get(self.session_ids.get(label))
        if session is None:
            return
        if deadline == "proof":
            of_requests = [proof for proof in self.signed.get(session.id, ()) if proof.protocol == "dpop"]
            at = of_requests[-1].issued_at + self.model.settings["proof_max_age"] if of_requests else None
        else:
            at = deadline_of(self.model, session, deadline)
        if at is not None:
            self.set_clock(max(self.model.now, at + micros))

    def do_set(self, settings: dict) -> None:
        self.connection.set_settings(settings)
        self.model.settings = {**self.model.settings, **settings}

    def do_sign(self, wanted: Signed) -> None:
        self.proof(wanted)

    def do_begin(self, level: str) -> None:
        if self.before is None:
            self.connection.run(f"BEGIN ISOLATION LEVEL {level}")
            self.before = self.model.copy()
            self.issued = []
            self.model.notes_activity = level == "READ COMMITTED" or level == "REPEATABLE READ" and not WRITES_AT_ONCE

    def do_commit(self) -> None:
        if self.before:
            self.connection.run("COMMIT")
            self.model.commit()
            self.end()

    def do_rollback(self) -> None:
        if self.before:
            self.connection.run("ROLLBACK")
            self.go_back_to(self.before)
            self.end()

    def end(self) -> None:
        self.before = self.savepoint = None
        self.model.notes_activity = True

    def go_back_to(self, model: Model) -> None:
        undone, self.model = self.model, model.copy()
        self.model.now, self.model.notes_activity = undone.now, undone.notes_activity
        self.model.challenges, self.model.bindings = undone.challenges, undone.bindings
        for session_id, refresh_token in self.issued:
            self.model.remember_undone(session_id, refresh_token)

    def do_savepoint(self) -> None:
        if self.before:
            self.connection.run("SAVEPOINT s")
            self.savepoint = self.model.copy()

    def do_rollback_to(self) -> None:
        if self.savepoint:
            self.connection.run("ROLLBACK TO SAVEPOINT s")
            self.go_back_to(self.savepoint)

    # --- calls

    def resolve(self, argument):
        """What an argument stands for at this moment."""
        if isinstance(argument, Signed):
            return self.proof(argument)
        if isinstance(argument, tuple) and not isinstance(argument, Operand):
            return tuple(self.resolve(element) for element in argument)
        if not isinstance(argument, Operand):
            return argument
        if argument.what == "now":
            return self.model.now + argument.label
        if argument.what == "user":
            return self.users[argument.label]
        if argument.what == "imported":
            return f"imported {self.users[0]} {argument.label}"
        session_id = self.session_ids.get(argument.label, UNKNOWN)
        if argument.what == "session":
            return session_id
        if argument.what == "device":
            return self.devices.get(session_id, UNKNOWN)
        if argument.what == "owner":
            return self.owners.get(session_id, UNKNOWN)
        tokens = self.tokens.get((session_id, argument.kind)) or ["never issued"]
        return damaged(tokens[max(-len(tokens), -1 - argument.age)], argument.damage)

    def proof(self, wanted: Signed) -> Proof | None:
        session_id = self.session_ids.get(wanted.token.label, UNKNOWN) if isinstance(wanted.token, Operand) else UNKNOWN
        earlier = self.signed.setdefault(session_id, [])
        if wanted.age and earlier:
            proof = earlier[max(-len(earlier), -wanted.age)]
        else:
            proof = self.sign(wanted, session_id)
            if proof is None or proof.protocol is None:
                return proof
            earlier.append(proof)
        # Where nobody can tell if its challenge is good still, the clock goes on until that can be told.
        if self.is_alone and self.model.is_in_doubt(proof, self.model.now):
            given = self.model.challenges[proof.challenge]
            self.set_clock(given.first_given_at + self.model.settings["challenge_expiry"])
        return proof

    def sign(self, wanted: Signed, session_id: str) -> Proof | None:
        """A proof of this moment with that fault."""
        fault = wanted.fault
        if fault in ("no proof", "nothing signed"):
            return None if fault == "no proof" else Proof("e30.e30.e30")
        keys = list(KEYS)
        protocol, own = self.bound.get(session_id, (wanted.protocol, keys[wanted.key]))
        if fault == "another protocol":
            protocol = "dpop" if protocol == "dbsc" else "dbsc"
        another = keys[(keys.index(own) + 1) % len(keys)]
        carried = signer = another if fault == "another key" else own
        if fault == "another signer":
            signer = another
        if protocol == "dbsc" and fault == "no key":
            carried = None
        token = self.resolve(wanted.token)
        presented = {"another token": "another", "no token": None}.get(fault, token)
        max_age = self.model.settings["proof_max_age"]
        within, beyond = max_age - SECOND, max_age + SECOND
        distances = {"a time within": -within, "a time before": -beyond, "a time to come": beyond}
        at = self.clock.now + distances.get(fault, 0)
        needs_challenge = protocol == "dbsc" or self.model.settings["proof_nonce"]
        challenge = self.challenge(token, session_id, fault) if needs_challenge else None
        return signed(protocol, carried, signer, challenge, wanted.method, wanted.uri, at, presented)

    def challenge(self, token: str | None, session_id: str, fault: str) -> str:
        """The one that the client of the token answers."""
        given = self.challenges.setdefault(session_id, [])
        if fault == "no challenge":
            return "no challenge"
        if fault == "another session's challenge":
            others = (one for of, those in self.challenges.items() if of != session_id for one in those)
            return next(others, "no challenge")
        if fault == "an older challenge" and given:
            return given[0]
        challenge = self.ask(token)
        if challenge is None:
            return given[-1] if given else "no challenge"
        given.append(challenge)
        return challenge

    def call(self, function: str, *arguments, number: int = -1) -> list:
        """Makes a call of the server and of the model; fails where they answer otherwise."""
        self.calls += 1
        known = set(self.model.sessions)
        evicted = {session.id for session in self.model.sessions.values() if session.revoked_at is not None}
        try:
            answer = self.connection.call(function, arguments)
        except Refused as refused:
            answer, got = [], refused.kind
        else:
            if function == "import_session":
                answer[0]["evicted_session_ids"] = [id for id in answer[0]["evicted_session_ids"] if id not in evicted]
            got = comparable(answer)
        before = self.model.copy()
        try:
            expected = self.model.call(function, arguments, answer)
        except Refused as refused:
            self.model = before
            wanted = refused.kind
        else:
            wanted = comparable(expected)
            self.model.log_rejection()
        if got != wanted:
            raise Difference(f"{function}{arguments}\n  the model: {wanted}\n  the server: {got}")
        if not in_order(function, answer):
            raise Difference(f"{function}{arguments} is not in order\n  the server: {got}")
        if got.startswith("ERROR"):
            if self.before:
                self.do_rollback()
        elif not self.before:
            self.model.commit()
        self.learn(function, arguments, answer, known, number)
        if self.before and function == "refresh_session" and answer:
            self.issued.append((answer[0]["session_id"], answer[0]["refresh_token"]))
        return answer

    def learn(self, function: str, arguments: tuple, answer: list, known: set, number: int) -> None:
        """Keeps what was issued, and what was bound."""
        if function == "bind_session" and answer:
            self.bound[answer[0]["session_id"]] = (arguments[1].protocol, answer[0]["key_thumbprint"])
        if (
            function
            not in (
                "create_session",
                "import_session",
                "refresh_session",
                "rotate_session_token",
                "reauthenticate_session",
            )
            or not answer
        ):
            return
        row = answer[0]
        session_id = row["session_id"]
        if function in ("create_session", "import_session"):
            self.session_ids[number] = session_id
            self.devices[session_id] = row["device_id"]
            self.owners.setdefault(session_id, arguments[0 if function == "create_session" else 1])
        issued = {"session": row.get("token"), "refresh": row.get("refresh_token")}
        if function == "import_session":
            issued = {"session": arguments[0], "refresh": arguments[3]} if session_id not in known else {}
        for kind, token in issued.items():
            tokens = self.tokens.setdefault((session_id, kind), [])
            if token and token not in tokens:
                tokens.append(token)

    # --- at the end

    def look_at_everything(self) -> None:
        for user in self.users:
            if user in self.model.users:
                self.call("list_user_sessions", user, None, True)
                self.call("list_user_devices", user)
                self.call("list_events", user)
                self.call("user_epoch", user)

    def delete_everything(self) -> None:
        for user in list(self.model.users):
            self.call("delete_user", user)


def deadline_of(model: Model, session: Session, deadline: str) -> int | None:
    settings = model.settings
    device = model.devices.get(session.device_id)
    interval = settings["touch_interval"]
    given = [challenge.last_given_at for challenge in model.challenges.values() if challenge.purpose[1] == session.id]
    of_session = (event for event in model.events if event.session_id == session.id)
    rejected = [event.at for event in of_session if event.kind == "session.proof_rejected"]
    return {
        "expires": session.expires_at,
        "refresh": session.refresh_expires_at,
        "idle": session.idle_expires_at,
        "absolute": session.absolute_expires_at,
        "grace": session.replaced_at and session.replaced_at + settings["refresh_grace"],
        "touch": session.last_activity_at
        + (min(interval, session.inactivity // 10) if session.inactivity else interval),
        "half": session.expires_at - min(session.own_expiry, settings["session_expiry"]) // 2,
        "retention": session.over_at + settings["retention"],
        "trust": device and device.trusted_until,
        "event": session.created_at + settings["retention"],
        "inactive": session.last_activity_at + settings["inactivity_timeout"],
        "overlap": session.overlap_ends_at,
        "challenge": max(given) + settings["challenge_expiry"] * 7 // 8 if given else None,
        "rejection": max(rejected) + MINUTE if rejected else None,
    }[deadline]


# --- the driver

TABLES = ", ".join(
    f"session_service.{name}"
    for name in ("users", "devices", "sessions", "events", "imported_tokens", "external_sessions")
)
EMPTY = f"TRUNCATE {TABLES}"
VACUUM = f"VACUUM {TABLES}"
LEFT = (
    "SELECT (SELECT count(*) FROM session_service.users) + (SELECT count(*) FROM session_service.devices) "
    "+ (SELECT count(*) FROM session_service.sessions) + (SELECT count(*) FROM session_service.events) "
    "+ (SELECT count(*) FROM session_service.imported_tokens)"
)


def difference(connection: Connection, clock: Clock, seed: str, operations: list[Operation]) -> str | None:
    """What differs when a sequence is run again, on empty tables."""
    connection.run("ROLLBACK")
    connection.run(EMPTY)
    connection.set_settings(SETTINGS)
    try:
        Run(connection, clock, seed).run(operations)
    except Difference as found:
        return str(found)
    return None


def shortened(connection: Connection, clock: Clock, seed: str, operations: list[Operation]) -> list[Operation]:
    """What is left of a sequence that differs, when nothing more can be left out:
    first halves, then single operations."""
    size = len(operations) // 2
    ends = time.monotonic() + SECONDS_TO_SHORTEN
    while size > 0:
        place = 0
        while place < len(operations) and time.monotonic() < ends:
            fewer = operations[:place] + operations[place + size :]
            if difference(connection, clock, seed, fewer):
                operations = fewer
            else:
                place += size
        size //= 2
    return operations


def report(connection: Connection, clock: Clock, seed: str, operations: list[Operation], found: str) -> None:
    print(f"sequence {seed} differs:\n{found}")
    again = difference(connection, clock, seed, operations)
    if again is None:
        print("and does not when it is run again")
        return
    operations = shortened(connection, clock, seed, operations)
    print(f"shortest: {difference(connection, clock, seed, operations)}")
    for operation in operations:
        print("   ", *operation)


def main() -> None:
    conninfo, clock_file, seed, *goal = sys.argv[1:]
    connection, clock = Connection(conninfo), Clock(clock_file)
    connection.run(EMPTY)
    goal = Goal(*goal)
    sequences = operations_run = calls = failed = 0
    while goal.is_open(sequences):
        own_seed = seed if "/" in seed else f"{seed}/{sequences}"
        operations = Generator(own_seed).sequence()
        run = Run(connection, clock, own_seed)
        try:
            run.run(operations)
        except Difference as found:
            report(connection, clock, own_seed, operations, str(found))
            failed = 1
            break
        sequences += 1
        operations_run += len(operations)
        calls += run.calls
        if sequences % 100 == 0:
            connection.run(VACUUM)
            if connection.run(LEFT) != "0":
                print(f"something is left of the sequences before {own_seed}")
                failed = 1
                break
    print(
        f"counted: {sequences} of {goal.count} sequences (at least {goal.least}), {operations_run} operations, "
        f"{calls} answers compared with the model"
    )
    sys.exit(failed)


if __name__ == "__main__":
    main()
