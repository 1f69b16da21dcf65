-- What CREATE EXTENSION makes: functions, types, privileges, comments.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

-- Signatures: what callers write. Each argument with its default, each column of what is returned.
CREATE TEMP TABLE promised (name text, arguments text, result text);
INSERT INTO promised VALUES
-- tokens
('generate_token', 'length integer DEFAULT NULL', 'text'),
('hash_token', 'token text', 'token_hash'),
('token_session_id', 'token text', 'uuid'),
-- the life of a session
('create_session',
    'user_id uuid, device_name text DEFAULT NULL, user_agent text DEFAULT NULL, ip_address inet DEFAULT NULL, '
        'scopes text[] DEFAULT ''{}'', device_key text DEFAULT NULL, metadata jsonb DEFAULT ''{}'', '
        'session_expiry interval DEFAULT NULL, inactivity_timeout interval DEFAULT NULL, '
        'issue_refresh boolean DEFAULT true, refresh_expiry interval DEFAULT NULL, '
        'absolute_timeout interval DEFAULT NULL, acr text DEFAULT NULL, amr text[] DEFAULT NULL, '
        'external_id text DEFAULT NULL, replace_device_sessions boolean DEFAULT false',
 'SETOF (session_id uuid, token text, refresh_token text, expires_at timestamptz, refresh_expires_at timestamptz, '
     'device_id uuid, is_new_device boolean, evicted_session_ids uuid[], is_first_device boolean)'),
('validate_session', 'token text, ip_address inet DEFAULT NULL',
 'SETOF (session_id uuid, user_id uuid, device_id uuid, scopes text[], metadata jsonb, mfa_verified boolean, '
     'created_at timestamptz, last_activity_at timestamptz, expires_at timestamptz, authenticated_at timestamptz, '
     'mfa_verified_at timestamptz, acr text)'),
('validate_user', 'token text, ip_address inet DEFAULT NULL', 'uuid'),
('validate_session_hash', 'session_id uuid, token_hash token_hash, ip_address inet DEFAULT NULL',
 'SETOF (session_id uuid, user_id uuid, device_id uuid, scopes text[], metadata jsonb, mfa_verified boolean, '
     'created_at timestamptz, last_activity_at timestamptz, expires_at timestamptz, authenticated_at timestamptz, '
     'mfa_verified_at timestamptz, acr text)'),
('validate_sessions', 'tokens text[]',
 'SETOF (token_index integer, session_id uuid, user_id uuid, device_id uuid, scopes text[], metadata jsonb, '
     'mfa_verified boolean, created_at timestamptz, last_activity_at timestamptz, expires_at timestamptz, '
     'authenticated_at timestamptz, mfa_verified_at timestamptz, acr text)'),
('refresh_session',
    'refresh_token text, ip_address inet DEFAULT NULL, user_agent text DEFAULT NULL, proof text DEFAULT NULL, '
        'http_method text DEFAULT NULL, http_uri text DEFAULT NULL',
 'SETOF (session_id uuid, user_id uuid, token text, refresh_token text, expires_at timestamptz, '
     'refresh_expires_at timestamptz, repeated boolean)'),
('rotate_session_token', 'token text', 'SETOF (session_id uuid, token text, expires_at timestamptz)'),
('reauthenticate_session', 'token text, acr text DEFAULT NULL, amr text[] DEFAULT NULL, ip_address inet DEFAULT NULL',
 'SETOF (session_id uuid, user_id uuid, token text, refresh_token text, expires_at timestamptz, '
     'refresh_expires_at timestamptz)'),
('extend_session', 'session_id uuid, by interval DEFAULT NULL', 'timestamptz'),
('introspect_token', 'token text', 'jsonb'),
('session_challenge', 'token text', 'text'),
('bind_session', 'token text, proof text, http_method text DEFAULT NULL, http_uri text DEFAULT NULL',
 'SETOF (session_id uuid, binding text, key_thumbprint text, expires_at timestamptz, refresh_expires_at timestamptz)'),
