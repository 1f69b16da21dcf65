#include "api/rows.hpp"
#include "pg/assert.hpp"

#include "service/geography.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "miscadmin.h"
#include "utils/tuplestore.h"
}

namespace session_service::api {

namespace {

constexpr std::size_t most_columns = 32;

struct Row {
    std::array<Datum, most_columns> values{};
    std::array<bool, most_columns> nulls{};
};

Row split(std::span<const pg::Value> values) {
    SESSION_SERVICE_ASSERT(values.size() <= most_columns);
    Row row;
    for (std::size_t i = 0; i < values.size(); ++i) {
        row.values[i] = values[i].value;
        row.nulls[i] = values[i].isnull;
    }
    return row;
}

ReturnSetInfo* set_info(FunctionCallInfo fcinfo) {
    auto* info = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (info == nullptr || !IsA(info, ReturnSetInfo) ||
        (info->allowedModes & SFRM_Materialize) == 0 || info->expectedDesc == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("set-valued function called in context that cannot accept a set")));
    }
    return info;
}

// After an upgrade a backend may still run the library of the version before.
void require_columns(TupleDesc descriptor, std::size_t count) {
    if (descriptor->natts != static_cast<int>(count)) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the library and the extension are of different versions"),
                        errhint("Reconnect, and run ALTER EXTENSION session_service UPDATE.")));
    }
}

// An empty set, in the form in which the executor takes it over. Its rows are made with the
// executor's own descriptor, so none of ours goes along for a comparison.
void begin_rows(ReturnSetInfo* info) {
    const MemoryContext caller = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
    info->returnMode = SFRM_Materialize;
    info->setResult =
        tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
    MemoryContextSwitchTo(caller);
}

} // namespace

Datum no_row(FunctionCallInfo fcinfo) {
    begin_rows(set_info(fcinfo));
    return 0;
}

Datum one_row(FunctionCallInfo fcinfo, std::span<const pg::Value> values) {
    ReturnSetInfo* info = set_info(fcinfo);
    require_columns(info->expectedDesc, values.size());
    begin_rows(info);
    Row row = split(values);
    tuplestore_putvalues(info->setResult, info->expectedDesc, row.values.data(), row.nulls.data());
    return 0;
}

Datum row_of(FunctionCallInfo fcinfo, std::span<const pg::Value> values) {
    TupleDesc descriptor = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE) {
        elog(ERROR, "return type must be a row type");
    }
    require_columns(descriptor, values.size());
    Row row = split(values);
    return HeapTupleGetDatum(
        heap_form_tuple(BlessTupleDesc(descriptor), row.values.data(), row.nulls.data()));
}

RowCollector::RowCollector(FunctionCallInfo fcinfo)
    : result_(reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo)) {
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
}

void RowCollector::add(std::span<const pg::Value> values) {
    Row row = split(values);
    tuplestore_putvalues(result_->setResult, result_->setDesc, row.values.data(), row.nulls.data());
}

void RowCollector::add_all(const pg::Result& rows) {
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
        tuplestore_puttuple(result_->setResult, rows.tuple(i));
    }
}

void RowCollector::add_all_with_places(const pg::Result& rows, std::size_t address,
                                       std::size_t country) {
    service::prepare_geography();
    Row row;
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
        heap_deform_tuple(rows.tuple(i), rows.descriptor(), row.values.data(), row.nulls.data());
        const service::Place place = service::place_of({row.values[address], row.nulls[address]});
        row.values[country] = place.country.value;
        row.nulls[country] = place.country.isnull;
        row.values[country + 1] = place.city.value;
        row.nulls[country + 1] = place.city.isnull;
        tuplestore_putvalues(result_->setResult, result_->setDesc, row.values.data(),
                             row.nulls.data());
    }
}

} // namespace session_service::api
