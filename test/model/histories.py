#!/usr/bin/python3
"""Calls of several connections at the same time, whose answers must be those of some order of the calls.

    histories.py CONNINFO CLOCK_FILE SEED COUNT LEAST SECONDS

Runs COUNT histories, or as many as SECONDS allow, but LEAST. The caller looks whether there were enough, and of how
many the checker could not tell.

Each history begins with a few calls one after the other, and ends with calls that look at everything. In between
connections call at the same time, some in transactions that stay open for a while, some in REPEATABLE READ, some
rolled back. A call takes effect at one moment between its beginning and its end; where the model says so, at two: what
it finds at the first decides what it does at the second. The checker looks for an order of these moments in which the
model gives all the answers (Wing and Gong; places it has been to are not searched again).

In some histories the clock moves on while transactions are open and all other calls wait for them. A call that was
under way may then have either time.

What cannot be known is left open: activity is written as the transaction commits, or not at all where others are at
work at that moment, and so is the event of a refused proof; which session goes at the limit, when others are at work
on them; and whether a challenge is good still at the very end of its life.
"""

import itertools
import random
import select
import sys
from dataclasses import dataclass, field

from model import SECOND, Activity, Event, Model, Proof, Refused
from operations import UNKNOWN, Generator, Operand, Operation, label_of, random_settings
from sequences import EMPTY, START, VACUUM, Difference, Run, deadline_of
from server import SECONDS_TO_WAIT, Clock, Connection, Goal, comparable

CONNECTIONS = 4
STEPS_OF_SEARCH = 100_000
READ_ONLY = frozenset(
    "validate_session validate_user validate_session_hash validate_sessions validate_session_proof session_challenge "
    "authenticate introspect_token get_session get_user_session "
    "list_user_sessions list_inactive_sessions list_mfa_verified_sessions count_user_sessions count_active_sessions "
    "list_events list_all_events list_user_devices is_known_device is_trusted_device user_epoch "
    "is_user_disabled".split()
)
# Isolation level, or none for a call outside of a transaction block; how the block ends.
MODES = (
    *[(None, "")] * 6,
    *[("READ COMMITTED", "COMMIT")] * 2,
    *[("REPEATABLE READ", "COMMIT")] * 2,
    ("READ COMMITTED", "ROLLBACK"),
)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1::integer[]) AND wait_event_type = 'Lock'"
STUCK = (
    "SELECT jsonb_agg(jsonb_build_array(pid, pg_blocking_pids(pid), wait_event_type, wait_event, query)) "
    "FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
)
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
    clocks: tuple[int, ...] = ()  # the clock when it was called, and what it was moved to until its answer
    clocks_at_end: tuple[int, ...] = ()  # and as its transaction ended
    answer: list = field(default_factory=list)
    got: str = ""  # the answer as it is compared

    def __str__(self) -> str:
        mode = f" in {self.level}, {self.ending}" if self.level else ""
        clocks = f" at {self.clocks_at_end}" if len(self.clocks_at_end) > 1 else ""
        return (
            f"{self.called}-{self.answered}-{self.returned}{clocks} {self.function}{self.arguments}{mode}: {self.got}"
        )


# --- looking for an order


@dataclass(frozen=True)
class Moment:
    """What a call still has to do."""

    call: Call
    stage: str  # call, effect, activity or rejection
    starts: int
    ends: int
    clocks: tuple[int, ...]
    detail: tuple = ()


