# What calls cost, in counts that a machine's speed does not change: instructions of and pages touched by a
# validation, bytes of WAL of each write, and that updates stay HOT. The bounds are wide: they catch a cost that
# became several times what it was.
use strict;
use warnings;

use IPC::Run;
use Test::More;

use Extent;
use SessionNode;

my $node = SessionNode->new('cost');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
autovacuum = off
checkpoint_timeout = 1h
max_wal_size = 1GB
track_counts = on
session_service.max_per_user = 0
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION session_service');

sub query { return $node->safe_psql('postgres', shift); }

# Some thousand sessions, so that the primary key has two levels, and their tokens.
my $sessions = 4000;
query(
	qq{
	CREATE TABLE signed_in AS SELECT n, c.* FROM generate_series(1, $sessions) n,
		LATERAL session_service.create_session(md5((n / 4)::text)::uuid, 'Device',
			'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', '203.0.113.7', '{read,write}') c;
	VACUUM (ANALYZE);
	CREATE PROCEDURE repeat_call(statement text, times integer) LANGUAGE plpgsql AS \$\$
	DECLARE call record;
	BEGIN
		FOR call IN SELECT * FROM signed_in ORDER BY md5(n::text) LIMIT times LOOP
			EXECUTE statement USING call.token, call.refresh_token, call.session_id;
			COMMIT;
		END LOOP;
	END \$\$;
});

# --- pages

# Shared pages that a call of a backend touches, once its caches are filled by the same call or another.
sub pages_of
{
	my ($call, $call_before) = @_;
	$call_before //= $call;
	my $plan = query(
		qq{
		SELECT token, session_id FROM signed_in WHERE n = 2000 \\gset
		SELECT token FROM signed_in WHERE n = 1000 \\gset other_
		SELECT $call_before;
		SELECT $call_before;
		EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT $call;
	});
	my ($hit) = $plan =~ /^\s*Buffers: shared (.*)$/m;
	return 0 if !defined $hit;
	my $pages = 0;
	$pages += $_ for $hit =~ /(?:hit|read)=(\d+)/g;
	return $pages;
}

# Meta page or root, leaf and heap: three; a split-up page of the heap may add one.
my $pages = pages_of("* FROM session_service.validate_session(:'token')",
	"* FROM session_service.validate_session(:'other_token')");
ok($pages >= 2 && $pages <= 4, "a validation touches two to four pages ($pages)");
# Where it found the row before.
$pages = pages_of("* FROM session_service.validate_session(:'token')");
ok($pages >= 1 && $pages <= 2, "of a session that the backend has seen one or two ($pages)");
$pages = pages_of("* FROM session_service.validate_session(:'token' || 'A')");
is($pages, 0, 'a malformed token touches none');
$pages = pages_of("session_service.token_session_id(:'token')");
is($pages, 0, 'reading the id of a token touches none');

# --- what is over and waits for cleanup costs its user nothing

