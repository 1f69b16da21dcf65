"""Calls every function with hostile values for each of its arguments.

    python3 argument_values.py CONNECTION SERVER_LOG

The functions and their arguments come from the catalog, so none is forgotten; what may come of a value comes
from the tables below, which say what is documented. All other arguments of a call are good ones. A call ends in
an answer or in a documented SQLSTATE; where it answers "no", nothing stored has changed; and no error repeats
what was given. Once with each value alone, then with pairs.
"""

import hashlib
import itertools
import random
import re
import sys
import threading
import time
import uuid

import psycopg

from every_function import ALICE, SCHEMA, every_function, good_call, literal, make_sessions
from tap_output import counted, done, empty, extent, log_is_clean, ok
from token_form import broken

CONNECTION, SERVER_LOG = sys.argv[1:]
# In each text that is given, so that it is found where an error repeats it.
MARK = "hOsTiLe"

STRANGER = uuid.UUID(int=0x57A)

# --- what may come of a call

ANSWER = frozenset({"yes", "no"})
NO = frozenset({"no"})
NULL_REFUSED = frozenset({"22004"})
TOO_LONG = frozenset({"22001"})
INVALID = frozenset({"22023"})
OUT_OF_RANGE = frozenset({"22023", "22008"})
NO_HASH = frozenset({"22P02"})
UNKNOWN_ROLE = frozenset({"42704"})


class Value:
    def __init__(self, name, sql, expected=ANSWER):
        self.name, self.sql, self.expected = name, sql, expected
        self.source = ""


class MadeBefore(Value):
    """One that is made before the call that it is given to: SQL of it, and how the call names it."""

    def __init__(self, value, given, expected):
        super().__init__(value.name, given, expected)
        self.source = f"(SELECT {value.sql} AS made OFFSET 0) m, LATERAL "


def of_length(length):
    """SQL of a text of so many characters, which has the mark."""
    return f"substr(repeat('{MARK}', {length // len(MARK) + 1}), 1, {length})"


# --- values by the kind of an argument


