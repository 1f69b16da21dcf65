# Memory that runs out: each allocation in turn that the library or what it is linked with makes is refused (test/t/lib/
# failing_malloc.c), in each function. The call fails with 53200, or answers as ever; the next one works (but for the
# first call of a connection, below); nothing that the call would have changed is changed, and nothing is left
# locked or allocated.
use strict;
use warnings;

use MaxMind::DB::Writer::Tree;
use Test::More;

use Extent;
use PostgreSQL::Test::Utils ();
use SessionNode;

my $directory = PostgreSQL::Test::Utils::tempdir();

# --- the server

my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
chomp(my $include = `$pg_config --includedir-server`);
my $library = "$directory/failing_malloc.so";
system('cc', '-shared', '-fPIC', '-O1', '-fno-builtin', "-I$include", '-D_GNU_SOURCE', '-o', $library, 'test/t/lib/failing_malloc.c') == 0
  or BAIL_OUT('the failing malloc does not compile');

my $tree = MaxMind::DB::Writer::Tree->new(
	ip_version => 6, record_size => 24, database_type => 'Test-City', languages => ['en'], description => { en => 'Places for tests' },
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
	CREATE FUNCTION fail_allocations(first bigint, how_many bigint, libraries text) RETURNS void LANGUAGE C STRICT AS '$library';
	CREATE FUNCTION stop_failing() RETURNS bigint LANGUAGE C STRICT AS '$library';
	CREATE FUNCTION memory_in_use() RETURNS bigint LANGUAGE C STRICT AS '$library';
});
my $with_places = $node->safe_psql('postgres', q{
	SELECT i.country FROM session_service.create_session(gen_random_uuid(), ip_address => '198.51.100.1') c, session_service.get_session(c.session_id) i}) eq 'SE';

# What our library and those below it allocate; the server's own allocations are another test.
my $ours = 'session_service.so,libstdc++,libcrypto,libmaxminddb';

# --- the calls
#
# Of a session made for the call: $1 its token, $2 its refresh token, $3 its id, $4 its user's, $5 its device's. Each
# counts something that is not 0 where it did its work.

my %calls = (
	create_session => q{SELECT count(*) FROM session_service.create_session($4, 'a device', 'Mozilla/5.0 (Windows NT 10.0) Firefox/126.0', '198.51.100.1', '{read}', 'a key', '{"a": 1}')},
	validate_session => q{SELECT count(*) FROM session_service.validate_session($1, '198.51.100.2')},
	validate_session_hash => q{SELECT count(*) FROM session_service.validate_session_hash($3, session_service.hash_token($1))},
	validate_sessions => q{SELECT count(*) FROM session_service.validate_sessions(ARRAY[$1, $1])},
	authenticate => q{SELECT count(*) FROM session_service.authenticate($1)},
	introspect_token => q{SELECT (session_service.introspect_token($1)->>'active')::boolean::int},
	refresh_session => q{SELECT count(*) FROM session_service.refresh_session($2, '198.51.100.3', 'curl/8.0')},
	'refresh_session, retry' => q{SELECT count(*) FROM session_service.refresh_session($2) r, session_service.refresh_session($2) s WHERE s.token = r.token},
	rotate_session_token => q{SELECT count(*) FROM session_service.rotate_session_token($1)},
	extend_session => q{SELECT count(*) FROM session_service.extend_session($3)},
	revoke_session => q{SELECT session_service.revoke_session($3)::int},
	revoke_session_by_token => q{SELECT session_service.revoke_session_by_token($1)::int},
	revoke_all_user_sessions => q{SELECT session_service.revoke_all_user_sessions($4)},
	revoke_device_sessions => q{SELECT session_service.revoke_device_sessions($4, $5)},
	get_session => q{SELECT count(*) FROM session_service.get_session($3) WHERE country = 'SE' OR NOT WITH_PLACES},
	'get_session, a file newly opened' =>
	  q{SELECT count(*) FROM (SELECT set_config('session_service.geoip_database', 'PLACES', false)) a, session_service.get_session($3) WHERE country = 'SE' OR NOT WITH_PLACES},
	list_user_sessions => q{SELECT count(*) FROM session_service.list_user_sessions($4)},
	list_user_devices => q{SELECT count(*) FROM session_service.list_user_devices($4)},
	count_user_sessions => q{SELECT session_service.count_user_sessions($4)},
	mark_mfa_verified_by_token => q{SELECT session_service.mark_mfa_verified_by_token($1, 'totp')::int},
	set_session_scopes => q{SELECT session_service.set_session_scopes($3, '{write}')::int},
	set_session_metadata => q{SELECT session_service.set_session_metadata($3, '{"b": 2}')::int},
	touch_sessions => q{SELECT session_service.touch_sessions(ARRAY[$3])},
	trust_device => q{SELECT session_service.trust_device($4, $5)::int},
	forget_device => q{SELECT session_service.forget_device($4, $5)::int},
	set_user_session_limit => q{SELECT count(*) FROM (SELECT session_service.set_user_session_limit($4, 5)) a},
	user_epoch => q{SELECT count(*) FROM (SELECT session_service.user_epoch($4)) a},
	import_session => q{SELECT count(session_service.import_session(session_service.hash_token(reverse($1)), $4, now() + '1 day', session_service.hash_token(reverse($2))))},
	'refresh_session of an imported one' => q{SELECT count(*) FROM session_service.refresh_session(reverse($2))},
	delete_user => q{SELECT session_service.delete_user($4)},
	cleanup_sessions => q{SELECT count(*) FROM (SELECT session_service.cleanup_sessions('0')) a},
	list_events => q{SELECT count(*) FROM session_service.list_events($4)},
	hash_token => q{SELECT count(session_service.hash_token($1))},
	token_session_id => q{SELECT count(session_service.token_session_id($1))},
	generate_token => q{SELECT count(session_service.generate_token())},
	user_uuid_from_text => q{SELECT count(session_service.user_uuid_from_text('somebody'))},
	user_bucket => q{SELECT count(session_service.user_bucket($4))},
	describe_user_agent => q{SELECT count(*) FROM session_service.describe_user_agent('Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) Mobile/15E148')},
	token_hash => q{SELECT count(session_service.hash_token($1)::text::session_service.token_hash)},
	stats => q{SELECT count(*) FROM session_service.stats()});