# Pages of a call in a transaction, after others in it, by a backend that has made the same call for another user.
sub pages_after
{
	my ($call, $user, @before) = @_;
	my $plan = query(
		join ';',
		'SET session_service.max_per_user = 1',
		map({ 'SELECT session_service.' . sprintf($call, "'00000000-0000-4000-8000-00000000000f'", $_) } 'one',
			'two', 'three'),
		'BEGIN', @before,
		'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT session_service.'
		  . sprintf($call, "'00000000-0000-4000-8000-00000000000$user'", 'last'),
		'ROLLBACK');
	my ($hit) = $plan =~ /^\s*Buffers: shared (.*)$/m;
	my $sum = 0;
	$sum += $_ for ($hit // '') =~ /(?:hit|read)=(\d+)/g;
	return $sum;
}

# A user with a few sessions, and one with as many who has signed out or been signed out 3,000 times, and whose
# sessions of a day ran out 3,000 times.
query(
	q{
	SET session_service.max_per_user = 5;
	SELECT session_service.create_session('00000000-0000-4000-8000-00000000000a', device_key => 'k' || i % 5)
	FROM generate_series(1, 5) i;
	DO $$ BEGIN
		FOR i IN 1 .. 3000 LOOP
			PERFORM session_service.create_session('00000000-0000-4000-8000-00000000000b', device_key => 'k' || i % 5);
			COMMIT;
		END LOOP;
		SET session_service.max_per_user = 0;
		FOR i IN 1 .. 3000 LOOP
			PERFORM session_service.create_session('00000000-0000-4000-8000-00000000000b',
				device_key => 'k' || i % 5, issue_refresh => false);
			COMMIT;
		END LOOP;
	END $$;
	UPDATE session_service.sessions SET expires_at = clock_timestamp() - interval '1 hour' WHERE refresh_hash IS NULL;
	SELECT session_service.create_session('00000000-0000-4000-8000-00000000000b', device_key => 'k0');
	VACUUM (ANALYZE)});
for my $call (
	'list_user_devices(%s)', 'list_user_sessions(%s)',
	'count_user_sessions(%s)', 'list_mfa_verified_sessions(%s)',
	'create_session(%s, device_key => $$%s$$)')
{
	my ($few, $many) = map { pages_after($call, $_, 'SET LOCAL session_service.max_per_user = 5') } qw(a b);
	my ($name) = $call =~ /(\w+)/;
	ok($few > 0 && $many < 2 * $few + 10,
		"$name: 6,000 dead sessions of the user change little ($many pages, $few without)");
}

# What the caller's settings make of the first plan, no later call pays for.
{
	my $user =
	  'SELECT user_id FROM session_service.sessions WHERE id = (SELECT session_id FROM signed_in WHERE n = %s)';
	my @revoke = map { sprintf "session_service.revoke_all_user_sessions(($user))", $_ } 1000, 3000;
	my ($poisoned, $clean) = map {
		my $plan = query(
			qq{BEGIN; $_ SELECT $revoke[0]; COMMIT;
			BEGIN;
			EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT $revoke[1];
			ROLLBACK}
		);
		my ($hit) = $plan =~ /shared hit=(\d+)/;
		$hit
	  } q{SET LOCAL random_page_cost = 100000; SET LOCAL cpu_index_tuple_cost = 1000;
		SET LOCAL seq_page_cost = 0; SET LOCAL cpu_tuple_cost = 0;}, '';
	ok($poisoned && $poisoned < 2 * $clean,
		"the costs that a caller set while a plan was made do not stay in it ($poisoned pages, $clean without)");
}

# Many sign-ins or imports of one user in one transaction: the last costs what the first ones do.
for my $call (
	q{create_session(%s, 'device ' || length('%s') %% 3)},
	q{import_session(session_service.hash_token('token %2$s'), %1$s, clock_timestamp() + interval '1 day',
		device_name => 'device 1')}
  )
{
	my ($name) = $call =~ /(\w+)/;
	my $one = sprintf $call, "'00000000-0000-4000-8000-00000000000c'", "' || i || '";
	for my $limit (0, 10)
	{
		my ($few, $many) = map {
			pages_after(
				$call, 'c',
				"SET LOCAL session_service.max_per_user = $limit",
				"DO \$\$ BEGIN FOR i IN 1 .. $_ LOOP PERFORM session_service.$one; END LOOP; END \$\$")
		} 20, 2000;
		ok($few > 0 && $many < 2 * $few + 10,
			"$name, limit $limit: the 2,001st of a transaction touches about as many pages as the 21st ($many, $few)");
	}
}

# Updates of sessions, and HOT ones among them, as the backends that have ended reported.
my $updates = q{SELECT n_tup_upd || ' ' || n_tup_hot_upd FROM pg_stat_user_tables
	WHERE relid = 'session_service.sessions'::regclass};

# --- bytes of WAL, each page written before, so that no full page image counts

# Bytes for each of `$times` calls, a transaction each, after one call each of the same sessions.
sub wal_of
{
	my ($statement, $times) = @_;
	query("CALL repeat_call($statement, $times)");
	my $answer = query(
		qq{
		SELECT pg_current_wal_insert_lsn() AS before \\gset
		CALL repeat_call($statement, $times);
		SELECT ((pg_current_wal_insert_lsn() - :'before') / $times)::integer;
	});
	return (split /\n/, $answer)[-1];
}

my $validate = q{'SELECT * FROM session_service.validate_session($1)'};
my $create = q{'SELECT * FROM session_service.create_session(md5($3::text)::uuid, ''Device'',
	ip_address => ''203.0.113.7'', scopes => ''{read,write}'')'};
my $times = 300;

my $wal = wal_of($validate, $times);
is($wal, 0, 'a validation whose activity is not due writes nothing');

$node->append_conf('postgresql.conf', 'session_service.touch_interval = 0');
$node->reload;
my ($all, $in_place) = split / /, query($updates);
$wal = wal_of($validate, $times);
ok($wal > 0 && $wal < 600, "recorded activity: less than 600 bytes ($wal)");
my ($all_after, $in_place_after) = split / /, query($updates);
is($all_after - $all, 2 * $times, 'each validation with due activity updates one row once');
ok($in_place_after - $in_place >= 0.9 * 2 * $times, 'at least nine of ten of these are HOT updates');
$node->append_conf('postgresql.conf', 'session_service.touch_interval = 1h');
$node->reload;

$wal = wal_of($create, $times);
ok($wal > 500 && $wal < 4000, "a sign-in: less than 4000 bytes ($wal)");

# --- the user's row, which a sign-in of a known user locks, and leaves as it is

my $sign_in_again =
  q{'SELECT * FROM session_service.create_session((SELECT s.user_id FROM session_service.sessions s WHERE s.id = $3))'};
my $users = q{pg_stat_user_tables WHERE relid = 'session_service.users'::regclass};
my $answer = query(
	qq{
	CALL repeat_call($sign_in_again, $sessions);
	SELECT pg_stat_force_next_flush();
	SELECT n_tup_ins, n_tup_upd, pg_relation_size(relid) AS size FROM $users \\gset before_
	CALL repeat_call($sign_in_again, $sessions);
	SELECT pg_stat_force_next_flush();
	SELECT n_tup_ins - :before_n_tup_ins, n_tup_upd - :before_n_tup_upd, pg_relation_size(relid) - :before_size
	FROM $users;
});
is((split /\n/, $answer)[-1], '0|0|0', "sign-ins of known users write no version of the user's row");

# Each refresh needs the token that the one before gave: kept in a temporary table, which is not logged.
query(
	q{
	CREATE PROCEDURE refresh_some(times integer) LANGUAGE plpgsql AS $$
	DECLARE one record; next text;
	BEGIN
		FOR one IN SELECT n FROM kept ORDER BY md5(n::text) LIMIT times LOOP
			SELECT r.refresh_token INTO STRICT next
			FROM kept k, LATERAL session_service.refresh_session(k.refresh_token) r WHERE k.n = one.n;
			UPDATE kept SET refresh_token = next WHERE n = one.n;
			COMMIT;
		END LOOP;
	END $$});

query('VACUUM session_service.sessions');
my ($updated_before, $hot_before) = split / /, query($updates);
$answer = query(
	qq{
	CREATE TEMP TABLE kept AS SELECT n, refresh_token FROM signed_in;
	CALL refresh_some($times);
	SELECT pg_current_wal_insert_lsn() AS before \\gset
	CALL refresh_some($times);
	SELECT ((pg_current_wal_insert_lsn() - :'before') / $times)::integer;
});
$wal = (split /\n/, $answer)[-1];
ok($wal > 100 && $wal < 1200, "a refresh: less than 1200 bytes ($wal)");

# --- HOT updates: no index grows by activity or a refresh

my ($updated, $hot) = split / /, query($updates);
$updated -= $updated_before;
$hot     -= $hot_before;
is($updated, 2 * $times, 'each refresh updates one row once');
my $share = $hot / ($updated || 1);
ok($share >= 0.9, sprintf('at least nine of ten refreshes are HOT updates (%.3f)', $share));

# --- instructions, as valgrind counts them: a server without clients runs a statement for few rows and for
# many, and what the further rows took is theirs, not the start's or the plan's

my $has_assertions = query('SHOW debug_assertions') eq 'on';
$node->append_conf('postgresql.conf', 'session_service.touch_interval = 1h');
$node->stop;

# Instructions that a server of one process executes for a statement, start and end included.
sub instructions_of
{
	my ($statement) = @_;
	my @server = ('postgres', '--single', '-D', $node->data_dir, 'postgres');
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null', @server ],
		'<', \"$statement\n", '>', \$out, '2>', \$err, IPC::Run::timeout(300));
	my ($count) = $err =~ /Collected : (\d+)/;
	# A statement that fails takes few.
	BAIL_OUT("no count of instructions: $err") if !defined $count || $err =~ /ERROR|FATAL/;
	return $count;
}

