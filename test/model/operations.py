"""Random operations. What they refer to is found as they run, so that a sequence means something without some of them.

An operation is a tuple: a function and its arguments; or one of these:

    clock MICROS                       moves the clock on
    clock_to SESSION DEADLINE MICROS   moves it to a deadline of the session, or next to it
    set SETTINGS
    sign SIGNED                        has a client sign what is presented later
    begin LEVEL, commit, rollback, savepoint, rollback_to

Arguments are values, an Operand, or Signed. SESSION is the number of the operation that created it.
"""

import base64
import random
from typing import Any, NamedTuple

from model import DAY, HERE, HOUR, MINUTE, SECOND, URIS, USER_AGENTS

AGENTS = list(USER_AGENTS)
ADDRESSES = (None, None, "192.0.2.1", "198.51.100.7", "2001:db8::1")
KEYS = (None, None, "", "first key", "second key")
NAMES = (None, None, "", "Laptop", "Phone")
REASONS = (None, None, "Because")
# acr and amr: how the user signed in
WORDS = ((None, None), ("gold", ("pwd", "otp")), ("", ()), ("x" * 256, None))
PATCHES = (
    "{}",
    '{"a": 1}',
    '{"a": null, "b": 2}',
    '{"b": {"c": 3, "d": null}}',
    '{"b": {"c": null}}',
    "[1]",
    "null",
    None,
)
UNKNOWN = "00000000-0000-4000-8000-000000000000"
GARBAGE = (
    "",
    "sst_",
    "ssr_",
    "sst_" + "A" * 71,
    "ssr_" + "A" * 92,
    "x" * 513,
    "imported",
    "\u0442\u043e\u043a\u0435\u043d",
    None,
)
DEADLINES = (
    "expires",
    "refresh",
    "idle",
    "absolute",
    "grace",
    "touch",
    "half",
    "retention",
    "trust",
    "event",
    "inactive",
)
# Of sessions that were refreshed, or are bound.
DEADLINES_OF_PROOFS = ("overlap", "overlap", "challenge", "challenge", "proof", "rejection")
# Ways to write one URI, and others.
SAME_URIS = tuple(uri for uri, meant in URIS.items() if meant == HERE)
OTHER_URIS = tuple(uri for uri, meant in URIS.items() if meant != HERE)
# What may be wrong with a proof, but for some of which it depends.
FAULTS = (
    "no proof",
    "nothing signed",
    "another key",
    "another signer",
    "another protocol",
    "no key",
    "an older challenge",
    "no challenge",
    "another session's challenge",
    "another token",
    "no token",
    "a time within",
    "a time before",
    "a time to come",
)

CHOICES = {
    "session_expiry": (MINUTE, 10 * MINUTE, HOUR, HOUR, 30 * DAY),
    "refresh_token_expiry": (MINUTE, 20 * MINUTE, 2 * HOUR, DAY, 90 * DAY),
    "inactivity_timeout": (0, 0, 100 * SECOND, 15 * MINUTE, HOUR, 7 * DAY),
    "absolute_timeout": (0, 30 * MINUTE, 3 * HOUR, 365 * DAY),
    "sliding_expiry": (False, True),
    "refresh_grace": (0, 10 * SECOND, 30 * SECOND, 30 * SECOND, HOUR),
    "token_overlap": (0, 0, 10 * SECOND, MINUTE),
    "bound_session_expiry": (SECOND, MINUTE, 10 * MINUTE, 10 * MINUTE, 40 * DAY),
    "challenge_expiry": (8 * SECOND, 5 * MINUTE, 5 * MINUTE, DAY),
    "proof_max_age": (SECOND, MINUTE, MINUTE, HOUR),
    "proof_nonce": (False, False, True),
    "max_per_user": (0, 1, 2, 2, 3, 10),
    "limit_policy": ("evict_lru", "evict_lru", "evict_oldest", "reject"),
    "token_length": (16, 32, 64),
    "touch_interval": (0, 0, 5 * SECOND, MINUTE),
    "device_trust": (10 * MINUTE, 30 * DAY),
    "retention": (0, 10 * MINUTE, DAY, 30 * DAY),
    "cleanup_batch_size": (1, 2, 10_000),
    "event_log": ("all", "all", "security", "none"),
}
STORIES = ("_story_of_trust", "_story_of_a_name", "_story_of_a_limit", "_story_of_a_savepoint", "_story_of_an_import")
STORIES_OF_PROOFS = (
    "_story_of_a_browser",
    "_story_of_a_client",
    "_story_of_an_overlap",
    "_story_of_a_thief",
    "_story_of_a_late_answer",
    "_story_of_a_bound_import",
)
INTERVALS = (None, None, SECOND, 50 * SECOND, 5 * MINUTE, HOUR, 2 * DAY)


