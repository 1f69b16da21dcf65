-- Cleanup deletes rows without the executor where it may, and leaves it to a statement where a DBA has a say.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SET session_service.max_per_user = 0;
CREATE SCHEMA regress_rows;
-- So many sessions, each on a device of its own, that ended one after the other, the first 40 days ago.
CREATE PROCEDURE regress_rows.make_dead(count integer) LANGUAGE sql AS $$
    INSERT INTO session_service.sessions (id, user_id, device_id, bucket, token_hash, created_at, authenticated_at,
        last_activity_at, expires_at, purge_after, session_expiry, refresh_expiry, inactivity_timeout,
        secret_length, revoked_at, scopes, metadata)
    SELECT i, i, i, 1, sha256(''), t - interval '1 day', t - interval '1 day', t, t + interval '1 year', t, 1, 1, 0, 32,
        t, '{}', '{}'
    FROM (SELECT lpad(to_hex(n), 32, '0')::uuid AS i,
        clock_timestamp() - interval '40 days' + n * interval '1 second' AS t FROM generate_series(1, count) n) made;
    INSERT INTO session_service.devices (id, user_id, bucket, key_hash, first_seen_at, last_seen_at, purge_after,
        is_keyed, device_type)
    SELECT device_id, user_id, bucket, sha256(uuid_send(id)), created_at, created_at,
        date_trunc('day', created_at, 'UTC'), true, 'desktop' FROM session_service.sessions;
$$;
CREATE FUNCTION regress_rows.left_over(OUT sessions text, OUT devices bigint) LANGUAGE sql AS $$
    SELECT (SELECT string_agg(ltrim(right(id::text, 4), '0'), ' ' ORDER BY id) FROM session_service.sessions),
        (SELECT count(*) FROM session_service.devices)
$$;
CREATE PROCEDURE regress_rows.empty() LANGUAGE plpgsql AS $$ BEGIN TRUNCATE session_service.users,
    session_service.devices, session_service.sessions, session_service.events, session_service.imported_tokens,
    session_service.external_sessions; END $$;

-- one scan, whatever the number of rows: none is looked up again
CALL regress_rows.make_dead(5);
UPDATE devices SET purge_after = clock_timestamp();
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT cleanup_sessions(NULL, 3);
SELECT idx_scan, n_tup_del FROM pg_stat_xact_user_tables WHERE relid = 'session_service.sessions'::regclass;
COMMIT;
SELECT regress_rows.left_over();
-- nor is a device whose turn it is, though its sessions are looked up once
UPDATE devices SET purge_after = first_seen_at;
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT cleanup_sessions(NULL, 2);
SELECT relname, idx_scan, n_tup_del FROM pg_stat_xact_user_tables
WHERE relid IN ('session_service.sessions'::regclass, 'session_service.devices'::regclass) ORDER BY 1;
COMMIT;
SELECT regress_rows.left_over();
CALL regress_rows.empty();

-- a limit that ends amid, at the end of and after what is cleaned up after at a time
CALL regress_rows.make_dead(30000);
TRUNCATE devices;
INSERT INTO imported_tokens SELECT sha256(uuid_send(id)), id, bucket, true FROM sessions;
SELECT cleanup_sessions(NULL, 5000), count(*) AS imported FROM imported_tokens;
SELECT cleanup_sessions(NULL, 20000), count(*) AS imported FROM imported_tokens;
SELECT count(*) AS imported, (SELECT count(*) FROM imported_tokens i
    WHERE NOT EXISTS (SELECT FROM sessions s WHERE s.id = i.session_id)) AS of_none FROM imported_tokens;
SELECT cleanup_sessions(NULL, 4999), cleanup_sessions(NULL, 20000), cleanup_sessions(NULL, 20000);
SELECT count(*) AS imported FROM imported_tokens;
CALL regress_rows.empty();

-- a device remembers when it was last in use, also once the session that tells of it is gone
CREATE VIEW regress_rows.seen AS SELECT name,
    round(extract(epoch FROM clock_timestamp() - last_seen_at) / 86400) AS days_ago FROM devices ORDER BY name;
SELECT session_id FROM create_session(:'alice', 'one', device_key => 'one') \gset one_
SELECT session_id FROM create_session(:'alice', 'two', device_key => 'two') \gset two_
SELECT session_id FROM create_session(:'alice', 'two', device_key => 'two') \gset second_
SELECT session_id FROM create_session(:'alice', 'ended', device_key => 'ended') \gset ended_
CALL pg_temp.time_passes('20 days');
UPDATE sessions SET last_activity_at = clock_timestamp() - CASE id WHEN :'second_session_id' THEN interval '3 days'
    WHEN :'two_session_id' THEN interval '7 days' ELSE interval '5 days' END;
-- ended in a way that did not tell the device, as where somebody held its row at that moment
UPDATE sessions SET revoked_at = clock_timestamp(), purge_after = clock_timestamp();
-- no use after the end, as after a clock was set back
UPDATE sessions SET revoked_at = clock_timestamp() - interval '9 days',
    purge_after = clock_timestamp() - interval '9 days' WHERE id = :'ended_session_id';
