"""Kinds of objects that a DBA may add to a table of the extension, with what may come of the calls beside each.

    for kind in kinds_for(Facts(table, catalogue)): …

In a kind's SQL stand, for what its cell has: <t> the table; <begun> the time at which the DBA began, as a literal;
<everybody> and <newcomers> the ids of all users, and of those who come only later, as a literal; <new> the condition
that the row t was written after the DBA's statements. Objects of the DBA's go to the schema dba, which goes with the
cell; in the schema tools is what dba_tools.sql makes.
"""

import dataclasses
from collections import namedtuple

SCHEMA = "session_service."


class States:
    """A set of SQLSTATEs, or, by the word any, all with which a server may refuse a statement."""

    # Internal errors, crashes, lost connections, cancelled statements and waits are never right.
    NEVER = ("XX", "57", "58", "08", "53", "55P03", "40P01")

    def __init__(self, words=""):
        self.words = frozenset(words.split())

    def __contains__(self, state):
        return state in self.words or "any" in self.words and not state.startswith(self.NEVER)

    def __or__(self, other):
        return States(" ".join(self.words | other.words))


# That the trigger or rule `what` wrote its rows for the changes of the table by one operation (I, U, D; T is TRUNCATE):
#   each        one row for each change, in the transaction of the change
#   at least    the same, or more: BEFORE INSERT and its like are run for rows too that ON CONFLICT then updates
#   statement   some row in each transaction that made changes
#   changed     one for each change of the column `of` at least, and none without a change of the row
#   never       no row
# Else `of` is where the changes are, if not in the table itself: the beginning of the names of relations.
Audit = namedtuple("Audit", "what operation how of")


def audit(operations, how="each", what="a", of=None):
    return [Audit(what, operation, how, of) for operation in operations]


@dataclasses.dataclass
class Kind:
    name: str
    # The DBA's statements, each in a transaction of its own. One that begins with ! fails, and is meant to.
    setup: list
    # SQLSTATEs with which the server may refuse what was asked for; a validation; PREPARE TRANSACTION after one. COMMIT
    # after a validation is never refused.
    refuses: States = ""
    validation_refuses: States = ""
    prepare_refuses: States = ""
    # Whether the answer may be "no" where it would be "yes", since something is not stored.
    says_no: bool = False
    # Whether rows are hidden, so that lists and counts may be anything.
    hides: bool = False
    # Whether a validation at READ COMMITTED must record activity; else it may be left out.
    records: bool = True
    audit: list = dataclasses.field(default_factory=list)
    # Queries that return no row in the end, by what they look for.
    empty: dict = dataclasses.field(default_factory=dict)
    # Statements of another connection that holds locks during the life. Only some steps are tried then.
    holder: list = dataclasses.field(default_factory=list)
    # Whether those locks are ones that a SELECT of a row would wait for, and so a validation that reads by statement.
    holds_up_select: bool = False
    # By the owner, after the life and before the judgement.
    in_the_end: list = dataclasses.field(default_factory=list)
    # Whether it needs foreign tables. Then the caller's transactions write into one too.
    needs_foreign: bool = False
    table: str = ""

    STATES = ("refuses", "validation_refuses", "prepare_refuses")
    STATEMENTS = ("setup", "holder", "in_the_end")

    def __post_init__(self):
        for field in self.STATES:
            if isinstance(getattr(self, field), str):
                setattr(self, field, States(getattr(self, field)))

    def on(self, table):
        """The kind with its table's name in its statements."""
        name = SCHEMA + table
        named = {field: [sql.replace("<t>", name) for sql in getattr(self, field)] for field in self.STATEMENTS}
        empty = {what: sql.replace("<t>", name) for what, sql in self.empty.items()}
        return dataclasses.replace(self, table=table, empty=empty, **named)

    def beside(self, other):
        """Both at once: what either may lead to."""
        either = (*self.STATES, "says_no", "hides", "needs_foreign", "holds_up_select", "empty")
        both = {field: getattr(self, field) | getattr(other, field) for field in either}
        both |= {field: getattr(self, field) + getattr(other, field) for field in (*self.STATEMENTS, "audit")}
        name = f"{self.name}, beside {other.name}" + (f" on {other.table}" if other.table != self.table else "")
        return Kind(name, table=self.table, records=self.records and other.records, **both)


# What the extension does to each table, and columns of it that serve: `often` changes with a row's life, `optional` may
# be NULL, `distinct` can be made distinct in the rows that are there, so that new ones collide, `spare` can be lost,
# `text` has in the rows that are there at most `length` characters, and more in new ones.
Table = namedtuple("Table", "operations often optional distinct spare text length user", defaults=[None] * 6)
TABLES = {
    "users": Table("IUD", "epoch", "max_sessions", distinct="max_sessions", user="user_id"),
    "devices": Table("IUD", "last_seen_at", "ip_address", "ip_address", "os", "name", 8, "user_id"),
    "sessions": Table(
        "IUD", "last_activity_at", "ip_address", "refresh_expiry", "revoke_reason", "mfa_method", 4, "user_id"
    ),
    "events": Table("ID", "at", "ip_address", "ip_address", "detail", "kind", 20, "user_id"),
    "imported_tokens": Table("ID", "session_id"),
    "external_sessions": Table("ID", "session_id"),
    "access_levels": Table("ID", "level", text="level", length=8),
}
WORDS = {"I": "INSERT", "U": "UPDATE", "D": "DELETE", "T": "TRUNCATE"}


class Facts:
    """What kinds are made from: a table as the catalogue has it (see dba_objects.py), and the server's version."""

    def __init__(self, table, catalogue):
        self.table, self.version, self.is_soak = table, catalogue.version, catalogue.is_soak
        self.columns, self.indexes = catalogue.columns[table], catalogue.indexes[table]
        self.key = self.indexes[0].columns
        for field, value in TABLES[table]._asdict().items():
            setattr(self, field, value)

    def column(self, name):
        return next(column for column in self.columns if column.name == name)

    def type_of(self, name):
        return self.column(name).type

    def is_one_of(self, *tables):
        return self.table in tables


