# A server of a TAP test, ready for the extension: PostgreSQL::Test::Cluster, whose configuration also
# finds a staged installation where the test suite has one.
#
#   my $node = SessionNode->new('primary');
#   $node->init;
#   $node->start;
#   $node->safe_psql('postgres', 'CREATE EXTENSION session_service');
#
# With SESSION_SERVICE_ENGINE=statement in the environment it leaves the direct engine out.
#
# A copy of a node (init_from_backup) has its configuration, and needs nothing more.
package SessionNode;

use strict;
use warnings;

use parent 'PostgreSQL::Test::Cluster';

# Imports nothing: its functions would take the place of inherited methods of the same names.
use PostgreSQL::Test::Utils ();

sub init
{
	my ($self, @options) = @_;

	$self->SUPER::init(@options);
	$self->append_conf('postgresql.conf', PostgreSQL::Test::Utils::slurp_file($ENV{EXTENSION_CONF}))
	  if $ENV{EXTENSION_CONF};
	$self->append_conf('postgresql.conf', "session_service.engine = $ENV{SESSION_SERVICE_ENGINE}")
	  if $ENV{SESSION_SERVICE_ENGINE};
	return;
}

# Makes a copy of the staged installation for this node alone, so that a test may change its files. Returns where
# they are: directories `root` (DESTDIR), `extension` and `library`; nothing where the server takes no such directory.
sub stage_copy
{
	my ($self) = @_;

	my $conf = PostgreSQL::Test::Utils::slurp_file($ENV{EXTENSION_CONF} // return);
	my ($stage) = $conf =~ m{'([^']*/stage)} or return;
	my $root = PostgreSQL::Test::Utils::tempdir_short() . '/stage';
	PostgreSQL::Test::Utils::system_or_bail('cp', '-R', $stage, $root);
	$self->append_conf('postgresql.conf', $conf =~ s/\Q$stage\E/$root/gr);
	return {
		root => $root,
		extension => "$root" . $self->config_data('--sharedir') . '/extension',
		library => "$root" . $self->config_data('--pkglibdir') . '/session_service.so',
	};
}

1;
