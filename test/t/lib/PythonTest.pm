# Programs in Python: it has binary parameters, and values that psql cannot write.
#
#   PythonTest::need();                       # skips the whole test where they cannot run
#   IPC::Run::run([ $PythonTest::python, … ]);
#
# A test that is such a program, run against a server that this starts:
#
#   PythonTest::run('argument_values', conf => '…', arguments => [ '…' ]);
#
# The program test/t/NAME.py is given a connection string and the path of the server's log, and prints TAP
# (see tap_output.py). Where there is more to start, in two steps: `server`, and `finish`, which ends the test.
package PythonTest;

use strict;
use warnings;

use Test::More ();

use SessionNode;

# As Debian's package python3-psycopg is for Debian's Python.
our $python = '/usr/bin/python3';

# Why programs that import psycopg, and these modules, cannot run here, or undef.
sub why_not
{
	for my $module ('psycopg', @_)
	{
		return "needs $module" if system("$python -c 'import $module' 2>/dev/null") != 0;
	}
	return undef;
}

sub need
{
	my $why_not = why_not(@_);
	Test::More::plan(skip_all => $why_not) if $why_not;
	return;
}

# A server that runs. `init` are options of its making.
sub server
{
	my ($name, %options) = @_;
	my $node = SessionNode->new($name);
	$node->init(@{ $options{init} // [] });
	# With the SQLSTATE in each line. A crash is an end of the test, and not to be slept over.
	$node->append_conf('postgresql.conf',
		"log_line_prefix = '%m [%p] %e '\nlog_statement = none\nfsync = off\n" . ($options{conf} // ''));
	$node->start;
	return $node;
}

# Runs the program on the first server, stops all of them, and exits.
sub finish
{
	my ($name, $nodes, @arguments) = @_;
	my $node = $nodes->[0];
	local $ENV{PYTHONPATH} = 'test/t/lib';
	local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
	# PostgreSQL's modules keep what is printed for their log, and let only Test::More through.
	my $output = Test::More->builder->output;
	open my $printed, '-|', 'sh', '-c', 'exec "$0" "$@" 2>&1', $python, "test/t/$name.py", $node->connstr('postgres'),
	  $node->logfile, @arguments
	  or die "$python: $!";
	print {$output} $_ while <$printed>;
	my $passed = close $printed;
	$_->stop('immediate') for @$nodes;
	exit($passed ? 0 : 1);
}

sub run
{
	my ($name, %options) = @_;
	need();
	finish($name, [ server($name, %options) ], @{ $options{arguments} // [] });
}

1;
