#!/usr/bin/env bash
# The form of all that is not C++: `bash test/format.sh [--write]`. Prints TAP; --write puts right what a program can.
#
# A formatter for each language, with its settings at the top of the tree, where editors find them: shfmt
# (.editorconfig), perltidy (.perltidyrc), black (pyproject.toml), prettier (.prettierrc; with plugins, which stand
# below), rubocop (.rubocop.yml), and gofmt and rustfmt where there are Go and Rust. Another version than Debian 12's
# has other opinions, and is skipped; prettier is the one that format/package-lock.json names. Besides shellcheck, and
# no line of code of more than 120 columns.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

write=no
[ "${1:-}" != --write ] || write=yes
output=$(mktemp)
trap 'rm -f "$output"' EXIT
# shellcheck source=/dev/null
. test/lib/test_that.sh

# files PATTERN...: those of the tree, but for what was released and so stays as it is.
files() {
    local pattern names=()
    for pattern in "$@"; do
        names+=(-o -name "$pattern")
    done
    find . \( -name node_modules -o -path ./.git -o -path ./build -o -path ./test/released \) -prune -o \
        -type f \( "${names[@]:1}" \) -print0 | sort -z
}

# test_with PROGRAM VERSION NAME COMMAND...: skipped where there is another version of the program; '' is any.
test_with() {
    local program=$1 version=$2 name=$3
    shift 3
    if command -v "$program" >/dev/null &&
        { [ -z "$version" ] || "$program" --version 2>/dev/null | grep -qF "$version"; }; then
        test_that "$name" "$@" || true
    else
        number=$((number + 1))
        echo "ok $number - $name # skip no $program $version"
    fi
}

shell_is_formatted() {
    local options=(-d)
    [ $write = no ] || options=(-w)
    files '*.sh' run | xargs -0 shfmt "${options[@]}"
}

shell_is_sound() {
    files '*.sh' run | xargs -0 shellcheck --shell=bash --severity=warning
}

python_is_formatted() {
    local options=(--check --diff)
    [ $write = no ] || options=()
    files '*.py' | xargs -0 black --quiet "${options[@]}"
}

# One at a time: of several it tells nothing but their names.
perl_is_formatted() {
    local file status=0 formatted
    formatted=$(mktemp)
    while IFS= read -r -d '' file; do
        perltidy "$file" -o "$formatted" || status=1
        cmp -s "$file" "$formatted" && continue
        if [ $write = yes ]; then
            cat "$formatted" >"$file"
        else
            diff -u "$file" "$formatted" || status=1
        fi
    done < <(files '*.pl' '*.pm')
    rm -f "$formatted"
    return "$status"
}

prettier_is_content() {
    local modules=test/format/node_modules options=(--check)
    [ $write = no ] || options=(--write)
    npm --prefix test/format ci --ignore-scripts --no-audit --no-fund &&
        files '*.js' '*.mjs' '*.css' '*.java' '*.php' | xargs -0 "$modules/.bin/prettier" --log-level warn \
            --plugin "$modules/prettier-plugin-java/dist/index.mjs" \
            --plugin "$modules/@prettier/plugin-php/src/index.mjs" "${options[@]}"
}

ruby_is_formatted() {
    local options=(--cache false --format simple)
    [ $write = no ] || options+=(--autocorrect)
    files '*.rb' | xargs -0 rubocop "${options[@]}"
}

go_is_formatted() {
    local options=(-d)
    [ $write = no ] || options=(-w)
    [ -z "$(files '*.go' | xargs -0 gofmt "${options[@]}" | tee /dev/stderr)" ]
}

rust_is_formatted() {
    local options=(--check)
    [ $write = no ] || options=()
    files '*.rs' | xargs -0 rustfmt --edition 2021 "${options[@]}"
}

no_line_is_wide() {
    files '*.sql' '*.spec' '*.cpp' '*.hpp' '*.c' '*.sh' run '*.py' '*.pl' '*.pm' '*.js' '*.mjs' '*.mk' Makefile \
        '*.go' '*.rs' '*.java' '*.php' '*.rb' '*.css' '*.yaml' '*.toml' Dockerfile APKBUILD |
        LC_ALL=C.UTF-8 xargs -0 perl -CSD -ne '
            chomp;
            print "$ARGV:$.: $_\n" and $wrong = 1 if length > 120;
            close ARGV if eof;
            END { exit($wrong // 0) }'
}

test_with shfmt '3.6' 'shell has the form of shfmt' shell_is_formatted
test_with shellcheck '0.9.' 'shellcheck finds nothing in shell' shell_is_sound
test_with perltidy 'v20220613' 'Perl has the form of perltidy' perl_is_formatted
test_with black '23.' 'Python has the form of black' python_is_formatted
test_with npm '' 'JavaScript, CSS, Java and PHP have the form of prettier' prettier_is_content
test_with rubocop '1.39' 'Ruby has the form of rubocop' ruby_is_formatted
test_with gofmt '' 'Go has the form of gofmt' go_is_formatted
test_with rustfmt '' 'Rust has the form of rustfmt' rust_is_formatted
test_that 'no line is wider than 120 columns' no_line_is_wide || true
end_of_tests
