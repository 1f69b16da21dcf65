#!/usr/bin/python3
"""Calls of several connections at the same time, whose answers must be those of some order of the calls.

    histories.py CONNINFO CLOCK_FILE SEED COUNT SECONDS

Each history begins with a few calls one after the other, and ends with calls that look at everything. In between
connections call at the same time, some in transactions that stay open for a while, some in REPEATABLE READ, some rolled
back. A call takes effect at one moment between its beginning and its end; where the model says so, at two: what it finds
at the first decides what it does at the second. The checker looks for an order of these moments in which the model gives
all the answers (Wing and Gong; places it has been to are not searched again).

What cannot be known is left open: activity is written as the transaction commits, or not at all where others are at work
at that moment; and which session goes at the limit, when others are at work on them.
"""

import itertools
import random
import select
import sys
import time
from dataclasses import dataclass, field

from model import Activity, Model, Refused
from operations import UNKNOWN, Generator, Operation, random_settings
from sequences import EMPTY, START, VACUUM, Difference, Run
from server import Clock, Connection, comparable

CONNECTIONS = 4
STEPS_OF_SEARCH = 100_000
READ_ONLY = frozenset(
    "validate_session validate_session_hash validate_sessions authenticate introspect_token get_session get_user_session "
    "list_user_sessions list_inactive_sessions list_mfa_verified_sessions count_user_sessions count_active_sessions "
    "list_events list_all_events list_user_devices is_known_device is_trusted_device user_epoch".split()
)
# Isolation level, or none for a call outside of a transaction block; how the block ends.
MODES = ((None, ""),) * 6 + (("READ COMMITTED", "COMMIT"), ("REPEATABLE READ", "COMMIT"), ("READ COMMITTED", "ROLLBACK"))
SERIALIZATION_FAILURE = "ERROR 40001"


@dataclass(eq=False)
class Call:
    """One call of a history. Its times are those of its events, in the order in which the driver saw them."""

    function: str
    arguments: tuple
    level: str | None = None
    ending: str = ""
    called: int = 0
    answered: int = 0
    returned: int = 0
    answer: list = field(default_factory=list)
    got: str = ""  # the answer as it is compared

    def __str__(self) -> str:
        mode = f" in {self.level}, {self.ending}" if self.level else ""
        return f"{self.called}-{self.answered}-{self.returned} {self.function}{self.arguments}{mode}: {self.got}"


# --- looking for an order


@dataclass(frozen=True)
class Moment:
    """What a call still has to do."""

    call: Call
    stage: str  # call, effect or activity
    starts: int
    ends: int
    detail: tuple = ()


