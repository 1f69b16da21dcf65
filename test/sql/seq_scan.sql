-- No call reads a large table, or an index of one, from one end to the other, but the three that say so.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers
\set run_and_judge :srcdir '/sql/lib/run_and_judge.sql'

CREATE SCHEMA regress_scan;
CREATE TABLE regress_scan.calls (place serial PRIMARY KEY, name text, statement text,
    reads_all_sessions boolean DEFAULT false, index_pages integer DEFAULT 100);
CREATE TABLE regress_scan.mine (session_id uuid, token text, refresh_token text, device_id uuid);
CREATE TABLE regress_scan.counted (place integer, relname name, seq_scan bigint, rows_read bigint, index_pages bigint);
-- Each call of a user with 12 sessions, of which three are known by their tokens.
INSERT INTO regress_scan.calls (name, statement) VALUES
    ('delete_user, nothing imported',
        'SELECT session_service.create_session(''00000000-0000-4000-9000-00000000000e''); '
            'SELECT session_service.delete_user(''00000000-0000-4000-9000-00000000000e'')'),
    ('create_session', $$INSERT INTO regress_scan.mine SELECT c.session_id, c.token, c.refresh_token, c.device_id
        FROM generate_series(1, 3) i,
        session_service.create_session('00000000-0000-4000-9000-000000000007', 'mine' || i, device_key => 'key'
            || i) c$$),
    ('validate_session', 'SELECT v.* FROM regress_scan.mine, session_service.validate_session(token, ''192.0.2.1'') v'),
    ('validate_session, recorded',
        'BEGIN; SET LOCAL session_service.touch_interval = 0; SELECT v.* FROM regress_scan.mine, '
            'session_service.validate_session(token, ''192.0.2.1'') v; COMMIT'),
    ('validate_session of an unknown token',
        'SELECT session_service.validate_session(''sst_unknown''), session_service.validate_session(''unknown'')'),
    ('validate_user', 'SELECT session_service.validate_user(token, ''192.0.2.1'') FROM regress_scan.mine'),
    ('validate_session_hash',
        'SELECT v.* FROM regress_scan.mine, session_service.validate_session_hash(mine.session_id, '
            'session_service.hash_token(token)) v'),
    ('validate_sessions', 'SELECT session_service.validate_sessions((SELECT array_agg(token) FROM regress_scan.mine))'),
    ('authenticate', 'SELECT a.* FROM regress_scan.mine, session_service.authenticate(token) a'),
    ('refresh_session',
        'SELECT r.* FROM regress_scan.mine, session_service.refresh_session(refresh_token, ''192.0.2.1'', ''agent'') r '
            'WHERE mine.token = (SELECT max(token) FROM regress_scan.mine)'),
    ('refresh_session, repeated',
        'SELECT r.* FROM regress_scan.mine, session_service.refresh_session(refresh_token) r '
            'WHERE mine.token = (SELECT max(token) FROM regress_scan.mine)'),
    ('refresh_session, reused', $$BEGIN; SET LOCAL session_service.refresh_grace = 0;
        SELECT r.* FROM regress_scan.mine, session_service.refresh_session(refresh_token) r
        WHERE mine.token = (SELECT max(token) FROM regress_scan.mine); COMMIT$$),
    ('reauthenticate_session',
        'SELECT r.* FROM regress_scan.mine, session_service.reauthenticate_session(token) r '
            'WHERE mine.token = (SELECT min(token) FROM regress_scan.mine)'),
    ('session_challenge',
        'SELECT session_service.session_challenge(token), session_service.session_challenge(refresh_token) '
            'FROM regress_scan.mine'),
    ('bind_session', 'SELECT b.* FROM regress_scan.mine, session_service.bind_session(token, ''a.b.c'') b'),
    ('validate_session_proof',
        'SELECT v.* FROM regress_scan.mine, session_service.validate_session_proof(token, ''a.b.c'', ''GET'', '
            '''https://example.com/'') v'),
    ('refresh_session, without a proof', $$BEGIN; SET LOCAL enable_seqscan = off;
    UPDATE session_service.sessions SET binding = 1, bound_key = '{}', challenge_key = ''
    WHERE id = (SELECT session_id FROM regress_scan.mine ORDER BY 1 LIMIT 1); SET LOCAL enable_seqscan = on;
        SELECT r.* FROM regress_scan.mine, session_service.refresh_session(refresh_token) r
        WHERE mine.session_id = (SELECT session_id FROM regress_scan.mine ORDER BY 1 LIMIT 1); ROLLBACK$$),
    ('rotate_session_token',
        'SELECT r.* FROM regress_scan.mine, session_service.rotate_session_token(token) r '
            'WHERE mine.token = (SELECT min(token) FROM regress_scan.mine)'),
    ('extend_session', 'SELECT session_service.extend_session(session_id) FROM regress_scan.mine'),
    ('introspect_token',
        'SELECT session_service.introspect_token(token), session_service.introspect_token(refresh_token) '
            'FROM regress_scan.mine'),
    ('mark_mfa_verified',
        'SELECT session_service.mark_mfa_verified(session_id), session_service.mark_mfa_verified_by_token(token), '
            'session_service.clear_mfa_verified(session_id) FROM regress_scan.mine'),
    ('set_session_scopes',
        'SELECT session_service.set_session_scopes(session_id, ''{a}''), '
            'session_service.set_session_metadata(session_id, ''{"a": 1}''), '
            'session_service.patch_session_metadata(session_id, ''{"b": 1}'') FROM regress_scan.mine'),
    ('touch_sessions',
        'SELECT session_service.touch_sessions((SELECT coalesce(array_agg(session_id), ''{}'') '
            'FROM regress_scan.mine))'),
    ('get_session',
        'SELECT g.*, u.* FROM regress_scan.mine, session_service.get_session(session_id) g, '
            'session_service.get_user_session(''00000000-0000-4000-9000-000000000007'', session_id) u'),
    ('list_user_sessions', 'SELECT session_service.list_user_sessions(''00000000-0000-4000-9000-000000000007'')'),
    ('list_user_sessions, inactive too',
        'SELECT session_service.list_user_sessions(''00000000-0000-4000-9000-000000000007'', '
            'include_inactive => true)'),
    ('list_mfa_verified_sessions',
        'SELECT session_service.list_mfa_verified_sessions(''00000000-0000-4000-9000-000000000007'')'),
    ('count_user_sessions', 'SELECT session_service.count_user_sessions(''00000000-0000-4000-9000-000000000007'')'),
    ('user_epoch', 'SELECT session_service.user_epoch(''00000000-0000-4000-9000-000000000007'')'),
    ('export_user', 'SELECT session_service.export_user(''00000000-0000-4000-9000-000000000007'')'),
    ('health', 'SELECT session_service.health()'),
    ('set_user_session_limit',
        'SELECT session_service.set_user_session_limit(''00000000-0000-4000-9000-000000000007'', 3)'),
    ('create_session, evicting', 'SELECT session_service.create_session(''00000000-0000-4000-9000-000000000007'')'),
    ('list_events',
        'SELECT session_service.list_events(''00000000-0000-4000-9000-000000000007''), '
            'session_service.list_events(''00000000-0000-4000-9000-000000000007'', '
            'clock_timestamp() - interval ''1 day'')'),
    ('list_events, a page in the midst',
        'SELECT session_service.list_events(''00000000-0000-4000-9000-000000000007'', NULL, 2, (SELECT id '
            'FROM session_service.list_events(''00000000-0000-4000-9000-000000000007'', NULL, 5) ORDER BY id '
            'LIMIT 1))'),
    ('list_all_events',
        'SELECT session_service.list_all_events(), session_service.list_all_events(clock_timestamp() - interval '
            '''1 day'', 10)'),
    ('list_all_events, a page in the midst', $$SELECT session_service.list_all_events(NULL, 10,
        (lpad(to_hex((extract(epoch FROM clock_timestamp() - interval '400 hours') * 1000)::bigint), 12, '0')
        || '70008000000000000000')::uuid)$$),
    ('list_user_devices', 'SELECT session_service.list_user_devices(''00000000-0000-4000-9000-000000000007'')'),
    ('trust_device', $$SELECT session_service.is_known_device('00000000-0000-4000-9000-000000000007', 'key1'),
        session_service.trust_device('00000000-0000-4000-9000-000000000007', device_id),
        session_service.is_trusted_device('00000000-0000-4000-9000-000000000007', 'key1'),
        session_service.untrust_device('00000000-0000-4000-9000-000000000007', device_id),
        session_service.untrust_all_devices('00000000-0000-4000-9000-000000000007'),
        session_service.rename_device('00000000-0000-4000-9000-000000000007', device_id, 'name')
        FROM regress_scan.mine$$),
    ('revoke_session', 'SELECT session_service.revoke_session(session_id) FROM regress_scan.mine'),
    ('revoke_user_session',
        'SELECT session_service.revoke_user_session(''00000000-0000-4000-9000-000000000007'', session_id), '
            'session_service.revoke_session_by_token(token) FROM regress_scan.mine'),
    ('revoke_device_sessions',
        'SELECT session_service.revoke_device_sessions(d.user_id, d.id) '
            'FROM session_service.list_user_devices(''00000000-0000-4000-9000-000000000008'') d'),
    ('forget_device',
        'SELECT session_service.forget_device(d.user_id, d.id) '
            'FROM session_service.list_user_devices(''00000000-0000-4000-9000-000000000009'') d'),
    ('revoke_all_user_sessions_except',
        'SELECT session_service.revoke_all_user_sessions_except(''00000000-0000-4000-9000-00000000000a'', '
            'gen_random_uuid())'),
    ('revoke_all_user_sessions',
        'SELECT session_service.revoke_all_user_sessions(''00000000-0000-4000-9000-00000000000b'')'),
    ('list_sessions of users',
        'SELECT session_service.list_sessions(user_ids => '
            '''{00000000-0000-4000-9000-000000000007,00000000-0000-4000-9000-000000000008}'', '
            'include_inactive => true)'),
    ('list_sessions, a page',
        'SELECT session_service.list_sessions(scope => ''read'', include_inactive => true, max_rows => 10), '
            'session_service.list_sessions(created_after => clock_timestamp() - interval ''10 minutes'')'),
    ('revoke_sessions',
        'SELECT session_service.revoke_sessions(user_ids => ''{00000000-0000-4000-9000-00000000000f}''), '
            'session_service.revoke_sessions(created_after => clock_timestamp() - interval ''10 minutes'', '
            'scope => ''none'')'),
    ('an identity provider''s',
        'SELECT session_service.create_session(''00000000-0000-4000-9000-000000000010'', external_id => ''external''); '
            'SELECT session_service.find_external_sessions(''external''); '
            'SELECT session_service.revoke_external_sessions(''external'')'),
    ('disable_user',
        'SELECT session_service.disable_user(''00000000-0000-4000-9000-000000000011''), '
            'session_service.is_user_disabled(''00000000-0000-4000-9000-000000000011''), '
            'session_service.enable_user(''00000000-0000-4000-9000-000000000011'')'),
    ('import_session',
        'SELECT session_service.import_session(session_service.hash_token(''imported''), '
            '''00000000-0000-4000-9000-00000000000c'', clock_timestamp() + interval ''1 day'', '
            'session_service.hash_token(''imported refresh''))'),
    ('an imported token',
        'SELECT session_service.validate_session(''imported''), session_service.refresh_session(''imported refresh'')'),
    ('cleanup_sessions', 'SELECT session_service.cleanup_sessions(batch_size => 100)'),
    ('cleanup_sessions of all that are over', 'SELECT session_service.cleanup_sessions(''0'', 100)'),
    ('delete_user',
        'SELECT session_service.delete_user(''00000000-0000-4000-9000-00000000000d''), '
            'session_service.delete_user(''00000000-0000-4000-9000-00000000000c'')');
