-- Events: what is recorded of what happened, and how it is listed.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SET session_service.event_log = 'all';
SET session_service.refresh_grace = 0;
SET session_service.max_per_user = 2;
-- each kind, in the order in which things happened (they are listed latest first)
SELECT * FROM create_session(:'alice', 'laptop', NULL, '192.0.2.1') \gset a_
SELECT * FROM create_session(:'alice', 'phone', NULL, '192.0.2.2') \gset b_
SELECT * FROM create_session(:'alice', 'laptop', NULL, '192.0.2.3') \gset c_
SELECT refresh_token AS b_next FROM refresh_session(:'b_refresh_token', '192.0.2.4') \gset
SELECT token AS c_token FROM rotate_session_token(:'c_token') \gset
SELECT mark_mfa_verified(:'c_session_id', 'totp');
SELECT count(*) FROM refresh_session(:'b_refresh_token', '192.0.2.66');
SELECT revoke_session(:'c_session_id', 'bye');
CREATE TEMP TABLE names AS SELECT *
FROM (VALUES (:'a_session_id'::uuid, 'a'), (:'b_session_id', 'b'), (:'c_session_id', 'c')) named (id, name);
CREATE FUNCTION pg_temp.shown(kind text, session_id uuid, device_id uuid, ip_address inet, reason text, detail jsonb)
RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', kind, (SELECT name FROM names WHERE id = session_id),
        'on ' || (SELECT name FROM session_service.devices WHERE id = device_id), 'from ' || host(ip_address),
        'because: ' || reason, detail)
$$;
SELECT pg_temp.shown(kind, session_id, device_id, ip_address, reason, detail) FROM list_events(:'alice');
-- of that user, at that time; ids are unique and sort as the times do
SELECT count(*), count(DISTINCT id) AS ids, bool_and(user_id = :'alice') AS alice,
    bool_and(pg_temp.is_in(at, '0')) AS now,
       bool_and(place_by_id = place_by_time) AS ordered
FROM (SELECT *, rank() OVER (ORDER BY id::text) AS place_by_id,
    row_number() OVER (ORDER BY at, id::text) AS place_by_time FROM list_events(:'alice')) e;
-- also many in one transaction, in the order in which they were made
BEGIN;
SELECT count(*) FROM generate_series(1, 50) i, set_user_session_limit(:'carol', 0),
    create_session(:'carol', metadata => to_jsonb(i));
COMMIT;
SELECT count(*) FROM generate_series(1, 50) i, get_session(:'c_session_id') s,
LATERAL (SELECT mark_mfa_verified(c.session_id, i::text) FROM create_session(:'carol', metadata => to_jsonb(i)) c) m;
SELECT bool_and((detail ->> 'method')::integer = 51 - place) AS latest_first
FROM (SELECT detail, row_number() OVER () AS place FROM list_events(:'carol') WHERE kind = 'session.mfa_verified') e;
SELECT count(*) FILTER (WHERE kind = 'session.created') AS created,
    count(*) FILTER (WHERE kind = 'device.new') AS devices FROM list_events(:'carol', max_rows => 1000);

