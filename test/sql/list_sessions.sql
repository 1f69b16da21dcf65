-- What an operator looks for, and ends.
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/lib/helpers.sql'
\i :helpers

CREATE TEMP TABLE made (name text, id uuid);
\set ios 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)'
\set phone :ios ' Version/18.6 Mobile/15E148 Safari/604.1'
INSERT INTO made SELECT 'old', session_id
FROM create_session(:'alice', ip_address => '192.0.2.1', metadata => '{"tenant": 1}');
CALL pg_temp.time_passes('3 hours');
INSERT INTO made SELECT 'phone', session_id
FROM create_session(:'alice', user_agent => :'phone', ip_address => '192.0.2.77', scopes => '{read,write}');
INSERT INTO made SELECT 'v6', session_id
FROM create_session(:'bob', ip_address => '2001:db8::1', metadata => '{"tenant": 2, "a": {"b": 1}}');
INSERT INTO made SELECT 'bare', session_id FROM create_session(:'carol', scopes => '{read}');
INSERT INTO made SELECT 'revoked', session_id FROM create_session(:'bob');
SELECT revoke_session(id) FROM made WHERE name = 'revoked';

CREATE FUNCTION pg_temp.names(VARIADIC filters text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    names text;
BEGIN
    EXECUTE 'SELECT string_agg(m.name, '' '' ORDER BY m.name) FROM session_service.list_sessions('
        || array_to_string(filters, ', ')
        || ') l JOIN pg_temp.made m USING (id)' INTO names;
    RETURN names;
END $$;
-- the active, or all
SELECT pg_temp.names(VARIADIC '{}'), pg_temp.names('include_inactive => true');
-- each filter alone, and together
SELECT pg_temp.names(format('user_ids => ARRAY[%L, %L]::uuid[]', :'alice', :'carol')) AS users,
    pg_temp.names('user_ids => ''{}''') AS no_users,
       pg_temp.names('user_ids => ''{NULL}''') AS users_lost;
SELECT pg_temp.names('network => ''192.0.2.0/24''') AS network, pg_temp.names('network => ''192.0.2.77''') AS address,
    pg_temp.names('network => ''2001:db8::/32''') AS v6,
    pg_temp.names('network => ''::ffff:192.0.2.0/120''') AS mapped;
SELECT pg_temp.names('created_after => now() - interval ''1 hour''') AS lately,
    pg_temp.names('created_before => now() - interval ''1 hour''') AS before,
       pg_temp.names('created_after => now() - interval ''4 hours'', created_before => now() - interval ''2 hours''') AS
           between;
SELECT pg_temp.names('inactive_for => ''2 hours''') AS inactive;
SELECT pg_temp.names('device_type => ''mobile''') AS phones, pg_temp.names('device_type => ''fridge''') AS fridges;
SELECT pg_temp.names('scope => ''read''') AS readers, pg_temp.names('scope => ''rea''') AS none;
SELECT pg_temp.names('metadata => ''{"tenant": 2}''') AS tenant,
    pg_temp.names('metadata => ''{"a": {"b": 1}}''') AS within;
SELECT pg_temp.names('network => ''192.0.2.0/24''', 'scope => ''read''') AS two,
    pg_temp.names(format('user_ids => ARRAY[%L]::uuid[]', :'bob'), 'include_inactive => true') AS all_of_bob;
-- in the order of their ids, also in pages
CREATE FUNCTION pg_temp.in_pages(page integer, users uuid[] DEFAULT NULL) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[] := '{}';
    more uuid[];
BEGIN
    LOOP
        more := ARRAY(SELECT l.id
            FROM session_service.list_sessions(users, include_inactive => true, after => ids[cardinality(ids)],
                max_rows => page) l);
        EXIT WHEN more = '{}';
        ids := ids || more;
    END LOOP;
    RETURN ids;
END $$;
SELECT page, pg_temp.in_pages(page) = ARRAY(SELECT id FROM made ORDER BY id) AS all_of_them,
       pg_temp.in_pages(page, ARRAY[:'alice', :'bob']::uuid[]) = ARRAY(SELECT id FROM sessions
           WHERE user_id IN (:'alice', :'bob') ORDER BY id) AS of_users
FROM generate_series(1, 6) page;
SELECT pg_temp.names('created_after => now() - interval ''1 hour''',
    format('after => %L', (SELECT id FROM made WHERE name = 'old'))) AS after_both,
       pg_temp.names('created_after => now() - interval ''1 hour''',
           format('after => %L', (SELECT max(id::text) FROM made))) AS after_the_last;
-- refused
SELECT pg_temp.outcome('SELECT list_sessions(max_rows => 0)');
SELECT pg_temp.outcome('SELECT list_sessions(inactive_for => ''0'')');
SELECT pg_temp.outcome('SELECT list_sessions(created_after => ''infinity'')');
SELECT pg_temp.outcome('SELECT revoke_sessions()');
SELECT pg_temp.outcome('SELECT revoke_sessions(reason => ''all'', max_rows => 5)');

-- Ended: what list_sessions shows with the same filters, so many at a time
SELECT revoke_sessions(user_ids => '{}'), revoke_sessions(network => '198.51.100.0/24'),
    revoke_sessions(inactive_for => '1 day');
SELECT revoke_sessions(scope => 'read', max_rows => 1), revoke_sessions(scope => 'read', max_rows => 1),
    revoke_sessions(scope => 'read', max_rows => 1);
SELECT pg_temp.names('include_inactive => false') AS left_over;
SELECT m.name, s.revoke_reason FROM made m JOIN sessions s USING (id) WHERE s.revoked_at IS NOT NULL ORDER BY m.name;
SELECT revoke_sessions(user_ids => ARRAY[:'alice', :'bob']::uuid[], reason => 'Incident');
SELECT count(*) FROM list_sessions();
SELECT kind, reason FROM list_events(:'bob', max_rows => 1);
