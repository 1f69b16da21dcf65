# The sections of docs/clients.md: their title, their commands for the shell, and their code.
package Snippets;

use strict;
use warnings;

# All of a file.
sub text_of
{
	my ($name) = @_;
	open my $file, '<:encoding(UTF-8)', $name or die "$name: $!";
	local $/;
	return scalar <$file>;
}

# { title, text, commands, code }: what a section does not have is undefined.
sub sections
{
	my ($page) = @_;
	my @sections;
	for my $text (split /^(?=## )/m, text_of($page))
	{
		my ($title) = $text =~ /^## (.*)/ or next;
		my ($commands) = $text =~ /^```sh\n(.*?)^```$/ms;
		my ($code) = $text =~ /^```(?!sh$)\w+\n(.*?)^```$/ms;
		push @sections, { title => $title, text => $text, commands => $commands, code => $code };
	}
	return @sections;
}

1;
