# COMMIT of each function whose effect is durable waits for the synchronous standby, in each way in which a caller
# can set synchronous_commit lower; and nothing else waits that need not.
#
# The standby writes what it receives and does not flush it while the test says so: then only a COMMIT that waits for
# less returns.
use strict;
use warnings;

use Test::More;

use Client;
use EveryFunction;
use Extent;
use HeldFlush;
use SessionNode;

plan skip_all => HeldFlush::why_not() if HeldFlush::why_not();

my $primary = SessionNode->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf(
	'postgresql.conf', q{
autovacuum = off
max_prepared_transactions = 2
session_service.touch_interval = 0
session_service.refresh_grace = 1h
session_service.max_per_user = 0
});
$primary->start;
$primary->safe_psql(
	'postgres', q{
	CREATE EXTENSION session_service;
	CREATE TABLE plain (n integer);
	CREATE ROLE somebody;

	-- A user's two sessions of one trusted device, the first of which was refreshed twice
	CREATE FUNCTION sign_in(OUT user_id uuid, OUT session_id uuid, OUT device_id uuid, OUT token text,
		OUT refresh_token text, OUT previous text, OUT spent text, OUT other_token text) LANGUAGE plpgsql AS $$
	BEGIN
		user_id := gen_random_uuid();
		SELECT c.session_id, c.device_id, c.refresh_token INTO session_id, device_id, spent
		FROM session_service.create_session(user_id, device_key => 'key', external_id => 'an identity provider''s') c;
		SELECT r.refresh_token INTO previous FROM session_service.refresh_session(spent) r;
		SELECT r.token, r.refresh_token INTO token, refresh_token FROM session_service.refresh_session(previous) r;
		SELECT c.token INTO other_token FROM session_service.create_session(user_id, device_key => 'key') c;
		PERFORM session_service.trust_device(user_id, device_id);
	END $$;

	CREATE FUNCTION quickly_off(statement text) RETURNS void LANGUAGE plpgsql SET synchronous_commit = off AS $$
		BEGIN EXECUTE statement; END $$;
	CREATE FUNCTION quickly_local(statement text) RETURNS void LANGUAGE plpgsql SET synchronous_commit = local AS $$
		BEGIN EXECUTE statement; END $$;
	CREATE PROCEDURE commit_quickly(statement text, level text) LANGUAGE plpgsql AS $$
		BEGIN PERFORM set_config('synchronous_commit', level, false); EXECUTE statement; COMMIT; END $$;
	CREATE FUNCTION try_quickly(statement text, level text) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM set_config('synchronous_commit', level, true);
			EXECUTE statement;
			PERFORM 1 / 0;
		EXCEPTION WHEN division_by_zero THEN
			PERFORM set_config('synchronous_commit', level, true);
			EXECUTE statement;
		END $$;

	CREATE TABLE hasty (level text);
	CREATE FUNCTION hurry() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM set_config('synchronous_commit', NEW.level, true); RETURN NULL; END $$;
	CREATE CONSTRAINT TRIGGER hurry AFTER INSERT ON hasty DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION hurry();

	CREATE ROLE role_off SUPERUSER LOGIN;
	ALTER ROLE role_off SET synchronous_commit = off;
	CREATE ROLE role_local SUPERUSER LOGIN;
	ALTER ROLE role_local SET synchronous_commit = local;
});
$primary->backup('base');
my $standby = SessionNode->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
my $flush = HeldFlush->new;
$flush->start($standby);

EveryFunction::read($primary);

sub with_standby
{
	my ($names) = @_;
	$primary->append_conf('postgresql.conf', "synchronous_standby_names = '$names'");
	$primary->reload;
	my $state = $names eq '' ? 'async' : 'sync';
	$primary->poll_query_until('postgres', "SELECT sync_state = '$state' FROM pg_stat_replication")
	  or die "the standby is not $state";
	return;
}
with_standby('standby');

# --- who calls

my $preparing = Client->new($primary);
my $watching = Client->new($primary);

