#include "store/session_rules.hpp"

#include "pg/settings.hpp"

namespace session_service::store {

namespace sessions = table::sessions;

namespace {

// What a bytea holds, if it is there and has that size.
template <typename Array>
std::optional<Array> stored_bytes(pg::Value stored) {
    if (stored.isnull) {
        return std::nullopt;
    }
    const std::string_view view = pg::to_view(stored.value);
    Array bytes{};
    if (view.size() != bytes.size()) {
        return std::nullopt;
    }
    std::memcpy(bytes.data(), view.data(), bytes.size());
    return bytes;
}

} // namespace

core::Deadlines SessionRow::deadlines() const {
    return {.expires = time(sessions::expires_at),
            .refresh = time(sessions::refresh_expires_at, core::no_refresh),
            .idle = time(sessions::idle_expires_at),
            .absolute = time(sessions::absolute_expires_at)};
}

core::Lifetimes SessionRow::own_lifetimes() const {
    const Micros absolute_end = time(sessions::absolute_expires_at);
    return {.session = bigint(sessions::session_expiry),
            .refresh = bigint(sessions::refresh_expiry),
            .inactivity = bigint(sessions::inactivity_timeout),
            .absolute =
                absolute_end == core::never ? 0 : absolute_end - time(sessions::authenticated_at)};
}

core::Lifetimes SessionRow::lifetimes_in_force() const {
    return core::shorter(own_lifetimes(), pg::settings::lifetimes());
}

ChallengeKey SessionRow::challenge_key() const {
    return stored_bytes<ChallengeKey>(get(sessions::challenge_key)).value_or(ChallengeKey{});
}

std::optional<core::RotationSalt> SessionRow::rotation_salt() const {
    return stored_bytes<core::RotationSalt>(get(sessions::rotation_salt));
}

} // namespace session_service::store
