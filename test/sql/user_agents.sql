-- What describe_user_agent tells, as SQL sees it; the agents themselves are tested with the core.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

SELECT d.* FROM unnest(ARRAY[
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, '
        'like Gecko) Chrome/126.0.6478.127 Safari/537.36',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, '
        'like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, '
        'like Gecko) Version/16.6 Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0',
    'Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/6.0 TV Safari/538.1',
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    'curl/8.5.0']) WITH ORDINALITY a (agent, place), describe_user_agent(agent) d ORDER BY place;
-- one row always, and what cannot be told is NULL, never empty; the type is never NULL
SELECT what, d.* FROM (VALUES (1, 'NULL', NULL), (2, 'empty', ''), (3, 'blank', '   '), (4, 'a word', 'thing'),
    (5, 'half', 'Mozilla/5.0 ('), (6, 'slashes', '////'), (7, 'brackets', '((((()))))'),
    (8, 'beyond ASCII', U&'\00fcn\00efc\00f8d\00e9/1 (\20ac; \d83d\de00)'),
    (9, 'control characters', E'\x01\x7f\n\r\t/\x02'), (10, 'format', '%s%n%x/%d'),
    (11, 'only a version', '/1.2.3'), (12, 'a separator', ';'), (13, 'no end', 'Chrome/')) agent (place, what, text),
    describe_user_agent(text) d ORDER BY place;
SELECT count(*) AS empty FROM unnest(ARRAY[NULL, '', ' ', 'x', 'Chrome/', 'Mozilla/5.0 (X11)', E'\x01/\x02']) agent,
    describe_user_agent(agent) d WHERE d.browser = '' OR d.browser_version = '' OR d.os = '' OR d.os_version = ''
    OR d.device_type IS NULL;
-- called as a value it is one too
SELECT (describe_user_agent(NULL)).device_type, (describe_user_agent('curl/8.5.0')).browser,
    describe_user_agent('') IS NULL AS is_null;
-- as long as a sign-in takes, in characters; a longer one is refused as there
SELECT device_type, length(browser) <= 64 AS short FROM describe_user_agent(repeat('Chrome/1 ', 227)) d;
SELECT device_type FROM describe_user_agent(repeat(U&'\20ac', 2048)) d;
SELECT length(browser) <= 64 AS browser, length(browser_version) <= 64 AS version
FROM describe_user_agent(repeat('a', 1000) || '/' || repeat('1', 1000)) d;
SELECT pg_temp.outcome('SELECT describe_user_agent(repeat(''secret'', 342))') AS longer,
    pg_temp.outcome('SELECT describe_user_agent(repeat(''secret'', 1000000))') AS huge;
-- a cut never splits a character: what comes back is text
SELECT count(convert_from(textsend(concat(d.browser, d.browser_version, d.os, d.os_version)), 'UTF8'))
FROM generate_series(1, 80) n,
    unnest(ARRAY[repeat('a', n) || repeat(U&'\00e9', 40) || '/' || repeat('1', n) || repeat(U&'\20ac', 40),
        repeat('a', n) || repeat(U&'\d83d\de00', 20), 'Mozilla/5.0 (' || repeat('x', n) || repeat(U&'\20ac', 40)
        || ')']) agent,
    describe_user_agent(agent) d;
-- a sign-in keeps what it tells, and shows the device by it
CREATE TEMP TABLE agents AS SELECT place, agent.what, agent.text, c.*
FROM (VALUES (1, 'beyond ASCII', U&'\00fcn\00ef/1'), (2, 'control characters', E'\x01\x7f/\x02'),
    (3, 'the longest', repeat('Chrome/1 ', 227)),
    (4, 'system only', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)')) agent (place, what, text),
    create_session(:'alice', user_agent => text) c;
SELECT what, s.device_name, s.user_agent = text AS kept, d.browser, d.os, d.device_type,
    d.name IS NOT DISTINCT FROM s.device_name AS same_name
FROM agents, get_session(session_id) s, list_user_devices(:'alice') d WHERE d.id = agents.device_id ORDER BY place;
