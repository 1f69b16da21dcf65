#include "table/heap_engine.hpp"

#include "pg/assert.hpp"
#include "pg/statement.hpp"
#include "table/room.hpp"
#include "table/row_hints.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"
}

namespace session_service::table {

namespace {

// --- who holds a row, as its header has it

struct Holder {
    TransactionId id; // of a multixact where is_multiple
    bool is_multiple;
    bool is_locker; // and not an updater
};

Holder holder_of(TupleTableSlot* slot) {
    const auto* buffered = reinterpret_cast<BufferHeapTupleTableSlot*>(slot);
    LockBuffer(buffered->buffer, BUFFER_LOCK_SHARE);
    const HeapTupleHeader header = buffered->base.tuple->t_data;
    const std::uint16_t flags = header->t_infomask;
    const TransactionId id = HeapTupleHeaderGetRawXmax(header);
    LockBuffer(buffered->buffer, BUFFER_LOCK_UNLOCK);
    return {.id = (flags & HEAP_XMAX_INVALID) != 0 ? InvalidTransactionId : id,
            .is_multiple = (flags & HEAP_XMAX_IS_MULTI) != 0,
            .is_locker = HEAP_XMAX_IS_LOCKED_ONLY(flags)};
}

void wait_for(TransactionId holder, Relation relation, TupleTableSlot* slot) {
    if (TransactionIdIsInProgress(holder) && !TransactionIdIsCurrentTransactionId(holder)) {
        XactLockTableWait(holder, relation, &slot->tts_tid, XLTW_Update);
    }
}

// Waits for whoever holds the row, without taking it: what is decided next, a fresh look decides.
void wait_for_holder(Relation relation, TupleTableSlot* slot) {
    const Holder holder = holder_of(slot);
    if (!TransactionIdIsValid(holder.id)) {
        return;
    }
    if (!holder.is_multiple) {
        wait_for(holder.id, relation, slot);
        return;
    }
    MultiXactMember* members = nullptr;
    const int count = GetMultiXactIdMembers(holder.id, &members, false, holder.is_locker);
    for (int i = 0; i < count; ++i) {
        wait_for(members[i].xid, relation, slot);
    }
}

// --- indexes

// Opens all indexes and calls `body` with what the server's functions want to know of them.
// `changed` are the columns that an update changes: an index on others may take its new entry for
// one of an old row.
template <typename Body>
void with_indexes(Relation relation, const Values* changed, Body&& body) {
    EState* state = CreateExecutorState();
    const MemoryContext caller = MemoryContextSwitchTo(state->es_query_cxt);
    Bitmapset* columns = nullptr;
    for (int column = 1; changed != nullptr && column <= most_columns; ++column) {
        if (changed->has(column)) {
            columns = bms_add_member(columns, column - FirstLowInvalidHeapAttributeNumber);
        }
    }
    ResultRelInfo* target = pg::make_result_relation(state, relation, columns);
    ExecOpenIndices(target, false);
    std::forward<Body>(body)(target, state);
    ExecCloseIndices(target);
    MemoryContextSwitchTo(caller);
    FreeExecutorState(state);
}

ScanKeyData key_for(const Condition& condition, int index_column, const IndexAccess& index,
                    pg::Value value) {
    ScanKeyData key;
    const auto number = static_cast<AttrNumber>(index_column + 1);
    const auto place = static_cast<std::size_t>(index_column);
    switch (condition.is) {
    case Is::equal:
        ScanKeyInit(&key, number, BTEqualStrategyNumber, index.equals[place], value.value);
        break;
    case Is::not_later:
        ScanKeyInit(&key, number, BTLessEqualStrategyNumber, index.not_later[place], value.value);
        break;
    case Is::null:
        ScanKeyEntryInitialize(&key, SK_ISNULL | SK_SEARCHNULL, number, InvalidStrategy, InvalidOid,
                               InvalidOid, InvalidOid, 0);
        break;
    }
    return key;
}

// --- rows

// A copy of `row` with these values. It may have columns that the layout knows nothing of.
HeapTuple changed_copy(HeapTuple row, TupleDesc descriptor, const Values& values) {
    const auto natts = static_cast<std::size_t>(descriptor->natts);
    auto* datums = static_cast<Datum*>(palloc0(natts * sizeof(Datum)));
    auto* nulls = static_cast<bool*>(palloc0(natts * sizeof(bool)));
    auto* replaces = static_cast<bool*>(palloc0(natts * sizeof(bool)));
    for (int column = 1; column <= most_columns; ++column) {
        if (values.has(column)) {
            datums[column - 1] = values.get(column).value;
            nulls[column - 1] = values.get(column).isnull;
            replaces[column - 1] = true;
        }
    }
    HeapTuple changed = heap_modify_tuple(row, descriptor, datums, nulls, replaces);
    pfree(datums);
    pfree(nulls);
    pfree(replaces);
    return changed;
}

} // namespace

HeapEngine HeapEngine::open(const Opened& opened, const Layout& layout, int last, Sees sees) {
    HeapEngine engine;
    engine.relation_ = opened.relation;
    engine.layout_ = &layout;
    engine.indexes_ = opened.access.indexes;
    engine.last_ = last;
    engine.slot_ = table_slot_create(opened.relation, nullptr);
    engine.is_registered_ = sees == Sees::committed;
    engine.snapshot_ =
        engine.is_registered_ ? RegisterSnapshot(pg::fresh_snapshot()) : SnapshotSelf;
    return engine;
}

std::optional<RowView> HeapEngine::view() {
    slot_getsomeattrs(slot_, last_);
    return RowView{.values = slot_->tts_values,
                   .nulls = slot_->tts_isnull,
                   .last = last_,
                   .tid = slot_->tts_tid};
}

std::optional<RowView> HeapEngine::find(const Search& search, SearchValues values) {
    if (!search.has_hints()) {
        start(search, values);
        return next();
    }
    const core::Uuid id = pg::to_uuid(values.front().value);
    if (fetch_by_hint(id)) {
        return view();
    }
    start(search, values);
    return fetch_by_index(&id) ? view() : std::nullopt;
}

std::optional<RowView> HeapEngine::next() {
    return fetch_by_index(nullptr) ? view() : std::nullopt;
}

bool HeapEngine::fetch_by_hint(const core::Uuid& id) {
    std::optional<ItemPointerData> hint = hint_for(id);
    if (!hint) {
        return false;
    }
    if (blocks_ == InvalidBlockNumber) {
        // Nobody cuts the table shorter while we hold a lock on it.
        blocks_ = RelationGetNumberOfBlocks(relation_);
    }
    if (ItemPointerGetBlockNumber(&*hint) >= blocks_) {
        return false;
    }
    if (fetch_ == nullptr) {
        fetch_ = pg::begin_index_fetch(relation_);
    }
    bool has_more = false;
    if (!table_index_fetch_tuple(fetch_, &*hint, snapshot_, slot_, &has_more, nullptr)) {
        return false;
    }
    slot_getsomeattrs(slot_, 1);
    return pg::to_uuid(slot_->tts_values[0]) == id;
}

// Scans the index on, to the next row that is visible; where an id is given, it is remembered where
// the index pointed for that.
bool HeapEngine::fetch_by_index(const core::Uuid* remembered_as) {
    if (remembered_as == nullptr) {
        return index_getnext_slot(scan_, ForwardScanDirection, slot_);
    }
    while (const ItemPointerData* found = index_getnext_tid(scan_, ForwardScanDirection)) {
        const ItemPointerData pointed_to = *found; // fetching moves it on
        if (index_fetch_heap(scan_, slot_)) {
            remember(*remembered_as, pointed_to);
            return true;
        }
    }
    return false;
}

void HeapEngine::start(const Search& search, SearchValues values) {
    const IndexAccess& index = indexes_[search.index()];
    const Index& columns = layout_->indexes[search.index()];
    std::array<ScanKeyData, Search::most_conditions> keys{};
    int key_count = 0;
    const pg::Value* value = values.data();
    for (const Condition& condition : search.conditions()) {
        const pg::Value given = condition.is == Is::null ? pg::null_value : *value++;
        const auto* place = std::ranges::find(columns.columns, condition.column);
        // A condition beside the index follows from the others: it tells partitions apart.
        if (place != columns.columns.end()) {
            const auto number = static_cast<int>(place - columns.columns.begin());
            keys[static_cast<std::size_t>(key_count++)] = key_for(condition, number, index, given);
        }
    }
    if (scan_ != nullptr &&
        (RelationGetRelid(index_) != index.index || scan_->numberOfKeys != key_count)) {
        end_scan();
    }
    if (scan_ == nullptr) {
        index_ = index_open(index.index, AccessShareLock);
        scan_ = pg::begin_index_scan(relation_, index_, snapshot_, key_count);
    }
    index_rescan(scan_, keys.data(), key_count, nullptr, 0);
}

void HeapEngine::end_scan() {
    if (scan_ != nullptr) {
        index_endscan(scan_);
        scan_ = nullptr;
        index_close(index_, NoLock);
    }
}

TM_Result HeapEngine::lock_version(LockTupleMode mode, LockWaitPolicy policy) {
    if (locked_ == nullptr) {
        locked_ = table_slot_create(relation_, nullptr);
    }
    TM_FailureData failure;
    return table_tuple_lock(relation_, &slot_->tts_tid, snapshot_, locked_,
                            GetCurrentCommandId(true), mode, policy, 0, &failure);
}

Outcome HeapEngine::lock() {
    // A scan without an MVCC snapshot keeps its page pinned, and a vacuum waits for that.
    if (!is_registered_) {
        end_scan();
    }
    return lock_version(LockTupleNoKeyExclusive, LockWaitBlock) == TM_Ok ? Outcome::done
                                                                         : Outcome::changed;
}

bool HeapEngine::is_own_version() const {
    const auto* held = reinterpret_cast<const BufferHeapTupleTableSlot*>(slot_);
    return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(held->base.tuple->t_data));
}

