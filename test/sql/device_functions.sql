-- What a user does with devices: list, know, trust, rename, forget; each only with its own.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

\set mac 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)'
\set chrome :mac ' Chrome/126.0.0.0 Safari/537.36'
\set ios 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)'
\set iphone :ios ' Version/17.5 Mobile/15E148 Safari/604.1'
SET session_service.event_log = 'all';
SET session_service.max_per_user = 0;
SELECT generate_token() AS key \gset
SELECT * FROM create_session(:'alice', NULL, :'chrome', '192.0.2.1', device_key => :'key') \gset laptop_
CALL pg_temp.time_passes('2 hours');
SELECT * FROM create_session(:'alice', 'phone', :'iphone', '192.0.2.2') \gset phone_
CALL pg_temp.time_passes('1 hour');
SELECT * FROM create_session(:'bob', 'bob''s', device_key => :'key') \gset bob_

-- The list: every column, latest seen first
SELECT * FROM list_user_devices(:'alice') LIMIT 0;
SELECT name, user_agent = :'iphone' AS iphone, browser, os, device_type, ip_address, country, city,
    round(extract(epoch FROM clock_timestamp() - first_seen_at) / 3600) AS first_seen,
       round(extract(epoch FROM clock_timestamp() - last_seen_at) / 3600) AS last_seen, trusted_until, is_trusted,
       active_sessions, is_current
FROM list_user_devices(:'alice');
SELECT id = :'phone_device_id' AS phone, id = :'laptop_device_id' AS laptop, user_id = :'alice' AS alice
FROM list_user_devices(:'alice');
SELECT name, id = :'bob_device_id' AS bobs FROM list_user_devices(:'bob');
SELECT count(*) FROM list_user_devices(:'nobody');
SELECT pg_temp.outcome('SELECT list_user_devices(NULL)');
-- the current one is marked, whoever's id that is
SELECT name, is_current FROM list_user_devices(:'alice', :'laptop_device_id');
SELECT bool_or(is_current) AS marked, bool_or(is_current IS NULL) AS unknown
FROM list_user_devices(:'alice', :'bob_device_id');
SELECT bool_or(is_current) AS marked, bool_or(is_current IS NULL) AS unknown FROM list_user_devices(:'alice', NULL);
-- sessions in use move their device to the front, and tell of its address
SELECT count(*) FROM validate_session(:'laptop_token', '192.0.2.11');
SELECT name, ip_address, pg_temp.is_in(last_seen_at, '0') AS seen_now, pg_temp.is_in(first_seen_at, '-3 hours') AS first
FROM list_user_devices(:'alice') LIMIT 1;
-- counted are the active ones
SELECT * FROM create_session(:'alice', NULL, :'chrome', session_expiry => '1 hour', device_key => :'key') \gset short_
SELECT * FROM create_session(:'alice', NULL, :'chrome', inactivity_timeout => '1 hour',
    device_key => :'key') \gset idle_
SELECT * FROM create_session(:'alice', NULL, :'chrome', device_key => :'key') \gset revoked_
SELECT active_sessions FROM list_user_devices(:'alice') WHERE id = :'laptop_device_id';
SELECT revoke_session(:'revoked_session_id');
SELECT active_sessions FROM list_user_devices(:'alice') WHERE id = :'laptop_device_id';
CALL pg_temp.time_passes('61 minutes');
SELECT active_sessions FROM list_user_devices(:'alice') WHERE id = :'laptop_device_id';
SELECT name, active_sessions FROM list_user_devices(:'bob');
-- it sees what was committed since the transaction began, and what the transaction did
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM list_user_devices(:'carol');
SELECT count(*) FROM create_session(:'carol', 'new');
SELECT count(*) FROM list_user_devices(:'carol');
ROLLBACK;

-- Known: who has the key of one of the user's devices
SELECT is_known_device(:'alice', :'key') AS key, is_known_device(:'bob', :'key') AS also_bobs,
    is_known_device(:'alice', upper(:'key')) AS other_case, is_known_device(:'alice', :'key' || ' ') AS longer,
       is_known_device(:'carol', :'key') AS carol, is_known_device(:'nobody', :'key') AS nobody,
       is_known_device(:'alice', NULL) AS no_key, is_known_device(:'alice', '') AS empty_key;
