-- Lengths of time at their limits, in every call that takes one.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SET session_service.max_per_user = 0;
SELECT * FROM create_session(:'alice') \gset
CREATE TEMP TABLE calls (place serial, name text, statement text);
INSERT INTO calls (name, statement) VALUES
    ('create_session', 'SELECT create_session(gen_random_uuid(), session_expiry => %L)'),
    ('create_session, inactivity', 'SELECT create_session(gen_random_uuid(), inactivity_timeout => %L)'),
    ('extend_session', format('SELECT extend_session(%L, %%L)', :'session_id')),
    ('trust_device', format('SELECT trust_device(%L, %L, %%L)', :'alice', :'device_id')),
    ('list_inactive_sessions', 'SELECT list_inactive_sessions(%L)'),
    ('revoke_inactive_sessions', 'SELECT revoke_inactive_sessions(%L)'),
    ('cleanup_sessions', 'SELECT cleanup_sessions(%L)');
-- What each does with a length of time; where it is taken, it is undone.
CREATE FUNCTION pg_temp.tried(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE SQLSTATE 'OK000';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'OK000' THEN 'taken' ELSE SQLSTATE END;
END $$;
-- refused by each: nothing, less than nothing, and what no clock shows (infinity is no interval before version 17)
SELECT length, string_agg(DISTINCT CASE WHEN pg_temp.tried(format(statement, length)) IN ('22023', '22008')
    OR length ~ 'infinity' AND pg_temp.tried(format(statement, length)) = '22007' THEN 'refused' ELSE name END,
    ', ') AS by_each
FROM calls,
    unnest('{-1 microsecond,1 month -31 days,-1 day 23 hours,-178000000 years,178000000 years,2147483647 '
        'months,-2147483648 months,2147483647 days 2147483647 months,-2147483648 days,300000 '
        'years,infinity,-infinity}'::text[]) WITH ORDINALITY l (length, n)
GROUP BY n, length ORDER BY n;
SELECT name, pg_temp.tried(format(statement, '0')) AS nothing,
    pg_temp.tried(format(statement, '1 microsecond')) AS least, pg_temp.tried(format(statement, '30 years')) AS long,
    pg_temp.tried(format(statement, '2000 years')) AS longer
FROM calls ORDER BY place;
-- the session that was tried on is as it was
SELECT expires_at = :'expires_at' AS same, status FROM get_session(:'session_id');
-- the longest that are taken overflow nothing: cut to the settings, or to the end of the calendar
SELECT c.expires_at = :'expires_at'::timestamptz + (s.created_at - a.created_at) AS by_setting,
    s.idle_expires_at - s.created_at AS idle
FROM get_session(:'session_id') a, create_session(:'alice', session_expiry => '200000 years',
    inactivity_timeout => '200000 years') c, LATERAL get_session(c.session_id) s;
SELECT extend_session(:'session_id', '200000 years') = absolute_expires_at AS at_its_end
FROM get_session(:'session_id');
SET session_service.absolute_timeout = 0;
SELECT * FROM create_session(:'alice') \gset endless_
SELECT pg_temp.is_in(extend_session(:'endless_session_id', '200000 years'), '73050000 days') AS extended;
SELECT count(*) FROM validate_session(:'endless_token');
SELECT status, absolute_expires_at FROM get_session(:'endless_session_id');
SELECT introspect_token(:'endless_token') ->> 'active' AS active,
    (introspect_token(:'endless_token') ->> 'exp')::bigint > 6000000000000 AS exp;
-- and such a session goes on: refreshed, by the settings
SELECT pg_temp.is_in(expires_at, '30 days') AS anew FROM refresh_session(:'endless_refresh_token');
-- the units that a caller writes: a month is 30 days, a year 365 and a quarter, an hour an hour
SET session_service.session_expiry = '4000d';
SELECT length, pg_temp.is_in(c.expires_at, seconds * interval '1 second') AS as_long
FROM (VALUES ('1 month'::interval, 2592000), ('1 year', 31557600),
    ('1 year 1 month 1 day 1 hour', 31557600 + 2592000 + 86400 + 3600),
    ('13 months', 31557600 + 2592000), ('1 month -29 days', 86400), ('36 hours', 129600),
    ('-1 day 25 hours', 3600)) l (length, seconds), create_session(:'alice', session_expiry => length) c;
RESET ALL;