class Values:
    """The values of each kind, in a database with a fixture."""

    def __init__(self, database):
        self.database = database
        self.encoding = database.encoding
        self.tokens = {
            kind: [Value(f"{kind}, {name}", literal(text), NO) for name, text in broken(database.fixture[kind]).items()]
            for kind in ("token", "refresh_token")
        }
        # Characters beyond ASCII, with how many bytes each has.
        self.beyond_ascii = {
            "UTF8": ["U&'\\20ac'", "U&'\\+01f600'", "U&'\\00e9'"],
            "LATIN1": ["convert_from('\\xe9', 'LATIN1')", "convert_from('\\x9f', 'LATIN1')"],
            "SQL_ASCII": [f"convert_from('\\x{byte}', 'SQL_ASCII')" for byte in ("e9", "ff", "c3", "80")],
        }[self.encoding]

    def strange_texts(self):
        """Texts short enough for anything."""
        yield "empty", "''"
        yield "a space", "' '"
        yield "control characters", literal("\x01\x02\t\r\n\x1b\x7f" + MARK)
        yield "a format", f"'%s%n%1$s{MARK}'"
        yield "quotes", f"'''; DROP TABLE {MARK}; --\\\"'"
        yield "a short header", f"{self.database.stored}.short"
        for place, character in enumerate(self.beyond_ascii):
            yield f"beyond ASCII {place}", f"{character} || '{MARK}' || {character}"
        if self.encoding == "UTF8":
            yield "not composed", "U&'e\\0301\\200d\\202e'"
            yield "beyond any plane that is used", "U&'\\+10ffff'"
        else:
            for first in (0x80, 0xC0):
                every = "".join(f"{byte:02x}" for byte in range(first, first + 64))
                yield f"every byte from {first:x} on", f"convert_from('\\x{every}', '{self.encoding}')"
        if self.encoding == "SQL_ASCII":
            yield "cut within a character", "convert_from('\\xe282', 'SQL_ASCII')"
            yield "too long a form", "convert_from('\\xc080f8', 'SQL_ASCII')"

    def long_texts(self, limit, is_trimmed):
        yield Value("longest", of_length(limit))
        yield Value("longest, compressed", f"{self.database.stored}.compressed_{limit}")
        yield Value("longest, out of line", f"{self.database.stored}.external_{limit}")
        yield Value("one more", of_length(limit + 1), TOO_LONG)
        yield Value("one more, of spaces", f"repeat(' ', {limit + 1})", ANSWER if is_trimmed else TOO_LONG)
        for place, character in enumerate(self.beyond_ascii):
            yield Value(f"longest beyond ASCII {place}", f"repeat({character}, {limit})")
            yield Value(f"one more beyond ASCII {place}", f"repeat({character}, {limit + 1})", TOO_LONG)
        for name in ("compressed", "external"):
            yield Value(f"a million, {name}", f"{self.database.stored}.{name}_million", TOO_LONG)

    def limited_text(self, limit, is_trimmed):
        return [Value(name, sql) for name, sql in self.strange_texts()] + list(self.long_texts(limit, is_trimmed))

    def any_text(self, expected=ANSWER):
        """Of texts that no length is too long for, and of tokens."""
        values = [Value(name, sql, expected) for name, sql in self.strange_texts()]
        for length in (159, 160, 161, 511, 512, 513, 8192):
            values.append(Value(f"of {length}", of_length(length), expected))
            values.append(Value(f"of {length} with a prefix", f"'sst_' || {of_length(length - 4)}", expected))
        for name in ("compressed", "external"):
            values.append(Value(f"a million, {name}", f"{self.database.stored}.{name}_million", expected))
        values += [
            Value("sst_", "'sst_'", expected),
            Value("ssr_", "'ssr_'", expected),
            Value("sst_ and a NUL", r"'sst_\000'", expected),
        ]
        return values

    def token(self, kind, of_good=frozenset({"yes"})):
        """Texts in the place of a token. A token itself, stored in any way, is one."""
        values = self.any_text(NO) + self.tokens["token"] + self.tokens["refresh_token"]
        for storage in ("compressed", "external"):
            values.append(Value(f"good, {storage}", f"{self.database.stored}.{storage}_{kind}", of_good))
        return values

    def tokens_array(self):
        good, other = literal(self.database.fixture["token"]), literal(self.database.fixture["refresh_token"])
        yes = frozenset({"yes"})
        values = [
            Value("empty", "'{}'::text[]", NO),
            Value("NULLs", "ARRAY[NULL, NULL]::text[]", NO),
            Value("of refresh tokens", f"ARRAY[{other}]", NO),
            Value("a NULL among them", f"ARRAY[NULL, {good}]", yes),
            Value("two dimensions", f"ARRAY[[{good}, 'x'], ['y', NULL]]", yes),
            Value("other bounds", f"('[-3:-2]={{x,' || {good} || '}}')::text[]", yes),
            Value("the same many times", f"array_fill({good}::text, '{{1000}}')", yes),
            Value("many", "(SELECT array_agg('sst_' || n) FROM generate_series(1, 3000) n)", NO),
            Value("many empty", "array_fill(''::text, '{10000}')", NO),
            Value("six dimensions", "array_fill('x'::text, '{2,2,2,2,2,2}')", NO),
            Value("out of line", f"{self.database.stored}.external_array", NO),
        ]
        values += [
            Value(f"of {value.name}", f"ARRAY[{value.sql}]::text[]", value.expected) for value in self.token("token")
        ]
        return values

    def scopes(self):
        long = of_length(255)
        values = [
            Value("empty", "'{}'::text[]"),
            Value("100", "array_fill('read'::text, '{100}')"),
            Value("101", "array_fill('read'::text, '{101}')", TOO_LONG),
            Value("100 of 255", f"array_fill({long}, '{{100}}')"),
            Value("of 256", f"ARRAY[{of_length(256)}]", TOO_LONG),
            Value("101 of 255", f"array_fill({long}, '{{101}}')", TOO_LONG),
            Value("a hundred thousand", "array_fill('r'::text, '{100000}')", TOO_LONG),
            Value("one of a million", f"ARRAY[{self.database.stored}.external_million]", TOO_LONG),
            Value("a NULL", f"ARRAY['{MARK}', NULL]", NULL_REFUSED),
            Value("only a NULL", "ARRAY[NULL]::text[]", NULL_REFUSED),
            Value("a NULL in the second dimension", "ARRAY[['a', 'b'], ['c', NULL]]", NULL_REFUSED),
            Value("two dimensions", "ARRAY[['a', 'b'], ['c', 'd']]"),
            Value("other bounds", "'[7:8]={a,b}'::text[]"),
            Value("the lowest bounds", "'[-2147483648:-2147483647]={a,b}'::text[]"),
            Value("out of line", f"{self.database.stored}.external_scopes"),
            Value("an empty one", "ARRAY['']", INVALID),
            Value("twice the same", "ARRAY['a', 'a']"),
        ]
        for code in [*range(1, 33), 34, 92, 127]:
            values.append(Value(f"character {code}", f"ARRAY['{MARK}' || chr({code})]", INVALID))
        values.append(
            Value(
                "every character", "(SELECT array_agg(chr(n)) FROM generate_series(33, 126) n WHERE n NOT IN (34, 92))"
            )
        )
        for place, character in enumerate(self.beyond_ascii):
            values.append(Value(f"beyond ASCII {place}", f"ARRAY[{character}]", INVALID))
        return values

    def methods(self):
        long = of_length(64)
        values = [
            Value("empty", "'{}'::text[]"),
            Value("20", "array_fill('pwd'::text, '{20}')"),
            Value("21", "array_fill('pwd'::text, '{21}')", TOO_LONG),
            Value("20 of 64", f"array_fill({long}, '{{20}}')"),
            Value("of 65", f"ARRAY[{of_length(65)}]", TOO_LONG),
            Value("a hundred thousand", "array_fill('p'::text, '{100000}')", TOO_LONG),
            Value("one of a million", f"ARRAY[{self.database.stored}.external_million]", TOO_LONG),
            Value("a NULL", f"ARRAY['{MARK}', NULL]", NULL_REFUSED),
            Value("only a NULL", "ARRAY[NULL]::text[]", NULL_REFUSED),
            Value("two dimensions", "ARRAY[['a', 'b'], ['c', 'd']]"),
            Value("other bounds", "'[7:8]={a,b}'::text[]"),
        ]
        return values + [Value(f"of {name}", f"ARRAY[{sql}]::text[]") for name, sql in self.strange_texts()]

    def metadata(self):
        values = [
            Value(sql, f"'{sql}'::jsonb")
            for sql in ("{}", "[]", "null", '""', "0", "-0", "true", '{"a": {"a": [1, null]}}', '{"": ""}')
        ]
        values += [
            Value("a huge number", "'1e131071'::jsonb"),
            Value("a tiny number", "'1e-16383'::jsonb", ANSWER | TOO_LONG),
            Value("many digits", "('0.' || repeat('9', 9000))::jsonb"),
            Value("deep", "(repeat('[', 400) || repeat(']', 400))::jsonb"),
            Value("deeper", "(repeat('{\"a\":[', 1000) || '1' || repeat(']}', 1000))::jsonb", TOO_LONG),
            Value("longest", "to_jsonb(repeat('x', 8192 - 8))"),
            Value("one more", "to_jsonb(repeat('x', 8192 - 7))", TOO_LONG),
            Value("longest, compressed", f"{self.database.stored}.compressed_document"),
            Value("longest, out of line", f"{self.database.stored}.external_document"),
            Value("a million", f"to_jsonb({self.database.stored}.external_million)", TOO_LONG),
            Value("many keys", "(SELECT jsonb_object_agg(n, n) FROM generate_series(1, 1000) n)", TOO_LONG),
            Value("control characters", r"""'{"\u0001\u001f": "\u007f"}'::jsonb"""),
            Value("a session", '\'{"token": "sst_", "session_id": null, "user_id": 0}\'::jsonb'),
        ]
        values += [
            Value("beyond ASCII", f"to_jsonb({character}::text)")
            for character in self.beyond_ascii
            if self.encoding != "SQL_ASCII"
        ]
        return values

    def interval(self, zero_allowed=False):
        zero = ANSWER if zero_allowed else INVALID
        values = [
            Value(sql, f"'{sql}'::interval", expected)
            for sql, expected in {
                "1 microsecond": ANSWER,
                "1 day": ANSWER,
                "1 month -29 days": ANSWER,
                "100000 years": ANSWER,
                "290000 years": ANSWER,
                "0": zero,
                "1 day -24 hours": zero,
                "1 month -30 days": zero,
                "-1 microsecond": OUT_OF_RANGE,
                "1 day -25 hours": OUT_OF_RANGE,
                "-100 years": OUT_OF_RANGE,
                "1 month -31 days": OUT_OF_RANGE,
                "178000000 years": OUT_OF_RANGE,
                "-178000000 years": OUT_OF_RANGE,
                "300000 years": OUT_OF_RANGE,
                "2147483647 days": OUT_OF_RANGE,
                "-2147483648 days": OUT_OF_RANGE,
                "2147483647 months": OUT_OF_RANGE,
                "2562047788 hours": OUT_OF_RANGE,
                "-2147483648 months -2147483648 days -2562047788 hours": OUT_OF_RANGE,
                "2147483647 months 2147483647 days 2562047788 hours": OUT_OF_RANGE,
                "178000000 years -2147483648 days": OUT_OF_RANGE,
            }.items()
        ]
        if self.database.version >= 170000:
            values += [Value(sql, f"'{sql}'::interval", OUT_OF_RANGE) for sql in ("infinity", "-infinity")]
        return values

    def time(self, infinite=ANSWER):
        return [
            Value(sql, f"'{sql}'::timestamptz", infinite if "infinity" in sql else ANSWER)
            for sql in (
                "infinity",
                "-infinity",
                "epoch",
                "4713-11-24 00:00:00+00 BC",
                "294276-12-31 23:59:59.999999+00",
                "1582-10-05 00:00:00+00",
                "0001-01-01 00:00:00+00 BC",
                "2000-01-01 00:00:00+00",
                "1999-12-31 23:59:59.999999+00",
                "2038-01-19 03:14:08+00",
                "9999-12-31 00:00:00+00",
            )
        ]

    def integer(self, least, most=2**31 - 1):
        numbers = {-(2**31), -1, 0, 1, least - 1, least, most, most + 1, 2**31 - 1}
        return [
            Value(str(number), f"({number})::integer", ANSWER if least <= number <= most else INVALID)
            for number in sorted(numbers)
            if -(2**31) <= number < 2**31
        ]

    def address(self):
        return [
            Value(text, f"'{text}'::inet")
            for text in (
                "0.0.0.0/0",
                "0.0.0.0",
                "255.255.255.255",
                "192.0.2.1/24",
                "192.0.2.1/1",
                "::/0",
                "::",
                "::1",
                "2001:db8::1/32",
                "::ffff:192.0.2.1",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "::ffff:192.0.2.1/127",
            )
        ] + [Value("a network", "'192.0.2.0/24'::cidr")]

    def unknown_id(self, expected):
        values = [
            Value(f"{name} id", f"'{made}'::uuid", expected)
            for name, made in {
                "nil": uuid.UUID(int=0),
                "greatest": uuid.UUID(int=2**128 - 1),
                "unknown": STRANGER,
            }.items()
        ]
        return values

    def ids(self, of):
        good = f"'{self.database.fixture[of]}'::uuid"
        yes = frozenset({"yes"})
        return [
            Value("empty", "'{}'::uuid[]", NO),
            Value("NULLs", "ARRAY[NULL, NULL]::uuid[]", NO),
            Value("a NULL and an id", f"ARRAY[NULL, {good}]", yes),
            Value("two dimensions", f"ARRAY[[{good}, {good}], [NULL, {good}]]", yes),
            Value("other bounds", f"('[7:7]={{' || {good} || '}}')::uuid[]", yes),
            Value("the same many times", f"array_fill({good}, '{{1000}}')", yes),
            Value("many unknown", "(SELECT array_agg(gen_random_uuid()) FROM generate_series(1, 500))", NO),
            Value("nil", "ARRAY['00000000-0000-0000-0000-000000000000']::uuid[]", NO),
        ]

    def role(self):
        return [
            Value("PUBLIC", "0::regrole", UNKNOWN_ROLE),
            Value("unknown", "4294967295::oid::regrole", UNKNOWN_ROLE),
            Value("a table", "'pg_catalog.pg_class'::regclass::oid::regrole", UNKNOWN_ROLE),
            Value("another", "'grantee'::regrole"),
        ]

    def level(self):
        values = [Value(name, sql, INVALID) for name, sql in self.strange_texts()]
        values += [
            Value(repr(text), literal(text), INVALID)
            for text in ("ADMIN", " admin", "admin ", "admi", "adminn", "public", "validate,admin")
        ]
        values += [Value(repr(text), literal(text)) for text in ("validate", "application", "monitor", "admin")]
        values.append(Value("a million", f"{self.database.stored}.external_million", INVALID))
        return values

    def hash(self, expected):
        digest = hashlib.sha256(b"unknown").hexdigest()
        values = [
            Value(f"a hash, {name}", f"'{text}'::{SCHEMA}token_hash", expected)
            for name, text in {
                "unknown": digest,
                "of zeros": "0" * 64,
                "of ones": "f" * 64,
                "in capitals": digest.upper(),
                "of a bytea": "\\x" + digest,
            }.items()
        ]
        for name, text in {
            "empty": "",
            "short": digest[:-1],
            "long": digest + "0",
            "a prefix": "\\x",
            "spaced": " " + digest,
            "no digits": MARK,
            "wrong digits": "g" * 64,
            "a token": self.database.fixture["token"],
            "two prefixes": "\\x\\x" + digest,
        }.items():
            values.append(Value(f"no hash, {name}", f"'{text}'::{SCHEMA}token_hash", NO_HASH))
            values.append(Value(f"no hash, text, {name}", f"'{text}'::text::{SCHEMA}token_hash", NO_HASH))
        for length in (0, 1, 31, 33, 64):
            values.append(
                Value(f"{length} bytes", f"decode(repeat('ab', {length}), 'hex')::{SCHEMA}token_hash", NO_HASH)
            )
        values.append(
            Value(
                "a million bytes",
                f"convert_to({self.database.stored}.external_million, 'SQL_ASCII')::{SCHEMA}token_hash",
                NO_HASH,
            )
        )
        return values

    def boolean(self):
        return [Value("true", "true"), Value("false", "false")]

    def bigint(self):
        return [Value(str(number), f"({number})::bigint") for number in (-(2**63), -1, 0, 1, 2**31, 2**63 - 1)]


