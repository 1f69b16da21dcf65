# A queue of notifications that somebody else fills: whatever ends a session ends it all the same, and says that it
# could not tell of it.
#
# The queue is filled for real where it can be made small, from PostgreSQL 17 on. Before, builds for developers have a
# setting for the share of it that may be used.
use strict;
use warnings;

use Test::More;

use Client;
use PostgreSQL::Test::Utils;
use SessionNode;

my $node = SessionNode->new('primary');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'session_service'\nsession_service.max_per_user = 0");
my $is_filled = $node->pg_version >= 17;
# The least there is.
$node->append_conf('postgresql.conf', 'max_notify_queue_pages = 64') if $is_filled;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION session_service');
plan skip_all => 'a queue of 8 GB, and no build for developers'
  unless $is_filled
  || $node->safe_psql('postgres',
	q{LOAD 'session_service'; SELECT count(*) FROM pg_settings WHERE name = 'session_service.nearly_full'});

sub query { return $node->safe_psql('postgres', shift); }

my $warning = join "\n", 'WARNING:  notifications of revocations were left out',
  'DETAIL:  The server\'s queue of notifications is nearly full.',
  'HINT:  End the session that listens, on any channel, and stays in a transaction.';

# --- a queue that fills

my $listener;
# How many pages of the queue our notifications may fill, before 17; undef for all.
my $pages;

# Fills the queue up to a share of it, or until there is no room at all.
sub fill
{
	my ($share) = @_;
	if (!$is_filled)
	{
		$pages = $share < 1 ? 2 : 0;
		return;
	}
	if (!$listener)
	{
		$listener = Client->new($node);
		$listener->ask('LISTEN another_channel');
		$listener->ask('BEGIN; SELECT 1');
	}
	my (undef, undef, $errors) = $node->psql(
		'postgres', qq{
		DO \$\$ BEGIN
			WHILE pg_notification_queue_usage() < $share OR $share >= 1 LOOP
				PERFORM pg_notify('another_channel', repeat('x', 7900));
				COMMIT;
			END LOOP;
		END \$\$});
	is($errors =~ /too many notifications in the NOTIFY queue/ || 0, $share >= 1 || 0, "the queue is filled to $share");
	return;
}

sub drain
{
	$pages = undef;
	$listener->close if $listener;
	$listener = undef;
	return;
}

# --- calls

# Rows and messages of statements that notify, with these settings.
sub call
{
	my ($sql, @settings) = @_;
	push @settings, 'session_service.notify=on';
	push @settings, 'session_service.nearly_full=' . ($pages + 0.5) / 2**20 if defined $pages;
	local $ENV{PGOPTIONS} = join ' ', map { "-c $_" } @settings;
	my ($rows, $messages) = ('', '');
	$node->psql('postgres', $sql, stdout => \$rows, stderr => \$messages);
	s/^psql:<stdin>:\d+: //mg for $messages;
	return ($rows, $messages);
}

sub sign_in
{
	my ($user) = @_;
	my %session = (user => $user);
	@session{qw(id token refresh_token device)} =
	  split /\|/,
	  query(
		"SELECT session_id, token, refresh_token, device_id FROM session_service.create_session('$user', 'a device')");
	return \%session;
}

# Counters, by name.
sub counters
{
	my @names = ('notifications_dropped', map { "revocations_$_" } qw(user limit reuse admin idle));
	my %count;
	@count{@names} = split /\|/, query('SELECT ' . join(', ', @names) . ' FROM session_service.stats()');
	return \%count;
}

# What was counted since, where it was any.
sub counted_since
{
	my ($before) = @_;
	my $now = counters();
	return join ', ', map { "$_ " . ($now->{$_} - $before->{$_}) } grep { $now->{$_} != $before->{$_} } sort keys %$now;
}

# Each that notifies: the call, with a session's user, id and so on; what it answers;
# how its revocations count; settings.
my @calls = (
	[ 'revoke_session', q{SELECT session_service.revoke_session('%{id}')}, 't', 'user' ],
	[ 'revoke_user_session', q{SELECT session_service.revoke_user_session('%{user}', '%{id}')}, 't', 'user' ],
	[ 'revoke_session_by_token', q{SELECT session_service.revoke_session_by_token('%{token}')}, 't', 'user' ],
	[ 'revoke_all_user_sessions', q{SELECT session_service.revoke_all_user_sessions('%{user}')}, 1, 'user' ],
	[
		'revoke_all_user_sessions_except',
		q{SELECT session_service.revoke_all_user_sessions_except('%{user}', gen_random_uuid())},
		1, 'user'
	],
	[ 'revoke_device_sessions', q{SELECT session_service.revoke_device_sessions('%{user}', '%{device}')}, 1, 'user' ],
	[ 'forget_device', q{SELECT session_service.forget_device('%{user}', '%{device}')}, 't', 'user' ],
	[ 'revoke_inactive_sessions', q{SELECT session_service.revoke_inactive_sessions('1 microsecond')}, 1, 'idle' ],
	[ 'delete_user', q{SELECT session_service.delete_user('%{user}')}, 1, 'admin' ],
	[
		'a sign-in at the limit',
		q{SELECT cardinality(evicted_session_ids) FROM session_service.create_session('%{user}')},
		1, 'limit', 'session_service.max_per_user=1'
	],
	[
		'a sign-in that replaces',
		q{SELECT cardinality(evicted_session_ids)
		FROM session_service.create_session('%{user}', 'a device', replace_device_sessions => true)},
		1,
		'limit'
	],
	[
		'an import at the limit',
		q{SELECT session_service.import_session(
			session_service.hash_token('%{token}'), '%{user}', now() + '1 day') IS NOT NULL},
		't',
		'limit',
		'session_service.max_per_user=1'
	],
	[
		'a refresh token used again',
		q{SELECT count(*) FROM session_service.refresh_session('%{refresh_token}')},
		0, 'reuse', 'session_service.refresh_grace=0'
	],);

