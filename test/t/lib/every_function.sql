-- Every function of the extension, from the catalog, with values for its arguments: so that a test can go through all
-- of them, and forgets none. EveryFunction.pm and every_function.py read this, and end a test where it is incomplete.
--
-- In the values, {token} and the like stand for what a test has: token, refresh_token, session_id, user_id,
-- device_id, device_key, of one session; role, a role's name; new_token, new_refresh_token, which no session has yet.
WITH kinds (kind, names) AS (VALUES
    -- the same answer from every server with the same rows
    -- (bind_session with what is no proof)
    ('reads', 'validate_session validate_user validate_session_hash validate_sessions authenticate introspect_token
        hash_token token_session_id
        bind_session validate_session_proof
        session_bucket user_bucket token_bucket session_range user_range token_range holds_bucket
        current_session_id current_user_id current_scopes has_scope is_mfa_verified
        is_authenticated_within current_metadata list_sessions find_external_sessions is_user_disabled
        get_session get_user_session list_user_sessions list_inactive_sessions list_mfa_verified_sessions
        count_user_sessions
        count_active_sessions list_user_devices is_known_device is_trusted_device user_epoch list_events list_all_events
        export_user user_uuid user_uuid_from_text user_bigint describe_user_agent'),
    -- refused where nothing may be written
    ('writes', 'create_session refresh_session rotate_session_token reauthenticate_session extend_session
        revoke_session revoke_user_session
        revoke_session_by_token revoke_all_user_sessions revoke_all_user_sessions_except revoke_device_sessions
        revoke_inactive_sessions mark_mfa_verified mark_mfa_verified_by_token clear_mfa_verified set_session_scopes
        set_session_metadata patch_session_metadata touch_sessions trust_device untrust_device untrust_all_devices
        rename_device forget_device cleanup_sessions
        revoke_sessions revoke_external_sessions disable_user enable_user
        delete_user set_user_session_limit import_session grant_access revoke_access'),
    -- each call, or each server, has an answer of its own
    ('own', 'generate_token session_challenge stats health'),
    -- nobody's but the owner's, and so in no test of callers
    ('owner', 'bind_identity')),
kind AS (SELECT kind, name FROM kinds, regexp_split_to_table(names, '\s+') name),
-- A value with which the call does what it is for, by the argument's name; of one function alone where it says so.
-- Arguments without a name are those of token_hash, and go by their type. What is used of the server is named with
-- its schema, since some tests have other objects before it.
good (argument, sql) AS (VALUES
    ('token', '{token}'), ('refresh_token', '{refresh_token}'),
    ('tokens', 'ARRAY[{refresh_token}, {token}, NULL, ''nonsense'', {token}]::pg_catalog.text[]'),
    ('proof', '''a.b.c'''), ('http_method', '''POST'''), ('http_uri', '''https://api.example.com/v1'''),
    ('user_id', '{user_id}'), ('session_id', '{session_id}'), ('device_id', '{device_id}'),
    ('current_session_id', '{session_id}'), ('current_device_id', '{device_id}'),
    ('session_ids', 'ARRAY[{session_id}]'),
    ('validate_session_hash.token_hash', 'session_service.hash_token({token})'),
    ('token_hash', 'session_service.hash_token({new_token})'),
    ('refresh_token_hash', 'session_service.hash_token({new_refresh_token})'),
    ('device_name', '''a name'''), ('name', '''a name'''), ('device_key', '{device_key}'),
    ('user_agent', '''Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'''),
    ('ip_address', '''192.0.2.1''::pg_catalog.inet'),
    ('scopes', '''{read,write}''::pg_catalog.text[]'), ('scope', '''read'''),
    ('metadata', '''{"a": 1}''::pg_catalog.jsonb'),
    ('patch', '''{"b": {"c": 1, "d": null}}''::pg_catalog.jsonb'),
    ('before', '''ffffffff-ffff-ffff-ffff-ffffffffffff''::pg_catalog.uuid'),
    ('session_expiry', '''1 day''::pg_catalog.interval'), ('inactivity_timeout', '''1 hour''::pg_catalog.interval'),
    ('refresh_expiry', '''2 days''::pg_catalog.interval'), ('absolute_timeout', '''3 days''::pg_catalog.interval'),
    ('acr', '''a class'''), ('amr', '''{pwd,otp}''::pg_catalog.text[]'),
    ('external_id', '''an identity provider''''s'''), ('max_age', '''1 hour''::pg_catalog.interval'),
    -- of the filters only those that every session passes
    ('user_ids', 'ARRAY[{user_id}]'), ('network', 'NULL::pg_catalog.inet'), ('device_type', 'NULL::pg_catalog.text'),
    ('list_sessions.scope', 'NULL::pg_catalog.text'), ('revoke_sessions.scope', 'NULL::pg_catalog.text'),
    ('list_sessions.metadata', 'NULL::pg_catalog.jsonb'), ('revoke_sessions.metadata', 'NULL::pg_catalog.jsonb'),
    ('created_after', '''epoch''::pg_catalog.timestamptz'),
    ('created_before', 'pg_catalog.now() OPERATOR(pg_catalog.+) ''1 day''::pg_catalog.interval'),
    ('after', '''00000000-0000-0000-0000-000000000000''::pg_catalog.uuid'),
    ('by', '''1 day''::pg_catalog.interval'), ('trust_for', '''1 day''::pg_catalog.interval'),
    ('inactive_for', '''1 microsecond''::pg_catalog.interval'), ('retention', '''1 day''::pg_catalog.interval'),
    ('bucket', '0'), ('mfa_verified_at', '''2026-01-02 03:04:05Z''::pg_catalog.timestamptz'),
    ('authenticated_at', '''2026-01-02 03:04:05Z''::pg_catalog.timestamptz'),
    ('issue_refresh', 'true'), ('include_inactive', 'true'), ('mfa_verified', 'true'),
    ('replace_device_sessions', 'false'), -- or it would end what the test has
    ('expires_at', 'pg_catalog.now() OPERATOR(pg_catalog.+) ''1 day''::pg_catalog.interval'),
    ('refresh_expires_at', 'pg_catalog.now() OPERATOR(pg_catalog.+) ''2 days''::pg_catalog.interval'),
    ('created_at', 'pg_catalog.now() OPERATOR(pg_catalog.-) ''1 day''::pg_catalog.interval'),
    ('last_activity_at', 'pg_catalog.now() OPERATOR(pg_catalog.-) ''1 hour''::pg_catalog.interval'),
    ('since', '''epoch''::pg_catalog.timestamptz'), ('max_rows', '1000'), ('batch_size', '10'), ('max_sessions', '10'),
    ('length', '16'),
    ('reason', '''a reason'''), ('method', '''totp'''), ('role', '{role}::pg_catalog.regrole'),
    ('level', '''validate'''),
    ('user_uuid.id', '7::pg_catalog.int8'), ('user_uuid_from_text.id', '''a name'''),
    ('(session_service.token_hash)', 'session_service.hash_token({token})'),
    ('(cstring)', '''abababababababababababababababababababababababababababababababab''::pg_catalog.cstring'),
    ('(bytea)', '''\xabababababababababababababababababababababababababababababababab''::pg_catalog.bytea'),
    ('(bigint)', '1::pg_catalog.int8')),
-- Values that are refused, and with what.
bad (argument, sql, state) AS (VALUES
    ('device_name', 'repeat(''x'', 256)', '22001'), ('name', 'repeat(''x'', 256)', '22001'),
    ('reason', 'repeat(''x'', 256)', '22001'),
    ('user_agent', 'repeat(''x'', 2049)', '22001'), ('device_key', 'repeat(''x'', 513)', '22001'),
    ('method', 'repeat(''x'', 65)', '22001'),
    ('device_name', 'repeat(''x'', 1000000)', '22001'),
    ('scopes', 'array_fill(''a''::text, ''{101}'')', '22001'), ('scopes', 'ARRAY[repeat(''x'', 256)]', '22001'),
    ('scopes', 'ARRAY[''a b'']', '22023'), ('scopes', 'ARRAY[''a'', NULL]', '22004'),
    ('metadata', 'to_jsonb(repeat(''x'', 9000))', '22001'),
    ('patch', 'to_jsonb(repeat(''x'', 9000))', '22001'),
    ('acr', 'repeat(''x'', 256)', '22001'), ('amr', 'array_fill(''a''::text, ''{21}'')', '22001'),
    ('amr', 'ARRAY[repeat(''x'', 65)]', '22001'),
    ('amr', 'ARRAY[''a'', NULL]', '22004'), ('external_id', 'repeat(''x'', 513)', '22001'),
    ('max_age', '''0''::interval', '22023'),
    ('created_after', '''infinity''::timestamptz', '22008'), ('created_before', '''-infinity''::timestamptz', '22008'),
    ('session_expiry', '''0''::interval', '22023'), ('inactivity_timeout', '''-1 day''::interval', '22023'),
    ('refresh_expiry', '''-1 day''::interval', '22023'), ('absolute_timeout', '''0''::interval', '22023'),
    ('by', '''-1 day''::interval', '22023'),
    ('trust_for', '''-1 day''::interval', '22023'), ('inactive_for', '''0''::interval', '22023'),
    ('retention', '''-1 day''::interval', '22023'),
    ('by', '''178000000 years''::interval', '22008'), ('retention', '''178000000 years''::interval', '22008'),
    ('expires_at', '''infinity''::timestamptz', '22008'), ('refresh_expires_at', '''infinity''::timestamptz', '22008'),
    ('created_at', '''-infinity''::timestamptz', '22008'), ('last_activity_at', '''-infinity''::timestamptz', '22008'),
    ('authenticated_at', '''infinity''::timestamptz', '22008'),
    ('mfa_verified_at', '''infinity''::timestamptz', '22008'),
    ('max_rows', '0', '22023'), ('batch_size', '-1', '22023'), ('max_sessions', '-1', '22023'),
    ('length', '15', '22023'),
    ('level', '''king''', '22023'), ('role', '4294967294::oid::regrole', '42704'),
    ('token_hash', '''no hash''', '22P02'),
    ('token_hash', 'repeat(''x'', 100000)::session_service.token_hash', '22P02'),
    ('token_hash', '''\x00''::bytea::session_service.token_hash', '22P02'),
    ('refresh_token_hash', '''no hash''', '22P02'),
    ('(session_service.token_hash)', '''no hash''', '22P02'), ('(cstring)', '''no hash''::cstring', '22P02'),
    ('(bytea)', '''\x00''::bytea', '22P02')),
-- What is no session's, device's or token's: the answer is "no".
unknown (argument, sql) AS (VALUES
    ('session_id', 'gen_random_uuid()'), ('device_id', 'gen_random_uuid()'),
    ('session_ids', 'ARRAY[gen_random_uuid(), NULL]'),
    ('external_id', '''no external id'''), ('user_ids', 'ARRAY[gen_random_uuid(), NULL]'),
    ('tokens', 'ARRAY[NULL, {refresh_token}, repeat(''x'', 1000)]'),
    ('token', ''''''), ('token', '''sst_'''), ('token', '''anything'''), ('token', 'E''\x01\x7f'''),
    ('token', 'repeat({token}, 1000)'),
    ('token', 'overlay({token} PLACING ''x'' FROM 60)'),
    ('refresh_token', ''''''), ('refresh_token', '''ssr_'''), ('refresh_token', '''anything'''),
    ('refresh_token', 'E''\x01\x7f'''),
    ('refresh_token', 'repeat({refresh_token}, 1000)'),
    ('refresh_token', 'overlay({refresh_token} PLACING ''x'' FROM 60)')),
-- The catalog, an argument a row
function AS (
    SELECT p.oid, p.proname AS name, p.provolatile = 'i' AS is_computed,
        EXISTS (SELECT FROM pg_type t WHERE t.oid = 'session_service.token_hash'::regtype
            AND p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend))
            OR EXISTS (SELECT FROM pg_cast c WHERE c.castfunc = p.oid)
            OR EXISTS (SELECT FROM pg_operator o WHERE o.oprcode = p.oid)
            OR EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid) AS is_of_type,
        'internal'::regtype = ANY (p.proargtypes) AS is_internal, p.proretset AS returns_set,
        t.typtype = 'c' OR t.typname = 'record' AS returns_row, format_type(t.oid, NULL) AS returned
    FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype WHERE p.pronamespace = 'session_service'::regnamespace),
argument AS (
    SELECT p.oid, a.place, coalesce(p.proargnames[a.place], '$' || a.place) AS name, format_type(a.type, NULL) AS type,
        a.place > p.pronargs - p.pronargdefaults AS has_default,
        CASE WHEN p.proargnames[a.place] IS NULL THEN ARRAY['(' || format_type(a.type, NULL) || ')']
            ELSE ARRAY[p.proname || '.' || p.proargnames[a.place], p.proargnames[a.place]] END AS known_as
    FROM pg_proc p, unnest(p.proargtypes) WITH ORDINALITY a (type, place)
    WHERE p.pronamespace = 'session_service'::regnamespace),
described AS (
    SELECT f.*, (SELECT coalesce(json_agg(json_build_object('name', a.name, 'type', a.type,
        'has_default', a.has_default,
        'good', (SELECT g.sql FROM good g WHERE g.argument = ANY (a.known_as)
            ORDER BY array_position(a.known_as, g.argument) LIMIT 1),
        'bad', (SELECT coalesce(json_agg(json_build_array(b.sql, b.state)), '[]') FROM bad b
            WHERE b.argument = ANY (a.known_as)),
        'unknown', (SELECT coalesce(json_agg(u.sql), '[]') FROM unknown u WHERE u.argument = ANY (a.known_as)),
        -- What comes of a NULL: it is as if left out, stands for what there is not, or is refused.
        'null', CASE WHEN f.is_computed OR f.name = 'has_scope' OR a.has_default
        OR a.name IN ('max_sessions', 'bucket', 'mfa_verified_at')
                OR (f.name, a.name) = ('bind_identity', 'session_id') THEN 'answer'
            WHEN a.name IN ('token', 'refresh_token', 'tokens', 'device_key', 'proof')
            OR (f.name, a.name) = ('validate_session_hash', 'token_hash') THEN 'no'
            ELSE '22004' END) ORDER BY a.place), '[]') FROM argument a WHERE a.oid = f.oid) AS arguments
    FROM function f)
SELECT name, coalesce(k.kind, CASE WHEN is_of_type THEN 'type' END) AS kind, is_computed, is_of_type, is_internal,
    returns_set, returns_row, returned, arguments
FROM described FULL JOIN kind k USING (name) ORDER BY name
