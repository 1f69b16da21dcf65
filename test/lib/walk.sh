#!/usr/bin/env bash
# In a system of test/packages.sh, as its root, once the packages of Debian are installed there: goes the way of a
# newcomer, by the pages that the package brought, to the first sessions. The SQL examples of the pages, and then each
# program of clients.md, which a user of the system installs and runs by its section's commands. What the package was
# built with is there already, and what a section before installed.
#
# Prints a line for each program, and fails where one does.
set -euo pipefail

log=/var/log/walk.log

pages=/usr/share/doc/postgresql-session-service-doc/docs
home=/home/newcomer

# Where the programs are: a directory for each section, with its commands and its code.
programs=$home/programs

# Ends the script, having shown what was written last.
give_up() {
    tail -n 60 "$log"
    echo "failed: $1"
    exit 1
}

prepare() {
    local major
    apt-get -q -y install sudo ca-certificates postgresql-client-common >"$log" 2>&1 || give_up "what a walk needs"
    # Those of the machine that made the system, if it has any of its own.
    update-ca-certificates >>"$log" 2>&1
    echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/91newcomer
    major=$(/usr/share/postgresql-common/supported-versions | head -n 1)
    pg_dropcluster --stop "$major" main 2>/dev/null || true
    pg_createcluster "$major" main --start >>"$log" 2>&1 || give_up "a cluster"
    userdel --remove newcomer 2>/dev/null || true
    useradd --create-home --shell /bin/bash newcomer
    # Which sudo looks up.
    grep -qw "$(hostname)" /etc/hosts || echo "127.0.1.1 $(hostname)" >>/etc/hosts
    echo 'newcomer ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/newcomer
}

# before.sh, and for each further section that has commands and code a directory, named by its place and its client.
write_programs() {
    # shellcheck disable=SC2016
    perl -I "$(dirname "${BASH_SOURCE[0]}")" -Mstrict -Mwarnings -MSnippets -e '
        sub put { open my $file, ">:utf8", $_[0] or die "$_[0]: $!"; print $file $_[1]; close $file or die "$!" }
        my ($directory, $number) = ($ENV{programs}, 0);
        for my $section (Snippets::sections(@ARGV))
        {
            my ($title, $commands, $code) = @$section{qw(title commands code)};
            die "$title: no commands\n" if !defined $commands;
            if (!defined $code) { put("$directory/before.sh", $commands); next }
            my ($client) = $title =~ /: (.*)/;
            my ($file) = $commands =~ m{([\w/]+\.(?:py|mjs|go|java|rs|php|rb|pl|cpp))\b} or die "$title: no file\n";
            my $own = sprintf "%s/%02d %s", $directory, ++$number, $client;
            mkdir $own or die "$own: $!";
            if ($file =~ m{(.*)/}) { mkdir "$own/$1" or die "$!" }
            put("$own/$file", $code);
            put("$own/commands", $commands);
        }' $pages/clients.md
}

# As the newcomer. Each section goes on where the one before the first left off.
run_programs() {
    local program status=0
    export programs
    mkdir "$programs"
    write_programs
    # shellcheck source=/dev/null
    . "$programs/before.sh" >/dev/null
    for program in "$programs"/*/; do
        cd "$program"
        if bash -e ./commands </dev/null >output 2>errors && grep -q ada00000-0000-4000-8000-000000000001 output; then
            echo "clients.md, $(basename "$program"): a session"
        else
            echo "clients.md, $(basename "$program"): FAILED"
            tail -n 30 output errors
            status=1
        fi
    done
    return "$status"
}

if [ "${1:-}" = --as-newcomer ]; then
    run_programs
    exit
fi
prepare
diff -r /source/docs $pages
diff /source/README.md "${pages%/*}/README.md"
# As the server's owner.
runuser -u postgres -- bash /source/test/doc_examples.sh >"$log" || give_up "the examples of the pages"
echo "the pages: $(grep -c '^ok' "$log") examples"
cd $home
runuser -u newcomer -- env HOME=$home bash /source/test/lib/walk.sh --as-newcomer
