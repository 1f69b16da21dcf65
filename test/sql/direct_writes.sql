-- A sign-in writes its rows without the executor where nobody can tell the difference: the rows are those that the
-- statements write, and what a DBA added to the tables takes effect.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\set before :DBNAME
SET client_min_messages = warning;
DROP DATABASE IF EXISTS regress_direct;
CREATE DATABASE regress_direct;
\connect regress_direct
CREATE EXTENSION session_service;
\i :helpers
SET session_service.event_log = 'all';

-- What four sign-ins leave: ids, hashes and random bytes as 'set', times as minutes from now.
CREATE FUNCTION pg_temp.left_by_sign_ins() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    alice CONSTANT uuid := '00000000-0000-4000-8000-00000000000a';
    name text;
BEGIN
    TRUNCATE users, devices, sessions, events;
    PERFORM create_session(alice, 'laptop', 'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0',
        '2001:db8::1/64', '{read,write}', 'key', '{"plan": "gold"}', '1 hour', '30 minutes');
    PERFORM create_session(alice);
    PERFORM create_session(alice, 'laptop', device_key => 'key',
        metadata => jsonb_build_object('large', repeat('x', 8000)));
    PERFORM create_session(alice, issue_refresh => false);
    FOREACH name IN ARRAY '{users,devices,sessions,events}'::text[] LOOP
        RETURN QUERY EXECUTE format($query$
            SELECT format('%%s %%s', %1$L, (SELECT jsonb_object_agg(key, CASE
                WHEN value = 'null' THEN value
                WHEN key = 'purge_after' THEN to_jsonb(value #>> '{}' LIKE '%%00:00:00%%')
                WHEN key ~ '(_at|^at)$' THEN to_jsonb(round(extract(epoch
                    FROM (value #>> '{}')::timestamptz - clock_timestamp()) / 60))
                WHEN key ~ '(^|[^r]_)id$|_hash$|^epoch$' THEN '"set"'
                ELSE value END) FROM jsonb_each(to_jsonb(t)))) FROM %1$I t $query$, name);
    END LOOP;
END $$;
SET timezone = 'UTC';
CREATE TABLE regress_directly AS SELECT line, count(*) FROM pg_temp.left_by_sign_ins() line GROUP BY 1;
CREATE FUNCTION regress_told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %', TG_OP, TG_TABLE_NAME;
RETURN NEW; END $$;
CREATE PROCEDURE pg_temp.on_each_table(command text) LANGUAGE plpgsql AS $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY '{users,devices,sessions,events}'::text[] LOOP EXECUTE format(command, name); END LOOP;
END $$;
CALL
    pg_temp.on_each_table('CREATE TRIGGER regress_told BEFORE INSERT OR UPDATE ON %s FOR EACH ROW '
        'EXECUTE FUNCTION regress_told()');
SET client_min_messages = warning;
CREATE TABLE regress_by_statement AS SELECT line, count(*) FROM pg_temp.left_by_sign_ins() line GROUP BY 1;
RESET client_min_messages;
SELECT sum(count) FROM regress_directly;
(TABLE regress_directly EXCEPT TABLE regress_by_statement)
UNION ALL (TABLE regress_by_statement EXCEPT TABLE regress_directly);

-- triggers; what was known and does not change is not written
TRUNCATE users, devices, sessions, events;
SELECT count(*) FROM create_session(:'bob', 'phone');
SELECT count(*) FROM create_session(:'bob', 'phone');
CALL pg_temp.on_each_table('DROP TRIGGER regress_told ON %s');
SELECT count(*) FROM create_session(:'bob', 'phone');

-- columns: their defaults, and what they do not admit
ALTER TABLE sessions ADD regress text DEFAULT 'of sessions';
ALTER TABLE devices ADD regress text DEFAULT 'of devices';
ALTER TABLE events ADD regress text DEFAULT 'of events';
SELECT session_id FROM create_session(:'bob', 'tablet') \gset
SELECT s.regress, d.regress, e.regress FROM sessions s, devices d, events e
WHERE s.id = :'session_id' AND d.id = s.device_id AND e.session_id = s.id AND e.kind = 'device.new';
ALTER TABLE sessions DROP regress;
\set VERBOSITY sqlstate
UPDATE sessions SET ip_address = '192.0.2.1';
ALTER TABLE sessions ALTER ip_address SET NOT NULL;
SELECT count(*) FROM create_session(:'bob', 'tablet');
SELECT count(*) FROM create_session(:'bob', 'tablet', ip_address => '192.0.2.1');
ALTER TABLE sessions ALTER ip_address DROP NOT NULL;
ALTER TABLE devices DROP regress;
ALTER TABLE events DROP regress;
-- of another type
ALTER TABLE sessions ALTER metadata TYPE json;
SELECT session_id FROM create_session(:'bob', 'tablet', ip_address => '192.0.2.1', metadata => '{"plan": "gold"}') \gset
SELECT metadata FROM sessions WHERE id = :'session_id';
ALTER TABLE sessions ALTER metadata TYPE jsonb;

-- checks; those of the user's row are nothing to a sign-in, which changes none of its values
ALTER TABLE sessions ADD CONSTRAINT regress_check CHECK (cardinality(scopes) < 2);
ALTER TABLE devices ADD CONSTRAINT regress_check CHECK (name <> 'desk') NOT VALID;
ALTER TABLE events ADD CONSTRAINT regress_check CHECK (ip_address <> '192.0.2.9');
ALTER TABLE users ADD CONSTRAINT regress_check CHECK (epoch < 0) NOT VALID;
SELECT count(*) FROM create_session(:'bob', 'tablet');
SELECT count(*) FROM create_session(:'bob', 'tablet', scopes => '{read,write}');
SELECT count(*) FROM create_session(:'bob', 'desk');
SELECT count(*) FROM create_session(:'bob', 'tablet', ip_address => '192.0.2.9');
SELECT count(*) FROM create_session(:'carol');
CALL pg_temp.on_each_table('ALTER TABLE %s DROP CONSTRAINT regress_check');

-- a rule
CREATE TABLE regress_noted AS SELECT kind FROM events LIMIT 0;
CREATE RULE regress_rule AS ON INSERT TO events DO ALSO INSERT INTO regress_noted VALUES (new.kind);
SELECT count(*) FROM create_session(:'bob', 'tablet');
TABLE regress_noted;
DROP RULE regress_rule ON events;
DROP TABLE regress_noted;
SELECT count(*) FROM create_session(:'bob', 'tablet');

-- indexes have the rows, also those of a condition or an expression; what one does not admit is refused
TRUNCATE users, devices, sessions, events;
CREATE UNIQUE INDEX regress_unique ON sessions (user_id);
SELECT count(*) FROM create_session(:'bob');
SELECT count(*) FROM create_session(:'bob');
DROP INDEX regress_unique;
CREATE UNIQUE INDEX regress_unique ON sessions ((user_id::text)) WHERE revoked_at IS NULL;
SELECT count(*) FROM create_session(:'bob');
DROP INDEX regress_unique;
SELECT count(*) FROM create_session(:'bob');
-- and it works without the index that it uses
DROP INDEX sessions_user;
SELECT count(*) FROM create_session(:'bob');
CREATE INDEX sessions_user ON sessions (user_id, revoked_at, device_id);
SELECT count(*) FROM create_session(:'bob');
SELECT count_user_sessions(:'bob');

-- a publication that could not tell which row was updated: a sign-in only locks the row of a known user
\set VERBOSITY default
SET client_min_messages = error;
CREATE PUBLICATION regress_publication FOR TABLE users;
RESET client_min_messages;
ALTER TABLE users REPLICA IDENTITY NOTHING;
SELECT pg_temp.outcome(format('SELECT create_session(%L)', :'bob'));
SELECT split_part(pg_temp.outcome(format('SELECT revoke_all_user_sessions(%L)', :'bob')), ' |', 1) AS refused;
ALTER TABLE users REPLICA IDENTITY DEFAULT;
SELECT count(*) FROM create_session(:'bob');
DROP PUBLICATION regress_publication;
-- the same of sessions: what is asked for fails, activity is left out
SELECT * FROM create_session(:'bob') \gset held_
SET client_min_messages = error;
CREATE PUBLICATION regress_publication FOR TABLE sessions;
RESET client_min_messages;
ALTER TABLE sessions REPLICA IDENTITY NOTHING;
SET session_service.touch_interval = 0;
SELECT count(*) FROM validate_session(:'held_token');
SELECT last_activity_at = created_at AS left_out FROM sessions WHERE id = :'held_session_id';
SELECT pg_temp.outcome(format('SELECT refresh_session(%L)', :'held_refresh_token'));
SELECT pg_temp.outcome(format('SELECT touch_sessions(ARRAY[%L::uuid])', :'held_session_id'));
ALTER TABLE sessions REPLICA IDENTITY DEFAULT;
DROP PUBLICATION regress_publication;
SELECT count(*) FROM validate_session(:'held_token');
SELECT last_activity_at = created_at AS left_out FROM sessions WHERE id = :'held_session_id';
RESET session_service.touch_interval;

-- With a trigger on updates a validation reads the row directly and writes activity itself: the retry of a refresh that
-- came
-- before goes on, and so does a unique index of somebody else's, which our write must not break.
TRUNCATE users, devices, sessions, events;
CREATE TRIGGER regress_told AFTER UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION regress_told();
SET client_min_messages = warning;
SET session_service.touch_interval = 0;
SELECT * FROM create_session(:'alice') \gset
SELECT token AS next_token FROM refresh_session(:'refresh_token') \gset
SELECT count(*) FROM validate_session(:'next_token', '192.0.2.77');
SELECT ip_address, rotation_salt IS NOT NULL AS has_salt FROM sessions;
SELECT repeated, token = :'next_token' AS same FROM refresh_session(:'refresh_token');
DROP TRIGGER regress_told ON sessions;
RESET client_min_messages;
-- a unique index on what activity changes
SELECT count(*) FROM create_session(:'bob');
UPDATE sessions SET purge_after = purge_after - n * interval '1 day'
FROM (SELECT id, row_number() OVER () AS n FROM sessions) s WHERE s.id = sessions.id;
CREATE UNIQUE INDEX regress_unique ON sessions (purge_after);
UPDATE sessions SET idle_expires_at = idle_expires_at - interval '3 days',
    last_activity_at = last_activity_at - interval '3 days';
SELECT count(*) FROM validate_session(:'next_token');
SELECT count(*) FROM validate_session(:'next_token');
SELECT count(DISTINCT purge_after) = count(*) AS unique FROM sessions;
DROP INDEX regress_unique;
RESET session_service.touch_interval;

-- A known device is written only where the sign-in changes something of it, or no session keeps it.
TRUNCATE users, devices, sessions, events;
CREATE TEMP TABLE seen AS SELECT ctid AS at FROM devices;
-- whether the sign-in before wrote the device, and what it says of it
CREATE FUNCTION pg_temp.written() RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
    SELECT concat(CASE WHEN d.ctid IS DISTINCT FROM seen.at THEN 'written' ELSE 'left alone' END, ' ', d.name, ' ',
        d.user_agent, ' ', host(d.ip_address)) INTO result FROM devices d LEFT JOIN seen ON true;
    DELETE FROM seen;
    INSERT INTO seen SELECT ctid FROM devices;
    RETURN result;
END $$;
SELECT count(*) FROM create_session(:'alice', 'phone', 'agent', '192.0.2.1', device_key => 'k');
SELECT pg_temp.written();
SELECT is_new_device FROM create_session(:'alice', 'phone', 'agent', '192.0.2.1', device_key => 'k');
SELECT pg_temp.written();
SELECT is_new_device FROM create_session(:'alice', device_key => 'k');
SELECT pg_temp.written();
SELECT is_new_device FROM create_session(:'alice', 'tablet', 'agent', '192.0.2.1', device_key => 'k');
SELECT pg_temp.written();
SELECT is_new_device FROM create_session(:'alice', 'tablet', 'agent 2', '192.0.2.1', device_key => 'k');
SELECT pg_temp.written();
SELECT is_new_device FROM create_session(:'alice', 'tablet', 'agent 2', '192.0.2.2', device_key => 'k');
SELECT pg_temp.written();
UPDATE devices SET name = 'mine', is_renamed = true;
SELECT pg_temp.written();
SELECT is_new_device FROM create_session(:'alice', 'watch', 'agent 2', '192.0.2.2', device_key => 'k');
SELECT pg_temp.written();
-- when it was last seen, its sessions tell, and the device once cleanup deleted them
UPDATE devices SET last_seen_at = last_seen_at - interval '6 hours';
SELECT pg_temp.written();
SELECT count(*) FROM create_session(:'alice', device_key => 'k');
SELECT pg_temp.written();
SELECT pg_temp.is_in(last_seen_at, '0') FROM list_user_devices(:'alice');
-- a session that ends sooner than in a day does not keep it
UPDATE sessions SET idle_expires_at = clock_timestamp() + interval '23 hours';
SELECT count(*) FROM create_session(:'alice', device_key => 'k');
SELECT pg_temp.written();
-- nor does one that was revoked
SELECT count(*) FROM create_session(:'alice', device_key => 'k');
SELECT pg_temp.written();
SELECT revoke_all_user_sessions(:'alice') > 0 AS revoked;
SELECT count(*) FROM create_session(:'alice', device_key => 'k');
SELECT pg_temp.written();
-- nor one of another device
UPDATE sessions SET device_id = :'nobody';
SELECT count(*) FROM create_session(:'alice', device_key => 'k');
SELECT pg_temp.written();
-- but the one made now does
SELECT count(*) FROM create_session(:'alice', device_key => 'k');
SELECT pg_temp.written();
-- without a limit one of them is looked for
SET session_service.max_per_user = 0;
SELECT count(*) FROM create_session(:'alice', device_key => 'k');
SELECT pg_temp.written();

\connect :before
DROP DATABASE regress_direct;