sub end_by
{
	my ($what, $expected_messages, $dropped) = @_;
	for (@calls)
	{
		my ($name, $sql, $answer, $kind, @settings) = @$_;
		my $session = sign_in(query('SELECT gen_random_uuid()'));
		# Spends the refresh token, and leaves another session token.
		$session->{token} = query("SELECT token FROM session_service.refresh_session('$session->{refresh_token}')")
		  if $kind eq 'reuse';
		my $before = counters();
		my ($rows, $messages) = call($sql =~ s/%\{(\w+)\}/$session->{$1}/gr, @settings);
		is("$rows\n$messages", "$answer\n$expected_messages", "$what, $name: succeeds");
		is(query("SELECT count(*) FROM session_service.get_session('$session->{id}') WHERE is_active"),
			0, 'and the session is over');
		is( counted_since($before),
			($dropped ? "notifications_dropped $dropped, " : '') . "revocations_$kind 1",
			'and it is counted');
		query("SELECT session_service.delete_user('$session->{user}')");
	}
	return;
}

# --- nobody listens, a full queue, and one that was read at last

end_by('with room', '', 0);
fill(1);
end_by('without room', $warning, 1);

# Several in one transaction, one of them undone
my $user = query('SELECT gen_random_uuid()');
my @sessions = map { sign_in($user) } 1 .. 4;
my $before = counters();
my (undef, $messages) = call(
	join ";\n",
	'BEGIN',
	(map { "SELECT session_service.revoke_session('$_->{id}')" } @sessions[ 0, 1 ]),
	'SAVEPOINT s',
	"SELECT session_service.revoke_session('$sessions[2]->{id}')",
	'ROLLBACK TO s',
	"SELECT session_service.revoke_session('$sessions[3]->{id}')",
	'COMMIT');
is($messages, $warning, 'a transaction of several warns once');
is(query("SELECT count(*) FROM session_service.list_user_sessions('$user')"), 1, 'and ends all that it ends');
is(counted_since($before), 'notifications_dropped 4, revocations_user 4', 'and what calls leave out is counted');

drain();
my ($heard) = call("LISTEN session_service;\nSELECT session_service.revoke_session('$sessions[2]->{id}')");
like($heard, qr/^Asynchronous notification "session_service".*"$sessions[2]->{id}"/m, 'with room again it is told of');

# --- more in one transaction than there is room for

fill(0.7);
$user = query('SELECT gen_random_uuid()');
query("SELECT count(*) FROM generate_series(1, 1500) n, session_service.create_session('$user', 'device ' || n % 3)");
$before = counters();
(my $ended, $messages) = call("SELECT session_service.revoke_all_user_sessions('$user')");
is("$ended\n$messages", "1500\n$warning", 'of more than there is room for all end');
is(query("SELECT count(*) FROM session_service.list_user_sessions('$user')"), 0, 'and stay so');
my ($dropped) = counted_since($before) =~ /notifications_dropped (\d+)/;
cmp_ok($dropped, '>', 0, 'some are left out');
cmp_ok($dropped, '<', 1500, 'and some are told of');
drain();

# --- what remains: the queue fills between the call and COMMIT

SKIP:
{
	skip 'needs a queue that is full', 4 unless $is_filled;
	my $session = sign_in($user);
	my $client = Client->new($node);
	$client->ask('SET session_service.notify = on; BEGIN');
	is($client->ask("SELECT session_service.revoke_session('$session->{id}')"), 't', 'a call finds room');
	fill(1);
	$client->send(
		'\set VERBOSITY verbose
		COMMIT');
	my (undef, $errors) = $client->answer_and_errors;
	like($errors, qr/^ERROR:  54000:/, 'COMMIT finds none, and fails with 54000');
	is("@{[ call(qq{SELECT session_service.revoke_session('$session->{id}')}) ]}",
		"t $warning", 'and run again it succeeds');
	$client->close;
	drain();
}

$node->stop;
done_testing();
