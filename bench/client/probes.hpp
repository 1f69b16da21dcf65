// What is not a race between sides: the first call of a connection.
#pragma once

#include "client/sides.hpp"

namespace bench {

/// Opens `connections` new connections, and prints the medians (microseconds) of the first and the
/// second call of validate_session and, for comparison, of the bare SELECT.
void probe_first_call(const std::string& database, int connections,
                      const std::vector<Ticket>& tickets);

} // namespace bench
