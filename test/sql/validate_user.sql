-- validate_user: the user of a session token as one value, and validate_session in all it does.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SELECT * FROM create_session(:'alice', 'laptop') \gset
SELECT validate_user(:'token') = :'alice' AS alices, pg_typeof(validate_user(:'token'));
-- no is NULL: nothing, garbage, the other kind of token, an unknown session
SELECT validate_user(NULL) IS NULL AS none, validate_user('') IS NULL AS empty,
    validate_user('sst_x') IS NULL AS garbage,
       validate_user(:'refresh_token') IS NULL AS refresh, validate_user(repeat('x', 1000000)) IS NULL AS long;
-- an imported token as well
SELECT import_session(hash_token('from elsewhere'), :'bob',
    clock_timestamp() + interval '1 day') IS NOT NULL AS imported;
SELECT validate_user('from elsewhere') = :'bob' AS bobs;

-- it records activity, with the address, once it is due
CALL pg_temp.time_passes('2 hours');
SELECT validate_user(:'token', '192.0.2.7') = :'alice' AS alices;
SELECT pg_temp.is_in(last_activity_at, '0') AS now, ip_address FROM get_session(:'session_id');
-- not where the transaction is rolled back
CALL pg_temp.time_passes('2 hours');
BEGIN;
SELECT validate_user(:'token', '192.0.2.8') = :'alice' AS alices;
ROLLBACK;
SELECT pg_temp.is_in(last_activity_at, '-2 hours') AS before, ip_address FROM get_session(:'session_id');
-- no once it is revoked, or has expired
SELECT revoke_session(:'session_id');
SELECT validate_user(:'token') IS NULL AS revoked;
SELECT * FROM create_session(:'alice', session_expiry => '1 hour') \gset
CALL pg_temp.time_passes('61 minutes');
SELECT validate_user(:'token') IS NULL AS expired;
