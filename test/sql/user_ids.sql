-- Stable uuids for users that an application numbers or names. Frozen: applications store them.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SELECT id, user_uuid(id)
FROM (VALUES (0::bigint), (1), (42), (-1), (9223372036854775807), (-9223372036854775808)) numbers (id);
SELECT id, user_uuid_from_text(id)
FROM (VALUES (''), ('alice'), ('alice@example.com'), ('42'), ('Zoë'), (repeat('a', 30))) names (id);
-- UUIDv8 and UUIDv5 of RFC 9562
SELECT substr(user_uuid(-1)::text, 15, 1) AS version, substr(user_uuid(-1)::text, 20, 1) ~ '[89ab]' AS variant,
       substr(user_uuid_from_text('x')::text, 15, 1) AS version,
       substr(user_uuid_from_text('x')::text, 20, 1) ~ '[89ab]' AS variant;
-- the number comes back, from each of these; no two are the same
SELECT count(*), count(DISTINCT user_uuid(n)) AS ids, bool_and(user_bigint(user_uuid(n)) = n) AS back
FROM (SELECT ('x' || left(md5(i::text), 16))::bit(64)::bigint FROM generate_series(1, 20000) i
      UNION SELECT (1::bigint << i) + j FROM generate_series(0, 62) i, generate_series(-1, 1) j
      UNION SELECT -(1::bigint << i) FROM generate_series(0, 63) i) numbers (n);
-- nothing else is one
SELECT bool_and(user_bigint(id) IS NULL) FROM (SELECT gen_random_uuid() FROM generate_series(1, 1000)
    UNION SELECT user_uuid_from_text(i::text) FROM generate_series(1, 1000) i
    UNION VALUES ('00000000-0000-0000-0000-000000000000'::uuid), ('ffffffff-ffff-ffff-ffff-ffffffffffff'),
        (:'alice')) ids (id);
SELECT user_bigint(overlay(user_uuid(1)::text PLACING '7' FROM 15 FOR 1)::uuid) AS other_version,
    user_bigint(overlay(user_uuid(1)::text PLACING 'c' FROM 20 FOR 1)::uuid) AS other_variant,
       user_bigint(overlay(user_uuid(1)::text PLACING '0' FROM 1 FOR 1)::uuid) AS other_mark;
SELECT user_uuid(NULL) IS NULL AS number, user_uuid_from_text(NULL) IS NULL AS name, user_bigint(NULL) IS NULL AS id;
-- an integer is a bigint; a text is never taken for one
SELECT user_uuid(42) = user_uuid(42::bigint) AS same, user_uuid(42) = user_uuid_from_text('42') AS text;
-- as a generated column, since they are immutable, and as the id of a session's user
CREATE TEMP TABLE app_users (id bigint PRIMARY KEY,
    session_user_id uuid UNIQUE GENERATED ALWAYS AS (session_service.user_uuid(id)) STORED);
INSERT INTO app_users VALUES (7);
SELECT user_bigint(v.user_id) FROM app_users u, create_session(u.session_user_id) c, validate_session(c.token) v;
