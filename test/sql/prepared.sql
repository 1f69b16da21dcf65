-- Transactions that are prepared. A server as it is installed has none, and then there is nothing to test.
SELECT current_setting('max_prepared_transactions') = '0' AS are_disabled \gset
\if :are_disabled
\quit
\endif
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

-- The activity that a validation noted is left out, and what was written is kept.
SELECT * FROM create_session(:'alice', ip_address => '192.0.2.1') \gset
CALL pg_temp.time_passes('61 minutes');
BEGIN;
SELECT count(*) FROM validate_session(:'token', '192.0.2.2');
SELECT set_session_scopes(:'session_id', '{read}');
PREPARE TRANSACTION 'prepared';
SELECT scopes FROM get_session(:'session_id');
COMMIT PREPARED 'prepared';
SELECT scopes, ip_address, pg_temp.is_in(last_activity_at, '-61 minutes') AS without_activity
FROM get_session(:'session_id');
-- The next transaction records its own.
SELECT count(*) FROM validate_session(:'token', '192.0.2.3');
SELECT ip_address, pg_temp.is_in(last_activity_at, '0') AS with_activity FROM get_session(:'session_id');

-- What was prepared is not lost with the connection: a sign-in is good, and a revocation is in force, once it is
-- committed.
BEGIN;
SELECT session_id AS phone, token AS phone_token FROM create_session(:'bob', 'phone') \gset
PREPARE TRANSACTION 'signed in';
\c -
SELECT count(*) FROM session_service.validate_session(:'phone_token');
COMMIT PREPARED 'signed in';
SELECT session_id = :'phone' AS same FROM session_service.validate_session(:'phone_token');
BEGIN;
SELECT session_service.revoke_session(:'phone');
PREPARE TRANSACTION 'signed out';
\c -
COMMIT PREPARED 'signed out';
SELECT count(*) FROM session_service.validate_session(:'phone_token');
