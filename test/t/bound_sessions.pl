# Sessions that are bound to a key, by both protocols: see bound_sessions.py. The clock of the server and of its
# standby stands still until the test moves it, where libfaketime can be loaded.
use strict;
use warnings;

use Test::More;

use PostgreSQL::Test::Utils ();
use PythonTest;
use SessionNode;

PythonTest::need('cryptography');

my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
my ($second, $minute, $hour, $day, $month, $year) = gmtime;
my $clock_file = PostgreSQL::Test::Utils::tempdir() . '/clock';
PostgreSQL::Test::Utils::append_to_file(
	$clock_file,
	sprintf '%04d-%02d-%02d %02d:%02d:%02d.0000005',
	$year + 1900,
	$month + 1, $day, $hour, $minute, $second);

# Starts servers with that clock. Timers would ring without end by a clock that stands still.
sub with_clock
{
	my ($start) = @_;
	local %ENV = %ENV;
	@ENV{qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE FAKETIME_DONT_FAKE_MONOTONIC DONT_FAKE_MONOTONIC TZ)}
	  = ($library, $clock_file, 1, 1, 1, 'UTC')
	  if $library;
	return $start->();
}

my $primary = with_clock(
	sub {
		return PythonTest::server(
			'bound_sessions',
			init => [ allows_streaming => 1 ],
			conf => q{
autovacuum = off
deadlock_timeout = 1h
max_connections = 100
shared_buffers = 32MB
timezone = 'UTC'
wal_log_hints = off
wal_receiver_timeout = 0
wal_sender_timeout = 0
session_service.event_log = all
session_service.max_per_user = 0
session_service.touch_interval = 1h
shared_preload_libraries = 'session_service'
});
	});
$primary->backup('base');
my $standby = SessionNode->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
with_clock(sub { $standby->start });
PythonTest::finish('bound_sessions', [ $primary, $standby ], $standby->connstr('postgres'), $clock_file);