('validate_session_proof', 'token text, proof text, http_method text, http_uri text, ip_address inet DEFAULT NULL',
 'SETOF (session_id uuid, user_id uuid, device_id uuid, scopes text[], metadata jsonb, mfa_verified boolean, '
     'created_at timestamptz, last_activity_at timestamptz, expires_at timestamptz, authenticated_at timestamptz, '
     'mfa_verified_at timestamptz, acr text)'),
('revoke_session', 'session_id uuid, reason text DEFAULT ''User logout''', 'boolean'),
('revoke_user_session', 'user_id uuid, session_id uuid, reason text DEFAULT ''User logout''', 'boolean'),
('revoke_session_by_token', 'token text, reason text DEFAULT ''User logout''', 'boolean'),
('revoke_all_user_sessions', 'user_id uuid, reason text DEFAULT ''User logout all''', 'integer'),
('revoke_all_user_sessions_except',
    'user_id uuid, current_session_id uuid, reason text DEFAULT ''User logout all others''', 'integer'),
('revoke_device_sessions', 'user_id uuid, device_id uuid, reason text DEFAULT ''Device signed out''', 'integer'),
('revoke_inactive_sessions', 'inactive_for interval DEFAULT NULL, reason text DEFAULT ''Inactivity timeout''',
    'integer'),
('revoke_sessions',
    'user_ids uuid[] DEFAULT NULL, network inet DEFAULT NULL, created_after timestamptz DEFAULT NULL, '
        'created_before timestamptz DEFAULT NULL, inactive_for interval DEFAULT NULL, device_type text DEFAULT NULL, '
        'scope text DEFAULT NULL, metadata jsonb DEFAULT NULL, reason text DEFAULT ''Revoked by an administrator'', '
        'max_rows integer DEFAULT 10000', 'integer'),
('revoke_external_sessions', 'external_id text, reason text DEFAULT ''Signed out by the identity provider''',
    'integer'),
('list_sessions',
    'user_ids uuid[] DEFAULT NULL, network inet DEFAULT NULL, created_after timestamptz DEFAULT NULL, '
        'created_before timestamptz DEFAULT NULL, inactive_for interval DEFAULT NULL, device_type text DEFAULT NULL, '
        'scope text DEFAULT NULL, metadata jsonb DEFAULT NULL, include_inactive boolean DEFAULT false, '
        'after uuid DEFAULT NULL, max_rows integer DEFAULT 100', 'SETOF session_info'),
('find_external_sessions', 'external_id text', 'SETOF session_info'),
('get_session', 'session_id uuid, current_session_id uuid DEFAULT NULL', 'SETOF session_info'),
('get_user_session', 'user_id uuid, session_id uuid, current_session_id uuid DEFAULT NULL', 'SETOF session_info'),
('list_user_sessions', 'user_id uuid, current_session_id uuid DEFAULT NULL, include_inactive boolean DEFAULT false',
    'SETOF session_info'),
('list_inactive_sessions', 'inactive_for interval DEFAULT NULL', 'SETOF session_info'),
('list_mfa_verified_sessions', 'user_id uuid', 'SETOF session_info'),
('count_user_sessions', 'user_id uuid', 'bigint'),
('count_active_sessions', '', 'bigint'),
('mark_mfa_verified', 'session_id uuid, method text DEFAULT NULL', 'boolean'),
('mark_mfa_verified_by_token', 'token text, method text DEFAULT NULL', 'boolean'),
('clear_mfa_verified', 'session_id uuid', 'boolean'),
('set_session_scopes', 'session_id uuid, scopes text[]', 'boolean'),
('set_session_metadata', 'session_id uuid, metadata jsonb', 'boolean'),
('patch_session_metadata', 'session_id uuid, patch jsonb', 'boolean'),
('touch_sessions', 'session_ids uuid[]', 'integer'),
('cleanup_sessions', 'retention interval DEFAULT NULL, batch_size integer DEFAULT NULL', 'bigint'),
('delete_user', 'user_id uuid', 'bigint'),
('export_user', 'user_id uuid', 'jsonb'),
-- devices
('list_user_devices', 'user_id uuid, current_device_id uuid DEFAULT NULL',
 'SETOF (id uuid, user_id uuid, name text, user_agent text, browser text, os text, device_type text, ip_address inet, '
     'country text, city text, first_seen_at timestamptz, last_seen_at timestamptz, trusted_until timestamptz, '
     'is_trusted boolean, active_sessions integer, is_current boolean, is_bound boolean)'),
