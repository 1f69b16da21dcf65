-- Settings: defaults, units, ranges, and who may set them.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

LOAD 'session_service';
SELECT name, setting, unit, context, vartype, min_val, max_val, enumvals FROM pg_settings
WHERE name LIKE 'session\_service.%'
    AND name IN ('session_service.session_expiry', 'session_service.refresh_token_expiry',
        'session_service.inactivity_timeout', 'session_service.absolute_timeout', 'session_service.sliding_expiry',
        'session_service.refresh_grace', 'session_service.max_per_user', 'session_service.limit_policy',
        'session_service.token_length', 'session_service.touch_interval', 'session_service.device_trust',
        'session_service.retention', 'session_service.cleanup_batch_size', 'session_service.event_log',
        'session_service.notify', 'session_service.revocation_commit', 'session_service.geoip_database',
        'session_service.maintenance_database', 'session_service.cleanup_interval',
        'session_service.bound_session_expiry', 'session_service.token_overlap', 'session_service.challenge_expiry',
        'session_service.proof_max_age', 'session_service.proof_nonce')
ORDER BY name;
-- as SHOW prints them
SELECT name, current_setting(name) FROM pg_settings WHERE name LIKE 'session\_service.%' AND unit IS NOT NULL
ORDER BY name;
-- each says what it is for
SELECT name FROM pg_settings WHERE name LIKE 'session\_service.%' AND coalesce(short_desc, '') = '';
-- with units, or without: seconds
SET session_service.session_expiry = '36h';
SHOW session_service.session_expiry;
SET session_service.session_expiry = 90;
SHOW session_service.session_expiry;
SET session_service.refresh_grace = '1500ms';
SHOW session_service.refresh_grace;
RESET session_service.session_expiry;
RESET session_service.refresh_grace;
-- out of range, or none of the choices: refused with the reason
-- (later servers print the bounds with their unit)
SELECT setting, regexp_replace(pg_temp.outcome('SET ' || setting), '\((\d+) s \.\. (\d+) s\)$', '(\1 .. \2)') AS outcome
FROM unnest(ARRAY[
    'session_service.session_expiry = 0', 'session_service.session_expiry = -1',
    'session_service.refresh_token_expiry = 0', 'session_service.inactivity_timeout = -1',
    'session_service.absolute_timeout = -1',
    'session_service.refresh_grace = -1', 'session_service.max_per_user = -1', 'session_service.token_length = 15',
    'session_service.token_length = 65', 'session_service.touch_interval = -1',
    'session_service.device_trust = 0', 'session_service.retention = -1', 'session_service.cleanup_batch_size = 0',
    'session_service.session_expiry = ''a week''',
    'session_service.bound_session_expiry = 0', 'session_service.token_overlap = -1',
    'session_service.token_overlap = 301', 'session_service.challenge_expiry = 0',
    'session_service.proof_max_age = 0', 'session_service.proof_nonce = 2',
    'session_service.limit_policy = ''evict_all''', 'session_service.event_log = ''most''',
    'session_service.revocation_commit = ''off''', 'session_service.sliding_expiry = 2']) setting;
-- at the bounds
SET session_service.token_length = 16;
SET session_service.token_length = 64;
SET session_service.session_expiry = '1s';
SET session_service.session_expiry = 2147483647;
SET session_service.inactivity_timeout = 0;
SET session_service.absolute_timeout = 0;
SET session_service.refresh_grace = 0;
SET session_service.max_per_user = 0;
SET session_service.touch_interval = 0;
SET session_service.retention = 0;
SET session_service.cleanup_batch_size = 1;
-- the longest lives overflow nothing
SET session_service.refresh_token_expiry = 2147483647;
SELECT expires_at - clock_timestamp() > '24855 days' AS long, absolute_expires_at, pg_temp.opens(token)
FROM create_session(:'alice'), LATERAL (SELECT absolute_expires_at FROM get_session(session_id)) s;
RESET ALL;
SET search_path = session_service, public;
-- no other setting of ours
SELECT pg_temp.outcome('SET session_service.sesion_expiry = 1') ~ '^42602' AS refused;
-- the worker's come from the configuration file
SELECT pg_temp.outcome('SET session_service.maintenance_database = ''postgres'''),
    pg_temp.outcome('SET session_service.cleanup_interval = 60');
-- superusers set the others, and roles that they were granted to
CREATE ROLE regress_session_user;
SET ROLE regress_session_user;
SELECT name, pg_temp.outcome(format('SET %s = %L', name, setting))
FROM (SELECT name, setting FROM pg_settings WHERE name LIKE 'session\_service.%' AND context = 'superuser') s
WHERE pg_temp.outcome(format('SET %s = %L', name, setting)) !~ '^42501';
SELECT pg_temp.outcome('SET session_service.max_per_user = 1');
RESET ROLE;
GRANT SET ON PARAMETER session_service.max_per_user TO regress_session_user;
SET ROLE regress_session_user;
SET session_service.max_per_user = 1;
SHOW session_service.max_per_user;
SELECT pg_temp.outcome('SET session_service.session_expiry = 1') ~ '^42501' AS only_that_one;
RESET ROLE;
REVOKE SET ON PARAMETER session_service.max_per_user FROM regress_session_user;
RESET session_service.max_per_user;
ALTER ROLE regress_session_user SET session_service.max_per_user = 3;
SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'regress_session_user'::regrole;
DROP ROLE regress_session_user;