class Checker:
    def __init__(self, model: Model, calls: list[Call]) -> None:
        self.calls = calls
        self.model = model
        self.steps = 0

    def has_order(self) -> bool:
        """Whether there is one; true as well where that would take too long to find out (see is_undecided)."""
        moments = [
            Moment(
                call, "call", call.called, call.answered if call.function in READ_ONLY else call.returned, call.clocks
            )
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
                if moment.starts <= earliest_end:
                    others = tuple(other for other in todo if other is not moment)
                    stack += [(after, others + more) for after, more in self.outcomes(model, moment)]
        return False

    @property
    def is_undecided(self) -> bool:
        return self.steps > STEPS_OF_SEARCH

    def outcomes(self, model: Model, moment: Moment) -> list[tuple[Model, tuple]]:
        """The models that the moment may leave, and what the call has to do after it;
        none where the answer is another."""
        outcomes = []
        for clock in moment.clocks:
            after = model.copy()
            after.now, after.began = clock, moment.call.clocks[0]
            after.is_order_open = self.are_others_at_work(moment)
            proofs = [argument for argument in moment.call.arguments if isinstance(argument, Proof)]
            for benefit in (
                (True, False)
                if any(after.is_in_doubt(proof, after.now) or after.was_in_doubt(proof) for proof in proofs)
                else (True,)
            ):
                given = after.copy()
                given.has_benefit_of_doubt = benefit
                outcomes += self.outcomes_at_this_time(given, moment)
        return outcomes

    def are_others_at_work(self, moment: Moment) -> bool:
        """Whether others may hold locks at that moment."""
        others = (call for call in self.calls if call is not moment.call)
        return any(other.called < moment.ends and other.returned > moment.starts for other in others)

    def outcomes_at_this_time(self, model: Model, moment: Moment) -> list[tuple[Model, tuple]]:
        call = moment.call
        if moment.stage == "activity":
            return self.activities(model, moment)
        if moment.stage == "rejection":
            return self.rejections(model, moment)
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
        """What was done, or undone; and the activity and the refused proof that were noted and are not written yet."""
        noted, model.noted = model.noted, {}
        rejection, model.rejection = model.rejection, None
        if call.ending == "ROLLBACK":
            before.noted, before.challenges = {}, model.challenges
            return [(before, ())]
        more = (self.activity(call, noted),) if noted else ()
        if rejection:
            more += (Moment(call, "rejection", call.called, call.returned, (rejection.at,), tuple(rejection)),)
        return [(model, more)]

    @staticmethod
    def activity(call: Call, noted: dict[str, Activity]) -> Moment:
        starts = call.answered if call.level else call.called
        return Moment(call, "activity", starts, call.returned, call.clocks_at_end, tuple(sorted(noted.items())))

    def activities(self, model: Model, moment: Moment) -> list[tuple[Model, tuple]]:
        outcomes = []
        choices = (True, False) if self.are_others_at_work(moment) else (True,)
        for written in itertools.product(choices, repeat=len(moment.detail)):
            after = model.copy()
            for is_written, (session_id, activity) in zip(written, moment.detail):
                if is_written:
                    after.record_activity(session_id, Activity(*activity))
            outcomes.append((after, ()))
        return outcomes

    def rejections(self, model: Model, moment: Moment) -> list[tuple[Model, tuple]]:
        logged = model.copy()
        logged.rejection = Event(*moment.detail)
        logged.log_rejection()
        # Who finds another at it leaves it to that one, whose transaction may be rolled back.
        return [(logged, ()), (model, ())] if self.are_others_at_work(moment) else [(logged, ())]

    def any_call(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        return self.effects(model, call, call.function, call.arguments)

    def found_then(
        self, model: Model, call: Call, session, function: str, arguments: tuple
    ) -> list[tuple[Model, tuple]]:
        """Finds the session now, and does the rest later."""
        if session is None:
            return self.effects(model, call, call.function, call.arguments)
        return [(model, (Moment(call, "effect", call.called, call.returned, call.clocks, (function, arguments)),))]

    def revoke_session_by_token(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        """Ends the session that the token opened, also when the token was replaced in between."""
        token, reason = call.arguments
        session = model.by_any_token(token)
        return self.found_then(model, call, session, "revoke_session", (session and session.id, reason))

    def mark_mfa_verified_by_token(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        token, method = call.arguments
        session = model._by_token(token)
        outcomes = self.found_then(model, call, session, "mark_mfa_verified", (session and session.id, method))
        return self.with_activity(outcomes, model, call, session)

    def rotate_session_token(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        session = model._by_token(call.arguments[0])
        outcomes = self.found_then(model, call, session, "rotate_session_token", call.arguments)
        return self.with_activity(outcomes, model, call, session)

    def reauthenticate_session(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        session = model._by_token(call.arguments[0])
        outcomes = self.found_then(model, call, session, "reauthenticate_session", call.arguments)
        return self.with_activity(outcomes, model, call, session)

    def refresh_session(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        """Where the token was spent before: the session is ended once its user's row is free, whatever the time is
        then. A proof is judged before the session's row is waited for."""
        token, ip_address, user_agent, *_ = call.arguments
        session, proven = model.reused_session(token), model.proves(*call.arguments)
        outcomes = self.any_call(model.copy(), call)
        if proven:
            arguments = (proven.id, proven.generation, token, ip_address, user_agent)
            outcomes += self.found_then(model, call, proven, "refresh_proven", arguments)
        if session:
            outcomes += self.found_then(model, call, session, "end_reused_session", (session.id, ip_address))
        return outcomes

    def bind_session(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        token, proof, *_ = call.arguments
        session = model.registers(*call.arguments)
        outcomes = self.any_call(model.copy(), call)
        if session and session.binding is None:
            outcomes += self.found_then(model, call, session, "bind_proven", (session.id, token, proof))
        return outcomes

    def touch_sessions(self, model: Model, call: Call) -> list[tuple[Model, tuple]]:
        """Those that are locked are left out, and not counted."""
        if not model.is_order_open:
            return self.any_call(model, call)
        outcomes = []
        ids = set(call.arguments[0] or ())
        for size in range(len(ids) + 1):
            for some in itertools.combinations(ids, size):
                outcomes += self.effects(model.copy(), call, "touch_sessions", (some,))
        return outcomes or self.any_call(model, call)

    def with_activity(self, outcomes: list, model: Model, call: Call, session) -> list:
        """The session was found by its token, which is activity whatever comes of the rest."""
        if session is None or call.ending == "ROLLBACK":
            return outcomes
        noting = model.copy()
        noting._note(session)
        if not noting.noted:
            return outcomes
        return [(after, (*more, self.activity(call, noting.noted))) for after, more in outcomes]


def key(model: Model) -> tuple:
    """What tells models apart."""
    events: dict = {}
    for event in model.events:
        events[event] = events.get(event, 0) + 1
    parts = (model.users, model.devices, model.sessions, model.challenges, events)
    return tuple(frozenset(part.items()) for part in parts)


# --- making histories


class HistoryGenerator(Generator):
    def __init__(self, seed: str) -> None:
        super().__init__(seed, transactions=False)
        self.users = self.dice.choice((1, 1, 2))
        self.moves_clock = self.dice.random() < 0.4
        # A refresh that is under way as its session's time ends,
        # and a sign-in that must count the session all the same.
        self.is_race_at_the_end = self.moves_clock and self.dice.random() < 0.2
        # Or proofs that come at the same time.
        self.race_of = "" if self.is_race_at_the_end else self.dice.choice(("", "", "", "refreshes", "binds"))

    def user(self) -> Operand | str | None:
        # A user who comes with the call may have the time before a wait, and the session that after it.
        return Operand("user", self.dice.randrange(self.users)) if self.moves_clock else super().user()

    def add(self, name: str, *arguments) -> None:
        # These read the clock more than once.
        if not (self.moves_clock and name in ("delete_user", "forget_device", "revoke_inactive_sessions")):
            super().add(name, *arguments)

    def beginning(self) -> list[Operation]:
        dice = self.dice
        settings = random_settings(dice)
        if self.is_race_at_the_end:
            settings.update(max_per_user=1, limit_policy="evict_lru")
        self.add("set", settings)
        for number in range(self.users):
            self.labels.append(len(self.operations))
            self.add("create_session", Operand("user", number))
        if self.is_race_at_the_end:
            self.add("clock", SECOND)  # so that the refresh is worth something
            return self.operations
        if self.race_of == "refreshes":
            self._bind(self.labels[0], dice.choice(("dbsc", "dpop")))
        for _ in range(dice.randrange(4)):
            self.add_create()
            if dice.random() < 0.5:
                self.add_clock()
        for _ in range(dice.randrange(5)):
            names = ("refresh", "refresh", "rotate", "validate", "clock", "deadline", "device", "bind")
            getattr(self, "add_" + dice.choice(names))()
        if dice.random() < 0.7:
            deadline = dice.choice(("grace", "touch", "expires", "half", "idle", "overlap", "rejection"))
            self.add("clock_to", self.label(), deadline, dice.choice((-1, 0, 1)))
        return self.operations

    def concurrent(self) -> list[Operation]:
        dice = self.dice
        self.hot = self.labels[0] if self.race_of else dice.choice(self.labels)
        place = len(self.operations)
        for _ in range(dice.choice((2, 3)) if self.race_of == "refreshes" else 0):
            self._refresh(self.hot, dice.choice((0, 0, 0, 1)), dice.choice((0, 0, 1)))
        for _ in range(2 if self.race_of == "binds" else 0):
            self._bind(self.hot, dice.choice(("dbsc", "dpop")))
        if self.is_race_at_the_end:
            self.add("refresh_session", Operand("token", self.hot, "refresh"), None, None)
            self.add("create_session", Operand("owner", self.hot))
        names = (
            "create validate introspect refresh rotate extend revoke revoke_some read mark touch device user events "
            "bind prove challenge".split()
        )
        weights = (12, 14, 2, 24, 7, 4, 8, 5, 7, 6, 4, 6, 3, 1, 7, 5, 1)
        while len(self.operations) < place + dice.choice((6, 8, 8, 10)):
            getattr(self, "add_" + dice.choices(names, weights)[0])()
        return self.operations[place:]

    def add_refresh(self) -> None:
        # Without a user agent, which is not kept where the device is locked.
        token = self.token("refresh")
        proof = self.proven_if_bound(label_of(token), token)
        self.add("refresh_session", token, self.dice.choice((None, "192.0.2.1", "192.0.2.2")), None, *proof)


class History:
    """Runs one history. All in one thread, which sees when each call begins and ends."""

    def __init__(self, connections: list[Connection], monitor: Connection, clock: Clock, seed: str) -> None:
        self.connections = connections
        self.monitor = monitor
        self.clock = clock
        self.dice = random.Random(seed + " modes")
        self.generator = HistoryGenerator(seed)
        self.moves_clock = self.generator.moves_clock
        self.is_race_at_the_end = self.generator.is_race_at_the_end
        self.run_of_all = Run(connections[0], clock, seed)
        self.calls: list[Call] = []
        self.time = 0
        self.clock_moves = self.serialization_failures = 0

    def print(self) -> None:
        print(self.run_of_all.model.settings)
        for session in self.run_of_all.model.sessions.values():
            print("   ", session)
        for call in self.calls:
            print("   ", call)

    @property
    def now(self) -> int:
        return self.run_of_all.clock.now

    def tick(self) -> int:
        self.time += 1
        return self.time

    def run(self) -> Checker:
        """Makes the calls, for the checker to look at."""
        run = self.run_of_all
        run.set_clock(START)
        for operation in self.generator.beginning():
            run.step(operation)
        before = run.model.copy()
        for connection in self.connections[1:]:
            connection.set_settings(run.model.settings)
        run.is_alone = False
        self.run_at_the_same_time(self.generator.concurrent())
        for user in run.users[: self.generator.users]:
            rows = self.call_alone("list_user_sessions", (user, None, True))
            if self.is_over_limit(before, user, rows):
                raise Difference(f"{len(rows)} sessions of {user}, more of them usable than may be: {rows}")
            for function in ("list_user_devices", "list_events", "user_epoch"):
                self.call_alone(function, (user,))
        return Checker(before, self.calls)

    def is_over_limit(self, before: Model, user_id: str, rows: list[dict]) -> bool:
        """Whether the user has more usable sessions than the limit, and than before: so in no order of the calls.

        Told apart from the order, in which a call may have an earlier time than the calls before it.
        """
        user = before.users.get(user_id)
        limit = before.settings["max_per_user"] if user is None or user.max_sessions is None else user.max_sessions
        had = [session for session in before._sessions_of(user_id) if session.is_usable(self.now)]
        has = [
            row
            for row in rows
            if row["revoked_at"] is None
            and self.now < (row["idle_expires_at"] or self.now + 1)
            and self.now < max(row["expires_at"], row["refresh_expires_at"] or 0)
        ]
        is_changed = any(call.function == "set_user_session_limit" for call in self.calls)
        return 0 < limit < len(has) > len(had) and not is_changed

    def call_alone(self, function: str, arguments: tuple, connection: Connection | None = None) -> list:
        """On a connection that is idle; others may be at work."""
        call = Call(function, arguments, called=self.tick(), clocks=(self.now,), clocks_at_end=(self.now,))
        call.answer = (connection or self.connections[0]).call(function, arguments)
        call.got = comparable(call.answer)
        call.answered = call.returned = self.tick()
        self.calls.append(call)
        return call.answer

    def run_at_the_same_time(self, operations: list[Operation]) -> None:
        for connection in self.connections:
            for operation in operations:
                connection.prepare(operation.name)
        waiting = list(operations)
        working: dict[Connection, tuple[Call, Operation]] = {}
        holding: dict[Connection, int] = {}  # how many turns a transaction stays open
        while waiting or working:
            for connection in self.connections:
                if (
                    waiting
                    and connection not in working
                    and not (self.is_race_at_the_end and self.moves_clock and working)
                ):
                    working[connection] = self.begin(connection, waiting.pop(0))
            for connection in [one for one in holding if holding[one] == 0]:
                del holding[connection]
                connection.pgconn.send_query(working[connection][0].ending.encode())
            others_wait = self.moves_clock or self.is_race_at_the_end
            if holding and others_wait:
                others_wait = self.all_wait([one for one in working if one not in holding])
            if others_wait or not self.is_race_at_the_end:
                for connection in holding:
                    holding[connection] -= 1
            if self.moves_clock and holding and others_wait:
                self.move_clock([call for call, _ in working.values()])
                holding = {connection: turns + self.dice.randrange(6) for connection, turns in holding.items()}
            for connection in self.ready(
                [one for one in working if one not in holding], 0.001 if holding else SECONDS_TO_WAIT
            ):
                call, operation = working[connection]
                if self.is_finished(connection, call, operation):
                    del working[connection]
                elif call.level:
                    holding[connection] = self.dice.randrange(4) + 2 * self.is_race_at_the_end

    def ready(self, connections: list[Connection], seconds: float) -> list[Connection]:
        """Those that have an answer, waiting so long for the first."""
        for wait in (0, seconds):
            sockets, _, _ = select.select([connection.pgconn.socket for connection in connections], [], [], wait)
            for connection in connections:
                if connection.pgconn.socket in sockets:
                    connection.pgconn.consume_input()
            answered = [connection for connection in connections if not connection.pgconn.is_busy()]
            if answered:
                return answered
        if seconds > 1:
            raise Difference(f"calls do not end: {self.monitor.run(STUCK)}")
        return []

    def all_wait(self, connections: list[Connection]) -> bool:
        """Whether all of them wait for locks, which only a driver that ends transactions can give them."""
        for connection in connections:
            connection.pgconn.consume_input()
            if not connection.pgconn.is_busy():
                return False
        pids = "{" + ",".join(str(connection.pgconn.backend_pid) for connection in connections) + "}"
        return self.monitor.run(WAITING, [pids.encode()]) == str(len(connections))

    def move_clock(self, under_way: list[Call]) -> None:
        model, deadline = self.run_of_all.model, None
        if self.is_race_at_the_end:
            deadline = model.sessions[self.run_of_all.session_ids[self.generator.hot]].over_at
        elif model.sessions:
            session = self.dice.choice(list(model.sessions.values()))
            deadline = deadline_of(model, session, self.dice.choice(("expires", "refresh", "idle", "grace", "touch")))
        self.clock.set(max(self.now + 1, (deadline or 0) + self.dice.choice((-1, 0, 1))))
        self.moves_clock = False
        self.clock_moves += 1
        for call in under_way:
            call.clocks_at_end += (self.now,)
            if not call.answered:
                call.clocks += (self.now,)

    def begin(self, connection: Connection, operation: Operation) -> tuple[Call, Operation]:
        level, ending = self.dice.choice(MODES)
        if self.is_race_at_the_end and not self.calls:
            level, ending = "READ COMMITTED", "COMMIT"
        self.run_of_all.ask = lambda token: self.call_alone("session_challenge", (token,), connection)[0]
        arguments = tuple(map(self.run_of_all.resolve, operation.arguments))
        if level:
            connection.run(f"BEGIN ISOLATION LEVEL {level}; SELECT 1")
        call = Call(
            operation.name, arguments, level, ending, self.tick(), clocks=(self.now,), clocks_at_end=(self.now,)
        )
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
                self.serialization_failures += 1
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
    conninfo, clock_file, seed, *goal = sys.argv[1:]
    connections, clock = [Connection(conninfo) for _ in range(CONNECTIONS)], Clock(clock_file)
    monitor = Connection(conninfo)
    connections[0].run(EMPTY)
    goal = Goal(*goal)
    histories = calls = moves = failures = undecided = failed = 0
    while goal.is_open(histories):
        own_seed = seed if "/" in seed else f"{seed}/{histories}"
        history = History(connections, monitor, clock, own_seed)
        try:
            checker = history.run()
            is_right = checker.has_order()
        except Difference as found:
            print(f"history {own_seed}: {found}")
            history.print()
            failed = 1
            break
        if not is_right:
            print(f"history {own_seed} has no order of its calls")
            history.print()
            failed = 1
            break
        histories += 1
        calls += len(history.calls)
        moves += history.clock_moves
        failures += history.serialization_failures
        undecided += checker.is_undecided
        for user in (*history.run_of_all.users, UNKNOWN):
            connections[0].call("delete_user", (user,))
        if histories % 100 == 0:
            connections[0].run(VACUUM)
    print(
        f"counted: {histories} of {goal.count} histories (at least {goal.least}) of {calls} calls at the same time, "
        f"the clock moved in {moves}, {failures} serialization failures, {undecided} without a verdict"
    )
    sys.exit(failed)


if __name__ == "__main__":
    main()