INSERT INTO regress_scan.calls (name, statement, reads_all_sessions) VALUES
    ('count_active_sessions', 'SELECT session_service.count_active_sessions()', true),
    ('list_inactive_sessions', 'SELECT session_service.list_inactive_sessions(''10 years'')', true),
    ('revoke_inactive_sessions', 'SELECT session_service.revoke_inactive_sessions(''10 years'')', true);
-- These look at more rows than those of a user, two or three pages for each.
UPDATE regress_scan.calls SET index_pages = 200 WHERE name ~ 'delete_user|evicting';
-- These step over what was deleted and is still in the index.
UPDATE regress_scan.calls SET index_pages = 400 WHERE name = 'list_sessions, a page';
UPDATE regress_scan.calls SET index_pages = 2000 WHERE name ~ 'cleanup|health';
-- Every function that reads tables is among them.
SELECT proname FROM pg_proc p WHERE pronamespace = 'session_service'::regnamespace AND provolatile = 'v'
    AND proparallel = 'u' AND proname NOT IN ('grant_access', 'revoke_access', 'bind_identity')
    AND NOT EXISTS (SELECT FROM regress_scan.calls WHERE statement ~ ('session_service\.' || proname || '\('));

-- Some 100,000 sessions, 20,000 devices and 100,000 events of 10,000 users, as the functions leave them; each session
-- has an imported token.
CREATE PROCEDURE regress_scan.fill() LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO session_service.users (user_id, bucket, epoch)
    SELECT id, session_service.user_bucket(id), 1
    FROM (SELECT ('00000000-0000-4000-9000-' || lpad(to_hex(n), 12, '0'))::uuid AS id FROM generate_series(1, 24575) n
        WHERE n <= 10000 OR n % 4096 < 16) u;
    INSERT INTO session_service.devices (id, user_id, bucket, key_hash, first_seen_at, last_seen_at, purge_after,
        is_keyed, name, device_type)
    SELECT md5(u.user_id || n::text)::uuid, u.user_id, u.bucket, sha256((u.user_id || n::text)::bytea),
        now() - n * interval '40 days', now() - n * interval '30 days',
           date_trunc('day', now() - n * interval '20 days', 'UTC'), true, 'device ' || n, 'unknown'
    FROM session_service.users u, generate_series(1, 2) n;
    INSERT INTO session_service.sessions (id, user_id, device_id, bucket, token_hash, created_at, authenticated_at,
        last_activity_at, expires_at, idle_expires_at, refresh_expires_at, absolute_expires_at,
        purge_after, session_expiry, refresh_expiry, inactivity_timeout, secret_length, revoked_at, revoke_reason,
        scopes, metadata, refresh_hash, family_hash)
    SELECT (lpad(to_hex((extract(epoch FROM created) * 1000)::bigint), 12, '0') || '7'
        || lpad(to_hex(bucket::integer), 3, '0') || '8' || substr(md5(user_id || n::text), 1, 15))::uuid,
           user_id, md5(user_id || (1 + n % 2)::text)::uuid, bucket, sha256((user_id || n::text)::bytea), created,
           created, created, created + interval '720 hours', created + interval '168 hours',
           created + interval '2160 hours', created + interval '8760 hours',
           coalesce(revoked, date_trunc('day', created + interval '168 hours', 'UTC')), 2592000000000, 7776000000000,
           604800000000, 32,
           revoked, CASE WHEN revoked IS NOT NULL THEN 'User logout' END, '{read}', '{}',
           sha256(('r' || user_id || n::text)::bytea), sha256(('f' || user_id || n::text)::bytea)
    FROM (SELECT user_id, bucket, n, now() - n * interval '20 hours' AS created,
        CASE WHEN n % 3 = 0 THEN now() - n * interval '19 hours' END AS revoked
          FROM session_service.users, generate_series(1, 10) n) s;
    INSERT INTO session_service.imported_tokens (token_hash, session_id, bucket, is_refresh)
    SELECT sha256(('i' || id)::bytea), id, bucket, false FROM session_service.sessions;
    INSERT INTO session_service.events (id, at, user_id, session_id, device_id, bucket, kind, reason)
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(user_id || n::text), 1, 3) || '8' || substr(md5(user_id || n::text), 4, 15))::uuid,
           at, user_id, NULL, NULL, bucket, 'session.revoked', 'User logout'
    FROM (SELECT user_id, bucket, n, now() - n * interval '80 hours' AS at
        FROM session_service.users, generate_series(1, 10) n) e;
