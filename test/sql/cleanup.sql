-- Cleanup, and deletion of users.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SET session_service.max_per_user = 0;
-- what is over for longer than the retention goes: what was revoked then, or was no longer usable
SELECT * FROM create_session(:'alice', 'expired', session_expiry => '1 day', issue_refresh => false) \gset expired_
SELECT * FROM create_session(:'alice', 'idle', inactivity_timeout => '1 day') \gset idle_
SELECT * FROM create_session(:'alice', 'revoked') \gset revoked_
SELECT * FROM create_session(:'alice', 'usable', session_expiry => '1 day') \gset usable_
SELECT revoke_session(:'revoked_session_id');
SET session_service.inactivity_timeout = 0;
SELECT * FROM create_session(:'alice', 'active') \gset active_
SELECT * FROM create_session(:'alice', 'expired, refresh too', session_expiry => '1 hour') \gset over_
UPDATE sessions SET refresh_expires_at = created_at + interval '48 hours',
    purge_after = date_trunc('day', created_at + interval '48 hours', 'UTC') WHERE id = :'over_session_id';
UPDATE sessions SET idle_expires_at = NULL WHERE id IN (:'usable_session_id', :'expired_session_id');
RESET session_service.inactivity_timeout;
CREATE FUNCTION pg_temp.kept() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(d.name, ', ' ORDER BY s.created_at) FROM session_service.sessions s
    JOIN session_service.devices d ON d.id = s.device_id
$$;
CALL pg_temp.time_passes('29 days 12 hours');
SELECT cleanup_sessions(), pg_temp.kept();
CALL pg_temp.time_passes('1 day');
SELECT cleanup_sessions(), pg_temp.kept();
CALL pg_temp.time_passes('12 hours 1 minute');
SELECT cleanup_sessions(), pg_temp.kept();
CALL pg_temp.time_passes('1 day');
SELECT cleanup_sessions(), pg_temp.kept();
SELECT cleanup_sessions(), pg_temp.kept();
-- a usable session stays, though its session token was over long ago
CALL pg_temp.time_passes('28 days');
SELECT cleanup_sessions(NULL, NULL), pg_temp.state(:'usable_session_id');
SELECT count(*) FROM refresh_session(:'usable_refresh_token');
-- the retention asked for instead of the setting; '0': all that are over, and none that is not
SELECT * FROM create_session(:'bob', 'b') \gset
SELECT revoke_session(:'session_id');
CALL pg_temp.time_passes('1 hour');
SELECT cleanup_sessions('61 minutes'), cleanup_sessions('59 minutes');
SELECT * FROM create_session(:'bob', 'b') \gset
SELECT revoke_session(:'session_id');
SELECT cleanup_sessions('0'), pg_temp.kept();
-- not what is usable until later today, the day that cleanup looks at
SET session_service.refresh_token_expiry = '2min';
SELECT * FROM create_session(:'bob', 'b', session_expiry => '1 microsecond') \gset
RESET session_service.refresh_token_expiry;
SELECT cleanup_sessions('0'), pg_temp.opens(:'refresh_token');
SELECT revoke_session(:'session_id'), cleanup_sessions('0');
SET session_service.retention = '1h';
SELECT * FROM create_session(:'bob', 'b') \gset
SELECT revoke_session(:'session_id');
CALL pg_temp.time_passes('59 minutes');
SELECT cleanup_sessions();
CALL pg_temp.time_passes('2 minutes');
SELECT cleanup_sessions();
SET session_service.retention = 0;
SELECT * FROM create_session(:'bob', 'b') \gset
SELECT revoke_session(:'session_id');
SELECT cleanup_sessions();
RESET session_service.retention;
SELECT pg_temp.outcome('SELECT cleanup_sessions(''-1 second'')'), pg_temp.outcome('SELECT cleanup_sessions(''0'', 0)'),
    pg_temp.outcome('SELECT cleanup_sessions(''0'', -1)');

