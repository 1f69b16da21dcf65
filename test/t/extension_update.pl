# ALTER EXTENSION UPDATE, with sessions and with other backends at work: what comes out is what CREATE
# EXTENSION makes, and nobody notices. The earlier and the later version are made up here, from the install
# script, in an extension directory of this test's own; real upgrade scripts are compared as well.
use strict;
use warnings;

use File::Basename qw(dirname);
use Test::More;

use Client;
use Documented;
use Extent;
use HeldSessions;
use SessionNode;

my $node = SessionNode->new('update');
$node->init;
my $stage = $node->stage_copy or plan skip_all => 'this server has one extension directory for all';
$node->append_conf('postgresql.conf', "session_service.refresh_grace = 1h\nsession_service.event_log = all");
$node->start;

# --- the versions 0.9 and 1.1, and how one becomes the other

my ($version) =
  PostgreSQL::Test::Utils::slurp_file("$stage->{extension}/session_service.control") =~ /^default_version = '(.*)'/m;
my $script = PostgreSQL::Test::Utils::slurp_file("$stage->{extension}/session_service--$version.sql");

# The scripts of released versions, to begin an update with. That of this version is what it is.
my %released = map { m{session_service--([^/]*)\.sql$} => $_ } glob dirname(__FILE__) . '/../released/*.sql';
ok(scalar %released, 'install scripts are kept');
for my $released (sort keys %released)
{
	my $kept = PostgreSQL::Test::Utils::slurp_file($released{$released});
	if ($released eq $version)
	{
		ok($kept eq $script, "the install script of version $version is as it is kept");
		next;
	}
	PostgreSQL::Test::Utils::append_to_file("$stage->{extension}/session_service--$released.sql", $kept);
}

# What version 0.9 does not have: functions that are in every level, an index, a constraint, a storage
# parameter; and one function has another default there.
my $upgrade = '';
for my $name (qw(introspect_token validate_sessions token_session_id touch_sessions user_bigint stats list_all_events))
{
	$script =~
	  s/^(CREATE FUNCTION session_service\.$name\(.*?;\n)(COMMENT ON FUNCTION session_service\.$name\b.*?;\n)//ms
	  or die "no $name";
	my ($function, $comment) = ($1, $2);
	$upgrade .= ($function =~ s/^CREATE FUNCTION/CREATE OR REPLACE FUNCTION/r) . $comment;
	my ($signature) = $comment =~ /^COMMENT ON FUNCTION (.*?\))\s+IS/s;
	# Not where there is nothing to take: ACLs that an extension's script touches count as its own after that,
	# with what was granted meanwhile, and pg_dump would leave that out.
	$upgrade .= <<~"SQL";
		DO \$\$ BEGIN
			IF pg_catalog.has_function_privilege('public', '$signature', 'EXECUTE') THEN
				REVOKE ALL ON FUNCTION $signature FROM PUBLIC;
			END IF;
		END \$\$;
		SQL
}
$script =~ s/^(CREATE INDEX events_user .*?;\n)//m or die 'no index';
$upgrade .= $1 =~ s/^CREATE INDEX/CREATE INDEX IF NOT EXISTS/r;
$script =~ s/,\s*(CONSTRAINT events_pkey PRIMARY KEY \(.*?\))\n\)/\n)/ or die 'no constraint';
$upgrade .= <<~"SQL";
	ALTER TABLE session_service.events DROP CONSTRAINT IF EXISTS events_pkey;
	ALTER TABLE session_service.events ADD $1;
	SQL
