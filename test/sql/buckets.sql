-- The buckets that a server holds: what they are, and what becomes of the rest.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

-- ranges: sixteenths of the buckets
SELECT user_bucket(:'alice') >> 8 = user_range(:'alice') AS of_users,
    session_range('00000000-0000-7abc-8000-000000000000') AS of_sessions;
SELECT user_range(NULL), session_range(NULL), token_range(NULL), token_range(''), token_range('garbage'),
    token_range('sst_garbage');
SELECT count(*) FROM generate_series(1, 1000) n, LATERAL (SELECT gen_random_uuid() AS id OFFSET n * 0) r
WHERE user_range(id) <> user_bucket(id) / 256 OR session_range(id) <> session_bucket(id) / 256;

-- two users of different ranges, and one whose session was imported
SELECT * FROM create_session(:'alice', external_id => 'theirs') \gset alice_
SELECT * FROM create_session(:'bob', external_id => 'theirs') \gset bob_
SELECT import_session(
    hash_token('imported'), :'bob', now() + interval '1 day', hash_token('imported refresh')) AS imported_id \gset
SELECT token_range(:'alice_token') = user_range(:'alice') AS token,
       token_range(:'alice_refresh_token') = user_range(:'alice') AS refresh_token,
       session_range(:'alice_session_id') = user_range(:'alice') AS session,
       user_range(:'alice') <> user_range(:'bob') AS differ;
SELECT format('%s-%s', user_range(:'alice') * 256, user_range(:'alice') * 256 + 255) AS alices,
    user_bucket(:'bob') AS bobs \gset

-- what the setting takes
SELECT setting, pg_temp.outcome(format('SET session_service.buckets = %L', setting)) FROM unnest(ARRAY[
    '', '0', '4095', '0-4095', '0-255,512-767', ' 1 - 2 , 3 ', 'none', '4096', '1-', '-1', '2-1', '1,', 'all', 'none,1',
    '1.5', '1 2', 'x']) WITH ORDINALITY AS s (setting, n) ORDER BY n;
RESET session_service.buckets;
SELECT bool_and(holds_bucket(bucket)) FROM generate_series(0, 4095) bucket;
SELECT holds_bucket(-1), holds_bucket(4096), holds_bucket(NULL);
SET session_service.buckets = '7,10-12,4095';
SHOW session_service.buckets;
SELECT array_agg(bucket) FROM generate_series(-2, 5000) bucket WHERE holds_bucket(bucket);
SET session_service.buckets = 'none';
SELECT bool_or(holds_bucket(bucket)) FROM generate_series(0, 4095) bucket;

-- alice's are here, bob's are not: an error that says so, and never "no"
SET session_service.buckets = :'alices';
SELECT user_id = :'alice' AS alice FROM validate_session(:'alice_token');
SELECT regexp_replace(pg_temp.outcome(format('SELECT validate_session(%L)', :'bob_token')), '\d+(-\d+)?', 'N', 'g');
SELECT name, left(pg_temp.outcome('SELECT ' || call), 5) FROM (VALUES
    ('validate_user', format('validate_user(%L)', :'bob_token')),
    ('an imported token', format('validate_session(%L)', 'imported')),
    ('introspect_token', format('introspect_token(%L)', :'bob_token')),
    ('refresh_session', format('refresh_session(%L)', :'bob_refresh_token')),
    ('an imported refresh token', format('refresh_session(%L)', 'imported refresh')),
    ('one of several tokens', format('validate_sessions(ARRAY[%L, %L])', :'alice_token', :'bob_token')),
    ('one of several sessions', format('touch_sessions(ARRAY[%L, %L]::uuid[])', :'alice_session_id',
        :'bob_session_id')),
    ('one of several users', format('list_sessions(user_ids => ARRAY[%L, %L]::uuid[])', :'alice', :'bob')),
    ('revoke_sessions', format('revoke_sessions(user_ids => ARRAY[%L]::uuid[])', :'bob')),
    ('create_session', format('create_session(%L)', :'bob')),
    ('revoke_session', format('revoke_session(%L)', :'bob_session_id')),
    ('import_session', format('import_session(hash_token(''imported''), %L, now() + interval ''1 day'')', :'bob')))
    calls (name, call);
