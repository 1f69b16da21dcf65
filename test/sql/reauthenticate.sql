-- How the user signed in, and signing in again within a session.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SET session_service.event_log = 'all';
-- what the application tells of the sign-in is stored and shown
SELECT * FROM create_session(:'alice', 'laptop', scopes => '{read}', metadata => '{"a": 1}',
    acr => 'urn:example:silver', amr => '{pwd,otp}') \gset
SELECT authenticated_at = created_at AS at_sign_in, mfa_verified_at, acr FROM validate_session(:'token');
SELECT authenticated_at = created_at AS at_sign_in, acr FROM validate_sessions(ARRAY[:'token']);
SELECT authenticated_at = created_at AS at_sign_in, acr FROM validate_session_hash(:'session_id', hash_token(:'token'));
SELECT authenticated_at = created_at AS at_sign_in, acr, amr FROM get_session(:'session_id');
SELECT i - 'exp' - 'iat' - 'sub' - 'jti' - 'auth_time' AS introspected,
    (i ->> 'auth_time')::bigint = floor(extract(epoch FROM s.created_at)) AS at_sign_in
FROM introspect_token(:'token') i, get_session(:'session_id') s;
SELECT i -> 'acr' AS acr, i -> 'amr' AS amr FROM introspect_token(:'refresh_token') i;
-- also words that JSON has to escape
SELECT * FROM create_session(:'bob', acr => E'a "b" \\ \t é', amr => E'{"a\\"b"}') \gset odd_
SELECT i ->> 'acr' = E'a "b" \\ \t é' AS acr, i #>> '{amr,0}' AS amr FROM introspect_token(:'odd_token') i;
-- nothing where nothing was told
SELECT * FROM create_session(:'bob', acr => '', amr => NULL) \gset plain_
SELECT acr, amr, i ? 'acr' OR i ? 'amr' AS told FROM get_session(:'plain_session_id'),
    introspect_token(:'plain_token') i;
SELECT session_id, mark_mfa_verified(session_id) FROM create_session(:'bob') \gset mfa_
SELECT mfa_verified, mfa_verified_at IS NOT NULL AS has_time FROM get_session(:'mfa_session_id');

-- The user is checked again a day later: a pair that does not follow from the old one, and every lifetime anew
SET session_service.absolute_timeout = '10d';
SELECT * FROM create_session(:'alice', 'laptop', NULL, '192.0.2.1', '{read}', NULL, '{"a": 1}', '2 days', '3 days',
    refresh_expiry => '4 days', absolute_timeout => '5 days',
    acr => 'silver', amr => '{pwd}') \gset
SELECT mark_mfa_verified(:'session_id', 'totp');
CALL pg_temp.time_passes('1 day');
CREATE TEMP TABLE before AS SELECT * FROM sessions WHERE id = :'session_id';
SELECT * FROM reauthenticate_session(:'token', 'gold', '{pwd,hwk}', '192.0.2.2') \gset again_
SELECT :'again_session_id' = :'session_id' AS same_session, :'again_user_id' = :'alice' AS same_user,
    :'again_token' ~ '^sst_' AND :'again_refresh_token' ~ '^ssr_' AS well_formed;
SELECT pg_temp.is_in(:'again_expires_at', '2 days') AS expires,
    pg_temp.is_in(:'again_refresh_expires_at', '4 days') AS refresh,
       pg_temp.is_in(idle_expires_at, '3 days') AS idle, pg_temp.is_in(absolute_expires_at, '5 days') AS absolute,
       pg_temp.is_in(authenticated_at, '0') AS authenticated,
       pg_temp.is_in(last_activity_at, '0') AS active, acr, amr, ip_address, status
FROM get_session(:'session_id');
-- nothing else of it changes
SELECT o.key FROM before, sessions s, jsonb_each(to_jsonb(before)) o JOIN jsonb_each(to_jsonb(s)) n USING (key)
WHERE s.id = :'session_id' AND o.value <> n.value ORDER BY o.key;
SELECT kind, session_id = :'session_id' AS session, device_id IS NOT NULL AS device, ip_address
FROM list_events(:'alice', max_rows => 1);
-- the old pair is dead at once, and its refresh token is nobody's: it ends nothing
SELECT pg_temp.opens(:'token') AS old_token, pg_temp.opens(:'refresh_token') AS old_refresh_token,
    pg_temp.opens(:'again_token') AS token, pg_temp.opens(:'again_refresh_token') AS refresh_token;
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT count(*) FROM reauthenticate_session(:'token');
SELECT pg_temp.state(:'session_id');
SELECT count(*) FROM refresh_session(:'again_refresh_token');
-- the absolute end is counted from the last check, and a shorter setting holds
SET session_service.absolute_timeout = '1d';
SELECT * FROM create_session(:'alice') \gset
SET session_service.absolute_timeout = '0';
SELECT * FROM reauthenticate_session(:'token') \gset again_
SELECT pg_temp.is_in(absolute_expires_at, '1 day') AS own, acr, amr FROM get_session(:'session_id');
SELECT * FROM create_session(:'alice') \gset
SELECT * FROM reauthenticate_session(:'token') \gset again_
SELECT absolute_expires_at FROM get_session(:'session_id');
SET session_service.absolute_timeout = '12h';
SELECT * FROM reauthenticate_session(:'again_token') \gset again_
SELECT pg_temp.is_in(absolute_expires_at, '12 hours') AS of_the_setting FROM get_session(:'session_id');
RESET session_service.absolute_timeout;

