-- Signing in: what create_session returns and stores.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

-- only the user is needed; one row comes back
SELECT * FROM create_session(:'alice') \gset plain_
SELECT :'plain_is_new_device' AS is_new_device, :'plain_evicted_session_ids' AS evicted;
SELECT user_id, device_name, user_agent, ip_address, country, city, scopes, metadata, mfa_verified, mfa_verified_at,
    mfa_method, revoked_at, revoke_reason, status, is_active
FROM get_session(:'plain_session_id');
-- its times are the settings' from the moment of creation
SELECT pg_temp.is_in(created_at, '0') AS created, last_activity_at = created_at AS active,
    expires_at - created_at AS expires, idle_expires_at - created_at AS idle,
       refresh_expires_at - created_at AS refresh, absolute_expires_at - created_at AS absolute
FROM get_session(:'plain_session_id');
-- and what is returned is what is stored
SELECT expires_at = :'plain_expires_at' AS expires, refresh_expires_at = :'plain_refresh_expires_at' AS refresh,
    device_id = :'plain_device_id' AS device,
       user_id = :'alice' AS user_id FROM get_session(:'plain_session_id');
SELECT pg_temp.opens(:'plain_token'), pg_temp.opens(:'plain_refresh_token') AS refreshes;

-- with everything
SELECT * FROM create_session(:'bob', 'Bob''s phone',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    '2001:db8::1', '{read,write}', 'key of bob''s phone', '{"plan": "gold"}', '2 hours', '30 minutes', true) \gset full_
SELECT device_name, user_agent, ip_address, scopes, metadata, expires_at - created_at AS expires,
    idle_expires_at - created_at AS idle, refresh_expires_at - created_at AS refresh
FROM get_session(:'full_session_id');
-- and by name
SELECT * FROM create_session(user_id => :'bob', metadata => '{"a": 1}', scopes => '{x}', device_name => 'n',
    issue_refresh => false) \gset named_
SELECT scopes, metadata, device_name, refresh_expires_at FROM get_session(:'named_session_id');

-- NULL is as if left out
SELECT * FROM create_session(:'carol', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) \gset null_
SELECT a.scopes = b.scopes AS scopes, a.metadata = b.metadata AS metadata,
    a.expires_at - a.created_at = b.expires_at - b.created_at AS expires,
       a.idle_expires_at - a.created_at = b.idle_expires_at - b.created_at AS idle,
       a.refresh_expires_at - a.created_at = b.refresh_expires_at - b.created_at AS refresh,
       a.device_name IS NULL AS device_name, a.ip_address IS NULL AS ip_address
FROM get_session(:'null_session_id') a, get_session(:'plain_session_id') b;
SELECT pg_temp.opens(:'null_refresh_token') AS refreshes;
-- but not the user
SELECT pg_temp.outcome('SELECT create_session(NULL)');

-- without a refresh token
SELECT refresh_token IS NULL AS no_token, refresh_expires_at IS NULL AS no_expiry
FROM create_session(:'carol', issue_refresh => false);

-- expiry and inactivity timeout may only shorten what the settings give; a longer one is cut
SET session_service.session_expiry = '2h';
SET session_service.inactivity_timeout = '1h';
SELECT asked, s.expires_at - created_at AS expires, idle_expires_at - created_at AS idle,
    s.refresh_expires_at - created_at AS refresh
FROM unnest('{1 minute, 59 minutes, 90 minutes, 2 hours, 1000 years}'::interval[]) asked,
     create_session(:'alice', session_expiry => asked, inactivity_timeout => asked) c, get_session(c.session_id) s
     ORDER BY asked;
-- where the setting is 0 there is no timeout, and any asked for shortens it
SET session_service.inactivity_timeout = 0;
SELECT asked, idle_expires_at - created_at AS idle FROM unnest('{NULL, 1000 days}'::interval[]) asked,
     create_session(:'alice', inactivity_timeout => asked) c, get_session(c.session_id) ORDER BY asked;
-- nothing lasts beyond the absolute timeout
SET session_service.absolute_timeout = '90min';
SELECT expires_at - created_at AS expires, refresh_expires_at - created_at AS refresh,
    absolute_expires_at - created_at AS absolute
FROM create_session(:'alice') c, LATERAL (SELECT created_at, absolute_expires_at FROM get_session(c.session_id)) s;
SET session_service.absolute_timeout = 0;
SELECT expires_at - created_at AS expires, refresh_expires_at - created_at AS refresh, absolute_expires_at
FROM create_session(:'alice') c, LATERAL (SELECT created_at, absolute_expires_at FROM get_session(c.session_id)) s;
RESET session_service.session_expiry;
RESET session_service.inactivity_timeout;
RESET session_service.absolute_timeout;

-- a session keeps its absolute end from creation, whatever the setting says later
SET session_service.absolute_timeout = '10d';
SELECT * FROM create_session(:'alice') \gset kept_
SET session_service.absolute_timeout = '100d';
SELECT absolute_expires_at - created_at AS absolute FROM get_session(:'kept_session_id');
SELECT refresh_expires_at - created_at AS refresh, absolute_expires_at - created_at AS absolute
FROM refresh_session(:'kept_refresh_token') r, LATERAL (SELECT created_at, absolute_expires_at
    FROM get_session(r.session_id)) s;
RESET session_service.absolute_timeout;

-- now is the wall clock, not the transaction's start
BEGIN;
SELECT pg_sleep(0.05);
SELECT created_at > now() + interval '40 milliseconds' AS later
FROM create_session(:'alice') c, get_session(c.session_id);
COMMIT;

-- each call is a session of its own
SELECT count(DISTINCT c.session_id) AS sessions, count(DISTINCT token) AS tokens,
    count(DISTINCT refresh_token) AS refresh_tokens, count(DISTINCT device_id) AS devices
FROM generate_series(1, 5) i, create_session(:'bob', 'Bob''s phone', 'some agent', metadata => to_jsonb(i)) c;
-- it is there at once within the transaction, and gone with it
BEGIN;
SELECT * FROM create_session(:'carol') \gset undone_
SELECT pg_temp.opens(:'undone_token');
ROLLBACK;
SELECT pg_temp.opens(:'undone_token'), count(*) FROM get_session(:'undone_session_id');

-- the longest of everything that is accepted, in characters rather than bytes
SELECT device_name = repeat(U&'\00e9', 255) AS name, length(user_agent), cardinality(scopes), length(scopes[100])
FROM create_session(:'alice', repeat(U&'\00e9', 255), repeat('u', 2048), NULL, array_fill(repeat('s', 255), '{100}'),
    repeat(U&'\00e9', 512),
    jsonb_build_object('m', repeat('m', 8000))) c, get_session(c.session_id);
-- empty texts say nothing
SELECT s.device_name, s.user_agent, is_keyed FROM create_session(:'carol', '', '', NULL, '{}', '') c,
    get_session(c.session_id) s, devices d WHERE d.id = c.device_id;
-- scopes are kept as they came, in their order
SELECT scopes FROM create_session(:'alice', scopes => '{b,a,b,https://example.org/scope#x,!}') c,
    get_session(c.session_id);
