"""Clients of two servers while a range of buckets moves from one to the other: half of them have users of the range.

    moving_load.py '{"servers": ["host=… port=…", …], "range": 12, …}'       started by Load.pm

Like load.py, which this goes by. Where `bouncer` is given, all go through it: those of the range by its database
`moving`, the others by `staying`, and no error is expected. Else a client of the range that is told that the server
does not hold it looks for the one that does. Nobody else may be told so.
"""

import hashlib
import time
import uuid

import load
from load import Connection, CreateShared, User, Wrong

NOT_HELD = "55000"


def bucket_of(user_id):
    return int.from_bytes(hashlib.sha256(uuid.UUID(user_id).bytes).digest()[:2], "big") >> 4


def holds(setting, bucket):
    """Whether a server with this session_service.buckets has the bucket."""
    if setting in ("", "none"):
        return setting == ""
    ranges = [part.split("-") for part in setting.split(",")]
    return any(int(ends[0]) <= bucket <= int(ends[-1]) for ends in ranges)


class Client(load.Client):
    def __init__(self, all_of_them, number):
        self.moves = number % 2 == 0
        super().__init__(all_of_them, number)
        self.refused_since = None

    def new_user(self):
        user = User()
        while not self.load.is_for(self.moves, user.id):
            user.id = str(uuid.uuid4())
        return user

    def choose_shared(self, user):
        shared = [user_id for user_id in self.load.shared if self.load.is_for(self.moves, user_id)]
        return CreateShared(self.random.choice(shared), self)

    def conninfo(self):
        if self.load.bouncer:
            return f"{self.load.bouncer} dbname={'moving' if self.moves else 'staying'}"
        return self.load.server_of(self)

    def step(self):
        answered = self.load.acknowledged
        super().step()
        if self.refused_since is not None and self.load.acknowledged > answered and self.connection is not None:
            self.count("of others, while it was refused", self.load.answered_others - self.refused_since)
            self.refused_since = None
        if not self.moves:
            self.load.answered_others += 1

    def is_sent_away(self, failed):
        return failed.sqlstate == NOT_HELD and self.moves and not self.load.bouncer

    def expect_context(self):
        """Of settings one changes while a client is at work."""

    def go_on(self, failed):
        if self.is_sent_away(failed):
            raise failed
        super().go_on(failed)

    def failed(self, failed):
        """Nothing happened: the next try goes to whoever holds the range then."""
        if not self.is_sent_away(failed):
            super().failed(failed)
            return
        self.count("refused")
        if self.refused_since is None:
            self.refused_since = self.load.answered_others
        self.connection.close()
        self.connection = None


class Load(load.Load):
    client = Client

    def __init__(self, options):
        self.servers = options["servers"]
        self.bouncer = options.get("bouncer")
        self.admin_role = options["admin"]
        self.first = options["range"] * 256
        self.answered_others = 0
        super().__init__(options)
        # Of each kind some that its clients share.
        self.shared = [client.new_user().id for client in self.clients[:4]]

    def is_for(self, moves, user_id):
        """Users who stay are on the first server, which does not have the buckets of range 0."""
        bucket = bucket_of(user_id)
        return bucket >= 256 and moves == (self.first <= bucket < self.first + 256)

    def server_of(self, client):
        """The one that holds the client's users; while none does, it waits."""
        deadline = time.monotonic() + load.PATIENCE
        while time.monotonic() < deadline:
            for server in self.servers:
                if holds(self.setting_of(server), self.first if client.moves else self.first - 1):
                    return server
            time.sleep(0.01)
        raise Wrong("no server holds the range")

    def setting_of(self, server):
        connection = Connection(f"{server} application_name=looks user={self.admin_role}")
        connection.ask("SELECT session_service.session_bucket(NULL)")
        setting = connection.value("SHOW session_service.buckets")
        connection.close()
        return setting

    def settle(self):
        over = 0
        for moves in (True, False):
            clients = [client for client in self.clients if client.moves == moves]
            connection = Connection(f"{self.server_of(clients[0])} application_name=verify user={self.admin_role}")
            self.compare(clients, connection)
            over += int(self.over_the_limit(connection))
            connection.close()
        told = self.told()
        if over:
            told["problems"].append(f"{over} users over the limit")
        return told


if __name__ == "__main__":
    load.main(Load)