-- no description is a key, nor its hash
SELECT is_known_device(:'alice', 'phone') AS name, is_known_device(:'alice', :'iphone') AS agent,
    is_known_device(:'alice', :'phone_device_id') AS id,
       is_known_device(:'alice', encode(key_hash::bytea, 'hex')) AS hash FROM devices WHERE id = :'laptop_device_id';
SELECT pg_temp.outcome('SELECT is_known_device(NULL, ''secret key'')') AS known,
    pg_temp.outcome('SELECT is_trusted_device(NULL, ''secret key'')') AS trusted;
SELECT pg_temp.outcome(format('SELECT is_known_device(%L, repeat(''k'', 512))', :'alice')) AS longest,
    pg_temp.outcome(format('SELECT is_known_device(%L, repeat(''secret'', 100))', :'alice')) AS too_long,
       pg_temp.outcome(format('SELECT is_trusted_device(%L, repeat(''secret'', 100))', :'alice')) AS trusted_too_long;

-- Trusted: for 30 days by default, or the time asked for, until then
SELECT is_trusted_device(:'alice', :'key') AS before;
SELECT trust_device(:'alice', :'laptop_device_id');
SELECT is_trusted_device(:'alice', :'key') AS alice, is_trusted_device(:'bob', :'key') AS bob,
    is_trusted_device(:'alice', NULL) AS no_key, is_trusted_device(:'alice', 'other') AS other;
SELECT name, pg_temp.is_in(trusted_until, '30 days') AS by_default, is_trusted FROM list_user_devices(:'alice')
ORDER BY name;
SELECT trust_device(:'alice', :'laptop_device_id', '1 day'), trust_device(:'alice', :'laptop_device_id', NULL);
SELECT pg_temp.is_in(trusted_until, '30 days') AS by_default FROM list_user_devices(:'alice')
WHERE id = :'laptop_device_id';
SET session_service.device_trust = '10h';
SELECT trust_device(:'alice', :'laptop_device_id');
SELECT pg_temp.is_in(trusted_until, '10 hours') AS by_setting FROM list_user_devices(:'alice')
WHERE id = :'laptop_device_id';
SELECT trust_device(:'alice', :'laptop_device_id', '3 hours');
SELECT pg_temp.is_in(trusted_until, '3 hours') AS as_asked FROM list_user_devices(:'alice')
WHERE id = :'laptop_device_id';
RESET session_service.device_trust;
CALL pg_temp.time_passes('179 minutes');
SELECT is_trusted_device(:'alice', :'key') AS trusted, is_trusted FROM list_user_devices(:'alice')
WHERE id = :'laptop_device_id';
CALL pg_temp.time_passes('2 minutes');
SELECT is_trusted_device(:'alice', :'key') AS trusted, is_trusted, is_known_device(:'alice', :'key') AS known,
    trusted_until IS NOT NULL AS since FROM list_user_devices(:'alice') WHERE id = :'laptop_device_id';
-- longer than the setting, if asked
SELECT trust_device(:'alice', :'laptop_device_id', '10 years');
SELECT is_trusted_device(:'alice', :'key');
SELECT pg_temp.is_in(trusted_until, '3652 days 12 hours') AS as_asked FROM list_user_devices(:'alice')
WHERE id = :'laptop_device_id';
-- a sign-in and a renaming leave it
SELECT count(*) FROM create_session(:'alice', 'again', :'iphone', device_key => :'key');
SELECT is_trusted_device(:'alice', :'key');
-- ended
SELECT untrust_device(:'alice', :'laptop_device_id');
SELECT is_trusted_device(:'alice', :'key') AS trusted, is_known_device(:'alice', :'key') AS known;
SELECT trusted_until, is_trusted FROM list_user_devices(:'alice') WHERE id = :'laptop_device_id';
SELECT untrust_device(:'alice', :'laptop_device_id') AS again;
-- a device without a key can be trusted; nothing a client says makes it so
SELECT trust_device(:'alice', :'phone_device_id');
SELECT is_trusted_device(:'alice', 'phone') AS name, is_trusted_device(:'alice', :'iphone') AS agent,
    is_trusted_device(:'alice', :'phone_device_id') AS id;
SELECT name, is_trusted FROM list_user_devices(:'alice') ORDER BY name;
SELECT untrust_device(:'alice', :'phone_device_id');
SELECT "for", pg_temp.outcome(format('SELECT trust_device(%L, %L, %L)', :'alice', :'laptop_device_id', "for"))
FROM unnest('{0, -1 second, 178000000 years, 292270 years, 100 years}'::interval[]) "for";
SELECT pg_temp.is_in(trusted_until, '36525 days') AS as_asked FROM list_user_devices(:'alice')
WHERE id = :'laptop_device_id';
SELECT untrust_device(:'alice', :'laptop_device_id');

