-- The number that tells caches that sessions of a user were ended.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

CREATE FUNCTION pg_temp.grown(now bigint, before bigint) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN now > before THEN 'grown' WHEN now = before THEN 'same' ELSE 'shrunk' END
$$;
SELECT user_epoch(:'nobody') AS unknown, pg_temp.outcome('SELECT user_epoch(NULL)');
-- a new user starts at the microseconds of now
SELECT * FROM create_session(:'alice') \gset
SELECT abs(user_epoch(:'alice') - extract(epoch FROM clock_timestamp()) * 1000000) < 60000000 AS microseconds;
-- what ends no session leaves it
SELECT user_epoch(:'alice') AS epoch \gset
SELECT count(*) FROM validate_session(:'token');
SELECT count(*) FROM rotate_session_token(:'token');
SELECT refresh_token AS next_refresh_token FROM refresh_session(:'refresh_token') \gset
SELECT mark_mfa_verified(:'session_id'), set_session_scopes(:'session_id', '{}'),
    extend_session(:'session_id') IS NOT NULL AS extended;
SELECT revoke_session(:'nobody'), revoke_user_session(:'bob', :'session_id'), revoke_session_by_token('x'),
    revoke_device_sessions(:'alice', :'nobody'),
       revoke_inactive_sessions('1 day'), revoke_all_user_sessions_except(:'alice', :'session_id'), cleanup_sessions();
SELECT count(*) FROM create_session(:'alice');
SELECT set_user_session_limit(:'alice', 100);
SELECT pg_temp.grown(user_epoch(:'alice'), :epoch);
-- each revocation that ended one raises it
CREATE TEMP TABLE ways (way text, statement text);
INSERT INTO ways VALUES
    ('revoke_session', 'SELECT session_service.revoke_session(%1$L)'),
    ('revoke_user_session',
        'SELECT session_service.revoke_user_session(''00000000-0000-4000-8000-00000000000a'', %1$L)'),
    ('revoke_session_by_token', 'SELECT session_service.revoke_session_by_token(%2$L)'),
    ('revoke_all_user_sessions',
        'SELECT session_service.revoke_all_user_sessions(''00000000-0000-4000-8000-00000000000a'')'),
    ('revoke_all_user_sessions_except',
        'SELECT session_service.revoke_all_user_sessions_except(''00000000-0000-4000-8000-00000000000a'', '
            'gen_random_uuid())'),
    ('revoke_device_sessions',
        'SELECT session_service.revoke_device_sessions(''00000000-0000-4000-8000-00000000000a'', %3$L)'),
    ('revoke_inactive_sessions', 'SELECT session_service.revoke_inactive_sessions(''1 microsecond'')'),
    ('reuse',
        'SET LOCAL session_service.refresh_grace = 0; SELECT session_service.refresh_session(%4$L); '
            'SELECT session_service.refresh_session(%4$L)'),
    ('eviction',
        'SET LOCAL session_service.max_per_user = 1; '
            'SELECT session_service.set_user_session_limit(''00000000-0000-4000-8000-00000000000a'', NULL);
                  SELECT session_service.create_session(''00000000-0000-4000-8000-00000000000a'')');
CREATE FUNCTION pg_temp.epoch_after(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made record;
    epoch bigint;
BEGIN
    SELECT * INTO made FROM session_service.create_session('00000000-0000-4000-8000-00000000000a');
    epoch := session_service.user_epoch('00000000-0000-4000-8000-00000000000a');
    EXECUTE format(statement, made.session_id, made.token, made.device_id, made.refresh_token);
    RETURN pg_temp.grown(session_service.user_epoch('00000000-0000-4000-8000-00000000000a'), epoch);
END $$;
SELECT way, pg_temp.epoch_after(statement) FROM ways;
-- by at least 1, also where the clock is behind
SELECT * FROM create_session(:'alice') \gset
UPDATE users SET epoch = 8000000000000000000 WHERE user_id = :'alice';
SELECT revoke_session(:'session_id'), user_epoch(:'alice');
-- else to the microseconds of now
UPDATE users SET epoch = 5 WHERE user_id = :'alice';
SELECT * FROM create_session(:'alice') \gset
SELECT user_epoch(:'alice') AS as_it_was, revoke_session(:'session_id');
SELECT abs(user_epoch(:'alice') - extract(epoch FROM clock_timestamp()) * 1000000) < 60000000 AS microseconds;
-- it never restarts: not for a user who was deleted and came back
SELECT user_epoch(:'alice') AS epoch \gset
SELECT count(*) FROM create_session(:'alice');
SELECT delete_user(:'alice') > 0 AS deleted, user_epoch(:'alice') AS unknown;
SELECT count(*) FROM create_session(:'alice');
SELECT pg_temp.grown(user_epoch(:'alice'), :epoch);
-- undone with its transaction
SELECT user_epoch(:'alice') AS epoch \gset
BEGIN;
SELECT revoke_all_user_sessions(:'alice');
SELECT pg_temp.grown(user_epoch(:'alice'), :epoch);
ROLLBACK;
SELECT pg_temp.grown(user_epoch(:'alice'), :epoch);
