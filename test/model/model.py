"""A reference model of session_service: what each call answers, and what it changes.

Written from what callers are promised, with the names of the SQL functions, and simple rather than fast. Times are
integers: microseconds of the Unix epoch. Answers are lists of rows, as the functions return them; a function that
returns a value answers a list of one value.

Ids, tokens and challenges are opaque: a call that issues some takes them from `answer`, what the server answered, and
so does one that may choose between equals. Whoever compares thus compares all the rest.

All that is stored is in tuples, which are replaced and never changed: a copy of the model is a few shallow copies.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# Where the server has statements in place of its direct engine, a validation writes activity itself.
WRITES_AT_ONCE = os.environ.get("SESSION_SERVICE_ENGINE") == "statement"

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR

SETTINGS = {
    "session_expiry": 30 * DAY,
    "refresh_token_expiry": 90 * DAY,
    "inactivity_timeout": 7 * DAY,
    "absolute_timeout": 365 * DAY,
    "sliding_expiry": False,
    "refresh_grace": 30 * SECOND,
    "token_overlap": 0,
    "bound_session_expiry": 10 * MINUTE,
    "challenge_expiry": 5 * MINUTE,
    "proof_max_age": 60 * SECOND,
    "proof_nonce": False,
    "max_per_user": 10,
    "limit_policy": "evict_lru",
    "token_length": 32,
    "touch_interval": 60 * SECOND,
    "device_trust": 30 * DAY,
    "retention": 30 * DAY,
    "cleanup_batch_size": 10_000,
    "event_log": "security",
}

# User agents that the driver sends: browser, operating system, type of device.
USER_AGENTS = {
    None: (None, None, "unknown"),
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0": ("Firefox", "Linux", "desktop"),
    "Mozilla/5.0 (X11; Linux x86_64; rv:129.0) Gecko/20100101 Firefox/129.0": ("Firefox", "Linux", "desktop"),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1": ("Safari", "iOS", "mobile"),
}

# URIs of requests that the driver sends, in the form in which they are compared (RFC 3986, 6.2.2 and 6.2.3).
HERE = "https://api.example/v1/a"
URIS = {
    None: None,
    "": None,
    "/v1/a": None,
    HERE: HERE,
    "HTTPS://API.Example:443/v1/./%61": HERE,
    "https://api.example/v1/b/../a?page=2#top": HERE,
    "https://api.example/v1/A": "https://api.example/v1/A",
    "https://api.example/v1/a/": "https://api.example/v1/a/",
    "http://api.example/v1/a": "http://api.example/v1/a",
}

# What a session is bound for, by the protocol of the proof.
BOUND_FOR = {"dbsc": "refresh", "dpop": "request"}

NOT_IN_SECURITY_LOG = ("session.created", "session.refreshed", "session.rotated")

NULL_ARGUMENT = "22004"
OUT_OF_RANGE = "22023"
TOO_LONG = "22001"
LIMIT_REACHED = "53400"
UNIQUE_VIOLATION = "23505"
DISABLED = "28000"
# Where several arguments are wrong, any of them may be told.
WRONG_ARGUMENT = (NULL_ARGUMENT, OUT_OF_RANGE, TOO_LONG)


class Refused(Exception):
    """A call that raises an error: its SQLSTATE."""

    @property
    def sqlstate(self) -> str:
        return self.args[0]

    @property
    def kind(self) -> str:
        return "ERROR for an argument" if self.sqlstate in WRONG_ARGUMENT else f"ERROR {self.sqlstate}"


class User(NamedTuple):
    epoch: int
    max_sessions: int | None = None
    is_disabled: bool = False


class Device(NamedTuple):
    id: str
    user_id: str
    identity: tuple  # what later sign-ins are compared with
    name: str | None
    is_renamed: bool
    user_agent: str | None
    ip_address: str | None
    first_seen_at: int
    last_seen_at: int  # by sign-ins; sessions may know better
    trusted_until: int | None = None
    is_seen_exactly: bool = True
    older_addresses: tuple = ()  # that sessions told which are no more


class Binding(NamedTuple):
    number: int  # no other has it, not even after a rollback
    needed_for: str  # refresh or request
    thumbprint: str  # of the key
    at: int  # since when


class Session(NamedTuple):
    id: str
    user_id: str
    device_id: str
    token: str
    refresh_token: str | None
    scopes: tuple
    metadata: str  # as JSON
    ip_address: str | None
    created_at: int
    authenticated_at: int
    last_activity_at: int
    expires_at: int
    refresh_expires_at: int | None
    absolute_expires_at: int | None
    inactivity: int  # the timeout in force, 0 for none
    # its own from creation
    own_expiry: int
    own_refresh_expiry: int
    own_inactivity: int
    # of the refresh before
    replaced: str | None = None  # the refresh token that was replaced last
    replaced_at: int | None = None
    is_retry_over: bool = False  # for good
    spent: frozenset = frozenset()  # all refresh tokens that were replaced
    imported: tuple = ()  # the tokens it was imported with
    family: str | None = None  # the first of the refresh tokens that share a key
    generation: int = 0  # which pair it has
    overlapping: str | None = None  # the session token that a refresh left good
    overlap_ends_at: int | None = None
    binding: Binding | None = None
    mfa_verified_at: int | None = None
    mfa_method: str | None = None
    acr: str | None = None
    amr: tuple | None = None
    revoked_at: int | None = None
    revoke_reason: str | None = None

    @property
    def idle_expires_at(self) -> int | None:
        return self.last_activity_at + self.inactivity if self.inactivity else None

    @property
    def needs_proof_for(self) -> str:
        return self.binding.needed_for if self.binding else "none"

    @property
    def thumbprint(self) -> str | None:
        return self.binding and self.binding.thumbprint

    @property
    def last_expiry(self) -> int:
        """Of both expiries the later."""
        return max(self.expires_at, self.refresh_expires_at or self.expires_at)

    @property
    def over_at(self) -> int:
        """From when on it is over."""
        if self.revoked_at is not None:
            return self.revoked_at
        return self.last_expiry if self.idle_expires_at is None else min(self.idle_expires_at, self.last_expiry)

    def is_idle(self, now: int) -> bool:
        return self.idle_expires_at is not None and now >= self.idle_expires_at

    def is_active(self, now: int) -> bool:
        return self.revoked_at is None and now < self.expires_at and not self.is_idle(now)

    def is_usable(self, now: int) -> bool:
        return self.revoked_at is None and not self.is_idle(now) and now < self.last_expiry

    def is_refreshable(self, now: int) -> bool:
        return self.is_usable(now) and self.refresh_expires_at is not None and now < self.refresh_expires_at

    def is_opened_by(self, token: str | None, now: int) -> bool:
        """By its session token, or the one before that a refresh left good; whether it is active is asked apart."""
        is_overlapping = token == self.overlapping and self.overlap_ends_at is not None and now < self.overlap_ends_at
        return token is not None and (token == self.token or is_overlapping)

    def has_issued(self, refresh_token: str | None) -> bool:
        return refresh_token is not None and (refresh_token == self.refresh_token or refresh_token in self.spent)

    def can_be_revoked(self, now: int) -> bool:
        return self.revoked_at is None and now < self.last_expiry

    def status(self, now: int) -> str:
        if self.revoked_at is not None:
            return "revoked"
        if now >= self.expires_at:
            return "expired"
        return "idle" if self.is_idle(now) else "active"


class Event(NamedTuple):
    at: int
    kind: str
    user_id: str
    session_id: str | None
    device_id: str | None
    ip_address: str | None
    reason: str | None
    method: str | None


class Activity(NamedTuple):
    """What a call noted of a session, to be written as its transaction commits."""

    at: int
    ip_address: str | None


class Proof(NamedTuple):
    """What a client signed. A text that is no proof at all has no protocol."""

    text: str
    protocol: str | None = None  # dbsc or dpop
    carried: str | None = None  # the thumbprint of the key that it has with it
    signer: str | None = None  # and of the key that signed it
    challenge: str | None = None  # that it answers
    method: str | None = None
    uri: str | None = None
    issued_at: int = 0
    token: str | None = None  # whose hash it has

    def __str__(self) -> str:
        return self.text

    def is_by(self, thumbprint: str | None) -> bool:
        return self.signer == thumbprint and self.carried in (None, thumbprint)


class Challenge(NamedTuple):
    """A challenge as it was given. It is that of a moment before, by at most an eighth of its life."""

    purpose: tuple
    lifetime: int
    first_given_at: int
    last_given_at: int

    def is_spent(self, now: int, lifetime: int) -> bool:
        """Certainly over."""
        return now >= self.first_given_at + lifetime

    def is_fresh(self, now: int, lifetime: int) -> bool:
        """Certainly good."""
        return now <= self.last_given_at + lifetime - max(1, self.lifetime // 8)


def sooner(*times: int | None) -> int | None:
    """The earliest; None is never."""
    return min((time for time in times if time is not None), default=None)


def shorter_timeout(left: int, right: int) -> int:
    """Of two timeouts the shorter; 0 is none."""
    return min(left, right) if left and right else left or right


def required(*arguments: Any) -> None:
    if None in arguments:
        raise Refused(NULL_ARGUMENT)


def positive(interval: int | None) -> None:
    if interval is not None and interval <= 0:
        raise Refused(OUT_OF_RANGE)


def ordered(items: Iterable, chosen: Iterable, order: Callable, shown: Callable) -> list:
    """In that order; of equals those first that the server chose, as they are shown."""
    chosen, keyed = list(chosen), []
    for item in items:
        is_chosen = shown(item) in chosen
        if is_chosen:
            chosen.remove(shown(item))
        keyed.append((order(item), not is_chosen, item))
    return [item for *_, item in sorted(keyed, key=lambda entry: entry[:2])]


def check_scopes(scopes: Iterable[str | None]) -> None:
    for scope in scopes:
        required(scope)
        if not scope or any(not "!" <= character <= "~" or character in '"\\' for character in scope):
            raise Refused(OUT_OF_RANGE)


def merged(document: Any, patch: Any) -> Any:
    """A merge patch as RFC 7396 has it, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def check_length(text: str | None, limit: int) -> None:
    if text is not None and len(text) > limit:
        raise Refused(TOO_LONG)


