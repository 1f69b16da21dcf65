-- Validation: who is let in, and how activity is recorded.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SELECT * FROM create_session(:'alice', 'laptop', NULL, '192.0.2.1', '{read}', NULL, '{"plan": "gold"}') \gset
-- a valid token gives one row
SELECT session_id = :'session_id' AS session_id, user_id = :'alice' AS user_id, device_id = :'device_id' AS device_id,
    scopes, metadata, mfa_verified,
       created_at = last_activity_at AS times, v.expires_at = :'expires_at' AS expires_at
FROM validate_session(:'token') v;
SELECT count(*) FROM validate_session(:'token', '192.0.2.1');
-- anything else none: no refresh token opens a session
SELECT count(*) FROM validate_session(NULL);
SELECT count(*) FROM validate_session('');
SELECT count(*) FROM validate_session('nonsense', '192.0.2.1');
SELECT count(*) FROM validate_session(:'refresh_token');
-- what was set since is told
SELECT set_session_scopes(:'session_id', '{write}'), set_session_metadata(:'session_id', '{"plan": "silver"}'),
    mark_mfa_verified(:'session_id');
SELECT scopes, metadata, mfa_verified FROM validate_session(:'token');

-- by the hash, for a caller that keeps the token out of the server
SELECT count(*), bool_and(session_id = :'session_id' AND user_id = :'alice' AND mfa_verified
    AND scopes = '{write}') AS same
FROM validate_session_hash(:'session_id', hash_token(:'token'));
SELECT count(*) FROM validate_session_hash(:'session_id', hash_token(:'token'), '192.0.2.1');
SELECT count(*) FROM validate_session_hash(:'session_id', hash_token(:'refresh_token'));
SELECT count(*) FROM validate_session_hash(:'session_id', hash_token(:'token' || 'x'));
SELECT count(*) FROM validate_session_hash(:'session_id', NULL);
SELECT count(*) FROM validate_session_hash(:'nobody', hash_token(:'token'));
SELECT pg_temp.outcome('SELECT validate_session_hash(NULL, hash_token(''x''))');

-- many at once: a row for each valid one, with its place
SELECT * FROM create_session(:'bob') \gset bob_
SELECT token_index, session_id = :'session_id' AS alice, session_id = :'bob_session_id' AS bob, user_id, scopes,
    metadata, mfa_verified,
       created_at IS NOT NULL AND last_activity_at IS NOT NULL AND expires_at IS NOT NULL
       AND device_id IS NOT NULL AS complete
FROM validate_sessions(ARRAY[NULL, :'bob_token', 'nonsense', '', :'token', :'refresh_token', :'bob_token']);
-- more than are read ahead, in their order, with all that is refused in between
SELECT import_session(hash_token('from elsewhere'), :'alice', now() + interval '1 hour') AS imported_id \gset
SELECT * FROM create_session(:'bob') \gset over_
SELECT revoke_session(:'over_session_id');
SELECT row_number() OVER () AS row, token_index, session_id = CASE token_index % 10 WHEN 2 THEN :'session_id'::uuid
    WHEN 7 THEN :'imported_id'::uuid ELSE :'bob_session_id'::uuid END AS itself
FROM validate_sessions((SELECT array_agg(CASE n % 10
        WHEN 0 THEN :'over_token' WHEN 1 THEN NULL WHEN 2 THEN :'token' WHEN 3 THEN 'nonsense'
            WHEN 5 THEN :'refresh_token'
        WHEN 7 THEN 'from elsewhere' WHEN 8 THEN :'over_token' WHEN 9 THEN '' ELSE :'bob_token' END ORDER BY n)
            FROM generate_series(1, 37) n));
SELECT count(*) FROM validate_sessions(NULL);
SELECT count(*) FROM validate_sessions('{}');
SELECT count(*) FROM validate_sessions('{NULL,x}');

