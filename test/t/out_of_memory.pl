# Memory that runs out: each allocation in turn that the library or what it is linked with makes is refused (test/t/lib/
# failing_malloc.c), in each function. The call fails with 53200, or answers as ever; the next one works (but for the
# first call of a connection, below); nothing that the call would have changed is changed, and nothing is left
# locked or allocated.
use strict;
use warnings;

use MaxMind::DB::Writer::Tree;
use Test::More;

use EveryFunction;
use Extent;
use PostgreSQL::Test::Utils ();
use SessionNode;

my $directory = PostgreSQL::Test::Utils::tempdir();

# --- the server

my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
chomp(my $include = `$pg_config --includedir-server`);
my $library = "$directory/failing_malloc.so";
system('cc', '-shared', '-fPIC', '-O1', '-fno-builtin', "-I$include", '-D_GNU_SOURCE', '-o', $library,
	'test/t/lib/failing_malloc.c') == 0
  or BAIL_OUT('the failing malloc does not compile');

my $tree = MaxMind::DB::Writer::Tree->new(
	ip_version => 6,
	record_size => 24,
	database_type => 'Test-City',
	languages => ['en'],
	description => { en => 'Places for tests' },
	remove_reserved_networks => 0,
	map_key_type_callback => sub { $_[0] =~ /^(?:iso_code|en)$/ ? 'utf8_string' : 'map' });
$tree->insert_network('198.51.100.0/24', { country => { iso_code => 'SE' }, city => { names => { en => 'Lund' } } });
my $places = "$directory/a file whose path does not fit into a std::string itself.mmdb";
{
	open my $file, '>:raw', $places or die $!;
	$tree->write_tree($file);
	close $file or die $!;
}

my $node = SessionNode->new('out_of_memory');
$node->init;
$node->append_conf(
	'postgresql.conf', qq{
autovacuum = off
session_service.geoip_database = '$places'
session_service.event_log = all
session_service.notify = on
session_service.touch_interval = 0
session_service.max_per_user = 0
});
{
	local $ENV{LD_PRELOAD} = $library;
	$node->start;
}
$node->safe_psql(
	'postgres', qq{
	CREATE EXTENSION session_service;
	CREATE FUNCTION fail_allocations(first bigint, how_many bigint, libraries text) RETURNS void
		LANGUAGE C STRICT AS '$library';
	CREATE FUNCTION stop_failing() RETURNS bigint LANGUAGE C STRICT AS '$library';
	CREATE FUNCTION memory_in_use() RETURNS bigint LANGUAGE C STRICT AS '$library';
});
my $with_places = $node->safe_psql(
	'postgres', q{
	SELECT i.country
	FROM session_service.create_session(gen_random_uuid(), ip_address => '198.51.100.1') c,
		session_service.get_session(c.session_id) i}
) eq 'SE';

# What our library and those below it allocate; the server's own allocations are another test.
my $ours = 'session_service.so,libstdc++,libcrypto,libmaxminddb';

# --- the calls
#
# Of a session that was made for the call, in a row h: of every function with good arguments, and what else a
# function does. Each counts what is an answer; of a function that reads or writes, false, 0 and what is not active
# is none.

EveryFunction::read($node);
my %values =
  map { $_ => "h.$_" } qw(token refresh_token session_id user_id device_id device_key role new_token new_refresh_token);
