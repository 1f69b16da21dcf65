-- health(): how tables and maintenance are. (test/sql/seq_scan.sql has what it reads, test/t/worker.pl the worker.)
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

-- one row, in FROM and not
SELECT count(*) FROM health();
SELECT count(*) FROM (SELECT (health()).*) h WHERE sessions_size > 0;
-- without the preloaded library nothing is known of maintenance, whatever was done
SELECT cleanup_sessions('0');
SELECT last_cleanup_at, last_cleanup_rows, last_cleanup_duration, worker_running FROM health();

-- an estimate of the sessions: unknown before the first VACUUM or ANALYZE, and then as of that
BEGIN;
TRUNCATE sessions, events;
SELECT sessions, oldest_dead_session_at, oldest_event_at FROM health();
COMMIT;
SET session_service.max_per_user = 0;
SELECT count(*) FROM generate_series(1, 10) n, create_session(:'alice', 'device ' || n);
ANALYZE sessions;
SELECT sessions FROM health();

-- sizes: with indexes and TOAST, of every table that there is
SELECT h.sessions_size = pg_total_relation_size('sessions') AS of_sessions,
       h.total_size = (SELECT sum(pg_total_relation_size(objid)) FROM pg_depend JOIN pg_class c ON c.oid = objid
           WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension
               WHERE extname = 'session_service') AND deptype = 'e' AND classid = 'pg_class'::regclass
                   AND c.relkind = 'r') AS of_all
FROM health() h;

-- the oldest session that is over, by its end; not one that will be over today
SELECT oldest_dead_session_at FROM health();
UPDATE sessions SET purge_after = date_trunc('day', clock_timestamp(), 'UTC')
WHERE id = (SELECT id FROM sessions ORDER BY id LIMIT 1);
SELECT oldest_dead_session_at FROM health();
SELECT session_id AS revoked FROM create_session(:'alice') \gset
SELECT revoke_session(:'revoked');
SELECT oldest_dead_session_at = revoked_at AS revoked FROM health(), sessions WHERE id = :'revoked';
SELECT session_id AS idle FROM create_session(:'alice', inactivity_timeout => '1 hour') \gset
SELECT session_id AS expired FROM create_session(:'alice', session_expiry => '1 hour', issue_refresh => false) \gset
UPDATE sessions SET idle_expires_at = NULL WHERE id = :'expired';
UPDATE sessions SET expires_at = expires_at - interval '3 days', purge_after = purge_after - interval '3 days'
WHERE id = :'expired';
UPDATE sessions SET idle_expires_at = idle_expires_at - interval '2 days', purge_after = purge_after - interval '2 days'
WHERE id = :'idle';
SELECT oldest_dead_session_at = expires_at AS expired FROM health(), sessions WHERE id = :'expired';
DELETE FROM sessions WHERE id = :'expired';
SELECT oldest_dead_session_at = idle_expires_at AS idle FROM health(), sessions WHERE id = :'idle';
SELECT cleanup_sessions('0');
SELECT oldest_dead_session_at FROM health();
-- among many that are over
INSERT INTO sessions SELECT (s).* FROM (
    SELECT jsonb_populate_record(one.s, jsonb_build_object('id', gen_random_uuid(), 'revoked_at',
        now() - n * interval '1 hour', 'purge_after', now() - n * interval '1 hour')) AS s
    FROM (SELECT s FROM sessions s LIMIT 1) one, generate_series(1, 1000) n) made;
SELECT oldest_dead_session_at = min(revoked_at) AS oldest FROM health(), sessions GROUP BY oldest_dead_session_at;
-- the oldest event
SELECT oldest_event_at = (SELECT min(at) FROM events) AS oldest FROM health();
CALL pg_temp.time_passes('10 days');
SELECT pg_temp.is_in(oldest_event_at, '-10 days') AS oldest FROM health();

-- shares, as the server counted
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT hot_update_share IS NOT DISTINCT FROM n_tup_hot_upd::float8 / n_tup_upd AS hot,
    dead_row_share IS NOT DISTINCT FROM n_dead_tup::float8 / (n_live_tup + n_dead_tup) AS dead,
       n_tup_upd > 0 AS updated
FROM pg_stat_user_tables, health() WHERE relid = 'sessions'::regclass;
COMMIT;
-- unknown where nothing was counted
SELECT pg_stat_reset_single_table_counters('sessions'::regclass) \g /dev/null
SELECT hot_update_share, dead_row_share FROM health();

-- parts of a table count
BEGIN;
CREATE TABLE part () INHERITS (sessions);
INSERT INTO part SELECT * FROM ONLY sessions;
ANALYZE part;
SELECT h.sessions_size = pg_total_relation_size('sessions') + pg_total_relation_size('part') AS sizes,
    h.sessions >= (SELECT count(*) FROM part) AS rows FROM health() h;
ROLLBACK;

-- where nothing may be written
BEGIN READ ONLY;
SELECT count(*) FROM health();
COMMIT;
