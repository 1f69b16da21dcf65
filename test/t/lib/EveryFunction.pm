# Every function that SQL can call, with calls of it, from the catalog of a server and every_function.sql.
#
#   EveryFunction::read($node)       first; ends the test where a function or an argument is not known there
#   EveryFunction::names('reads')    reads: the same answer from every server with the same rows
#                                    writes: refused where nothing may be written
#                                    own: each call, or each server, has an answer of its own
#                                    type: of the type token_hash
#                                    owner: for the extension's owner alone
#   EveryFunction::call($name)       SQL that calls it for all of the sessions of HeldSessions
#   EveryFunction::call($name, 'plain')    for one of them
#   EveryFunction::call_with($name, \%values, device_key => $sql)    the call alone, with SQL for each of {token}
#                                    and the like, and for single arguments instead of their good values
#   EveryFunction::failing_calls($name, \%values)    [ SQLSTATE, call ]..., each with one argument that is refused;
#                                    with 00000 where the answer to it is no
package EveryFunction;

use strict;
use warnings;

use JSON::PP ();

use PostgreSQL::Test::Utils qw(slurp_file);

# Of a row h of HeldSessions' table `held`.
my %of_held = (
	(map { $_ => "h.$_" } qw(token refresh_token session_id user_id device_id)),
	device_key => 'h.name',
	role => 'CURRENT_USER',
	map { $_ => "'$_ of ' || h.name" } qw(new_token new_refresh_token));

my %functions;

sub read
{
	my ($node, $database) = @_;
	my $query = slurp_file('test/t/lib/every_function.sql');
	my $rows = JSON::PP->new->decode($node->safe_psql($database // 'postgres', "SELECT json_agg(f) FROM ($query) f"));
	my @unknown = map {
		my $function = $_;
		map   { "$function->{name}($_)" } defined $function->{kind} && defined $function->{arguments} ? () : 'unknown',
		  map { defined $_->{good} ? () : $_->{name} }
		  @{ $function->{arguments} }
	} grep { !$_->{is_internal} } @$rows;
	die "every_function.sql does not know @unknown" if @unknown;
	%functions = map { $_->{name} => $_ } grep { !$_->{is_internal} } @$rows;
	return;
}

sub names
{
	my %asked = map { $_ => 1 } @_;
	return grep { $asked{ $functions{$_}{kind} } } sort keys %functions;
}

# Whether it computes, and reads nothing.
sub is_computed { return $functions{ $_[0] }{is_computed}; }

sub filled
{
	my ($sql, $values) = @_;
	return $sql =~ s/\{(\w+)\}/exists $values->{$1} ? $values->{$1} : "{$1}"/ger;
}

sub call_with
{
	my ($name, $values, %instead) = @_;
	my @arguments = map { filled($instead{ $_->{name} } // $_->{good}, $values) } @{ $functions{$name}{arguments} };
	return "session_service.$name(" . join(', ', @arguments) . ')';
}

sub call
{
	my ($name, $row) = @_;
	my $only = defined $row ? "WHERE h.name = '$row'" : '';
	return
	  "SELECT h.name, r FROM (SELECT * FROM held h $only ORDER BY h.name) h, LATERAL "
	  . call_with($name, \%of_held) . ' r';
}

sub failing_calls
{
	my ($name, $values) = @_;
	my @calls;
	for my $argument (@{ $functions{$name}{arguments} })
	{
		my @refused =
		  ((map { [ $_->[1], $_->[0] ] } @{ $argument->{bad} }), map { [ '00000', $_ ] } @{ $argument->{unknown} });
		push @refused, [ $argument->{null} =~ /^\d/ ? $argument->{null} : '00000', "NULL::$argument->{type}" ]
		  if !$argument->{has_default};
		push @calls, map { [ $_->[0], call_with($name, $values, $argument->{name} => $_->[1]) ] } @refused;
	}
	return @calls;
}

1;
