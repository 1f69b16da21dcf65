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
# (see tap_output.py).
package PythonTest;

use strict;
use warnings;

use Test::More ();

use SessionNode;

# As Debian's package python3-psycopg is for Debian's Python.
our $python = '/usr/bin/python3';

# Why programs cannot run here, or undef.
sub why_not
{
	return system("$python -c 'import psycopg' 2>/dev/null") == 0 ? undef : 'needs psycopg';
}

sub need
{
	my $why_not = why_not();
	Test::More::plan(skip_all => $why_not) if $why_not;
	return;
}

sub run
{
	my ($name, %options) = @_;
	need();

	my $node = SessionNode->new($name);
	$node->init;
	# With the SQLSTATE in each line. A crash is an end of the test, and not to be slept over.
	$node->append_conf('postgresql.conf', "log_line_prefix = '%m [%p] %e '\nlog_statement = none\nfsync = off\n" . ($options{conf} // ''));
	$node->start;
	local $ENV{PYTHONPATH} = 'test/t/lib';
	local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
	# PostgreSQL's modules keep what is printed for their log, and let only Test::More through.
	my $output = Test::More->builder->output;
	open my $printed, '-|', 'sh', '-c', 'exec "$0" "$@" 2>&1', $python, "test/t/$name.py", $node->connstr('postgres'), $node->logfile, @{ $options{arguments} // [] }
	  or die "$python: $!";
	print {$output} $_ while <$printed>;
	my $passed = close $printed;
	$node->stop('immediate');
	exit($passed ? 0 : 1);
}

1;
