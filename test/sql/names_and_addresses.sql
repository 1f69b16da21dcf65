-- What a client says of itself is kept in one form: names without white space around them and in Unicode's form C,
-- IPv4 as IPv4, and no more of an address than the setting allows.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers
SET session_service.max_per_user = 0;

-- Names: U&'\00E9' is é in one code point, U&'e\0301' in two.
CREATE TEMP TABLE given (place integer, what text, name text);
INSERT INTO given VALUES
    (1, 'plain', U&'caf\00E9'), (2, 'decomposed', U&'cafe\0301'), (3, 'spaces', U&'  caf\00E9 '),
    (4, 'no-break spaces', U&'\00A0caf\00E9\3000'),
    (5, 'tab and newline', E'\tcafe\n'), (6, 'inner spaces', U&'caf\00E9  bar'), (7, 'blank', '   '),
    (8, 'blank in Unicode', U&'\2003\00A0'), (9, 'none', NULL);
CREATE TEMP TABLE made AS SELECT g.place, g.what, c.session_id, c.device_id, c.is_new_device
    FROM (SELECT * FROM given ORDER BY place) g, create_session(:'alice', g.name) c;
SELECT m.what, m.is_new_device, s.device_name = U&'caf\00E9' AS composed, length(s.device_name)
    FROM made m, get_session(m.session_id) s ORDER BY m.place;
-- as an import and a user give them
SELECT import_session(hash_token('imported'), :'bob', clock_timestamp() + interval '1 day',
    device_name => U&' cafe\0301 ') \gset
SELECT name = U&'caf\00E9' AS composed FROM list_user_devices(:'bob');
SELECT rename_device(:'bob', id, U&' \00A0 Ame\0301lie ') AS renamed FROM list_user_devices(:'bob');
SELECT name = U&'Am\00E9lie' AS composed FROM list_user_devices(:'bob');
-- a blank name gives the device its description back
SELECT rename_device(:'bob', id, '  ') AS renamed FROM list_user_devices(:'bob');
SELECT name FROM list_user_devices(:'bob');
-- the limit counts what is kept: spaces around it do not count, and U+0958 is two code points in form C
SELECT pg_temp.outcome(format('SELECT create_session(%L, repeat(%L, 255) || repeat(%L, 200))', :'alice', 'n',
    ' ')) AS kept;
SELECT pg_temp.outcome(format('SELECT create_session(%L, repeat(%L, 256))', :'alice', 'n')) AS given,
       pg_temp.outcome(format('SELECT create_session(%L, repeat(%L, 200))', :'alice', U&'\0958')) AS kept;

-- Addresses: IPv4 in IPv6 (RFC 4291, 2.5.5.2) is IPv4
CREATE FUNCTION pg_temp.stored(address inet) RETURNS inet LANGUAGE sql AS $$
    SELECT s.ip_address FROM create_session('00000000-0000-4000-8000-00000000000c', ip_address => address) c,
    get_session(c.session_id) s
$$;
CREATE TEMP TABLE address (place serial, given inet);
INSERT INTO address (given) VALUES ('203.0.113.5'), ('::ffff:203.0.113.5'), ('::ffff:0:0/95'),
    ('::ffff:203.0.113.5/120'), ('2001:db8:1:2:3:4:5:6'), ('203.0.113.5/16'), (NULL);
SELECT given, pg_temp.stored(given) AS stored FROM (SELECT * FROM address ORDER BY place) a;
-- wherever one is given, in tables and events
TRUNCATE users, devices, sessions, events;
SET session_service.event_log = 'all';
SET session_service.touch_interval = 0;
SELECT * FROM create_session(:'alice', device_key => 'k', ip_address => '::ffff:192.0.2.1') \gset
SELECT ip_address FROM sessions UNION ALL SELECT ip_address FROM devices UNION ALL SELECT ip_address FROM events;
SELECT count(*) FROM validate_session(:'token', '::ffff:192.0.2.2');
SELECT ip_address FROM sessions;
SELECT count(*) FROM validate_session_hash(:'session_id', hash_token(:'token'), '::ffff:192.0.2.3');
SELECT ip_address FROM sessions;
SELECT validate_user(:'token', '::ffff:192.0.2.4') IS NOT NULL AS valid;
SELECT ip_address FROM sessions;
SELECT count(*) FROM refresh_session(:'refresh_token', '::ffff:192.0.2.5');
SELECT ip_address FROM sessions UNION ALL SELECT ip_address FROM events WHERE kind = 'session.refreshed';
SELECT count(import_session(hash_token('mapped'), :'bob', clock_timestamp() + interval '1 day',
    ip_address => '::ffff:192.0.2.6'));
SELECT ip_address FROM sessions WHERE user_id = :'bob';

-- and no more of it than the setting allows
SET session_service.store_addresses = 'network';
SELECT given, pg_temp.stored(given) AS stored FROM (SELECT * FROM address ORDER BY place) a;
SELECT * FROM create_session(:'alice', device_key => 'k', ip_address => '198.51.100.77') \gset
SELECT count(*) FROM validate_session(:'token', '2001:db8:1:2:3:4:5:6');
SELECT count(*) FROM refresh_session(:'refresh_token', '2001:db8:1:2:3:4:5:6');
SET session_service.store_addresses = 'none';
SELECT * FROM create_session(:'alice', device_key => 'k', ip_address => '198.51.100.78') \gset
SELECT count(*) FROM validate_session(:'token', '198.51.100.79');
SELECT count(*) FROM refresh_session(:'refresh_token', '198.51.100.79');
SELECT given, pg_temp.stored(given) AS stored FROM (SELECT * FROM address WHERE place = 1) a;
RESET session_service.store_addresses;
-- nowhere is the rest of one
SELECT count(*) AS in_full FROM (SELECT to_jsonb(s)::text FROM sessions s UNION ALL SELECT to_jsonb(d)::text
    FROM devices d UNION ALL SELECT to_jsonb(e)::text FROM events e) t(row)
WHERE row ~ '198\.51\.100\.7|2001:db8:1:2:3';
SELECT pg_temp.outcome('SET session_service.store_addresses = ''some''') AS some;

-- A last activity in the future, left behind by a clock that was set back, is put right by the next one.
TRUNCATE users, devices, sessions, events;
SET session_service.touch_interval = '1h';
SELECT * FROM create_session(:'alice', inactivity_timeout => '2 days') \gset
UPDATE sessions SET last_activity_at = last_activity_at + interval '1 day',
    idle_expires_at = idle_expires_at + interval '1 day';
SELECT count(*) FROM validate_session(:'token');
SELECT pg_temp.is_in(last_activity_at, '0') AS now, pg_temp.is_in(idle_expires_at, '2 days') AS idle FROM sessions;
UPDATE sessions SET last_activity_at = last_activity_at + interval '1 day',
    idle_expires_at = idle_expires_at + interval '1 day';
SELECT touch_sessions(ARRAY[:'session_id'::uuid]);
SELECT pg_temp.is_in(last_activity_at, '0') AS now, pg_temp.is_in(idle_expires_at, '2 days') AS idle FROM sessions;
