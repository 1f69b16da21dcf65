// Which engine runs, for who develops or tests this: builds with SESSION_SERVICE_DEVELOPER have a
// setting that forces statements, and count how often each engine ran in this backend.
#pragma once

#include "pg/prelude.hpp"

namespace session_service::table {

enum class Engine : std::uint8_t { heap, sql };

#ifdef SESSION_SERVICE_DEVELOPER

/// Defines session_service.engine and session_service.engine_calls; called once.
void define_engine_settings();

/// Whether the direct engine is left out; or only as rows are written, as where a table has a
/// trigger.
bool is_sql_forced();
bool are_statement_writes_forced();

void count_call(Engine engine);

#else

inline void define_engine_settings() {}
inline bool is_sql_forced() {
    return false;
}
inline bool are_statement_writes_forced() {
    return false;
}
inline void count_call(Engine /*unused*/) {}

#endif

} // namespace session_service::table
