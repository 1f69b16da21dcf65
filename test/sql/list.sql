-- Lists and counts.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SET session_service.max_per_user = 0;
-- one of each state, and of two at once
SELECT * FROM create_session(:'alice', 'active') \gset active_
SELECT * FROM create_session(:'alice', 'expired', session_expiry => '1 hour') \gset expired_
SELECT * FROM create_session(:'alice', 'idle', inactivity_timeout => '1 hour') \gset idle_
SELECT * FROM create_session(:'alice', 'expired and idle', session_expiry => '1 hour',
    inactivity_timeout => '1 hour') \gset both_
SELECT * FROM create_session(:'alice', 'revoked') \gset revoked_
SELECT * FROM create_session(:'alice', 'revoked and expired', session_expiry => '1 hour') \gset revoked_expired_
SELECT * FROM create_session(:'alice', 'revoked and idle', inactivity_timeout => '1 hour') \gset revoked_idle_
SELECT * FROM create_session(:'bob', 'bob''s') \gset bob_
SELECT revoke_session(:'revoked_session_id', 'gone'), revoke_session(:'revoked_expired_session_id'),
    revoke_session(:'revoked_idle_session_id');
CALL pg_temp.time_passes('2 hours');
SELECT * FROM create_session(:'alice', 'second') \gset second_
-- the active ones, latest activity first
SELECT device_name, status, is_active FROM list_user_sessions(:'alice');
UPDATE sessions SET last_activity_at = clock_timestamp() + interval '1 second' WHERE id = :'active_session_id';
SELECT device_name FROM list_user_sessions(:'alice');
SELECT device_name FROM list_user_sessions(:'alice', NULL, NULL);
UPDATE sessions SET last_activity_at = clock_timestamp() - interval '2 hours' WHERE id = :'active_session_id';
-- with the others too: where several hold, revoked, then expired, then idle
UPDATE sessions SET last_activity_at = last_activity_at - place * interval '1 second',
    idle_expires_at = idle_expires_at - place * interval '1 second'
FROM (VALUES (:'expired_session_id'::uuid, 5), (:'idle_session_id', 3), (:'both_session_id', 7),
    (:'revoked_session_id', 4), (:'revoked_expired_session_id', 6), (:'revoked_idle_session_id', 2)) moved (id, place)
WHERE sessions.id = moved.id;
SELECT device_name, status, is_active, revoke_reason FROM list_user_sessions(:'alice', include_inactive => true);
-- the caller's own is marked
SELECT device_name, is_current FROM list_user_sessions(:'alice', :'active_session_id');
SELECT bool_or(is_current), bool_or(is_current IS NULL) AS unknown FROM list_user_sessions(:'alice', :'bob_session_id');
SELECT bool_or(is_current), bool_or(is_current IS NULL) AS unknown FROM list_user_sessions(:'alice', NULL);
SELECT count(*) FROM list_user_sessions(:'nobody');
SELECT pg_temp.outcome('SELECT list_user_sessions(NULL)');
-- one of any state; of a user only if it is that user's
SELECT status, is_current FROM get_session(:'idle_session_id');
SELECT status, is_current FROM get_session(:'revoked_session_id', :'revoked_session_id');
SELECT count(*) FROM get_session(:'nobody');
SELECT status, is_current FROM get_user_session(:'alice', :'expired_session_id', :'active_session_id');
SELECT status, is_current FROM get_user_session(:'alice', :'active_session_id', :'active_session_id');
SELECT count(*) FROM get_user_session(:'bob', :'active_session_id');
SELECT count(*) FROM get_user_session(:'alice', :'bob_session_id');
SELECT count(*) FROM get_user_session(:'alice', :'nobody');
-- nor of a user of the same bucket
SELECT id AS twin FROM (SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id
    FROM generate_series(256, 100000) n) u
WHERE user_bucket(id) = user_bucket(:'alice') LIMIT 1 \gset
SELECT count(*) FROM get_user_session(:'twin', :'active_session_id');
SELECT count(*) FROM list_user_sessions(:'twin', include_inactive => true);
SELECT revoke_user_session(:'twin', :'active_session_id'), revoke_all_user_sessions(:'twin'),
    count_user_sessions(:'twin'), (SELECT count(*) FROM list_events(:'twin')) AS events;
