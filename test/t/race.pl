# Many clients at once: one refresh token presented by 64 of them, the limit of sessions under sign-ins, renewals
# and imports at each isolation level, and every call mixed with every other.
use strict;
use warnings;

use IPC::Run;
use Test::More;

use Client;
use Extent;
use SessionNode;

# Of each kind of load
my $seconds_at_limit = extent(2, 50);
my $seconds_mixed = extent(6, 600);

my $node = SessionNode->new('race');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
max_connections = 120
max_prepared_transactions = 1
log_statement = none
deadlock_timeout = 100ms
autovacuum_naptime = 1s
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION session_service');

sub query { return $node->safe_psql('postgres', shift); }

# PGOPTIONS for clients with these settings.
sub options
{
	return join ' ', map { my $setting = $_; $setting =~ s/ /\\ /g; "-c $setting" } @_;
}

my %transactions;

# Runs pgbench with these settings, and meanwhile the code given again and again. Fails where a client ended early or
# met a deadlock.
sub run_clients
{
	my ($what, $options, $settings, $name, $scripts, $meanwhile, @expected) = @_;
	local $ENV{PGOPTIONS} = options(@$settings);
	my $directory = PostgreSQL::Test::Utils::tempdir();
	my @files;
	for my $script (sort keys %$scripts)
	{
		push @files, '-f', "$directory/$script";
		PostgreSQL::Test::Utils::append_to_file("$directory/$script" =~ s/\@\d+$//r, $scripts->{$script});
	}
	my ($stdout, $stderr) = ('', '');
	my $clients = IPC::Run::start(
		[
			'pgbench', '-n', '--failures-detailed', split(' ', $options),
			'-h', $node->host, '-p', $node->port, @files, 'postgres'
		],
		'>',
		\$stdout,
		'2>',
		\$stderr);
	while ($meanwhile && $clients->pumpable)
	{
		$meanwhile->();
		$clients->pump_nb;
	}
	$clients->finish;
	$transactions{$what} += $stdout =~ /^number of transactions actually processed: (\d+)/m ? $1 : 0;
	my $failed = $clients->result(0) != 0 || grep { $stdout !~ $_ } qr{^number of deadlock failures: 0 }m, @expected;
	ok(!$failed, $name) or diag($stdout, $stderr);
	return;
}

# --- one token, 64 clients

for my $level ('read committed', 'repeatable read', 'serializable')
{
	query(
		q{
		DROP TABLE IF EXISTS held, got;
		CREATE TABLE held AS SELECT * FROM session_service.create_session(gen_random_uuid());
		CREATE TABLE got (token text, refresh_token text, repeated boolean);
		-- Everybody waits for this lock, so that all have presented the token before one is answered.
		BEGIN;
		SELECT count(*) FROM (SELECT FROM session_service.sessions FOR UPDATE) s;
		PREPARE TRANSACTION 'barrier';
	});
	my $directory = PostgreSQL::Test::Utils::tempdir();
	PostgreSQL::Test::Utils::append_to_file("$directory/refresh", <<'SQL');
INSERT INTO got
	SELECT r.token, r.refresh_token, r.repeated FROM held, session_service.refresh_session(held.refresh_token) r;
SQL
	my ($stdout, $stderr) = ('', '');
	my $clients = do
	{
		local $ENV{PGOPTIONS} = options("default_transaction_isolation=$level");
		IPC::Run::start(
			[
				'pgbench', '-n', '-c', 64, '-j', 2, '-t', 1, '--max-tries', 1000,
				'-h', $node->host, '-p', $node->port, '-f', "$directory/refresh", 'postgres'
			],
			'>',
			\$stdout,
			'2>',
			\$stderr);
	};
	ok( $node->poll_query_until(
			'postgres', q{SELECT count(*) = 64 FROM pg_stat_activity WHERE wait_event_type = 'Lock'}),
		"$level: 64 clients present one token at once");
	query("ROLLBACK PREPARED 'barrier'");
	$clients->finish;
	is($clients->result(0), 0, "$level: pgbench succeeds") or diag($stderr);
	is( query(
			q{SELECT count(*), count(DISTINCT (token, refresh_token)), count(*) FILTER (WHERE NOT repeated) FROM got}),
		'64|1|1',
		"$level: each got the one new pair, of one rotation");
	is( query(
			q{SELECT s.generation, s.revoked_at, count(v), count(o)
			FROM session_service.sessions s JOIN held ON s.id = held.session_id
			CROSS JOIN (SELECT DISTINCT token FROM got) g
			LEFT JOIN session_service.validate_session(g.token) v ON true
			LEFT JOIN session_service.validate_session(held.token) o ON true GROUP BY 1, 2}),
		'1||1|0',
		"$level: and that pair is alive, and the old one dead");
}

# --- the limit

# Sessions that soon expire but can be refreshed, that soon go idle, and plain ones.
query(
	q{
	DROP TABLE held;
	CREATE TABLE held (n bigserial PRIMARY KEY, u integer, id uuid, token text, refresh_token text);
	CREATE INDEX ON held (u, n);
	CREATE TABLE found_over (level text, user_id uuid, sessions bigint);
	CREATE FUNCTION a_user(n integer) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT md5('user ' || n)::uuid $$;
	CREATE FUNCTION a_token() RETURNS text VOLATILE LANGUAGE sql AS $$ SELECT gen_random_uuid()::text $$;
	-- The clock is read after the snapshot was taken, so that what is counted was so at one moment.
	CREATE FUNCTION users_over() RETURNS TABLE (user_id uuid, sessions bigint) LANGUAGE sql AS $$
		SELECT user_id, count(*) FROM session_service.sessions
		WHERE revoked_at IS NULL AND clock_timestamp() < coalesce(idle_expires_at, 'infinity')
			AND clock_timestamp() < greatest(expires_at, refresh_expires_at)
		GROUP BY user_id HAVING count(*) > 3 $$;
});
my $refresh = q{
\set u random(1, 8)
\set back random(0, 4)
INSERT INTO held (u, id, token, refresh_token)
	SELECT :u, r.session_id, r.token, r.refresh_token
	FROM (SELECT * FROM held WHERE u = :u ORDER BY n DESC OFFSET :back LIMIT 1) h,
		session_service.refresh_session(h.refresh_token) r;
};
my %limit_scripts = (
	'create@3' => q{
\set u random(1, 8)
INSERT INTO held (u, id, token, refresh_token)
	SELECT :u, session_id, token, refresh_token FROM session_service.create_session(a_user(:u));
},
	'create_expiring@3' => q{
\set u random(1, 8)
INSERT INTO held (u, id, token, refresh_token)
	SELECT :u, session_id, token, refresh_token
	FROM session_service.create_session(a_user(:u), session_expiry => '50 milliseconds');
},
	'create_idling@3' => q{
\set u random(1, 8)
INSERT INTO held (u, id, token, refresh_token)
	SELECT :u, session_id, token, refresh_token
	FROM session_service.create_session(a_user(:u), inactivity_timeout => '30 milliseconds');
},
	'import@1' => q{
\set u random(1, 8)
INSERT INTO held (u, id, token, refresh_token)
	SELECT :u, session_service.import_session(session_service.hash_token(t), a_user(:u),
			clock_timestamp() + '1 day', session_service.hash_token('r' || t)), t, 'r' || t
	FROM a_token() t;
},
	'import_expiring@2' => q{
\set u random(1, 8)
INSERT INTO held (u, id, token, refresh_token)
	SELECT :u, session_service.import_session(session_service.hash_token(t), a_user(:u),
			clock_timestamp() + '50 milliseconds', session_service.hash_token('r' || t),
			refresh_expires_at => clock_timestamp() + '1 day'), t, 'r' || t
	FROM a_token() t;
},
	'refresh@9' => $refresh,
	'extend@1' => q{
\set u random(1, 8)
\set back random(0, 4)
SELECT session_service.extend_session(id)
FROM (SELECT id FROM held WHERE u = :u ORDER BY n DESC OFFSET :back LIMIT 1) h;
},
	'touch@1' => q{
\set u random(1, 8)
SELECT session_service.touch_sessions(coalesce(array_agg(id), '{}'))
FROM (SELECT id FROM held WHERE u = :u ORDER BY n DESC LIMIT 3) h;
},
	'count@2' => q{
INSERT INTO found_over SELECT current_setting('transaction_isolation'), o.* FROM users_over() o;
});
for my $level ('read committed', 'repeatable read', 'serializable')
{
	for my $policy ('evict_lru', 'reject')
	{
		my %scripts = %limit_scripts;
		if ($policy eq 'reject')
		{
			# The refusal is an error, which would end the client.
			query(
				q{
				CREATE OR REPLACE FUNCTION try_to_create(u integer, life interval, idle interval) RETURNS void
				LANGUAGE plpgsql AS $$
				BEGIN
					INSERT INTO held (u, id, token, refresh_token) SELECT u, session_id, token, refresh_token
						FROM session_service.create_session(a_user(u), session_expiry => life, inactivity_timeout => idle);
				EXCEPTION WHEN configuration_limit_exceeded THEN
				END $$;
				CREATE OR REPLACE FUNCTION try_to_import(u integer, life interval) RETURNS void
				LANGUAGE plpgsql AS $$
				BEGIN
					INSERT INTO held (u, id, token, refresh_token)
						SELECT u, session_service.import_session(session_service.hash_token(t), a_user(u),
							clock_timestamp() + life, session_service.hash_token('r' || t),
							refresh_expires_at => clock_timestamp() + '1 day'), t, 'r' || t
						FROM a_token() t;
				EXCEPTION WHEN configuration_limit_exceeded THEN
				END $$});
			s/INSERT.*user\(:u\)\)/SELECT try_to_create(:u, NULL, NULL)/s,
			  s/INSERT.*session_expiry => ('[^']*')\)/SELECT try_to_create(:u, $1, NULL)/s,
			  s/INSERT.*inactivity_timeout => ('[^']*')\)/SELECT try_to_create(:u, NULL, $1)/s
			  for @scripts{qw(create@3 create_expiring@3 create_idling@3)};
			s/INSERT.*?clock_timestamp\(\) \+ ('[^']*').*;/SELECT try_to_import(:u, $1);/s
			  for @scripts{qw(import@1 import_expiring@2)};
		}
		my @settings = (
			"default_transaction_isolation=$level", 'session_service.max_per_user=3',
			"session_service.limit_policy=$policy", 'session_service.refresh_grace=1s');
		for my $clients (16, 64)
		{
			my $name = "$level, $policy, $clients clients";
			run_clients(
				'for the limit',
				"-c $clients -j 2 -T $seconds_at_limit",
				\@settings,
				"$name: nothing fails but serialization",
				\%scripts,
				undef,
				$level eq 'read committed' ? qr{^number of serialization failures: 0 }m : ());
			is(query('SELECT count(*) FROM users_over()'), 0, "$name: no user ends over the limit");
			is(query('SELECT level, count(*), max(sessions) FROM found_over GROUP BY level'), '',
				"$name: nor ever was");
			query('DELETE FROM found_over');
		}
	}
}
isnt(query('SELECT count(*) FROM session_service.sessions WHERE is_closed'),
	0, 'sessions that went over while a renewal could be under way were met');