-- Renamed: the user's name stays, whatever a later sign-in says
SELECT rename_device(:'alice', :'laptop_device_id', 'My laptop');
SELECT s.device_name, c.is_new_device FROM create_session(:'alice', 'other', :'chrome', device_key => :'key') c,
    get_session(c.session_id) s;
-- of a device without a key too: its description does not change with it
SELECT rename_device(:'alice', :'phone_device_id', 'Pocket');
SELECT s.device_name, c.is_new_device, c.device_id = :'phone_device_id' AS same
FROM create_session(:'alice', 'phone', :'iphone') c, get_session(c.session_id) s;
SELECT string_agg(name, ', ' ORDER BY name) FROM list_user_devices(:'alice');
-- no longer named, it is shown as "Browser on OS", until a sign-in names it
SELECT rename_device(:'alice', :'laptop_device_id', '');
SELECT name FROM list_user_devices(:'alice') WHERE id = :'laptop_device_id';
SELECT s.device_name FROM create_session(:'alice', 'from the sign-in', :'chrome', device_key => :'key') c,
    get_session(c.session_id) s;
SELECT rename_device(:'alice', :'laptop_device_id', repeat(U&'\20ac', 255)),
    pg_temp.outcome(format('SELECT rename_device(%L, %L, repeat(%L, 256))', :'alice', :'laptop_device_id',
    U&'\20ac')) AS too_long,
       pg_temp.outcome(format('SELECT rename_device(%L, %L, NULL)', :'alice', :'laptop_device_id')) AS no_name;
SELECT rename_device(:'alice', :'laptop_device_id', 'My laptop');

-- Only one's own: with another user's id, or none's, each of them does nothing and says no
CREATE TEMP TABLE before AS SELECT * FROM devices;
SELECT count(*) AS events FROM list_all_events(NULL, 1000) \gset before_
SELECT whose, trust_device(:'bob', id), untrust_device(:'bob', id), rename_device(:'bob', id, 'mine'),
    forget_device(:'bob', id), revoke_device_sessions(:'bob', id)
FROM (VALUES ('alice''s', :'laptop_device_id'::uuid), ('nobody''s', :'nobody')) d (whose, id);
SELECT whose, trust_device(:'nobody', id), untrust_device(:'nobody', id), rename_device(:'nobody', id, 'mine'),
    forget_device(:'nobody', id), revoke_device_sessions(:'nobody', id)
FROM (VALUES ('alice''s', :'laptop_device_id'::uuid), ('nobody''s', :'nobody')) d (whose, id);
-- nor with that of a user of the same bucket
SELECT id AS twin FROM (SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id
    FROM generate_series(256, 100000) n) u
WHERE user_bucket(id) = user_bucket(:'alice') LIMIT 1 \gset
SELECT trust_device(:'twin', id), untrust_device(:'twin', id), rename_device(:'twin', id, 'mine'),
    forget_device(:'twin', id), revoke_device_sessions(:'twin', id), is_known_device(:'twin', :'key')
FROM devices WHERE id = :'laptop_device_id';
SELECT count(*) AS differences FROM (TABLE before EXCEPT TABLE devices UNION ALL (TABLE devices EXCEPT TABLE before)) d;
SELECT count(*) - :before_events AS events FROM list_all_events(NULL, 1000);
SELECT pg_temp.opens(:'laptop_token') AS laptop, pg_temp.opens(:'bob_token') AS bob;
SELECT f, pg_temp.outcome(format(f, 'NULL', quote_literal(:'laptop_device_id'))) AS no_user,
    pg_temp.outcome(format(f, quote_literal(:'alice'), 'NULL')) AS no_device
FROM unnest(ARRAY['SELECT trust_device(%s, %s)', 'SELECT untrust_device(%s, %s)', 'SELECT rename_device(%s, %s, ''x'')',
    'SELECT forget_device(%s, %s)']) f;

