# Through PgBouncer in transaction mode: the example for row-level security with two users who share one
# connection to the server, and the whole life of a session.
use strict;
use warnings;

use IPC::Run;
use Test::More;

use EveryFunction;
use Extent;
use HeldSessions;
use PgBouncer;
use SessionNode;

my $node = SessionNode->new('pooled');
$node->init;
$node->start;

# --- the example does what it says

my $example = 'examples/row_level_security.sql';
my $promised = join "\n", PostgreSQL::Test::Utils::slurp_file($example) =~ /^--> (.*)$/mg;
$node->safe_psql('postgres', 'CREATE DATABASE notes');
my ($status, $stdout, $stderr) = $node->psql('notes', undef, extra_params => [ '-f', $example ]);
is($stderr, '', "$example runs without an error");
is($stdout, $promised, 'and prints what it says');
is($node->safe_psql('notes', 'SELECT count(*) FROM notes'), 0, 'and leaves no note');
is( $node->safe_psql(
		'notes',
		q{SELECT policyname, expression FROM pg_policies, unnest(ARRAY[qual, with_check]) expression
		WHERE expression !~ 'SELECT \(?session_service'}
	),
	'',
	'its policies ask once for a statement, not for each row');

# --- PgBouncer, with one connection to the server for each role

my $version = PgBouncer::version();
my $prepares = $version =~ /^1\.(\d+)/ && $1 >= 21;
my $pgbouncer = PgBouncer->start(
	'notes = host=' . $node->host . ' port=' . $node->port,
	[qw(notes_login notes_app notes_admin)],
	default_pool_size => 1,
	$prepares ? (max_prepared_statements => 10) : ());

sub connect_as
{
	my $role = shift;
	return $node->background_psql(
		'notes',
		on_error_stop => 0,
		extra_params => [ '-d', $pgbouncer->connstr . " dbname=notes user=$role", '-v', 'VERBOSITY=verbose' ]);
}

# What a script prints in a client's connection.
sub answers
{
	my ($client, $script) = @_;
	$client->{stderr} = '';
	return join ' ', split /\n/, scalar $client->query($script);
}

sub says
{
	my ($client, $script, $expected, $name) = @_;
	is(answers($client, $script), $expected, $name) or diag($client->{stderr});
	return;
}

sub refuses
{
	my ($client, $script, $error, $name) = @_;
	answers($client, $script);
	like($client->{stderr}, $error, $name);
	return;
}

# --- two users of the example

my %user = (ada => 'ada00000-0000-4000-8000-000000000001', bob => 'b0b00000-0000-4000-8000-000000000002');
my $login = connect_as('notes_login');
my %token = map {
	$_ => answers(
		$login,
		qq{SELECT token FROM session_service.create_session('$user{$_}',
			scopes => '{notes:write}', metadata => '{"tenant": "north"}')}
	)
} keys %user;
my %client = map { $_ => connect_as('notes_app') } keys %user;
my $is = sub { "SELECT * FROM session_service.authenticate('$token{$_[0]}') \\g /dev/null\n" };
my $sees = "SELECT coalesce(string_agg(body, ',' ORDER BY body), 'nothing') FROM notes;\n";

my $server = answers($client{ada}, 'SELECT pg_backend_pid()');
says($client{bob}, 'SELECT pg_backend_pid()', $server, 'both clients have one connection to the server');
for my $name (sort keys %user)
{
	says(
		$client{$name},
		'BEGIN; ' . $is->($name) . "INSERT INTO notes (body) VALUES ('$name 1'), ('$name 2'); $sees COMMIT;",
		"$name 1,$name 2",
		"$name writes and sees own notes");
}
my %seen;
for my $turn (1 .. 50)
{
	for my $name (sort keys %user)
	{
		$seen{$name}{ answers($client{$name}, 'BEGIN; ' . $is->($name) . "$sees COMMIT;") }++;
		$seen{'who is not signed in'}{ answers($client{$name}, $sees) }++;
	}
}
is_deeply(
	\%seen,
	{ ada => { 'ada 1,ada 2' => 50 }, bob => { 'bob 1,bob 2' => 50 }, 'who is not signed in' => { nothing => 100 } },
	'taking turns, each sees only their own, and nothing between their transactions');
says($client{ada}, 'SELECT pg_backend_pid()', $server, 'in one connection all the while');

