// A value that lives until the end of the transaction, or until the savepoint it was set in is
// rolled back, and that parallel workers see: a setting whose check hook lets nobody but us assign
// it.
//
// No SET, set_config, function clause, role or database setting, connection option or configuration
// file gets past the hook, nor does a placeholder that was made before the library was loaded,
// since its value is checked as the setting is defined. Clearing it is allowed to everyone: RESET
// does.
#pragma once

#include "pg/prelude.hpp"

namespace session_service::pg::identity_setting {

/// Defines it; called once, as the library is loaded.
void define();

/// Assigns it for the rest of the transaction; "" clears it.
void assign(const char* text);

/// The value in force, "" where there is none.
std::string_view current();

} // namespace session_service::pg::identity_setting