my %calls;
for my $name (EveryFunction::names(qw(reads writes own type)))
{
	# What is over is old enough at once.
	my $call = EveryFunction::call_with($name, \%values, $name eq 'cleanup_sessions' ? (retention => q{'0'}) : ());
	my $is_no = EveryFunction::is_computed($name) ? 'false' : q{concat(r) IN ('f', '0', '{"active": false}')};
	$calls{$name} = "SELECT count(*) FROM $call r WHERE r IS DISTINCT FROM NULL AND NOT $is_no";
}
# No proof is good here, so that no row is their answer. (unit/ has good ones, with each allocation refused.)
$calls{$_} =~ s/count\(\*\)/1 + count(*)/ for qw(bind_session validate_session_proof);
my @functions = sort keys %calls;
my $lund = $with_places ? "country = 'SE'" : 'true';
%calls = (
	%calls,
	'refresh_session, retry' => q{SELECT count(*)
		FROM session_service.refresh_session(h.refresh_token) r, session_service.refresh_session(h.refresh_token) s
		WHERE s.token = r.token},
	'refresh_session, of an imported one' =>
	  'SELECT count(*) FROM session_service.refresh_session(h.new_refresh_token)',
	'validate_session, of an imported one' => 'SELECT count(*) FROM session_service.validate_session(h.new_token)',
	'create_session, at a place' =>
	  q{SELECT count(*) FROM session_service.create_session(h.user_id, ip_address => '198.51.100.1')},
	'get_session, with its place' => "SELECT count(*) FROM session_service.get_session(h.session_id) WHERE $lund",
	'get_session, a file newly opened' => qq{SELECT count(*)
		FROM (SELECT set_config('session_service.geoip_database', '$places', false)) a,
			session_service.get_session(h.session_id)
		WHERE $lund},
	'describe_user_agent, of a phone' => q{SELECT count(*) FROM session_service.describe_user_agent(
		'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) Mobile/15E148')}
);

# What comes before the call.
my $another = 'session_service.create_session(h.user_id)';
my $import =
  q{SELECT session_service.import_session(session_service.hash_token(h.new_token), h.user_id, now() + '1 day',
	session_service.hash_token(h.new_refresh_token))};
my %before = (
	(   map {
			$_ => q{SELECT count(a)
			FROM session_service.mark_mfa_verified(h.session_id) m,
				session_service.authenticate(CASE WHEN m THEN h.token END) a}
		  } qw(current_session_id current_user_id current_scopes has_scope is_mfa_verified is_authenticated_within
		  current_metadata list_mfa_verified_sessions)),
	(   map { $_ => 'SELECT session_service.trust_device(h.user_id, h.device_id)' }
		  qw(is_trusted_device untrust_all_devices)),
	(map { $_ => 'SELECT session_service.disable_user(h.user_id)' } qw(enable_user is_user_disabled)),
	revoke_all_user_sessions_except => "SELECT count(*) FROM $another",
	(map { $_ => "SELECT session_service.revoke_session(session_id) FROM $another" } qw(user_epoch cleanup_sessions)),
	'get_session, a file newly opened' => q{SELECT count(*)
		FROM (SELECT set_config('session_service.geoip_database', '', false)) a,
			session_service.get_session(h.session_id)},
	map { $_ => $import } 'refresh_session, of an imported one',
	'validate_session, of an imported one');

