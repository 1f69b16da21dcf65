# Logical replication of the tables: a subscriber that validates and takes over, and a range of buckets that
# moves to another server while its users go on.
use strict;
use warnings;

use Test::More;

use Client;
use Documented;
use Extent;
use HeldSessions;
use SessionNode;

# Activity is recorded where a session is validated, so that a subscriber's rows would not be its publisher's.
my ($publisher, $subscriber, $shard) = map {
	my $node = SessionNode->new($_);
	$node->init(allows_streaming => 'logical');
	$node->append_conf(
		'postgresql.conf', q{
session_service.refresh_grace = 1h
session_service.event_log = all
session_service.touch_interval = 1d
autovacuum = off
});
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION session_service; CREATE ROLE application');
	$node
} qw(publisher subscriber shard);

sub query { my $node = shift; return $node->safe_psql('postgres', shift); }

my $connection = $publisher->connstr('postgres') =~ s/'/''/gr;

# Subscribes, and waits until everything that is there has arrived.
sub subscribe
{
	my ($node, $name, $publications) = @_;
	query($node, "CREATE SUBSCRIPTION $name CONNECTION '$connection' PUBLICATION $publications");
	$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate <> 'r'})
	  or die 'the tables do not arrive';
	return;
}

is( query(
		$publisher,
		q{SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'session_service'::regnamespace AND relkind = 'r'
		AND (relreplident <> 'd' OR NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))}),
	'',
	'every table has a primary key, and is replicated by it');

# --- all tables of a database, to a server with other roles: as text, and in binary form

query($publisher, 'CREATE ROLE only_there');
query($_, 'CREATE ROLE on_both') for $publisher, $subscriber;
for my $binary ('false', 'true')
{
	my $name = "binary_$binary";
	my ($there, $here) = map {
		my $node = $_;
		sub { $node->safe_psql($name, shift) }
	} $publisher, $subscriber;
	query($_, "CREATE DATABASE $name") for $publisher, $subscriber;
	# Each server grants to roles of its own; also the same, before and after the other.
	$_->(q{CREATE EXTENSION session_service; SELECT session_service.grant_access('on_both', 'validate')})
	  for $there, $here;
	$there->('CREATE PUBLICATION everything FOR ALL TABLES');
	my $source = $publisher->connstr($name) =~ s/'/''/gr;
	$here->("CREATE SUBSCRIPTION $name CONNECTION '$source' PUBLICATION everything WITH (binary = $binary)");
	$subscriber->poll_query_until($name, q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate <> 'r'})
	  or die 'the tables do not arrive';
	my ($session, $token) = split /\|/,
	  $there->(q{SELECT session_id, token FROM session_service.create_session(gen_random_uuid())});
	$publisher->wait_for_catchup($name);
	my $opens = "SELECT count(*) FROM session_service.validate_session('$token')";
	is($here->($opens), 1, "all tables, $name: a session opens on the other server");
	$here->(q{SELECT session_service.grant_access('on_both', 'monitor')});
	$there->(
		q{SELECT session_service.grant_access('only_there', 'application'),
			session_service.grant_access('on_both', 'monitor')}
	);
	$there->("SELECT session_service.revoke_session('$session')");
	$subscriber->poll_query_until($name, $opens, '0');
	is($here->($opens), 0, "all tables, $name: and no longer once it was revoked, whatever roles were granted there");
	is( $here->(q{SELECT DISTINCT role, level FROM session_service.access_levels ORDER BY role, level}),
		"on_both|monitor\non_both|validate\nonly_there|application",
		"all tables, $name: a role that is missing is known by its name");
	is( join(',', sort grep { /left out/ } split /\n/, $here->(Documented::grant_again())),
		'only_there|application|left out: no such role',
		"all tables, $name: and is left out");
	$there->(
		q{SELECT session_service.revoke_access('only_there', 'application'),
			session_service.revoke_access('on_both', 'monitor')}
	);
	$publisher->wait_for_catchup($name);
	$here->("DROP SUBSCRIPTION $name");
}