('is_known_device', 'user_id uuid, device_key text', 'boolean'),
('is_trusted_device', 'user_id uuid, device_key text', 'boolean'),
('trust_device', 'user_id uuid, device_id uuid, trust_for interval DEFAULT NULL', 'boolean'),
('untrust_device', 'user_id uuid, device_id uuid', 'boolean'),
('untrust_all_devices', 'user_id uuid', 'integer'),
('rename_device', 'user_id uuid, device_id uuid, name text', 'boolean'),
('forget_device', 'user_id uuid, device_id uuid', 'boolean'),
('describe_user_agent', 'user_agent text',
    '(browser text, browser_version text, os text, os_version text, device_type text)'),
-- users, events, identity, administration
('set_user_session_limit', 'user_id uuid, max_sessions integer', 'void'),
('disable_user', 'user_id uuid, reason text DEFAULT ''User disabled''', 'integer'),
('enable_user', 'user_id uuid', 'boolean'),
('is_user_disabled', 'user_id uuid', 'boolean'),
('session_bucket', 'session_id uuid', 'smallint'),
('user_bucket', 'user_id uuid', 'smallint'),
('token_bucket', 'token text', 'smallint'),
('session_range', 'session_id uuid', 'integer'),
('user_range', 'user_id uuid', 'integer'),
('token_range', 'token text', 'integer'),
('holds_bucket', 'bucket integer', 'boolean'),
('user_epoch', 'user_id uuid', 'bigint'),
('user_uuid', 'id bigint', 'uuid'),
('user_uuid_from_text', 'id text', 'uuid'),
('user_bigint', 'user_id uuid', 'bigint'),
('list_events', 'user_id uuid, since timestamptz DEFAULT NULL, max_rows integer DEFAULT 100, before uuid DEFAULT NULL',
 'SETOF (id uuid, at timestamptz, kind text, user_id uuid, session_id uuid, device_id uuid, ip_address inet, '
     'reason text, detail jsonb)'),
('list_all_events', 'since timestamptz DEFAULT NULL, max_rows integer DEFAULT 100, before uuid DEFAULT NULL',
 'SETOF (id uuid, at timestamptz, kind text, user_id uuid, session_id uuid, device_id uuid, ip_address inet, '
     'reason text, detail jsonb)'),
('authenticate', 'token text',
 'SETOF (session_id uuid, user_id uuid, device_id uuid, scopes text[], metadata jsonb, mfa_verified boolean, '
     'created_at timestamptz, last_activity_at timestamptz, expires_at timestamptz, authenticated_at timestamptz, '
     'mfa_verified_at timestamptz, acr text)'),
('bind_identity',
    'session_id uuid, user_id uuid, scopes text[], metadata jsonb, mfa_verified_at timestamptz, '
        'authenticated_at timestamptz', 'void'),
('current_session_id', '', 'uuid'),
('current_user_id', '', 'uuid'),
('current_scopes', '', 'text[]'),
('has_scope', 'scope text', 'boolean'),
('current_metadata', '', 'jsonb'),
('is_mfa_verified', 'max_age interval DEFAULT NULL', 'boolean'),
('is_authenticated_within', 'max_age interval', 'boolean'),
('grant_access', 'role regrole, level text', 'void'),
('revoke_access', 'role regrole, level text', 'void'),
-- (which counters is open)
('stats', '', NULL),
('health', '',
    '(sessions bigint, oldest_dead_session_at timestamptz, oldest_event_at timestamptz, sessions_size bigint, '
        'total_size bigint, hot_update_share double precision, dead_row_share double precision,'
 || ' last_cleanup_at timestamptz, last_cleanup_rows bigint, last_cleanup_duration interval, worker_running boolean)'),
