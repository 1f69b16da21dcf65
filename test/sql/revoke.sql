-- Signing out.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

-- one session, once: the first time and reason are kept
SELECT * FROM create_session(:'alice') \gset
SELECT * FROM create_session(:'alice') \gset other_
SELECT user_epoch(:'alice') AS epoch \gset
SELECT revoke_session(:'session_id', 'first');
SELECT status, revoke_reason, pg_temp.is_in(revoked_at, '0') AS now, is_active, revoked_at
FROM get_session(:'session_id') \gset
SELECT :'status' AS status, :'revoke_reason' AS revoke_reason, :'now' AS now, :'is_active' AS is_active;
SELECT revoke_session(:'session_id', 'second');
SELECT revoke_reason, revoked_at = :'revoked_at' AS same_time FROM get_session(:'session_id');
-- both tokens are dead, the other session lives, the epoch has grown once
SELECT pg_temp.opens(:'token') AS token, pg_temp.opens(:'refresh_token') AS refresh_token,
    pg_temp.opens(:'other_token') AS other;
SELECT user_epoch(:'alice') > :epoch AS grown, user_epoch(:'alice') AS epoch \gset
SELECT :'grown' AS grown;
SELECT revoke_session(:'session_id');
SELECT user_epoch(:'alice') = :epoch AS same_epoch;
SELECT kind, reason, session_id = :'session_id' AS session, device_id = :'device_id' AS device
FROM list_events(:'alice') WHERE kind = 'session.revoked';
-- the reason by default, also for NULL
SELECT revoke_session(:'other_session_id'), pg_temp.state(:'other_session_id');
SELECT * FROM create_session(:'alice') \gset
SELECT revoke_session(:'session_id', NULL), pg_temp.state(:'session_id');
-- unknown ids are false; NULL is an error
SELECT revoke_session(:'nobody');
SELECT pg_temp.outcome('SELECT revoke_session(NULL)');
-- undone with its transaction
SELECT * FROM create_session(:'alice') \gset
BEGIN;
SELECT revoke_session(:'session_id');
ROLLBACK;
SELECT pg_temp.state(:'session_id');

-- what is over by itself is not counted; what is expired but usable is, and what is idle is ended too
SET session_service.refresh_token_expiry = '2h';
SELECT * FROM create_session(:'bob', 'expired', session_expiry => '1 hour') \gset expired_
SELECT * FROM create_session(:'bob', 'no refresh', session_expiry => '1 hour', issue_refresh => false) \gset over_
SELECT * FROM create_session(:'bob', 'idle', inactivity_timeout => '1 hour') \gset idle_
SELECT * FROM create_session(:'bob', 'active') \gset
CALL pg_temp.time_passes('61 minutes');
BEGIN;
SELECT revoke_session(:'expired_session_id') AS expired, revoke_session(:'over_session_id') AS over,
    revoke_session(:'idle_session_id') AS idle;
SELECT pg_temp.state(:'expired_session_id') AS expired, pg_temp.state(:'over_session_id') AS over,
    pg_temp.state(:'idle_session_id') AS idle;
ROLLBACK;
SELECT revoke_all_user_sessions(:'bob');
SELECT pg_temp.state(:'expired_session_id') AS expired, pg_temp.state(:'over_session_id') AS over,
    pg_temp.state(:'idle_session_id') AS idle, pg_temp.state(:'session_id') AS active;
SELECT * FROM create_session(:'bob', session_expiry => '1 hour') \gset
CALL pg_temp.time_passes('121 minutes');
SELECT revoke_session(:'session_id'), revoke_session_by_token(:'refresh_token'), revoke_session_by_token(:'token'),
    revoke_all_user_sessions(:'bob');
RESET session_service.refresh_token_expiry;

-- only if it is that user's
SELECT * FROM create_session(:'alice') \gset
SELECT user_epoch(:'bob') AS epoch \gset
SELECT revoke_user_session(:'bob', :'session_id');
SELECT pg_temp.state(:'session_id'), user_epoch(:'bob') = :epoch AS same_epoch;
SELECT revoke_user_session(:'nobody', :'session_id'), revoke_user_session(:'alice', :'nobody');
SELECT revoke_user_session(:'alice', :'session_id'), revoke_user_session(:'alice', :'session_id', 'again');
SELECT pg_temp.state(:'session_id');
SELECT * FROM create_session(:'alice') \gset
SELECT revoke_user_session(:'alice', :'session_id', 'by the user'), pg_temp.state(:'session_id');
SELECT pg_temp.outcome(format('SELECT revoke_user_session(NULL, %L)', :'session_id')),
    pg_temp.outcome(format('SELECT revoke_user_session(%L, NULL)', :'alice'));

