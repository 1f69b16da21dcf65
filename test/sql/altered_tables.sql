-- A DBA's additions to the tables, and tables that are no longer plain ones: every call still works.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\set life :srcdir '/sql/lib/life.sql'
\set before :DBNAME
SET client_min_messages = warning;
DROP DATABASE IF EXISTS regress_altered;
CREATE DATABASE regress_altered;
\connect regress_altered
SET client_min_messages = warning;
CREATE EXTENSION session_service;
\i :helpers
\i :life
SET client_min_messages = warning;

CREATE SCHEMA regress_altered;
CREATE TABLE regress_altered.plain AS SELECT row_number() OVER () AS place, line FROM pg_temp.life() line;
SELECT line FROM regress_altered.plain ORDER BY place;

-- Makes an alteration, compares what every call does, tries whether activity is recorded at each level of isolation,
-- and takes the alteration back.
CREATE TABLE regress_altered.results (alteration text, what text, result text);
CREATE TABLE regress_altered.counted (what text);
CREATE FUNCTION regress_altered.count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO regress_altered.counted
VALUES (TG_OP); RETURN NEW; END $$;
CREATE PROCEDURE regress_altered.try(alteration text, make text, unmake text) LANGUAGE plpgsql AS $$
DECLARE
    made record;
    recorded timestamptz;
    level text;
BEGIN
    EXECUTE make;
    COMMIT;
    INSERT INTO regress_altered.results SELECT alteration, 'life', coalesce(p.line, 'nothing') || ' -> '
        || coalesce(l.line, 'nothing')
    FROM regress_altered.plain p FULL JOIN (SELECT row_number() OVER () AS place, line
        FROM pg_temp.life() line) l USING (place) WHERE p.line IS DISTINCT FROM l.line;
    COMMIT;
    -- activity is written as a transaction commits
    SELECT * INTO made FROM session_service.create_session('00000000-0000-4000-8000-00000000000c',
        ip_address => '192.0.2.1');
    COMMIT;
    FOREACH level IN ARRAY '{READ COMMITTED,REPEATABLE READ,SERIALIZABLE}'::text[] LOOP
        PERFORM set_config('default_transaction_isolation', level, false);
        COMMIT;
        PERFORM set_config('session_service.touch_interval', '0', true);
        SELECT last_activity_at INTO recorded FROM session_service.validate_session(made.token, '192.0.2.2');
        PERFORM set_config('default_transaction_isolation', 'read committed', false);
        COMMIT;
        INSERT INTO regress_altered.results SELECT alteration, level,
            CASE WHEN last_activity_at > recorded THEN 'recorded' ELSE 'left out' END
        FROM session_service.get_session(made.session_id);
        COMMIT;
    END LOOP;
    PERFORM session_service.delete_user('00000000-0000-4000-8000-00000000000c');
    COMMIT;
    EXECUTE unmake;
    COMMIT;
END $$;

CALL regress_altered.try('nothing', 'SELECT', 'SELECT');
CALL regress_altered.try('a constraint',
    'ALTER TABLE session_service.sessions ADD CONSTRAINT regress_check CHECK (cardinality(scopes) < 1000 '
        'AND last_activity_at <= expires_at)', 'ALTER TABLE session_service.sessions DROP CONSTRAINT regress_check');
CALL regress_altered.try('a column',
    'ALTER TABLE session_service.sessions ADD regress_note text DEFAULT ''none'' NOT NULL, ADD regress_empty int',
    'ALTER TABLE session_service.sessions DROP regress_note, DROP regress_empty');
CALL regress_altered.try('a dropped column', 'SELECT', 'SELECT');
CALL regress_altered.try('a generated column',
    'ALTER TABLE session_service.sessions ADD regress_life interval GENERATED ALWAYS AS (expires_at - '
        'last_activity_at) STORED', 'ALTER TABLE session_service.sessions DROP regress_life');
CALL regress_altered.try('indexes',
    'CREATE INDEX regress_a ON session_service.sessions (last_activity_at); '
        'CREATE INDEX regress_b ON session_service.sessions USING gin (scopes); '
        'CREATE INDEX regress_c ON session_service.sessions (lower(revoke_reason)) WHERE revoked_at IS NOT NULL',
    'DROP INDEX session_service.regress_a, session_service.regress_b, session_service.regress_c');
CALL regress_altered.try('a unique index',
    'CREATE UNIQUE INDEX regress_unique ON session_service.sessions (token_hash)',
    'DROP INDEX session_service.regress_unique');
CALL regress_altered.try('row triggers',
    'CREATE TRIGGER regress_before BEFORE INSERT OR UPDATE ON session_service.sessions FOR EACH ROW '
        'EXECUTE FUNCTION regress_altered.count();
    CREATE TRIGGER regress_after AFTER INSERT OR UPDATE OR DELETE ON session_service.sessions
        FOR EACH ROW EXECUTE FUNCTION regress_altered.count()',
    'DROP TRIGGER regress_before ON session_service.sessions; DROP TRIGGER regress_after ON session_service.sessions');
CALL regress_altered.try('a statement trigger',
    'CREATE TRIGGER regress_statement AFTER UPDATE ON session_service.sessions '
        'EXECUTE FUNCTION regress_altered.count()', 'DROP TRIGGER regress_statement ON session_service.sessions');
