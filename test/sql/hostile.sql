-- A caller without privileges, with a search_path, operators and tables of its own.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

CREATE ROLE regress_session_stranger;
CREATE ROLE regress_session_caller;
GRANT USAGE ON SCHEMA session_service TO regress_session_caller;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA session_service TO regress_session_caller;
CREATE SCHEMA regress_hostile AUTHORIZATION regress_session_caller;
GRANT USAGE ON SCHEMA public TO regress_session_caller;

-- Who was granted nothing gets nothing.
SET ROLE regress_session_stranger;
SELECT DISTINCT left(pg_temp.outcome(format('SELECT session_service.%I(%s)', proname,
    (SELECT string_agg(format('NULL::%s', format_type(t, NULL)), ', ') FROM unnest(proargtypes) t))), 5) AS outcome
FROM pg_proc WHERE pronamespace = 'session_service'::regnamespace AND NOT proisstrict;
RESET ROLE;
GRANT USAGE ON SCHEMA session_service TO regress_session_stranger;
SET ROLE regress_session_stranger;
SELECT DISTINCT left(pg_temp.outcome(format('SELECT session_service.%I(%s)', proname,
    (SELECT string_agg(format('NULL::%s', format_type(t, NULL)), ', ') FROM unnest(proargtypes) t))), 5) AS outcome
FROM pg_proc WHERE pronamespace = 'session_service'::regnamespace AND NOT proisstrict;
SELECT DISTINCT left(pg_temp.outcome(format('SELECT * FROM session_service.%I', relname)), 5) AS outcome FROM pg_class
WHERE relnamespace = 'session_service'::regnamespace AND relkind = 'r';
RESET ROLE;

-- The traps: whatever of these is used tells. They stand before pg_catalog in the caller's path, and the tables in
-- pg_temp before everything.
CREATE TABLE regress_hostile.sprung (what text);
GRANT INSERT, SELECT ON regress_hostile.sprung TO PUBLIC;
GRANT USAGE ON SCHEMA regress_hostile TO PUBLIC;
CREATE FUNCTION pg_temp.trap(declaration text, what text, result text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE FUNCTION %s LANGUAGE plpgsql AS %L', declaration,
        format('BEGIN INSERT INTO regress_hostile.sprung VALUES (%L); RETURN %s; END', what, result));
END $$;
SELECT count(pg_temp.trap(format('regress_hostile.%s(%s, %s) RETURNS boolean', name, type, type), name || ' of '
    || type, 'true')::text) AS traps
FROM unnest('{eq,ne,lt,le,gt,ge}'::text[]) name,
    unnest('{uuid,smallint,bigint,integer,timestamptz,text,boolean,bytea,session_service.token_hash}'::text[]) type;
CREATE PROCEDURE pg_temp.make_operators() LANGUAGE plpgsql AS $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT sign, name, type
    FROM (VALUES ('=', 'eq'), ('<>', 'ne'), ('<', 'lt'), ('<=', 'le'), ('>', 'gt'), ('>=', 'ge')) operator (sign, name),
                unnest('{uuid,smallint,bigint,integer,timestamptz,text,boolean,bytea,session_service.token_has'
                    'h}'::text[]) type LOOP
        EXECUTE
            format('CREATE OPERATOR regress_hostile.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = regress_hostile.%s)',
            made.sign, made.type, made.type, made.name);
    END LOOP;