-- valid means active: not expired
SELECT * FROM create_session(:'bob', session_expiry => '1 hour') \gset short_
CALL pg_temp.time_passes('59 minutes');
SELECT count(*) FROM validate_session(:'short_token');
CALL pg_temp.time_passes('2 minutes');
SELECT count(*) FROM validate_session(:'short_token');
SELECT count(*) FROM validate_session_hash(:'short_session_id', hash_token(:'short_token'));
SELECT count(*) FROM validate_sessions(ARRAY[:'short_token']);
SELECT pg_temp.state(:'short_session_id');
-- not idle
SELECT * FROM create_session(:'bob', inactivity_timeout => '1 hour') \gset idle_
CALL pg_temp.time_passes('59 minutes');
SELECT count(*) FROM validate_session(:'idle_token');
CALL pg_temp.time_passes('59 minutes');
SELECT count(*) FROM validate_session(:'idle_token');
CALL pg_temp.time_passes('61 minutes');
SELECT count(*) FROM validate_session(:'idle_token');
SELECT count(*) FROM validate_session_hash(:'idle_session_id', hash_token(:'idle_token'));
SELECT pg_temp.state(:'idle_session_id');
-- not revoked, which is seen within the transaction as well
BEGIN;
SELECT count(*) FROM validate_session(:'token');
SELECT revoke_session(:'session_id');
SELECT count(*) FROM validate_session(:'token');
ROLLBACK;
SELECT count(*) FROM validate_session(:'token');
SELECT revoke_session(:'session_id');
SELECT count(*) FROM validate_session(:'token');
SELECT count(*) FROM validate_session_hash(:'session_id', hash_token(:'token'));
SELECT count(*) FROM validate_sessions(ARRAY[:'token']);
-- now is the wall clock, also within a transaction that began before
BEGIN;
SELECT * FROM create_session(:'carol', session_expiry => '100 milliseconds') \gset brief_
SELECT pg_sleep(0.11);
SELECT count(*) FROM validate_session(:'brief_token');
COMMIT;

-- Activity. What is stored of it:
SET session_service.touch_interval = '1h';
CREATE FUNCTION pg_temp.activity(id uuid) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s minutes ago from %s, idle in %s',
        round(extract(epoch FROM clock_timestamp() - last_activity_at) / 60), ip_address,
                  coalesce(idle_expires_at - last_activity_at, '0'))
    FROM session_service.sessions WHERE sessions.id = activity.id
$$;
SELECT * FROM create_session(:'alice', 'laptop', ip_address => '192.0.2.1') \gset
-- not more than once in the interval, whatever the address
CALL pg_temp.time_passes('59 minutes');
SELECT count(*) FROM validate_session(:'token', '192.0.2.2');
SELECT pg_temp.activity(:'session_id');
-- then with the address; the call's own row shows what was stored before
CALL pg_temp.time_passes('2 minutes');
SELECT pg_temp.is_in(last_activity_at, '-61 minutes') AS stored_before FROM validate_session(:'token', '192.0.2.2');
SELECT pg_temp.activity(:'session_id');
SELECT pg_temp.is_in(last_activity_at, '0') AS now FROM validate_session(:'token', '192.0.2.3');
SELECT pg_temp.activity(:'session_id');
-- without an address the last one stays
CALL pg_temp.time_passes('61 minutes');
SELECT count(*) FROM validate_session(:'token');
SELECT pg_temp.activity(:'session_id');
-- the other forms record it too
CALL pg_temp.time_passes('61 minutes');
SELECT count(*) FROM validate_session_hash(:'session_id', hash_token(:'token'), '192.0.2.4');
SELECT pg_temp.activity(:'session_id');
CALL pg_temp.time_passes('61 minutes');
SELECT count(*) FROM validate_sessions(ARRAY[:'token']);
SELECT pg_temp.activity(:'session_id');
-- a wrong token is no activity
CALL pg_temp.time_passes('61 minutes');
SELECT count(*) FROM validate_session_hash(:'session_id', hash_token('wrong'), '192.0.2.9');
SELECT count(*) FROM validate_session(:'refresh_token', '192.0.2.9');
SELECT pg_temp.activity(:'session_id');
-- 0: at each validation
SET session_service.touch_interval = 0;
SELECT count(*) FROM validate_session(:'token', '192.0.2.5');
SELECT pg_temp.activity(:'session_id');
SELECT count(*) FROM validate_session(:'token', '192.0.2.6');
SELECT pg_temp.activity(:'session_id');
SET session_service.touch_interval = '1h';
-- a tenth of the session's inactivity timeout where that is shorter, so that a session in use never idles out
SELECT * FROM create_session(:'bob', ip_address => '192.0.2.1', inactivity_timeout => '100 minutes') \gset quick_
CALL pg_temp.time_passes('9 minutes');
SELECT count(*) FROM validate_session(:'quick_token', '192.0.2.2');
SELECT pg_temp.activity(:'quick_session_id');
CALL pg_temp.time_passes('2 minutes');
SELECT count(*) FROM validate_session(:'quick_token', '192.0.2.2');
SELECT pg_temp.activity(:'quick_session_id');
-- without a timeout there is no tenth
SET session_service.inactivity_timeout = 0;
SELECT * FROM create_session(:'bob', ip_address => '192.0.2.1') \gset endless_
RESET session_service.inactivity_timeout;
CALL pg_temp.time_passes('59 minutes');
SELECT count(*) FROM validate_session(:'endless_token', '192.0.2.2');
SELECT pg_temp.activity(:'endless_session_id');
CALL pg_temp.time_passes('2 minutes');
SELECT count(*) FROM validate_session(:'endless_token', '192.0.2.2');
SELECT pg_temp.activity(:'endless_session_id');