refuses(
	$client{bob},
	'BEGIN; ' . $is->('bob') . "INSERT INTO notes (owner, body) VALUES ('$user{ada}', 'not hers');",
	qr/42501: .*row-level security/,
	'nobody writes for another');
refuses(
	$client{bob},
	'ROLLBACK; BEGIN; ' . $is->('bob') . "UPDATE notes SET owner = '$user{ada}';",
	qr/42501: .*row-level security/,
	'or gives a note away');
refuses(
	$client{bob},
	"ROLLBACK; INSERT INTO notes (body) VALUES ('nobody''s');",
	qr/42501: .*row-level security|23502: /,
	'or writes without authenticate');
refuses(
	$client{bob},
	"INSERT INTO notes (owner, body) VALUES ('$user{bob}', 'unsigned');",
	qr/42501: .*row-level security/,
	'also not as themselves');
says(
	$client{bob},
	'BEGIN; '
	  . $is->('bob')
	  . "WITH gone AS (UPDATE notes SET body = 'bob was here' WHERE owner = '$user{ada}' RETURNING 1) "
	  . 'SELECT count(*) FROM gone; COMMIT;',
	'0',
	'or changes what is not theirs');
says($client{ada}, 'BEGIN; ' . $is->('ada') . "$sees COMMIT;", 'ada 1,ada 2', 'so that it is as it was');

$token{'ada elsewhere'} = answers($login,
	qq{SELECT token FROM session_service.create_session('$user{ada}', metadata => '{"tenant": "north"}')});
says($client{bob}, 'BEGIN; ' . $is->('ada elsewhere') . "$sees COMMIT;", 'ada 1,ada 2', 'in whichever of her sessions');
is($node->safe_psql('notes', 'SELECT count(*) FROM notes; SET ROLE notes_owner; SELECT count(*) FROM notes'),
	"4\n0", 'the owner of the table is held back as well');

# Ways to leave something behind for the next client
says($client{ada}, 'BEGIN; ' . $is->('ada') . "SELECT 1/0; COMMIT;\n", '', 'a client whose transaction fails');
says($client{bob}, $sees, 'nothing', 'leaves no identity');
says($client{ada}, 'BEGIN; SAVEPOINT a; ' . $is->('ada') . "RELEASE a; COMMIT;\n", '', 'nor does a savepoint');
says($client{bob}, $sees, 'nothing', 'that was released');
refuses(
	$client{ada},
	'BEGIN; ' . $is->('ada') . 'SET session_service.identity FROM CURRENT; COMMIT;',
	qr/42501: .*cannot be set/,
	'nor a SET');
says($client{bob}, $sees, 'nothing', 'which is refused');
says($client{ada}, "SELECT set_config('session_service.identity', '', false);\n", '', 'which only clears');
says($client{bob}, 'BEGIN; ' . $is->('bob') . "$sees COMMIT;", 'bob 1,bob 2', 'and then changes nothing');
says($client{bob}, $sees, 'nothing', 'for the next');
my $leaver = connect_as('notes_app');
says($leaver, 'BEGIN; ' . $is->('ada') . $sees, 'ada 1,ada 2', 'a client that goes away within its transaction');
$leaver->{run}->kill_kill;
says($client{bob}, $sees, 'nothing', 'leaves nothing to the next');
says(
	$client{ada},
	"BEGIN; " . $is->('ada') . "$sees COMMIT; $sees",
	'ada 1,ada 2 nothing',
	'nor to itself when it is back');

# --- the whole life of a session, each call through another client of one connection to the server

my @logins = ($login, connect_as('notes_login'));
my $turn = 0;
sub call { return answers($logins[ $turn++ % 2 ], 'SELECT ' . shift); }
my $owner = 'ca201000-0000-4000-8000-000000000003';
my ($id, $token, $refresh_token, $device) =
  split /\|/, call(
	qq{session_id, token, refresh_token, device_id
	FROM session_service.create_session('$owner', 'Laptop', scopes => '{read}')}
  );
is(call("session_id, user_id, scopes FROM session_service.validate_session('$token')"),
	"$id|$owner|{read}", 'what one client creates another validates');
my $pair = call("token, refresh_token FROM session_service.refresh_session('$refresh_token')");
is(call("token, refresh_token, repeated FROM session_service.refresh_session('$refresh_token')"),
	"$pair|t", 'what one refreshes another repeats');
