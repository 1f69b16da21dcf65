# Ends a node's server the hard way, and looks at its tables afterwards.
package Crash;

use strict;
use warnings;

use Cwd 'abs_path';
use Exporter 'import';
use IPC::Run;
use Test::More;

use PostgreSQL::Test::Utils ();

our @EXPORT = qw(kill_server kill_backend wait_for_end answers wait_for_server tables_are_consistent);

# Process ids of a node's server: each works in its data directory, also one whose parent has ended.
sub processes_of
{
	my ($node) = @_;
	my $directory = abs_path($node->data_dir);
	return
	  grep { is_running($_) && (readlink "/proc/$_/cwd" // '') eq $directory } map { m{(\d+)$} } glob '/proc/[0-9]*';
}

# One that has ended may stay in the list of processes, where nobody looks after orphans.
sub is_running
{
	my ($process) = @_;
	open my $stat, '<', "/proc/$process/stat" or return 0;
	my $line = <$stat> // '';
	return $line =~ /^\d+ \(.*\) [^ZX] /;
}

sub wait_for_end
{
	my (@processes) = @_;
	for (1 .. 6000)
	{
		return unless grep { is_running($_) } @processes;
		select undef, undef, undef, 0.01;
	}
	die "processes do not end: @processes";
}

# Kills all processes of the server at once: the postmaster first, stopped so that it starts no others.
sub kill_server
{
	my ($node) = @_;
	my ($postmaster) = split /\n/, PostgreSQL::Test::Utils::slurp_file($node->data_dir . '/postmaster.pid');
	kill 'STOP', $postmaster;
	my @processes = ($postmaster, grep { $_ != $postmaster } processes_of($node));
	$node->kill9;
	kill 'KILL', @processes;
	wait_for_end(@processes);
	my @left = processes_of($node);
	die "processes of the server are left: @left" if @left;
	# A server that starts takes it for alive while it is in the list.
	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock'
	  if kill 0, $postmaster;
	return;
}

# Kills one backend of a client that is at work; the postmaster then starts all of them anew.
sub kill_backend
{
	my ($node, $application) = @_;
	my @processes = split /\n/,
	  $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE application_name = '$application' ORDER BY state = 'active' DESC, random()"
	  );
	kill 'KILL', $processes[0] or die 'no backend to kill';
	wait_for_end(@processes);
	return;
}

# Whether a server that may be going answers. Not on psql's standard input, which may be closed before that is written.
sub answers
{
	my ($node, $query) = @_;
	return PostgreSQL::Test::Utils::run_log([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $query ]);
}

sub wait_for_server
{
	my ($node) = @_;
	for (1 .. 1800)
	{
		return if answers($node, 'SELECT true');
		select undef, undef, undef, 0.1;
	}
	die 'the server is not back';
}

# Every index, and its key's first column
my %indexes = (
	users => { users_pkey => 'user_id' },
	devices => { devices_pkey => 'id', devices_key => 'user_id', devices_purge => 'purge_after' },
	sessions => { sessions_pkey => 'id', sessions_user => 'user_id', sessions_purge => 'purge_after' },
	events => { events_pkey => 'id', events_user => 'user_id' },
	imported_tokens => { imported_tokens_pkey => 'token_hash', imported_tokens_session => 'session_id' },
	external_sessions => { external_sessions_pkey => 'external_hash', external_sessions_session => 'session_id' });

# Each index has the rows that its table has, and amcheck, which comes with most servers, finds nothing.
sub tables_are_consistent
{
	my ($node, $name) = @_;
	my $script = '';
	for my $table (sort keys %indexes)
	{
		$script .= <<~"SQL";
			SET enable_seqscan = on; SET enable_indexscan = off;
			SET enable_indexonlyscan = off; SET enable_bitmapscan = off;
			SELECT 'table $table ' || count(*) FROM session_service.$table;
			SET enable_seqscan = off; SET enable_indexscan = on;
			SET enable_indexonlyscan = on; SET enable_sort = off;
			SQL
		for my $index (sort keys %{ $indexes{$table} })
		{
			my $rows = "(SELECT FROM session_service.$table ORDER BY $indexes{$table}{$index} OFFSET 0) r";
			$script .= "EXPLAIN SELECT count(*) FROM $rows;\nSELECT 'index $index ' || count(*) FROM $rows;\n";
		}
	}
	my ($rows, $plan, @wrong) = (0, '');
	for my $line (split /\n/, $node->safe_psql('postgres', $script))
	{
		if    ($line =~ /^table \w+ (\d+)$/) { $rows = $1 }
		elsif ($line =~ /^index (\w+) (\d+)$/)
		{
			my ($index, $found) = ($1, $2);
			push @wrong, "$index is not read: $plan" if index($plan, "Scan using $index ") < 0;
			push @wrong, "$index has $found rows, its table $rows" if $found != $rows;
			$plan = '';
		}
		else { $plan .= $line }
	}
	if ($node->safe_psql('postgres', "SELECT name FROM pg_available_extensions WHERE name = 'amcheck'") ne '')
	{
		$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS amcheck');
		my ($stdout, $stderr) = ('', '');
		IPC::Run::run(
			[
				'pg_amcheck', '--heapallindexed', '--schema', 'session_service', '-h', $node->host,
				'-p', $node->port, 'postgres'
			],
			'>',
			\$stdout,
			'2>',
			\$stderr) or push @wrong, $stdout . $stderr;
	}
	else { note('without amcheck, which this server does not have') }
	return is_deeply(\@wrong, [], $name);
}

1;