def events_of(operations):
    return " OR ".join(WORDS[operation] for operation in operations)


def trigger(name, when, events, function="tools.audit", more="", level="ROW"):
    return f"CREATE TRIGGER {name} {when} {events} ON <t> {more} FOR EACH {level} EXECUTE FUNCTION {function}()"


def constraint_trigger(events, function, how):
    return f"CREATE CONSTRAINT TRIGGER a AFTER {events} ON <t> {how} FOR EACH ROW EXECUTE FUNCTION {function}()"


def trigger_function(name, body):
    return f"CREATE FUNCTION dba.{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


DEFERRED = "DEFERRABLE INITIALLY DEFERRED"
# What is written here is looked up there at COMMIT.
REFERRING_NOTES = [
    "CREATE TABLE dba.known (what text PRIMARY KEY)",
    f"CREATE TABLE dba.notes (what text REFERENCES dba.known {DEFERRED})",
]

# Rows that were written, and are not what was there before. (A sign-in may write its user's row as it is.)
KEEP = "CREATE TABLE dba.before AS TABLE <t>"
CHANGED = "SELECT FROM <t> t WHERE <new> AND NOT EXISTS (SELECT FROM dba.before b WHERE b::text = t::text)"


# --- triggers

TRANSITIONS = {
    "I": ("REFERENCING NEW TABLE AS new_rows", "tools.audit_new"),
    "U": ("REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows", "tools.audit_new"),
    "D": ("REFERENCING OLD TABLE AS old_rows", "tools.audit_old"),
}


def trigger_kinds(t):
    for operation in t.operations:
        yield from trigger_kinds_for(t, operation)
    every, each = events_of(t.operations), audit(t.operations)
    before = audit("I", "at least", "b") + audit(t.operations[1:], what="b")
    yield Kind(
        "row triggers for everything",
        [trigger("a", "AFTER", every), trigger("b", "BEFORE", every)],
        audit=each + before,
    )
    yield Kind("a constraint trigger", [constraint_trigger(every, "tools.audit", "NOT DEFERRABLE")], audit=each)
    yield Kind(
        "a deferrable trigger that is not deferred",
        [constraint_trigger(every, "tools.audit", "DEFERRABLE INITIALLY IMMEDIATE")],
        audit=each,
        records=False,
    )
    yield Kind(
        "a deferred trigger", [constraint_trigger(every, "tools.audit_deferred", DEFERRED)], audit=each, records=False
    )
    writes = t.operations.replace("D", "")
    conditions = {"a": f"NEW.{t.often} IS NOT NULL", "b": f"NEW.{t.often} IS NULL"}
    yield Kind(
        "triggers with conditions",
        [
            trigger(name, "AFTER", events_of(writes)).replace(" EXECUTE", f" WHEN ({condition}) EXECUTE")
            for name, condition in conditions.items()
        ],
        audit=audit(writes) + audit(writes, "never", "b"),
    )
    for what, how, rows in (
        ("off", "DISABLE", "never"),
        ("for replicas", "ENABLE REPLICA", "never"),
        ("always on", "ENABLE ALWAYS", "each"),
    ):
        yield Kind(
            f"a trigger that is {what}",
            [trigger("a", "AFTER", every), f"ALTER TABLE <t> {how} TRIGGER a"],
            audit=audit(t.operations, rows),
        )
    yield Kind("a TRUNCATE trigger", [trigger("a", "BEFORE", "TRUNCATE", level="STATEMENT")], audit=audit("T", "never"))
    if "U" in t.operations:
        yield Kind(
            "a trigger of a column that no call sets",
            [trigger("a", "AFTER", "UPDATE OF bucket")],
            audit=audit("U", "never"),
        )
        yield Kind(
            "a trigger of a column that calls set",
            ["ALTER TABLE <t> REPLICA IDENTITY FULL", trigger("a", "AFTER", f"UPDATE OF {t.often}")],
            audit=audit("U", "changed", of=t.often),
        )
        # A sign-in writes its user's row as it was.
        suppressed = {"refuses": "any", "says_no": True} if t.is_one_of("users") else {}
        yield Kind(
            "the server's trigger that suppresses redundant updates",
            [trigger("a", "BEFORE", "UPDATE", "suppress_redundant_updates_trigger")],
            **suppressed,
        )
    yield from busy_trigger_kinds(t, every, each)


def trigger_kinds_for(t, operation):
    event = WORDS[operation]
    for when, rows in (("BEFORE", "at least" if operation == "I" else "each"), ("AFTER", "each")):
        yield Kind(f"a row trigger {when} {event}", [trigger("a", when, event)], audit=audit(operation, rows))
        yield Kind(
            f"a statement trigger {when} {event}",
            [trigger("a", when, event, level="STATEMENT")],
            audit=audit(operation, "statement"),
        )
    tables, function = TRANSITIONS[operation]
    yield Kind(
        f"a trigger with transition tables, {event}",
        [trigger("a", "AFTER", event, function, tables, "STATEMENT")],
        audit=audit(operation),
    )
    yield Kind(
        f"a row trigger that suppresses {event}",
        [trigger("a", "BEFORE", event, "tools.suppress")],
        refuses="any",
        says_no=True,
        records=False,
    )
    refused = {"a row that was refused": CHANGED} if operation == "I" and "U" not in t.operations else {}
    for what, statement in (
        ("a row", trigger("a", "AFTER", event, "tools.refuse")),
        ("a statement", trigger("a", "BEFORE", event, "tools.refuse", level="STATEMENT")),
        ("a deferred", constraint_trigger(event, "tools.refuse", DEFERRED)),
    ):
        yield Kind(
            f"{what} trigger that raises at {event}", [KEEP, statement], refuses="P0001", records=False, empty=refused
        )