class Operand(NamedTuple):
    """Stands for a user, a session's id, its device or its owner, or one of its tokens."""

    what: str
    label: Any = None
    kind: str = ""
    age: int = 0  # of a token: 0 is the latest
    damage: str = ""


class Signed(NamedTuple):
    """Stands for a proof that the client of a token signs at that moment, or signed for the same session before.

    A session that was bound has it by the same protocol and key.
    """

    token: Any
    protocol: str
    key: int
    method: str
    uri: str
    fault: str = ""
    age: int = 0  # 0 is signed now, 1 is what was signed last


class Operation(NamedTuple):
    number: int
    name: str
    arguments: tuple


def random_settings(dice: random.Random) -> dict:
    return {name: dice.choice(choices) for name, choices in CHOICES.items()}


# --- tokens that were never issued

BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def damaged(token: str | None, damage: str) -> str | None:
    """A token that is no longer what it was: one character changed, of the other kind, or well-formed but invented."""
    if not token or not damage:
        return token
    if damage == "character" or not token.startswith(("sst_", "ssr_")):
        place = len(token) // 2
        return token[:place] + BASE64[BASE64.find(token[place]) ^ 1] + token[place + 1 :]
    if damage == "kind":
        return ("ssr_" if token.startswith("sst_") else "sst_") + token[4:]
    # The 18th byte is the first of the secret, or of the family key.
    content = bytearray(base64.urlsafe_b64decode(token[4:] + "=" * (-len(token[4:]) % 4))[:-4])
    content[17] ^= 1
    prefix = token[:4]
    content += crc32c(prefix.encode() + bytes(content)).to_bytes(4, "big")
    return prefix + base64.urlsafe_b64encode(bytes(content)).decode().rstrip("=")


# --- sequences


def label_of(token: Any) -> int | None:
    """The session of a token that stands for one of a session's."""
    return token.label if isinstance(token, Operand) else None


