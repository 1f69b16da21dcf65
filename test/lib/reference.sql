-- The rows of docs/reference.md that the catalog gives, those of :kind: function, setting, type, table or column. For
-- test/reference.sh, which has made a role for each access level.
LOAD 'session_service';
SET search_path = session_service;

CREATE FUNCTION pg_temp.type(type oid) RETURNS text LANGUAGE sql AS $$
    SELECT replace(format_type(type, NULL), 'timestamp with time zone', 'timestamptz') $$;

-- A number of seconds as SHOW prints it.
CREATE FUNCTION pg_temp.seconds(seconds bigint) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN seconds = 0 THEN '0'
        WHEN seconds % 86400 = 0 THEN seconds / 86400 || 'd'
        WHEN seconds % 3600 = 0 THEN seconds / 3600 || 'h'
        WHEN seconds % 60 = 0 THEN seconds / 60 || 'min'
        ELSE seconds || 's'
    END $$;

-- What is in brackets may be left out.
CREATE TEMP VIEW documented_functions AS
WITH argument AS (
    SELECT p.oid, a.place, coalesce(p.proargmodes[a.place], 'i') AS mode,
        coalesce(p.proargnames[a.place] || ' ', '') || pg_temp.type(a.type) AS declaration,
        a.place > p.pronargs - p.pronargdefaults AS is_optional,
        regexp_replace(pg_get_function_arg_default(p.oid, a.place::integer), '::[a-z_ ]+(\[\])?$', '') AS value
    FROM pg_proc p, unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY a (type, place)
), signature AS (
    SELECT oid,
        string_agg(declaration, ', ' ORDER BY place) FILTER (WHERE mode = 'i' AND NOT is_optional) AS required,
        string_agg(declaration || coalesce(' = ' || nullif(value, 'NULL'), ''), ', ' ORDER BY place)
            FILTER (WHERE mode = 'i' AND is_optional) AS optional,
        string_agg(declaration, ', ' ORDER BY place) FILTER (WHERE mode IN ('o', 't')) AS answer
    FROM argument
    GROUP BY oid
)
SELECT format('| `%s(%s)` | %s | %s | %s |',
    p.proname,
    coalesce(s.required, '') || coalesce(CASE WHEN s.required IS NULL THEN '[' ELSE ' [, ' END || s.optional || ']',
        ''),
    CASE
        WHEN s.answer IS NOT NULL THEN format('%s: `%s`', CASE WHEN p.proretset THEN 'rows' ELSE 'row' END, s.answer)
        WHEN t.typtype = 'c' THEN format('%s of `%s`', CASE WHEN p.prorows = 1 THEN 'row' ELSE 'rows' END, t.typname)
        ELSE format('`%s`', pg_temp.type(t.oid))
    END,
    coalesce((
        SELECT level FROM unnest('{validate,application,monitor,admin}'::text[]) WITH ORDINALITY l (level, place)
        WHERE has_function_privilege('session_service_reference_' || level, p.oid, 'EXECUTE')
        ORDER BY place LIMIT 1), '–'),
    obj_description(p.oid, 'pg_proc')) AS line
FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype LEFT JOIN signature s ON s.oid = p.oid
WHERE p.pronamespace = 'session_service'::regnamespace
    -- What is behind the type, its operators and casts.
    AND p.proname !~ '^token_hash' AND p.proname <> 'bytea';

-- Those of builds for developers are left out, and the one that only authenticate sets.
CREATE TEMP VIEW documented_settings AS
SELECT format('| `%s` | %s | %s | %s | %s |',
    substr(name, length('session_service.') + 1),
    CASE WHEN unit = 's' THEN pg_temp.seconds(boot_val::bigint) WHEN boot_val = '' THEN '''''' ELSE boot_val END,
    CASE
        WHEN vartype = 'bool' THEN 'on, off'
        WHEN vartype = 'enum' THEN array_to_string(enumvals, ', ')
        WHEN vartype = 'string' THEN 'text'
        ELSE format(CASE WHEN max_val = '2147483647' THEN 'from %s' ELSE '%s to %s' END,
            CASE WHEN unit = 's' THEN pg_temp.seconds(min_val::bigint) ELSE min_val END,
            CASE WHEN unit = 's' THEN pg_temp.seconds(max_val::bigint) ELSE max_val END)
    END,
    context, short_desc) AS line
FROM pg_settings
WHERE name LIKE 'session\_service.%' AND name !~ '\.(engine|engine_calls|nearly_full|identity)$';

CREATE TEMP VIEW documented_types AS
SELECT format('| `%s` | %s | %s |', t.typname,
    coalesce('`' || CASE
        WHEN t.typtype = 'e' THEN (
            SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)
        ELSE (
            SELECT string_agg(attname || ' ' || pg_temp.type(atttypid), ', ' ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped)
    END || '`', '–'),
    obj_description(t.oid, 'pg_type')) AS line
FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = 'session_service'::regnamespace AND t.typcategory <> 'A' AND coalesce(c.relkind, 'c') = 'c';

CREATE TEMP VIEW documented_tables AS
SELECT format('| `%s` | `%s` | %s |', c.relname, (
        SELECT string_agg(a.attname, ', ' ORDER BY k.place)
        FROM pg_index i, unnest(i.indkey::smallint[]) WITH ORDINALITY k (attnum, place)
            JOIN pg_attribute a ON a.attnum = k.attnum AND a.attrelid = c.oid
        WHERE i.indrelid = c.oid AND i.indisprimary),
    obj_description(c.oid, 'pg_class')) AS line
FROM pg_class c
WHERE c.relnamespace = 'session_service'::regnamespace AND c.relkind = 'r';

CREATE TEMP VIEW documented_columns AS
SELECT format('%s: | `%s` | %s |%s |', c.relname, a.attname, pg_temp.type(a.atttypid),
    coalesce(' ' || col_description(c.oid, a.attnum), '')) AS line
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'session_service'::regnamespace AND c.relkind = 'r';

SELECT format('SELECT line FROM documented_%ss', :'kind') \gexec