-- at most so many at a time, oldest first, until it returns 0
TRUNCATE users, devices, sessions, events;
CREATE PROCEDURE pg_temp.ended_before(name text, ago interval) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM session_service.revoke_session(session_id)
    FROM session_service.create_session('00000000-0000-4000-8000-00000000000a', name);
    UPDATE session_service.sessions s SET revoked_at = clock_timestamp() - ago, purge_after = clock_timestamp() - ago
    FROM session_service.devices d
    WHERE d.id = s.device_id AND d.name = ended_before.name;
END $$;
CALL pg_temp.ended_before('5', '5 days');
CALL pg_temp.ended_before('1', '1 day');
CALL pg_temp.ended_before('3', '3 days');
CALL pg_temp.ended_before('4', '4 days');
CALL pg_temp.ended_before('2', '2 days');
SELECT count(*) FROM create_session(:'alice', 'alive');
CREATE FUNCTION pg_temp.left_over() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT d.name, ', ' ORDER BY d.name) FROM session_service.sessions s
    JOIN session_service.devices d ON d.id = s.device_id
$$;
SELECT cleanup_sessions('1 hour', 3), pg_temp.left_over();
SELECT cleanup_sessions('1 hour', 1), pg_temp.left_over();
SELECT cleanup_sessions('1 hour', 3), pg_temp.left_over();
SELECT cleanup_sessions('1 hour', 3), pg_temp.left_over();
-- by default the setting's batch
SET session_service.cleanup_batch_size = 4;
SELECT count(*) FROM generate_series(1, 9) i, create_session(:'alice', 'batch' || i);
SELECT revoke_all_user_sessions(:'alice') > 8 AS revoked;
SELECT cleanup_sessions('0'), cleanup_sessions('0', NULL), cleanup_sessions('0') < 4 AS rest,
    cleanup_sessions('0') AS then_none;
RESET session_service.cleanup_batch_size;
-- and no more, also by a plan that was made when there was hardly anything
SET session_service.event_log = 'all';
DELETE FROM events;
SELECT count(*) FROM create_session(:'alice', 'batch1');
VACUUM events;
SELECT count(*) FROM generate_series(1, 9) i, create_session(:'alice', 'batch' || i);
RESET session_service.event_log;
SET session_service.retention = 0;
SELECT cleanup_sessions('1 day', 2), (SELECT count(*) FROM events) AS before;
SELECT count(*) AS after FROM events;
RESET session_service.retention;

-- events go after the retention, whoever's they are
TRUNCATE users, devices, sessions, events;
SELECT count(*) FROM create_session(:'alice', 'a');
CALL pg_temp.time_passes('29 days 23 hours');
SELECT count(*) FROM create_session(:'bob', 'b');
SELECT cleanup_sessions(), count(*) FROM events;
CALL pg_temp.time_passes('2 hours');
SELECT cleanup_sessions(), (SELECT string_agg(kind, ', ') FROM list_all_events()) AS before,
    (SELECT count(*) FROM list_events(:'alice')) AS alice, (SELECT count(*) FROM list_events(:'bob')) AS bob;
SELECT (SELECT count(*) FROM list_events(:'alice')) AS alice, (SELECT count(*) FROM list_events(:'bob')) AS bob;
-- a shorter retention of sessions is none of events
SELECT cleanup_sessions('0'), (SELECT count(*) FROM list_events(:'bob')) AS bob;

