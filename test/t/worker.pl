# The maintenance worker: who gets cleaned, when, and what it stays out of.
use strict;
use warnings;

use Test::More;

use PostgreSQL::Test::Utils;
use SessionNode;

# --- without preloading there are the settings, and no worker

my $plain = SessionNode->new('not_preloaded');
$plain->init;
$plain->append_conf('postgresql.conf', "session_service.maintenance_database = 'postgres'\n");
$plain->start;

my $launchers = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session_service launcher'};
is( $plain->safe_psql(
		'postgres', q{
		LOAD 'session_service';
		SELECT name, setting, context FROM pg_settings
		WHERE name IN ('session_service.cleanup_interval', 'session_service.maintenance_database') ORDER BY name}),
	"session_service.cleanup_interval|3600|sighup\nsession_service.maintenance_database|postgres|sighup",
	'not preloaded: the settings are there');
is($plain->safe_psql('postgres', $launchers), '0', 'not preloaded: no worker is');
$plain->stop;

# --- with it, and no database listed

my $node = SessionNode->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf(
	'postgresql.conf', q{
shared_preload_libraries = 'session_service'
session_service.maintenance_database = ''
session_service.cleanup_interval = 1s
session_service.retention = 0
session_service.max_per_user = 0
max_prepared_transactions = 5
log_min_messages = info
});
$node->start;

ok($node->poll_query_until('postgres', $launchers, '1'), 'the launcher is in pg_stat_activity');
is(matches(slurp_file($node->logfile), qr/LOG: .*session_service launcher started/), 1, 'the log tells of its start');
is( $node->safe_psql(
		'postgres',
		q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session_service launcher' AND datname IS NULL}),
	'1',
	'and in no database');

# The last one ends each list that follows.
for my $database ('app', '"Upper"', 'bare', 'final')
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
}
for my $database ('app', 'Upper', 'final')
{
	$node->safe_psql($database, 'CREATE EXTENSION session_service');
}