is(call("count(*) FROM session_service.validate_session('$token')"), 0, 'the token before is dead at once');
my ($second, $second_refresh) = split /\|/, $pair;
my $third = call("token FROM session_service.rotate_session_token('$second')");
is(call("array_agg(token_index) FROM session_service.validate_sessions(ARRAY['$second', '$third'])"),
	'{2}', 'so it is with a rotation');
is(call("session_service.mark_mfa_verified_by_token('$third', 'totp')"), 't', 'multi-factor authentication');
is(call("device_name, status, mfa_method, is_current FROM session_service.list_user_sessions('$owner', '$id')"),
	'Laptop|active|totp|t', 'the list');
is(call("session_service.trust_device('$owner', '$device')"), 't', 'a device is trusted');
is(call("is_trusted, active_sessions FROM session_service.list_user_devices('$owner')"), 't|1', 'and listed');
answers($_, "BEGIN; SELECT * FROM session_service.create_session('$owner', 'Phone') \\g /dev/null\n ROLLBACK;")
  for @logins;
is(call("session_service.count_user_sessions('$owner')"), 1, 'what is rolled back never was');
call("session_id FROM session_service.create_session('$owner', 'Tablet')");
is(call("session_service.revoke_all_user_sessions_except('$owner', '$id')"), 1, 'sign out elsewhere');
is( call(
		qq{count(*)
		FROM session_service.refresh_session('$second_refresh') a, session_service.refresh_session(a.refresh_token) b}
	),
	1,
	'two refreshes');
is(call("count(*) FROM session_service.refresh_session('$refresh_token')"), 0, 'a spent token ends the session');
is( call("status, revoke_reason FROM session_service.get_session('$id')"),
	'revoked|Refresh token reuse',
	'for every client');
is( call("string_agg(kind, ' ' ORDER BY at, id::text) FROM session_service.list_events('$owner')"),
	'device.new session.mfa_verified device.trusted device.new session.revoked session.reuse_detected',
	'and the events');

# Activity is written at COMMIT, by whichever connection that is.
$node->safe_psql('notes', 'ALTER DATABASE notes SET session_service.touch_interval = 0');
$node->safe_psql('notes',
	'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN (\'notes_login\', \'notes_app\')');
$node->poll_query_until('postgres',
	q{SELECT count(*) = 0 FROM pg_stat_activity WHERE usename IN ('notes_login', 'notes_app')});
($id, $token) = split /\|/, call("session_id, token FROM session_service.create_session('$owner')");
call("count(*) FROM session_service.validate_session('$token')");
is($node->safe_psql('notes', "SELECT last_activity_at > created_at FROM session_service.get_session('$id')"),
	't', 'activity is recorded');

# --- every function, by turns, and what the connection has afterwards

$node->safe_psql(
	'notes',
	HeldSessions::sign_in() . q{
	CREATE ROLE notes_admin LOGIN;
	GRANT SELECT ON held TO notes_admin;
	SELECT session_service.grant_access('notes_admin', 'admin')});
my @admins = map { connect_as('notes_admin') } 1 .. 2;
$server = answers($admins[0], 'SELECT pg_backend_pid()');