-- Forgotten: it goes with its sessions, and no others
SELECT * FROM create_session(:'alice', device_key => :'key', metadata => '{"second": true}') \gset second_
SELECT trust_device(:'alice', :'laptop_device_id');
SELECT user_epoch(:'alice') AS epoch, user_epoch(:'bob') AS bob_epoch, clock_timestamp() AS since \gset
BEGIN;
SELECT forget_device(:'alice', :'laptop_device_id');
ROLLBACK;
SELECT pg_temp.opens(:'second_token') AS undone, is_trusted_device(:'alice', :'key') AS trusted;
SELECT forget_device(:'alice', :'laptop_device_id');
SELECT pg_temp.state(:'laptop_session_id') AS first, pg_temp.state(:'second_session_id') AS second,
    pg_temp.state(:'phone_session_id') AS phone, pg_temp.state(:'bob_session_id') AS bob;
SELECT pg_temp.opens(:'second_token') AS token, pg_temp.opens(:'second_refresh_token') AS refresh_token;
SELECT user_epoch(:'alice') > :epoch AS alice, user_epoch(:'bob') = :bob_epoch AS bob;
SELECT is_known_device(:'alice', :'key') AS known, is_trusted_device(:'alice', :'key') AS trusted,
    is_known_device(:'bob', :'key') AS bobs;
SELECT name FROM list_user_devices(:'alice');
-- what was revoked before keeps its reason; each of the others is told of once, and the device once
SELECT pg_temp.state(:'revoked_session_id');
SELECT kind, reason, count(*), count(DISTINCT session_id) AS sessions,
    bool_and(device_id = :'laptop_device_id') AS device FROM list_events(:'alice', :'since', 1000) GROUP BY 1, 2
ORDER BY 1;
SELECT kind FROM list_events(:'alice', max_rows => 1);
-- its sessions are shown without it
SELECT device_name, device_id = :'laptop_device_id' AS device, revoke_reason FROM get_session(:'second_session_id');
-- once
SELECT forget_device(:'alice', :'laptop_device_id') AS again, trust_device(:'alice', :'laptop_device_id') AS trusted,
    rename_device(:'alice', :'laptop_device_id', 'x') AS renamed;
-- whoever comes back with the key is new, and not trusted
SELECT is_new_device, device_id = :'laptop_device_id' AS same_id FROM create_session(:'alice', device_key => :'key');
SELECT is_known_device(:'alice', :'key') AS known, is_trusted_device(:'alice', :'key') AS trusted;
-- a device without active sessions is forgotten quietly: the epoch stays
SELECT * FROM create_session(:'carol', 'one') \gset carol_
SELECT revoke_session(:'carol_session_id');
SELECT user_epoch(:'carol') AS epoch \gset
SELECT forget_device(:'carol', :'carol_device_id');
SELECT user_epoch(:'carol') = :epoch AS same_epoch;

-- Events of devices, each with what it tells
TRUNCATE users, devices, sessions, events;
SELECT * FROM create_session(:'alice', 'laptop', NULL, '192.0.2.1', device_key => :'key') \gset
SELECT trust_device(:'alice', :'device_id');
SELECT untrust_device(:'alice', :'device_id');
SELECT rename_device(:'alice', :'device_id', 'x');
SELECT forget_device(:'alice', :'device_id');
SELECT kind, user_id = :'alice' AS alice, session_id = :'session_id' AS session, device_id = :'device_id' AS device,
    ip_address, reason, detail FROM list_events(:'alice');

-- The key is nowhere: not in what is stored, listed, told of or announced
TRUNCATE users, devices, sessions, events;
SELECT * FROM create_session(:'alice', 'laptop', :'chrome', device_key => 'the secret key') \gset
SELECT is_known_device(:'alice', 'the secret key'), trust_device(:'alice', :'device_id'), count(*)
FROM refresh_session(:'refresh_token', user_agent => :'iphone');
SELECT import_session(hash_token('imported'), :'alice', clock_timestamp() + interval '1 day',
    device_key => 'the secret key') IS NOT NULL AS imported;
SELECT forget_device(:'alice', :'device_id');
SELECT is_new_device FROM create_session(:'alice', device_key => 'the secret key');
CREATE FUNCTION pg_temp.holds_the_key(shown text) RETURNS boolean LANGUAGE sql AS $$
    SELECT shown ~ 'the secret key' OR shown ~ encode('the secret key', 'hex')
        OR shown ~ encode('the secret key', 'base64') OR shown ~ encode(sha256('the secret key'), 'hex')
