# Errors and refusals leave nothing behind in the connection that meets them: every way in which a call can fail, or
# answer "no", many times over in one backend, whose memory must not grow.
use strict;
use warnings;

use Test::More;

use Client;
use Extent;
use PostgreSQL::Test::Utils ();
use SessionNode;

my $calls = extent(12_000, 100_000);

my $node = SessionNode->new('error_paths');
$node->init;
# Each error is logged with what led to it, which is not what is looked at.
$node->append_conf('postgresql.conf', "autovacuum = off\nlog_statement = none\nlog_min_messages = fatal\nmax_prepared_transactions = 1");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION session_service;
	CREATE ROLE nobody_in_particular;
	CREATE TABLE held AS SELECT c.*, user_id FROM session_service.create_session('00000000-0000-4000-8000-00000000000a') c, session_service.get_session(session_id);
	CREATE TABLE paths (number serial, state text, call text);
	CREATE FUNCTION long(length integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT repeat('x', length) $$;
});

# 00000: no error, and no answer. $TOKEN and the like stand for those of a live session.
my @paths = (
	[ '22004', 'create_session(NULL)' ],
	[ '22004', q{create_session(gen_random_uuid(), scopes => ARRAY['a', NULL])} ],
	[ '22004', 'set_session_scopes($SESSION, ARRAY[NULL])' ],
	[ '22004', 'revoke_session(NULL)' ],
	[ '22004', 'list_user_sessions(NULL)' ],
	[ '22004', 'get_user_session(NULL, NULL)' ],
	[ '22004', 'revoke_device_sessions(NULL, NULL)' ],
	[ '22004', 'import_session(NULL, NULL, NULL)' ],
	[ '22004', 'grant_access(NULL, NULL)' ],
	[ '22001', 'create_session(gen_random_uuid(), long(256))' ],
	[ '22001', 'create_session(gen_random_uuid(), long(1000000))' ],
	[ '22001', 'create_session(gen_random_uuid(), user_agent => long(2049))' ],
	[ '22001', 'create_session(gen_random_uuid(), device_key => long(513))' ],
	[ '22001', q{create_session(gen_random_uuid(), scopes => array_fill('a'::text, '{101}'))} ],
	[ '22001', 'create_session(gen_random_uuid(), scopes => ARRAY[long(256)])' ],
	[ '22001', 'create_session(gen_random_uuid(), metadata => to_jsonb(long(9000)))' ],
	[ '22001', 'refresh_session($REFRESH_TOKEN, user_agent => long(2049))' ],
	[ '22001', 'set_session_metadata($SESSION, to_jsonb(long(9000)))' ],
	[ '22001', 'revoke_session_by_token($TOKEN, long(256))' ],
	[ '22001', 'revoke_all_user_sessions($USER, long(256))' ],
	[ '22001', 'mark_mfa_verified_by_token($TOKEN, long(65))' ],
	[ '22001', 'rename_device($USER, $DEVICE, long(256))' ],
	[ '22023', q{create_session(gen_random_uuid(), scopes => '{"a b"}')} ],
	[ '22023', q{create_session(gen_random_uuid(), session_expiry => '0')} ],
	[ '22023', q{extend_session($SESSION, '-1 day')} ],
	[ '22023', 'set_user_session_limit($USER, -1)' ],
	[ '22023', q{cleanup_sessions('-1 day')} ],
	[ '22023', 'generate_token(15)' ],
	[ '22023', q{grant_access('nobody_in_particular', 'king')} ],
	[ '42704', q{grant_access('no_such_role', 'validate')} ],
	[ '22P02', q{validate_session_hash($SESSION, 'no hash')} ],
	[ '22P02', q{validate_session_hash($SESSION, long(100000)::token_hash)} ],
	[ '22P02', q{validate_session_hash($SESSION, '\x00'::bytea::token_hash)} ],
	[ '53400', 'create_session($USER)', q{SET LOCAL session_service.max_per_user = 1; SET LOCAL session_service.limit_policy = 'reject'} ],
	[ '42501', 'session_service.hash_token($TOKEN)', 'SET LOCAL ROLE nobody_in_particular' ],
	(map { [ '25006', $_, 'SET LOCAL transaction_read_only = on' ] } 'create_session(gen_random_uuid())', 'refresh_session($REFRESH_TOKEN)', 'rotate_session_token($TOKEN)',
		'revoke_session($SESSION)', 'revoke_all_user_sessions($USER)', q{set_session_scopes($SESSION, '{}')}, 'cleanup_sessions()', 'delete_user($USER)', 'touch_sessions(ARRAY[$SESSION]::uuid[])'),
	(map { my $token = $_; map { [ '00000', "$_($token)" ] } qw(validate_session refresh_session rotate_session_token introspect_token revoke_session_by_token authenticate token_session_id) }
		'NULL', q{''}, q{'sst_'}, 'overlay($TOKEN PLACING \'x\' FROM 60)', 'overlay($REFRESH_TOKEN PLACING \'x\' FROM 60)', 'repeat($TOKEN, 1000)', q{'anything'}, q{E'\x01\x7f'}),
	[ '00000', 'validate_sessions(ARRAY[NULL, $REFRESH_TOKEN, long(1000)])' ],
	[ '00000', 'revoke_session(gen_random_uuid())' ],
	[ '00000', 'get_session(gen_random_uuid())' ],
	[ '00000', 'extend_session(gen_random_uuid())' ],
	[ '00000', 'trust_device($USER, gen_random_uuid())' ],
	[ '00000', 'list_user_sessions(gen_random_uuid())' ]);