def busy_trigger_kinds(t, every, each):
    """What triggers do."""
    notes = [
        *REFERRING_NOTES,
        trigger_function("note", "INSERT INTO dba.notes VALUES (TG_OP); RETURN NULL;"),
        trigger("a", "AFTER", every, "dba.note"),
    ]
    yield Kind(
        "a trigger that refers to what is there, at COMMIT",
        [*notes, "INSERT INTO dba.known VALUES ('INSERT'), ('UPDATE'), ('DELETE')"],
        records=not t.is_one_of("sessions"),
    )
    yield Kind(
        "a trigger that refers to what is not there, at COMMIT",
        notes,
        refuses="23503",
        records=False,
        empty={"a note that refers to nothing": "SELECT FROM dba.notes"},
    )
    send = """
        INSERT INTO tools.audit_elsewhere (what, operation, xid, rows) VALUES (TG_NAME, TG_OP, tools.xid(), 1);
        RETURN NULL;"""
    yield Kind(
        "a trigger that writes into a foreign table",
        [trigger_function("send", send), trigger("a", "AFTER", every, "dba.send")],
        audit=each,
        prepare_refuses="0A000",
        needs_foreign=True,
    )
    yield Kind("a trigger that calls the extension", [trigger("a", "AFTER", every, "tools.call_back")])
    yield Kind(
        "a trigger with a temporary table and a savepoint",
        [trigger("a", "AFTER", every, "tools.be_busy")],
        prepare_refuses="0A000",
    )
    if t.is_one_of("sessions"):
        stamp = "NEW.metadata := jsonb_set(NEW.metadata, '{stamp}', '1'); RETURN NEW;"
        missing = "SELECT FROM <t> WHERE created_at > <begun> AND NOT metadata ? 'stamp'"
        yield Kind(
            "a trigger that adds to the metadata",
            [trigger_function("stamp", stamp), trigger("a", "BEFORE", "INSERT", "dba.stamp")],
            empty={"a new session without the stamp": missing},
        )
        shorten = "NEW.expires_at := least(NEW.expires_at, now() + interval '36 days'); RETURN NEW;"
        yield Kind(
            "a trigger that shortens sessions",
            [trigger_function("shorten", shorten), trigger("a", "BEFORE", "INSERT OR UPDATE", "dba.shorten")],
        )


def rule_kinds(t):
    # What the server cannot do with rules beside ON CONFLICT, RETURNING and WITH is its error.
    refused = {"validation_refuses": "0A000", "records": False}
    for operation in t.operations:
        event, row = WORDS[operation], "old" if operation == "D" else "new"
        note = f"DO ALSO INSERT INTO tools.audit (what, operation, rows) VALUES ('a', '{event}', 1)"
        yield Kind(
            f"a rule DO ALSO, {event}",
            [f"CREATE RULE a AS ON {event} TO <t> {note}"],
            refuses="0A000",
            audit=audit(operation, "at least" if operation == "I" else "each"),
            **refused,
        )
        yield Kind(
            f"a rule with a condition, {event}",
            [f"CREATE RULE a AS ON {event} TO <t> WHERE {row}.{t.often} IS NULL {note}"],
            refuses="0A000",
            audit=audit(operation, "never"),
            **refused,
        )
        yield Kind(
            f"a rule DO INSTEAD NOTHING, {event}",
            [f"CREATE RULE a AS ON {event} TO <t> DO INSTEAD NOTHING"],
            refuses="any",
            says_no=True,
            **refused,
        )


# --- constraints


def check_kinds(t):
    yield Kind("a check that holds", [f"ALTER TABLE <t> ADD CHECK ({t.often} IS NOT NULL)"])
    yield Kind("a check that holds, by a function", [f"ALTER TABLE <t> ADD CHECK (tools.is_any({t.often}))"])
    broken = {"records": False, "empty": {"a row that breaks it": CHANGED}}
    yield Kind(
        "a check that nothing new meets",
        [KEEP, "ALTER TABLE <t> ADD CHECK (false) NOT VALID"],
        refuses="23514",
        **broken,
    )
    raising = f"1 / CASE WHEN {t.often} IS NULL THEN 1 ELSE 0 END > 0"
    yield Kind(
        "a check that raises", [KEEP, f"ALTER TABLE <t> ADD CHECK ({raising}) NOT VALID"], refuses="22012", **broken
    )
    yield Kind(
        "a check by a function that refers to what is not there, at COMMIT",
        [
            *REFERRING_NOTES,
            """
                   CREATE FUNCTION dba.note() RETURNS boolean LANGUAGE plpgsql AS $$
                   BEGIN INSERT INTO dba.notes VALUES ('checked'); RETURN true; END $$""",
            "ALTER TABLE <t> ADD CHECK (dba.note()) NOT VALID",
        ],
        refuses="23503",
        records=False,
        empty={"a note that refers to nothing": "SELECT FROM dba.notes"},
    )
    if t.is_one_of("sessions"):
        for what, holds, breaks in (
            ("the new address", "host(ip_address) <> '192.0.2.7'", "host(ip_address) = '192.0.2.7'"),
            ("activity", "last_activity_at <= created_at", "<new> AND last_activity_at > created_at"),
        ):
            yield Kind(
                f"a check that {what} breaks",
                [f"ALTER TABLE <t> ADD CHECK ({holds}) NOT VALID"],
                refuses="23514",
                records=False,
                empty={"a row that breaks it": f"SELECT FROM <t> t WHERE {breaks}"},
            )
    if t.version >= 180000:
        yield Kind("a check that is not enforced", ["ALTER TABLE <t> ADD CHECK (false) NOT ENFORCED"])


def not_null_kinds(t):
    """Of all columns, or in the short form of those that a sign-in without an address leaves empty, and that activity
    empties. Not of those in which a value makes a session or device another than the steps take it for."""
    for column in t.columns:
        name = column.name
        if (
            column.not_null
            or name in ("revoked_at", "mfa_verified_at", "trusted_until")
            or not (t.is_soak or name in (t.optional, "rotation_salt"))
        ):
            continue
        # What fills the column can make lists others than they were.
        refused = {"refuses": "23502", "says_no": True, "hides": True, "records": not t.is_one_of("sessions")}
        yield Kind(
            f"NOT NULL on {name}",
            [
                f"UPDATE <t> SET {name} = {column.example} WHERE {name} IS NULL",
                f"ALTER TABLE <t> ALTER {name} SET NOT NULL",
            ],
            empty={"a NULL": f"SELECT FROM <t> WHERE {name} IS NULL"},
            **refused,
        )
        if t.version >= 180000:
            yield Kind(
                f"NOT NULL NOT VALID on {name}",
                [KEEP, f"ALTER TABLE <t> ADD CONSTRAINT a NOT NULL {name} NOT VALID"],
                empty={"a NULL": f"{CHANGED} AND {name} IS NULL"},
                **refused,
            )


