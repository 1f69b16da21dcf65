-- Access levels: who may call what, and that there is no other way in.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers
SET client_min_messages = warning;
CREATE ROLE regress_validate;
CREATE ROLE regress_application;
CREATE ROLE regress_monitor;
CREATE ROLE regress_admin;
CREATE ROLE regress_nobody;
CREATE ROLE regress_mixed;
TRUNCATE access_levels;

-- What each level allows, each with its own alone; a function not named here is admin's.
CREATE TEMP TABLE allowed (level text, name text);
INSERT INTO allowed SELECT 'validate',
    unnest('{validate_session,validate_user,validate_session_hash,validate_sessions,validate_session_proof,
    session_challenge,authenticate,introspect_token,hash_token,session_bucket,user_bucket,token_bucket,session_range,
    user_range,token_range,token_session_id,
    current_session_id,current_user_id,current_scopes,has_scope,is_mfa_verified,current_metadata,
    is_authenticated_within}'::text[]);
INSERT INTO allowed SELECT 'application',
    unnest('{create_session,bind_session,refresh_session,rotate_session_token,reauthenticate_session,
    find_external_sessions,revoke_external_sessions,is_user_disabled,extend_session,revoke_session,revoke_user_session,
    revoke_session_by_token,
    revoke_all_user_sessions,revoke_all_user_sessions_except,revoke_device_sessions,get_session,get_user_session,
    list_user_sessions,list_user_devices,list_mfa_verified_sessions,list_events,
    count_user_sessions,mark_mfa_verified,mark_mfa_verified_by_token,clear_mfa_verified,set_session_scopes,
    set_session_metadata,patch_session_metadata,touch_sessions,is_known_device,is_trusted_device,trust_device,
    untrust_device,untrust_all_devices,rename_device,forget_device,generate_token,user_epoch,user_uuid,
    user_uuid_from_text,user_bigint,describe_user_agent}'::text[]);
INSERT INTO allowed SELECT 'monitor', unnest('{count_active_sessions,stats,health}'::text[]);
-- nobody's but the owner's
INSERT INTO allowed VALUES ('none', 'bind_identity');
INSERT INTO allowed SELECT 'admin',
    unnest('{disable_user,enable_user,list_sessions,revoke_sessions,revoke_inactive_sessions,list_inactive_sessions,
    cleanup_sessions,delete_user,export_user,set_user_session_limit,list_all_events,import_session,holds_bucket,
    grant_access,revoke_access}'::text[]);
CREATE TEMP TABLE contained (level text, contains text);
INSERT INTO contained VALUES ('validate', 'validate'), ('application', 'application'), ('application', 'validate'),
    ('monitor', 'monitor'),
    ('admin', 'admin'), ('admin', 'application'), ('admin', 'validate'), ('admin', 'monitor');
-- every one of these exists, and what else there is belongs to the types alone
SELECT a.name AS missing FROM allowed a
WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'session_service'::regnamespace AND p.proname = a.name);
SELECT p.proname AS not_of_a_type FROM pg_proc p WHERE p.pronamespace = 'session_service'::regnamespace
    AND p.proname NOT IN (SELECT name FROM allowed) AND p.proname !~ '^(token_hash|bytea)' ORDER BY 1;

-- The type of a table's rows keeps the server's default. pg_dump has no words for a privilege on it: it would warn each
-- time, and pg_upgrade would lose it. USAGE lets one make a column or an argument of the type, which reads nothing; and
-- who may not look into the schema cannot name the type (below).
CREATE FUNCTION pg_temp.is_row_of_table(type pg_type) RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM pg_class c WHERE c.oid = (type).typrelid AND c.relkind = 'r')
$$;
-- Where a role has more or less than these levels give it: nothing may be listed.
CREATE VIEW pg_temp.levels_functions AS
    SELECT p.oid, p.oid::regprocedure::text AS function,
        coalesce((SELECT a.level FROM allowed a WHERE a.name = p.proname), 'admin') AS level
    FROM pg_proc p WHERE p.pronamespace = 'session_service'::regnamespace;
