-- A caller's settings change no result, and no call changes them.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\set life :srcdir '/sql/lib/life.sql'
\i :helpers
\i :life

CREATE SCHEMA regress_settings;
CREATE TABLE regress_settings.plain AS SELECT row_number() OVER () AS place, line FROM pg_temp.life() line;
SELECT count(*) FROM regress_settings.plain;
CREATE TABLE regress_settings.poison (place serial, name text, value text);
INSERT INTO regress_settings.poison (name, value) VALUES
    -- how values are written and read
    ('DateStyle', 'German, DMY'), ('DateStyle', 'SQL, MDY'), ('IntervalStyle', 'iso_8601'),
    ('IntervalStyle', 'sql_standard'), ('TimeZone', 'Pacific/Apia'), ('TimeZone', 'America/St_Johns'),
    ('bytea_output', 'escape'), ('extra_float_digits', '-15'), ('array_nulls', 'off'), ('quote_all_identifiers', 'on'),
    ('transform_null_equals', 'on'),
    ('backslash_quote', 'on'), ('xmloption', 'document'), ('client_encoding', 'LATIN1'), ('lc_numeric', 'C'),
    ('lc_time', 'C'), ('default_text_search_config', 'pg_catalog.simple'),
    -- plans
    ('enable_seqscan', 'on'), ('enable_seqscan', 'off'), ('enable_indexscan', 'off'), ('enable_indexonlyscan', 'off'),
    ('enable_bitmapscan', 'off'), ('enable_nestloop', 'off'), ('enable_hashjoin', 'off'),
    ('enable_mergejoin', 'off'), ('enable_sort', 'off'), ('enable_hashagg', 'off'), ('enable_material', 'off'),
    ('enable_memoize', 'off'), ('plan_cache_mode', 'force_custom_plan'), ('plan_cache_mode', 'force_generic_plan'),
    ('random_page_cost', '100000'), ('seq_page_cost', '0'), ('cpu_tuple_cost', '0'), ('cpu_index_tuple_cost', '1000'),
    ('effective_cache_size', '1'), ('from_collapse_limit', '1'), ('join_collapse_limit', '1'),
    ('geqo_threshold', '2'), ('constraint_exclusion', 'on'), ('work_mem', '64kB'), ('jit', 'on'),
    ('jit_above_cost', '0'), ('max_parallel_workers_per_gather', '8'), ('parallel_setup_cost', '0'),
    ('min_parallel_table_scan_size', '0'), ('parallel_leader_participation', 'off'),
    -- transactions and locks
    ('default_transaction_isolation', 'serializable'), ('default_transaction_read_only', 'on'),
    ('default_transaction_deferrable', 'on'), ('synchronous_commit', 'off'), ('lock_timeout', '1h'),
    ('statement_timeout', '1h'),
    ('row_security', 'off'), ('check_function_bodies', 'off'), ('session_replication_role', 'replica'),
    ('default_toast_compression', 'pglz'), ('temp_tablespaces', ''), ('role', 'none');
-- Since 19 strings have one form.
INSERT INTO regress_settings.poison (name, value) SELECT *
FROM (VALUES ('standard_conforming_strings', 'off'), ('escape_string_warning', 'off')) forms
WHERE current_setting('server_version_num')::integer < 190000;
CREATE TABLE regress_settings.results (name text, value text, result text);
CREATE TABLE regress_settings.tried (lines bigint);
-- Everything that is set, but for what only tells of the moment.
CREATE VIEW regress_settings.all_settings AS SELECT name, setting, source FROM pg_settings
WHERE name NOT IN ('session_service.max_per_user', 'session_service.touch_interval');
-- Under these settings: what differs in what calls do, and what they leave otherwise.
CREATE PROCEDURE regress_settings.try(names text[], settings text[]) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config(s.name, s.setting, true) FROM unnest(names, settings) s (name, setting);
    CREATE TEMP TABLE before ON COMMIT DROP AS TABLE regress_settings.all_settings;
    CREATE TEMP TABLE done ON COMMIT DROP AS SELECT row_number() OVER () AS place, line FROM pg_temp.life() line;
    INSERT INTO regress_settings.tried SELECT count(*) FROM done;
    INSERT INTO regress_settings.results SELECT names::text, settings::text, coalesce(p.line, 'nothing') || ' -> '
        || coalesce(l.line, 'nothing')
    FROM regress_settings.plain p FULL JOIN done l USING (place) WHERE p.line IS DISTINCT FROM l.line;
    INSERT INTO regress_settings.results SELECT names::text, settings::text,
        format('%s: %s -> %s', name, b.setting, a.setting)
    FROM before b FULL JOIN regress_settings.all_settings a USING (name) WHERE a.setting IS DISTINCT FROM b.setting;
    COMMIT;
END $$;
CREATE PROCEDURE regress_settings.try_each() LANGUAGE plpgsql AS $$
DECLARE
    p record;
    all_names text[];
    all_values text[];
