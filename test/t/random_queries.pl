# Random queries that call our functions, by sqlsmith where it is installed: no crash, no internal error, and
# what is stored stays sound.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Extent;
use PostgreSQL::Test::Utils qw(slurp_file);
use SessionNode;

plan skip_all => 'needs sqlsmith' if system('sqlsmith --version >/dev/null 2>&1') != 0;

my $node = SessionNode->new('random');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
log_line_prefix = '%m [%p] %e %u '
log_statement = none
track_functions = all
session_service.event_log = all
session_service.notify = on
session_service.touch_interval = 0
session_service.sliding_expiry = on
session_service.max_per_user = 3
shared_preload_libraries = 'session_service'
fsync = off
});
$node->start;

# sqlsmith picks functions from the catalog, whatever may be called, and would hardly come upon ours. The
# path of its role leads it to a catalog of ours and of what they go well with. Sets it would leave out, so
# they are shown as if they were none; and its arguments are NULL, or columns of the tables that it finds.
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION session_service;
	CREATE ROLE smith LOGIN;
	CREATE ROLE grantee;
	SELECT session_service.grant_access('smith', 'admin');
	CREATE SCHEMA forge;
	CREATE VIEW forge.pg_proc AS
	SELECT oid, proname, pronamespace, prorettype, proargtypes,
	       CASE WHEN pronamespace = 'session_service'::regnamespace THEN false ELSE proretset END AS proretset,
	       prokind, pronargs, provariadic, prolang, proparallel, provolatile
	FROM pg_catalog.pg_proc
	WHERE pronamespace = 'session_service'::regnamespace
	   OR pronamespace = 'pg_catalog'::regnamespace
	      AND proname IN ('count', 'max', 'min', 'string_agg', 'lag', 'rank', 'row_number', 'first_value', 'lower',
	      'md5', 'substr', 'repeat', 'gen_random_uuid', 'clock_timestamp', 'array_append', 'cardinality', 'sha256',
	      'convert_to', 'array_position', 'interval_pl');
	CREATE TABLE forge.given (token text, refresh_token text, session_id uuid, user_id uuid, device_id uuid,
		device_key text, digest session_service.token_hash, tokens text[], scopes text[],
		ids uuid[], metadata jsonb, duration interval, moment timestamptz, address inet, role regrole, level text,
		number integer, large bigint, yes boolean, bytes bytea);
	CREATE TABLE forge.scratch (token text, session_id uuid, digest session_service.token_hash,
		info session_service.session_info, state session_service.session_status, n bigint, j jsonb);
	CREATE PROCEDURE forge.fill() LANGUAGE plpgsql AS $$
	DECLARE
		made record;
	BEGIN
		TRUNCATE forge.given, forge.scratch;
		FOR n IN 1 .. 12 LOOP
			SELECT c.*, u.user_id INTO made FROM (SELECT session_service.user_uuid(n % 5) AS user_id) u,
				session_service.create_session(u.user_id, 'a name', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0',
					'192.0.2.1', '{read}', 'key ' || n % 3) c;
			INSERT INTO forge.given VALUES (made.token, made.refresh_token, made.session_id, made.user_id, made.device_id,
				'key ' || n % 3, session_service.hash_token(made.token),
				ARRAY[made.token, NULL, 'x'], ARRAY['read', 'scope' || n],
				ARRAY[made.session_id, NULL], jsonb_build_object('n', n),
				(n - 3) * interval '1 day', clock_timestamp() + (n - 6) * interval '1 day',
				inet '192.0.2.0' + n, CASE WHEN n % 2 = 0 THEN 'grantee'::regrole END,
				(ARRAY['validate', 'application', 'monitor', 'admin', 'none'])[n % 5 + 1],
				n - 2, n, n % 2 = 0, sha256(n::text::bytea));
			INSERT INTO forge.scratch
			SELECT made.token, made.session_id, session_service.hash_token(made.token), s, s.status, n, '{}'
			FROM session_service.get_session(made.session_id) s;
		END LOOP;
	END $$;
	CALL forge.fill();
	GRANT USAGE ON SCHEMA forge TO smith;
	GRANT SELECT ON ALL TABLES IN SCHEMA forge TO smith;
	GRANT INSERT, UPDATE, DELETE ON forge.scratch TO smith;
	ALTER ROLE smith SET search_path = forge, pg_catalog, session_service;
	-- Operators of ranges, which it takes for operators of anything.
	DELETE FROM pg_operator
	WHERE 'anyrange'::regtype IN (oprleft, oprright) OR 'anymultirange'::regtype IN (oprleft, oprright)}
);

