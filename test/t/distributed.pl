# Tables that Citus manages are refused. Its registry is all that is looked at,
# so that one of that name stands in for it.
use strict;
use warnings;

use Test::More;

use SessionNode;

my $node = SessionNode->new('distributed');
$node->init;
my $stage = $node->stage_copy or plan(skip_all => 'needs a server with extension_destdir');
my %files = (
	'citus.control' => "default_version = '1'\n",
	'citus--1.sql' => <<~'SQL');
		SET LOCAL allow_system_table_mods = on;
		CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char");
		SQL

while (my ($name, $text) = each %files)
{
	open my $file, '>', "$stage->{extension}/$name" or die "$name: $!";
	print {$file} $text;
	close $file or die "$name: $!";
}
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION session_service; CREATE EXTENSION citus');

my $create =
  'SELECT user_id FROM session_service.create_session(md5(1::text)::uuid), session_service.validate_session(token)';
isnt($node->safe_psql('postgres', $create), '', 'beside Citus all is as elsewhere');

my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query($create);
for my $table (qw(users sessions devices))
{
	$node->safe_psql(
		'postgres',
		qq{INSERT INTO pg_dist_partition VALUES ('session_service.$table', 'h');
		COMMENT ON TABLE session_service.$table IS 'which tells of a change, as Citus does';
		ALTER TABLE session_service.$table SET (fillfactor = 75)}
	);
	my ($status, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\n$create");
	like(
		$stderr,
		qr/ERROR:  0A000: table "session_service.$table" is managed by Citus$/m,
		"$table, managed by Citus, is refused");
	$session->query($create);
	like($session->{stderr}, qr/is managed by Citus/, 'also by who has used it before');
	$session->{stderr} = '';
	$node->safe_psql('postgres',
		"DELETE FROM pg_dist_partition; ALTER TABLE session_service.$table SET (fillfactor = 70)");
}
isnt($node->safe_psql('postgres', $create), '', 'once none is, all goes on');
$session->quit;

done_testing();
