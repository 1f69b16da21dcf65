# Statements that are cancelled, time out or wait too long, backends that are terminated and clients that go away,
# at random moments under load: what failed did not happen, what was not answered happened wholly or not at all,
# and after an error a connection is as it was before: rights, settings, locks.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use Crash;
use Extent;
use Load;
use PythonTest;
use SessionNode;

PythonTest::need();

my $rounds = extent(4, 200);

my $node = SessionNode->new('interrupt');
$node->init;
$node->append_conf('postgresql.conf', Load::configuration());
$node->start;
Load::prepare($node);

# Cancelled, by a timeout too; waited too long for a lock. Many wait for the users that they share.
my $load = Load->new(
	$node,
	allowed => [ '57014', '55P03' ],
	reconnects => JSON::PP::true,
	interrupts => JSON::PP::true,
	mix => { %Load::usual, shared => 16 });
my $told;
for my $round (1 .. $rounds)
{
	$load->start;
	$load->wait(2000);
	$load->stop;
	$told = $load->settle;
	is_deeply($told->{problems}, [], "round $round: all as acknowledged, each error without a trace");
	last if @{ $told->{problems} };
}
tables_are_consistent($node, 'tables and indexes agree');
is( $node->safe_psql(
		'postgres',
		q{SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE application_name = 'load' AND l.mode <> 'SIReadLock'}
	),
	0,
	'no lock is left');
my $counts = $told->{counts};
for my $kind ('error 57014', 'error 55P03', 'pg_terminate_backend', 'connections abandoned',
	'in doubt', 'rolled back to a savepoint after an error')
{
	isnt($counts->{$kind} // 0, 0, "$kind: " . ($counts->{$kind} // 0));
}
$load->finish;

# The backend that is to be interrupted may end before the signal is sent. The server warns of that, and so of a process
# that is no backend at all.
is($node->safe_psql('postgres', "SET application_name = verify; SELECT pg_cancel_backend($$)"),
	'f', 'a signal comes too late');
my $too_late = qr/ verify WARNING:  PID \d+ is not a PostgreSQL backend process$/;
my @log = split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile);
isnt(scalar(grep { /$too_late/ } @log), 0, 'which the log tells');
my @trouble = grep { /deadlock detected|PANIC|TRAP|terminated by signal|WARNING:/ && !/$too_late/ } @log;
is_deeply(\@trouble, [], 'and of no trouble');

counted("$told->{acknowledged} operations acknowledged among $counts->{'error 57014'} statements cancelled, "
	  . "$counts->{'error 55P03'} waits given up, $counts->{'connections lost'} connections lost, "
	  . "$counts->{'in doubt'} operations in doubt");

$node->stop;
done_testing();
