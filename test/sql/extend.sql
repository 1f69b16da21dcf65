-- Extending a session.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SET session_service.session_expiry = '10h';
SET session_service.absolute_timeout = '30h';
SELECT * FROM create_session(:'alice') \gset
-- to now + the interval, which is what is returned and stored
SELECT extend_session(:'session_id', '20 hours') AS extended \gset
SELECT pg_temp.is_in(:'extended', '20 hours'), expires_at = :'extended' AS stored,
    refresh_expires_at = :'refresh_expires_at' AS refresh_stays, last_activity_at = created_at AS no_activity
FROM get_session(:'session_id');
SELECT purge_after = date_trunc('day', least(idle_expires_at, greatest(expires_at, refresh_expires_at)),
    'UTC') AS purge_date FROM sessions WHERE id = :'session_id';
-- never shorter than it was
SELECT extend_session(:'session_id', '1 second') = :'extended' AS as_it_was,
    extend_session(:'session_id') = :'extended' AS by_default;
-- never past the absolute end
SELECT extend_session(:'session_id', '100 years') = absolute_expires_at AS at_its_end FROM get_session(:'session_id');
SELECT expires_at = absolute_expires_at AS at_its_end FROM get_session(:'session_id');
-- by default the session's own expiry, or the setting's where that is shorter now
SELECT * FROM create_session(:'alice', session_expiry => '4 hours') \gset own_
SELECT * FROM create_session(:'alice') \gset
CALL pg_temp.time_passes('3 hours');
SELECT pg_temp.is_in(extend_session(:'own_session_id'), '4 hours') AS own,
    pg_temp.is_in(extend_session(:'session_id'), '10 hours') AS setting;
CALL pg_temp.time_passes('3 hours');
SET session_service.session_expiry = '9h';
SELECT pg_temp.is_in(extend_session(:'own_session_id', NULL), '4 hours') AS own,
    pg_temp.is_in(extend_session(:'session_id'), '9 hours') AS setting;
-- without an absolute end, as far as asked
SET session_service.absolute_timeout = 0;
SELECT * FROM create_session(:'alice') \gset
SELECT pg_temp.is_in(extend_session(:'session_id', '1000 days'), '1000 days');
-- cleanup's date goes with it
SET session_service.inactivity_timeout = 0;
SELECT * FROM create_session(:'alice', issue_refresh => false) \gset plain_
SELECT extend_session(:'plain_session_id', '30 days') IS NOT NULL AS extended;
SELECT purge_after = date_trunc('day', expires_at, 'UTC') AS purge_date FROM sessions WHERE id = :'plain_session_id';
RESET session_service.inactivity_timeout;
-- the token goes on
CALL pg_temp.time_passes('6 days');
SELECT count(*) FROM validate_session(:'token');

-- NULL where there is no active session
SELECT * FROM create_session(:'bob', session_expiry => '1 hour') \gset expired_
SELECT * FROM create_session(:'bob', inactivity_timeout => '1 hour') \gset idle_
SELECT * FROM create_session(:'bob') \gset revoked_
SELECT revoke_session(:'revoked_session_id');
CALL pg_temp.time_passes('61 minutes');
SELECT extend_session(:'expired_session_id', '1 day') AS expired, extend_session(:'idle_session_id', '1 day') AS idle,
    extend_session(:'revoked_session_id', '1 day') AS revoked,
       extend_session(:'nobody', '1 day') AS unknown;
SELECT pg_temp.state(:'expired_session_id') AS expired, pg_temp.state(:'idle_session_id') AS idle,
    pg_temp.state(:'revoked_session_id') AS revoked;
SELECT pg_temp.outcome('SELECT extend_session(NULL)');
SELECT "by", pg_temp.outcome(format('SELECT extend_session(%L, %L)', :'session_id', "by"))
FROM unnest('{0, -1 second, 1 month -31 days, 178000000 years}'::interval[]) "by";
