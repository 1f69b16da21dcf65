-- export_user: all that is stored about a user, and nothing that signs in.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SET session_service.event_log = 'all';
-- of whom nothing is known
SELECT export_user(:'nobody');
SELECT pg_temp.outcome('SELECT export_user(NULL)');

-- A user with something in every column, and another one.
SELECT set_user_session_limit(:'alice', 7);
SELECT * FROM create_session(:'alice', 'laptop',
    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', '192.0.2.1', '{read,write}', 'a key',
    '{"plan": "free"}',
    absolute_timeout => '40 days') \gset
SELECT mark_mfa_verified(:'session_id', 'totp'), trust_device(:'alice', :'device_id'),
    rename_device(:'alice', :'device_id', 'My laptop');
SELECT token AS next_token, refresh_token AS next_refresh_token FROM refresh_session(:'refresh_token') \gset
SELECT * FROM create_session(:'alice', 'phone') \gset phone_
SELECT revoke_session(:'phone_session_id', 'lost');
SELECT import_session(hash_token('imported'), :'alice', clock_timestamp() + interval '1 day',
    hash_token('imported refresh')) IS NOT NULL AS imported;
SELECT session_id AS bobs FROM create_session(:'bob', 'bob''s', ip_address => '198.51.100.7') \gset

-- What is stored and not shown, and why. A column that is new is shown, or listed here.
CREATE TEMP TABLE left_out (relation name, name name, reason text);
INSERT INTO left_out VALUES
    ('devices', 'key_hash', 'a hash'), ('sessions', 'token_hash', 'a hash'), ('sessions', 'refresh_hash', 'a hash'),
    ('sessions', 'previous_refresh_hash', 'a hash'), ('sessions', 'family_hash', 'a hash'),
    ('sessions', 'replaced_token_hash', 'a hash'),
    ('sessions', 'challenge_key', 'with a token it gives challenges'),
    ('sessions', 'rotation_salt', 'with a spent token it gives the one that is good'),
    ('imported_tokens', 'token_hash', 'a hash'), ('imported_tokens', 'session_id', 'whose hash it is'),
    ('imported_tokens', 'bucket', 'of that session'), ('imported_tokens', 'is_refresh', 'what the hash is of'),
    ('external_sessions', 'external_hash', 'a hash'), ('external_sessions', 'session_id', 'whose hash it is'),
    ('external_sessions', 'bucket', 'of that session'),
    ('access_levels', 'id', 'about roles, not users'), ('access_levels', 'role', 'about roles, not users'),
    ('access_levels', 'level', 'about roles, not users');
CREATE TEMP VIEW stored AS
    SELECT c.relname AS relation, a.attname AS name, CASE c.relname WHEN 'users' THEN 'user' ELSE c.relname END AS key
    FROM pg_depend d JOIN pg_class c ON c.oid = d.objid JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension
        WHERE extname = 'session_service') AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass
        AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped;
CREATE TEMP TABLE shown AS
    SELECT DISTINCT part.key AS key, name.key AS name FROM jsonb_each(export_user(:'alice')) part,
        LATERAL (SELECT part.value AS item WHERE jsonb_typeof(part.value) = 'object' UNION ALL SELECT e
            FROM jsonb_array_elements(CASE WHEN jsonb_typeof(part.value) = 'array' THEN part.value END) e) r,
        jsonb_each(r.item) name;
SELECT count(*) > 50 AS many FROM shown;
-- no row in any of these: stored, but neither shown nor left out; left out, but shown, or not stored; shown, but not
-- stored
SELECT relation, name FROM stored s WHERE NOT EXISTS (SELECT FROM shown WHERE (key, name) = (s.key, s.name::text))
    AND NOT EXISTS (SELECT FROM left_out l WHERE (l.relation, l.name) = (s.relation, s.name));
