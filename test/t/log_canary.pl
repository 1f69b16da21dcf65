# No token, hash, key, challenge or proof in a log: not at the noisiest settings where clients bind their parameters,
# nor in any message of ours where they write literals. Nor a token in a file of the server's.
use strict;
use warnings;

use Digest::SHA qw(sha256);
use File::Find;
use IPC::Run;
use JSON::PP;
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

use Extent;
use HeldSessions;
use PostgreSQL::Test::Utils qw(slurp_file);
use PythonTest;
use SessionNode;

PythonTest::need('cryptography');

my $node = SessionNode->new('canary');
$node->init;
my ($libraries) = PostgreSQL::Test::Utils::run_command([ 'pg_config', '--pkglibdir' ]);
my $preload = join ', ', grep { -e "$libraries/$_.so" } qw(auto_explain pg_stat_statements);
$node->append_conf(
	'postgresql.conf', qq{
shared_preload_libraries = '$preload'
logging_collector = on
log_destination = 'stderr,csvlog,jsonlog'
log_directory = 'log'
log_filename = 'canary.log'
log_rotation_size = 0
deadlock_timeout = 100ms
wal_level = logical
autovacuum = off
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION session_service');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements') if $preload =~ /pg_stat_statements/;

# --- what is searched for

# Parts of a token from its secret on: all but the prefix, the version and the session's id. Of proofs, which are
# long, only so many that there is one in twice its length.
use constant { ID_END => 27, PART => 12, LONG => 200 };

sub parts_of_secret
{
	my ($secret) = @_;
	my $from = $secret =~ /^ss[tr]_/ ? ID_END : 0;
	my @places = $from .. length($secret) - PART;
	@places = grep { $_ % PART == 0 } @places if length($secret) > LONG;
	return map { substr($secret, $_, PART) } @places;
}

# As debug_print_plan writes the bytes of a constant, without the spaces.
sub as_numbers { return join '', unpack 'c*', shift; }

# As bytea_output = escape writes them, without the spaces.
sub escaped
{
	my ($bytes) = @_;
	return $bytes =~ s/ //gr =~ s/([^\x20-\x7e]|\\)/$1 eq "\\" ? "\\\\" : sprintf('\\%03o', ord $1)/gesr;
}

# The forms in which a secret's hash, or another key of so many bytes, could be written, each as parts of which a
# longer leak has one.
sub forms_of_hash
{
	my ($hash) = @_;
	my @forms = map {
		my $hex = $_;
		map { substr($hex, $_, 16) } 0, 8 .. length($hex) - 16
	} unpack('H*', $hash), uc unpack('H*', $hash);
	for my $offset (0 .. 2)
	{
		# In base64 the bytes before decide how these are written.
		my $coded = encode_base64(("\0" x $offset) . $hash, '');
		push @forms, map { substr($_, 4, 20) } $coded, $coded =~ tr{+/}{-_}r;
	}
	push @forms,
	  map { my $slice = substr($hash, $_, 8); (as_numbers($slice), escaped($slice), escaped($slice) =~ s/\\/\\\\/gr) }
	  grep { $_ < length $hash } 0, 8, 16, 24;
	return grep { length >= 8 } @forms;
}

sub forms_of_token
{
	my ($secret) = @_;
	my @forms = parts_of_secret($secret);
	push @forms, map { (as_numbers($_), unpack('H*', $_)) } map { substr($secret, -$_, 10) } 12, 22;
	if ($secret =~ /^ss[tr]_(.*)/)
	{
		# What the token encodes, in other forms.
		my $bytes = decode_base64($1 =~ tr{-_}{+/}r . '==');
		push @forms, unpack('H*', substr($bytes, 17, 16)), unpack('H*', substr($bytes, -20, 16));
	}
	return @forms;
}

# The family key and its hash; the secret alone is not stored, nor is its hash.
sub hashes_of
{
	my ($secret) = @_;
	my @hashed = ($secret);
	push @hashed, substr(decode_base64($1 =~ tr{-_}{+/}r . '=='), 17, 16) if $secret =~ /^ssr_(.*)/;
	return map { sha256($_) } @hashed;
}

# Patterns for any of these words. Of more in one, Perl would look for each at every place.
sub patterns
{
	my %once = map { $_ => 1 } @_;
	my @words = map { quotemeta } sort keys %once;
	my @patterns;
	push @patterns, join '|', splice @words, 0, 4000 while @words;
	return \@patterns;
}

# What is found of any of these lists of patterns, at most three for each pattern, with what is around it.
sub found_in
{
	my ($text, @lists) = @_;
	my @found;
	# Plans are wrapped at a column, also within the numbers of a constant: what is searched has no space.
	$text =~ s/(?:\\n|\s)+//g;
	for my $pattern (map { @$_ } @lists)
	{
		my $count = 0;
		push @found, substr($text, $-[0] < 100 ? 0 : $-[0] - 100, 200) while $text =~ /$pattern/g && ++$count <= 3;
	}
	return \@found;
}

sub has_any
{
	my ($bytes, @lists) = @_;
	return grep { $bytes =~ /$_/ } map { @$_ } @lists;
}

# --- the logs

my $data = $node->data_dir;
my %logs = map { $_ => "$data/log/canary.$_" } qw(log csv json);

sub log_positions
{
	return { map { $_ => -s $logs{$_} } keys %logs };
}

# What was written since; the collector may be behind, so a line is sent after it.
sub logged_since
{
	my ($positions) = @_;
	my $mark = 'mark ' . int(rand 1e9);
	$node->safe_psql('postgres', "DO \$\$ BEGIN RAISE LOG '$mark'; END \$\$");
	my %text;
	for my $kind (keys %logs)
	{
		for (1 .. 500)
		{
			open my $file, '<:raw', $logs{$kind} or die "$logs{$kind}: $!";
			seek $file, $positions->{$kind}, 0;
			local $/;
			$text{$kind} = <$file>;
			last if $text{$kind} =~ /: +$mark|"$mark/;
			select undef, undef, undef, 0.02;
		}
	}
	return \%text;
}

my $quiet = '-c log_statement=none';
my $noisy = join ' ',
  map { "-c $_" }
  qw(log_statement=all log_min_duration_statement=0 log_duration=on log_min_messages=debug5
  log_error_verbosity=verbose log_min_error_statement=debug5
  debug_print_parse=on debug_print_rewritten=on debug_print_plan=on
  log_parameter_max_length=0 log_parameter_max_length_on_error=0 log_lock_waits=on log_statement_stats=on
  log_replication_commands=on session_service.event_log=all session_service.notify=on);
$noisy .= join ' ', '',
  map { "-c $_" }
  qw(auto_explain.log_min_duration=0 auto_explain.log_nested_statements=on auto_explain.log_analyze=on
  auto_explain.log_verbose=on auto_explain.log_buffers=on auto_explain.log_triggers=on
  auto_explain.log_settings=on auto_explain.log_level=log)
  if $preload =~ /auto_explain/;
# It logs parameters since 16, with a setting of its own for them.
$noisy .= ' -c auto_explain.log_parameter_max_length=0' if $preload =~ /auto_explain/ && $node->pg_version >= 16;
$noisy .= ' -c pg_stat_statements.track=all -c pg_stat_statements.track_utility=on' if $preload =~ /pg_stat_statements/;

# Runs the calls of the client; what it tells, and what was logged meanwhile.
sub calls
{
	my ($what, $options) = @_;
	my $positions = log_positions();
	my ($stdout, $stderr) = ('', '');
	{
		local $ENV{PGOPTIONS} = $options;
		local $ENV{PYTHONPATH} = 'test/t/lib';
		local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
		IPC::Run::run([ $PythonTest::python, 'test/t/log_canary.py', $node->connstr('postgres'), $what ],
			'>', \$stdout, '2>', \$stderr, IPC::Run::timeout(120));
	}
	BAIL_OUT($stderr) if $stdout eq '';
	my $told = decode_json($stdout);
	my @unlike = map { "$_->[0]: $_->[2], not $_->[1]" } grep { $_->[2] ne $_->[1] } @{ $told->{outcomes} };
	is_deeply(\@unlike, [], "$what: " . @{ $told->{outcomes} } . ' calls end as they should');
	return ($told, logged_since($positions));
}

# --- bind parameters, at the noisiest settings

my ($told, $logged) = calls('every', "$noisy -c plan_cache_mode=force_generic_plan");
my @secrets = @{ $told->{secrets} };
cmp_ok(scalar @secrets, '>', 40, 'tokens were handed over');
my $tokens = patterns(map { forms_of_token($_) } @secrets);
my $hashes = patterns(map { forms_of_hash($_) } map { hashes_of($_) } @secrets);
my $bound = patterns(@{ $told->{bound} });
my $stored = search_stored($told);
cmp_ok(scalar @{ $told->{stored} }, '>', 5, 'and keys of sessions');
counted(@{ $told->{outcomes} }
	  . ' calls at the noisiest settings, with '
	  . @secrets
	  . ' secrets and '
	  . @{ $told->{bound} }
	  . ' other values');

for my $kind (sort keys %logs)
{
	ok($logged->{$kind} =~ /refresh_session\(\$1/, "$kind: the calls were logged");
	ok($logged->{$kind} =~ /UPDATE session_service\.sessions/, "$kind: and our statements in them");
	ok($logged->{$kind} =~ /:paramkind 0/, "$kind: with their plans");
	ok($logged->{$kind} =~ /Query Text: UPDATE session_service\.sessions/, "$kind: and explained")
	  if $preload =~ /auto_explain/;
	ok($logged->{$kind} =~ /not a token hash|invalid input/, "$kind: and errors");
	is_deeply(found_in($logged->{$kind}, $tokens, $hashes, $stored, $bound),
		[], "$kind: no token, no hash, no key and no other value");
}
my $texts = join "\n", @{ $told->{texts} };
ok($texts =~ /refresh_session\(\$1/ || $preload !~ /pg_stat_statements/, 'the views of statements show the calls');
ok($texts =~ /pg_stat_statements/ || $preload   !~ /pg_stat_statements/, 'that of all connections too');
is_deeply(found_in($texts, $tokens, $hashes, $stored, $bound), [], 'and no token, no hash, no key and no other value');
my $statistics = join "\n", @{ $told->{statistics} };
ok($statistics =~ /token_hash/, 'the statistics of the tables show their columns');
is_deeply(found_in($statistics, $tokens), [], 'and no token');

# --- the server's files

$node->safe_psql('postgres', 'CHECKPOINT');
my ($size, @files_with_token, @files_with_hash) = (0);
my $ends_of_tokens = patterns(map { substr($_, -20, 16) } @secrets);
# The secret of each, and the family key of refresh tokens.
my $raw_secrets = patterns(
	map {
		my ($kind, $text) = /^ss([tr])_(.*)/;
		my $bytes = $kind ? decode_base64($text =~ tr{-_}{+/}r . '==') : '';
		$kind ? (substr($bytes, -20, 16), $kind eq 'r' ? substr($bytes, 17, 16) : ()) : ()
	} @secrets);
my $raw_hashes = patterns(map { sha256($_) } @secrets);
find(
	sub {
		return if !-f || $File::Find::dir =~ m{/log$};
		my $bytes = slurp_file($File::Find::name);
		utf8::downgrade($bytes, 1);
		$size += length $bytes;
		push @files_with_token, $File::Find::name if has_any($bytes, $ends_of_tokens, $raw_secrets);
		push @files_with_hash, $File::Find::name if has_any($bytes, $raw_hashes);
	},
	$data);
cmp_ok($size, '>', 16 * 1024 * 1024, 'the server has files');
is_deeply(\@files_with_token, [], 'no token and no secret is in any');
ok((grep { m{/base/} } @files_with_hash), 'hashes are, in a table');
ok((grep { m{/pg_wal/} } @files_with_hash), 'and in the WAL');

# --- other settings of the log

# The messages that are raised in our own source files, all that they tell.
my %is_ours = map { m{([^/]+)$} ? ($1 => 1) : () } glob 'src/*/*.cpp src/*/*.hpp';

sub of_ours
{
	my ($json) = @_;
	return grep { /"file_name":"(?:[^"]*\/)?([^"\/]+)"/ && $is_ours{$1} } split /\n/, $json;
}

# Whether nothing is in the log; or where the settings have the server itself write parameters, in no message of
# ours. To those that take no token the server then adds its context, with the other values.
sub tell_no_secret
{
	my ($name, $options, $only_ours) = @_;
	my ($told, $logged) = calls('every', $options);
	my @secrets = (search_tokens($told), search_hashes($told), search_stored($told));
	my $values = patterns(@{ $told->{bound} });
	my @ours = of_ours($logged->{json});
	cmp_ok(scalar @ours, '>', 10, "$name: there are messages of ours")
	  if $options =~ /verbosity=verbose/ && $options !~ /log_min_messages=panic/;
	is_deeply(found_in(join("\n", @ours), @secrets), [], "$name: none has a secret");
	is_deeply(found_in(join("\n", map { without($_, 'context') } @ours), $values), [], "$name: nor another value");
	is_deeply([ map { @{ found_in($logged->{$_}, @secrets, $values) } } sort keys %logs ],
		[], "$name: nor has anything else in the log")
	  unless $only_ours;
	return;
}

# What a line of the log in JSON tells, but for one field.
sub without
{
	my ($json, $field) = @_;
	my $entry = decode_json($json);
	delete $entry->{$field};
	return join "\n", values %$entry;
}

my $unsaid = '-c log_parameter_max_length=0 -c log_parameter_max_length_on_error=0';
my $said = '-c log_parameter_max_length=-1 -c log_parameter_max_length_on_error=-1';
my $stages =
	'-c log_statement_stats=off -c log_parser_stats=on -c log_planner_stats=on -c log_executor_stats=on '
  . '-c log_temp_files=0';
my $everything =
  '-c log_statement=all -c log_min_duration_statement=0 -c log_min_messages=debug1 -c log_min_error_statement=debug5';
my @other_settings = ([ 'parameters in the log', "$said $everything -c log_error_verbosity=verbose", 1 ]);
if (extent(0, 1))
{
	push @other_settings, [ 'statistics of each stage', "$unsaid $stages $everything -c log_error_verbosity=verbose" ];
	for my $verbosity (qw(terse default verbose))
	{
		for my $level (qw(panic error info debug1 debug2 debug3 debug4))
		{
			push @other_settings,
			  [
				"$verbosity, $level",
				"$unsaid -c log_statement=ddl -c log_min_duration_sample=0 -c log_statement_sample_rate=1 "
				  . "-c log_min_messages=$level -c log_min_error_statement=$level -c log_error_verbosity=$verbosity"
			  ];
		}
	}
	push @other_settings, [ "plans, $_", "$noisy -c plan_cache_mode=force_generic_plan -c $_" ]
	  for 'debug_pretty_print=off', 'jit=on', 'jit_above_cost=0', 'synchronous_commit=off',
	  'client_min_messages=debug5', 'log_transaction_sample_rate=1', 'bytea_output=escape',
	  'compute_query_id=on', 'track_functions=all', 'session_service.sliding_expiry=on',
	  'default_transaction_isolation=serializable -c session_service.touch_interval=0';
	push @other_settings,
	  [
		"explained as $_",
		"$unsaid -c plan_cache_mode=force_generic_plan -c auto_explain.log_min_duration=0 "
		  . '-c auto_explain.log_nested_statements=on -c auto_explain.log_analyze=on -c auto_explain.log_verbose=on '
		  . "-c auto_explain.log_wal=on -c auto_explain.log_triggers=on -c auto_explain.log_format=$_"
	  ]
	  for $preload =~ /auto_explain/ ? qw(text json xml yaml) : ();
}
tell_no_secret(@$_) for @other_settings;
counted((1 + @other_settings) . ' settings of the log');

# --- that the search finds what is there

sub search_tokens
{
	return patterns(map { forms_of_token($_) } @{ $_[0]{secrets} });
}
# The server's part of challenges is known by its bytes.
sub search_stored
{
	return patterns(map { /^[0-9a-f]{32}$/ ? forms_of_hash(pack 'H*', $_) : parts_of_secret($_) } @{ $_[0]{stored} });
}

sub search_hashes
{
	return patterns(map { forms_of_hash($_) } map { hashes_of($_) } @{ $_[0]{secrets} });
}

($told, $logged) = calls('tokens', "$noisy -c plan_cache_mode=force_generic_plan -c log_parameter_max_length=-1");
isnt(scalar @{ found_in($logged->{$_}, search_tokens($told)) }, 0, "$_: with parameters in the log, tokens are found")
  for sort keys %logs;
for my $output ('hex', 'escape')
{
	($told, $logged) =
	  calls('hashes', "$quiet -c log_min_duration_statement=0 -c log_parameter_max_length=-1 -c bytea_output=$output");
	isnt(scalar @{ found_in($logged->{$_}, search_hashes($told)) }, 0, "$_: and so are hashes, $output")
	  for sort keys %logs;
}

# Errors have no context with the parameters, and plans of ours no constants.
($told, $logged) = calls('tokens', "$quiet -c log_parameter_max_length_on_error=-1");
is_deeply(found_in($logged->{$_}, search_tokens($told)),
	[], "$_: not with parameters in the context of errors, which we hide")
  for sort keys %logs;
($told, $logged) = calls('tokens', "$noisy -c plan_cache_mode=force_custom_plan");
isnt(scalar @{ found_in($logged->{$_}, patterns(map { as_numbers(substr $_, -12, 10) } @{ $told->{secrets} })) },
	0, "$_: a plan of the caller's statement shows the token, in numbers as well")
  for sort keys %logs;
is_deeply(found_in($logged->{$_}, search_hashes($told)), [], "$_: no plan of ours shows a hash") for sort keys %logs;
($told, $logged) = calls('hashes', "$noisy -c plan_cache_mode=force_custom_plan");
isnt(scalar @{ found_in($logged->{$_}, search_hashes($told)) }, 0, "$_: where a plan shows one, it is found")
  for sort keys %logs;

# --- literals: messages of ours do not repeat them

($told, $logged) = calls('literals',
	"$quiet -c log_min_messages=debug5 -c log_error_verbosity=verbose -c log_min_error_statement=debug5");
my @ours = of_ours($logged->{json});
cmp_ok(scalar @ours, '>', 100, 'messages of ours about calls with literals');
# The statement of a function that takes a token is hidden.
my $given = patterns(map { forms_of_token($_) } grep { !/^canary/ } @{ $told->{secrets} });
is_deeply(found_in(join("\n", @ours), $given, search_hashes($told)),
	[], 'neither they nor their statements have a token or a hash');
my @given = (search_tokens($told), patterns(@{ $told->{bound} }));
is_deeply(found_in(join("\n", map { without($_, 'statement') } split /\n/, $logged->{json}), @given),
	[], 'nor do they, or messages of the server, have a key or another value');
isnt(scalar @{ found_in(join("\n", @ours), @given) }, 0, 'which the statements have, where they are logged');
counted(@{ $told->{outcomes} } . ' calls with literals');

my ($id, $token, $refresh_token) = split /\|/,
  $node->safe_psql('postgres',
	'SELECT session_id, token, refresh_token FROM session_service.create_session(gen_random_uuid())');
my $hash = unpack 'H*', sha256($token);
my $key = 'canary-key-0123456789abcdefghij';
my $proof = $node->safe_psql('postgres',
	HeldSessions::signer() . "SELECT held_proof(session_service.session_challenge('$token'))");
my @literal_secrets = ($token, $refresh_token, $key, $proof);
my $long = 'n' x 3000;
# What the calls above do not meet: the statement, its SQLSTATE, and whether it takes a token, so that the statement
# is hidden as well.
my @errors = (
	# Not its first call, for which PostgreSQL 18 tells in debug messages where it looks for the library,
	# and with them the context.
	[
		'SELECT session_service.revoke_session_by_token(NULL); '
		  . "DO \$\$ BEGIN PERFORM session_service.revoke_session_by_token('$token', '$long'); END \$\$",
		'22001',
		1
	],
	[
		"SELECT session_service.import_session('$hash', gen_random_uuid(), now() + interval '1 day', '$hash')",
		'23505', 1
	],
	[ "SELECT session_service.validate_session_hash('$id', '$token')", '22P02', 0 ],
	[ "SELECT '${hash}00'::session_service.token_hash", '22P02', 0 ],
	[ "SELECT '\\x${hash}00'::bytea::session_service.token_hash", '22P02', 0 ],
	[ "SELECT session_service.is_known_device(NULL, '$key')", '22004', 0 ],
	[
		"SELECT session_service.validate_session_proof('$token', '$proof', NULL, 'https://canary.example/')", '22004',
		1
	],
	[ "SELECT session_service.refresh_session('$refresh_token', NULL, '$long', '$proof')", '22001', 1 ],
	[ "SET lock_timeout = '150ms'; SELECT session_service.bind_session('$token', '$proof')", '55P03', 1, 'waits' ]);
for my $call (
	[ 'refresh_session', $refresh_token ],
	[ 'rotate_session_token', $token ],
	[ 'reauthenticate_session', $token ],
	[ 'revoke_session_by_token', $token ],
	[ 'mark_mfa_verified_by_token', $token ])
{
	push @errors,
	  [ "SET statement_timeout = '150ms'; SELECT session_service.$call->[0]('$call->[1]')", '57014', 1, 'waits' ],
	  [ "SET lock_timeout = '150ms'; SELECT session_service.$call->[0]('$call->[1]')", '55P03', 1, 'waits' ];
}
$tokens = patterns(map { forms_of_token($_) } @literal_secrets);
$hashes = patterns(map { forms_of_hash($_) } map { hashes_of($_) } @literal_secrets);
my $holder = "BEGIN; SELECT FROM session_service.sessions WHERE id = '$id' FOR UPDATE; PREPARE TRANSACTION 'holder'";
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 1');
$node->restart;
my %held;
for my $error (sort { !!$a->[3] <=> !!$b->[3] } @errors)
{
	my ($sql, $state, $hidden, $waits) = @$error;
	my $name = $sql =~ s/'[^']{20,}'/'…'/gr;
	$node->safe_psql('postgres', $holder) if $waits && !$held{it}++;
	my $positions = log_positions();
	{
		local $ENV{PGOPTIONS} =
			"$quiet -c log_min_messages=debug5 -c log_error_verbosity=verbose -c log_min_error_statement=debug5 "
		  . '-c log_lock_waits=on';
		$node->psql('postgres', $sql, on_error_stop => 0);
	}
	my @entries = map { decode_json($_) } split /\n/, logged_since($positions)->{json};
	my @raised = grep { ($_->{state_code} // '') eq $state } @entries;
	is(scalar @raised, 1, "$state: $name")
	  or diag(map { "$_->{error_severity} $_->{state_code} $_->{message}\n" } grep { $_->{state_code} } @entries);
	my @said = map { my %entry = %$_; delete $entry{statement}; join "\n", values %entry } @entries;
	is_deeply(found_in(join("\n", @said), $tokens, $hashes), [], 'no message repeats the token') or diag($name);
	is_deeply([ grep { defined } map { $_->{statement} } @raised ], [], 'nor is the statement logged') if $hidden;
}
$node->safe_psql('postgres', "ROLLBACK PREPARED 'holder'");

# Again that the search finds: the server's own messages repeat what they cannot read.
my $positions = log_positions();
$node->psql('postgres', "SELECT session_service.revoke_session('$token')");
isnt(scalar @{ found_in(logged_since($positions)->{json}, $tokens) },
	0, 'a message of the server repeats a token that is no uuid');

$node->stop;
done_testing();
