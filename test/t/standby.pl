# A streaming standby: every function that reads answers there as on the primary, every other is refused;
# with session_service.revocation_commit = remote_apply a revocation is seen as soon as COMMIT returns; and
# once promoted it goes on where the primary was.
use strict;
use warnings;

use Test::More;

use Client;
use EveryFunction;
use Extent;
use HeldSessions;
use SessionNode;

my $primary = SessionNode->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf',
	"autovacuum = off\nsession_service.refresh_grace = 1h\nsession_service.event_log = all");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION session_service;' . HeldSessions::sign_in());
$primary->backup('base');
my $standby = SessionNode->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
# There activity is due at each validation, and yet nothing is written.
$standby->append_conf('postgresql.conf', 'session_service.touch_interval = 0');
$standby->start;

sub caught_up { return $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert')); }

EveryFunction::read($primary);

my $on_primary = Client->new($primary);
my $on_standby = Client->new($standby);
$_->ask('\set VERBOSITY sqlstate') for $on_primary, $on_standby;

# What a statement prints, errors included.
sub outcome
{
	my ($client, $statement) = @_;
	$client->send($statement);
	return join "\n", grep { $_ ne '' } $client->answer_and_errors;
}

# --- what a standby answers

my ($answers, $rows) = (0, 0);

# Whether each function that reads gives the same rows on both.
sub compare_answers
{
	my $when = shift;
	caught_up();
	for my $name (EveryFunction::names('reads'))
	{
		my $statement = EveryFunction::call($name);
		$statement =
		  "SELECT count(*) FROM held h, session_service.authenticate(h.token) WHERE h.name = 'multi-factor';\n$statement"
		  if $name =~ /^(current_|has_|is_mfa)/;
		my $expected = outcome($on_primary, "BEGIN READ ONLY;\n$statement;\nCOMMIT");
		my %found =
		  map { $_ => outcome($on_standby, "BEGIN ISOLATION LEVEL $_;\n$statement;\nCOMMIT") } 'READ COMMITTED',
		  'REPEATABLE READ';
		is_deeply(\%found, { map { $_ => $expected } keys %found }, "$name $when");
		unlike($expected, qr/ERROR/, "$name $when: an answer");
		$answers++;
		$rows += () = $expected =~ /^/mg;
	}
	return;
}

compare_answers('at first');
is( outcome(
		$on_standby,
		"SELECT string_agg(h.name, ',' ORDER BY h.name) FROM held h, session_service.validate_session(h.token)"),
	'checked again,imported,imported and refreshed,multi-factor,overlapping,plain,refreshed,refreshed twice,rotated,'
	  . 'trusted,with a key',
	'those that are active, and no other');
like(outcome($on_standby, EveryFunction::call($_, 'plain')), qr/^plain\|.+/, "$_ answers")
  for EveryFunction::names('own');
is(outcome($on_standby, q{SELECT count(*) FROM held h, session_service.refresh_session('nonsense')}),
	0, 'to nonsense the answer is no');
caught_up();
is( $primary->safe_psql(
		'postgres',
		'SELECT count(*) FROM session_service.sessions WHERE last_activity_at > coalesce(rotated_at, created_at)'),
	0,
	'activity is not recorded there');

# --- what it refuses, and so does a read-only transaction

my $refused = 0;
for my $name (EveryFunction::names('writes'))
{
	my $call = EveryFunction::call($name, 'plain');
	like(outcome($on_standby, $call), qr/^ERROR:  25006$/, "a standby refuses $name");
	like(
		outcome($on_primary, "BEGIN READ ONLY;\n$call;\nROLLBACK"),
		qr/^ERROR:  25006$/,
		'and so does a read-only transaction');
	$refused++;
}
compare_answers('after all that was refused');

# --- activity that the standby saw

my $seen = $standby->safe_psql(
	'postgres',
	q{SELECT array_agg(v.session_id) FROM held h, session_service.validate_session(h.token) v
	WHERE h.name IN ('plain', 'rotated', 'imported')}
);
$primary->safe_psql('postgres',
	q{UPDATE session_service.sessions SET last_activity_at = last_activity_at - interval '1 hour'});
is($primary->safe_psql('postgres', "SELECT session_service.touch_sessions('$seen')"),
	3, 'what the standby validated is touched on the primary');
caught_up();
is( $standby->safe_psql(
		'postgres',
		q{SELECT string_agg(h.name, ',' ORDER BY h.name) FROM held h, session_service.validate_session(h.token) v
		WHERE v.last_activity_at > now() - interval '30 minutes'}
	),
	'imported,plain,rotated',
	'and the standby shows it');
compare_answers('after more was written');

# --- a revocation that the standby shows at COMMIT

$primary->append_conf('postgresql.conf', "synchronous_standby_names = 'standby'");
$primary->reload;
$primary->poll_query_until('postgres', q{SELECT sync_state = 'sync' FROM pg_stat_replication})
  or die 'no synchronous standby';

# What ends a session's token, of a row s of `signed_in`.
my %endings = (
	revoke_session => 'session_service.revoke_session(s.session_id)',
	revoke_user_session => 'session_service.revoke_user_session(s.user_id, s.session_id)',
	revoke_session_by_token => 'session_service.revoke_session_by_token(s.token)',
	revoke_all_user_sessions => 'session_service.revoke_all_user_sessions(s.user_id)',
	revoke_all_user_sessions_except => 'session_service.revoke_all_user_sessions_except(s.user_id, gen_random_uuid())',
	revoke_device_sessions => 'session_service.revoke_device_sessions(s.user_id, s.device_id)',
	revoke_inactive_sessions => q{session_service.revoke_inactive_sessions('1 day')},
	forget_device => 'session_service.forget_device(s.user_id, s.device_id)',
	delete_user => 'session_service.delete_user(s.user_id)',
	'a sign-in past the limit' => 'session_service.create_session(s.user_id)',
	'an import past the limit' =>
	  q{session_service.import_session(session_service.hash_token(s.token), s.user_id, now() + '1 day')},
	'a refresh token used again' => '(SELECT count(r) FROM session_service.refresh_session(s.spent) r)');
# A caller who wants none of it, too.
my %callers = (
	'a caller' => '%s',
	'a caller with synchronous_commit off' => 'SET synchronous_commit = off; %s; RESET synchronous_commit',
	'a transaction that set it off before' => 'BEGIN; SET LOCAL synchronous_commit = off; %s; COMMIT',
	'a transaction that sets it off afterwards' => 'BEGIN; %s; SET LOCAL synchronous_commit = off; COMMIT',
	'a savepoint rolled back afterwards' =>
	  'BEGIN; SET LOCAL synchronous_commit = local; %s; SAVEPOINT a; SELECT 1; ROLLBACK TO a; COMMIT');
my ($waited, $did_not_wait) = (0, 0);

# Ends a session while the standby replays nothing. Whether COMMIT waits for it is what is tested: then
# the token is dead there when it returns.
sub end_with
{
	my ($ending, $caller, $setting) = @_;
	$primary->safe_psql(
		'postgres', q{
		DROP TABLE IF EXISTS signed_in;
		CREATE TABLE signed_in AS
		SELECT user_id, c.*, c.refresh_token AS spent
		FROM gen_random_uuid() user_id, session_service.create_session(user_id) c;
		SELECT session_service.set_user_session_limit(user_id, 1) FROM signed_in;
		CREATE TEMP TABLE renewed AS SELECT r.* FROM signed_in, session_service.refresh_session(signed_in.refresh_token) r;
		INSERT INTO renewed SELECT r.* FROM renewed, session_service.refresh_session(renewed.refresh_token) r;
		UPDATE signed_in SET token = renewed.token FROM renewed, session_service.validate_session(renewed.token);
		UPDATE session_service.sessions SET last_activity_at = last_activity_at - interval '2 days'
		WHERE id IN (SELECT session_id FROM signed_in)}
	);
	caught_up();
	my $opens = 'SELECT count(*) FROM signed_in s, session_service.validate_session(s.token)';
	my $name = "$ending by $caller, $setting";
	is($on_standby->ask($opens), 1, "$name: the standby opens the session before");
	$on_standby->ask('SELECT pg_wal_replay_pause()');
	$standby->poll_query_until('postgres', q{SELECT pg_get_wal_replay_pause_state() = 'paused'});
	my $pid = $on_primary->ask("SET session_service.revocation_commit = '$setting'; SELECT pg_backend_pid()");
	$on_primary->send(sprintf($callers{$caller}, "SELECT $endings{$ending} FROM signed_in s") . q{; SELECT 'ended'});

	if ($setting eq 'remote_apply')
	{
		$primary->poll_query_until('postgres',
			"SELECT wait_event = 'SyncRep' OR query LIKE '%ended%' FROM pg_stat_activity WHERE pid = $pid");
		is($primary->safe_psql('postgres', "SELECT wait_event FROM pg_stat_activity WHERE pid = $pid"),
			'SyncRep', "$name: COMMIT waits for the standby");
		is($on_standby->ask($opens), 1, "$name: which does not know yet");
		$on_standby->ask('SELECT pg_wal_replay_resume()');
		$on_primary->answer;
		is($on_standby->ask($opens), 0, "$name: the token is dead there, when COMMIT has returned");
		$waited++;
	}
	else
	{
		$on_primary->answer;
		is($on_standby->ask($opens), 1, "$name: COMMIT does not wait until the standby shows it");
		$on_standby->ask('SELECT pg_wal_replay_resume()');
		caught_up();
		is($on_standby->ask($opens), 0, "$name: which it does in the end");
		$did_not_wait++;
	}
	return;
}

for my $round (1 .. extent(1, 20))
{
	for my $ending (sort keys %endings)
	{
		end_with($ending, $_, 'remote_apply')
		  for $ending eq 'revoke_session' || extent(0, 1) ? sort keys %callers : 'a caller';
	}
	end_with('revoke_session', 'a caller', 'on');
	end_with('delete_user', 'a caller', 'on');
}
$on_primary->ask("SET session_service.revocation_commit = 'on'");
$primary->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$primary->reload;

# --- the extension dropped and created again: a backend of the standby that knew the old tables

$primary->safe_psql('postgres', 'CREATE DATABASE again');
$primary->safe_psql(
	'again',
	q{CREATE EXTENSION session_service;
	CREATE TABLE made AS SELECT * FROM session_service.create_session(gen_random_uuid())}
);
caught_up();
my $known = Client->new($standby, database => 'again');
my $made = 'SELECT count(*) FROM made, session_service.validate_session(made.token)';
is($known->ask($made), 1, 'a backend of the standby knows the tables');
$primary->safe_psql('again', 'DROP EXTENSION session_service');
caught_up();
like(
	outcome($known, $made),
	qr/ERROR:  function session_service.validate_session\(text\) does not exist/,
	'which go away');
$primary->safe_psql('again', 'CREATE EXTENSION session_service');
caught_up();
is($known->ask($made), 0, 'in the new ones the old token opens nothing');
$primary->safe_psql('again', 'INSERT INTO made SELECT * FROM session_service.create_session(gen_random_uuid())');
caught_up();
is($known->ask($made), 1, 'and a new one its session');
$known->close;

# --- promotion

# Through a connection that was there before, with its plans.
$on_standby->ask('\set VERBOSITY default');
my $contents = HeldSessions::contents();
my $before = $primary->safe_psql('postgres', $contents);
caught_up();
$on_primary->close;
$primary->stop('immediate');
$standby->promote;
is($on_standby->ask($contents), $before, 'every table is as it was');
is($on_standby->ask($_->[1]), $_->[2], "after the promotion: $_->[0]") for HeldSessions::go_on();
is( $on_standby->ask(
		q{SELECT count(*) > 0 FROM held h JOIN session_service.sessions s ON s.id = h.session_id
		WHERE h.name = 'multi-factor' AND s.last_activity_at > now() - interval '30 minutes'}
	),
	't',
	'activity is recorded there now');

for my $name (EveryFunction::names(qw(reads writes own)))
{
	unlike(outcome($on_standby, "BEGIN; " . EveryFunction::call($name, 'plain') . '; ROLLBACK'),
		qr/ERROR/, "$name works there");
}
counted("$answers answers with $rows rows are the same on a standby, $refused functions refused there");
counted("$waited revocations waited for the standby to show them, $did_not_wait without the setting did not");
$on_standby->close;
$standby->stop('immediate');
done_testing();