-- garbage is nobody's, here as everywhere
SELECT count(*) FROM validate_session('garbage');
SELECT count(*) FROM validate_session('sst_garbage');
-- a session of another user's is not this one's, wherever it is
SELECT revoke_user_session(:'alice', :'bob_session_id'),
    (SELECT count(*) FROM get_user_session(:'alice', :'bob_session_id')),
    (SELECT count(*) FROM list_user_sessions(:'alice', :'bob_session_id'));
-- what goes over all rows passes over bob's
SELECT count_active_sessions(), (SELECT count(*) FROM list_sessions()),
    (SELECT count(*) FROM list_sessions(include_inactive => true)),
    (SELECT count(*) FROM find_external_sessions('theirs')),
    (SELECT count(DISTINCT user_id) FROM list_all_events());
SELECT revoke_external_sessions('theirs');
SELECT * FROM create_session(:'alice') \gset alice_
CALL pg_temp.time_passes('1 hour');
SELECT count(*) FROM list_inactive_sessions('30 minutes');
SELECT revoke_inactive_sessions('30 minutes'), revoke_sessions(created_before => now());
CALL pg_temp.time_passes('100 days');
SELECT cleanup_sessions(), cleanup_sessions();
SELECT cleanup_sessions(batch_size => 1);
RESET session_service.buckets;
SELECT user_id = :'bob' AS bob, count(*) FROM sessions GROUP BY 1;
SELECT user_id = :'bob' AS bob, count(*) FROM devices GROUP BY 1;
SELECT user_id = :'bob' AS bob, count(*) > 0 AS events FROM events GROUP BY 1;
SELECT count(*) FROM imported_tokens;
SELECT cleanup_sessions();
SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM devices), (SELECT count(*) FROM events),
    (SELECT count(*) FROM imported_tokens), (SELECT count(*) FROM external_sessions);

-- no COMMIT fails for the activity that a validation noted
SELECT * FROM create_session(:'bob') \gset bob_
CALL pg_temp.time_passes('1 hour');
BEGIN;
SELECT count(*) FROM validate_session(:'bob_token');
SET LOCAL session_service.buckets = 'none';
COMMIT;

-- an identity that another server vouches for: for the owner alone
BEGIN;
SELECT bind_identity(:'bob_session_id', :'bob', '{read,write}', '{"tenant": 1}', NULL, clock_timestamp());
SELECT current_session_id() = :'bob_session_id' AS session, current_user_id() = :'bob' AS bob, current_scopes(),
    has_scope('write'), current_metadata(), is_mfa_verified(), is_authenticated_within('1 minute');
SELECT bind_identity(:'bob_session_id', :'bob', '{}', '{}', clock_timestamp() - interval '1 hour',
    clock_timestamp() - interval '1 day');
SELECT current_scopes(), is_mfa_verified(), is_mfa_verified('1 minute'), is_authenticated_within('1 hour');
SELECT bind_identity(NULL, NULL, NULL, NULL, NULL, NULL);
SELECT current_session_id(), current_user_id(), is_mfa_verified();
COMMIT;
BEGIN;
SELECT bind_identity(:'bob_session_id', :'bob', '{}', '{}', NULL, clock_timestamp());
COMMIT;
SELECT current_user_id();
SELECT argument, pg_temp.outcome(format('SELECT bind_identity(%s)', list)) FROM (VALUES
    ('a scope that is two', 'gen_random_uuid(), gen_random_uuid(), ARRAY[''a b''], ''{}'', NULL, now()'),
    ('no scopes', 'gen_random_uuid(), gen_random_uuid(), NULL, ''{}'', NULL, now()'),
    ('no user', 'gen_random_uuid(), NULL, ''{}'', ''{}'', NULL, now()')) refused (argument, list);
CREATE ROLE regress_buckets;
GRANT EXECUTE ON FUNCTION bind_identity TO regress_buckets;
SELECT grant_access('regress_buckets', 'admin');
SET ROLE regress_buckets;
SELECT pg_temp.outcome('SELECT bind_identity(gen_random_uuid(), gen_random_uuid(), ''{}'', ''{}'', NULL, now())');
SELECT pg_temp.outcome('SET session_service.buckets = ''''');
SELECT holds_bucket(0);
RESET ROLE;
SELECT revoke_access('regress_buckets', 'admin');
REVOKE EXECUTE ON FUNCTION bind_identity FROM regress_buckets;
DROP ROLE regress_buckets;