-- by a token of either kind
SELECT * FROM create_session(:'alice') \gset
SELECT revoke_session_by_token(:'token'), revoke_session_by_token(:'token'), pg_temp.state(:'session_id');
SELECT * FROM create_session(:'alice') \gset
SELECT revoke_session_by_token(:'refresh_token', 'gone'), pg_temp.state(:'session_id');
-- by the refresh token of a session whose session token is over
SELECT * FROM create_session(:'alice', session_expiry => '1 hour') \gset
CALL pg_temp.time_passes('61 minutes');
SELECT revoke_session_by_token(:'refresh_token'), pg_temp.state(:'session_id');
-- not by what is no token of it any more, or never was
SELECT * FROM create_session(:'alice') \gset
SELECT token AS new_token FROM rotate_session_token(:'token') \gset
SELECT revoke_session_by_token(:'token') AS replaced,
    revoke_session_by_token(pg_temp.forged('sst_', '\x01' || uuid_send(:'session_id')
    || decode(repeat('ab', 32), 'hex'))) AS forged,
       revoke_session_by_token(pg_temp.forged('ssr_', '\x01' || uuid_send(:'session_id')
           || decode(repeat('ab', 48), 'hex'))) AS forged,
       revoke_session_by_token(pg_temp.forged('ssr_', '\x01' || uuid_send(:'session_id')
           || substr(pg_temp.payload(:'refresh_token'), 18, 16) || decode(repeat('ab', 32), 'hex'))) AS other_secret,
       revoke_session_by_token(NULL), revoke_session_by_token('');
SELECT pg_temp.state(:'session_id');

-- all of a user's, and nobody else's
TRUNCATE users, devices, sessions, events;
SELECT * FROM create_session(:'bob') \gset bob_
SELECT count(*) FROM generate_series(1, 3) i, create_session(:'alice', metadata => to_jsonb(i));
SELECT * FROM create_session(:'alice') \gset
SELECT revoke_session(:'session_id', 'before');
SELECT user_epoch(:'alice') AS epoch \gset
SELECT revoke_all_user_sessions(:'alice'), revoke_all_user_sessions(:'alice');
SELECT revoke_reason, count(*), count(DISTINCT revoked_at) AS times
FROM list_user_sessions(:'alice', include_inactive => true) GROUP BY 1 ORDER BY revoke_reason COLLATE "C";
SELECT user_epoch(:'alice') > :epoch AS grown, pg_temp.state(:'bob_session_id') AS bob;
SELECT count(*) FROM list_events(:'alice') WHERE kind = 'session.revoked' AND reason = 'User logout all';
SELECT count(*) FROM create_session(:'alice');
SELECT revoke_all_user_sessions(:'alice', 'stolen'), revoke_all_user_sessions(:'nobody');
SELECT count(*) FROM list_user_sessions(:'alice', include_inactive => true) WHERE revoke_reason = 'stolen';
SELECT pg_temp.outcome('SELECT revoke_all_user_sessions(NULL)');

-- all but one
SELECT count(*) FROM generate_series(1, 3) i, create_session(:'alice', metadata => to_jsonb(i));
SELECT * FROM create_session(:'alice') \gset
SELECT revoke_all_user_sessions_except(:'alice', :'session_id'), count_user_sessions(:'alice'),
    pg_temp.state(:'session_id');
SELECT count(*) FROM list_user_sessions(:'alice', include_inactive => true)
WHERE revoke_reason = 'User logout all others';
SELECT revoke_all_user_sessions_except(:'alice', :'session_id'), pg_temp.state(:'bob_session_id') AS bob;
-- where the one is not the user's, all are others
SELECT revoke_all_user_sessions_except(:'alice', :'bob_session_id', 'switched'), pg_temp.state(:'session_id'),
    pg_temp.state(:'bob_session_id') AS bob;
-- an id that got lost on its way never widens what a call does
SELECT pg_temp.outcome(format('SELECT revoke_all_user_sessions_except(%L, NULL)', :'bob')),
    pg_temp.outcome(format('SELECT revoke_all_user_sessions_except(NULL, %L)', :'bob_session_id'));
