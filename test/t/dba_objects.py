"""What a DBA may add to the tables of the extension, beside every call of it.

    python3 dba_objects.py CONNECTION SERVER_LOG [PART-OF-A-KIND'S-NAME [TABLE [ENGINE]]]

A cell is a kind of object (lib/dba_kinds.py) on one table. It has an extension that was created anew, with the sessions
of a fixture in it; the DBA's statements come after that, and then a life of calls (lib/dba_life.py), by a role that has
no right but to call them. What must be true in every cell:

- the server goes on, and its log has no internal error;
- an answer is right, an error is one that the object leads to, and what was said to be done is stored;
- a validation succeeds, and its transaction commits without waiting, together with what else it did;
- triggers ran once for each row version that was written, as logical decoding of the table shows;
- no row that was written breaks a constraint, at once or deferred, and each row is where its indexes say.

In the long form all cells are tried, with the setting session_service.engine of builds for developers at auto and at
statement, and then pairs of kinds. The short form has each kind on sessions, where most of the work is, or on another
table, most of them on both; the life in each is validations and other steps in turn, with those that write its table.
"""

import collections
import dataclasses
import multiprocessing
import os
import random
import re
import sys
import time

import psycopg

import dba_kinds
import dba_life
from dba_kinds import SCHEMA, WORDS, Facts, States, kinds_for
from tap_output import counted, done, empty, extent, ok

CONNECTION, SERVER_LOG = sys.argv[1:3]
WANTED = sys.argv[3:]
WORKERS = 2
# Each cell of the short form takes one of so many steps.
TURNS = 6
# The seconds that pairs of kinds may take, in the long form.
PAIRS_SECONDS = 2400
# A call that takes this long goes on for ever.
PATIENCE = "20s"
# What waits for somebody's lock: nobody lets go of it before.
SOON = "50ms"
# Then he does, for a call that waits where nothing ends it.
HELD_FOR = "2min"


def connect(database, **options):
    conninfo = psycopg.conninfo.make_conninfo(CONNECTION, dbname=database, **options)
    return psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)


def values_of(connection, query):
    return [row[0] for row in connection.execute(query).fetchall()]


# --- what the catalogue tells of the tables

EXAMPLES = {
    "text": "'x'",
    "integer": "1",
    "bigint": "1",
    "timestamp with time zone": "now() - interval '1 hour'",
    "inet": "'192.0.2.99'::inet",
    "jsonb": "'{}'",
    "bytea": "'x'",
    "uuid": "gen_random_uuid()",
    "session_service.token_hash": "session_service.hash_token('x')",
}
NUMBERED = {"integer": "n + 10", "bigint": "{} + n", "inet": "'10.0.0.0'::inet + n"}

Index = collections.namedtuple("Index", "name columns is_constraint kind")


@dataclasses.dataclass
class Column:
    name: str
    type: str
    not_null: bool

    @property
    def example(self):
        """A value where there was none, as SQL."""
        return EXAMPLES[self.type]

    @property
    def numbered(self):
        """Another value for each n, as SQL."""
        return NUMBERED[self.type].format(self.name)


class Catalogue:
    COLUMNS = """
        SELECT attname, format_type(atttypid, NULL), attnotnull FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"""
    INDEXES = """
        SELECT c.relname, ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid ORDER BY a.attnum),
            n.oid IS NOT NULL, CASE n.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid LEFT JOIN pg_constraint n ON n.conindid = c.oid
        WHERE i.indrelid = %s::regclass ORDER BY i.indisprimary DESC, 1"""

    def __init__(self, owner):
        self.version = owner.info.server_version
        self.is_soak = extent(False, True)
        self.columns, self.indexes = {}, {}
        for table in dba_life.TABLES:
            rows = owner.execute(self.COLUMNS, (SCHEMA + table,)).fetchall()
            self.columns[table] = [Column(*row) for row in rows]
            rows = owner.execute(self.INDEXES, (SCHEMA + table,)).fetchall()
            self.indexes[table] = [Index(*row) for row in rows]


# --- a worker: a database for the cells, and one that stands for another server