CREATE FUNCTION pg_temp.differences(role text, VARIADIC levels text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT function || CASE WHEN has THEN ': may be called' ELSE ': may not be called' END
    FROM (SELECT function, has_function_privilege(role, oid, 'EXECUTE') AS has,
              EXISTS (SELECT FROM contained c WHERE c.level = ANY (levels) AND c.contains = f.level) AS should
              FROM pg_temp.levels_functions f) f
    WHERE has <> should
    UNION ALL
    SELECT format('%s: %s', c.oid::regclass, privilege)
    FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) privilege
    WHERE c.relnamespace = 'session_service'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
        AND has_table_privilege(role, c.oid, privilege)
    UNION ALL
    SELECT format('%s: some column', c.oid::regclass) FROM pg_class c
    WHERE c.relnamespace = 'session_service'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
        AND has_any_column_privilege(role, c.oid, 'SELECT,INSERT,UPDATE,REFERENCES')
    UNION ALL
    SELECT format('%s: usage', t.oid::regtype) FROM pg_type t WHERE t.typnamespace = 'session_service'::regnamespace
        AND t.typelem = 0 AND NOT pg_temp.is_row_of_table(t) AND has_type_privilege(role, t.oid, 'USAGE')
    UNION ALL
    SELECT 'schema: usage ' || has_schema_privilege(role, 'session_service', 'USAGE')
    WHERE has_schema_privilege(role, 'session_service', 'USAGE') <> (cardinality(levels) > 0)
    UNION ALL
    SELECT 'schema: create' WHERE has_schema_privilege(role, 'session_service', 'CREATE')
    ORDER BY 1
$$;
-- that it can see: nobody has anything, so that a level is all missing
SELECT count(*) = (SELECT count(*) FROM allowed WHERE level = 'monitor') + 1 AS all_missing
FROM pg_temp.differences('regress_nobody', 'monitor');
SELECT * FROM pg_temp.differences('regress_nobody', VARIADIC '{}');
SELECT * FROM pg_temp.differences('public', VARIADIC '{}');
SELECT level, grant_access(('regress_' || level)::regrole, level)
FROM unnest('{validate,application,monitor,admin}'::text[]) level;
SELECT * FROM pg_temp.differences('regress_validate', 'validate');
SELECT * FROM pg_temp.differences('regress_application', 'application');
SELECT * FROM pg_temp.differences('regress_monitor', 'monitor');
SELECT * FROM pg_temp.differences('regress_admin', 'admin');
SELECT * FROM pg_temp.differences('regress_nobody', VARIADIC '{}');
SELECT * FROM pg_temp.differences('public', VARIADIC '{}');
-- no grantee may pass it on
SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(p.proacl) a WHERE p.pronamespace = 'session_service'::regnamespace
    AND a.is_grantable AND a.grantee <> p.proowner;

-- Exactly that and nothing else, of any object: no other grantee, privilege, grantor, column; nothing in default ACLs
CREATE VIEW pg_temp.is_granted AS
    SELECT object, coalesce(nullif(a.grantee, 0)::regrole::text, 'public') AS grantee, a.privilege_type AS privilege,
        a.is_grantable, a.grantor = owner AS by_owner
    FROM (
        SELECT p.oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc p
        WHERE pronamespace = 'session_service'::regnamespace
        UNION ALL SELECT c.oid::regclass::text, relowner, coalesce(relacl, acldefault('r', relowner)) FROM pg_class c
        WHERE relnamespace = 'session_service'::regnamespace AND relkind NOT IN ('i', 'I', 'S', 't')
        UNION ALL SELECT c.oid::regclass::text, relowner, coalesce(relacl, acldefault('s', relowner)) FROM pg_class c
        WHERE relnamespace = 'session_service'::regnamespace AND relkind = 'S'
        UNION ALL SELECT attrelid::regclass || '.' || attname, relowner, attacl FROM pg_attribute
        JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'session_service'::regnamespace
        -- an array goes with its elements
        UNION ALL SELECT t.oid::regtype::text, typowner, coalesce(typacl, acldefault('T', typowner)) FROM pg_type t
        WHERE typnamespace = 'session_service'::regnamespace AND typelem = 0 AND NOT pg_temp.is_row_of_table(t)
        UNION ALL SELECT 'schema', nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace
        WHERE nspname = 'session_service') object (object, owner, acl), aclexplode(acl) a
    WHERE a.grantee <> owner;