END $$;
CREATE PROCEDURE regress_scan.empty() LANGUAGE sql AS $$
    TRUNCATE session_service.users, session_service.devices, session_service.sessions, session_service.events,
    session_service.imported_tokens,
        session_service.external_sessions, regress_scan.mine
$$;
CREATE PROCEDURE regress_scan.delete_all() LANGUAGE sql AS $$
    DELETE FROM session_service.users;
    DELETE FROM session_service.devices;
    DELETE FROM session_service.sessions;
    DELETE FROM session_service.events;
    DELETE FROM session_service.imported_tokens;
$$;
CREATE VIEW regress_scan.counters AS
    SELECT c.relname, pg_stat_get_numscans(c.oid) AS seq_scan,
        pg_stat_get_tuples_returned(c.oid) + pg_stat_get_tuples_fetched(c.oid) +
        sum(pg_stat_get_tuples_fetched(indexrelid)) AS rows_read,
           sum(pg_stat_get_blocks_fetched(indexrelid)) AS index_pages
    FROM pg_class c JOIN pg_index ON indrelid = c.oid WHERE relnamespace = 'session_service'::regnamespace
    GROUP BY c.oid, c.relname;
-- The statements of one run, on users of its own: each call between two looks at the counters, which the server keeps
-- once a transaction is over.
CREATE FUNCTION regress_scan.run(number integer)
RETURNS TABLE (flushed text, before text, statement text, flushed_again text, after text) LANGUAGE sql AS $$
    SELECT 'SELECT pg_stat_force_next_flush()',
           format('INSERT INTO regress_scan.counted SELECT %s, relname, -seq_scan, -rows_read, -index_pages '
               'FROM regress_scan.counters', place),
           replace(replace(statement, '-9000-000000000', '-9000-00000000' || number), '''imported', '''imported '
               || number),
           'SELECT pg_stat_force_next_flush()',
           format('INSERT INTO regress_scan.counted SELECT %s, relname, seq_scan, rows_read, index_pages '
               'FROM regress_scan.counters', place)
    FROM regress_scan.calls ORDER BY place
