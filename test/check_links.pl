#!/usr/bin/env perl
# The links of the pages: `perl test/check_links.pl`. Prints TAP, a test for each page.
#
# Each relative link of a page, be it to a file, to a directory or to an image, leads to something that is there, and
# each anchor to a heading. Nothing is fetched: addresses elsewhere are left alone.
use strict;
use warnings;

use Cwd            ();
use File::Basename qw(dirname);
use File::Find     ();

chdir dirname($0) . '/..' or die "$!";

my @pages;
File::Find::find(
	{
		no_chdir => 1,
		wanted => sub {
			$File::Find::prune = 1 if /\/(?:node_modules|build|\.git)$/;
			push @pages, s{^\./}{}r if /\.md$/ && -f;
		}
	},
	'.');

# The text of a page without its code, in which nothing is a link.
my %text;

sub text_of
{
	my ($page) = @_;
	return $text{$page} //= do
	{
		open my $file, '<:encoding(UTF-8)', $page or die "$page: $!";
		my $text = do { local $/; <$file> };
		$text =~ s/^```.*?^```$//msg;
		$text;
	};
}

# The anchors that a page's headings have, as GitHub makes them.
my %anchors;

sub anchors_of
{
	my ($page) = @_;
	return $anchors{$page} //= do
	{
		my (%found, %seen);
		for my $heading (text_of($page) =~ /^#+ +(.*?) *$/mg)
		{
			$heading =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
			my $anchor = lc($heading) =~ s/[^\w\- ]//gr =~ tr/ /-/r;
			my $number = $seen{$anchor}++;
			$found{ $number ? "$anchor-$number" : $anchor } = 1;
		}
		\%found;
	};
}

# What is wrong with a link of a page, or nothing.
sub fault
{
	my ($page, $link) = @_;
	return if $link =~ /^[a-z]+:/;
	my ($path, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
	my $target = $path eq '' ? $page : dirname($page) . "/$path";
	return "$link: no such file" if !-e $target;
	return if !defined $anchor;
	$target = Cwd::realpath($target) =~ s{^\Q${\Cwd::getcwd()}\E/}{}r;
	return "$link: an anchor in what is no page" if $target !~ /\.md$/;
	return "$link: no such heading" if !anchors_of($target)->{$anchor};
	return;
}

my ($number, $failed) = (0, 0);
for my $page (sort @pages)
{
	my $text = text_of($page) =~ s/`[^`\n]*`//gr;
	my @links = $text =~ /\]\(\s*<?([^)\s>]+)>?[^)]*\)/g;
	push @links, $text =~ /\b(?:src|srcset|href)="([^"]+)"/g;
	my @faults = map { fault($page, $_) } @links;
	$number++;
	$failed ||= @faults;
	print @faults ? 'not ok' : 'ok', " $number - links of $page\n", map { "# $_\n" } @faults;
}
print "1..$number\n";
exit($failed ? 1 : 0);