class Checker:
    def __init__(self, model: Model, calls: list[Call]) -> None:
        self.calls = calls
        self.model = model
        self.steps = 0

    def has_order(self) -> bool:
        """Whether there is one; true as well where that would take too long to find out (see is_undecided)."""
        moments = [
            Moment(call, "call", call.called, call.answered if call.function in READ_ONLY else call.returned)
            for call in self.calls
        ]
        seen: set = set()
        stack = [(self.model, tuple(moments))]
        while stack:
            model, todo = stack.pop()
            if not todo:
                return True
            place = (frozenset(todo), key(model))
            if place in seen:
                continue
            seen.add(place)
            self.steps += 1
            if self.is_undecided:
                return True
            earliest_end = min(moment.ends for moment in todo)
            # The one that ends first is tried first, so it is pushed last.
            for moment in sorted(todo, key=lambda moment: -moment.ends):
                if moment.starts <= earliest_end or moment.ends == earliest_end:
                    others = tuple(other for other in todo if other is not moment)
                    stack += [(after, others + more) for after, more in self.outcomes(model, moment)]
        return False

    @property
    def is_undecided(self) -> bool:
        return self.steps > STEPS_OF_SEARCH

    def outcomes(self, model: Model, moment: Moment) -> list[tuple[Model, tuple]]:
        """The models that the moment may leave, and what the call has to do after it; none where the answer is another."""
        call = moment.call
        model = model.copy()
        if moment.stage == "activity":
            return self.activities(model, moment)
        if moment.stage == "effect":
            function, arguments = moment.detail
            return self.effects(model, call, function, arguments)
        return getattr(self, call.function, self.any_call)(model, call)

    def effects(self, model: Model, call: Call, function: str, arguments: tuple) -> list[tuple[Model, tuple]]:
        before = model.copy()
        try:
            got = comparable(model.call(function, arguments, call.answer))
        except Refused as refused:
            got, model = refused.kind, before
        return self.settled(before, model, call) if got == call.got else []

    def settled(self, before: Model, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        """What was done, or undone; and the activity that was noted and is not written yet."""
        noted, model.noted = model.noted, {}
        if call.ending == "ROLLBACK":
            before.noted = {}
            return [(before, ())]
        if not noted:
            return [(model, ())]
        starts = call.answered if call.level else call.called
        return [(model, (Moment(call, "activity", starts, call.returned, tuple(sorted(noted.items()))),))]

    def activities(self, model: Model, moment: Moment) -> list[tuple[Model, tuple]]:
        may_be_left_out = any(
            other is not moment.call and other.called < moment.ends and other.returned > moment.starts for other in self.calls
        )
        outcomes = []
        for written in itertools.product((True, False) if may_be_left_out else (True,), repeat=len(moment.detail)):
            after = model.copy()
            for is_written, (session_id, activity) in zip(written, moment.detail):
                if is_written:
                    after.record_activity(session_id, Activity(*activity))
            outcomes.append((after, ()))
        return outcomes

    def any_call(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        return self.effects(model, call, call.function, call.arguments)

    def found_then(self, model: Model, call: Call, session, function: str, arguments: tuple) -> list[tuple[Model, tuple]]:
        """Finds the session now, and does the rest later."""
        if session is None:
            return self.effects(model, call, call.function, call.arguments)
        return [(model, (Moment(call, "effect", call.called, call.returned, (function, arguments)),))]

    def revoke_session_by_token(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        """Ends the session that the token opened, also when the token was replaced in between."""
        token, reason = call.arguments
        session = next((s for s in model.sessions.values() if token is not None and token in (s.token, s.refresh_token)), None)
        return self.found_then(model, call, session, "revoke_session", (session and session.id, reason))

    def mark_mfa_verified_by_token(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        token, method = call.arguments
        session = model._by_token(token)
        outcomes = self.found_then(model, call, session, "mark_mfa_verified", (session and session.id, method))
        return with_activity(outcomes, model, call, session)

    def rotate_session_token(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        session = model._by_token(call.arguments[0])
        outcomes = self.found_then(model, call, session, "rotate_session_token", call.arguments)
        return with_activity(outcomes, model, call, session)

    def touch_sessions(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        """Those that are locked are left out, and not counted."""
        outcomes = []
        ids = set(call.arguments[0] or ())
        for size in range(len(ids) + 1):
            for some in itertools.combinations(ids, size):
                outcomes += self.effects(model.copy(), call, "touch_sessions", (some,))
        return outcomes or self.any_call(model, call)


def with_activity(outcomes: list, model: Model, call: Call, session) -> list:
    if session is None or call.ending == "ROLLBACK":
        return outcomes
    noting = model.copy()
    noting._note(session)
    if not noting.noted:
        return outcomes
    activity = Moment(call, "activity", call.called, call.returned, tuple(noting.noted.items()))
    return [(after, more + (activity,)) for after, more in outcomes]


def key(model: Model) -> tuple:
    """What tells models apart."""
    events: dict = {}
    for event in model.events:
        events[event] = events.get(event, 0) + 1
    return tuple(frozenset(part.items()) for part in (model.users, model.devices, model.sessions, events))


# --- making histories


class HistoryGenerator(Generator):
    def __init__(self, seed: str) -> None:
        super().__init__(seed, transactions=False)
        self.users = self.dice.choice((1, 1, 2))
        self.hot: int | None = None

    def label(self) -> int | None:
        return self.hot if self.hot is not None and self.dice.random() < 0.6 else super().label()

    def beginning(self) -> list[Operation]:
        dice = self.dice
        self.add("set", random_settings(dice))
        for _ in range(dice.choice((1, 2, 3, 4))):
            self.add_create()
            if dice.random() < 0.5:
                self.add_clock()
        for _ in range(dice.randrange(5)):
            getattr(self, "add_" + dice.choice(("refresh", "refresh", "rotate", "validate", "clock", "deadline", "device")))()
        if dice.random() < 0.7:
            self.add("clock_to", self.label(), dice.choice(("grace", "touch", "expires", "half", "idle")), dice.choice((-1, 0, 1)))
        return self.operations

    def concurrent(self) -> list[Operation]:
        dice = self.dice
        self.hot = dice.choice(self.labels)
        place = len(self.operations)
        names = (
            "create validate introspect refresh rotate extend revoke revoke_some read mark touch device user events".split()
        )
        weights = (12, 14, 2, 24, 7, 4, 8, 5, 7, 6, 4, 6, 3, 1)
        while len(self.operations) < place + dice.choice((6, 8, 8, 10)):
            getattr(self, "add_" + dice.choices(names, weights)[0])()
        return self.operations[place:]

    def add_refresh(self) -> None:
        # Without a user agent, which is not kept where the device is locked.
        self.add("refresh_session", self.token("refresh"), self.dice.choice((None, "192.0.2.1", "192.0.2.2")), None)


class History:
    """Runs one history. All in one thread, which sees when each call begins and ends."""

    def __init__(self, connections: list[Connection], clock: Clock, seed: str) -> None:
        self.connections = connections
        self.dice = random.Random(seed + " modes")
        self.generator = HistoryGenerator(seed)
        self.run_of_all = Run(connections[0], clock, seed)
        self.calls: list[Call] = []
        self.time = 0

    def tick(self) -> int:
        self.time += 1
        return self.time

    def run(self) -> Checker:
        run = self.run_of_all
        run.set_clock(START)
        for operation in self.generator.beginning():
            run.step(operation)
        before = run.model.copy()
        before.is_order_open = True
        for connection in self.connections[1:]:
            connection.set_settings(run.model.settings)
        self.run_at_the_same_time(self.generator.concurrent())
        for user in run.users[: self.generator.users]:
            for function in ("list_user_sessions", "list_user_devices", "list_events", "user_epoch"):
                self.call_alone(function, (user, None, True) if function == "list_user_sessions" else (user,))
        return Checker(before, self.calls)

    def call_alone(self, function: str, arguments: tuple) -> None:
        call = Call(function, arguments, called=self.tick())
        call.answer = self.connections[0].call(function, arguments)
        call.got = comparable(call.answer)
        call.answered = call.returned = self.tick()
        self.calls.append(call)

    def run_at_the_same_time(self, operations: list[Operation]) -> None:
        for connection in self.connections:
            for operation in operations:
                connection.prepare(operation.name)
        waiting = list(operations)
        working: dict[Connection, tuple[Call, Operation]] = {}
        holding: dict[Connection, int] = {}  # how many turns a transaction stays open
        while waiting or working:
            for connection in self.connections:
                if waiting and connection not in working:
                    working[connection] = self.begin(connection, waiting.pop(0))
            for connection in [one for one in holding if holding[one] == 0]:
                del holding[connection]
                connection.pgconn.send_query(working[connection][0].ending.encode())
            for connection in holding:
                holding[connection] -= 1
            busy = {connection.pgconn.socket: connection for connection in working if connection not in holding}
            ready, _, _ = select.select(list(busy), [], [], 0.001 if holding else 20)
            if not ready and not holding:
                raise RuntimeError("calls wait for each other: " + "; ".join(str(call) for call, _ in working.values()))
            for socket in ready:
                connection = busy[socket]
                connection.pgconn.consume_input()
                if connection.pgconn.is_busy():
                    continue
                call, operation = working[connection]
                if self.is_finished(connection, call, operation):
                    del working[connection]
                elif call.level:
                    holding[connection] = self.dice.randrange(4)

    def begin(self, connection: Connection, operation: Operation) -> tuple[Call, Operation]:
        level, ending = self.dice.choice(MODES)
        arguments = tuple(map(self.run_of_all.resolve, operation.arguments))
        if level:
            connection.run(f"BEGIN ISOLATION LEVEL {level}; SELECT 1")
        call = Call(operation.name, arguments, level, ending, self.tick())
        connection.send(call.function, arguments)
        self.calls.append(call)
        return call, operation

    def is_finished(self, connection: Connection, call: Call, operation: Operation) -> bool:
        """Takes what came of the call, or of the end of its transaction."""
        if call.answered:
            while connection.pgconn.get_result() is not None:
                pass
            call.returned = self.tick()
            self.learn(call, operation)
            return True
        try:
            call.answer = connection.receive(call.function)
            call.got = comparable(call.answer)
        except Refused as refused:
            call.got = refused.kind
            if refused.kind == SERIALIZATION_FAILURE and call.level == "REPEATABLE READ":
                self.calls.remove(call)
            if call.level:
                call.ending = "ROLLBACK"
        call.answered = self.tick()
        if call.level:
            return False
        call.returned = call.answered
        self.learn(call, operation)
        return True

    def learn(self, call: Call, operation: Operation) -> None:
        """Tokens are given out once they are committed, not before."""
        if call.ending != "ROLLBACK":
            self.run_of_all.learn(call.function, call.arguments, call.answer, set(), operation.number)


def main() -> None:
    conninfo, clock_file, seed, count, seconds = sys.argv[1:]
    connections, clock = [Connection(conninfo) for _ in range(CONNECTIONS)], Clock(clock_file)
    connections[0].run(EMPTY)
    ends = time.monotonic() + int(seconds)
    histories = calls = undecided = steps = failed = 0
    while histories < int(count) and time.monotonic() < ends:
        own_seed = seed if "/" in seed else f"{seed}/{histories}"
        history = History(connections, clock, own_seed)
        try:
            checker = history.run()
            is_right = checker.has_order()
        except Difference as found:
            print(f"history {own_seed}, before its calls at the same time: {found}")
            failed = 1
            break
        if not is_right:
            print(f"history {own_seed} has no order: from {checker.model.sessions}")
            print(f"with {checker.model.settings}")
            for call in history.calls:
                print("   ", call)
            failed = 1
            break
        histories += 1
        calls += len(history.calls)
        steps += checker.steps
        undecided += checker.is_undecided
        for user in (*history.run_of_all.users, UNKNOWN):
            connections[0].call("delete_user", (user,))
        if histories % 100 == 0:
            connections[0].run(VACUUM)
    print(f"counted: {histories} histories of {calls} calls at the same time, {undecided} undecided after {steps} steps of search")
    sys.exit(failed)


if __name__ == "__main__":
    main()
