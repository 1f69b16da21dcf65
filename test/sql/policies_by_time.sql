-- What policies ask of the session beside whose it is: how long ago its user was checked, and what its metadata say.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

-- outside: no
SELECT is_authenticated_within('1 year'), is_mfa_verified('1 year'), is_mfa_verified(), current_metadata();
SELECT pg_temp.outcome('SELECT is_authenticated_within(NULL)');
SELECT pg_temp.outcome('SELECT is_authenticated_within(''0'')');
SELECT pg_temp.outcome('SELECT is_mfa_verified(''-1 day'')');
-- as old as the sign-in, whatever happens but a new check of the user
SELECT * FROM create_session(:'alice') \gset
SELECT mark_mfa_verified(:'session_id');
CALL pg_temp.time_passes('10 minutes');
SELECT token FROM refresh_session(:'refresh_token') \gset
CREATE FUNCTION pg_temp.ages(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM session_service.authenticate(token);
    RETURN concat_ws(' ', session_service.is_authenticated_within('9 minutes'),
        session_service.is_authenticated_within('11 minutes'),
                          session_service.is_mfa_verified('9 minutes'), session_service.is_mfa_verified('11 minutes'),
                          session_service.is_mfa_verified());
END $$;
SELECT pg_temp.ages(:'token');
SELECT token FROM reauthenticate_session(:'token') \gset
SELECT pg_temp.ages(:'token');
SELECT mark_mfa_verified(:'session_id');
SELECT pg_temp.ages(:'token');
SELECT clear_mfa_verified(:'session_id');
SELECT pg_temp.ages(:'token');
-- judged by the clock of that moment, not by the transaction's start
BEGIN;
SELECT token FROM reauthenticate_session(:'token') \gset
SELECT count(*) FROM authenticate(:'token');
SELECT pg_sleep(0.02);
SELECT is_authenticated_within('0.01 s'), is_authenticated_within('1 hour');
COMMIT;
-- a clock that was set back makes nothing older
UPDATE sessions SET authenticated_at = clock_timestamp() + interval '1 hour' WHERE id = :'session_id';
SELECT pg_temp.ages(:'token');

-- any metadata come back as they are
CREATE FUNCTION pg_temp.comes_back(metadata jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM session_service.authenticate(token)
    FROM session_service.create_session('00000000-0000-4000-8000-00000000000b', scopes => '{a,b}',
        metadata => comes_back.metadata);
    RETURN session_service.current_metadata() = comes_back.metadata AND session_service.current_scopes() = '{a,b}';
END $$;
SELECT m, pg_temp.comes_back(m)
FROM unnest(ARRAY['{}', '[]', 'null', '"a b"', '1.50', '{"a": [true, {"b": "c\nd"}]}']::jsonb[]) m;
SELECT pg_temp.comes_back(to_jsonb(repeat('é', 4000)));
-- also to a policy
CREATE TABLE pg_temp.rows_of_tenants (tenant text, n integer);
INSERT INTO pg_temp.rows_of_tenants VALUES ('north', 1), ('south', 2);
SELECT token FROM create_session(:'carol', metadata => '{"tenant": "south"}') \gset
BEGIN;
SELECT count(*) FROM authenticate(:'token');
SELECT n FROM pg_temp.rows_of_tenants WHERE tenant = (SELECT current_metadata() ->> 'tenant');
ROLLBACK;
SELECT current_metadata();
