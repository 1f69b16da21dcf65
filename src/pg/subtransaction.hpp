// Work that can be undone by itself, within the caller's transaction: what a PL/pgSQL block with
// EXCEPTION is made of.
//
// Who begins a subtransaction ends it, also where an error comes up: whoever catches that error
// further up takes the current subtransaction for his own.
#pragma once

#include "pg/prelude.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/resowner.h"
}

namespace session_service::pg {

enum class Errors : std::uint8_t { raise, swallow };

/// Whether an error has to be raised in any case: somebody ends the statement or the session.
inline bool ends_the_statement(const ErrorData* error) {
    switch (error->sqlerrcode) {
    case ERRCODE_QUERY_CANCELED:
    case ERRCODE_ADMIN_SHUTDOWN:
    case ERRCODE_CRASH_SHUTDOWN:
    case ERRCODE_DATABASE_DROPPED:
        return true;
    default:
        return false;
    }
}

/// Runs `body`, and undoes what it did where it returns false or raises an error: locks that it
/// waited for included. An error is raised again, or counts as false.
template <typename Body>
bool keep_if(Errors errors, Body&& body) {
    const MemoryContext memory = CurrentMemoryContext;
    const ResourceOwner resources = CurrentResourceOwner;
    volatile bool is_kept = false;
    ErrorData* volatile to_raise = nullptr;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    PG_TRY();
    {
        is_kept = std::forward<Body>(body)();
        if (is_kept) {
            ReleaseCurrentSubTransaction();
        } else {
            RollbackAndReleaseCurrentSubTransaction();
        }
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(memory);
        ErrorData* const error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        is_kept = false;
        if (errors == Errors::raise || ends_the_statement(error)) {
            to_raise = error;
        } else {
            FreeErrorData(error);
        }
    }
    PG_END_TRY();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = resources;
    if (to_raise != nullptr) {
        ReThrowError(to_raise);
    }
    return is_kept;
}

} // namespace session_service::pg
