-- Sessions that are bound to a key, as far as no key is needed: what is refused, and challenges. (t/bound_sessions has
-- keys.)
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SELECT * FROM create_session(:'alice') \gset
SELECT * FROM create_session(:'bob') \gset other_
-- the challenge to bind a session: of its session token alone, and the same for a while
SELECT session_challenge(:'token') AS challenge \gset
SELECT :'challenge' ~ '^[A-Za-z0-9_-]{54}$' AS well_formed, session_challenge(:'token') = :'challenge' AS same,
    session_challenge(:'other_token') = :'challenge' AS same_of_another,
       session_challenge(:'refresh_token') AS of_refresh_token;
SELECT left(t, 20) AS token, session_challenge(t)
FROM unnest(ARRAY[NULL, '', 'nonsense', 'sst_nonsense', repeat('x', 600)]) t;
-- it is read, and nothing is stored
BEGIN TRANSACTION READ ONLY;
SELECT session_challenge(:'token') IS NOT NULL AS given;
COMMIT;
SELECT count(*), bool_and(xmin::text = xmax::text OR xmax = 0) AS one_version FROM sessions WHERE id = :'session_id';
-- of an active session alone
SELECT * FROM create_session(:'bob', session_expiry => '1 hour') \gset expired_
SELECT * FROM create_session(:'bob', inactivity_timeout => '1 hour') \gset idle_
SELECT * FROM create_session(:'bob') \gset revoked_
SELECT revoke_session(:'revoked_session_id');
CALL pg_temp.time_passes('61 minutes');
SELECT session_challenge(t) FROM unnest(ARRAY[:'expired_token', :'idle_token', :'revoked_token']) t;

-- what proves nothing binds nothing
SELECT count(*) FROM unnest(ARRAY[NULL, '', 'a.b.c', '..', 'eyJhbGciOiJub25lIn0.e30.', repeat('a', 8193)]) p,
    bind_session(:'token', p);
SELECT count(*) FROM bind_session(NULL, 'a.b.c');
SELECT count(*) FROM bind_session(:'refresh_token', 'a.b.c', 'POST', 'https://example.com/');
SELECT count(*) FROM validate_session_proof(:'token', 'a.b.c', 'GET', 'https://example.com/');
SELECT count(*) FROM validate_session_proof(NULL, NULL, 'GET', 'https://example.com/');
-- what a request has must be told
SELECT pg_temp.outcome(format('SELECT validate_session_proof(%L, ''a.b.c'', NULL, ''https://example.com/'')',
    :'token'));
SELECT pg_temp.outcome(format('SELECT validate_session_proof(%L, ''a.b.c'', ''GET'', NULL)', :'token'));
-- a session that is not bound needs no proof, and takes none
SELECT binding, key_thumbprint FROM get_session(:'session_id');
SELECT is_bound FROM list_user_devices(:'alice');
SELECT introspect_token(:'token') ? 'cnf' AS confirmed, introspect_token(:'token') ->> 'token_type' AS type;
SELECT count(*) FROM refresh_session(:'refresh_token', proof => 'a.b.c', http_method => 'POST',
    http_uri => 'https://example.com/');

-- With a key in the table, as a proof would have left it there
CREATE PROCEDURE pg_temp.bind(session_id uuid, kind integer) LANGUAGE sql AS $$
    UPDATE session_service.sessions SET binding = kind, bound_at = clock_timestamp(),
        challenge_key = decode(repeat('00', 16), 'hex'),
        bound_key =
        '{"e":"AQAB","kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L'
            '6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368'
            'QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksI'
            'NHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}'
    WHERE id = session_id
