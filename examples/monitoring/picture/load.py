"""Users who sign in, come back, refresh and sign out, more and then fewer of them, for some minutes: load.py MINUTES.

The PG… variables lead to the database. Needs Debian's python3-psycopg, and test/t/lib/proofs.py for sessions that are
bound to a key.
"""

import math
import random
import sys
import time
import uuid

import psycopg

from proofs import Key, dbsc_proof

USERS = [uuid.UUID(int=number) for number in range(1, 601)]
OFFICES = 8
# The same load each time.
random = random.Random(1)


class Client:
    """A browser or a phone, with the tokens that it holds."""

    def __init__(self, token, refresh_token):
        self.token, self.refresh_token, self.spent = token, refresh_token, []
        self.key = None
        # Never comes back, and does not sign out either.
        self.is_forgotten = random.random() < 0.2


class Load:
    def __init__(self, connection):
        self.connection = connection
        self.clients = []

    def call(self, function, *arguments):
        """A row, or None."""
        marks = ", ".join(["%s"] * len(arguments))
        return self.connection.execute(f"SELECT * FROM session_service.{function}({marks})", arguments).fetchone()

    def some_client(self):
        return random.choice(self.clients)

    def sign_in(self):
        address = f"10.{random.randrange(OFFICES)}.{random.randrange(256)}.{random.randrange(256)}"
        device = f"device {random.randrange(6)}"
        created = self.call("create_session", random.choice(USERS), device, None, address)
        client = Client(created[1], created[2])
        if random.random() < 0.25:
            self.bind(client)
        if not client.is_forgotten:
            self.clients.append(client)

    def bind(self, client):
        client.key = Key.es256()
        (challenge,) = self.call("session_challenge", client.token)
        self.call("bind_session", client.token, dbsc_proof(client.key, challenge))

    def take_over(self):
        """A session of another system."""
        token, refresh_token = uuid.uuid4().hex, uuid.uuid4().hex
        self.connection.execute(
            "SELECT session_service.import_session(session_service.hash_token(%s), %s, now() + interval '1 day', "
            "session_service.hash_token(%s))",
            (token, random.choice(USERS), refresh_token),
        )
        self.clients.append(Client(token, refresh_token))

    def come_back(self):
        client = self.some_client()
        if self.call("validate_session", client.token) is None:
            # It learns that it is signed out.
            self.clients.remove(client)

    def refresh(self):
        client = self.some_client()
        arguments = [client.refresh_token, None, None]
        if client.key:
            (challenge,) = self.call("session_challenge", client.refresh_token)
            if challenge is None:
                return
            is_thief = random.random() < 0.1
            arguments.append(dbsc_proof(Key.es256() if is_thief else client.key, challenge))
        refreshed = self.call("refresh_session", *arguments)
        if refreshed is None:
            return
        if random.random() < 0.15:
            # As if the answer had been lost.
            refreshed = self.call("refresh_session", *arguments)
        client.spent.append(client.refresh_token)
        client.token, client.refresh_token = refreshed[2], refreshed[3]

    def check_again(self):
        client = self.some_client()
        if fresh := self.call("reauthenticate_session", client.token):
            client.token, client.refresh_token, client.spent = fresh[2], fresh[3], []

    def sign_out(self):
        client = self.some_client()
        self.call("revoke_session_by_token", client.token)
        if random.random() < 0.7:
            self.clients.remove(client)

    def guess(self):
        self.call("validate_session", uuid.uuid4().hex)

    def use_a_spent_token(self):
        client = next((client for client in self.clients if len(client.spent) > 1 and not client.key), None)
        if client:
            self.call("refresh_session", client.spent[0])

    def end_an_office(self):
        self.call("revoke_sessions", None, f"10.{random.randrange(OFFICES)}.0.0/16")

    def end_what_is_idle(self):
        self.call("revoke_inactive_sessions", "2 minutes")

    def second(self, share):
        """What happens in a second, at this share of the whole time."""
        level = 0.55 - 0.45 * math.cos(3 * math.pi * share) + random.gauss(0, 0.03)

        def times(number, action):
            for _ in range(max(0, round(number * level + random.random() - 0.5))):
                action()

        times(10, self.sign_in)
        times(300, self.come_back)
        times(12, self.refresh)
        times(3, self.sign_out)
        times(2, self.check_again)
        if 0.15 < share < 0.4:
            times(6, self.take_over)
        if 0.55 < share < 0.65:
            times(40, self.guess)

    def run(self, seconds):
        # Prometheus has to see the counters before they move.
        time.sleep(12)
        begin = time.monotonic()
        # By the share of the time after which it comes.
        single = [(0.35, self.use_a_spent_token), (0.5, self.end_an_office), (0.6, self.use_a_spent_token)]
        for second in range(seconds):
            share = second / seconds
            self.second(share)
            if second % 30 == 29:
                self.end_what_is_idle()
            while single and share >= single[0][0]:
                single.pop(0)[1]()
            time.sleep(max(0, begin + second + 1 - time.monotonic()))


def main():
    with psycopg.connect(autocommit=True) as connection:
        load = Load(connection)
        # So that there is always one to be chosen.
        for _ in range(50):
            load.sign_in()
        load.run(int(float(sys.argv[1]) * 60) - 12)


if __name__ == "__main__":
    main()
