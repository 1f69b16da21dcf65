-- The limit of sessions a user may have, and who goes when it is reached.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

-- Signs alice in, at a place of her list of sessions.
CREATE TEMP TABLE signed_in (name text PRIMARY KEY, session_id uuid, token text, refresh_token text, device_id uuid,
    evicted uuid[]);
CREATE FUNCTION pg_temp.sign_in(name text, VARIADIC options text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    evicted text;
BEGIN
    EXECUTE
        format('INSERT INTO signed_in SELECT %L, c.session_id, c.token, c.refresh_token, c.device_id, '
            'c.evicted_session_ids
        FROM session_service.create_session(%L, device_name => %L %s) c',
        name, '00000000-0000-4000-8000-00000000000a', name, array_to_string(ARRAY[''] || options, ', '));
    SELECT string_agg(gone.name, ', ' ORDER BY place) INTO evicted
    FROM signed_in made, unnest(made.evicted) WITH ORDINALITY AS ids (id, place)
    JOIN signed_in gone ON gone.session_id = ids.id WHERE made.name = sign_in.name;
    RETURN coalesce('evicted: ' || evicted, 'nobody evicted');
END $$;
CREATE FUNCTION pg_temp.states() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', name, pg_temp.state(session_id)), ', ' ORDER BY name) FROM signed_in
$$;
-- Time since the last activity, of sessions that are active.
CREATE PROCEDURE pg_temp.was_active(session text, ago interval) LANGUAGE sql AS $$
    UPDATE session_service.sessions SET last_activity_at = clock_timestamp() - ago,
        idle_expires_at = clock_timestamp() - ago + interval '7 days'
    WHERE id = (SELECT session_id FROM signed_in WHERE name = session)
$$;
CREATE PROCEDURE pg_temp.start_over() LANGUAGE sql AS $$
    TRUNCATE signed_in, session_service.users, session_service.devices, session_service.sessions, session_service.events
$$;

-- the default: 10, the least recently active goes
SELECT i, pg_temp.sign_in('s' || i) FROM generate_series(1, 11) i;
SELECT count_user_sessions(:'alice');
CALL pg_temp.start_over();

-- evict_lru: by activity
SET session_service.max_per_user = 3;
SELECT pg_temp.sign_in('a'), pg_temp.sign_in('b'), pg_temp.sign_in('c');
CALL pg_temp.was_active('a', '1 hour');
CALL pg_temp.was_active('b', '3 hours');
CALL pg_temp.was_active('c', '2 hours');
SELECT user_epoch(:'alice') AS epoch \gset
SELECT pg_temp.sign_in('d');
SELECT pg_temp.states();
-- the evicted one is dead, both its tokens are, and the epoch tells
SELECT pg_temp.opens(token) AS token, pg_temp.opens(refresh_token) AS refresh_token FROM signed_in WHERE name = 'b';
SELECT user_epoch(:'alice') > :epoch AS raised;
SELECT kind, reason, session_id = (SELECT session_id FROM signed_in WHERE name = 'b') AS b FROM list_events(:'alice')
WHERE kind ~ '^session';
-- other users have limits of their own
SELECT cardinality(evicted_session_ids) AS evicted
FROM generate_series(1, 3) i, create_session(:'bob', metadata => to_jsonb(i));
SELECT count_user_sessions(:'alice') AS alice, count_user_sessions(:'bob') AS bob;

-- evict_oldest: by creation, whatever the activity
SET session_service.limit_policy = 'evict_oldest';
CALL pg_temp.start_over();
SELECT pg_temp.sign_in('a'), pg_temp.sign_in('b'), pg_temp.sign_in('c');
CALL pg_temp.was_active('b', '3 hours');
SELECT pg_temp.sign_in('d');
SELECT pg_temp.states();

-- reject: nobody goes, nobody comes
SET session_service.limit_policy = 'reject';
SELECT pg_temp.outcome($$SELECT session_service.create_session('00000000-0000-4000-8000-00000000000a',
    device_name => 'another')$$);
SELECT pg_temp.states();
SELECT count(*) FROM sessions WHERE user_id = :'alice';
SELECT count(*) FROM devices WHERE name = 'another';
-- until one is ended
SELECT revoke_session(session_id) FROM signed_in WHERE name = 'c';
SELECT pg_temp.sign_in('e');
SELECT pg_temp.outcome($$SELECT session_service.create_session('00000000-0000-4000-8000-00000000000a')$$) ~
    '^53400' AS full_again;

-- a limit that was lowered applies at the next sign-in, which may end several
SET session_service.limit_policy = 'evict_lru';
SET session_service.max_per_user = 5;
CALL pg_temp.start_over();
SELECT pg_temp.sign_in('a'), pg_temp.sign_in('b'), pg_temp.sign_in('c'), pg_temp.sign_in('d'), pg_temp.sign_in('e');
CALL pg_temp.was_active('a', '1 hour');
CALL pg_temp.was_active('b', '5 hours');
CALL pg_temp.was_active('c', '3 hours');
CALL pg_temp.was_active('d', '4 hours');
CALL pg_temp.was_active('e', '2 hours');
SET session_service.max_per_user = 2;
SELECT count_user_sessions(:'alice') AS until_then;
-- the least recently active first
SELECT pg_temp.sign_in('f');
SELECT count_user_sessions(:'alice');
-- where the policy rejects, a lowered limit ends nobody
SET session_service.limit_policy = 'reject';
SET session_service.max_per_user = 1;
SELECT pg_temp.outcome($$SELECT session_service.create_session('00000000-0000-4000-8000-00000000000a')$$) ~
    '^53400' AS rejected, count_user_sessions(:'alice');

-- 0: none
SET session_service.max_per_user = 0;
SELECT count(*), count(*) FILTER (WHERE evicted_session_ids <> '{}') AS evicting
FROM generate_series(1, 25) i, create_session(:'alice', metadata => to_jsonb(i));
SELECT count_user_sessions(:'alice');
-- 1: each sign-in ends the one before
SET session_service.limit_policy = 'evict_lru';
SET session_service.max_per_user = 1;
CALL pg_temp.start_over();
SELECT pg_temp.sign_in('a'), pg_temp.sign_in('b'), pg_temp.sign_in('c');

-- usable ones count: also those whose session token is over but that a refresh makes active
SET session_service.max_per_user = 2;
CALL pg_temp.start_over();
SELECT pg_temp.sign_in('expired', 'session_expiry => ''1 hour'''),
    pg_temp.sign_in('idle', 'inactivity_timeout => ''1 hour'''),
       pg_temp.sign_in('a');
CALL pg_temp.start_over();
SELECT pg_temp.sign_in('expired', 'session_expiry => ''1 hour''');
CALL pg_temp.time_passes('2 hours');
SELECT pg_temp.sign_in('a');
SELECT pg_temp.sign_in('b');
SELECT pg_temp.states();
-- but not the idle, the revoked, and those past both expiries
CALL pg_temp.start_over();
SET session_service.max_per_user = 4;
SELECT pg_temp.sign_in('gone for good', 'session_expiry => ''1 hour''', 'issue_refresh => false'),
    pg_temp.sign_in('idle', 'inactivity_timeout => ''1 hour'''),
       pg_temp.sign_in('revoked'), pg_temp.sign_in('refreshed');
SELECT revoke_session(session_id) FROM signed_in WHERE name = 'revoked';
CALL pg_temp.time_passes('2 hours');
SET session_service.max_per_user = 2;
SELECT pg_temp.sign_in('a');
SELECT pg_temp.sign_in('b');
SELECT pg_temp.states();
-- what a sign-in found over and did not count is not brought back, not even by a clock that goes backwards
UPDATE sessions SET expires_at = expires_at + interval '3 hours',
    idle_expires_at = idle_expires_at + interval '3 hours',
    refresh_expires_at = refresh_expires_at + interval '3 hours'
WHERE id IN (SELECT session_id FROM signed_in WHERE name IN ('gone for good', 'idle'));
SELECT name, count(r.session_id) AS refreshed, count(extend_session(signed_in.session_id)) AS extended
FROM signed_in LEFT JOIN refresh_session(refresh_token) r ON true WHERE name IN ('gone for good', 'idle') GROUP BY name
ORDER BY name;
-- the limit holds for refreshes: one that is expired still has its place
CALL pg_temp.start_over();
SET session_service.max_per_user = 1;
SELECT pg_temp.sign_in('expired', 'session_expiry => ''1 hour''');
CALL pg_temp.time_passes('2 hours');
SELECT pg_temp.sign_in('a');
SELECT count(*) AS refreshed FROM signed_in, refresh_session(refresh_token) WHERE name = 'expired';
SELECT count_user_sessions(:'alice');

-- a user's own limit, in place of the setting
CALL pg_temp.start_over();
SET session_service.max_per_user = 2;
SELECT set_user_session_limit(:'alice', 3);
SELECT pg_temp.sign_in('a'), pg_temp.sign_in('b'), pg_temp.sign_in('c'), pg_temp.sign_in('d');
-- lower than the setting
SELECT set_user_session_limit(:'alice', 1);
SELECT count_user_sessions(:'alice') AS until_then;
SELECT pg_temp.sign_in('e');
-- 0: none
SELECT set_user_session_limit(:'alice', 0);
SELECT pg_temp.sign_in('f'), pg_temp.sign_in('g'), pg_temp.sign_in('h');
-- NULL: back to the setting
SELECT set_user_session_limit(:'alice', NULL);
SELECT pg_temp.sign_in('i');
SELECT count_user_sessions(:'alice');
-- of a user who has not been seen yet; nobody else's
SELECT set_user_session_limit(:'bob', 1);
SELECT cardinality(evicted_session_ids) AS evicted
FROM generate_series(1, 3) i, create_session(:'bob', metadata => to_jsonb(i));
SELECT count_user_sessions(:'alice') AS alice, count_user_sessions(:'bob') AS bob;
SELECT set_user_session_limit(:'carol', NULL);
SELECT cardinality(evicted_session_ids) AS evicted
FROM generate_series(1, 3) i, create_session(:'carol', metadata => to_jsonb(i));
-- setting a limit ends nothing, and is undone with its transaction
SELECT user_epoch(:'alice') AS epoch \gset
BEGIN;
SELECT set_user_session_limit(:'alice', 1);
ROLLBACK;
SELECT max_sessions, epoch = :epoch AS same_epoch FROM users WHERE user_id = :'alice';
SELECT pg_temp.outcome('SELECT set_user_session_limit(NULL, 1)'),
    pg_temp.outcome($$SELECT set_user_session_limit('00000000-0000-4000-8000-00000000000a', -1)$$);

-- within REPEATABLE READ as well
CALL pg_temp.start_over();
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.sign_in('a'), pg_temp.sign_in('b'), pg_temp.sign_in('c');
COMMIT;
-- and where one statement signs in several times
SELECT cardinality(evicted_session_ids) AS evicted
FROM generate_series(1, 4) i, create_session(:'bob', metadata => to_jsonb(i));
SELECT count_user_sessions(:'bob');