SELECT pg_temp.state(:'bob_session_id') AS bob;

-- those of a device
SELECT * FROM create_session(:'alice', 'phone') \gset phone_
SELECT * FROM create_session(:'alice', 'laptop') \gset laptop_
SELECT count(*) FROM create_session(:'alice', 'phone');
SELECT revoke_device_sessions(:'alice', :'phone_device_id'), revoke_device_sessions(:'alice', :'phone_device_id');
SELECT pg_temp.state(:'phone_session_id') AS phone, pg_temp.state(:'laptop_session_id') AS laptop;
SELECT revoke_device_sessions(:'bob', :'laptop_device_id') AS not_his,
    revoke_device_sessions(:'alice', :'nobody') AS unknown, pg_temp.state(:'laptop_session_id') AS laptop;
SELECT revoke_device_sessions(:'alice', :'laptop_device_id', 'lost'), pg_temp.state(:'laptop_session_id') AS laptop;
SELECT pg_temp.outcome(format('SELECT revoke_device_sessions(%L, NULL)', :'bob')),
    pg_temp.outcome(format('SELECT revoke_device_sessions(NULL, %L)', :'bob_device_id'));
SELECT pg_temp.state(:'bob_session_id') AS bob;

-- the inactive of all users: for that long
TRUNCATE users, devices, sessions, events;
SELECT * FROM create_session(:'alice', 'a') \gset a_
SELECT * FROM create_session(:'bob', 'b') \gset b_
SELECT * FROM create_session(:'bob', 'over', session_expiry => '1 hour', issue_refresh => false) \gset over_
SELECT * FROM create_session(:'bob', 'expired', session_expiry => '1 hour') \gset expired_
CALL pg_temp.time_passes('2 hours');
SELECT * FROM create_session(:'alice', 'fresh') \gset fresh_
SELECT user_epoch(:'alice') AS alice_epoch, user_epoch(:'bob') AS bob_epoch \gset
SELECT revoke_inactive_sessions('3 hours'), revoke_inactive_sessions('1 hour', 'unused'),
    revoke_inactive_sessions('1 hour');
SELECT pg_temp.state(:'a_session_id') AS a, pg_temp.state(:'b_session_id') AS b,
    pg_temp.state(:'over_session_id') AS over, pg_temp.state(:'expired_session_id') AS expired,
    pg_temp.state(:'fresh_session_id') AS fresh;
SELECT user_epoch(:'alice') > :alice_epoch AS alice, user_epoch(:'bob') > :bob_epoch AS bob;
SELECT count(*) FROM list_all_events() WHERE kind = 'session.revoked' AND reason = 'unused';
-- by default for longer than their timeout: their own, or the setting's
SELECT * FROM create_session(:'alice', 'short', inactivity_timeout => '1 hour') \gset short_
SELECT * FROM create_session(:'bob', 'long') \gset long_
CALL pg_temp.time_passes('61 minutes');
SELECT revoke_inactive_sessions(), pg_temp.state(:'short_session_id') AS short,
    pg_temp.state(:'long_session_id') AS long;
SET session_service.inactivity_timeout = '1h';
SELECT revoke_inactive_sessions(NULL, NULL), pg_temp.state(:'long_session_id') AS long,
    pg_temp.state(:'fresh_session_id') AS fresh;
-- where there is no timeout nobody is inactive
SET session_service.inactivity_timeout = 0;
SELECT * FROM create_session(:'alice') \gset
CALL pg_temp.time_passes('20 days');
SELECT revoke_inactive_sessions(), revoke_inactive_sessions('19 days');
SELECT pg_temp.outcome('SELECT revoke_inactive_sessions(''0'')'),
    pg_temp.outcome('SELECT revoke_inactive_sessions(''-1 hour'')');

-- a user whose row went missing, as after tables brought in one by one: it comes back with the first sign-out
TRUNCATE users, devices, sessions, events;
SELECT * FROM create_session(:'alice') \gset a_
SELECT * FROM create_session(:'bob') \gset b_
DELETE FROM users;
SELECT revoke_all_user_sessions(:'alice'), revoke_session(:'b_session_id'), revoke_all_user_sessions(:'nobody');
SELECT user_id, epoch > 0 AS raised FROM users ORDER BY user_id;
