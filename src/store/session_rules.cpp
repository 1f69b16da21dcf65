#include "store/session_rules.hpp"

namespace session_service::store {

namespace sessions = table::sessions;

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

ChallengeKey SessionRow::challenge_key() const {
    ChallengeKey key{};
    const pg::Value stored = get(sessions::challenge_key);
    if (!stored.isnull) {
        const std::string_view bytes = pg::to_view(stored.value);
        std::memcpy(key.data(), bytes.data(), std::min(bytes.size(), key.size()));
    }
    return key;
}

std::optional<core::RotationSalt> SessionRow::rotation_salt() const {
    if (is_null(sessions::rotation_salt)) {
        return std::nullopt;
    }
    const std::string_view stored = pg::to_view(get(sessions::rotation_salt).value);
    core::RotationSalt salt{};
    if (stored.size() != salt.size()) {
        return std::nullopt;
    }
    std::memcpy(salt.data(), stored.data(), salt.size());
    return salt;
}

} // namespace session_service::store
