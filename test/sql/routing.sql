-- The vectors by which applications route (examples/routing) are what the extension says.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers
\set vectors `cat "$PG_ABS_SRCDIR/../examples/routing/vectors.tsv"`

CREATE TEMP VIEW vectors AS
SELECT f[1] AS kind, f[2] AS value, nullif(f[3], '')::uuid AS session_id, nullif(f[4], '')::smallint AS bucket,
    nullif(f[5], '')::integer AS range
FROM regexp_split_to_table(:'vectors', E'\n') line, regexp_split_to_array(line, E'\t') f WHERE line !~ '^(#|$)';
SELECT kind, count(*) > 8 AS several, count(*) FILTER (WHERE bucket IS NULL) = count(*) AS without_bucket,
       count(DISTINCT range) FILTER (WHERE kind IN ('user', 'token')) AS ranges FROM vectors GROUP BY 1 ORDER BY 1;

-- none of these has a row
SELECT * FROM vectors WHERE kind = 'user'
    AND (user_bucket(value::uuid), user_range(value::uuid)) IS DISTINCT FROM (bucket, range);
SELECT * FROM vectors
WHERE session_id IS NOT NULL
    AND (session_bucket(session_id), session_range(session_id)) IS DISTINCT FROM (bucket, range);
SELECT * FROM vectors WHERE kind = 'session' AND session_id IS DISTINCT FROM value::uuid;
SELECT * FROM vectors WHERE kind NOT IN ('user', 'session')
    AND (token_session_id(value), token_bucket(value), token_range(value))
        IS DISTINCT FROM (session_id, coalesce(bucket, 0), coalesce(range, 0));
SELECT * FROM vectors WHERE kind = 'token' AND session_id IS NULL OR kind IN ('malformed', 'imported')
    AND session_id IS NOT NULL;
-- what begins like a token of ours
SELECT * FROM vectors WHERE (kind IN ('token', 'malformed')) <> (value ~ '^ss[tr]_');