my %values = ('$TOKEN' => 'token', '$REFRESH_TOKEN' => 'refresh_token', '$SESSION' => 'session_id', '$USER' => 'user_id', '$DEVICE' => 'device_id');
for my $path (@paths)
{
	my ($state, $call, $before) = @$path;
	my $statement = ($before ? "$before; " : '') . "SELECT count(*) FROM $call";
	my @arguments = map { $values{$_} } $statement =~ /(\$[A-Z_]+)/g;
	$statement =~ s/%/%%/g;
	$statement =~ s/\$[A-Z_]+/%L/g;
	$statement =~ s/'/''/g;
	$node->safe_psql('postgres', "INSERT INTO paths (state, call) SELECT '$state', " . (@arguments ? "format('$statement', " . join(', ', @arguments) . ') FROM held' : "'" . $statement =~ s/%%/%/gr . "'"));
}

$node->safe_psql('postgres', q{
	-- Each way so many times, with the errors caught in subtransactions. Returns those that end otherwise.
	CREATE PROCEDURE meet(times integer, INOUT others text) LANGUAGE plpgsql AS $$
	DECLARE
		path paths;
		state text;
	BEGIN
		FOR time IN 1 .. times LOOP
			FOR path IN SELECT * FROM paths LOOP
				BEGIN
					EXECUTE path.call;
					state := '00000';
				EXCEPTION WHEN OTHERS THEN
					state := SQLSTATE;
				END;
				IF state <> path.state THEN
					others := concat_ws(E'\n', others, state || ': ' || path.call);
				END IF;
			END LOOP;
			COMMIT;
			EXIT WHEN others IS NOT NULL;
		END LOOP;
	END $$;
	CREATE FUNCTION memory(OUT contexts bigint, OUT anonymous bigint) LANGUAGE sql AS $$
		SELECT (SELECT sum(total_bytes) FROM pg_backend_memory_contexts),
		       (regexp_match(pg_read_file('/proc/self/status'), 'RssAnon:\s+(\d+)'))[1]::bigint * 1024
	$$;
});

sub no_growth
{
	my ($name, $before, $after) = @_;
	my @growth = map { $after->[$_] - $before->[$_] } 0, 1;
	cmp_ok($growth[0], '<', 65_536, "$name: no growth of its memory contexts");
	cmp_ok($growth[1], '<', 1_048_576, "$name: less than a megabyte more of its own memory");
	return;
}

my $client = Client->new($node);
$client->ask('SET search_path = session_service, public');
sub memory { return [ split /\|/, $client->ask('SELECT * FROM memory()') ]; }

# --- in subtransactions

my $times = int($calls / @paths);
is($client->ask('CALL meet(20, NULL)'), '', 'every way ends as it should');
my $before = memory();
is($client->ask("CALL meet($times, NULL)"), '', 'and each time');
no_growth('in subtransactions', $before, memory());
counted($times * @paths . ' failing calls in subtransactions, in ' . @paths . ' ways');

# --- each a transaction of its own

my $script = join "\n", map { my $call = $_; $call =~ /SET LOCAL/ ? "BEGIN; $call; ROLLBACK;" : "$call;" }
  split /\n/, $node->safe_psql('postgres', 'SELECT call FROM paths ORDER BY number');
$client->ask('\o /dev/null');
sub meet_directly
{
	my ($times) = @_;
	for (1 .. $times)
	{
		$client->send($script);
		$client->answer_and_errors;
	}
	return;
}
meet_directly(5);
$client->ask('\o');
$before = memory();
$client->ask('\o /dev/null');
$times = int($calls / 10 / @paths);
meet_directly($times);
$client->ask('\o');
no_growth('as transactions', $before, memory());
counted($times * @paths . ' as transactions of their own');

# Nothing of all that was done, and the connection is as good as new.
is($client->ask(q{SELECT count(*) FROM held, validate_session(token)}), 1, 'the session is as it was');
is($client->ask(q{SELECT count(*) FROM held, refresh_session(refresh_token)}), 1, 'and can be refreshed');
is($client->ask(q{SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid' AND relation <> 'pg_locks'::regclass}), 0, 'nothing is locked');
$client->close;
$node->stop;
done_testing();
