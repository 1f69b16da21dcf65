-- Devices: which sign-ins are from the same one, and how it is shown.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

\set mac 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)'
\set chrome_126 :mac ' Chrome/126.0.0.0 Safari/537.36'
\set chrome_127 :mac ' Chrome/127.0.0.0 Safari/537.36'
\set firefox 'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0'
SET session_service.max_per_user = 0;
-- With a key, a user's device is the key's, whatever else is said.
SELECT * FROM create_session(:'alice', 'laptop', :'chrome_126', device_key => 'the key') \gset keyed_
SELECT :'keyed_is_new_device' AS is_new;
SELECT what, is_new_device, device_id = :'keyed_device_id' AS same
FROM (VALUES (1, 'the same', 'laptop', :'chrome_126', 'the key'), (2, 'another name', 'work', :'chrome_126', 'the key'),
    (3, 'another browser', 'laptop', :'firefox', 'the key'),
             (4, 'nothing else', NULL, NULL, 'the key'), (5, 'another key', 'laptop', :'chrome_126', 'The key'),
             (6, 'no key', 'laptop', :'chrome_126', NULL),
             (7, 'empty key', 'laptop', :'chrome_126', '')) sign_in (place, what, name, agent, key),
     create_session(:'alice', name, agent, device_key => key) ORDER BY place;
-- only the key's hash is kept
SELECT count(*) FROM devices d WHERE to_jsonb(d)::text ~ 'the key' OR to_jsonb(d)::text ~ encode('the key', 'hex');
SELECT count(*) AS plain_hash FROM devices WHERE key_hash = hash_token('the key');
-- another user's device is another, though the key be the same
SELECT is_new_device, device_id <> :'keyed_device_id' AS other
FROM create_session(:'bob', 'laptop', :'chrome_126', device_key => 'the key');

-- Without one it is the combination of browser, operating system, device type and name.
TRUNCATE users, devices, sessions, events;
SELECT * FROM create_session(:'alice', 'laptop', :'chrome_126') \gset first_
SELECT what, is_new_device, device_id = :'first_device_id' AS same
FROM (VALUES (1, 'the browser''s update', 'laptop', :'chrome_127'), (2, 'another browser', 'laptop', :'firefox'),
             (3, 'another name', 'Laptop', :'chrome_126'), (4, 'no name', NULL, :'chrome_126'),
             (5, 'empty name', '', :'chrome_127'), (6, 'no agent', 'laptop', NULL),
             (7, 'unknown agents', 'laptop', 'curl-like thing/1'), (8, 'nothing', NULL, NULL),
             (9, 'nothing again', '', '')) sign_in (place, what, name, agent),
     create_session(:'alice', name, agent) ORDER BY place;
-- a key is no description: what one client sends as its key is not another's device
SELECT is_new_device FROM create_session(:'alice', device_key => 'laptop');
SELECT count(DISTINCT id) AS devices, count(DISTINCT key_hash) AS hashes FROM devices WHERE user_id = :'alice';

-- How it is shown: by its name, else "Browser on OS"
TRUNCATE users, devices, sessions, events;
SELECT name AS given, s.device_name, s.user_agent = agent AS agent
FROM (VALUES ('laptop', :'chrome_126'), (NULL, :'chrome_126'), (NULL, :'firefox'), (NULL, NULL),
    ('phone', NULL)) sign_in (name, agent),
    create_session(:'alice', name, agent) c, get_session(c.session_id) s;
SELECT browser, os, device_type, name, is_keyed FROM devices ORDER BY browser, os, name;
-- the latest sign-in's name, agent and address are the device's; what it does not say stays
TRUNCATE users, devices, sessions, events;
SELECT * FROM create_session(:'alice', 'old', :'chrome_126', '192.0.2.1', device_key => 'k') \gset
SELECT count(*) FROM create_session(:'alice', 'new', :'firefox', '192.0.2.2', device_key => 'k');
SELECT name, user_agent = :'firefox' AS firefox, browser, os, device_type, ip_address FROM devices;
SELECT count(*) FROM create_session(:'alice', device_key => 'k');
SELECT name, user_agent = :'firefox' AS firefox, browser, os, device_type, ip_address FROM devices;
-- the session keeps an address of its own
SELECT ip_address, device_name FROM get_session(:'session_id');
-- a name that the user gave stays
UPDATE devices SET name = 'mine', is_renamed = true;
SELECT device_name FROM create_session(:'alice', 'other', device_key => 'k') c, get_session(c.session_id);
-- first and last seen
SELECT pg_temp.is_in(first_seen_at, '0') AND pg_temp.is_in(last_seen_at, '0') AS now FROM devices;
CALL pg_temp.time_passes('10 days');
SELECT count(*) FROM create_session(:'alice', device_key => 'k');
SELECT pg_temp.is_in(first_seen_at, '-10 days') AS first, pg_temp.is_in(last_seen_at, '0') AS last FROM devices;

-- a new device is told of, with the sign-in's address
SELECT kind, e.user_id, e.ip_address, d.id = e.device_id AS device, e.session_id = :'session_id' AS session
FROM list_all_events() e, devices d;
-- not where it was known, nor where the sign-in is undone
SELECT count(*) FROM create_session(:'alice', device_key => 'k');
BEGIN;
SELECT count(*) FROM create_session(:'alice', device_key => 'undone');
ROLLBACK;
SELECT count(*) FROM list_all_events() WHERE kind = 'device.new';

-- a refresh with another agent is the same device, known at the next sign-in
TRUNCATE users, devices, sessions, events;
SELECT * FROM create_session(:'alice', NULL, :'chrome_126') \gset
SELECT count(*) FROM refresh_session(:'refresh_token', user_agent => :'chrome_127');
SELECT user_agent = :'chrome_127' AS updated, browser, os FROM devices;
SELECT is_new_device, device_id = :'device_id' AS same FROM create_session(:'alice', NULL, :'chrome_127');
