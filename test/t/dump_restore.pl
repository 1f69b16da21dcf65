# A dump of a database with sessions, restored: every table the same row for row, grants kept, tokens good,
# and everything goes on where it was. What a dump of only a part holds. Another server, with other roles.
use strict;
use warnings;

use IPC::Run;
use Test::More;

use Documented;
use Extent;
use HeldSessions;
use SessionNode;

my $node = SessionNode->new('dump');
$node->init;
$node->append_conf('postgresql.conf', "session_service.event_log = all\nsession_service.refresh_grace = 1h");
$node->start;

sub query { return $node->safe_psql(@_); }

my $users = extent(50, 20000);
query('postgres',
	'CREATE EXTENSION session_service; CREATE ROLE application; CREATE ROLE validator; CREATE ROLE nobody;'
	  . HeldSessions::sign_in());
query('postgres', <<"SQL");
SELECT session_service.grant_access('application', 'application');
SELECT session_service.grant_access('validator', 'validate');
-- Texts that a dump has to quote, and more rows than one of each kind
SELECT session_service.revoke_session(session_id, E'a\\\\b\\tc\\nd')
FROM generate_series(1, $users) n, session_service.create_session(md5('user ' || n % 1000)::uuid,
	E'\\\\. "device" ' || n, 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
	'192.0.2.7', '{read}', NULL, jsonb_build_object('a', E'\\\\"},\\t\\n')) WHERE n % 2 = 0;
SQL

# Who may do what with which object of the extension
my $privileges = q{
	SELECT count(*), md5(string_agg(format('%s %s %s %s', name, grantee::regrole, privilege_type, is_grantable),
		E'\n' ORDER BY name, grantee, privilege_type))
	FROM (
		SELECT oid::regprocedure::text, proacl FROM pg_proc WHERE pronamespace = 'session_service'::regnamespace UNION ALL
		SELECT oid::regclass::text, relacl FROM pg_class WHERE relnamespace = 'session_service'::regnamespace UNION ALL
		SELECT oid::regtype::text, typacl FROM pg_type WHERE typnamespace = 'session_service'::regnamespace UNION ALL
		SELECT nspname, nspacl FROM pg_namespace WHERE nspname = 'session_service') object (name, acl), aclexplode(acl)};

my $contents = query('postgres', HeldSessions::contents());
my $granted = query('postgres', $privileges);
my @tables = split /\n/,
  query('postgres',
	q{SELECT relname FROM pg_class WHERE relnamespace = 'session_service'::regnamespace AND relkind = 'r' ORDER BY 1});
is_deeply([ sort map { (split /\|/)[0] } split /\n/, $contents ], \@tables, 'every table is looked at');
unlike($contents, qr/\|0\|/, 'and has rows to lose');
my $rows = query('postgres', 'SELECT sum(rows) FROM (' . HeldSessions::contents() . ') c');

# pg_dump, which must have nothing to warn of.
sub dumps
{
	my ($name, @command) = @_;
	my $stderr;
	my $succeeded = IPC::Run::run([ @command, '-d', $node->connstr('postgres') ], '2>', \$stderr);
	return is(($succeeded ? '' : 'failed: ') . $stderr, '', "$name, without a warning");
}

my $file = $node->basedir . '/dump';
my %formats = (
	plain => [ [ 'pg_dump', '-f', "$file.sql" ], [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$file.sql" ] ],
	custom => [ [ 'pg_dump', '-Fc', '-f', "$file.custom" ], [ 'pg_restore', '--exit-on-error', "$file.custom" ] ],
	directory => [
		[ 'pg_dump', '-Fd', '-j', 2, '-f', "$file.directory" ],
		[ 'pg_restore', '--exit-on-error', '-j', 2, "$file.directory" ]
	]);
if (extent(0, 1))
{
	$formats{inserts} = [
		[ 'pg_dump', '--inserts', '-f', "$file.inserts" ],
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$file.inserts" ]
	];
	$formats{tar} = [
		[ 'pg_dump', '-Ft', '-f', "$file.tar" ],
		[ 'pg_restore', '--exit-on-error', '--single-transaction', "$file.tar" ]
	];
}

my $who_may = q{SELECT string_agg(role || ' ' ||
	has_function_privilege(role, 'session_service.validate_session(text, inet)', 'execute') || ' ' ||
	has_function_privilege(role, 'session_service.revoke_session(uuid, text)', 'execute'), ', ')
	FROM unnest(ARRAY['application', 'validator', 'nobody']) role};

for my $format (sort keys %formats)
{
	my ($dump, $restore) = @{ $formats{$format} };
	query('postgres', "CREATE DATABASE $format");
	dumps("$format: pg_dump", @$dump);
	$node->command_ok([ @$restore, '-d', $format ], "$format: restored without an error");
	is(query($format, HeldSessions::contents()), $contents, "$format: every table is the same");
	is(query($format, $privileges), $granted, "$format: and every privilege");
	is(query($format, $_->[1]), $_->[2], "$format: $_->[0]") for HeldSessions::go_on();
	is( query($format, q{SET ROLE application; SELECT count(*) FROM session_service.create_session(gen_random_uuid())}),
		1,
		"$format: an application's role may go on");
	is( query($format, $who_may),
		'application true true, validator true false, nobody false false',
		"$format: and others no more than before");
	query($format, q{SELECT session_service.revoke_access('application', 'application')});
	is( query($format, $who_may),
		'application false false, validator true false, nobody false false',
		"$format: levels that were granted before can be taken");
}

# --- a restored dump, dumped again

query('postgres', 'CREATE DATABASE second');
query('postgres', 'CREATE DATABASE third');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'second', "$file.custom" ], 'restored once');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$file.again", '-d', 'second' ], 'dumped again');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'third', "$file.again" ], 'and restored again');
is(query('third', HeldSessions::contents()) . query('third', $privileges), "$contents$granted", 'it is all the same');

