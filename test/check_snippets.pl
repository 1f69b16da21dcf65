#!/usr/bin/env perl
# The snippets of docs/clients.md: `perl test/check_snippets.pl`. Prints TAP, a test for each file of test/drivers that
# has one: what stands in it between the comments "snippet" and "end of snippet" is the block of code of the section
# that links to it, beside the one of commands for the shell.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Find     ();

use lib dirname($0) . '/lib';
use Snippets;

chdir dirname($0) . '/..' or die "$!";

# By the file to which a section links.
my %shown;
for my $section (Snippets::sections('docs/clients.md'))
{
	my $code = $section->{code} // next;
	my ($file) = $section->{text} =~ m{\]\(\.\./(test/drivers/[^)]+)\)};
	$file //= qq{no file, under "$section->{title}"};
	# Which stands before any comment.
	$shown{$file} = $code =~ s/\A<\?php\n//r;
}

my %tested;
File::Find::find(
	{
		no_chdir => 1,
		wanted => sub {
			$File::Find::prune = 1 if /\/(?:node_modules|target)$/;
			return if !-f;
			my @regions = Snippets::text_of($_) =~ m{^\s*(?:\#|//) snippet\n(.*?)^\s*(?:\#|//) end of snippet\n}msg
			  or return;
			$tested{$_} = join('', @regions) =~ s/\A\n+|\n+(?=\n\z)//gr;
		}
	},
	'test/drivers');

my ($number, $failed) = (0, 0);
for my $file (sort keys %{ { %shown, %tested } })
{
	my $same = ($shown{$file} // '') eq ($tested{$file} // '');
	$number++;
	$failed ||= !$same;
	print $same ? 'ok' : 'not ok', " $number - docs/clients.md shows the snippet of $file\n";
}
print "1..$number\n";
exit($failed ? 1 : 0);
