// Where a row of a heap lies in shared buffers: to have its memory on the way to the processor
// before it is needed, and to come back to it without asking for its page by number.
#pragma once

#include "pg/prelude.hpp"

extern "C" {
#include "access/relscan.h"
#include "executor/tuptable.h"
#include "storage/buf.h"
#include "storage/off.h"
#include "utils/snapshot.h"
}

namespace session_service::pg {

/// A place where a row was. It is a hint: the buffer may hold another page by now, and the page
/// another row.
struct RowPlace {
    Buffer buffer;
    OffsetNumber line;  // the item to which indexes point
    std::size_t offset; // in the page, of the version that was visible

    bool operator==(const RowPlace&) const = default;
};

/// The place of the row that `slot` holds, to which indexes point by this line of its page.
RowPlace place_of(TupleTableSlot* slot, OffsetNumber line);

/// Has the processor load what fetch_at() will read, and so many bytes of the row; without waiting.
void prefetch(const RowPlace& place, std::size_t row_bytes);

/// Fetches what is visible at `place` into `slot`, and returns its place. Nothing where the buffer
/// does not hold a page of the heap, or no row there is visible. What was found may be any row of
/// the heap.
std::optional<RowPlace> fetch_at(const RowPlace& place, Relation heap, IndexFetchTableData* fetch,
                                 Snapshot snapshot, TupleTableSlot* slot);

} // namespace session_service::pg
