-- complain if the script is sourced in psql, rather than run by CREATE EXTENSION
\echo Use "CREATE EXTENSION session_service" to load this file. \quit

-- A schema that somebody made before us is theirs: they may put objects into it, and drop ours.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
        WHERE n.nspname OPERATOR(pg_catalog.=) 'session_service' AND NOT r.rolsuper
            AND r.rolname OPERATOR(pg_catalog.<>) CURRENT_USER) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = 'schema "session_service" belongs to another role, who is no superuser',
            HINT = 'Drop it, or give it to a superuser, and create the extension again.';
    END IF;
END
$$;
