-- The times of an imported session: in the future, reversed, over, at the ends of the calendar.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SET session_service.max_per_user = 0;
CREATE FUNCTION pg_temp.imported(created interval, last_activity interval, expires interval,
    refresh interval DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := clock_timestamp();
    s session_service.session_info;
    hours CONSTANT text := 'FM999990';
BEGIN
    SELECT g.* INTO s FROM
        session_service.get_session(session_service.import_session(session_service.hash_token(now::text),
        '00000000-0000-4000-8000-00000000000a', now + expires,
        CASE WHEN refresh IS NOT NULL THEN session_service.hash_token('refresh' || now) END,
        created_at => now + created, last_activity_at => now + last_activity, refresh_expires_at => now + refresh)) g;
    RETURN format('%s, created %s, active %s, expires %s, refresh %s, idle %s, ends %s', s.status,
        to_char(extract(epoch FROM s.created_at - now) / 3600, hours),
        to_char(extract(epoch FROM s.last_activity_at - now) / 3600, hours),
        to_char(extract(epoch FROM s.expires_at - now) / 3600, hours),
        coalesce(to_char(extract(epoch FROM s.refresh_expires_at - now) / 3600, hours), 'none'),
        to_char(extract(epoch FROM s.idle_expires_at - now) / 3600, hours),
        to_char(extract(epoch FROM s.absolute_expires_at - now) / 3600, hours));
END $$;
-- (all in hours from now)
SELECT what, pg_temp.imported(created, last_activity, expires, refresh) FROM (VALUES
    (1, 'as it should be', '-10 hours'::interval, '-1 hour'::interval, '20 hours'::interval, '40 hours'::interval),
    (2, 'times left out', NULL, NULL, '20 hours', '40 hours'),
    (3, 'created in the future', '5 hours', NULL, '20 hours', NULL),
    (4, 'active in the future', '-1 hour', '5 hours', '20 hours', NULL),
    (5, 'both in the future', '500 hours', '600 hours', '20 hours', NULL),
    (6, 'active before it was created', '-1 hour', '-10 hours', '20 hours', NULL),
    (7, 'active long ago', '-300 hours', '-200 hours', '20 hours', '40 hours'),
    (8, 'expired before it was created', '-1 hour', '-1 hour', '-10 hours', NULL),
    (9, 'expired', '-10 hours', '-2 hours', '-1 hour', NULL),
    (10, 'expired, to be refreshed', '-10 hours', '-2 hours', '-1 hour', '40 hours'),
    (11, 'refresh before expiry', '-10 hours', '-1 hour', '40 hours', '20 hours'),
    (12, 'longer than the settings give', '-10 hours', '-1 hour', '20000 hours', '30000 hours'),
    (13, 'past its absolute end', '-10000 hours', '-1 hour', '20 hours', '40 hours'),
    (14, 'refresh expiry without a refresh token', '-10 hours', '-1 hour', '20 hours', NULL)) t (place, what, created,
    last_activity, expires, refresh) ORDER BY place;
-- without a refresh token its expiry is none
SELECT refresh_expires_at IS NULL AS none
FROM get_session(import_session(hash_token('no refresh'), :'alice', clock_timestamp() + interval '1 hour',
    refresh_expires_at => clock_timestamp() + interval '2 hours'));
-- with one, and no expiry of its own, it is the session's
SELECT refresh_expires_at = expires_at AS same
FROM get_session(import_session(hash_token('same'), :'alice', clock_timestamp() + interval '1 hour',
    hash_token('same refresh')));
-- the session goes on by these times: a token works as long as it is active, a refresh token as long as it is usable
SELECT import_session(hash_token('future'), :'bob', clock_timestamp() + interval '2 hours',
    hash_token('future refresh'), created_at => clock_timestamp() + interval '1 year',
    last_activity_at => clock_timestamp() + interval '1 year') AS id \gset
SELECT count(*) FROM validate_session('future');
SELECT pg_temp.is_in(created_at, '0') AS created, pg_temp.is_in(last_activity_at, '0') AS active
FROM get_session(:'id');
CALL pg_temp.time_passes('121 minutes');
SELECT count(*) FROM validate_session('future');
SELECT count(*) FROM refresh_session('future refresh');
SELECT pg_temp.state(:'id');
-- what is over when it is imported takes nobody's place, and is cleaned up in its turn
SET session_service.max_per_user = 1;
SELECT * FROM create_session(:'carol') \gset
SELECT import_session(hash_token('over'), :'carol', clock_timestamp() - interval '1 hour') AS over_id \gset
SELECT pg_temp.state(:'over_id'), pg_temp.opens(:'token'), pg_temp.opens('over') AS over;
SELECT import_session(hash_token('usable'), :'carol', clock_timestamp() - interval '1 hour',
    hash_token('usable refresh'), refresh_expires_at => clock_timestamp() + interval '1 hour') AS usable_id \gset
SELECT pg_temp.opens(:'token') AS evicted, pg_temp.state(:'usable_id');
SET session_service.max_per_user = 0;
SELECT cleanup_sessions('0') > 0 AS deleted;
SELECT count(*) AS over FROM get_session(:'over_id');
SELECT count(*) AS usable FROM get_session(:'usable_id');
-- purge dates are those of the deadlines
SELECT count(*) FROM sessions
WHERE revoked_at IS NULL
    AND purge_after <> date_trunc('day', least(idle_expires_at, greatest(expires_at, refresh_expires_at)), 'UTC');
-- no time at all
SELECT what, pg_temp.outcome(format('SELECT import_session(hash_token(%L), gen_random_uuid(), %s)', what, arguments))
FROM (VALUES
    (1, 'expires_at', 'NULL'), (2, 'expires_at', '''infinity'''), (3, 'expires_at', '''-infinity'''),
    (4, 'created_at', 'now(), created_at => ''infinity'''), (5, 'created_at', 'now(), created_at => ''-infinity'''),
    (6, 'last_activity_at', 'now(), last_activity_at => ''infinity'''),
    (7, 'last_activity_at', 'now(), last_activity_at => ''-infinity'''),
    (8, 'refresh_expires_at', 'now(), hash_token(''r''), refresh_expires_at => ''infinity'''),
    (9, 'refresh_expires_at', 'now(), hash_token(''r''), refresh_expires_at => ''-infinity''')) t (place, what,
    arguments) ORDER BY place;
-- the ends of the calendar
SELECT what, status, absolute_expires_at > clock_timestamp() AS later
FROM (VALUES (1, 'last', '294276-12-31 23:59:59 UTC'::timestamptz, NULL::timestamptz, NULL::timestamptz),
    (2, 'first', '4713-01-01 00:00:00 UTC BC', NULL, NULL),
    (3, 'created first', '294276-12-31 23:59:59 UTC', '4713-01-01 00:00:00 UTC BC', NULL),
    (4, 'active first', '294276-12-31 23:59:59 UTC', '4713-01-01 00:00:00 UTC BC', '4713-01-01 00:00:00 UTC BC'),
    (5, 'all last', '294276-12-31 23:59:59 UTC', '294276-12-31 23:59:59 UTC', '294276-12-31 23:59:59 UTC')) t (place,
    what, expires, created, last_activity),
    LATERAL (SELECT import_session(hash_token(what), :'alice', expires, hash_token('refresh ' || what),
        created_at => created, last_activity_at => last_activity, refresh_expires_at => expires) AS id) i,
        get_session(id) ORDER BY place;
-- another session with the refresh token of one is refused for good, in whichever order the hashes are; with the same
-- token it is that session
SELECT import_session(hash_token('mine'), :'alice', clock_timestamp() + interval '1 day',
    hash_token('shared')) AS first_id \gset
SELECT DISTINCT
    pg_temp.outcome(format('SELECT import_session(hash_token(%L), %L, clock_timestamp() + interval ''1 day'', '
        'hash_token(''shared''))', 'token ' || n, :'bob')) FROM generate_series(1, 16) n;
SELECT DISTINCT import_session(hash_token('mine'), u, clock_timestamp() + interval '2 days',
    hash_token('other')) = :'first_id' AS same FROM unnest(ARRAY[:'alice', :'bob']::uuid[]) u;
