// The worker that cleans one database, started by the launcher.
#pragma once

#include "pg/background_worker.hpp"

namespace session_service::worker {

inline constexpr pg::WorkerKind cleanup_worker{.function = "session_service_cleanup_main",
                                               .type = "session_service cleanup"};

} // namespace session_service::worker
