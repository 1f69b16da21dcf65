-- complain if the script is sourced in psql, rather than run by CREATE EXTENSION
\echo Use "CREATE EXTENSION session_service_front" to load this file. \quit

-- A database that has this is the front of several servers (shards) with session_service: it holds no sessions, and its
-- functions of the schema session_service go to the server that holds the user, session or token that they are given.
--
--   CREATE EXTENSION session_service; CREATE EXTENSION plproxy; CREATE EXTENSION session_service_front;
--   INSERT INTO session_service_front.shards VALUES ('a', 'host=a dbname=app'), ('b', 'host=b dbname=app');
--   INSERT INTO session_service_front.ranges (range, shard)
--   SELECT n, CASE WHEN n < 8 THEN 'a' ELSE 'b' END FROM generate_series(0, 15) n;
--   SELECT session_service_front.apply();
--   SELECT * FROM session_service_front.check();   -- no row: all is well
--
-- The front comes to a shard as `user` of the connection, else as the user mapping of the foreign servers
-- session_service_ranges and session_service_shards says, which may hold a password, else by its owner's name: a role
-- with the access level admin there. A call whose shard cannot be reached fails with XX000, and PL/Proxy's text; all
-- other errors have the SQLSTATE that the shard gave. For a shard that does not answer at all set tcp_user_timeout in
-- its connection, and query_timeout, in seconds, as an option of the foreign servers: apply() leaves it there.
--
-- A connection to the front opens one to each shard that it calls, or for each alias that its ranges have, and one more
-- to each for what is asked of all.
--
-- apply() puts functions of PL/Proxy in the place of those of session_service, which nothing but a call outside of
-- CREATE EXTENSION may do. It is called again after each change of these tables, after ALTER EXTENSION session_service
-- UPDATE, and where a dump was restored: a dump has the tables, and not what became of another extension's functions.
--
-- Back: DROP EXTENSION session_service CASCADE, which takes this one along and loses no session, then
-- DROP SERVER session_service_ranges, session_service_shards CASCADE. Dropping this extension alone leaves functions in
-- the schema session_service that call what is gone.

-- A schema that somebody made before us is theirs: they may put objects into it, and drop ours.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
        WHERE n.nspname OPERATOR(pg_catalog.=) 'session_service_front' AND NOT r.rolsuper
            AND r.rolname OPERATOR(pg_catalog.<>) CURRENT_USER) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = 'schema "session_service_front" belongs to another role, who is no superuser',
            HINT = 'Drop it, or give it to a superuser, and create the extension again.';
    END IF;
END
$$;

-- --- The configuration: two tables that a person writes

-- The message of a CHECK alone would show the row, and so the password that it refuses.
CREATE FUNCTION session_service_front.is_connection(connection text)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF connection ~* '(^|[\s''])(ssl)?password\s*=' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the connection of a shard has no password',
            DETAIL = 'It becomes an option of a foreign server, which everybody may read.',
            HINT = 'Put the password into the user mapping, or into a file (passfile) of the server''s user.';
    END IF;
    IF connection ~ '^\s*\w+://' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the connection of a shard is a list such as "host=a dbname=app", no URI';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION session_service_front.is_connection(text)
    IS 'whether a shard can be reached so; an error that says why not';

CREATE TABLE session_service_front.shards (
    shard      text NOT NULL,
    connection text NOT NULL,
    CONSTRAINT shards_pkey PRIMARY KEY (shard),
    CONSTRAINT shards_connection CHECK (session_service_front.is_connection(connection))
);
COMMENT ON TABLE session_service_front.shards IS 'The servers that hold sessions. apply() after each change';
COMMENT ON COLUMN session_service_front.shards.connection
    IS 'As libpq reads it, without a password; several hosts may stand in it, such as a primary and its standby';

CREATE TABLE session_service_front.ranges (
    range  integer NOT NULL,
    shard  text    NOT NULL,
    dbname text,
    CONSTRAINT ranges_pkey PRIMARY KEY (range),
    CONSTRAINT ranges_range CHECK (range OPERATOR(pg_catalog.>=) 0 AND range OPERATOR(pg_catalog.<=) 15),
    CONSTRAINT ranges_shard FOREIGN KEY (shard) REFERENCES session_service_front.shards (shard) ON UPDATE CASCADE
);
COMMENT ON TABLE session_service_front.ranges IS 'Which server holds which range of buckets. apply() after each change';
COMMENT ON COLUMN session_service_front.ranges.range
    IS 'Buckets range * 256 to range * 256 + 255 (user_range, session_range, token_range)';
COMMENT ON COLUMN session_service_front.ranges.dbname
    IS 'Another name for the shard''s database, such as one of PgBouncer''s for this range alone; NULL: the '
        'shard''s own';

-- --- Imported tokens name no bucket: a directory of their hashes

CREATE TABLE session_service_front.imported_tokens (
    token_hash  session_service.token_hash NOT NULL,
    session_id  uuid,
    imported_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    bucket      smallint    NOT NULL,
    is_refresh  boolean     NOT NULL,
    CONSTRAINT imported_tokens_pkey PRIMARY KEY (token_hash)
);
COMMENT ON TABLE session_service_front.imported_tokens
    IS 'Where the tokens are that another system issued. An entry whose session is gone does no harm';
