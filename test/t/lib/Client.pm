# A psql that stays connected: calls one after the other in one session, and calls that wait.
#
#   my $client = Client->new($node);
#   my $answer = $client->ask('SELECT 1');       # rows as psql -At prints them; dies on an error
#   $client->send('SELECT pg_sleep(1)');         # and goes on; finish with
#   $answer = $client->answer;
package Client;

use strict;
use warnings;

use IPC::Run;

use PostgreSQL::Test::Utils ();

sub new
{
	my ($class, $node, %options) = @_;
	my $self = bless { stdin => '', stdout => '', stderr => '', asked => 0 }, $class;
	local $ENV{PGAPPNAME} = $options{name} // 'client';
	$self->{timer} = IPC::Run::timer(300);
	$self->{psql} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($options{database} // 'postgres') ],
		'<', \$self->{stdin}, '>', \$self->{stdout}, '2>', \$self->{stderr}, $self->{timer});
	$self->{timer}->reset;
	return $self;
}

sub send
{
	my ($self, $sql) = @_;
	my $mark = 'answer ' . ++$self->{asked} . ' ends';
	$self->{timer}->start;
	$self->{stdin} .= "$sql\n;\n\\echo $mark\n\\warn $mark\n";
	$self->{psql}->pump_nb;
	return;
}

# The rows and the errors of what was sent last.
sub answer_and_errors
{
	my ($self) = @_;
	my $mark = "answer $self->{asked} ends\n";
	while (index($self->{stdout}, $mark) < 0 || index($self->{stderr}, $mark) < 0)
	{
		die "psql ended: $self->{stderr}" unless $self->{psql}->pumpable;
		$self->{psql}->pump;
	}
	my @printed = map { my $text = s/\Q$mark\E//r; chomp $text; $text } $self->{stdout}, $self->{stderr};
	$self->{stdout} = $self->{stderr} = '';
	return @printed;
}

sub answer
{
	my ($self) = @_;
	my ($rows, $errors) = $self->answer_and_errors;
	die $errors if $errors =~ /^\S*(?:ERROR|FATAL|PANIC)/m;
	return $rows;
}

sub ask
{
	my ($self, $sql) = @_;
	$self->send($sql);
	return $self->answer;
}

sub close
{
	my ($self) = @_;
	$self->{stdin} .= "\\q\n";
	$self->{psql}->finish;
	return;
}

1;
