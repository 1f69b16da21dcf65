-- Refresh: the next pair, retries, reuse.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SELECT * FROM create_session(:'alice', 'laptop', 'agent/1', '192.0.2.1', '{read}', NULL, '{"plan": "gold"}') \gset
SELECT mark_mfa_verified(:'session_id', 'totp');
CALL pg_temp.time_passes('1 day');
CREATE TEMP TABLE before AS SELECT * FROM get_session(:'session_id');
SELECT * FROM refresh_session(:'refresh_token') \gset next_
-- the same session and user; both tokens are new, and of the usual form
SELECT :'next_session_id' = :'session_id' AS session_id, :'next_user_id' = :'alice' AS user_id,
    :'next_repeated' AS repeated,
       :'next_token' <> :'token' AS token, :'next_refresh_token' <> :'refresh_token' AS refresh_token,
       token_session_id(:'next_token') = :'session_id' AND :'next_token' ~ '^sst_' AS session_token,
       token_session_id(:'next_refresh_token') = :'session_id' AND :'next_refresh_token' ~ '^ssr_' AS refresh_token;
-- the old session token is dead at once
SELECT pg_temp.opens(:'token') AS old, pg_temp.opens(:'next_token') AS new;
SELECT count(*) FROM validate_session(:'token');
-- activity is now; both expiries start anew, and what is returned is what is stored
SELECT pg_temp.is_in(last_activity_at, '0') AS activity, expires_at - last_activity_at AS expires,
    idle_expires_at - last_activity_at AS idle,
       refresh_expires_at - last_activity_at AS refresh, expires_at = :'next_expires_at' AS expires_stored,
       refresh_expires_at = :'next_refresh_expires_at' AS refresh_stored
FROM get_session(:'session_id');
SELECT purge_after = date_trunc('day', least(idle_expires_at, greatest(expires_at, refresh_expires_at)),
    'UTC') AS purge_date FROM sessions WHERE id = :'session_id';
-- everything else is kept
SELECT o.key FROM before, get_session(:'session_id') s, jsonb_each(to_jsonb(before)) o
JOIN jsonb_each(to_jsonb(s)) n USING (key) WHERE o.value <> n.value ORDER BY 1;
SELECT mfa_verified, mfa_method, scopes, metadata, device_name FROM get_session(:'session_id');
-- and it goes on so
SELECT * FROM refresh_session(:'next_refresh_token') \gset third_
SELECT generation, token_hash = hash_token(:'third_token') AS token,
    refresh_hash = hash_token(:'third_refresh_token') AS refresh,
       previous_refresh_hash = hash_token(:'next_refresh_token') AS previous FROM sessions WHERE id = :'session_id';
SELECT count(DISTINCT secret)
FROM unnest(ARRAY[substr(pg_temp.payload(:'token'), 18), substr(pg_temp.payload(:'next_token'), 18),
    substr(pg_temp.payload(:'third_token'), 18),
    substr(pg_temp.payload(:'refresh_token'), 34), substr(pg_temp.payload(:'next_refresh_token'), 34),
    substr(pg_temp.payload(:'third_refresh_token'), 34)]) secret;
-- nothing stored derives a token: no secret, no family key
SELECT count(*) FROM sessions s, (VALUES (substr(pg_temp.payload(:'third_token'), 18)),
    (substr(pg_temp.payload(:'third_refresh_token'), 34)), (substr(pg_temp.payload(:'next_refresh_token'), 34)),
    (substr(pg_temp.payload(:'third_refresh_token'), 18, 16))) secret (bytes)
WHERE strpos(to_jsonb(s)::text, encode(bytes, 'hex')) > 0;

-- address and user agent where given; a browser's update is the same device
SELECT count(*) FROM refresh_session(:'third_refresh_token', '192.0.2.2', 'agent/2');
SELECT ip_address, user_agent, device_id = :'device_id' AS same_device FROM get_session(:'session_id');
SELECT * FROM create_session(:'alice', 'laptop', 'agent/2', '192.0.2.1') \gset
SELECT refresh_token AS next_refresh_token FROM refresh_session(:'refresh_token', NULL, NULL) \gset
SELECT ip_address, user_agent FROM get_session(:'session_id');
SELECT count(*) FROM refresh_session(:'next_refresh_token', user_agent => '');
SELECT ip_address, user_agent FROM get_session(:'session_id');