# Creates sessions that are over, with their devices and events, in one transaction: one round cleans
# them all. Devices come up for cleanup on a later day only, so that is made today.
sub add_dead_sessions
{
	my ($database, $count, $as) = @_;
	return $node->safe_psql(
		$database, qq{
		BEGIN;
		SET session_service.event_log = 'all';
		SELECT count(session_service.revoke_session(created.session_id)) FROM generate_series(1, $count),
		LATERAL session_service.create_session(gen_random_uuid(), device_name => 'device ' || generate_series) AS created;
		UPDATE session_service.devices SET purge_after = '-infinity';
		} . ($as // 'COMMIT'));
}

my $left = q{SELECT (SELECT count(*) FROM session_service.sessions), (SELECT count(*) FROM session_service.devices),
	(SELECT count(*) FROM session_service.events)};

# A round that is under way when the sessions come may see their devices alone, and put these off by an hour.
my $left_with_devices_due = "WITH due AS (UPDATE session_service.devices SET purge_after = '-infinity') $left";

sub is_cleaned
{
	my ($database, $name) = @_;
	ok($node->poll_query_until($database, $left_with_devices_due, '0|0|0'), $name);
	return;
}

# Lets a round pass that begins after this moment: it ends with the database "final", and what is added there once
# one round has cleaned it waits for the next one.
sub let_round_pass
{
	for (1 .. 2)
	{
		add_dead_sessions('final', 1);
		$node->poll_query_until('final', $left_with_devices_due, '0|0|0') or die 'no round comes to its end';
	}
	return;
}

sub set_list
{
	my (@databases) = @_;
	$node->adjust_conf(
		'postgresql.conf',
		'session_service.maintenance_database',
		"'" . join(', ', @databases, 'final') . "'");
	$node->reload;
	return;
}

sub log_since    { return substr(slurp_file($node->logfile), shift) }
sub log_position { return -s $node->logfile }

sub matches
{
	my ($text, $pattern) = @_;
	my @found = $text =~ /$pattern/g;
	return scalar @found;
}

add_dead_sessions($_, 3) for 'app', 'Upper';
set_list();
let_round_pass();
is($node->safe_psql('app', $left), '3|3|9', 'what is not listed is not cleaned');

# --- the list

my $began = log_position();
set_list('app', 'missing', 'bare', '"Upper"');
is_cleaned('app', 'a database is cleaned once it is listed');
is_cleaned('Upper', 'a quoted name is listed as it is written');
let_round_pass();
my $log = log_since($began);
is( matches(
		$log, qr/LOG: .*session_service cleanup of app: deleted 3 sessions, 9 events and 3 devices in \d+\.\d{3} s\n/),
	1,
	'the log tells how much was deleted, and how long it took');
is(matches($log, qr/cleanup of (?!final)\w+: deleted/), 2, 'and nothing where there was nothing to delete');
is(matches($log, qr/cannot clean database "missing"/), 1, 'a database that is missing is told of once');
unlike($log, qr/ERROR|FATAL|PANIC|WARNING/, 'and one without the extension not at all');

$began = log_position();
$node->adjust_conf('postgresql.conf', 'log_min_messages', 'debug1');
$node->reload;
ok($node->wait_for_log(qr/DEBUG: .*cleanup of app: deleted 0 sessions, 0 events and 0 devices in/, $began),
	'but to who asks for more');
$node->adjust_conf('postgresql.conf', 'log_min_messages', 'info');
$node->reload;

my ($status, $stdout, $stderr) =
  $node->psql('postgres', q{ALTER SYSTEM SET session_service.maintenance_database = '"unclosed'});
like(
	$stderr,
	qr/invalid value for parameter "session_service.maintenance_database".*List syntax/s,
	'a list that cannot be read is refused');

# --- batches, with the settings of the database

$node->safe_psql('postgres', 'ALTER DATABASE app SET session_service.cleanup_batch_size = 2');
$began = log_position();
add_dead_sessions('app', 7);
is_cleaned('app', 'more than a batch is cleaned');
# The line follows the last batch.
let_round_pass();
like(log_since($began), qr/cleanup of app: deleted 7 sessions, 21 events and 7 devices/, 'in one run, batch by batch');

# --- what health() tells

sub health
{
	my ($database, $columns) = @_;
	return $node->safe_psql($database, "SELECT $columns FROM session_service.health()");
}

my $all_of_last = 'last_cleanup_at, last_cleanup_rows, last_cleanup_duration';
$node->safe_psql('postgres', 'CREATE DATABASE by_hand');
$node->safe_psql('by_hand', 'CREATE EXTENSION session_service');
is(health('by_hand', "worker_running, $all_of_last"),
	't|||', 'the worker is there, and has never cleaned a database that is not listed');
my $before = $node->safe_psql('by_hand', 'SELECT clock_timestamp()');
add_dead_sessions('by_hand', 3);
is($node->safe_psql('by_hand', 'SELECT session_service.cleanup_sessions()'), 3, 'who cleans it himself');
is( health(
		'by_hand',
		qq{last_cleanup_at BETWEEN '$before' AND clock_timestamp(), last_cleanup_rows,
		last_cleanup_duration BETWEEN '0' AND clock_timestamp() - '$before'}
	),
	't|15|t',
	'finds when that was, how much of all was deleted, and how long it took');
# One round, in several batches, and no other before or after it.
$node->adjust_conf('postgresql.conf', 'session_service.cleanup_interval', '1h');
$before = $node->safe_psql('by_hand', 'SELECT clock_timestamp()');
set_list();
$node->poll_query_until('final', "SELECT last_cleanup_at > '$before' FROM session_service.health()")
  or die 'no round comes to its end';
$node->poll_query_until('postgres',
	q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session_service cleanup'}, '0')
  or die 'a worker stays';
add_dead_sessions('app', 5);
set_list('app');
ok($node->poll_query_until('app', 'SELECT last_cleanup_rows FROM session_service.health()', 25),
	'of the worker it tells the whole run');
is( health(
		'app',
		"last_cleanup_at BETWEEN '$before' AND clock_timestamp(), last_cleanup_duration > '0.2 seconds', worker_running"
	),
	't|t|t',
	'with the pauses between its batches');
is(health('by_hand', 'last_cleanup_rows'), 15, 'and of each database its own');
$node->adjust_conf('postgresql.conf', 'session_service.cleanup_interval', '1s');
set_list('app', 'missing', 'bare', '"Upper"');
ok($node->poll_query_until('app', 'SELECT last_cleanup_rows FROM session_service.health()', 0),
	'a round that finds nothing is a cleanup as well');

# --- what it stays out of

$began = log_position();
$node->safe_psql('app', q{BEGIN; DROP EXTENSION session_service; PREPARE TRANSACTION 'dropping'});
add_dead_sessions('Upper', 2);
is_cleaned('Upper', 'a database whose extension is being dropped holds up no other');
$node->safe_psql('app', q{ROLLBACK PREPARED 'dropping'});

$node->safe_psql('app', q{BEGIN; LOCK TABLE session_service.sessions; PREPARE TRANSACTION 'locking'});
add_dead_sessions('Upper', 2);
is_cleaned('Upper', 'nor does one whose sessions are locked');
$node->safe_psql('app', q{ROLLBACK PREPARED 'locking'});

$node->safe_psql('postgres', 'ALTER DATABASE app SET default_transaction_read_only = on');
$node->safe_psql(
	'app', q{
	SET default_transaction_read_only = off;
	SELECT session_service.revoke_session(session_id) FROM session_service.create_session(gen_random_uuid())});
let_round_pass();
like($node->safe_psql('app', $left), qr/^1\|/, 'a read-only database is left alone');
$node->safe_psql('postgres', 'ALTER DATABASE app RESET default_transaction_read_only');
$node->safe_psql('app', q{UPDATE session_service.devices SET purge_after = '-infinity'});
is_cleaned('app', 'and cleaned once it no longer is');

$node->safe_psql('postgres', q{ALTER DATABASE app SET default_transaction_isolation = 'serializable'});
$node->safe_psql('postgres', q{ALTER DATABASE app SET search_path = 'elsewhere'});
add_dead_sessions('app', 2);
is_cleaned('app', 'settings of the database that would harm do not');
unlike(log_since($began), qr/ERROR|FATAL|PANIC|WARNING/, 'all without a complaint');

# --- a long run gives way

my $workers = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session_service cleanup' AND datname =};

# Waits until a worker is past a batch.
sub wait_for_batch
{
	my ($database) = @_;
	my $count = $node->safe_psql($database, 'SELECT count(*) FROM session_service.sessions');
	$node->poll_query_until($database, "SELECT count(*) < $count FROM session_service.sessions")
	  or die 'no worker does anything';
	$node->poll_query_until('postgres', "$workers '$database'", '1') or die 'no worker is there';
	return;
}

# At one row a batch, and ten batches a second, this would take minutes.
sub begin_long_run
{
	my ($database) = @_;
	$node->safe_psql('postgres', qq{ALTER DATABASE "$database" SET session_service.cleanup_batch_size = 1});
	add_dead_sessions($database, 2000);
	wait_for_batch($database);
	return;
}

begin_long_run('Upper');
set_list('app', 'missing');
ok($node->poll_query_until('postgres', "$workers 'Upper'", '0'), 'a run ends when its database leaves the list');
cmp_ok($node->safe_psql('Upper', 'SELECT count(*) FROM session_service.sessions'), '>', 0, 'before it is through');

begin_long_run('app');
my $postmaster_start = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $worker =
  $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'session_service cleanup'});
kill 'TERM', $worker;
ok($node->poll_query_until('postgres', "$workers 'app' AND pid <> $worker", '1'),
	'after SIGTERM to a worker the next round starts another');

my $launcher =
  $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'session_service launcher'});