-- It is noted by the call, and written as the transaction commits.
CALL pg_temp.time_passes('61 minutes');
BEGIN;
SELECT count(*) FROM validate_session(:'token', '192.0.2.11');
SELECT pg_temp.activity(:'session_id');
SELECT xmax = 0 AS not_locked FROM sessions WHERE id = :'session_id';
SELECT pg_current_xact_id_if_assigned() IS NULL AS nothing_written;
COMMIT;
SELECT pg_temp.activity(:'session_id');
-- however often it is validated in a transaction, it is written once
SELECT pg_stat_force_next_flush();
SELECT n_tup_upd AS before FROM pg_stat_user_tables WHERE relid = 'sessions'::regclass \gset
SET session_service.touch_interval = 0;
BEGIN;
SELECT count(*) FROM generate_series(1, 100) i, validate_session(:'token', '192.0.2.11');
SELECT count(*) FROM validate_sessions(array_fill(:'token'::text, '{100}'));
SELECT count(*) FROM validate_session_hash(:'session_id', hash_token(:'token'));
COMMIT;
SET session_service.touch_interval = '1h';
SELECT pg_stat_force_next_flush();
SELECT n_tup_upd - :before AS written FROM pg_stat_user_tables WHERE relid = 'sessions'::regclass;
-- several sessions in one transaction; the last address of each
CALL pg_temp.time_passes('61 minutes');
BEGIN;
SELECT count(*) FROM validate_session(:'token', '192.0.2.12');
SELECT count(*) FROM validate_session(:'endless_token', '192.0.2.12');
SELECT count(*) FROM validate_session(:'token', '2001:db8::12');
SELECT count(*) FROM validate_session(:'endless_token');
COMMIT;
SELECT pg_temp.activity(:'session_id'), pg_temp.activity(:'endless_session_id');
-- not if it rolls back
CALL pg_temp.time_passes('61 minutes');
BEGIN;
SELECT count(*) FROM validate_session(:'token', '192.0.2.13');
ROLLBACK;
SELECT pg_temp.activity(:'session_id');
-- nor what was noted since a savepoint that is rolled back
BEGIN;
SAVEPOINT one;
SELECT count(*) FROM validate_session(:'token', '192.0.2.14');
ROLLBACK TO one;
COMMIT;
SELECT pg_temp.activity(:'session_id');
BEGIN;
SAVEPOINT one;
SAVEPOINT two;
SELECT count(*) FROM validate_session(:'token', '192.0.2.14');
RELEASE two;
ROLLBACK TO one;
COMMIT;
SELECT pg_temp.activity(:'session_id');
CREATE FUNCTION pg_temp.validates_and_fails(token text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    BEGIN
        SELECT count(*) INTO found FROM session_service.validate_session(token, '192.0.2.14');
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
        RETURN found;
    END;
END $$;
SELECT pg_temp.validates_and_fails(:'token');
SELECT pg_temp.activity(:'session_id');
-- a savepoint that is released keeps it, and so does one that only others are rolled back to
BEGIN;
SAVEPOINT one;
SELECT count(*) FROM validate_session(:'token', '192.0.2.15');
RELEASE one;
SAVEPOINT two;
SELECT count(*) FROM validate_session(:'endless_token', '192.0.2.15');
ROLLBACK TO two;
COMMIT;
SELECT pg_temp.activity(:'session_id'), pg_temp.activity(:'endless_session_id');
-- noted again after the rollback
CALL pg_temp.time_passes('61 minutes');
BEGIN;
SAVEPOINT one;
SELECT count(*) FROM validate_session(:'token', '192.0.2.16');
ROLLBACK TO one;
SELECT count(*) FROM validate_session(:'token', '192.0.2.17');
COMMIT;
SELECT pg_temp.activity(:'session_id');
-- noted before the savepoint, and again in it: what was noted before stays
CALL pg_temp.time_passes('61 minutes');
BEGIN;
SELECT count(*) FROM validate_session(:'token', '192.0.2.18');
SAVEPOINT one;
SELECT count(*) FROM validate_session(:'token', '192.0.2.19');
ROLLBACK TO one;
COMMIT;
SELECT pg_temp.activity(:'session_id');
-- what a savepoint that is released noted replaces it; an address is kept where none was given later
CALL pg_temp.time_passes('61 minutes');
BEGIN;
SELECT count(*) FROM validate_session(:'token', '192.0.2.18');
SAVEPOINT one;
SELECT count(*) FROM validate_session(:'token', '192.0.2.19');
SAVEPOINT two;
SELECT count(*) FROM validate_session(:'token');
RELEASE two;
RELEASE one;
COMMIT;
SELECT pg_temp.activity(:'session_id');
-- a session that was revoked after it was noted stays as it is
CALL pg_temp.time_passes('61 minutes');
SELECT * FROM create_session(:'carol', ip_address => '192.0.2.1') \gset ended_
CALL pg_temp.time_passes('61 minutes');
BEGIN;
SELECT count(*) FROM validate_session(:'ended_token', '192.0.2.2');
SELECT revoke_session(:'ended_session_id');
COMMIT;
SELECT pg_temp.activity(:'ended_session_id'), pg_temp.state(:'ended_session_id');
-- other writes of the transaction to the session are kept
BEGIN;
SELECT count(*) FROM validate_session(:'token', '192.0.2.20');
SELECT set_session_scopes(:'session_id', '{changed}');
COMMIT;
SELECT pg_temp.activity(:'session_id');
SELECT scopes FROM get_session(:'session_id');
-- and the transaction may delete it
SELECT count(*) FROM validate_session(:'quick_token');
BEGIN;
SELECT count(*) FROM validate_session(:'endless_token');
SELECT delete_user(:'bob') > 0 AS deleted;
COMMIT;
SELECT count(*) FROM list_user_sessions(:'bob', include_inactive => true);

-- It is left out in a read-only transaction and in SERIALIZABLE, but not in REPEATABLE READ.
CALL pg_temp.time_passes('61 minutes');
BEGIN READ ONLY;
SELECT count(*) FROM validate_session(:'token', '192.0.2.21');
SELECT count(*) FROM validate_session_hash(:'session_id', hash_token(:'token'), '192.0.2.21');
SELECT count(*) FROM validate_sessions(ARRAY[:'token']);
COMMIT;
SELECT pg_temp.activity(:'session_id');
BEGIN;
SELECT count(*) FROM validate_session(:'token', '192.0.2.22');
SET TRANSACTION READ ONLY;
COMMIT;
SELECT pg_temp.activity(:'session_id');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM validate_session(:'token', '192.0.2.23');
COMMIT;
SELECT pg_temp.activity(:'session_id');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM validate_session(:'token', '192.0.2.25');
SELECT pg_temp.activity(:'session_id');
COMMIT;
SELECT pg_temp.activity(:'session_id');
-- a later transaction does not find what an earlier one noted
CALL pg_temp.time_passes('61 minutes');
BEGIN;
SELECT count(*) FROM validate_session(:'token', '192.0.2.26');
ROLLBACK;
BEGIN;
SELECT count(*) FROM validate_session('other');
COMMIT;
SELECT pg_temp.activity(:'session_id');

-- Activity of sessions that were validated on a standby is recorded on the primary.
SELECT * FROM create_session(:'bob', ip_address => '192.0.2.1') \gset
SELECT * FROM create_session(:'bob', 'other', ip_address => '192.0.2.1') \gset other_
SELECT * FROM create_session(:'bob', 'revoked') \gset revoked_
SELECT revoke_session(:'revoked_session_id');
SELECT * FROM create_session(:'bob', 'expired', session_expiry => '1 minute') \gset expired_
CALL pg_temp.time_passes('61 minutes');
SELECT touch_sessions(ARRAY[:'session_id', NULL, :'nobody', :'revoked_session_id', :'expired_session_id',
    :'other_session_id']::uuid[]);
SELECT pg_temp.activity(:'session_id'), pg_temp.activity(:'other_session_id'), pg_temp.activity(:'revoked_session_id'),
    pg_temp.activity(:'expired_session_id');
SELECT touch_sessions('{}');
SELECT pg_temp.outcome('SELECT touch_sessions(NULL)');
-- and rolled back with its transaction
CALL pg_temp.time_passes('61 minutes');
BEGIN;
SELECT touch_sessions(ARRAY[:'session_id']::uuid[]);
SELECT pg_temp.activity(:'session_id');
ROLLBACK;
SELECT pg_temp.activity(:'session_id');

-- Sliding expiry: with less than half of its expiry left, a session in use is extended.
SET session_service.sliding_expiry = on;
SET session_service.session_expiry = '10h';
SET session_service.absolute_timeout = '20h';
SELECT * FROM create_session(:'alice') \gset
CREATE FUNCTION pg_temp.hours_left(id uuid) RETURNS numeric LANGUAGE sql AS $$
    SELECT round(extract(epoch FROM expires_at - clock_timestamp()) / 3600, 1) FROM session_service.sessions
    WHERE sessions.id = hours_left.id
$$;
CALL pg_temp.time_passes('4 hours 54 minutes');
SELECT count(*) FROM validate_session(:'token');
SELECT pg_temp.hours_left(:'session_id');
-- at a touch only
CALL pg_temp.time_passes('12 minutes');
SELECT count(*) FROM validate_session(:'token');
SELECT pg_temp.hours_left(:'session_id');
CALL pg_temp.time_passes('1 hour');
SELECT pg_temp.is_in(expires_at, '3 hours 54 minutes') AS stored_before FROM validate_session(:'token');
SELECT pg_temp.hours_left(:'session_id');
SELECT purge_after = date_trunc('day', least(idle_expires_at, greatest(expires_at, refresh_expires_at)),
    'UTC') AS purge_date FROM sessions WHERE id = :'session_id';
-- never past the absolute end
CALL pg_temp.time_passes('8 hours 54 minutes');
SELECT count(*) FROM validate_session(:'token');
SELECT pg_temp.hours_left(:'session_id'), expires_at = absolute_expires_at AS at_its_end
FROM get_session(:'session_id');
-- by the smaller of its own expiry and the setting of the moment
SET session_service.absolute_timeout = 0;
SELECT * FROM create_session(:'alice', session_expiry => '4 hours') \gset own_
SELECT * FROM create_session(:'alice') \gset
CALL pg_temp.time_passes('3 hours');
SELECT count(*) FROM validate_session(:'own_token');
SELECT pg_temp.hours_left(:'own_session_id');
CALL pg_temp.time_passes('3 hours');
SET session_service.session_expiry = '8h';
SELECT count(*) FROM validate_session(:'token');
SELECT pg_temp.hours_left(:'session_id');
-- an expired one is not brought back; touch_sessions slides too
SELECT * FROM create_session(:'alice') \gset
CALL pg_temp.time_passes('9 hours');
SELECT count(*) FROM validate_session(:'token');
SELECT touch_sessions(ARRAY[:'session_id', :'own_session_id']::uuid[]);
SELECT * FROM create_session(:'alice') \gset
CALL pg_temp.time_passes('5 hours');
SELECT touch_sessions(ARRAY[:'session_id']::uuid[]);
SELECT pg_temp.hours_left(:'session_id');
-- off: the expiry stays
SET session_service.sliding_expiry = off;
CALL pg_temp.time_passes('5 hours');
SELECT count(*) FROM validate_session(:'token');
SELECT pg_temp.hours_left(:'session_id');

-- No index notices activity, nor a renewal.
RESET ALL;
SET search_path = session_service, public;
SET session_service.touch_interval = 0;
TRUNCATE users, devices, sessions, events;
SELECT * FROM create_session(:'alice') \gset
SELECT pg_stat_force_next_flush();
SELECT n_tup_upd AS before, n_tup_hot_upd AS hot_before FROM pg_stat_user_tables
WHERE relid = 'sessions'::regclass \gset
SELECT count(*) FROM validate_session(:'token', '192.0.2.1');
SELECT count(*) FROM validate_session(:'token', '2001:db8::1');
SELECT touch_sessions(ARRAY[:'session_id']::uuid[]);
SELECT token, refresh_token FROM refresh_session(:'refresh_token') \gset
SELECT count(*) FROM rotate_session_token(:'token');
SELECT mark_mfa_verified(:'session_id', 'totp'), set_session_scopes(:'session_id', '{a}');
SELECT pg_stat_force_next_flush();
SELECT n_tup_upd - :before AS updates, n_tup_hot_upd - :hot_before AS heap_only FROM pg_stat_user_tables
WHERE relid = 'sessions'::regclass;
RESET session_service.touch_interval;