$$;
SET session_service.event_log = 'all';
SELECT * FROM create_session(:'alice', 'browser') \gset
CALL pg_temp.bind(:'session_id', 1);
-- it is shown, by the thumbprint of RFC 7638, 3.1
SELECT binding, key_thumbprint FROM get_session(:'session_id');
SELECT name, is_bound FROM list_user_devices(:'alice') ORDER BY name;
SELECT i -> 'cnf' AS cnf, i ->> 'token_type' AS type FROM introspect_token(:'token') i;
SELECT i -> 'cnf' AS cnf, i ->> 'token_type' AS type FROM introspect_token(:'refresh_token') i;
-- its token opens it; the challenge is that of its refresh token
SELECT count(*) FROM validate_session(:'token');
SELECT session_challenge(:'token') AS of_token, length(session_challenge(:'refresh_token')) AS of_refresh_token;
-- without a proof nothing happens, and nobody is signed out; once a minute it is told
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT count(*) FROM generate_series(1, 20) n, refresh_session(:'refresh_token', '192.0.2.7', proof => 'a.b.c');
SELECT pg_temp.state(:'session_id'), pg_temp.opens(:'token');
SELECT kind, session_id = :'session_id' AS session, ip_address FROM list_events(:'alice')
WHERE kind = 'session.proof_rejected';
CALL pg_temp.time_passes('61 seconds');
SELECT count(*) FROM generate_series(1, 20) n, refresh_session(:'refresh_token', proof => 'a.b.c');
SELECT count(*) FROM list_events(:'alice') WHERE kind = 'session.proof_rejected';
-- who knows the session's id alone leaves nothing behind
SELECT pg_temp.forged('ssr_', '\x01' || uuid_send(:'session_id') || decode(repeat('ab', 48), 'hex')) AS forged \gset
CALL pg_temp.time_passes('61 seconds');
SELECT session_challenge(:'forged'), (SELECT count(*) FROM refresh_session(:'forged')) AS refreshed,
    (SELECT count(*) FROM list_events(:'alice') WHERE kind = 'session.proof_rejected') AS events;
-- only a proof renews it
SELECT expires_at FROM get_session(:'session_id') \gset
SELECT extend_session(:'session_id', '300 days') = :'expires_at' AS same;
SELECT expires_at = :'expires_at' AS same FROM rotate_session_token(:'token');
SET session_service.sliding_expiry = on;
SET session_service.session_expiry = '400d';
SET session_service.touch_interval = 0;
SELECT touch_sessions(ARRAY[:'session_id'::uuid]);
SELECT expires_at = :'expires_at' AS same FROM get_session(:'session_id');
RESET session_service.sliding_expiry;
RESET session_service.session_expiry;
RESET session_service.touch_interval;
-- a new check of the user keeps the key, and the short life
SELECT * FROM create_session(:'alice', 'browser') \gset
CALL pg_temp.bind(:'session_id', 1);
SELECT session_challenge(:'refresh_token') AS challenge \gset
SELECT * FROM reauthenticate_session(:'token') \gset again_
SELECT pg_temp.is_in(:'again_expires_at', '10 minutes') AS short, binding,
    pg_temp.is_in(refresh_expires_at, '90 days') AS long FROM get_session(:'session_id');
SELECT session_challenge(:'refresh_token') AS of_the_old,
    session_challenge(:'again_refresh_token') = :'challenge' AS same;

-- Bound for requests: its token opens nothing by itself
SELECT * FROM create_session(:'carol') \gset
CALL pg_temp.bind(:'session_id', 2);
SELECT count(*) FROM validate_session(:'token');
SELECT validate_user(:'token');
SELECT count(*) FROM validate_session_hash(:'session_id', hash_token(:'token'));
SELECT count(*) FROM validate_sessions(ARRAY[:'token']);
SELECT count(*), current_user_id() FROM authenticate(:'token');
SELECT count(*) FROM validate_session_proof(:'token', NULL, 'GET', 'https://example.com/');
SELECT kind FROM list_events(:'carol') WHERE kind = 'session.proof_rejected';
-- but is what introspection tells of, and what a nonce is given for
SELECT i ->> 'active' AS active, i ->> 'token_type' AS type, i #>> '{cnf,jkt}' AS jkt FROM introspect_token(:'token') i;
SELECT length(session_challenge(:'token')) AS nonce,
    session_challenge(:'token') = session_challenge(:'refresh_token') AS of_both;
SELECT binding FROM get_session(:'session_id');
-- who had the proof of a request judged goes on with the token
SELECT mark_mfa_verified_by_token(:'token');
SELECT count(*) FROM rotate_session_token(:'token');
SELECT * FROM create_session(:'carol') \gset
CALL pg_temp.bind(:'session_id', 2);
SELECT pg_temp.is_in(expires_at, '30 days') AS as_long FROM reauthenticate_session(:'token');
SELECT * FROM create_session(:'carol') \gset
CALL pg_temp.bind(:'session_id', 2);
-- who signs out with it signs out
SELECT revoke_session_by_token(:'token');
SELECT session_challenge(:'token') AS nonce, session_challenge(:'refresh_token') AS challenge;

-- without the log nothing is written
SET session_service.event_log = 'none';
SELECT * FROM create_session(:'bob') \gset
CALL pg_temp.bind(:'session_id', 1);
SELECT count(*) FROM refresh_session(:'refresh_token');
BEGIN TRANSACTION READ ONLY;
SELECT count(*) FROM refresh_session(:'refresh_token');
COMMIT;
SELECT count(*) FROM list_events(:'bob') WHERE kind = 'session.proof_rejected';
