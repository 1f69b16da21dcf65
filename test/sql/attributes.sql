-- Scopes and metadata of a session.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SELECT * FROM create_session(:'alice', scopes => '{a}', metadata => '{"a": 1}') \gset
SELECT * FROM create_session(:'alice', scopes => '{other}', metadata => '{"other": 1}') \gset other_
-- replaced as a whole
SELECT set_session_scopes(:'session_id', '{b,c}'), set_session_metadata(:'session_id', '{"b": [1, null]}');
SELECT scopes, metadata FROM validate_session(:'token');
SELECT scopes, metadata FROM get_session(:'session_id');
SELECT set_session_scopes(:'session_id', '{}'), set_session_metadata(:'session_id', '{}');
SELECT scopes, metadata FROM get_session(:'session_id');
-- any JSON document
SELECT set_session_metadata(:'session_id', document), metadata FROM unnest('{null,"[]","7"}'::jsonb[]) document, get_session(:'session_id') WHERE document IS NOT NULL;
SELECT set_session_metadata(:'session_id', 'null'), set_session_metadata(:'session_id', jsonb_build_object('m', repeat('m', 8000)));
-- as they came, also from more than one dimension
SELECT set_session_scopes(:'session_id', '{{x,y},{z,x}}'), scopes FROM get_session(:'session_id');
SELECT scopes FROM get_session(:'session_id');
-- the other session, and everything else of this one, stays
SELECT scopes, metadata FROM get_session(:'other_session_id');
SELECT last_activity_at = created_at AS activity, expires_at = :'expires_at' AS expires FROM get_session(:'session_id');
-- true where there was an active session
SELECT * FROM create_session(:'bob', session_expiry => '1 hour') \gset expired_
SELECT * FROM create_session(:'bob', inactivity_timeout => '1 hour') \gset idle_
SELECT * FROM create_session(:'bob') \gset revoked_
SELECT revoke_session(:'revoked_session_id');
CALL pg_temp.time_passes('61 minutes');
SELECT state, set_session_scopes(id, '{after}'), set_session_metadata(id, '{"after": 1}')
FROM (VALUES ('expired', :'expired_session_id'::uuid), ('idle', :'idle_session_id'), ('revoked', :'revoked_session_id'), ('unknown', :'nobody')) s (state, id);
SELECT count(*) FROM list_user_sessions(:'bob', include_inactive => true) WHERE scopes <> '{}' OR metadata <> '{}';
-- both are required
SELECT pg_temp.outcome(format('SELECT set_session_scopes(%L, NULL)', :'session_id')), pg_temp.outcome('SELECT set_session_scopes(NULL, ''{}'')');
SELECT pg_temp.outcome(format('SELECT set_session_metadata(%L, NULL)', :'session_id')), pg_temp.outcome('SELECT set_session_metadata(NULL, ''{}'')');
-- undone with the transaction
BEGIN;
SELECT set_session_scopes(:'session_id', '{undone}'), set_session_metadata(:'session_id', '{"undone": 1}');
SELECT scopes, metadata FROM validate_session(:'token');
ROLLBACK;
SELECT scopes, metadata = jsonb_build_object('m', repeat('m', 8000)) AS metadata FROM validate_session(:'token');