# What a DELETE of a referenced row leads to.
REFERENCES = {
    "NO ACTION": ("", "23503"),
    "RESTRICT": ("ON DELETE RESTRICT", "23503 23001"),
    "CASCADE": ("ON DELETE CASCADE", ""),
    "SET NULL": ("ON DELETE SET NULL", ""),
    "deferred": (DEFERRED, "23503"),
    "CASCADE, deferred": (f"ON DELETE CASCADE {DEFERRED}", ""),
}
# References that our tables could have: child, column, parent and its column.
WITHIN = (
    ("sessions", "device_id", "devices", "id"),
    ("sessions", "user_id", "users", "user_id"),
    ("devices", "user_id", "users", "user_id"),
    ("events", "user_id", "users", "user_id"),
    ("imported_tokens", "session_id", "sessions", "id"),
    ("external_sessions", "session_id", "sessions", "id"),
)


def foreign_key_kinds(t):
    key = ", ".join(t.key)
    is_same = " AND ".join(f"t.{name}::text = r.{name}::text" for name in t.key)
    lost = f"SELECT FROM dba.notes r WHERE r.{t.key[0]} IS NOT NULL AND NOT EXISTS (SELECT FROM <t> t WHERE {is_same})"
    for what, (clause, refuses) in REFERENCES.items():
        yield Kind(
            f"a foreign key to it, {what}",
            [
                f"CREATE TABLE dba.notes AS SELECT {key} FROM <t>",
                f"ALTER TABLE dba.notes ADD FOREIGN KEY ({key}) REFERENCES <t> ({key}) {clause}",
            ],
            refuses=refuses,
            records=DEFERRED not in clause,
            empty={"a row that refers to nothing": lost},
        )
    people = "CREATE TABLE dba.people (user_id uuid PRIMARY KEY)"
    newer = {
        "users": "false",
        "devices": "first_seen_at > <begun>",
        "sessions": "created_at > <begun>",
        "events": "at > <begun>",
    }
    clauses = {"": "", ", deferred": DEFERRED, ", ON DELETE CASCADE": "ON DELETE CASCADE"}
    for what, clause in clauses.items():
        records = DEFERRED not in clause
        refers = f"ALTER TABLE <t> ADD FOREIGN KEY (user_id) REFERENCES dba.people {clause}"
        if t.user:
            yield Kind(
                f"a foreign key to the application's users{what}",
                [people, "INSERT INTO dba.people SELECT unnest(<everybody>::uuid[])", refers],
                records=records,
            )
            yield Kind(
                f"a foreign key to users that are not there{what}",
                [people, f"{refers} NOT VALID"],
                refuses="23503",
                records=records,
                empty={"a row of nobody's": f"SELECT FROM <t> WHERE {newer[t.table]}"},
            )
        for column, parent, parent_key in (within[1:] for within in WITHIN if within[0] == t.table):
            dangling = f"FROM <t> c WHERE NOT EXISTS (SELECT FROM {SCHEMA}{parent} p WHERE p.{parent_key} = c.{column})"
            # Sessions are kept when their device goes, events when their user does, and an imported token comes before
            # its session: those are refused. What a deletion takes along is not counted by the call.
            yield Kind(
                f"a foreign key to {parent}{what}",
                [
                    f"DELETE {dangling}",
                    f"ALTER TABLE <t> ADD FOREIGN KEY ({column}, bucket) "
                    f"REFERENCES {SCHEMA}{parent} ({parent_key}, bucket) {clause}",
                ],
                refuses="23503",
                says_no="CASCADE" in clause,
                records=records,
                empty={"a row that refers to nothing": f"SELECT {dangling}"},
            )
    if t.user and t.version >= 180000:
        yield Kind(
            "a foreign key that is not enforced",
            [people, "ALTER TABLE <t> ADD FOREIGN KEY (user_id) REFERENCES dba.people NOT ENFORCED"],
        )


def unique_kinds(t):
    name = t.distinct
    if not name:
        return
    apart = (
        f"UPDATE <t> t SET {name} = {t.column(name).numbered} "
        "FROM (SELECT ctid AS place, row_number() OVER () AS n FROM <t>) x WHERE x.place = t.ctid"
    )
    twice = {"a value twice": f"SELECT FROM <t> WHERE {name} IS NOT NULL GROUP BY {name} HAVING count(*) > 1"}
    none = {"more than one row without a value": f"SELECT FROM <t> WHERE {name} IS NULL HAVING count(*) > 1"}
    index, exclude = "CREATE UNIQUE INDEX a ON <t>", f"ALTER TABLE <t> ADD EXCLUDE USING btree ({name} WITH =)"
    constraints = {
        "a unique index": (f"{index} ({name})", twice),
        "a unique index, NULLS NOT DISTINCT": (f"{index} ({name}) NULLS NOT DISTINCT", twice | none),
        "a partial unique index": (f"{index} ({name}) WHERE {name} IS NOT NULL", twice),
        "a unique index on an expression": (f"{index} (tools.in_sql({name}))", twice),
        "a unique constraint, deferred": (f"ALTER TABLE <t> ADD UNIQUE ({name}) {DEFERRED}", twice),
        "an exclusion constraint": (exclude, twice),
        "an exclusion constraint, deferred": (f"{exclude} {DEFERRED}", twice),
    }
    for what, (statement, empty) in constraints.items():
        # What sets the values apart gives users other limits.
        yield Kind(
            f"{what}, {name}",
            [apart, statement],
            refuses="23P01" if "exclusion" in what else "23505",
            says_no=t.is_one_of("users"),
            records="deferred" not in what,
            empty=empty,
        )


# --- columns

