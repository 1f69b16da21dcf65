-- Token introspection (RFC 7662).
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SELECT * FROM create_session(:'alice', scopes => '{read,write:all}') \gset
SELECT introspect_token(:'token') - '{exp,iat,auth_time,jti}'::text[] AS json,
    introspect_token(:'refresh_token') - '{exp,iat,auth_time,jti}'::text[] AS refresh_token;
-- jti is the session's id; exp, iat and auth_time are whole seconds
SELECT json ->> 'jti' = :'session_id' AS jti,
    (json ->> 'exp')::bigint = floor(extract(epoch FROM :'expires_at'::timestamptz)) AS exp,
       (json ->> 'iat')::bigint = floor(extract(epoch FROM created_at)) AS iat,
       (json ->> 'auth_time')::bigint = floor(extract(epoch FROM created_at)) AS auth_time,
       jsonb_typeof(json -> 'exp') AS exp_type, jsonb_typeof(json -> 'active') AS active_type
FROM introspect_token(:'token') json, get_session(:'session_id');
SELECT (json ->> 'exp')::bigint = floor(extract(epoch FROM :'refresh_expires_at'::timestamptz)) AS exp,
    json ->> 'jti' = :'session_id' AS jti FROM introspect_token(:'refresh_token') json;
SELECT string_agg(key, ', ' ORDER BY key) FROM jsonb_object_keys(introspect_token(:'token')) key;
SELECT set_session_scopes(:'session_id', '{}');
SELECT introspect_token(:'token') -> 'scope' AS scope;
-- it is no activity
CALL pg_temp.time_passes('1 day');
SELECT introspect_token(:'token') ->> 'active' AS active;
SELECT pg_temp.is_in(last_activity_at, '-1 day') AS untouched FROM get_session(:'session_id');
-- issued at the last refresh
SELECT token, refresh_token FROM refresh_session(:'refresh_token') \gset next_
SELECT abs((introspect_token(:'next_token') ->> 'iat')::bigint - extract(epoch FROM clock_timestamp())) < 60 AS iat;
-- {"active": false} and nothing more
SELECT introspect_token(:'token') AS replaced, introspect_token(:'refresh_token') AS replaced,
    introspect_token(NULL) AS unknown, introspect_token('') AS empty, introspect_token('nonsense') AS nonsense;
SELECT introspect_token(pg_temp.forged('sst_', '\x01' || uuid_send(:'session_id') || decode(repeat('ab', 32), 'hex')));
-- a token that is over: each kind by its own expiry
SET session_service.refresh_token_expiry = '3h';
SELECT * FROM create_session(:'bob', session_expiry => '1 hour') \gset
SELECT * FROM create_session(:'bob', session_expiry => '10 hours') \gset long_
CALL pg_temp.time_passes('2 hours');
SELECT introspect_token(:'token'), introspect_token(:'refresh_token') ->> 'active' AS refresh_token;
CALL pg_temp.time_passes('2 hours');
SELECT introspect_token(:'refresh_token');
SELECT introspect_token(:'long_token') ->> 'active' AS token, introspect_token(:'long_refresh_token') AS refresh_token;
SELECT * FROM create_session(:'bob', inactivity_timeout => '1 hour') \gset idle_
SELECT * FROM create_session(:'bob') \gset revoked_
CALL pg_temp.time_passes('61 minutes');
SELECT introspect_token(:'idle_token'), introspect_token(:'idle_refresh_token');
SELECT revoke_session(:'revoked_session_id');
SELECT introspect_token(:'revoked_token'), introspect_token(:'revoked_refresh_token');
-- works where nothing may be written
BEGIN READ ONLY;
SELECT introspect_token(:'next_token') ->> 'active' AS active;
COMMIT;
