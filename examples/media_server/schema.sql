-- What the service needs in its database. Run once, by a superuser, with psql.

CREATE EXTENSION session_service;
CREATE EXTENSION IF NOT EXISTS pgcrypto; -- crypt(), for passwords

-- They may be there, from the service before.
CREATE SCHEMA IF NOT EXISTS shared;
CREATE TABLE IF NOT EXISTS shared.users (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username      text NOT NULL UNIQUE,
    password_hash text NOT NULL
);

-- The service's role: it reads users, and calls what an application needs. Of what operators may do it needs cleanup.
CREATE ROLE media_server LOGIN;
GRANT USAGE ON SCHEMA shared TO media_server;
GRANT SELECT ON shared.users TO media_server;
SELECT session_service.grant_access('media_server', 'application');
GRANT EXECUTE ON FUNCTION session_service.cleanup_sessions(interval, integer) TO media_server;

-- River keeps its jobs in a schema of its own, and makes its tables itself.
CREATE SCHEMA river AUTHORIZATION media_server;

-- A day with a token, a week to refresh it, and ten sessions for each user, as the service before it had it.
ALTER DATABASE :"DBNAME" SET session_service.session_expiry = '1d';
ALTER DATABASE :"DBNAME" SET session_service.refresh_token_expiry = '7d';
ALTER DATABASE :"DBNAME" SET session_service.inactivity_timeout = '7d';
ALTER DATABASE :"DBNAME" SET session_service.max_per_user = 10;