# Of columns of which a sign-in says nothing, with what the rows are that it makes.
DEFAULTS = {
    "users": ({"max_sessions": "3"}, "user_id = ANY (<newcomers>::uuid[]) AND max_sessions IS DISTINCT FROM 7"),
    "devices": ({"trusted_until": "'2099-01-01'"}, "first_seen_at > <begun>"),
    "sessions": (
        {"revoke_reason": "'preset'", "mfa_method": "'preset'"},
        "created_at > <begun> AND revoked_at IS NULL",
    ),
}


def column_kinds(t):
    lost = {"a new row without it": "SELECT FROM <t> t WHERE <new> AND note IS DISTINCT FROM 'none'"}
    filled = "ALTER TABLE <t> ADD note text DEFAULT 'none' NOT NULL"
    yield Kind("a column more", ["ALTER TABLE <t> ADD note text"])
    yield Kind("a column with a default", ["ALTER TABLE <t> ADD note text DEFAULT 'none'"], empty=lost)
    yield Kind("a column with a default, NOT NULL", [filled], empty=lost)
    yield Kind(
        "columns with defaults that are computed",
        [
            "ALTER TABLE <t> ADD note timestamptz DEFAULT clock_timestamp() NOT NULL",
            "ALTER TABLE <t> ADD id_of_note uuid DEFAULT gen_random_uuid() NOT NULL",
        ],
    )
    yield Kind(
        "a column of a domain",
        [
            "CREATE DOMAIN dba.short AS text DEFAULT 'none' CHECK (length(value) < 10)",
            "ALTER TABLE <t> ADD note dba.short",
        ],
        empty=lost,
    )
    yield Kind(
        "an identity column",
        ["ALTER TABLE <t> ADD number bigint GENERATED ALWAYS AS IDENTITY"],
        empty={"a number twice": "SELECT FROM <t> GROUP BY number HAVING count(*) > 1"},
    )
    yield Kind(
        "a column that nobody fills, NOT NULL", [filled, "ALTER TABLE <t> ALTER note DROP DEFAULT"], refuses="23502"
    )
    yield Kind("a column that was dropped", [filled, "ALTER TABLE <t> DROP note"])
    more = "ALTER TABLE <t> " + ", ".join(f"ADD note_{n} integer DEFAULT {n}" for n in range(70))
    yield Kind(
        "70 columns more",
        [more],
        empty={"a new row without the last one": "SELECT FROM <t> t WHERE <new> AND note_69 IS DISTINCT FROM 69"},
    )
    yield Kind(
        "70 columns more, and dropped", [more, "ALTER TABLE <t> " + ", ".join(f"DROP note_{n}" for n in range(70))]
    )
    if t.spare:
        yield Kind(
            f"{t.spare}, dropped and made anew",
            [f"ALTER TABLE <t> DROP {t.spare}", f"ALTER TABLE <t> ADD {t.spare} {t.type_of(t.spare)}"],
        )
    defaults, fresh = DEFAULTS.get(t.table, ({}, None))
    for name, value in defaults.items():
        change = f"ALTER TABLE <t> ALTER {name} SET DEFAULT {value}"
        missing = {"a new row without it": f"SELECT FROM <t> WHERE {fresh} AND {name} IS DISTINCT FROM {value}"}
        yield Kind(f"another default of {name}", [change], empty=missing)
        yield Kind(
            f"another default of {name}, beside a trigger",
            [change, trigger("a", "BEFORE", "UPDATE", "tools.harmless")],
            empty=missing,
        )


def generated_column_kinds(t):
    wrong = "a value that was not generated"
    for how in ("STORED", "VIRTUAL") if t.version >= 180000 else ("STORED",):
        yield Kind(
            f"generated columns, {how}",
            [
                f"ALTER TABLE <t> ADD g boolean GENERATED ALWAYS AS ({t.often} IS NULL) {how}",
                f"ALTER TABLE <t> ADD h {t.type_of(t.often)} GENERATED ALWAYS AS ({t.often}) {how}",
            ],
            empty={wrong: f"SELECT FROM <t> WHERE h IS DISTINCT FROM {t.often} OR g"},
        )
    yield Kind(
        "a generated column, by a function",
        [f"ALTER TABLE <t> ADD g text GENERATED ALWAYS AS (tools.by_query({t.often})) STORED"],
        empty={wrong: f"SELECT FROM <t> WHERE g IS DISTINCT FROM tools.by_query({t.often})"},
    )
    if t.is_one_of("devices", "sessions", "events"):
        raising = f"1 / CASE WHEN {t.often} <= timestamptz <begun> THEN 1 ELSE 0 END"
        yield Kind(
            "a generated column that raises",
            [f"ALTER TABLE <t> ADD g integer GENERATED ALWAYS AS ({raising}) STORED"],
            refuses="22012",
            records=False,
            empty={"a row that could not be": f"SELECT FROM <t> WHERE {t.often} > <begun>"},
        )


# Other types that a DBA may give to a column of this type, with how, where it is no cast.
OTHER_TYPES = {
    "jsonb": ["text", "json"],
    "timestamp with time zone": ["timestamp", "timestamptz(3)", "text"],
    "text": ["varchar", "varchar(1000)", "name"],
    "name": ["text"],
    "text[]": ["varchar[]"],
    "inet": ["cidr USING network({})", "text"],
    "uuid": ["text"],
    "bigint": ["numeric", "integer USING {} % 1000000"],
    "integer": ["bigint", "smallint"],
    "smallint": ["integer", "numeric"],
    "boolean": ["integer USING {}::integer", "text"],
    "bytea": ["text USING encode({}, 'hex')"],
    "session_service.token_hash": ["bytea"],
}


