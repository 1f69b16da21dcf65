-- The role that the exporter connects as: level monitor, and nothing else. It calls stats() and health(), and reads
-- no session, user or event.
--
--     psql -v ON_ERROR_STOP=1 -f role.sql app
--
-- Give it a password, or let pg_hba.conf say how it may connect.

CREATE ROLE session_monitor LOGIN CONNECTION LIMIT 5;
-- An exporter that hangs must hold nothing up: it takes locks as any reader does.
ALTER ROLE session_monitor SET statement_timeout = '10s';
ALTER ROLE session_monitor SET lock_timeout = '1s';
SELECT session_service.grant_access('session_monitor', 'monitor');