$$;
-- What was read from end to end though it should not be, and how many calls there were.
CREATE FUNCTION regress_scan.verdict()
RETURNS TABLE (call text, relname name, scans numeric, rows_read numeric, index_pages numeric) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT name, c.relname, sum(c.seq_scan), sum(c.rows_read), sum(c.index_pages)
    FROM regress_scan.counted c JOIN regress_scan.calls ON calls.place = c.place
        GROUP BY calls.place, name, c.relname
        HAVING (sum(c.seq_scan) > 0 OR sum(c.rows_read) > 1000 OR sum(c.index_pages) > calls.index_pages)
            AND NOT (reads_all_sessions AND c.relname = 'sessions') ORDER BY 1, 2;
    RETURN QUERY SELECT 'calls', NULL::name, count(DISTINCT place)::numeric, NULL::numeric, NULL::numeric
    FROM regress_scan.counted;
    TRUNCATE regress_scan.counted;
END $$;

-- With plans that were made while the tables were empty, and known to be, and kept.
CALL regress_scan.empty();
VACUUM (ANALYZE) session_service.users, session_service.devices, session_service.sessions, session_service.events,
    session_service.imported_tokens;
ALTER TABLE session_service.users SET (autovacuum_enabled = off);
ALTER TABLE session_service.devices SET (autovacuum_enabled = off);
ALTER TABLE session_service.sessions SET (autovacuum_enabled = off);
ALTER TABLE session_service.events SET (autovacuum_enabled = off);
ALTER TABLE session_service.imported_tokens SET (autovacuum_enabled = off);
\set ECHO none
\o /dev/null
-- What makes rows comes last, but for the first call.
SELECT statement FROM regress_scan.run(0) WITH ORDINALITY ORDER BY ordinality <> 1, ordinality DESC \gexec
TRUNCATE regress_scan.mine;
SELECT * FROM regress_scan.run(0) \gexec
\o
\set ECHO all
-- TRUNCATE would have them made anew.
CALL regress_scan.delete_all();
TRUNCATE regress_scan.mine, regress_scan.counted;
CALL regress_scan.fill();
SELECT (SELECT count(*) FROM session_service.sessions) AS sessions,
    (SELECT count(*) FROM session_service.devices) AS devices, (SELECT count(*) FROM session_service.events) AS events,
    (SELECT count(*) FROM session_service.imported_tokens) AS imported_tokens;
