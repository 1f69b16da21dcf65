#include "pg/index_scan.hpp"

#include <algorithm>

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "executor/tuptable.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
}

namespace session_service::pg {

namespace {

// Whether a snapshot of now sees all rows in the index: not so where it is being built, or was
// built while rows had changed.
bool is_complete(Relation index) {
    return index->rd_index->indisvalid &&
           (!index->rd_index->indcheckxmin ||
            TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
                                  TransactionXmin)) &&
           RelationGetIndexPredicate(index) == NIL;
}

bool is_by(Relation heap, Relation index, std::initializer_list<int> columns) {
    if (index->rd_rel->relkind != RELKIND_INDEX || index->rd_rel->relam != BTREE_AM_OID ||
        index->rd_index->indnkeyatts < static_cast<int>(columns.size())) {
        return false;
    }
    std::size_t place = 0;
    for (const int column : columns) {
        const Oid type = TupleDescAttr(RelationGetDescr(heap), column - 1)->atttypid;
        if (index->rd_index->indkey.values[place] != column || index->rd_opcintype[place] != type ||
            index->rd_indoption[place] != 0) {
            return false;
        }
        ++place;
    }
    return true;
}

// The room in a page below which it is pruned: heapam's, less what dead versions may take up first.
Size scarce_room(Relation heap) {
    constexpr Size for_dead_versions = BLCKSZ / 5;
    constexpr Size at_least = BLCKSZ / 10;
    const Size reserved = RelationGetTargetPageFreeSpace(heap, HEAP_DEFAULT_FILLFACTOR);
    return std::max(reserved, at_least + for_dead_versions) - for_dead_versions;
}

// heapam prunes a page as it switches to it. So this switches first: heapam finds itself on the
// page already and leaves it alone. Without a lock, as there: the room is a hint.
void switch_to_update(Relation heap, BlockNumber block, IndexFetchTableData* fetch) {
    auto* of_heap = reinterpret_cast<IndexFetchHeapData*>(fetch);
    const Buffer previous = of_heap->xs_cbuf;
    of_heap->xs_cbuf = ReleaseAndReadBuffer(previous, heap, block);
    if (of_heap->xs_cbuf == previous) {
        return;
    }
    Page page = BufferGetPage(of_heap->xs_cbuf);
    if (PageIsFull(page) || PageGetHeapFreeSpace(page) < scarce_room(heap)) {
        heap_page_prune_opt(heap, of_heap->xs_cbuf);
    }
}

} // namespace

Relation open_index_by(Relation heap, std::initializer_list<int> columns) {
    List* const indexes = RelationGetIndexList(heap);
    Relation found = nullptr;
    const ListCell* cell = nullptr;
    foreach (cell, indexes) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        if (is_by(heap, index, columns) && is_complete(index)) {
            found = index;
            break;
        }
        index_close(index, AccessShareLock);
    }
    list_free(indexes);
    return found;
}

ScanKeyData equals(int index_column, Oid equality, Datum datum) {
    ScanKeyData key;
    ScanKeyInit(&key, static_cast<AttrNumber>(index_column), BTEqualStrategyNumber, equality,
                datum);
    return key;
}

ScanKeyData equals_uuid(int index_column, Datum id) {
    return equals(index_column, F_UUID_EQ, id);
}

ScanKeyData is_null(int index_column) {
    ScanKeyData key;
    ScanKeyEntryInitialize(&key, SK_ISNULL | SK_SEARCHNULL, static_cast<AttrNumber>(index_column),
                           InvalidStrategy, InvalidOid, InvalidOid, InvalidOid, 0);
    return key;
}

ScanKeyData not_later(int index_column, Micros time) {
    ScanKeyData key;
    ScanKeyInit(&key, static_cast<AttrNumber>(index_column), BTLessEqualStrategyNumber,
                F_TIMESTAMPTZ_LE, TimestampTzGetDatum(time));
    return key;
}

IndexScan IndexScan::open(Relation heap, Relation index, Snapshot snapshot, int key_count) {
    IndexScan scan;
    scan.index_ = index;
    scan.slot_ = table_slot_create(heap, nullptr);
    scan.scan_ = begin_index_scan(heap, index, snapshot, key_count);
    return scan;
}

void IndexScan::find(std::span<ScanKeyData> keys) {
    index_rescan(scan_, keys.data(), static_cast<int>(keys.size()), nullptr, 0);
}

TupleTableSlot* IndexScan::next(int last) {
    if (!index_getnext_slot(scan_, ForwardScanDirection, slot_)) {
        return nullptr;
    }
    slot_getsomeattrs(slot_, last);
    return slot_;
}

TupleTableSlot* IndexScan::next_to_update(int last) {
    do {
        if (!scan_->xs_heap_continue) {
            const ItemPointerData* found = index_getnext_tid(scan_, ForwardScanDirection);
            if (found == nullptr) {
                return nullptr;
            }
            switch_to_update(scan_->heapRelation, ItemPointerGetBlockNumber(found),
                             scan_->xs_heapfetch);
        }
    } while (!index_fetch_heap(scan_, slot_));
    slot_getsomeattrs(slot_, last);
    return slot_;
}

void IndexScan::end_scan() {
    index_endscan(scan_);
    // The lock stays until the transaction ends, as after any SELECT.
    index_close(index_, NoLock);
    scan_ = nullptr;
}

void IndexScan::close() {
    if (scan_ != nullptr) {
        end_scan();
    }
    ExecDropSingleTupleTableSlot(slot_);
}

} // namespace session_service::pg
