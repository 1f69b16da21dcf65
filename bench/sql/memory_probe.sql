-- One probe of memory.sql, :probe, in this backend: at most :calls calls in at most :seconds seconds, in two halves.
-- Prints name, outcome, calls, and private memory and memory contexts before, between and after.
SET client_min_messages = error;
SELECT setup FROM memory.probes WHERE n = :probe AND setup IS NOT NULL \gexec
SELECT :calls / 2 AS half, :seconds / 2.0 AS half_time \gset
SET memory.calls = 0;
-- What the first calls leave in caches is not of interest.
SELECT memory.calls(:probe, 2000, 1) \gexec
SELECT current_setting('memory.calls')::bigint AS calls, * FROM memory.used() \gset ignored_
SELECT current_setting('memory.calls')::bigint AS calls, * FROM memory.used() \gset before_
SELECT memory.calls(:probe, :half, :half_time) \gexec
SELECT current_setting('memory.calls')::bigint AS calls, * FROM memory.used() \gset half_
SELECT memory.calls(:probe, :half, :half_time) \gexec
SELECT current_setting('memory.calls')::bigint AS calls, * FROM memory.used() \gset after_
\pset fieldsep '\t'
SELECT name, outcome, :after_calls - :before_calls, :before_private, :half_private, :after_private,
    :before_contexts, :half_contexts, :after_contexts
FROM memory.probes WHERE n = :probe;
