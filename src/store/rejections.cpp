#include "store/rejections.hpp"

#include "core/crypto.hpp"

#include "pg/commit.hpp"
#include "store/events.hpp"
#include "store/sessions.hpp"
#include "table/table.hpp"

namespace session_service::store {

namespace {

constexpr core::Micros once_in = 60 * core::micros_per_second;

constinit pg::Statement select_recent{
    R"(SELECT EXISTS (
           SELECT 1 FROM session_service.events e
           WHERE e.user_id = $1 AND e.bucket = $2 AND e.id >= $3 AND e.session_id = $4
               AND e.kind = 'session.proof_rejected'))",
    pg::parameters(UUIDOID, INT2OID, UUIDOID, UUIDOID)};

bool has_recent(const UserKey& user, const core::Uuid& session_id, core::Micros now) {
    const core::Uuid first = first_event_id(now - once_in);
    return table::as_owner([&](const pg::OwnerScope& owner) {
        return select_recent
            .read(owner, {user.id_value(), user.bucket_value(), pg::uuid_value(first),
                          pg::uuid_value(session_id)})
            .boolean(0, 1);
    });
}

// A number that stands for the user, and for few others.
std::uint32_t number_of(const UserKey& user) {
    const core::Digest digest = core::sha256(user.id);
    std::uint32_t number = 0;
    std::memcpy(&number, digest.data(), sizeof(number));
    return number;
}

// Of two calls at once only one goes on to look and to write; the other is left out.
bool is_first(const UserKey& user) {
    return table::lock_number_if_free(table::TableName::events, number_of(user));
}

// Whether the session is there still, once nobody can delete its user's events unseen.
bool is_there(const core::Uuid& session_id) {
    SessionLookup lookup = SessionLookup::open(table::sessions::id);
    const bool is_found = lookup.find(session_id).has_value();
    lookup.close();
    return is_found;
}

} // namespace

void record_rejection(const UserKey& user, const core::Uuid& session_id,
                      const core::Uuid& device_id, pg::Value ip_address, core::Micros now) {
    // To look waits for who holds the table as well, so that each lock comes first; and a write's
    // only where something is to be written, since it keeps others out until the transaction ends.
    using table::TableName;
    if (!is_recorded(EventKind::session_proof_rejected) || !pg::is_writable() ||
        !table::lock_if_free(TableName::events, AccessShareLock) ||
        has_recent(user, session_id, now) ||
        !table::lock_if_free(TableName::events, RowExclusiveLock) || !is_first(user) ||
        !is_there(session_id) || has_recent(user, session_id, now)) {
        return;
    }
    const pg::OptionalWrite write;
    record(user, now,
           {.kind = EventKind::session_proof_rejected,
            .session_id = session_id,
            .device_id = device_id,
            .ip_address = ip_address});
    write.done();
}

void wait_for_rejections(const UserKey& user) {
    table::lock_number(table::TableName::events, number_of(user));
}

} // namespace session_service::store