# How long a text may be, by the argument's name.
LIMITS = {
    "device_name": 255,
    "name": 255,
    "reason": 255,
    "user_agent": 2048,
    "device_key": 512,
    "method": 64,
    "acr": 255,
    "external_id": 512,
    "device_type": 255,
    "scope": 255,
}
# Functions that compute and read nothing: they answer whatever text is given.
OF_ANY_TEXT = {"hash_token", "token_session_id", "token_bucket", "token_range", "user_uuid_from_text", "has_scope"}

# What is no good proof proves nothing, and is no error.
OF_PROOFS = {"proof", "http_method", "http_uri"}

# What may come of a NULL, by what every_function.sql says of it.
OF_NULL = {"answer": ANSWER, "no": NO, "22004": NULL_REFUSED}


def values_of(values, function, argument):
    """The values for an argument, by its type and name; none where nobody said what they may be."""
    name, kind = argument.name, argument.type
    is_fixed = function.is_computed or function.name == "has_scope"
    made = None
    if kind == "text":
        if name in ("token", "refresh_token") and not is_fixed:
            # Where a proof is needed besides, none is good here.
            needs_proof = any(other.name == "proof" and not other.has_default for other in function.arguments)
            made = values.token(name, *([NO] if needs_proof else []))
        elif function.name in OF_ANY_TEXT or name in OF_PROOFS:
            made = values.any_text()
        elif name == "level":
            made = values.level()
        elif name in LIMITS:
            made = values.limited_text(LIMITS[name], name in ("device_name", "name"))
    elif kind == "text[]":
        made = {"tokens": values.tokens_array, "scopes": values.scopes, "amr": values.methods}[name]()
    elif kind == "uuid":
        # Some other user's ids open nothing; a user who is unknown may sign in.
        made = values.unknown_id(NO if name in ("session_id", "device_id") and not is_fixed else ANSWER)
    elif kind == "uuid[]":
        made = values.ids("user_id" if name == "user_ids" else "session_id")
    elif kind == "jsonb":
        made = values.metadata()
    elif kind == "interval":
        made = values.interval(zero_allowed=name == "retention")
    elif kind == "timestamp with time zone":
        made = values.time(ANSWER if name == "since" else OUT_OF_RANGE)
    elif kind == "integer":
        made = {
            "max_rows": lambda: values.integer(1),
            "batch_size": lambda: values.integer(1),
            "max_sessions": lambda: values.integer(0),
            "length": lambda: values.integer(16, 64),
            "bucket": lambda: values.integer(-(2**31)),
        }[name]()
    elif kind == "bigint":
        made = values.bigint()
    elif kind == "inet":
        made = values.address()
    elif kind == "boolean":
        made = values.boolean()
    elif kind == "regrole":
        made = values.role()
    elif kind == f"{SCHEMA}token_hash":
        made = values.hash(NO if function.name == "validate_session_hash" else ANSWER)
    if made is None:
        return None
    return [Value("NULL", f"NULL::{kind}", OF_NULL[argument.null])] + list(made)


