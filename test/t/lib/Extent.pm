# How much a test does: the quick form with every run of the suite, the long form in `make soak`.
#
#   use Extent;
#   my $rounds = extent(3, 50);          # quick, soak
#   counted("$rounds crashes survived"); # shown under the stage's line, and in the report of a soak
package Extent;

use strict;
use warnings;

use Exporter 'import';
use Test::More ();

our @EXPORT = qw(extent counted);

sub extent
{
	my ($quick, $soak) = @_;
	return ($ENV{EXTENT} // 'quick') eq 'soak' ? $soak : $quick;
}

sub counted
{
	my ($what) = @_;
	Test::More::note("counted: $what");
	return;
}

1;
