# A dump of a database with sessions, restored: every table the same, grants kept, tokens good, and the
# next sign-in works.
use strict;
use warnings;

use Test::More;

use SessionNode;

my $node = SessionNode->new('dump');
$node->init;
$node->append_conf('postgresql.conf', "session_service.event_log = all\nsession_service.refresh_grace = 1h");
$node->start;

sub query { return $node->safe_psql(@_); }

query('postgres', 'CREATE EXTENSION session_service; CREATE ROLE application; CREATE ROLE validator; CREATE ROLE nobody');
query('postgres', <<'SQL');
SELECT session_service.grant_access('application', 'application');
SELECT session_service.grant_access('validator', 'validate');
-- Each kind of row, and each state of a session
CREATE TABLE held AS
SELECT n, c.* FROM generate_series(1, 40) n, session_service.create_session(
	md5('user ' || n % 4)::uuid, 'device ' || n, 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
	'192.0.2.7', ARRAY['read', 'write'], NULL, jsonb_build_object('a', E'\\"},\t\n')) c;
CREATE TABLE spent AS SELECT n, refresh_token FROM held WHERE n % 2 = 0;
WITH r AS MATERIALIZED (SELECT h.n, r.* FROM held h, session_service.refresh_session(h.refresh_token) r WHERE n % 2 = 0)
UPDATE held h SET token = r.token, refresh_token = r.refresh_token FROM r WHERE r.n = h.n;
SELECT session_service.revoke_session(session_id, E'a\\b\tc\nd') FROM held WHERE n = 40;
SELECT session_service.mark_mfa_verified(session_id, 'totp') FROM held WHERE n = 39;
SELECT session_service.set_user_session_limit(md5('user 1')::uuid, 12);
SELECT session_service.import_session(session_service.hash_token('an old token'), md5('user 5')::uuid, now() + '1 day', session_service.hash_token('an old refresh token'));
SELECT session_service.import_session(session_service.hash_token('a replaced token'), md5('user 6')::uuid, now() + '1 day', session_service.hash_token('a replaced refresh token'));
CREATE TABLE replacement AS SELECT * FROM session_service.refresh_session('a replaced refresh token');
SQL

my @tables = split /\n/, query('postgres', q{SELECT relname FROM pg_class WHERE relnamespace = 'session_service'::regnamespace AND relkind = 'r' ORDER BY 1});

# What a table holds, and how many rows that is
sub contents
{
	my $database = shift;
	return join "\n", map {
		query($database, qq{SELECT '$_', count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM session_service.$_ t})
	} @tables;
}

# Who may do what with which object of the extension
my $privileges = q{
	SELECT count(*), md5(string_agg(format('%s %s %s %s', name, grantee::regrole, privilege_type, is_grantable), E'\n' ORDER BY name, grantee, privilege_type))
	FROM (SELECT oid::regprocedure::text, proacl FROM pg_proc WHERE pronamespace = 'session_service'::regnamespace UNION ALL
		SELECT oid::regclass::text, relacl FROM pg_class WHERE relnamespace = 'session_service'::regnamespace UNION ALL
		SELECT oid::regtype::text, typacl FROM pg_type WHERE typnamespace = 'session_service'::regnamespace UNION ALL
		SELECT nspname, nspacl FROM pg_namespace WHERE nspname = 'session_service') object (name, acl), aclexplode(acl)};

my $contents = contents('postgres');
my $granted = query('postgres', $privileges);
unlike($contents, qr/\|0\|/, 'every table has rows to lose');

my $file = $node->basedir . '/dump';
my %formats = (
	plain => [ [ 'pg_dump', '-f', "$file.sql" ], [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$file.sql" ] ],
	custom => [ [ 'pg_dump', '-Fc', '-f', "$file.custom" ], [ 'pg_restore', '--exit-on-error', "$file.custom" ] ],
	directory => [ [ 'pg_dump', '-Fd', '-j', 2, '-f', "$file.directory" ], [ 'pg_restore', '--exit-on-error', '-j', 2, "$file.directory" ] ]);

for my $format (sort keys %formats)
{
	my ($dump, $restore) = @{ $formats{$format} };
	query('postgres', "CREATE DATABASE $format");
	$node->command_ok([ @$dump, '-d', 'postgres' ], "$format: pg_dump");
	$node->command_ok([ @$restore, '-d', $format ], "$format: restored without an error");
	is(contents($format), $contents, "$format: every table is the same");
	is(query($format, $privileges), $granted, "$format: and every privilege");
	is( query($format, q{SELECT count(*) FROM held, session_service.validate_session(held.token)}),
		39, "$format: every living token still opens its session");
	is( query($format, q{SELECT count(*) FROM session_service.introspect_token('an old token') i WHERE (i->'active')::boolean}),
		1, "$format: an imported one too");
	is( query($format, q{SELECT session_service.import_session(session_service.hash_token('an old token'), md5('user 5')::uuid, now() + '1 day') = session_id FROM session_service.validate_session('an old token')}),
		't', "$format: which to import again changes nothing");
	is( query($format, q{SELECT count(*) FROM session_service.refresh_session('an old refresh token') r, session_service.validate_session(r.token) v WHERE NOT repeated AND v.user_id = md5('user 5')::uuid}),
		1, "$format: an imported refresh token buys its first pair");
	is( query($format, q{SELECT count(*) FROM replacement p, session_service.refresh_session('a replaced refresh token') r WHERE r.repeated AND (r.token, r.refresh_token) = (p.token, p.refresh_token)}),
		1, "$format: one that was replaced before the dump still gets the pair that replaced it");
	is( query($format, q{SELECT count(r) FROM replacement p, session_service.refresh_session(p.refresh_token) r WHERE NOT r.repeated})
		  . query($format, q{SELECT count(*) FROM session_service.refresh_session('a replaced refresh token')}),
		'10', "$format: after the next pair it buys nothing");
	is( query($format, q{SELECT revoke_reason FROM session_service.sessions JOIN replacement ON id = session_id}),
		'Refresh token reuse', "$format: and is reuse");
	is( query(
			$format,
			q{SELECT count(*) FILTER (WHERE r.repeated AND r.refresh_token = h.refresh_token) FROM spent s JOIN held h USING (n), session_service.refresh_session(s.refresh_token) r}),
		19, "$format: a retry from before the dump returns the same pair");
	is( query($format, q{SELECT count(*) FROM held, session_service.refresh_session(held.refresh_token) r WHERE NOT repeated}),
		39, "$format: every refresh token still buys the next pair");
	is( query($format, q{SELECT count(*) FROM session_service.create_session(md5('user 1')::uuid) WHERE cardinality(evicted_session_ids) = 0}),
		1, "$format: the next sign-in works, within the user's own limit");
	is( query($format, q{SET ROLE application; SELECT count(*) FROM session_service.create_session(gen_random_uuid())}),
		1, "$format: an application's role may go on");
	is( query(
			$format,
			q{SELECT string_agg(role || ' ' || has_function_privilege(role, 'session_service.validate_session(text, inet)', 'execute') || ' ' ||
				has_function_privilege(role, 'session_service.revoke_session(uuid, text)', 'execute'), ', ')
			FROM unnest(ARRAY['application', 'validator', 'nobody']) role}),
		'application true true, validator true false, nobody false false',
		"$format: and others no more than before");
}

$node->stop;
done_testing();
