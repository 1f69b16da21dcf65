# Sessions of another system, 100,000 of them, carried over by the script of the examples: they validate,
# refresh and end like others; a row that is wrong is left out, and counted with the reason, by each of the
# scripts; and one hash is imported once, whoever else imports it at the same time.
use strict;
use warnings;

use IPC::Run;
use Test::More;
use Time::HiRes ();

use SessionNode;

my $node = SessionNode->new('import');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
max_prepared_transactions = 1
log_statement = none
session_service.refresh_grace = 1h
session_service.event_log = all
});
$node->start;

sub query { return $node->safe_psql('postgres', shift); }

# The SQLSTATE of a statement that fails.
sub state_of
{
	my ($status, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\n" . shift);
	return $stderr =~ /ERROR:  (\w{5}):/ ? $1 : "none: $stdout$stderr";
}

# --- the sessions of a service: 20,000 users with 5 each, and of each user one revoked or expired

query(
	q{
	CREATE EXTENSION session_service;
	CREATE SCHEMA shared;
	CREATE TABLE shared.sessions (
		id uuid PRIMARY KEY, user_id uuid NOT NULL,
		token_hash text NOT NULL UNIQUE, refresh_token_hash text UNIQUE, ip_address inet,
		user_agent text, device_name text, scopes text[], expires_at timestamptz NOT NULL, last_activity_at timestamptz,
		created_at timestamptz NOT NULL, revoked_at timestamptz, mfa_verified boolean NOT NULL DEFAULT false);
	-- The tokens that the clients have. The old service's own hash, not ours, so that both are seen to be the same.
	CREATE TABLE clients AS
	SELECT n, md5('session ' || n)::uuid AS id,
		'media.' || encode(sha256(('token ' || n)::bytea), 'base64') AS token,
		encode(sha512(('refresh ' || n)::bytea), 'hex') AS refresh_token,
		n % 10 NOT IN (0, 1) AS is_live
	FROM generate_series(1, 100000) n;
	INSERT INTO shared.sessions
	SELECT c.id, md5('user ' || n / 5)::uuid,
		encode(sha256(token::bytea), 'hex'), upper(encode(sha256(refresh_token::bytea), 'hex')),
		CASE n % 3 WHEN 0 THEN '192.0.2.7'::inet WHEN 1 THEN inet '2001:db8::' + n END,
		CASE WHEN n % 4 > 0 THEN 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' END,
		CASE WHEN n % 7 > 0 THEN 'Television ' || n END,
		CASE n % 3 WHEN 0 THEN '{}' WHEN 1 THEN '{read}' ELSE '{read,write:all}' END::text[],
		date_trunc('second', now()) + (CASE WHEN n % 10 = 0 THEN -1 ELSE 1 END) * (n % 20 + 1) * interval '1 day',
		date_trunc('second', now()) - n % 1000 * interval '1 minute',
		date_trunc('second', now()) - interval '100 days', CASE WHEN n % 10 = 1 THEN now() END, n % 2 = 0
	FROM clients c;
	CREATE INDEX ON clients (n);
	ANALYZE clients;
});
my $live = query('SELECT count(*) FROM clients WHERE is_live');
is($live, 80_000, 'there are 80,000 sessions to carry over, and 20,000 that are over');

# Runs the script of the examples, after some statements, and gives what it prints: results, reasons, counts.
sub run_script
{
	my $before = shift // '';
	return $node->safe_psql('postgres', "$before\n\\i examples/import/shared_sessions.sql");
}
my $all = "imported||$live\nleft out|expired|10000\nleft out|revoked|10000";
my $memory = q{SELECT substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s*(\d+)')};

my $began = Time::HiRes::time();
my ($imported, $kilobytes) =
  $node->safe_psql('postgres', "\\i examples/import/shared_sessions.sql\n$memory") =~ /(.*)\n(.*)/s;
note(
	sprintf '%d sessions in %.1f s; the connection has %d MB of its own after that',
	$live,
	Time::HiRes::time() - $began,
	$kilobytes / 1024);
is($imported, $all, 'one script carries them over, and says what became of each row');
is( query(
		q{SELECT (SELECT count(*) FROM session_service.sessions),
			(SELECT count(*) FROM session_service.imported_tokens),
			(SELECT count(*) FROM session_service.users)}
	),
	'80000|160000|20000',
	'the living ones and no others, each with two hashes');
is(query(q{SELECT count(*) FROM session_service.sessions WHERE revoked_at IS NOT NULL}), 0, 'and ends none of them');
is( query(
		q{SELECT reason, count(*), count(DISTINCT session_id) FROM session_service.events
		WHERE kind = 'session.created' GROUP BY 1}
	),
	"Imported|$live|$live",
	'the events tell where they came from');

# --- each of them

is( query(
		q{SELECT count(*)
		FROM shared.sessions s JOIN session_service.sessions n ON n.metadata->>'imported_id' = s.id::text,
			session_service.get_session(n.id) i
		WHERE i.ip_address IS NOT DISTINCT FROM s.ip_address AND i.user_agent IS NOT DISTINCT FROM s.user_agent
			AND i.device_name IS NOT DISTINCT FROM
				coalesce(s.device_name, CASE WHEN s.user_agent IS NOT NULL THEN 'Firefox on Linux' END)
			AND i.status = 'active'
			AND i.refresh_expires_at = s.expires_at
			AND i.idle_expires_at = s.last_activity_at + interval '7 days'
			AND i.absolute_expires_at = s.created_at + interval '365 days'
			AND i.mfa_verified_at IS NOT DISTINCT FROM CASE WHEN s.mfa_verified THEN s.created_at END}
	),
	$live,
	'address, user agent, device and deadlines are as they were');
is( query(
		q{SELECT is_live, count(*), count(v),
			count(*) FILTER (WHERE v.user_id = s.user_id
				AND v.scopes = s.scopes
				AND v.mfa_verified = s.mfa_verified
				AND v.created_at = s.created_at
				AND v.last_activity_at = s.last_activity_at
				AND v.expires_at = s.expires_at
				AND v.metadata->>'imported_id' = s.id::text)
		FROM clients c JOIN shared.sessions s USING (id)
			LEFT JOIN LATERAL session_service.validate_session(c.token) v ON true
		GROUP BY 1 ORDER BY 1}
	),
	"f|20000|0|0\nt|80000|80000|80000",
	'each living one validates, with all that it had; no other does');
is(query('SELECT DISTINCT session_service.token_bucket(token) FROM clients'), 0, 'an imported token names no bucket');
is( query(
		q{SELECT
			count(*) FILTER (WHERE i->>'active' = 'true'
				AND i->>'sub' = s.user_id::text
				AND i->>'scope' = array_to_string(s.scopes, ' ')
				AND i->>'token_type' = 'Bearer'),
			count(*) FILTER (WHERE r->>'active' = 'true'
				AND r->>'token_type' = 'refresh_token'
				AND r->>'jti' = i->>'jti'),
			count(*) FILTER (WHERE i = '{"active": false}' AND r = '{"active": false}')
		FROM clients c JOIN shared.sessions s USING (id),
			session_service.introspect_token(token) i, session_service.introspect_token(refresh_token) r
		WHERE n <= 1000}
	),
	'800|800|200',
	'introspection knows them, by either token');
is( query(
		q{SELECT (SELECT count(*) FROM clients, session_service.validate_session(refresh_token) WHERE n <= 1000),
			(SELECT count(*) FROM clients, session_service.refresh_session(token) WHERE n <= 1000)}
	),
	'0|0',
	'neither token does for the other');

# --- again

my $tables = join ' UNION ALL ',
  map { "SELECT '$_', count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM session_service.$_ t" }
  qw(devices events imported_tokens sessions);
$tables = "SELECT * FROM ($tables) t ORDER BY 1";
my $contents = query($tables);
is(run_script(), $all, 'the script again finds them all');
is(query($tables), $contents, 'and changes nothing');

# --- the end of some: by session token, by refresh token

is( query(
		q{SELECT count(*) FILTER (WHERE
				session_service.revoke_session_by_token(CASE WHEN n % 2 = 0 THEN token ELSE refresh_token END)),
			count(*) FILTER (WHERE session_service.revoke_session_by_token(token))
		FROM clients WHERE n <= 100}
	),
	'80|0',
	'an imported session is revoked by either token, once');
is( query(
		q{SELECT count(v), count(r), count(DISTINCT i.revoke_reason)
		FROM clients c JOIN session_service.sessions s ON s.metadata->>'imported_id' = c.id::text
			LEFT JOIN LATERAL session_service.validate_session(token) v ON true
			LEFT JOIN LATERAL session_service.refresh_session(refresh_token) r ON true
			LEFT JOIN LATERAL session_service.get_session(s.id) i ON true
		WHERE n <= 100}),
	'0|0|1',
	'and neither opens it any more');
is(run_script(), $all, 'the script once more');
is(query(q{SELECT count(*) FROM clients, session_service.validate_session(token) WHERE n <= 100}),
	0, 'revives none of them');

# --- refresh

$began = Time::HiRes::time();
query(
	q{CREATE TABLE refreshed AS
	SELECT c.n, r.* FROM clients c, session_service.refresh_session(c.refresh_token) r WHERE n > 100}
);
note(sprintf 'refreshed in %.1f s', Time::HiRes::time() - $began);
is( query(
		q{SELECT count(*), count(*) FILTER (WHERE NOT repeated),
			count(*) FILTER (WHERE token ~ '^sst_[A-Za-z0-9_-]{71}$' AND refresh_token ~ '^ssr_[A-Za-z0-9_-]{92}$'),
			count(*) FILTER (WHERE session_service.token_session_id(token) = session_id
				AND session_service.token_session_id(refresh_token) = session_id),
			count(DISTINCT token)
		FROM refreshed}
	),
	'79920|79920|79920|79920|79920',
	'each living one is refreshed, and has a pair of our own');
is( query(
		q{SELECT count(v), count(o) FROM refreshed r JOIN clients c USING (n)
			LEFT JOIN LATERAL session_service.validate_session(r.token) v ON v.session_id = r.session_id
			LEFT JOIN LATERAL session_service.validate_session(c.token) o ON true}),
	'79920|0',
	'the new token opens the session, the imported one does no more');
is( query(
		q{SELECT count(*) FROM refreshed r JOIN clients c USING (n), session_service.refresh_session(c.refresh_token) a
		WHERE n <= 2000 AND a.repeated AND a.token = r.token AND a.refresh_token = r.refresh_token}),
	query('SELECT count(*) FROM refreshed WHERE n <= 2000'),
	'a retry with the imported refresh token gets the same pair');
is( query(
		q{SELECT session_service.introspect_token(token)->>'active',
			session_service.introspect_token(refresh_token)->>'active',
			session_service.revoke_session_by_token(token)
		FROM clients WHERE n = 102}
	),
	'false|false|f',
	'the old session token is nothing to anybody');
is( run_script() . '|'
	  . query('SELECT count(*) FROM clients c JOIN refreshed USING (n), session_service.validate_session(c.token)'),
	"$all|0",
	'the script does not bring the old tokens back');

# The new refresh token was used: the imported one is now one that somebody else has.
query(
	q{CREATE TABLE again AS
	SELECT f.n, r.* FROM refreshed f, session_service.refresh_session(f.refresh_token) r WHERE n BETWEEN 201 AND 300}
);
is(query('SELECT count(*) FROM again WHERE NOT repeated'), 80, 'the pair buys the next one');
is( query(
		q{SELECT count(r) FROM again JOIN clients c USING (n)
			LEFT JOIN LATERAL session_service.refresh_session(c.refresh_token) r ON true}
	),
	0,
	'the imported refresh token after that buys nothing');
is( query(
		q{SELECT count(*), count(v),
			(SELECT count(*) FROM session_service.events e JOIN again USING (session_id)
				WHERE kind = 'session.reuse_detected')
		FROM again a
			JOIN session_service.sessions s ON s.id = a.session_id AND s.revoke_reason = 'Refresh token reuse'
			LEFT JOIN LATERAL session_service.validate_session(a.token) v ON true}
	),
	'80|0|80',
	'and ends the session, as reuse');
is( query(
		q{SELECT count(*) FROM refreshed r JOIN clients c USING (n),
			LATERAL (SELECT set_config('session_service.refresh_grace', '0', false)) g,
			session_service.refresh_session(c.refresh_token) a
		WHERE n = 400 + 2}
	),
	0,
	'after the grace it is reuse at once');
is( query(q{SELECT revoke_reason FROM session_service.sessions JOIN refreshed ON session_id = id WHERE n = 402}),
	'Refresh token reuse',
	'which ends that session');

# Imported without a refresh token: only a rotation changes its token.
query(
	q{SELECT session_service.import_session(session_service.hash_token('plain'), md5('plain')::uuid, now() + '1 day')});
is( query(
		q{SELECT count(v) FROM session_service.rotate_session_token('plain') r, session_service.validate_session(r.token) v}
	  )
	  . query(q{SELECT count(*) FROM session_service.validate_session('plain')}),
	'10',
	'a rotation replaces an imported token too');

# --- times that cannot be, and settings that cut

is( query(
		q{SET session_service.absolute_timeout = '30d';
		SELECT session_service.import_session(session_service.hash_token(t), md5(t)::uuid, now() + '90 days', NULL,
			created_at => now() + c::interval, last_activity_at => now() + a::interval) IS NOT NULL
		FROM (VALUES
			('future', '1 day', '2 days'),
			('backward', '-1 day', '-2 days'),
			('idle', '-20 days', '-8 days'),
			('too old', '-31 days', '0')) v (t, c, a)}
	),
	"t\nt\nt\nt",
	'odd times are taken');
is( query(
		q{SELECT string_agg(concat_ws(' ', t, status, created_at <= now(),
				last_activity_at BETWEEN created_at AND now(), expires_at = absolute_expires_at), ', ' ORDER BY t)
		FROM unnest(ARRAY['future', 'backward', 'idle', 'too old']) t,
			session_service.list_user_sessions(md5(t)::uuid, include_inactive => true)}
	),
	'backward active t t t, future active t t t, idle idle t t t, too old expired t t t',
	'and cut to what can be; what is over by the settings is over');
is( query(
		q{SELECT count(*) FROM unnest(ARRAY['future', 'backward', 'idle', 'too old']) t, session_service.validate_session(t)}
	),
	2,
	'and does not validate');

# --- the limit

my $twelve = q{
	SELECT count(session_service.import_session(session_service.hash_token('many ' || n), md5('%s')::uuid,
		now() + '1 day', last_activity_at => now() - n * interval '1 minute', created_at => now() - interval '1 day'))
	FROM (SELECT n FROM generate_series(1, 12) n ORDER BY n DESC) s};
is(state_of("SET session_service.limit_policy = reject; " . sprintf($twelve, 'many')),
	'53400', 'at the limit with the policy reject, all of it fails');
is(query(q{SELECT count(*) FROM session_service.sessions WHERE user_id = md5('many')::uuid}), 0, 'and leaves nothing');
query(sprintf($twelve, 'many'));
is( query(
		q{SELECT string_agg(n::text, ',' ORDER BY n)
		FROM generate_series(1, 12) n, session_service.validate_session('many ' || n)}
	),
	'1,2,3,4,5,6,7,8,9,10',
	'else the latest active stay');
is( query(
		q{SELECT count(*), min(revoke_reason)
		FROM session_service.list_user_sessions(md5('many')::uuid, include_inactive => true)
		WHERE status = 'revoked'}
	),
	'2|Session limit exceeded',
	'and the others are evicted');

# --- rows that are wrong

my $of_another = q{(SELECT refresh_token_hash FROM shared.sessions WHERE device_name = 'Television 9')};
my %wrong = (
	'a hash that is too short' => [ q{token_hash = 'abc'}, 'invalid input syntax for type token_hash' ],
	'a hash that is no hexadecimal' => [ q{token_hash = repeat('g', 64)}, 'invalid input syntax for type token_hash' ],
	'a refresh hash with a space' =>
	  [ q{refresh_token_hash = ' ' || refresh_token_hash}, 'invalid input syntax for type token_hash' ],
	'a scope with a space' => [ q{scopes = '{read all}'}, 'invalid scope' ],
	'a scope that is NULL' => [ q{scopes = '{NULL}'}, 'a scope must not be null' ],
	'a name that is too long' => [ q{device_name = repeat('x', 256)}, 'device_name is too long' ],
	'a user agent that is too long' => [ q{user_agent = repeat('x', 2049)}, 'user_agent is too long' ],
	'no user' => [ 'user_id = NULL', 'user_id must not be null' ],
	'an expiry that never comes' => [ q{expires_at = 'infinity'}, 'expires_at must be finite' ],
	'made before all time' => [ q{created_at = '-infinity'}, 'created_at must be finite' ],
	'active after all time' => [ q{last_activity_at = 'infinity'}, 'last_activity_at must be finite' ],
	'no hash' => [ 'token_hash = NULL', 'token_hash must not be null' ],
	'the refresh token of another' =>
	  [ "refresh_token_hash = $of_another", 'another token was imported with one of these hashes' ],
	'the refresh token of another as the session token' =>
	  [ "token_hash = $of_another", 'another token was imported with one of these hashes' ],
	'one hash for both' => [ 'refresh_token_hash = token_hash', 'another token was imported with one of these hashes' ]
);
query(
	q{ALTER TABLE shared.sessions
		ALTER user_id DROP NOT NULL,
		ALTER token_hash DROP NOT NULL,
		DROP CONSTRAINT sessions_refresh_token_hash_key,
		DROP CONSTRAINT sessions_token_hash_key;
	CREATE TABLE shared.rest AS
	SELECT * FROM shared.sessions WHERE revoked_at IS NULL AND expires_at > now() ORDER BY id LIMIT 20;
	UPDATE shared.rest SET id = md5(id::text)::uuid,
		token_hash = encode(sha256(token_hash::bytea), 'hex'),
		refresh_token_hash = encode(sha256(refresh_token_hash::bytea), 'hex');
	DELETE FROM shared.sessions WHERE device_name IS DISTINCT FROM 'Television 9';
	INSERT INTO shared.sessions TABLE shared.rest}
);
my ($row) = query('SELECT id FROM shared.rest ORDER BY user_id DESC, last_activity_at DESC, id DESC LIMIT 1');
my $hash = query("SELECT token_hash || '|' || refresh_token_hash FROM shared.rest WHERE id = '$row'");
for my $kind (sort keys %wrong)
{
	my ($change, $reason) = @{ $wrong{$kind} };
	my ($status, $stdout, $stderr) = $node->psql(
		'postgres',
		"UPDATE shared.sessions SET $change WHERE id = '$row';\n\\i examples/import/shared_sessions.sql",
		on_error_stop => 1);
	is($stdout, "imported||20\nleft out|$reason|1", "$kind: left out, and no other row");
	unlike($stdout . $stderr, qr/$hash|gggg|abc/, "$kind: the message tells no hash");
	query(
		qq{DELETE FROM shared.sessions WHERE id = '$row';
		INSERT INTO shared.sessions SELECT * FROM shared.rest WHERE id = '$row'}
	);
}
is( query(
		qq{SELECT (SELECT count(*) FROM session_service.sessions WHERE metadata->>'imported_id' = '$row'),
			(SELECT count(*) FROM session_service.imported_tokens t
				WHERE NOT EXISTS (SELECT FROM session_service.sessions s WHERE s.id = t.session_id))}
	),
	'0|0',
	'nothing of a row that was left out stays');
query('CREATE TABLE people AS SELECT DISTINCT user_id AS id FROM shared.sessions WHERE id <> ' . "'$row'");
is( run_script(q{\set users 'SELECT id FROM people UNION SELECT NULL'}),
	"imported||20\nleft out|no such user|1",
	'sessions of who is no user are left out where the script is told who is');
is( run_script(
		qq{SELECT s.* FROM shared.rest r, session_service.create_session(r.user_id) s WHERE r.id = '$row' \\g /dev/null
		SET session_service.limit_policy = reject;
		SET session_service.max_per_user = 1;}
	),
	"imported||20\nleft out|session limit reached|1",
	'and what the limit refuses');
is(run_script(), 'imported||21', 'mended, all of them come');
is( query(
		q{SELECT count(*) FROM session_service.sessions s JOIN shared.rest r ON s.metadata->>'imported_id' = r.id::text}
	),
	20,
	'each once');
my ($refused) = (
	$node->psql(
		'postgres',
		q{CREATE ROLE reader;
		GRANT USAGE ON SCHEMA shared TO reader;
		GRANT SELECT, UPDATE ON shared.sessions TO reader;
		SET ROLE reader;
		\i examples/import/shared_sessions.sql},
		on_error_stop => 1))[2] =~ /ERROR: +(.*)/;
is( $refused,
	'permission denied for schema session_service',
	'who may not import is told so, and not that the rows are wrong');

# --- one hash, imported by many at once

# Starts clients that wait for a transaction which has imported the hash, ends it, and gives their answers.
sub race
{
	my ($token, $level, $first_user, $users, $end) = @_;
	my $call = sub {
		qq{SELECT session_service.import_session(session_service.hash_token('$token'), md5('$_[0]')::uuid,
			now() + '1 day', session_service.hash_token('refresh of $token'))};
	};
	query('BEGIN; ' . $call->($first_user) . q{; PREPARE TRANSACTION 'barrier'});
	my @clients = map {
		my ($stdout, $stderr) = ('', '');
		my $client = { stdout => \$stdout, stderr => \$stderr };
		local $ENV{PGOPTIONS} = '-c default_transaction_isolation=' . ($level =~ s/ /\\ /r);
		$client->{run} = IPC::Run::start(
			[ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres'), '-c', $call->($_) ],
			'>', \$stdout, '2>', \$stderr);
		$client;
	} @$users;
	my $waiting = scalar @clients;
	ok( $node->poll_query_until(
			'postgres', "SELECT count(*) = $waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock'"),
		"$token, $level: $waiting clients wait for the first");
	query("$end PREPARED 'barrier'");
	my %answers;
	for my $client (@clients)
	{
		$client->{run}->finish;
		my $answer =
			${ $client->{stdout} } =~ /^[0-9a-f-]{36}$/m ? 'id'
		  : ${ $client->{stderr} } =~ /ERROR:\s+(\w{5})/ ? $1
		  :                                                ${ $client->{stderr} };
		$answers{$answer}++;
		$answers{$1} = 1 if ${ $client->{stdout} } =~ /^([0-9a-f-]{36})$/m;
	}
	my @ids = grep { length == 36 } keys %answers;
	delete @answers{@ids};
	cmp_ok(scalar(@ids), '<=', 1, "$token, $level: never two ids");
	is( query(
			qq{SELECT count(*), count(DISTINCT s.id),
				(SELECT count(*) FROM session_service.imported_tokens WHERE session_id = min(s.id::text)::uuid)
			FROM session_service.sessions s
			WHERE token_hash OPERATOR(session_service.=) session_service.hash_token('$token')}
		),
		'1|1|2',
		"$token, $level: one session, with its two hashes");
	return join ' ', map { "$_:$answers{$_}" } sort keys %answers;
}
my @same = ('same') x 8;
my @different = map { "different $_" } 1 .. 8;
is(race('one user', 'read committed', 'same', \@same, 'COMMIT'), 'id:8', 'one user: all get the id of the first');
is(race('one user, first undone', 'read committed', 'same', \@same, 'ROLLBACK'),
	'id:8', 'one user, the first undone: all get the one id of another');
is(race('many users', 'read committed', 'first', \@different, 'COMMIT'), '40001:8', 'other users: to be tried again');
is(race('many users, first undone', 'read committed', 'first', \@different, 'ROLLBACK'),
	'40001:7 id:1', 'other users, the first undone: one has it, the others try again');
for my $level ('repeatable read', 'serializable')
{
	is(race("one user at $level", $level, 'same', \@same, 'COMMIT'), 'id:8', "$level: all get the id of the first");
	is(race("many users at $level", $level, 'first', \@different, 'COMMIT'),
		'40001:8', "$level, other users: to be run again");
}

# --- the script for connect-pg-simple, on a table of that form

query('CREATE DATABASE express');
$node->safe_psql(
	'express', q{
	CREATE EXTENSION session_service;
	CREATE TABLE session (sid varchar NOT NULL PRIMARY KEY, sess json NOT NULL, expire timestamp(6) NOT NULL);
	CREATE TABLE users (id bigint);
	INSERT INTO users VALUES (17);
	SET TimeZone = 'UTC';
	INSERT INTO session VALUES
		('sid-number', '{"cookie": {"originalMaxAge": 3600000}, "passport": {"user": 17}}', LOCALTIMESTAMP + '1 hour'),
		('sid-text', '{"cookie": {"originalMaxAge": 3600000}, "passport": {"user": "ada"}}', LOCALTIMESTAMP + '1 day'),
		('sid-nobody', '{"cookie": {"originalMaxAge": 3600000}}', LOCALTIMESTAMP + '1 hour'),
		('sid-over', '{"cookie": {"originalMaxAge": 3600000}, "passport": {"user": 17}}',
			LOCALTIMESTAMP - interval '1 minute')}
);
# The zone is that of the script, whatever the connection's.
is( $node->safe_psql('express', "SET TimeZone = '$_';\n\\i examples/import/connect_pg_simple.sql"),
	"imported||2\nleft out|expired|1\nleft out|nobody is signed in|1",
	"connect-pg-simple: signed in and not over, from $_") for 'Asia/Tokyo', 'America/Lima';
is( $node->safe_psql(
		'express',
		q{SET TimeZone = 'UTC';
		SELECT string_agg(concat_ws(' ', sid, v.expires_at = expire,
				v.user_id = session_service.user_uuid_from_text(sess #>> '{passport,user}'),
				v.session_id IS NOT NULL), ', ' ORDER BY sid)
		FROM session LEFT JOIN LATERAL session_service.validate_session(sid) v ON true}),
	'sid-nobody f, sid-number t t t, sid-over f, sid-text t t t',
	'connect-pg-simple: the session ids open the sessions, for as long as they were to');

# Each with a reason of its own; by the text of sess, its sid, its expire.
my @odd = (
	[ q{'{"flash": "\u0000", "passport": {"user": 17}}'} => 'unsupported Unicode escape sequence' ],
	[ q{'{"flash": "\ud83d", "passport": {"user": 17}}'} => 'invalid input syntax for type json' ],
	[ q{'{"passport": {"user": null}}'} => 'nobody is signed in' ],
	[ q{'{"passport": 17}'} => 'nobody is signed in' ],
	[ q{'[]'} => 'nobody is signed in' ],
	[ q{'{"passport": {"user": {"id": 17}}}'} => 'the user is no id: object' ],
	[ q{'{"passport": {"user": [17]}}'} => 'the user is no id: array' ],
	[ q{'{"passport": {"user": true}}'} => 'the user is no id: boolean' ],
	[ q{'{"passport": {"user": 17.5}}'} => 'the user is no whole number' ],
	[ q{'{"passport": {"user": 1e400}}'} => 'the user is no whole number' ],
	[ q{'{"passport": {"user": ""}}'} => 'the user is an empty text' ],
	[ q{'{"passport": {"user": " \t"}}'} => 'the user is an empty text' ],
	[
		q{json_build_object('passport', json_build_object('user', repeat('x', 256)))} =>
		  'the user is longer than 255 characters'
	],
	[ q{'{"passport": {"user": 17}}'} => 'expires_at must be finite', expire => q{'infinity'} ],
	[ q{'{"passport": {"user": 17}}'} => 'expired', expire => q{'-infinity'} ],
	map { [ q{'{"passport": {"user": 17}}'} => 'sid is no token: 1 to 512 printable ASCII characters', sid => $_ ] }
	  q{''},
	q{repeat('s', 600)},
	q{'sid-é'},
	q{E'sid\n'});
my $number = 0;
my %reasons = ('expired' => 1, 'nobody is signed in' => 1);
for my $odd (@odd)
{
	my ($sess, $reason, %also) = @$odd;
	$number++;
	$reasons{$reason}++;
	$node->safe_psql('express',
			'INSERT INTO session VALUES ('
		  . ($also{sid} // "'odd $number'")
		  . ", $sess, "
		  . ($also{expire} // q{LOCALTIMESTAMP + '2 days'})
		  . ')');
}
$node->safe_psql('express',
	q{INSERT INTO session VALUES ('sid-far', '{"passport": {"user": "-1"}}', '294276-12-31 23:59:59.999999')});
my $left_out = join '', map { "\nleft out|$_|$reasons{$_}" } sort keys %reasons;
is($node->safe_psql('express', "\\i examples/import/connect_pg_simple.sql"),
	"imported||3$left_out", 'connect-pg-simple: odd rows are left out and counted, and the others come');
is($node->safe_psql('express', 'SELECT count(*) FROM session_service.sessions'), 3, 'connect-pg-simple: and no others');
$reasons{'no such user'} = 2;
$left_out = join '', map { "\nleft out|$_|$reasons{$_}" } sort keys %reasons;
is( $node->safe_psql('express', "\\set users 'SELECT id::text FROM users'\n\\i examples/import/connect_pg_simple.sql"),
	"imported||1$left_out",
	'connect-pg-simple: so are those of who is no user, where the script is told who is');

# --- the script for Django, on the tables of a Django

SKIP:
{
	skip 'needs Django', 5 if system(q{/usr/bin/python3 -c 'import django, psycopg2' 2>/dev/null}) != 0;
	query('CREATE DATABASE django');
	$node->safe_psql('django', 'CREATE EXTENSION session_service');
	# Runs what Django's manage.py would.
	my $manage = sub {
		my ($command, $input) = @_;
		local %ENV = (
			%ENV,
			PGHOST => $node->host,
			PGPORT => $node->port,
			PYTHONPATH => 'test/t/lib',
			PYTHONDONTWRITEBYTECODE => 1,
			DJANGO_SETTINGS_MODULE => 'django_settings');
		my ($stdout, $stderr);
		IPC::Run::run(
			[ '/usr/bin/python3', '-m', 'django', $command ],
			'<', $input // '/dev/null',
			'>', \$stdout, '2>', \$stderr) or die "$command: $stderr";
		# What the shells of later versions say first.
		return $stdout =~ s/^\d+ objects imported.*\n\n?//r;
	};
	$manage->('migrate');
	$manage->('shell', 'test/t/lib/django_sessions.py');
	is( $manage->('shell', 'examples/import/django.py') =~ s/ +/ /gr,
		"imported | 3 | \n"
		  . join('',
			map { "left out | $_\n" } '1 | expired',
			'1 | expires_at must be finite',
			'4 | nobody is signed in',
			'5 | session_data does not name a user',
			'1 | session_key is no token: 1 to 512 printable ASCII characters'),
		'django: odd rows are left out and counted, and the others come');
	is( $node->safe_psql(
			'django',
			q{SELECT string_agg(
				session_key || ' ' || session_service.user_bigint(v.user_id) || ' ' || (v.expires_at = expire_date),
				', ' ORDER BY session_key)
			FROM django_session, session_service.validate_session(session_key) v}
		),
		'good1 1 true, good2 2 true, good3-far 2 false',
		'django: the keys open the sessions of their users, for as long as they were to');
	is($node->safe_psql('django', 'SELECT count(*) FROM session_service.sessions'), 3, 'django: and no others');
	is(($manage->('shell', 'examples/import/django.py') =~ /^imported +\| +(\d+)/)[0], 3, 'django: again, the same');
	is($node->safe_psql('django', 'SELECT count(*) FROM session_service.sessions'), 3, 'django: and nothing twice');
}

my ($trouble) = PostgreSQL::Test::Utils::slurp_file($node->logfile) =~
  /^(.*(?:deadlock detected|XX000|PANIC|TRAP|terminated by signal).*)$/m;
is($trouble, undef, 'no deadlock, and nothing unexpected in the log');

$node->stop;
done_testing();
