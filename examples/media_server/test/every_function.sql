-- Writes a query for each function of the extension, for sqlc. The columns of rows are named one by one, since of
-- functions that it does not know sqlc cannot tell what `*` is.
SELECT format(E'-- name: %s :many\nSELECT %s FROM session_service.%s(%s) AS s;\n',
    'F' || p.oid,
    COALESCE((
        SELECT string_agg(format('s.%I', name), ', ' ORDER BY place)
        FROM (
            SELECT attname, attnum FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0
            UNION ALL
            SELECT name, place
            FROM unnest(p.proargnames, p.proargmodes) WITH ORDINALITY AS argument (name, mode, place)
            WHERE mode IN ('t', 'o')) AS columns (name, place)), 's'),
    p.proname,
    (
        SELECT string_agg(format('@%s::%s', COALESCE(NULLIF(p.proargnames[place], ''), 'value'), argument::regtype),
            ', ' ORDER BY place)
        FROM unnest(p.proargtypes) WITH ORDINALITY AS input (argument, place)))
FROM pg_proc p
JOIN pg_type t ON t.oid = p.prorettype
WHERE p.pronamespace = 'session_service'::regnamespace AND p.proargnames IS NOT NULL
ORDER BY p.proname;