-- never past the absolute end, and by the smaller of the session's own lifetimes and the settings of the moment
SET session_service.session_expiry = '10h';
SET session_service.refresh_token_expiry = '20h';
SET session_service.inactivity_timeout = '18h';
SET session_service.absolute_timeout = '30h';
CREATE FUNCTION pg_temp.deadlines(id uuid) RETURNS text LANGUAGE sql AS $$
    SELECT format('expires %s, refresh %s, idle %s', expires_at - last_activity_at,
                  date_trunc('minute', refresh_expires_at - last_activity_at + interval '30 seconds'),
                  idle_expires_at - last_activity_at)
        || CASE WHEN expires_at = absolute_expires_at THEN ', at its end' ELSE '' END
        || CASE WHEN refresh_expires_at = absolute_expires_at THEN ', refresh at its end' ELSE '' END
    FROM session_service.sessions WHERE sessions.id = deadlines.id
$$;
SELECT * FROM create_session(:'bob') \gset
SELECT * FROM create_session(:'bob', session_expiry => '3 hours', inactivity_timeout => '4 hours') \gset own_
SELECT pg_temp.deadlines(:'session_id'), pg_temp.deadlines(:'own_session_id') AS own;
SET session_service.session_expiry = '12h';
SET session_service.refresh_token_expiry = '24h';
SET session_service.inactivity_timeout = '20h';
SELECT refresh_token FROM refresh_session(:'refresh_token') \gset
SELECT refresh_token AS own_refresh_token FROM refresh_session(:'own_refresh_token') \gset
SELECT pg_temp.deadlines(:'session_id') AS longer_settings, pg_temp.deadlines(:'own_session_id') AS own;
SET session_service.session_expiry = '2h';
SET session_service.refresh_token_expiry = '5h';
SET session_service.inactivity_timeout = '3h';
SELECT refresh_token FROM refresh_session(:'refresh_token') \gset
SELECT refresh_token AS own_refresh_token FROM refresh_session(:'own_refresh_token') \gset
SELECT pg_temp.deadlines(:'session_id') AS shorter_settings, pg_temp.deadlines(:'own_session_id') AS own;
SET session_service.session_expiry = '10h';
SET session_service.refresh_token_expiry = '20h';
SET session_service.inactivity_timeout = 0;
SELECT refresh_token FROM refresh_session(:'refresh_token') \gset
CALL pg_temp.time_passes('15 hours');
SELECT refresh_token, refresh_expires_at = absolute_expires_at AS refresh_at_end
FROM refresh_session(:'refresh_token') r,
    LATERAL (SELECT absolute_expires_at FROM get_session(r.session_id)) s \gset
SELECT pg_temp.deadlines(:'session_id');
CALL pg_temp.time_passes('12 hours');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT expires_at = absolute_expires_at AS at_its_end, refresh_expires_at = absolute_expires_at AS refresh_at_its_end
FROM get_session(:'session_id');
RESET session_service.session_expiry;
RESET session_service.refresh_token_expiry;
RESET session_service.inactivity_timeout;
RESET session_service.absolute_timeout;

-- it works after the session token's own expiry
SELECT * FROM create_session(:'alice', session_expiry => '1 hour') \gset
CALL pg_temp.time_passes('2 hours');
SELECT pg_temp.opens(:'token'), pg_temp.state(:'session_id');
SELECT * FROM refresh_session(:'refresh_token') \gset next_
SELECT pg_temp.opens(:'next_token'), pg_temp.state(:'session_id');
-- until its own
SET session_service.refresh_token_expiry = '2h';
SELECT * FROM create_session(:'alice', session_expiry => '1 hour') \gset
CALL pg_temp.time_passes('119 minutes');
SELECT refresh_token FROM refresh_session(:'refresh_token') \gset
CALL pg_temp.time_passes('121 minutes');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');
-- also while the session token is still good
SELECT * FROM create_session(:'alice') \gset
CALL pg_temp.time_passes('121 minutes');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');
RESET session_service.refresh_token_expiry;
-- not after inactivity, nor after revocation
SELECT * FROM create_session(:'alice', inactivity_timeout => '1 hour') \gset
CALL pg_temp.time_passes('61 minutes');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');
SELECT * FROM create_session(:'alice') \gset
SELECT revoke_session(:'session_id', 'over');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');

