# Errors and refusals leave nothing behind in the connection that meets them: each function with each argument that
# can be refused, or to which the answer is "no", by a caller who may not call it, and where nothing may be written,
# many times over in one backend, whose memory must not grow.
use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Client;
use EveryFunction;
use Extent;
use PostgreSQL::Test::Utils ();
use SessionNode;

my $calls = extent(12_000, 100_000);

my $node = SessionNode->new('error_paths');
$node->init;
# Each error is logged with what led to it, which is not what is looked at.
$node->append_conf('postgresql.conf',
	"autovacuum = off\nlog_statement = none\nlog_min_messages = fatal\nmax_prepared_transactions = 1");
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION session_service;
	CREATE ROLE nobody_in_particular;
	GRANT USAGE ON SCHEMA session_service TO nobody_in_particular;
	CREATE TABLE held AS
	SELECT c.*, user_id, 'a key' AS device_key, 'nobody_in_particular' AS role,
		'a new token' AS new_token, 'a new refresh token' AS new_refresh_token
	FROM session_service.create_session('00000000-0000-4000-8000-00000000000a', device_key => 'a key') c,
		session_service.get_session(session_id);
	CREATE TABLE paths (number serial, state text, call text);
});

EveryFunction::read($node);
my %held = %{ JSON::PP::decode_json($node->safe_psql('postgres', 'SELECT to_json(h) FROM held h')) };
my %values = map { $_ => "'$held{$_}'" . (/_id$/ ? '::uuid' : '') } grep { defined $held{$_} } keys %held;

# The SQLSTATE and the call; 00000 where there is no error, and no answer.
my @paths;
my %ways;
for my $name (EveryFunction::names(qw(reads writes own type)))
{
	my $good = EveryFunction::call_with($name, \%values);
	push @paths, EveryFunction::failing_calls($name, \%values),
	  [ '42501', $good, 'SET LOCAL ROLE nobody_in_particular' ];
	push @paths, [ '25006', $good, 'SET LOCAL transaction_read_only = on' ]
	  if grep { $_ eq $name } EveryFunction::names('writes');
	$ways{$name} = 1;
}
push @paths,
  [
	'53400',
	"session_service.create_session($values{user_id})",
	q{SET LOCAL session_service.max_per_user = 1; SET LOCAL session_service.limit_policy = 'reject'}
  ],
  [
	'53400',
	EveryFunction::call_with('import_session', \%values),
	q{SET LOCAL session_service.max_per_user = 1; SET LOCAL session_service.limit_policy = 'reject'}
  ];
$node->safe_psql(
	'postgres',
	join '',
	map {
		my ($state, $call, $before) = @$_;
		sprintf "INSERT INTO paths (state, call) VALUES ('%s', \$path\$%sSELECT count(*) FROM %s\$path\$);\n", $state,
		  $before ? "$before; " : '', $call
	} @paths);

$node->safe_psql(
	'postgres', q{
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
sub memory { return [ split /\|/, $client->ask('SELECT * FROM memory()') ]; }

# --- in subtransactions

my $times = int($calls / @paths);
is($client->ask('CALL meet(20, NULL)'), '', 'every way ends as it should');
my $before = memory();
is($client->ask("CALL meet($times, NULL)"), '', 'and each time');
no_growth('in subtransactions', $before, memory());
counted(
	$times * @paths . ' failing calls in subtransactions, in ' . @paths . ' ways, of ' . keys(%ways) . ' functions');

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
is($client->ask(q{SELECT count(*) FROM held, session_service.validate_session(token)}), 1, 'the session is as it was');
is($client->ask(q{SELECT count(*) FROM held, session_service.refresh_session(refresh_token)}),
	1, 'and can be refreshed');
is( $client->ask(
		q{SELECT count(*) FROM pg_locks
		WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid' AND relation <> 'pg_locks'::regclass}
	),
	0,
	'nothing is locked');
$client->close;
$node->stop;
done_testing();