END $$;
CALL pg_temp.make_operators();
SELECT pg_temp.trap('regress_hostile.plus(bigint, bigint) RETURNS bigint', '+', '0'),
    pg_temp.trap('regress_hostile.plus(integer, integer) RETURNS integer', '+', '0'),
    pg_temp.trap('regress_hostile.cat(text, text) RETURNS text', '||', ''''''),
       pg_temp.trap('regress_hostile.now() RETURNS timestamptz', 'now', '''epoch''::timestamptz'),
       pg_temp.trap('regress_hostile.clock_timestamp() RETURNS timestamptz', 'clock_timestamp',
       '''epoch''::timestamptz'),
       pg_temp.trap('regress_hostile.date_trunc(text, timestamptz, text) RETURNS timestamptz', 'date_trunc',
           '''epoch''::timestamptz'), pg_temp.trap('regress_hostile.sha256(bytea) RETURNS bytea', 'sha256',
           '''''::bytea'),
       pg_temp.trap('regress_hostile.token_hash(bytea) RETURNS bytea', 'token_hash', '$1');
CREATE OPERATOR regress_hostile.+ (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = regress_hostile.plus);
CREATE OPERATOR regress_hostile.+ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = regress_hostile.plus);
CREATE OPERATOR regress_hostile.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_hostile.cat);
CREATE AGGREGATE regress_hostile.max(timestamptz) (SFUNC = timestamptz_smaller, STYPE = timestamptz);
-- the traps are set right
SET search_path = regress_hostile, pg_catalog;
SELECT 1::integer = 2::integer AS trapped, count(*) OPERATOR(pg_catalog.>) 0 AS sprung FROM regress_hostile.sprung;
SELECT what FROM regress_hostile.sprung;
TRUNCATE regress_hostile.sprung;
RESET search_path;

-- All that a caller does, with its results, once at peace and once among the traps.
CREATE FUNCTION public.regress_session_life() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    alice CONSTANT pg_catalog.uuid := '00000000-0000-4000-8000-00000000000a';
    a record;
    b record;
    c record;
    r record;
    found bigint;