-- Retry: the token replaced last, within the grace, returns the very same pair and changes nothing, however often.
SET session_service.refresh_grace = '1h';
SELECT * FROM create_session(:'alice') \gset
SELECT * FROM refresh_session(:'refresh_token', '192.0.2.1', 'agent') \gset next_
CREATE TEMP TABLE refreshed AS SELECT ctid AS version, xmin AS writer, * FROM sessions WHERE id = :'session_id';
SELECT user_epoch(:'alice') AS epoch, (SELECT count(*) FROM events) AS events \gset
SELECT count(*), bool_and(repeated) AS repeated, bool_and(token = :'next_token') AS token,
    bool_and(refresh_token = :'next_refresh_token') AS refresh_token,
       bool_and(session_id = :'session_id' AND user_id = :'alice') AS ids,
       bool_and(expires_at = :'next_expires_at') AS expires_at,
       bool_and(refresh_expires_at = :'next_refresh_expires_at') AS refresh_expires_at
FROM generate_series(1, 20) i, refresh_session(:'refresh_token', '192.0.2.99', 'other ' || i);
SELECT count(*) AS unchanged FROM refreshed r JOIN sessions s ON s.ctid = r.version AND s.xmin = r.writer
    AND s.id = r.id;
SELECT user_agent FROM devices d JOIN sessions s ON s.device_id = d.id WHERE s.id = :'session_id';
SELECT user_epoch(:'alice') = :epoch AS epoch, (SELECT count(*) FROM events) = :events AS events;
-- with the secret's length of then, whatever the setting says now
SET session_service.token_length = 64;
SELECT token = :'next_token' AS token, refresh_token = :'next_refresh_token' AS refresh_token
FROM refresh_session(:'refresh_token');
SELECT * FROM refresh_session(:'next_refresh_token') \gset long_
SET session_service.token_length = 16;
SELECT length(pg_temp.payload(:'long_token')) - 17 AS length, token = :'long_token' AS token,
    refresh_token = :'long_refresh_token' AS refresh_token FROM refresh_session(:'next_refresh_token');
SELECT * FROM refresh_session(:'long_refresh_token') \gset short_
SELECT length(pg_temp.payload(:'short_token')) - 17 AS length, token = :'short_token' AS token,
    refresh_token = :'short_refresh_token' AS refresh_token FROM refresh_session(:'long_refresh_token');
RESET session_service.token_length;
-- it is no write: also in a read-only transaction
BEGIN READ ONLY;
SELECT repeated FROM refresh_session(:'long_refresh_token');
COMMIT;
SELECT pg_temp.outcome('SET LOCAL transaction_read_only = on; SELECT refresh_session('
    || quote_literal(:'short_refresh_token') || ')');
-- until that pair has been refreshed in its turn: then it is reuse
SELECT count(*) FROM refresh_session(:'short_refresh_token');
SELECT repeated FROM refresh_session(:'short_refresh_token');
SELECT pg_temp.state(:'session_id');
SELECT count(*) FROM refresh_session(:'long_refresh_token');
SELECT pg_temp.state(:'session_id');
-- and no retry brings a revoked session back
SELECT count(*) FROM refresh_session(:'short_refresh_token');

