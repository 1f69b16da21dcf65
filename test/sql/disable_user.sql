-- A user who may not sign in.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SELECT * FROM create_session(:'alice') \gset
SELECT * FROM create_session(:'alice') \gset other_
SELECT * FROM create_session(:'bob') \gset bob_
SELECT user_epoch(:'alice') AS epoch \gset
SELECT disable_user(:'alice', 'Fraud'), is_user_disabled(:'alice'), is_user_disabled(:'bob'),
    is_user_disabled(:'nobody');
-- all sessions are over, and nothing opens one
SELECT pg_temp.state(:'session_id'), pg_temp.state(:'other_session_id'), pg_temp.state(:'bob_session_id'),
    user_epoch(:'alice') > :epoch AS epoch_grew;
SELECT count(*) FROM unnest(ARRAY[:'token', :'other_token']) t, validate_session(t);
SELECT count(*) FROM refresh_session(:'refresh_token');
SELECT count(*) FROM reauthenticate_session(:'token');
SELECT pg_temp.outcome(format('SELECT create_session(%L)', :'alice'));
SELECT
    pg_temp.outcome(format('SELECT import_session(hash_token(''imported''), %L, '
        'clock_timestamp() + interval ''1 day'')', :'alice'));
SELECT count(*) FROM create_session(:'bob');
-- once
SELECT disable_user(:'alice'), is_user_disabled(:'alice');
SELECT kind, reason FROM list_events(:'alice', max_rows => 3) ORDER BY kind;
-- until the user is enabled: what was ended stays so
SELECT enable_user(:'alice'), is_user_disabled(:'alice');
SELECT enable_user(:'alice'), enable_user(:'nobody');
SELECT count(*) FROM unnest(ARRAY[:'token', :'other_token']) t, validate_session(t);
SELECT count(*) FROM create_session(:'alice');
SELECT kind, reason FROM list_events(:'alice', max_rows => 1);
-- also one who was never seen, with an own limit
SELECT disable_user(:'carol'), set_user_session_limit(:'carol', 3), is_user_disabled(:'carol');
SELECT pg_temp.outcome(format('SELECT create_session(%L)', :'carol'));
SELECT enable_user(:'carol');
SELECT max_sessions, disabled_at FROM users WHERE user_id = :'carol';
-- what of the user has been deleted is forgotten
SELECT disable_user(:'carol'), delete_user(:'carol'), is_user_disabled(:'carol');

SELECT pg_temp.outcome('SELECT disable_user(NULL)');
SELECT pg_temp.outcome('SELECT enable_user(NULL)');
SELECT pg_temp.outcome('SELECT is_user_disabled(NULL)');
SELECT pg_temp.outcome(format('SELECT disable_user(%L, %L)', :'alice', repeat('x', 256)));

-- undone with its transaction
BEGIN;
SELECT disable_user(:'bob');
ROLLBACK;
SELECT is_user_disabled(:'bob'), pg_temp.opens(:'bob_token');