def type_kinds(t):
    """A column keeps its name, and its values as far as the other type has them. Where the server takes the statements
    of the functions for an error, that is the answer; wrong data never is."""
    refused = {"refuses": "any", "validation_refuses": "any", "records": False}
    by_type = {}
    for column in t.columns:
        by_type.setdefault(column.type, []).append(column.name)
    for old, names in by_type.items():
        for other in OTHER_TYPES.get(old, []):
            new, _, using = other.partition(" USING ")
            # In the short form each time of a session, and of all else one column.
            every = t.is_soak or t.is_one_of("sessions") and new == "timestamp"
            for name in names if every else names[-1:]:
                value = using.format(name) if using else f"{name}::{new}"
                # Where there is more than a cast, values are lost.
                yield Kind(
                    f"{name} as {new}",
                    [
                        f"ALTER TABLE <t> ALTER {name} DROP DEFAULT",
                        f"ALTER TABLE <t> ALTER {name} TYPE {new} USING {value}",
                    ],
                    says_no=bool(using) or new == "timestamptz(3)",
                    **refused,
                )
    if t.text:
        yield Kind(f"{t.text} with another collation", [f'ALTER TABLE <t> ALTER {t.text} TYPE text COLLATE "C"'])
        yield Kind(
            f"{t.text} of a length that is not enough",
            [f"ALTER TABLE <t> ALTER {t.text} TYPE varchar({t.length})"],
            empty={"a longer value": f"SELECT FROM <t> WHERE length({t.text}) > {t.length}"},
            **refused,
        )
        yield Kind(
            f"{t.text} of a domain that refuses what is new",
            [
                KEEP,
                "CREATE DOMAIN dba.nothing AS text",
                f"ALTER TABLE <t> ALTER {t.text} TYPE dba.nothing",
                "ALTER DOMAIN dba.nothing ADD CHECK (value IS NULL) NOT VALID",
            ],
            empty={
                "a value that it refuses": f"""
                       {CHANGED} AND {t.text} IS NOT NULL
                           AND NOT EXISTS (SELECT FROM dba.before b WHERE b.{t.text} = t.{t.text})"""
            },
            **refused,
        )


# --- indexes


def index_kinds(t):
    often = t.often
    yield Kind("an index", [f"CREATE INDEX a ON <t> ({often})"])
    is_time = t.type_of(often).startswith("timestamp")
    expression = f"extract(epoch FROM {often} - timestamptz 'epoch')" if is_time else f"{often}::text || 'a'"
    yield Kind("an index on an expression", [f"CREATE INDEX a ON <t> (({expression}))"])
    # One column that each activity changes, one that it may, and one that it leaves alone.
    for column in filter(None, dict.fromkeys((often, t.optional, "metadata" if t.is_one_of("sessions") else None))):
        yield Kind(f"an index on a SQL function of {column}", [f"CREATE INDEX a ON <t> (tools.in_sql({column}))"])
        yield Kind(
            f"an index on a function of {column} that runs a query",
            [f"CREATE INDEX a ON <t> (tools.by_query({column}))"],
        )
    yield Kind(
        "an index on a function that raises",
        [f"CREATE INDEX a ON <t> (tools.raise_later({often}))", "INSERT INTO tools.lookup VALUES (1)"],
        refuses="P0001",
        records=False,
        in_the_end=[f"DROP INDEX {SCHEMA}a"],
    )
    yield Kind("a partial index", [f"CREATE INDEX a ON <t> ({often}) WHERE {t.optional or often} IS NOT NULL"])
    yield Kind("a partial index, by a function", [f"CREATE INDEX a ON <t> ({often}) WHERE tools.is_any({often})"])
    yield Kind(
        "an index on two columns, one descending", [f"CREATE INDEX a ON <t> ({often} DESC NULLS LAST, {t.key[0]})"]
    )
    yield Kind("an index with a column beside", [f"CREATE INDEX a ON <t> ({often}) INCLUDE ({t.key[0]})"])
    yield Kind("the key twice", [f"CREATE UNIQUE INDEX a ON <t> ({', '.join(t.key)})"])
    # Of other methods: each row is found by its own value.
    is_same = f"u.{often} = t.{often}"
    methods = {f"hash ({often})": is_same, f"brin ({often}) WITH (pages_per_range = 1, autosummarize = on)": is_same}
    if t.is_one_of("devices", "sessions", "events"):
        methods |= {
            "gist (ip_address inet_ops)": "u.ip_address && t.ip_address",
            "spgist (ip_address)": "u.ip_address = t.ip_address",
        }
    for column in {"sessions": ["metadata"], "events": ["detail"]}.get(t.table, []):
        methods |= {f"gin ({column})": f"u.{column} @> t.{column}"}
    for method, finds in methods.items():
        finds_itself = finds.replace("u.", "t.")
        missing = f"SELECT FROM <t> t WHERE NOT EXISTS (SELECT FROM <t> u WHERE {finds}) AND {finds_itself}"
        yield Kind(
            f"an index by {method.split()[0]}",
            [f"CREATE INDEX a ON <t> USING {method}"],
            in_the_end=["SET enable_seqscan = off"],
            empty={"a row that it does not find": missing},
        )
    yield from half_made_index_kinds(t)
    yield from other_index_kinds(t)


def set_valid(index, is_valid):
    return f"UPDATE pg_index SET indisvalid = {is_valid} WHERE indexrelid = '{SCHEMA}{index}'::regclass"


def half_made_index_kinds(t):
    """An index that is being built, or was left half-way, has to be written, and must not be read."""
    yield Kind(
        "an index that is not valid yet",
        [f"CREATE INDEX a ON <t> ({t.often})", set_valid("a", "false")],
        in_the_end=[set_valid("a", "true")],
    )
    if not t.is_one_of("access_levels"):
        yield Kind(
            "a unique index that could not be built",
            [f"!CREATE UNIQUE INDEX CONCURRENTLY a ON <t> (({t.often} IS NULL))"],
        )


def other_index_kinds(t):
    """The extension's own indexes are gone, or others."""
    for index in t.indexes:
        name, drop = index.name, f"ALTER TABLE <t> DROP CONSTRAINT {index.name}"
        add = f"ALTER TABLE <t> ADD CONSTRAINT {name} {index.kind}"
        if not index.is_constraint:
            yield Kind(f"{name} is not valid", [set_valid(name, "false")], in_the_end=[set_valid(name, "true")])
            yield Kind(f"no {name}", [f"DROP INDEX {SCHEMA}{name}"])
            continue
        # INSERT … ON CONFLICT needs it, and cannot use one that is deferrable.
        yield Kind(f"no {name}", [drop], refuses="42P10")
        yield Kind(
            f"{name}, deferrable",
            [drop, f"{add} ({', '.join(index.columns)}) {DEFERRED}"],
            refuses="55000",
            records=False,
        )
        yield Kind(f"{name} in another order", [drop, f"{add} ({', '.join(reversed(index.columns))})"])