BEGIN
    FOR p IN SELECT * FROM regress_settings.poison ORDER BY place LOOP
        CALL regress_settings.try(ARRAY[p.name], ARRAY[p.value]);
    END LOOP;
    SELECT array_agg(name ORDER BY place), array_agg(value ORDER BY place) INTO all_names, all_values
    FROM regress_settings.poison;
    CALL regress_settings.try(all_names, all_values);
END $$;
CALL regress_settings.try_each();
SELECT lines, count(*) - (SELECT count(*) FROM regress_settings.poison) AS with_all FROM regress_settings.tried
GROUP BY 1;
SELECT name, value, result FROM regress_settings.results LIMIT 20;

-- In a new connection, whose plans are made and kept while all of these are in force
\c -
\i :helpers
\i :life
DO $$ BEGIN PERFORM set_config(name, value, false) FROM regress_settings.poison
WHERE name NOT IN ('default_transaction_read_only', 'client_encoding') ORDER BY place; END $$;
CALL regress_settings.try('{}', '{}');
SELECT name, value, result FROM regress_settings.results LIMIT 20;
-- and with those plans, at peace
RESET ALL;
SET search_path = session_service, public;
CALL regress_settings.try('{}', '{}');
SELECT name, value, result FROM regress_settings.results LIMIT 20;

-- Activity, which is written as the transaction commits, leaves them too
CREATE TEMP TABLE before AS TABLE regress_settings.all_settings;
CREATE TEMP VIEW changed AS SELECT name, b.setting AS before, a.setting AS after FROM before b FULL
JOIN regress_settings.all_settings a USING (name) WHERE (a.setting, a.source) IS DISTINCT FROM (b.setting, b.source);
SELECT * FROM create_session(:'alice', ip_address => '192.0.2.1') \gset
SET session_service.touch_interval = 0;
SELECT count(*) FROM validate_session(:'token', '192.0.2.2');
SELECT ip_address FROM get_session(:'session_id');
SELECT * FROM pg_temp.changed;
-- and so does a call that fails, in a savepoint or whole
SELECT left(pg_temp.outcome(s), 5) AS outcome
FROM unnest(ARRAY['SELECT create_session(NULL)', 'SELECT create_session(gen_random_uuid(), repeat(''x'', 256))',
    'SELECT extend_session(gen_random_uuid(), ''0'')',
    'SET LOCAL session_service.max_per_user = 1; SET LOCAL session_service.limit_policy = reject; '
        'SELECT create_session(''00000000-0000-4000-8000-00000000000a'')',
    'SELECT import_session(hash_token(n), gen_random_uuid(), clock_timestamp() + ''1 day'', hash_token(''refresh'')) '
        'FROM unnest(''{one,two}''::text[]) n']) s;
SELECT * FROM pg_temp.changed;
SET session_service.limit_policy = reject;
SET session_service.max_per_user = 1;
\set VERBOSITY sqlstate
SELECT create_session(:'alice');
\set VERBOSITY default
RESET session_service.limit_policy;
RESET session_service.max_per_user;
SELECT * FROM pg_temp.changed;
-- a setting of the caller's within a function is undone at its end as ever
CREATE FUNCTION pg_temp.inside(token text) RETURNS text
LANGUAGE plpgsql SET enable_indexscan = off SET search_path = pg_catalog SET work_mem = '1MB' AS $$
BEGIN
    PERFORM session_service.validate_session(token),
        session_service.create_session('00000000-0000-4000-8000-00000000000b');
    RETURN concat_ws(' ', current_setting('enable_indexscan'), current_setting('search_path'),
        current_setting('work_mem'));
END $$;
SELECT pg_temp.inside(:'token');
SELECT * FROM pg_temp.changed;
-- who calls is who called
SELECT current_user = session_user AS same;
RESET session_service.touch_interval;

-- What pins the planner's settings is for our statements alone: what a trigger of somebody's runs is planned by the
-- caller's.
CREATE TABLE regress_settings.plans (join_by text);
CREATE FUNCTION regress_settings.plan() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE
        'EXPLAIN (COSTS OFF) SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid'
        LOOP
        INSERT INTO regress_settings.plans VALUES (line);
        EXIT;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER plan AFTER INSERT ON session_service.sessions FOR EACH ROW EXECUTE FUNCTION regress_settings.plan();
SET enable_nestloop = off;
SET enable_mergejoin = off;
SELECT count(*) FROM create_session(:'alice');
SET enable_mergejoin = on;
SET enable_hashjoin = off;
SELECT count(*) FROM create_session(:'alice');
SELECT join_by FROM regress_settings.plans;
RESET enable_nestloop;
RESET enable_hashjoin;
SET client_min_messages = warning;
DROP TRIGGER plan ON session_service.sessions;
DROP SCHEMA regress_settings CASCADE;