SETUP = f"""
CREATE EXTENSION session_service;
CREATE SCHEMA hostile;
-- Everything stored, in a few digits; for a caller who may not read it.
CREATE FUNCTION hostile.state() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$ BEGIN
    RETURN md5((SELECT coalesce(string_agg(s::text, ',' ORDER BY s.id), '') FROM session_service.sessions s)
            || (SELECT coalesce(string_agg(d::text, ',' ORDER BY d.id), '') FROM session_service.devices d)
            || (SELECT coalesce(string_agg(u::text, ',' ORDER BY u.user_id), '') FROM session_service.users u)
            || (SELECT coalesce(string_agg(e::text, ',' ORDER BY e.id), '') FROM session_service.events e)
            || (SELECT coalesce(string_agg(i::text, ',' ORDER BY i.token_hash), '')
                FROM session_service.imported_tokens i)
            || (SELECT coalesce(string_agg(a::text, ',' ORDER BY a::text), '') FROM session_service.access_levels a));
END $$;
-- What may never be stored, whatever was asked for.
CREATE FUNCTION hostile.wrong() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$ BEGIN
    RETURN (SELECT string_agg(what, ', ') FROM (
        SELECT 'an infinite time' AS what FROM session_service.sessions s,
            LATERAL (VALUES (s.created_at), (s.last_activity_at), (s.expires_at), (s.purge_after), (s.idle_expires_at),
                (s.refresh_expires_at), (s.absolute_expires_at), (s.revoked_at), (s.mfa_verified_at)) t (at)
            WHERE NOT isfinite(t.at)
        UNION ALL SELECT 'an infinite time' FROM session_service.devices d
            WHERE NOT (isfinite(d.first_seen_at) AND isfinite(d.last_seen_at) AND isfinite(d.purge_after)
                AND isfinite(coalesce(d.trusted_until, 'epoch')))
        UNION ALL SELECT 'past the absolute end' FROM session_service.sessions s
            WHERE greatest(s.expires_at, s.refresh_expires_at) > s.absolute_expires_at
        UNION ALL SELECT 'activity in the future' FROM session_service.sessions s
            WHERE s.last_activity_at > clock_timestamp() OR s.created_at > clock_timestamp()
        UNION ALL SELECT 'late to be purged' FROM session_service.sessions s
            WHERE s.purge_after > greatest(s.expires_at, s.refresh_expires_at)
        UNION ALL SELECT 'scopes' FROM session_service.sessions s
            WHERE cardinality(s.scopes) > 100 OR array_ndims(s.scopes) > 1
                OR array_lower(s.scopes, 1) <> 1 OR array_position(s.scopes, NULL) IS NOT NULL
        UNION ALL SELECT 'metadata' FROM session_service.sessions s
            WHERE pg_column_size(s.metadata #> '{{}}') > 8192 + 4
        UNION ALL SELECT 'a long text' FROM session_service.sessions s
            WHERE length(s.revoke_reason) > 255 OR length(s.mfa_method) > 64
        UNION ALL SELECT 'a long text' FROM session_service.devices d
            WHERE length(d.name) > 255 OR length(d.user_agent) > 2048
        UNION ALL SELECT 'over the limit' FROM session_service.sessions s JOIN session_service.users u USING (user_id)
            WHERE s.revoked_at IS NULL AND NOT s.is_closed
                AND greatest(s.expires_at, s.refresh_expires_at) > clock_timestamp()
            GROUP BY u.user_id, u.max_sessions
            HAVING count(*) > coalesce(nullif(u.max_sessions, 0), 10)
                AND u.max_sessions IS DISTINCT FROM 0 AND u.user_id <> '{ALICE}'
        UNION ALL SELECT 'a bucket' FROM session_service.sessions s WHERE s.bucket NOT BETWEEN 0 AND 4095) w);
END $$;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
SELECT session_service.grant_access('caller', 'admin');
"""