# A client, and the process that serves it.
sub client
{
	my $client = Client->new($primary);
	return { client => $client, pid => $client->ask('SELECT pg_backend_pid()') };
}
my $usual = client();
my %set_up;
for my $level (qw(off local))
{
	local $ENV{PGOPTIONS} = "-c synchronous_commit=$level";
	$set_up{$level}{'a connection option'} = client();
	delete $ENV{PGOPTIONS};
	local $ENV{PGUSER} = "role_$level";
	$set_up{$level}{'ALTER ROLE'} = client();
	delete $ENV{PGUSER};
	$preparing->ask("ALTER DATABASE postgres SET synchronous_commit = $level");
	$set_up{$level}{'ALTER DATABASE'} = client();
	$preparing->ask('ALTER DATABASE postgres RESET synchronous_commit');
}

# The ways in which a call is made with synchronous_commit at a level: a script, where {SELECT} stands for the call,
# {call} for it as a string and {level} for the level; and what the connection has afterwards, if not the level.
my %ways = (
	'SET' => ['SET synchronous_commit = {level}; {SELECT}'],
	'SET in the same statement' => [q{{SELECT}, set_config('synchronous_commit', '{level}', false)}],
	'SET before, in the transaction' => ['BEGIN; SET synchronous_commit = {level}; {SELECT}; COMMIT'],
	'SET after, in the transaction' => ['BEGIN; {SELECT}; SET synchronous_commit = {level}; COMMIT'],
	'SET LOCAL before' => [ 'BEGIN; SET LOCAL synchronous_commit = {level}; {SELECT}; COMMIT', 'on' ],
	'SET LOCAL after' => [ 'BEGIN; {SELECT}; SET LOCAL synchronous_commit = {level}; COMMIT', 'on' ],
	'in a savepoint' =>
	  [ 'BEGIN; SAVEPOINT a; SET LOCAL synchronous_commit = {level}; {SELECT}; RELEASE a; COMMIT', 'on' ],
	'a savepoint rolled back afterwards' => [
			'SET synchronous_commit = {level}; BEGIN; {SELECT};'
		  . 'SAVEPOINT a; SET LOCAL synchronous_commit = on; INSERT INTO plain VALUES (1); ROLLBACK TO a; COMMIT'
	],
	'an exception caught' => [ q{SELECT try_quickly({call}, '{level}')}, 'on' ],
	'a function with SET' => [ 'SELECT quickly_{level}({call})', 'on' ],
	'a procedure that commits' => [q{CALL commit_quickly({call}, '{level}')}],
	'a deferred trigger' => [ q{BEGIN; INSERT INTO hasty VALUES ('{level}'); {SELECT}; COMMIT}, 'on' ],
	'COMMIT AND CHAIN' => ['SET synchronous_commit = {level}; BEGIN; {SELECT}; COMMIT AND CHAIN; ROLLBACK'],
	'PREPARE TRANSACTION' => [q{SET synchronous_commit = {level}; BEGIN; {SELECT}; PREPARE TRANSACTION 'prepared'}],
	(map { $_ => ['{SELECT}'] } keys %{ $set_up{off} }));