COMMENT ON COLUMN session_service_front.imported_tokens.session_id
    IS 'NULL while the import is under way, in its own transaction';

CREATE FUNCTION session_service_front.imported_token_range(token text)
RETURNS integer
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((
        SELECT i.bucket >> 8 FROM session_service_front.imported_tokens i
        WHERE i.token_hash OPERATOR(session_service.=) session_service.hash_token(token)), 0)
$$;
COMMENT ON FUNCTION session_service_front.imported_token_range(text)
    IS 'range of an imported token; 0 for anything else';

-- Asked for each call with a token. The planner puts this in the place of its call, which takes a set, no SET and no
-- table: one of our own tokens costs an expression. What is longer than any token is nobody's.
CREATE FUNCTION session_service_front.token_range(token text)
RETURNS SETOF integer
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
    SELECT CASE WHEN pg_catalog.left(token, 4) OPERATOR(pg_catalog.=) ANY ('{sst_,ssr_}'::pg_catalog.text[])
                    OR pg_catalog.octet_length(token) OPERATOR(pg_catalog.>) 512
        THEN session_service.token_range(token)
        ELSE session_service_front.imported_token_range(token) END;
END;
COMMENT ON FUNCTION session_service_front.token_range(text) IS 'range of a token, also of an imported one';

CREATE FUNCTION session_service_front.forget_imported_tokens()
RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    -- Not what was imported lately: a standby that answers for its server may not have the session yet.
    WITH gone AS (
        DELETE FROM session_service_front.imported_tokens i
        WHERE CASE WHEN i.session_id IS NULL OR i.imported_at > now() - interval '1 day' THEN false
            ELSE NOT EXISTS (SELECT FROM session_service.get_session(i.session_id)) END
        RETURNING 1)
    SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION session_service_front.forget_imported_tokens()
    IS 'deletes the entries of imported tokens whose sessions are gone, one call of get_session for each '
        'entry; how many';

-- --- What apply() makes

