# Disks that a node's tables and log are on, and that can be filled up.
#
#   my $disk = FullDisk::Preloaded->new($node);     # the server's writes are made to fail (full_disk.c)
#   my $disk = FullDisk::Mounted->new($node);       # small file systems, in a namespace of their own
#   $disk->start;                                   # instead of $node->start
#   $disk->fill('data');                            # data, log or both
#   $disk->free;
#   $disk->finish;                                  # once the node is stopped
#
# Each class tells with why_not() why it is not available here, or returns undef.
package FullDisk::Preloaded;

use strict;
use warnings;

use File::Basename qw(dirname);

use PostgreSQL::Test::Utils ();

sub why_not { return system('gcc --version >/dev/null 2>&1') == 0 ? undef : 'needs gcc'; }

sub new
{
	my ($class, $node) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir();
	my $self = bless { node => $node, library => "$directory/full_disk.so", flag => "$directory/full" }, $class;
	my $source = dirname(__FILE__) . '/full_disk.c';
	system(qw(gcc -O2 -Wall -Wextra -Werror -shared -fPIC -o), $self->{library}, $source, '-ldl') == 0
	  or die "$source does not compile";
	$self->free;
	return $self;
}

sub start
{
	my ($self) = @_;
	local $ENV{LD_PRELOAD} = $self->{library};
	local $ENV{FULL_DISK} = $self->{flag};
	$self->{node}->start;
	return;
}

# In place, since servers have the file mapped.
sub say
{
	my ($self, $letter) = @_;
	open my $flag, -e $self->{flag} ? '+<' : '>', $self->{flag} or die $!;
	print $flag $letter;
	close $flag;
	return;
}

sub fill   { my ($self, $what) = @_; $self->say({ data => 'd', log => 'w', both => 'b' }->{$what}); return; }
sub free   { my ($self) = @_;        $self->say('-');                                               return; }
sub finish { return; }

package FullDisk::Mounted;

use strict;
use warnings;

use IPC::Run;

use PostgreSQL::Test::Utils ();

sub why_not
{
	# Who is root of a namespace may mount; the server is run by who is not, in one inside it.
	my $try = 'mount -t tmpfs none /tmp && unshare --user --map-user=1000 true';
	return system("unshare --user --map-root-user --mount sh -c '$try' 2>/dev/null") == 0
	  ? undef
	  : 'needs namespaces for users without privileges';
}

sub new
{
	my ($class, $node) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir_short();
	my $self = bless { node => $node, directory => $directory, stdin => '', stdout => '', stderr => '' }, $class;
	my $mount = "mkdir $directory/data $directory/log && mount -t tmpfs -o size=64m,mode=0700 data $directory/data"
	  . " && mount -t tmpfs -o size=32m,mode=0700 log $directory/log";
	my ($user, $group) = ($<, $( + 0);
	$self->{shell} = IPC::Run::start(
		[
			'unshare', '--user', '--map-root-user', '--mount', 'sh', '-c',
			"$mount && exec unshare --user --map-user=$user --map-group=$group sh"
		],
		'<',
		\$self->{stdin},
		'>',
		\$self->{stdout},
		'2>',
		\$self->{stderr});
	my $data = $node->data_dir;
	$self->run("mkdir -m 700 $directory/data/tablespace && cp -a $data/pg_wal $directory/log && rm -rf $data/pg_wal");
	$self->run("ln -s $directory/log/pg_wal $data/pg_wal");
	return $self;
}

# Runs a command where the file systems are mounted.
sub run
{
	my ($self, $command) = @_;
	$self->{stdin} .= "{ $command\n} </dev/null >&2; echo done \$?\n";
	$self->{shell}->pump until $self->{stdout} =~ /done \d+\n/ || !$self->{shell}->pumpable;
	my ($status) = $self->{stdout} =~ /done (\d+)/;
	$self->{stdout} = '';
	die "$command: $self->{stderr}" if !defined $status || $status != 0;
	return;
}

sub start
{
	my ($self) = @_;
	my $node = $self->{node};
	$self->run('pg_ctl -w -D ' . $node->data_dir . ' -l ' . $node->logfile . ' start');
	$node->_update_pid(1);
	return if $self->{is_moved};
	$node->safe_psql('template1', "CREATE TABLESPACE small LOCATION '$self->{directory}/data/tablespace'");
	$node->safe_psql('template1', 'ALTER DATABASE postgres SET TABLESPACE small');
	$self->{is_moved} = 1;
	return;
}

sub fill
{
	my ($self, $what) = @_;
	for my $disk ($what eq 'both' ? qw(data log) : $what)
	{
		$self->run("cat /dev/zero >$self->{directory}/$disk/ballast 2>/dev/null; true");
	}
	return;
}

sub free { my ($self) = @_; $self->run("rm -f $self->{directory}/*/ballast"); return; }

sub finish
{
	my ($self) = @_;
	$self->{stdin} .= "exit\n";
	$self->{shell}->finish;
	return;
}

1;