CREATE VIEW pg_temp.should_be_granted AS
    SELECT f.function AS object, 'regress_' || c.level AS grantee, 'EXECUTE' AS privilege, false AS is_grantable,
        true AS by_owner FROM pg_temp.levels_functions f JOIN contained c ON c.contains = f.level
    UNION ALL SELECT 'schema', 'regress_' || level, 'USAGE', false, true
    FROM unnest('{validate,application,monitor,admin}'::text[]) level;
SELECT 'too much' AS is, * FROM (TABLE pg_temp.is_granted EXCEPT TABLE pg_temp.should_be_granted) a
UNION ALL SELECT 'missing', * FROM (TABLE pg_temp.should_be_granted EXCEPT TABLE pg_temp.is_granted) b;
SELECT count(*) > 120 AS is_a_matrix FROM pg_temp.is_granted;

-- Every combination of levels, granted in every order and taken in every order; what is left is what the kept ones
-- contain.
CREATE TEMP TABLE found (step text, difference text);
CREATE TEMP TABLE orders AS
    WITH RECURSIVE chosen AS (
        SELECT '{}'::text[] AS levels
        UNION ALL SELECT levels || level FROM chosen, unnest('{validate,application,monitor,admin}'::text[]) level
        WHERE level <> ALL (levels))
    SELECT levels FROM chosen WHERE levels <> '{}';
SELECT count(*) FROM orders;
DO $$
DECLARE
    names CONSTANT text[] := '{validate,application,monitor,admin}';
    chosen text[];
    level text;
    kept text[];
BEGIN
    FOR chosen IN SELECT levels FROM orders LOOP
        kept := '{}';
        FOREACH level IN ARRAY chosen LOOP
            PERFORM session_service.grant_access('regress_mixed', level);
            kept := kept || level;
            INSERT INTO found SELECT 'with ' || kept::text, d
            FROM pg_temp.differences('regress_mixed', VARIADIC kept) d;
        END LOOP;
        -- what the role does not have takes nothing
        FOREACH level IN ARRAY names LOOP
            CONTINUE WHEN level = ANY (kept);
            PERFORM session_service.revoke_access('regress_mixed', level);
            INSERT INTO found SELECT 'less what it had not: ' || level, d
            FROM pg_temp.differences('regress_mixed', VARIADIC kept) d;
        END LOOP;
        -- the first first: with every order of granting that is every order of taking
        FOREACH level IN ARRAY chosen LOOP
            PERFORM session_service.revoke_access('regress_mixed', level);
            kept := array_remove(kept, level);
            INSERT INTO found SELECT 'left with ' || kept::text, d
            FROM pg_temp.differences('regress_mixed', VARIADIC kept) d;
        END LOOP;
    END LOOP;
END $$;
SELECT * FROM found ORDER BY 1, 2 LIMIT 20;
-- twice is once
SELECT grant_access('regress_mixed', 'monitor'), grant_access('regress_mixed', 'monitor'),
    revoke_access('regress_mixed', 'monitor'), revoke_access('regress_mixed', 'monitor');
SELECT * FROM pg_temp.differences('regress_mixed', VARIADIC '{}');
-- nothing but the level asked for: what a DBA took by hand does not come back with another level
SELECT grant_access('regress_mixed', 'admin');
DROP OWNED BY regress_mixed;
SELECT grant_access('regress_mixed', 'validate');
SELECT * FROM pg_temp.differences('regress_mixed', 'validate');
SELECT revoke_access('regress_mixed', 'admin'), revoke_access('regress_mixed', 'validate');
SELECT * FROM pg_temp.differences('regress_mixed', VARIADIC '{}');
-- with the transaction
BEGIN;
SELECT grant_access('regress_nobody', 'admin');
ROLLBACK;
SELECT * FROM pg_temp.differences('regress_nobody', VARIADIC '{}');

-- Refused: PUBLIC in every spelling, roles that are not there, levels that are none
SELECT spelling, pg_temp.outcome(format('SELECT session_service.grant_access(%s, ''validate'')', spelling)),
    pg_temp.outcome(format('SELECT session_service.revoke_access(%s, ''validate'')', spelling))
