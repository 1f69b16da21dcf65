-- Errors: their codes, and that no message carries what was given.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SELECT * FROM create_session(:'alice', scopes => '{kept}') \gset
CREATE TEMP TABLE cases (place serial, what text, statement text);
CREATE FUNCTION pg_temp.long(length integer) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT repeat('secret', length / 6) || repeat('x', length % 6) $$;
INSERT INTO cases (what, statement) VALUES
    ('a NULL user', 'SELECT create_session(NULL)'),
    ('a NULL among the scopes', 'SELECT create_session(gen_random_uuid(), scopes => ARRAY[''secret'', NULL])'),
    ('a NULL among the scopes', format('SELECT set_session_scopes(%L, ARRAY[''secret'', NULL])', :'session_id')),
    ('a name of 255', 'SELECT create_session(gen_random_uuid(), pg_temp.long(255))'),
    ('a name of 256', 'SELECT create_session(gen_random_uuid(), pg_temp.long(256))'),
    ('a name of 255 wide characters', 'SELECT create_session(gen_random_uuid(), repeat(U&''\20ac'', 255))'),
    ('a name of 256 wide characters', 'SELECT create_session(gen_random_uuid(), repeat(U&''\20ac'', 256))'),
    ('a huge name', 'SELECT create_session(gen_random_uuid(), pg_temp.long(1000000))'),
    ('a user agent of 2048', 'SELECT create_session(gen_random_uuid(), user_agent => pg_temp.long(2048))'),
    ('a user agent of 2049', 'SELECT create_session(gen_random_uuid(), user_agent => pg_temp.long(2049))'),
    ('a user agent of 2049 at a refresh', format('SELECT refresh_session(%L, user_agent => pg_temp.long(2049))',
        :'refresh_token')),
    ('a device key of 512', 'SELECT create_session(gen_random_uuid(), device_key => pg_temp.long(512))'),
    ('a device key of 513', 'SELECT create_session(gen_random_uuid(), device_key => pg_temp.long(513))'),
    ('100 scopes', 'SELECT create_session(gen_random_uuid(), scopes => array_fill(''secret''::text, ''{100}''))'),
    ('101 scopes', 'SELECT create_session(gen_random_uuid(), scopes => array_fill(''secret''::text, ''{101}''))'),
    ('101 scopes', format('SELECT set_session_scopes(%L, array_fill(''secret''::text, ''{101}''))', :'session_id')),
    ('a scope of 255', 'SELECT create_session(gen_random_uuid(), scopes => ARRAY[pg_temp.long(255)])'),
    ('a scope of 256', 'SELECT create_session(gen_random_uuid(), scopes => ARRAY[pg_temp.long(256)])'),
    ('a huge scope', 'SELECT create_session(gen_random_uuid(), scopes => ARRAY[pg_temp.long(1000000)])'),
    ('metadata of 8 kB', 'SELECT create_session(gen_random_uuid(), metadata => to_jsonb(pg_temp.long(8192 - 8)))'),
    ('metadata of more', 'SELECT create_session(gen_random_uuid(), metadata => to_jsonb(pg_temp.long(8192 - 7)))'),
    ('metadata of more', format('SELECT set_session_metadata(%L, to_jsonb(pg_temp.long(8192 - 7)))', :'session_id')),
    ('metadata of 8 kB after a patch', format('SELECT patch_session_metadata(%L, to_jsonb(pg_temp.long(8192 - 8)))',
        :'session_id')),
    ('metadata of more after a patch', format('SELECT patch_session_metadata(%L, to_jsonb(pg_temp.long(8192 - 7)))',
        :'session_id')),
    ('huge metadata', 'SELECT create_session(gen_random_uuid(), metadata => to_jsonb(pg_temp.long(1000000)))'),
    ('a reason of 255', 'SELECT revoke_session(gen_random_uuid(), pg_temp.long(255))'),
    ('a reason of 256', 'SELECT revoke_session(gen_random_uuid(), pg_temp.long(256))'),
    ('a reason of 256', 'SELECT revoke_user_session(gen_random_uuid(), gen_random_uuid(), pg_temp.long(256))'),
    ('a reason of 256', 'SELECT revoke_session_by_token(''x'', pg_temp.long(256))'),
    ('a reason of 256', 'SELECT revoke_all_user_sessions(gen_random_uuid(), pg_temp.long(256))'),
    ('a reason of 256',
        'SELECT revoke_all_user_sessions_except(gen_random_uuid(), gen_random_uuid(), pg_temp.long(256))'),
    ('a reason of 256', 'SELECT revoke_device_sessions(gen_random_uuid(), gen_random_uuid(), pg_temp.long(256))'),
    ('a reason of 256', 'SELECT revoke_inactive_sessions(''1 day'', pg_temp.long(256))'),
    ('a method of 64', 'SELECT mark_mfa_verified(gen_random_uuid(), pg_temp.long(64))'),
    ('a method of 65', 'SELECT mark_mfa_verified(gen_random_uuid(), pg_temp.long(65))'),
    ('a method of 65', 'SELECT mark_mfa_verified_by_token(''x'', pg_temp.long(65))'),
    ('a negative limit', 'SELECT set_user_session_limit(gen_random_uuid(), -1)'),
    ('no token_hash', 'SELECT validate_session_hash(gen_random_uuid(), ''secret'')'),
    ('no token_hash', 'SELECT ''\x736563726574''::bytea::token_hash'),
    ('an expiry of 0', 'SELECT create_session(gen_random_uuid(), session_expiry => ''0'')'),
    ('a negative expiry', 'SELECT create_session(gen_random_uuid(), session_expiry => ''-1 microsecond'')'),
    ('an expiry that overflows', 'SELECT create_session(gen_random_uuid(), session_expiry => ''178000000 years'')'),
    ('a timeout of 0', 'SELECT create_session(gen_random_uuid(), inactivity_timeout => ''0'')'),
    ('a negative timeout', 'SELECT create_session(gen_random_uuid(), inactivity_timeout => ''1 day -25 hours'')'),
    ('a timeout that overflows', 'SELECT create_session(gen_random_uuid(), inactivity_timeout => ''178000000 years'')'),
    ('an extension of 0', 'SELECT extend_session(gen_random_uuid(), ''0'')'),
    ('an extension that overflows',
        format('SET LOCAL session_service.absolute_timeout = 0; SELECT extend_session(session_id, ''292260 years'') '
            'FROM create_session(%L)', :'alice')),
    ('a negative retention', 'SELECT cleanup_sessions(''-1 day'')'),
    ('a retention that overflows', 'SELECT cleanup_sessions(''178000000 years'')'),
    ('a retention before the calendar', 'SELECT cleanup_sessions(''100000 years'')'),
    ('inactive before the calendar', 'SELECT list_inactive_sessions(''100000 years'')'),
    ('a secret of 15', 'SELECT generate_token(15)'),
    ('no privilege', 'SET LOCAL ROLE pg_monitor; SELECT session_service.hash_token(''secret'')'),
    ('no privilege', 'SET LOCAL ROLE pg_monitor; SELECT * FROM session_service.sessions'),
    ('read-only', 'SET LOCAL transaction_read_only = on; SELECT create_session(gen_random_uuid())'),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT refresh_session(%L)', :'refresh_token')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT rotate_session_token(%L)', :'token')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT extend_session(%L)', :'session_id')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT revoke_session(%L)', :'session_id')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT revoke_session_by_token(%L)', :'token')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT revoke_all_user_sessions(%L)', :'alice')),
    ('read-only', 'SET LOCAL transaction_read_only = on; SELECT revoke_inactive_sessions()'),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT mark_mfa_verified(%L)', :'session_id')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT mark_mfa_verified_by_token(%L)', :'token')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT clear_mfa_verified(%L)', :'session_id')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT set_session_scopes(%L, ''{}'')', :'session_id')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT set_session_metadata(%L, ''{}'')',
        :'session_id')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT patch_session_metadata(%L, ''{}'')',
        :'session_id')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT touch_sessions(ARRAY[%L]::uuid[])',
        :'session_id')),
    ('read-only', 'SET LOCAL transaction_read_only = on; SELECT cleanup_sessions()'),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT delete_user(%L)', :'alice')),
    ('read-only', format('SET LOCAL transaction_read_only = on; SELECT set_user_session_limit(%L, 1)', :'alice')),
    ('read, read-only', format('SET LOCAL transaction_read_only = on; SELECT validate_session(%L)', :'token')),
    ('read, read-only', format('SET LOCAL transaction_read_only = on; SELECT list_user_sessions(%L)', :'alice')),
    ('read, read-only',
        format('SET LOCAL transaction_read_only = on; SELECT get_session(%L), introspect_token(%L), user_epoch(%L), '
            'count_user_sessions(%L), list_events(%L), list_all_events()', :'session_id', :'token', :'alice', :'alice',
            :'alice'));
