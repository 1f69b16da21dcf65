-- Nothing for PUBLIC, nor for a role that has rights by default on whatever the creator makes (ALTER DEFAULT
-- PRIVILEGES): who may call what is for the DBA to grant.
--
-- The types of the tables' rows are left as they are: pg_dump knows no privileges on those, and warns of any. USAGE of
-- such a type reads nothing, and who has no access level cannot even name it.

DO $$
DECLARE
    grantee text;
BEGIN
    FOR grantee IN
        SELECT 'PUBLIC'
        UNION ALL
        SELECT DISTINCT pg_catalog.quote_ident(r.rolname)
        FROM pg_catalog.pg_default_acl d, pg_catalog.aclexplode(d.defaclacl) a
            JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
        WHERE r.rolname OPERATOR(pg_catalog.<>) CURRENT_USER
    LOOP
        EXECUTE 'REVOKE ALL ON ALL FUNCTIONS IN SCHEMA session_service FROM ' OPERATOR(pg_catalog.||) grantee;
        EXECUTE 'REVOKE ALL ON ALL TABLES IN SCHEMA session_service FROM ' OPERATOR(pg_catalog.||) grantee;
        EXECUTE 'REVOKE ALL ON SCHEMA session_service FROM ' OPERATOR(pg_catalog.||) grantee;
        EXECUTE 'REVOKE ALL ON TYPE
            session_service.token_hash, session_service.session_status, session_service.session_info,
            session_service.created_session, session_service.valid_session, session_service.refreshed_session,
            session_service.rotated_session, session_service.reauthenticated_session, session_service.bound_session,
            session_service.session_event, session_service.device_info
            FROM ' OPERATOR(pg_catalog.||) grantee;
    END LOOP;
END
$$;