FROM unnest(ARRAY['''public''', '''PUBLIC''', '''Public''', '''"public"''', '''"PUBLIC"''', '''-''', '0', '0::oid',
    '''0''', '''current_user''', '''nobody here''', '987654321', 'NULL']) spelling;
SELECT level, pg_temp.outcome(format('SELECT session_service.grant_access(''regress_nobody'', %L)', level)),
    pg_temp.outcome(format('SELECT session_service.revoke_access(''regress_nobody'', %L)', level))
FROM unnest('{owner,VALIDATE,validate ,"",NULL,"validate,admin"}'::text[]) level;
SELECT * FROM pg_temp.differences('public', VARIADIC '{}');
SELECT * FROM pg_temp.differences('regress_nobody', VARIADIC '{}');
SELECT count(*) FROM access_levels WHERE role = 'regress_nobody';
-- names that would need quoting
CREATE ROLE "regress ""quoted""; DROP TABLE x";
CREATE ROLE "regress_UPPER";
SELECT grant_access('"regress ""quoted""; DROP TABLE x"', 'monitor'), grant_access('"regress_UPPER"', 'monitor');
SELECT * FROM pg_temp.differences('regress "quoted"; DROP TABLE x', 'monitor');
SELECT * FROM pg_temp.differences('regress_UPPER', 'monitor');
DROP OWNED BY "regress ""quoted""; DROP TABLE x", "regress_UPPER";
DROP ROLE "regress ""quoted""; DROP TABLE x", "regress_UPPER";
-- what is known of a role that was dropped goes with the next call
SELECT count(*) FROM access_levels;
SELECT grant_access('regress_monitor', 'monitor');
SELECT role, level FROM access_levels ORDER BY role, level;

-- A level is kept for a name. One that is no role's any more is in nobody's way where all is granted again, which tells
-- of it, and is forgotten, so that it is nobody's who comes later. A role that was renamed has its rights, and no row.
CREATE ROLE regress_gone;
CREATE ROLE "regress_Renamed";
SELECT grant_access('regress_gone', 'application'), grant_access('"regress_Renamed"', 'application');
DROP OWNED BY regress_gone;
DROP ROLE regress_gone;
ALTER ROLE "regress_Renamed" RENAME TO "regress_New name";
-- whom a name in lower case would be
CREATE ROLE regress_renamed;
-- (cleanup is no reason: a server that is being set up may have its roles later)
SELECT cleanup_sessions() \g /dev/null
SELECT role, level FROM access_levels WHERE level = 'application' ORDER BY role;
-- what docs/operations.md says
CREATE FUNCTION pg_temp.grant_again(OUT role name, OUT level text, OUT outcome text) RETURNS SETOF record
LANGUAGE sql AS $$
    SELECT a.role, a.level, CASE WHEN r.oid IS NULL THEN 'left out: no such role'
        ELSE session_service.grant_access(r.oid, a.level)::text END
    FROM session_service.access_levels a LEFT JOIN pg_roles r ON r.rolname = a.role
    ORDER BY a.role, a.level
$$;
SELECT * FROM pg_temp.grant_again();
SELECT count(*) FROM access_levels WHERE role IN ('regress_gone', 'regress_Renamed');
CREATE ROLE regress_gone;
SELECT * FROM pg_temp.grant_again();
SELECT * FROM pg_temp.differences('regress_gone', VARIADIC '{}');
SELECT * FROM pg_temp.differences('regress_renamed', VARIADIC '{}');
SELECT * FROM pg_temp.differences('regress_New name', 'application');
-- its levels can be taken, and granted under its new name
SELECT revoke_access('"regress_New name"', 'application');
SELECT * FROM pg_temp.differences('regress_New name', VARIADIC '{}');
SELECT grant_access('"regress_New name"', 'validate');
SELECT * FROM pg_temp.grant_again();
SELECT * FROM pg_temp.differences('regress_New name', 'validate');
-- the same level twice, as where a row came from another server, is one
INSERT INTO access_levels (role, level) VALUES ('regress_New name', 'validate');
SELECT * FROM pg_temp.grant_again();
SELECT revoke_access('"regress_New name"', 'validate');
SELECT count(*) FROM access_levels WHERE role = 'regress_New name';
SELECT * FROM pg_temp.differences('regress_New name', VARIADIC '{}');
DROP ROLE regress_gone, regress_renamed, "regress_New name";