# For each row that `$call` takes from the sessions that were signed in.
sub instructions_per_row
{
	my ($call) = @_;
	my ($few, $many) = (200, extent(1200, 3200));
	my @counts = map {
		instructions_of(
			"SELECT count(v) FROM (SELECT token, session_id FROM signed_in ORDER BY n LIMIT $_) s, LATERAL $call v;")
	} $few, $many;
	return int(($counts[1] - $counts[0]) / ($many - $few));
}

# A row from a function that does nothing with the token but to hand it back, for the executor's part.
my $bare = instructions_per_row('unnest(ARRAY[s.token])');
my $validation = instructions_per_row('session_service.validate_session(s.token)');
my $refusal = instructions_per_row("session_service.validate_session(s.token || 'A')");
SKIP:
{
	skip 'the bounds are those of a server without assertions', 2 if $has_assertions;
	ok($validation > 5000 && $validation - $bare < 32000,
		"a validation: less than 32,000 instructions more than a bare function's ($validation - $bare)");
	ok($refusal - $bare < 10000, "a malformed token: less than 10,000 ($refusal - $bare)");
}

# Activity noted within exception blocks, each of which is a subtransaction: twice as many take twice as long. What was
# noted is dropped at the end, so that each run finds the table as the one before did.
sub in_exception_blocks
{
	my ($times) = @_;
	return instructions_of(
			'DO $$ DECLARE one text; BEGIN PERFORM set_config($n$session_service.touch_interval$n$, $n$0$n$, true);'
		  . " FOR one IN SELECT token FROM signed_in LIMIT $times LOOP"
		  . ' BEGIN PERFORM session_service.validate_session(one); EXCEPTION WHEN no_data_found THEN END; END LOOP;'
		  . ' RAISE no_data_found; EXCEPTION WHEN no_data_found THEN END; $$;');
}
my ($some, $more, $most) = map { in_exception_blocks($_) } 1000, 2000, 4000;
my $growth = ($most - $more) / ($more - $some);
ok( $growth < 2.6,
	sprintf('validations in exception blocks are linear: the further 2,000 cost %.2f times the further 1,000', $growth)
);

counted("$validation instructions for a validation, $refusal for a malformed token, $bare for a bare function");

done_testing();
