// Returning rows to the executor.
#pragma once

#include "pg/statement.hpp"
#include "pg/value.hpp"

extern "C" {
#include "funcapi.h"
}

namespace session_service::api {

/// The answer "no" of a function that returns a set.
Datum no_row(FunctionCallInfo fcinfo);

/// The only row of a function that returns a set. Its row type is the one that the executor expects
/// and has at hand: to look it up at each call would cost a good part of a validation.
Datum one_row(FunctionCallInfo fcinfo, std::span<const pg::Value> values);

/// The row of a function that returns one, in FROM or not: its type is looked up.
Datum row_of(FunctionCallInfo fcinfo, std::span<const pg::Value> values);

/// Prepares for any number of rows; add them, then return the result of this.
class RowCollector {
  public:
    explicit RowCollector(FunctionCallInfo fcinfo);

    void add(std::span<const pg::Value> values);

    /// Adds all rows of a statement, whose columns are those of the function's row type.
    void add_all(const pg::Result& rows);

    /// The same, where an address in column `address` (from 0) tells the country and city in the
    /// two columns from `country` on.
    void add_all_with_places(const pg::Result& rows, std::size_t address, std::size_t country);

  private:
    ReturnSetInfo* result_;
};

} // namespace session_service::api
