# The extension goes in and out of a plain server, without a preloaded library and without a trace.
use strict;
use warnings;

use Test::More;

use SessionNode;

my $node = SessionNode->new('plain');
$node->init;
$node->start;

is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), '', 'nothing is preloaded');

sub objects
{
	return $node->safe_psql(
		'postgres', q{
		SELECT string_agg(format('%s %s', relation, objects), E'\n' ORDER BY relation)
		FROM (SELECT 'pg_class' AS relation, count(*) AS objects FROM pg_class UNION ALL
		      SELECT 'pg_proc', count(*) FROM pg_proc UNION ALL
		      SELECT 'pg_type', count(*) FROM pg_type UNION ALL
		      SELECT 'pg_operator', count(*) FROM pg_operator UNION ALL
		      SELECT 'pg_cast', count(*) FROM pg_cast UNION ALL
		      SELECT 'pg_namespace', count(*) FROM pg_namespace UNION ALL
		      SELECT 'pg_description', count(*) FROM pg_description UNION ALL
		      SELECT 'pg_depend', count(*) FROM pg_depend) counted});
}

my $before = objects();
$node->safe_psql('postgres', 'CREATE EXTENSION session_service');
isnt(objects(), $before, 'CREATE EXTENSION makes its objects');
is( $node->safe_psql(
		'postgres',
		q{SELECT extversion, nspname, extrelocatable FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
		  WHERE extname = 'session_service'}),
	'1.0|session_service|f',
	'in its own schema');
$node->safe_psql('postgres', 'DROP EXTENSION session_service; DROP SCHEMA IF EXISTS session_service');
is(objects(), $before, 'DROP EXTENSION leaves nothing');

# A schema that is there already belongs to its owner, who could put objects of their own beside ours.
$node->safe_psql('postgres', 'CREATE ROLE squatter; CREATE SCHEMA session_service AUTHORIZATION squatter');
my ($status, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\nCREATE EXTENSION session_service");
like($stderr, qr/ERROR:  42501: schema "session_service" belongs to another role/,
	'not into a schema of somebody else');
$node->safe_psql('postgres', 'ALTER SCHEMA session_service OWNER TO CURRENT_USER');
$node->safe_psql('postgres', 'CREATE EXTENSION session_service');
pass('but into one of a superuser, and so it goes in again');

# Nor has anyone a right that the script did not give, also where the creator's objects are everyone's by default.
$node->safe_psql('postgres', 'DROP EXTENSION session_service');
$node->safe_psql(
	'postgres', q{
	CREATE ROLE "Report ""all""";
	ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO "Report ""all""", PUBLIC;
	ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO "Report ""all""" WITH GRANT OPTION;
	ALTER DEFAULT PRIVILEGES GRANT USAGE ON TYPES TO "Report ""all""";
	ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO "Report ""all""", PUBLIC;
	CREATE TABLE report ();
	DROP SCHEMA session_service;
	CREATE EXTENSION session_service});
is($node->safe_psql('postgres', q{SELECT has_table_privilege('Report "all"', 'report', 'DELETE')}),
	't', 'what the creator makes is everyone\'s');
is( $node->safe_psql(
		'postgres', q{
		SELECT object, grantee::regrole, privilege_type
		FROM (SELECT oid::regprocedure::text, proowner, proacl
		      FROM pg_proc WHERE pronamespace = 'session_service'::regnamespace UNION ALL
		      SELECT oid::regclass::text, relowner, relacl
		      FROM pg_class WHERE relnamespace = 'session_service'::regnamespace UNION ALL
		      -- (sql/access.sql says why the rows of the tables are left out)
		      SELECT oid::regtype::text, typowner, typacl
		      FROM pg_type t WHERE typnamespace = 'session_service'::regnamespace AND typelem = 0
		        AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'r') UNION ALL
		      SELECT nspname, nspowner, nspacl
		      FROM pg_namespace WHERE nspname = 'session_service') object (object, owner, acl), aclexplode(acl)
		WHERE grantee <> owner ORDER BY 1, 2, 3}),
	'',
	'but not what the extension is made of');

($status, $stdout, $stderr) = $node->psql('postgres', '\i sql/session_service--1.0.sql');
like(
	$stderr . $stdout,
	qr/Use "CREATE EXTENSION session_service" to load this file/,
	'the script refuses to run in psql');

$node->stop;
done_testing();
