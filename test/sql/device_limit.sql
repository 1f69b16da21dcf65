-- How many devices a user has, the first one, those that a sign-in replaces, and trust that ends at once.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers
SET session_service.max_per_user = 0;

-- The first device of a user is told apart from any other new one.
SELECT what, is_new_device, is_first_device FROM (VALUES (1, 'first', 'a'), (2, 'the same', 'a'), (3, 'another', 'b'),
    (4, 'the first again', 'a')) sign_in (place, what, key),
    create_session(:'alice', device_key => key) ORDER BY place;
SELECT is_first_device FROM create_session(:'bob', device_key => 'a');
-- once all are forgotten, the next one is the first
SELECT count(forget_device(:'alice', id)) FROM list_user_devices(:'alice');
SELECT is_new_device, is_first_device FROM create_session(:'alice', device_key => 'c');

-- The limit: those go that were seen longest ago, are not trusted, and have no usable session.
TRUNCATE users, devices, sessions, events;
SET session_service.max_devices_per_user = 4;
CREATE FUNCTION pg_temp.sign_in(device text) RETURNS uuid LANGUAGE sql AS $$
    SELECT session_id FROM session_service.create_session('00000000-0000-4000-8000-00000000000a', device,
    device_key => device)
$$;
CREATE FUNCTION pg_temp.devices() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(name, ' ' ORDER BY first_seen_at)
    FROM session_service.list_user_devices('00000000-0000-4000-8000-00000000000a')
$$;
SELECT pg_temp.sign_in('signed-in') IS NOT NULL, revoke_session(pg_temp.sign_in('trusted')),
    revoke_session(pg_temp.sign_in('old')), revoke_session(pg_temp.sign_in('new'));
SELECT trust_device(:'alice', id) FROM list_user_devices(:'alice') WHERE name = 'trusted';
SELECT pg_temp.devices();
SELECT pg_temp.sign_in('fifth') IS NOT NULL AS made;
SELECT pg_temp.devices();
-- not at a sign-in from a known one
SET session_service.max_devices_per_user = 1;
SELECT pg_temp.sign_in('fifth') IS NOT NULL AS made;
SELECT pg_temp.devices();
-- a limit that was lowered applies at the next new one, and what is in use stays beyond it
SELECT pg_temp.sign_in('sixth') IS NOT NULL AS made;
SELECT pg_temp.devices();
-- trust that is over keeps none; nor does a session that is
CALL pg_temp.time_passes('100 days');
SELECT pg_temp.sign_in('seventh') IS NOT NULL AS made;
SELECT pg_temp.devices();
-- seen last is told by the sessions too
SET session_service.max_devices_per_user = 2;
SET session_service.touch_interval = 0;
SELECT * FROM create_session(:'alice', 'eighth', device_key => 'eighth') \gset
CALL pg_temp.time_passes('1 hour');
SELECT count(*) FROM validate_session(:'token');
SELECT revoke_all_user_sessions(:'alice');
SELECT pg_temp.devices();
SELECT pg_temp.sign_in('ninth') IS NOT NULL AS made;
SELECT pg_temp.devices();
-- imports make room as well; another user's devices are none of it; 0 is no limit
SELECT count(import_session(hash_token('i' || i), :'bob', clock_timestamp() - interval '1 day',
    device_key => 'd' || i)) FROM generate_series(1, 5) i;
SELECT count(*) FROM list_user_devices(:'bob');
-- by what is over now, not by when an imported session was used
SELECT count(import_session(hash_token('p' || i), :'carol', clock_timestamp() - interval '1 day',
    last_activity_at => clock_timestamp() - interval '3 days', created_at => clock_timestamp() - interval '4 days',
    device_key => 'd' || i)) FROM generate_series(1, 5) i;
SELECT count(*) FROM list_user_devices(:'carol');
SET session_service.max_devices_per_user = 0;
SELECT count(import_session(hash_token('j' || i), :'bob', clock_timestamp() - interval '1 day',
    device_key => 'e' || i)) FROM generate_series(1, 5) i;
SELECT count(*) FROM list_user_devices(:'bob');
SELECT pg_temp.devices();
-- the sessions of each device are looked up, and not all of the user's for each device
TRUNCATE users, devices, sessions, events;
SET session_service.max_devices_per_user = 40;
SELECT count(*) FROM generate_series(1, 40) i, create_session(:'alice', device_key => 'd' || i);
BEGIN;
SELECT idx_tup_fetch AS before FROM pg_stat_xact_user_tables WHERE relname = 'sessions' \gset
SELECT is_new_device FROM create_session(:'alice', device_key => 'one more');
SELECT idx_tup_fetch - :before BETWEEN 40 AND 40 * 10 AS few
FROM pg_stat_xact_user_tables WHERE relname = 'sessions';
COMMIT;
RESET session_service.max_devices_per_user;

