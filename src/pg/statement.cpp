#include "pg/statement.hpp"

extern "C" {
#include "access/xact.h"
#include "jit/jit.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "utils/guc.h"
#include "utils/plancache.h"
}

namespace session_service::pg {

namespace {

// Sets a variable for the innermost settings level, which leave_owner or an abort ends.
void set_for_scope(const char* name, const char* setting) {
    (void)set_config_option(name, setting, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);
}

void pin(bool is_right, const char* name, const char* setting) {
    if (!is_right) {
        set_for_scope(name, setting);
    }
}

// A plan is kept, so that it must not depend on the caller who happens to be the first, nor on the
// tables being new and empty, when they, or their indexes, would be read whole: to sort them, or to
// join them by hash or merge. What is left is to find each row by an index.
void pin_planner() {
    pin(!enable_seqscan, "enable_seqscan", "off");
    pin(!enable_bitmapscan, "enable_bitmapscan", "off");
    pin(!enable_hashjoin, "enable_hashjoin", "off");
    pin(!enable_mergejoin, "enable_mergejoin", "off");
    pin(enable_indexscan, "enable_indexscan", "on");
    pin(enable_nestloop, "enable_nestloop", "on");
    pin(!jit_enabled, "jit", "off");
    pin(plan_cache_mode == PLAN_CACHE_MODE_AUTO, "plan_cache_mode", "auto");
}

// What a statement may do besides, for the time of its execution, in which it is planned.
void allow(Reads reads, bool is_allowed) {
    const char* const setting = is_allowed ? "on" : "off";
    if (reads == Reads::two_lists || reads == Reads::whole_table) {
        set_for_scope("enable_hashjoin", setting);
    }
    if (reads == Reads::whole_table) {
        set_for_scope("enable_seqscan", setting);
    }
}

} // namespace

Snapshot fresh_snapshot() {
    return IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot();
}

OwnerScope enter_owner(Oid owner) {
    OwnerScope scope;
    GetUserIdAndSecContext(&scope.caller, &scope.security_context);
    SetUserIdAndSecContext(owner, scope.security_context | SECURITY_LOCAL_USERID_CHANGE);
    scope.settings_level = NewGUCNestLevel();
    set_for_scope("search_path", "pg_catalog, pg_temp");
    pin_planner();
    if (SPI_connect() != SPI_OK_CONNECT) {
        elog(ERROR, "SPI_connect failed");
    }
    return scope;
}

void leave_owner(const OwnerScope& scope) {
    (void)SPI_finish();
    AtEOXact_GUC(true, scope.settings_level);
    SetUserIdAndSecContext(scope.caller, scope.security_context);
}

Value Result::get(std::uint64_t row, int column) const {
    Value found{};
    found.value = SPI_getbinval(table_->vals[row], table_->tupdesc, column, &found.isnull);
    return found;
}

SPIPlanPtr prepare(const char* sql, const Oid* types, std::size_t count) {
    // Generic plans only: the values do not change how rows are found, and a plan that the server
    // logs shows none of them.
    SPIPlanPtr plan = SPI_prepare_cursor(sql, static_cast<int>(count), const_cast<Oid*>(types),
                                         CURSOR_OPT_GENERIC_PLAN);
    if (plan == nullptr) {
        elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
    }
    if (SPI_keepplan(plan) != 0) {
        elog(ERROR, "could not keep a prepared statement");
    }
    return plan;
}

Result execute(SPIPlanPtr plan, const Value* values, std::size_t count, Access access, Reads reads,
               long limit) {
    std::array<Datum, 40> datums{};
    std::array<char, 40> nulls{};
    Assert(count <= datums.size());
    for (std::size_t i = 0; i < count; ++i) {
        datums[i] = values[i].value;
        nulls[i] = values[i].isnull ? 'n' : ' ';
    }
    const bool read_only = access == Access::read;
    allow(reads, true);
    const int code = SPI_execute_snapshot(plan, datums.data(), nulls.data(), fresh_snapshot(),
                                          InvalidSnapshot, read_only, true, limit);
    if (code < 0) {
        elog(ERROR, "could not run a statement: %s", SPI_result_code_string(code));
    }
    allow(reads, false);
    return {SPI_processed, SPI_tuptable};
}

} // namespace session_service::pg
