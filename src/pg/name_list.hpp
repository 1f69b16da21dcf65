// Settings that list names as SQL does: comma-separated, folded to lower case unless quoted.
#pragma once

#include "pg/prelude.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace session_service::pg {

struct NameList {
    /// Of char*, NIL where the syntax is wrong.
    List* names = NIL;
    bool is_valid = false;
};

/// The names in `text`, in the current memory context.
NameList split_names(const char* text);

} // namespace session_service::pg
