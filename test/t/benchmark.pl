# The benchmark's sessions are what create_session would have made: its client fills one database, the
# function another from the same users and devices, and the rows are compared. And what it calls for the memory
# that calls leave behind is each function, and does what it says.
use strict;
use warnings;

use Test::More;

use PostgreSQL::Test::Utils ();
use SessionNode;

my $node = SessionNode->new('benchmark');
$node->init;
$node->start;

my $client = "$ENV{WORKSPACE}/source/build/bench/client";
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $built = system("make -s -C $ENV{WORKSPACE}/source/bench PG_CONFIG=$pg_config") == 0;
ok($built, 'the client builds') or BAIL_OUT('no client');

for my $database ('filled', 'made', 'bulk')
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION session_service; SET timezone = utc');
}

sub of { my ($database, $sql) = @_; return $node->safe_psql($database, "SET timezone = utc; $sql"); }

# --- three of each

my $tokens = "$ENV{TESTDIR}/tokens";
my $count = 3;
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
my @fill = ($client, 'fill', '--sessions', $count, '--now', time() . '000000', '--spread', '3600');
is(system(@fill, '--extension', 'filled', '--tokens', $tokens, '--sample', $count), 0, 'three sessions are filled in');
is(system(@fill, '--extension', 'bulk', '--bulk', 1), 0, 'and in bulk');
my @tickets = map { [ split /\t/ ] } split /\n/, PostgreSQL::Test::Utils::slurp_file($tokens);
is(scalar @tickets, $count, 'and their tokens written');

for my $ticket (sort { $a->[2] cmp $b->[2] } @tickets)
{
	my (undef, undef, undef, $user, $key, $name, $agent, $address) = @$ticket;
	of( 'made',
		qq{SELECT session_id
		FROM session_service.create_session('$user', '$name', '$agent', '$address', '{read,write}', '$key')}
	);
}

# --- the rows

# Which columns are NULL, in how many rows; the columns of every table, so that a new one is compared too.
for my $table ('users', 'devices', 'sessions', 'events')
{
	my $columns = of(
		'made',
		"SELECT string_agg(format('%L || count(%I)', attname || ' ', attname), ' || E''\\n'' || ' ORDER BY attnum)
		FROM pg_attribute WHERE attrelid = 'session_service.$table'::regclass AND attnum > 0 AND NOT attisdropped");
	my $query = "SELECT $columns FROM session_service.$table";
	is(of('filled', $query), of('made', $query), "$table: the same columns are set");
}

my @same = (
	[ 'users', 'user_id, bucket, max_sessions' ],
	[
		'devices',
		'user_id, bucket, key_hash, is_keyed, is_renamed, ip_address, name, user_agent, browser, os, device_type, '
		  . 'trusted_until, first_seen_at = last_seen_at'
	],
	[
		'sessions',
		'user_id, bucket, session_expiry, refresh_expiry, inactivity_timeout, generation, secret_length, is_closed, '
		  . 'scopes, metadata, ip_address, expires_at - created_at, refresh_expires_at - created_at, '
		  . 'absolute_expires_at - created_at, idle_expires_at - created_at, last_activity_at = created_at, '
		  . 'session_service.session_bucket(id) = bucket'
	],
	[ 'events', 'user_id, bucket, kind, ip_address, reason, detail' ]);
for (@same)
{
	my ($table, $columns) = @$_;
	my $query = "SELECT $columns FROM session_service.$table ORDER BY 1, bucket, ip_address";
	$query =~ s/, bucket, ip_address$// if $table eq 'users';
	is(of('filled', $query), of('made', $query), "$table: the same values");
}

my $purge_rule = q{
	SELECT count(*) FILTER (WHERE s.purge_after <>
			date_trunc('day', least(s.idle_expires_at, greatest(s.expires_at, s.refresh_expires_at)))),
		count(*) FILTER (WHERE d.purge_after <> date_trunc('day', d.last_seen_at, 'UTC')),
		count(*) FILTER (WHERE e.at <> s.created_at)
	FROM session_service.sessions s JOIN session_service.devices d ON d.id = s.device_id
	JOIN session_service.events e ON e.session_id = s.id AND e.device_id = d.id};
is(of('filled', $purge_rule), '0|0|0', 'the filled rows follow the rule of purge_after');
is(of('made', $purge_rule), '0|0|0', 'so do those that the function made');
my $joined = $purge_rule =~ s/SELECT.*?FROM/SELECT count(*) FROM/sr;
is(of('filled', $joined), $count, 'each filled session has its device and event');

# --- in bulk: the same rows, and indexes and constraints as they were

for my $table ('users', 'devices', 'sessions', 'events')
{
	my $query = "SELECT row FROM session_service.$table row ORDER BY row::text";
	is(of('bulk', $query), of('filled', $query), "$table: the same rows in bulk");
}
my $indexes = q{
	SELECT i.indrelid::regclass, pg_get_indexdef(i.indexrelid), i.indisprimary, i.indisunique, i.indisvalid,
		c.conname, c.contype, pg_get_constraintdef(c.oid)
	FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
	WHERE i.indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'session_service'::regnamespace) ORDER BY 1, 2};