$$;
SELECT pg_temp.holds_the_key('{"key": "the secret key"}') AS it_would_tell;
SELECT count(*) FROM (SELECT to_jsonb(x)::text AS shown FROM list_user_devices(:'alice') x
    UNION ALL SELECT to_jsonb(x)::text FROM list_user_sessions(:'alice', include_inactive => true) x
    UNION ALL SELECT to_jsonb(x)::text FROM list_all_events() x UNION ALL SELECT to_jsonb(x)::text FROM devices x
    UNION ALL SELECT to_jsonb(x)::text FROM sessions x
    UNION ALL SELECT to_jsonb(x)::text FROM events x UNION ALL SELECT to_jsonb(x)::text FROM imported_tokens x) x
        WHERE pg_temp.holds_the_key(shown);
SELECT count(*) FROM list_user_devices(:'alice') x, devices d
WHERE d.id = x.id AND to_jsonb(x)::text ~ d.key_hash::text;
-- nor in an error of a call that has it
SELECT what, outcome, pg_temp.holds_the_key(outcome) AS told FROM (
    SELECT what, pg_temp.outcome(statement) AS outcome FROM (VALUES
        ('limit',
            'SET LOCAL session_service.max_per_user = 1; SET LOCAL session_service.limit_policy = reject; '
                'SELECT create_session(''00000000-0000-4000-8000-00000000000a'', device_key => ''the secret key'')'),
        ('scope',
            'SELECT create_session(''00000000-0000-4000-8000-00000000000a'', device_key => ''the secret key'', '
                'scopes => ''{"a b"}'')'),
        ('too long',
            'SELECT create_session(''00000000-0000-4000-8000-00000000000a'', device_key => repeat(''the secret key'', '
                '100))'),
        ('read-only',
            'SET LOCAL transaction_read_only = on; SELECT create_session(''00000000-0000-4000-8000-00000000000a'', '
                'device_key => ''the secret key'')'),
        ('import',
            'SELECT import_session(hash_token(''x''), ''00000000-0000-4000-8000-00000000000a'', ''infinity'', '
                'device_key => ''the secret key'')')) call (what, statement)) o;

-- Cleanup: a device goes when it was not seen for the retention, has no session left and is not trusted
TRUNCATE users, devices, sessions, events;
CREATE FUNCTION pg_temp.devices_left() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(name, ', ' ORDER BY name)
FROM session_service.devices $$;
SELECT * FROM create_session(:'alice', 'trusted', device_key => 't') \gset trusted_
SELECT * FROM create_session(:'alice', 'renamed', device_key => 'r') \gset renamed_
SELECT * FROM create_session(:'alice', 'untrusted', device_key => 'u') \gset untrusted_
SELECT trust_device(:'alice', :'trusted_device_id', '90 days'), trust_device(:'alice', :'untrusted_device_id',
    '90 days'), untrust_device(:'alice', :'untrusted_device_id'),
       rename_device(:'alice', :'renamed_device_id', 'renamed');
SELECT revoke_all_user_sessions(:'alice');
-- seen within the retention all stay, though their sessions are gone
CALL pg_temp.time_passes('29 days 23 hours');
SELECT cleanup_sessions('0'), pg_temp.devices_left();
SELECT cleanup_sessions('0'), pg_temp.devices_left();
-- a sign-in counts as seen
SELECT revoke_session(session_id), is_new_device FROM create_session(:'alice', device_key => 'r');
CALL pg_temp.time_passes('2 hours');
SELECT cleanup_sessions('0');
SELECT cleanup_sessions('0'), pg_temp.devices_left();
-- the trusted one until its trust ends
SELECT is_trusted_device(:'alice', 't');
CALL pg_temp.time_passes('59 days 21 hours');
SELECT cleanup_sessions('0');
SELECT cleanup_sessions('0'), pg_temp.devices_left(), is_trusted_device(:'alice', 't');
CALL pg_temp.time_passes('2 hours');
SELECT cleanup_sessions('0');
SELECT cleanup_sessions('0'), pg_temp.devices_left(), is_trusted_device(:'alice', 't');
-- a device with a usable session stays, however long it was not seen
SET session_service.inactivity_timeout = 0;
SET session_service.session_expiry = '300d';
SELECT count(*) FROM create_session(:'alice', 'quiet');
CALL pg_temp.time_passes('200 days');
SELECT cleanup_sessions('0'), pg_temp.devices_left();
RESET ALL;