BEGIN
    SELECT * INTO a FROM session_service.create_session(alice, 'laptop', 'agent', '192.0.2.1', '{read}', 'key a',
        '{"a": 1}');
    SELECT * INTO b FROM session_service.create_session(alice, 'phone', session_expiry => '1 hour',
        inactivity_timeout => '1 hour');
    SELECT * INTO c FROM session_service.create_session(alice, 'phone');
    RETURN NEXT pg_catalog.concat('known device: ', c.is_new_device);
    SELECT count(*) INTO found FROM session_service.validate_session(a.token, '192.0.2.2');
    RETURN NEXT pg_catalog.concat('validate_session: ', found);
    SELECT count(*) INTO found
    FROM session_service.validate_session_hash(a.session_id, session_service.hash_token(a.token));
    RETURN NEXT pg_catalog.concat('validate_session_hash: ', found);
    SELECT count(*) INTO found FROM session_service.validate_sessions(ARRAY[a.token, b.token, 'x']);
    RETURN NEXT pg_catalog.concat('validate_sessions: ', found);
    SELECT * INTO r FROM session_service.refresh_session(a.refresh_token, '192.0.2.3', 'agent/2');
    RETURN NEXT pg_catalog.concat('refresh_session: ', r.repeated);
    SELECT repeated AND token OPERATOR(pg_catalog.=) r.token AS same INTO r
    FROM session_service.refresh_session(a.refresh_token);
    RETURN NEXT pg_catalog.concat('retry: ', r.same);
    SELECT * INTO r FROM session_service.rotate_session_token(b.token);
    RETURN NEXT pg_catalog.concat('rotate_session_token: ', (r.token IS NOT NULL));
    RETURN NEXT pg_catalog.concat('extend_session: ', (session_service.extend_session(b.session_id) IS NOT NULL));
    RETURN NEXT pg_catalog.concat('mark_mfa_verified: ', session_service.mark_mfa_verified(a.session_id, 'totp'),
        session_service.mark_mfa_verified_by_token(r.token), session_service.clear_mfa_verified(b.session_id));
    RETURN NEXT pg_catalog.concat('set_session: ', session_service.set_session_scopes(a.session_id, '{write}'),
        session_service.set_session_metadata(a.session_id, '{}'), session_service.patch_session_metadata(a.session_id,
        '{"a": {"b": 1}}'));
    RETURN NEXT pg_catalog.concat('touch_sessions: ',
        session_service.touch_sessions(ARRAY[a.session_id, c.session_id]));
    RETURN NEXT pg_catalog.concat('introspect_token: ', (session_service.introspect_token(r.token) ->> 'active'));
    SELECT count(*) INTO found FROM session_service.list_user_sessions(alice, a.session_id);
    RETURN NEXT pg_catalog.concat('list_user_sessions: ', found);
    SELECT count(*) INTO found FROM session_service.list_user_sessions(alice, a.session_id, true) WHERE is_current;
    RETURN NEXT pg_catalog.concat('current: ', found);
    SELECT count(*) INTO found FROM session_service.get_session(a.session_id);
    RETURN NEXT pg_catalog.concat('get_session: ', found);
    SELECT count(*) INTO found FROM session_service.get_user_session(alice, a.session_id);
    RETURN NEXT pg_catalog.concat('get_user_session: ', found);
    SELECT count(*) INTO found FROM session_service.list_mfa_verified_sessions(alice);
    RETURN NEXT pg_catalog.concat('list_mfa_verified_sessions: ', found);
    SELECT count(*) INTO found FROM session_service.list_inactive_sessions('1 day');
    RETURN NEXT pg_catalog.concat('list_inactive_sessions: ', found);
    RETURN NEXT pg_catalog.concat('counts: ', session_service.count_user_sessions(alice), ' ',
        session_service.count_active_sessions());
    SELECT count(*) INTO found FROM session_service.list_user_devices(alice);
    RETURN NEXT pg_catalog.concat('list_user_devices: ', found);
    RETURN NEXT pg_catalog.concat('devices: ', session_service.is_known_device(alice, 'key a'),
        session_service.trust_device(alice, a.device_id), session_service.is_trusted_device(alice, 'key a'),
        session_service.untrust_device(alice, a.device_id), session_service.rename_device(alice, a.device_id, 'mine'));
    RETURN NEXT pg_catalog.concat('revoke_session_by_token: ', session_service.revoke_session_by_token(r.token));
    RETURN NEXT pg_catalog.concat('revoke_user_session: ',
        session_service.revoke_user_session('00000000-0000-4000-8000-00000000000b', a.session_id));
    RETURN NEXT pg_catalog.concat('revoke_session: ', session_service.revoke_session(a.session_id));
    SELECT * INTO a FROM session_service.create_session(alice, 'laptop', device_key => 'key a');
    RETURN NEXT pg_catalog.concat('revoke_device_sessions: ',
        session_service.revoke_device_sessions(alice, a.device_id));
    SELECT * INTO a FROM session_service.create_session(alice);
    SELECT * INTO b FROM session_service.create_session(alice);
    RETURN NEXT pg_catalog.concat('revoke_all_user_sessions_except: ',
        session_service.revoke_all_user_sessions_except(alice, a.session_id));
    RETURN NEXT pg_catalog.concat('revoke_inactive_sessions: ', session_service.revoke_inactive_sessions('1 day'));
    RETURN NEXT pg_catalog.concat('revoke_all_user_sessions: ', session_service.revoke_all_user_sessions(alice));
    RETURN NEXT pg_catalog.concat('forget_device: ', session_service.forget_device(alice, a.device_id));
    PERFORM session_service.set_user_session_limit(alice, 1);
    SELECT * INTO a FROM session_service.create_session(alice);
    SELECT * INTO b FROM session_service.create_session(alice);
    RETURN NEXT pg_catalog.concat('evicted: ', pg_catalog.cardinality(b.evicted_session_ids));
    RETURN NEXT pg_catalog.concat('user_epoch: ', (session_service.user_epoch(alice) IS NOT NULL));
    SELECT * INTO r FROM session_service.import_session(session_service.hash_token('imported'), alice,
        pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) '1 day'::interval,
        session_service.hash_token('imported refresh'));
    SELECT * INTO r FROM session_service.refresh_session('imported refresh');
    RETURN NEXT pg_catalog.concat('imported: ', (r.token IS NOT NULL));
    SELECT count(*) INTO found FROM session_service.authenticate(r.token);
    RETURN NEXT pg_catalog.concat('authenticate: ', found, ' ', (session_service.current_user_id() IS NOT NULL),
        session_service.has_scope('read'));
    SELECT count(*) INTO found FROM session_service.list_events(alice);
    RETURN NEXT pg_catalog.concat('list_events: ', found);
    SELECT count(*) INTO found FROM session_service.list_all_events();
    RETURN NEXT pg_catalog.concat('list_all_events: ', found);
    RETURN NEXT pg_catalog.concat('cleanup_sessions: ', session_service.cleanup_sessions('0', 2), ' ',
        session_service.cleanup_sessions('0'));
    RETURN NEXT pg_catalog.concat('delete_user: ', session_service.delete_user(alice));