\set number 0
\i :run_and_judge
-- In a new connection, without statistics.
\c -
SELECT relname FROM pg_class WHERE relnamespace = 'session_service'::regnamespace
    AND relname IN ('sessions', 'devices', 'events', 'imported_tokens') AND reltuples > 0;
TRUNCATE regress_scan.mine;
\set number 1
\i :run_and_judge
-- With statistics.
ANALYZE session_service.users, session_service.devices, session_service.sessions, session_service.events,
    session_service.imported_tokens;
\c -
TRUNCATE regress_scan.mine;
\set number 2
\i :run_and_judge
-- With plans that were made under a caller's settings that would have others.
\c -
TRUNCATE regress_scan.mine;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SET enable_nestloop = off;
SET plan_cache_mode = force_custom_plan;
SET random_page_cost = 100000;
SET seq_page_cost = 0;
SET cpu_tuple_cost = 0;
SET cpu_index_tuple_cost = 1000;
SET effective_cache_size = 1;
SET join_collapse_limit = 1;
SET jit_above_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
\set number 3
\i :run_and_judge
RESET ALL;
-- What was to be found was found.
SELECT count(*) AS active FROM session_service.list_user_sessions('00000000-0000-4000-9000-000000001ff7');
SELECT count(*) AS devices FROM session_service.list_user_devices('00000000-0000-4000-9000-000000001ff7');
SELECT count(*) AS events FROM session_service.list_events('00000000-0000-4000-9000-000000001ff7');
SELECT number, count(*) FROM generate_series(0, 3) number, session_service.users
WHERE user_id IN (('00000000-0000-4000-9000-00000000' || number || '00d')::uuid) GROUP BY 1;
SELECT count(*) FROM generate_series(0, 3) number,
    session_service.list_user_sessions(('00000000-0000-4000-9000-00000000' || number || '007')::uuid,
    include_inactive => true) WHERE device_name = 'name';
