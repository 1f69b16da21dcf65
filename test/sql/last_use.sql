-- When and from where a device was used last stays known whatever became of the sessions that tell it.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers
SET session_service.touch_interval = 0;

-- Signs in from a device, and uses the session one hour later from another address.
CREATE PROCEDURE pg_temp.use_device(device text) LANGUAGE plpgsql AS $$
DECLARE
    token text;
BEGIN
    SELECT c.token INTO token FROM session_service.create_session('00000000-0000-4000-8000-00000000000a', device,
    ip_address => '192.0.2.1', device_key => device) c;
    CALL pg_temp.time_passes('1 hour');
    PERFORM session_service.validate_user(token, '192.0.2.2');
    COMMIT;
END $$;
-- Hours since it was used, and the address then.
CREATE FUNCTION pg_temp.last_use(device text) RETURNS text LANGUAGE sql AS $$
    SELECT round(extract(epoch FROM clock_timestamp() - last_seen_at) / 3600) || ' ' || ip_address
        || ' active ' || active_sessions
    FROM session_service.list_user_devices('00000000-0000-4000-8000-00000000000a') WHERE name = device
$$;
CREATE FUNCTION pg_temp.session_of(device text) RETURNS uuid LANGUAGE sql AS $$
    SELECT id FROM session_service.list_user_sessions('00000000-0000-4000-8000-00000000000a',
    include_inactive => true) WHERE device_name = device ORDER BY created_at LIMIT 1
$$;

-- signed out: by id, by another's limit, all, all of the device, as inactive, replaced
CALL pg_temp.use_device('revoked');
CALL pg_temp.time_passes('1 hour');
SELECT revoke_session(pg_temp.session_of('revoked'));
SELECT pg_temp.last_use('revoked');
CALL pg_temp.use_device('evicted');
CALL pg_temp.time_passes('1 hour');
SET session_service.max_per_user = 1;
SELECT cardinality(evicted_session_ids) FROM create_session(:'alice', 'evicting', device_key => 'evicting');
SELECT pg_temp.last_use('evicted');
CALL pg_temp.use_device('all');
CALL pg_temp.time_passes('1 hour');
SELECT revoke_all_user_sessions(:'alice');
SELECT pg_temp.last_use('all');
CALL pg_temp.use_device('device');
CALL pg_temp.time_passes('1 hour');
SELECT revoke_device_sessions(:'alice', id) FROM list_user_devices(:'alice') WHERE name = 'device';
SELECT pg_temp.last_use('device');
CALL pg_temp.use_device('inactive');
CALL pg_temp.time_passes('8 days');
SELECT revoke_inactive_sessions();
SELECT pg_temp.last_use('inactive');
CALL pg_temp.use_device('replaced');
CALL pg_temp.time_passes('1 hour');
SELECT cardinality(evicted_session_ids) FROM create_session(:'alice', device_key => 'replaced',
    replace_device_sessions => true);
SELECT pg_temp.last_use('replaced');
-- over by itself: while nobody noticed, found over by a sign-in, and after cleanup
CALL pg_temp.use_device('idle');
CALL pg_temp.time_passes('8 days');
SELECT pg_temp.last_use('idle');
SELECT cardinality(evicted_session_ids) FROM create_session(:'alice', 'closing', device_key => 'closing');
SELECT count(*) AS closed FROM sessions WHERE is_closed;
SELECT pg_temp.last_use('idle');
SELECT cleanup_sessions('0') > 0 AS cleaned;
SELECT pg_temp.last_use('idle');

-- of several sessions of a device the one that was used last tells, in whatever order they end
RESET session_service.max_per_user;
CALL pg_temp.use_device('several');
CALL pg_temp.time_passes('1 hour');
SELECT * FROM create_session(:'alice', 'several', ip_address => '192.0.2.3', device_key => 'several') \gset
CALL pg_temp.time_passes('1 hour');
SELECT pg_temp.last_use('several');
SELECT revoke_session(:'session_id');
SELECT pg_temp.last_use('several');
SELECT revoke_session(pg_temp.session_of('several'));
SELECT pg_temp.last_use('several');
-- a session without an address leaves the one that is known
SELECT * FROM create_session(:'alice', 'several', device_key => 'several') \gset
SELECT revoke_session(:'session_id');
SELECT pg_temp.last_use('several');
-- of two with addresses, of which one is known already, the one that was used last tells, in whatever order they end
TRUNCATE users, devices, sessions, events;
SELECT session_id AS first FROM create_session(:'alice', 'both', ip_address => '192.0.2.1', device_key => 'both') \gset
SELECT session_id AS second FROM create_session(:'alice', 'both', ip_address => '192.0.2.2', device_key => 'both') \gset
SELECT count(*) FROM create_session(:'alice', 'both', ip_address => '192.0.2.1', device_key => 'both');
UPDATE sessions SET last_activity_at = last_activity_at + interval '2 hours' WHERE id = :'first';
UPDATE sessions SET last_activity_at = last_activity_at + interval '1 hour' WHERE id = :'second';
CALL pg_temp.time_passes('3 hours');
SELECT revoke_session(:'first');
SELECT pg_temp.last_use('both');
SELECT revoke_session(:'second');
SELECT pg_temp.last_use('both');
-- an import tells of a use that may be older than what is known
SELECT import_session(hash_token('older'), :'alice', clock_timestamp() + interval '1 day', device_name => 'both',
    ip_address => '192.0.2.9', last_activity_at => clock_timestamp() - interval '2 hours',
    created_at => clock_timestamp() - interval '1 day', device_key => 'both') IS NOT NULL AS imported;
SELECT pg_temp.last_use('both');
-- a time in the future, left by a clock that was set back, does not stay
UPDATE sessions SET last_activity_at = clock_timestamp() + interval '1 day';
SELECT revoke_all_user_sessions(:'alice') > 0 AS revoked;
SELECT split_part(pg_temp.last_use('both'), ' ', 1) AS hours;
UPDATE devices SET last_seen_at = clock_timestamp() + interval '1 day';
SELECT count(*) FROM create_session(:'alice', device_key => 'both');
SELECT split_part(pg_temp.last_use('both'), ' ', 1) AS hours;
