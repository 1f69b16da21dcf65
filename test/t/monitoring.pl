# examples/monitoring with the exporter that it is for: what it shows is what happened, asked for by a role with level
# monitor alone; alerts and dashboard use nothing that is not there.
use strict;
use warnings;

use HTTP::Tiny;
use IPC::Run;
use JSON::PP ();
use Test::More;

use PostgreSQL::Test::Utils;
use SessionNode;

my $directory = 'examples/monitoring';
my ($exporter) = grep { -x } map { "$_/prometheus-postgres-exporter" } split(/:/, $ENV{PATH}), '/usr/bin';
my ($prometheus) = grep { -x } map { "$_/prometheus" } split(/:/, $ENV{PATH}), '/usr/bin';

# --- files

# Metrics by the names of queries and columns, as the exporter makes them.
my $queries = slurp_file("$directory/queries.yaml");
my %described;
for my $query ($queries =~ /^(\w+:\n(?:(?: .*)?\n)*)/mg)
{
	my ($name) = $query =~ /^(\w+)/;
	$described{"${name}_$1"} = $2 while $query =~ /^    - (\w+):\n        usage: (\w+)$/mg;
}
my @metrics = sort grep { $described{$_} ne 'LABEL' } keys %described;
cmp_ok(scalar(@metrics), '>', 25, scalar(@metrics) . ' metrics');
is_deeply([ grep { ($described{$_} eq 'COUNTER') != /_total$/ } @metrics ],
	[], 'counters, and nothing else, end in _total');