-- the grace starts at the replacement, and no retry extends it
SELECT * FROM create_session(:'alice') \gset
SELECT * FROM refresh_session(:'refresh_token') \gset next_
CALL pg_temp.time_passes('40 minutes');
SELECT repeated FROM refresh_session(:'refresh_token');
CALL pg_temp.time_passes('19 minutes');
SELECT repeated FROM refresh_session(:'refresh_token');
CALL pg_temp.time_passes('2 minutes');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id'), pg_temp.opens(:'next_token') AS pair, pg_temp.opens(:'next_refresh_token') AS pair;
-- a retry of a pair whose session token is over already
SELECT * FROM create_session(:'alice', session_expiry => '10 minutes') \gset
SELECT * FROM refresh_session(:'refresh_token') \gset next_
CALL pg_temp.time_passes('20 minutes');
SELECT repeated, token = :'next_token' AS token FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');
-- not of a session that is idle, or past its refresh token's expiry
SELECT * FROM create_session(:'alice', inactivity_timeout => '10 minutes') \gset
SELECT count(*) FROM refresh_session(:'refresh_token');
CALL pg_temp.time_passes('11 minutes');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');
SET session_service.refresh_token_expiry = '10min';
SELECT * FROM create_session(:'alice') \gset
SELECT count(*) FROM refresh_session(:'refresh_token');
CALL pg_temp.time_passes('11 minutes');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');
RESET session_service.refresh_token_expiry;
-- reuse ends what a revocation ends: an idle session, and not one that is past both expiries
SELECT * FROM create_session(:'alice', inactivity_timeout => '10 minutes') \gset
SELECT * FROM refresh_session(:'refresh_token') \gset next_
SELECT count(*) FROM refresh_session(:'next_refresh_token');
CALL pg_temp.time_passes('11 minutes');
SELECT count(*) AS replaced_last FROM refresh_session(:'next_refresh_token');
SELECT pg_temp.state(:'session_id');
SELECT count(*) AS spent FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id'), (SELECT count(*) FROM events WHERE session_id = :'session_id'
    AND kind = 'session.reuse_detected') AS events;
SELECT * FROM create_session(:'alice', session_expiry => '5 minutes', refresh_expiry => '10 minutes') \gset
SELECT * FROM refresh_session(:'refresh_token') \gset next_
SELECT count(*) FROM refresh_session(:'next_refresh_token');
CALL pg_temp.time_passes('11 minutes');
SELECT count(*) AS spent FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');
-- a pair is handed out only if its hashes are the stored ones
SELECT * FROM create_session(:'alice') \gset
SELECT * FROM refresh_session(:'refresh_token') \gset next_
CREATE TEMP TABLE stored AS SELECT * FROM sessions WHERE id = :'session_id';
UPDATE sessions SET rotation_salt = sha256('other') WHERE id = :'session_id';
SELECT count(*) AS other_salt FROM refresh_session(:'refresh_token');
UPDATE sessions SET rotation_salt = stored.rotation_salt, token_hash = hash_token('other') FROM stored
WHERE sessions.id = stored.id;
SELECT count(*) AS other_session_token FROM refresh_session(:'refresh_token');
UPDATE sessions SET token_hash = stored.token_hash, refresh_hash = hash_token('other') FROM stored
WHERE sessions.id = stored.id;
SELECT count(*) AS other_refresh_token FROM refresh_session(:'refresh_token');
UPDATE sessions SET refresh_hash = stored.refresh_hash, rotation_salt = NULL FROM stored WHERE sessions.id = stored.id;
SELECT count(*) AS no_salt FROM refresh_session(:'refresh_token');
UPDATE sessions SET rotation_salt = stored.rotation_salt FROM stored WHERE sessions.id = stored.id;
SELECT repeated AS as_it_was FROM refresh_session(:'refresh_token');
-- the salt goes with its use: at the next refresh, at the next write after the grace, at a revocation
SELECT rotation_salt AS salt FROM sessions WHERE id = :'session_id' \gset
SELECT length(:'salt'::bytea);
SELECT * FROM refresh_session(:'next_refresh_token') \gset third_
SELECT rotation_salt <> :'salt' AS replaced FROM sessions WHERE id = :'session_id';
SET session_service.touch_interval = 0;
SELECT count(*) FROM validate_session(:'third_token');
SELECT rotation_salt IS NULL AS erased FROM sessions WHERE id = :'session_id';
CALL pg_temp.time_passes('61 minutes');
SELECT count(*) FROM validate_session(:'third_token');
SELECT rotation_salt IS NULL AS erased FROM sessions WHERE id = :'session_id';
RESET session_service.touch_interval;
SELECT * FROM refresh_session(:'third_refresh_token') \gset fourth_
SELECT rotation_salt IS NULL AS erased FROM sessions WHERE id = :'session_id';
SELECT revoke_session(:'session_id');
SELECT rotation_salt IS NULL AS erased FROM sessions WHERE id = :'session_id';

