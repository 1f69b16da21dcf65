#!/usr/bin/env perl
# The snippets of docs/clients.md: `perl test/check_snippets.pl`. Prints TAP, a test for each file of test/drivers that
# has one: what stands in it between the comments "snippet" and "end of snippet" is the block of code of the section
# that links to it, beside the one of commands for the shell.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Find     ();

chdir dirname($0) . '/..' or die "$!";

sub text_of
{
	my ($name) = @_;
	open my $file, '<:encoding(UTF-8)', $name or die "$name: $!";
	local $/;
	return scalar <$file>;
}

# By the file to which a section links.
my %shown;
for my $section (split /^(?=## )/m, text_of('docs/clients.md'))
{
	my ($code) = $section =~ /^```(?!sh$)\w+\n(.*?)^```$/ms or next;
	my ($file) = $section =~ m{\]\(\.\./(test/drivers/[^)]+)\)};
	$file //= 'no file, under "' . ($section =~ /^## (.*)/)[0] . '"';
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
			my @regions = text_of($_) =~ m{^\s*(?:\#|//) snippet\n(.*?)^\s*(?:\#|//) end of snippet\n}msg or return;
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
