# Sourced by tests in bash that print TAP.
#
#   test_that NAME COMMAND...   passes where the command succeeds; else what it printed is shown, at most 200 lines, and
#                               the status is 1. `|| true` goes on to the next test
#   end_of_tests                the last line
#
# $output is a file of the caller's.

number=0

test_that() {
    local name=$1
    shift
    number=$((number + 1))
    if "$@" >"$output" 2>&1 </dev/null; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        head -n 200 "$output" | sed 's/^/# /'
        return 1
    fi
}

end_of_tests() {
    echo "1..$number"
}
