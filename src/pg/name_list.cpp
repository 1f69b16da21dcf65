#include "pg/name_list.hpp"

extern "C" {
#include "utils/varlena.h"
}

namespace session_service::pg {

NameList split_names(const char* text) {
    NameList list;
    list.is_valid = SplitIdentifierString(pstrdup(text), ',', &list.names);
    return list;
}

} // namespace session_service::pg
