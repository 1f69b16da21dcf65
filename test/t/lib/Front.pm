# Databases in front of several servers (front/), over PL/Proxy.
#
#   Front::need();                                          # skips the whole test where they cannot run
#   Front::make($node, 'front', \%connections, \%shard_of); # creates the database, with a shard for each range
#   my $problems = Front::problems($node, 'front');         # what check() tells
package Front;

use strict;
use warnings;

use Test::More ();

use PostgreSQL::Test::Utils ();

# Why there can be none here, or undef.
sub why_not
{
	my ($directory) = PostgreSQL::Test::Utils::run_command([ 'pg_config', '--sharedir' ]);
	return -e "$directory/extension/plproxy.control" ? undef : 'needs PL/Proxy';
}

sub need
{
	my $why_not = why_not();
	Test::More::plan(skip_all => $why_not) if $why_not;
	return;
}

# `connections` are those of the shards, by name. `aliases` may have another name of the database for a range.
sub make
{
	my ($node, $database, $connections, $shard_of, $aliases) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	my $statements =
	  'CREATE EXTENSION session_service; CREATE EXTENSION plproxy; CREATE EXTENSION session_service_front;';
	$statements .= "INSERT INTO session_service_front.shards VALUES ('$_', '$connections->{$_}');"
	  for sort keys %$connections;
	for my $range (0 .. 15)
	{
		my $alias = $aliases && $aliases->{$range} ? "'$aliases->{$range}'" : 'NULL';
		$statements .= "INSERT INTO session_service_front.ranges VALUES ($range, '$shard_of->{$range}', $alias);";
	}
	$node->safe_psql($database, "$statements SELECT session_service_front.apply()");
	return;
}

sub problems
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, 'SELECT subject, problem FROM session_service_front.check()');
}

1;
