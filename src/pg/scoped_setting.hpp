// Settings of the server's that our own code changes for a while.
#pragma once

#include "pg/prelude.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace session_service::pg {

/// Sets a variable for the innermost level of settings (NewGUCNestLevel), which its end or an abort
/// takes back.
inline void set_for_level(const char* name, const char* setting) {
    (void)set_config_option(name, setting, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);
}

} // namespace session_service::pg
