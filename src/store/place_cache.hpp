// Where sessions' rows were found last, so that one that this backend has seen before is found
// again without a descent of the index, which is most of what a look-up in a large table costs.
//
// What is kept are hints and never answers. A row may have moved, gone, or made room for another,
// and nobody tells: whoever follows a hint fetches what is there with a fresh snapshot and compares
// the id, and asks the index where that fails. So there is nothing to invalidate, and a revocation
// is seen as ever. A hint ends with its buffer: a page that was evicted and read again is found by
// the index, which costs little beside the reading.
#pragma once

#include "core/bytes.hpp"

#include "pg/row_place.hpp"

namespace session_service::store {

/// Has the processor load what the other two look at.
void prefetch_place(const core::Uuid& id);

/// The place where the session's row was found last, if it is still known.
std::optional<pg::RowPlace> remembered_place(const core::Uuid& id);

/// Keeps `place`; where there is no room, that of some other session is forgotten.
void remember_place(const core::Uuid& id, const pg::RowPlace& place);

} // namespace session_service::store
