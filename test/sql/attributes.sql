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
SELECT set_session_metadata(:'session_id', document), metadata FROM unnest('{null,"[]","7"}'::jsonb[]) document,
    get_session(:'session_id') WHERE document IS NOT NULL;
SELECT set_session_metadata(:'session_id', 'null'),
    set_session_metadata(:'session_id', jsonb_build_object('m', repeat('m', 8000)));
-- metadata patched: the examples of RFC 7396, appendix A, and the one of section 3; those that came out otherwise
CREATE TEMP TABLE examples (original jsonb, patch jsonb, result jsonb);
INSERT INTO examples VALUES
    ('{"a": "b"}', '{"a": "c"}', '{"a": "c"}'),
    ('{"a": "b"}', '{"b": "c"}', '{"a": "b", "b": "c"}'),
    ('{"a": "b"}', '{"a": null}', '{}'),
    ('{"a": "b", "b": "c"}', '{"a": null}', '{"b": "c"}'),
    ('{"a": ["b"]}', '{"a": "c"}', '{"a": "c"}'),
    ('{"a": "c"}', '{"a": ["b"]}', '{"a": ["b"]}'),
    ('{"a": {"b": "c"}}', '{"a": {"b": "d", "c": null}}', '{"a": {"b": "d"}}'),
    ('{"a": [{"b": "c"}]}', '{"a": [1]}', '{"a": [1]}'),
    ('["a", "b"]', '["c", "d"]', '["c", "d"]'),
    ('{"a": "b"}', '["c"]', '["c"]'),
    ('{"a": "foo"}', 'null', 'null'),
    ('{"a": "foo"}', '"bar"', '"bar"'),
    ('{"e": null}', '{"a": 1}', '{"e": null, "a": 1}'),
    ('[1, 2]', '{"a": "b", "c": null}', '{"a": "b"}'),
    ('{}', '{"a": {"bb": {"ccc": null}}}', '{"a": {"bb": {}}}'),
    ('{"title": "Goodbye!", "author": {"givenName": "John", "familyName": "Doe"}, "tags": ["example", "sample"], '
        '"content": "This will be unchanged"}',
     '{"title": "Hello!", "phoneNumber": "+01-123-456-7890", "author": {"familyName": null}, "tags": ["example"]}',
     '{"title": "Hello!", "author": {"givenName": "John"}, "tags": ["example"], "content": "This will be unchanged", '
         '"phoneNumber": "+01-123-456-7890"}');
