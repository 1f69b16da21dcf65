-- Tokens as such: their form, hashing, what can be read from them, buckets.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

-- the hash is SHA-256 over the bytes of the text
SELECT hash_token('abc');
SELECT hash_token('');
SELECT hash_token(NULL) IS NULL AS unknown;
SELECT hash_token(t)::bytea = sha256(convert_to(t, 'UTF8')) AS same
FROM unnest(ARRAY['x', repeat('y', 100000), U&'\00e9\20ac']) t;

-- free-standing secrets: lower-case hex, so many bytes
SELECT length, generate_token(length) ~ ('^[0-9a-f]{' || length * 2 || '}$') AS hex
FROM unnest('{16, 17, 32, 64}'::integer[]) length;
SELECT generate_token() ~ '^[0-9a-f]{64}$' AS by_setting, generate_token(NULL) ~ '^[0-9a-f]{64}$' AS also;
SET session_service.token_length = 20;
SELECT generate_token() ~ '^[0-9a-f]{40}$' AS by_setting;
RESET session_service.token_length;
SELECT count(DISTINCT generate_token(16)) FROM generate_series(1, 1000);
SELECT length, pg_temp.outcome('SELECT generate_token(' || length || ')')
FROM unnest('{-1, 0, 15, 65, 2147483647}'::integer[]) length;

-- the form of tokens: prefix, base64url, version 1, the session's id, the secret, the checksum
SELECT * FROM create_session(:'alice') \gset
SELECT :'token' ~ '^sst_[A-Za-z0-9_-]{1,156}$' AS session_token,
    :'refresh_token' ~ '^ssr_[A-Za-z0-9_-]{1,156}$' AS refresh_token;
SELECT length(payload) AS bytes, get_byte(payload, 0) AS version,
    substr(payload, 2, 16) = uuid_send(:'session_id') AS id,
       pg_temp.forged('sst_', payload) = :'token' AS checksum
FROM pg_temp.payload(:'token') AS payload;
SELECT length(payload) AS bytes, get_byte(payload, 0) AS version,
    substr(payload, 2, 16) = uuid_send(:'session_id') AS id,
       pg_temp.forged('ssr_', payload) = :'refresh_token' AS checksum
FROM pg_temp.payload(:'refresh_token') AS payload;
-- with secrets of every length
CREATE TEMP TABLE issued (length integer, session_id uuid, token text, refresh_token text);
DO $$
BEGIN
    FOR length IN 16 .. 64 LOOP
        PERFORM set_config('session_service.token_length', length::text, false);
        INSERT INTO issued SELECT length, c.session_id, c.token, c.refresh_token
        FROM session_service.create_session('00000000-0000-4000-8000-00000000000b') c;
    END LOOP;
END $$;
RESET session_service.token_length;
SELECT count(*), bool_and(length(pg_temp.payload(token)) = 1 + 16 + length) AS session_tokens,
       bool_and(length(pg_temp.payload(refresh_token)) = 1 + 16 + 16 + length) AS refresh_tokens,
       max(length(refresh_token)) AS longest
FROM issued;
SELECT count(DISTINCT substr(pg_temp.payload(token), 18)) AS session_secrets,
    count(DISTINCT substr(pg_temp.payload(refresh_token), 34)) AS refresh_secrets,
       count(DISTINCT substr(pg_temp.payload(refresh_token), 18, 16)) AS family_keys FROM issued;

-- the id inside a token of either kind
SELECT count(*) FROM issued WHERE token_session_id(token) = session_id AND token_session_id(refresh_token) = session_id;
-- which anyone may write: it proves nothing
SELECT token_session_id(pg_temp.forged('sst_', '\x01' || uuid_send(:'nobody') || decode(repeat('00', 16), 'hex')));

