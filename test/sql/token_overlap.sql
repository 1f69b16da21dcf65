-- The session token that a refresh replaced may stay good for a while, for requests that are on their way.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

-- without the setting it is dead at once, and nothing is kept of it
SELECT * FROM create_session(:'alice') \gset
SELECT * FROM refresh_session(:'refresh_token') \gset next_
SELECT pg_temp.opens(:'token') AS replaced, pg_temp.opens(:'next_token') AS current;
SELECT replaced_token_hash, replaced_token_until FROM sessions WHERE id = :'session_id';

-- with it, all that asks whether a token is good takes it
SET session_service.token_overlap = '10s';
SELECT * FROM refresh_session(:'next_refresh_token') \gset new_
SELECT session_id = :'session_id' AS valid FROM validate_session(:'next_token');
SELECT validate_user(:'next_token') = :'alice' AS valid;
SELECT session_id = :'session_id' AS valid FROM validate_session_hash(:'session_id', hash_token(:'next_token'));
SELECT token_index FROM validate_sessions(ARRAY[:'token', :'next_token', :'new_token']);
SELECT session_id = :'session_id' AS valid, current_user_id() = :'alice' AS bound FROM authenticate(:'next_token');
SELECT mark_mfa_verified_by_token(:'next_token', 'totp');
-- it ends when it ends, not with its successor
SELECT i ->> 'active' AS active, pg_temp.is_in(to_timestamp((i ->> 'exp')::bigint), '10 seconds') AS soon,
    pg_temp.is_in(to_timestamp((n ->> 'exp')::bigint), '30 days') AS later
FROM introspect_token(:'next_token') i, introspect_token(:'new_token') n;
-- what would replace it does not
SELECT count(*) FROM rotate_session_token(:'next_token');
SELECT count(*) FROM reauthenticate_session(:'next_token');
SELECT session_challenge(:'next_token') IS NULL AS none, session_challenge(:'new_token') IS NULL AS some;
-- only the one before, and only its hash is kept
SELECT pg_temp.opens(:'token') AS older;
SELECT replaced_token_hash = hash_token(:'next_token') AS kept FROM sessions WHERE id = :'session_id';
-- a retry changes nothing of it
SELECT repeated, token = :'new_token' AS same FROM refresh_session(:'next_refresh_token');
SELECT pg_temp.opens(:'next_token') AS still;
-- its time passes
CALL pg_temp.time_passes('11 seconds');
SELECT pg_temp.opens(:'next_token') AS replaced, pg_temp.opens(:'new_token') AS current;
SELECT count(*) FROM validate_session(:'next_token');

-- never past its own expiry
SELECT * FROM create_session(:'bob', session_expiry => '5 seconds') \gset short_
SELECT * FROM refresh_session(:'short_refresh_token') \gset next_
SELECT replaced_token_until <= :'short_expires_at' AS bounded, pg_temp.opens(:'short_token') AS replaced FROM sessions
WHERE id = :'short_session_id';
CALL pg_temp.time_passes('6 seconds');
SELECT * FROM refresh_session(:'next_refresh_token') \gset last_
SELECT replaced_token_until, replaced_token_hash, pg_temp.opens(:'next_token') AS replaced FROM sessions
WHERE id = :'short_session_id';

-- nor past a revocation, a rotation or a reauthentication
CREATE FUNCTION pg_temp.refreshed(OUT session_id uuid, OUT replaced text, OUT token text) LANGUAGE sql AS $$
    SELECT c.session_id, c.token, r.token FROM create_session('00000000-0000-4000-8000-00000000000c') c,
    LATERAL refresh_session(c.refresh_token) r
$$;
SELECT * FROM pg_temp.refreshed() \gset
SELECT pg_temp.opens(:'replaced') AS before, revoke_session(:'session_id') AS revoked;
SELECT pg_temp.opens(:'replaced') AS after;
SELECT * FROM pg_temp.refreshed() \gset
SELECT pg_temp.opens(:'replaced') AS before;
SELECT count(*) AS rotated FROM rotate_session_token(:'token');
SELECT pg_temp.opens(:'replaced') AS after, replaced_token_hash, replaced_token_until FROM sessions
WHERE id = :'session_id';
SELECT * FROM pg_temp.refreshed() \gset
SELECT pg_temp.opens(:'replaced') AS before;
SELECT count(*) AS checked FROM reauthenticate_session(:'token');
SELECT pg_temp.opens(:'replaced') AS after, replaced_token_hash, replaced_token_until FROM sessions
WHERE id = :'session_id';
-- who signs out with it signs out
SELECT * FROM pg_temp.refreshed() \gset
SELECT revoke_session_by_token(:'replaced') AS ended;
SELECT pg_temp.state(:'session_id');
-- an imported token stays good as any other
SELECT import_session(hash_token('old'), :'bob', now() + interval '1 day',
    hash_token('old refresh')) AS session_id \gset
SELECT * FROM refresh_session('old refresh') \gset next_
SELECT pg_temp.opens('old') AS replaced, pg_temp.opens(:'next_token') AS current;
