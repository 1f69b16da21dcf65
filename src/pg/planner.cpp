#include "pg/planner.hpp"

#include "pg/compat.hpp"
#include "pg/schema.hpp"
#include "pg/scoped_setting.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"
#include "optimizer/plancat.h"
#include "optimizer/planner.h"
#include "utils/guc.h"
}

namespace session_service::pg {

namespace {

// Options of a cursor that the server does not know and hands on to the planner as they are. They
// tell our statements from everything else that is planned while one of them runs.
constexpr int marks_ours = 1 << 24;
constexpr int marks_two_lists = 1 << 25;
constexpr int marks_whole_table = 1 << 26;

struct Pinned {
    const char* name;
    const char* setting;
};

// Each row is found by an index. Reading a table or an index whole, to sort it or to join it by
// hash or merge, is what an empty table makes look cheap.
constexpr std::array always_pinned{
    Pinned{"enable_seqscan", "off"},
    Pinned{"enable_bitmapscan", "off"},
    Pinned{"enable_hashjoin", "off"},
    Pinned{"enable_mergejoin", "off"},
    Pinned{"enable_indexscan", "on"},
    Pinned{"enable_indexonlyscan", "on"},
    Pinned{"enable_nestloop", "on"},
    Pinned{"enable_sort", "on"},
    Pinned{"enable_hashagg", "on"},
    Pinned{"enable_material", "on"},
    Pinned{"enable_tidscan", "on"},
    Pinned{"enable_partition_pruning", "on"},
    Pinned{"seq_page_cost", "1"},
    Pinned{"random_page_cost", "4"},
    Pinned{"cpu_tuple_cost", "0.01"},
    Pinned{"cpu_index_tuple_cost", "0.005"},
    Pinned{"cpu_operator_cost", "0.0025"},
    Pinned{"effective_cache_size", "4GB"},
    Pinned{"work_mem", "4MB"},
    Pinned{"from_collapse_limit", "8"},
    Pinned{"join_collapse_limit", "8"},
    Pinned{"constraint_exclusion", "partition"},
    Pinned{"jit", "off"},
    Pinned{"max_parallel_workers_per_gather", "0"},
};

// Less than a table that anyone would notice being read, and enough to make that dear. Rows are
// counted by pages, since those are known; full ones of ours hold more as a rule.
constexpr BlockNumber least_pages = 1000;
constexpr BlockNumber least_index_pages = 100;
constexpr Cardinality least_rows_per_page = 10;

// Whether a statement of ours is being planned that finds its rows by an index.
bool is_planning_by_index = false;

planner_hook_type previous_planner = nullptr;

void pin_settings(int options) {
    for (const Pinned& pinned : always_pinned) {
        set_for_level(pinned.name, pinned.setting);
    }
    if ((options & (marks_two_lists | marks_whole_table)) != 0) {
        set_for_level("enable_hashjoin", "on");
    }
    if ((options & marks_whole_table) != 0) {
        set_for_level("enable_seqscan", "on");
    }
}

PlannedStmt* plan_unpinned(const PlannerCall& call) {
    return previous_planner != nullptr ? call.pass_to(previous_planner)
                                       : call.pass_to_standard_planner();
}

PlannedStmt* plan(const PlannerCall& call) {
    const bool is_ours = (call.options() & marks_ours) != 0;
    const bool was_planning = is_planning_by_index;
    if (!is_ours && !was_planning) {
        return plan_unpinned(call);
    }
    const int level = NewGUCNestLevel();
    if (is_ours) {
        pin_settings(call.options());
    }
    PlannedStmt* planned = nullptr;
    PG_TRY();
    {
        // A function that is worked out while one of ours is planned has statements of its own.
        is_planning_by_index = is_ours && (call.options() & marks_whole_table) == 0;
        planned = plan_unpinned(call);
    }
    PG_FINALLY();
    { is_planning_by_index = was_planning; }
    PG_END_TRY();
    AtEOXact_GUC(true, level);
    return planned;
}

// The table that the statement names, for a partition or a child of one.
Oid named_table(const PlannerInfo* root, Index relation, Oid table) {
    while (root->append_rel_array != nullptr && root->append_rel_array[relation] != nullptr) {
        relation = root->append_rel_array[relation]->parent_relid;
        table = root->simple_rte_array[relation]->relid;
    }
    return table;
}

bool is_ours(Oid table) {
    const Oid schema = find_schema();
    return OidIsValid(schema) && get_rel_namespace(table) == schema;
}

// While a table is small, or taken for empty, each way to find a row costs the same, also those
// that read all of it.
void take_for_large(RelOptInfo* table) {
    table->pages = std::max(table->pages, least_pages);
    table->tuples = std::max(table->tuples, table->pages * least_rows_per_page);
    ListCell* cell = nullptr;
    foreach (cell, table->indexlist) {
        auto* index = static_cast<IndexOptInfo*>(lfirst(cell));
        index->pages = std::max(index->pages, least_index_pages);
        if (index->indpred == NIL) {
            index->tuples = std::max(index->tuples, table->tuples);
        }
    }
}

// A parent's size is that of its partitions, a foreign table's is estimated elsewhere.
void at_relation_info(PlannerInfo* root, Oid table, bool is_parent, RelOptInfo* info) {
    if (is_planning_by_index && !is_parent && info->fdwroutine == nullptr &&
        is_ours(named_table(root, info->relid, table))) {
        take_for_large(info);
    }
}

} // namespace

int plan_options(Finds finds) {
    // Generic plans only: the values do not change how rows are found, and a plan that the server
    // logs shows none of them.
    int options = CURSOR_OPT_GENERIC_PLAN | marks_ours;
    if (finds == Finds::two_lists) {
        options |= marks_two_lists;
    }
    if (finds == Finds::whole_table) {
        options |= marks_whole_table;
    }
    return options;
}

void pin_planning() {
    previous_planner = install_planner<plan>();
    install_relation_info<at_relation_info>();
}

} // namespace session_service::pg