$node->safe_psql(
	'postgres', q{
	CREATE ROLE grantee;
	CREATE TYPE holder AS (token text, refresh_token text, session_id uuid, user_id uuid, device_id uuid,
		device_key text, role text, new_token text, new_refresh_token text);
	CREATE FUNCTION sign_in() RETURNS holder LANGUAGE sql AS $$
		SELECT token, refresh_token, session_id, user_id, device_id, device_key,
			'grantee', 'new ' || token, 'new ' || refresh_token
		FROM session_service.user_uuid(7) user_id, concat('a key') device_key,
			session_service.enable_user(user_id) was_disabled, -- by a call before
			session_service.create_session(CASE WHEN was_disabled IS NOT NULL THEN user_id END,
				device_key => device_key, ip_address => '198.51.100.1',
				scopes => '{read}', external_id => 'an identity provider''s')
	$$;
	CREATE TABLE calls (name text, before text, call text);
	CREATE TABLE outcomes (name text, first bigint, failed bigint, outcome text);
	-- One call, with the allocations from the first-th on refused, and then again as it is; both in a
	-- subtransaction that is rolled back where the call fails.
	CREATE FUNCTION try(what calls, first bigint, how_many bigint, libraries text) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		held holder := sign_in();
		outcome text;
		counted bigint;
		refused bigint;
	BEGIN
		IF what.before IS NOT NULL THEN
			EXECUTE what.before USING held;
		END IF;
		BEGIN
			PERFORM fail_allocations(first, how_many, libraries);
			EXECUTE what.call INTO counted USING held;
			refused := stop_failing();
			outcome := CASE WHEN counted > 0 THEN 'answered' ELSE 'answered, but wrong' END;
		EXCEPTION WHEN OTHERS THEN
			refused := stop_failing();
			outcome := SQLSTATE || CASE WHEN SQLSTATE <> '53200' THEN ' ' || SQLERRM ELSE '' END;
		END;
		IF outcome <> 'answered' THEN
			EXECUTE what.call INTO counted USING held;
			IF counted = 0 THEN
				outcome := outcome || ', and the next call does nothing';
			END IF;
		END IF;
		INSERT INTO outcomes VALUES (what.name, first, refused, outcome);
		RETURN refused;
	EXCEPTION WHEN OTHERS THEN
		PERFORM stop_failing();
		INSERT INTO outcomes VALUES (what.name, first, refused,
			coalesce(outcome, 'before the call') || ', and the next call fails: ' || SQLERRM);
		RETURN refused;
	END $$;
	-- Each of its allocations in turn
	CREATE PROCEDURE try_each(how_many bigint, libraries text) LANGUAGE plpgsql AS $$
	DECLARE
		what calls;
		first bigint;
	BEGIN
		FOR what IN SELECT * FROM calls ORDER BY name LOOP
			first := 0;
			WHILE try(what, first, how_many, libraries) > 0 LOOP
				COMMIT;
				first := first + 1;
				-- Lists would grow with each try, and with them what they allocate.
				DELETE FROM session_service.sessions;
				DELETE FROM session_service.events;
				COMMIT;
			END LOOP;
			COMMIT;
		END LOOP;
	END $$;
});

