# What was acknowledged survives a crash of the server, whatever the caller did to synchronous_commit;
# and a transaction that only records activity does not wait for the disk.
#
# The walwriter is stopped by a signal, so that nothing reaches the disk but what a COMMIT waits for.
use strict;
use warnings;

use Test::More;

use Crash;
use SessionNode;

my $node = SessionNode->new('crash');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
fsync = on
synchronous_commit = on
autovacuum = off
checkpoint_timeout = 1h
bgwriter_lru_maxpages = 0
wal_writer_delay = 10s
session_service.touch_interval = 0
session_service.event_log = none
});

my $walwriter;

sub start_without_walwriter
{
	$node->start;
	# Not while it holds a lock.
	$node->poll_query_until('postgres',
		q{SELECT wait_event = 'WalWriterMain' FROM pg_stat_activity WHERE backend_type = 'walwriter'});
	$walwriter = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'});
	kill 'STOP', $walwriter or die 'no walwriter';
	return;
}

# Ends the server's processes at once, and recovers.
sub crash
{
	kill_server($node);
	start_without_walwriter();
	return;
}

start_without_walwriter();
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION session_service;
	CREATE TABLE control (n integer);
	CREATE FUNCTION quickly(statement text) RETURNS text LANGUAGE plpgsql SET synchronous_commit = off AS $$
		DECLARE answer text; BEGIN EXECUTE statement INTO answer; RETURN answer; END $$;
});

my $user = '20000000-0000-4000-8000-000000000001';

# Runs a script in one connection, and returns its answers, and whether all that it wrote is on disk.
# The position of a page's header may lie between the two.
sub run
{
	my $script = shift;
	my @answers = split /\n/,
	  $node->safe_psql('postgres', "$script;\nSELECT pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn() <= 40");
	my $flushed = pop @answers;
	return ($flushed, @answers);
}

sub create
{
	return split /\|/, (run("SELECT session_id, token, refresh_token FROM session_service.create_session('$user')"))[1];
}

