# Sourced: turns what test programs print into one line per test: "pass NAME", "fail NAME", "skip NAME"; and
# into lines "counted WHAT" where they say how much they did.

# TAP, without what is nested in subtests.
results_from_tap() {
    sed -nE -e 's/^# counted: /counted /p' -e 's/^1\.\.0 *# *skip *(.*)/skip \1/Ip' \
        -e '/^(not )?ok\b.*# *(skip|todo)\b/I{s/^(not )?ok *[0-9]* *-? */skip /p;d}' \
        -e 's/^ok\b *[0-9]* *-? */pass /p' -e 's/^not ok\b *[0-9]* *-? */fail /p'
}

# pg_regress and pg_isolation_regress: up to 15 their own form, then TAP.
results_from_pg_regress() {
    sed -nE -e 's/^(test| ) +([^ ]+) +\.\.\. ok\b.*/pass \2/p' -e 's/^(test| ) +([^ ]+) +\.\.\. FAILED\b.*/fail \2/p' \
        -e 's/^ok +[0-9]+ +[-+] ([^ ]+).*/pass \1/p' -e 's/^not ok +[0-9]+ +[-+] ([^ ]+).*/fail \1/p'
}

results_from_googletest() {
    sed -nE -e 's/^\[       OK \] ([^ ]+).*/pass \1/p' -e 's/^\[  FAILED  \] ([^ ]+) \([0-9]+ ms\)$/fail \1/p' \
        -e 's/^\[  SKIPPED \] ([^ ]+) \([0-9]+ ms\)$/skip \1/p'
}

# `make fuzz`: one line for each fuzzer.
results_from_fuzzers() {
    sed -nE -e 's/^([a-z0-9_]+): ([0-9]+ inputs), nothing found$/pass \1\ncounted \1: \2/p' \
        -e 's/^([a-z0-9_]+): an input fails$/fail \1/p'
}

# In a workspace: what pg_regress found to differ, and what the server said last.
show_diffs() {
    [ ! -e "$1" ] || {
        echo "--- $1"
        head -n 400 "$1"
    }
    echo "--- the end of the server's log"
    tail -n 40 "$WORKSPACE/log/cluster.log"
}
