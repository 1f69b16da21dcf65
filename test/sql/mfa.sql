-- Multi-factor authentication.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SELECT * FROM create_session(:'alice') \gset
SELECT mfa_verified, mfa_verified_at, mfa_method FROM get_session(:'session_id');
SELECT mark_mfa_verified(:'session_id', 'totp');
SELECT mfa_verified, pg_temp.is_in(mfa_verified_at, '0') AS now, mfa_method FROM get_session(:'session_id');
SELECT mfa_verified FROM validate_session(:'token');
SELECT kind, session_id = :'session_id' AS session, device_id = :'device_id' AS device, detail
FROM list_events(:'alice') WHERE kind ~ 'mfa';
-- any method, or none; the last time counts
CALL pg_temp.time_passes('1 hour');
SELECT mark_mfa_verified(:'session_id', method) FROM unnest('{webauthn,backup,own kind}'::text[]) method;
SELECT pg_temp.is_in(mfa_verified_at, '0') AS now, mfa_method FROM get_session(:'session_id');
SELECT mark_mfa_verified(:'session_id');
SELECT mfa_verified, mfa_method FROM get_session(:'session_id');
SELECT mark_mfa_verified(:'session_id', repeat('m', 64)),
    pg_temp.outcome(format('SELECT mark_mfa_verified(%L, %L)', :'session_id', repeat('m', 65)));
-- taken away
SELECT clear_mfa_verified(:'session_id'), clear_mfa_verified(:'session_id');
SELECT mfa_verified, mfa_verified_at, mfa_method FROM get_session(:'session_id');
SELECT mfa_verified FROM validate_session(:'token');
-- by the session token
SELECT mark_mfa_verified_by_token(:'token', 'totp'), mark_mfa_verified_by_token(:'refresh_token') AS refresh_token,
    mark_mfa_verified_by_token(NULL), mark_mfa_verified_by_token('x');
SELECT mfa_verified, mfa_method FROM get_session(:'session_id');
SELECT clear_mfa_verified(:'session_id');
SELECT token AS new_token FROM rotate_session_token(:'token') \gset
SELECT mark_mfa_verified_by_token(:'token') AS replaced, mfa_verified FROM get_session(:'session_id');
SELECT mark_mfa_verified_by_token(:'new_token'), mark_mfa_verified_by_token(:'new_token', NULL);
-- true where there was an active session
SELECT * FROM create_session(:'bob', session_expiry => '1 hour') \gset expired_
SELECT * FROM create_session(:'bob', inactivity_timeout => '1 hour') \gset idle_
SELECT * FROM create_session(:'bob') \gset revoked_
SELECT mark_mfa_verified(:'expired_session_id', 'before'), mark_mfa_verified(:'idle_session_id', 'before'),
    mark_mfa_verified(:'revoked_session_id', 'before');
SELECT revoke_session(:'revoked_session_id');
CALL pg_temp.time_passes('61 minutes');
SELECT state, mark_mfa_verified(id, 'after'), clear_mfa_verified(id),
    mark_mfa_verified_by_token(token, 'after') AS by_token
FROM (VALUES ('expired', :'expired_session_id'::uuid, :'expired_token'), ('idle', :'idle_session_id', :'idle_token'),
    ('revoked', :'revoked_session_id', :'revoked_token'), ('unknown', :'nobody', '')) s (state, id, token);
SELECT status, mfa_verified, mfa_method FROM list_user_sessions(:'bob', include_inactive => true) ORDER BY status;
SELECT pg_temp.outcome('SELECT mark_mfa_verified(NULL)'), pg_temp.outcome('SELECT clear_mfa_verified(NULL)');
-- a failed one leaves no event; an undone one neither
SELECT count(*) FROM list_events(:'bob') WHERE kind ~ 'mfa' AND reason = 'after';
SELECT clear_mfa_verified(:'session_id');
SELECT count(*) AS events FROM list_events(:'alice') WHERE kind ~ 'mfa';
BEGIN;
SELECT mark_mfa_verified(:'session_id');
ROLLBACK;
SELECT mfa_verified, (SELECT count(*) FROM list_events(:'alice') WHERE kind ~ 'mfa') AS events
FROM get_session(:'session_id');