# What a transaction might leave in a connection
my $state = q{SELECT current_user, session_user,
	(SELECT md5(string_agg(concat_ws(' ', name, setting, source), ',' ORDER BY name)) FROM pg_settings) AS settings,
	(SELECT count(*) FROM pg_prepared_statements) AS statements,
	(SELECT count(*) FROM pg_cursors WHERE name <> '') AS cursors,
	(SELECT count(*) FROM pg_listening_channels()) AS channels,
	(SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory') AS locks,
	(SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()) AS tables,
	session_service.current_user_id() IS NULL AS is_nobody};
my $clean = answers($admins[0], $state);
like($clean, qr/^notes_admin\|notes_admin\|[0-9a-f]{32}\|0\|0\|0\|0\|0\|t$/, 'a connection has nothing at first');
EveryFunction::read($node, 'notes');
my @functions = EveryFunction::names(qw(reads writes own));
my (%by, @left);

for my $ending (qw(ROLLBACK COMMIT))
{
	for my $turn (0, 1)
	{
		for my $name (@functions)
		{
			# Ended for everyone by this one, which is looked at only where it is rolled back.
			next if $name eq 'revoke_inactive_sessions' && $ending eq 'COMMIT';
			my $call =
			  "SELECT count(*) FROM held h, session_service.authenticate(h.token) WHERE h.name = 'plain'; SELECT count(*) FROM ("
			  . EveryFunction::call($name, $ending eq 'COMMIT' ? 'revoked' : 'plain') . ') c';
			# One of the clients meets an error besides, which leaves no trace either.
			my $printed = answers($admins[$turn],
				"BEGIN; $call; " . ($turn ? '' : 'SAVEPOINT s; SELECT 1 / 0; ROLLBACK TO s; ') . $ending);
			$by{$ending}[$turn]{$name} = join ' ', $printed,
			  grep { !/division by zero/ } $admins[$turn]{stderr} =~ /ERROR:.*/g;
			my $left = answers($admins[ 1 - $turn ], $state);
			push @left, "$name: $left" if $left ne $clean;
		}
	}
	is_deeply([ grep { $by{$ending}[0]{$_} !~ /^1 \d+$/ } keys %{ $by{$ending}[0] } ],
		[], "every function works in a transaction that ends with $ending");
}
is_deeply($by{ROLLBACK}[0], $by{ROLLBACK}[1], 'alike for both clients');
is_deeply(\@left, [], 'and none leaves anything to the other client');
is(answers($_, 'SELECT pg_backend_pid()'), $server, 'in one connection all the while') for @admins;

# Activity that a client noted and rolled back, or never ended, is not written by the next one's COMMIT.
my $activity = q{SELECT md5(string_agg(s.last_activity_at::text, ',' ORDER BY s.id)) FROM session_service.sessions s};
my $before = $node->safe_psql('notes', $activity);
my $use = 'SELECT count(*) FROM held h, session_service.validate_session(h.token)';
answers($admins[0], "BEGIN; $use; ROLLBACK");
answers($admins[0], "BEGIN; SAVEPOINT s; $use; ROLLBACK TO s; COMMIT");
answers($admins[1], 'BEGIN; CREATE TEMP TABLE other () ON COMMIT DROP; COMMIT');
$leaver = connect_as('notes_admin');
answers($leaver, "BEGIN; $use");
$leaver->{run}->kill_kill;
answers($admins[1], 'BEGIN; CREATE TEMP TABLE other () ON COMMIT DROP; COMMIT');
is($node->safe_psql('notes', $activity), $before, 'activity that was not committed is not written by the next client');
answers($admins[0], "BEGIN; $use; COMMIT");
isnt($node->safe_psql('notes', $activity), $before, 'what is committed is');

counted(@functions * 4 . ' calls by two clients of one connection left nothing in it');
$_->quit for @logins, @admins, values %client;

# --- many clients, with and without prepared statements

sub run_clients
{
	my ($protocol, $name) = @_;
	my $script = "$pgbouncer->{directory}/$protocol.sql";
	PostgreSQL::Test::Utils::append_to_file($script,
			"SELECT 1 / count(*) FROM session_service.validate_session('$token');\n"
		  . "BEGIN;\nSELECT 1 / count(*) FROM session_service.authenticate('$token{ada}');\n"
		  . "SELECT 1 / (count(*) = 2)::integer FROM notes;\nEND;\n"
		  . "SELECT 1 / (count(*) = 0)::integer FROM notes;\n");
	my $output = '';
	# A thread for each client: pgbench prepares synchronously, and the one connection may be another client's.
	IPC::Run::run(
		[
			'pgbench', '-n', '-M', $protocol, '-c', 8, '-j', 8, '-t', 50, '-f', $script, '-h', $pgbouncer->{directory},
			'-p', $pgbouncer->{port}, '-U', 'notes_app', 'notes'
		],
		'>',
		\$output,
		'2>&1',
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	ok($? == 0 && $output =~ m{actually processed: 400/400}, $name) or diag($output);
	return;
}

run_clients('simple', 'eight clients at once');
run_clients('extended', 'with the extended protocol');
SKIP:
{
	skip "PgBouncer $version has no max_prepared_statements (1.21)", 1 unless $prepares;
	run_clients('prepared', 'with prepared statements');
}

$pgbouncer->stop;
$node->stop;
done_testing();
