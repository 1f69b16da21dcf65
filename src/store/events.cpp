#include "store/events.hpp"

#include "core/uuid.hpp"

#include "pg/random.hpp"
#include "pg/settings.hpp"
#include "pg/statement.hpp"
#include "store/catalog.hpp"
#include "store/plain_table.hpp"
#include "store/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "lib/stringinfo.h"
#include "utils/fmgrprotos.h"
}

namespace session_service::store {

namespace {

constinit pg::Statement insert_event{
    "INSERT INTO session_service.events "
    "(id, bucket, at, kind, user_id, session_id, device_id, ip_address, reason, detail) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
    "CASE WHEN $10 IS NOT NULL THEN pg_catalog.jsonb_build_object('method', $10) END)",
    std::array<Oid, 10>{UUIDOID, INT2OID, TIMESTAMPTZOID, TEXTOID, UUIDOID, UUIDOID, UUIDOID,
                        INETOID, TEXTOID, TEXTOID}};

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
    case EventKind::device_new:
        return "device.new";
    case EventKind::device_trusted:
        return "device.trusted";
    case EventKind::device_forgotten:
        return "device.forgotten";
    }
    pg_unreachable();
}

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

pg::Value optional_uuid_value(const std::optional<core::Uuid>& id) {
    return id ? pg::uuid_value(*id) : pg::null_value;
}

// False where the statement has to do it: the detail is put together there.
bool insert_directly(const UserKey& user, const core::Uuid& id, core::Micros now,
                     const Event& event) {
    std::optional<PlainTable> table;
    if (event.mfa_method.isnull) {
        table = PlainTable::open(TableName::events);
    }
    if (!table) {
        return false;
    }
    std::array<pg::Value, events_column::count> row{};
    const auto set = [&row](events_column::Number column, pg::Value value) {
        row[static_cast<std::size_t>(column - 1)] = value;
    };
    set(events_column::id, pg::uuid_value(id));
    set(events_column::at, pg::time_value(now));
    set(events_column::user_id, pg::uuid_value(user.id));
    set(events_column::session_id, optional_uuid_value(event.session_id));
    set(events_column::device_id, optional_uuid_value(event.device_id));
    set(events_column::bucket, pg::smallint_value(user.bucket));
    set(events_column::kind, pg::text_value(name_of(event.kind)));
    set(events_column::ip_address, event.ip_address);
    set(events_column::reason, event.reason);
    set(events_column::detail, pg::null_value);
    const bool is_inserted = table->insert(row);
    table->close();
    return is_inserted;
}

void insert_by_statement(const UserKey& user, const core::Uuid& id, core::Micros now,
                         const Event& event) {
    (void)insert_event.run(pg::Access::write,
                           {pg::uuid_value(id), pg::smallint_value(user.bucket),
                            pg::time_value(now), pg::text_value(name_of(event.kind)),
                            pg::uuid_value(user.id), optional_uuid_value(event.session_id),
                            optional_uuid_value(event.device_id), event.ip_address, event.reason,
                            event.mfa_method});
}

const char* uuid_text(const core::Uuid& id) {
    return DatumGetCString(DirectFunctionCall1(uuid_out, PointerGetDatum(id.data())));
}

} // namespace

void record(const UserKey& user, core::Micros now, const Event& event) {
    if (!is_recorded(event.kind)) {
        return;
    }
    const core::Uuid id = core::make_ordered_uuid7(pg::to_unix(now), sequence++,
                                                   pg::random_bytes<std::array<std::uint8_t, 8>>());
    if (!insert_directly(user, id, now, event)) {
        as_owner([&] {
            insert_by_statement(user, id, now, event);
            return true;
        });
    }
}

void announce(const UserKey& user, EventKind kind, const std::optional<core::Uuid>& session_id,
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
    Async_Notify("session_service", payload.data);
    pfree(payload.data);
}

} // namespace session_service::store
