#include "store/external_sessions.hpp"

#include "store/buckets.hpp"
#include "store/session_info.hpp"
#include "table/table.hpp"

namespace session_service::store {

namespace {

constinit pg::Statement insert_external{
    R"(INSERT INTO session_service.external_sessions (external_hash, session_id, bucket)
       VALUES ($1::session_service.token_hash, $2, $3))",
    pg::parameters(BYTEAOID, UUIDOID, INT2OID)};

constexpr auto of_external =
    pg::SqlText{
        R"(JOIN session_service.external_sessions x ON x.session_id = s.id AND x.bucket = s.bucket
       WHERE x.external_hash OPERATOR(session_service.=) $3::session_service.token_hash AND )"} +
    rules::held;

constexpr auto parameter_types = pg::parameters(TIMESTAMPTZOID, UUIDOID, BYTEAOID);

constinit pg::Statement select_all{session_info::columns + " FROM session_service.sessions s " +
                                       session_info::device + of_external +
                                       session_info::latest_first,
                                   parameter_types};

constinit pg::Statement select_revocable{"SELECT s.user_id, s.id FROM session_service.sessions s " +
                                             of_external + " AND " + rules::revocable +
                                             " ORDER BY s.user_id, s.id",
                                         parameter_types};

std::array<pg::Value, 3> parameters(const core::Digest& external_hash, Micros now) {
    return {pg::time_value(now), pg::null_value, pg::bytea_value(external_hash)};
}

} // namespace

void add_external_session(const core::Digest& external_hash, const UserKey& user,
                          const core::Uuid& session_id) {
    table::as_owner([&](const pg::OwnerScope& owner) {
        (void)insert_external.write(owner, {pg::bytea_value(external_hash),
                                            pg::uuid_value(session_id), user.bucket_value()});
    });
}

pg::Result external_sessions(const pg::OwnerScope& owner, const core::Digest& external_hash,
                             Micros now) {
    return select_all.read(owner, parameters(external_hash, now));
}

std::span<OwnedSession> revocable_external_sessions(const pg::OwnerScope& owner,
                                                    const core::Digest& external_hash, Micros now) {
    return owned_sessions(select_revocable.read(owner, parameters(external_hash, now)));
}

} // namespace session_service::store