CREATE FUNCTION session_service_front.places()
RETURNS TABLE (place integer, shard text, connection text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (row_number() OVER (ORDER BY s.shard COLLATE "C") - 1)::integer, s.shard, s.connection
    FROM session_service_front.shards s
$$;
COMMENT ON FUNCTION session_service_front.places() IS 'the shards, as session_service_shards numbers them';

-- A connection with another database: of two words libpq takes the later one.
CREATE FUNCTION session_service_front.servers()
RETURNS TABLE (server name, options text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'session_service_ranges'::name, array_agg(format('p%s=%s%s', r.range, s.connection,
        ' dbname=''' || regexp_replace(r.dbname, '([\\''])', '\\\1', 'g') || '''') ORDER BY r.range)
    FROM session_service_front.ranges r JOIN session_service_front.shards s USING (shard)
    UNION ALL
    -- Each server once, whatever aliases its ranges have. Their number need not be a power of two.
    SELECT 'session_service_shards',
        'modular_mapping=1'::text || array_agg(format('p%s=%s', p.place, p.connection) ORDER BY p.place)
    FROM session_service_front.places() p
$$;
COMMENT ON FUNCTION session_service_front.servers() IS 'the foreign servers of PL/Proxy that the tables ask for';

-- Functions whose answer is put together here, of what one or more servers answer to remote_NAME.
--
--   suffix          of remote_NAME, where there are several
--   before, after   arguments that it has besides
--   remote          its text; none where another routed function is asked
--   language, body  of the function that callers know
--
--   {member}   session_service.NAME
--   {call}     its arguments, $1, $2 and so on; {rest}: but for the first; {shifted}: behind one more
--   {remote}   session_service_front.remote_NAME({call})
--   {columns}  of its result, but the first, each of v; {totals}: each one's total of r
--   {last}     the greatest number of a shard; {places}: an array of the ranges' shards
CREATE FUNCTION session_service_front.merged()
RETURNS TABLE (name name, suffix text, before text, after text, remote text, language name, body text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $merged$
VALUES
    -- Of all servers, added up. A batch is one for each server.
    ('count_active_sessions'::name, '', '', '', 'CLUSTER ''session_service_shards''; RUN ON ALL; TARGET {member};',
        'sql'::name, 'SELECT sum(r) FROM {remote} r'),
    ('cleanup_sessions', '', '', '', 'CLUSTER ''session_service_shards''; RUN ON ALL; TARGET {member};', 'sql',
        'SELECT sum(r) FROM {remote} r'),
    ('revoke_inactive_sessions', '', '', '', 'CLUSTER ''session_service_shards''; RUN ON ALL; TARGET {member};', 'sql',
        'SELECT sum(r) FROM {remote} r'),
    ('revoke_external_sessions', '', '', '', 'CLUSTER ''session_service_shards''; RUN ON ALL; TARGET {member};', 'sql',
        'SELECT sum(r) FROM {remote} r'),

    -- Of all servers, in the order in which one gives them. Each gives as many as are asked for, of its own users.
    ('list_inactive_sessions', '', '', '', 'CLUSTER ''session_service_shards''; RUN ON ALL; TARGET {member};', 'sql',
        'SELECT * FROM {remote} r ORDER BY r.last_activity_at DESC, r.id DESC'),
    ('find_external_sessions', '', '', '', 'CLUSTER ''session_service_shards''; RUN ON ALL; TARGET {member};', 'sql',
        'SELECT * FROM {remote} r ORDER BY r.last_activity_at DESC, r.id DESC'),
    ('list_sessions', '', '', '', 'CLUSTER ''session_service_shards''; RUN ON ALL; TARGET {member};', 'sql', $body$
SELECT r.*
FROM (SELECT a.* FROM {remote} a WHERE coalesce(cardinality(user_ids), 0) = 0
      UNION ALL
      SELECT b.* FROM session_service_front.remote_list_sessions_of_users(ARRAY(SELECT unnest(user_ids)), {rest}) b) r
ORDER BY r.id LIMIT greatest(coalesce(max_rows, 100), 1)
$body$),
    ('list_sessions', '_of_users', '', '',
        'CLUSTER ''session_service_ranges''; SPLIT user_ids; RUN ON session_service.user_range(user_ids);
         TARGET {member};', NULL, NULL),
    ('list_all_events', '', '', '', 'CLUSTER ''session_service_shards''; RUN ON ALL; TARGET {member};', 'sql',
        'SELECT * FROM {remote} r ORDER BY r.id DESC LIMIT greatest(coalesce(max_rows, 100), 1)'),

    -- At most so many in one call: server after server, with what is left of the number.
    ('revoke_sessions', '', 'place integer', '',
        'CLUSTER ''session_service_shards''; RUN ON place; SELECT r FROM {member}({shifted}) r;', 'plpgsql', $body$
DECLARE
    place_of CONSTANT integer[] := '{places}';
    users CONSTANT uuid[] := user_ids;
    total integer := 0;
    ended integer;
BEGIN
    FOR place IN 0 .. {last} LOOP
        IF cardinality(users) > 0 THEN
            user_ids := ARRAY(SELECT u FROM unnest(users) u WHERE place_of[session_service.user_range(u) + 1] = place);
            CONTINUE WHEN cardinality(user_ids) = 0;
        END IF;
        ended := session_service_front.remote_revoke_sessions(place, {call});
        total := total + ended;
        max_rows := coalesce(max_rows, 10000) - ended;
        EXIT WHEN max_rows <= 0;
    END LOOP;
    RETURN total;
END
$body$),

    -- Counters are a server's, in all of its databases: of shards on one server one counts. They run since the latest
    -- start.
    ('stats', '', '', 'OUT server_started_at timestamp with time zone',
        'CLUSTER ''session_service_shards''; RUN ON ALL;
         SELECT s.*, pg_catalog.pg_postmaster_start_time() AS server_started_at FROM {member}() s;', 'sql',
        'SELECT {totals} FROM (
            SELECT DISTINCT ON (s.server_started_at) s.* FROM {remote} s ORDER BY s.server_started_at, s.since) r'),
    ('health', '', '', '', 'CLUSTER ''session_service_shards''; RUN ON ALL; TARGET {member};', 'sql',
        'SELECT {totals} FROM {remote} r'),

    -- A batch is split. Each server counts the tokens that it was given, so their places go along. And so do their
    -- ranges, found in one query: PL/Proxy runs one for each element.
    ('validate_sessions', '', '', 'places integer[], ranges integer[]',
        'CLUSTER ''session_service_ranges''; SPLIT tokens, places, ranges; RUN ON ranges;
         SELECT ($2)[v.token_index] AS token_index, {columns} FROM {member}($1) v;', 'plpgsql', $body$
BEGIN
    RETURN QUERY
    SELECT r.*
    FROM (SELECT array_agg(t.token) AS tokens, array_agg(t.place::integer) AS places, array_agg(range) AS ranges
          FROM unnest(tokens) WITH ORDINALITY t (token, place), session_service_front.token_range(t.token) range) a,
        session_service_front.remote_validate_sessions(a.tokens, a.places, a.ranges) r
    ORDER BY r.token_index;
END
$body$),
    ('touch_sessions', '', '', '',
        'CLUSTER ''session_service_ranges''; SPLIT session_ids; RUN ON session_service.session_range(session_ids);
         TARGET {member};', 'plpgsql', $body$
BEGIN
    IF session_ids IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'session_ids must not be null';
    END IF;
    -- (an array of one dimension, as SPLIT needs it)
    RETURN (
        SELECT coalesce(sum(r), 0)
        FROM session_service_front.remote_touch_sessions(ARRAY(SELECT unnest(session_ids))) r);
END
$body$),

    -- The session is validated where it is, and bound here.
    ('authenticate', '', '', '', NULL, 'plpgsql', $body$
DECLARE
    valid session_service.valid_session;
BEGIN
    -- Whatever comes of it, the one before is over.
    PERFORM session_service.bind_identity(NULL, NULL, NULL, NULL, NULL, NULL);
    FOR valid IN SELECT * FROM session_service.validate_session(token) LOOP
        PERFORM session_service.bind_identity(
            valid.session_id, valid.user_id, valid.scopes, valid.metadata, valid.mfa_verified_at,
            valid.authenticated_at);
        RETURN NEXT valid;
    END LOOP;
END
$body$),

    -- The directory first: where it cannot be written, nothing is imported. What the server does is committed there; so
    -- an import that is rolled back here, or was cut off, is found when it is called again, and entered then.
    ('import_session', '', 'place integer', '',
        'CLUSTER ''session_service_ranges''; RUN ON place; SELECT r FROM {member}({shifted}) r;', 'plpgsql', $body$
#variable_conflict use_column
DECLARE
    home CONSTANT smallint := session_service.user_bucket($2);
    known session_service_front.imported_tokens := session_service_front.known_import($1);
    hash session_service.token_hash;
    id uuid;
BEGIN
    -- (Where one of these is NULL, the server says so.)
    IF $1 IS NOT NULL AND $2 IS NOT NULL AND known.session_id IS NULL THEN
        -- As durable as the session.
        IF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN
            PERFORM set_config('synchronous_commit', 'on', true);
        END IF;
        -- In the order of the hashes, so that two imports of the same hashes meet no deadlock.
        FOR hash IN SELECT h FROM unnest(ARRAY[$1, $4]) h WHERE h IS NOT NULL ORDER BY h LOOP
            INSERT INTO session_service_front.imported_tokens (token_hash, bucket, is_refresh)
            VALUES (hash, home, hash OPERATOR(session_service.<>) $1) ON CONFLICT DO NOTHING;
            CONTINUE WHEN FOUND;
            -- Imported meanwhile, or another's, or of a session that is gone.
            known := session_service_front.known_import($1);
            EXIT WHEN known.session_id IS NOT NULL;
            IF (session_service_front.known_import(hash)).session_id IS NOT NULL THEN
                RAISE EXCEPTION USING ERRCODE = 'unique_violation',
                    MESSAGE = 'another token was imported with one of these hashes';
            END IF;
            UPDATE session_service_front.imported_tokens
            SET bucket = home, is_refresh = hash OPERATOR(session_service.<>) $1, session_id = NULL, imported_at = now()
            WHERE token_hash OPERATOR(session_service.=) hash;
        END LOOP;
        -- (another transaction's are never seen so)
        IF known.session_id IS NOT NULL THEN
            DELETE FROM session_service_front.imported_tokens
            WHERE token_hash OPERATOR(session_service.=) $4 AND session_id IS NULL;
        END IF;
    END IF;
    -- A token that is known gives its session, also to another user.
    IF known.session_id IS NOT NULL AND known.bucket <> home THEN
        IF known.is_refresh THEN
            RAISE EXCEPTION USING ERRCODE = 'unique_violation',
                MESSAGE = 'another token was imported with one of these hashes';
        END IF;
        RETURN known.session_id;
    END IF;
    id := session_service_front.remote_import_session(home >> 8, {call});
    UPDATE session_service_front.imported_tokens SET session_id = id
    WHERE token_hash OPERATOR(session_service.=) ANY (ARRAY[$1, $4]) AND session_id IS NULL;
    RETURN id;
END
$body$)
$merged$;
COMMENT ON FUNCTION session_service_front.merged() IS 'functions whose answer is put together on the front';

CREATE FUNCTION session_service_front.known_import(hash session_service.token_hash)
RETURNS session_service_front.imported_tokens
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i FROM session_service_front.imported_tokens i
    WHERE i.token_hash OPERATOR(session_service.=) hash AND i.session_id IS NOT NULL
        AND EXISTS (SELECT FROM session_service.get_session(i.session_id))
$$;
COMMENT ON FUNCTION session_service_front.known_import(session_service.token_hash)
    IS 'the entry of an imported token whose session is there';

-- How the answers of several servers make one, by a column's name and type. A share counts by the rows that it is of.
CREATE FUNCTION session_service_front.total(column_name name, type regtype)
RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE
        WHEN column_name = 'since' THEN 'max(r.%I)'
        WHEN column_name LIKE 'oldest\_%' THEN 'min(r.%I)'
        WHEN column_name LIKE 'last\_%' THEN '(array_agg(r.%I ORDER BY r.last_cleanup_at DESC NULLS LAST))[1]'
        WHEN column_name LIKE '%\_share' THEN 'sum(r.%1$I * greatest(r.sessions, 1))'
            ' / sum(greatest(r.sessions, 1)) FILTER (WHERE r.%1$I IS NOT NULL)'
        WHEN type = 'boolean'::regtype THEN 'bool_and(r.%I)'
        WHEN type = 'bigint'::regtype THEN 'sum(r.%I)' END, column_name)
$$;
COMMENT ON FUNCTION session_service_front.total(name, regtype) IS 'expression over the answers of all servers';

CREATE FUNCTION session_service_front.columns_of(function oid)
RETURNS TABLE (place bigint, name name, type regtype)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT row_number() OVER (ORDER BY a.n), a.name, a.type
    FROM pg_proc p, unnest(p.proargnames, p.proargmodes, p.proallargtypes) WITH ORDINALITY a (name, mode, type, n)
    WHERE p.oid = function AND a.mode IN ('o', 't')
$$;
COMMENT ON FUNCTION session_service_front.columns_of(oid)
    IS 'columns that a function of OUT arguments or RETURNS TABLE gives';

CREATE FUNCTION session_service_front.filled(template text, member oid)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    f CONSTANT pg_proc := (SELECT p FROM pg_proc p WHERE p.oid = member);
    word text;
BEGIN
    FOREACH word IN ARRAY '{remote,member,call,rest,shifted,columns,totals,last,places}'::text[] LOOP
        CONTINUE WHEN strpos(template, '{' || word || '}') = 0;
        template := replace(template, '{' || word || '}', CASE word
            WHEN 'remote' THEN format('session_service_front.%I({call})', 'remote_' || f.proname)
            WHEN 'member' THEN format('session_service.%I', f.proname)
            WHEN 'call' THEN coalesce((SELECT string_agg('$' || n, ', ') FROM generate_series(1, f.pronargs) n), '')
            WHEN 'rest' THEN (SELECT string_agg('$' || n, ', ') FROM generate_series(2, f.pronargs) n)
            WHEN 'shifted' THEN (SELECT string_agg('$' || n, ', ') FROM generate_series(2, f.pronargs + 1) n)
            WHEN 'columns' THEN (
                SELECT string_agg(format('v.%I', c.name), ', ' ORDER BY c.place)
                FROM session_service_front.columns_of(member) c WHERE c.place > 1)
            WHEN 'totals' THEN (
                SELECT string_agg(session_service_front.total(c.name, c.type), ', ' ORDER BY c.place)
                FROM session_service_front.columns_of(member) c)
            WHEN 'last' THEN (SELECT count(*) - 1 FROM session_service_front.shards)::text
            WHEN 'places' THEN (
                SELECT array_agg(p.place ORDER BY r.range)
                FROM session_service_front.ranges r JOIN session_service_front.places() p USING (shard))::text END);
    END LOOP;
    RETURN template;
END
$$;
COMMENT ON FUNCTION session_service_front.filled(text, oid) IS 'a text of merged(), for a function of session_service';

-- Which function goes where, by rule: a function that is not VOLATILE reads no table, and stays; else, where merged()
-- has it not, the name of its first argument tells. A row is a function to be here; one that is nowhere has no body.
--
-- PL/Proxy keeps the rows of a call until they are fetched, one at a time, and another call, in the same list of
-- expressions, would lose them. So what may give several rows is asked for by remote_NAME in FROM, where all are
-- fetched at once.
CREATE FUNCTION session_service_front.routes()
RETURNS TABLE (schema name, name name, types text, arguments text, result text, rows real, language name, body text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH member AS (
        SELECT p.oid, p.proname AS name, p.proretset AND p.prorows <> 1 AS gives_many, p.prorows,
            pg_get_function_arguments(p.oid) AS arguments, pg_get_function_identity_arguments(p.oid) AS identity,
            pg_get_function_result(p.oid) AS result,
            (SELECT string_agg(format_type(t.type, NULL), ', ' ORDER BY t.n)
             FROM unnest(p.proargtypes) WITH ORDINALITY t (type, n)) AS types,
            'CLUSTER ''session_service_ranges''; RUN ON ' || CASE p.proargnames[1]
                WHEN 'token' THEN 'session_service_front.token_range(token);'
                WHEN 'refresh_token' THEN 'session_service_front.token_range(refresh_token);'
                WHEN 'user_id' THEN 'session_service.user_range(user_id);'
                WHEN 'session_id' THEN 'session_service.session_range(session_id);' END AS by_range
        FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
            JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        WHERE e.extname = 'session_service' AND d.deptype = 'e' AND p.provolatile = 'v'
            AND p.proname NOT IN ('generate_token', 'grant_access', 'revoke_access', 'bind_identity')),
    ruled AS (
        SELECT f.*, CASE WHEN f.gives_many THEN f.by_range || ' TARGET {member};' END AS remote,
            CASE WHEN f.gives_many THEN 'sql' ELSE 'plproxy' END AS language,
            CASE WHEN f.gives_many AND f.by_range IS NOT NULL THEN 'SELECT * FROM {remote}' ELSE f.by_range END AS body
        FROM member f WHERE f.name NOT IN (SELECT m.name FROM session_service_front.merged() m)),
    route AS (
        SELECT oid, name, types, arguments, identity, result, prorows, '' AS suffix, '' AS before, '' AS after, remote,
            language::name, body
        FROM ruled
        UNION ALL
        SELECT f.oid, f.name, f.types, f.arguments, f.identity, f.result, f.prorows, m.suffix, m.before, m.after,
            m.remote, m.language, m.body
        FROM member f JOIN session_service_front.merged() m USING (name))
    SELECT 'session_service_front', 'remote_' || name || suffix,
        concat_ws(', ', substring(before, ' (.*)'), types,
            nullif(regexp_replace(regexp_replace(after, '^OUT .*', ''), '\w+ (\S+)', '\1', 'g'), '')),
        concat_ws(', ', nullif(before, ''), nullif(identity, ''), nullif(after, '')),
        -- Of one server one answer, where it was made for one.
        CASE WHEN remote ~ 'RUN ON place' THEN result ELSE regexp_replace(result, '^(?!SETOF |TABLE)', 'SETOF ') END,
        CASE WHEN remote ~ 'RUN ON place' THEN 0 ELSE greatest(prorows, 1) END,
        'plproxy', session_service_front.filled(remote, oid)
    FROM route WHERE remote IS NOT NULL
    UNION ALL
    SELECT 'session_service', name, coalesce(types, ''), arguments, result, prorows, language,
        session_service_front.filled(body, oid)
    FROM route WHERE suffix = ''
$$;
COMMENT ON FUNCTION session_service_front.routes()
    IS 'the functions that apply() makes, or puts in the place of those of session_service';

-- Those of routes() that are not here as they should be: what is there under the name, and the statement that makes it.
-- No statement for one that has no route.
--
-- They run as their owner, as functions of SECURITY DEFINER: so grant_access decides here who may call what, and the
-- servers know the owner alone. Values go to them as text, and so in one form whatever the caller's settings are.
CREATE FUNCTION session_service_front.unrouted()
RETURNS TABLE (signature text, is_remote boolean, existing oid, definition text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.signature, r.schema = 'session_service_front', p.oid,
        CASE WHEN r.body IS NOT NULL THEN
            format('CREATE OR REPLACE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE %I%s%s AS %L',
                r.schema, r.name, r.arguments, r.result, r.language, ' ROWS ' || nullif(r.rows, 0), k.clauses,
                r.body) END
    FROM session_service_front.routes() r
        LEFT JOIN (VALUES ('session_service'::name,
            ' SECURITY DEFINER SET search_path = pg_catalog, pg_temp'
            ' SET DateStyle = ''ISO'' SET IntervalStyle = ''postgres''',
            ARRAY['search_path=pg_catalog, pg_temp', 'DateStyle=ISO', 'IntervalStyle=postgres'])
            ) k (schema, clauses, settings) USING (schema)
        CROSS JOIN LATERAL (SELECT format('%I.%I(%s)', r.schema, r.name, r.types)) s (signature)
        LEFT JOIN pg_proc p ON p.oid = to_regprocedure(s.signature)
        LEFT JOIN pg_language l ON l.oid = p.prolang
    WHERE (l.lanname, p.prosrc, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid))
            IS DISTINCT FROM (r.language, r.body, r.arguments, r.result)
        OR (p.prosecdef, p.proconfig) IS DISTINCT FROM (k.clauses IS NOT NULL, k.settings)
    -- What is called first.
    ORDER BY r.schema DESC, r.name
$$;
COMMENT ON FUNCTION session_service_front.unrouted()
    IS 'what apply() has to make, or to put in the place of functions of session_service';

-- Nothing here is for anybody but the owner, nor for a role that has rights by default on whatever the owner makes.
CREATE FUNCTION session_service_front.keep_private()
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    grantee text;
BEGIN
    FOR grantee IN
        SELECT 'PUBLIC'
        UNION ALL
        SELECT DISTINCT quote_ident(r.rolname)
        FROM pg_default_acl d, aclexplode(d.defaclacl) a JOIN pg_roles r ON r.oid = a.grantee
        WHERE r.rolname <> CURRENT_USER
    LOOP
        EXECUTE 'REVOKE ALL ON ALL FUNCTIONS IN SCHEMA session_service_front FROM ' || grantee;
        EXECUTE 'REVOKE ALL ON ALL TABLES IN SCHEMA session_service_front FROM ' || grantee;
        EXECUTE 'REVOKE ALL ON SCHEMA session_service_front FROM ' || grantee;
    END LOOP;
END
$$;
COMMENT ON FUNCTION session_service_front.keep_private()
    IS 'takes all rights in this schema from everybody but the owner';

CREATE FUNCTION session_service_front.options_of(server name)
RETURNS TABLE (option_name text, option_value text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.option_name, o.option_value FROM pg_foreign_server s, pg_options_to_table(s.srvoptions) o
    WHERE s.srvname = server AND o.option_name ~ '^(p\d+|modular_mapping)$'
$$;
COMMENT ON FUNCTION session_service_front.options_of(name)
    IS 'options of a foreign server that apply() sets; others are the DBA''s, such as query_timeout';

-- Brings one foreign server to what the tables ask for.
CREATE FUNCTION session_service_front.apply_server(server name, options text[])
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changes text;
BEGIN
    IF (SELECT pg_get_userbyid(s.srvowner) <> CURRENT_USER FROM pg_foreign_server s WHERE s.srvname = server) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('server "%s" belongs to another role', server),
            HINT = 'Drop it, or make the owner of the extension its owner.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_foreign_server s WHERE s.srvname = server) THEN
        EXECUTE (
            SELECT format('CREATE SERVER %I FOREIGN DATA WRAPPER plproxy OPTIONS (%s)', server,
                string_agg(format('%I %L', w.option_name, w.option_value), ', '))
            FROM pg_options_to_table(options) w);
    END IF;
    SELECT string_agg(CASE WHEN w.option_name IS NULL THEN format('DROP %I', i.option_name)
            WHEN i.option_name IS NULL THEN format('ADD %I %L', w.option_name, w.option_value)
            ELSE format('SET %I %L', w.option_name, w.option_value) END, ', ') INTO changes
    FROM pg_options_to_table(options) w FULL JOIN session_service_front.options_of(server) i USING (option_name)
    WHERE w.option_value IS DISTINCT FROM i.option_value;
    IF changes IS NOT NULL THEN
        EXECUTE format('ALTER SERVER %I OPTIONS (%s)', server, changes);
    END IF;
    -- PL/Proxy asks for one. Without options it is the same name on the shards, and no password.
    IF NOT EXISTS (
        SELECT FROM pg_user_mappings u WHERE u.srvname = server AND u.usename IN (CURRENT_USER, 'public')) THEN
        EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER %I', server);
    END IF;
END
$$;
COMMENT ON FUNCTION session_service_front.apply_server(name, text[])
    IS 'creates or alters a foreign server of PL/Proxy';

CREATE FUNCTION session_service_front.drop_remote(function oid)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('ALTER EXTENSION session_service_front DROP FUNCTION %s', function::regprocedure);
    EXECUTE format('DROP FUNCTION %s', function::regprocedure);
END
$$;
COMMENT ON FUNCTION session_service_front.drop_remote(oid) IS 'drops a function that apply() made';

CREATE FUNCTION session_service_front.apply()
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing integer;
    f record;
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname IN ('session_service', 'session_service_front')
            AND pg_get_userbyid(e.extowner) <> CURRENT_USER) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = 'only the role that owns session_service and session_service_front may do this';
    END IF;
    -- One at a time.
    LOCK TABLE session_service_front.shards, session_service_front.ranges IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM session_service.users) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'this database has users of its own, whom nobody would find any more',
            HINT = 'A front is a database without sessions. This one can be a shard of it.';
    END IF;
    SELECT min(n) INTO missing FROM generate_series(0, 15) n
    WHERE NOT EXISTS (SELECT FROM session_service_front.ranges r WHERE r.range = n);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('range %s is on no shard', missing),
            HINT = 'Each range from 0 to 15 needs a row in session_service_front.ranges.';
    END IF;

    PERFORM session_service_front.apply_server(s.server, s.options) FROM session_service_front.servers() s;

    FOR f IN SELECT * FROM session_service_front.unrouted() LOOP
        IF f.definition IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
                MESSAGE = format('function %s has no route', f.signature),
                HINT = 'Update the extension session_service_front.';
        END IF;
        IF f.is_remote AND f.existing IS NOT NULL THEN
            -- Its result may be another one.
            PERFORM session_service_front.drop_remote(f.existing);
        END IF;
        EXECUTE f.definition;
        IF f.is_remote THEN
            EXECUTE format('COMMENT ON FUNCTION %s IS %L', f.signature, 'asks the shards');
            -- With the rights that it keeps: others would be in a dump, which has not the function.
            PERFORM session_service_front.keep_private();
            EXECUTE format('ALTER EXTENSION session_service_front ADD FUNCTION %s', f.signature);
        END IF;
    END LOOP;
    PERFORM session_service_front.drop_remote(p.oid) FROM pg_proc p
    WHERE p.pronamespace = 'session_service_front'::regnamespace AND p.proname LIKE 'remote\_%'
        AND NOT EXISTS (SELECT FROM session_service_front.routes() r
            WHERE p.oid = to_regprocedure(format('%I.%I(%s)', r.schema, r.name, r.types)));