is(of('bulk', $indexes), of('made', $indexes), 'the same indexes and constraints');

# --- the calls

for my $ticket (@tickets)
{
	my ($token, $refresh, $id, $user, $key, $name, $agent) = @$ticket;
	is(of('filled', "SELECT session_id, user_id FROM session_service.validate_session('$token')"),
		"$id|$user", 'its token is valid');
	is( of( 'filled',
			"SELECT is_new_device FROM session_service.create_session('$user', '$name', '$agent', device_key => '$key')"
		),
		'f',
		'its device is found again');
	my $pair = of('filled', "SELECT refresh_token FROM session_service.refresh_session('$refresh')");
	like($pair, qr/^ssr_/, 'its refresh token buys a pair');
	is(of('filled', "SELECT count(*) FROM session_service.refresh_session('$pair')"), '1', 'which buys the next');
	is(of('filled', "SELECT count(*) FROM session_service.refresh_session('$refresh')"), '0', 'the first one is spent');
	is( of('filled', "SELECT revoke_reason FROM session_service.get_session('$id')"),
		'Refresh token reuse',
		'and known as issued: reuse');
}

# --- the probes of the row of memory

$node->safe_psql('postgres', 'ALTER DATABASE bulk SET session_service.max_per_user = 0');
$node->safe_psql('postgres', 'CREATE ROLE session_service_memory_probe');
my ($status, undef, $unprobed) =
  $node->psql('bulk', PostgreSQL::Test::Utils::slurp_file('bench/sql/memory.sql'), on_error_stop => 1);
is($status, 0, 'each function has a probe') or diag($unprobed);
of('bulk', "COPY memory.lines FROM '$tokens'; CALL memory.take_lines()");
$node->safe_psql('postgres', 'CREATE DATABASE few TEMPLATE bulk');

# A first call, and some that find what it left.
my @failing;
my $probes = q{SELECT n, CASE WHEN few THEN 'few' ELSE 'bulk' END, name FROM memory.probes ORDER BY n};
for (split /\n/, of('bulk', $probes))
{
	my ($probe, $database, $name) = split /\|/;
	my $calls = qq{
		SELECT setup FROM memory.probes WHERE n = $probe AND setup IS NOT NULL \\gexec
		SET memory.calls = 0;
		SELECT memory.calls($probe, 16, 60) \\gexec
		SELECT current_setting('memory.calls')};
	my ($failure, $made, $message) = $node->psql($database, $calls, on_error_stop => 1);
	push @failing, "$name: $message" if $failure || $made ne '16';
}
is_deeply(\@failing, [], 'each probe does what it says, 16 times');

done_testing();
