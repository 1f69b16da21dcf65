// What is left to be done or checked as the transaction commits.
#pragma once

namespace session_service::pg {

/// How many triggers and constraints that can be deferred, of any table, have rows that wait: for
/// COMMIT or, in the midst of a caller's statement, for its end.
int count_deferred_work();

} // namespace session_service::pg