CREATE FUNCTION pg_temp.patched(session_id uuid, original jsonb, patch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM session_service.set_session_metadata(session_id, original);
    IF NOT session_service.patch_session_metadata(session_id, patch) THEN
        RAISE 'no active session';
    END IF;
    RETURN metadata FROM session_service.get_session(session_id);
END $$;
CREATE TEMP TABLE tried AS SELECT *, pg_temp.patched(:'session_id', original, patch) AS patched FROM examples;
SELECT count(*) FROM tried;
SELECT * FROM tried WHERE patched IS DISTINCT FROM result;
-- what else a patch meets: a scalar, nothing to change, a value in place of an object and the reverse, empty ones,
-- names that begin alike
SELECT original, patch, pg_temp.patched(:'session_id', original, patch) FROM (VALUES
    ('7'::jsonb, '{"a": 1}'::jsonb), ('null', '{"a": {"b": null, "c": 2}}'), ('{"a": 1}', '{}'),
    ('{"a": 1}', '{"b": null}'),
    ('{"a": {"b": 1}}', '{"a": 2}'), ('{"a": 2}', '{"a": {"b": 1}}'),
    ('{"a": {"b": 1}, "c": []}', '{"a": {}, "c": {}}'), ('{"a": 1}', '{"a": [null, {"b": null}]}'),
    ('{"": 1, "a": 2, "aa": 3}', '{"": null, "aa": {"": {"": 1}}}'), ('{"n": 1}', '{"n": 1.10}')) p (original, patch);
-- each on what the one before left
SELECT patch_session_metadata(:'session_id', '{"n": null, "a": 1}'),
    patch_session_metadata(:'session_id', '{"b": {"c": 1}}'), patch_session_metadata(:'session_id', '{"b": {"d": 2}}'),
    metadata FROM get_session(:'session_id');
SELECT metadata FROM validate_session(:'token');
-- stored out of line, as what is long and does not compress
SELECT string_agg(md5(i::text), '') AS long FROM generate_series(1, 240) i \gset
SELECT set_session_metadata(:'session_id', jsonb_build_object('long', :'long'));
SELECT patch_session_metadata(:'session_id', '{"a": 1}'), patch_session_metadata(:'session_id', '{"b": 2}');
SELECT metadata - 'long' AS others, metadata ->> 'long' = :'long' AS long FROM get_session(:'session_id');
-- what comes out has the limit of metadata; then nothing is changed. The patch has none of its own
SELECT pg_temp.outcome(format('SELECT patch_session_metadata(%L, %L)', :'session_id',
    jsonb_build_object('more', repeat('m', 600))));
SELECT metadata - 'long' AS others FROM get_session(:'session_id');
SELECT patch_session_metadata(:'session_id', (SELECT jsonb_object_agg('name' || i, NULL) || '{"long": null}'
    FROM generate_series(1, 10000) i));
SELECT metadata FROM get_session(:'session_id');
-- as deep as the stack allows
SELECT patch_session_metadata(:'session_id', ('{"deep": ' || repeat('{"a": ', 300) || '1' || repeat('}', 300)
    || '}')::jsonb), patch_session_metadata(:'session_id',
    ('{"deep": ' || repeat('{"a": ', 299) || '{"b": 2}' || repeat('}', 299) || '}')::jsonb);
SELECT metadata #> ('{deep,' || repeat('a,', 298) || 'a}')::text[] AS deepest FROM get_session(:'session_id');
SELECT (repeat('{"a": ', 3000) || 'null' || repeat('}', 3000))::jsonb AS deep \gset
SET max_stack_depth = '400kB';
\set VERBOSITY sqlstate
SELECT patch_session_metadata(:'session_id', :'deep');
\set VERBOSITY default
RESET max_stack_depth;
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
SELECT state, set_session_scopes(id, '{after}'), set_session_metadata(id, '{"after": 1}'),
    patch_session_metadata(id, '{"after": 1}')
FROM (VALUES ('expired', :'expired_session_id'::uuid), ('idle', :'idle_session_id'), ('revoked', :'revoked_session_id'),
    ('unknown', :'nobody')) s (state, id);
SELECT count(*) FROM list_user_sessions(:'bob', include_inactive => true) WHERE scopes <> '{}' OR metadata <> '{}';
-- both are required
SELECT pg_temp.outcome(format('SELECT set_session_scopes(%L, NULL)', :'session_id')),
    pg_temp.outcome('SELECT set_session_scopes(NULL, ''{}'')');
SELECT pg_temp.outcome(format('SELECT set_session_metadata(%L, NULL)', :'session_id')),
    pg_temp.outcome('SELECT set_session_metadata(NULL, ''{}'')');
SELECT pg_temp.outcome(format('SELECT patch_session_metadata(%L, NULL)', :'session_id')),
    pg_temp.outcome('SELECT patch_session_metadata(NULL, ''{}'')');
SELECT set_session_metadata(:'session_id', jsonb_build_object('m', repeat('m', 8000)));
-- undone with the transaction
BEGIN;
SELECT set_session_scopes(:'session_id', '{undone}'), set_session_metadata(:'session_id', '{"undone": 1}'),
    patch_session_metadata(:'session_id', '{"undone": {"too": 2}}');
SELECT scopes, metadata FROM validate_session(:'token');
ROLLBACK;
SELECT scopes, metadata = jsonb_build_object('m', repeat('m', 8000)) AS metadata FROM validate_session(:'token');