isnt(query('SELECT count(*) FROM session_service.sessions WHERE generation > 0'), 0, 'and some were renewed');
isnt(
	query(
		q{SELECT count(*) FROM session_service.sessions
		WHERE generation > 0 AND id IN (SELECT session_id FROM session_service.imported_tokens)}
	),
	0,
	'imported ones, too');

# --- patches of the same metadata

# Each adds a member of its own. 600 of them fit into 4 sessions.
for my $level ('read committed', 'repeatable read', 'serializable')
{
	query(
		q{
		DROP TABLE IF EXISTS patched;
		DROP SEQUENCE IF EXISTS members;
		CREATE SEQUENCE members;
		CREATE TABLE patched AS
		SELECT n, c.session_id
		FROM generate_series(0, 3) n, session_service.create_session(md5('patched ' || n)::uuid) c}
	);
	run_clients(
		'that patch metadata',
		'-c 15 -j 2 -t 40 --max-tries 1000',
		["default_transaction_isolation=$level"],
		"$level: 600 patches by 15 clients, no error but serialization",
		{
			'patch' => q{
SELECT nextval('members') AS member \gset
SELECT session_service.patch_session_metadata(session_id, jsonb_build_object(:member::text, true))
FROM patched WHERE n = :member % 4;
}
		});
	is( query(
			q{SELECT count(*), count(DISTINCT member)
			FROM patched, session_service.get_session(session_id), jsonb_object_keys(metadata) member}
		),
		'600|600',
		"$level: and none is lost");
}