# Ways in which a caller turns synchronous_commit off
my %callers = (
	'SET' => sub { "SET synchronous_commit = off;\n" . shift },
	'SET LOCAL before' => sub { "BEGIN;\nSET LOCAL synchronous_commit = off;\n" . shift() . ";\nCOMMIT" },
	'SET LOCAL after' => sub { "BEGIN;\n" . shift() . ";\nSET LOCAL synchronous_commit = off;\nCOMMIT" },
	'a savepoint' => sub {
		"SET synchronous_commit = off;\nBEGIN;\nSAVEPOINT a;\n"
		  . shift()
		  . ";\nRELEASE a;\nSAVEPOINT b;\nROLLBACK TO b;\nCOMMIT";
	},
	'a function with SET' => sub { my $call = shift; $call =~ s/'/''/g; "SELECT quickly('$call')" });

my ($flushed) = run('SET synchronous_commit = off; INSERT INTO control VALUES (1)');
is($flushed, 'f', 'what is written asynchronously is not on disk');

for my $way (sort keys %callers)
{
	my ($id, $token, $refresh_token) = create();
	my ($flushed, @answers) =
	  run($callers{$way}->("SELECT concat_ws('|', session_id, token) FROM session_service.create_session('$user')"));
	is($flushed, 't', "$way: create_session is on disk when COMMIT returns");
	my ($created) = grep { /sst_/ } @answers;

	($flushed, @answers) = run($callers{$way}
		  ->("SELECT concat_ws('|', token, refresh_token) FROM session_service.refresh_session('$refresh_token')"));
	is($flushed, 't', "$way: refresh_session");
	my ($refreshed) = grep { /sst_/ } @answers;
	my ($second, $second_refresh) = split /\|/, $refreshed;

	($flushed, @answers) = run($callers{$way}->("SELECT token FROM session_service.rotate_session_token('$second')"));
	is($flushed, 't', "$way: rotate_session_token");
	my ($third) = grep { /sst_/ } @answers;

	my %ended;
	my %revocations = (
		revoke_session => sub { "session_service.revoke_session('$_[0]')" },
		revoke_user_session => sub { "session_service.revoke_user_session('$_[4]', '$_[0]')" },
		revoke_session_by_token => sub { "session_service.revoke_session_by_token('$_[1]')" },
		revoke_all_user_sessions => sub { "session_service.revoke_all_user_sessions('$_[4]')" },
		revoke_all_user_sessions_except =>
		  sub { "session_service.revoke_all_user_sessions_except('$_[4]', gen_random_uuid())" },
		revoke_device_sessions => sub { "session_service.revoke_device_sessions('$_[4]', '$_[3]')" },
		'refresh_session (reuse)' => sub { "count(*) FROM session_service.refresh_session('$_[2]')" });

	for my $name (sort keys %revocations)
	{
		my $other = (run('SELECT gen_random_uuid()'))[1];
		my @session = split /\|/,
		  (run("SELECT session_id, token, refresh_token, device_id FROM session_service.create_session('$other')"))[1];
		if ($name =~ /reuse/)
		{
			run(qq{SELECT count(*) FROM session_service.refresh_session('$session[2]') r,
				session_service.refresh_session(r.refresh_token) s}
			);
		}
		my ($done) = run($callers{$way}->('SELECT ' . $revocations{$name}->(@session, $other)));
		is($done, 't', "$way: $name");
		$ended{$name} = $session[0];
	}

	# The last thing written is lost with the crash, and nothing that was acknowledged is.
	run('SET synchronous_commit = off; INSERT INTO control VALUES (2)');
	crash();
	is($node->safe_psql('postgres', 'SELECT count(*) FROM control WHERE n = 2'),
		0, "$way: after a crash, what was not waited for is gone");
	my ($created_id, $created_token) = split /\|/, $created;
	is( $node->safe_psql(
			'postgres', qq{SELECT count(*) FROM session_service.validate_sessions(ARRAY['$created_token', '$third'])}),
		2,
		"$way: what was created, refreshed and rotated is there");
	is( $node->safe_psql(
			'postgres', qq{SELECT count(*) FROM session_service.validate_sessions(ARRAY['$token', '$second'])}),
		0,
		"$way: and what was replaced is not");
	is( $node->safe_psql(
			'postgres',
			q{SELECT count(*) FROM session_service.sessions WHERE revoked_at IS NOT NULL AND id IN (}
			  . join(', ', map { "'$_'" } values %ended) . ')'),
		scalar(keys %ended),
		"$way: and what was revoked stays so");
}

# --- activity

my ($id, $token) = create();
my $recorded = qq{SELECT last_activity_at > created_at FROM session_service.sessions WHERE id = '$id'};
my @answers;
($flushed, @answers) = run("SELECT count(*) FROM session_service.validate_session('$token');\n$recorded");
is_deeply([ $flushed, @answers ], [ 'f', 1, 't' ], 'activity alone does not wait for the disk');
($flushed, @answers) = run("BEGIN;\nSELECT count(*) FROM session_service.validate_session('$token');\nCOMMIT");
is($flushed, 'f', 'nor in a transaction block');
($flushed) = run(
	"BEGIN;\nSELECT count(*) FROM session_service.validate_session('$token');\nINSERT INTO control VALUES (3);\nCOMMIT"
);
is($flushed, 't', 'a transaction that wrote something of its own waits as ever');
($flushed) = run("SELECT count(*) FROM session_service.validate_session('$token')");
is($flushed, 'f', 'the next activity does not');
($flushed) = run(
	qq{SELECT count(*) FROM session_service.validate_session('$token');
	SHOW synchronous_commit;
	INSERT INTO control VALUES (4)}
);
is($flushed, 't', 'and what follows it in the same connection does');

kill 'CONT', $walwriter;
$node->stop;
done_testing();
