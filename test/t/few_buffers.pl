# Far more rows than buffers, so that pages come and go: where a backend found a row, another page lies soon after,
# of another table or of the same one. What is found there is never taken for the session.
use strict;
use warnings;

use IPC::Run;
use Test::More;

use Extent;
use PostgreSQL::Test::Utils ();
use SessionNode;

my $seconds = extent(4, 300);

my $node = SessionNode->new('few_buffers');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
shared_buffers = 512kB
max_connections = 20
autovacuum_naptime = 1s
session_service.max_per_user = 0
session_service.touch_interval = 1s
});
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION session_service;
	CREATE TABLE held AS SELECT n, s.session_id, s.token FROM generate_series(1, 3000) n,
		LATERAL session_service.create_session(md5((n % 500)::text)::uuid, 'device ' || n) s;
	CREATE INDEX ON held (n);
	CREATE TABLE ended AS SELECT * FROM held WHERE n % 10 = 0;
	SELECT count(session_service.revoke_session(session_id)) FROM ended;
	DELETE FROM held WHERE n % 10 = 0;
	CREATE TABLE other_pages AS SELECT id, repeat('x', 300) AS filler FROM generate_series(1, 20000) id;
	CREATE INDEX ON other_pages (id);
	VACUUM ANALYZE});

my $directory = PostgreSQL::Test::Utils::tempdir();
my %scripts = (
	# Ends the client where an answer is wrong. Activity is recorded, so that rows move in their pages.
	'validate@10' => q{
\set first random(1, 2990)
SELECT 1 / (count(*) = count(v) AND bool_and(v.session_id = h.session_id))::integer
	FROM held h LEFT JOIN session_service.validate_session(h.token) v ON true WHERE n BETWEEN :first AND :first + 9;
},
	'validate_many@3' => q{
\set first random(1, 2900)
SELECT 1 / (count(*) = count(v) AND bool_and(v.session_id = h.session_id))::integer
	FROM (SELECT array_agg(token ORDER BY n) AS tokens, array_agg(session_id ORDER BY n) AS ids
		FROM held WHERE n BETWEEN :first AND :first + 99) a
	CROSS JOIN unnest(ids) WITH ORDINALITY AS h(session_id, position)
	LEFT JOIN session_service.validate_sessions(tokens) v ON v.token_index = h.position;
},
	'validate_ended@2' => q{
\set which random(1, 300)
SELECT 1 / (count(v) = 0)::integer FROM ended h, session_service.validate_session(h.token) v WHERE n = 10 * :which;
},
	'others@5' => q{
\set first random(1, 19900)
SELECT count(filler) FROM other_pages WHERE id BETWEEN :first AND :first + 99;
},);
PostgreSQL::Test::Utils::append_to_file("$directory/" . s/\@\d+$//r, $scripts{$_}) for keys %scripts;

my ($stdout, $stderr) = ('', '');
my $succeeded = IPC::Run::run(
	[
		'pgbench', '-n', '-c', 4, '-T', $seconds, '-M', 'prepared', '-h', $node->host, '-p', $node->port,
		(map { ('-f', "$directory/$_") } sort keys %scripts), 'postgres'
	],
	'>',
	\$stdout,
	'2>',
	\$stderr);
ok($succeeded, 'each token opens its own session, and none of an ended one does') or diag($stdout, $stderr);
my ($transactions) = $stdout =~ /^number of transactions actually processed: (\d+)/m;
cmp_ok($transactions, '>', 100, 'many transactions were made');

my ($read, $hit) = split /\|/,
  $node->safe_psql('postgres',
	q{SELECT heap_blks_read, heap_blks_hit FROM pg_statio_user_tables WHERE relid = 'session_service.sessions'::regclass}
  );
cmp_ok($read, '>', $transactions, 'pages of sessions had to be read again and again');
cmp_ok($hit, '>', $transactions, 'and some were found');
my ($hot) = $node->safe_psql('postgres',
	q{SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'session_service.sessions'::regclass});
cmp_ok($hot, '>', 100, 'rows moved within their pages');
counted("$transactions transactions, $read pages read, $hit found");

$node->stop;
done_testing();