('import_session',
    'token_hash token_hash, user_id uuid, expires_at timestamptz, refresh_token_hash token_hash DEFAULT NULL, '
        'device_name text DEFAULT NULL, user_agent text DEFAULT NULL, ip_address inet DEFAULT NULL, '
        'scopes text[] DEFAULT ''{}'', created_at timestamptz DEFAULT NULL, last_activity_at timestamptz DEFAULT NULL, '
        'mfa_verified boolean DEFAULT false, metadata jsonb DEFAULT ''{}'', '
        'refresh_expires_at timestamptz DEFAULT NULL, device_key text DEFAULT NULL', 'uuid');

CREATE FUNCTION pg_temp.type_name(type oid) RETURNS text LANGUAGE sql AS $$
    SELECT replace(replace(format_type(type, NULL), 'timestamp with time zone', 'timestamptz'), 'session_service.', '')
$$;
CREATE FUNCTION pg_temp.columns(function pg_proc) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', name, pg_temp.type_name(type)), ', ' ORDER BY place) FROM (
        SELECT a.attname AS name, a.atttypid AS type, a.attnum AS place FROM pg_type t
        JOIN pg_attribute a ON a.attrelid = t.typrelid WHERE t.oid = (function).prorettype AND a.attnum > 0
        UNION ALL
        SELECT (function).proargnames[place], type, place
        FROM unnest((function).proallargtypes) WITH ORDINALITY argument (type, place)
        WHERE (function).proargmodes[place] IN ('t', 'o')) shown
$$;
CREATE TEMP VIEW made AS
SELECT p.proname::text AS name, p.oid,
       replace(regexp_replace(regexp_replace(replace(replace(pg_get_function_arguments(p.oid),
           'timestamp with time zone', 'timestamptz'), '"', ''),
               '::[a-z_. ]+(\[\])?', '', 'g'), '(, )?OUT \w+ (double )?\w+', '', 'g'), 'session_service.',
               '') AS arguments,
       CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END
       || CASE WHEN p.prorettype = 'session_info'::regtype THEN 'session_info' ELSE coalesce('(' || pg_temp.columns(p)
       || ')', pg_temp.type_name(p.prorettype)) END AS result
FROM pg_proc p
WHERE p.pronamespace = 'session_service'::regnamespace AND p.proname !~ '^token_hash_'
    AND p.oid NOT IN ('token_hash(bytea)'::regprocedure, 'bytea(token_hash)'::regprocedure);
-- what was promised and is not so
SELECT p.name, CASE WHEN m.name IS NULL THEN 'missing' WHEN m.arguments <> p.arguments THEN m.arguments
    ELSE m.result END AS is
FROM promised p LEFT JOIN made m USING (name) WHERE m.name IS NULL OR m.arguments <> p.arguments
    OR m.result <> p.result;
-- what nobody promised
SELECT name, arguments, result FROM made WHERE name NOT IN (SELECT name FROM promised);
-- one function of each name
SELECT name FROM made GROUP BY 1 HAVING count(*) > 1;

