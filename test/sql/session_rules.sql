-- The rules of a session's life are written in C++ for one row and in SQL for sets. Here both judge the same rows, made
-- at random: which are active, usable, revocable and over.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers
SET session_service.touch_interval = '1d';
SET session_service.max_per_user = 0;
SELECT setseed(0.25) \gset

-- A time far enough from now that no call's duration matters, or none at all
CREATE FUNCTION pg_temp.random_time(null_share double precision) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < null_share THEN NULL
                WHEN random() < 0.05 THEN 'infinity'::timestamptz
                ELSE clock_timestamp() + CASE WHEN random() < 0.4 THEN -1
                    ELSE 1 END * make_interval(mins => 20 + (random() * 20000)::int)
           END
$$;

-- Each session has a user of its own, whom the functions for sets are asked about.
CREATE TEMP TABLE held AS
    SELECT n, u.user_id, s.session_id, s.token, s.refresh_token
    FROM generate_series(1, 1000) n, LATERAL (SELECT gen_random_uuid() AS user_id, n AS same) u,
        session_service.create_session(u.user_id) s;
UPDATE sessions SET
    expires_at = coalesce(pg_temp.random_time(0), 'infinity'), refresh_expires_at = pg_temp.random_time(0.2),
    idle_expires_at = pg_temp.random_time(0.3), absolute_expires_at = pg_temp.random_time(0.5),
    revoked_at = CASE WHEN random() < 0.2 THEN clock_timestamp() - make_interval(mins => (random() * 5000)::int) END,
    is_closed = random() < 0.15;
UPDATE sessions SET purge_after = coalesce(revoked_at,
    date_trunc('day', least(idle_expires_at, greatest(expires_at, refresh_expires_at)), 'UTC'));

-- Runs a call, undoes it, and tells what it answered
CREATE FUNCTION pg_temp.would(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE call INTO answer;
    RAISE EXCEPTION USING ERRCODE = 'UNDO0', MESSAGE = coalesce(answer, 'null');
EXCEPTION
    WHEN SQLSTATE 'UNDO0' THEN RETURN SQLERRM;
    WHEN OTHERS THEN RETURN SQLSTATE;
END $$;

CREATE TEMP TABLE judged AS
SELECT h.n,
    EXISTS (SELECT 1 FROM session_service.validate_session(h.token)) AS active_row,
    EXISTS (SELECT 1 FROM session_service.list_user_sessions(h.user_id)) AS active_set,
    session_service.count_user_sessions(h.user_id) = 1 AS active_count,
    (SELECT is_active FROM session_service.get_session(h.session_id)) AS active_shown,
    (SELECT status = 'active' FROM session_service.get_session(h.session_id)) AS active_status,
    pg_temp.would(format('SELECT session_service.revoke_session(%L)', h.session_id)) = 'true' AS revocable_row,
    pg_temp.would(format('SELECT session_service.revoke_all_user_sessions(%L)', h.user_id)) = '1' AS revocable_set
FROM held h;
SELECT count(*) FILTER (WHERE active_row) > 100 AS some_active,
    count(*) FILTER (WHERE NOT active_row) > 100 AS some_not,
    count(*) FILTER (WHERE revocable_row AND NOT active_row) > 50 AS some_revocable_only
FROM judged;
SELECT * FROM judged
WHERE NOT (active_row = active_set AND active_row = active_count AND active_row = active_shown
    AND active_row = active_status)
   OR revocable_row <> revocable_set;

-- Usable: in C++ a sign-in counts it, in SQL it closes what it does not count.
SET session_service.max_per_user = 1;
CREATE FUNCTION pg_temp.closed_by_sign_in(user_id uuid, session_id uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM session_service.create_session(user_id);
    RAISE EXCEPTION USING ERRCODE = 'UNDO0', MESSAGE = (SELECT s.is_closed FROM session_service.sessions s
        WHERE s.id = session_id)::text;
EXCEPTION
    WHEN SQLSTATE 'UNDO0' THEN RETURN SQLERRM;
    WHEN SQLSTATE '53400' THEN RETURN 'usable';
END $$;
SET session_service.limit_policy = 'reject';
CREATE TEMP TABLE counted AS
SELECT h.n, s.is_closed, s.revoked_at IS NOT NULL AS is_revoked,
    pg_temp.closed_by_sign_in(h.user_id, h.session_id) AS found
FROM held h JOIN sessions s ON s.id = h.session_id;
-- What is revoked is not looked at; everything else is counted or closed.
SELECT is_revoked, is_closed, found, count(*) > 10 AS some FROM counted GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
RESET session_service.limit_policy;

-- Over: the direct engine asks the rule in C++, the statement's condition finds the rows for it.
CREATE FUNCTION pg_temp.left_by_cleanup(engine text) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
    kept uuid[];
BEGIN
    PERFORM set_config('session_service.engine', engine, true)
    WHERE current_setting('session_service.engine', true) IS NOT NULL;
    PERFORM session_service.cleanup_sessions('0');
    RAISE EXCEPTION USING ERRCODE = 'UNDO0', MESSAGE = (SELECT array_agg(id) FROM session_service.sessions)::text;
EXCEPTION
    WHEN SQLSTATE 'UNDO0' THEN RETURN QUERY SELECT unnest(SQLERRM::uuid[]);
END $$;
CREATE TEMP TABLE kept AS SELECT 'auto' AS engine, id FROM pg_temp.left_by_cleanup('auto') id;
INSERT INTO kept SELECT 'statement', id FROM pg_temp.left_by_cleanup('statement') id;
SELECT count(*) FILTER (WHERE engine = 'auto') BETWEEN 100 AND 900 AS some FROM kept;
SELECT count(*) FROM (SELECT id FROM kept GROUP BY id HAVING count(*) <> 2) AS differing;
-- and what is kept is what would be revocable and not idle, by the rules of the row
SELECT count(*) FROM judged j JOIN held h USING (n) JOIN sessions s ON s.id = h.session_id
WHERE (s.id IN (SELECT id FROM kept)) <> (j.revocable_row
    AND (s.idle_expires_at IS NULL OR s.idle_expires_at > clock_timestamp()));