-- A sign-in that replaces the sessions of its device, and of no other
TRUNCATE users, devices, sessions, events;
SET session_service.event_log = 'all';
SELECT session_id AS tv_1 FROM create_session(:'alice', 'tv', device_key => 'tv') \gset
SELECT session_id AS tv_2 FROM create_session(:'alice', 'tv', device_key => 'tv') \gset
SELECT session_id AS phone FROM create_session(:'alice', 'phone', device_key => 'phone') \gset
SELECT session_id AS bobs FROM create_session(:'bob', 'tv', device_key => 'tv') \gset
SELECT user_epoch(:'alice') AS epoch \gset
SELECT c.session_id, c.is_new_device, cardinality(c.evicted_session_ids) = 2
    AND c.evicted_session_ids @> ARRAY[:'tv_1', :'tv_2']::uuid[] AS replaced
FROM create_session(:'alice', 'tv', device_key => 'tv', replace_device_sessions => true) c \gset
SELECT :'is_new_device' AS is_new, :'replaced' AS replaced;
SELECT pg_temp.state(:'tv_1') AS tv_1, pg_temp.state(:'tv_2') AS tv_2, pg_temp.state(:'session_id') AS replacing,
    pg_temp.state(:'phone') AS phone, pg_temp.state(:'bobs') AS bobs;
SELECT user_epoch(:'alice') > :epoch AS raised;
SELECT kind, reason, count(*) FROM list_all_events()
    WHERE kind NOT IN ('session.created', 'device.new') GROUP BY kind, reason;
-- a new device has none to replace, nor has one that was asked not to
SELECT evicted_session_ids FROM create_session(:'alice', 'new', device_key => 'new', replace_device_sessions => true);
SELECT evicted_session_ids FROM create_session(:'alice', 'new', device_key => 'new', replace_device_sessions => NULL);
-- before the limit counts: a TV that signs in again and again pushes nobody out
SET session_service.max_per_user = 3;
SET session_service.limit_policy = 'reject';
SELECT count(revoke_session(id)) FROM list_user_sessions(:'alice') WHERE device_name = 'new';
SELECT count(*) FROM create_session(:'alice', 'laptop', device_key => 'laptop');
SELECT cardinality(evicted_session_ids) FROM generate_series(1, 5),
    create_session(:'alice', 'tv', device_key => 'tv', replace_device_sessions => true);
SELECT device_name FROM list_user_sessions(:'alice') ORDER BY device_name;

-- Shorter lives of the refresh token and of all, which the settings cut
RESET session_service.limit_policy;
SELECT pg_temp.is_in(refresh_expires_at, '2 days') AS refresh,
    pg_temp.is_in(s.absolute_expires_at, '3 days') AS absolute, pg_temp.is_in(expires_at, '3 days') AS session
FROM create_session(:'bob', refresh_expiry => '2 days', absolute_timeout => '3 days') c
    JOIN LATERAL get_session(c.session_id) s USING (expires_at, refresh_expires_at);
SELECT pg_temp.is_in(refresh_expires_at, '90 days') AS refresh,
    pg_temp.is_in(s.absolute_expires_at, '365 days') AS absolute
FROM create_session(:'bob', refresh_expiry => '10 years', absolute_timeout => '10 years') c
    JOIN LATERAL get_session(c.session_id) s USING (expires_at, refresh_expires_at);
-- kept at a refresh
SELECT * FROM create_session(:'bob', refresh_expiry => '2 days', absolute_timeout => '3 days') \gset
CALL pg_temp.time_passes('1 day');
SELECT pg_temp.is_in(refresh_expires_at, '2 days') AS refresh, pg_temp.is_in(expires_at, '2 days') AS session
    FROM refresh_session(:'refresh_token');
SELECT pg_temp.outcome(format('SELECT create_session(%L, refresh_expiry => %L)', :'bob', '-1 day')) AS refresh,
    pg_temp.outcome(format('SELECT create_session(%L, absolute_timeout => %L)', :'bob', '0')) AS absolute;

-- Trust ends in all devices at once, as after a change of password
TRUNCATE users, devices, sessions, events;
RESET session_service.max_per_user;
SELECT count(trust_device(:'alice', c.device_id)) FROM generate_series(1, 3) i,
    create_session(:'alice', device_key => 'k' || i) c;
SELECT count(trust_device(:'bob', c.device_id)) FROM create_session(:'bob', device_key => 'k1') c;
CALL pg_temp.time_passes('31 days');
SELECT count(trust_device(:'alice', c.device_id)) FROM generate_series(2, 3) i,
    create_session(:'alice', device_key => 'k' || i) c;
SELECT count(trust_device(:'bob', c.device_id)) FROM create_session(:'bob', device_key => 'k1') c;
SELECT untrust_all_devices(:'alice') AS were_trusted, untrust_all_devices(:'alice') AS again,
    untrust_all_devices(:'nobody') AS nobodys;
SELECT count(*) FILTER (WHERE is_trusted) AS trusted, count(trusted_until) AS times FROM list_user_devices(:'alice');
SELECT is_trusted_device(:'alice', 'k2') AS alice, is_trusted_device(:'bob', 'k1') AS bob;
SELECT pg_temp.outcome('SELECT untrust_all_devices(NULL)');