# --- everything to another server, which then takes over

query($publisher, HeldSessions::sign_in());
query(
	$publisher, q{
	SELECT session_service.grant_access('application', 'application');
	CREATE TABLE others (n integer PRIMARY KEY,
		user_id uuid, session_id uuid, token text, refresh_token text, device_id uuid);
	CREATE PUBLICATION everything FOR TABLES IN SCHEMA session_service;
	CREATE PUBLICATION of_this_test FOR TABLE held, replaced, others WITH (publish = 'insert')});
query(
	$subscriber, q{
	CREATE TABLE held (name text PRIMARY KEY,
		user_id uuid, session_id uuid, token text, refresh_token text, device_id uuid);
	CREATE TABLE replaced (name text, token text, refresh_token text, proof text);
	CREATE TABLE others (n integer PRIMARY KEY,
		user_id uuid, session_id uuid, token text, refresh_token text, device_id uuid)}
);
subscribe($subscriber, 'everything', 'everything, of_this_test');
is( query($subscriber, HeldSessions::contents()),
	query($publisher, HeldSessions::contents()),
	'a subscriber gets what is there');

# A role by its name, whichever number it has there; what it may do is no row.
my $refresh = 'session_service.refresh_session(text, inet, text, text, text, text)';
my $may_sign_in =
  qq{SELECT string_agg(role || ' ' || level || ' ' || has_function_privilege(role, '$refresh', 'EXECUTE'), ',')
	FROM session_service.access_levels};
is( query($subscriber, $may_sign_in),
	'application application false',
	'access levels arrive as rows, without the privileges');
query($subscriber, Documented::grant_again());
is(query($subscriber, $may_sign_in), 'application application true', 'which granting them again gives');

# Changes of every kind, seen by a backend of the subscriber that has its plans.
my $users = extent(100, 5000);
my $reader = Client->new($subscriber);
my $opens =
  q{SELECT string_agg(n::text, ',' ORDER BY n) FROM others o, session_service.validate_session(o.token) WHERE n <= 8};
query(
	$publisher,
	qq{INSERT INTO others SELECT n, md5(n::text)::uuid, c.session_id, c.token, c.refresh_token, c.device_id
	FROM generate_series(1, $users) n, session_service.create_session(md5(n::text)::uuid, device_key => 'key') c}
);
query(
	$publisher,
	q{SELECT session_service.import_session(session_service.hash_token('imported by ' || n), user_id, now() + '1 day')
	FROM others WHERE n % 8 IN (5, 6)}
);
$publisher->wait_for_catchup('everything');
is($reader->ask($opens), '1,2,3,4,5,6,7,8', 'what is signed in on the publisher, the subscriber validates');
query(
	$publisher, q{
	SELECT session_service.revoke_session(session_id) FROM others WHERE n % 8 = 1;
	SELECT session_service.refresh_session(refresh_token) FROM others WHERE n % 8 = 2;
	SELECT session_service.rotate_session_token(token) FROM others WHERE n % 8 = 3;
	SELECT session_service.forget_device(user_id, device_id) FROM others WHERE n % 8 = 4;
	SELECT session_service.delete_user(user_id) FROM others WHERE n % 8 = 5;
	SELECT session_service.mark_mfa_verified(session_id, 'totp'),
		session_service.set_session_metadata(session_id, '{"a": 1}')
	FROM others WHERE n % 8 = 6;
	SELECT session_service.set_user_session_limit(user_id, 3), session_service.trust_device(user_id, device_id)
	FROM others WHERE n % 8 = 7}
);
$publisher->wait_for_catchup('everything');
is($reader->ask($opens), '6,7,8', 'and no longer what was ended, renewed or deleted there');
is(query($subscriber, HeldSessions::contents()), query($publisher, HeldSessions::contents()), 'every change arrives');

query($subscriber, 'DROP SUBSCRIPTION everything');
query($publisher, 'DROP PUBLICATION everything, of_this_test');
is($reader->ask($_->[1]), $_->[2], "once the subscriber takes over: $_->[0]") for HeldSessions::go_on();
$reader->close;
$subscriber->stop;