CREATE TEMP TABLE outcomes AS SELECT place, what, pg_temp.outcome(statement) AS outcome FROM cases ORDER BY place;
SELECT what, outcome FROM outcomes ORDER BY place;
-- nothing that was given is in them
SELECT what, outcome FROM outcomes WHERE outcome ~ 'secret|7365' OR strpos(outcome, :'token') > 0
    OR outcome ~ '[0-9a-f]{8}-[0-9a-f]{4}';
-- a scope has the characters of RFC 6749: no space, quote or backslash, nothing beyond ASCII
SELECT string_agg(code::text, ' ' ORDER BY code) AS refused FROM generate_series(1, 140) code
WHERE pg_temp.outcome(format('SELECT create_session(gen_random_uuid(), scopes => ARRAY[%L])', chr(code))) ~ '^22023';
SELECT pg_temp.outcome('SELECT create_session(gen_random_uuid(), scopes => ARRAY[''secret words''])') AS outcome,
    pg_temp.outcome('SELECT create_session(gen_random_uuid(), scopes => ARRAY[''''])') AS empty;
-- an error leaves everything as it was
SELECT scopes, status FROM get_session(:'session_id');
-- a required NULL, of every function, but for tokens
SELECT p.proname, pg_temp.outcome(format('SELECT %s(%s)', p.oid::regproc, (SELECT string_agg('NULL', ', ')
    FROM generate_series(1, p.pronargs - p.pronargdefaults)))) AS outcome
FROM pg_proc p WHERE p.pronamespace = 'session_service'::regnamespace AND p.pronargs > p.pronargdefaults
    AND p.provolatile = 'v' AND NOT p.proisstrict ORDER BY 1;
-- anything may be passed as a token
CREATE TEMP TABLE anything (token text);
INSERT INTO anything VALUES (NULL), (''), (E'\x01\x7f'), (U&'\00e9\20ac'), ('sst_'), (repeat('a', 512)),
    (repeat('a', 513)), (repeat('sst_', 2500000)), ('%s%n'), (E'sst_\\000'), ('\x00');
SELECT count(v.session_id) AS valid FROM anything LEFT JOIN validate_session(token) v ON true;
SELECT count(r.session_id) AS refreshed FROM anything LEFT JOIN refresh_session(token) r ON true;
SELECT count(r.session_id) AS rotated FROM anything LEFT JOIN rotate_session_token(token) r ON true;
SELECT count(*) AS inactive FROM anything WHERE introspect_token(token) = '{"active": false}';
SELECT count(*) FROM anything WHERE revoke_session_by_token(token) OR mark_mfa_verified_by_token(token)
    OR token_session_id(token) IS NOT NULL OR token_bucket(token) <> 0;
SELECT count(*) FROM validate_sessions((SELECT array_agg(token) FROM anything WHERE length(token) < 1000));
