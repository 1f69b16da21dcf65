# A front of two shards in operation: through PgBouncer on both sides, with a shard down, with a standby in its place,
# dumped and restored, updated, and taken apart.
use strict;
use warnings;

use IPC::Run;
use Test::More;

use Front;
use PgBouncer;
use SessionNode;

Front::need();

my %node = map {
	my $node = SessionNode->new($_);
	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', 'max_connections = 60');
	$node->start;
	$_ => $node
} qw(primary other front);
my $user = getpwuid $<;

sub query { my ($name, $sql, $database) = @_; return $node{$name}->safe_psql($database // 'postgres', $sql); }

# What psql prints, and the SQLSTATE and text of an error, with the seconds that it took.
sub tried
{
	my ($sql, %options) = @_;
	my $began = time;
	my (undef, $stdout, $stderr) =
	  $node{front}->psql($options{database} // 'front', "\\set VERBOSITY verbose\n$sql", %options);
	return {
		rows => $stdout,
		state => $stderr =~ /(?:ERROR|FATAL):  (\w{5}):/ ? $1 : '00000',
		text => $stderr,
		seconds => time - $began
	};
}

my %holds = (primary => '0-2047', other => '2048-4095');
for my $name (sort keys %holds)
{
	query($name,
		"CREATE EXTENSION session_service; CREATE ROLE proxy LOGIN; SELECT session_service.grant_access('proxy', 'admin')"
	);
	query($name, "ALTER DATABASE postgres SET session_service.buckets = '$holds{$name}'");
}
# Another server of the first shard, which follows it.
$node{primary}->backup('copy');
$node{standby} = SessionNode->new('standby');
$node{standby}->init_from_backup($node{primary}, 'copy', has_streaming => 1);
$node{standby}->start;

# --- PgBouncer before the shards, with a name for each range, and before the front

# Starts one with these databases.
sub pgbouncer
{
	my %databases = @_;
	my $lines = join '', map { "$_ = $databases{$_}\n" } sort keys %databases;
	return PgBouncer->start($lines, [ $user, qw(proxy client) ], default_pool_size => 2);
}

my %at = map { $_ => 'host=' . $node{$_}->host . ' port=' . $node{$_}->port } keys %node;
my $before_shards = pgbouncer(
	primary => "$at{primary} dbname=postgres",
	other => "$at{other} dbname=postgres",
	map { my $name = $_ < 8 ? 'primary' : 'other'; ("range_$_" => "$at{$name} dbname=postgres") } 0 .. 15)->connstr;

my %shard_of = map { $_ => $_ < 8 ? 'primary' : 'other' } 0 .. 15;
Front::make($node{front}, 'pooled', { map { $_ => "$before_shards dbname=$_ user=proxy" } qw(primary other) },
	\%shard_of, { map { $_ => "range_$_" } 0 .. 15 });
is(Front::problems($node{front}, 'pooled'), '', 'a front whose ranges have aliases in PgBouncer');
my $count = 'SELECT session_service.count_active_sessions()';
my $life = q{
	WITH u AS (SELECT md5(n::text)::uuid AS user_id FROM generate_series(1, 40) n),
	made AS MATERIALIZED (SELECT c.* FROM u, session_service.create_session(u.user_id) c),
	next AS MATERIALIZED (SELECT r.* FROM made m, session_service.refresh_session(m.refresh_token) r)
	SELECT count(v) FROM next n LEFT JOIN session_service.validate_session(n.token) v ON true};
is(query('front', $life, 'pooled'), 40, 'sessions live through it');
is( query('front', $count, 'pooled'),
	query('primary', $count) + query('other', $count),
	'and each shard is counted once, whatever aliases it has');
is(query('front', q{SELECT count(*) > 20 FROM session_service.list_all_events(max_rows => 1000)}, 'pooled'),
	't', 'and listed');

my $before_front = pgbouncer(pooled => "$at{front} dbname=pooled");
query('front', "CREATE ROLE client LOGIN; SELECT session_service.grant_access('client', 'application')", 'pooled');
my ($directory, $script) = (PostgreSQL::Test::Utils::tempdir());
$script = "$directory/script";
PostgreSQL::Test::Utils::append_to_file($script, <<'SQL');
\set n random(1, 1000)
SELECT token, refresh_token FROM session_service.create_session(md5(:n || ' pooled')::uuid) \gset
SELECT 1 / count(*) FROM session_service.validate_session(:token);
BEGIN;
SELECT 1 / count(*) FROM session_service.authenticate(:token);
SELECT 1 / (session_service.current_user_id() = md5(:n || ' pooled')::uuid)::integer;
END;
SELECT 1 / (session_service.current_user_id() IS NULL)::integer;
SELECT token FROM session_service.refresh_session(:refresh_token) \gset
SELECT 1 / session_service.revoke_session_by_token(:token)::integer;
SQL
my ($stdout, $stderr) = ('', '');
IPC::Run::run(
	[
		'pgbench', '-n', '-M', 'extended', '-c', 8, '-j', 8, '-t', 20, '-f', $script, '-h', $before_front->{directory},
		'-p', $before_front->{port}, '-U', 'client', 'pooled'
	],
	'>',
	\$stdout,
	'2>',
	\$stderr);
like(
	$stdout,
	qr{^number of transactions actually processed: 160/160}m,
	'eight clients of two pooled connections to the front, and of two to each shard') or diag($stdout, $stderr);

# --- a shard that is down

Front::make($node{front}, 'front', { map { $_ => "$at{$_} dbname=postgres user=proxy" } qw(primary other) },
	\%shard_of);
is(Front::problems($node{front}, 'front'), '', 'a front of two shards');
my @held = map { [ split /\|/ ] } split /\n/, query(
	'front', q{
	SELECT session_service.user_range(u) / 8, u, c.token, c.refresh_token, c.session_id
	FROM generate_series(1, 20) n, LATERAL (SELECT md5('held ' || n)::uuid AS u OFFSET 0) x,
		session_service.create_session(u) c},
	'front');
my ($here) = grep { $_->[0] == 0 } @held;
my ($there) = grep { $_->[0] == 1 } @held;
$node{other}->stop('immediate');
my $validate = sub { "SELECT count(*) FROM session_service.validate_session('$_[0][2]')" };
is(tried($validate->($here))->{rows}, 1, 'with a shard down the sessions of another go on');
is(tried("SELECT count(*) FROM session_service.create_session('$here->[1]')")->{rows}, 1, 'and so do its sign-ins');
my $failed = tried($validate->($there));
is($failed->{state}, 'XX000', 'those of the shard that is down fail');
like($failed->{text}, qr/connection to server.*failed/s, 'with what is wrong');
cmp_ok($failed->{seconds}, '<', 5, 'and at once');
unlike($failed->{text} =~ s/^LINE .*//mr, qr/\Q$there->[2]\E/, 'and without the token');
is(tried("SELECT count(*) FROM session_service.validate_sessions(ARRAY['$here->[2]', '$there->[2]'])")->{state},
	'XX000', 'a batch with one of them fails as well');
is(tried("SELECT count(*) FROM session_service.validate_sessions(ARRAY['$here->[2]'])")->{rows},
	1, 'one without does not');
is(tried($count)->{state}, 'XX000', 'nor is there a total');
like(
	tried('SELECT subject, problem FROM session_service_front.check()')->{rows},
	qr/\Ashard other\|.*connection to server/,
	'check() tells which one it is');
my $client = $node{front}->background_psql('front', on_error_stop => 0);
$client->query($validate->($there));
$node{other}->start;
is($client->query($validate->($there)),
	1, 'once it is back, so are its sessions, in a connection that met the error too');
$client->quit;

# --- a clock that is wrong

SKIP:
{
	my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
	skip('needs libfaketime', 1) unless $library;
	{
		local @ENV{qw(LD_PRELOAD FAKETIME FAKETIME_DONT_FAKE_MONOTONIC DONT_FAKE_MONOTONIC)} = ($library, '+90s', 1, 1);
		$node{other}->restart;
	}
	is( Front::problems($node{front}, 'front'),
		'shard other|has a clock that differs by 90 s',
		'check() tells of a clock that is wrong');
	$node{other}->restart;
}

# --- who the front is to its shards

Front::make($node{front}, 'mapped', { map { $_ => "$at{$_} dbname=postgres" } qw(primary other) }, \%shard_of);
query('front', "ALTER USER MAPPING FOR CURRENT_USER SERVER $_ OPTIONS (ADD user 'proxy')", 'mapped')
  for qw(session_service_ranges session_service_shards);
is(Front::problems($node{front}, 'mapped'), '', 'the user mapping tells as whom the front comes');
my $mapped = $node{front}->background_psql('mapped');
$mapped->query($count);
is( query(
		'primary',
		q{SELECT string_agg(DISTINCT usename, ',') FROM pg_stat_activity
		WHERE query LIKE '%count_active_sessions%' AND pid <> pg_backend_pid()}
	),
	'proxy',
	'and the shards see');
$mapped->quit;

# --- a standby in its place

query(
	'front',
	"UPDATE session_service_front.shards SET connection = 'host="
	  . join(',', map { $node{$_}->host } qw(primary standby))
	  . ' port='
	  . join(',', map { $node{$_}->port } qw(primary standby))
	  . " dbname=postgres user=proxy' WHERE shard = 'primary'; SELECT session_service_front.apply()",
	'front');
is(Front::problems($node{front}, 'front'), '', 'a shard with two hosts');
$node{primary}->wait_for_catchup($node{standby});
$node{primary}->stop('immediate');
is(tried($validate->($here))->{rows}, 1, 'with the primary gone its standby validates');
is(tried("SELECT count(*) FROM session_service.create_session('$here->[1]')")->{state},
	'25006', 'and refuses what writes');
is( tried('SELECT subject, problem FROM session_service_front.check()')->{rows},
	'shard primary|answers from a standby, which writes nothing',
	'check() tells so');
$node{standby}->promote;
$node{standby}->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is(tried("SELECT count(*) FROM session_service.refresh_session('$here->[3]')")->{rows},
	1, 'once promoted it is the shard');
is(Front::problems($node{front}, 'front'), '', 'and all is well');

# --- dumped and restored

query(
	'front',
	"SELECT session_service.grant_access('client', 'application');
		SELECT session_service.import_session(session_service.hash_token('imported'), '$there->[1]', now() + '1 day')",
	'front');
my $dump = "$directory/dump";
IPC::Run::run([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node{front}->connstr('front') ], '2>', \$stderr);
is($stderr, '', 'pg_dump of a front has nothing to warn of');
query('front', 'CREATE DATABASE restored');
$node{front}
  ->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node{front}->connstr('restored'), $dump ], 'it is restored');
is( query(
		'front',
		q{SELECT s.shard, count(*) FROM session_service_front.shards s JOIN session_service_front.ranges r USING (shard)
			GROUP BY 1 ORDER BY 1},
		'restored'),
	"other|8\nprimary|8",
	'with its tables');
my %problems = map { split /\|/ } split /\n/, Front::problems($node{front}, 'restored');
is( join(',', sort { $a cmp $b } keys %{ { map { $_ => 1 } values %problems } }),
	'is not routed: call session_service_front.apply()',
	'but for what apply() makes, says check()');
query('front', 'SELECT session_service_front.apply()', 'restored');
is(Front::problems($node{front}, 'restored'), '', 'which makes it anew');
is(query('front', "SET ROLE client; SELECT session_service.validate_user('imported')", 'restored'),
	$there->[1], 'with access levels, and the directory of imported tokens');

# --- updated, and taken apart

query(
	'front',
	q{CREATE OR REPLACE FUNCTION session_service.get_session(session_id uuid, current_session_id uuid DEFAULT NULL)
	RETURNS SETOF session_service.session_info
	AS '$libdir/session_service', 'session_service_get_session' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
	ALTER FUNCTION session_service.get_session(uuid, uuid) SECURITY INVOKER RESET ALL}, 'front');
is( query(
		'front',
		"SELECT count(*) FROM session_service.get_session('$there->[4]');
		SELECT session_service_front.apply(); SELECT count(*) FROM session_service.get_session('$there->[4]')",
		'front'),
	"0\n\n1",
	'where an update made a function anew, apply() puts it right');
query(
	'front',
	q{DROP EXTENSION session_service CASCADE; DROP SERVER session_service_ranges, session_service_shards CASCADE;
	DROP EXTENSION plproxy},
	'front');
is( query(
		'front',
		"SELECT count(*) FROM pg_proc WHERE proname LIKE 'remote%'
			OR pronamespace = to_regnamespace('session_service_front')",
		'front'),
	0,
	'dropped, it leaves nothing');
query('front', 'CREATE EXTENSION session_service', 'front');
is( query(
		'front',
		'SELECT count(*) FROM session_service.create_session(gen_random_uuid()) c, session_service.validate_session(c.token)',
		'front'),
	1,
	'and the database may have sessions of its own again');

$_->stop('immediate') for @node{qw(standby other front)};
done_testing();