class Model:
    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.devices: dict[str, Device] = {}
        self.sessions: dict[str, Session] = {}
        self.events: tuple[Event, ...] = ()
        self.challenges: dict[str, Challenge] = {}  # that were given
        self.bindings = 0  # how many were made
        self.settings: dict[str, Any] = dict(SETTINGS)
        # Of the transaction that is open.
        self.noted: dict[str, Activity] = {}
        self.notes_activity = True
        # Whether others may be at work on the sessions that are ordered by their activity.
        self.is_order_open = False
        # Of the call that is made.
        self.now = 0
        self.began: int | None = None  # where the clock moved since
        self.rejection: Event | None = None  # a proof that was refused, to be logged
        self.has_benefit_of_doubt = True  # of a challenge that may be good still
        self.answer: list | None = None

    def copy(self) -> Model:
        other = Model.__new__(Model)
        other.users = dict(self.users)
        other.devices = dict(self.devices)
        other.sessions = dict(self.sessions)
        other.events = self.events
        other.challenges = dict(self.challenges)
        other.bindings = self.bindings
        other.settings = self.settings
        other.noted = dict(self.noted)
        other.notes_activity = self.notes_activity
        other.is_order_open = self.is_order_open
        other.now = self.now
        other.began = self.began
        other.rejection = self.rejection
        other.has_benefit_of_doubt = self.has_benefit_of_doubt
        other.answer = None
        return other

    def call(self, function: str, arguments: tuple, answer: list | None = None) -> list:
        """What the function answers; raises Refused where it raises an error, and changes nothing then."""
        self.answer = answer
        return getattr(self, function)(*arguments)

    def commit(self) -> None:
        """Writes the activity that calls of the transaction noted."""
        noted, self.noted = self.noted, {}
        for session_id, activity in noted.items():
            self.record_activity(session_id, activity)

    def record_activity(self, session_id: str, activity: Activity) -> None:
        session = self.sessions.get(session_id)
        if session and self._is_touch_due(session, activity.at):
            self._touch(session, activity)

    def remember_undone(self, session_id: str, refresh_token: str) -> None:
        """After a rollback: what was issued and undone is a token of the session's all the same, if ever it comes up.

        It is told by the family key, which an imported session has from its first refresh on.
        """
        session = self.sessions.get(session_id)
        if session and session.refresh_token not in (None, refresh_token, *session.imported):
            self._change(session, spent=session.spent | {refresh_token})

    # --- looking things up

    def _change(self, session: Session, **values: Any) -> Session:
        changed = session._replace(**values)
        self.sessions[session.id] = changed
        return changed

    def _change_in_use(self, session: Session, **values: Any) -> Session:
        """A retry that comes too late as its session is written stays too late, should the grace be made longer."""
        is_late = session.is_retry_over or not self._is_within_grace(session, self.now)
        return self._change(session, is_retry_over=is_late, **values)

    def _sessions_of(self, user_id: str) -> list[Session]:
        return [session for session in self.sessions.values() if session.user_id == user_id]

    def _devices_of(self, user_id: str) -> list[Device]:
        return [device for device in self.devices.values() if device.user_id == user_id]

    def _by_token(self, token: str | None) -> Session | None:
        """The active session that the session token opens."""
        for session in self.sessions.values():
            if session.is_opened_by(token, self.now) and session.is_active(self.now):
                return session
        return None

    def by_any_token(self, token: str | None) -> Session | None:
        """The session, perhaps no longer active, that has this token of either kind."""
        for session in self.sessions.values():
            if token is not None and (session.is_opened_by(token, self.now) or token == session.refresh_token):
                return session
        return None

    def _active(self, session_id: str) -> Session | None:
        session = self.sessions.get(session_id)
        return session if session and session.is_active(self.now) else None

    def _device(self, user_id: str, device_id: str) -> Device | None:
        device = self.devices.get(device_id)
        return device if device and device.user_id == user_id else None

    def _choose(self, field: str, otherwise: Any) -> Any:
        """What the server chose: a field of the row that it answered."""
        return self.answer[0][field] if self.answer else otherwise

    # --- what happens beside the call

    def _know(self, user_id: str) -> User:
        """The user's record, made at first use. A new epoch is the time."""
        return self.users.setdefault(user_id, User(self.now))

    def _require_enabled(self, user_id: str) -> None:
        if user_id in self.users and self.users[user_id].is_disabled:
            raise Refused(DISABLED)

    def _raise_epoch(self, user_id: str) -> None:
        user = self._know(user_id)
        self.users[user_id] = user._replace(epoch=max(user.epoch + 1, self.now))

    def _log(
        self,
        kind: str,
        user_id: str,
        session_id: str | None,
        device_id: str | None,
        ip_address: str | None = None,
        reason: str | None = None,
        method: str | None = None,
    ) -> None:
        log = self.settings["event_log"]
        if log == "all" or (log == "security" and kind not in NOT_IN_SECURITY_LOG):
            self.events += (Event(self.now, kind, user_id, session_id, device_id, ip_address, reason, method),)

    def _reject(self, session: Session, ip_address: str | None) -> None:
        """A refused proof is logged beside what the call does."""
        kind = "session.proof_rejected"
        event = Event(self.now, kind, session.user_id, session.id, session.device_id, ip_address, None, None)
        self.rejection = event if self.settings["event_log"] != "none" else None

    def log_rejection(self) -> None:
        """At most one for each session and minute."""
        rejection, self.rejection = self.rejection, None
        if rejection is None:
            return
        of_session = (event for event in self.events if event.session_id == rejection.session_id)
        if not any(event.kind == rejection.kind and event.at >= rejection.at - MINUTE for event in of_session):
            self.events += (rejection,)

    def _revoke(
        self, sessions: Iterable[Session], reason: str, kind: str = "session.revoked", ip: str | None = None
    ) -> int:
        """Ends those of one user's sessions that can be, and tells how many. One call raises the epoch once."""
        ended = [session for session in sessions if session.can_be_revoked(self.now)]
        for session in ended:
            self._change(session, revoked_at=self.now, revoke_reason=reason)
            self._log(kind, session.user_id, session.id, session.device_id, ip, reason)
        if ended:
            self._raise_epoch(ended[0].user_id)
        return len(ended)

    # --- activity

    def _note(self, session: Session, ip_address: str | None = None) -> None:
        """Notes activity of a valid session, where it is due; the last address that was given is kept."""
        if not self.notes_activity or not self._is_touch_due(session, self.now):
            return
        if WRITES_AT_ONCE:
            self._touch(session, Activity(self.now, ip_address))
        else:
            earlier = self.noted.get(session.id)
            self.noted[session.id] = Activity(self.now, ip_address or (earlier and earlier.ip_address))

    def _is_touch_due(self, session: Session, at: int) -> bool:
        interval = self.settings["touch_interval"]
        if session.inactivity:
            interval = min(interval, session.inactivity // 10)
        return at >= session.last_activity_at + interval

    def _touch(self, session: Session, activity: Activity) -> bool:
        """Records activity, unless the session is no longer active or has later activity."""
        if not session.is_active(self.now) or activity.at <= session.last_activity_at:
            return False
        self._change_in_use(
            session,
            last_activity_at=activity.at,
            ip_address=activity.ip_address or session.ip_address,
            expires_at=self._slid(session, activity.at),
        )
        return True

    def _slid(self, session: Session, at: int) -> int:
        expiry = min(session.own_expiry, self.settings["session_expiry"])
        if session.binding or not self.settings["sliding_expiry"] or 2 * (session.expires_at - at) >= expiry:
            return session.expires_at
        return max(session.expires_at, sooner(at + expiry, session.absolute_expires_at))

    # --- sign-in

    def _make_room(self, user_id: str) -> list[str]:
        """Ends sessions of the user until one more keeps the limit; their ids."""
        user = self.users.get(user_id)
        limit = self.settings["max_per_user"] if user is None or user.max_sessions is None else user.max_sessions
        usable = [session for session in self._sessions_of(user_id) if session.is_usable(self.now)]
        excess = len(usable) - limit + 1 if limit else 0
        if excess <= 0:
            return []
        policy = self.settings["limit_policy"]
        if policy == "reject":
            raise Refused(LIMIT_REACHED)

        def age(session: Session) -> int:
            return session.created_at if policy == "evict_oldest" else session.last_activity_at

        # Among those that are equally old it is the server's choice.
        chosen = self._choose("evicted_session_ids", [])
        usable.sort(key=lambda session: (0 if self.is_order_open else age(session), session.id not in chosen))
        self._revoke(usable[:excess], "Session limit exceeded", "session.evicted")
        return sorted(session.id for session in usable[:excess])

    def _sign_in_from(
        self,
        user_id: str,
        key: str | None,
        name: str | None,
        agent: str | None,
        ip_address: str | None,
        at: int,
        new_id: str,
    ) -> bool:
        """Finds or makes the device; whether it is new, and then has `new_id`."""
        identity = ("key", key) if key else ("description", *USER_AGENTS[agent], name)
        for device in self._devices_of(user_id):
            if device.identity == identity:
                self.devices[device.id] = device._replace(
                    name=device.name if device.is_renamed else name or device.name,
                    user_agent=agent or device.user_agent,
                    ip_address=ip_address or device.ip_address,
                    last_seen_at=max(device.last_seen_at, at),
                )
                return False
        self.devices[new_id] = Device(new_id, user_id, identity, name, False, agent, ip_address, at, at)
        return True

    def create_session(
        self,
        user_id,
        device_name=None,
        user_agent=None,
        ip_address=None,
        scopes=None,
        device_key=None,
        metadata=None,
        session_expiry=None,
        inactivity_timeout=None,
        issue_refresh=None,
        acr=None,
        amr=None,
    ):
        required(user_id)
        check_length(device_name, 255)
        check_length(device_key, 512)
        check_scopes(scopes or ())
        positive(session_expiry)
        positive(inactivity_timeout)
        check_length(acr, 255)
        now, settings = self.now, self.settings
        own_expiry = min(session_expiry or settings["session_expiry"], settings["session_expiry"])
        own_inactivity = shorter_timeout(inactivity_timeout or 0, settings["inactivity_timeout"])
        absolute = now + settings["absolute_timeout"] if settings["absolute_timeout"] else None

        self._require_enabled(user_id)
        evicted = self._make_room(user_id)
        self._know(user_id)
        device_id = self._choose("device_id", "a device")
        is_first = not self._devices_of(user_id)
        is_new = self._sign_in_from(
            user_id, device_key or None, device_name or None, user_agent or None, ip_address, now, device_id
        )
        if not is_new:
            identity = (
                ("key", device_key) if device_key else ("description", *USER_AGENTS[user_agent], device_name or None)
            )
            device_id = next(device.id for device in self._devices_of(user_id) if device.identity == identity)
        refresh_token = None if issue_refresh is False else self._choose("refresh_token", "a refresh token")
        session = Session(
            id=self._choose("session_id", "a session"),
            user_id=user_id,
            device_id=device_id,
            token=self._choose("token", "a token"),
            refresh_token=refresh_token,
            family=refresh_token,
            scopes=tuple(scopes or ()),
            metadata=metadata or "{}",
            ip_address=ip_address,
            created_at=now,
            authenticated_at=now,
            last_activity_at=now,
            expires_at=sooner(now + own_expiry, absolute),
            refresh_expires_at=None
            if issue_refresh is False
            else sooner(now + settings["refresh_token_expiry"], absolute),
            absolute_expires_at=absolute,
            inactivity=own_inactivity,
            own_expiry=own_expiry,
            own_refresh_expiry=settings["refresh_token_expiry"],
            own_inactivity=own_inactivity,
            acr=acr or None,
            amr=amr,
        )
        self.sessions[session.id] = session
        if is_new:
            self._log("device.new", user_id, session.id, device_id, ip_address)
        self._log("session.created", user_id, session.id, device_id, ip_address)
        return [
            {
                "session_id": session.id,
                "token": session.token,
                "refresh_token": session.refresh_token,
                "expires_at": session.expires_at,
                "refresh_expires_at": session.refresh_expires_at,
                "device_id": device_id,
                "is_new_device": is_new,
                "evicted_session_ids": evicted,
                "is_first_device": is_new and is_first,
            }
        ]

    def import_session(
        self,
        token,
        user_id,
        expires_at,
        refresh_token=None,
        device_name=None,
        ip_address=None,
        created_at=None,
        last_activity_at=None,
        mfa_verified=None,
        refresh_expires_at=None,
        device_key=None,
    ):
        """With the tokens, where the function has their hashes. The answer also tells who was evicted."""
        required(token, user_id, expires_at)
        for session in self.sessions.values():
            if token in session.imported:
                return [{"session_id": session.id, "device_id": session.device_id, "evicted_session_ids": []}]
        if any(refresh_token in session.imported for session in self.sessions.values()):
            raise Refused(UNIQUE_VIOLATION)
        now, settings = self.now, self.settings
        created = min(created_at or now, now)
        last_activity = min(max(last_activity_at or now, created), now)
        absolute = created + settings["absolute_timeout"] if settings["absolute_timeout"] else None
        session = Session(
            id=self._choose("session_id", "a session"),
            user_id=user_id,
            device_id="",
            token=token,
            refresh_token=refresh_token,
            scopes=(),
            metadata="{}",
            ip_address=ip_address,
            created_at=created,
            authenticated_at=created,
            last_activity_at=last_activity,
            expires_at=sooner(expires_at, absolute),
            refresh_expires_at=sooner(refresh_expires_at or expires_at, absolute) if refresh_token else None,
            absolute_expires_at=absolute,
            inactivity=settings["inactivity_timeout"],
            own_expiry=settings["session_expiry"],
            own_refresh_expiry=settings["refresh_token_expiry"],
            own_inactivity=settings["inactivity_timeout"],
            imported=(token, refresh_token) if refresh_token else (token,),
            mfa_verified_at=created if mfa_verified else None,
        )
        self._require_enabled(user_id)
        evicted = self._make_room(user_id) if session.is_usable(now) else []
        self._know(user_id)
        device_id = self._choose("device_id", "a device")
        if not self._sign_in_from(
            user_id, device_key or None, device_name or None, None, ip_address, last_activity, device_id
        ):
            identity = ("key", device_key) if device_key else ("description", *USER_AGENTS[None], device_name or None)
            device_id = next(device.id for device in self._devices_of(user_id) if device.identity == identity)
        self.sessions[session.id] = session._replace(device_id=device_id)
        self._log("session.created", user_id, session.id, device_id, ip_address, "Imported")
        return [{"session_id": session.id, "device_id": device_id, "evicted_session_ids": evicted}]

    # --- validation. Whatever finds a session by a valid session token is activity, but for introspection and binding.

    def _valid(self, token: str | None, ip_address: str | None = None) -> Session | None:
        """The session that the token alone opens."""
        session = self._by_token(token)
        return self._valid_unproven(token, ip_address) if session and session.needs_proof_for != "request" else None

    def _valid_unproven(self, token: str | None, ip_address: str | None = None) -> Session | None:
        """The same, for a caller who had the proof of the request judged before."""
        session = self._by_token(token)
        if session:
            self._note(session, ip_address)
        return session

    @staticmethod
    def _shown_valid(session: Session) -> dict:
        return {
            "session_id": session.id,
            "user_id": session.user_id,
            "device_id": session.device_id,
            "scopes": list(session.scopes),
            "metadata": session.metadata,
            "mfa_verified": session.mfa_verified_at is not None,
            "created_at": session.created_at,
            "last_activity_at": session.last_activity_at,
            "expires_at": session.expires_at,
            "authenticated_at": session.authenticated_at,
            "mfa_verified_at": session.mfa_verified_at,
            "acr": session.acr,
        }

    def validate_user(self, token, ip_address=None):
        session = self._valid(token, ip_address)
        return [session.user_id if session else None]

    def validate_session(self, token, ip_address=None):
        session = self._valid(token, ip_address)
        return [self._shown_valid(session)] if session else []

    def validate_session_hash(self, session_id, token, ip_address=None):
        """With the token, where the function has its hash."""
        required(session_id)
        session = self._by_token(token)
        return self.validate_session(token, ip_address) if session and session.id == session_id else []

    def validate_sessions(self, tokens):
        return [
            {"token_index": index, **row}
            for index, token in enumerate(tokens or (), 1)
            for row in self.validate_session(token)
        ]

    def authenticate(self, token):
        """The answer also has what was bound."""
        session = self._valid(token)
        if session is None:
            return []
        return [{**self._shown_valid(session), "bound_session_id": session.id, "bound_user_id": session.user_id}]

    def introspect_token(self, token):
        for session in self.sessions.values():
            if token is None:
                continue
            if session.is_opened_by(token, self.now) and session.is_active(self.now):
                kind = "DPoP" if session.needs_proof_for == "request" else "Bearer"
                expires_at = session.expires_at if token == session.token else session.overlap_ends_at
            elif session.refresh_token == token and session.is_refreshable(self.now):
                kind, expires_at = "refresh_token", session.refresh_expires_at
            else:
                continue
            words = {
                "acr": session.acr,
                "amr": session.amr and list(session.amr),
                "cnf": {"jkt": session.thumbprint} if session.binding else None,
            }
            return [
                {
                    "active": True,
                    "sub": session.user_id,
                    "scope": " ".join(session.scopes),
                    "exp": expires_at // SECOND,
                    "iat": (session.replaced_at or session.created_at) // SECOND,
                    "auth_time": session.authenticated_at // SECOND,
                    "jti": session.id,
                    "token_type": kind,
                    **{name: told for name, told in words.items() if told is not None},
                }
            ]
        return [{"active": False}]

    # --- proofs of a key

    def session_challenge(self, token):
        purpose = self._purpose(token)
        return [self._given_challenge(purpose) if purpose else None]

    def _purpose(self, token: str | None) -> tuple | None:
        """What a challenge for this token is for."""
        session = self._by_token(token)
        if session and session.binding is None:
            return self._registration(session) if token == session.token else None
        if session:
            return self._request(session, token) if session.needs_proof_for == "request" else None
        session = self._bound_by(token)
        return session and self._renewal(session, token, session.generation)

    @staticmethod
    def _registration(session: Session) -> tuple:
        return ("registration", session.id, session.token)

    @staticmethod
    def _request(session: Session, token: str) -> tuple:
        return ("request", session.id, session.binding.number, token)

    @staticmethod
    def _renewal(session: Session, refresh_token: str, generation: int) -> tuple:
        """The client may have another token of the same family by the time it answers."""
        family = refresh_token if refresh_token in session.imported else session.family
        return ("refresh", session.id, session.binding.number, family, generation)

    def _given_challenge(self, purpose: tuple) -> str:
        """It is the same while the clock stands still, and none that was given for something else."""
        lifetime = self.settings["challenge_expiry"]
        for text, known in self.challenges.items():
            is_same = (known.purpose, known.lifetime) == (purpose, lifetime)
            if is_same and known.first_given_at <= self.now <= known.last_given_at:
                return text
        text = self.answer[0] if self.answer else None
        if text is None or not re.fullmatch("[A-Za-z0-9_-]{54}", text):
            return "a challenge"
        known = self.challenges.get(text)
        if known and known.purpose != purpose:
            return "another challenge"
        given = Challenge(purpose, lifetime, self.now, self.now)
        if known and known.lifetime == lifetime:
            given = known._replace(
                first_given_at=min(known.first_given_at, self.now), last_given_at=max(known.last_given_at, self.now)
            )
        self.challenges[text] = given
        return text

    def is_in_doubt(self, proof: Proof, at: int) -> bool:
        """Whether nobody can tell if the challenge that it answers is good still, at this time."""
        known, lifetime = self.challenges.get(proof.challenge), self.settings["challenge_expiry"]
        return known is not None and not known.is_spent(at, lifetime) and not known.is_fresh(at, lifetime)

    def was_in_doubt(self, proof: Proof) -> bool:
        """The same of a time by which a proof that comes again is judged."""
        return any(
            self.is_in_doubt(proof, at)
            for session in self.sessions.values()
            if session.binding
            for at in (session.binding.at, session.replaced_at)
            if at is not None
        )

    def _answers(self, proof: Proof, purpose: tuple, at: int) -> bool:
        known, lifetime = self.challenges.get(proof.challenge), self.settings["challenge_expiry"]
        if known is None or known.purpose != purpose or known.is_spent(at, lifetime):
            return False
        return known.is_fresh(at, lifetime) or self.has_benefit_of_doubt

    def _is_for(self, proof: Proof, http_method: str | None, http_uri: str | None, at: int) -> bool:
        """Whether a proof of DPoP is for this request, at this time."""
        is_of_now = abs(at - proof.issued_at) <= self.settings["proof_max_age"]
        is_same = http_method is not None and proof.method == http_method
        return is_of_now and is_same and URIS[http_uri] is not None and URIS[proof.uri] == URIS[http_uri]

    def bind_session(self, token, proof, http_method=None, http_uri=None):
        session = self.registers(token, proof, http_method, http_uri)
        return self.bind_proven(session.id, token, proof) if session else []

    def registers(self, token, proof, http_method=None, http_uri=None) -> Session | None:
        """The session to which the proof binds its key, or has bound it."""
        session = self._by_token(token)
        if session is None or token != session.token or proof is None or proof.protocol is None:
            return None
        times = [self.now, session.binding.at] if session.binding else [self.now]
        return session if any(self._registers_at(at, session, proof, http_method, http_uri) for at in times) else None

    def _registers_at(self, at, session, proof, http_method, http_uri) -> bool:
        is_good = proof.carried is not None and proof.is_by(proof.carried)
        if proof.protocol == "dpop":
            is_good = is_good and self._is_for(proof, http_method, http_uri, at) and proof.token == session.token
        if proof.protocol == "dbsc" or self.settings["proof_nonce"]:
            is_good = is_good and self._answers(proof, self._registration(session), at)
        return is_good

    def bind_proven(self, session_id, token, proof):
        session = self.sessions.get(session_id)
        if session is None or token != session.token or not session.is_active(self.now):
            return []
        needed_for = BOUND_FOR[proof.protocol]
        if session.binding is None:
            self.bindings += 1
            bound = session._replace(binding=Binding(self.bindings, needed_for, proof.carried, self.now))
            expires_at = self._bounded(bound, session.expires_at)
            session = self._change_in_use(session, binding=bound.binding, expires_at=expires_at)
            self._log("session.bound", session.user_id, session.id, session.device_id)
        elif (session.needs_proof_for, session.thumbprint) != (needed_for, proof.carried):
            return []
        return [
            {
                "session_id": session.id,
                "binding": needed_for,
                "key_thumbprint": session.thumbprint,
                "expires_at": session.expires_at,
                "refresh_expires_at": session.refresh_expires_at,
            }
        ]

    def _bounded(self, session: Session, expires_at: int) -> int:
        """A session token is short-lived where each refresh needs a proof, and requests do not."""
        if session.needs_proof_for != "refresh":
            return expires_at
        return min(expires_at, self.now + self.settings["bound_session_expiry"])

    def validate_session_proof(self, token, proof, http_method, http_uri, ip_address=None):
        required(http_method, http_uri)
        session = self._by_token(token)
        if session is None or session.needs_proof_for != "request":
            return []
        is_good = proof is not None and proof.protocol == "dpop" and proof.is_by(session.thumbprint)
        is_good = is_good and self._is_for(proof, http_method, http_uri, self.now) and proof.token == token
        if is_good and self.settings["proof_nonce"]:
            is_good = self._answers(proof, self._request(session, token), self.now)
        if not is_good:
            self._reject(session, ip_address)
            return []
        self._note(session, ip_address)
        return [self._shown_valid(session)]

    def _bound_by(self, refresh_token: str | None) -> Session | None:
        """The bound session that can be refreshed, and issued this refresh token, whenever that was."""
        for session in self.sessions.values():
            if session.binding and session.has_issued(refresh_token) and session.is_refreshable(self.now):
                return session
        return None

    def _refresh_bound(
        self, session, refresh_token, ip_address, user_agent, proof, http_method, http_uri
    ) -> list[dict]:
        worth = self._worth(session, refresh_token, proof, http_method, http_uri)
        if worth == "nothing":
            self._reject(session, ip_address)
        if worth == "the same pair" and not session.is_retry_over:
            return self._shown_pair(session, repeated=True)
        return self._refresh(session, refresh_token, ip_address, user_agent) if worth == "a pair" else []

    def _worth(self, session, refresh_token, proof, http_method, http_uri) -> str:
        """What the proof buys, whether or not the refresh token is spent."""
        if proof is None or BOUND_FOR.get(proof.protocol) != session.needs_proof_for:
            return "nothing"
        if not proof.is_by(session.thumbprint):
            return "nothing"
        is_retry = self._is_retry(session, refresh_token)
        worth = self._worth_at(self.now, is_retry, session, refresh_token, proof, http_method, http_uri)
        if worth != "nothing" or not is_retry:
            return worth
        then = self._worth_at(session.replaced_at, is_retry, session, refresh_token, proof, http_method, http_uri)
        return "the same pair" if then == "the same pair" else "nothing"

    def _worth_at(self, at, is_retry, session, refresh_token, proof, http_method, http_uri) -> str:
        if proof.protocol == "dpop" and not self._is_for(proof, http_method, http_uri, at):
            return "nothing"
        if proof.protocol == "dpop" and not self.settings["proof_nonce"]:
            return "the same pair" if is_retry else "a pair"
        if self._answers(proof, self._renewal(session, refresh_token, session.generation), at):
            return "a pair"
        is_repeated = is_retry and self._answers(
            proof, self._renewal(session, refresh_token, session.generation - 1), at
        )
        return "the same pair" if is_repeated else "nothing"

    def proves(
        self, refresh_token, ip_address, user_agent, proof=None, http_method=None, http_uri=None
    ) -> Session | None:
        """The session of which that proof buys a pair."""
        session = self._bound_by(refresh_token)
        is_good = session and self._worth(session, refresh_token, proof, http_method, http_uri) == "a pair"
        return session if is_good else None

    def refresh_proven(self, session_id, generation, refresh_token, ip_address, user_agent):
        session = self.sessions.get(session_id)
        if session is None or session.binding is None or session.generation != generation:
            return []
        is_good = session.is_refreshable(self.now)
        return self._refresh(session, refresh_token, ip_address, user_agent) if is_good else []

    # --- renewal

    def _is_within_grace(self, session: Session, at: int) -> bool:
        """A call that began before the replacement waited for it; without a grace it comes too late all the same."""
        grace = self.settings["refresh_grace"]
        return session.replaced_at is not None and grace > 0 and at < session.replaced_at + grace

    def _is_retry(self, session: Session, refresh_token) -> bool:
        return refresh_token == session.replaced and self._is_within_grace(session, self.began or self.now)

    @staticmethod
    def _shown_pair(session: Session, repeated: bool) -> list[dict]:
        return [
            {
                "session_id": session.id,
                "user_id": session.user_id,
                "token": session.token,
                "refresh_token": session.refresh_token,
                "expires_at": session.expires_at,
                "refresh_expires_at": session.refresh_expires_at,
                "repeated": repeated,
            }
        ]

    def refresh_session(
        self, refresh_token, ip_address=None, user_agent=None, proof=None, http_method=None, http_uri=None
    ):
        bound = self._bound_by(refresh_token)
        if bound:
            return self._refresh_bound(bound, refresh_token, ip_address, user_agent, proof, http_method, http_uri)
        for session in self.sessions.values():
            if refresh_token is None or session.binding or not session.is_usable(self.now):
                continue
            if refresh_token == session.refresh_token:
                is_good = session.is_refreshable(self.now)
                return self._refresh(session, refresh_token, ip_address, user_agent) if is_good else []
            if self._is_retry(session, refresh_token):
                is_over = session.is_retry_over or self.now >= session.refresh_expires_at
                return [] if is_over else self._shown_pair(session, repeated=True)
        reused = self.reused_session(refresh_token)
        return self.end_reused_session(reused.id, ip_address) if reused else []

    def end_reused_session(self, session_id, ip_address=None):
        session = self.sessions.get(session_id)
        if session:
            self._revoke([session], "Refresh token reuse", "session.reuse_detected", ip_address)
        return []

    def reused_session(self, refresh_token) -> Session | None:
        """The session that presenting this token would end."""
        for session in self.sessions.values():
            is_spent = refresh_token in session.spent and refresh_token != session.refresh_token
            can_be_ended = session.binding is None and session.can_be_revoked(self.now)
            if is_spent and can_be_ended and not self._is_retry(session, refresh_token):
                return session
        return None

    def _refresh(self, session: Session, presented: str, ip_address: str | None, user_agent: str | None) -> list[dict]:
        now, settings, absolute = self.now, self.settings, session.absolute_expires_at
        refresh_token = self._choose("refresh_token", "a refresh token")
        own_expiry = min(session.own_expiry, settings["session_expiry"])
        overlap_ends_at = min(session.expires_at, now + settings["token_overlap"])
        is_overlapping = overlap_ends_at > now
        renewed = self._change(
            session,
            token=self._choose("token", "a token"),
            refresh_token=refresh_token,
            family=session.family or refresh_token,
            generation=session.generation + 1,
            overlapping=session.token if is_overlapping else None,
            overlap_ends_at=overlap_ends_at if is_overlapping else None,
            replaced=presented,
            replaced_at=now,
            is_retry_over=False,
            spent=session.spent | {session.refresh_token, presented},
            expires_at=self._bounded(session, sooner(now + own_expiry, absolute)),
            refresh_expires_at=sooner(
                now + min(session.own_refresh_expiry, settings["refresh_token_expiry"]), absolute
            ),
            inactivity=shorter_timeout(session.own_inactivity, settings["inactivity_timeout"]),
            last_activity_at=now,
            ip_address=ip_address or session.ip_address,
        )
        device = self.devices.get(session.device_id)
        if user_agent and device:
            self.devices[device.id] = device._replace(user_agent=user_agent)
        self._log("session.refreshed", session.user_id, session.id, session.device_id, ip_address)
        return self._shown_pair(renewed, repeated=False)

    def _valid_to_replace(self, token: str | None) -> Session | None:
        """The session whose session token this is, and not the one before, with the activity of this call."""
        session = self._valid_unproven(token)
        return self.sessions[session.id] if session and token == session.token else None

    def rotate_session_token(self, token):
        session = self._valid_to_replace(token)
        if session is None:
            return []
        rotated = self._change(
            session, token=self._choose("token", "a token"), is_retry_over=True, overlapping=None, overlap_ends_at=None
        )
        self._log("session.rotated", session.user_id, session.id, session.device_id)
        return [{"session_id": rotated.id, "token": rotated.token, "expires_at": rotated.expires_at}]

    def reauthenticate_session(self, token, acr=None, amr=None, ip_address=None):
        check_length(acr, 255)
        session = self._valid_to_replace(token)
        if session is None:
            return []
        now, settings = self.now, self.settings
        own_absolute = session.absolute_expires_at - session.authenticated_at if session.absolute_expires_at else 0
        absolute_timeout = shorter_timeout(own_absolute, settings["absolute_timeout"])
        absolute = now + absolute_timeout if absolute_timeout else None
        own_expiry = min(session.own_expiry, settings["session_expiry"])
        has_refresh = session.refresh_token is not None
        refresh_token = self._choose("refresh_token", "a refresh token") if has_refresh else None
        renewed = self._change(
            session,
            token=self._choose("token", "a token"),
            refresh_token=refresh_token,
            family=refresh_token,
            generation=session.generation + 1,
            overlapping=None,
            overlap_ends_at=None,
            replaced=None,
            replaced_at=now,
            spent=frozenset(),
            expires_at=self._bounded(session, sooner(now + own_expiry, absolute)),
            refresh_expires_at=sooner(now + min(session.own_refresh_expiry, settings["refresh_token_expiry"]), absolute)
            if has_refresh
            else None,
            absolute_expires_at=absolute,
            inactivity=shorter_timeout(session.own_inactivity, settings["inactivity_timeout"]),
            last_activity_at=now,
            authenticated_at=max(now, session.created_at + 1),
            acr=acr or None,
            amr=amr,
            ip_address=ip_address or session.ip_address,
        )
        self._log("session.reauthenticated", session.user_id, session.id, session.device_id, ip_address)
        shown = self._shown_pair(renewed, repeated=False)
        del shown[0]["repeated"]
        return shown

    def extend_session(self, session_id, by=None):
        required(session_id)
        positive(by)
        session = self._active(session_id)
        if session is None:
            return [None]
        wanted = self.now + (by or min(session.own_expiry, self.settings["session_expiry"]))
        expires_at = max(session.expires_at, sooner(wanted, session.absolute_expires_at))
        if session.binding:
            expires_at = session.expires_at  # only a proof renews it
        self._change_in_use(session, expires_at=expires_at)
        return [expires_at]

    # --- revocation

    def revoke_session(self, session_id, reason=None):
        required(session_id)
        session = self.sessions.get(session_id)
        return [bool(session and self._revoke([session], reason or "User logout"))]

    def revoke_user_session(self, user_id, session_id, reason=None):
        required(user_id, session_id)
        session = self.sessions.get(session_id)
        return [bool(session and session.user_id == user_id and self._revoke([session], reason or "User logout"))]

    def revoke_session_by_token(self, token, reason=None):
        session = self.by_any_token(token)
        return [bool(session and self._revoke([session], reason or "User logout"))]

    def revoke_all_user_sessions(self, user_id, reason=None):
        required(user_id)
        return [self._revoke(self._sessions_of(user_id), reason or "User logout all")]

    def revoke_all_user_sessions_except(self, user_id, current_session_id, reason=None):
        required(user_id, current_session_id)
        others = [session for session in self._sessions_of(user_id) if session.id != current_session_id]
        return [self._revoke(others, reason or "User logout all others")]

    def revoke_device_sessions(self, user_id, device_id, reason=None):
        required(user_id, device_id)
        sessions = [session for session in self._sessions_of(user_id) if session.device_id == device_id]
        return [self._revoke(sessions, reason or "Device signed out")]

    def _inactive(self, inactive_for: int | None) -> list[Session]:
        """Without an interval, those past their own timeout, or the setting's."""
        positive(inactive_for)
        timeout = inactive_for or self.settings["inactivity_timeout"]
        return [
            session
            for session in self.sessions.values()
            if session.can_be_revoked(self.now)
            and (
                (timeout and session.last_activity_at <= self.now - timeout)
                or (inactive_for is None and session.is_idle(self.now))
            )
        ]

    def revoke_inactive_sessions(self, inactive_for=None, reason=None):
        inactive = self._inactive(inactive_for)
        return [
            sum(
                self._revoke(
                    [session for session in inactive if session.user_id == user_id], reason or "Inactivity timeout"
                )
                for user_id in list(self.users)
            )
        ]

    # --- lists and counts

    def _shown(self, session: Session, current_session_id: str | None) -> dict:
        device = self.devices.get(session.device_id)
        return {
            "id": session.id,
            "user_id": session.user_id,
            "device_id": session.device_id,
            "device_name": self._device_name(device) if device else None,
            "user_agent": device.user_agent if device else None,
            "ip_address": session.ip_address,
            "country": None,
            "city": None,
            "scopes": list(session.scopes),
            "metadata": session.metadata,
            "mfa_verified": session.mfa_verified_at is not None,
            "mfa_verified_at": session.mfa_verified_at,
            "mfa_method": session.mfa_method,
            "created_at": session.created_at,
            "last_activity_at": session.last_activity_at,
            "expires_at": session.expires_at,
            "idle_expires_at": session.idle_expires_at,
            "refresh_expires_at": session.refresh_expires_at,
            "absolute_expires_at": session.absolute_expires_at,
            "revoked_at": session.revoked_at,
            "revoke_reason": session.revoke_reason,
            "status": session.status(self.now),
            "is_active": session.is_active(self.now),
            "is_current": session.id == current_session_id,
            "authenticated_at": session.authenticated_at,
            "acr": session.acr,
            "amr": session.amr and list(session.amr),
            "binding": session.needs_proof_for,
            "key_thumbprint": session.thumbprint,
        }

    def get_session(self, session_id, current_session_id=None):
        required(session_id)
        session = self.sessions.get(session_id)
        return [self._shown(session, current_session_id)] if session else []

    def get_user_session(self, user_id, session_id, current_session_id=None):
        required(user_id, session_id)
        session = self.sessions.get(session_id)
        return [self._shown(session, current_session_id)] if session and session.user_id == user_id else []

    def list_user_sessions(self, user_id, current_session_id=None, include_inactive=None):
        required(user_id)
        return [
            self._shown(session, current_session_id)
            for session in self._sessions_of(user_id)
            if include_inactive or session.is_active(self.now)
        ]

    def list_inactive_sessions(self, inactive_for=None):
        return [self._shown(session, None) for session in self._inactive(inactive_for)]

    def list_mfa_verified_sessions(self, user_id):
        return [row for row in self.list_user_sessions(user_id) if row["mfa_verified"]]

    def count_user_sessions(self, user_id):
        return [len(self.list_user_sessions(user_id))]

    def count_active_sessions(self):
        return [sum(session.is_active(self.now) for session in self.sessions.values())]

    def _shown_events(self, events: Iterable[Event], since: int | None, max_rows: int | None) -> list[dict]:
        if max_rows is not None and max_rows <= 0:
            raise Refused(OUT_OF_RANGE)
        rows = [
            {
                "at": event.at,
                "kind": event.kind,
                "user_id": event.user_id,
                "session_id": event.session_id,
                "device_id": event.device_id,
                "ip_address": event.ip_address,
                "reason": event.reason,
                "detail": {"method": event.method} if event.method else None,
            }
            for event in events
            if since is None or event.at >= since
        ]
        return ordered(rows, self.answer or [], lambda row: -row["at"], lambda row: row)[: max_rows or 100]

    def list_events(self, user_id, since=None, max_rows=None):
        required(user_id)
        return self._shown_events((event for event in self.events if event.user_id == user_id), since, max_rows)

    def list_all_events(self, since=None, max_rows=None):
        return self._shown_events(self.events, since, max_rows)

    # --- what a session carries

    def _mark(self, session: Session | None, method: str | None) -> list[bool]:
        if session is None:
            return [False]
        self._change_in_use(session, mfa_verified_at=self.now, mfa_method=method)
        self._log("session.mfa_verified", session.user_id, session.id, session.device_id, method=method)
        return [True]

    def mark_mfa_verified(self, session_id, method=None):
        required(session_id)
        check_length(method, 64)
        return self._mark(self._active(session_id), method)

    def mark_mfa_verified_by_token(self, token, method=None):
        check_length(method, 64)
        session = self._valid_unproven(token)
        return self._mark(session and self.sessions[session.id], method)

    def _set(self, session_id: str, **values: Any) -> list[bool]:
        session = self._active(session_id)
        if session:
            self._change_in_use(session, **values)
        return [session is not None]

    def clear_mfa_verified(self, session_id):
        required(session_id)
        return self._set(session_id, mfa_verified_at=None, mfa_method=None)

    def set_session_scopes(self, session_id, scopes):
        required(session_id, scopes)
        check_scopes(scopes)
        return self._set(session_id, scopes=tuple(scopes))

    def set_session_metadata(self, session_id, metadata):
        required(session_id, metadata)
        return self._set(session_id, metadata=metadata)

    def patch_session_metadata(self, session_id, patch):
        required(session_id, patch)
        session = self._active(session_id)
        metadata = session and json.dumps(merged(json.loads(session.metadata), json.loads(patch)))
        return self._set(session_id, metadata=metadata)

    def touch_sessions(self, session_ids):
        required(session_ids)
        touched = 0
        for session_id in session_ids:
            session = self.sessions.get(session_id)
            if session and self._touch(session, Activity(self.now, None)):
                touched += 1
        return [touched]

    # --- devices

    @staticmethod
    def _device_name(device: Device) -> str | None:
        browser, os, _ = USER_AGENTS[device.user_agent]
        return device.name or " on ".join(part for part in (browser, os) if part) or None

    def _shown_device(self, device: Device, current_device_id: str | None) -> dict:
        browser, os, device_type = USER_AGENTS[device.user_agent]
        sessions = [session for session in self.sessions.values() if session.device_id == device.id]
        answered = next((row for row in self.answer or [] if row["id"] == device.id), {})
        possible = self._possible_addresses(device, sessions)
        ip_address = answered.get("ip_address")
        seen = max([device.last_seen_at, *(session.last_activity_at for session in sessions)])
        if not device.is_seen_exactly and device.first_seen_at <= answered.get("last_seen_at", seen) <= seen:
            seen = answered.get("last_seen_at", seen)
        return {
            "id": device.id,
            "user_id": device.user_id,
            "name": self._device_name(device),
            "user_agent": device.user_agent,
            "browser": browser,
            "os": os,
            "device_type": device_type,
            "ip_address": ip_address if ip_address in possible else possible[0],
            "country": None,
            "city": None,
            "first_seen_at": device.first_seen_at,
            "last_seen_at": seen,
            "trusted_until": device.trusted_until,
            "is_trusted": self._is_trusted(device),
            "active_sessions": sum(session.is_active(self.now) for session in sessions),
            "is_current": device.id == current_device_id,
            "is_bound": any(session.binding is not None and session.is_usable(self.now) for session in sessions),
        }

    @staticmethod
    def _possible_addresses(device: Device, sessions: list[Session]) -> list[str | None]:
        """The address of the latest activity that told one."""
        telling = [session for session in sessions if session.ip_address]
        latest = max((session.last_activity_at for session in telling), default=None)
        if latest is None:
            return [device.ip_address, *device.older_addresses]
        told = [session.ip_address for session in telling if session.last_activity_at == latest]
        # What was told at the same time by a sign-in, or by sessions that are no more, may be shown as well.
        return told + ([device.ip_address, *device.older_addresses] if device.last_seen_at >= latest else [])

    def list_user_devices(self, user_id, current_device_id=None):
        required(user_id)
        return [self._shown_device(device, current_device_id) for device in self._devices_of(user_id)]

    def _is_trusted(self, device: Device) -> bool:
        return device.trusted_until is not None and self.now < device.trusted_until

    def _keyed_device(self, user_id: str, key: str | None) -> Device | None:
        required(user_id)
        return next((device for device in self._devices_of(user_id) if key and device.identity == ("key", key)), None)

    def is_known_device(self, user_id, device_key):
        return [self._keyed_device(user_id, device_key) is not None]

    def is_trusted_device(self, user_id, device_key):
        device = self._keyed_device(user_id, device_key)
        return [device is not None and self._is_trusted(device)]

    def _change_device(self, user_id: str, device_id: str, **values: Any) -> list[bool]:
        device = self._device(user_id, device_id)
        if device:
            self.devices[device_id] = device._replace(**values)
        return [device is not None]

    def trust_device(self, user_id, device_id, trust_for=None):
        required(user_id, device_id)
        positive(trust_for)
        trusted_until = self.now + (trust_for or self.settings["device_trust"])
        done = self._change_device(user_id, device_id, trusted_until=trusted_until)
        if done == [True]:
            self._log("device.trusted", user_id, None, device_id)
        return done

    def untrust_device(self, user_id, device_id):
        required(user_id, device_id)
        return self._change_device(user_id, device_id, trusted_until=None)

    def untrust_all_devices(self, user_id):
        required(user_id)
        trusted = [device for device in self._devices_of(user_id) if self._is_trusted(device)]
        for device in self._devices_of(user_id):
            self.devices[device.id] = device._replace(trusted_until=None)
        return [len(trusted)]

    def rename_device(self, user_id, device_id, name):
        required(user_id, device_id, name)
        return self._change_device(user_id, device_id, name=name or None, is_renamed=bool(name))

    def forget_device(self, user_id, device_id):
        required(user_id, device_id)
        if self._device(user_id, device_id) is None:
            return [False]
        self.revoke_device_sessions(user_id, device_id)
        del self.devices[device_id]
        self._log("device.forgotten", user_id, None, device_id, reason="Device signed out")
        return [True]

    # --- users and maintenance

    def user_epoch(self, user_id):
        required(user_id)
        return [self.users[user_id].epoch if user_id in self.users else 0]

    def set_user_session_limit(self, user_id, max_sessions):
        required(user_id)
        if max_sessions is not None and max_sessions < 0:
            raise Refused(OUT_OF_RANGE)
        self.users[user_id] = self._know(user_id)._replace(max_sessions=max_sessions)
        return [""]

    def disable_user(self, user_id, reason=None):
        required(user_id)
        reason = reason or "User disabled"
        user = self._know(user_id)
        if not user.is_disabled:
            self.users[user_id] = user._replace(is_disabled=True)
            self._log("user.disabled", user_id, None, None, None, reason)
        return [self._revoke(self._sessions_of(user_id), reason)]

    def enable_user(self, user_id):
        required(user_id)
        user = self.users.get(user_id)
        if user is None or not user.is_disabled:
            return [False]
        self.users[user_id] = user._replace(is_disabled=False)
        self._log("user.enabled", user_id, None, None)
        return [True]

    def is_user_disabled(self, user_id):
        required(user_id)
        return [user_id in self.users and self.users[user_id].is_disabled]

    def delete_user(self, user_id):
        required(user_id)
        sessions = self._sessions_of(user_id)
        self.sessions = {session.id: session for session in self.sessions.values() if session.user_id != user_id}
        self.devices = {device.id: device for device in self.devices.values() if device.user_id != user_id}
        self.events = tuple(event for event in self.events if event.user_id != user_id)
        self.users.pop(user_id, None)
        return [len(sessions)]

    def cleanup_sessions(self, retention=None, batch_size=None):
        """The answer also tells what is left: ids of sessions and of devices, and events."""
        if retention is not None and retention < 0:
            raise Refused(OUT_OF_RANGE)
        if batch_size is not None and batch_size <= 0:
            raise Refused(OUT_OF_RANGE)
        batch = batch_size or self.settings["cleanup_batch_size"]
        cutoff = self.now - (self.settings["retention"] if retention is None else retention)
        kept_since = self.now - self.settings["retention"]

        # The oldest go first, of which those within one day are equals.
        dead = sorted((s for s in self.sessions.values() if s.over_at <= cutoff), key=lambda session: session.over_at)
        left = self._choose("sessions", [])
        deleted = dead
        if len(dead) > batch:
            latest = dead[batch - 1].over_at + DAY
            equals = [s for s in dead if s.over_at <= latest]
            deleted = [s for s in equals if s.id not in left]
            if len(deleted) != batch or any(
                s.over_at + DAY < max(d.over_at for d in deleted) for s in dead if s.id in left
            ):
                deleted = dead[:batch]
        for session in deleted:
            del self.sessions[session.id]
            device = self.devices.get(session.device_id)
            if device and session.ip_address:
                device = device._replace(older_addresses=(*device.older_addresses, session.ip_address))
                self.devices[device.id] = device
            if device and session.last_activity_at >= device.last_seen_at:
                # What is past the retention may be forgotten.
                self.devices[device.id] = device._replace(
                    last_seen_at=session.last_activity_at,
                    is_seen_exactly=device.is_seen_exactly and session.last_activity_at > kept_since,
                )

        # Old events go likewise: as many of the oldest as a batch has, of equals those that are not left.
        old = [event for event in self.events if event.at < kept_since]
        left = self._choose("events", [])
        kept = ordered(old, left, lambda event: -event.at, self._shown_briefly)[: max(0, len(old) - batch)]
        self.events = (*kept, *(event for event in self.events if event.at >= kept_since))

        # Unused devices go, though not with the first call.
        used = {session.device_id for session in self.sessions.values()}
        left = self._choose("devices", [])
        for device in list(self.devices.values()):
            may_go = device.id not in used and device.last_seen_at <= kept_since and not self._is_trusted(device)
            if may_go and device.id not in left:
                del self.devices[device.id]
        return [
            {
                "deleted": len(deleted),
                "sessions": sorted(self.sessions),
                "devices": sorted(self.devices),
                "events": [self._shown_briefly(event) for event in self.events],
            }
        ]

    @staticmethod
    def _shown_briefly(event: Event) -> list:
        return [event.at, event.kind, event.session_id, event.device_id, event.ip_address, event.reason, event.method]
