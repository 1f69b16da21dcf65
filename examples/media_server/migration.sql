-- From the service that kept its sessions in shared.sessions, with SHA-256 hashes of their tokens: who is signed in
-- there stays signed in. At the switch, when that service has stopped, and after schema.sql:
--
--     psql -v ON_ERROR_STOP=1 -f migration.sql DATABASE
--
-- It prints how many sessions it took over, and how many it left out and why. Once this service runs, drop the table.

-- Sessions of users who are gone are left out.
\set users 'SELECT id FROM shared.users'
\ir ../import/shared_sessions.sql