class Generator:
    """Makes one sequence of operations."""

    def __init__(self, seed: str, transactions: bool = True) -> None:
        self.dice = random.Random(seed)
        self.transactions = transactions
        self.users = self.dice.choice((1, 1, 2, 3))
        self.labels: list[int] = []
        self.operations: list[Operation] = []
        self.bound: set[int] = set()  # what was to be bound
        self.focus: int | None = None  # the session that the next operation is about
        self.hot: int | None = None  # and the one that half of them are about
        self.is_open = False
        self.has_savepoint = False

    def sequence(self) -> list[Operation]:
        dice = self.dice
        self.add("set", random_settings(dice))
        self.add_create()
        length = dice.choice((6, 12, 12, 18, 30))
        names, weights = zip(*self.weights())
        while len(self.operations) < length:
            if dice.random() < 0.1:
                self.hot = dice.choice(self.labels)
            getattr(self, "add_" + dice.choices(names, weights)[0])()
        if self.is_open:
            self.add(dice.choice(("commit", "commit", "rollback")))
        return self.operations

    def weights(self) -> list[tuple[str, int]]:
        return [
            ("create", 14),
            ("import", 2),
            ("validate", 16),
            ("introspect", 4),
            ("refresh", 20),
            ("retry", 8),
            ("challenge", 3),
            ("bind", 9),
            ("prove", 9),
            ("rotate", 5),
            ("reauthenticate", 3),
            ("extend", 5),
            ("revoke", 6),
            ("revoke_some", 4),
            ("read", 12),
            ("events", 3),
            ("mark", 6),
            ("touch", 4),
            ("device", 8),
            ("user", 5),
            ("cleanup", 4),
            ("clock", 12),
            ("deadline", 26),
            ("settings", 5),
            ("story", 9 if self.transactions else 0),
            ("story_of_proofs", 14 if self.transactions else 0),
            ("transaction", 6 if self.transactions else 0),
        ]

    def add(self, name: str, *arguments: Any) -> None:
        self.operations.append(Operation(len(self.operations), name, arguments))

    # --- operands

    def label(self) -> int | None:
        if self.focus is not None:
            label, self.focus = self.focus, None
            return label
        if self.hot is not None and self.dice.random() < 0.5:
            return self.hot
        return self.dice.choice(self.labels[-4:] if self.labels and self.dice.random() < 0.8 else self.labels or [None])

    def user(self) -> Operand | str | None:
        if self.dice.random() < 0.04:
            return self.dice.choice((UNKNOWN, None))
        return Operand("user", self.dice.randrange(self.users))

    def session(self) -> Operand | str | None:
        if self.dice.random() < 0.05:
            return self.dice.choice((UNKNOWN, None))
        return Operand("session", self.label())

    def owner_and(self, what: str) -> tuple:
        """A user, and a session or device, mostly of that user's."""
        label = self.label()
        thing = Operand(what, label) if self.dice.random() < 0.95 else self.dice.choice((UNKNOWN, None))
        return (Operand("owner", label) if self.dice.random() < 0.85 else self.user(), thing)

    def token(self, kind: str) -> Operand | str | None:
        dice, chance = self.dice, self.dice.random()
        if chance < 0.03:
            return dice.choice(GARBAGE)
        age = dice.choices((0, 1, 2, 5), (80, 12, 5, 3))[0]
        damage = dice.choice(("character", "kind", "content")) if chance < 0.09 else ""
        if 0.09 <= chance < 0.13:
            kind = "refresh" if kind == "session" else "session"
        return Operand("token", self.label(), kind, age, damage)

    def proven(self, token: Any, fault: str | None = None, age: int | None = None, protocol: str = "") -> tuple:
        """A proof for a token, and method and URI of the request that it came with."""
        dice = self.dice
        protocol = protocol or dice.choice(("dbsc", "dbsc", "dpop"))
        method, uri = dice.choice(("POST", "POST", "GET")), dice.choice(SAME_URIS)
        fault = (dice.choice(FAULTS) if dice.random() < 0.15 else "") if fault is None else fault
        age = dice.choices((0, 1, 2, 3), (85, 9, 4, 2))[0] if age is None else age
        proof = Signed(token, protocol, dice.choices((0, 1, 2), (6, 3, 1))[0], method, uri, fault, age)
        if dice.random() < 0.04:
            method = dice.choice(("PUT", "post", "", None))
        return (proof, method, dice.choice(SAME_URIS if dice.random() < 0.94 else OTHER_URIS))

    def proven_if_bound(self, label: int | None, token: Any, age: int | None = None) -> tuple:
        """What is needed to refresh a session, mostly."""
        chance = 0.9 if label in self.bound else 0.1
        return self.proven(token, None, age) if self.dice.random() < chance else ()

    def interval(self) -> int | None:
        return self.dice.choice(INTERVALS) if self.dice.random() < 0.97 else self.dice.choice((0, -SECOND))

    # --- operations

    def add_create(self) -> None:
        dice = self.dice
        label = len(self.operations)
        self.labels.append(label)
        self.add(
            "create_session",
            self.user(),
            dice.choice(NAMES),
            dice.choice(AGENTS),
            dice.choice(ADDRESSES),
            dice.choice((None, (), ("read",), ("read", "write"), ("two words",), (None,)))
            if dice.random() < 0.5
            else None,
            dice.choice(KEYS),
            dice.choice((None, '{"a": 1}')),
            self.interval() if dice.random() < 0.4 else None,
            self.interval() if dice.random() < 0.4 else None,
            dice.choice((None, None, True, True, False)),
            *(dice.choice(WORDS) if dice.random() < 0.3 else (None, None)),
        )

    def add_import(self) -> None:
        dice = self.dice
        label = len(self.operations)
        known = [operation.arguments for operation in self.operations if operation.name == "import_session"]
        if known and dice.random() < 0.3:
            token, refresh = dice.choice(known)[0], dice.choice((None, dice.choice(known)[3]))
        else:
            token, refresh = Operand("imported", label), dice.choice((None, Operand("imported", -label)))
        self.labels.append(label)
        times = (None, -DAY, -HOUR, -MINUTE, 0, MINUTE, HOUR)
        self.add(
            "import_session",
            token,
            self.user(),
            Operand("now", dice.choice((-HOUR, 0, 1, MINUTE, HOUR, DAY, 400 * DAY))),
            refresh,
            dice.choice(NAMES),
            dice.choice(ADDRESSES),
            *(time if time is None else Operand("now", time) for time in (dice.choice(times), dice.choice(times))),
            dice.choice((None, True, False)),
            dice.choice((None, Operand("now", dice.choice((-HOUR, HOUR, DAY, 400 * DAY))))),
            dice.choice(KEYS),
        )

    def add_validate(self) -> None:
        dice = self.dice
        choice = dice.choices(("plain", "hash", "many", "authenticate"), (12, 2, 2, 2))[0]
        if choice == "plain":
            self.add(dice.choice(("validate_session", "validate_user")), self.token("session"), dice.choice(ADDRESSES))
        elif choice == "hash":
            label = self.label()
            session = Operand("session", label) if dice.random() < 0.9 else self.session()
            token = Operand("token", label, dice.choices(("session", "refresh"), (8, 1))[0], dice.choice((0, 0, 0, 1)))
            self.add("validate_session_hash", session, token, dice.choice(ADDRESSES))
        elif choice == "many":
            self.add("validate_sessions", tuple(self.token("session") for _ in range(dice.randrange(4))))
        else:
            self.add("authenticate", self.token("session"))

    def add_introspect(self) -> None:
        self.add("introspect_token", self.token(self.dice.choice(("session", "refresh"))))

    def add_refresh(self) -> None:
        token = self.token("refresh")
        proof = self.proven_if_bound(label_of(token), token)
        self.add("refresh_session", token, self.dice.choice(ADDRESSES), self.dice.choice((None, None, *AGENTS)), *proof)

    def add_challenge(self) -> None:
        self.add("session_challenge", self.token(self.dice.choice(("session", "refresh", "refresh"))))

    def add_bind(self) -> None:
        token = self.token("session")
        if isinstance(token, Operand):
            self.bound.add(token.label)
        self.add("bind_session", token, *self.proven(token))

    def add_prove(self) -> None:
        if self.bound and self.dice.random() < 0.6:
            self.focus = self.dice.choice(sorted(self.bound))
        token = self.token("session")
        self.add("validate_session_proof", token, *self.proven(token), self.dice.choice(ADDRESSES))

    def add_retry(self) -> None:
        """A refresh, perhaps something else, and a refresh with the token that was spent."""
        dice, label = self.dice, self.label()
        token = Operand("token", label, "refresh")
        self.add("refresh_session", token, None, None, *self.proven_if_bound(label, token, 0))
        for _ in range(dice.randrange(3)):
            self.focus = label
            names = ("rotate", "reauthenticate", "refresh", "validate", "extend", "clock", "settings", "bind")
            getattr(self, "add_" + dice.choice(names))()
        self.focus = None
        token = Operand("token", label, "refresh", dice.choice((1, 1, 1, 2)))
        proof = self.proven_if_bound(label, token, dice.choice((0, 1, 1, 2)))
        self.add("refresh_session", token, dice.choice(ADDRESSES), None, *proof)

    def add_rotate(self) -> None:
        self.add("rotate_session_token", self.token("session"))

    def add_reauthenticate(self) -> None:
        self.add("reauthenticate_session", self.token("session"), *self.dice.choice(WORDS), self.dice.choice(ADDRESSES))

    def add_extend(self) -> None:
        self.add("extend_session", self.session(), self.interval())

    def add_revoke(self) -> None:
        dice, reason = self.dice, self.dice.choice(REASONS)
        choice = dice.randrange(3)
        if choice == 0:
            self.add("revoke_session", self.session(), reason)
        elif choice == 1:
            self.add("revoke_user_session", *self.owner_and("session"), reason)
        else:
            self.add("revoke_session_by_token", self.token(dice.choice(("session", "refresh"))), reason)

    def add_revoke_some(self) -> None:
        dice, reason = self.dice, self.dice.choice(REASONS)
        choice = dice.randrange(5)
        if choice == 0:
            self.add("revoke_all_user_sessions", self.user(), reason)
        elif choice == 1:
            self.add("revoke_all_user_sessions_except", *self.owner_and("session"), reason)
        elif choice == 2:
            self.add("revoke_device_sessions", *self.owner_and("device"), reason)
        else:
            self.add("revoke_inactive_sessions", self.interval(), reason)

    def add_read(self) -> None:
        dice = self.dice
        self.add(
            *dice.choice(
                (
                    lambda: ("get_session", self.session(), self.session()),
                    lambda: ("get_user_session", *self.owner_and("session"), self.session()),
                    lambda: ("list_user_sessions", self.user(), self.session(), dice.choice((None, True, False))),
                    lambda: ("list_user_sessions", self.user(), self.session(), True),
                    lambda: ("list_inactive_sessions", self.interval()),
                    lambda: ("list_mfa_verified_sessions", self.user()),
                    lambda: ("count_user_sessions", self.user()),
                    lambda: ("count_active_sessions",),
                )
            )()
        )

    def add_events(self) -> None:
        dice = self.dice
        since = dice.choice((None, None, Operand("now", dice.choice((0, -MINUTE, -HOUR)))))
        max_rows = dice.choice((None, None, None, 1, 2, 0))
        if dice.random() < 0.7:
            self.add("list_events", self.user(), since, max_rows)
        else:
            self.add("list_all_events", since, max_rows)

    def add_mark(self) -> None:
        dice = self.dice
        method = dice.choice((None, "totp", "webauthn", "x" * 65))
        self.add(
            *dice.choice(
                (
                    lambda: ("mark_mfa_verified", self.session(), method),
                    lambda: ("mark_mfa_verified_by_token", self.token("session"), method),
                    lambda: ("clear_mfa_verified", self.session()),
                    lambda: (
                        "set_session_scopes",
                        self.session(),
                        dice.choice(((), ("read",), ("a", "b"), None, ("a b",))),
                    ),
                    lambda: ("set_session_metadata", self.session(), dice.choice(("{}", '{"b": [2]}', "3", None))),
                    lambda: ("patch_session_metadata", self.session(), dice.choice(PATCHES)),
                )
            )()
        )

    def add_touch(self) -> None:
        self.add(
            "touch_sessions",
            tuple(self.session() for _ in range(self.dice.randrange(4))) if self.dice.random() < 0.97 else None,
        )

    def add_device(self) -> None:
        dice = self.dice
        self.add(
            *dice.choice(
                (
                    lambda: ("list_user_devices", self.user(), Operand("device", self.label())),
                    lambda: ("list_user_devices", self.user(), None),
                    lambda: ("is_known_device", self.user(), dice.choice(KEYS)),
                    lambda: ("is_trusted_device", self.user(), dice.choice(KEYS)),
                    lambda: ("trust_device", *self.owner_and("device"), self.interval()),
                    lambda: ("trust_device", *self.owner_and("device"), None),
                    lambda: ("untrust_device", *self.owner_and("device")),
                    lambda: ("untrust_all_devices", self.user()),
                    lambda: ("rename_device", *self.owner_and("device"), dice.choice(("Mine", "Mine", "", None))),
                    lambda: ("forget_device", *self.owner_and("device")),
                )
            )()
        )

    def add_user(self) -> None:
        dice = self.dice
        self.add(
            *dice.choice(
                (
                    lambda: ("user_epoch", self.user()),
                    lambda: ("user_epoch", self.user()),
                    lambda: ("set_user_session_limit", self.user(), dice.choice((None, 0, 1, 2, -1))),
                    lambda: ("disable_user", self.user(), dice.choice(REASONS)),
                    lambda: ("enable_user", self.user()),
                    lambda: ("enable_user", self.user()),
                    lambda: ("is_user_disabled", self.user()),
                    lambda: ("delete_user", self.user()),
                )
            )()
        )

    def add_cleanup(self) -> None:
        retention = self.dice.choice((None, None, 0, 0, MINUTE, HOUR, DAY, -SECOND))
        self.add("cleanup_sessions", retention, self.dice.choice((None, None, None, 1, 2, 0)))

    def add_clock(self) -> None:
        self.add(
            "clock",
            int(
                self.dice.choice((1, 1, SECOND, MINUTE, HOUR, DAY))
                * (1 if self.dice.random() < 0.3 else self.dice.random() * 3)
            )
            + 1,
        )

    def add_deadline(self) -> None:
        """To a deadline of a session, or a microsecond beside it, where the next operation is about this session."""
        label = self.label()
        deadline = self.dice.choice(DEADLINES_OF_PROOFS if self.dice.random() < 0.25 else DEADLINES)
        self.add("clock_to", label, deadline, self.dice.choice((-1, 0, 0, 1)))
        if deadline in ("retention", "event"):
            self.add("cleanup_sessions", None, None)
        elif deadline == "trust":
            self.add("list_user_devices", Operand("owner", label), None)
        elif deadline == "inactive":
            self.add(self.dice.choice(("revoke_inactive_sessions", "list_inactive_sessions")), None)
        elif deadline == "grace":
            token = Operand("token", label, "refresh", self.dice.choice((0, 1, 1, 1, 1, 2)))
            proof = self.proven_if_bound(label, token, self.dice.choice((0, 1, 1)))
            self.add("refresh_session", token, None, None, *proof)
        elif deadline in ("challenge", "proof"):
            self._present_again(label)
        elif deadline == "overlap":
            self._use_either_token(label)
        elif deadline == "rejection":
            token = Operand("token", label, "refresh")
            self.add("refresh_session", token, self.dice.choice(ADDRESSES), None)
            self.add("list_events", Operand("owner", label), None, None)
        elif deadline in ("expires", "refresh", "idle") and self.dice.random() < 0.25:
            self.add_create()
        elif deadline in ("touch", "half") and self.dice.random() < 0.8:
            self.add("validate_session", Operand("token", label, "session", 0), self.dice.choice(ADDRESSES))
        self.focus = label

    def _present_again(self, label: int) -> None:
        """What was signed before, perhaps for something else."""
        functions = {"refresh_session": "refresh", "validate_session_proof": "session", "bind_session": "session"}
        function, kind = self.dice.choice(list(functions.items()))
        token = Operand("token", label, kind)
        proof = self.proven(token, "", self.dice.choice((1, 1, 2)))
        self.add(function, token, *((None, None) if kind == "refresh" else ()), *proof)

    def _use_either_token(self, label: int) -> None:
        """The session token, or the one that a refresh replaced."""
        dice, token = self.dice, Operand("token", label, "session", self.dice.choice((0, 1, 1, 1, 2)))
        choices = ("validate", "prove", "introspect", "mark", "rotate", "revoke", "bind", "challenge")
        choice = dice.choices(choices, (3, 1, 1, 1, 1, 1, 1, 1))[0]
        if choice == "validate":
            function = dice.choice(("validate_session", "validate_user", "authenticate"))
            self.add(function, token)
        elif choice == "prove":
            self.add("validate_session_proof", token, *self.proven(token, "", protocol="dpop"), None)
        elif choice == "bind":
            self.add("bind_session", token, *self.proven(token, ""))
        elif choice == "mark":
            self.add("mark_mfa_verified_by_token", token, None)
        elif choice == "rotate":
            self.add(dice.choice(("rotate_session_token", "reauthenticate_session")), token)
        elif choice == "revoke":
            self.add("revoke_session_by_token", token, None)
        else:
            self.add({"introspect": "introspect_token", "challenge": "session_challenge"}[choice], token)

    def add_story(self) -> None:
        """Operations that mean something one after the other, and seldom come so by chance."""
        dice = self.dice
        getattr(self, dice.choice(STORIES))()

    def add_story_of_proofs(self) -> None:
        getattr(self, self.dice.choice(STORIES_OF_PROOFS))()

    def _some_session(self) -> int:
        """Mostly one that is new, and nothing has happened to."""
        if self.dice.random() < 0.2:
            return self.label()
        return self._create_with(Operand("user", self.dice.randrange(self.users)), self.dice.choice(KEYS))

    def _bind(self, label: int, protocol: str) -> None:
        self.bound.add(label)
        token = Operand("token", label, "session")
        self.add("bind_session", token, *self.proven(token, "", 0, protocol))
        if self.dice.random() < 0.25:
            fault = self.dice.choice(("", "another key", "another key", "another protocol"))
            self.add("bind_session", token, *self.proven(token, fault, self.dice.choice((0, 0, 1)), protocol))

    def _refresh(self, label: int, age: int = 0, signed: int = 0, fault: str | None = "") -> None:
        token = Operand("token", label, "refresh", age)
        self.add("refresh_session", token, self.dice.choice(ADDRESSES), None, *self.proven(token, fault, signed))

    def _story_of_a_browser(self) -> None:
        """The session token ends, the browser proves its key, an answer is lost, and an older token comes up."""
        dice, label = self.dice, self._some_session()
        self._bind(label, "dbsc")
        for _ in range(dice.choice((1, 2, 3))):
            if dice.random() < 0.6:
                deadline = dice.choice(("expires", "expires", "grace", "overlap"))
                self.add("clock_to", label, deadline, dice.choice((-1, 0, 1)))
            self._refresh(label, dice.choice((0, 0, 0, 1, 2)))
            if dice.random() < 0.3:
                self.focus = label
                names = ("rotate", "reauthenticate", "reauthenticate", "extend", "validate", "touch", "settings")
                getattr(self, "add_" + dice.choice(names))()
                self.focus = None
            if dice.random() < 0.5:
                self._refresh(label, 1, 1)
            if dice.random() < 0.5:
                self._use_either_token(label)
        self._refresh(label, dice.choice((0, 1, 2, 5)), dice.choice((0, 0, 1, 2)))
        self.add("get_session", Operand("session", label), None)

    def _story_of_a_client(self) -> None:
        """Requests with proofs, and without."""
        dice, label = self.dice, self._some_session()
        self._bind(label, "dpop")
        for _ in range(dice.choice((2, 3, 4))):
            token = Operand("token", label, "session", dice.choice((0, 0, 0, 1)))
            what = dice.choice(("prove", "prove", "prove", "validate", "refresh", "other"))
            if what == "prove":
                self.add("validate_session_proof", token, *self.proven(token), dice.choice(ADDRESSES))
            elif what == "validate":
                functions = ("validate_session", "validate_user", "authenticate", "rotate_session_token")
                self.add(dice.choice(functions), token)
            elif what == "refresh":
                self._refresh(label, dice.choice((0, 0, 1, 2)), dice.choice((0, 0, 1)))
            else:
                self.focus = label
                names = ("clock", "settings", "introspect", "challenge", "deadline", "mark")
                getattr(self, "add_" + dice.choice(names))()
                self.focus = None

    def _story_of_an_overlap(self) -> None:
        dice, label = self.dice, self._some_session()
        self.add("set", {"token_overlap": dice.choice((10 * SECOND, MINUTE))})
        if dice.random() < 0.3:
            self.add("clock_to", label, "expires", -SECOND)
        for _ in range(dice.choice((1, 1, 2))):
            self._refresh(label)
        if dice.random() < 0.5:
            self.add("clock_to", label, "overlap", dice.choice((-1, 0)))
        self._use_either_token(label)
        ends = ("rotate_session_token", "reauthenticate_session", "revoke_session_by_token", "")
        end, age = dice.choice(ends), dice.choice((0, 1))
        if end:
            self.add(end, Operand("token", label, "session"))
            age += end != "revoke_session_by_token"
        self.add("validate_session", Operand("token", label, "session", age), None)

    def _story_of_a_thief(self) -> None:
        """Who has the tokens and no key can do nothing, and it is told once a minute."""
        dice, label = self.dice, self._some_session()
        self._bind(label, dice.choice(("dbsc", "dpop")))
        for _ in range(dice.choice((1, 2, 3))):
            if dice.random() < 0.7:
                self._refresh(label, dice.choice((0, 0, 1, 2, 5)), 0, dice.choice(FAULTS))
            else:
                token = Operand("token", label, "session")
                proof = self.proven(token, dice.choice(FAULTS), 0)
                self.add("validate_session_proof", token, *proof, dice.choice(ADDRESSES))
            if dice.random() < 0.5:
                self.add("clock_to", label, "rejection", dice.choice((-1, 0, 1)))
        self.add("list_events", Operand("owner", label), None, None)
        self._refresh(label, dice.choice((0, 1)))

    def _create_with(self, user: Operand, key: str, name: str | None = None) -> int:
        self.labels.append(len(self.operations))
        self.add("create_session", user, name, self.dice.choice(AGENTS), None, None, key)
        return self.labels[-1]

    def _story_of_trust(self) -> None:
        dice, key, user = (
            self.dice,
            self.dice.choice(("first key", "second key")),
            Operand("user", self.dice.randrange(self.users)),
        )
        label = self._create_with(user, key)
        self.add("trust_device", user, Operand("device", label), dice.choice((None, MINUTE)))
        if dice.random() < 0.2:
            self.add("untrust_device", user, Operand("device", label))
        self.add("clock_to", label, "trust", dice.choice((-1, 0, 1)))
        self.add("is_trusted_device", user, key)
        self.add("list_user_devices", user, None)

    def _story_of_a_name(self) -> None:
        dice, key, user = (
            self.dice,
            self.dice.choice(("first key", "second key")),
            Operand("user", self.dice.randrange(self.users)),
        )
        label = self._create_with(user, key, dice.choice(NAMES))
        for _ in range(dice.choice((1, 1, 2))):
            self.add("rename_device", user, Operand("device", label), dice.choice(("Mine", "Mine", "")))
        self._create_with(user, key, dice.choice(NAMES))
        self.add("list_user_devices", user, Operand("device", label))

    def _story_of_a_limit(self) -> None:
        dice, user = self.dice, Operand("user", self.dice.randrange(self.users))
        self.add("set_user_session_limit", user, dice.choice((0, 1, 2, None)))
        for _ in range(dice.choice((1, 2, 3))):
            label = self._create_with(user, "first key")
            if dice.random() < 0.5:
                self.add("clock_to", label, dice.choice(("expires", "idle", "refresh")), dice.choice((-1, 0)))
        self._create_with(user, "second key")

    def _story_of_an_import(self) -> None:
        """An imported refresh token that is spent, and comes again."""
        dice, label = self.dice, len(self.operations)
        self.labels.append(label)
        user, in_an_hour = Operand("user", dice.randrange(self.users)), Operand("now", HOUR)
        self.add("import_session", Operand("imported", label), user, in_an_hour, Operand("imported", -label))
        self.add("refresh_session", Operand("token", label, "refresh"), None, None)
        if dice.random() < 0.7:
            self.add("clock_to", label, "grace", dice.choice((-1, 0, 1)))
        self.add("refresh_session", Operand("token", label, "refresh", dice.choice((0, 1, 1, 1))), None, None)
        self.add("refresh_session", Operand("token", label, "refresh", dice.choice((0, 1, 2))), None, None)

    def _story_of_a_late_answer(self) -> None:
        dice, label = self.dice, self._some_session()
        function = dice.choice(("bind_session", "refresh_session", "validate_session_proof"))
        protocol = "dpop" if function == "validate_session_proof" else dice.choice(("dbsc", "dbsc", "dpop"))
        if function != "bind_session":
            self._bind(label, protocol)
        token = Operand("token", label, "refresh" if function == "refresh_session" else "session")
        proof, method, uri = self.proven(token, "", 0, protocol)
        self.add("sign", proof)
        deadline = "challenge" if protocol == "dbsc" else dice.choice(("challenge", "proof", "proof"))
        self.add("clock_to", label, deadline, dice.choice((-1, 0, 1)))
        between = (None, None) if function == "refresh_session" else ()
        self.add(function, token, *between, proof._replace(age=1), method, uri)

    def _story_of_a_bound_import(self) -> None:
        """The device comes with any token that it ever had."""
        dice, label = self.dice, len(self.operations)
        self.labels.append(label)
        user, in_an_hour = Operand("user", dice.randrange(self.users)), Operand("now", HOUR)
        self.add("import_session", Operand("imported", label), user, in_an_hour, Operand("imported", -label))
        is_bound_first = dice.random() < 0.7
        if is_bound_first:
            self._bind(label, dice.choice(("dbsc", "dpop")))
        self._refresh(label)
        if not is_bound_first:
            self._bind(label, dice.choice(("dbsc", "dpop")))
        for _ in range(dice.choice((1, 2, 3))):
            if dice.random() < 0.3:
                self.add("clock_to", label, "grace", dice.choice((-1, 0, 1)))
            self._refresh(label, dice.choice((0, 1, 1, 2, 3)), dice.choice((0, 0, 0, 1)))

    def _story_of_a_savepoint(self) -> None:
        if self.is_open:
            return
        dice, label = self.dice, self.label()
        token = Operand("token", label, "session")
        self.add("clock_to", label, "touch", dice.choice((-1, 0, SECOND)))
        self.add("begin", dice.choice(("READ COMMITTED", "READ COMMITTED", "SERIALIZABLE")))
        if dice.random() < 0.4:
            self.add("validate_session", token, dice.choice(ADDRESSES))
            self.add("clock", dice.choice((1, MINUTE)))
        self.add("savepoint")
        self.add("validate_session", token, dice.choice(ADDRESSES))
        if dice.random() < 0.7:
            self.add("rollback_to")
        if dice.random() < 0.2:
            self.add("validate_session", token, dice.choice(ADDRESSES))
        self.add(dice.choice(("commit", "commit", "commit", "rollback")))
        self.add("get_session", Operand("session", label), None)

    def add_settings(self) -> None:
        settings = random_settings(self.dice)
        names = self.dice.sample(sorted(settings), self.dice.choice((1, 2, 3)))
        self.add("set", {name: settings[name] for name in names})

    def add_transaction(self) -> None:
        dice = self.dice
        if not self.is_open:
            self.add("begin", dice.choice(("READ COMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")))
            self.is_open, self.has_savepoint = True, False
        elif not self.has_savepoint and dice.random() < 0.3:
            self.add("savepoint")
            self.has_savepoint = True
        elif self.has_savepoint and dice.random() < 0.5:
            self.add("rollback_to")
            self.has_savepoint = False
        else:
            self.add(dice.choice(("commit", "commit", "rollback")))
            self.is_open = False
