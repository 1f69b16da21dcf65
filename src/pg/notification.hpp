// NOTIFY for what must not fail because of it.
//
// What is sent waits in one queue of the server's, for all databases, until every session that
// listens has read it, on whatever channel. One that listens and stays in a transaction keeps all
// of it, and once the queue is full the COMMIT of whoever has notified fails (54000), and undoes
// all that the transaction did.
#pragma once

#include "pg/prelude.hpp"

namespace session_service::pg {

/// Sends a notification as the transaction commits; or leaves it out where the queue is nearly
/// full, with a WARNING once in a transaction, and returns false. REQUIRES: a transaction that may
/// write.
[[nodiscard]] bool send_notification(const char* channel, const char* payload);

#ifdef SESSION_SERVICE_DEVELOPER

/// Defines session_service.nearly_full, for tests: servers before 17 have a queue of 8 GB, which is
/// too much to fill. Called once.
void define_notification_settings();

#else

inline void define_notification_settings() {}

#endif

} // namespace session_service::pg
