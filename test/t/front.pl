# A front of four shards on two servers, over PL/Proxy: see front.py.
use strict;
use warnings;

use Front;
use PythonTest;

Front::need();
PythonTest::need();
my @nodes = map {
	PythonTest::server(
		$_, conf => q{
shared_preload_libraries = 'session_service'
max_connections = 400
session_service.refresh_grace = 1h
session_service.event_log = all
})
} qw(one other);
PythonTest::finish('front', \@nodes, $nodes[1]->connstr('postgres'));