-- A function that is new since the level was granted comes with granting it again; a DBA's own in the schema does not.
CREATE FUNCTION session_service.of_the_dba() RETURNS integer LANGUAGE sql RETURN 1;
REVOKE ALL ON FUNCTION session_service.of_the_dba() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION session_service.validate_session(text, inet) FROM regress_validate;
SELECT * FROM pg_temp.differences('regress_validate', 'validate');
SELECT grant_access('regress_validate', 'validate'), grant_access('regress_admin', 'admin');
SELECT has_function_privilege('regress_admin', 'session_service.of_the_dba()', 'EXECUTE');
DROP FUNCTION session_service.of_the_dba();
SELECT * FROM pg_temp.differences('regress_validate', 'validate');

-- A member has what its group has; no level makes anyone a superuser: admin grants levels, and nothing else
SET ROLE regress_admin;
SELECT session_service.grant_access('regress_nobody', 'validate');
SELECT pg_temp.outcome('GRANT EXECUTE ON FUNCTION session_service.delete_user(uuid) TO regress_nobody'),
    pg_temp.outcome('GRANT USAGE ON SCHEMA session_service TO regress_nobody');
SELECT pg_temp.outcome('SET session_service.max_per_user = 1'), pg_temp.outcome('TABLE session_service.sessions'),
    pg_temp.outcome('DROP TABLE session_service.sessions');
RESET ROLE;
SELECT * FROM pg_temp.differences('regress_nobody', 'validate');
SELECT revoke_access('regress_nobody', 'validate');
SELECT r, pg_temp.outcome(format('SET ROLE %I; SELECT session_service.grant_access(''regress_nobody'', ''admin'')', r))
FROM unnest('{regress_validate,regress_application,regress_monitor,regress_nobody}'::text[]) r;

-- The calls work for those who may make them, and for nobody else. (Alice's own tokens.)
SELECT * FROM create_session(:'alice', device_key => 'key', scopes => '{read}') \gset
SELECT encode(sha256(:'token'), 'hex') AS hash \gset
SET ROLE regress_nobody;
SELECT pg_temp.outcome('SELECT * FROM session_service.validate_session(''x'')');
SET ROLE regress_validate;
SELECT user_id FROM session_service.validate_session(:'token');
SELECT user_id FROM session_service.validate_session_hash(:'session_id', :'hash');
SELECT user_id FROM session_service.validate_session_hash(:'session_id', session_service.hash_token(:'token'));
SELECT session_service.introspect_token(:'token') ->> 'active' AS active;
BEGIN;
SELECT user_id FROM session_service.authenticate(:'token');
SELECT session_service.current_user_id(), session_service.current_scopes(), session_service.has_scope('read'),
    session_service.is_mfa_verified();
COMMIT;
SELECT count(*) FROM session_service.create_session(:'alice');
SELECT count(*) FROM session_service.refresh_session(:'refresh_token');
SELECT session_service.revoke_session_by_token(:'token');
SET ROLE regress_application;
SELECT user_id FROM session_service.refresh_session(:'refresh_token');
SELECT count(*) FROM session_service.list_user_devices(:'alice');
SELECT session_service.delete_user(:'alice');
SELECT count(*) FROM session_service.list_all_events();
SELECT session_service.count_active_sessions();
SET ROLE regress_monitor;
SELECT session_service.count_active_sessions() > 0 AS counted;
SELECT count(*) FROM session_service.stats();
SELECT count(*) FROM session_service.health();
SELECT session_service.export_user(:'alice');
SELECT count(*) FROM session_service.validate_session(:'token');

-- Other ways in, each with all that the level application gives.
SET ROLE regress_application;
-- the tables, however they are asked for
SELECT relation, pg_temp.outcome('TABLE session_service.' || relation) AS read,
    pg_temp.outcome('DELETE FROM session_service.' || relation) AS write,
       pg_temp.outcome(format('LOCK session_service.%I IN ACCESS SHARE MODE', relation)) AS lock
FROM unnest('{users,devices,sessions,events,imported_tokens,external_sessions,access_levels}'::text[]) relation;
SELECT pg_temp.outcome('CREATE TEMP TABLE mine (LIKE session_service.sessions INCLUDING ALL)') AS like,
    pg_temp.outcome('CREATE TEMP TABLE child () INHERITS (session_service.sessions)') AS inherits,
       pg_temp.outcome('CREATE TEMP TABLE mine (id uuid REFERENCES session_service.sessions (id))') AS refers;
-- a view and a function of one's own see with one's own eyes
CREATE TEMP VIEW peek AS SELECT id FROM session_service.sessions;
SELECT pg_temp.outcome('SELECT count(*) FROM peek') AS view;
CREATE FUNCTION pg_temp.peek() RETURNS bigint SECURITY DEFINER
LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM session_service.sessions); END';
SELECT pg_temp.outcome('SELECT pg_temp.peek()') AS definer;
-- nor what the planner knows of the values
SELECT count(*) FROM pg_stats WHERE schemaname = 'session_service';
-- the types: neither tables and functions of them, nor what belongs to them
SELECT pg_temp.outcome('CREATE TEMP TABLE mine (h session_service.token_hash)') AS column,
    pg_temp.outcome('CREATE FUNCTION pg_temp.f(h session_service.token_hash) RETURNS int LANGUAGE sql RETURN 1') AS
    argument,
       pg_temp.outcome('CREATE DOMAIN pg_temp.d AS session_service.token_hash') AS domain;
