-- What is called how, for the memory that calls leave behind in a backend: each function that can be called
-- from SQL, where it succeeds; where it is refused or fails; and, made from the catalogue, each with NULL
-- for what it requires. run.sh runs each probe in a backend of its own: memory_probe.sql.
CREATE SCHEMA memory;

-- The sessions that are called with. A line of the file that the client writes is copied into `lines`; the call then
-- takes them over, each with its place in the file.
CREATE TABLE memory.lines (
    token text, refresh_token text, session_id uuid, user_id uuid, device_key text, device_name text,
    user_agent text, address inet, peer_token text, peer_refresh_token text);
CREATE TABLE memory.tickets (
    LIKE memory.lines, n integer GENERATED ALWAYS AS IDENTITY (START 0 MINVALUE 0) PRIMARY KEY, device_id uuid);
CREATE PROCEDURE memory.take_lines() LANGUAGE sql AS $$
    INSERT INTO memory.tickets SELECT l.* FROM memory.lines l;
    TRUNCATE memory.lines;
    UPDATE memory.tickets t SET device_id = s.device_id FROM session_service.sessions s WHERE s.id = t.session_id;
$$;

-- `statement` is PL/pgSQL, which is run for one ticket `t` after another, each in a transaction; `u` is a user
-- of the probe's own, for what ends sessions. `outcome`: 'success' and 'refusal' raise nothing, 'error' always does,
-- 'any' may. What reads a whole table has a database with few sessions.
CREATE TABLE memory.probes (
    n integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, statement text NOT NULL,
    outcome text NOT NULL DEFAULT 'success', setup text, few boolean NOT NULL DEFAULT false);

\set sign_in 'SELECT * INTO STRICT c FROM session_service.create_session(u, t.device_name, t.user_agent, t.address);'

INSERT INTO memory.probes (name, statement) VALUES
('nothing', 'NULL'),
('token_hash', $$h := session_service.token_hash_in(textout(session_service.token_hash_out(h)::text));
    ASSERT session_service.token_hash_eq(h, session_service.token_hash(session_service.bytea(h)))
        AND NOT session_service.token_hash_ne(h, h) AND NOT session_service.token_hash_lt(h, h)
        AND session_service.token_hash_le(h, h) AND NOT session_service.token_hash_gt(h, h)
        AND session_service.token_hash_ge(h, h) AND session_service.token_hash_cmp(h, h) = 0
        AND session_service.token_hash_hash(h) = session_service.token_hash_hash(h)
        AND session_service.token_hash_hash_extended(h, i) = session_service.token_hash_hash_extended(h, i)
        AND length(session_service.token_hash_send(h)) = 32$$),
('generate_token', 'ASSERT length(session_service.generate_token(16)) = 32'),
('hash_token', 'h := session_service.hash_token(t.token)'),
('token_session_id', 'ASSERT session_service.token_session_id(t.token) = t.session_id'),
('token_bucket', 'ASSERT session_service.token_bucket(t.token) >= 0'),
('session_bucket', 'ASSERT session_service.session_bucket(t.session_id) >= 0'),
('user_bucket', 'ASSERT session_service.user_bucket(t.user_id) >= 0'),
('token_range', 'ASSERT session_service.token_range(t.token) >= 0'),
('session_range', 'ASSERT session_service.session_range(t.session_id) >= 0'),
('user_range', 'ASSERT session_service.user_range(t.user_id) >= 0'),
('holds_bucket', 'ASSERT session_service.holds_bucket(session_service.user_bucket(t.user_id))'),
('create_session', :'sign_in'),
('create_session, known device',
    'SELECT * INTO STRICT c FROM session_service.create_session(u, t.device_name, t.user_agent, t.address,
        ''{read,write}'', ''a key'', ''{"a": 1}'', ''1 day'', ''1 hour'')'),
