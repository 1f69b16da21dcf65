#include "pg/statement.hpp"
#include "pg/assert.hpp"

#include "pg/planner.hpp"
#include "pg/scoped_setting.hpp"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/plancache.h"
}

namespace session_service::pg {

namespace {

void pin(bool is_right, const char* name, const char* setting) {
    if (!is_right) {
        set_for_level(name, setting);
    }
}

// How values are written as text, where one is on its way: into another server that holds a part of
// a table, say. postgres_fdw pins the same for the same reason. And a caller's wish for custom
// plans, which would show values to whoever logs plans.
void pin_what_changes_values() {
    pin(DateStyle == USE_ISO_DATES, "DateStyle", "ISO");
    pin(IntervalStyle == INTSTYLE_POSTGRES, "IntervalStyle", "postgres");
    pin(extra_float_digits >= 1, "extra_float_digits", "1");
    pin(bytea_output == BYTEA_OUTPUT_HEX, "bytea_output", "hex");
    pin(plan_cache_mode == PLAN_CACHE_MODE_AUTO, "plan_cache_mode", "auto");
}

[[noreturn]] void raise_altered_column(TupleDesc descriptor, int column, Oid type) {
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("a column of a table of session_service was altered"),
             errdetail("\"%s\" is of type %s, and was made as %s.",
                       NameStr(TupleDescAttr(descriptor, column - 1)->attname),
                       format_type_be(SPI_gettypeid(descriptor, column)), format_type_be(type))));
    pg_unreachable();
}

} // namespace

Snapshot fresh_snapshot() {
    return IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot();
}

OwnerScope OwnerScope::enter(Oid owner) {
    OwnerScope scope;
    GetUserIdAndSecContext(&scope.caller_, &scope.security_context_);
    SetUserIdAndSecContext(owner, scope.security_context_ | SECURITY_LOCAL_USERID_CHANGE);
    scope.settings_level_ = NewGUCNestLevel();
    set_for_level("search_path", "pg_catalog, pg_temp");
    pin_what_changes_values();
    if (SPI_connect() != SPI_OK_CONNECT) {
        elog(ERROR, "SPI_connect failed");
    }
    return scope;
}

void OwnerScope::leave() const {
    (void)SPI_finish();
    AtEOXact_GUC(true, settings_level_);
    SetUserIdAndSecContext(caller_, security_context_);
}

Value Result::get(std::uint64_t row, int column, Oid type) const {
    if (SPI_gettypeid(table_->tupdesc, column) != type) {
        raise_altered_column(table_->tupdesc, column, type);
    }
    Value found{};
    found.value = SPI_getbinval(table_->vals[row], table_->tupdesc, column, &found.isnull);
    return found;
}

SPIPlanPtr prepare(const char* sql, const Oid* types, std::size_t count, Finds finds) {
    SPIPlanPtr plan = SPI_prepare_cursor(sql, static_cast<int>(count), const_cast<Oid*>(types),
                                         plan_options(finds));
    if (plan == nullptr) {
        elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
    }
    return plan;
}

SPIPlanPtr keep(SPIPlanPtr plan) {
    if (SPI_keepplan(plan) != 0) {
        elog(ERROR, "could not keep a prepared statement");
    }
    return plan;
}

Result execute(const OwnerScope& /*scope*/, SPIPlanPtr plan, const Value* values, std::size_t count,
               Effect effect) {
    std::array<Datum, most_parameters> datums{};
    std::array<char, most_parameters> nulls{};
    SESSION_SERVICE_ASSERT(count <= datums.size());
    for (std::size_t i = 0; i < count; ++i) {
        datums[i] = values[i].value;
        nulls[i] = values[i].isnull ? 'n' : ' ';
    }
    const int code = SPI_execute_snapshot(plan, datums.data(), nulls.data(), fresh_snapshot(),
                                          InvalidSnapshot, effect == Effect::reads, true, 0);
    if (code < 0) {
        elog(ERROR, "could not run a statement: %s", SPI_result_code_string(code));
    }
    return {SPI_processed, SPI_tuptable};
}

} // namespace session_service::pg