# --- a range of buckets to a server that has the others, while its users go on

my $range = 'bucket BETWEEN 0 AND 2047';
my @in_range = qw(users devices sessions events external_sessions);
# Those who stay where they are, on both sides.
query(
	$shard,
	qq{SELECT count(*)
	FROM generate_series(1, $users) n, md5('of the shard ' || n) u, session_service.create_session(u::uuid)
	WHERE session_service.user_bucket(u::uuid) >= 2048}
);
my $of_the_shard = query($shard, HeldSessions::contents());

# The rows of the range, of each table.
sub range_contents
{
	return join ' UNION ALL ', map {
		"SELECT '$_', count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM session_service.$_ t WHERE $range"
	} @in_range, 'imported_tokens';
}

# Imported tokens are kept by their hash alone, so that a filter on the bucket may name only what is inserted:
# without that, the publisher could not delete one any more.
my (undef, undef, $refusal) = $publisher->psql(
	'postgres',
	qq{BEGIN;
	CREATE PUBLICATION other FOR TABLE session_service.imported_tokens WHERE ($range);
	DELETE FROM session_service.imported_tokens}
);
like(
	$refusal,
	qr/cannot delete from table "imported_tokens"/,
	'a filter on imported tokens that names deletions stands in their way');
query($publisher,
	'CREATE PUBLICATION half FOR TABLE ' . join(', ', map { "session_service.$_ WHERE ($range)" } @in_range));
query(
	$publisher,
	qq{CREATE PUBLICATION half_of_imported FOR TABLE session_service.imported_tokens
	WHERE ($range) WITH (publish = 'insert')}
);

# Users of all buckets, at work before, during and after the copy.
my $work = q{
	DO $$
	DECLARE
		made record;
		next record;
		someone uuid;
	BEGIN
		FOR n IN 1 .. 40 LOOP
			someone := md5((random() * 200)::integer::text)::uuid;
			SELECT * INTO made FROM session_service.create_session(someone, device_key => 'key ' || n % 3);
			SELECT * INTO next FROM session_service.refresh_session(made.refresh_token);
			CASE n % 5
				WHEN 0 THEN PERFORM session_service.revoke_session(made.session_id);
				WHEN 1 THEN PERFORM session_service.rotate_session_token(next.token);
				WHEN 2 THEN PERFORM session_service.import_session(
					session_service.hash_token('import ' || made.session_id), someone, now() + '1 day',
					session_service.hash_token('import refresh ' || made.session_id));
				WHEN 3 THEN PERFORM session_service.delete_user(someone);
				ELSE INSERT INTO working VALUES (someone, made.session_id, next.token, next.refresh_token)
					ON CONFLICT (user_id) DO UPDATE SET
						(session_id, token, refresh_token) = (made.session_id, next.token, next.refresh_token);
			END CASE;
			IF current_setting('transaction_isolation') = 'read committed' THEN
				COMMIT;
			END IF;
		END LOOP;
	END $$};
query($publisher, 'CREATE TABLE working (user_id uuid PRIMARY KEY, session_id uuid, token text, refresh_token text)');
my $worker = Client->new($publisher);
my $rounds = 0;
my $pieces = extent(5, 200);
$worker->ask($work) for 1 .. 2;
$worker->send($work);
query($shard, "CREATE SUBSCRIPTION half CONNECTION '$connection' PUBLICATION half, half_of_imported");

until ($rounds >= $pieces
	  && query($shard, q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate <> 'r'}) eq 't')
{
	$worker->answer;
	$rounds++;
	$worker->send($work);
}
$worker->answer;
# The range's users are kept out for a moment here, and let in there.
$publisher->wait_for_catchup('half');
my $moved = query($publisher, range_contents());
is_deeply(
	[ grep { !/^imported/ } split /\n/, query($shard, range_contents()) ],
	[ grep { !/^imported/ } split /\n/, $moved ],
	'the rows of the range arrive, each as it is');
