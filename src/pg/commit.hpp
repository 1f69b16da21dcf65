// What the current transaction's COMMIT promises.
#pragma once

#include "pg/settings.hpp"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
}

namespace session_service::pg {

/// What was just written is on disk when COMMIT returns, whatever the caller, or a function around
/// the call, sets synchronous_commit to.
inline void make_durable() {
    ForceSyncCommit();
}

/// The same, and with revocation_commit = remote_apply COMMIT also waits until the synchronous
/// standbys show it. A later SET LOCAL of the caller's can undo the second.
inline void make_revocation_durable() {
    ForceSyncCommit();
    if (settings::revocation_commit() == settings::RevocationCommit::remote_apply) {
        (void)set_config_option("synchronous_commit", "remote_apply", PGC_USERSET, PGC_S_SESSION,
                                GUC_ACTION_LOCAL, true, 0, false);
    }
}

/// Refuses a call that writes on a standby or in a read-only transaction, with 25006, and in a
/// parallel query, where a caller's function that is declared safe by mistake leads it, with 25000.
inline void require_writable(const char* function) {
    PreventCommandIfParallelMode(function);
    PreventCommandIfReadOnly(function);
    PreventCommandDuringRecovery(function);
}

} // namespace session_service::pg