END
$$;
COMMENT ON FUNCTION session_service_front.apply()
    IS 'makes this database the front that the tables describe; again after each change of them, after an '
        'update of session_service and after a dump was restored';

-- --- Whether all is well

-- What a shard says of itself. (The library has to be loaded before its settings are known.)
CREATE FUNCTION session_service_front.shard_state(
    place integer,
    OUT version text,
    OUT clock double precision,
    OUT encoding text,
    OUT date_style text,
    OUT interval_style text,
    OUT is_admin boolean,
    OUT is_standby boolean,
    OUT held text)
LANGUAGE plproxy VOLATILE
AS $$
    CLUSTER 'session_service_shards';
    RUN ON place;
    SELECT (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'session_service') AS version,
        extract(epoch FROM pg_catalog.clock_timestamp())::pg_catalog.float8 AS clock,
        pg_catalog.getdatabaseencoding() AS encoding,
        pg_catalog.current_setting('DateStyle') AS date_style,
        pg_catalog.current_setting('IntervalStyle') AS interval_style,
        pg_catalog.has_function_privilege('session_service.delete_user(uuid)', 'EXECUTE') AS is_admin,
        pg_catalog.pg_is_in_recovery() AS is_standby,
        (SELECT pg_catalog.range_agg(pg_catalog.int4range(b, b, '[]'))::text FROM pg_catalog.generate_series(0, 4095) b
         WHERE session_service.holds_bucket(b)) AS held;