void HeapEngine::insert(const Values& values) {
    TupleTableSlot* slot = MakeSingleTupleTableSlot(RelationGetDescr(relation_), &TTSOpsVirtual);
    ExecStoreAllNullTuple(slot);
    for (int column = 1; column <= layout_->column_count(); ++column) {
        const bool is_zeroed = layout_->column(column).takes == Takes::zeroed;
        if (values.has(column)) {
            slot->tts_values[column - 1] = values.get(column).value;
            slot->tts_isnull[column - 1] = values.get(column).isnull;
        } else if (is_zeroed) {
            slot->tts_isnull[column - 1] = false;
        }
        SESSION_SERVICE_ASSERT(!slot->tts_isnull[column - 1] ||
                               layout_->column(column).takes == Takes::null);
    }
    table_tuple_insert(relation_, slot, GetCurrentCommandId(true), 0, nullptr);
    with_indexes(relation_, nullptr, [slot](ResultRelInfo* target, EState* state) {
        pg::insert_index_entries(target, slot, state);
    });
    ExecDropSingleTupleTableSlot(slot);
}

Outcome HeapEngine::update(const Values& values, IfHeld if_held) {
    switch (lock_version(LockTupleNoKeyExclusive, LockWaitSkip)) {
    case TM_Ok:
        break;
    case TM_WouldBlock:
        if (if_held == IfHeld::leave) {
            return Outcome::held;
        }
        wait_for_holder(relation_, slot_);
        return Outcome::changed;
    default:
        return Outcome::changed;
    }
    bool is_copy = false;
    HeapTuple current = ExecFetchSlotHeapTuple(slot_, false, &is_copy);
    HeapTuple changed = changed_copy(current, RelationGetDescr(relation_), values);
    TupleTableSlot* next = MakeSingleTupleTableSlot(RelationGetDescr(relation_), &TTSOpsHeapTuple);
    ExecStoreHeapTuple(changed, next, false);
    next->tts_tableOid = RelationGetRelid(relation_);

    pg::IndexesToUpdate indexes;
    const TM_Result result = pg::update_version(relation_, &slot_->tts_tid, next, &indexes);
    if (result == TM_Ok && indexes.any) {
        with_indexes(relation_, &values, [&](ResultRelInfo* target, EState* state) {
            pg::update_index_entries(target, next, state, indexes);
        });
    }
    ExecDropSingleTupleTableSlot(next);
    heap_freetuple(changed);
    if (is_copy) {
        heap_freetuple(current);
    }
    return result == TM_Ok ? Outcome::done : Outcome::changed;
}