# --- every call, mixed

query(
	q{
	TRUNCATE held RESTART IDENTITY;
	DO $$ BEGIN PERFORM session_service.delete_user(a_user(u)) FROM generate_series(1, 8) u; END $$;
});
my $held = q{(SELECT * FROM held WHERE n = (SELECT last_value FROM held_n_seq) - :back) h};
my $device = q{(SELECT id FROM session_service.devices WHERE user_id = a_user(:u) ORDER BY id LIMIT 1) d};
my %calls = (
	create => [
		4,
		q{INSERT INTO held (u, id, token, refresh_token)
		SELECT :u, session_id, token, refresh_token
		FROM session_service.create_session(a_user(:u), 'device ' || :back % 3)}
	],
	create_replacing => [
		1,
		q{INSERT INTO held (u, id, token, refresh_token)
		SELECT :u, session_id, token, refresh_token
		FROM session_service.create_session(a_user(:u), 'device ' || :back % 3, replace_device_sessions => true)}
	],
	refresh => [
		6,
		qq{INSERT INTO held (u, id, token, refresh_token)
		SELECT h.u, r.session_id, r.token, r.refresh_token
		FROM $held, session_service.refresh_session(h.refresh_token, user_agent => 'agent ' || :back) r}
	],
	import => [
		1,
		q{INSERT INTO held (u, id, token, refresh_token)
		SELECT :u, session_service.import_session(session_service.hash_token(t), a_user(:u),
			now() + '1 day', session_service.hash_token('r' || t)), t, 'r' || t
		FROM a_token() t}
	],
	rotate => [
		2,
		qq{INSERT INTO held (u, id, token, refresh_token)
		SELECT h.u, r.session_id, r.token, h.refresh_token
		FROM $held, session_service.rotate_session_token(h.token) r}
	],
	reauthenticate => [
		2,
		qq{INSERT INTO held (u, id, token, refresh_token)
		SELECT h.u, r.session_id, r.token, r.refresh_token
		FROM $held, session_service.reauthenticate_session(h.token, 'gold') r}
	],
	create_external => [
		1,
		q{INSERT INTO held (u, id, token, refresh_token)
		SELECT :u, session_id, token, refresh_token
		FROM session_service.create_session(a_user(:u), external_id => 'external ' || :back)}
	],
	validate => [ 6, qq{SELECT count(v) FROM $held, session_service.validate_session(h.token, '192.0.2.1') v} ],
	validate_user => [ 1, qq{SELECT session_service.validate_user(h.token, '192.0.2.1') FROM $held} ],
	validate_many => [
		1,
		q{SELECT count(v) FROM session_service.validate_sessions((
			SELECT array_agg(token) FROM (SELECT token FROM held ORDER BY n DESC LIMIT 20) h)) v}
	],
	validate_hash => [
		1,
		qq{SELECT count(v)
		FROM $held, session_service.validate_session_hash(h.id, session_service.hash_token(h.token), '192.0.2.2') v}
	],
	authenticate =>
	  [ 2, qq{SELECT count(a), session_service.current_user_id() FROM $held, session_service.authenticate(h.token) a} ],
	introspect => [ 1, qq{SELECT session_service.introspect_token(h.refresh_token) FROM $held} ],
	extend => [ 2, qq{SELECT session_service.extend_session(h.id) FROM $held} ],
	touch => [
		2,
		q{SELECT session_service.touch_sessions((
			SELECT coalesce(array_agg(id), '{}') FROM (SELECT id FROM held ORDER BY n DESC LIMIT 20) h))}
	],
	mfa => [ 1, qq{SELECT session_service.mark_mfa_verified_by_token(h.token, 'totp') FROM $held} ],
	mfa_by_id => [ 1, qq{SELECT session_service.mark_mfa_verified(h.id) FROM $held} ],
	mfa_clear => [ 1, qq{SELECT session_service.clear_mfa_verified(h.id) FROM $held} ],
	scopes => [ 1, qq{SELECT session_service.set_session_scopes(h.id, ARRAY['a']) FROM $held} ],
	metadata => [ 1, qq{SELECT session_service.set_session_metadata(h.id, '{"a": 1}') FROM $held} ],
	patch => [ 1, qq{SELECT session_service.patch_session_metadata(h.id, '{"b": {"c": 1}}') FROM $held} ],
	list => [ 1, q{SELECT count(*) FROM session_service.list_user_sessions(a_user(:u), include_inactive => true)} ],
	get => [
		1,
		qq{SELECT count(*)
		FROM $held, session_service.get_session(h.id) s, session_service.get_user_session(s.user_id, s.id) t}
	],
	list_others => [
		1,
		q{SELECT count(*)
		FROM session_service.list_inactive_sessions('1 second'),
			session_service.list_mfa_verified_sessions(a_user(:u))}
	],
	counts => [
		1,
		q{SELECT session_service.count_user_sessions(a_user(:u)), session_service.count_active_sessions(),
			session_service.user_epoch(a_user(:u)), count(*)
		FROM session_service.stats()}
	],
	events => [
		1,
		q{SELECT count(*)
		FROM session_service.list_events(a_user(:u)),
			session_service.list_all_events(max_rows => 10) l,
			session_service.list_all_events(max_rows => 10, before => l.id)}
	],
	devices => [
		1,
		q{SELECT count(*), session_service.is_known_device(a_user(:u), 'key'),
			session_service.is_trusted_device(a_user(:u), 'key')
		FROM session_service.list_user_devices(a_user(:u))}
	],
	trust => [ 1, qq{SELECT session_service.trust_device(a_user(:u), d.id) FROM $device} ],
	untrust => [ 1, qq{SELECT session_service.untrust_device(a_user(:u), d.id) FROM $device} ],
	untrust_all => [ 1, q{SELECT session_service.untrust_all_devices(a_user(:u))} ],
	rename => [ 1, qq{SELECT session_service.rename_device(a_user(:u), d.id, 'name') FROM $device} ],
	forget => [ 1, qq{SELECT session_service.forget_device(a_user(:u), d.id) FROM $device} ],
	revoke_of_user => [ 1, qq{SELECT session_service.revoke_user_session(a_user(h.u), h.id) FROM $held} ],
	revoke => [ 1, qq{SELECT session_service.revoke_session(h.id) FROM $held} ],
	revoke_token => [ 1, qq{SELECT session_service.revoke_session_by_token(h.refresh_token) FROM $held} ],
	revoke_all => [ 1, q{SELECT session_service.revoke_all_user_sessions(a_user(:u))} ],
	revoke_others => [ 1, qq{SELECT session_service.revoke_all_user_sessions_except(a_user(h.u), h.id) FROM $held} ],
	revoke_device => [ 1, qq{SELECT session_service.revoke_device_sessions(a_user(:u), d.id) FROM $device} ],
	revoke_inactive => [ 1, q{SELECT session_service.revoke_inactive_sessions('100 milliseconds')} ],
	revoke_found =>
	  [ 1, q{SELECT session_service.revoke_sessions(ARRAY[a_user(:u), a_user(1 + :u % 8)], scope => 'a')} ],
	revoke_external => [ 1, q{SELECT session_service.revoke_external_sessions('external ' || :back)} ],
	list_found => [
		1,
		q{SELECT count(*)
		FROM session_service.list_sessions(scope => 'a', include_inactive => true),
			session_service.find_external_sessions('external ' || :back)}
	],
	disable => [
		1,
		q{SELECT session_service.disable_user(a_user(:u)), session_service.is_user_disabled(a_user(:u)),
			session_service.enable_user(a_user(:u))}
	],
	limit => [ 1, q{SELECT session_service.set_user_session_limit(a_user(:u), 2 + :back % 4)} ],
	cleanup => [ 1, q{SELECT session_service.cleanup_sessions('0', 50)} ],
	delete => [ 1, q{SELECT session_service.delete_user(a_user(:u))} ],);