-- devices go after the retention when no session is left, and are not trusted
TRUNCATE users, devices, sessions, events;
SELECT * FROM create_session(:'alice', 'unused') \gset unused_
SELECT * FROM create_session(:'alice', 'trusted') \gset trusted_
UPDATE devices SET trusted_until = clock_timestamp() + interval '100 days' WHERE id = :'trusted_device_id';
SELECT revoke_all_user_sessions(:'alice');
SELECT cleanup_sessions('0');
SELECT string_agg(name, ', ' ORDER BY name) FROM devices;
CALL pg_temp.time_passes('29 days');
SELECT * FROM create_session(:'alice', 'used') \gset used_
SELECT cleanup_sessions('0');
SELECT string_agg(name, ', ' ORDER BY name) FROM devices;
CALL pg_temp.time_passes('31 days');
SELECT cleanup_sessions('1000 days');
SELECT string_agg(name, ', ' ORDER BY name) FROM devices;
CALL pg_temp.time_passes('80 days');
SELECT cleanup_sessions('1000 days');
SELECT string_agg(name, ', ' ORDER BY name) FROM devices;
SELECT cleanup_sessions('1000 days');
-- the device of a session that is kept is kept
SELECT device_name FROM get_session(:'used_session_id');
SELECT count(*) FROM sessions s WHERE NOT EXISTS (SELECT FROM devices d WHERE d.id = s.device_id);
-- those that come up and are still needed do not stand in the way of others for long: each call looks at so many, and
-- puts them off
TRUNCATE users, devices, sessions, events;
SELECT bool_and(trust_device(:'alice', device_id, '1000 days')) AS trusted
FROM generate_series(1, 4) i, create_session(:'alice', 'trusted ' || i);
SELECT count(*) FROM create_session(:'alice', 'unused');
SELECT revoke_all_user_sessions(:'alice'), cleanup_sessions('0');
CALL pg_temp.time_passes('31 days');
SELECT cleanup_sessions('0', 2), cleanup_sessions('0', 2);
SELECT string_agg(name, ', ' ORDER BY name) FROM devices;
SELECT cleanup_sessions('0', 2);
SELECT bool_and(purge_after BETWEEN trusted_until - interval '31 days'
    AND trusted_until - interval '29 days') AS put_off, string_agg(name, ', ' ORDER BY name) FROM devices;
-- undone with the transaction
SELECT revoke_all_user_sessions(:'alice'), count(*) FROM create_session(:'alice');
BEGIN;
SELECT cleanup_sessions('0') > 0 AS deleted;
ROLLBACK;
SELECT cleanup_sessions('0') > 0 AS deleted;

-- delete_user: everything stored about a user, and the number of sessions deleted, whatever their state
TRUNCATE users, devices, sessions, events;
SET session_service.event_log = 'all';
SELECT * FROM create_session(:'alice', 'active') \gset
SELECT * FROM create_session(:'alice', 'revoked') \gset revoked_
SELECT revoke_session(:'revoked_session_id');
SELECT count(*) FROM create_session(:'alice', 'over', session_expiry => '1 microsecond', issue_refresh => false);
SELECT set_user_session_limit(:'alice', 5);
SELECT * FROM create_session(:'bob', 'bob''s') \gset bob_
BEGIN;
SELECT delete_user(:'alice');
ROLLBACK;
SELECT pg_temp.opens(:'token') AS undone;
SELECT delete_user(:'alice');
SELECT pg_temp.opens(:'token') AS token, pg_temp.opens(:'refresh_token') AS refresh_token;
SELECT (SELECT count(*) FROM users WHERE user_id = :'alice') AS users, (SELECT count(*) FROM devices
    WHERE user_id = :'alice') AS devices,
       (SELECT count(*) FROM sessions WHERE user_id = :'alice') AS sessions, (SELECT count(*) FROM events
           WHERE user_id = :'alice') AS events;
SELECT count(*) FROM list_all_events() e WHERE to_jsonb(e)::text ~ :'alice';
-- the tokens of imported sessions too
SELECT import_session(hash_token('imported'), :'alice', clock_timestamp() + interval '1 day',
    hash_token('imported refresh')) IS NOT NULL AS imported, count(*) AS before FROM imported_tokens;
SELECT delete_user(:'alice'), pg_temp.opens('imported');
SELECT count(*) AS left_over FROM imported_tokens;
SELECT import_session(hash_token('imported'), :'alice', clock_timestamp() + interval '1 day') IS NOT NULL AS imported;
SELECT revoke_all_user_sessions(:'alice'), cleanup_sessions('0');
SELECT count(*) AS left_over FROM imported_tokens;
SELECT delete_user(:'alice');
-- nobody else's
SELECT pg_temp.opens(:'bob_token') AS bob, (SELECT count(*) FROM devices) AS devices,
    (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM events) AS events;
SELECT delete_user(:'alice'), delete_user(:'nobody');
SELECT pg_temp.outcome('SELECT delete_user(NULL)');
-- who comes back begins anew
SELECT is_new_device FROM create_session(:'alice', 'active');
SELECT count(*) FROM list_user_sessions(:'alice', include_inactive => true);
