#include "pg/table_insert.hpp"

#include "pg/table_indexes.hpp"

extern "C" {
#include "access/xact.h"
#include "executor/tuptable.h"
}

namespace session_service::pg {

namespace {

TupleTableSlot* slot_of(Relation heap, std::span<const Value> values) {
    TupleTableSlot* slot = MakeSingleTupleTableSlot(RelationGetDescr(heap), &TTSOpsVirtual);
    if (slot->tts_tupleDescriptor->natts < static_cast<int>(values.size())) {
        elog(ERROR, "a table has fewer columns than expected");
    }
    ExecStoreAllNullTuple(slot);
    for (std::size_t i = 0; i < values.size(); ++i) {
        slot->tts_values[i] = values[i].value;
        slot->tts_isnull[i] = values[i].isnull;
    }
    return slot;
}

} // namespace

void insert_row(Relation heap, std::span<const Value> values) {
    TupleTableSlot* slot = slot_of(heap, values);
    table_tuple_insert(heap, slot, GetCurrentCommandId(true), 0, nullptr);
    with_indexes(heap, [slot](ResultRelInfo* relation, EState* state) {
        insert_index_entries(relation, slot, state);
    });
    ExecDropSingleTupleTableSlot(slot);
    CommandCounterIncrement();
}

} // namespace session_service::pg
