# `make install` under a server at work: backends that have the library go on with it, new ones take the new
# file, and at no moment is there none or half of one.
use strict;
use warnings;

use POSIX ();
use Test::More;

use Client;
use Extent;
use SessionNode;

my $node = SessionNode->new('replaced');
$node->init;
my $stage = $node->stage_copy or plan skip_all => 'this server has one library directory for all';
$node->append_conf('postgresql.conf', 'session_service.touch_interval = 0');
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION session_service;
	CREATE TABLE held (n serial, user_id uuid, session_id uuid, token text, refresh_token text)});

sub make_install { return system("make -s install DESTDIR='$stage->{root}' >>'" . $node->logfile . "' 2>&1") == 0; }

# The file that a backend has in its memory: its inode, and whether it is gone from its place.
sub mapped
{
	my $client = shift;
	my $pid = $client->ask('SELECT pg_backend_pid()');
	my @maps = grep { m{/session_service\.so} } split /\n/, PostgreSQL::Test::Utils::slurp_file("/proc/$pid/maps");
	my ($inode) = $maps[0] =~ /^\S+ \S+ \S+ \S+ (\d+)/;
	return "$inode" . ($maps[0] =~ /\(deleted\)$/ ? ' gone' : '');
}

sub inode { return (stat $stage->{library})[1]; }

# What a session goes through, each step in the next of these backends.
my $lives = 0;

sub life
{
	my ($name, @clients) = @_;
	my $turn = 0;
	my @answers = map { $clients[ $turn++ % @clients ]->ask($_) } (
		'TRUNCATE held',
		q{INSERT INTO held (user_id, session_id, token, refresh_token)
		SELECT u, session_id, token, refresh_token
		FROM gen_random_uuid() u, session_service.create_session(u, device_key => 'key')},
		'SELECT count(*) FROM held h, session_service.validate_session(h.token)',
		q{BEGIN;
		SELECT count(*) FROM held h, session_service.authenticate(h.token) a
		WHERE a.user_id = session_service.current_user_id();
		COMMIT},
		q{INSERT INTO held (user_id, session_id, token, refresh_token)
		SELECT h.user_id, h.session_id, r.token, r.refresh_token
		FROM held h, session_service.refresh_session(h.refresh_token) r},
		'SELECT string_agg(h.n::text, \',\') = max(h.n)::text FROM held h, session_service.validate_session(h.token)',
		q{SELECT r.repeated FROM held h, session_service.refresh_session(h.refresh_token) r
		WHERE n = (SELECT min(n) FROM held)},
		q{SELECT session_service.trust_device(h.user_id, d.id)
		FROM held h, session_service.list_user_devices(h.user_id) d LIMIT 1},
		'SELECT session_service.mark_mfa_verified(session_id) FROM held LIMIT 1',
		'SELECT (session_service.introspect_token(token) ->> \'active\')::boolean FROM held ORDER BY n DESC LIMIT 1',
		'SELECT count(*) FROM held h, session_service.rotate_session_token(h.token)',
		'SELECT session_service.revoke_all_user_sessions(user_id) FROM held LIMIT 1',
		'SELECT count(*) FROM held h, session_service.validate_session(h.token)',
		'SELECT session_service.user_epoch(user_id) > 0 FROM held LIMIT 1');
	is_deeply(\@answers, [ '', '', 1, 1, '', 't', 't', 't', 't', 't', 1, 1, 0, 't' ], $name);
	$lives++;
	return;
}

my $first = Client->new($node);
life('a backend', $first);
my $first_inode = inode();
is(mapped($first), $first_inode, 'has the library');

ok(make_install(), 'make install');
isnt(inode(), $first_inode, 'puts another file in its place');
is(mapped($first), "$first_inode gone", 'the backend keeps the one that it has');
life('and goes on', $first);
my $second = Client->new($node);
life('so does a new one', $second);
is(mapped($second), inode(), 'with the new file');
life('both work on the same sessions', $first, $second);

# Another version of the library, as far as the loader can tell.
ok(make_install(), 'once more');
PostgreSQL::Test::Utils::append_to_file("$stage->{library}.new",
	PostgreSQL::Test::Utils::slurp_file($stage->{library}) . 'a later version');
chmod 0755, "$stage->{library}.new";
rename "$stage->{library}.new", $stage->{library} or die;
my $third = Client->new($node);
life('three backends with three files', $first, $second, $third);
is_deeply([ map { mapped($_) } $first, $third ], [ "$first_inode gone", inode() ], 'each its own');
$node->safe_psql('postgres', 'CREATE DATABASE other');
is( $node->safe_psql(
		'other',
		q{CREATE EXTENSION session_service;
		SELECT count(*)
		FROM session_service.create_session(gen_random_uuid()) c, session_service.validate_session(c.token)}
	),
	1,
	'CREATE EXTENSION with the new file');

# New connections all the while: each finds a whole library.
my $times = extent(10, 300);
my $installs = fork // die;
if ($installs == 0)
{
	for (1 .. $times)
	{
		make_install() or POSIX::_exit(1);
	}
	POSIX::_exit(0);
}
my ($connections, @failed) = (0);
while (waitpid($installs, POSIX::WNOHANG()) == 0)
{
	my ($status, $stdout, $stderr) =
	  $node->psql('postgres', q{SELECT count(*) FROM session_service.validate_session('nonsense')});
	push @failed, $stderr if $status != 0 || $stdout ne '0';
	$connections++;
}
is($?, 0, 'make install, again and again');
is_deeply(\@failed, [], 'and every new connection has a library');
life('the first backend is still there', $first);

# Preloaded: the postmaster's file is everyone's, until the server is started again.
$_->close for $first, $second, $third;
$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'session_service'});
$node->restart;
my $preloaded = inode();
ok(make_install(), 'make install under a preloaded library');
$first = Client->new($node);
life('preloaded', $first);
is(mapped($first), "$preloaded gone", 'new backends have the postmaster\'s');
$first->close;
$node->restart;
$first = Client->new($node);
life('after a restart', $first);
is(mapped($first), inode(), 'they have the new file');
$first->close;

counted(($times + 3)
	. " installations under a working server, $connections new connections meanwhile, $lives sessions lived");
$node->stop;
done_testing();
