# Clients that work with sessions and know what was acknowledged (load.py), on a node that has the extension.
#
#   my $load = Load->new($node, clients => 16);      # or [ $node, ... ]: whichever of them may be written to
#   $load->start;
#   $load->wait(500);             # until 500 more operations were answered
#   $load->stop;                  # or the server is gone: clients that lose their connection stop
#   my $told = $load->settle;     # compares what is stored with what was acknowledged
#
# Each answers { problems => [...], acknowledged => number, counts => {...} }. Options:
#
#   allowed      SQLSTATEs that a call may fail with (40001 above READ COMMITTED always may)
#   reconnects   a client that loses its connection goes on, after it has compared
#   interrupts   statements are cancelled, backends terminated, connections dropped at random moments
#   levels       to which callers set synchronous_commit; off alone, if not given
#   mix          weights of the operations, other than the usual ones
#   program      another one that goes by what load.py has; it may know more options
#
# What is drawn at random follows from a seed, which is printed; LOAD_SEED makes it again. How the clients' calls meet
# does not.
package Load;

use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run;
use JSON::PP;
use Test::More ();

use PostgreSQL::Test::Utils ();
use PythonTest;

# The usual mix
our %usual = (
	create => 6,
	shared => 3,
	import => 1,
	refresh => 6,
	retry => 2,
	rotate => 3,
	reauthenticate => 1,
	validate => 6,
	change => 2,
	end => 5,
	delete => 0.2);

# Each of a program's loads has a seed that follows from this one, and so has what the program itself draws.
my $seed = $ENV{LOAD_SEED} // int rand 1_000_000;
my $loads = 0;
srand $seed;

# What load.py expects of the server.
sub configuration
{
	return q{
max_connections = 60
log_statement = none
log_min_error_statement = panic
session_service.max_per_user = 5
session_service.refresh_grace = 1h
session_service.touch_interval = 0
session_service.event_log = all
};
}

sub prepare
{
	my ($node) = @_;
	$node->safe_psql(
		'postgres', q{
		CREATE EXTENSION session_service;
		CREATE ROLE load LOGIN;
		CREATE ROLE load_with_setting LOGIN;
		ALTER ROLE load_with_setting SET synchronous_commit = off;
		SELECT session_service.grant_access(r, 'admin') FROM unnest('{load, load_with_setting}'::regrole[]) r;
		CREATE FUNCTION quickly(statement text) RETURNS SETOF jsonb LANGUAGE plpgsql SET synchronous_commit = off AS $$
			BEGIN RETURN QUERY EXECUTE statement; END $$;
	});
	return;
}

sub new
{
	my ($class, $node, %options) = @_;
	my @nodes = ref $node eq 'ARRAY' ? @$node : $node;
	my $self = bless { stdin => '', stdout => '', stderr => '' }, $class;
	Test::More::note("LOAD_SEED=$seed, load " . ++$loads);
	my ($hosts, $ports) = (join(',', map { $_->host } @nodes), join(',', map { $_->port } @nodes));
	my $conninfo = "host=$hosts port=$ports dbname=postgres" . (@nodes > 1 ? ' target_session_attrs=read-write' : '');
	my $program = delete $options{program} // 'load.py';
	my $argument = encode_json(
		{
			conninfo => $conninfo,
			admin => scalar(getpwuid $<),
			clients => 16,
			seed => $seed + $loads,
			levels => ['off'],
			mix => \%usual,
			%options
		});
	$self->{timer} = IPC::Run::timer(900);
	local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
	$self->{program} = IPC::Run::start([ $PythonTest::python, dirname(__FILE__) . "/$program", $argument ],
		'<', \$self->{stdin}, '>', \$self->{stdout}, '2>', \$self->{stderr}, $self->{timer});
	return $self;
}

sub command
{
	my ($self, @words) = @_;
	$self->{timer}->start;
	$self->{stdin} .= "@words\n";
	while ($self->{stdout} !~ /\n/)
	{
		die "load.py ended: $self->{stderr}" unless $self->{program}->pumpable;
		$self->{program}->pump;
	}
	$self->{timer}->reset;
	my $told = decode_json($self->{stdout});
	$self->{stdout} = '';
	die "load.py: $told->{stuck}\n" if $told->{stuck};
	return $told;
}

sub start  { my ($self) = @_;              return $self->command('start'); }
sub wait   { my ($self, $operations) = @_; return $self->command('wait', $operations); }
sub stop   { my ($self) = @_;              return $self->command('stop'); }
sub settle { my ($self) = @_;              return $self->command('settle'); }

sub finish
{
	my ($self) = @_;
	# A server started meanwhile has inherited the pipe: its end is not enough.
	$self->{stdin} .= "quit\n";
	$self->{program}->finish;
	return;
}

# The counts whose names match, added up.
sub total
{
	my ($told, $pattern) = @_;
	my $total = 0;
	$total += $told->{counts}{$_} for grep { /$pattern/ } keys %{ $told->{counts} };
	return $total;
}

1;