unlike($moved, qr/\|0\|/, 'and there are some in each table');
is( query($shard, 'SELECT count(*) FROM session_service.imported_tokens'),
	query($publisher, "SELECT count(*) FROM session_service.imported_tokens WHERE $range") + query(
		$shard,
		q{SELECT count(*) FROM session_service.imported_tokens i
		WHERE NOT EXISTS (SELECT FROM session_service.sessions s WHERE s.id = i.session_id)}
	),
	'imported tokens do too, and those whose sessions were deleted meanwhile stay, without use');
is( query($shard, 'SELECT count(*) FROM session_service.sessions WHERE bucket >= 2048'),
	query(
		$shard,
		qq{SELECT count(*) FROM session_service.sessions
		WHERE user_id IN (SELECT md5('of the shard ' || n)::uuid FROM generate_series(1, $users) n)}),
	'and nothing from outside the range');
query($shard, 'DROP SUBSCRIPTION half');
query($publisher, 'DROP PUBLICATION half, half_of_imported');

# Those who moved go on there, with the tokens that they have.
my @clients = map { [ split /\|/ ] } split /\n/, query(
	$publisher,
	q{SELECT w.user_id, w.session_id, w.token, w.refresh_token, session_service.user_epoch(w.user_id)
	FROM working w, session_service.validate_session(w.token)
	WHERE session_service.token_bucket(token) < 2048}
);
cmp_ok(scalar @clients, '>', 5, 'some hold tokens');
my $list = join ',', map { "('$_->[0]'::uuid, '$_->[1]'::uuid, '$_->[2]', '$_->[3]', $_->[4])" } @clients;
is( query(
		$shard, qq{
		CREATE TABLE moved AS SELECT * FROM (VALUES $list) m (user_id, session_id, token, refresh_token, epoch);
		SELECT count(*) FROM moved m,
			session_service.validate_session(m.token) v,
			session_service.refresh_session(m.refresh_token) r,
			session_service.validate_session(r.token)
		WHERE (v.session_id, v.user_id) = (m.session_id, m.user_id) AND NOT r.repeated}),
	scalar @clients,
	'every token is good on the other server, and every refresh token');
is( query($shard, 'SELECT count(*) FROM moved m WHERE session_service.user_epoch(user_id) = epoch'),
	scalar @clients,
	'epochs moved along');
is( query(
		$shard,
		q{SELECT count(*) FROM moved m, session_service.create_session(m.user_id, device_key => 'key 0') c
		WHERE c.is_new_device
			AND EXISTS (SELECT FROM session_service.devices d
				WHERE d.user_id = m.user_id
				AND d.key_hash OPERATOR(session_service.=) session_service.hash_token('key 0'))}
	),
	0,
	'their devices are known');
is( query(
		$shard,
		q{SELECT count(*) = count(i) AND count(*) > 0
		FROM session_service.sessions s
			JOIN session_service.events e ON e.session_id = s.id AND e.reason = 'Imported',
			LATERAL (SELECT count(*) AS i FROM session_service.imported_tokens t
				WHERE t.session_id = s.id AND t.bucket = s.bucket) t
		WHERE i = 2}
	),
	't',
	'what was imported before is known by its hashes');

# They leave, and only they.
my $others = query($publisher, range_contents() =~ s/\Q$range\E/NOT ($range)/gr);
query($publisher, join ';', map { "DELETE FROM session_service.$_ WHERE $range" } @in_range, 'imported_tokens');
is(query($publisher, range_contents() =~ s/\Q$range\E/NOT ($range)/gr), $others, 'the others stay where they are');
is( query(
		$publisher,
		qq{SELECT count(*)
		FROM (VALUES $list) m (user_id, session_id, token, refresh_token, epoch),
			session_service.validate_session(m.token)}
	),
	0,
	'and the first server no longer knows those who moved');

counted(2 * $users . ' users replicated, and ' . scalar(@clients) . " clients moved during $rounds rounds of work");
$worker->close;
$_->stop for $publisher, $shard;
done_testing();
