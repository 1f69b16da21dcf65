-- What dba_kinds.py makes its kinds of objects with, once in a database: functions that stay, and tables that each cell
-- empties. What runs with the rights of the owner of the extension's tables can use them; a caller cannot.
CREATE SCHEMA tools;
-- As transactions are named in the write-ahead log.
CREATE FUNCTION tools.xid() RETURNS bigint LANGUAGE sql AS $$
    SELECT pg_current_xact_id()::text::bigint % 4294967296
$$;
CREATE TABLE tools.audit (what text, operation text, xid bigint DEFAULT tools.xid(), rows bigint);
CREATE TABLE tools.lookup (n integer);
CREATE FUNCTION tools.audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tools.audit (what, operation, rows) VALUES (TG_NAME, TG_OP, 1);
    RETURN CASE WHEN TG_WHEN = 'BEFORE' AND TG_LEVEL = 'ROW' THEN coalesce(NEW, OLD) END;
END $$;
-- What is deferred runs as the caller, before PostgreSQL 18.
CREATE FUNCTION tools.audit_deferred() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO tools.audit (what, operation, rows) VALUES (TG_NAME, TG_OP, 1);
    RETURN NULL;
END $$;
CREATE FUNCTION tools.audit_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tools.audit (what, operation, rows) SELECT TG_NAME, TG_OP, count(*) FROM new_rows;
    RETURN NULL;
END $$;
CREATE FUNCTION tools.audit_old() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tools.audit (what, operation, rows) SELECT TG_NAME, TG_OP, count(*) FROM old_rows;
    RETURN NULL;
END $$;
CREATE FUNCTION tools.suppress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION tools.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by a trigger'; END $$;
CREATE FUNCTION tools.harmless() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(NEW, OLD); END $$;
-- Calls the extension from within itself. That fires it again.
CREATE FUNCTION tools.call_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() > 5 THEN
        RETURN NULL;
    END IF;
    PERFORM FROM session_service.validate_session(current_setting('tools.token', true));
    PERFORM session_service.count_user_sessions('00000000-0000-4000-8000-00000000000a');
    RETURN NULL;
END $$;
CREATE FUNCTION tools.be_busy() RETURNS trigger LANGUAGE plpgsql SET client_min_messages = error AS $$
BEGIN
    CREATE TEMP TABLE IF NOT EXISTS busy (n integer) ON COMMIT DELETE ROWS;
    BEGIN
        INSERT INTO pg_temp.busy VALUES (1);
        PERFORM 1 / 0;
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
    RETURN NULL;
END $$;
-- Not inlined, since it has a setting.
CREATE FUNCTION tools.in_sql(value anyelement) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT pg_catalog.md5(value::text)
$$;
CREATE FUNCTION tools.by_query(value anyelement) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (SELECT pg_catalog.md5(value::text) FROM (SELECT count(*) FROM tools.lookup) x);
END $$;
CREATE FUNCTION tools.is_any(value anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (SELECT count(*) >= 0 FROM tools.lookup);
END $$;
-- Raises once there is something in the other table.
CREATE FUNCTION tools.raise_later(value anyelement) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF EXISTS (SELECT FROM tools.lookup) THEN
        RAISE 'refused by an index';
    END IF;
    RETURN 1;
END $$;
-- All of the extension's objects that can be another role's.
CREATE PROCEDURE tools.give_away() LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('ALTER TABLE %s OWNER TO keeper', oid::regclass) FROM pg_class
        WHERE relnamespace = 'session_service'::regnamespace AND relkind = 'r'
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO keeper', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = 'session_service'::regnamespace
        UNION ALL
        SELECT 'ALTER SCHEMA session_service OWNER TO keeper'
    LOOP
        EXECUTE statement;
    END LOOP;
    GRANT ALL ON SCHEMA tools, dba TO keeper;
    GRANT ALL ON ALL TABLES IN SCHEMA tools TO keeper;
END $$;
