-- The type token_hash: input and output, errors, casts, order, indexes, hashing.
SET search_path = session_service, public;
SET bytea_output = hex;

-- the operator classes are complete and consistent
SELECT amname, opcname, amvalidate(opc.oid)
FROM pg_opclass opc JOIN pg_am am ON am.oid = opcmethod
WHERE opcintype = 'token_hash'::regtype ORDER BY 1;

-- 32 bytes at any address, stored plain
SELECT typlen, typbyval, typalign, typstorage FROM pg_type WHERE oid = 'token_hash'::regtype;

-- input in either case, with and without the prefix of a bytea; output in lower case without it
SELECT 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'::token_hash;
SELECT 'BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD'::token_hash;
SELECT E'\\xBa7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015aD'::token_hash;
SELECT token_hash_send(repeat('0f', 32)::token_hash);

-- what is no token_hash: 22P02, and no message quotes it
CREATE TABLE malformed (what text, input text);
INSERT INTO malformed VALUES
    ('empty', ''),
    ('only the prefix', '\x'),
    ('one digit short', repeat('a', 63)),
    ('one digit long', repeat('a', 65)),
    ('31 bytes', repeat('ab', 31)),
    ('33 bytes', repeat('ab', 33)),
    ('prefix in place of digits', '\x' || repeat('a', 62)),
    ('prefix twice', '\x\x' || repeat('a', 64)),
    ('upper-case prefix', '\X' || repeat('a', 64)),
    ('prefix 0x', '0x' || repeat('a', 64)),
    ('no digit at the start', 'g' || repeat('a', 63)),
    ('no digit at the end', repeat('a', 63) || 'G'),
    ('before 0', repeat('a', 63) || '/'),
    ('after 9', repeat('a', 63) || ':'),
    ('before A', repeat('a', 63) || '@'),
    ('before a', repeat('a', 63) || '`'),
    ('space before', ' ' || repeat('a', 64)),
    ('space after', repeat('a', 64) || ' '),
    ('newline after', repeat('a', 64) || E'\n'),
    ('hyphens', 'aaaaaaaa-' || repeat('a', 55)),
    ('not ASCII', repeat('a', 62) || U&'\00e9'),
    ('a megabyte', repeat('a', 1048576));
CREATE FUNCTION pg_temp.outcome(expression text, input text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    shown text;
    detail text;
BEGIN
    EXECUTE 'SELECT ' || expression USING input;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS shown = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, shown, detail);
END $$;
SELECT what, pg_temp.outcome('$1::session_service.token_hash', input) FROM malformed;

-- one digit of a valid input replaced at random by any other character
SELECT count(*) FROM (
    SELECT overlay(repeat('a', 64) PLACING chr(1 + (random() * 126)::integer)
        FROM 1 + (random() * 63)::integer) AS input
    FROM generate_series(1, 2000)) mutated
WHERE pg_temp.outcome('$1::session_service.token_hash', input)
    <> CASE WHEN input ~ '^[0-9A-Fa-f]{64}$' THEN 'accepted'
       ELSE '22P02 | invalid input syntax for type token_hash | A token_hash is written as 64 hexadecimal digits.' END;

-- soft errors, where the server has them
SELECT CASE WHEN current_setting('server_version_num')::integer >= 160000
       THEN 'pg_input_is_valid(input, ''token_hash'')' ELSE 'false' END AS is_valid \gset
SELECT count(*) AS rejected_softly FROM malformed WHERE NOT :is_valid;

-- casts from and to bytea, in assignments as well; another length is an error
SELECT sha256('abc')::token_hash, sha256('abc')::token_hash::bytea = sha256('abc') AS same;
CREATE TABLE assigned (hash token_hash, bytes bytea);
INSERT INTO assigned VALUES (sha256('abc'), repeat('12', 32)::token_hash);
SELECT * FROM assigned;
SELECT size, pg_temp.outcome('decode($1, ''hex'')::session_service.token_hash', repeat('ab', size))
FROM unnest('{0, 1, 31, 33, 64}'::integer[]) size;
-- not where the types were not said (the hint is another one since 19)
\set VERBOSITY terse
SELECT sha256('abc') = repeat('12', 32)::token_hash;
\set VERBOSITY default

-- a bytea that is compressed or stored apart
CREATE TABLE toasted (bytes bytea, squeezed bytea);
ALTER TABLE toasted ALTER bytes SET STORAGE EXTERNAL, ALTER squeezed SET STORAGE MAIN;
INSERT INTO toasted VALUES (decode(repeat('ab', 20000), 'hex'), decode(repeat('ab', 20000), 'hex'));
SELECT pg_temp.outcome('(SELECT bytes::session_service.token_hash FROM toasted)', ''),
       pg_temp.outcome('(SELECT squeezed::session_service.token_hash FROM toasted)', '');

