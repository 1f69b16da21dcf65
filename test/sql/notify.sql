-- What is sent with NOTIFY: a hint for each session that ended, once the transaction commits.
\getenv srcdir PG_ABS_SRCDIR
\getenv builddir PG_ABS_BUILDDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\set heard_file :builddir '/results/notify.heard'
\i :helpers
-- The client writes what it hears to a file, whose payloads become :heard, an array of JSON.
CREATE TEMP TABLE names (id uuid, name text);
CREATE FUNCTION pg_temp.told(payloads text)
RETURNS TABLE (event text, session text, "user" text, epoch_is_the_users boolean, keys text) LANGUAGE sql AS $$
    SELECT e ->> 'event', coalesce((SELECT name FROM names WHERE id = (e ->> 'session_id')::uuid), e ->> 'session_id'),
        right(e ->> 'user_id', 2),
           (e ->> 'epoch')::bigint = session_service.user_epoch((e ->> 'user_id')::uuid),
           (SELECT string_agg(key, ', ' ORDER BY key) FROM jsonb_object_keys(e) key)
    FROM jsonb_array_elements(('[' || payloads || ']')::jsonb) e ORDER BY 1, 2
$$;

SET session_service.max_per_user = 0;
SELECT * FROM create_session(:'alice', 'a') \gset a_
SELECT * FROM create_session(:'alice', 'b') \gset b_
SELECT * FROM create_session(:'alice', 'c') \gset c_
SELECT * FROM create_session(:'alice', 'd') \gset d_
SELECT * FROM create_session(:'bob', 'e') \gset e_
INSERT INTO names VALUES (:'a_session_id', 'a'), (:'b_session_id', 'b'), (:'c_session_id', 'c'), (:'d_session_id', 'd'),
    (:'e_session_id', 'e');
LISTEN session_service;
-- off by default
\o :heard_file
SELECT revoke_session(:'a_session_id');
\o
\set heard `sed -nE 's/.*with payload "(.*)" received.*/\1/p' :'heard_file' | paste -sd, -`
SELECT * FROM pg_temp.told(:'heard');
SET session_service.notify = on;
-- one session; nothing for what had ended before, nor for what is rolled back
\o :heard_file
SELECT revoke_session(:'a_session_id'), revoke_session(:'b_session_id', 'with a "quoted" reason');
BEGIN;
SELECT revoke_all_user_sessions(:'alice');
ROLLBACK;
\o
\set heard `sed -nE 's/.*with payload "(.*)" received.*/\1/p' :'heard_file' | paste -sd, -`
SELECT * FROM pg_temp.told(:'heard');
-- reuse
SET session_service.refresh_grace = 0;
\o :heard_file
SELECT count(*) FROM refresh_session(:'c_refresh_token');
SELECT count(*) FROM refresh_session(:'c_refresh_token');
\o
\set heard `sed -nE 's/.*with payload "(.*)" received.*/\1/p' :'heard_file' | paste -sd, -`
SELECT * FROM pg_temp.told(:'heard');
-- eviction
SET session_service.max_per_user = 1;
\o :heard_file
SELECT * FROM create_session(:'alice', 'f') \gset f_
\o
INSERT INTO names VALUES (:'f_session_id', 'f');
\set heard `sed -nE 's/.*with payload "(.*)" received.*/\1/p' :'heard_file' | paste -sd, -`
SELECT * FROM pg_temp.told(:'heard');
SET session_service.max_per_user = 0;
-- many at once, each; and one at a time by the other calls
SELECT * FROM create_session(:'alice', 'g') \gset g_
SELECT * FROM create_session(:'alice', 'h') \gset h_
INSERT INTO names VALUES (:'g_session_id', 'g'), (:'h_session_id', 'h');
\o :heard_file
SELECT revoke_all_user_sessions_except(:'alice', :'h_session_id');
\o
\set heard `sed -nE 's/.*with payload "(.*)" received.*/\1/p' :'heard_file' | paste -sd, -`
SELECT * FROM pg_temp.told(:'heard');
\o :heard_file
SELECT forget_device(:'alice', :'h_device_id');
\o
\set heard `sed -nE 's/.*with payload "(.*)" received.*/\1/p' :'heard_file' | paste -sd, -`
SELECT * FROM pg_temp.told(:'heard');
\o :heard_file
SELECT revoke_inactive_sessions('1 microsecond');
\o
\set heard `sed -nE 's/.*with payload "(.*)" received.*/\1/p' :'heard_file' | paste -sd, -`
SELECT * FROM pg_temp.told(:'heard');
SELECT * FROM create_session(:'bob', 'i') \gset i_
INSERT INTO names VALUES (:'i_session_id', 'i');
\o :heard_file
SELECT revoke_session_by_token(:'i_refresh_token');
\o
\set heard `sed -nE 's/.*with payload "(.*)" received.*/\1/p' :'heard_file' | paste -sd, -`
SELECT * FROM pg_temp.told(:'heard');
-- a user who is deleted is signed out; the epoch was that of the last moment
SELECT * FROM create_session(:'bob', 'j') \gset j_
INSERT INTO names VALUES (:'j_session_id', 'j');
SELECT user_epoch(:'bob') AS epoch \gset
\o :heard_file
SELECT delete_user(:'bob');
\o
\set heard `sed -nE 's/.*with payload "(.*)" received.*/\1/p' :'heard_file' | paste -sd, -`
SELECT event, session, "user", (:'heard'::jsonb ->> 'epoch')::bigint > :epoch AS raised FROM pg_temp.told(:'heard');
-- whatever the events that are recorded; nothing else is told of
SET session_service.event_log = none;
SELECT * FROM create_session(:'carol', 'k') \gset k_
INSERT INTO names VALUES (:'k_session_id', 'k');
\o :heard_file
SELECT mark_mfa_verified(:'k_session_id'), trust_device(:'carol', :'k_device_id'), extend_session(:'k_session_id'),
    count(*) FROM refresh_session(:'k_refresh_token'), create_session(:'carol', 'new');
SELECT revoke_user_session(:'carol', :'k_session_id');
\o
\set heard `sed -nE 's/.*with payload "(.*)" received.*/\1/p' :'heard_file' | paste -sd, -`
SELECT * FROM pg_temp.told(:'heard');
UNLISTEN *;
\! rm -f "$PG_ABS_BUILDDIR/results/notify.heard"
