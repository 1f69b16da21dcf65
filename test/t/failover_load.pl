# What was acknowledged under load survives a failover to the synchronous standby, whatever the callers did to
# synchronous_commit: nothing that was created, refreshed or rotated is lost, and nothing that was revoked lives.
#
# All processes of the primary are killed and the standby is promoted, again and again: each new primary gets a new
# standby. In some rounds the standby hears nothing more before that, so that what did not wait for it is lost.
use strict;
use warnings;

use Test::More;

use Crash;
use Extent;
use Load;
use PythonTest;
use SessionNode;

PythonTest::need();

my $rounds = extent(4, 60);
my $clients = 16;

# Known to the clients from the start.
my @nodes = map { SessionNode->new("server_$_") } 0 .. $rounds;
my $primary = $nodes[0];
$primary->init(allows_streaming => 1);
$primary->append_conf(
	'postgresql.conf',
	Load::configuration() . q{
autovacuum_naptime = 1s
wal_sender_timeout = 0
wal_receiver_timeout = 0
});
$primary->start;
Load::prepare($primary);
my $load = Load->new(\@nodes, clients => $clients, levels => [qw(off local)]);

# The next standby, which COMMIT waits for from now on.
sub add_standby
{
	my ($standby) = @_;
	$primary->backup('base');
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$standby->start;
	$primary->append_conf('postgresql.conf', "synchronous_standby_names = '" . $standby->name . q{'});
	$primary->reload;
	$primary->poll_query_until('postgres', q{SELECT sync_state = 'sync' FROM pg_stat_replication})
	  or die 'no synchronous standby';
	return;
}

# Stops what receives the log on the standby; it ends without looking at what has arrived since.
sub cut_off
{
	my ($standby) = @_;
	my $receiver = $standby->safe_psql('postgres', 'SELECT pid FROM pg_stat_wal_receiver') or die 'no receiver';
	kill 'STOP', $receiver or die 'no receiver';
	return sub { kill 'TERM', $receiver; kill 'CONT', $receiver; wait_for_end($receiver); return };
}

# How many clients wait for the standby: once all do, or half a second has gone.
sub waiting_clients
{
	my $waiting = 0;
	for (1 .. 5)
	{
		select undef, undef, undef, 0.1;
		$waiting = $primary->safe_psql('postgres',
			q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'load' AND wait_event = 'SyncRep'});
		last if $waiting == $clients;
	}
	return $waiting;
}

my ($survived, $kept_waiting) = (0, 0);
for my $round (1 .. $rounds)
{
	my $standby = $nodes[$round];
	my $is_cut_off = $round % 2 == 0;
	my $name = "failover $round, " . ($is_cut_off ? 'the standby cut off before' : 'at full speed');
	add_standby($standby);
	my $setting = $round % 4 < 2 ? 'SET synchronous_commit = off' : 'RESET synchronous_commit';
	$primary->safe_psql('postgres', "ALTER DATABASE postgres $setting");
	$load->start;
	$load->wait(1000 + int rand 1000);
	my $end_receiver = $is_cut_off ? cut_off($standby) : sub { };
	$kept_waiting += waiting_clients() if $is_cut_off;
	kill_server($primary);
	$load->stop;
	$end_receiver->();
	$standby->promote;
	$primary = $standby;
	my $told = $load->settle;
	is_deeply($told->{problems}, [], "$name: all as acknowledged");
	last if @{ $told->{problems} };
	$survived++;
	tables_are_consistent($primary, "$name: tables and indexes agree");
}
my $told = $load->settle;
cmp_ok($kept_waiting, '>', 0, 'clients waited for a standby that did not answer');
my ($in_doubt, $happened) = map { $told->{counts}{$_} // 0 } 'in doubt', 'in doubt, happened';
isnt($in_doubt, 0, 'some operations were under way');
counted("$survived failovers survived: $told->{acknowledged} operations acknowledged, $in_doubt in doubt, "
	  . "of which $happened had happened");
counted(join ', ', map { "$told->{counts}{$_} $_" } grep { /compared/ } sort keys %{ $told->{counts} });
$load->finish;

$primary->stop;
done_testing();
