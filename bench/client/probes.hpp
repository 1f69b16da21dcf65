// What is not a race between two sides: memory, the first call of a connection.
#pragma once

#include "client/sides.hpp"

namespace bench {

/// Calls each function `calls` times on one connection of its own, ways that fail included, and
/// prints for each: name, calls, bytes of private memory and of memory contexts before and after.
void probe_memory(const std::string& database, std::uint64_t calls, std::uint64_t failing_calls,
                  const std::vector<Ticket>& tickets);

/// Opens `connections` new connections, and prints the medians (microseconds) of the first and the
/// second call of validate_session and, for comparison, of the bare SELECT.
void probe_first_call(const std::string& database, int connections,
                      const std::vector<Ticket>& tickets);

} // namespace bench
