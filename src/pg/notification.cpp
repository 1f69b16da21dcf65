#include "pg/notification.hpp"

#include "pg/compat.hpp"

extern "C" {
#include "access/transam.h"
#include "access/xact.h"
#include "commands/async.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
}

namespace session_service::pg {

namespace {

// The share of the queue up to which notifications are sent. The tenth above it (800 MB by default)
// is for what others send between our look and our COMMIT: that much has to come within one
// transaction for its COMMIT to fail. Below it listeners that are only slow still get theirs; from
// a half on the server's log names the session that keeps the queue.
double nearly_full = 0.9;

// What the transaction has to put into the queue so far. Nothing has to end with it: that of
// another transaction is told by its id.
struct Pending {
    FullTransactionId transaction{};
    std::size_t bytes = 0;
    std::size_t pages = 0; // for which there was room when we looked
    bool leaves_out = false;
};

Pending pending;

// The room that one takes, as the server's async.c lays it out: a header, two texts that end with
// NUL, and alignment.
std::size_t size_in_queue(const char* channel, const char* payload) {
    constexpr std::size_t header = 16;
    return INTALIGN(header + std::strlen(channel) + 1 + std::strlen(payload) + 1);
}

// The server's function first lets go of what every listener has read.
bool has_room_for(std::size_t pages) {
    const double used = DatumGetFloat8(DirectFunctionCall1(pg_notification_queue_usage, Datum{0}));
    return used + static_cast<double>(pages) / notification_queue_pages() <= nearly_full;
}

void warn_of_leaving_out() {
    ereport(WARNING,
            (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
             errmsg("notifications of revocations were left out"),
             errdetail("The server's queue of notifications is nearly full."),
             errhint("End the session that listens, on any channel, and stays in a transaction.")));
}

} // namespace

bool send_notification(const char* channel, const char* payload) {
    const FullTransactionId transaction = GetTopFullTransactionId();
    if (!FullTransactionIdEquals(transaction, pending.transaction)) {
        pending = {.transaction = transaction};
    }
    if (pending.leaves_out) {
        return false;
    }
    // The look takes locks that all who notify share, so it is taken once for each page of ours and
    // not for each of many sessions.
    const std::size_t bytes = pending.bytes + size_in_queue(channel, payload);
    const std::size_t pages = bytes / BLCKSZ + 1;
    if (pages > pending.pages) {
        if (!has_room_for(pages)) {
            pending.leaves_out = true;
            warn_of_leaving_out();
            return false;
        }
        pending.pages = pages;
    }
    Async_Notify(channel, payload);
    pending.bytes = bytes;
    return true;
}

#ifdef SESSION_SERVICE_DEVELOPER

void define_notification_settings() {
    DefineCustomRealVariable("session_service.nearly_full",
                             "Share of the server's queue up to which notifications are sent.",
                             "For tests of the extension itself.", &nearly_full, nearly_full, 0, 1,
                             PGC_SUSET, GUC_NOT_IN_SAMPLE, nullptr, nullptr, nullptr);
}

#endif

} // namespace session_service::pg
