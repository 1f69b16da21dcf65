// Differences between the supported versions of PostgreSQL, each behind a name of its own, so that
// no other file looks at PG_VERSION_NUM.
#pragma once

#include "pg/prelude.hpp"

extern "C" {
#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_publication.h"
#include "commands/async.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "nodes/makefuncs.h"
#include "optimizer/pathnode.h"
#include "optimizer/plancat.h"
#include "optimizer/planner.h"
#include "parser/parse_relation.h"
#include "utils/jsonb.h"
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

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 200000
#error "session_service is built with PostgreSQL 15 to 19"
#endif

// Soft errors of input functions came with 16. Before it each error is raised.
#if PG_VERSION_NUM < 160000
#define ereturn(context, dummy_value, ...)                                                         \
    do {                                                                                           \
        static_cast<void>(context);                                                                \
        ereport(ERROR, __VA_ARGS__);                                                               \
        return dummy_value;                                                                        \
    } while (0)
#endif

// A library tells its name and version since 18.
#if PG_VERSION_NUM >= 180000
#define SESSION_SERVICE_MODULE_MAGIC                                                               \
    PG_MODULE_MAGIC_EXT(.name = "session_service", .version = SESSION_SERVICE_VERSION)
#else
#define SESSION_SERVICE_MODULE_MAGIC PG_MODULE_MAGIC
#endif

namespace session_service::pg {

// --- reading

/// Begins a scan of an index for its heap's rows (instrumentation is an argument since 18).
inline IndexScanDesc begin_index_scan(Relation heap, Relation index, Snapshot snapshot,
                                      int key_count) {
#if PG_VERSION_NUM >= 190000
    return index_beginscan(heap, index, snapshot, nullptr, key_count, 0, SO_NONE);
#elif PG_VERSION_NUM >= 180000
    return index_beginscan(heap, index, snapshot, nullptr, key_count, 0);
#else
    return index_beginscan(heap, index, snapshot, key_count, 0);
#endif
}

/// Begins to fetch rows to which an index points, without the index (flags since 19).
inline IndexFetchTableData* begin_index_fetch(Relation heap) {
#if PG_VERSION_NUM >= 190000
    return table_index_fetch_begin(heap, SO_NONE);
#else
    return table_index_fetch_begin(heap);
#endif
}

// --- writing

/// Whether indexes want new entries after an update, and whether only summarizing ones do (16).
struct IndexesToUpdate {
    bool any = false;
    bool only_summarizing = false;
};

/// Updates a row in the version that was read; waits for who holds it.
inline TM_Result update_version(Relation heap, ItemPointer row, TupleTableSlot* next,
                                IndexesToUpdate* indexes) {
    TM_FailureData failure;
    LockTupleMode lock_mode = LockTupleNoKeyExclusive;
    const CommandId command = GetCurrentCommandId(true);
#if PG_VERSION_NUM >= 160000
    TU_UpdateIndexes update = TU_None;
#if PG_VERSION_NUM >= 190000
    const TM_Result result =
        table_tuple_update(heap, row, next, command, 0, InvalidSnapshot, InvalidSnapshot, true,
                           &failure, &lock_mode, &update);
#else
    const TM_Result result =
        table_tuple_update(heap, row, next, command, InvalidSnapshot, InvalidSnapshot, true,
                           &failure, &lock_mode, &update);
#endif
    indexes->any = update != TU_None;
    indexes->only_summarizing = update == TU_Summarizing;
    return result;
#else
    return table_tuple_update(heap, row, next, command, InvalidSnapshot, InvalidSnapshot, true,
                              &failure, &lock_mode, &indexes->any);
#endif
}

/// Deletes a row in the version that was read; waits for who holds it, or tells TM_BeingModified.
inline TM_Result delete_version(Relation heap, ItemPointer row, bool waits) {
    TM_FailureData failure;
    const CommandId command = GetCurrentCommandId(true);
#if PG_VERSION_NUM >= 190000
    return table_tuple_delete(heap, row, command, 0, InvalidSnapshot, InvalidSnapshot, waits,
                              &failure);
#else
    return table_tuple_delete(heap, row, command, InvalidSnapshot, InvalidSnapshot, waits, &failure,
                              false);
#endif
}

/// A table as the executor's functions want it to write its indexes; `changed_columns`, as a
/// bitmap set has them, are those that an update changes (with the permissions since 16).
inline ResultRelInfo* make_result_relation(EState* state, Relation heap,
                                           Bitmapset* changed_columns) {
    RangeTblEntry* entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_RELATION;
    entry->relid = RelationGetRelid(heap);
    entry->relkind = heap->rd_rel->relkind;
    entry->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
    List* permissions = NIL;
    addRTEPermissionInfo(&permissions, entry)->updatedCols = changed_columns;
#if PG_VERSION_NUM >= 180000
    ExecInitRangeTable(state, list_make1(entry), permissions, bms_make_singleton(1));
#else
    ExecInitRangeTable(state, list_make1(entry), permissions);
#endif
#else
    entry->updatedCols = changed_columns;
    ExecInitRangeTable(state, list_make1(entry));
#endif
    ResultRelInfo* target = makeNode(ResultRelInfo);
    InitResultRelInfo(target, heap, 1, nullptr, 0);
    return target;
}

/// Adds the entries of a new row to its indexes.
inline void insert_index_entries(ResultRelInfo* relation, TupleTableSlot* row, EState* state) {
#if PG_VERSION_NUM >= 190000
    (void)ExecInsertIndexTuples(relation, state, 0, row, NIL, nullptr);
#elif PG_VERSION_NUM >= 160000
    (void)ExecInsertIndexTuples(relation, row, state, false, false, nullptr, NIL, false);
#else
    (void)ExecInsertIndexTuples(relation, row, state, false, false, nullptr, NIL);
#endif
}

/// Adds the entries of an updated row to its indexes.
inline void update_index_entries(ResultRelInfo* relation, TupleTableSlot* row, EState* state,
                                 [[maybe_unused]] const IndexesToUpdate& indexes) {
#if PG_VERSION_NUM >= 190000
    (void)ExecInsertIndexTuples(
        relation, state, EIIT_IS_UPDATE | (indexes.only_summarizing ? EIIT_ONLY_SUMMARIZING : 0),
        row, NIL, nullptr);
#elif PG_VERSION_NUM >= 160000
    (void)ExecInsertIndexTuples(relation, row, state, true, false, nullptr, NIL,
                                indexes.only_summarizing);
#else
    (void)ExecInsertIndexTuples(relation, row, state, true, false, nullptr, NIL);
#endif
}

/// Whether the server would update and delete rows of this table: not where a publication could not
/// tell which row it was (since 18 it looks at generated columns as well).
inline bool can_publish_changes(Relation table) {
    if (table->rd_rel->relkind != RELKIND_RELATION &&
        table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) {
        return true;
    }
    PublicationDesc publications;
    RelationBuildPublicationDesc(table, &publications);
#if PG_VERSION_NUM >= 180000
    if (!publications.gencols_valid_for_update || !publications.gencols_valid_for_delete) {
        return false;
    }
#endif
    return publications.rf_valid_for_update && publications.cols_valid_for_update &&
           publications.rf_valid_for_delete && publications.cols_valid_for_delete &&
           (!(publications.pubactions.pubupdate || publications.pubactions.pubdelete) ||
            OidIsValid(RelationGetReplicaIndex(table)) ||
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

/// The path of a table's first file, from the data directory (a struct since 18).
inline std::array<char, MAXPGPATH> path_of(Relation relation) {
    std::array<char, MAXPGPATH> path{};
#if PG_VERSION_NUM >= 180000
    strlcpy(path.data(), relpath(RelationGetSmgr(relation)->smgr_rlocator, MAIN_FORKNUM).str,
            path.size());
#elif PG_VERSION_NUM >= 160000
    strlcpy(path.data(), relpath(RelationGetSmgr(relation)->smgr_rlocator, MAIN_FORKNUM),
            path.size());
#else
    strlcpy(path.data(), relpath(RelationGetSmgr(relation)->smgr_rnode, MAIN_FORKNUM), path.size());
#endif
    return path;
}

// --- the rest of the server

/// How many pages the server's queue of notifications has (a setting since 17).
inline int notification_queue_pages() {
#if PG_VERSION_NUM >= 170000
    return max_notify_queue_pages;
#else
    return 1 << 20;
#endif
}

/// A JSON document in the making, in the current memory context (the server's state of it is
/// another one since 19).
class JsonbBuilder {
  public:
    /// A value that is an object or array of a stored document is added with all that is in it.
    void push(JsonbIteratorToken token, JsonbValue* value = nullptr) {
#if PG_VERSION_NUM >= 190000
        pushJsonbValue(&state_, token, value);
#else
        result_ = pushJsonbValue(&state_, token, value);
#endif
    }

    /// REQUIRES: what was begun last is ended.
    Jsonb* document() {
#if PG_VERSION_NUM >= 190000
        return JsonbValueToJsonb(state_.result);
#else
        return JsonbValueToJsonb(result_);
#endif
    }

  private:
#if PG_VERSION_NUM >= 190000
    JsonbInState state_{};
#else
    JsonbParseState* state_ = nullptr;
    JsonbValue* result_ = nullptr;
#endif
};

// --- planning

/// One call of the planner (with the state of an EXPLAIN since 19).
class PlannerCall {
  public:
#if PG_VERSION_NUM >= 190000
    PlannerCall(Query* query, const char* sql, int options, ParamListInfo parameters,
                ExplainState* explain)
        : query_(query), sql_(sql), options_(options), parameters_(parameters), explain_(explain) {}
    PlannedStmt* pass_to(planner_hook_type planner) const {
        return planner(query_, sql_, options_, parameters_, explain_);
    }
#else
    PlannerCall(Query* query, const char* sql, int options, ParamListInfo parameters)
        : query_(query), sql_(sql), options_(options), parameters_(parameters) {}
    PlannedStmt* pass_to(planner_hook_type planner) const {
        return planner(query_, sql_, options_, parameters_);
    }
#endif
    PlannedStmt* pass_to_standard_planner() const {
        return pass_to(standard_planner);
    }
    int options() const {
        return options_;
    }

  private:
    Query* query_;
    const char* sql_;
    int options_;
    ParamListInfo parameters_;
#if PG_VERSION_NUM >= 190000
    ExplainState* explain_;
#endif
};

/// Has `Plan` called for each statement; returns what was called before, or null.
template <PlannedStmt* (*Plan)(const PlannerCall&)>
planner_hook_type install_planner() {
    const planner_hook_type previous = planner_hook;
#if PG_VERSION_NUM >= 190000
    planner_hook = [](Query* query, const char* sql, int options, ParamListInfo parameters,
                      ExplainState* explain) {
        return Plan(PlannerCall{query, sql, options, parameters, explain});
    };
#else
    planner_hook = [](Query* query, const char* sql, int options, ParamListInfo parameters) {
        return Plan(PlannerCall{query, sql, options, parameters});
    };
#endif
    return previous;
}

/// Has `Look` called for each table as the planner has found out its size (another hook since 19).
template <void (*Look)(PlannerInfo*, Oid, bool, RelOptInfo*)>
void install_relation_info() {
#if PG_VERSION_NUM >= 190000
    static build_simple_rel_hook_type previous = nullptr;
    previous = build_simple_rel_hook;
    build_simple_rel_hook = [](PlannerInfo* root, RelOptInfo* info, RangeTblEntry* entry) {
        if (previous != nullptr) {
            previous(root, info, entry);
        }
        if (entry->rtekind == RTE_RELATION) {
            Look(root, entry->relid, entry->inh, info);
        }
    };
#else
    static get_relation_info_hook_type previous = nullptr;
    previous = get_relation_info_hook;
    get_relation_info_hook = [](PlannerInfo* root, Oid table, bool is_parent, RelOptInfo* info) {
        if (previous != nullptr) {
            previous(root, table, is_parent, info);
        }
        Look(root, table, is_parent, info);
    };
#endif
}

} // namespace session_service::pg
