// SQL statements of our own: prepared once per backend and kept, run with a fresh snapshot.
#pragma once

#include "pg/prelude.hpp"
#include "pg/value.hpp"

extern "C" {
#include "executor/spi.h"
#include "utils/snapmgr.h"
}

namespace session_service::pg {

/// A snapshot of what is committed now, at every isolation level. In parallel mode none can be
/// taken: there the active one must do.
Snapshot fresh_snapshot();

/// The owner's rights and a pinned search_path, with a connection to SPI.
struct OwnerScope {
    Oid caller = InvalidOid;
    int security_context = 0;
    int settings_level = 0;
};

/// Enter and leave. An error in between needs no leaving: the (sub)transaction's abort undoes it
/// all.
OwnerScope enter_owner(Oid owner);
void leave_owner(const OwnerScope& scope);

/// The rows of a statement, valid until the owner's scope is left.
class Result {
  public:
    Result(std::uint64_t count, SPITupleTable* table) : count_(count), table_(table) {}

    std::uint64_t count() const { return count_; }
    bool empty() const { return count_ == 0; }

    /// Column numbers count from 1, as SPI's do.
    Value get(std::uint64_t row, int column) const;
    Datum operator()(std::uint64_t row, int column) const { return get(row, column).value; }

    HeapTuple tuple(std::uint64_t row) const { return table_->vals[row]; }
    TupleDesc descriptor() const { return table_->tupdesc; }

  private:
    std::uint64_t count_;
    SPITupleTable* table_;
};

enum class Access : std::uint8_t { read, write };

/// Whether a statement finds each of its rows by an index, joins two lists that it found by one, or
/// means to read a whole table.
enum class Reads : std::uint8_t { by_index, two_lists, whole_table };

/// A statement with parameters of built-in types. Declare it static, so that its plan is kept; the
/// server plans it again by itself when what it depends on changes, DROP and CREATE EXTENSION
/// included. The text must be fully qualified.
template <std::size_t ParameterCount>
class Statement {
  public:
    constexpr Statement(const char* sql, std::array<Oid, ParameterCount> types,
                        Reads reads = Reads::by_index) noexcept
        : sql_(sql), types_(types), reads_(reads) {}

    /// Runs it within an owner's scope; `limit` 0 means all rows.
    Result run(Access access, const std::array<Value, ParameterCount>& values, long limit = 0);

  private:
    const char* sql_;
    std::array<Oid, ParameterCount> types_;
    Reads reads_;
    SPIPlanPtr plan_ = nullptr;
};

/// The parts of Statement that need no template.
SPIPlanPtr prepare(const char* sql, const Oid* types, std::size_t count);
Result execute(SPIPlanPtr plan, const Value* values, std::size_t count, Access access, Reads reads,
               long limit);

template <std::size_t ParameterCount>
Result Statement<ParameterCount>::run(Access access,
                                      const std::array<Value, ParameterCount>& values, long limit) {
    if (plan_ == nullptr) {
        plan_ = prepare(sql_, types_.data(), ParameterCount);
    }
    return execute(plan_, values.data(), ParameterCount, access, reads_, limit);
}

} // namespace session_service::pg