-- a grace of 0 is strict
SET session_service.refresh_grace = 0;
SELECT * FROM create_session(:'alice') \gset
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');
RESET session_service.refresh_grace;

-- Reuse: any other refresh token that this session once issued ends it, and tells.
SELECT * FROM create_session(:'alice') \gset
SELECT * FROM refresh_session(:'refresh_token') \gset second_
SELECT * FROM refresh_session(:'second_refresh_token') \gset third_
SELECT user_epoch(:'alice') AS epoch \gset
SELECT * FROM create_session(:'alice') \gset other_
BEGIN;
SELECT count(*) FROM refresh_session(:'refresh_token', '192.0.2.66');
SELECT pg_temp.state(:'session_id');
-- the caller commits, else the revocation is undone
ROLLBACK;
SELECT pg_temp.state(:'session_id');
SELECT count(*) FROM refresh_session(:'refresh_token', '192.0.2.66');
SELECT pg_temp.state(:'session_id'), pg_temp.opens(:'third_token') AS token,
    pg_temp.opens(:'third_refresh_token') AS refresh_token;
SELECT kind, reason, ip_address, session_id = :'session_id' AS session, device_id = :'device_id' AS device
FROM list_events(:'alice', max_rows => 1);
SELECT user_epoch(:'alice') > :epoch AS epoch, pg_temp.state(:'other_session_id') AS other_session;
-- once: what is over stays as it is
SELECT revoked_at FROM get_session(:'session_id') \gset
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT count(*) FROM refresh_session(:'second_refresh_token');
SELECT revoked_at = :'revoked_at' AS same_time FROM get_session(:'session_id');
SELECT count(*) FROM list_events(:'alice') WHERE kind = 'session.reuse_detected' AND session_id = :'session_id';
-- also when the session is expired but usable; not when it is over by itself
SELECT * FROM create_session(:'alice', session_expiry => '1 hour') \gset
SELECT * FROM refresh_session(:'refresh_token') \gset second_
CALL pg_temp.time_passes('2 hours');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');
SET session_service.refresh_token_expiry = '1h';
SELECT * FROM create_session(:'alice', session_expiry => '1 hour') \gset
SELECT * FROM refresh_session(:'refresh_token') \gset second_
CALL pg_temp.time_passes('2 hours');
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT pg_temp.state(:'session_id');
RESET session_service.refresh_token_expiry;

-- A refresh token without the session's family key does nothing, also when it carries the right session id.
SELECT * FROM create_session(:'alice') \gset
SELECT * FROM create_session(:'alice') \gset other_
SELECT count(*) FROM refresh_session(pg_temp.forged('ssr_', '\x01' || uuid_send(:'session_id')
    || decode(repeat('ab', 48), 'hex')));
SELECT count(*) FROM refresh_session(pg_temp.forged('ssr_', '\x01' || uuid_send(:'session_id')
    || substr(pg_temp.payload(:'other_refresh_token'), 18)));
SELECT count(*) FROM refresh_session(pg_temp.forged('ssr_', '\x01' || uuid_send(:'nobody')
    || substr(pg_temp.payload(:'refresh_token'), 18)));
-- not even with the right secret
SELECT count(*) FROM refresh_session(pg_temp.forged('ssr_', '\x01' || uuid_send(:'session_id')
    || decode(repeat('ab', 16), 'hex') || substr(pg_temp.payload(:'refresh_token'), 34)));