-- security is all but session.created, session.refreshed and session.rotated; none is none
CREATE FUNCTION pg_temp.kinds_under(level text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made record;
    evicted record;
    token text;
BEGIN
    TRUNCATE session_service.users, session_service.devices, session_service.sessions, session_service.events;
    PERFORM set_config('session_service.event_log', level, false);
    SELECT * INTO evicted FROM session_service.create_session('00000000-0000-4000-8000-00000000000a');
    PERFORM session_service.create_session('00000000-0000-4000-8000-00000000000a');
    SELECT * INTO made FROM session_service.create_session('00000000-0000-4000-8000-00000000000a');
    PERFORM session_service.mark_mfa_verified(made.session_id),
        session_service.trust_device('00000000-0000-4000-8000-00000000000a', made.device_id);
    SELECT r.token INTO token FROM session_service.refresh_session(made.refresh_token) r;
    PERFORM session_service.rotate_session_token(token);
    PERFORM session_service.refresh_session(made.refresh_token);
    PERFORM session_service.revoke_all_user_sessions('00000000-0000-4000-8000-00000000000a');
    PERFORM session_service.forget_device('00000000-0000-4000-8000-00000000000a', made.device_id);
    RETURN (SELECT string_agg(DISTINCT kind, ', ' ORDER BY kind) FROM session_service.list_all_events(NULL, 1000));
END $$;
SELECT level, pg_temp.kinds_under(level) FROM unnest('{all,security,none}'::text[]) level;
RESET session_service.event_log;
SHOW session_service.event_log;

-- a revocation of many tells of each
TRUNCATE users, devices, sessions, events;
SET session_service.max_per_user = 0;
SELECT count(*) FROM generate_series(1, 5) i, create_session(:'alice', 'd' || i);
SELECT * FROM create_session(:'bob') \gset bob_
SELECT revoke_all_user_sessions(:'alice', 'all');
SELECT count(*), count(DISTINCT session_id) AS sessions, count(DISTINCT device_id) AS devices FROM list_events(:'alice')
WHERE kind = 'session.revoked' AND reason = 'all';
-- each user's own; all users'
SELECT DISTINCT kind FROM list_events(:'bob');
SELECT count(*) FROM list_events(:'nobody');
SELECT user_id, count(*) FROM list_all_events() GROUP BY 1 ORDER BY 1;
SELECT bool_and(a = b) AS alike FROM list_events(:'bob') a JOIN list_all_events() b USING (id);
-- at most so many, 100 by default
SELECT count(*) FROM list_events(:'alice', max_rows => 3);
SELECT max(row_number) FROM (SELECT row_number() OVER () FROM list_events(:'alice', NULL, 3) l
    JOIN (SELECT id FROM events WHERE user_id = :'alice' ORDER BY id DESC LIMIT 3) latest USING (id)) e;
SELECT count(*) FROM generate_series(1, 120) i, create_session(:'alice', 'many' || i);
SELECT (SELECT count(*) FROM list_events(:'alice')) AS by_default,
    (SELECT count(*) FROM list_events(:'alice', NULL, NULL)) AS for_null,
    (SELECT count(*) FROM list_events(:'alice', NULL, 2147483647)) AS all_of_them,
       (SELECT count(*) FROM list_all_events()) AS of_all_users,
           (SELECT count(*) FROM list_all_events(NULL, 101)) AS one_more;
-- since a time, which is included
TRUNCATE users, devices, sessions, events;
SELECT * FROM create_session(:'alice', 'one') \gset
CALL pg_temp.time_passes('2 hours');
SELECT count(*) FROM create_session(:'alice', 'two');
CALL pg_temp.time_passes('1 hour');
SELECT count(*) FROM create_session(:'bob', 'three');
SELECT (SELECT count(*) FROM list_events(:'alice')) AS ever,
    (SELECT count(*) FROM list_events(:'alice', clock_timestamp() - interval '150 minutes')) AS since_two,
       (SELECT count(*) FROM list_events(:'alice', clock_timestamp() - interval '30 minutes')) AS later,
       (SELECT count(*) FROM list_all_events(clock_timestamp() - interval '30 minutes')) AS all_users,
           (SELECT count(*) FROM list_all_events(clock_timestamp() - interval '150 minutes')) AS all_users;
SELECT count(*) FROM (SELECT at FROM list_events(:'alice') ORDER BY at LIMIT 1) first, list_events(:'alice', at);
SELECT count(*) FROM (SELECT at FROM list_events(:'alice') ORDER BY at LIMIT 1) first,
    list_events(:'alice', at + interval '1 microsecond');
SELECT count(*) FROM list_events(:'alice', '-infinity');
SELECT count(*) FROM list_events(:'alice', 'infinity');
-- in pages: those before the last one of a page are the next page, until there are none; also where many are of one
-- millisecond, of several users
TRUNCATE users, devices, sessions, events;
SELECT count(*) FROM generate_series(1, 60) i, unnest(ARRAY[:'alice', :'bob', :'carol']::uuid[]) user_id,
    create_session(user_id, 'd' || i);
WITH numbered AS (SELECT id, row_number() OVER (ORDER BY id) / 70 AS part FROM events)
UPDATE events e SET id = overlay(e.id::text PLACING '01900000-000' || part FROM 1)::uuid,
    at = '2024-06-10 02:35:18.4+00'::timestamptz + part * interval '1 millisecond' FROM numbered n
WHERE n.id = e.id AND n.part < 2;
SELECT count(*) AS events, count(*) FILTER (WHERE at < '2024-06-11') AS of_two_milliseconds FROM events;
CREATE FUNCTION pg_temp.pages(user_id uuid, size integer) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    listed uuid[] := '{}';
    page uuid[];
BEGIN
    LOOP
        IF user_id IS NULL THEN
            page := ARRAY(SELECT id FROM session_service.list_all_events(NULL, size, listed[cardinality(listed)]));
        ELSE
            page := ARRAY(SELECT id FROM session_service.list_events(user_id, NULL, size, listed[cardinality(listed)]));
        END IF;
        listed := listed || page;
        IF cardinality(page) < size THEN
            RETURN listed;
        END IF;
    END LOOP;
END $$;
SELECT size, pg_temp.pages(:'alice', size) = (SELECT array_agg(id ORDER BY id DESC) FROM events
    WHERE user_id = :'alice') AS of_alice,
       pg_temp.pages(NULL, size) = (SELECT array_agg(id ORDER BY id DESC) FROM events) AS of_all
FROM unnest('{1,7,60,1000}'::integer[]) size;
-- before an event that is gone, one of another user's, one within a time; before the first one there is none
SELECT id AS fifth FROM list_events(:'alice', max_rows => 5) ORDER BY id LIMIT 1 \gset
SELECT array_agg(id) AS rest FROM list_events(:'alice', NULL, 10, :'fifth') \gset
DELETE FROM events WHERE id = :'fifth';
SELECT count(*), array_agg(id) = :'rest' AS the_same FROM list_events(:'alice', NULL, 10, :'fifth');
SELECT id AS of_bob FROM list_events(:'bob', max_rows => 5) ORDER BY id LIMIT 1 \gset
SELECT count(*) > 0 AS some, bool_and(id < :'of_bob') AS older, bool_and(user_id = :'alice') AS alice
FROM list_events(:'alice', NULL, 1000, :'of_bob');
SELECT id AS of_carol FROM list_events(:'carol', max_rows => 5) ORDER BY id LIMIT 1 \gset
SELECT count(*) > 0 AS some, bool_and(id < :'of_carol' AND at >= '2024-06-11') AS within
FROM list_all_events('2024-06-11', 1000, :'of_carol');
SELECT count(*) FROM list_all_events(before => (SELECT id FROM events ORDER BY id LIMIT 1));
-- arguments
SELECT pg_temp.outcome('SELECT list_events(NULL)'), pg_temp.outcome('SELECT list_all_events(max_rows => 0)'),
    pg_temp.outcome('SELECT list_all_events(max_rows => -1)');

-- written in the transaction that they tell of
SELECT session_id FROM create_session(:'alice', 'one') \gset
BEGIN;
SELECT revoke_session(:'session_id');
SELECT kind FROM list_events(:'alice', max_rows => 1);
ROLLBACK;
SELECT kind FROM list_events(:'alice', max_rows => 1);
