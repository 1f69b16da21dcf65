-- What the example needs in its database. Run once, by a superuser, with psql.

CREATE EXTENSION session_service;

-- Logout tokens that were carried out, for as long as they could come again.
CREATE TABLE public.used_logout_tokens (
    issuer text,
    jti    text,
    until  timestamptz NOT NULL,
    PRIMARY KEY (issuer, jti)
);
CREATE INDEX ON public.used_logout_tokens (until);

CREATE ROLE logout_app LOGIN;
GRANT SELECT, INSERT, DELETE ON public.used_logout_tokens TO logout_app;
SELECT session_service.grant_access('logout_app', 'application');