class Database:
    """A database with sessions, and a caller in it who may call everything but owns nothing."""

    def __init__(self, encoding):
        self.encoding = encoding
        self.name = f"values_{encoding.lower()}"
        with psycopg.connect(CONNECTION, autocommit=True) as owner:
            self.version = owner.info.server_version
            owner.execute(
                f"CREATE DATABASE {self.name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
            )
            for role in ("caller", "grantee"):
                owner.execute(f"DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
        self.owner = self.connect()
        for statement in (SETUP,):
            self.owner.execute(statement)
        self.fixture = make_sessions(self.owner)
        self.stored = "(SELECT stored FROM hostile.stored)"
        self.store_values()
        self.functions = [function for function in every_function(self.owner) if not function.is_of_type]
        self.caller = self.connect(user="caller", autocommit=False)
        self.caller.execute("SET statement_timeout = '2min'")
        self.caller.commit()

    def connect(self, autocommit=True, **options):
        # In SQL_ASCII there is nothing to convert, and each byte comes as it is.
        client_encoding = "UTF8" if self.encoding == "UTF8" else "LATIN1"
        return psycopg.connect(
            CONNECTION, dbname=self.name, autocommit=autocommit, client_encoding=client_encoding, **options
        )

    def store_values(self):
        """Values that are compressed, and out of line: a call gets a pointer to them."""
        columns = {f"{limit}": of_length(limit) for limit in sorted(set(LIMITS.values()))}
        columns |= {"million": "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 31250) n)"}
        columns |= {name: literal(self.fixture[name]) for name in ("token", "refresh_token")}
        kinds = {name: "text" for name in columns}
        columns |= {
            "document": "to_jsonb(repeat('x', 8192 - 8))",
            "scopes": f"array_fill({of_length(255)}, '{{100}}')",
            "array": f"array_fill({of_length(255)}, '{{100}}')",
        }
        kinds |= {"document": "jsonb", "scopes": "text[]", "array": "text[]"}
        defined = ", ".join(
            f"{storage}_{name} {kinds[name]}" for storage in ("compressed", "external") for name in columns
        )
        self.owner.execute(f"CREATE TABLE hostile.stored (short text, {defined}) WITH (toast_tuple_target = 128)")
        for name in columns:
            self.owner.execute(
                f"ALTER TABLE hostile.stored ALTER external_{name} SET STORAGE external, "
                f"ALTER compressed_{name} SET STORAGE main"
            )
        self.owner.execute(f"INSERT INTO hostile.stored VALUES ('{MARK}', {', '.join(list(columns.values()) * 2)})")
        self.owner.execute("GRANT SELECT ON hostile.stored TO caller")


# --- the calls


class Calls:
    def __init__(self, database):
        self.database = database
        self.made = 0
        self.by_outcome = {}
        self.problems = []
        self.state = self.read_state()
        fixture = database.fixture
        secret = [re.escape(fixture[name]) for name in ("token", "refresh_token")]
        secret += [hashlib.sha256(fixture[name].encode()).hexdigest() for name in ("token", "refresh_token")]
        secret += [MARK, str(ALICE), str(STRANGER), str(fixture["session_id"])]
        self.given = re.compile("|".join(secret), re.IGNORECASE)

    def read_state(self):
        state = self.database.caller.execute("SELECT hostile.state()").fetchone()[0]
        self.database.caller.rollback()
        return state

    def call(self, function, chosen):
        """Calls with these values in the place of good ones; notes what is not as it may be."""
        self.made += 1
        source = "".join(value.source for value in chosen.values())
        given = {name: value.sql for name, value in chosen.items()}
        statement = f"SELECT r.* FROM {source}{good_call(function, self.database.fixture, given)} r"
        caller = self.database.caller
        try:
            rows = caller.execute(statement).fetchall()
            # A user without sessions is disabled all the same.
            outcome = "no" if is_no(rows) and function.name != "disable_user" else "yes"
            if function.is_computed:
                caller.rollback()
            elif outcome == "no":
                # A refusal is committed, with what a call does at commit.
                caller.commit()
                if self.read_state() != self.state:
                    self.problem(function, chosen, "said no, and changed something")
                    self.state = self.read_state()
            else:
                # What was done is undone, so that the next call finds the same.
                wrong = caller.execute("SELECT hostile.wrong()").fetchone()[0]
                if wrong:
                    self.problem(function, chosen, f"stored {wrong}")
                caller.rollback()
        except psycopg.OperationalError as error:
            if caller.closed:
                self.problem(function, chosen, f"ended the connection: {error}")
                raise
            outcome = self.refused(function, chosen, error)
        except psycopg.Error as error:
            outcome = self.refused(function, chosen, error)
        except UnicodeDecodeError as error:
            outcome = f"bytes that are no text: {error}"
            caller.rollback()
        self.by_outcome[outcome] = self.by_outcome.get(outcome, 0) + 1
        expected = frozenset().union(*(value.expected for value in chosen.values())) if chosen else frozenset({"yes"})
        # Of two values either may be looked at first.
        if chosen.keys() == {"token_hash", "refresh_token_hash"}:
            expected |= {"23505"}  # one hash for both
        if outcome not in expected:
            self.problem(function, chosen, f"{outcome}, expected {' or '.join(sorted(expected))}")

    def refused(self, function, chosen, error):
        self.database.caller.rollback()
        said = error.diag
        for field in (
            "message_primary",
            "message_detail",
            "message_hint",
            "context",
            "internal_query",
            "column_name",
            "constraint_name",
        ):
            text = getattr(said, field) or ""
            if self.given.search(text):
                self.problem(function, chosen, f"its {field} repeats what was given: {text[:200]}")
        return error.sqlstate or "no SQLSTATE"

    def problem(self, function, chosen, what):
        values = ", ".join(f"{name}: {value.name}" for name, value in chosen.items())
        self.problems.append(f"{function.name}({values}): {what}")


def is_no(rows):
    return all(all(value in (None, False, 0, {"active": False}) for value in row) for row in rows)


def try_database(encoding):
    database = Database(encoding)
    values, calls = Values(database), Calls(database)

    without = [
        f"{function.name}({argument.name})"
        for function in database.functions
        for argument in function.arguments
        if not values_of(values, function, argument)
    ]
    if not empty(without, f"{encoding}: for each argument there are values"):
        return

    def argument_values(function):
        # In the quick form, once what no encoding changes.
        return {
            argument.name: values_of(values, function, argument)
            for argument in function.arguments
            if encoding == "UTF8" or extent(False, True) or argument.type in ("text", "text[]", "jsonb")
        }

    # With good values, each does something; so the others are refused for the one value. (No proof is good here.)
    for function in database.functions:
        if function.name not in (
            "current_session_id",
            "current_user_id",
            "current_scopes",
            "current_metadata",
            "is_mfa_verified",
            "is_authenticated_within",
            "has_scope",
            "cleanup_sessions",
            "stats",
            "user_bigint",
            "is_user_disabled",
            "enable_user",
            "bind_session",
            "validate_session_proof",
        ):
            calls.call(function, {})
    empty(calls.problems, f"{encoding}: good values are accepted by {calls.made} functions")
    calls.problems.clear()

    before = calls.made
    for function in database.functions:
        for name, candidates in argument_values(function).items():
            for value in candidates:
                calls.call(function, {name: value})
    empty(calls.problems, f"{encoding}: each value alone")
    counted(f"{calls.made - before} calls with one hostile value, {encoding}")
    calls.problems.clear()

    combined = {function: argument_values(function) for function in database.functions}
    pairs = [
        (function, first, second)
        for function in database.functions
        for (one, ones), (other, others) in itertools.combinations(combined[function].items(), 2)
        for first, second in itertools.product(((one, value) for value in ones), ((other, value) for value in others))
    ]
    seed = random.randrange(2**32)
    random.Random(seed).shuffle(pairs)
    end = time.monotonic() + extent(4, 1200)
    before = calls.made
    for function, first, second in pairs:
        calls.call(function, dict([first, second]))
        if time.monotonic() > end:
            break
    empty(calls.problems, f"{encoding}: pairs of values, seed {seed}")
    counted(f"{calls.made - before} of {len(pairs)} pairs of hostile values, {encoding}")
    ok(calls.read_state() == calls.state, f"{encoding}: nothing stored has changed")
    print("# " + ", ".join(f"{outcome}: {count}" for outcome, count in sorted(calls.by_outcome.items())))
    high_bytes(database)
    if encoding == "UTF8" or extent(False, True):
        largest(database, values, calls)
    if encoding == "UTF8":
        long_arrays(database)
    database.caller.close()
    database.owner.close()


def high_bytes(database):
    """Bytes beyond ASCII are kept and hashed as they are."""
    encoding = database.encoding
    if encoding == "UTF8":
        texts = [chr(code).encode() for code in (0x80, 0xE9, 0x20AC, 0xFFFF, 0x1F600, 0x10FFFF)]
    else:
        texts = [bytes([byte]) for byte in range(0x80, 0x100)] + [bytes(range(1, 0x100))]
    owner, wrong = database.owner, []
    source = "SQL_ASCII" if encoding == "SQL_ASCII" else encoding
    for text in texts:
        found = owner.execute(f"SELECT {SCHEMA}hash_token(convert_from(%b, '{source}'))::text", (text,)).fetchone()[0]
        if found != hashlib.sha256(text).hexdigest():
            wrong.append(text)
    empty(wrong, f"{encoding}: hash_token hashes the bytes")
    wrong = []
    for text in texts:
        owner.execute("BEGIN")
        made = owner.execute(
            f"SELECT session_id FROM {SCHEMA}create_session("
            f"gen_random_uuid(), convert_from(%b, '{source}'), convert_from(%b, '{source}'))",
            (text, text),
        ).fetchone()
        stored = owner.execute(
            f"SELECT convert_to(device_name, '{source}'), convert_to(user_agent, '{source}') "
            f"FROM {SCHEMA}get_session(%s)",
            made,
        ).fetchone()
        revoked = owner.execute(
            f"SELECT {SCHEMA}revoke_session(%s, convert_from(%b, '{source}'))", (*made, text)
        ).fetchone()[0]
        reason = owner.execute(
            f"SELECT convert_to(revoke_reason, '{source}') FROM {SCHEMA}get_session(%s)", made
        ).fetchone()[0]
        owner.execute("ROLLBACK")
        if stored != (text, text) or not revoked or reason != text:
            wrong.append((text, stored, reason))
    empty(wrong, f"{encoding}: names, user agents and reasons keep their bytes")


# --- the largest values

# palloc's limit, without a header; that of a row, which has one as well; the most elements of an array; the
# longest string of a jsonb.
LARGEST, LARGEST_STORED, MOST_ELEMENTS, LONGEST_STRING = 2**30 - 5, 2**30 - 1024, 2**27 - 1, 2**28 - 1


def unfolded(number):
    """A number that the planner does not know, so that no plan keeps a gigabyte."""
    return f"({number} + 0 * random())::integer"


def repeated(text, size, piece=1024):
    """SQL of a text of so many bytes, or a few less, made of pieces of so many."""
    return f"repeat(repeat({text}, {piece} / octet_length({text})), {unfolded(size // piece)})"


def filled_array(value, count):
    return f"array_fill({value}, ARRAY[{unfolded(count)}])"


def largest_values(values):
    """By type; each is made before the call, so that what may come of making it does not come of that."""

    def of_type(kind, made):
        return [Value(name, f"({sql})::{kind}") for name, sql in made.items()]

    stranger = f"'{STRANGER}'::uuid"
    texts = {
        "of one letter": repeated("'s'", LARGEST, 2969),
        "beyond ASCII": repeated(values.beyond_ascii[-1], LARGEST - 1024),
    }
    if extent(False, True):
        texts |= {
            "with a prefix": f"'sst_' || {repeated(literal('A'), LARGEST - 1024)}",
            "of spaces": repeated("' '", LARGEST, 2969),
            "of products": repeated("'a/1 (b) '", LARGEST, 1026),
            "compressed": "SELECT compressed FROM hostile.largest",
            "out of line": "SELECT external FROM hostile.largest",
        }
    if values.encoding != "UTF8":
        return {"text": of_type("text", {"beyond ASCII": texts["beyond ASCII"]})}
    return {
        "text": of_type("text", texts),
        "text[]": of_type(
            "text[]",
            {
                "of one": f"ARRAY[{repeated(literal('s'), LARGEST - 1024)}]",
                "of NULLs": filled_array("NULL::text", MOST_ELEMENTS),
                "of empty ones": filled_array("''::text", MOST_ELEMENTS),
                "of prefixes": filled_array("'sst_'::text", LARGEST // 8 - 8),
            },
        ),
        "uuid[]": of_type(
            "uuid[]",
            {
                "of NULLs": filled_array("NULL::uuid", MOST_ELEMENTS),
                "of one id": filled_array(stranger, LARGEST // 16 - 2),
                "of NULLs and one id": f"{filled_array('NULL::uuid', MOST_ELEMENTS - 1)} || ARRAY[{stranger}]",
            },
        ),
        "jsonb": of_type(
            "jsonb",
            {
                "of one string": f"to_jsonb({repeated(literal('x'), LONGEST_STRING)})",
                "of strings": "SELECT jsonb_agg(repeat('x', 1000000)) "
                f"FROM generate_series(1, {LONGEST_STRING // 1000000 - 1})",
            },
        ),
        "bytea": of_type("bytea", {"of zeros": f"decode({repeated(literal('0'), LARGEST - 1024)}, 'hex')"}),
        "cstring": of_type("text", {"of digits": repeated("'a'", LARGEST - 1024)}),
    }


def of_largest(function, argument):
    """What may come of the largest values in the place of an argument."""
    if function.is_of_type:
        return NO_HASH
    if argument.name in ("token", "refresh_token", "tokens", "session_ids", "user_ids") and not function.is_computed:
        return NO
    if function.name in OF_ANY_TEXT or argument.name in OF_PROOFS:
        return ANSWER
    return INVALID if argument.name == "level" else TOO_LONG


def largest(database, values, calls):
    """In the long form each argument of each function gets each of them that its type has;
    else one of each type one."""
    if extent(False, True):
        database.owner.execute(
            "CREATE TABLE hostile.largest (compressed text, external text); "
            "ALTER TABLE hostile.largest ALTER external SET STORAGE external; "
            "GRANT SELECT ON hostile.largest TO caller"
        )
        text = repeated("'s'", LARGEST_STORED)
        database.owner.execute(f"INSERT INTO hostile.largest SELECT {text}")
        database.owner.execute(f"UPDATE hostile.largest SET external = {text}")
    by_type = largest_values(values)
    tried = [
        (function, argument)
        for function in every_function(database.owner)
        if not function.is_internal
        for argument in function.arguments
        if argument.type in by_type
    ]
    if extent(True, False):
        tried = list(
            {argument.type: (function, argument) for function, argument in random.sample(tried, len(tried))}.values()
        )
    before, sizes = calls.made, {}
    for function, argument in tried:
        made = by_type[argument.type]
        for value in random.sample(made, extent(1, len(made))):
            if value not in sizes:
                sizes[value] = database.owner.execute(
                    f"SELECT pg_column_size(made) FROM (SELECT {value.sql} AS made OFFSET 0) m"
                ).fetchone()[0]
            calls.call(
                function,
                {
                    argument.name: MadeBefore(
                        value,
                        "pg_catalog.textout(made)" if argument.type == "cstring" else "made",
                        of_largest(function, argument),
                    )
                },
            )
    # The smallest are a bit for each of as many NULLs as there can be.
    empty(
        [f"{value.name}: {size} bytes" for value, size in sizes.items() if size < 10_000_000],
        f"{database.encoding}: the largest values are large",
    )
    if extent(True, False):
        given = ", ".join(f"{function.name} {argument.type}" for function, argument in tried)
    else:
        given = "each argument"
    empty(calls.problems, f"{database.encoding}: the largest values, of {given}")
    # A scope is looked for only among those of somebody.
    found = database.caller.execute(
        f"SELECT {SCHEMA}has_scope(made) "
        f"FROM {SCHEMA}authenticate(%s), (SELECT {by_type['text'][0].sql} AS made OFFSET 0) m",
        (database.fixture["token"],),
    ).fetchone()
    database.caller.rollback()
    ok(found == (False,), f"{database.encoding}: nobody has the longest of scopes", found)
    counted(
        f"{calls.made - before} calls with one of the largest values for {len(tried)} arguments, {database.encoding}"
    )
    calls.problems.clear()


def long_arrays(database):
    """A call that goes through a long array can be cancelled on the way: its last element is not reached."""
    caller, fixture = database.caller, database.fixture
    unknown = broken(fixture["token"])["another session id"]
    # What the last one would leave, though it is undone: a validation that was counted, a row that was updated.
    traces = {
        "validate_sessions": (
            f"{filled_array(f'{literal(unknown)}::text', 3_000_000)} || ARRAY[{literal(fixture['token'])}]",
            f"SELECT validations FROM {SCHEMA}stats()",
        ),
        "touch_sessions": (
            f"{filled_array(f'{literal(str(STRANGER))}::uuid', 16_000_000)} || ARRAY['{fixture['session_id']}'::uuid]",
            f"SELECT xmax FROM {SCHEMA}sessions WHERE id = '{fixture['session_id']}'",
        ),
    }
    for name, (array, trace) in traces.items():
        before, found = database.owner.execute(trace).fetchone(), []

        def call():
            # The lock tells that the array is made, and the call comes next.
            try:
                made = f"SELECT made, pg_advisory_lock(1) FROM (SELECT {array} AS made OFFSET 0) a OFFSET 0"
                caller.execute(f"SELECT count(r) FROM ({made}) m, LATERAL {SCHEMA}{name}(made) r")
            except psycopg.Error as error:
                found.append(error.sqlstate)
            caller.execute("ROLLBACK; SELECT pg_advisory_unlock_all()")
            caller.commit()

        calling = threading.Thread(target=call)
        calling.start()
        while (
            calling.is_alive()
            and not database.owner.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            ).fetchone()
        ):
            time.sleep(0.01)
        calling.join()
        is_reached = database.owner.execute(trace).fetchone() != before
        ok(
            found == ([] if is_reached else ["57014"]),
            f"{name} of a long array is cancelled on its way",
            found,
            f"reached the end: {is_reached}",
        )


for each in ("UTF8", "SQL_ASCII", "LATIN1"):
    try_database(each)
log_is_clean(SERVER_LOG)
done()
