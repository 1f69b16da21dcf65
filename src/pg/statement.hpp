// SQL statements of our own: prepared once per backend and kept, run with the owner's rights and a
// fresh snapshot.
#pragma once

#include "pg/prelude.hpp"
#include "pg/sql_text.hpp"
#include "pg/value.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/snapmgr.h"
}

namespace session_service::pg {

/// A snapshot of what is committed now, at every isolation level. In parallel mode none can be
/// taken: there the active one must do.
Snapshot fresh_snapshot();

/// The owner's rights, a pinned search_path and a connection to SPI: what a statement of ours needs
/// around it. Nobody but within_owner_scope() makes one, so who has one to show is inside.
class OwnerScope {
  public:
    /// Enters and leaves. An error in between needs no leaving: the (sub)transaction's abort undoes
    /// it all.
    static OwnerScope enter(Oid owner);
    void leave() const;

  private:
    OwnerScope() = default;

    Oid caller_ = InvalidOid;
    int security_context_ = 0;
    int settings_level_ = 0;
};

/// Runs `body` in the scope, which it is given. What it returns must not refer to memory of that
/// scope.
template <typename Body>
auto within_owner_scope(Oid owner, Body&& body) {
    const OwnerScope scope = OwnerScope::enter(owner);
    if constexpr (std::is_void_v<std::invoke_result_t<Body, const OwnerScope&>>) {
        std::forward<Body>(body)(scope);
        scope.leave();
    } else {
        auto result = std::forward<Body>(body)(scope);
        scope.leave();
        return result;
    }
}

/// The rows of a statement, valid until the owner's scope is left. Rows and columns count as SPI's
/// do: rows from 0, columns from 1.
class Result {
  public:
    Result(std::uint64_t count, SPITupleTable* table) : count_(count), table_(table) {}

    std::uint64_t count() const { return count_; }
    bool empty() const { return count_ == 0; }

    /// A column of the type that is expected; 42804 where it has another, since somebody altered
    /// the table behind it.
    Value get(std::uint64_t row, int column, Oid type) const;

    core::Uuid uuid(std::uint64_t row, int column) const {
        return to_uuid(get(row, column, UUIDOID).value);
    }
    std::int64_t bigint(std::uint64_t row, int column) const {
        return DatumGetInt64(get(row, column, INT8OID).value);
    }
    bool boolean(std::uint64_t row, int column) const {
        return DatumGetBool(get(row, column, BOOLOID).value);
    }
    Micros time(std::uint64_t row, int column) const {
        return DatumGetTimestampTz(get(row, column, TIMESTAMPTZOID).value);
    }

    HeapTuple tuple(std::uint64_t row) const { return table_->vals[row]; }
    TupleDesc descriptor() const { return table_->tupdesc; }

  private:
    std::uint64_t count_;
    SPITupleTable* table_;
};

enum class Effect : std::uint8_t { reads, writes };

/// Whether a statement finds each of its rows by an index, joins two lists that it found by one, or
/// means to read a whole table.
enum class Finds : std::uint8_t { by_index, two_lists, whole_table };

/// No statement of ours has more parameters.
inline constexpr std::size_t most_parameters = 48;

/// The parts of Statement that need no template.
SPIPlanPtr prepare(const char* sql, const Oid* types, std::size_t count, Finds finds);
/// For the life of the backend; a plan that is not kept ends with the owner's scope.
SPIPlanPtr keep(SPIPlanPtr plan);
Result execute(const OwnerScope& scope, SPIPlanPtr plan, const Value* values, std::size_t count,
               Effect effect);

/// A statement with parameters of built-in types. Declare it static, so that its plan is kept; the
/// server plans it again by itself when what it depends on changes, DROP and CREATE EXTENSION
/// included. Tables, types and our own operators are named with their schema; what is built in
/// needs none, since nothing else is in the search_path.
template <std::size_t ParameterCount, std::size_t Size>
class Statement {
  public:
    constexpr Statement(const SqlText<Size>& sql, std::array<Oid, ParameterCount> types,
                        Finds finds = Finds::by_index) noexcept
        : sql_(sql), types_(types), finds_(finds) {}
    constexpr Statement(const char (&sql)[Size], std::array<Oid, ParameterCount> types, // NOLINT
                        Finds finds = Finds::by_index) noexcept
        : Statement(SqlText<Size>{sql}, types, finds) {}

    using Values = std::array<Value, ParameterCount>;

    Result read(const OwnerScope& scope, const Values& values) {
        return run(scope, values, Effect::reads);
    }
    Result write(const OwnerScope& scope, const Values& values) {
        return run(scope, values, Effect::writes);
    }

  private:
    static_assert(ParameterCount <= most_parameters);

    Result run(const OwnerScope& scope, const Values& values, Effect effect) {
        if (plan_ == nullptr) {
            plan_ = keep(prepare(sql_.text, types_.data(), ParameterCount, finds_));
        }
        return execute(scope, plan_, values.data(), ParameterCount, effect);
    }

    SqlText<Size> sql_;
    std::array<Oid, ParameterCount> types_;
    Finds finds_;
    SPIPlanPtr plan_ = nullptr;
};

/// The types of a statement's parameters, in their order.
template <typename... Types>
constexpr std::array<Oid, sizeof...(Types)> parameters(Types... types) noexcept {
    return {static_cast<Oid>(types)...};
}

} // namespace session_service::pg
