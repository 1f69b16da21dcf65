-- A backend remembers where it found a session's row. Whatever becomes of the row and the table, what it answers is the
-- table's.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers
SET session_service.max_per_user = 0;

-- Sessions of one user, all of them found once.
CREATE TEMP TABLE held (n integer, session_id uuid, token text);
CREATE PROCEDURE pg_temp.sign_in(user_id uuid, times integer) LANGUAGE sql AS $$
    INSERT INTO held SELECT n, s.session_id, s.token FROM generate_series(1, times) n,
    LATERAL session_service.create_session($1, 'device ' || n) s;
    SELECT count(*) FROM held, session_service.validate_session(token);
$$;
-- How many are found, each as itself
CREATE FUNCTION pg_temp.found() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM held h, session_service.validate_session(h.token) v WHERE v.session_id = h.session_id
$$;

CALL pg_temp.sign_in(:'alice', 100);
SELECT pg_temp.found();

-- a new version in another page, which the index has
UPDATE sessions SET purge_after = purge_after - interval '1 day';
SELECT pg_temp.found();
VACUUM sessions;
SELECT pg_temp.found();
-- another file
VACUUM FULL sessions;
SELECT pg_temp.found();
CLUSTER sessions USING sessions_user;
SELECT pg_temp.found();
-- another index
BEGIN;
ALTER TABLE sessions DROP CONSTRAINT sessions_pkey;
ALTER TABLE sessions ADD CONSTRAINT sessions_pkey PRIMARY KEY (id, bucket);
SELECT pg_temp.found();
ROLLBACK;
SELECT pg_temp.found();
REINDEX INDEX sessions_pkey;
SELECT pg_temp.found();

-- the rows are gone
BEGIN;
DELETE FROM sessions WHERE id IN (SELECT session_id FROM held WHERE n % 2 = 0);
SELECT pg_temp.found();
ROLLBACK;
SELECT pg_temp.found();
SELECT delete_user(:'alice');
SELECT pg_temp.found();

-- and others are in their place
VACUUM sessions;
CREATE TEMP TABLE gone AS SELECT * FROM held;
TRUNCATE held;
CALL pg_temp.sign_in(:'bob', 100);
SELECT pg_temp.found(), (SELECT count(*) FROM gone, validate_session(token));
SELECT pg_temp.found();

-- the end of the table, where they were, is cut off
SELECT pg_relation_size('sessions') AS size \gset
DELETE FROM sessions WHERE ctid >= '(1,0)';
VACUUM (TRUNCATE) sessions;
SELECT pg_relation_size('sessions') < :size AS is_shorter, pg_temp.found() BETWEEN 1 AND 99 AS some;
SELECT pg_temp.found() = (SELECT count(*) FROM sessions) AS those_that_are_left;
TRUNCATE sessions;
SELECT pg_temp.found();

-- Ids that end alike are taken for one another, and the row tells them apart: with hashes, ids can be chosen.
SELECT * FROM create_session(:'carol') \gset
CREATE TEMP TABLE alike AS
    SELECT n, (lpad(to_hex(n), 8, '0') || substr(:'session_id', 9))::uuid AS id FROM generate_series(1, 3) n;
CREATE FUNCTION pg_temp.copy_session(source uuid, new_id uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    copied session_service.sessions;
BEGIN
    SELECT * INTO copied FROM session_service.sessions WHERE id = source;
    copied.id := new_id;
    copied.token_hash := session_service.hash_token(new_id::text);
    INSERT INTO session_service.sessions SELECT copied.*;
END $$;
SELECT count(pg_temp.copy_session(:'session_id', id)) FROM alike;
SELECT n, session_id = id AS itself FROM generate_series(1, 2), alike, validate_session_hash(id, hash_token(id::text))
ORDER BY n;
SELECT n, count(v.session_id) FROM alike LEFT JOIN validate_session_hash(id, hash_token(alike.n::text)) v ON true
GROUP BY n ORDER BY n;
SELECT session_id = :'session_id' AS itself FROM validate_session(:'token');

-- More than are remembered in one place: all are found all the same.
CREATE TEMP TABLE crowded AS SELECT n,
    (substr(:'session_id', 1, 21) || lpad(to_hex((('x' || substr(:'session_id', 22, 2))::bit(8)::integer + n) % 256), 2,
    '0') || substr(:'session_id', 24))::uuid AS id FROM generate_series(1, 40) n;
SELECT count(pg_temp.copy_session(:'session_id', id)) FROM crowded;
SELECT count(*) FROM generate_series(1, 3), crowded, validate_session_hash(id, hash_token(id::text))
WHERE session_id = id;

-- The tables are made anew.
DROP EXTENSION session_service;
CREATE EXTENSION session_service;
SELECT count(*) FROM validate_session(:'token');
SELECT * FROM create_session(:'alice') \gset
SELECT session_id = :'session_id' AS itself FROM generate_series(1, 2), validate_session(:'token');