# --- policies, and tables of other kinds


def policy_kinds(t):
    force = "ALTER TABLE <t> ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    # No policy holds a superuser: but for these two, the extension is somebody else's.
    yield Kind("row-level security", ["ALTER TABLE <t> ENABLE ROW LEVEL SECURITY"])
    yield Kind("row-level security that is forced, of a superuser's table", [force])
    theirs = "CALL tools.give_away()"
    if t.is_one_of("sessions"):
        yield Kind("another owner", [theirs])
    yield Kind("row-level security, of another owner's table", [theirs, "ALTER TABLE <t> ENABLE ROW LEVEL SECURITY"])
    yield Kind("a policy that admits everything, forced", [theirs, force, "CREATE POLICY a ON <t> USING (true)"])
    refused = {"refuses": "42501", "records": False}
    yield Kind(
        "a policy that admits no new row, forced",
        [theirs, KEEP, force, "CREATE POLICY a ON <t> USING (true) WITH CHECK (false)"],
        empty={"a row that it does not admit": CHANGED},
        **refused,
    )
    yield Kind(
        "no policy, forced",
        [theirs, KEEP, force],
        says_no=True,
        hides=True,
        empty={"a row that is not admitted": CHANGED},
        **refused,
    )
    for missing in t.operations:
        policies = [
            f"CREATE POLICY a_{word} ON <t> FOR {word} {'WITH CHECK' if word == 'INSERT' else 'USING'} (true)"
            for word in ("SELECT", "INSERT", "UPDATE", "DELETE")
            if word != WORDS[missing]
        ]
        yield Kind(
            f"policies that do not admit {WORDS[missing]}, forced", [theirs, force, *policies], says_no=True, **refused
        )


def inheritance_kinds(t):
    column = "level" if t.is_one_of("access_levels") else "bucket"
    child = "CREATE TABLE dba.child () INHERITS (<t>)"
    yield Kind("a child", [child])
    yield Kind("a child with a check", ["CREATE TABLE dba.child (CHECK (false)) INHERITS (<t>)"])
    yield Kind("had a child", [child, "DROP TABLE dba.child"])
    yield Kind(
        "a parent", [f"CREATE TABLE dba.parent ({column} {t.type_of(column)})", "ALTER TABLE <t> INHERIT dba.parent"]
    )
    there = f"SERVER elsewhere OPTIONS (schema_name 'work', table_name '{t.table}')"
    yield Kind(
        "a foreign child",
        [f"CREATE FOREIGN TABLE dba.far () INHERITS (<t>) {there}"],
        prepare_refuses="0A000",
        needs_foreign=True,
        records=False,
    )
    if t.is_one_of("sessions"):
        moved = [child, "WITH m AS (DELETE FROM ONLY <t> RETURNING *) INSERT INTO dba.child SELECT * FROM m"]
        yield Kind("all rows in a child", moved)
        yield Kind(
            "all rows in a child with a trigger",
            [*moved, trigger("a", "AFTER", "UPDATE OR DELETE").replace("<t>", "dba.child")],
            audit=audit("UD", of="dba.child"),
        )
        yield Kind(
            "all rows in a child with a check that nothing new meets",
            [*moved, KEEP, "ALTER TABLE dba.child ADD CHECK (false) NOT VALID"],
            refuses="23514",
            records=False,
            empty={"a row that breaks it": CHANGED.replace("<t>", "dba.child")},
        )


def partition_kinds(t):
    before, times = f"{SCHEMA}{t.table}_before", t.is_one_of("devices", "sessions", "events")
    whole, attach = "CREATE TABLE dba.whole (LIKE <t>) PARTITION BY RANGE", "ALTER TABLE dba.whole ATTACH PARTITION <t>"
    everything = "FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"
    # In place of it.
    away = ["ALTER EXTENSION session_service DROP TABLE <t>", f"ALTER TABLE <t> RENAME TO {t.table}_before"]
    like = f"CREATE TABLE <t> (LIKE {before} INCLUDING DEFAULTS) PARTITION BY"
    fill = f"INSERT INTO <t> SELECT * FROM {before}"
    keys = [f"ALTER TABLE <t> ADD UNIQUE ({', '.join(index.columns)})" for index in t.indexes if index.is_constraint]
    if "bucket" in t.key:
        halves = [
            f"CREATE TABLE dba.part_{n} PARTITION OF <t> FOR VALUES WITH (MODULUS 2, REMAINDER {n})" for n in (0, 1)
        ]
        halved = [*away, f"{like} HASH (bucket)", *halves, *keys, fill]
        yield Kind("partitioned by bucket", halved)
        yield Kind(
            "partitioned by bucket, with a trigger",
            halved + [trigger("a", "AFTER", events_of(t.operations))],
            audit=audit(t.operations, of="dba.part_"),
        )
        yield Kind(
            "attached as the only partition",
            [*away, f"{like} RANGE (bucket)", f"ALTER TABLE <t> ATTACH PARTITION {before} {everything}", *keys],
        )
        yield Kind("a partition of another table", [f"{whole} (bucket)", f"{attach} {everything}"])
    if times:
        # Without the keys, which would have to contain the time; INSERT … ON CONFLICT needs that of devices.
        yield Kind(
            f"partitioned by {t.often}",
            [
                *away,
                f"{like} RANGE ({t.often})",
                "CREATE TABLE dba.past PARTITION OF <t> FOR VALUES FROM (MINVALUE) TO (<begun>)",
                "CREATE TABLE dba.now PARTITION OF <t> FOR VALUES FROM (<begun>) TO (MAXVALUE)",
                fill,
                f"CREATE INDEX ON <t> ({', '.join(t.key)})",
            ],
            refuses="42P10" if t.is_one_of("devices") else "",
        )
        yield Kind(
            "a partition of another table, for the past",
            [f"{whole} ({t.often})", f"{attach} FOR VALUES FROM (MINVALUE) TO (<begun>)"],
            refuses="23514",
            records=False,
            empty={"a row that is not of the past": f"SELECT FROM <t> WHERE {t.often} >= <begun>"},
        )
    yield Kind(
        "a view in its place",
        [f"ALTER TABLE <t> RENAME TO {t.table}_before", f"CREATE VIEW <t> AS SELECT * FROM {before}"],
        refuses="any",
        validation_refuses="any",
        records=False,
    )