sub quoted
{
	return map { defined $_ ? "'" . s/'/''/gr . "'" : 'NULL' } @_;
}
$node->safe_psql(
	'postgres',
	join "\n",
	map {
		sprintf 'INSERT INTO calls VALUES (%s, %s, %s);',
		  quoted($_, map { defined $_ ? s/\bh\.(?=\w)/(\$1)./gr : $_ } $before{$_}, $calls{$_})
	} sort keys %calls);

my $bad = q{SELECT coalesce(string_agg(DISTINCT format('%s: %s', name, outcome), E'\n'), '') FROM outcomes
	WHERE outcome NOT IN ('answered', '53200') OR (failed = 0 AND outcome <> 'answered')};

sub try_each
{
	my ($name, $how_many, $libraries) = @_;
	my $answer = $node->safe_psql(
		'postgres', qq{
		-- For this the server allocates once, and has another error where it cannot. An argument has it.
		SELECT 'epoch'::timestamptz \\g /dev/null
		TRUNCATE outcomes;
		CALL try_each($how_many, '$libraries');
		SELECT memory_in_use() AS before \\gset
		CALL try_each($how_many, '$libraries');
		SELECT memory_in_use() - :before;
		SELECT count(*) FROM pg_locks
		WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid' AND relation <> 'pg_locks'::regclass;
		SELECT sum(failed), count(*) FILTER (WHERE outcome = '53200') FROM outcomes;
		$bad;
	});
	my ($grown, $locks, $counts, @wrong) = split /\n/, $answer;
	my ($failed, $errors) = split /\|/, $counts;
	is(join("\n", @wrong), '', "$name: 53200 or the answer, and the next call works");
	cmp_ok($grown, '<', 65536, "$name: the second time, no more memory in use");
	is($locks, 0, "$name: nothing stays locked");
	cmp_ok($errors, '>', 0, "$name: calls have failed");
	counted("$name: $failed allocations refused, $errors calls failed, of " . @functions . ' functions');
	return;
}

try_each('one allocation', 1, $ours);
try_each('all from one on', 1_000_000, $ours);
try_each('the server', 1, 'postgres');

# --- the first call of a connection, which fetches the algorithms

# Each such fetch takes hundreds of allocations: after the first ones not every one with every run. In the long
# form these functions get every one, and all others are tried in the same steps.
my $steps = 25;
my %stride = map { $_ => extent($steps, 1) }
  qw(hash_token user_uuid_from_text create_session refresh_session generate_token get_session);
my @first_functions = extent([ sort keys %stride ], \@functions)->@*;
$node->safe_psql('postgres', 'CREATE TABLE held AS SELECT * FROM sign_in()');
my %first_calls =
  map { $_ => $calls{$_} =~ s/^SELECT count\(\*\) FROM/SELECT count(*) FROM held h, LATERAL/r } @first_functions;
my %expected = map { $_ => $node->safe_psql('postgres', "BEGIN; $first_calls{$_}; ROLLBACK") } @first_functions;
# libcrypto ends the process where the first allocations of all that it makes are refused. Most servers make them as
# they start; those without OpenSSL, or with a libcrypto of their own, leave them to us.
sub libcryptos
{
	my ($before) = @_;
	return $node->safe_psql(
		'postgres', qq{$before
		SELECT string_agg(DISTINCT name[1], ' ')
		FROM regexp_matches(pg_read_file('/proc/self/maps'), '/\\S*libcrypto\\S*', 'g') name}
	);
}
my $is_awake = libcryptos('') eq libcryptos(q{LOAD 'session_service';});
my $wake_libcrypto = $is_awake ? '' : q{SELECT session_service.hash_token('') \g /dev/null};
my ($tried, $errors, @wrong) = (0, 0);
for my $name (sort keys %first_calls)
{
	for my $how_many (1, 1_000_000)
	{
		my ($first, $refused) = (0, 1);
		while ($refused)
		{
			my $apart = $first == 0 ? 1 : $stride{$name} // $steps;
			# Outside any subtransaction; the second call of the connection works.
			my $script = join "\n", map {
				qq{
				\\c
				LOAD 'session_service';
				$wake_libcrypto
				BEGIN;
				SELECT fail_allocations($_, $how_many, '$ours') \\g /dev/null
				$first_calls{$name} \\g /dev/null
				\\set state :SQLSTATE
				\\unset count
				ROLLBACK;
				SELECT stop_failing() AS refused \\gset
				BEGIN;
				$first_calls{$name} \\gset
				\\set second :SQLSTATE
				ROLLBACK;
				\\echo $_ :state :refused :count :second}
			} map { $first + $apart * $_ } 0 .. 19;
			my ($status, $stdout, $stderr) = $node->psql('postgres', $script, on_error_stop => 0);
			is($status, 0, "$name, $how_many from $first on: the connections last") or diag($stderr);
			for my $line (split /\n/, $stdout)
			{
				(my $number, my $state, $refused, my $count, my $second) = split / /, $line;
				last if !$refused;
				$tried++;
				$errors++ if $state ne '00000';
				push @wrong, "$name, $how_many from $number on: $state, then $second $count"
				  if $state !~ /^(?:00000|53200)$/ || $count ne $expected{$name};
			}
			last if $status != 0;
			$first += 20 * $apart;
		}
	}
}
is(join("\n", @wrong), '', 'the first call of a connection: 53200 or the answer, and the next call works');
cmp_ok($errors, '>', 0, 'calls have failed');
counted("$tried first calls of a connection, of "
	  . @first_functions
	  . " functions, with allocations refused, $errors of them failed");

my ($crash) = PostgreSQL::Test::Utils::slurp_file($node->logfile) =~ /^(.*(?:PANIC|TRAP|terminated by signal).*)$/m;
is($crash, undef, 'no process crashed');

$node->stop;
done_testing();
