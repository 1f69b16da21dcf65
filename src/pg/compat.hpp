// Differences between the supported versions of PostgreSQL, each behind a name of its own, so that
// no other file looks at PG_VERSION_NUM.
#pragma once

#include "pg/prelude.hpp"

extern "C" {
#include "access/genam.h"
#include "access/tableam.h"
#include "catalog/pg_publication.h"
#include "executor/executor.h"
#include "pgstat.h"
#include "storage/buf_internals.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#if PG_VERSION_NUM >= 160000
#include "utils/guc_hooks.h"
#include "varatt.h"
#else
#include "replication/syncrep.h"
#endif
}

// Soft errors of input functions came with 16. Before it each error is raised.
#if PG_VERSION_NUM < 160000
#define ereturn(context, dummy_value, ...)                                                         \
    do {                                                                                           \
        static_cast<void>(context);                                                                \
        ereport(ERROR, __VA_ARGS__);                                                               \
        return dummy_value;                                                                        \
    } while (0)
#endif

namespace session_service::pg {

/// Begins a scan of an index for its heap's rows (instrumentation is an argument since 18).
inline IndexScanDesc begin_index_scan(Relation heap, Relation index, Snapshot snapshot,
                                      int key_count) {
#if PG_VERSION_NUM >= 180000
    return index_beginscan(heap, index, snapshot, nullptr, key_count, 0);
#else
    return index_beginscan(heap, index, snapshot, key_count, 0);
#endif
}

/// The OID of the primary key's index (whether a deferrable one would do is an argument since 18).
inline Oid primary_key_index(Relation heap) {
#if PG_VERSION_NUM >= 180000
    return RelationGetPrimaryKeyIndex(heap, false);
#else
    return RelationGetPrimaryKeyIndex(heap);
#endif
}

/// Updates a row in the version that was read, with or without waiting for whoever holds it; tells
/// whether indexes want new entries, and (since 16) whether only summarizing ones do.
struct IndexesToUpdate {
    bool any = false;
    bool only_summarizing = false;
};

inline TM_Result update_version(Relation heap, ItemPointer row, TupleTableSlot* next,
                                CommandId command, bool wait, IndexesToUpdate* indexes) {
    TM_FailureData failure;
#ifdef USE_ASSERT_CHECKING
    // A server that is built with assertions takes it that every caller waits, though what it
    // returns to one that does not is right. There the row is locked first, if it is free.
    if (!wait) {
        TupleTableSlot* locked = table_slot_create(heap, nullptr);
        const TM_Result free = table_tuple_lock(heap, row, SnapshotAny, locked, command,
                                                LockTupleNoKeyExclusive, LockWaitSkip, 0, &failure);
        ExecDropSingleTupleTableSlot(locked);
        if (free != TM_Ok) {
            return free == TM_WouldBlock ? TM_BeingModified : free;
        }
        wait = true;
    }
#endif
    LockTupleMode lock_mode = LockTupleNoKeyExclusive;
#if PG_VERSION_NUM >= 160000
    TU_UpdateIndexes update = TU_None;
    const TM_Result result =
        table_tuple_update(heap, row, next, command, InvalidSnapshot, InvalidSnapshot, wait,
                           &failure, &lock_mode, &update);
    indexes->any = update != TU_None;
    indexes->only_summarizing = update == TU_Summarizing;
#else
    const TM_Result result =
        table_tuple_update(heap, row, next, command, InvalidSnapshot, InvalidSnapshot, wait,
                           &failure, &lock_mode, &indexes->any);
#endif
    return result;
}

/// Adds the entries of a new row to its indexes.
inline void insert_index_entries(ResultRelInfo* relation, TupleTableSlot* row, EState* state) {
#if PG_VERSION_NUM >= 160000
    (void)ExecInsertIndexTuples(relation, row, state, false, false, nullptr, NIL, false);
#else
    (void)ExecInsertIndexTuples(relation, row, state, false, false, nullptr, NIL);
#endif
}

/// Adds the entries of an updated row to its indexes.
inline void update_index_entries(ResultRelInfo* relation, TupleTableSlot* row, EState* state,
                                 [[maybe_unused]] const IndexesToUpdate& indexes) {
#if PG_VERSION_NUM >= 160000
    (void)ExecInsertIndexTuples(relation, row, state, true, false, nullptr, NIL,
                                indexes.only_summarizing);
#else
    (void)ExecInsertIndexTuples(relation, row, state, true, false, nullptr, NIL);
#endif
}

/// Whether a buffer holds a page of this table itself, at a glance: it is not locked.
inline bool is_buffer_of(const BufferDesc* descriptor, Relation table) {
#if PG_VERSION_NUM >= 160000
    return BufTagMatchesRelFileLocator(&descriptor->tag, &table->rd_locator) &&
           BufTagGetForkNum(&descriptor->tag) == MAIN_FORKNUM;
#else
    return RelFileNodeEquals(descriptor->tag.rnode, table->rd_node) &&
           descriptor->tag.forkNum == MAIN_FORKNUM;
#endif
}

/// Pins the buffer, if it holds this page of the table.
inline bool read_recent_buffer(Relation table, BlockNumber block, Buffer buffer) {
#if PG_VERSION_NUM >= 160000
    return ReadRecentBuffer(table->rd_locator, MAIN_FORKNUM, block, buffer);
#else
    return ReadRecentBuffer(table->rd_node, MAIN_FORKNUM, block, buffer);
#endif
}

/// Counts what read_recent_buffer() does not, and reading by number does (in pg_stat_io since 16,
/// with the bytes since 18).
inline void count_buffer_hit(Relation table) {
    pgstat_count_buffer_read(table);
    pgstat_count_buffer_hit(table);
#if PG_VERSION_NUM >= 180000
    pgstat_count_io_op(IOOBJECT_RELATION, IOCONTEXT_NORMAL, IOOP_HIT, 1, 0);
#elif PG_VERSION_NUM >= 160000
    pgstat_count_io_op(IOOBJECT_RELATION, IOCONTEXT_NORMAL, IOOP_HIT);
#endif
}

/// Whether the executor would update rows of this table: not where a publication could not tell
/// which row it was (since 18 it looks at generated columns as well).
inline bool can_publish_updates(Relation table) {
    PublicationDesc publications;
    RelationBuildPublicationDesc(table, &publications);
#if PG_VERSION_NUM >= 180000
    if (!publications.gencols_valid_for_update) {
        return false;
    }
#endif
    return publications.rf_valid_for_update && publications.cols_valid_for_update &&
           (!publications.pubactions.pubupdate || OidIsValid(RelationGetReplicaIndex(table)) ||
            table->rd_rel->relreplident == REPLICA_IDENTITY_FULL);
}

/// Whether the executor computes or checks a column of a row that is written: since 18 also one
/// that is not stored, and may be NOT NULL.
inline bool has_generated_column(const TupleConstr& constraints) {
#if PG_VERSION_NUM >= 180000
    return constraints.has_generated_stored || constraints.has_generated_virtual;
#else
    return constraints.has_generated_stored;
#endif
}

} // namespace session_service::pg
