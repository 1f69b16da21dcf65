# front/move_range.sh: a range of buckets moves to another server and back, under load with and without PgBouncer's
# pause, and wherever the script or a server was killed on the way. What must not be moved is refused.
use strict;
use warnings;

use IPC::Run;
use Test::More;

use Client;
use Crash;
use Extent;
use Load;
use PgBouncer;
use PythonTest;
use SessionNode;

PythonTest::need();

my $range = 12;
my $in_range = 'bucket BETWEEN 3072 AND 3327';
my @tables = qw(users devices sessions events external_sessions);

# --- servers: two, each with a standby, of which the first has almost everything; a front that only knows what it is
# told; PgBouncer

my ($first, $second) = map {
	my $node = SessionNode->new($_);
	$node->init(allows_streaming => 'logical');
	$node->append_conf(
		'postgresql.conf',
		Load::configuration() . q{
wal_retrieve_retry_interval = 100ms
max_prepared_transactions = 2
max_replication_slots = 8
session_service.touch_interval = 1d
});
	$node
} qw(first second);
$first->append_conf('postgresql.conf', "session_service.buckets = '256-4095'");
$second->append_conf('postgresql.conf', "session_service.buckets = '0-255'");
my %standby;
for my $node ($first, $second)
{
	$node->start;
	Load::prepare($node);
	$node->backup('base');
	my $standby = $standby{ $node->name } = SessionNode->new($node->name . '_standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
}

sub query { my ($node, $sql) = @_; return $node->safe_psql('postgres', $sql); }

sub buckets
{
	return query(shift, "SELECT session_service.session_bucket(NULL) \\g /dev/null\nSHOW session_service.buckets");
}

$second->safe_psql('postgres', 'CREATE DATABASE front');
$second->safe_psql(
	'front', q{
	CREATE SCHEMA session_service_front;
	CREATE TABLE session_service_front.shards (shard text PRIMARY KEY, connection text NOT NULL);
	CREATE TABLE session_service_front.ranges (range integer PRIMARY KEY, shard text NOT NULL, dbname text);
	CREATE TABLE session_service_front.applied (shard text NOT NULL);
	CREATE FUNCTION session_service_front.apply() RETURNS void LANGUAGE sql AS
		'INSERT INTO session_service_front.applied SELECT shard FROM session_service_front.ranges WHERE range = 12';
	INSERT INTO session_service_front.ranges SELECT r, 'first' FROM generate_series(0, 15) r} . ';' . join ';',
	map {
			"INSERT INTO session_service_front.shards VALUES ('"
		  . $_->name . "', '"
		  . ($_->connstr('postgres') =~ s/'/''/gr) . "')"
	} $first,
	$second);

my $admin = getpwuid $<;
my $at_first = 'host=' . $first->host;
my $first_port = $first->port;
my $pgbouncer = PgBouncer->start(
	qq{
staying = $at_first port=$first_port dbname=postgres
  moving  =  $at_first port='$first_port' dbname=postgres pool_size=10
},
	[ qw(load load_with_setting), $admin ],
	admin_users => $admin,
	default_pool_size => 10,
	ignore_startup_parameters => 'options');
my $console = $pgbouncer->connstr . " dbname=pgbouncer user=$admin";

# --- the script

my $all_output = '';

sub other { my $node = shift; return $node == $first ? $second : $first; }

# The arguments for a move away from a node.
sub from
{
	my ($source, @more) = @_;
	my $target = other($source);
	return (
		'--range', $range,
		'--source', $source->connstr('postgres'),
		'--target', $target->connstr('postgres'),
		'--source-standby', $standby{ $source->name }->connstr('postgres'),
		'--target-standby', $standby{ $target->name }->connstr('postgres'),
		@more);
}

my @with_front = ('--front', $second->connstr('front'));
my @with_bouncer = ('--pgbouncer', $console, '--alias', 'moving');

# Starts it; `kill_at` is where it is as if killed.
sub begin
{
	my ($arguments, %options) = @_;
	my $run = { stdout => '', stderr => '' };
	local $ENV{MOVE_RANGE_KILL_AT} = $options{kill_at} // '';
	local $ENV{MOVE_RANGE_INTERVAL} = 0.1;
	local $ENV{MOVE_RANGE_PAGES} = ($options{kill_at} // '') eq 'deleting' ? 2 : 1000;
	$run->{process} = IPC::Run::start([ 'bash', 'front/move_range.sh', @$arguments ],
		'<', \undef, '>', \$run->{stdout}, '2>', \$run->{stderr}, IPC::Run::timeout(300));
	return $run;
}

# Until it has printed that.
sub has_printed
{
	my ($run, $text) = @_;
	$run->{process}->pump until index($run->{stdout}, $text) >= 0 || !$run->{process}->pumpable;
	return index($run->{stdout}, $text) >= 0;
}

# For a while in which it is not to print something.
sub watch
{
	my ($run) = @_;
	for (1 .. 20) { $run->{process}->pump_nb if $run->{process}->pumpable; select undef, undef, undef, 0.1; }
	return;
}

# Its exit status, or 'killed'.
sub end
{
	my ($run) = @_;
	$run->{process}->finish;
	my $status = $run->{process}->full_result(0);
	$all_output .= $run->{stdout} . $run->{stderr};
	return $status & 127 ? 'killed' : $status >> 8;
}

sub run
{
	my ($arguments, %options) = @_;
	my $run = begin($arguments, %options);
	return (end($run), $run->{stdout}, $run->{stderr});
}

sub moves
{
	my ($name, $arguments, %options) = @_;
	my ($status, $stdout, $stderr) = run($arguments, %options);
	return is($status, $options{kill_at} ? 'killed' : 0, $name) || diag($stdout, $stderr);
}

# What must be refused, or fail, with what it says. The source goes on as before.
sub refuses
{
	my ($name, $arguments, $reason, %options) = @_;
	my ($status, $stdout, $stderr) = run($arguments, %options);
	is($status, $options{status} // 1, "$name: refused") || diag($stdout, $stderr);
	return like($stderr, $reason, "$name: it says why");
}

# --- what has to be true of a range that is at a node

sub range_contents
{
	my ($node, $where) = @_;
	return query(
		$node,
		join ' UNION ALL ',
		map {
			"SELECT '$_', count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM session_service.$_ t WHERE $where"
		} @tables);
}

# All that a move leaves anywhere.
sub objects
{
	return join ',', grep { $_ ne '' } map {
		query(
			$_,
			q{SELECT 'publication ' || pubname FROM pg_publication
			UNION ALL SELECT 'subscription ' || subname FROM pg_subscription
			UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE slot_type = 'logical'})
	} $first, $second;
}

sub bouncer_says
{
	my ($sql) = @_;
	my ($stdout, $stderr) = ('', '');
	IPC::Run::run([ 'psql', '-XAtqx', '-d', $console, '-c', $sql ], '>', \$stdout, '2>', \$stderr) or die $stderr;
	return $stdout;
}

# What the console says of the alias.
sub alias
{
	my ($key) = @_;
	my ($record) = grep { /^name\|moving$/m } split /\n\n/, bouncer_says('SHOW DATABASES');
	return $record =~ /^\Q$key\E\|(.*)$/m ? $1 : '';
}

my %setting = (
	first => { first => '256-4095', second => '0-255' },
	second => { first => '256-3071,3328-4095', second => '0-255,3072-3327' });

# Those who are at the range's servers, with what they hold; made where it was at first.
my @held;

sub tokens_held
{
	my ($node, @tokens) = @_;
	my $list = join ',', map { "'$_'" } @tokens ? @tokens : @held;
	my ($stdout, $stderr);
	return $node->psql(
		'postgres',
		"\\set VERBOSITY verbose\nSELECT count(*) FROM unnest(ARRAY[$list]) t, session_service.validate_session(t)",
		stdout => \$stdout,
		stderr => \$stderr) == 0 ? $stdout : $stderr =~ /ERROR:\s+(\d\w{4}):/ ? $1 : $stderr;
}

# In the range, without what was imported: each kind of row, users with several sessions, and revoked ones.
query(
	$first, q{
	CREATE TABLE made AS
		SELECT u AS user_id, n, c.*
		FROM (SELECT md5('user ' || i)::uuid AS u FROM generate_series(1, 4000) i) of_all, generate_series(1, 3) n,
			LATERAL session_service.create_session(u, device_key => 'key ' || n, external_id => 'external ' || u || n) c
		WHERE session_service.user_bucket(u) BETWEEN 3072 AND 3327;
	SELECT session_service.revoke_session(session_id) FROM made WHERE n = 3;
	SELECT session_service.refresh_session(refresh_token) FROM made WHERE n = 2;
	SELECT count(*) FROM generate_series(1, 500) i, session_service.create_session(md5('other ' || i)::uuid)
		WHERE session_service.user_bucket(md5('other ' || i)::uuid) NOT BETWEEN 0 AND 255;
	SELECT session_service.import_session(session_service.hash_token('imported ' || user_id), user_id, now() + '1 day')
		FROM made WHERE n = 1}
);
query(
	$second,
	q{SELECT count(*) FROM (SELECT md5('user ' || i)::uuid AS u FROM generate_series(1, 4000) i) u,
		session_service.create_session(u) WHERE session_service.user_bucket(u) < 256}
);
@held = (
	split(/\n/, query($first, 'SELECT token FROM made WHERE n = 1')),
	split(/\n/, query($first, q{SELECT 'imported ' || user_id FROM made WHERE n = 1})));
my $of_others = 'NOT (' . $in_range . ')';
my %others = map { $_->name => range_contents($_, $of_others) } $first, $second;

# The range is at that node, with these rows, and nothing of a move is left. Once it has moved, the other one knows the
# imported tokens, which name no bucket, as not its own.
my $has_moved = 0;

sub range_is_at
{
	my ($name, $node, $contents) = @_;
	my $away = other($node);
	my %found = (
		setting => { map { $_ => buckets($_ eq 'first' ? $first : $second) } qw(first second) },
		contents => range_contents($node, $in_range),
		left => range_contents($away, $in_range) =~ s/\|0\|$//gmr,
		objects => objects(),
		there => tokens_held($node),
		away => tokens_held($away),
		imported_away => tokens_held($away, grep { /^imported/ } @held));
	my %expected = (
		setting => $setting{ $node->name },
		contents => $contents,
		left => join("\n", @tables),
		objects => '',
		there => scalar @held,
		away => '55000',
		imported_away => $has_moved ? '55000' : 0);
	return is_deeply(\%found, \%expected, "$name: the range is where it ought to be, whole, and nowhere else");
}

# The standbys follow the setting, and know the rows.
sub standbys_follow
{
	my ($name, $node) = @_;
	my $away = other($node);
	$_->wait_for_catchup($standby{ $_->name }, 'replay', $_->lsn('insert')) for $first, $second;
	return is_deeply(
		[ map { tokens_held($standby{ $_->name }) } $node, $away ],
		[ scalar @held, '55000' ],
		"$name: so do the standbys say");
}

sub front_and_bouncer_lead_to
{
	my ($name, $node) = @_;
	is( $second->safe_psql(
			'front',
			q{SELECT string_agg(DISTINCT shard, ',' ORDER BY shard) FROM session_service_front.ranges
				GROUP BY range <> 12 ORDER BY range <> 12}
		),
		$node->name . "\nfirst",
		"$name: the front sends the range there, and no other");
	is( join(' ', map { alias($_) } qw(port database paused pool_size)),
		$node->port . ' postgres 0 10',
		"$name: and so does PgBouncer, which waits for nothing");
	return;
}

my $contents = range_contents($first, $in_range);
range_is_at('before', $first, $contents);

# --- what it refuses, of what it is told and of what it finds

{
	my ($status, undef, $stderr) = run([ '--range', 16, '--source', 'x', '--target', 'y' ]);
	is($status, 2, 'a range that there is not is a wrong argument');
	is((run([ from($first), '--source', 'host=/tmp password=secret' ]))[0], 2, 'and so is a password');
	is((run([ from($first), '--target', 'postgresql://me:secret@localhost/postgres' ]))[0], 2, 'in either form');
	is((run([ from($first), '--now' ]))[0], 2, 'and what it does not know');
	is((run([ from($first), '--alias', 'moving' ]))[0], 2, 'and an alias of no PgBouncer');
}

my $plain = SessionNode->new('plain');
$plain->init(allows_streaming => 1);
$plain->append_conf('postgresql.conf', "session_service.buckets = '3072-3327'");
$plain->start;
my $to_second = [ '--range', $range, '--target', $second->connstr('postgres'), '--source' ];
my $from_first = [ '--range', $range, '--source', $first->connstr('postgres'), '--target' ];

refuses(
	'nobody at home',
	[ @$from_first, 'host=' . $first->host . ' port=1 dbname=postgres' ],
	qr/the target cannot be asked/);
refuses(
	'a server without the extension',
	[ @$to_second, $plain->connstr('postgres') ],
	qr/source: it does not have the extension/);
query($plain, 'CREATE EXTENSION session_service; CREATE ROLE somebody LOGIN');
refuses(
	'no superuser',
	[ @$to_second, $first->connstr('postgres') . ' user=load' ],
	qr/source: the role is no superuser/);
my $version = query($plain, q{SELECT extversion FROM pg_extension WHERE extname = 'session_service'});
query($plain, q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'session_service'});
refuses(
	'another version',
	[ @$to_second, $plain->connstr('postgres') ],
	qr/the target has not: extension of version 0.9/);
query($plain, "UPDATE pg_extension SET extversion = '$version' WHERE extname = 'session_service'");
refuses('a log without rows', [ @$to_second, $plain->connstr('postgres') ], qr/wal_level is not logical/);
refuses('a standby', [ @$from_first, $standby{second}->connstr('postgres') ], qr/target: it is a standby/);
query($first, 'CREATE DATABASE beside');
$first->safe_psql('beside', 'CREATE EXTENSION session_service');
refuses('two databases of one server', [ @$from_first, $first->connstr('beside') ], qr/of one server/);
query($first, 'DROP DATABASE beside');
query($second, q{CREATE DATABASE latin TEMPLATE template0 ENCODING latin1 LOCALE 'C'});
$second->safe_psql('latin', 'CREATE EXTENSION session_service');
refuses('another encoding', [ @$from_first, $second->connstr('latin') ], qr/the target has not: encoding UTF8/);
query($second, 'DROP DATABASE latin');

# Each of these for a moment
sub set_buckets
{
	my ($node, $setting) = @_;
	query($node, "LOAD 'session_service'; ALTER SYSTEM SET session_service.buckets = '$setting'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('session_service.buckets') = '$setting'");
	return;
}
for my $case (
	[ 'a target that holds all', $second, '', qr/target holds buckets of the range/ ],
	[ 'a target that holds the range', $second, '0-255,3000-4000', qr/target holds buckets of the range/ ],
	[ 'a source that holds a part', $first, '256-3100', qr/the source holds some, the target none/ ],
	[ 'a range that nobody holds', $first, '256-1000', qr/neither side holds the range/ ])
{
	my ($name, $node, $value, $reason) = @$case;
	set_buckets($node, $value);
	refuses($name, [ from($first) ], $reason);
	set_buckets($node, $setting{first}{ $node->name });
}
for my $case (
	[
		'a setting of the database',
		$second,
		q{ALTER DATABASE postgres SET session_service.buckets = '0-255'},
		'ALTER DATABASE postgres RESET session_service.buckets',
		qr/target: session_service.buckets is set for a database or a role/
	],
	[
		'no list of transactions',
		$first,
		'ALTER DATABASE postgres SET track_activities = off',
		'ALTER DATABASE postgres RESET track_activities',
		qr/track_activities is off/
	],
	[
		'a table without its key',
		$first,
		'ALTER TABLE session_service.devices REPLICA IDENTITY NOTHING',
		'ALTER TABLE session_service.devices REPLICA IDENTITY DEFAULT',
		qr/table devices is not replicated by its primary key/
	],
	[
		'a column of the source alone',
		$first,
		'ALTER TABLE session_service.external_sessions ADD COLUMN note text',
		'ALTER TABLE session_service.external_sessions DROP COLUMN note',
		qr/the target has not: table external_sessions with note text/
	],
	[
		'no slot',
		$first,
		q{SELECT pg_create_physical_replication_slot('taken_' || n) FROM generate_series(1, 7) n},
		q{SELECT pg_drop_replication_slot('taken_' || n) FROM generate_series(1, 7) n},
		qr/source has no two free slots/
	],
	[
		'rows of the range at the target',
		$second,
		q{INSERT INTO session_service.users (user_id, bucket, epoch) VALUES (gen_random_uuid(), 3100, 1)},
		'DELETE FROM session_service.users WHERE bucket = 3100',
		qr/target has rows of the range that no move put there.*: users/
	])
{
	my ($name, $node, $before, $after, $reason) = @$case;
	query($node, $before);
	refuses($name, [ from($first) ], $reason);
	query($node, $after);
}
refuses(
	'a front that does not know the target',
	[ from($first), @with_front, '--target-shard', 'third' ],
	qr/front does not know the target/);
refuses('no front', [ from($first), '--front', $second->connstr('postgres') ], qr/front cannot be asked, or is none/);
refuses('no alias', [ from($first), '--pgbouncer', $console, '--alias', 'nobody' ], qr/does not know the alias nobody/);
refuses(
	'another file',
	[ from($first), @with_bouncer, '--pgbouncer-ini', "$pgbouncer->{directory}/users.txt" ],
	qr/does not have one line of the alias/);
$plain->stop;

{
	my ($status, $stdout, $stderr) = run([ from($first, '--dry-run', @with_front, @with_bouncer) ]);
	is($status, 0, 'a dry run') || diag($stderr);
	like($stdout, qr/step 2: would publish.*step 8: would drop.*nothing was changed/s, 'tells what would be done');
	range_is_at('after a dry run', $first, $contents);
	front_and_bouncer_lead_to('after a dry run', $first);
	my $alone = [ (from($first))[ 0 .. 5 ], '--dry-run' ];
	like((run($alone))[2], qr/the source has 1 standbys, 0 were named/, 'and of standbys that were not named');
}

# --- wherever it was killed, and a server with it, it goes on; and back again

my $at = $first;

# Moves the range to the other node in two runs, of which the first is killed there.
sub moves_in_two
{
	my ($place, $killed) = @_;
	my $target = other($at);
	my $name = "killed at '$place'" . ($killed ? " with the $killed" : '');
	my @arguments = from($at, @with_front, @with_bouncer);
	moves("$name: it is", \@arguments, kill_at => $place);
	if ($killed)
	{
		my $node = $killed eq 'source' ? $at : $target;
		kill_server($node);
		$node->start;
	}
	moves("$name: it goes on", \@arguments);
	$at = $target;
	$has_moved = 1;
	range_is_at($name, $at, $contents);
	front_and_bouncer_lead_to($name, $at);
	return;
}

my @places =
  qw(checked published subscribed copied paused closed caught_up compared opened fronts_switched switched unsubscribed
  dropped deleting);
my @quick = qw(published closed opened deleting);
my $number = 0;
for my $place (extent(0, 1) ? @places : @quick)
{
	for my $killed (extent(0, 1) ? ('', 'source', 'target') : (qw(source target), '')[ $number % 3 ])
	{
		$number++;
		moves_in_two($place, $killed);
	}
}
standbys_follow('after all that', $at);
{
	my ($status, $stdout) = run([ from(other($at), @with_front, @with_bouncer) ]);
	is($status, 0, 'a move that is done');
	like($stdout, qr/done already, the target holds the range/, 'is told as done');
}
if ($at != $first)
{
	moves('and back', [ from($at, @with_front, @with_bouncer) ]);
	$at = $first;
}
is(range_contents($_, $of_others), $others{ $_->name }, 'nobody else was touched at the ' . $_->name)
  for $first, $second;
counted("$number moves that were killed on the way went on");

# --- transactions from before the source stopped to take calls

# Of users of the range who have no session yet
my ($user, $other_user) = split /\n/, query(
	$first,
	q{SELECT u FROM (SELECT md5('late ' || i)::uuid AS u FROM generate_series(1, 200) i) u
		WHERE session_service.user_bucket(u) BETWEEN 3072 AND 3327}
);
my $create = "SELECT token FROM session_service.create_session('$user')";

# From where nothing more has to be copied: a subscription waits for all transactions that are open as it is made.
sub prepare_move { return moves('killed when all is copied: it is', [ from(shift) ], kill_at => 'copied'); }

{
	prepare_move($first);
	my $open = Client->new($first, name => 'late client');
	$open->ask('BEGIN');
	my $token = $open->ask($create);
	my ($status, $stdout, $stderr) = run([ from($first, @with_front, '--timeout', 1) ]);
	is($status, 1, 'a transaction that does not end has the move fail');
	like($stderr, qr/still open: process \d+ .*late client.* idle in transaction/, 'which tells whose it is');
	unlike($stderr, qr/create_session|\Q$token\E/, 'and not what it does');
	is(buckets($first), '256-4095', 'and the source goes on');
	$open->ask("PREPARE TRANSACTION 'late'");
	like((run([ from($first, '--timeout', 1) ]))[2], qr/still open: prepared transaction late/,
		'so has a prepared one');

	# Both kinds that end in time, and a statement that commits on the way, again and again.
	query($first, 'CREATE TABLE late (n serial, token text); CREATE TABLE enough ()');
	my $looping = Client->new($first);
	my $create_late =
	  "INSERT INTO late (token) SELECT token FROM session_service.create_session('$other_user', device_key => 'loop')";
	$looping->send(
		"DO \$\$ BEGIN LOOP $create_late; COMMIT; EXIT WHEN EXISTS (SELECT FROM enough);
			PERFORM pg_sleep(0.02); END LOOP; END \$\$"
	);
	my $run = begin([ from($first, @with_front) ]);
	ok(has_printed($run, 'takes no more calls'), 'the source stops to take calls') || diag($run->{stderr});
	query($first, "COMMIT PREPARED 'late'");
	my $goes_on = query($first, 'SELECT max(n) + 40 FROM late');
	$first->poll_query_until('postgres', "SELECT max(n) > $goes_on FROM late");
	watch($run);
	unlike($run->{stdout}, qr/have ended/, 'a statement from before goes on, and is waited for');
	query($first, 'INSERT INTO enough DEFAULT VALUES');
	is(end($run), 0, 'what ends in time is waited for') || diag($run->{stdout}, $run->{stderr});
	$looping->answer;
	is(query($second, "SELECT count(*) FROM session_service.validate_session('$token')"),
		1, 'what one of them did is there');
	my $last = query($first, 'SELECT token FROM late ORDER BY n DESC LIMIT 1');
	is(query($second, "SELECT count(*) FROM session_service.validate_session('$last')"),
		1, 'and what it did last is there');
	$_->close for $open, $looping;
	moves('and back', [ from($second, @with_front) ]);
	$contents = range_contents($first, $in_range);
}

# What was committed last, and cannot be written at the target yet
{
	prepare_move($first);
	my ($open, $holder) = map { Client->new($_) } $first, $second;
	$open->ask('BEGIN');
	my $token = $open->ask($create);
	my $run = begin([ from($first, @with_front) ]);
	has_printed($run, 'takes no more calls');
	$holder->ask('BEGIN; LOCK TABLE session_service.sessions IN SHARE MODE');
	$open->ask('COMMIT');
	ok(has_printed($run, 'have ended'), 'the transactions from before have ended') || diag($run->{stderr});
	$second->poll_query_until('postgres',
		q{SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'session_service.sessions'::regclass});
	watch($run);
	unlike($run->{stdout}, qr/step [67]:/, 'what does not arrive at the target is waited for');
	$holder->ask('COMMIT');
	is(end($run), 0, 'until it has arrived') || diag($run->{stdout}, $run->{stderr});
	is(query($second, "SELECT count(*) FROM session_service.validate_session('$token')"), 1, 'and is good there');
	$_->close for $open, $holder;
	moves('and back', [ from($second, @with_front) ]);
	$contents = range_contents($first, $in_range);
}

# --- a server that goes down while the range is nobody's

{
	prepare_move($first);
	my $open = Client->new($first);
	$open->ask("BEGIN; $create");
	my $run = begin([ from($first, @with_front, @with_bouncer) ]);
	ok(has_printed($run, 'PgBouncer keeps'), 'PgBouncer pauses') || diag($run->{stderr});
	ok(has_printed($run, 'takes no more calls'), 'and the source stops to take calls');
	kill_server($first);
	is(end($run), 3, 'the source goes down then: it says that it has to be run again')
	  || diag($run->{stdout}, $run->{stderr});
	like($run->{stderr}, qr/run this again/, 'in words too');
	is(alias('paused'), 0, 'PgBouncer waits for nothing');
	$first->start;
	eval { $open->close };
	is(tokens_held($_), '55000', 'nobody takes calls') for $first, $second;
	moves('run again, it goes on', [ from($first, @with_front, @with_bouncer) ]);
	range_is_at('after that', $second, $contents);
	moves('and back', [ from($second, @with_front, @with_bouncer) ]);
}

# --- a target that is not the same

{
	prepare_move($first);
	query(
		$second,
		"UPDATE session_service.sessions SET acr = 'another'
			WHERE id = (SELECT min(id::text)::uuid FROM session_service.sessions WHERE $in_range)"
	);
	my ($status, $stdout, $stderr) = run([ from($first, @with_front) ]);
	is($status, 1, 'a row that differs has the move fail');
	like($stderr, qr/what differs: sessions with \d+ rows/, 'which tells in which table');
	is(buckets($first), '256-4095', 'and the source goes on');
	is(tokens_held($first), scalar @held, 'with all that it has');
	($status, $stdout, $stderr) = run([ from($first, @with_front, '--compare-before') ]);
	is($status, 1, 'so it does before anybody was stopped');
	like($stderr, qr/buckets that were never the same: sessions \d+$/m, 'with the bucket');
	unlike($stdout, qr/step 4/, 'and stops nobody');
	moves('given up', [ from($first, '--give-up') ]);
	range_is_at('after that', $first, $contents);
	moves('begun again, it', [ from($first, @with_front) ]);
	range_is_at('then', $second, $contents);
	moves('and back', [ from($second, @with_front) ]);
	moves('killed when it was closed', [ from($first) ], kill_at => 'closed');
	is(tokens_held($_), '55000', 'nobody takes calls') for $first, $second;
	moves('given up', [ from($first, '--give-up') ]);
	range_is_at('after that', $first, $contents);
}

# --- one at a time

{
	prepare_move($first);
	my $open = Client->new($first);
	$open->ask("BEGIN; $create");
	my $run = begin([ from($first) ]);
	has_printed($run, 'takes no more calls');
	refuses('another move meanwhile', [ '--range', 13, (from($first))[ 2 .. 5 ] ], qr/another move is at work/);
	$open->ask('ROLLBACK');
	is(end($run), 0, 'which does not disturb the first');
	$open->close;
	moves('and back', [ from($second) ]);
}

# --- under load

query($_, q{LOAD 'session_service'; ALTER SYSTEM SET session_service.touch_interval = 0; SELECT pg_reload_conf()})
  for $first, $second;
my $operations = extent(400, 20000);
# Of each kind; in the quick form one goes there, and the other back.
my $moves = extent(1, 20);
for my $way ('PgBouncer pauses', 'clients ask again')
{
	my $is_paused = $way =~ /pauses/;
	my @more = (@with_front, $is_paused ? (@with_bouncer, '--compare-before') : ());
	my $load = Load->new(
		$first,
		clients => 6,
		program => 'moving_load.py',
		range => $range,
		servers => [ map { $_->connstr('postgres') } $first, $second ],
		$is_paused ? (bouncer => $pgbouncer->connstr) : ());
	$load->start;
	$load->wait($operations);
	for my $move (1 .. $moves)
	{
		moves("$way, move $move, from the " . $at->name, [ from($at, @more) ]);
		$at = other($at);
		$load->wait($operations / 2);
	}
	$load->stop;
	my $told = $load->settle;
	is_deeply($told->{problems}, [], "$way: all as acknowledged, and no other error");
	is($told->{counts}{'connections lost'} // 0, 0, "$way: no connection is lost");
	if ($is_paused) { is($told->{counts}{refused} // 0, 0, "$way: no call is refused") }
	else
	{
		cmp_ok($told->{counts}{refused}                           // 0, '>', 0, "$way: calls were refused");
		cmp_ok($told->{counts}{'of others, while it was refused'} // 0,
			'>', 0, "$way: and others were answered meanwhile");
	}
	tables_are_consistent($_, "$way: tables and indexes agree at the " . $_->name) for $first, $second;
	counted("$way: "
		  . $moves
		  . " moves, $told->{acknowledged} operations acknowledged, "
		  . ($told->{counts}{refused} // 0)
		  . " refused and tried again");
	$load->finish;
}

unlike($all_output, qr/ss[tr]_|[0-9a-f]{64}/, 'it never prints a token or a hash');

$pgbouncer->stop;
$_->stop for values %standby, $first, $second;
done_testing();