END $$;
SET ROLE regress_session_caller;
CREATE TEMP TABLE at_peace AS SELECT row_number() OVER () AS place, line FROM public.regress_session_life() line;
SELECT line FROM at_peace ORDER BY place;
-- in a new connection, so that no plan is there yet
\c -
SET ROLE regress_session_caller;
CREATE TEMP TABLE users (user_id uuid, bucket smallint, epoch bigint, max_sessions integer);
CREATE TEMP TABLE sessions (id uuid, bucket smallint, user_id uuid);
CREATE TEMP TABLE devices (id uuid, bucket smallint);
CREATE TEMP TABLE events (id uuid, bucket smallint);
CREATE TEMP TABLE imported_tokens (token_hash text);
CREATE TEMP TABLE external_sessions (external_hash text);
CREATE FUNCTION pg_temp.date_trunc(text, timestamptz, text) RETURNS timestamptz
LANGUAGE sql AS 'SELECT NULL::timestamptz';
CREATE DOMAIN pg_temp.uuid AS text CHECK (VALUE = 'trapped');
CREATE TEMP TABLE outcomes AS SELECT 0::bigint AS place, ''::text AS line WHERE false;
SET search_path = regress_hostile, pg_temp, pg_catalog, session_service;
INSERT INTO pg_temp.outcomes SELECT pg_catalog.row_number() OVER (), line FROM public.regress_session_life() line;
SET search_path = pg_catalog;
SELECT line FROM pg_temp.outcomes ORDER BY place;
-- nobody stepped into a trap
SELECT DISTINCT what FROM regress_hostile.sprung ORDER BY 1;
SELECT (SELECT count(*) FROM pg_temp.users) + (SELECT count(*) FROM pg_temp.sessions)
    + (SELECT count(*) FROM pg_temp.devices) + (SELECT count(*) FROM pg_temp.events) AS written_to_ours;

-- A call leaves the caller's role, path and settings as they are, also where it failed.
SET search_path = regress_hostile, pg_catalog;
SET enable_seqscan = on;
SELECT pg_catalog.count(*) FROM session_service.create_session('00000000-0000-4000-8000-00000000000b');
SELECT current_user, pg_catalog.current_setting('search_path') AS search_path,
    pg_catalog.current_setting('enable_seqscan') AS enable_seqscan;
DO $$ BEGIN PERFORM session_service.create_session(NULL); EXCEPTION WHEN null_value_not_allowed THEN END $$;
DO $$ BEGIN PERFORM session_service.set_session_scopes('00000000-0000-4000-8000-00000000000b', '{"a b"}');
EXCEPTION WHEN invalid_parameter_value THEN END $$;
BEGIN;
SAVEPOINT one;
SELECT session_service.cleanup_sessions('0', -1);
ROLLBACK TO one;
SELECT current_user, pg_catalog.current_setting('search_path') AS search_path,
    pg_catalog.current_setting('enable_seqscan') AS enable_seqscan;
COMMIT;
SELECT 'session_service.sessions'::regclass IS NOT NULL AS known;
SELECT pg_catalog.count(*) FROM session_service.sessions;
RESET ROLE;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA regress_hostile CASCADE;
DROP FUNCTION public.regress_session_life();
DROP TABLE pg_temp.users, pg_temp.sessions, pg_temp.devices, pg_temp.events, pg_temp.imported_tokens,
    pg_temp.external_sessions, pg_temp.outcomes;
DROP DOMAIN pg_temp.uuid;
DROP OWNED BY regress_session_caller, regress_session_stranger;
DROP ROLE regress_session_caller, regress_session_stranger;
