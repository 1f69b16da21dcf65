-- Replacing a session token.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SET session_service.event_log = 'all';
SELECT * FROM create_session(:'alice', 'laptop', NULL, '192.0.2.1', '{read}', NULL, '{"a": 1}') \gset
CREATE TEMP TABLE before AS SELECT * FROM sessions WHERE id = :'session_id';
SELECT session_id AS rotated_session_id, token AS rotated_token, expires_at AS rotated_expires_at
FROM rotate_session_token(:'token') \gset
-- the same session, whose expiry does not change; the old token is dead at once
SELECT :'rotated_session_id' = :'session_id' AS same_session, :'rotated_expires_at' = :'expires_at' AS same_expiry,
    :'rotated_token' <> :'token' AS other_token,
       :'rotated_token' ~ '^sst_' AND token_session_id(:'rotated_token') = :'session_id' AS well_formed;
SELECT count(*) FROM validate_session(:'token');
SELECT count(*) FROM validate_session(:'rotated_token');
SELECT count(*) FROM rotate_session_token(:'token');
-- nothing else of it changes
SELECT o.key FROM before, sessions s, jsonb_each(to_jsonb(before)) o JOIN jsonb_each(to_jsonb(s)) n USING (key)
WHERE s.id = :'session_id' AND o.value <> n.value;
SELECT kind, session_id = :'session_id' AS session, device_id = :'device_id' AS device
FROM list_events(:'alice', max_rows => 1);
-- the refresh token stays, and works
SELECT * FROM refresh_session(:'refresh_token') \gset next_
SELECT :'next_repeated' AS repeated, pg_temp.opens(:'rotated_token') AS rotated,
    pg_temp.opens(:'next_token') AS refreshed;

-- no row for any other token
SELECT count(*) FROM rotate_session_token(:'next_refresh_token');
SELECT count(*) FROM rotate_session_token(:'rotated_token');
SELECT count(*) FROM rotate_session_token(NULL);
SELECT count(*) FROM rotate_session_token('nonsense');
SELECT pg_temp.state(:'session_id'), pg_temp.opens(:'next_token');
-- nor for a session that is over
SELECT * FROM create_session(:'bob', session_expiry => '1 hour') \gset expired_
SELECT * FROM create_session(:'bob', inactivity_timeout => '1 hour') \gset idle_
SELECT * FROM create_session(:'bob') \gset revoked_
SELECT revoke_session(:'revoked_session_id');
CALL pg_temp.time_passes('61 minutes');
SELECT count(*) FROM unnest(ARRAY[:'expired_token', :'idle_token', :'revoked_token']) t, rotate_session_token(t);
-- a session token never buys a refresh token
SELECT count(*) FROM refresh_session(:'next_token');

-- as many bytes as the setting asks for now, without disturbing the refresh token
SET session_service.token_length = 48;
SELECT * FROM create_session(:'bob') \gset
SET session_service.token_length = 24;
SELECT token AS rotated_token FROM rotate_session_token(:'token') \gset
SELECT length(pg_temp.payload(:'token')) - 17 AS before, length(pg_temp.payload(:'rotated_token')) - 17 AS after;
SELECT count(*) FROM refresh_session(:'refresh_token');
RESET session_service.token_length;

-- A rotation ends the retry of the last refresh: until its grace is over that token answers no row and ends nothing
SET session_service.refresh_grace = '1h';
SELECT * FROM create_session(:'alice') \gset
SELECT * FROM refresh_session(:'refresh_token') \gset next_
SELECT repeated FROM refresh_session(:'refresh_token');
SELECT token AS rotated_token FROM rotate_session_token(:'next_token') \gset
SELECT rotation_salt IS NULL AS salt_erased FROM sessions WHERE id = :'session_id';
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id'), pg_temp.opens(:'rotated_token'), pg_temp.opens(:'next_refresh_token') AS refreshes;
CALL pg_temp.time_passes('50 minutes');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');
-- afterwards it is reuse
CALL pg_temp.time_passes('20 minutes');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');

-- undone with its transaction
SELECT * FROM create_session(:'alice') \gset
BEGIN;
SELECT count(*) FROM rotate_session_token(:'token');
ROLLBACK;
SELECT pg_temp.opens(:'token');