-- what is no token: wrong alphabet, length, version, checksum
CREATE TEMP TABLE malformed (what text, token text);
INSERT INTO malformed VALUES
    ('NULL', NULL),
    ('empty', ''),
    ('prefixes', 'sst_'), ('prefixes', 'ssr_'),
    ('other prefixes', 'ss'), ('other prefixes', 'SST_' || substr(:'token', 5)),
    ('other prefixes', 'ssx_' || substr(:'token', 5)),
    ('other prefixes', substr(:'token', 5)), ('other prefixes', 'sst-' || substr(:'token', 5)),
    ('the other kind''s prefix', 'ssr_' || substr(:'token', 5)),
    ('the other kind''s prefix', 'sst_' || substr(:'refresh_token', 5)),
    ('spaces', ' ' || :'token'), ('spaces', :'token' || ' '), ('spaces', :'token' || E'\n'),
    ('spaces', overlay(:'token' PLACING ' ' FROM 20 FOR 1)),
    ('padding', :'token' || '='), ('padding', :'refresh_token' || '=='),
    ('not ASCII', overlay(:'token' PLACING U&'\00e9' FROM 20 FOR 1)),
    ('one character more', :'token' || 'A'), ('one character less', left(:'token', -1)),
    ('twice', :'token' || :'token'),
    ('a session id', :'session_id'),
    ('a hash', hash_token(:'token')::text), ('a hash', 'sst_' || hash_token(:'token')::text),
    ('a megabyte', repeat('sst_', 262144)), ('a megabyte', 'sst_' || repeat('A', 1048576)),
    ('version 0', pg_temp.forged('sst_', '\x00' || substr(pg_temp.payload(:'token'), 2))),
    ('version 2', pg_temp.forged('sst_', '\x02' || substr(pg_temp.payload(:'token'), 2))),
    ('version 255', pg_temp.forged('ssr_', '\xff' || substr(pg_temp.payload(:'refresh_token'), 2))),
    ('a secret of 15 bytes', pg_temp.forged('sst_', '\x01' || uuid_send(:'session_id')
        || decode(repeat('ab', 15), 'hex'))),
    ('a secret of 65 bytes', pg_temp.forged('sst_', '\x01' || uuid_send(:'session_id')
        || decode(repeat('ab', 65), 'hex'))),
    ('a secret of 65 bytes', pg_temp.forged('ssr_', '\x01' || uuid_send(:'session_id')
        || decode(repeat('ab', 81), 'hex')));
-- each character of both tokens replaced by each of three others of the alphabet
INSERT INTO malformed SELECT 'one character replaced', overlay(token PLACING other FROM place FOR 1)
FROM (VALUES (:'token'), (:'refresh_token')) AS good (token), generate_series(1, length(token)) place,
    unnest('{A,z,_}'::text[]) other
WHERE substr(token, place, 1) <> other;
-- two neighbours swapped
INSERT INTO malformed SELECT 'neighbours swapped',
    overlay(token PLACING substr(token, place + 1, 1) || substr(token, place, 1) FROM place FOR 2)
FROM (VALUES (:'token'), (:'refresh_token')) AS good (token), generate_series(1, length(token) - 1) place
WHERE substr(token, place, 1) <> substr(token, place + 1, 1);
SELECT count(*) > 600 AS many, count(token_session_id(token)) AS ids,
    count(*) FILTER (WHERE token_bucket(token) <> 0) AS buckets FROM malformed;
-- each is refused by every function, and before any table is read; which a good one is not, nor what may be another
-- system's token
CREATE FUNCTION pg_temp.reads() RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::bigint FROM pg_stat_xact_user_tables
    WHERE schemaname = 'session_service'
$$;
CREATE FUNCTION pg_temp.answers(tokens text[]) RETURNS TABLE (accepted bigint, reads bigint) LANGUAGE plpgsql AS $$
DECLARE
    before CONSTANT bigint := pg_temp.reads();