$script =~ s/(CREATE TABLE session_service\.devices .*?fillfactor = )90/${1}100/s or die 'no fillfactor';
$upgrade .= "ALTER TABLE session_service.devices SET (fillfactor = 90);\n";
$script =~ s/^(CREATE FUNCTION session_service\.revoke_session\(.*?DEFAULT )'User logout'(.*?;\n)/$1'Signed out'$2/ms
  or die 'no default';
$upgrade .= "$1'User logout'$2" =~ s/^CREATE/CREATE OR REPLACE/r;
# What a later version might bring: columns at the end, as pg_dump and ALTER TABLE leave them.
my $later = join '',
  map { "ALTER TABLE session_service.$_ ADD COLUMN IF NOT EXISTS later text;\n" }
  qw(users devices sessions events imported_tokens external_sessions access_levels);

PostgreSQL::Test::Utils::append_to_file("$stage->{extension}/session_service--0.9.sql", $script);
PostgreSQL::Test::Utils::append_to_file("$stage->{extension}/session_service--0.9--$version.sql", $upgrade);
PostgreSQL::Test::Utils::append_to_file("$stage->{extension}/session_service--$version--$version.1.sql", $later);
# The same script once more, as where a cluster runs it on each node and passes it on as well.
PostgreSQL::Test::Utils::append_to_file("$stage->{extension}/session_service--$version--$version.again.sql", $upgrade);

# Everything that the extension consists of, with its definition, privileges and comment, one line each.
my $catalogs = q{
	WITH member AS MATERIALIZED (
		SELECT classid, objid FROM pg_depend
		WHERE refclassid = 'pg_extension'::regclass
			AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'session_service')
			AND deptype = 'e')
	SELECT 'member ' || pg_describe_object(classid, objid, 0) || ' '
			|| coalesce(obj_description(objid, classid::regclass::name), '-')
		FROM member
	UNION ALL SELECT 'function ' || pg_get_functiondef(p.oid) || ' ' || coalesce(p.proacl::text, '-')
		FROM pg_proc p JOIN member ON objid = p.oid AND classid = 'pg_proc'::regclass
	UNION ALL SELECT 'relation ' || c.oid::regclass || ' ' || c.relkind::text
			|| coalesce((SELECT string_agg(o, ',' ORDER BY o) FROM unnest(c.reloptions) o), '-')
			|| coalesce(c.relacl::text, '-') || c.relreplident::text || c.relpersistence::text
		FROM pg_class c WHERE relnamespace = 'session_service'::regnamespace
	UNION ALL SELECT 'column ' || a.attrelid::regclass || ' ' || a.attnum || ' ' || a.attname || ' '
			|| format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || a.attstorage::text || a.attcompression::text
			|| coalesce(pg_get_expr(d.adbin, d.adrelid), '-') || coalesce(a.attacl::text, '-')
			|| coalesce(col_description(a.attrelid, a.attnum), '-')
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE c.relnamespace = 'session_service'::regnamespace
	UNION ALL SELECT 'index ' || pg_get_indexdef(indexrelid) || indisvalid || indisprimary FROM pg_index
		WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'session_service'::regnamespace)
	UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' '
			|| pg_get_constraintdef(oid) || convalidated
		FROM pg_constraint WHERE connamespace = 'session_service'::regnamespace
	UNION ALL SELECT 'type ' || oid::regtype || ' ' || typlen || typtype::text || typalign::text || typstorage::text
			|| coalesce(typacl::text, '-')
		FROM pg_type WHERE typnamespace = 'session_service'::regnamespace
	UNION ALL SELECT 'label ' || enumtypid::regtype || ' ' || enumlabel || enumsortorder
		FROM pg_enum JOIN pg_type t ON t.oid = enumtypid WHERE typnamespace = 'session_service'::regnamespace
	UNION ALL SELECT 'schema ' || nspacl::text FROM pg_namespace WHERE nspname = 'session_service'
	UNION ALL SELECT 'initial privileges ' || pg_describe_object(classoid, objoid, objsubid) || ' ' || initprivs::text
		FROM pg_init_privs i
		WHERE EXISTS (SELECT FROM member WHERE (classid, objid) = (classoid, objoid))
	UNION ALL SELECT 'in a dump: ' || c::regclass FROM pg_extension, unnest(extconfig) c WHERE extname = 'session_service'
	ORDER BY 1};

