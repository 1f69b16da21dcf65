// Reading rows of a heap by one of its indexes, without the executor.
#pragma once

#include "pg/compat.hpp"

extern "C" {
#include "access/skey.h"
#include "access/stratnum.h"
#include "executor/tuptable.h"
#include "storage/lmgr.h"
}

namespace session_service::pg {

/// Conditions on the leading columns of a btree index, which count from 1.
template <std::size_t Count>
using ScanKeys = std::array<ScanKeyData, Count>;

inline ScanKeyData equals(AttrNumber column, Oid equality, Datum datum) {
    ScanKeyData key;
    ScanKeyInit(&key, column, BTEqualStrategyNumber, equality, datum);
    return key;
}

inline ScanKeyData is_null(AttrNumber column) {
    ScanKeyData key;
    ScanKeyEntryInitialize(&key, SK_ISNULL | SK_SEARCHNULL, column, InvalidStrategy, InvalidOid,
                           InvalidOid, InvalidOid, 0);
    return key;
}

/// A scan in the order of the index. An error in between needs no end().
class IndexScan {
  public:
    /// `keys` must outlive the scan; a snapshot that is not static must be registered.
    static IndexScan begin(Relation heap, Oid index, Snapshot snapshot,
                           std::span<ScanKeyData> keys) {
        IndexScan scan;
        const int count = static_cast<int>(keys.size());
        scan.index_ = index_open(index, AccessShareLock);
        scan.slot_ = table_slot_create(heap, nullptr);
        scan.scan_ = begin_index_scan(heap, scan.index_, snapshot, count);
        index_rescan(scan.scan_, keys.data(), count, nullptr, 0);
        return scan;
    }

    /// The next row, with its columns up to `last` read, or null.
    TupleTableSlot* next(int last) {
        if (!index_getnext_slot(scan_, ForwardScanDirection, slot_)) {
            return nullptr;
        }
        slot_getsomeattrs(slot_, last);
        return slot_;
    }

    void end() {
        index_endscan(scan_);
        ExecDropSingleTupleTableSlot(slot_);
        // The lock stays until the transaction ends, as after any SELECT.
        index_close(index_, NoLock);
    }

  private:
    Relation index_ = nullptr;
    TupleTableSlot* slot_ = nullptr;
    IndexScanDesc scan_ = nullptr;
};

} // namespace session_service::pg