BEGIN
    SELECT count(*) INTO accepted FROM unnest(tokens) token
    WHERE EXISTS (SELECT FROM session_service.validate_session(token)) OR EXISTS (SELECT
        FROM session_service.refresh_session(token))
        OR EXISTS (SELECT FROM session_service.rotate_session_token(token)) OR EXISTS (SELECT
            FROM session_service.validate_sessions(ARRAY[token]))
        OR session_service.revoke_session_by_token(token) OR session_service.mark_mfa_verified_by_token(token)
        OR session_service.introspect_token(token) <> '{"active": false}';
    reads := pg_temp.reads() - before;
    RETURN NEXT;
END $$;
SELECT a.* FROM (SELECT array_agg(token) AS tokens FROM malformed WHERE token IS NULL OR token ~ '^ss[tr]_'
    OR token ~ '[^ -~]' OR length(token) NOT BETWEEN 1 AND 512) malformed, pg_temp.answers(tokens) a;
SELECT accepted FROM (SELECT array_agg(token) AS tokens FROM malformed) malformed, pg_temp.answers(tokens);
SELECT accepted, reads > 0 AS reads FROM pg_temp.answers(ARRAY[:'token']);

-- a well-formed token of a wrong secret, or for no session
SELECT count(*) FROM validate_session(pg_temp.forged('sst_', '\x01' || uuid_send(:'session_id')
    || decode(repeat('ab', 32), 'hex')));
SELECT count(*) FROM validate_session(pg_temp.forged('sst_', '\x01' || uuid_send(:'nobody')
    || decode(repeat('ab', 32), 'hex')));

-- only the hash of the whole text is stored: no part of a token is in any table
SELECT token_hash = hash_token(:'token') AS token_hash, refresh_hash = hash_token(:'refresh_token') AS refresh_hash,
       family_hash::bytea = sha256(substr(pg_temp.payload(:'refresh_token'), 18, 16)) AS family_hash FROM sessions
       WHERE id = :'session_id';
SELECT stored.kind, count(*) FROM (
    SELECT 'session' AS kind, to_jsonb(s)::text AS value FROM sessions s UNION ALL
    SELECT 'device', to_jsonb(d)::text FROM devices d UNION ALL
    SELECT 'user', to_jsonb(u)::text FROM users u UNION ALL
    SELECT 'event', to_jsonb(e)::text FROM events e) stored
JOIN (VALUES (encode(substr(pg_temp.payload(:'token'), 18, 16), 'hex')),
    (encode(substr(pg_temp.payload(:'refresh_token'), 18, 16), 'hex')),
             (encode(substr(pg_temp.payload(:'refresh_token'), 34, 16), 'hex')),
             (substr(:'token', 5)), (substr(:'refresh_token', 5))) secret (part) ON strpos(value, part) > 0
GROUP BY 1;

-- buckets: 0 to 4095, frozen, total
SELECT user_bucket('00000000-0000-4000-8000-00000000000a') AS a,
    user_bucket('ffffffff-ffff-ffff-ffff-ffffffffffff') AS f,
    user_bucket('00000000-0000-0000-0000-000000000000') AS zero;
SELECT count(*) FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 1000)) random
WHERE user_bucket(id) <> ('x' || left(encode(sha256(uuid_send(id)), 'hex'), 3))::bit(12)::integer;
SELECT session_bucket('00000000-0000-7abc-8000-000000000000') = x'abc'::integer AS rand_a,
    session_bucket('00000000-0000-7fff-8000-000000000000') AS greatest;
SELECT user_bucket(NULL), session_bucket(NULL), token_bucket(NULL), token_bucket('garbage');
SELECT count(*) FROM issued WHERE session_bucket(session_id) = user_bucket(:'bob')
    AND token_bucket(token) = user_bucket(:'bob')
    AND token_bucket(refresh_token) = user_bucket(:'bob');
-- session ids are UUIDv7 of now
SELECT count(*) FROM issued
WHERE session_id::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
    AND abs(('x' || left(replace(session_id::text, '-', ''), 12))::bit(48)::bigint - extract(epoch
        FROM clock_timestamp()) * 1000) < 60000;
