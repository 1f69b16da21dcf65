# What was acknowledged under load survives, whatever the callers did to synchronous_commit, when all processes
# of the server are killed, and when one backend is; what was not answered happened wholly or not at all.
use strict;
use warnings;

use Test::More;

use Crash;
use Extent;
use Load;
use PythonTest;
use SessionNode;

PythonTest::need();

# Of each mix and each kind of crash.
my $rounds = extent(1, 17);

my $node = SessionNode->new('crash_load');
$node->init;
$node->append_conf(
	'postgresql.conf',
	Load::configuration() . q{
fsync = on
synchronous_commit = on
wal_writer_delay = 10s
autovacuum_naptime = 1s
checkpoint_timeout = 30s
max_wal_size = 64MB
});
$node->start;
Load::prepare($node);

my ($crashes, $in_doubt, $happened, $acknowledged) = (0, 0, 0, 0);
my %compared;

# Each COMMIT that waits for the disk takes with it what others wrote before it. So in some rounds these come
# seldom, and what did not wait for one of them would be lost.
my %mixes = (
	'every operation' => {},
	'revocations' => { mix => { create => 5, end => 5 } },
	'renewals' => { mix => { create => 1, refresh => 8, rotate => 4, reauthenticate => 2, retry => 2 } });

for my $mix (sort keys %mixes)
{
	for my $how ('all processes', 'one backend')
	{
		my $load = Load->new($node, %{ $mixes{$mix} });
		$node->append_conf('postgresql.conf', 'commit_siblings = 0');
		$node->append_conf('postgresql.conf', 'commit_delay = ' . ($mix eq 'every operation' ? 0 : 20000));
		$node->append_conf('postgresql.conf', 'restart_after_crash = ' . ($how eq 'one backend' ? 'on' : 'off'));
		$node->reload;
		for my $round (1 .. $rounds)
		{
			$crashes++;
			my $name = "$mix, $how killed, round $round";
			$node->safe_psql('postgres',
				'ALTER DATABASE postgres '
				  . ($crashes % 2 ? 'SET synchronous_commit = off' : 'RESET synchronous_commit'));
			$load->start;
			$load->wait(100 + int rand 400);
			$node->safe_psql('postgres', 'CHECKPOINT') if $crashes % 3 == 0;
			if ($how eq 'one backend')
			{
				kill_backend($node, 'load');
				$load->stop;
				wait_for_server($node);
			}
			else
			{
				kill_server($node);
				$load->stop;
				$node->start;
			}
			my $told = $load->settle;
			is_deeply($told->{problems}, [], "$name: all as acknowledged");
			last if @{ $told->{problems} };
			tables_are_consistent($node, "$name: tables and indexes agree");
		}
		my $told = $load->settle;
		$acknowledged += $told->{acknowledged};
		$in_doubt     += $told->{counts}{'in doubt'}           // 0;
		$happened     += $told->{counts}{'in doubt, happened'} // 0;
		$compared{$_} += $told->{counts}{$_} // 0 for 'sessions compared', 'tokens compared', 'retries compared';
		$load->finish;
	}
}
isnt($in_doubt, 0, 'some operations were under way');
counted(
	"$crashes crashes survived: $acknowledged operations acknowledged, $in_doubt in doubt, of which $happened had happened"
);
counted(join ', ', map { "$compared{$_} $_" } sort keys %compared);

$node->stop;
done_testing();