# --- only a part of it

# The structure: an extension without rows, which starts anew.
query('postgres', 'CREATE DATABASE structure');
dumps('--schema-only', 'pg_dump', '--schema-only', '-Fc', '-f', "$file.structure");
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'structure', "$file.structure" ], '--schema-only: restored');
is(query('structure', 'SELECT sum(rows) FROM (' . HeldSessions::contents() . ') c'), 0, '--schema-only: has no rows');
is(query('structure', $privileges), $granted, '--schema-only: has every privilege');
is( query(
		'structure',
		q{SELECT count(*)
		FROM session_service.create_session(gen_random_uuid(), device_key => 'a') c,
			session_service.refresh_session(c.refresh_token) r,
			session_service.validate_session(r.token)}
	),
	1,
	'--schema-only: sign-ins start anew');
query('structure', q{SELECT session_service.revoke_access('application', 'application')});
is( query('structure', $who_may),
	'application false false, validator true false, nobody false false',
	'--schema-only: a level can be taken that the rows do not tell of');

# The rows: into an extension that is there and empty.
query('postgres', 'CREATE DATABASE rows_only');
dumps('--data-only', 'pg_dump', '--data-only', '-Fc', '-f', "$file.rows");
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'rows_only', "$file.structure" ],
	'--data-only: into the structure');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--data-only', '-d', 'rows_only', "$file.rows" ],
	'--data-only: restored');
is(query('rows_only', HeldSessions::contents()), $contents, '--data-only: every table is the same');
is(query('rows_only', $_->[1]), $_->[2], "--data-only: $_->[0]") for HeldSessions::go_on();
query('postgres', 'CREATE DATABASE rows_without_grants');
query('rows_without_grants', 'CREATE EXTENSION session_service');
$node->command_ok(
	[
		'pg_restore', '--exit-on-error', '--data-only', '--schema',
		'session_service', '-d', 'rows_without_grants', "$file.rows"
	],
	'--data-only: of the extension alone');
is(query('rows_without_grants', HeldSessions::contents()),
	$contents, '--data-only: of the extension alone: every table is the same');
is( query('rows_without_grants', $who_may),
	'application false false, validator false false, nobody false false',
	'--data-only: grants nothing');
query('rows_without_grants', Documented::grant_again());
is( query('rows_without_grants', $who_may),
	'application true true, validator true false, nobody false false',
	'--data-only: the levels that the rows tell of can be granted again');

# The extension alone, without the application's tables: by its schema and its name.
my @alone = ('--schema=session_service', '--extension=session_service');
query('postgres', "CREATE DATABASE $_") for qw(alone by_schema);
dumps("@alone", 'pg_dump', @alone, '-Fc', '-f', "$file.alone");
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'alone', "$file.alone" ], "@alone: restored");
is(query('alone', HeldSessions::contents()), $contents, "@alone: every table is the same");
is(query('alone', $privileges), $granted, "@alone: and every privilege");
is(query('alone', q{SELECT count(*) FROM pg_class WHERE relname = 'held'}), 0, "@alone: and no other table");
# The schema without the extension has rows for tables that nobody makes.
$node->command_ok([ 'pg_dump', '--schema=session_service', '-Fc', '-f', "$file.schema", '-d', 'postgres' ], '--schema');
$node->command_fails([ 'pg_restore', '--exit-on-error', '-d', 'by_schema', "$file.schema" ],
	'--schema: cannot be restored, and says so');

# --- another server: a role is missing there, and the number of one that is gone is somebody else's

query('postgres', q{CREATE ROLE gone; SELECT session_service.grant_access('gone', 'application')});
my $number = query('postgres', q{SELECT 'gone'::regrole::oid});
query('postgres', 'DROP OWNED BY gone; DROP ROLE gone');
$contents = query('postgres', HeldSessions::contents());
dumps('for another server', 'pg_dump', '-Fc', '-f', "$file.elsewhere");
my $elsewhere = SessionNode->new('elsewhere');
$elsewhere->init;
PostgreSQL::Test::Utils::system_or_bail('pg_resetwal', '-o', $number, '-D', $elsewhere->data_dir);
$elsewhere->start;
$elsewhere->safe_psql('postgres', 'CREATE ROLE stranger; CREATE ROLE validator');
is($elsewhere->safe_psql('postgres', q{SELECT 'stranger'::regrole::oid}),
	$number, 'another server: a stranger has the number of the role that is gone');
$elsewhere->command_ok([ 'pg_restore', '--exit-on-error', '--no-privileges', '-d', 'postgres', "$file.elsewhere" ],
	'another server: restored, though roles are missing');
is($elsewhere->safe_psql('postgres', HeldSessions::contents()), $contents, 'another server: every table is the same');
is( join(',', sort split /\n/, $elsewhere->safe_psql('postgres', Documented::grant_again())),
	'application|application|left out: no such role,gone|application|left out: no such role,validator|validate|',
	'another server: where levels are granted again, missing roles are told of');
is( $elsewhere->safe_psql('postgres', $who_may =~ s/'application', 'validator', 'nobody'/'validator', 'stranger'/r),
	'validator true false, stranger false false',
	'another server: who is there has what is theirs, and a stranger nothing');
is($elsewhere->safe_psql('postgres', 'SELECT role, level FROM session_service.access_levels'),
	'validator|validate', 'another server: and the missing ones are forgotten');
$elsewhere->stop;

counted("$rows rows restored from " . keys(%formats) . ' formats');
$node->stop;
done_testing();
