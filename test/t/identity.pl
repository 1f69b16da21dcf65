# Identity for row-level security: authenticate binds it to the rest of the transaction, savepoint-exact,
# nothing else can, and parallel workers have it too.
use strict;
use warnings;

use Test::More;

use SessionNode;

my $node = SessionNode->new('identity');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
max_prepared_transactions = 2
max_parallel_workers = 4
max_worker_processes = 8
});
$node->start;

# Ada has scopes and passed multi-factor authentication, Bob has neither.
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION session_service;
	CREATE TABLE known AS
	SELECT name, session_id, user_id, scopes, name = 'ada' AS mfa, metadata, token
	FROM (VALUES ('ada', 'ada00000-0000-4000-8000-000000000001'::uuid, '{read,write}'::text[], '{"of": "a {b} é"}'::jsonb),
	             ('bob', 'b0b00000-0000-4000-8000-000000000002', '{}', '{}')) given (name, user_id, scopes, metadata),
	     session_service.create_session(user_id, scopes => scopes, metadata => metadata);
	SELECT session_service.mark_mfa_verified(session_id) FROM known WHERE mfa;

	-- The one whom all functions agree on.
	CREATE FUNCTION who() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE BEGIN ATOMIC
		SELECT coalesce(
			(SELECT name FROM known
			 WHERE session_id = session_service.current_session_id() AND user_id = session_service.current_user_id()
			   AND scopes = session_service.current_scopes() AND mfa = session_service.is_mfa_verified()
			   AND metadata = session_service.current_metadata() AND mfa = session_service.is_mfa_verified('1 hour')
			   AND session_service.is_authenticated_within('1 hour')
			   AND session_service.has_scope('read') = ('read' = ANY (scopes)) AND NOT session_service.has_scope('rea')
			   AND NOT session_service.has_scope('') AND NOT session_service.has_scope(NULL)),
			CASE WHEN session_service.current_session_id() IS NULL AND session_service.current_user_id() IS NULL
			      AND session_service.current_scopes() IS NULL AND NOT session_service.is_mfa_verified()
			      AND session_service.current_metadata() IS NULL AND NOT session_service.is_authenticated_within('1 hour')
			      AND NOT session_service.has_scope('read') AND NOT session_service.has_scope('')
			     THEN 'nobody' ELSE 'a mixture' END);
	END;
	GRANT SELECT ON known TO PUBLIC;

	CREATE ROLE client LOGIN;
	SELECT session_service.grant_access('client', 'validate')});

my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my %token = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT name, token FROM known');

