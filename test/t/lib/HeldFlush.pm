# A server whose log reaches its disk only when the test lets it (held_flush.c).
#
#   my $flush = HeldFlush->new;
#   $flush->start($node);         # instead of $node->start
#   $flush->hold;
#   $flush->release;
#
# why_not() tells why that is not available here, or returns undef.
package HeldFlush;

use strict;
use warnings;

use File::Basename qw(dirname);

use PostgreSQL::Test::Utils ();

sub why_not { return system('gcc --version >/dev/null 2>&1') == 0 ? undef : 'needs gcc'; }

sub new
{
	my ($class) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir();
	my $self = bless { library => "$directory/held_flush.so", flag => "$directory/held" }, $class;
	my $source = dirname(__FILE__) . '/held_flush.c';
	system(qw(gcc -O2 -Wall -Wextra -Werror -shared -fPIC -o), $self->{library}, $source) == 0
	  or die "$source does not compile";
	return $self;
}

sub start
{
	my ($self, $node) = @_;
	$node->append_conf('postgresql.conf', "fsync = on\nwal_sync_method = fdatasync");
	local $ENV{LD_PRELOAD} = $self->{library};
	local $ENV{HELD_FLUSH} = $self->{flag};
	$node->start;
	return;
}

sub hold
{
	my ($self) = @_;
	open my $flag, '>', $self->{flag} or die $!;
	close $flag;
	return;
}

sub release { my ($self) = @_; unlink $self->{flag}; return; }

1;