sub script
{
	my ($way, $call, $level) = @_;
	my $select = "SELECT $call";
	my %value = ('SELECT' => $select, call => q{'} . $select =~ s/'/''/gr . q{'}, level => $level);
	return $ways{$way}[0] =~ s/\{(\w+)\}/$value{$1}/gr;
}

# --- what is called

my $drawn = 0;

# SQL for what a call needs, of sessions made for it.
sub fresh
{
	my %value = (device_key => 'key', role => 'somebody');
	@value{qw(user_id session_id device_id token refresh_token previous spent other_token)} =
	  split /\|/, $preparing->ask('SELECT * FROM sign_in()');
	$drawn++;
	$value{new_token} = "token $drawn";
	$value{new_refresh_token} = "refresh token $drawn";
	return { map { $_ => "'$value{$_}'" . (/_id$/ ? '::uuid' : '') } keys %value };
}

# Every function whose effect is durable: all others that write follow the caller.
my @durable = qw(create_session import_session refresh_session rotate_session_token reauthenticate_session
  delete_user forget_device disable_user revoke_sessions revoke_external_sessions
  revoke_session revoke_user_session revoke_session_by_token revoke_all_user_sessions revoke_all_user_sessions_except
  revoke_device_sessions revoke_inactive_sessions);
my %is_durable = map { $_ => 1 } @durable;
my @following = grep { !$is_durable{$_} } EveryFunction::names('writes');
is(@durable + @following, scalar(EveryFunction::names('writes')), 'all that is durable writes');

my %calls = (
	(   map {
			my $name = $_;
			$name => sub { EveryFunction::call_with($name, @_) }
		} @durable),
	'refresh_session of a spent token' => sub { "session_service.refresh_session($_[0]{spent})" },
	'revoke_session after a validation' =>
	  sub { join ', ', validate_other($_[0]), "session_service.revoke_session($_[0]{session_id})" },
	'revoke_session before a validation' =>
	  sub { join ', ', "session_service.revoke_session($_[0]{session_id})", validate_other($_[0]) });

sub validate_other { return "session_service.validate_session($_[0]{other_token})"; }

# --- whether it waits

my $sent = 0;

# What became of a script whose COMMIT the standby does not confirm: 'waits' or 'returned'. Where it may be enough
# that the standby writes what it receives, it is given time to.
sub outcome
{
	my ($caller, $script, $time_to_write) = @_;
	my $mark = 'finished ' . ++$sent;
	my $state = "SELECT CASE WHEN wait_event = 'SyncRep' THEN 'waits' WHEN query LIKE '%$mark%' THEN 'returned' END"
	  . " FROM pg_stat_activity WHERE pid = $caller->{pid}";
	my $done;
	$flush->hold;
	$caller->{client}->send("$script; SELECT '$mark'");
	for (1 .. 60000)
	{
		$done = $watching->ask($state);
		if ($done && $done eq 'waits' && $time_to_write)
		{
			select undef, undef, undef, $time_to_write;
			($time_to_write, $done) = (0, undef);
		}
		last if $done;
		$caller->{client}{psql}->pump_nb;
		select undef, undef, undef, 0.001;
	}
	$flush->release;
	my ($rows, $errors) = $caller->{client}->answer_and_errors;
	return "$done with $errors" if $errors ne '';
	return $rows =~ /$mark$/ ? $done : "$done, and then $rows";
}

# A caller in one of the ways.
sub call
{
	my ($call, $way, $level) = @_;
	my $caller = $set_up{$level}{$way} // $usual;
	my $left = $ways{$way}[1] // $level;
	my $done = outcome($caller, script($way, $call, $level), $level eq 'remote_write' ? 0.05 : 0);
	my $found = $caller->{client}->ask('SHOW synchronous_commit; RESET synchronous_commit');
	$done .= ", and leaves $found" if $found ne $left;
	$preparing->ask(q{COMMIT PREPARED 'prepared'}) if $way =~ /PREPARE/;
	return $done;
}

my ($waited, $returned) = (0, 0);
for my $round (1 .. extent(1, 10))
{
	for my $name (sort keys %calls)
	{
		my (%found, %expected);
		for my $way (sort keys %ways)
		{
			for my $level (qw(off local))
			{
				$found{"$way, $level"} = call($calls{$name}->(fresh()), $way, $level);
				$expected{"$way, $level"} = 'waits';
				$waited++;
			}
		}
		$found{'remote_write'} = call($calls{$name}->(fresh()), 'SET', 'remote_write');
		$expected{'remote_write'} = 'waits';
		is_deeply(\%found, \%expected, "$name waits for the standby");
	}
}

# --- what does not wait, and what follows the caller

for my $level (qw(off local on))
{
	my $done = outcome($usual, "SET synchronous_commit = $level; INSERT INTO plain VALUES (2)");
	is($done, $level eq 'on' ? 'waits' : 'returned', "another write follows the caller at $level");
}
# Seldom, the standby flushes something else at that moment, and does not even write.
my $write = 'SET synchronous_commit = remote_write; INSERT INTO plain VALUES (2)';
my $written = grep { outcome($usual, $write, 0.05) eq 'returned' } 1 .. 10;
cmp_ok($written, '>', 0, 'and at remote_write does not wait until the standby has flushed it');
for my $name (@following)
{
	# Cleanup finds what the calls above ended.
	my @instead = $name eq 'cleanup_sessions' ? (retention => q{'0'::interval}) : ();
	my %found =
	  map { $_ => call(EveryFunction::call_with($name, fresh(), @instead), 'SET', $_) } qw(off local on);
	is_deeply(\%found, { off => 'returned', local => 'returned', on => 'waits' }, "$name follows the caller");
}
my $active = 'SELECT count(*) FROM session_service.sessions WHERE last_activity_at > coalesce(rotated_at, created_at)';
my $before = $watching->ask($active);
my @reading = EveryFunction::names('reads', 'own');
my %found = map { $_ => call(EveryFunction::call_with($_, fresh()), 'SET', 'on') } @reading;
is_deeply(\%found, { map { $_ => 'returned' } @reading }, 'what reads waits for nothing, nor does activity');
cmp_ok($watching->ask($active), '>', $before, 'which is recorded');
my $known = fresh();
my $repeated = "SELECT 1 / count(*) FROM session_service.refresh_session($known->{previous}) WHERE repeated";
is(outcome($usual, $repeated), 'returned', 'nor does a refresh that is repeated');


# What somebody without the key of a bound session does waits for nothing, though an event tells of it.
my $rejections = q{SELECT count(*) FROM session_service.events WHERE kind = 'session.proof_rejected'};
for my $with ('', 'INSERT INTO plain VALUES (4)')
{
	my $bound = fresh();
	$preparing->ask(
		qq{UPDATE session_service.sessions SET binding = 1, bound_key = '{}', challenge_key = '\\x00'
		WHERE id = $bound->{session_id}}
	);
	my $rejected = $watching->ask($rejections);
	my $refused = "SELECT 1 / (1 - count(*)) FROM session_service.refresh_session($bound->{refresh_token})";
	my $done = outcome($usual, "BEGIN; SET LOCAL synchronous_commit = on; $refused; $with; COMMIT");
	is( $done,
		$with ? 'waits'                                   : 'returned',
		$with ? 'but for what else the transaction wrote' : 'a refused proof waits for nothing');
	is($watching->ask($rejections), $rejected + 1, 'which an event tells of');
}

# What a transaction asked for ends with it.
for my $end ('COMMIT', 'ROLLBACK', q{PREPARE TRANSACTION 'prepared'}, 'SELECT 1 / 0; ROLLBACK')
{
	my $some = fresh();
	my $revoke = "SELECT session_service.revoke_session($some->{session_id})";
	$usual->{client}->send("SET synchronous_commit = off; BEGIN; $revoke; $end");
	$usual->{client}->answer_and_errors;
	my $done = outcome($usual, 'INSERT INTO plain VALUES (3)');
	is($done, 'returned', "after $end the next transaction waits for nothing");
}
# By design of the server, whose transaction it is no more.
is(outcome($usual, q{COMMIT PREPARED 'prepared'}), 'returned', 'COMMIT PREPARED follows its own caller');
my $left = $usual->{client}->ask('SHOW synchronous_commit; RESET synchronous_commit');
is($left, 'off', 'and all that leaves the setting alone');

# --- without a synchronous standby

with_standby('');
for my $name (sort keys %calls)
{
	my %found = map { $_ => call($calls{$name}->(fresh()), $_, 'off') } keys %ways;
	$returned += keys %found;
	my %expected = map { $_ => 'returned' } keys %ways;
	is_deeply(\%found, \%expected, "$name does not wait where there is no synchronous standby");
}
counted("$waited calls waited for the standby, $returned did not where it is not synchronous");

$_->{client}->close for $usual, map { values %$_ } values %set_up;
$_->close for $preparing, $watching;
$standby->stop;
$primary->stop;
done_testing();
