-- What the application needs in its database. Run once, by a superuser, with psql.

CREATE EXTENSION session_service;

CREATE TABLE public.users (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email         text NOT NULL UNIQUE CHECK (email = lower(email)),
    name          text NOT NULL,
    password_hash text NOT NULL,
    is_admin      boolean NOT NULL DEFAULT false
);

-- Who goes takes sessions, devices and events along.
CREATE FUNCTION public.forget_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ BEGIN PERFORM session_service.delete_user(OLD.id); RETURN NULL; END $$;
CREATE TRIGGER forget_user AFTER DELETE ON public.users FOR EACH ROW EXECUTE FUNCTION public.forget_user();

-- The application's role: it reads users, and calls what an application needs, and no more.
CREATE ROLE web_app LOGIN;
GRANT SELECT ON public.users TO web_app;
SELECT session_service.grant_access('web_app', 'application');

-- That of the administrators' pages: it sees and ends everybody's sessions, and no password.
CREATE ROLE web_admin LOGIN;
GRANT SELECT (id, email, name) ON public.users TO web_admin;
SELECT session_service.grant_access('web_admin', 'admin');

-- A session token that is good for minutes, and a refresh token that is good for weeks.
ALTER DATABASE :"DBNAME" SET session_service.session_expiry = '15min';
ALTER DATABASE :"DBNAME" SET session_service.refresh_token_expiry = '30d';
ALTER DATABASE :"DBNAME" SET session_service.inactivity_timeout = '7d';

-- A session that is bound to a key of the browser's: its token is good for ten minutes, as the setting says by default,
-- and still for ten seconds after a renewal, for requests that were on their way.
ALTER DATABASE :"DBNAME" SET session_service.bound_session_expiry = '10min';
ALTER DATABASE :"DBNAME" SET session_service.token_overlap = '10s';