# <name> in a script is that one's authenticate, <bad> one with a token of nobody's, and ? asks who it is.
sub expand
{
	my $script = shift;
	$script =~
	  s{<(\w+)>}{sprintf "SELECT * FROM session_service.authenticate('%s') \\g /dev/null\n", $token{$1} // 'nonsense'}ge;
	$script =~ s/\?/SELECT who();\n/g;
	return $script;
}

# Runs a script in a connection of its own, as the unprivileged role; returns what it printed, and its errors.
sub run
{
	my ($script, %options) = @_;
	my ($status, $stdout, $stderr) = $node->psql(
		'postgres', expand($script),
		on_error_stop => 0,
		extra_params => [ '-U', $options{role} // 'client', '-v', 'VERBOSITY=verbose' ]);
	return (join(' ', split(/\n/, $stdout)), $stderr);
}

sub says
{
	my ($script, $expected, $name) = @_;
	my ($answers, $errors) = run($script);
	is($answers, $expected, $name) or diag($errors);
	return;
}

# --- the end of the transaction

says('? BEGIN; ? <ada> ? COMMIT; ?', 'nobody nobody ada nobody', 'from authenticate to COMMIT');
says('BEGIN; <ada> ? ROLLBACK; ?', 'ada nobody', 'to ROLLBACK');
says('BEGIN; <ada> ? SELECT 1/0; COMMIT; ?', 'ada nobody', 'to an error');
says('<ada> ?', 'nobody', 'without a block, to the end of the statement');
says('BEGIN; <ada> COMMIT AND CHAIN; ? COMMIT;', 'nobody', 'not into a chained transaction');
says('BEGIN; <ada> ROLLBACK AND CHAIN; ? COMMIT;', 'nobody', 'nor one after ROLLBACK');
says("BEGIN; <ada> PREPARE TRANSACTION 'p'; ? COMMIT PREPARED 'p'; ?", 'nobody nobody', 'not past PREPARE TRANSACTION');
says("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY; <ada> ? COMMIT; ?", 'ada nobody', 'in a read-only transaction too');
my $is_ada = "PERFORM session_service.authenticate('$token{ada}');";
says("DO \$\$ BEGIN $is_ada ASSERT who() = 'ada'; COMMIT; RAISE WARNING '%', who(); END \$\$; ?",
	'nobody', 'to a COMMIT within a procedure');
like(
	(run("DO \$\$ BEGIN $is_ada COMMIT; RAISE WARNING 'it is %', who(); END \$\$"))[1],
	qr/it is nobody/,
	'as the procedure itself sees');
says(
	"BEGIN; SET LOCAL search_path = pg_temp, public; <ada> RESET search_path; ? SET ROLE client; ? COMMIT; ?",
	'ada ada nobody',
	'whatever other settings do');

# --- who follows whom

says('BEGIN; <ada> ? <bob> ? <ada> ? COMMIT; ?', 'ada bob ada nobody', 'the last authenticate counts');
says('BEGIN; <ada> <bad> ? COMMIT;', 'nobody', 'one that finds no session clears it');
says("BEGIN; <ada> SELECT * FROM session_service.authenticate(NULL) \\g /dev/null\n ? COMMIT;",
	'nobody', 'as does NULL');
says('BEGIN; <ada> RESET session_service.identity; ? COMMIT;', 'nobody', 'as does RESET');
says("BEGIN; <ada> SET LOCAL session_service.identity = ''; ? COMMIT; ?", 'nobody nobody', 'and setting it to nothing');
says(
	"BEGIN; <ada> SET session_service.identity = ''; ? <ada> ? COMMIT; ?",
	'nobody ada nobody',
	'after which authenticate is as before');
says("BEGIN; SET session_service.identity = ''; SAVEPOINT a; <ada> RELEASE a; ? COMMIT; ?",
	'ada nobody', 'also the other way round');

# --- savepoints

says(
	'BEGIN; <ada> SAVEPOINT a; <bob> ? ROLLBACK TO a; ? COMMIT; ?',
	'bob ada nobody',
	'a savepoint that is rolled back brings the earlier one back');
says('BEGIN; SAVEPOINT a; <bob> ROLLBACK TO a; ? COMMIT;', 'nobody', 'or nobody');
says('BEGIN; <ada> SAVEPOINT a; <bob> RELEASE a; ? COMMIT; ?', 'bob nobody', 'one that is released leaves its own');
says('BEGIN; <ada> SAVEPOINT a; <bad> ? ROLLBACK TO a; ? COMMIT;', 'nobody ada', 'also where it cleared it');
says('BEGIN; <ada> SAVEPOINT a; <bad> RELEASE a; ? COMMIT;', 'nobody', 'for good once released');
says(
	'BEGIN; <ada> SAVEPOINT a; RESET session_service.identity; ? ROLLBACK TO a; ? COMMIT; ?',
	'nobody ada nobody',
	'and by RESET');
says(
	'BEGIN; <ada> SAVEPOINT a; <bob> SAVEPOINT b; <ada> SAVEPOINT c; <bob> ? '
	  . 'ROLLBACK TO c; ? RELEASE b; ? ROLLBACK TO a; ? COMMIT; ?',
	'bob ada ada ada nobody',
	'nested ones');
says(
	'BEGIN; <ada> SAVEPOINT a; SAVEPOINT b; <bob> RELEASE b; ? ROLLBACK TO a; ? COMMIT; ?',
	'bob ada nobody',
	'one released into one that is rolled back');
says('BEGIN; SAVEPOINT a; <ada> SAVEPOINT b; <bob> SELECT 1/0; ROLLBACK TO b; ? ROLLBACK TO a; ? COMMIT;',
	'ada nobody', 'after an error');
says(
	"BEGIN; <ada> DO \$\$ BEGIN PERFORM session_service.authenticate('$token{bob}'); RAISE 'no'; "
	  . "EXCEPTION WHEN others THEN ASSERT who() = 'ada'; END \$\$; ? COMMIT;",
	'ada',
	'a block with EXCEPTION');

# A function with a SET clause of its own, as functions with the definer's rights have.
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION enter(token text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	AS $$ BEGIN PERFORM session_service.authenticate(token); END $$});
says(
	"BEGIN; SELECT enter('$token{ada}') \\g /dev/null\n ? SELECT enter('') \\g /dev/null\n ? COMMIT; ?",
	'ada nobody nobody',
	'a function with settings of its own leaves it in force');

# --- as of the authenticate

$node->safe_psql(
	'postgres', q{
	INSERT INTO known SELECT 'eve', session_id, user_id, '{}', false, '{}', token
	FROM (SELECT gen_random_uuid() AS user_id OFFSET 0) given, session_service.create_session(user_id)});
$token{eve} = $node->safe_psql('postgres', q{SELECT token FROM known WHERE name = 'eve'});
my $sign_out = "SELECT session_service.revoke_session(session_service.current_session_id()) \\g /dev/null\n";
my $opens = "SELECT count(*) FROM session_service.validate_session('$token{eve}')";
is((run("BEGIN; <eve> $sign_out ? $opens; COMMIT; BEGIN; <eve> ? COMMIT;", role => $superuser))[0],
	'eve 0 nobody', 'a revocation ends it at the next authenticate');

# --- nothing else sets it

# What a true identity looks like is the best forgery.
my $forged = (run("BEGIN; <ada> SHOW session_service.identity; COMMIT;"))[0];
my $hash = $node->safe_psql('postgres', "SELECT session_service.hash_token('$token{ada}')");
my ($session_id, $user_id) = map { s/-//gr } split /\|/,
  $node->safe_psql('postgres', q{SELECT session_id, user_id FROM known WHERE name = 'ada'});
like(
	$forged,
	qr/^${session_id}${user_id}[0-9a-f]{32}read write \{"of": "a \{b\} é"\}$/,
	'SHOW tells ids, times, scopes and metadata');
unlike($forged, qr/\Q$token{ada}\E|\Q$hash\E/, 'and no secret');
my $showing = qq{SELECT count(*) FROM pg_settings
	WHERE name LIKE 'session\\_service.identity' OR position('$session_id' IN setting) > 0};
is((run("BEGIN; <ada> $showing; COMMIT;"))[0], 0, 'pg_settings does not show it');
unlike((run('BEGIN; <ada> SHOW ALL; COMMIT;'))[0], qr/session_service\.identity|$session_id/, 'nor does SHOW ALL');

# A connection whose library is loaded already, and one that has the name as a placeholder until then.
my %states = ('loaded' => '?', 'not loaded' => '');
my %ways = (
	'SET' => "SET session_service.identity = '$forged';",
	'SET SESSION' => "SET SESSION session_service.identity TO '$forged';",
	'SET LOCAL' => "BEGIN; SET LOCAL session_service.identity = '$forged'; ? COMMIT;",
	'SET in a transaction' => "BEGIN; SET session_service.identity = '$forged'; ? COMMIT;",
	'SET under a savepoint' =>
	  "BEGIN; SET session_service.identity = '$forged'; SAVEPOINT a; SET LOCAL session_service.identity = 'x'; ? "
	  . 'ROLLBACK TO a; ? COMMIT;',
	'SET LOCAL under a savepoint' =>
	  "BEGIN; SET LOCAL session_service.identity = '$forged'; SAVEPOINT a; ? ROLLBACK TO a; ? COMMIT;",
	'set_config' => "SELECT set_config('session_service.identity', '$forged', false) \\g /dev/null\n",
	'set_config for the transaction' =>
	  "BEGIN; SELECT set_config('session_service.identity', '$forged', true) \\g /dev/null\n ? COMMIT;",
	'another case' => "SET \"Session_Service.IDENTITY\" = '$forged';",
	'a function clause' => 'SELECT forging() \g /dev/null' . "\n",
	'a function clause that keeps' => 'BEGIN; SELECT keeping() \g /dev/null' . "\n ? COMMIT;",
	'SET FROM CURRENT' => 'BEGIN; <ada> SET session_service.identity FROM CURRENT; COMMIT;',
	'UPDATE of pg_settings' => "UPDATE pg_settings SET setting = '$forged' WHERE name = 'session_service.identity';");
$node->safe_psql(
	'postgres', qq{
	GRANT CREATE ON SCHEMA public TO client;
	CREATE TABLE seen (who text);
	GRANT SELECT, INSERT ON seen TO client;
	CREATE FUNCTION keeping() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN
		RETURN set_config('session_service.identity', '$forged', false); END \$\$});
# Where the library is not loaded, a superuser may write this; others may not.
run("CREATE FUNCTION forging() RETURNS text LANGUAGE plpgsql SET session_service.identity = '$forged' AS \$\$ BEGIN
		INSERT INTO seen VALUES (who()); RETURN who(); END \$\$;", role => $superuser);
for my $state (sort keys %states)
{
	for my $way (sort keys %ways)
	{
		my ($answers, $errors) = run("$states{$state} $ways{$way} ?");
		like($answers, qr/^(nobody ?)+$/, "$state: $way gives nobody") or diag($errors);
		like($errors, qr/42501: .*parameter "session_service.identity" cannot be set/, "$state: and says so")
		  unless $way =~ /UPDATE/;
	}
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM seen WHERE who <> 'nobody'}), 0, 'the function saw nobody');

# Identity of another at the time of the forgery: it stays.
like(
	(run("BEGIN; <bob> SAVEPOINT a; SET LOCAL session_service.identity = '$forged'; ROLLBACK TO a; ? COMMIT; ?"))[0],
	qr/^bob nobody$/,
	'a refused SET changes nothing');

# A function made in a transaction that has an identity keeps no more than its text.
run(q{BEGIN; <ada>
	CREATE FUNCTION current() RETURNS text LANGUAGE sql SET session_service.identity FROM CURRENT AS $$ SELECT who() $$;
	COMMIT;});
my ($answers, $errors) =
  run("SELECT current() \\g /dev/null\n BEGIN; <bob> SAVEPOINT a; SELECT current(); ROLLBACK TO a; ? COMMIT; ?");
is($answers, 'bob nobody', 'SET FROM CURRENT of a function gives nobody the identity of another time');

# --- settings of roles, databases, connections and the server

# With workers too, which take over what their leader has.
my $parallel = q{SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;
};
$node->safe_psql(
	'postgres', q{
	CREATE TABLE notes (owner uuid NOT NULL, n integer NOT NULL) WITH (parallel_workers = 2);
	INSERT INTO notes SELECT user_id, n FROM known, generate_series(1, 20000) n WHERE name IN ('ada', 'bob');
	ANALYZE notes;
	ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON notes USING (owner = session_service.current_user_id());
	GRANT SELECT ON notes TO client});

sub gives_nobody
{
	my $name = shift;
	my ($answers, $errors) = run(
		"$parallel SELECT count(*) FROM notes; ? BEGIN; ? RESET session_service.identity; ? <bob> ? COMMIT; RESET ALL; ?"
	);
	is($answers, '0 nobody nobody nobody bob nobody', "$name gives nobody, in workers neither") or diag($errors);
	return;
}

for my $target ('ROLE client', 'ROLE ALL', 'DATABASE postgres', 'ROLE client IN DATABASE postgres')
{
	# Before the library is loaded, a superuser may.
	$node->safe_psql('postgres', "ALTER $target SET session_service.identity = '$forged'");
	gives_nobody("ALTER $target SET");
	my (undef, $errors) = run("? ALTER $target SET session_service.identity = '$forged'", role => $superuser);
	like($errors, qr/42501: .*cannot be set/, "ALTER $target SET is refused once the library is loaded");
	$node->safe_psql('postgres', "ALTER $target RESET session_service.identity");
}
like((run("$_ ALTER ROLE client SET session_service.identity = '$forged'"))[1], qr/42501: /, 'a role cannot for itself')
  for '', '?';

{
	local $ENV{PGOPTIONS} = '-c session_service.identity=' . $forged =~ s/ /\\ /gr;
	is((run('SHOW session_service.identity'))[0], $forged, 'a connection can ask for it');
	gives_nobody('an option of the connection');
}

like((run("? ALTER SYSTEM SET session_service.identity = '$forged'", role => $superuser))[1],
	qr/ERROR:/, 'ALTER SYSTEM is refused');
$node->append_conf('postgresql.conf', "session_service.identity = '$forged'");
$node->reload;
$node->poll_query_until('postgres', q{SELECT current_setting('session_service.identity', true) <> ''});
gives_nobody('the configuration file');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'session_service'");
$node->restart;
gives_nobody('the configuration file of a server that preloads the library');
$node->adjust_conf('postgresql.conf', 'session_service.identity', undef);
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', undef);
$node->restart;

# --- parallel workers

sub plan_of
{
	my ($who, $query) = @_;
	return (run("$parallel BEGIN; <$who> EXPLAIN (ANALYZE, VERBOSE, COSTS off, TIMING off) $query; COMMIT;"))[0];
}
my $plan = plan_of('ada', 'SELECT count(*) FROM notes');
like(
	$plan,
	qr/Workers Launched: [12].*Parallel Seq Scan.*Filter: \(notes.owner = session_service.current_user_id\(\)\)/,
	'workers filter by the policy');
is( (run("$parallel BEGIN; <ada> SELECT count(*), min(owner::text) FROM notes; COMMIT; SELECT count(*) FROM notes;"))
	[0],
	'20000|ada00000-0000-4000-8000-000000000001 0',
	'and let through the rows of its user, and none after COMMIT');
my $count = 'SELECT count(*) FROM notes;';
my $seen = 'SELECT count(*), min(owner::text) FROM notes;';
is( (run("$parallel BEGIN; <ada> SAVEPOINT a; <bob> $seen ROLLBACK TO a; $seen <bad> $count COMMIT;"))[0],
	'20000|b0b00000-0000-4000-8000-000000000002 20000|ada00000-0000-4000-8000-000000000001 0',
	'whose identity it is at that moment');

# All that the functions say, for each row, so that workers ask.
my $matching = qq{SELECT count(*) FROM notes
	WHERE (n > 0) = (session_service.current_session_id() = '$session_id'
		AND session_service.current_scopes() = '{read,write}'
		AND session_service.has_scope('write') AND NOT session_service.has_scope('admin')
		AND session_service.is_mfa_verified())};
$plan = plan_of('ada', $matching);
like($plan, qr/Workers Launched: [12].*Parallel Seq Scan[^>]*Filter:.*$_/, "workers evaluate $_")
  for qw(current_session_id current_scopes has_scope is_mfa_verified);
is((run("$parallel BEGIN; <ada> $matching; <bob> $matching; COMMIT;"))[0], '20000 0', 'as their leader would');

# As long as an identity can be.
$node->safe_psql(
	'postgres', q{
	INSERT INTO known SELECT 'max', session_id, user_id, scopes, false, '{}', token
	FROM (SELECT gen_random_uuid() AS user_id, array_agg(lpad(n::text, 255, 'read')) AS scopes
	      FROM generate_series(1, 100) n) given,
	     session_service.create_session(user_id, scopes => scopes);
	INSERT INTO notes SELECT user_id, 1 FROM known WHERE name = 'max'});
$token{max} = $node->safe_psql('postgres', q{SELECT token FROM known WHERE name = 'max'});
my $with_all = q{SELECT count(*) FROM notes
	WHERE session_service.current_scopes() = (SELECT scopes FROM known WHERE name = 'max')};
is((run("$parallel BEGIN; <max> SELECT cardinality(session_service.current_scopes()); $with_all; COMMIT;"))[0],
	'100 1', 'with a hundred long scopes');

# authenticate itself is not for workers, also where a function claims that it is.
$node->safe_psql(
	'postgres', qq{
	CREATE FUNCTION lying() RETURNS bigint LANGUAGE plpgsql PARALLEL SAFE AS \$\$ BEGIN
		RETURN (SELECT count(*) FROM session_service.authenticate('$token{bob}')); END \$\$});
($answers, $errors) = run("$parallel BEGIN; <ada> SELECT count(*) FROM notes WHERE n + lying() > 0; ROLLBACK; ?");
is($answers, 'nobody', 'authenticate in a worker answers nothing');
like($errors, qr/cannot set parameters during a parallel operation|25000/, 'but an error');

$node->stop;
done_testing();