-- binary input and output
CREATE TABLE sent AS SELECT sha256(n::text::bytea)::token_hash AS hash FROM generate_series(1, 100) n;
CREATE TABLE received (LIKE sent);
\copy sent TO 'results/token_hash.data' (FORMAT binary)
\copy received FROM 'results/token_hash.data' (FORMAT binary)
SELECT count(*) FROM sent JOIN received USING (hash);
CREATE TABLE bytes_sent (bytes bytea);
INSERT INTO bytes_sent VALUES (sha256('abc'));
\copy bytes_sent TO 'results/token_hash.data' (FORMAT binary)
\copy received FROM 'results/token_hash.data' (FORMAT binary)
SELECT count(*) FROM received WHERE hash = sha256('abc')::token_hash;
-- another length: the same error as in text
\set VERBOSITY sqlstate
UPDATE bytes_sent SET bytes = decode(repeat('ab', 31), 'hex');
\copy bytes_sent TO 'results/token_hash.data' (FORMAT binary)
\copy received FROM 'results/token_hash.data' (FORMAT binary)
UPDATE bytes_sent SET bytes = decode(repeat('ab', 33), 'hex');
\copy bytes_sent TO 'results/token_hash.data' (FORMAT binary)
\copy received FROM 'results/token_hash.data' (FORMAT binary)
UPDATE bytes_sent SET bytes = '';
\copy bytes_sent TO 'results/token_hash.data' (FORMAT binary)
\copy received FROM 'results/token_hash.data' (FORMAT binary)
\set VERBOSITY default

-- each operator against the order of the bytes, on pairs that differ in the first, a middle or the last byte
CREATE TABLE edge (hash token_hash);
INSERT INTO edge SELECT value::token_hash FROM (VALUES
    (repeat('00', 32)), ('01' || repeat('00', 31)), ('7f' || repeat('ff', 31)), ('80' || repeat('00', 31)),
    (repeat('ff', 32)), (repeat('ff', 31) || 'fe'), (repeat('00', 31) || '01'),
    (repeat('00', 7) || '01' || repeat('00', 24)), (repeat('00', 8) || '01' || repeat('00', 23)),
    (repeat('00', 8) || '80' || repeat('00', 23)), (repeat('aa', 16) || repeat('00', 16)),
    (repeat('aa', 16) || repeat('ff', 16))) edges (value);
SELECT count(*) AS pairs,
       count(*) FILTER (WHERE (a.hash = b.hash) = (a.hash::bytea = b.hash::bytea)) AS eq,
       count(*) FILTER (WHERE (a.hash <> b.hash) = (a.hash::bytea <> b.hash::bytea)) AS ne,
       count(*) FILTER (WHERE (a.hash < b.hash) = (a.hash::bytea < b.hash::bytea)) AS lt,
       count(*) FILTER (WHERE (a.hash <= b.hash) = (a.hash::bytea <= b.hash::bytea)) AS le,
       count(*) FILTER (WHERE (a.hash > b.hash) = (a.hash::bytea > b.hash::bytea)) AS gt,
       count(*) FILTER (WHERE (a.hash >= b.hash) = (a.hash::bytea >= b.hash::bytea)) AS ge,
       count(*) FILTER (WHERE sign(token_hash_cmp(a.hash, b.hash)) = sign(byteacmp(a.hash::bytea,
           b.hash::bytea))) AS cmp
FROM edge a CROSS JOIN edge b;
SELECT NULL::token_hash = repeat('00', 32)::token_hash AS unknown;

-- commutators, negators and estimators
SELECT oprname, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin, oprcanmerge, oprcanhash
FROM pg_operator WHERE oprleft = 'token_hash'::regtype ORDER BY oprname;

-- sorting both ways, with the abbreviated keys' ties among the values
INSERT INTO edge SELECT sha256(n::text::bytea) FROM generate_series(1, 5000) n;
INSERT INTO edge SELECT decode(repeat('5a', 8), 'hex') || substr(sha256(n::text::bytea), 1, 24)
FROM generate_series(1, 1000) n;
SELECT count(*) FROM (
    SELECT row_number() OVER (ORDER BY hash) AS typed, row_number() OVER (ORDER BY hash::bytea) AS plain
    FROM edge) ordered
WHERE typed <> plain;
SELECT count(*) FROM (
    SELECT row_number() OVER (ORDER BY hash DESC) AS typed, row_number() OVER (ORDER BY hash::bytea DESC) AS plain
    FROM edge) ordered
WHERE typed <> plain;
SELECT min(hash::text), max(hash::text) FROM edge;

