# A disk that is full under load, of the tables, of the log, of both: calls fail with 53100, or the server stops and
# recovers; nothing that was acknowledged is lost, nothing that failed happened, and all works once there is room.
use strict;
use warnings;

use Test::More;

use Client;
use Crash;
use Extent;
use FullDisk;
use Load;
use PythonTest;
use SessionNode;

PythonTest::need();

my $rounds = extent(1, 25);
my ($acknowledged, $refused, $stops, $in_doubt) = (0, 0, 0, 0);

# Activity is a new version of the session's row. Where that needs a new page, and there is no room for one, it is left
# out: a validation never fails for it.
sub validate_on_full_disk
{
	my ($node, $disk, $kind) = @_;
	my ($client, $reader) = map { Client->new($node) } 1 .. 2;
	my $validate = sub {
		my ($before, $after) = @_;
		$client->send("$before SELECT count(*) FROM held, session_service.validate_session(held.token); $after");
		my ($rows, $errors) = $client->answer_and_errors;
		return $errors eq '' ? "valid: $rows" : $errors =~ /^ERROR:  53100: /m ? 'no room' : $errors;
	};
	$client->ask('\set VERBOSITY verbose');
	$client->ask('CREATE TABLE held AS SELECT token FROM session_service.create_session(gen_random_uuid())');
	# They have visibility maps then, without which since PostgreSQL 19 a reader tidies up no page.
	$client->ask('VACUUM session_service.sessions, session_service.users');
	# Who could still see them keeps old versions where they are.
	$reader->ask('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM held');
	$disk->fill('data');
	my %got;
	$got{ $validate->('', '') }++ for 1 .. 60;
	is_deeply([ sort keys %got ], ['valid: 1'], "$kind: validations whose activity finds no room leave it out");
	is($validate->('BEGIN READ ONLY;', 'COMMIT'), 'valid: 1', "$kind: not in a read-only transaction");
	is($validate->("SET session_service.touch_interval = '1h';", 'RESET session_service.touch_interval'),
		'valid: 1', "$kind: nor before the touch interval is over");
	$reader->ask('COMMIT');
	# The first one finds out that nobody sees them any more.
	$validate->('', '');
	is($validate->('', ''), 'valid: 1', "$kind: nor where old versions make room");
	$disk->free;
	$_->close for $client, $reader;
	$node->safe_psql('postgres', 'DROP TABLE held');
	return;
}

# The log has room until its next file is needed, which those that are there put off:
# no more than its disk has room for.
sub use_up_log
{
	my ($node, $load, $name) = @_;
	for (1 .. 100)
	{
		return if !answers($node, 'SELECT pg_switch_wal()');
		$load->wait(50);
	}
	BAIL_OUT("$name: the log takes one new file after another");
}

sub full_disk
{
	my ($class) = @_;
	my $kind = lc $class =~ s/.*:://r;
	my $node = SessionNode->new("disk_full_$kind");
	$node->init(extra => [ '--wal-segsize', '1' ]);
	# No autovacuum, so that the tables grow; a checkpoint needs no room.
	$node->append_conf(
		'postgresql.conf',
		Load::configuration() . q{
fsync = on
autovacuum = off
max_wal_size = 8MB
min_wal_size = 2MB
});
	my $disk = $class->new($node);
	$disk->start;
	Load::prepare($node);
	validate_on_full_disk($node, $disk, $kind);
	my $load = Load->new($node, allowed => ['53100']);
	for my $round (1 .. $rounds)
	{
		for my $what (qw(data log both))
		{
			my $name = "$kind, round $round, $what full";
			my $refused_before = ($load->stop)->{counts}{'error 53100'} // 0;
			$load->start;
			$load->wait(200);
			$disk->fill($what);
			$load->wait(400);
			use_up_log($node, $load, $name) if $what ne 'data';
			my $told = $load->stop;
			my $now = $told->{counts}{'error 53100'} // 0;

			if ($what eq 'data')
			{
				cmp_ok($now, '>', $refused_before, "$name: calls fail with 53100");
			}
			else
			{
				wait_for_end($node->{_pid});
				$node->_update_pid(0);
				$stops++;
			}
			$disk->free;
			$disk->start if $what ne 'data';
			$told = $load->settle;
			is_deeply($told->{problems}, [], "$name: all as acknowledged");
			last if @{ $told->{problems} };
			tables_are_consistent($node, "$name: tables and indexes agree");
			$load->start;
			$load->wait(100);
			$told = $load->stop;
			is($told->{counts}{'error 53100'} // 0, $now, "$name: and all works again");
		}
	}
	my $told = $load->settle;
	is_deeply($told->{problems}, [], "$kind: nor is there a problem at the end");
	$acknowledged += $told->{acknowledged};
	$refused      += $told->{counts}{'error 53100'} // 0;
	$in_doubt     += $told->{counts}{'in doubt'}    // 0;
	$load->finish;
	my @panics = grep { /PANIC: / } split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile);
	is_deeply([ grep { !/No space left on device/ } @panics ], [], "$kind: no PANIC but for want of room");
	$node->stop;
	$disk->finish;
	return;
}

for my $class ('FullDisk::Preloaded', 'FullDisk::Mounted')
{
  SKIP:
	{
		my $why_not = $class->why_not;
		skip "$class: $why_not", 1 if $why_not;
		full_disk($class);
	}
}
counted("$acknowledged operations acknowledged, $refused refused for want of room, $in_doubt in doubt, "
	  . "$stops stops of the server");
done_testing();