-- that of a table's rows holds none of them, and is for nobody outside the schema
SELECT pg_temp.outcome('CREATE TEMP TABLE mine (s session_service.sessions)') AS column,
    pg_temp.outcome('SELECT s FROM session_service.sessions s') AS rows;
SET ROLE regress_nobody;
SELECT pg_temp.outcome('CREATE TEMP TABLE mine (s session_service.sessions)') AS column;
SET ROLE regress_application;
SELECT pg_temp.outcome('SELECT session_service.token_hash_out(session_service.hash_token(''x''))') AS output,
    pg_temp.outcome('SELECT session_service.hash_token(''x'') OPERATOR(session_service.=) '
        'session_service.hash_token(''y'')') AS operator;
-- objects in the schema
SELECT pg_temp.outcome('CREATE FUNCTION session_service.f() RETURNS int LANGUAGE sql RETURN 1') AS function,
    pg_temp.outcome('CREATE TABLE session_service.t ()') AS table,
       pg_temp.outcome('CREATE OR REPLACE FUNCTION session_service.count_active_sessions() RETURNS bigint '
           'LANGUAGE sql RETURN 1') AS replaced, pg_temp.outcome('ALTER EXTENSION session_service UPDATE') AS extension;

-- Traps: objects with the names of the server's and ours, in schemas looked into first. The extension runs as its owner
-- inside; a trap that it stepped into would note that.
RESET ROLE;
CREATE SCHEMA regress_traps AUTHORIZATION regress_application;
CREATE TABLE public.regress_trapped (who name, what text);
GRANT SELECT, INSERT ON public.regress_trapped TO PUBLIC;
SET ROLE regress_application;
CREATE FUNCTION regress_traps.trap(what text) RETURNS boolean
LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.regress_trapped VALUES (current_user, what); RETURN false; END $$;
CREATE FUNCTION regress_traps.uuid_trap(a uuid, b uuid) RETURNS boolean
LANGUAGE sql AS $$ SELECT regress_traps.trap('uuid') $$;
CREATE FUNCTION regress_traps.int2_trap(a smallint, b smallint) RETURNS boolean
LANGUAGE sql AS $$ SELECT regress_traps.trap('smallint') $$;
CREATE FUNCTION regress_traps.time_trap(a timestamptz, b timestamptz) RETURNS boolean
LANGUAGE sql AS $$ SELECT regress_traps.trap('timestamptz') $$;
CREATE FUNCTION regress_traps.text_trap(a text, b text) RETURNS boolean
LANGUAGE sql AS $$ SELECT regress_traps.trap('text') $$;
CREATE FUNCTION regress_traps.any_trap(a anyelement, b anyelement) RETURNS boolean
LANGUAGE sql AS $$ SELECT regress_traps.trap('any') $$;
DO $$
DECLARE
    operator text;