-- indexes and joins are used, and find what a sequential scan finds
ANALYZE edge;
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query;
END $$;
CREATE UNIQUE INDEX edge_btree ON edge (hash);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT line FROM pg_temp.plan('SELECT FROM edge WHERE hash = sha256(''77'')::token_hash') line WHERE line ~ 'Scan';
SELECT count(*) FROM edge WHERE hash = sha256('77')::token_hash;
SELECT line FROM pg_temp.plan('SELECT FROM edge WHERE hash > repeat(''f0'', 32)::token_hash') line WHERE line ~ 'Scan';
SELECT count(*) FROM edge WHERE hash > repeat('f0', 32)::token_hash;
INSERT INTO edge VALUES (sha256('77'));
DROP INDEX edge_btree;
CREATE INDEX edge_hash ON edge USING hash (hash);
SELECT line FROM pg_temp.plan('SELECT FROM edge WHERE hash = sha256(''77'')::token_hash') line WHERE line ~ 'Scan';
SELECT count(*) FROM edge WHERE hash = sha256('77')::token_hash;
DROP INDEX edge_hash;
RESET enable_seqscan;
RESET enable_bitmapscan;
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT line FROM pg_temp.plan('SELECT FROM edge a JOIN edge b USING (hash)') line WHERE line ~ 'Join';
SELECT count(*) FROM edge a JOIN edge b USING (hash);
RESET enable_mergejoin;
SET enable_hashjoin = off;
SELECT line FROM pg_temp.plan('SELECT FROM edge a JOIN edge b USING (hash)') line WHERE line ~ 'Join';
SELECT count(*) FROM edge a JOIN edge b USING (hash);
RESET enable_hashjoin;
RESET enable_nestloop;
SELECT count(DISTINCT hash) FROM edge;

-- equal values have equal bytes: an index deduplicates
CREATE TABLE repeated AS SELECT repeat('ab', 32)::token_hash AS hash FROM generate_series(1, 10000);
CREATE INDEX repeated_plain ON repeated (hash) WITH (deduplicate_items = off);
CREATE INDEX repeated_deduplicated ON repeated (hash);
SELECT pg_relation_size('repeated_deduplicated') * 3 < pg_relation_size('repeated_plain') AS deduplicated;

-- the extended hash agrees with the plain one at seed 0, and follows its seed
SELECT count(*) FROM edge WHERE token_hash_hash(hash)::bit(32) <> token_hash_hash_extended(hash, 0)::bit(32);
SELECT count(*) FROM edge WHERE token_hash_hash_extended(hash, 0) = token_hash_hash_extended(hash, 1);
SELECT count(DISTINCT token_hash_hash(hash)) > 5900 AS spread FROM edge;
-- rows in hash partitions stay where they were put, whatever the release
SELECT token_hash_hash(repeat('ab', 32)::token_hash), token_hash_hash_extended(repeat('ab', 32)::token_hash,
    8816678312871386365);
CREATE TABLE partitioned (hash token_hash PRIMARY KEY) PARTITION BY HASH (hash);
CREATE TABLE partitioned_0 PARTITION OF partitioned FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE partitioned_1 PARTITION OF partitioned FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO partitioned SELECT DISTINCT hash FROM edge;
SELECT count(*) BETWEEN 2800 AND 3200 AS spread FROM partitioned_0;
SELECT count(*) FROM edge JOIN partitioned USING (hash);

-- what compares reveals nothing by an error, and runs in parallel workers
SELECT proname, prorettype::regtype, provolatile, proisstrict, proparallel, proleakproof
FROM pg_proc WHERE probin = '$libdir/session_service' AND pronamespace = 'session_service'::regnamespace
    AND (proname ~ '^token_hash_' OR 'token_hash'::regtype IN (prorettype, proargtypes[0])
        AND proname IN ('token_hash', 'bytea'))
ORDER BY 1;

-- the state and the picture of a session
SELECT enum_range(NULL::session_status);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'session_info'::regclass ORDER BY attnum;

-- each object of the types has a comment
SELECT classid::regclass, objid FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'session_service')
    AND (classid IN ('pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_opfamily'::regclass, 'pg_cast'::regclass)
         OR classid = 'pg_type'::regclass AND objid IN ('token_hash'::regtype, 'session_status'::regtype,
             'session_info'::regtype)
         OR classid = 'pg_proc'::regclass AND (SELECT proname ~ '^(token_hash|bytea)' FROM pg_proc WHERE oid = objid))
    AND obj_description(objid, classid::regclass::name) IS NULL
    AND (classid <> 'pg_type'::regclass OR obj_description((SELECT typrelid FROM pg_type WHERE oid = objid),
        'pg_class') IS NULL);

DROP TABLE malformed, assigned, toasted, sent, received, bytes_sent, edge, repeated, partitioned;
