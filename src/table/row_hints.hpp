// Where rows were found last, so that one that this backend has seen before is found again without
// a descent of the index, which is most of what a look-up in a large table costs.
//
// What is kept are hints and never answers. A row may have moved, gone, or made room for another,
// and nobody tells: whoever follows a hint fetches what is there through the table's access method,
// with a fresh snapshot, and compares the id; where that fails, the index is asked. So there is
// nothing to invalidate, and a revocation is seen as ever.
#pragma once

#include "core/bytes.hpp"

#include "pg/prelude.hpp"

extern "C" {
#include "storage/itemptr.h"
}

namespace session_service::table {

/// Has the processor load what the other two look at.
void prefetch_hint(const core::Uuid& id);

/// Where indexes pointed for this row when it was found last, if that is still known.
std::optional<ItemPointerData> hint_for(const core::Uuid& id);

/// Keeps that; where there is no room, what is known of some other row is forgotten.
void remember(const core::Uuid& id, const ItemPointerData& tid);

} // namespace session_service::table