$$;
COMMENT ON FUNCTION session_service_front.shard_state(integer) IS 'version, settings and buckets of a shard';

CREATE FUNCTION session_service_front.check_shard(place integer, shard text)
RETURNS TABLE (problem text, held int4multirange)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO'
AS $$
#variable_conflict use_variable
DECLARE
    asked_at CONSTANT double precision := extract(epoch FROM clock_timestamp());
    state record;
    ahead double precision;
    given int4multirange;
BEGIN
    BEGIN
        SELECT * INTO STRICT state FROM session_service_front.shard_state(place);
    EXCEPTION WHEN OTHERS THEN
        problem := SQLERRM;
        RETURN NEXT;
        RETURN;
    END;
    held := coalesce(state.held, '{}')::int4multirange;
    -- By at least so much: the answer was on its way for a part of the time.
    ahead := greatest(state.clock - extract(epoch FROM clock_timestamp()), 0) + least(state.clock - asked_at, 0);
    SELECT coalesce(range_agg(int4range(r.range * 256, (r.range + 1) * 256)), '{}') - held INTO given
    FROM session_service_front.ranges r WHERE r.shard = shard;
    FOR problem IN
        SELECT t.problem FROM (VALUES
            (state.version IS DISTINCT FROM (
                    SELECT e.extversion FROM pg_extension e WHERE e.extname = 'session_service'),
                format('has another version of session_service: %s', coalesce(state.version, 'none'))),
            (NOT state.is_admin, 'does not let its user call every function: grant_access(…, ''admin'') there'),
            (state.encoding <> getdatabaseencoding(), format('has another encoding: %s', state.encoding)),
            (state.date_style NOT LIKE 'ISO, %' OR state.interval_style <> 'postgres',
                'writes times in another form: its user there needs DateStyle ISO and IntervalStyle postgres'),
            (abs(ahead) > 1, format('has a clock that differs by %s s', round(ahead))),
            (state.is_standby, 'answers from a standby, which writes nothing'),
            (NOT isempty(given), format('does not hold the buckets %s, which are given to it', given))
            ) t (is_so, problem)
        WHERE t.is_so
    LOOP
        RETURN NEXT;
    END LOOP;
    problem := NULL;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION session_service_front.check_shard(integer, text)
    IS 'what is wrong with one shard, and the buckets that it holds';

