-- Which engine runs: on tables as they were made the direct one for all that has one, on tables that somebody added
-- something to statements for what is written, and statements for everything where they are forced. Only builds for
-- developers count that; the others have another expected file.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\set before :DBNAME
SET client_min_messages = warning;
DROP DATABASE IF EXISTS regress_engines;
CREATE DATABASE regress_engines;
\connect regress_engines
CREATE EXTENSION session_service;
\i :helpers
SELECT current_setting('session_service.engine', true) IS NULL AS is_not_counted \gset
\if :is_not_counted
\echo not counted in this build
\connect :before
DROP DATABASE regress_engines;
\quit
\endif
SET session_service.engine = 'auto';
SET session_service.event_log = 'all';
SET session_service.touch_interval = 0;

-- What a call, and the COMMIT after it, went by
CREATE FUNCTION pg_temp.calls(engine text) RETURNS bigint LANGUAGE sql AS $$
    SELECT substring(current_setting('session_service.engine_calls') FROM engine || '=(\d+)')::bigint
$$;
CREATE PROCEDURE pg_temp.went_by(name text, call text, INOUT engines text DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
    direct bigint := pg_temp.calls('direct');
    statement bigint := pg_temp.calls('statement');
BEGIN
    EXECUTE call;
    COMMIT;
    engines := concat_ws(' and ', CASE WHEN pg_temp.calls('direct') > direct THEN 'direct' END,
                         CASE WHEN pg_temp.calls('statement') > statement THEN 'statement' END);
END $$;

CREATE TEMP TABLE went (place serial, name text, engines text);
CREATE PROCEDURE pg_temp.try_all() LANGUAGE plpgsql AS $$
DECLARE
    alice CONSTANT uuid := '00000000-0000-4000-8000-00000000000a';
    made record;
    one record;
    engines text;
BEGIN
    TRUNCATE session_service.users, session_service.devices, session_service.sessions, session_service.events,
             session_service.imported_tokens;
    TRUNCATE went RESTART IDENTITY;
    PERFORM session_service.create_session(alice, 'phone');
    COMMIT;
    SELECT * INTO made FROM session_service.create_session(alice, 'phone', 'agent', metadata => '{"a": 1}');
    COMMIT;
    FOR one IN
        SELECT * FROM (VALUES
            ('create_session', format('SELECT session_service.create_session(%L, %L)', alice, 'phone')),
            ('import_session', format('SELECT session_service.import_session(session_service.hash_token(%L), %L, %L)',
                                      'imported', alice, clock_timestamp() + interval '1 day')),
            ('an imported token', 'SELECT session_service.validate_session(''imported'')'),
            ('validate_session', format('SELECT session_service.validate_session(%L)', made.token)),
            ('validate_sessions', format('SELECT session_service.validate_sessions(ARRAY[%L])', made.token)),
            ('introspect_token', format('SELECT session_service.introspect_token(%L)', made.token)),
            ('touch_sessions', format('SELECT session_service.touch_sessions(ARRAY[%L::uuid])', made.session_id)),
            ('extend_session', format('SELECT session_service.extend_session(%L)', made.session_id)),
            ('mark_mfa_verified', format('SELECT session_service.mark_mfa_verified(%L, %L)', made.session_id, 'totp')),
            ('clear_mfa_verified', format('SELECT session_service.clear_mfa_verified(%L)', made.session_id)),
            ('set_session_scopes', format('SELECT session_service.set_session_scopes(%L, %L)', made.session_id, '{a}')),
            ('set_session_metadata', format('SELECT session_service.set_session_metadata(%L, %L)', made.session_id,
                '{}')),
            ('patch_session_metadata', format('SELECT session_service.patch_session_metadata(%L, %L)', made.session_id,
                '{"b": 1}')),
            ('is_known_device', format('SELECT session_service.is_known_device(%L, %L)', alice, 'key')),
            ('rotate_session_token', format('SELECT session_service.rotate_session_token(%L)', made.token)),
            ('refresh_session', format('SELECT session_service.refresh_session(%L, user_agent => %L)',
                                       made.refresh_token, 'another agent')),
            ('revoke_session', format('SELECT session_service.revoke_session(%L)', made.session_id)),
            ('cleanup_sessions', 'SELECT session_service.cleanup_sessions(''0'')')) AS c (name, call)
    LOOP
        CALL pg_temp.went_by(one.name, one.call, engines);
        INSERT INTO went (name, engines) VALUES (one.name, engines);
        COMMIT;
    END LOOP;
END $$;

CALL pg_temp.try_all();
SELECT name, engines FROM went ORDER BY place;

SET session_service.engine = 'statement';
CALL pg_temp.try_all();
SELECT name, engines FROM went WHERE engines <> 'statement' ORDER BY place;
SET session_service.engine = 'auto';

-- reads stay direct where only writes have something to run
CREATE FUNCTION regress_nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER regress_nothing BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION regress_nothing();
CALL pg_temp.try_all();
SELECT name, engines FROM went ORDER BY place;
DROP TRIGGER regress_nothing ON sessions;
DROP FUNCTION regress_nothing;

-- plain again
CALL pg_temp.try_all();
SELECT name, engines FROM went WHERE engines <> 'direct' ORDER BY place;

\connect :before
DROP DATABASE regress_engines;
