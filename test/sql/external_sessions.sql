-- Sessions that came of an identity provider's, for back-channel logout.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

\set external 'https://idp.example|08a5019c-17e1-4977-8f42-65a12843ea02'
SELECT * FROM create_session(:'alice', external_id => :'external') \gset
SELECT * FROM create_session(:'bob', external_id => :'external') \gset bob_
SELECT * FROM create_session(:'alice', external_id => 'https://idp.example|other') \gset other_
SELECT * FROM create_session(:'alice', external_id => '') \gset none_
-- stored as its hash alone, and only where there is one
SELECT count(*), bool_or(x.external_hash = hash_token(:'external')) AS hashed FROM external_sessions x;
SELECT bool_or(strpos(t, 'idp.example') > 0) AS kept FROM (SELECT to_jsonb(x)::text AS t FROM external_sessions x
    UNION ALL SELECT to_jsonb(s)::text FROM sessions s) t;
-- found whatever their state
SELECT user_id, status FROM find_external_sessions(:'external') ORDER BY user_id;
SELECT count(*) FROM find_external_sessions('https://idp.example|unknown');
SELECT revoke_session(:'bob_session_id');
SELECT user_id, status FROM find_external_sessions(:'external') ORDER BY user_id;
-- a refresh and a new check of the user keep them
SELECT * FROM refresh_session(:'refresh_token') \gset next_
SELECT * FROM reauthenticate_session(:'next_token') \gset again_
SELECT user_id, status FROM find_external_sessions(:'external') ORDER BY user_id;
-- ended by it, and no others
SELECT user_epoch(:'alice') AS epoch \gset
SELECT revoke_external_sessions(:'external');
SELECT pg_temp.state(:'session_id'), pg_temp.state(:'other_session_id'), pg_temp.state(:'none_session_id'),
    user_epoch(:'alice') > :epoch AS epoch_grew;
SELECT revoke_external_sessions(:'external'), revoke_external_sessions('https://idp.example|unknown'),
    revoke_external_sessions('');
SELECT revoke_external_sessions('https://idp.example|other', 'Gone');
SELECT kind, session_id = :'other_session_id' AS session, reason FROM list_events(:'alice', max_rows => 1);
-- gone with their sessions: by cleanup and with the user
SELECT cleanup_sessions('0');
SELECT count(*) FROM external_sessions;
SELECT count(*) FROM create_session(:'bob', external_id => :'external');
SELECT count(*) FROM external_sessions;
SELECT delete_user(:'bob');
SELECT count(*) FROM external_sessions;

SELECT pg_temp.outcome('SELECT find_external_sessions(NULL)');
SELECT pg_temp.outcome('SELECT revoke_external_sessions(NULL)');
SELECT pg_temp.outcome(format('SELECT find_external_sessions(%L)', repeat('x', 513)));
SELECT pg_temp.outcome(format('SELECT create_session(%L, external_id => %L)', :'alice', repeat('x', 513)));
SELECT count(*) FROM create_session(:'alice', external_id => repeat('é', 512));
SELECT count(*) FROM find_external_sessions(repeat('é', 512));
