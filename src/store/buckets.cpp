#include "store/buckets.hpp"

#include "pg/error.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace session_service::store {

void raise_not_held(std::uint16_t bucket) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("bucket %d is not held by this server", bucket),
                    errdetail("It holds \"%s\" (session_service.buckets).",
                              GetConfigOption("session_service.buckets", false, false)),
                    errhint("Ask the server that holds it; where it is being moved, try again.")));
    pg_unreachable();
}

} // namespace session_service::store