BEGIN
    FOREACH operator IN ARRAY '{=,<>,<,<=,>,>=}'::text[] LOOP
        EXECUTE
            format('CREATE OPERATOR regress_traps.%s (LEFTARG = uuid, RIGHTARG = uuid, '
                'FUNCTION = regress_traps.uuid_trap)', operator);
        EXECUTE
            format('CREATE OPERATOR regress_traps.%s (LEFTARG = smallint, RIGHTARG = smallint, '
                'FUNCTION = regress_traps.int2_trap)', operator);
        EXECUTE
            format('CREATE OPERATOR regress_traps.%s (LEFTARG = timestamptz, RIGHTARG = timestamptz, '
                'FUNCTION = regress_traps.time_trap)', operator);
        EXECUTE
            format('CREATE OPERATOR regress_traps.%s (LEFTARG = text, RIGHTARG = text, '
                'FUNCTION = regress_traps.text_trap)', operator);
        EXECUTE
            format('CREATE OPERATOR regress_traps.%s (LEFTARG = anyelement, RIGHTARG = anyelement, '
                'FUNCTION = regress_traps.any_trap)', operator);
    END LOOP;
END $$;
CREATE FUNCTION regress_traps.count(anyelement) RETURNS bigint
LANGUAGE sql AS $$ SELECT regress_traps.trap('count')::int::bigint $$;
CREATE FUNCTION regress_traps.max(timestamptz) RETURNS timestamptz LANGUAGE sql AS $$ SELECT regress_traps.trap('max');
SELECT now() $$;
CREATE FUNCTION regress_traps.unnest(uuid[]) RETURNS SETOF uuid LANGUAGE sql AS $$ SELECT regress_traps.trap('unnest');
SELECT NULL::uuid $$;
CREATE FUNCTION regress_traps.array_agg(inet) RETURNS inet[] LANGUAGE sql AS $$ SELECT regress_traps.trap('array_agg');
SELECT NULL::inet[] $$;
CREATE FUNCTION regress_traps.date_trunc(text, timestamptz, text) RETURNS timestamptz
LANGUAGE sql AS $$ SELECT regress_traps.trap('date_trunc'); SELECT now() $$;
CREATE FUNCTION regress_traps.clock_timestamp() RETURNS timestamptz
LANGUAGE sql AS $$ SELECT regress_traps.trap('clock'); SELECT now() $$;
CREATE FUNCTION regress_traps.jsonb_build_object(VARIADIC text[]) RETURNS jsonb
LANGUAGE sql AS $$ SELECT regress_traps.trap('jsonb'); SELECT NULL::jsonb $$;
CREATE TEMP TABLE users (user_id uuid, bucket smallint, epoch bigint, max_sessions integer);
CREATE TEMP TABLE sessions AS SELECT gen_random_uuid() AS id;
CREATE TEMP TABLE devices (id uuid);
CREATE TEMP TABLE events (id uuid);
CREATE TEMP TABLE imported_tokens (id uuid);
CREATE TEMP TABLE external_sessions (id uuid);
CREATE TEMP TABLE access_levels (role name, level text);
INSERT INTO access_levels VALUES ('regress_application', 'admin');
CREATE DOMAIN pg_temp.uuid AS text;
SET search_path = regress_traps, pg_temp, pg_catalog, session_service;
-- a trap that works
SELECT 'a'::text = 'a'::text AS trapped;
SELECT * FROM public.regress_trapped;
RESET ROLE;
TRUNCATE public.regress_trapped;
SET ROLE regress_application;
-- all that the level has
SELECT session_id AS id, token AS t, refresh_token AS r, device_id AS d
FROM session_service.create_session('00000000-0000-4000-8000-00000000000a'::pg_catalog.uuid, 'n', device_key => 'trap',
    metadata => '{"a": 1}') \gset
DO $$
DECLARE
    alice CONSTANT pg_catalog.uuid := '00000000-0000-4000-8000-00000000000a';
    made record;
    next record;