TABLE regress_rows.seen;
SELECT cleanup_sessions('0');
TABLE regress_rows.seen;
-- and stays for the retention from then on
CALL pg_temp.time_passes('20 days 12 hours');
SELECT cleanup_sessions() AS none;
TABLE regress_rows.seen;
CALL pg_temp.time_passes('5 days');
SELECT cleanup_sessions() AS none;
TABLE regress_rows.seen;
CALL pg_temp.time_passes('3 days');
SELECT cleanup_sessions() AS none, cleanup_sessions() AS none;
TABLE regress_rows.seen;
CALL regress_rows.empty();

-- a device goes with its last session, also where that could have gone on for long, and though cleanup looked at it
-- meanwhile
SET session_service.inactivity_timeout = 0;
SET session_service.session_expiry = '300d';
SELECT session_id FROM create_session(:'alice', 'long', session_expiry => '300 days') \gset
CALL pg_temp.time_passes('40 days');
SELECT cleanup_sessions() AS none, count(*) AS devices FROM devices;
CALL pg_temp.time_passes('10 days');
SELECT revoke_session(:'session_id');
CALL pg_temp.time_passes('29 days 23 hours');
SELECT cleanup_sessions() AS none, count(*) AS devices FROM devices;
CALL pg_temp.time_passes('2 hours');
SELECT cleanup_sessions() AS one;
SELECT count(*) AS devices FROM devices;
RESET session_service.inactivity_timeout;
RESET session_service.session_expiry;
CALL regress_rows.empty();
-- one in use is looked at once in the retention, and not by each call
SELECT token FROM create_session(:'alice', 'in use') \gset
CALL pg_temp.time_passes('31 days');
UPDATE sessions SET last_activity_at = clock_timestamp(), idle_expires_at = clock_timestamp() + interval '7 days',
    refresh_expires_at = clock_timestamp() + interval '59 days',
    purge_after = date_trunc('day', clock_timestamp() + interval '7 days', 'UTC');
SELECT cleanup_sessions() AS none, purge_after < clock_timestamp() - interval '29 days' AS due FROM devices;
SELECT purge_after BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp() AS put_off FROM devices;
CALL regress_rows.empty();

-- what this transaction itself holds or has changed
CALL regress_rows.make_dead(4);
BEGIN;
SELECT count(*) FROM (SELECT FROM sessions WHERE id IN (SELECT id FROM sessions ORDER BY id LIMIT 2) FOR UPDATE) held;
UPDATE sessions SET revoke_reason = 'changed' WHERE id = (SELECT max(id::text)::uuid FROM sessions);
SELECT cleanup_sessions(), regress_rows.left_over();
SELECT cleanup_sessions(), regress_rows.left_over();
ROLLBACK;
SELECT (regress_rows.left_over()).sessions;
-- at each level of isolation, and in a savepoint
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cleanup_sessions(NULL, 1);
SAVEPOINT s;
SELECT cleanup_sessions(NULL, 1);
ROLLBACK TO s;
COMMIT;
SELECT (regress_rows.left_over()).sessions;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cleanup_sessions(NULL, 1), cleanup_sessions(NULL, 1);
COMMIT;
SELECT (regress_rows.left_over()).sessions;
CALL regress_rows.empty();

-- a cancel is heeded between two rows, and not only by the statements that follow
CALL regress_rows.make_dead(2);
CREATE FUNCTION regress_rows.cancelled() RETURNS text LANGUAGE plpgsql AS $$
DECLARE context text;
BEGIN
    PERFORM pg_cancel_backend(pg_backend_pid()), session_service.cleanup_sessions();
    RETURN 'not cancelled';
EXCEPTION WHEN query_canceled THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    RETURN CASE WHEN context ~ 'session_service\.(sessions|devices|imported_tokens|events)' THEN 'by a statement'
        ELSE 'between rows' END;
END $$;
SELECT regress_rows.cancelled(), (regress_rows.left_over()).sessions;
CALL regress_rows.empty();

-- a DBA's triggers, foreign keys and rules are heeded
CREATE TABLE regress_rows.seen_by_trigger (what text, id uuid);
CREATE FUNCTION regress_rows.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO regress_rows.seen_by_trigger
    VALUES (TG_WHEN || ' ' || TG_LEVEL, CASE WHEN TG_LEVEL = 'ROW' THEN OLD.id END);
    RETURN CASE WHEN TG_LEVEL = 'ROW' AND OLD.id::text LIKE '%2' AND TG_WHEN = 'BEFORE' THEN NULL ELSE OLD END;
END $$;
CREATE FUNCTION regress_rows.note_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO regress_rows.seen_by_trigger VALUES ('UPDATE');
    RETURN NULL;