kill 'TERM', $launcher;
ok($node->poll_query_until('postgres', "$workers 'app'", '0'), 'SIGTERM to the launcher ends its worker');
is(health('app', 'worker_running'), 'f', 'which health() tells');
ok($node->poll_query_until('postgres', "$launchers AND pid <> $launcher", '1'), 'and the launcher comes back');
ok($node->poll_query_until('app', 'SELECT worker_running FROM session_service.health()'), 'and so does health()');
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $postmaster_start, 'and the server stays up');

wait_for_batch('app');
$began = log_position();
($status, $stdout, $stderr) = $node->psql('postgres', 'DROP DATABASE app');
is("$status$stderr", '0', 'a database can be dropped while it is cleaned');
like(log_since($began), qr/cleanup of app: deleted/, 'for which its worker ends of itself, and says how far it was');

# A worker knows the settings with which it began.
$node->safe_psql('postgres', 'ALTER DATABASE "Upper" RESET session_service.cleanup_batch_size');
set_list('app', '"Upper"');
is_cleaned('Upper', 'the others go on');
$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql('app', 'CREATE EXTENSION session_service');
add_dead_sessions('app', 2);
is_cleaned('app', 'and so does a database that comes back');

# --- standbys

set_list();
$node->backup('backup');
my $standby = SessionNode->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', qq{session_service.maintenance_database = 'app'\n});
$standby->start;
add_dead_sessions('app', 2);
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', $launchers), '0', 'a standby has no worker');
is( $standby->safe_psql(
		'app',
		"SELECT worker_running, sessions_size > 0, oldest_dead_session_at < now(), $all_of_last FROM session_service.health()"
	),
	'f|t|t|||',
	'and its health() says so');
my $still_standby = $standby->safe_psql('postgres', 'SELECT clock_timestamp()');
$standby->promote;
ok($standby->poll_query_until('app', $left_with_devices_due, '0|0|0'), 'until it is promoted');
is($standby->safe_psql('postgres', "$launchers AND backend_start > '$still_standby'"), '1', 'and not a moment before');

unlike(slurp_file($_->logfile), qr/PANIC|was terminated by signal/, 'no process of ' . $_->name . ' crashed')
  for $node, $standby;

$standby->stop;
$node->stop;
done_testing();