('validate_session', 'SELECT * INTO STRICT c FROM session_service.validate_session(t.token, t.address)'),
('validate_user', 'ASSERT session_service.validate_user(t.token, t.address) = t.user_id'),
('validate_session_hash',
    'SELECT * INTO STRICT c
    FROM session_service.validate_session_hash(t.session_id, session_service.hash_token(t.token))'),
('validate_sessions', 'SELECT * INTO STRICT c FROM session_service.validate_sessions(ARRAY[t.token, ''x'', NULL])'),
('refresh_session', 'IF i % 1000 = 1 THEN ' || :'sign_in' || ' END IF;
    SELECT refresh_token INTO STRICT c.refresh_token
    FROM session_service.refresh_session(c.refresh_token, t.address, t.user_agent)'),
('rotate_session_token', 'IF i % 1000 = 1 THEN ' || :'sign_in' || ' END IF;
    SELECT token INTO STRICT c.token FROM session_service.rotate_session_token(c.token)'),
('reauthenticate_session', 'IF i % 1000 = 1 THEN ' || :'sign_in' || ' END IF;
    SELECT token INTO STRICT c.token FROM session_service.reauthenticate_session(c.token, ''gold'', ''{pwd}'')'),
('session_challenge', 'ASSERT session_service.session_challenge(t.token) IS NOT NULL'),
('bind_session, refused', 'ASSERT NOT EXISTS (SELECT FROM session_service.bind_session(t.token, ''a.b.c''))'),
('validate_session_proof, refused',
    'ASSERT NOT EXISTS (
        SELECT FROM session_service.validate_session_proof(t.token, ''a.b.c'', ''GET'', ''https://example.com/''))'),
('extend_session', 'ASSERT session_service.extend_session(t.session_id) IS NOT NULL'),
('introspect_token', 'ASSERT session_service.introspect_token(t.token) ->> ''active'' = ''true'''),
('revoke_session', :'sign_in' || 'ASSERT session_service.revoke_session(c.session_id)'),
('revoke_user_session', :'sign_in' || 'ASSERT session_service.revoke_user_session(u, c.session_id)'),
('revoke_session_by_token', :'sign_in' || 'ASSERT session_service.revoke_session_by_token(c.token)'),
('revoke_all_user_sessions', :'sign_in' || 'ASSERT session_service.revoke_all_user_sessions(u) = 1'),
('revoke_all_user_sessions_except', :'sign_in' || :'sign_in' ||
    'ASSERT session_service.revoke_all_user_sessions_except(u, c.session_id) >= 1'),
('revoke_device_sessions', :'sign_in' || 'ASSERT session_service.revoke_device_sessions(u, c.device_id) = 1'),
('create_session, of an identity provider',
    'SELECT * INTO STRICT c FROM session_service.create_session(u, external_id => ''id '' || i);
    ASSERT session_service.revoke_external_sessions(''id '' || i) = 1'),
('find_external_sessions', 'PERFORM session_service.find_external_sessions(''none'')'),
('list_sessions', 'PERFORM session_service.list_sessions(ARRAY[t.user_id]); ASSERT FOUND'),
('revoke_sessions', :'sign_in' || 'ASSERT session_service.revoke_sessions(ARRAY[u]) >= 1'),
('disable_user',
    :'sign_in' || 'ASSERT session_service.disable_user(u) >= 1
        AND session_service.is_user_disabled(u) AND session_service.enable_user(u)'),
('get_session', 'SELECT * INTO STRICT c FROM session_service.get_session(t.session_id, t.session_id)'),
('get_user_session', 'SELECT * INTO STRICT c FROM session_service.get_user_session(t.user_id, t.session_id)'),
('list_user_sessions', 'PERFORM session_service.list_user_sessions(t.user_id, t.session_id, true); ASSERT FOUND'),
('list_mfa_verified_sessions', 'PERFORM session_service.list_mfa_verified_sessions(t.user_id)'),
('count_user_sessions', 'ASSERT session_service.count_user_sessions(t.user_id) >= 1'),
('list_events', 'PERFORM session_service.list_events(t.user_id); ASSERT FOUND'),
('list_user_devices', 'PERFORM session_service.list_user_devices(t.user_id, t.device_id); ASSERT FOUND'),
('is_known_device', 'ASSERT session_service.is_known_device(t.user_id, t.device_key)'),
('is_trusted_device', 'ASSERT session_service.is_trusted_device(t.user_id, t.device_key) IS NOT NULL'),
('trust_device', 'ASSERT session_service.trust_device(t.user_id, t.device_id)'),
('untrust_device', 'PERFORM session_service.untrust_device(t.user_id, t.device_id)'),
('untrust_all_devices', 'PERFORM session_service.untrust_all_devices(t.user_id)'),
('rename_device', 'ASSERT session_service.rename_device(t.user_id, t.device_id, ''Mine '' || i)'),
('forget_device', :'sign_in' || 'ASSERT session_service.forget_device(u, c.device_id)'),
('describe_user_agent', 'SELECT * INTO STRICT c FROM session_service.describe_user_agent(t.user_agent)'),
('mark_mfa_verified', 'ASSERT session_service.mark_mfa_verified(t.session_id, ''totp'')'),
('mark_mfa_verified_by_token', 'ASSERT session_service.mark_mfa_verified_by_token(t.token, ''webauthn'')'),
('clear_mfa_verified', 'ASSERT session_service.clear_mfa_verified(t.session_id)'),
('set_session_scopes', 'ASSERT session_service.set_session_scopes(t.session_id, ''{read,write}'')'),
('set_session_metadata', 'ASSERT session_service.set_session_metadata(t.session_id, ''{"a": [1, 2]}'')'),
('patch_session_metadata', 'ASSERT session_service.patch_session_metadata(t.session_id, ''{"a": {"b": 1}}'')'),
('touch_sessions', 'ASSERT session_service.touch_sessions(ARRAY[t.session_id]) <= 1'),
('authenticate, and who is authenticated', 'SELECT * INTO STRICT c FROM session_service.authenticate(t.token);
    ASSERT session_service.current_session_id() = t.session_id AND session_service.current_user_id() = t.user_id
        AND session_service.current_scopes() IS NOT NULL AND session_service.has_scope(''read'')
        AND session_service.current_metadata() IS NOT NULL AND session_service.is_mfa_verified() IS NOT NULL
        AND session_service.is_authenticated_within(''100 years'')'),
('bind_identity',
    'PERFORM session_service.bind_identity(t.session_id, t.user_id, ''{read}'', ''{"a": 1}'', NULL, now());
    ASSERT session_service.current_session_id() = t.session_id'),
('set_user_session_limit', 'PERFORM session_service.set_user_session_limit(t.user_id, 100)'),
('user_epoch', 'ASSERT session_service.user_epoch(t.user_id) > 0'),
('delete_user', :'sign_in' || 'ASSERT session_service.delete_user(u) >= 1'),
('export_user', 'ASSERT session_service.export_user(t.user_id) -> ''sessions'' <> ''[]'''),
('stats', 'SELECT * INTO STRICT c FROM session_service.stats()'),
('health', 'SELECT * INTO STRICT c FROM session_service.health()'),
('user_uuid, user_bigint', 'ASSERT session_service.user_bigint(session_service.user_uuid(i)) = i'),
('user_uuid_from_text', 'ASSERT session_service.user_uuid_from_text(t.device_key) IS NOT NULL'),
('import_session', 'ASSERT session_service.import_session(session_service.hash_token(gen_random_uuid()::text), u,
    clock_timestamp() + interval ''1 day'', session_service.hash_token(gen_random_uuid()::text),
    t.device_name, t.user_agent, t.address) IS NOT NULL');

INSERT INTO memory.probes (name, statement, few) VALUES
('list_inactive_sessions', 'PERFORM session_service.list_inactive_sessions(''1 minute''); ASSERT FOUND', true),
('count_active_sessions', 'ASSERT session_service.count_active_sessions() > 0', true),
('list_all_events', 'PERFORM session_service.list_all_events(); ASSERT FOUND', true),
('revoke_inactive_sessions',
    :'sign_in' || 'UPDATE session_service.sessions SET last_activity_at = last_activity_at - interval ''2 days''
    WHERE id = c.session_id;
    ASSERT session_service.revoke_inactive_sessions(''1 day'') >= 1', true),
('cleanup_sessions',
    :'sign_in' || 'PERFORM session_service.revoke_session(c.session_id);
    ASSERT session_service.cleanup_sessions(''0'', 10) >= 0', true),
('grant_access, revoke_access', 'PERFORM session_service.grant_access(''session_service_memory_probe'', ''validate'');
    PERFORM session_service.revoke_access(''session_service_memory_probe'', ''validate'')', true);

INSERT INTO memory.probes (name, statement, setup) VALUES
('validate_session, activity written',
    'SELECT * INTO STRICT c FROM session_service.validate_session(t.token, t.address)',
    'SET session_service.touch_interval = 0'),
('create_session, at the limit', :'sign_in', 'SET session_service.max_per_user = 2'),
('revoke_session, all events and notifications', :'sign_in' || 'ASSERT session_service.revoke_session(c.session_id)',
    'SET session_service.event_log = ''all''; SET session_service.notify = on'),
('refresh_session, retried',
    'IF i % 1000 = 1 THEN ' || :'sign_in' || ' PERFORM session_service.refresh_session(c.refresh_token); END IF;
    SELECT * INTO STRICT r FROM session_service.refresh_session(c.refresh_token)',
    'SET session_service.refresh_grace = ''10min''');

INSERT INTO memory.probes (outcome, name, statement) VALUES
('refusal', 'validate_session, malformed',
    'PERFORM session_service.validate_session(t.token || ''x''); ASSERT NOT FOUND'),
('refusal', 'validate_session, unknown imported token',
    'PERFORM session_service.validate_session(substr(t.token, 5)); ASSERT NOT FOUND'),
('refusal', 'validate_session_hash, wrong hash',
    'PERFORM session_service.validate_session_hash(t.session_id, session_service.hash_token(''x'')); ASSERT NOT FOUND'),
('refusal', 'authenticate, malformed', 'PERFORM session_service.authenticate(t.token || ''x''); ASSERT NOT FOUND'),
('refusal', 'introspect_token, malformed', 'PERFORM session_service.introspect_token(t.token || ''x'')'),
('refusal', 'refresh_session, malformed',
    'PERFORM session_service.refresh_session(t.refresh_token || ''x''); ASSERT NOT FOUND'),
('refusal', 'refresh_session, reuse',
    :'sign_in' || 'SELECT * INTO STRICT r FROM session_service.refresh_session(c.refresh_token);
    PERFORM session_service.refresh_session(r.refresh_token);
    PERFORM session_service.refresh_session(c.refresh_token); ASSERT NOT FOUND'),
('refusal', 'revoke_session_by_token, malformed',
    'ASSERT NOT session_service.revoke_session_by_token(t.token || ''x'')'),
('refusal', 'revoke_session, unknown', 'ASSERT NOT session_service.revoke_session(gen_random_uuid())'),
('refusal', 'touch_sessions, unknown', 'ASSERT session_service.touch_sessions(ARRAY[gen_random_uuid()]) = 0'),
('error', 'create_session, long device name', 'PERFORM session_service.create_session(u, repeat(''n'', 300))'),
('error', 'create_session, long user agent',
    'PERFORM session_service.create_session(u, user_agent => repeat(''a'', 3000))'),
('error', 'create_session, long device key',
    'PERFORM session_service.create_session(u, device_key => repeat(''k'', 600))'),
('error', 'create_session, large metadata',
    'PERFORM session_service.create_session(u, metadata => jsonb_build_object(''a'', repeat(''m'', 9000)))'),
('error', 'create_session, bad scope', 'PERFORM session_service.create_session(u, scopes => ''{"not valid"}'')'),
('error', 'create_session, NULL scope', 'PERFORM session_service.create_session(u, scopes => ''{NULL}'')'),
('error', 'create_session, many scopes',
    'PERFORM session_service.create_session(u, scopes => array_fill(''s''::text, ARRAY[101]))'),
('error', 'create_session, negative expiry', 'PERFORM session_service.create_session(u, session_expiry => ''-1 day'')'),
('error', 'extend_session, negative', 'PERFORM session_service.extend_session(t.session_id, ''-1 day'')'),
('error', 'revoke_session, long reason', 'PERFORM session_service.revoke_session(t.session_id, repeat(''r'', 300))'),
('error', 'mark_mfa_verified, long method',
    'PERFORM session_service.mark_mfa_verified(t.session_id, repeat(''m'', 100))'),
('error', 'set_session_scopes, bad scope',
    'PERFORM session_service.set_session_scopes(t.session_id, ''{"not valid"}'')'),
('error', 'set_session_metadata, large',
    'PERFORM session_service.set_session_metadata(t.session_id, jsonb_build_object(''a'', repeat(''m'', 9000)))'),
('error', 'patch_session_metadata, large',
    'PERFORM session_service.patch_session_metadata(t.session_id, jsonb_build_object(''a'', repeat(''m'', 9000)))'),
('error', 'rename_device, long name',
    'PERFORM session_service.rename_device(t.user_id, t.device_id, repeat(''n'', 300))'),
('error', 'set_user_session_limit, negative', 'PERFORM session_service.set_user_session_limit(t.user_id, -1)'),
('error', 'generate_token, short', 'PERFORM session_service.generate_token(1)'),
('error', 'cleanup_sessions, negative retention', 'PERFORM session_service.cleanup_sessions(''-1 day'')'),
('error', 'token_hash, malformed text', 'h := t.device_key::session_service.token_hash'),
('error', 'token_hash, wrong length', 'h := ''\x00''::bytea::session_service.token_hash'),
('error', 'grant_access, unknown role', 'PERFORM session_service.grant_access(4294967294::oid::regrole, ''validate'')'),
('error', 'grant_access, unknown level',
    'PERFORM session_service.grant_access(''session_service_memory_probe'', ''none'')'),
('error', 'import_session, infinite expiry',
    'PERFORM session_service.import_session(session_service.hash_token(t.token), u, ''infinity'')');

INSERT INTO memory.probes (outcome, name, statement, setup) VALUES
('error', 'create_session, rejected by the limit',
    'PERFORM session_service.create_session(u);
    PERFORM session_service.create_session(u);
    PERFORM session_service.create_session(u)',
    'SET session_service.max_per_user = 2; SET session_service.limit_policy = ''reject'''),
('error', 'create_session, read-only',
    'PERFORM session_service.create_session(u)', 'SET default_transaction_read_only = on'),
('error', 'refresh_session, read-only',
    'PERFORM session_service.refresh_session(t.refresh_token)', 'SET default_transaction_read_only = on'),
('error', 'touch_sessions, read-only',
    'PERFORM session_service.touch_sessions(ARRAY[t.session_id])', 'SET default_transaction_read_only = on');

-- Whatever is callable: with NULL for each argument that has no default.
CREATE VIEW memory.functions AS
    SELECT p.oid, p.proname::text AS name, p.pronargs - p.pronargdefaults AS required, p.proargtypes
    FROM pg_proc p
    WHERE p.pronamespace = 'session_service'::regnamespace AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[]);

INSERT INTO memory.probes (outcome, name, statement, few)
    SELECT 'any',
        f.name || ', NULL' ||
            CASE count(*) OVER (PARTITION BY f.name) WHEN 1 THEN '' ELSE ' ' || f.oid::regprocedure END,
        format('PERFORM session_service.%I(%s)', f.name,
            (SELECT string_agg('NULL::' || format_type(f.proargtypes[i], NULL), ', ')
            FROM generate_series(0, f.required - 1) AS i)),
        true
    FROM memory.functions f
    WHERE f.required > 0 AND f.name NOT LIKE 'token\_hash%' AND f.name <> 'bytea' ORDER BY f.oid;

DO $$
DECLARE missing text;
BEGIN
    SELECT string_agg(f.name, ', ') INTO missing FROM memory.functions f
    WHERE NOT EXISTS (
        SELECT FROM memory.probes p
        WHERE p.outcome = 'success' AND p.statement ~ ('session_service\.' || f.name || '\('));
    IF missing IS NOT NULL THEN
        RAISE 'no probe of the memory after calls of %', missing;
    END IF;
END $$;

-- The calls of one probe, at most so many, for at most so long: statements to be run, each a block of calls
-- that adds to memory.calls how many it made. Until a block ends, the server keeps some bytes for each
-- transaction that wrote, so none is larger than the first, after which memory is looked at for the first time.
-- What a block leaves in `c` is not there in the next one, which begins where probes sign in anew.
CREATE FUNCTION memory.calls(probe integer, calls bigint, seconds double precision) RETURNS SETOF text
LANGUAGE sql AS $$
    SELECT format($format$
DO $block$
DECLARE
    t memory.tickets; u uuid; h session_service.token_hash; c record; r record; failed bigint := 0;
    before CONSTANT bigint := %s; i bigint := before;
BEGIN
    WHILE i < %s AND (i %% 16 <> 0 OR clock_timestamp() < %L) LOOP
        i := i + 1;
        SELECT * INTO STRICT t FROM memory.tickets WHERE n = (i + %s) %% %s;
        %s%s%s
        COMMIT;
    END LOOP;
    IF (CASE %L WHEN 'error' THEN failed <> i - before WHEN 'any' THEN false ELSE failed > 0 END) THEN
        RAISE '%% of %% calls failed', failed, i - before;
    END IF;
    PERFORM set_config('memory.calls', (current_setting('memory.calls')::bigint + i - before)::text, false);
END $block$ $format$,
        first, least(first + 2000, calls), deadline, n * 997, ticket_count,
        CASE WHEN statement ~ '\yu\y' THEN format('u := md5((i %% 5000)::text || %L)::uuid; ', name) ELSE '' END,
        CASE WHEN statement ~ '\yh\y' THEN 'h := session_service.hash_token(t.token); ' ELSE '' END,
        CASE WHEN outcome IN ('error', 'any') THEN
            'BEGIN ' || body || '; EXCEPTION WHEN OTHERS THEN failed := failed + 1; END;' ELSE body || ';' END,
        outcome)
    FROM memory.probes, LATERAL rtrim(statement, ';') AS body, generate_series(0, calls - 1, 2000) AS first,
        (SELECT count(*)::integer AS ticket_count, clock_timestamp() + seconds * interval '1 second' AS deadline
            FROM memory.tickets) AS counted
    WHERE n = probe
$$;

-- Bytes: private memory of the backend, which shared buffers are not, and what its memory contexts use of it.
CREATE FUNCTION memory.used(OUT private bigint, OUT contexts bigint) LANGUAGE sql AS $$
    SELECT 1024 * substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s*(\d+)')::bigint,
        (SELECT sum(used_bytes) FROM pg_backend_memory_contexts)::bigint
$$;