my @settings = ('session_service.touch_interval=0', 'session_service.event_log=all', 'session_service.notify=on');
# Scripts that make each call alone, or after these statements in a transaction.
sub scripts_after
{
	my ($first) = @_;
	return map {
		my ($weight, $call) = @{ $calls{$_} };
		("$_\@$weight" => "\\set u random(1, 8)\n\\set back random(0, 30)\n$first$call;\n"
			  . ($first ? "COMMIT;\n" : ''))
	} keys %calls;
}

# A statement writes activity within the call, where the row stays locked until COMMIT: then the rest does not hold.
my $is_direct = ($ENV{SESSION_SERVICE_ENGINE} // 'auto') eq 'auto';
my $validation = "BEGIN;\nSELECT count(v) FROM $held, session_service.validate_session(h.token) v;\n";
for my $first ('', $is_direct ? $validation : ())
{
	my %scripts = scripts_after($first);
	run_clients(
		$first ? 'of a validation and another call' : 'of one call',
		"-c 16 -j 2 -T $seconds_mixed",
		\@settings,
		$first
		? 'validate and another call in one transaction: no error, no deadlock'
		: 'one call in each transaction: no error, no deadlock',
		\%scripts,
		undef,
		qr{^number of serialization failures: 0 }m);
}

if ($is_direct)
{
	# Transactions that validate everything and stay open, for longer than a wait may take: who waits for one fails.
	my @open = map { Client->new($node) } 1 .. 4;
	my ($validated, $begun) = (0, 0);
	my $open_all = sub {
		$open[$_]->ask('BEGIN ISOLATION LEVEL ' . ($_ % 2 ? 'REPEATABLE READ' : 'READ COMMITTED')) for 0 .. $#open;
		$begun = time;
	};
	my $validate_all = sub {
		$validated += $_->ask(
			q{SELECT count(v) FROM session_service.validate_sessions((
				SELECT array_agg(token) FROM (SELECT token FROM held ORDER BY n DESC LIMIT 50) h)) v}
		) for @open;
		return if time - $begun < 60;
		# What the old snapshots keep would slow everything down.
		$_->ask('COMMIT') for @open;
		$open_all->();
	};
	$_->ask('SET session_service.touch_interval = 0') for @open;
	$open_all->();
	my %scripts = scripts_after('');
	run_clients(
		'beside open validations',
		"-c 16 -j 2 -T $seconds_mixed",
		[ @settings, 'lock_timeout=30s' ],
		'nothing waits for a transaction that validated and stays open',
		\%scripts,
		$validate_all,
		qr{^number of serialization failures: 0 }m);
	isnt($validated, 0, 'and many sessions were validated there');
	is($_->ask('COMMIT'), '', 'which commits') for @open;
	$_->close for @open;
}

my @trouble = grep { /deadlock detected|PANIC|TRAP|terminated by signal/ } split /\n/,
  PostgreSQL::Test::Utils::slurp_file($node->logfile);
is_deeply(\@trouble, [], 'nor is there anything in the log');
counted("$transactions{$_} transactions $_") for sort keys %transactions;

$node->stop;
done_testing();