# What may never be stored, nor be missing.
my $unsound = q{
	SELECT 'a session without a user', count(*) FROM session_service.sessions s
		WHERE NOT EXISTS (SELECT FROM session_service.users u WHERE u.user_id = s.user_id AND u.bucket = s.bucket)
	UNION ALL SELECT 'a session without a device', count(*) FROM session_service.sessions s
		WHERE NOT EXISTS (SELECT FROM session_service.devices d
			WHERE d.id = s.device_id AND d.bucket = s.bucket AND d.user_id = s.user_id)
		AND s.revoked_at IS NULL
	UNION ALL SELECT 'over the limit', count(*) FROM (
		SELECT user_id FROM session_service.sessions s LEFT JOIN session_service.users u USING (user_id)
		WHERE revoked_at IS NULL AND NOT is_closed
			AND greatest(expires_at, refresh_expires_at) > clock_timestamp()
			AND (idle_expires_at IS NULL OR idle_expires_at > clock_timestamp())
		GROUP BY user_id, u.max_sessions HAVING u.max_sessions IS NULL AND count(*) > 3) x
	UNION ALL SELECT 'past its absolute end', count(*) FROM session_service.sessions
		WHERE greatest(expires_at, refresh_expires_at) > absolute_expires_at
	UNION ALL SELECT 'another bucket', count(*) FROM session_service.sessions
		WHERE bucket <> session_service.session_bucket(id) OR bucket <> session_service.user_bucket(user_id)
	UNION ALL SELECT 'an imported token of no session', count(*) FROM session_service.imported_tokens i
		WHERE NOT EXISTS (SELECT FROM session_service.sessions s WHERE s.id = i.session_id)
	UNION ALL SELECT 'an external id of no session', count(*) FROM session_service.external_sessions x
		WHERE NOT EXISTS (SELECT FROM session_service.sessions s WHERE s.id = x.session_id)
	UNION ALL SELECT 'a session of a disabled user', count(*)
		FROM session_service.sessions s JOIN session_service.users u USING (user_id)
		WHERE u.disabled_at IS NOT NULL AND s.revoked_at IS NULL AND s.created_at > u.disabled_at
	UNION ALL SELECT 'a secret in an event', count(*) FROM session_service.events e
		WHERE e::text ~ 'ss[tr]_[A-Za-z0-9_-]{40}'};

# How many of our functions were executed, and how often in all.
sub executed
{
	return split /\|/,
	  $node->safe_psql('postgres',
		q{SELECT count(*), sum(calls) FROM pg_stat_user_functions WHERE schemaname = 'session_service'});
}

# Rounds of queries from one seed each, until the time is over, and on until enough functions were executed. A round
# that is ended has a seed to repeat it with.
my $end = time + extent(20, 3600);
my $longest = $end + 900;
my $enough = extent(15, 40);
my $queries_in_round = extent(400, 4000);
my ($rounds, $queries, $with_ours, @unsound) = (0, 0, 0);
my $first_seed = int(rand(2**31));
note("the first seed is $first_seed");

while (!@unsound && (time < $end || time < $longest && (executed())[0] <= $enough))
{
	my $seed = ($first_seed + $rounds++) % 2**31;
	my $left = time < $end ? int($end - time) + 2 : 20;
	my $connection = $node->connstr('postgres') . ' user=smith';
	open my $output, '-|', 'timeout', $left, 'sqlsmith', "--target=$connection", "--seed=$seed",
	  "--max-queries=$queries_in_round", '--exclude-catalog', '--dump-all-queries'
	  or die "sqlsmith: $!";
	# It prints a query over lines, and an end to each.
	my $has_ours = 0;
	while (my $line = <$output>)
	{
		$has_ours ||= $line =~ /session_service\.\w+\(/;
		next unless $line =~ /;\s*$/;
		$queries++;
		$with_ours++ if $has_ours;
		$has_ours = 0;
	}
	close $output;
	BAIL_OUT("the server is gone after seed $seed") if $node->psql('postgres', 'SELECT 1') != 0;
	push @unsound, map { "seed $seed: $_" } grep { !/\|0$/ } split /\n/, $node->safe_psql('postgres', $unsound);
	$node->safe_psql('postgres', 'CALL forge.fill()');
}

is_deeply(\@unsound, [], 'what is stored is sound after each round');
my $log = slurp_file($node->logfile);
# Of the server's own functions there are too few here to raise one.
is_deeply([ $log =~ /^.* XX\d{3} smith ERROR: .*$/mg ], [], 'no internal error');
unlike($log, qr/was terminated by signal|TRAP:|PANIC: /, 'no crash');
cmp_ok($with_ours, '>', $queries / 4, 'a good part of the queries calls our functions');
my ($called, $executed) = executed();
cmp_ok($called, '>', $enough, 'and many of them were executed');
counted("$queries random queries, $with_ours of them with our functions, in $rounds rounds; "
	  . "$executed calls of $called functions executed");
my $most = $node->safe_psql(
	'postgres',
	q{SELECT string_agg(funcname || ' ' || calls, ', ' ORDER BY calls DESC) FROM pg_stat_user_functions
	WHERE schemaname = 'session_service'}
);
note($most);
$node->stop;
done_testing();
