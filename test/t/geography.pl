# Countries and cities from a database that the test writes itself: which address has which place, in
# which functions; that the file is opened once, and again when it or the setting changes; and that no
# file, however wrong, does more than leave them NULL.
use strict;
use warnings;

use File::Copy ();
use MaxMind::DB::Writer::Tree;
use Test::More;
use Time::HiRes ();

use Client;
use SessionNode;

my $node = SessionNode->new('geography');
$node->init;
$node->append_conf('postgresql.conf', 'session_service.touch_interval = 0');
$node->start;
my $files = PostgreSQL::Test::Utils::tempdir();

sub query { return $node->safe_psql('postgres', shift); }

# What one connection prints, and its warnings. "\!" changes files in between.
sub script
{
	my ($sql, $database) = @_;
	my ($status, $stdout, $stderr) = $node->psql($database // 'postgres', $sql, on_error_die => 0, on_error_stop => 1);
	diag($stderr) if $status != 0;
	return ($stdout, $stderr);
}

sub warnings_in { return scalar(() = shift =~ /WARNING:/g); }

# --- databases

my %types = (
	city => 'map',
	country => 'map',
	registered_country => 'map',
	names => 'map',
	iso_code => 'utf8_string',
	en => 'utf8_string',
	de => 'utf8_string',
	autonomous_system_number => 'uint32');

# Writes a database of these networks, and gives its path.
sub write_database
{
	my ($name, $networks, %options) = @_;
	my $tree = MaxMind::DB::Writer::Tree->new(
		ip_version => 6,
		record_size => 24,
		database_type => 'Test-City',
		languages => ['en'],
		description => { en => 'Places for tests' },
		# The networks are those that are reserved for documentation.
		remove_reserved_networks => 0,
		map_key_type_callback => sub { $types{ $_[0] } },
		%options);
	$tree->insert_network($_, $networks->{$_}) for sort keys %$networks;
	open my $file, '>:raw', "$files/$name" or die "$name: $!";
	$tree->write_tree($file);
	close $file or die "$name: $!";
	return "$files/$name";
}

sub place
{
	my ($country, $city) = @_;
	return {
		country => { iso_code => $country, names => { en => "The land $country" } },
		$city ? (city => { names => { en => $city, de => "$city (de)" } }) : ()
	};
}

my %networks = (
	'198.51.100.0/25' => place('SE', "Link\x{f6}ping"),
	'198.51.100.128/25' => place('GB', 'London'),
	'192.0.2.0/24' => place('DE'),
	'203.0.113.0/25' => { registered_country => { iso_code => 'FR' }, city => { names => { de => 'Genf' } } },
	'203.0.113.128/25' => { country => { names => { en => 'Nowhere' } } },
	'2001:db8:1::/48' => place('JP', 'Tokyo'));
my $database = write_database('city.mmdb', \%networks);

query(
	qq{CREATE EXTENSION session_service;
	LOAD 'session_service';
	ALTER SYSTEM SET session_service.geoip_database = '$database'}
);
query('SELECT pg_reload_conf()');

# A user with a session from each address.
my @addresses = (
	[ '198.51.100.7', 'SE', "Link\x{f6}ping", 'the city in English, beyond ASCII' ],
	[ '198.51.100.200', 'GB', 'London', 'the next network' ],
	[ '198.51.100.200/24', 'GB', 'London', 'an address with a netmask is the address' ],
	[ '::ffff:198.51.100.200', 'GB', 'London', 'an IPv4-mapped address is the IPv4 address' ],
	[ '192.0.2.1', 'DE', '', 'a network without a city' ],
	[ '203.0.113.1', '', '', 'neither where the network is registered nor another language counts' ],
	[ '203.0.113.129', '', '', 'a country without a code' ],
	[ '2001:db8:1::7', 'JP', 'Tokyo', 'IPv6' ],
	[ '2001:db8:2::7', '', '', 'an IPv6 address that is not in the database' ],
	[ '8.8.8.8', '', '', 'an IPv4 address that is not' ],
	[ '10.1.2.3', '', '', 'a private address' ],
	[ '127.0.0.1', '', '', 'loopback' ],
	[ '::1', '', '', 'loopback, IPv6' ],
	[ 'fe80::1', '', '', 'link-local' ],
	[ undef, '', '', 'no address' ]);
query(
	q{
	LOAD 'session_service';
	SET session_service.max_per_user = 0;
	CREATE FUNCTION a_user() RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT md5('somebody')::uuid $$;
	CREATE TABLE held AS SELECT n, c.* FROM (VALUES }
	  . join(', ',
		map { sprintf '(%d, %s::inet)', $_, $addresses[$_][0] ? "'$addresses[$_][0]'" : 'NULL' } 0 .. $#addresses)
	  . q{) a (n, ip),
		session_service.create_session(a_user(), 'device ' || n, ip_address => ip, device_key => 'key ' || n) c;
	SELECT session_service.mark_mfa_verified(session_id) FROM held});

# Places of the sessions by their number, from rows of session_info or of a device.
sub places
{
	return qq{SELECT string_agg(concat_ws(',', n, coalesce(i.country, '-'), coalesce(i.city, '-')), ' ' ORDER BY n)
	FROM held JOIN $_[0]};
}
my $all = places('session_service.list_user_sessions(a_user()) i ON i.id = session_id');

# The places of two sessions and one without, where one look suffices.
my $some = places('session_service.list_user_sessions(a_user()) i ON i.id = session_id WHERE n IN (1, 7, 9)');
my $known = '1,GB,London 7,JP,Tokyo 9,-,-';
my $unknown = '1,-,- 7,-,- 9,-,-';

# --- a build without the library: everything is NULL, and the first use says why

my $supported = 1;
{
	my ($stdout, $stderr) = script("$some; $some");
	if ($stderr =~ /built without libmaxminddb/)
	{
		$supported = 0;
		is($stdout, "$unknown\n$unknown", 'without libmaxminddb: no places');
		is(warnings_in($stderr), 1, 'without libmaxminddb: one warning');
	}
}

SKIP:
{
	skip 'built without libmaxminddb', 1 if !$supported;

	# --- which place

	my %found = map { my ($n, @place) = split /,/; $n => join ',', @place } split / /, query($all);
	for my $n (0 .. $#addresses)
	{
		my ($address, $country, $city, $name) = @{ $addresses[$n] };
		my $expected = join ',', $country || '-', $city || '-';
		utf8::encode($expected);
		is($found{$n}, $expected, "$name: " . ($address // 'NULL'));
	}
	my $every = query($all);
	my %functions = (
		'get_session' => 'LATERAL session_service.get_session(session_id) i ON true',
		'get_user_session' => 'LATERAL session_service.get_user_session(a_user(), session_id) i ON true',
		'list_user_sessions with the inactive' =>
		  'session_service.list_user_sessions(a_user(), include_inactive => true) i ON i.id = session_id',
		'list_mfa_verified_sessions' => 'session_service.list_mfa_verified_sessions(a_user()) i ON i.id = session_id',
		'list_inactive_sessions' => "session_service.list_inactive_sessions('1 microsecond') i ON i.id = session_id",
		'list_user_devices' => 'session_service.list_user_devices(a_user()) i ON i.id = device_id');
	is(query(places($functions{$_})), $every, "$_: the same places") for sort keys %functions;

	query("SELECT session_service.validate_session(token, '2001:db8:1::1') FROM held WHERE n = 1");
	is(query($some), '1,JP,Tokyo 7,JP,Tokyo 9,-,-', 'the last address counts, of a session');
	is(query(places("$functions{list_user_devices} WHERE n = 1")), '1,JP,Tokyo', 'and of a device');
	query("SELECT session_service.validate_session(token, '198.51.100.201') FROM held WHERE n = 1");
	is(query("SELECT to_jsonb(i)->>'country' FROM held, session_service.get_session(session_id) i WHERE n = 1"),
		'GB', 'in the JSON of an API too');

	my $small = write_database('ipv4.mmdb', { '198.51.100.128/25' => place('GB', 'London') }, ip_version => 4);
	my ($output, $trouble) = script("SET session_service.geoip_database = '$small'; $all");
	is( $output,
		'0,-,- 1,GB,London 2,GB,London 3,GB,London ' . join(' ', map { "$_,-,-" } 4 .. $#addresses),
		'a database of IPv4 alone knows no IPv6 address, but a mapped one');
	is($trouble, '', 'and says nothing');

	query("CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
	($output, $trouble) = script(
		q{CREATE EXTENSION session_service;
		CREATE TABLE held AS
		SELECT n, c.session_id
		FROM (VALUES (1, '198.51.100.7'), (2, '198.51.100.200')) a (n, ip),
			session_service.create_session(md5(ip)::uuid, ip_address => ip::inet) c;
		} . places('LATERAL session_service.get_session(session_id) i ON true'), 'latin1');
	is($output, '1,SE,- 2,GB,London', 'in a database that is not UTF-8, names that are not ASCII are NULL');

	# --- opened once

	# How often the file of the setting is mapped, under any name that it had.
	my $mapped =
	  q{SELECT (length(maps) - length(replace(maps, '.mmdb', ''))) / 5 FROM pg_read_file('/proc/self/maps') maps};
	my $live = "$files/live.mmdb";
	my $other = write_database('other.mmdb', { '198.51.100.0/24' => place('NL', 'Delft') });
	my $delft = '1,NL,Delft 7,-,- 9,-,-';
	File::Copy::copy($database, $live);
	($output, $trouble) = script(
		qq{
		$mapped;
		SET session_service.geoip_database = '$live';
		$some;
		-- Who opens it again now fails; its times and size are as they were.
		\\! chmod 000 $live
		$some;
		SELECT pg_reload_conf() \\g /dev/null
		$some;
		$mapped;
		\\! chmod 600 $live
	});
	is($output, "0\n$known\n$known\n$known\n1", 'a connection opens the file once, at the first use');
	is($trouble, '', 'and says nothing');

	($output, $trouble) = script(
		qq{
		SET session_service.geoip_database = '$live';
		$some;
		\\! cp $other $live.new && mv $live.new $live
		$some;
		\\! cp $database $live.new && mv $live.new $live
		$some;
		\\! touch -d 2020-01-01 $live
		$some;
		$mapped;
		SET session_service.geoip_database = '$other';
		$some;
		SET session_service.geoip_database = '';
		$some;
		$mapped;
		RESET session_service.geoip_database;
		$some;
	});
	is( $output,
		join("\n", $known, $delft, $known, $known, 1, $delft, $unknown, 0, $known),
		'a file that is replaced, and a setting that is changed, count at the next use; what was mapped before goes');
	is($trouble, '', 'and says nothing');

	# A connection that is open reads a change of the configuration between two statements, once it is told.
	my $open = Client->new($node);
	is($open->ask($some), $known, 'a place in an open connection');
	for my $change ([ $other, $delft, 'a reload of the configuration does' ],
		[ $database, $known, 'and so does the next one' ])
	{
		my ($path, $expected, $what) = @$change;
		query("ALTER SYSTEM SET session_service.geoip_database = '$path'");
		query('SELECT pg_reload_conf()');
		my $asked = 0;
		until ($open->ask('SHOW session_service.geoip_database') eq $path)
		{
			die 'the open connection is not told' if ++$asked > 6000;
			Time::HiRes::usleep(10_000);
		}
		is($open->ask($some), $expected, "$what in an open connection");
	}
	$open->close;

	query('CREATE ROLE application LOGIN');
	query("SELECT session_service.grant_access('application', 'application')");
	my ($status, $stdout, $stderr) = $node->psql(
		'postgres',
		qq{SET ROLE application;
		SELECT count(country) FROM session_service.list_user_sessions(md5('somebody')::uuid);
		SET session_service.geoip_database = '$other'}
	);
	is($stdout, 6, 'an application sees the places');
	like($stderr, qr/permission denied to set parameter/, 'and cannot change the setting');

	# --- what is wrong with a file

	my $size = -s $database;
	my $content = PostgreSQL::Test::Utils::slurp_file($database);
	my %wrong = (
		missing => sub { },
		empty => sub { PostgreSQL::Test::Utils::append_to_file(shift, '') },
		text => sub { PostgreSQL::Test::Utils::append_to_file(shift, "country,city\nSE,Paris\n") },
		directory => sub { mkdir shift or die $! },
		pipe => sub { system('mkfifo', shift) == 0 or die 'mkfifo failed' },
		unreadable => sub { File::Copy::copy($database, $_[0]); chmod 0, $_[0] },
		truncated => sub { PostgreSQL::Test::Utils::append_to_file(shift, substr($content, 0, $size / 2)) },
		'truncated by a byte' => sub { File::Copy::copy($database, $_[0]); truncate $_[0], $size - 1 },
		'of another type' => sub {
			my $other_type = write_database(
				'asn',
				{ '198.51.100.0/24' => { autonomous_system_number => 64496 } },
				database_type => 'Test-ASN');
			rename $other_type, shift;
		});
	for my $kind (sort keys %wrong)
	{
		my $path = "$files/wrong " . $kind;
		$wrong{$kind}->($path);
		($output, $trouble) = script(
			qq{
			SET statement_timeout = '30s';
			SET session_service.geoip_database = '$path';
			$some;
			$some;
			SELECT count(*) FROM held, session_service.get_session(session_id);
			-- Mended by the time of the next use
			\\! rm -rf '$path' && cp $database '$path'
			$some;
		});
		is( $output,
			join("\n", $unknown, $unknown, scalar(@addresses), $known),
			"a file that is $kind: no places, until it is mended");
		is(warnings_in($trouble), 1, "a file that is $kind: one warning") or diag($trouble);
		unlike($trouble, qr/\Q$path\E|ERROR|FATAL|server closed/, "a file that is $kind: nothing more");
	}

	# --- corruption

	# Random bytes at random places of the whole file: tree, data and metadata. Always the same ones.
	# convert_from checks that what comes is UTF-8.
	srand(20240229);
	my $variants = 200;
	my $sql = "SET client_min_messages = error;\n";
	for my $variant (1 .. $variants)
	{
		my $bytes = $content;
		substr($bytes, int(rand($size)), 1) = chr(int(rand(256))) for 1 .. 1 + $variant % 16;
		open my $file, '>:raw', "$files/corrupt $variant" or die $!;
		print $file $bytes;
		close $file or die $!;
		$sql .= qq{SET session_service.geoip_database = '$files/corrupt $variant';
			SELECT md5(convert_from(convert_to(q, 'UTF8'), 'UTF8')) FROM ($all) s (q);\n};
	}
	($output, $trouble) = script("SELECT pg_backend_pid() AS pid \\gset\n" . $sql . 'SELECT pg_backend_pid() = :pid;');
	my @answers = split /\n/, $output;
	is(scalar(@answers), $variants + 1, "$variants corrupt files: the connection answers each time");
	is($answers[-1], 't', 'the same one');
	is($trouble, '', 'without an error');
	my %different = map { $_ => 1 } @answers[ 0 .. $#answers - 1 ];
	cmp_ok(scalar(keys %different), '>', 10, 'and the corruption shows in the answers') or diag($output);
}
my ($crash) = PostgreSQL::Test::Utils::slurp_file($node->logfile) =~
  /^(.*(?:PANIC|TRAP|server process .*(?:terminated by signal|exited with)).*)$/m;
is($crash, undef, 'no process crashed');

$node->stop;
done_testing();