SELECT l.* FROM left_out l LEFT JOIN stored s USING (relation, name) LEFT
JOIN shown ON (shown.key, shown.name) = (s.key, s.name::text) WHERE s.name IS NULL OR shown.name IS NOT NULL;
SELECT key, name FROM shown
WHERE NOT EXISTS (SELECT FROM stored s WHERE (s.key, s.name::text) = (shown.key, shown.name));
-- each column of the types that secrets have is left out
SELECT s.relation, s.name FROM stored s JOIN pg_attribute a ON a.attrelid = s.relation::regclass AND a.attname = s.name
JOIN shown ON (shown.key, shown.name) = (s.key, s.name::text)
WHERE a.atttypid IN ('token_hash'::regtype, 'bytea'::regtype);

-- The values are those of the tables, in the order of the ids.
CREATE FUNCTION pg_temp.without_secrets(relation name, stored jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT stored - ARRAY(SELECT l.name::text FROM pg_temp.left_out l WHERE l.relation = without_secrets.relation)
$$;
CREATE FUNCTION pg_temp.expected(of uuid) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'user', (SELECT pg_temp.without_secrets('users', to_jsonb(u)) FROM session_service.users u
            WHERE u.user_id = of),
        'sessions', (SELECT coalesce(jsonb_agg(pg_temp.without_secrets('sessions', to_jsonb(s)) ORDER BY s.id), '[]')
            FROM session_service.sessions s WHERE s.user_id = of),
        'devices', (SELECT coalesce(jsonb_agg(pg_temp.without_secrets('devices', to_jsonb(d)) ORDER BY d.id), '[]')
            FROM session_service.devices d WHERE d.user_id = of),
        'events', (SELECT coalesce(jsonb_agg(pg_temp.without_secrets('events', to_jsonb(e)) ORDER BY e.id), '[]')
            FROM session_service.events e WHERE e.user_id = of))
$$;
SELECT export_user(:'alice') = pg_temp.expected(:'alice') AS alice,
    export_user(:'bob') = pg_temp.expected(:'bob') AS bob;
SELECT key, CASE WHEN jsonb_typeof(value) = 'array' THEN jsonb_array_length(value) END AS rows
FROM jsonb_each(export_user(:'alice')) ORDER BY 1;
SELECT value ->> 'name' AS name, value ->> 'trusted_until' > '2' AS trusted
FROM jsonb_array_elements(export_user(:'alice') -> 'devices') WHERE value ->> 'id' = :'device_id';
-- nobody else's, and no token or hash of one, in no form
SELECT export_user(:'alice')::text ~ (:'bob' || '|' || :'bobs' || '|198.51.100.7') AS of_bob;
SELECT secret, form FROM unnest(ARRAY[:'token', :'refresh_token', :'next_token', :'next_refresh_token', :'phone_token',
    'imported refresh', 'a key']) secret,
    LATERAL (VALUES (secret), (encode(sha256(secret::bytea), 'hex')), (encode(sha256(secret::bytea), 'base64'))) f
        (form) WHERE strpos(lower(export_user(:'alice')::text), lower(form)) > 0;

-- What somebody added to a table is not ours to show, and nothing that belongs to it runs.
BEGIN;
CREATE TYPE public.regress_secret AS ENUM ('x');
CREATE FUNCTION public.regress_shows(public.regress_secret) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE 'this ran';
END $$;
CREATE CAST (public.regress_secret AS json) WITH FUNCTION public.regress_shows(public.regress_secret);
ALTER TABLE sessions ADD COLUMN mine public.regress_secret DEFAULT 'x';
SELECT pg_temp.outcome('SELECT to_jsonb(s) FROM sessions s') AS of_the_row;
SELECT DISTINCT value ? 'mine' AS mine, value ? 'metadata' AS ours
FROM jsonb_array_elements(export_user(:'alice') -> 'sessions');
ROLLBACK;

-- What the transaction itself did is in it, at every isolation level.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM create_session(:'carol', 'tablet');
SELECT jsonb_array_length(export_user(:'carol') -> 'sessions') AS sessions,
    export_user(:'carol') -> 'user' ->> 'user_id' = :'carol' AS is_known;
ROLLBACK;

-- Both halves of a request: what is shown is what goes.
SELECT delete_user(:'alice');
SELECT export_user(:'alice');
SELECT jsonb_array_length(export_user(:'bob') -> 'sessions') AS of_bob;