-- what a session shows
SELECT string_agg(format('%s %s', attname, pg_temp.type_name(atttypid)), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = 'session_info'::regclass AND attnum > 0;

-- no row in any of these: what reads tables is PARALLEL UNSAFE and VOLATILE, and what does not is not
SELECT m.name, provolatile, proparallel FROM made m JOIN pg_proc p USING (oid)
WHERE name NOT IN ('generate_token', 'hash_token', 'token_session_id', 'session_bucket', 'user_bucket', 'token_bucket',
    'user_uuid', 'user_uuid_from_text', 'user_bigint', 'describe_user_agent',
                   'current_session_id', 'current_user_id', 'current_scopes', 'has_scope', 'current_metadata',
                   'is_mfa_verified', 'is_authenticated_within', 'stats', 'session_range', 'user_range', 'token_range',
                   'holds_bucket') AND (provolatile <> 'v' OR proparallel <> 'u')
   OR name IN ('hash_token', 'token_session_id', 'session_bucket', 'user_bucket', 'token_bucket', 'session_range',
       'user_range', 'token_range', 'user_uuid', 'user_uuid_from_text', 'user_bigint', 'describe_user_agent')
       AND (provolatile <> 'i' OR proparallel <> 's')
   OR name IN ('current_session_id', 'current_user_id', 'current_scopes', 'has_scope', 'current_metadata',
       'is_mfa_verified', 'is_authenticated_within', 'holds_bucket') AND (provolatile <> 's' OR proparallel <> 's')
   OR name = 'generate_token' AND (provolatile <> 'v' OR proparallel <> 's');
-- nothing for PUBLIC
CREATE ROLE regress_session_nobody;
SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'session_service'::regnamespace
    AND has_function_privilege('regress_session_nobody', oid, 'EXECUTE');
SELECT oid::regclass FROM pg_class WHERE relnamespace = 'session_service'::regnamespace
    AND relkind IN ('r', 'v', 'm', 'p', 'S')
    AND has_table_privilege('regress_session_nobody', oid,
        'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');
SELECT attrelid::regclass, attname FROM pg_attribute
WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'session_service'::regnamespace)
    AND attacl IS NOT NULL;
-- (access.sql says why the rows of the tables are left out)
SELECT oid::regtype FROM pg_type t WHERE typnamespace = 'session_service'::regnamespace
    AND has_type_privilege('regress_session_nobody', oid, 'USAGE')
    AND typelem = 0 AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c');
SELECT has_schema_privilege('regress_session_nobody', 'session_service', 'USAGE') AS usage,
    has_schema_privilege('regress_session_nobody', 'session_service', 'CREATE') AS create;
DROP ROLE regress_session_nobody;
-- whoever runs with the owner's rights has a pinned search_path
SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'session_service'::regnamespace AND prosecdef
    AND NOT coalesce(proconfig::text ~ 'search_path=', false);
-- every object has a comment
SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension
    WHERE extname = 'session_service') AND deptype = 'e'
    AND obj_description(objid, classid::regclass::name) IS NULL
    AND NOT (classid = 'pg_type'::regclass
        AND (SELECT typrelid <> 0 AND obj_description(typrelid, 'pg_class') IS NOT NULL FROM pg_type WHERE oid = objid))
    AND NOT (classid = 'pg_type'::regclass AND (SELECT typelem <> 0 AND typlen = -1 FROM pg_type WHERE oid = objid))
    AND NOT (classid = 'pg_namespace'::regclass);
-- and no value of a table is a number of this server's catalogue, which is another object's elsewhere
SELECT attrelid::regclass, attname, atttypid::regtype FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'session_service'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0
    AND (atttypid::regtype::text ~ '^reg' OR atttypid IN ('oid'::regtype, 'xid'::regtype, 'xid8'::regtype,
        'cid'::regtype, 'tid'::regtype, 'pg_lsn'::regtype, 'oid[]'::regtype));
-- nor is an index of ours in the order of a collation, which is another one elsewhere
SELECT indexrelid::regclass FROM pg_index JOIN pg_class c ON c.oid = indrelid, unnest(indcollation::oid[]) used
WHERE relnamespace = 'session_service'::regnamespace AND used <> 0;
-- every table and sequence is in a dump
SELECT oid::regclass FROM pg_class WHERE relnamespace = 'session_service'::regnamespace AND relkind IN ('r', 'S', 'p')
    AND oid NOT IN (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'session_service');
-- no sequence, trigger, rule, unlogged table; no index on an exact time of sessions
SELECT oid::regclass, relkind, relpersistence FROM pg_class WHERE relnamespace = 'session_service'::regnamespace
    AND (relkind = 'S' OR relpersistence <> 'p' OR relhastriggers OR relhasrules);
SELECT indexrelid::regclass FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE indrelid = 'sessions'::regclass AND attname IN ('last_activity_at', 'expires_at', 'idle_expires_at',
    'refresh_expires_at', 'token_hash', 'refresh_hash');
-- the extension stays where it is
SELECT extrelocatable, extnamespace::regnamespace FROM pg_extension WHERE extname = 'session_service';