def storage_kinds(t):
    wide = [column.name for column in t.columns if column.type in ("text", "jsonb", "text[]")]
    yield Kind("not logged", ["ALTER TABLE <t> SET UNLOGGED"])
    yield Kind(
        "other storage",
        [
            "ALTER TABLE <t> SET (fillfactor = 10)",
            *(f"ALTER TABLE <t> ALTER {name} SET STORAGE EXTERNAL" for name in wide),
        ],
    )
    yield Kind("written anew", ["VACUUM FULL <t>", f"CLUSTER <t> USING {t.indexes[0].name}", "ANALYZE <t>"])
    yield Kind(
        "in another tablespace",
        [
            "ALTER TABLE <t> SET TABLESPACE side",
            *(f"ALTER INDEX {SCHEMA}{index.name} SET TABLESPACE side" for index in t.indexes),
        ],
    )
    yield Kind(
        "statistics of an expression", [f"CREATE STATISTICS dba.s ON (tools.in_sql({t.often})) FROM <t>", "ANALYZE <t>"]
    )


# --- publications, and locks


def publication_kinds(t):
    publications = [
        ("of the table", "FOR TABLE <t>", "DEFAULT", ""),
        ("of all tables", "FOR ALL TABLES", "DEFAULT", ""),
        ("of the schema", "FOR TABLES IN SCHEMA session_service", "DEFAULT", ""),
        ("of the key's columns", f"FOR TABLE <t> ({', '.join(t.key)})", "DEFAULT", ""),
        ("of the table with full identity", "FOR TABLE <t>", "FULL", ""),
        ("of insertions, without identity", "FOR TABLE <t> WITH (publish = 'insert')", "NOTHING", ""),
        ("of the table without identity", "FOR TABLE <t>", "NOTHING", "55000"),
        ("of all tables, of which it has no identity", "FOR ALL TABLES", "NOTHING", "55000"),
    ]
    # A condition has to be of the server's own types. By a column that is not of the identity, no row can be updated.
    plain = [column.name for column in t.columns if not column.type.startswith(SCHEMA)]
    for name in [name for name in t.key if name in plain][-1:]:
        publications += [("of rows by the key", f"FOR TABLE <t> WHERE ({name} IS NOT NULL)", "DEFAULT", "")]
    for name in [name for name in plain if name not in t.key][:1]:
        publications += [("of rows by another column", f"FOR TABLE <t> WHERE ({name} IS NOT NULL)", "DEFAULT", "42P10")]
    beside = trigger("a", "BEFORE", events_of(t.operations), "tools.harmless")
    for what, publication, identity, refuses in publications:
        setup = [f"ALTER TABLE <t> REPLICA IDENTITY {identity}", f"CREATE PUBLICATION dba {publication}"]
        outcome = {"refuses": refuses, "records": not (refuses and t.is_one_of("sessions"))}
        yield Kind(f"a publication {what}", setup, **outcome)
        if refuses:
            yield Kind(f"a publication {what}, beside a trigger", [*setup, beside], **outcome)
    yield Kind("no identity, and no publication", ["ALTER TABLE <t> REPLICA IDENTITY NOTHING"])


def lock_kinds(t):
    """Somebody else's transaction is open. What was asked for waits for it, as it should; a validation does not."""
    locks = {
        "the table in SHARE mode": "LOCK TABLE <t> IN SHARE MODE",
        "the table in EXCLUSIVE mode": "LOCK TABLE <t> IN EXCLUSIVE MODE",
        "its rows FOR UPDATE": "SELECT FROM <t> FOR UPDATE",
        "its rows FOR KEY SHARE": "SELECT FROM <t> FOR KEY SHARE",
        "new versions of its rows": f"UPDATE <t> SET {t.often} = {t.often}",
        "a new index": f"CREATE INDEX a ON <t> ({t.often})",
        "a new trigger": trigger("a", "AFTER", events_of(t.operations)),
        "nothing and reads": "SELECT FROM <t>",
    }
    beside = {"": []}
    if t.is_one_of("sessions"):
        beside |= {
            ", beside a trigger": [trigger("b", "AFTER", "UPDATE")],
            ", beside a check": ["ALTER TABLE <t> ADD CHECK (last_activity_at IS NOT NULL)"],
        }
    else:
        locks["the table in ACCESS EXCLUSIVE mode"] = "LOCK TABLE <t> IN ACCESS EXCLUSIVE MODE"
    for index in t.indexes:
        # A validation reads by the key of sessions, and has to wait for it.
        if index.name != "sessions_pkey":
            locks[f"{index.name} to move it"] = f"ALTER INDEX {SCHEMA}{index.name} SET TABLESPACE side"
    for what, statement in locks.items():
        for more, setup in beside.items():
            yield Kind(
                f"somebody holds {what}{more}",
                setup,
                holder=[statement],
                refuses="55P03",
                records=not t.is_one_of("sessions"),
                holds_up_select=t.is_one_of("sessions") and what.endswith("to move it"),
            )


def nothing_kinds(t):
    if t.is_one_of("sessions"):
        yield Kind("nothing", [])


TOPICS = (
    nothing_kinds,
    trigger_kinds,
    rule_kinds,
    check_kinds,
    not_null_kinds,
    foreign_key_kinds,
    unique_kinds,
    column_kinds,
    generated_column_kinds,
    type_kinds,
    index_kinds,
    policy_kinds,
    inheritance_kinds,
    partition_kinds,
    storage_kinds,
    publication_kinds,
    lock_kinds,
)


def kinds_for(t):
    return [kind.on(t.table) for topic in TOPICS for kind in topic(t)]
