# A PgBouncer in transaction mode, whose socket is in a directory of its own. Clients are whom they say.
#
#   my $pgbouncer = PgBouncer->start($databases, \@users, default_pool_size => 1);
#   $pgbouncer->connstr;          # host=... port=...; its fields `directory` and `port` tell them one by one
#   $pgbouncer->stop;
#
# The databases are lines of its configuration, and what follows the users are settings. One that is not stopped is
# killed as the test ends, before the servers are.
package PgBouncer;

use strict;
use warnings;

use IPC::Run;

use PostgreSQL::Test::Cluster ();
use PostgreSQL::Test::Utils   ();

# Debian's is where not every user's PATH leads.
$ENV{PATH} .= ':/usr/sbin';

my @started;

END
{
	local $?;
	$_->kill_kill for grep { defined } map { $_->{process} } @started;
}

sub version { return (`pgbouncer --version` =~ /PgBouncer (\d+\.\d+)/)[0]; }

sub start
{
	my ($class, $databases, $users, %settings) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir_short();
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $self = bless { directory => $directory, port => $port }, $class;
	PostgreSQL::Test::Utils::append_to_file("$directory/users.txt", join '', map { qq{"$_" ""\n} } @$users);
	PostgreSQL::Test::Utils::append_to_file(
		"$directory/pgbouncer.ini", qq{
[databases]
$databases
[pgbouncer]
listen_addr =
listen_port = $port
unix_socket_dir = $directory
auth_type = trust
auth_file = $directory/users.txt
pool_mode = transaction
server_reset_query =
} . join '', map { "$_ = $settings{$_}\n" } sort keys %settings);
	my $output = "$directory/output";
	$self->{process} = IPC::Run::start([ 'pgbouncer', "$directory/pgbouncer.ini" ], '>', $output, '2>&1');
	push @started, $self;
	for (1 .. 100)
	{
		return $self if -S "$directory/.s.PGSQL.$port";
		select undef, undef, undef, 0.1;
	}
	die 'PgBouncer does not start: ' . PostgreSQL::Test::Utils::slurp_file($output);
}

sub connstr { my ($self) = @_; return "host=$self->{directory} port=$self->{port}"; }

sub stop
{
	my ($self) = @_;
	my $process = delete $self->{process};
	$process->signal('TERM');
	$process->finish;
	return;
}

1;