-- With statistics of tables that had pages and no rows: the planner takes them for empty, however many rows come.
CALL regress_scan.delete_all();
ANALYZE session_service.users, session_service.devices, session_service.sessions, session_service.events,
    session_service.imported_tokens;
CALL regress_scan.fill();
\c -
SELECT relname FROM pg_class WHERE relnamespace = 'session_service'::regnamespace
    AND relname IN ('sessions', 'devices', 'events', 'imported_tokens') AND reltuples = 0 AND relpages > 0 ORDER BY 1;
TRUNCATE regress_scan.mine;
\set number 4
\i :run_and_judge
-- The same with triggers, because of which all is done by statements.
CREATE FUNCTION regress_scan.pass() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END $$;
CREATE TRIGGER pass BEFORE INSERT OR UPDATE
    OR DELETE ON session_service.users FOR EACH ROW EXECUTE FUNCTION regress_scan.pass();
CREATE TRIGGER pass BEFORE INSERT OR UPDATE
    OR DELETE ON session_service.devices FOR EACH ROW EXECUTE FUNCTION regress_scan.pass();
CREATE TRIGGER pass BEFORE INSERT OR UPDATE
    OR DELETE ON session_service.sessions FOR EACH ROW EXECUTE FUNCTION regress_scan.pass();
CREATE TRIGGER pass BEFORE INSERT OR UPDATE
    OR DELETE ON session_service.events FOR EACH ROW EXECUTE FUNCTION regress_scan.pass();
TRUNCATE regress_scan.mine;
\set number 5
\i :run_and_judge
SELECT number, count(*) FROM generate_series(4, 5) number,
    session_service.list_user_sessions(('00000000-0000-4000-9000-00000000' || number || '007')::uuid,
    include_inactive => true) WHERE device_name = 'name' GROUP BY 1 ORDER BY 1;
DROP TRIGGER pass ON session_service.users;
DROP TRIGGER pass ON session_service.devices;
DROP TRIGGER pass ON session_service.sessions;
DROP TRIGGER pass ON session_service.events;
ALTER TABLE session_service.users RESET (autovacuum_enabled);
ALTER TABLE session_service.devices RESET (autovacuum_enabled);
ALTER TABLE session_service.sessions RESET (autovacuum_enabled);
ALTER TABLE session_service.events RESET (autovacuum_enabled);
ALTER TABLE session_service.imported_tokens RESET (autovacuum_enabled);
CALL regress_scan.empty();
SET client_min_messages = warning;
DROP SCHEMA regress_scan CASCADE;