SELECT pg_temp.outcome('SELECT get_session(NULL)'),
    pg_temp.outcome(format('SELECT get_user_session(NULL, %L)', :'active_session_id')),
    pg_temp.outcome(format('SELECT get_user_session(%L, NULL)', :'alice'));
-- as an API returns it: these keys, and no token or hash
SELECT string_agg(key, ', ' ORDER BY key) FROM get_session(:'active_session_id') s, jsonb_object_keys(to_jsonb(s)) key;
SELECT to_jsonb(s) - '{id,device_id,created_at,authenticated_at,last_activity_at,expires_at,idle_expires_at,
    refresh_expires_at,absolute_expires_at}'::text[] AS json FROM get_session(:'active_session_id') s;
SELECT count(*) FROM get_session(:'active_session_id') s, sessions stored,
    unnest(ARRAY[:'active_token', :'active_refresh_token', stored.token_hash::text, stored.refresh_hash::text,
        stored.family_hash::text]) secret
WHERE stored.id = s.id AND strpos(to_jsonb(s)::text, secret) > 0;
-- all lists show a session alike
SELECT count(DISTINCT shown) FROM (SELECT s AS shown FROM get_session(:'second_session_id') s UNION ALL SELECT s
    FROM get_user_session(:'alice', :'second_session_id') s
    UNION ALL SELECT s FROM list_user_sessions(:'alice') s WHERE id = :'second_session_id' UNION ALL SELECT s
    FROM list_user_sessions(:'alice', include_inactive => true) s WHERE id = :'second_session_id') s;

-- counts are of active ones
SELECT count_user_sessions(:'alice'), count_user_sessions(:'bob'), count_user_sessions(:'nobody'),
    count_active_sessions();
SELECT pg_temp.outcome('SELECT count_user_sessions(NULL)');

-- the inactive of all users, for that long: those that are not over already
SELECT device_name, status FROM list_inactive_sessions('1 hour');
SELECT count(*) FROM list_inactive_sessions('3 hours');
-- by default for longer than their own timeout, or the setting's
SELECT device_name, status FROM list_inactive_sessions();
SET session_service.inactivity_timeout = '1h';
SELECT device_name, status FROM list_inactive_sessions(NULL);
SET session_service.inactivity_timeout = 0;
SELECT device_name, status FROM list_inactive_sessions();
RESET session_service.inactivity_timeout;
SELECT pg_temp.outcome('SELECT list_inactive_sessions(''0'')'),
    pg_temp.outcome('SELECT list_inactive_sessions(''-1 hour'')');

-- those that passed multi-factor authentication, and are active
SELECT mark_mfa_verified(:'active_session_id'), mark_mfa_verified(:'bob_session_id');
SELECT * FROM create_session(:'alice', 'verified, then expired', session_expiry => '1 minute') \gset later_
SELECT mark_mfa_verified(:'later_session_id');
SELECT count(*) FROM list_mfa_verified_sessions(:'alice');
CALL pg_temp.time_passes('2 minutes');
SELECT device_name, mfa_verified FROM list_mfa_verified_sessions(:'alice');
SELECT mark_mfa_verified(:'second_session_id');
SELECT device_name FROM list_mfa_verified_sessions(:'alice');
SELECT count(*) FROM list_mfa_verified_sessions(:'nobody');
SELECT pg_temp.outcome('SELECT list_mfa_verified_sessions(NULL)');

-- they see what the transaction itself did, at every isolation level
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM create_session(:'carol');
SELECT count_user_sessions(:'carol'), (SELECT count(*) FROM list_user_sessions(:'carol'));
SELECT revoke_all_user_sessions(:'carol');
SELECT count_user_sessions(:'carol'), (SELECT count(*) FROM list_user_sessions(:'carol')),
    (SELECT count(*) FROM list_user_sessions(:'carol', NULL, true)) AS inactive_too;
ROLLBACK;
-- now is the wall clock
BEGIN;
SELECT * FROM create_session(:'carol', session_expiry => '50 milliseconds') \gset brief_
SELECT pg_sleep(0.06);
SELECT count_user_sessions(:'carol'), pg_temp.state(:'brief_session_id');
COMMIT;
