// Reading rows of a plain heap by one of its indexes, without the executor.
#pragma once

#include "pg/compat.hpp"
#include "pg/value.hpp"

extern "C" {
#include "access/skey.h"
#include "utils/snapshot.h"
}

namespace session_service::pg {

/// Opens a btree index that has all rows of `heap` by these columns, ascending; null where there is
/// none. It may have further columns.
Relation open_index_by(Relation heap, std::initializer_list<int> columns);

/// Conditions on the columns of an index, which count from 1.
template <std::size_t Count>
using ScanKeys = std::array<ScanKeyData, Count>;

ScanKeyData equals(int index_column, Oid equality, Datum datum);
ScanKeyData equals_uuid(int index_column, Datum id);
ScanKeyData is_null(int index_column);
ScanKeyData not_later(int index_column, Micros time);

/// Scans rows in the order of the index. It allocates as it goes on, in the current memory context.
/// An error in between needs no close().
class IndexScan {
  public:
    /// Takes over `index`. As of `snapshot`, which must outlive it and, unless it is static, be
    /// registered.
    static IndexScan open(Relation heap, Relation index, Snapshot snapshot, int key_count);

    /// Starts, also anew; the keys are copied.
    void find(std::span<ScanKeyData> keys);

    /// The next row, with its columns up to `last` read; null at the end.
    TupleTableSlot* next(int last);

    /// The same for a row of a plain heap that is updated over and over: its page is pruned only
    /// when dead versions have taken up a fifth of it, where there is room for that. next() prunes
    /// as soon as the room that the fillfactor reserves is touched, and looks at all rows of the
    /// page each time.
    TupleTableSlot* next_to_update(int last);

    TupleTableSlot* slot() const { return slot_; }
    Value get(int column) const {
        return {slot_->tts_values[column - 1], slot_->tts_isnull[column - 1]};
    }

    /// Lets go of the index, and of its page that a scan without an MVCC snapshot keeps pinned: a
    /// vacuum waits for that. slot() keeps its row.
    void end_scan();

    void close();

  private:
    Relation index_ = nullptr;
    IndexScanDesc scan_ = nullptr;
    TupleTableSlot* slot_ = nullptr;
};

} // namespace session_service::pg
