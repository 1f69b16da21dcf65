// Where sessions' rows were found last, so that one that this backend has seen before is found
// again without a descent of the index, which is most of what a look-up in a large table costs.
//
// What is kept are hints and never answers. A row may have moved, gone, or made room for another,
// and nobody tells: whoever follows a hint fetches what is there with a fresh snapshot and compares
// the id, and asks the index where that fails. So there is nothing to invalidate, and a revocation
// is seen as ever.
#pragma once

#include "core/bytes.hpp"

#include "pg/prelude.hpp"

extern "C" {
#include "storage/itemptr.h"
}

namespace session_service::store {

/// The address that an index would give for the session's row, if it is still known.
std::optional<ItemPointerData> remembered_tid(const core::Uuid& id);

/// Keeps `tid`, as an index gave it; the session of a full set that was not seen for longest is
/// forgotten.
void remember_tid(const core::Uuid& id, const ItemPointerData& tid);

} // namespace session_service::store
