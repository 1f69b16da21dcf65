// A way to find rows: conditions on some columns of a table, which one of its indexes serves.
#pragma once

#include "pg/statement.hpp"
#include "table/layout.hpp"

namespace session_service::table {

enum class Is : std::uint8_t { equal, null, not_later };

struct Condition {
    int column;
    Is is;
};

/// Declare it static, as a statement: the SQL engine keeps its plan in it.
class Search {
  public:
    static constexpr std::size_t most_conditions = 5;

    /// `index` counts from 0 in the layout's list. The conditions are on its columns, in their
    /// order, the first one among them.
    constexpr Search(TableName table, std::size_t index,
                     std::initializer_list<Condition> conditions) noexcept
        : table_(table), index_(index), count_(conditions.size()) {
        std::copy(conditions.begin(), conditions.end(), conditions_.begin());
    }

    /// The rows are to be deleted or put off, oldest first by the first condition: the SQL engine
    /// locks them as it finds them, passing over what is locked already, and finds only those for
    /// which `also` is true, a condition on the row `t` with the search's values as parameters. It
    /// finds, and so locks, as many at a time as one more value tells, an integer.
    constexpr Search& to_purge(const char* also) noexcept {
        is_purge_ = true;
        also_ = also;
        return *this;
    }

    /// A row found by this is looked for where it was found last (table/row_hints.hpp). REQUIRES: a
    /// uuid as the first condition, which names one row.
    constexpr Search& with_hints() noexcept {
        has_hints_ = true;
        return *this;
    }

    TableName table() const { return table_; }
    std::size_t index() const { return index_; }
    bool is_purge() const { return is_purge_; }
    bool has_hints() const { return has_hints_; }
    const char* also() const { return also_; }
    std::span<const Condition> conditions() const { return {conditions_.data(), count_}; }

    SPIPlanPtr& plan() { return plan_; }

  private:
    TableName table_;
    std::size_t index_;
    std::size_t count_;
    std::array<Condition, most_conditions> conditions_{};
    bool is_purge_ = false;
    bool has_hints_ = false;
    const char* also_ = nullptr;
    SPIPlanPtr plan_ = nullptr;
};

/// The values of a search's conditions, in their order; those of a condition on NULL are left out.
using SearchValues = std::span<const pg::Value>;

} // namespace session_service::table