s/WITH_PLACES/$with_places ? 'true' : 'false'/ge, s/PLACES/$places/g for values %calls;

# What comes before the call.
my %before = (
	'get_session, a file newly opened' => q{SELECT count(*) FROM (SELECT set_config('session_service.geoip_database', '', false)) a, session_service.get_session($3)},
	'refresh_session of an imported one' => q{SELECT session_service.import_session(session_service.hash_token(reverse($1)), $4, now() + '1 day', session_service.hash_token(reverse($2)))});

$node->safe_psql('postgres', q{
	CREATE TABLE calls (name text, before text, call text);
	CREATE TABLE outcomes (name text, first bigint, failed bigint, outcome text);
	-- One call, with the allocations from the first-th on refused, and then again as it is; both in a
	-- subtransaction that is rolled back where the call fails.
	CREATE FUNCTION try(what calls, first bigint, how_many bigint, libraries text) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		held record;
		outcome text;
		counted bigint;
		refused bigint;
	BEGIN
		SELECT *, gen_random_uuid() AS user_id INTO held FROM session_service.create_session('00000000-0000-4000-8000-000000000000', ip_address => '198.51.100.1');
		SELECT user_id INTO held.user_id FROM session_service.get_session(held.session_id);
		IF what.before IS NOT NULL THEN
			EXECUTE what.before USING held.token, held.refresh_token, held.session_id, held.user_id, held.device_id;
		END IF;
		BEGIN
			PERFORM fail_allocations(first, how_many, libraries);
			EXECUTE what.call INTO counted USING held.token, held.refresh_token, held.session_id, held.user_id, held.device_id;
			refused := stop_failing();
			outcome := CASE WHEN counted > 0 THEN 'answered' ELSE 'answered, but wrong' END;
		EXCEPTION WHEN OTHERS THEN
			refused := stop_failing();
			outcome := SQLSTATE || CASE WHEN SQLSTATE <> '53200' THEN ' ' || SQLERRM ELSE '' END;
		END;
		IF outcome <> 'answered' THEN
			EXECUTE what.call INTO counted USING held.token, held.refresh_token, held.session_id, held.user_id, held.device_id;
			IF counted = 0 THEN
				outcome := outcome || ', and the next call does nothing';
			END IF;
		END IF;
		INSERT INTO outcomes VALUES (what.name, first, refused, outcome);
		RETURN refused;
	EXCEPTION WHEN OTHERS THEN
		PERFORM stop_failing();
		INSERT INTO outcomes VALUES (what.name, first, refused, outcome || ', and the next call fails: ' || SQLERRM);
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
			END LOOP;
			DELETE FROM session_service.sessions;
			COMMIT;
		END LOOP;
	END $$;
});
sub quoted { return map { defined $_ ? "'" . s/'/''/gr . "'" : 'NULL' } @_; }
$node->safe_psql('postgres', join "\n",
	map { sprintf 'INSERT INTO calls VALUES (%s, %s, %s);', quoted($_, $before{$_}, $calls{$_}) } sort keys %calls);

my $bad = q{SELECT coalesce(string_agg(DISTINCT format('%s: %s', name, outcome), E'\n'), '') FROM outcomes WHERE outcome NOT IN ('answered', '53200') OR (failed = 0 AND outcome <> 'answered')};

sub try_each
{
	my ($name, $how_many, $libraries) = @_;
	my $answer = $node->safe_psql(
		'postgres', qq{
		TRUNCATE outcomes;
		CALL try_each($how_many, '$libraries');
		SELECT memory_in_use() AS before \\gset
		CALL try_each($how_many, '$libraries');
		SELECT memory_in_use() - :before;
		SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid' AND relation <> 'pg_locks'::regclass;
		SELECT sum(failed), count(*) FILTER (WHERE outcome = '53200') FROM outcomes;
		$bad;
	});
	my ($grown, $locks, $counts, @wrong) = split /\n/, $answer;
	my ($failed, $errors) = split /\|/, $counts;
	is(join("\n", @wrong), '', "$name: 53200 or the answer, and the next call works");
	cmp_ok($grown, '<', 65536, "$name: the second time, no more memory in use");
	is($locks, 0, "$name: nothing stays locked");
	cmp_ok($errors, '>', 0, "$name: calls have failed");
	counted("$name: $failed allocations refused, $errors calls failed");
	return;
}

try_each('one allocation', 1, $ours);
try_each('all from one on', 1_000_000, $ours);
try_each('the server', 1, 'postgres');

# --- the first call of a connection, which fetches the algorithms

# Each such fetch takes hundreds of allocations: after the first ones not every one with every run.
my $stride = extent(25, 1);

my %first_calls = (
	hash_token => q{SELECT count(session_service.hash_token('x'))},
	user_uuid_from_text => q{SELECT count(session_service.user_uuid_from_text('x'))},
	create_session => q{SELECT count(*) FROM session_service.create_session(gen_random_uuid(), ip_address => '198.51.100.1')},
	refresh_session => q{SELECT count(*) FROM held, session_service.refresh_session(refresh_token)},
	generate_token => q{SELECT count(session_service.generate_token())},
	get_session => q{SELECT count(*) FROM held, session_service.get_session(session_id)});
$node->safe_psql('postgres', q{CREATE TABLE held AS SELECT * FROM session_service.create_session(gen_random_uuid(), ip_address => '198.51.100.1')});
my ($tried, $errors, @wrong) = (0, 0);
for my $name (sort keys %first_calls)
{
	for my $how_many (1, 1_000_000)
	{
		my ($first, $refused) = (0, 1);
		while ($refused)
		{
			my $apart = $first == 0 ? 1 : $stride;
			# Outside any subtransaction; the second call of the connection works.
			my $script = join "\n", map { qq{
				\\c
				LOAD 'session_service';
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
				\\echo $_ :state :refused :count :second} } map { $first + $apart * $_ } 0 .. 19;
			my ($status, $stdout, $stderr) = $node->psql('postgres', $script, on_error_stop => 0);
			is($status, 0, "$name, $how_many from $first on: the connections last") or diag($stderr);
			for my $line (split /\n/, $stdout)
			{
				(my $number, my $state, $refused, my $count, my $second) = split / /, $line;
				last if !$refused;
				$tried++;
				$errors++ if $state ne '00000';
				push @wrong, "$name, $how_many from $number on: $state, then $second $count" if $state !~ /^(?:00000|53200)$/ || $count ne 1;
			}
			last if $status != 0;
			$first += 20 * $apart;
		}
	}
}
is(join("\n", @wrong), '', 'the first call of a connection: 53200 or the answer, and the next call works');
cmp_ok($errors, '>', 0, 'calls have failed');
counted("$tried first calls of a connection with allocations refused, $errors of them failed");

my ($crash) = PostgreSQL::Test::Utils::slurp_file($node->logfile) =~ /^(.*(?:PANIC|TRAP|terminated by signal).*)$/m;
is($crash, undef, 'no process crashed');

$node->stop;
done_testing();