my $dashboard = JSON::PP->new->decode(slurp_file("$directory/dashboard.json"));
my @panels = @{ $dashboard->{panels} };
my @targets = map { @{ $_->{targets} // [] } } @panels;
my %in_use = (
	'alerts.yaml' => slurp_file("$directory/alerts.yaml") =~ s/^ *#.*$//mgr,
	'dashboard.json' => join("\n", map { $_->{expr} } @targets));
for my $file (sort keys %in_use)
{
	my %used = map { $_ => 1 } $in_use{$file} =~ /\b(session_service_\w+)\b/g;
	is_deeply([ grep { !$described{$_} } sort keys %used ], [], "$file uses metrics that there are");
	cmp_ok(scalar(keys %used), '>=', 10, "$file uses " . keys(%used));
}
is_deeply([ grep { $in_use{'dashboard.json'} !~ /\b$_\b/ } grep { !/_timestamp_seconds$|_in_recovery$/ } @metrics ],
	[], 'the dashboard shows every one');
my %at;
for my $panel (@panels)
{
	my ($x, $y, $w, $h) = @{ $panel->{gridPos} }{qw(x y w h)};
	for my $column ($x .. $x + $w - 1)
	{
		push @{ $at{"$column,$_"} }, $panel->{title} for $y .. $y + $h - 1;
	}
}
is_deeply([ grep { @$_ > 1 } values %at ], [], 'no panel of the dashboard lies over another');
my %ids = map { $_->{id} => 1 } @panels;
is(scalar(keys %ids), scalar(@panels), 'each has an id of its own');

# --- the exporter

my ($node, $port, $running, $log, %types);

sub start_exporter
{
	$port = PostgreSQL::Test::Cluster::get_free_port();
	$log = '';
	local $ENV{DATA_SOURCE_NAME} =
	  'user=session_monitor host=' . $node->host . ' port=' . $node->port . ' dbname=app sslmode=disable';
	$running = IPC::Run::start(
		[
			$exporter, "--extend.query-path=$directory/queries.yaml",
			'--disable-default-metrics', '--disable-settings-metrics',
			"--web.listen-address=127.0.0.1:$port"
		],
		'>',
		\$log,
		'2>&1');
	return;
}

# The metrics of a scrape: name and labels but for the server's, which has where its socket is. After a restart of the
# server the exporter's first answer is without them.
sub scrape
{
	my $answer;
	for (1 .. 300)
	{
		IPC::Run::pump_nb($running);
		$answer = HTTP::Tiny->new(timeout => 60)->get("http://127.0.0.1:$port/metrics");
		last if $answer->{content} =~ /^session_service_tables_bytes/m;
		select undef, undef, undef, 0.1;
	}
	BAIL_OUT("no answer of the exporter: $answer->{content}\n$log")
	  if $answer->{content} !~ /^session_service_tables_bytes/m;
	my %values;
	for (split /\n/, $answer->{content})
	{
		$types{$1} = uc $2 if /^# TYPE (session_service_\S+) (\w+)/;
		next if !/^(session_service_\w+)\{([^}]*)\} (\S+)$/;
		my ($name, $labels, $value) = ($1, $2, $3);
		$values{ join ' ', $name, grep { !/^server=/ } split /,/, $labels } = $value;
	}
	return \%values;
}

sub query { return $node->safe_psql('app', shift); }

# The numbers that are told exactly.
sub numbers
{
	my ($values, @names) = @_;
	return join ' ', map { my $name = $_; "$name " . ($values->{"session_service_$name"} // 'unknown') } @names;
}

# Labels that the dashboard asks and tells by, and that its metric has not. Prometheus itself adds the instance.
sub labels_that_are_not_there
{
	my ($values) = @_;
	my @missing;
	for my $target (@targets)
	{
		my ($metric) = $target->{expr} =~ /\b(session_service_\w+)/;
		my @labels = grep { defined && $_ ne 'instance' }
		  "$target->{expr} $target->{legendFormat}" =~ /(\w+)=~|by \((\w+)\)|\{\{(\w+)\}\}/g;
		for my $label (@labels)
		{
			push @missing, "$label of $metric" if !grep { /^$metric .*\b$label="/ } keys %$values;
		}
	}
	return \@missing;
}

# Queries of the dashboard, for this exporter and this database, to which a Prometheus has no answer.
sub queries_without_answer
{
	my $data = PostgreSQL::Test::Utils::tempdir();
	my $own_port = PostgreSQL::Test::Cluster::get_free_port();
	append_to_file("$data/prometheus.yaml", <<~"END");
		scrape_configs:
		  - job_name: session_service
		    scrape_interval: 1s
		    static_configs: [{ targets: ['127.0.0.1:$port'] }]
		END
	my $output = '';
	my $server = IPC::Run::start(
		[
			$prometheus, "--config.file=$data/prometheus.yaml",
			"--storage.tsdb.path=$data/tsdb", "--web.listen-address=127.0.0.1:$own_port"
		],
		'>',
		\$output,
		'2>&1');
	my %values = ('$instance' => "127.0.0.1:$port", '$datname' => 'app', '$__rate_interval' => '1m');
	my @queries = map { $_->{expr} =~ s/(\$\w+)/$values{$1}/gr } @targets;
	for (1 .. 600)
	{
		IPC::Run::pump_nb($server);
		@queries = grep { !has_answer("http://127.0.0.1:$own_port/api/v1/query", $_) } @queries;
		last if !@queries;
		select undef, undef, undef, 0.1;
	}
	$server->signal('TERM');
	eval { $server->finish };
	return \@queries;
}

sub has_answer
{
	my ($url, $query) = @_;
	my $answer = HTTP::Tiny->new(timeout => 60)->post_form($url, { query => $query });
	return $answer->{success} && @{ JSON::PP::decode_json($answer->{content})->{data}{result} } > 0;
}

sub show_what_happened
{
	$node = SessionNode->new('monitored');
	$node->init;
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'session_service'\nautovacuum = off\nsession_service.retention = 0");
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE app');
	query('CREATE EXTENSION session_service');
	my ($status, $stdout, $stderr) =
	  $node->psql('app', undef, extra_params => [ '-v', 'ON_ERROR_STOP=1', '-f', "$directory/role.sql" ]);
	is("$status$stderr", '0', 'role.sql makes the role');
	is( query(
			q{SELECT count(*) FROM pg_proc p WHERE pronamespace = 'session_service'::regnamespace
			AND has_function_privilege('session_monitor', oid, 'EXECUTE')
			AND proname NOT IN ('stats', 'health', 'count_active_sessions')}
		  )
		  . query(
			q{SELECT count(*) FROM pg_class WHERE relnamespace = 'session_service'::regnamespace AND relkind = 'r'
			AND has_any_column_privilege('session_monitor', oid, 'SELECT')}
		  ),
		'00',
		'which has level monitor and reads no table');

	# Each column of the two functions is asked for. Those of the sums of others are not.
	my $asked = join ' ', $queries =~ /query: \|\n((?:    .*\n)+)/g;
	is_deeply(
		[
			grep { $asked !~ /\b$_\b/ } grep { !/^sessions_(revoked|evicted)$/ } split /\n/,
			query(
				q{SELECT unnest(proargnames) FROM pg_proc
				WHERE oid IN ('session_service.stats()'::regprocedure, 'session_service.health()'::regprocedure)}
			)
		],
		[],
		'the queries ask for every column');

	start_exporter();
	my $before = scrape();
	is( numbers($before, qw(validations_total validations_refused_total sessions_created_total)),
		'validations_total 0 validations_refused_total 0 sessions_created_total 0',
		'at first nothing has happened');
	is($before->{'session_service_tables_sessions datname="app"'}, 'NaN', 'and the number of sessions is not known');

	query(
		q{
		SELECT user_id AS user, c.*
		FROM gen_random_uuid() user_id, session_service.create_session(user_id, device_key => 'a') c \gset
		SELECT count(*) FROM generate_series(1, 4) n, session_service.create_session(gen_random_uuid(), 'device ' || n);
		SELECT count(session_service.validate_user(:'token')) FROM generate_series(1, 7);
		SELECT count(*) FROM generate_series(1, 3) n, session_service.validate_session('nonsense' || n);
		SELECT r.* FROM session_service.refresh_session(:'refresh_token') r \gset next_
		SELECT r.* FROM session_service.refresh_session(:'refresh_token') r \gset again_
		SELECT r.* FROM session_service.refresh_session(:'next_refresh_token') r \gset third_
		SELECT count(*) FROM session_service.refresh_session(:'refresh_token');
		SELECT c.* FROM session_service.create_session(:'user', device_key => 'b') c \gset other_
		SELECT session_service.revoke_session(:'other_session_id');
		SET session_service.max_per_user = 1;
		SELECT count(*) FROM generate_series(1, 3) n, session_service.create_session(:'user', device_key => 'c' || n);
		SELECT session_service.cleanup_sessions();
		ANALYZE session_service.sessions});
	# Statistics come once that connection has ended.
	$node->poll_query_until('app',
		q{SELECT n_tup_upd > 0 AND n_dead_tup > 0 FROM pg_stat_all_tables WHERE relid = 'session_service.sessions'::regclass}
	) or die 'there are no statistics';
	my $after = scrape();
	is( numbers(
			$after,
			qw(sessions_created_total validations_total validations_refused_total
			  refreshes_total refreshes_repeated_total refreshes_reused_total
			  notifications_dropped_total sessions_deleted_total)),
		'sessions_created_total 9 validations_total 7 validations_refused_total 3 '
		  . 'refreshes_total 2 refreshes_repeated_total 1 refreshes_reused_total 1 '
		  . 'notifications_dropped_total 0 sessions_deleted_total 4',
		'the counters count what was done');
	is( join(' ',
			map { "$_ " . ($after->{qq{session_service_revocations_total cause="$_"}} // 'unknown') }
			  qw(user limit reuse admin idle)),
		'user 1 limit 2 reuse 1 admin 0 idle 0',
		'revocations by what ended the sessions');
	my %tables = map { $_ => $after->{qq{session_service_tables_$_ datname="app"}} }
	  qw(sessions sessions_bytes bytes oldest_dead_session_age_seconds oldest_event_age_seconds retention_seconds
	  in_recovery hot_update_ratio dead_row_ratio);
	is( $tables{sessions},
		query('SELECT count(*) FROM session_service.sessions'),
		'the number of sessions is as of ANALYZE');
	is($tables{sessions_bytes} + 0, query(q{SELECT pg_total_relation_size('session_service.sessions')}), 'sizes');
	cmp_ok($tables{bytes}, '>', $tables{sessions_bytes}, 'of all tables too');
	is($tables{retention_seconds} . $tables{in_recovery}, '00', 'the retention, and that this is no standby');
	is($tables{oldest_dead_session_age_seconds}, 'NaN', 'no session waits for cleanup');
	cmp_ok($tables{hot_update_ratio}, '<=', 1, 'the share of HOT updates');
	cmp_ok($tables{dead_row_ratio}, '>', 0, 'and that of dead rows');
	my %maintenance = map { $_ => $after->{qq{session_service_maintenance_$_ datname="app"}} }
	  qw(worker_running last_cleanup_age_seconds last_cleanup_rows last_cleanup_duration_seconds);
	cmp_ok($maintenance{last_cleanup_age_seconds}, '<', 300, 'the last cleanup was lately');
	cmp_ok($maintenance{last_cleanup_rows}, '>=', 4, 'it deleted rows');
	cmp_ok($maintenance{last_cleanup_duration_seconds}, '<', 300, 'and took a while');
	is($maintenance{worker_running}, 1, 'the worker is there');
	is_deeply(
		[
			grep {
				my $name = $_;
				!grep { /^$name( |$)/ } keys %$after
			} @metrics
		],
		[],
		'every metric is there');
	is_deeply(\%types, { map { $_ => $described{$_} } @metrics }, 'and is of its type');
	is_deeply(labels_that_are_not_there($after), [], 'each has the labels that the dashboard asks and tells by');
  SKIP:
	{
		skip 'each query of the dashboard has an answer: prometheus is not here', 1 if !$prometheus;
		is_deeply(queries_without_answer(), [], 'each query of the dashboard has an answer');
	}

	query(q{SELECT session_service.revoke_all_user_sessions(user_id) FROM session_service.users});
	my $dead = scrape()->{'session_service_tables_oldest_dead_session_age_seconds datname="app"'};
	ok($dead ne 'NaN' && $dead >= 0 && $dead < 300, 'a session that waits for cleanup has an age');

	# Without the preloaded library
	$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
	$node->restart;
	my $plain = scrape();
	is_deeply(
		[ sort map { s/ .*//r } keys %$plain ],
		[ grep { /^session_service_tables_/ } @metrics ],
		'not preloaded: what tells of the tables, and nothing else');
	is($plain->{'session_service_tables_retention_seconds datname="app"'}, 0, 'with the retention');

	$running->signal('TERM');
	eval { $running->finish };
	# Of the restart it may complain, and of what it would know of the server itself; of queries not.
	unlike(
		join("\n", grep { !/collector failed/ } split /\n/, $log),
		qr/Unparseable|Unexpected error|Missing column|permission denied|does not exist/,
		'the exporter complained of no query');
	$node->stop;
	return;
}

# --- what tools say, where they are

SKIP:
{
	my ($promtool) = grep { -x } map { "$_/promtool" } split(/:/, $ENV{PATH});
	skip 'promtool checks the alerts: it is not here', 2 if !$promtool;
	for my $arguments ([ 'check', 'rules', 'alerts.yaml' ], [ 'test', 'rules', 'alerts_test.yaml' ])
	{
		my $output = '';
		my $passed = IPC::Run::run([ 'sh', '-c', 'cd "$0" && exec "$@"', $directory, $promtool, @$arguments ],
			'>', \$output, '2>&1');
		ok($passed, "promtool: @$arguments[0, 1]") or diag($output);
	}
}

SKIP:
{
	skip 'the exporter shows what happened: prometheus-postgres-exporter is not here', 1 if !$exporter;
	show_what_happened();
}
done_testing();