-- A retry of the last refresh ends with it
SELECT * FROM create_session(:'alice') \gset
SELECT * FROM refresh_session(:'refresh_token') \gset next_
SELECT * FROM reauthenticate_session(:'next_token') \gset again_
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT count(*) FROM refresh_session(:'next_refresh_token');
SELECT pg_temp.state(:'session_id'), rotation_salt IS NULL AND previous_refresh_hash IS NULL AS forgotten FROM sessions
WHERE id = :'session_id';
-- reuse of what the session issues from now on ends it
SELECT refresh_token AS second_refresh_token FROM refresh_session(:'again_refresh_token') \gset
SET session_service.refresh_grace = 0;
SELECT count(*) FROM refresh_session(:'again_refresh_token');
SELECT pg_temp.state(:'session_id');
RESET session_service.refresh_grace;

-- Without a refresh token there is none afterwards
SELECT * FROM create_session(:'alice', issue_refresh => false) \gset
SELECT refresh_token, refresh_expires_at, token <> :'token' AS fresh FROM reauthenticate_session(:'token');
SELECT refresh_hash IS NULL AND family_hash IS NULL AS has_none FROM sessions WHERE id = :'session_id';

-- Imported tokens are nobody's either, and cannot be imported again
SELECT import_session(hash_token('imported'), :'carol', clock_timestamp() + interval '1 day',
    hash_token('imported refresh'), created_at => clock_timestamp() - interval '3 days') AS session_id \gset
SELECT authenticated_at = created_at AS at_creation FROM get_session(:'session_id');
SELECT * FROM reauthenticate_session('imported') \gset again_
SELECT count(*) FROM refresh_session('imported refresh');
SELECT pg_temp.state(:'session_id'), pg_temp.opens('imported') AS imported, pg_temp.opens(:'again_token') AS again;
SELECT import_session(hash_token('imported'), :'carol', clock_timestamp() + interval '1 day') = :'session_id' AS same,
    count_user_sessions(:'carol');

-- No row for any other token, nor for a session that is over
SELECT count(*) FROM unnest(ARRAY[NULL, '', 'nonsense', :'again_refresh_token']) t, reauthenticate_session(t);
SELECT * FROM create_session(:'bob', session_expiry => '1 hour') \gset expired_
SELECT * FROM create_session(:'bob', inactivity_timeout => '1 hour') \gset idle_
SELECT * FROM create_session(:'bob') \gset revoked_
SELECT revoke_session(:'revoked_session_id');
CALL pg_temp.time_passes('61 minutes');
SELECT count(*) FROM unnest(ARRAY[:'expired_token', :'idle_token', :'revoked_token']) t, reauthenticate_session(t);
-- A clock that was set back does not make it a session that was never checked again
SELECT * FROM create_session(:'alice') \gset
UPDATE sessions SET created_at = clock_timestamp() + interval '1 hour',
    authenticated_at = clock_timestamp() + interval '1 hour' WHERE id = :'session_id';
SELECT count(*) FROM reauthenticate_session(:'token');
SELECT authenticated_at > created_at AS later FROM sessions WHERE id = :'session_id';

-- what is too much, and what is missing
SELECT pg_temp.outcome(format('SELECT create_session(%L, acr => %L)', :'alice', repeat('x', 256)));
SELECT pg_temp.outcome(format('SELECT create_session(%L, amr => %L)', :'alice', array_fill('x'::text, '{21}')));
SELECT pg_temp.outcome(format('SELECT create_session(%L, amr => %L)', :'alice', ARRAY[repeat('x', 65)]));
SELECT pg_temp.outcome(format('SELECT create_session(%L, amr => %L)', :'alice', '{pwd,NULL}'));
SELECT pg_temp.outcome(format('SELECT reauthenticate_session(%L, acr => %L)', 'x', repeat('x', 256)));
SELECT pg_temp.outcome(format('SELECT reauthenticate_session(%L, amr => %L)', 'x', ARRAY[repeat('x', 100000)]));

-- undone with its transaction
SELECT * FROM create_session(:'alice') \gset
BEGIN;
SELECT count(*) FROM reauthenticate_session(:'token');
ROLLBACK;
SELECT pg_temp.opens(:'token'), pg_temp.opens(:'refresh_token');
