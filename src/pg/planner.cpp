#include "pg/planner.hpp"

#include "pg/schema.hpp"

#include <algorithm>

extern "C" {
#include "miscadmin.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/plancat.h"
}

namespace session_service::pg {

namespace {

// Less than a table that anyone would notice being read, and enough to make that dear. Rows are
// counted by pages, since those are known; full ones of ours hold more as a rule.
constexpr BlockNumber least_pages = 1000;
constexpr BlockNumber least_index_pages = 100;
constexpr Cardinality least_rows_per_page = 10;

get_relation_info_hook_type previous_hook = nullptr;

// The scope is such a change of user, which an error ends too, and disables sequential scans but
// for a statement that means to read a whole table.
bool is_within_scope() {
    return InLocalUserIdChange() && !enable_seqscan;
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

void at_relation_info(PlannerInfo* root, Oid table, bool is_parent, RelOptInfo* info) {
    if (previous_hook != nullptr) {
        previous_hook(root, table, is_parent, info);
    }
    // A parent's size is that of its partitions, a foreign table's is estimated elsewhere.
    if (is_within_scope() && !is_parent && info->fdwroutine == nullptr &&
        is_ours(named_table(root, info->relid, table))) {
        take_for_large(info);
    }
}

} // namespace

void plan_for_large_tables() {
    previous_hook = get_relation_info_hook;
    get_relation_info_hook = at_relation_info;
}

} // namespace session_service::pg
