#include "pg/commit.hpp"

#include "pg/compat.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
}

namespace session_service::pg {

namespace {

// What COMMIT waits for follows from synchronous_commit, which the caller may set at any moment: in
// front of the call, after it, for a function around it, in a deferred trigger. So a call only
// notes what its transaction needs, and the setting is raised in the transaction's pre-commit
// callback, after which nothing of the caller's runs any more.
//
// ForceSyncCommit() would force the flush on this server alone; and each standby, as it replays
// such a commit, writes its control file with an fsync, so that it falls behind.
//
// The setting is raised in the variable itself. set_config_option() would need memory to remember
// the old value, and a COMMIT must not fail for want of that. The variable has the caller's value
// again before the server ends the transaction's settings, so these find what they expect.
//
// Activity, which is written in a callback of the same kind, lowers the setting in the same way
// where the transaction has no id yet. What a call made durable has given it one, so activity then
// leaves the setting alone, whichever of the two callbacks comes first.

// The least value of synchronous_commit that the transaction needs. What a savepoint asked for
// stays when it is rolled back: to wait for more than is needed does no harm.
int needed = SYNCHRONOUS_COMMIT_OFF;

// Where the log ended after a write that nobody waits for, the first one of the transaction.
XLogRecPtr optional_end = InvalidXLogRecPtr;

// The caller's value, while another one is in its place.
std::optional<int> replaced;

void need(int level) {
    needed = std::max(needed, level);
}

void set_synchronous_commit(int level) {
    synchronous_commit = level;
    // What the server does when the setting changes. It raises no error.
    assign_synchronous_commit(level, nullptr);
}

void replace(int level) {
    replaced = replaced.value_or(synchronous_commit);
    set_synchronous_commit(level);
}

bool has_written() {
    return TransactionIdIsValid(GetTopTransactionIdIfAny());
}

void set_to_needed() {
    // Without an id nothing was written, so there is nothing to wait for.
    if (synchronous_commit < needed && has_written()) {
        replace(needed);
    } else if (needed == SYNCHRONOUS_COMMIT_OFF && optional_end != InvalidXLogRecPtr &&
               optional_end == XactLastRecEnd) {
        replace(SYNCHRONOUS_COMMIT_OFF);
    }
}

void forget() {
    if (replaced) {
        set_synchronous_commit(*replaced);
        replaced.reset();
    }
    needed = SYNCHRONOUS_COMMIT_OFF;
    optional_end = InvalidXLogRecPtr;
}

void at_transaction_event(XactEvent event, void* /*unused*/) {
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE: // which waits for the standbys by the same setting
        set_to_needed();
        break;
    case XACT_EVENT_PARALLEL_PRE_COMMIT:
        break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_PREPARE:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PARALLEL_COMMIT:
    case XACT_EVENT_PARALLEL_ABORT:
        forget();
        break;
    }
}

} // namespace

void make_durable() {
    need(SYNCHRONOUS_COMMIT_ON);
}

void make_revocation_durable() {
    const bool is_shown = settings::revocation_commit() == settings::RevocationCommit::remote_apply;
    need(is_shown ? SYNCHRONOUS_COMMIT_REMOTE_APPLY : SYNCHRONOUS_COMMIT_ON);
}

void spare_the_wait_for_disk() {
    if (!has_written()) {
        replace(SYNCHRONOUS_COMMIT_OFF);
    }
}

OptionalWrite::OptionalWrite() : is_first_(!has_written()) {}

void OptionalWrite::done() const {
    if (is_first_) {
        optional_end = XactLastRecEnd;
    }
}

bool is_writable() {
    return !RecoveryInProgress() && !XactReadOnly && !IsInParallelMode() && !IsParallelWorker();
}

void require_writable(const char* function) {
    PreventCommandIfParallelMode(function);
    PreventCommandIfReadOnly(function);
    PreventCommandDuringRecovery(function);
}

void watch_commits() {
    RegisterXactCallback(at_transaction_event, nullptr);
}

} // namespace session_service::pg