CREATE FUNCTION session_service_front.check()
RETURNS TABLE (subject text, problem text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    WITH shard AS MATERIALIZED (
        SELECT p.shard, c.problem, c.held
        FROM session_service_front.places() p, session_service_front.check_shard(p.place, p.shard) c
        -- Asked are those that PL/Proxy knows.
        WHERE p.connection = (
            SELECT o.option_value FROM session_service_front.options_of('session_service_shards') o
            WHERE o.option_name = 'p' || p.place))
    SELECT 'range ' || n, 'is on no shard'
    FROM generate_series(0, 15) n WHERE NOT EXISTS (SELECT FROM session_service_front.ranges r WHERE r.range = n)
    UNION ALL
    SELECT 'server ' || s.server, CASE WHEN f.oid IS NULL THEN 'is not there: call session_service_front.apply()'
            WHEN f.srvowner <> e.extowner THEN 'belongs to another role'
            ELSE 'is not as the tables say: call session_service_front.apply()' END
    FROM session_service_front.servers() s JOIN pg_extension e ON e.extname = 'session_service_front'
        LEFT JOIN pg_foreign_server f ON f.srvname = s.server
    WHERE f.srvowner IS DISTINCT FROM e.extowner OR EXISTS (
        SELECT FROM pg_options_to_table(s.options) w
            FULL JOIN session_service_front.options_of(s.server) i USING (option_name)
        WHERE w.option_value IS DISTINCT FROM i.option_value)
    UNION ALL
    SELECT 'function ' || u.signature, CASE WHEN u.definition IS NULL THEN 'has no route: update session_service_front'
        ELSE 'is not routed: call session_service_front.apply()' END
    FROM session_service_front.unrouted() u
    UNION ALL
    SELECT 'shard ' || a.shard, a.problem FROM shard a WHERE a.problem IS NOT NULL
    UNION ALL
    SELECT 'shard ' || b.shard, format('holds the buckets %s, as shard %s does', a.held * b.held, a.shard)
    FROM shard a JOIN shard b ON a.shard COLLATE "C" < b.shard AND a.held && b.held
    WHERE a.problem IS NULL AND b.problem IS NULL
$$;
COMMENT ON FUNCTION session_service_front.check() IS 'what is wrong with the front or its shards; no row: all is well';

-- The configuration and the directory are in a dump. What apply() makes is not, nor are its functions.
SELECT pg_catalog.pg_extension_config_dump('session_service_front.shards', '');
SELECT pg_catalog.pg_extension_config_dump('session_service_front.ranges', '');
SELECT pg_catalog.pg_extension_config_dump('session_service_front.imported_tokens', '');

SELECT session_service_front.keep_private();
