#!/usr/bin/env perl
# What the packages say of the extension: `perl test/check_meta.pl`. Prints TAP.
#
# META.json has what PGXN asks for and names files that are there, and all that name a version name the same.
use strict;
use warnings;

use File::Basename qw(dirname);
use JSON::PP;
use Test::More;

chdir dirname($0) . '/..' or die "$!";

# The first thing that a pattern finds in a file.
sub found_in
{
	my ($path, $pattern) = @_;
	open my $file, '<:raw', $path or die "$path: $!";
	my $text = do { local $/; <$file> };
	return $text =~ $pattern ? $1 : "nothing in $path";
}

my $meta = decode_json(found_in('META.json', qr/(.*)/s));
my @mandatory = qw(abstract license maintainer meta-spec name provides version);
is_deeply([ grep { !$meta->{$_} } @mandatory ], [], 'META.json has each field that PGXN asks for');
like($meta->{version}, qr/^\d+\.\d+\.\d+$/, 'its version is a semantic one');

# What is released is MAJOR.MINOR.PATCH, and a patch needs no other catalog.
my ($catalog) = $meta->{version} =~ /^(\d+\.\d+)\./;
for my $extension (sort keys %{ $meta->{provides} })
{
	my $provided = $meta->{provides}{$extension};
	ok(-e $provided->{$_}, "$extension: its $_ is there") for qw(file docfile);
	is($provided->{version}, $meta->{version}, "$extension: its version is that of the whole");
	is(found_in($provided->{file}, qr/^default_version = '(.*)'/m), $catalog, "$extension: its control file agrees");
}

is(found_in('Makefile', qr/^EXTVERSION = (.*)/m), $catalog, 'the Makefile agrees');
is(found_in('debian/changelog', qr/\A\S+ \((.*)-/), $meta->{version}, 'Debian\'s package has the same version');
is(found_in('docs/packages/session_service.spec', qr/^Version: *(.*)/m), $meta->{version}, 'the RPM package, too');
is(found_in('docs/packages/APKBUILD', qr/^pkgver=(.*)/m), $meta->{version}, 'and Alpine\'s');

# A version is released everywhere, or nowhere.
my ($latest, $when) = found_in('CHANGELOG.md', qr/^## (.*)/m) =~ /^(\S+) \((unreleased|\d{4}-\d\d-\d\d)\)$/;
is($latest, $meta->{version}, 'CHANGELOG.md begins with it, and says when it was released');
my $is_released = ($when // '') ne 'unreleased';
is($meta->{release_status}, $is_released ? 'stable' : 'testing', 'META.json says whether it is released');
my $distribution = found_in('debian/changelog', qr/\A\S+ \S+ (\w+);/);
is($distribution, $is_released ? 'unstable' : 'UNRELEASED', 'so does Debian\'s package');
done_testing();