# How many lines are in one list and not in the other, and which
sub rows_differ
{
	my ($one, $other) = @_;
	my %count;
	$count{$_}++ for @$one;
	$count{$_}-- for @$other;
	my @differ = grep { $count{$_} != 0 } sort keys %count;
	return @differ . ' rows differ' . join '', map { "\n" . ($count{$_} > 0 ? '+ ' : '- ') . $_ } @differ;
}

sub catalog_rows
{
	return [
		split /\n(?=(?:member|function|relation|column|index|constraint|type|label|schema|initial|in a dump) ?)/,
		$node->safe_psql(shift, $catalogs)
	];
}

$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(fresh old);
$node->safe_psql('postgres', 'CREATE ROLE app; CREATE ROLE validator; CREATE ROLE watcher; CREATE ROLE chief');
my $grants =
  q{SELECT session_service.grant_access('app', 'application'), session_service.grant_access('validator', 'validate'),
	session_service.grant_access('watcher', 'monitor'), session_service.grant_access('chief', 'admin')};
$node->safe_psql('fresh', "CREATE EXTENSION session_service; $grants");
$node->safe_psql('old', "CREATE EXTENSION session_service VERSION '0.9'; $grants;" . HeldSessions::sign_in());
my $fresh = catalog_rows('fresh');
cmp_ok(scalar @$fresh, '>', 300, 'the catalogs tell of every object');
my $old = catalog_rows('old');
my ($differences) = rows_differ($fresh, $old) =~ /^(\d+)/;
cmp_ok($differences, '>', 20, 'the earlier version is another');

# --- others at work: with plans of the library, prepared statements, a transaction, a cursor

my %others = map { $_ => Client->new($node, database => 'old') } qw(plans prepared repeatable cursor);
$others{plans}->ask(
	q{SELECT c.session_id, session_service.extend_session(c.session_id), session_service.count_user_sessions(u)
	FROM gen_random_uuid() u,
		session_service.create_session(u) c,
		session_service.refresh_session(c.refresh_token) r,
		session_service.validate_session(r.token),
		session_service.list_user_sessions(u),
		session_service.list_user_devices(u),
		session_service.list_events(u)}
);
$others{prepared}->ask($_)
  for 'PREPARE valid AS SELECT count(*) FROM held h, session_service.validate_session(h.token)',
  'PREPARE sign_out (uuid) AS SELECT session_service.revoke_session($1)',
  q{PREPARE sign_in AS SELECT session_id, user_id
	FROM gen_random_uuid() u, session_service.create_session(u) c, session_service.get_session(c.session_id)},
  (map { 'EXECUTE valid' } 1 .. 7);
$others{repeatable}
  ->ask('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM session_service.count_active_sessions()');
$others{cursor}->ask(
	q{BEGIN;
	DECLARE c CURSOR FOR
	SELECT name, status FROM held h, session_service.get_session(h.session_id) WHERE name < 'm' ORDER BY name;
	FETCH 1 FROM c}
);

my $contents = HeldSessions::contents();
my $before = $node->safe_psql('old', $contents);
my @ended = split /\|/, $others{prepared}->ask('EXECUTE sign_in');
$node->safe_psql('old', 'BEGIN; ALTER EXTENSION session_service UPDATE; ROLLBACK');
is(rows_differ($old, catalog_rows('old')), '0 rows differ', 'an update that was rolled back leaves all as it was');

# Nothing is waited for but what writes to the tables. Both read here, and so may go on.
$node->safe_psql('old', 'SET lock_timeout = \'60s\'; ALTER EXTENSION session_service UPDATE') for 1 .. 2;
is($node->safe_psql('old', q{SELECT extversion FROM pg_extension WHERE extname = 'session_service'}),
	$version, 'updated while others are at work');
is( $others{cursor}->ask('FETCH ALL FROM c; COMMIT'),
	"disabled|revoked\nidle|idle\nimported|active\nimported and refreshed|active\nlimited|revoked",
	'a cursor that was open goes on');
is($others{repeatable}->ask('SELECT session_service.count_active_sessions() > 0; COMMIT'), 't',
	'so does a transaction');
