# Random sequences of calls, and calls at the same time, whose answers are compared with a reference model
# (test/model). The servers run on clocks that stand still until the test moves them (libfaketime).
use strict;
use warnings;

use IPC::Run;
use Test::More;

use Extent;
use PostgreSQL::Test::Utils ();
use PythonTest;
use SessionNode;

my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
plan skip_all => 'needs libfaketime' unless $library;
PythonTest::need('cryptography');

# Another seed for each long run; MODEL_SEED makes one again.
my $seed = $ENV{MODEL_SEED} // extent(1, time);
# For what is more than the least, which in a long run is all there is to do: that may take ten times as long.
my $seconds = $ENV{MODEL_SECONDS} // extent(45, 1800);

# Starts a server with a clock of its own, and a driver on it.
sub start_driver
{
	my ($name, $count, $least) = @_;
	my $clock_file = PostgreSQL::Test::Utils::tempdir() . '/clock';
	PostgreSQL::Test::Utils::append_to_file($clock_file, '2031-03-10 00:00:00.0000005');
	my $node = SessionNode->new($name);
	$node->init;
	# A timer that is nearly over by a clock that stands still rings without end; who waits for ever is told by the driver.
	$node->append_conf(
		'postgresql.conf', q{
deadlock_timeout = 1h
timezone = 'UTC'
autovacuum = off
log_statement = none
log_min_error_statement = panic
log_min_messages = fatal
});
	{
		local @ENV{
			qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE FAKETIME_DONT_FAKE_MONOTONIC DONT_FAKE_MONOTONIC TZ)
		} = ($library, $clock_file, 1, 1, 1, 'UTC');
		$node->start;
	}
	$node->safe_psql('postgres', 'CREATE EXTENSION session_service');
	local $ENV{PYTHONPATH} = 'test/t/lib';
	my $driver = { node => $node, name => $name, least => $least, output => '' };
	$driver->{process} = IPC::Run::start(
		[
			$PythonTest::python, "test/model/$name.py", $node->connstr('postgres'),
			$clock_file, $seed, $count, $least, $seconds
		],
		'>',
		\$driver->{output},
		'2>&1');
	return $driver;
}

my @drivers = start_driver('sequences', extent(3_000, 100_000), extent(300, 100_000));
# Of calls at the same time the model knows only activity that is written as they commit.
push @drivers, start_driver('histories', extent(1_000, 20_000), extent(100, 20_000))
  if ($ENV{SESSION_SERVICE_ENGINE} // 'auto') eq 'auto';
for my $driver (@drivers)
{
	my $succeeded = $driver->{process}->finish;
	$driver->{node}->stop;
	ok($succeeded, "$driver->{name}: no answer differs from the model's") or diag($driver->{output});
	counted($1) while $driver->{output} =~ /^counted: (.*)$/mg;
	my ($done) = $driver->{output} =~ /^counted: (\d+) of /m;
	cmp_ok($done // 0, '>=', $driver->{least}, "$driver->{name}: enough of them");
	# A search that was given up passes for one that found an order.
	next if $driver->{name} ne 'histories';
	my ($undecided) = $driver->{output} =~ /, (\d+) without a verdict$/m;
	cmp_ok($undecided // 1, '<=', ($done // 0) / 100, "$driver->{name}: hardly one without a verdict");
}
done_testing();