BEGIN
    SELECT * INTO made FROM session_service.create_session(alice, 'n', device_key => 'trap2', metadata => '{"a": 1}');
    PERFORM session_service.validate_session(made.token, '192.0.2.1');
    PERFORM session_service.validate_sessions(ARRAY[made.token]);
    PERFORM session_service.introspect_token(made.token);
    SELECT * INTO next FROM session_service.refresh_session(made.refresh_token, user_agent => 'curl/8');
    PERFORM session_service.rotate_session_token(next.token);
    PERFORM session_service.extend_session(made.session_id);
    PERFORM session_service.get_session(made.session_id), session_service.get_user_session(alice, made.session_id),
        session_service.list_user_sessions(alice, include_inactive => true),
        session_service.list_mfa_verified_sessions(alice), session_service.list_events(alice, '-infinity',
            before => alice), session_service.count_user_sessions(alice), session_service.list_user_devices(alice);
    PERFORM session_service.mark_mfa_verified(made.session_id, 'totp'),
        session_service.clear_mfa_verified(made.session_id), session_service.set_session_scopes(made.session_id, '{a}'),
        session_service.set_session_metadata(made.session_id, '{}'),
        session_service.patch_session_metadata(made.session_id, '{"a": {"b": 1}}'),
        session_service.touch_sessions(ARRAY[made.session_id]);
    PERFORM session_service.is_known_device(alice, 'trap2'), session_service.trust_device(alice, made.device_id),
        session_service.is_trusted_device(alice, 'trap2'),
        session_service.rename_device(alice, made.device_id, 'x'),
        session_service.untrust_device(alice, made.device_id), session_service.user_epoch(alice);
    PERFORM session_service.revoke_session(made.session_id),
        session_service.revoke_device_sessions(alice, made.device_id),
        session_service.forget_device(alice, made.device_id),
        session_service.revoke_all_user_sessions_except(alice, made.session_id),
        session_service.revoke_all_user_sessions(alice);
END $$;
-- and what others have, as a superuser with that path
RESET ROLE;
DO $$
BEGIN
    PERFORM session_service.cleanup_sessions('0'), session_service.revoke_inactive_sessions('1 second'),
        session_service.list_inactive_sessions('1 second'), session_service.count_active_sessions(),
        session_service.list_all_events('-infinity', before => pg_catalog.gen_random_uuid()),
        session_service.set_user_session_limit('00000000-0000-4000-8000-00000000000a'::pg_catalog.uuid, 3);
    PERFORM session_service.import_session(session_service.hash_token('trap'),
        '00000000-0000-4000-8000-00000000000a'::pg_catalog.uuid, pg_catalog.now() + '1 day',
        session_service.hash_token('trap refresh'));
    PERFORM session_service.validate_session('trap'), session_service.refresh_session('trap refresh');
    PERFORM session_service.grant_access('regress_nobody', 'monitor'), session_service.revoke_access('regress_nobody',
        'monitor');
    PERFORM session_service.delete_user('00000000-0000-4000-8000-00000000000a'::pg_catalog.uuid);
END $$;
SET search_path = session_service, public;
SELECT DISTINCT who, what FROM public.regress_trapped;
-- the temporary tables were not asked
SELECT (SELECT pg_catalog.count(*) FROM pg_temp.users) AS users, (SELECT pg_catalog.count(*)
    FROM pg_temp.sessions) AS sessions, (SELECT pg_catalog.count(*) FROM pg_temp.events) AS events;
SELECT * FROM pg_temp.differences('regress_nobody', VARIADIC '{}');
SELECT * FROM pg_temp.differences('regress_application', 'application');
-- A function of the caller's that the extension calls for it: none. Row-level security and triggers of a DBA's aside,
-- what runs inside runs as the owner and reads no temporary object.
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'session_service'::regnamespace
    AND (p.prosecdef OR p.prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c'));
DROP TABLE pg_temp.users, pg_temp.sessions, pg_temp.devices, pg_temp.events, pg_temp.imported_tokens,
    pg_temp.external_sessions, pg_temp.access_levels;
DROP TABLE public.regress_trapped;
SET client_min_messages = error;
DROP SCHEMA regress_traps CASCADE;
DROP OWNED BY regress_validate, regress_application, regress_monitor, regress_admin, regress_nobody,
    regress_mixed CASCADE;
DROP ROLE regress_validate, regress_application, regress_monitor, regress_admin, regress_nobody, regress_mixed;
TRUNCATE session_service.access_levels;