-- what the tables hold makes no token: hashes and salt in the place of key and secret
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT count(r.session_id) FROM sessions s,
    unnest(ARRAY[token_hash::bytea, refresh_hash::bytea, previous_refresh_hash::bytea, family_hash::bytea,
        rotation_salt]) a,
    unnest(ARRAY[token_hash::bytea, refresh_hash::bytea, previous_refresh_hash::bytea, family_hash::bytea,
        rotation_salt]) b,
    refresh_session(pg_temp.forged('ssr_', '\x01' || uuid_send(s.id) || substr(a, 1, 16) || b)) r
    WHERE s.id = :'session_id';
SELECT count(v.session_id)
FROM sessions s, unnest(ARRAY[token_hash::bytea, refresh_hash::bytea, previous_refresh_hash::bytea, family_hash::bytea,
    rotation_salt]) a,
    validate_session(pg_temp.forged('sst_', '\x01' || uuid_send(s.id) || a)) v WHERE s.id = :'session_id';
SELECT pg_temp.state(:'session_id'), pg_temp.state(:'other_session_id') AS other;
-- with the key it was once issued by the session, so the wrong secret is reuse
SELECT count(*) FROM refresh_session(pg_temp.forged('ssr_', '\x01' || uuid_send(:'session_id')
    || substr(pg_temp.payload(:'refresh_token'), 18, 16) || decode(repeat('ab', 32), 'hex')));
SELECT pg_temp.state(:'session_id');

-- a session without a refresh token has nothing to refresh
SELECT * FROM create_session(:'bob', issue_refresh => false) \gset none_
SELECT count(*) FROM refresh_session(pg_temp.forged('ssr_', '\x01' || uuid_send(:'none_session_id')
    || decode(repeat('00', 48), 'hex')));
SELECT count(*) FROM refresh_session(:'none_token');
SELECT pg_temp.state(:'none_session_id');
SELECT count(*) FROM refresh_session(NULL);
SELECT count(*) FROM refresh_session('');

-- a refresh that is rolled back never was
SELECT * FROM create_session(:'bob') \gset
BEGIN;
SELECT * FROM refresh_session(:'refresh_token') \gset undone_
ROLLBACK;
SELECT pg_temp.opens(:'token') AS old, pg_temp.opens(:'undone_token') AS undone;
-- with the token of the undone pair nobody comes in: it carries the key, so it ends the session
SELECT count(*) FROM refresh_session(:'undone_refresh_token');
SELECT pg_temp.state(:'session_id');

-- the salt goes with any other write of the session too, once the grace is over and not before
CREATE FUNCTION pg_temp.salt_goes(call text) RETURNS TABLE (within_grace boolean, afterwards boolean)
LANGUAGE plpgsql AS $$
DECLARE
    made record;
BEGIN
    SELECT * INTO made FROM session_service.create_session(gen_random_uuid());
    PERFORM session_service.refresh_session(made.refresh_token);
    EXECUTE 'SELECT session_service.' || call USING made.session_id;
    SELECT rotation_salt IS NULL INTO within_grace FROM session_service.sessions WHERE id = made.session_id;
    CALL pg_temp.time_passes('31 seconds');
    EXECUTE 'SELECT session_service.' || call USING made.session_id;
    SELECT rotation_salt IS NULL INTO afterwards FROM session_service.sessions WHERE id = made.session_id;
    RETURN NEXT;
END $$;
RESET session_service.refresh_grace;
SELECT call, (pg_temp.salt_goes(call)).*
FROM unnest(ARRAY['extend_session($1)', 'mark_mfa_verified($1)', 'clear_mfa_verified($1)',
    'set_session_scopes($1, ''{read}'')', 'set_session_metadata($1, ''{}'')', 'patch_session_metadata($1, ''{}'')',
    'touch_sessions(ARRAY[$1])']) call;

-- a row that several savepoints of the same transaction hold is held by nobody else
SELECT * FROM create_session(gen_random_uuid()) \gset saved_
SET statement_timeout = '1min';
BEGIN;
SELECT extend_session(:'saved_session_id') IS NOT NULL AS extended;
SAVEPOINT a;
SELECT count(*) FROM refresh_session(:'saved_refresh_token');
ROLLBACK TO a;
SELECT repeated FROM refresh_session(:'saved_refresh_token');
COMMIT;
RESET statement_timeout;