Outcome HeapEngine::remove() {
    // For logical decoding heapam asks which columns identify the row while it has the page locked.
    // The first who asks opens all indexes, and waits for whoever has one: here that can be
    // cancelled.
    if (RelationIsLogicallyLogged(relation_)) {
        bms_free(RelationGetIndexAttrBitmap(relation_, INDEX_ATTR_BITMAP_IDENTITY_KEY));
    }
    TM_Result result = pg::delete_version(relation_, &slot_->tts_tid, false);
    if (result == TM_BeingModified) {
        // Perhaps it is this transaction itself that holds the row.
        if (lock_version(LockTupleExclusive, LockWaitSkip) != TM_Ok) {
            return Outcome::held;
        }
        result = pg::delete_version(relation_, &slot_->tts_tid, true);
    }
    return result == TM_Ok ? Outcome::done : Outcome::changed;
}

// On the same page nothing can run out; but a page more needs room on disk, in the table or in an
// index whose column changes. Without a lock, as heapam itself looks at first: the room is a hint.
bool HeapEngine::has_room_for(const Values& values) const {
    const auto* held = reinterpret_cast<const BufferHeapTupleTableSlot*>(slot_);
    constexpr Size more_than_changes = 64;
    bool needs_a_page =
        PageGetHeapFreeSpace(BufferGetPage(held->buffer)) <
            held->base.tuple->t_len + more_than_changes ||
        static_cast<std::size_t>(list_length(relation_->rd_indexlist)) > layout_->indexes.size();
    for (const Index& index : layout_->indexes) {
        for (const int column : index.columns) {
            needs_a_page =
                needs_a_page || (column != 0 && values.has(column) &&
                                 values.get(column).value != slot_->tts_values[column - 1]);
        }
    }
    return !needs_a_page || has_room_on_disk(relation_);
}

void HeapEngine::close() {
    end_scan();
    if (fetch_ != nullptr) {
        table_index_fetch_end(fetch_);
    }
    ExecDropSingleTupleTableSlot(slot_);
    if (locked_ != nullptr) {
        ExecDropSingleTupleTableSlot(locked_);
    }
    if (is_registered_) {
        UnregisterSnapshot(snapshot_);
    }
}

} // namespace session_service::table