is($others{prepared}->ask('EXECUTE valid'), 11, 'so do prepared statements');
is($others{prepared}->ask("EXECUTE sign_out ('$ended[0]')"), 't', 'those that write');
is($others{prepared}->ask("SELECT revoke_reason FROM session_service.get_session('$ended[0]')"),
	'User logout', 'with the defaults of the new version');
$node->safe_psql('old', "DELETE FROM session_service.$_ WHERE user_id = '$ended[1]'")
  for qw(sessions devices events users);
is($node->safe_psql('old', $contents), $before, 'every row is there as it was');

# --- what came out

# Before it is granted again: the levels lack what is new, and PUBLIC has nothing of it
my $may = q{SELECT string_agg(role
		|| ' ' || has_function_privilege(role, 'session_service.introspect_token(text)', 'EXECUTE')
		|| ' ' || has_function_privilege(role, 'session_service.touch_sessions(uuid[])', 'EXECUTE')
		|| ' ' || has_function_privilege(role, 'session_service.list_all_events(timestamptz, integer, uuid)', 'EXECUTE')
		|| ' ' || has_function_privilege(role, 'session_service.stats()', 'EXECUTE'), ', ')
	FROM unnest('{public,validator,app,watcher,chief}'::text[]) role};
is( $node->safe_psql('old', $may),
	'public false false false false, validator false false false false, app false false false false, '
	  . 'watcher false false false false, chief false false false false',
	'what is new is for nobody');
$node->safe_psql('old', Documented::grant_again());
is( $node->safe_psql('old', $may),
	'public false false false false, validator true false false false, app true true false false, '
	  . 'watcher false false false true, chief true true true true',
	'until the levels are granted again');
is(rows_differ($fresh, catalog_rows('old')), '0 rows differ', 'what comes out is what CREATE EXTENSION makes');
$node->safe_psql('old', "ALTER EXTENSION session_service UPDATE TO '$version.again'");
is(rows_differ($fresh, catalog_rows('old')), '0 rows differ', 'also where the upgrade script is run twice');

# From each version that there is a script from. Of those that were released the install scripts are kept.
for my $from (
	split /\n/,
	$node->safe_psql(
		'fresh',
		qq{SELECT source FROM pg_extension_update_paths('session_service')
		WHERE target = '$version' AND path IS NOT NULL ORDER BY 1}
	))
{
	next if $from =~ /^\Q$version\E\./;
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS upgraded');
	$node->safe_psql('postgres', 'CREATE DATABASE upgraded');
	$node->safe_psql('upgraded',
		"CREATE EXTENSION session_service VERSION '$from'; ALTER EXTENSION session_service UPDATE; $grants");
	is(rows_differ($fresh, catalog_rows('upgraded')), '0 rows differ', "from $from");
	delete $released{$from};
}
is_deeply([ grep { $_ ne $version } keys %released ], [], 'there is a way from each version that was released');

# --- a later version's tables, under backends that know this one's

$node->safe_psql('postgres', 'CREATE DATABASE later');
$node->safe_psql('later', 'CREATE EXTENSION session_service;' . HeldSessions::sign_in());
my $stays = Client->new($node, database => 'later');
is($stays->ask('SELECT count(*) FROM held h, session_service.validate_session(h.token)'),
	11, 'a backend of this version');
$node->safe_psql('later', "ALTER EXTENSION session_service UPDATE TO '$version.1'");
is( $node->safe_psql(
		'later',
		q{SELECT count(*) FROM pg_attribute WHERE attname = 'later'
		AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'session_service'::regnamespace)}
	),
	7,
	'its tables get more columns');
is($stays->ask($_->[1]), $_->[2], "with more columns: $_->[0]") for HeldSessions::go_on();
is($others{plans}->ask($_->[1]), $_->[2], "a backend from before the update: $_->[0]") for HeldSessions::go_on();

counted(scalar @$fresh . ' rows of the catalogs compared, fresh against upgraded');
$_->close for values %others, $stays;
$node->stop;
done_testing();
