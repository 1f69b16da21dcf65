#include "pg/table_update.hpp"

#include "pg/table_indexes.hpp"

#include <algorithm>

extern "C" {
#include "access/multixact.h"
#include "access/xact.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
}

namespace session_service::pg {

namespace {

// Who holds a row, as its header has it.
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

// Those who hold a row together.
std::span<const MultiXactMember> members_of(const Holder& holder) {
    MultiXactMember* members = nullptr;
    const int count = GetMultiXactIdMembers(holder.id, &members, false, holder.is_locker);
    return {members, static_cast<std::size_t>(std::max(count, 0))};
}

bool is_another_in_progress(TransactionId id) {
    return TransactionIdIsInProgress(id) && !TransactionIdIsCurrentTransactionId(id);
}

// Whether it is this transaction alone, which has nothing to wait for: several of its savepoints,
// ended ones among them, hold a row together.
bool is_held_by_us(TupleTableSlot* slot) {
    const Holder holder = holder_of(slot);
    if (!holder.is_multiple) {
        return holder.is_locker && TransactionIdIsCurrentTransactionId(holder.id);
    }
    return std::ranges::none_of(members_of(holder), is_another_in_progress, &MultiXactMember::xid);
}

TM_Result delete_version(Relation heap, ItemPointer row, CommandId command, bool wait) {
    TM_FailureData failure;
    return table_tuple_delete(heap, row, command, InvalidSnapshot, InvalidSnapshot, wait, &failure,
                              false);
}

void wait_for(TransactionId holder, Relation heap, TupleTableSlot* slot) {
    if (is_another_in_progress(holder)) {
        XactLockTableWait(holder, heap, &slot->tts_tid, XLTW_Update);
    }
}

enum class Waits : std::uint8_t { never, for_holder };

RowUpdate update(Relation heap, TupleTableSlot* slot, const RowChange& change, Waits waits) {
    bool is_copy = false;
    HeapTuple current = ExecFetchSlotHeapTuple(slot, false, &is_copy);
    HeapTuple changed = change.apply_to(current, RelationGetDescr(heap));
    TupleTableSlot* next = MakeSingleTupleTableSlot(RelationGetDescr(heap), &TTSOpsHeapTuple);
    ExecStoreHeapTuple(changed, next, false);
    next->tts_tableOid = RelationGetRelid(heap);

    IndexesToUpdate indexes;
    const CommandId command = GetCurrentCommandId(true);
    TM_Result result =
        update_version(heap, &slot->tts_tid, next, command, waits == Waits::for_holder, &indexes);
    if (result == TM_BeingModified && is_held_by_us(slot)) {
        result = update_version(heap, &slot->tts_tid, next, command, true, &indexes);
    }
    if (result == TM_Ok && indexes.any) {
        with_indexes(heap, [next, &indexes](ResultRelInfo* relation, EState* state) {
            update_index_entries(relation, next, state, indexes);
        });
    }
    ExecDropSingleTupleTableSlot(next);
    heap_freetuple(changed);
    if (is_copy) {
        heap_freetuple(current);
    }
    switch (result) {
    case TM_Ok:
        return RowUpdate::updated;
    case TM_BeingModified:
        return RowUpdate::held;
    default:
        return RowUpdate::changed;
    }
}

} // namespace

HeapTuple RowChange::apply_to(HeapTuple row, TupleDesc descriptor) const {
    if (descriptor->natts > static_cast<int>(most_columns)) {
        elog(ERROR, "a row has more columns than expected");
    }
    // The server only reads these arrays, though its type cannot say so.
    return heap_modify_tuple(row, descriptor, const_cast<Datum*>(values_.data()),
                             const_cast<bool*>(nulls_.data()), const_cast<bool*>(replaces_.data()));
}

RowUpdate update_row_if_free(Relation heap, TupleTableSlot* slot, const RowChange& change) {
    return update(heap, slot, change, Waits::never);
}

RowUpdate update_row(Relation heap, TupleTableSlot* slot, const RowChange& change) {
    CheckCmdReplicaIdentity(heap, CMD_UPDATE);
    return update(heap, slot, change, Waits::for_holder);
}

bool delete_row_if_free(Relation heap, TupleTableSlot* slot) {
    const CommandId command = GetCurrentCommandId(true);
    TM_Result result = delete_version(heap, &slot->tts_tid, command, false);
    if (result == TM_BeingModified && is_held_by_us(slot)) {
        result = delete_version(heap, &slot->tts_tid, command, true);
    }
    return result == TM_Ok;
}

void wait_for_row(Relation heap, TupleTableSlot* slot) {
    const Holder holder = holder_of(slot);
    if (!TransactionIdIsValid(holder.id)) {
        return;
    }
    if (!holder.is_multiple) {
        wait_for(holder.id, heap, slot);
        return;
    }
    for (const MultiXactMember& member : members_of(holder)) {
        wait_for(member.xid, heap, slot);
    }
}

} // namespace session_service::pg
