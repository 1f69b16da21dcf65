#include "store/events.hpp"

#include "core/uuid.hpp"

#include "pg/counters.hpp"
#include "pg/notification.hpp"
#include "pg/random.hpp"
#include "pg/settings.hpp"
#include "table/table.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
}

namespace session_service::store {

namespace {

namespace events = table::events;

// Orders the events that one backend records within the same microsecond.
std::uint16_t sequence = 0;

const char* name_of(EventKind kind) {
    switch (kind) {
    case EventKind::session_created:
        return "session.created";
    case EventKind::session_refreshed:
        return "session.refreshed";
    case EventKind::session_rotated:
        return "session.rotated";
    case EventKind::session_revoked:
        return "session.revoked";
    case EventKind::session_evicted:
        return "session.evicted";
    case EventKind::session_reuse_detected:
        return "session.reuse_detected";
    case EventKind::session_mfa_verified:
        return "session.mfa_verified";
    case EventKind::session_reauthenticated:
        return "session.reauthenticated";
    case EventKind::session_bound:
        return "session.bound";
    case EventKind::session_proof_rejected:
        return "session.proof_rejected";
    case EventKind::device_new:
        return "device.new";
    case EventKind::device_trusted:
        return "device.trusted";
    case EventKind::device_forgotten:
        return "device.forgotten";
    case EventKind::user_disabled:
        return "user.disabled";
    case EventKind::user_enabled:
        return "user.enabled";
    }
    pg_unreachable();
}

// {"method": …}, by the server's own function, from an array of names and values.
pg::Value detail_of(pg::Value mfa_method) {
    if (mfa_method.isnull) {
        return pg::null_value;
    }
    std::array<Datum, 2> pair{pg::text_value("method").value, mfa_method.value};
    ArrayType* array = construct_array(pair.data(), 2, TEXTOID, -1, false, TYPALIGN_INT);
    return pg::value(DirectFunctionCall1(jsonb_object, PointerGetDatum(array)));
}

const char* uuid_text(const core::Uuid& id) {
    return DatumGetCString(DirectFunctionCall1(uuid_out, PointerGetDatum(id.data())));
}

} // namespace

bool is_recorded(EventKind kind) {
    using pg::settings::EventLog;
    switch (pg::settings::event_log()) {
    case EventLog::none:
        return false;
    case EventLog::all:
        return true;
    case EventLog::security:
        break;
    }
    return kind != EventKind::session_created && kind != EventKind::session_refreshed &&
           kind != EventKind::session_rotated;
}

core::Uuid first_event_id(core::Micros since) {
    return core::make_ordered_uuid7(pg::to_unix(since), 0, {});
}

void record(const UserKey& user, core::Micros now, const Event& event) {
    if (!is_recorded(event.kind)) {
        return;
    }
    const core::Uuid id = core::make_ordered_uuid7(pg::to_unix(now), sequence++,
                                                   pg::random_bytes<std::array<std::uint8_t, 8>>());
    table::Values values;
    values.set(events::id, pg::uuid_value(id))
        .set(events::at, pg::time_value(now))
        .set(events::user_id, user.id_value())
        .set(events::session_id, pg::optional_uuid_value(event.session_id))
        .set(events::device_id, pg::optional_uuid_value(event.device_id))
        .set(events::bucket, user.bucket_value())
        .set(events::kind, pg::text_value(name_of(event.kind)))
        .set(events::ip_address, event.ip_address)
        .set(events::reason, event.reason)
        .set(events::detail, detail_of(event.mfa_method));
    table::Table table = table::Table::open(table::TableName::events, table::For::writing);
    table.insert(values);
    table.close();
}

void send_hint(const UserKey& user, EventKind kind, const std::optional<core::Uuid>& session_id,
               std::int64_t epoch) {
    if (!pg::settings::notify()) {
        return;
    }
    StringInfoData payload;
    initStringInfo(&payload);
    // Only our own words, ids and a number: nothing needs escaping.
    appendStringInfo(&payload, "{\"event\": \"%s\", \"session_id\": ", name_of(kind));
    if (session_id) {
        appendStringInfo(&payload, "\"%s\"", uuid_text(*session_id));
    } else {
        appendStringInfoString(&payload, "null");
    }
    appendStringInfo(&payload, ", \"user_id\": \"%s\", \"epoch\": %lld}", uuid_text(user.id),
                     static_cast<long long>(epoch));
    if (!pg::send_notification("session_service", payload.data)) {
        pg::count(pg::Counter::notifications_dropped);
    }
    pfree(payload.data);
}

} // namespace session_service::store