CALL regress_altered.try('a deferred trigger',
    'CREATE CONSTRAINT TRIGGER regress_deferred AFTER INSERT OR UPDATE ON session_service.sessions DEFERRABLE '
        'INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION regress_altered.count()',
    'DROP TRIGGER regress_deferred ON session_service.sessions');
CALL regress_altered.try('a rule',
    'CREATE RULE regress_rule AS ON UPDATE TO session_service.sessions '
        'WHERE new.last_activity_at > old.last_activity_at DO ALSO INSERT INTO regress_altered.counted '
        'VALUES (''rule'')',
    'DROP RULE regress_rule ON session_service.sessions');
CALL regress_altered.try('a table that refers to it',
    'CREATE TABLE regress_altered.notes (session_id uuid, bucket smallint, FOREIGN KEY (session_id, '
        'bucket) REFERENCES session_service.sessions ON DELETE CASCADE)', 'DROP TABLE regress_altered.notes');
CALL regress_altered.try('row-level security', 'ALTER TABLE session_service.sessions ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE session_service.sessions DISABLE ROW LEVEL SECURITY');
CALL regress_altered.try('statistics and storage',
    'CREATE STATISTICS regress_altered.s ON user_id, device_id FROM session_service.sessions; '
        'ALTER TABLE session_service.sessions SET (fillfactor = 50), ALTER metadata SET STORAGE EXTERNAL; '
        'ANALYZE session_service.sessions',
    'DROP STATISTICS regress_altered.s');
CALL regress_altered.try('a child', 'CREATE TABLE regress_altered.child () INHERITS (session_service.sessions)',
    'DROP TABLE regress_altered.child');
-- the server takes it for a parent until the next ANALYZE
CALL regress_altered.try('had a child', 'SELECT', 'ANALYZE session_service.sessions');
CALL regress_altered.try('written anew', 'CLUSTER session_service.sessions USING sessions_user', 'SELECT');
-- partitioned, as a DBA with many sessions may want it
CALL regress_altered.try('partitioned',
    'ALTER EXTENSION session_service DROP TABLE session_service.sessions; '
        'ALTER TABLE session_service.sessions RENAME TO sessions_plain;
    CREATE TABLE session_service.sessions (LIKE session_service.sessions_plain INCLUDING DEFAULTS,
        PRIMARY KEY (id, bucket)) PARTITION BY HASH (bucket);
    CREATE TABLE session_service.sessions_0 PARTITION OF session_service.sessions
        FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE session_service.sessions_1 PARTITION OF session_service.sessions
        FOR VALUES WITH (MODULUS 2, REMAINDER 1)',
    'DROP TABLE session_service.sessions; ALTER TABLE session_service.sessions_plain RENAME TO sessions; '
        'ALTER EXTENSION session_service ADD TABLE session_service.sessions');
CALL regress_altered.try('plain again', 'SELECT', 'SELECT');
-- of every call the same results
SELECT alteration, what, result FROM regress_altered.results WHERE what = 'life';
-- and activity is recorded, as a rule: by SQL a row that changed meanwhile would fail the transaction in REPEATABLE
-- READ, and a deferred trigger may come too late
SELECT alteration, string_agg(format('%s: %s', what, result), ', ' ORDER BY what) FROM regress_altered.results
WHERE what <> 'life' GROUP BY 1 ORDER BY min(ctid);
-- triggers were run
SELECT what FROM regress_altered.counted GROUP BY 1 ORDER BY what COLLATE "C";

-- Sessions that a DBA moved to a child are found there, and only there
SELECT * FROM create_session(:'alice', 'laptop', ip_address => '192.0.2.1') \gset
CREATE TABLE regress_altered.child () INHERITS (session_service.sessions);
WITH moved AS (DELETE FROM ONLY sessions RETURNING *) INSERT INTO regress_altered.child SELECT * FROM moved;
SELECT count(*) FROM validate_session(:'token');
SET session_service.touch_interval = 0;
SELECT count(*) FROM validate_session(:'token', '192.0.2.2');
RESET session_service.touch_interval;
SELECT ip_address FROM get_session(:'session_id');
SELECT token AS next_token, repeated FROM refresh_session(:'refresh_token') \gset
SELECT pg_temp.opens(:'token') AS old, pg_temp.opens(:'next_token') AS new;
SELECT revoke_session(:'session_id'), pg_temp.opens(:'next_token');
DROP TABLE regress_altered.child;
SELECT count(*) FROM get_session(:'session_id');

-- A DBA's constraint that a call breaks is its error, and the call leaves nothing behind
ALTER TABLE sessions ADD CONSTRAINT regress_check CHECK (metadata ? 'plan'),
    ADD CONSTRAINT regress_reason CHECK (revoke_reason <> 'no');
SELECT regexp_replace(pg_temp.outcome(format('SELECT create_session(%L)', :'bob')), 'Failing row.*', '...') AS refused;
SELECT count(*) AS users FROM users WHERE user_id = :'bob';
SELECT * FROM create_session(:'bob', metadata => '{"plan": "gold"}') \gset
SELECT left(pg_temp.outcome(format('SELECT revoke_session(%L, %L)', :'session_id', 'no')), 5) AS refused,
    pg_temp.opens(:'token');
ALTER TABLE sessions DROP CONSTRAINT regress_check, DROP CONSTRAINT regress_reason;

\connect :before
DROP DATABASE regress_altered;