END $$;
CREATE PROCEDURE regress_rows.with_say(make text) LANGUAGE plpgsql AS $$ BEGIN
    CALL regress_rows.empty();
    TRUNCATE regress_rows.seen_by_trigger;
    CALL regress_rows.make_dead(3);
    EXECUTE make;
    RAISE INFO '% deleted, left over: %, seen: %', session_service.cleanup_sessions(),
        (regress_rows.left_over()).sessions,
        (SELECT string_agg(what || ' ' || coalesce(ltrim(right(id::text, 4), '0'), ''), ', ' ORDER BY id)
            FROM regress_rows.seen_by_trigger);
END $$;
CALL regress_rows.with_say('SELECT');
CALL
    regress_rows.with_say('CREATE TRIGGER regress BEFORE DELETE ON session_service.sessions FOR EACH ROW '
        'EXECUTE FUNCTION regress_rows.note()');
DROP TRIGGER regress ON sessions;
CALL
    regress_rows.with_say('CREATE TRIGGER regress AFTER DELETE ON session_service.sessions FOR EACH ROW '
        'EXECUTE FUNCTION regress_rows.note()');
DROP TRIGGER regress ON sessions;
CALL
    regress_rows.with_say('CREATE TRIGGER regress BEFORE DELETE ON session_service.sessions '
        'EXECUTE FUNCTION regress_rows.note()');
DROP TRIGGER regress ON sessions;
CALL
    regress_rows.with_say('CREATE TRIGGER regress AFTER DELETE ON session_service.sessions '
        'EXECUTE FUNCTION regress_rows.note()');
DROP TRIGGER regress ON sessions;
CALL
    regress_rows.with_say('CREATE TABLE regress_rows.refers (id uuid, bucket smallint, FOREIGN KEY (id, '
        'bucket) REFERENCES session_service.sessions ON DELETE CASCADE);
    INSERT INTO regress_rows.refers SELECT id, bucket FROM session_service.sessions');
SELECT count(*) AS referring FROM regress_rows.refers;
DROP TABLE regress_rows.refers;
-- of devices too
CALL
    regress_rows.with_say('CREATE TRIGGER regress AFTER DELETE ON session_service.devices FOR EACH ROW '
        'EXECUTE FUNCTION regress_rows.note()');
SELECT count(*) AS devices FROM devices;
DROP TRIGGER regress ON devices;
CALL
    regress_rows.with_say('UPDATE session_service.devices SET trusted_until = clock_timestamp() + interval ''9 days'' '
        'WHERE id::text LIKE ''%3'';
    CREATE TRIGGER regress AFTER UPDATE ON session_service.devices EXECUTE FUNCTION regress_rows.note_update()');
SELECT id, purge_after - (trusted_until - interval '30 days') BETWEEN '-1 minute' AND '1 minute' AS put_off
FROM devices;
DROP TRIGGER regress ON devices;
-- and the same comes of it where none has a say
CALL
    regress_rows.with_say('UPDATE session_service.devices SET trusted_until = clock_timestamp() + interval ''9 days'' '
        'WHERE id::text LIKE ''%3''');
SELECT id, purge_after - (trusted_until - interval '30 days') BETWEEN '-1 minute' AND '1 minute' AS put_off
FROM devices;
-- a rule is refused, as in any statement of this kind, and not passed over
CALL regress_rows.empty();
BEGIN;
CALL regress_rows.make_dead(3);
CREATE RULE regress AS ON DELETE TO sessions DO ALSO INSERT INTO regress_rows.seen_by_trigger VALUES ('rule', OLD.id);
SELECT pg_temp.outcome('SELECT cleanup_sessions()'), regress_rows.left_over();
ROLLBACK;
-- indexes of other shapes in place of ours: a statement finds all the same
BEGIN;
CALL
    regress_rows.with_say('DROP INDEX session_service.sessions_purge; '
        'CREATE INDEX regress_partial ON session_service.sessions (purge_after) WHERE bucket = 2; '
        'CREATE INDEX regress_reverse ON session_service.sessions (purge_after DESC)');
CALL regress_rows.empty();
CALL regress_rows.make_dead(3);
SELECT cleanup_sessions(NULL, 1), (regress_rows.left_over()).sessions;
ROLLBACK;
-- rows of a published table that its subscribers could not find
SET client_min_messages = error;
CALL regress_rows.empty();
BEGIN;
CALL regress_rows.make_dead(3);
CREATE PUBLICATION regress FOR TABLE sessions;
ALTER TABLE sessions REPLICA IDENTITY NOTHING;
SELECT pg_temp.outcome('SELECT cleanup_sessions()'), regress_rows.left_over();
ALTER TABLE sessions REPLICA IDENTITY DEFAULT;
SELECT cleanup_sessions(), regress_rows.left_over();
ROLLBACK;
RESET client_min_messages;
CALL regress_rows.empty();
SET client_min_messages = warning;
DROP SCHEMA regress_rows CASCADE;
-- the server forgets that there were triggers
VACUUM session_service.sessions, session_service.devices;