class Worker:
    def __init__(self, number, made):
        self.database, self.elsewhere = f"cells_{number}", f"elsewhere_{number}"
        self.fixture, self.stored, self.other_functions = made
        # What the server wrote since it was read last.
        self.log = open(SERVER_LOG, encoding="latin-1")
        self.log.seek(0, 2)
        with connect("postgres") as main:
            for database in (self.database, self.elsewhere):
                main.execute(f"CREATE DATABASE {database}")
        with connect(self.database) as owner:
            self.has = set(values_of(owner, "SELECT name FROM pg_available_extensions"))
            with open(os.path.join(os.path.dirname(dba_kinds.__file__), "dba_tools.sql"), encoding="utf-8") as tools:
                owner.execute(tools.read().encode())
            owner.execute(
                """
                CREATE SCHEMA work;
                CREATE TABLE work.done (what text);
                CREATE PROCEDURE work.validate_many_times(token text, times integer) LANGUAGE plpgsql AS $$
                BEGIN
                    FOR n IN 1 .. times LOOP
                        PERFORM FROM session_service.validate_session(token, ('192.0.2.' || n)::inet);
                        COMMIT;
                    END LOOP;
                END $$;
                GRANT USAGE ON SCHEMA work TO app;
                GRANT SELECT, INSERT ON work.done TO app"""
            )
            if "amcheck" in self.has:
                owner.execute("CREATE EXTENSION amcheck")
            if "postgres_fdw" in self.has:
                self.make_elsewhere(owner)
            self.can_decode = self.finds_decoder(owner)

    @staticmethod
    def finds_decoder(owner):
        """Whether the server has what tells which rows were written, to be compared with what triggers saw."""
        try:
            owner.execute("SELECT pg_create_logical_replication_slot(current_database(), 'test_decoding', true)")
        except psycopg.errors.UndefinedFile:
            print("# what triggers saw is not compared: there is no test_decoding")
            return False
        owner.execute("SELECT pg_drop_replication_slot(current_database())")
        return True

    def make_elsewhere(self, owner):
        with connect(self.elsewhere) as far:
            far.execute(
                """
                CREATE EXTENSION session_service;
                CREATE SCHEMA work;
                CREATE TABLE work.done (what text);
                CREATE TABLE work.audit (what text, operation text, xid bigint, rows bigint)"""
            )
            for table in dba_life.TABLES:
                far.execute(f"CREATE TABLE work.{table} (LIKE {SCHEMA}{table})")
        at = owner.info
        owner.execute(
            f"""
            CREATE EXTENSION postgres_fdw;
            CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw
                OPTIONS (host '{at.host}', port '{at.port}', dbname '{self.elsewhere}');
            CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user '{at.user}', password_required 'false');
            CREATE FOREIGN TABLE work.done_elsewhere (what text)
                SERVER elsewhere OPTIONS (schema_name 'work', table_name 'done');
            CREATE FOREIGN TABLE tools.audit_elsewhere (what text, operation text, xid bigint, rows bigint)
                SERVER elsewhere OPTIONS (schema_name 'work', table_name 'audit');
            GRANT SELECT, INSERT ON work.done_elsewhere TO app"""
        )

    def run(self, kind, engine, names, is_pair):
        """A cell that is over; begun again where a crash of another one's connection ended it."""
        for _ in range(5):
            self.log.readlines()
            cell = Cell(self, kind, engine, names, is_pair)
            is_broken = False
            try:
                cell.run()
            except psycopg.Error as error:
                is_broken = cell.is_broken()
                if not is_broken:
                    cell.problems.append(f"the test: {dba_life.described(error)}")
            cell.close()
            if is_broken:
                self.wait_for_server()
            if cell.see_log(self.log.readlines()) or not is_broken:
                return cell
        raise RuntimeError(f"{kind.name} on {kind.table} was ended by other cells again and again")

    @staticmethod
    def wait_for_server():
        for _ in range(600):
            try:
                connect("postgres").close()
                return
            except psycopg.OperationalError:
                time.sleep(0.1)
        raise RuntimeError("the server does not come back")


# --- a cell


class Cell:
    def __init__(self, worker, kind, engine, names, is_pair):
        self.worker, self.kind, self.engine, self.names, self.is_pair = worker, kind, engine, names, is_pair
        self.database, self.fixture = worker.database, worker.fixture
        self.problems, self.tried, self.refused = [], [], 0
        # The caller's work beside validations, of transactions that succeeded.
        self.finished = []
        self.pids, self.connections = set(), []
        self.owner = self.app = self.begun = self.xid = None

    def connect(self, **options):
        connection = connect(self.database, **options)
        self.pids.add(connection.info.backend_pid)
        self.connections.append(connection)
        return connection

    def close(self):
        for connection in self.connections:
            connection.close()

    def is_broken(self):
        return not self.connections or any(connection.broken for connection in self.connections)

    def see_log(self, lines):
        """Notes what the log says of this cell's connections; whether it says something bad."""
        before = len(self.problems)
        for line in lines:
            crash = re.search(r"server process \(PID (\d+)\) was terminated by (.*)", line)
            if crash and int(crash[1]) in self.pids:
                self.problems.append(f"the server crashed: {crash[2]}")
            mine = re.search(r" \[(\d+)\] (XX\d\d\d (?:ERROR|FATAL|PANIC).*|\w+ PANIC.*|TRAP.*)", line)
            if mine and int(mine[1]) in self.pids:
                self.problems.append(f"the log: {mine[2].strip()}"[:300])
        return len(self.problems) > before

    def run(self):
        if self.kind.needs_foreign and "postgres_fdw" not in self.worker.has:
            return
        self.prepare()
        if not self.set_up():
            return
        self.xid = self.owner.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()[0]
        if self.kind.audit and self.worker.can_decode:
            self.owner.execute("SELECT pg_create_logical_replication_slot(current_database(), 'test_decoding')")
        self.app = self.connect(user="app")
        self.app.execute(f"SET statement_timeout = '{PATIENCE}'")
        self.app.execute("SELECT set_config('tools.token', %s, false)", (self.fixture["listed"]["token"],))
        if self.kind.holder:
            self.live_beside_locks()
        else:
            dba_life.life(self, self.names)
        self.judge()

    def prepare(self):
        """The extension as it is made, with the fixture's rows, and nothing of the cell before."""
        self.owner = owner = self.connect()
        owner.execute("SET client_min_messages = error")
        for prepared in values_of(owner, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
            owner.execute(f"ROLLBACK PREPARED '{prepared}'")
        owner.execute(
            """
            SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
            WHERE database = current_database()"""
        )
        owner.execute(
            f"""
            ALTER DATABASE {self.database} RESET ALL;
            DROP PUBLICATION IF EXISTS dba;
            DROP EXTENSION IF EXISTS session_service CASCADE;
            DROP SCHEMA IF EXISTS session_service, dba CASCADE;
            CREATE SCHEMA dba;
            CREATE EXTENSION session_service;
            TRUNCATE work.done, tools.audit, tools.lookup"""
        )
        if self.kind.needs_foreign:
            owner.execute("TRUNCATE work.done_elsewhere, tools.audit_elsewhere")
        dba_life.restore(owner, self.worker.stored)
        self.begun = owner.execute("SELECT clock_timestamp()::text").fetchone()[0]

    def filled(self, sql):
        """A statement of the kind's, with what this cell has in place of <begun> and the like."""

        def array(ids):
            return "'{" + ",".join(map(str, ids)) + "}'"

        newcomers = [dba_life.user_of(name) for name in dba_life.NEWCOMERS]
        everybody = [entry["user_id"] for entry in self.fixture.values()] + newcomers
        values = {
            "begun": f"'{self.begun}'",
            "everybody": array(everybody),
            "newcomers": array(newcomers),
            "new": f"t.xmin::text::bigint > {self.xid}",
        }
        return re.sub("<(begun|everybody|newcomers|new)>", lambda mark: values[mark[1]], sql)

    def set_up(self):
        """Runs the DBA's statements; whether they were possible. Of one kind they must be, of two they may exclude
        each other."""
        for statement in self.kind.setup:
            try:
                self.owner.execute(self.filled(statement.lstrip("!")))
            except psycopg.Error as error:
                if self.owner.closed:
                    raise
                if not statement.startswith("!"):
                    if not self.is_pair:
                        self.problems.append(f"the DBA: {dba_life.described(error)}: {statement}"[:400])
                    return False
        if self.engine:
            self.owner.execute(f"ALTER DATABASE {self.database} SET session_service.engine = {self.engine}")
        return True

    def live_beside_locks(self):
        """A validation waits for nobody, not for a moment: the server notes each wait that lasts a millisecond. The
        rest gives up soon."""
        # Of two kinds the other may be what has the table read by statement.
        may_wait = self.kind.holds_up_select and (self.engine == "statement" or self.is_pair)
        if may_wait:
            self.kind.validation_refuses |= States("55P03")
        self.owner.execute(f"ALTER DATABASE {self.database} SET deadlock_timeout = '1ms'")
        self.app = self.connect(user="app")
        for connection in (self.app, self.owner):
            connection.execute(f"SET lock_timeout = '{SOON}'")
        holder = self.connect()
        holder.execute(f"SET idle_in_transaction_session_timeout = '{HELD_FOR}'; BEGIN")
        for statement in self.kind.holder:
            holder.execute(self.filled(statement))
        for name in (name for name in dba_life.BESIDE_A_LOCK if name in self.names):
            self.worker.log.readlines()
            dba_life.life(self, [name])
            lines = self.worker.log.readlines()
            self.see_log(lines)
            waits = [
                line.split("LOG: ")[-1].strip()
                for line in lines
                if f"[{self.app.info.backend_pid}]" in line and "still waiting for" in line
            ]
            if waits and name in dba_life.VALIDATIONS and not may_wait:
                self.problems.append(f"{name}: waits: {waits[0]}")
        try:
            holder.execute("ROLLBACK")
        except psycopg.OperationalError:
            self.connections.remove(holder)
            self.problems.append("a call waited for the lock, and its timeouts did not end it")

    # --- what must be true in the end

    def judge(self):
        self.judge_work()
        if self.kind.audit and self.worker.can_decode:
            self.judge_audit()
        for statement in self.kind.in_the_end:
            self.owner.execute(statement)
        for what, query in self.kind.empty.items():
            count = self.owner.execute(f"SELECT count(*) FROM ({self.filled(query)}) x").fetchone()[0]
            if count:
                self.problems.append(f"there is {what}: {count}")
        if "amcheck" in self.worker.has:
            self.judge_indexes()

    def judge_work(self):
        """Transactions with validations are done wholly or not at all, elsewhere too."""
        for table in ("done", "done_elsewhere") if self.kind.needs_foreign else ("done",):
            there = set(values_of(self.owner, f"SELECT what FROM work.{table}"))
            lost, left = set(self.finished) - there, there - set(self.finished)
            if lost or left:
                self.problems.append(
                    f"work.{table}: {len(lost)} transactions that succeeded are lost, "
                    f"{len(left)} that failed left something"
                )

    def judge_indexes(self):
        indexes = values_of(
            self.owner,
            """
            SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE c.relnamespace = ANY (ARRAY['session_service', 'dba']::regnamespace[]) AND c.relkind = 'i'
                AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree') AND i.indisvalid AND i.indisready""",
        )
        for index in indexes:
            try:
                self.owner.execute("SELECT bt_index_check(%s::regclass, true)", (index,))
            except psycopg.Error as error:
                if self.owner.closed:
                    raise
                self.problems.append(f"{index}: {dba_life.described(error)}")

    def changes(self):
        """By relation, what logical decoding has: transaction, operation, and the columns that an update changed where
        the whole old row was logged."""
        found, xid = collections.defaultdict(list), None
        slot = "SELECT data FROM pg_logical_slot_get_changes(current_database(), NULL, NULL)"
        for line in values_of(self.owner, slot):
            if line.startswith("BEGIN "):
                xid = int(line.split()[1])
                continue
            change = re.match(r"table (\S+): (INSERT|UPDATE|DELETE):", line)
            if not change:
                continue
            old, _, new = (
                dict(re.findall(r"(\w+)\[[^\]]*\]:('(?:[^']|'')*'|\S+)", part))
                for part in line.partition(" new-tuple: ")
            )
            found[change[1]].append((xid, change[2], {name for name in new if new[name] != old.get(name, "null")}))
        return found

    def judge_audit(self):
        changes = self.changes()
        written = collections.defaultdict(collections.Counter)
        table = "tools.audit_elsewhere" if self.kind.needs_foreign else "tools.audit"
        rows_written = self.owner.execute(f"SELECT what, operation, xid, rows FROM {table}").fetchall()
        for what, operation, xid, rows in rows_written:
            written[what, operation][xid] += rows
        for what, letter, how, of in self.kind.audit:
            operation = WORDS[letter]
            relations = of if of and how != "changed" else SCHEMA + self.kind.table
            made = [
                (xid, columns)
                for name, of_relation in changes.items()
                if name.startswith(relations)
                for xid, made_by, columns in of_relation
                if made_by == operation
            ]
            expected, fired = collections.Counter(xid for xid, _ in made), written[what, operation]
            too_few, too_many, nothing = expected - fired, fired - expected, collections.Counter()
            if how == "changed":
                too_few = collections.Counter(xid for xid, columns in made if of in columns) - fired
            elif how == "statement":
                too_few, too_many = collections.Counter(set(expected) - set(fired)), nothing
            elif how == "never":
                too_few, too_many = nothing, fired
            elif how == "at least":
                too_many = nothing
            if too_few or too_many:
                self.problems.append(
                    f"{what} ran {sum(fired.values())} times, {operation} {sum(expected.values())} times ({how}): "
                    f"{sum(too_few.values())} too few, {sum(too_many.values())} too many"
                )


# --- all cells

worker = None


def start_worker(numbers, made):
    global worker
    worker = Worker(numbers.get(), made)


def run_cell(task):
    kind, engine, names, is_pair = task
    cell = worker.run(kind, engine, names, is_pair)
    return kind, engine, cell.problems, cell.tried, cell.refused


def chosen(kinds):
    """Of the kinds those that are tried: in the short form all on sessions, and each second one, and each that is not
    for sessions, on one of the other tables in turn."""
    if WANTED:
        return [kind for kind in kinds if WANTED[0] in kind.name and kind.table in (WANTED[1:2] or dba_life.TABLES)]
    if extent(False, True):
        return kinds
    by_name = collections.defaultdict(dict)
    for kind in kinds:
        by_name[kind.name][kind.table] = kind
    of_name = []
    for number, on in enumerate(by_name.values()):
        others = [kind for table, kind in on.items() if table != "sessions"]
        if "sessions" in on:
            of_name.append(on["sessions"])
        if others and (number % 2 or "sessions" not in on):
            of_name.append(others[number // 2 % len(others)])
    return of_name


def engines_for(number):
    """By statement goes, in the short form, each eighth: most kinds are not for the other engine anyway."""
    if not has_engine:
        return [None]
    if WANTED[2:]:
        return WANTED[2:]
    return ["auto", "statement"] if WANTED or extent(number % 8 == 0, True) else ["auto"]


def steps_for(kind, number):
    """In the short form what writes the kind's table, and each so many-th step in turn."""
    if WANTED or extent(False, True):
        return every_step
    return {*dba_life.WRITING[kind.table], *every_step[number % TURNS :: TURNS]}


def random_pair(kinds):
    """Two kinds, on one table or on two. Of two that count what triggers did, nobody could tell the counts apart."""
    while True:
        first, second = random.sample(kinds, 2)
        if not second.holder and not (first.audit and second.audit) and not second.audit:
            return first.beside(second)


def try_all(pool, kinds):
    tasks = [
        (kind, engine, steps_for(kind, number), False)
        for number, kind in enumerate(kinds)
        for engine in engines_for(number)
    ]
    left = collections.Counter(kind.name for kind, *_ in tasks)
    results, totals, beside = collections.defaultdict(list), collections.Counter(), collections.defaultdict(set)
    for kind, engine, problems, tried, refused in pool.imap_unordered(run_cell, tasks):
        where = f"{kind.table}{', ' + engine if engine else ''}"
        results[kind.name] += [f"{where}: {problem}" for problem in problems]
        totals.update(cells=1, steps=len(tried), refused=refused)
        beside[kind.table].update(tried)
        left[kind.name] -= 1
        if not left[kind.name]:
            empty(results[kind.name], kind.name)
    if not WANTED:
        left_out = {table: set(every_step) - beside[table] for table in dba_life.TABLES}
        empty(
            [f"{name}, {table}" for table, names in left_out.items() for name in names],
            "each step was tried beside objects of each table",
        )
    counted(
        f"{len(results)} kinds of objects, {totals['cells']} cells of kind and table, {len(every_step)} steps, "
        f"{totals['steps']} tried, {totals['refused']} of them refused"
    )


def try_pairs(pool, kinds):
    end = time.monotonic() + PAIRS_SECONDS
    problems_of_pairs, pairs = [], 0
    while time.monotonic() < end:
        tasks = [(random_pair(kinds), random.choice(engines_for(0)), every_step, True) for _ in range(20)]
        for kind, engine, problems, _, _ in pool.imap_unordered(run_cell, tasks):
            pairs += 1
            problems_of_pairs += [f"{kind.name}, on {kind.table}, {engine}: {problem}" for problem in problems]
    empty(problems_of_pairs, "pairs of kinds")
    counted(f"{pairs} pairs of kinds")


# --- beside the cells

SIGN_INS_WITHIN = {
    "RETURNING": """
        UPDATE session_service.users SET max_sessions = 9 WHERE user_id = %s
        RETURNING (SELECT c.token FROM session_service.create_session(user_id) c)""",
    "WITH": """
        WITH u AS (UPDATE session_service.users SET max_sessions = 8 WHERE user_id = %s RETURNING user_id)
        SELECT c.token FROM u, session_service.create_session(u.user_id) c""",
}


def sign_in_within_an_update(of):
    """A call from within a statement that has just changed the user's row."""
    for what, statement in SIGN_INS_WITHIN.items():
        name = f"a sign-in within an UPDATE of the user's row, {what}"
        try:
            with connect("fixture") as owner:
                token = owner.execute(statement, (of["user_id"],)).fetchone()[0]
                found = owner.execute(f"SELECT count(*) FROM {SCHEMA}validate_session(%s)", (token,)).fetchone()[0]
                ok(found == 1, name)
        except psycopg.Error as error:
            ok(False, name, dba_life.described(error))


def engine_calls(connection):
    shown = connection.execute("SHOW session_service.engine_calls").fetchone()[0]
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", shown)}


def each_engine_is_used(fixture):
    """That a way that should be taken is: else its cells would try the other one."""
    of = fixture["known"]
    for engine, used, unused in (("auto", "direct", "statement"), ("statement", "statement", "direct")):
        with connect("fixture") as connection:
            connection.execute("LOAD 'session_service'")
            connection.execute(f"SET session_service.engine = {engine}")
            for function, argument in (
                ("create_session", of.user_id),
                ("validate_session", of.token),
                ("refresh_session", of.refresh_token),
            ):
                before = engine_calls(connection)
                connection.execute(f"SELECT FROM {SCHEMA}{function}(%s)", (argument,))
                after = engine_calls(connection)
                ok(
                    after[used] > before[used] and after[unused] == before[unused],
                    f"{function} on untouched tables, {engine}: {used}",
                    before,
                    after,
                )


main = connect("postgres")
main.execute("CREATE ROLE app LOGIN; CREATE ROLE keeper; CREATE ROLE grantee; CREATE ROLE revokee")
main.execute("GRANT SET ON PARAMETER session_service.token_overlap TO app")
main.execute("CREATE TABLESPACE side LOCATION ''")
main.execute("CREATE DATABASE fixture")
started = values_of(main, "SELECT pg_postmaster_start_time()")
main.close()
with connect("fixture") as owner:
    owner.execute("CREATE EXTENSION session_service")
    catalogue = Catalogue(owner)
    made = dba_life.make_fixture(owner), dba_life.stored_rows(owner), dba_life.functions_without_a_step(owner)
    has_engine = values_of(owner, "SELECT current_setting('session_service.engine', true)") != [None]
    every_step = dba_life.names_of_steps(made[2])
    every_kind = [kind for table in dba_life.TABLES for kind in kinds_for(Facts(table, catalogue))]

# Python 3.14 and later start them in another way, which would run this file once more.
processes = multiprocessing.get_context("fork")
numbers = processes.Queue()
for number in range(WORKERS):
    numbers.put(number)
with processes.Pool(WORKERS, start_worker, (numbers, made)) as pool:
    try_all(pool, chosen(every_kind))
    if extent(False, True) and not WANTED:
        try_pairs(pool, every_kind)
if not WANTED:
    sign_in_within_an_update(made[0]["two"])
    if has_engine:
        each_engine_is_used(made[0])
with connect("postgres") as main:
    ok(values_of(main, "SELECT pg_postmaster_start_time()") == started, "it is the same server still")
done()
