#include "service/validation.hpp"

#include "pg/counters.hpp"
#include "store/activity.hpp"

namespace session_service::service {

namespace {

// The session's row if the key opens it and it is active at `now`.
std::optional<store::SessionRow> find_active(store::SessionLookup& lookup, const SessionKey& key,
                                             core::Micros now) {
    const std::optional<store::SessionRow> session = lookup.find(key.session_id);
    const bool is_active = session && session->matches(table::sessions::token_hash, key.hash) &&
                           session->is_active(now);
    return is_active ? session : std::nullopt;
}

} // namespace

std::optional<SessionKey> read_session_token(std::optional<std::string_view> text) {
    const auto presented = read_token(text, core::TokenKind::session);
    if (!presented) {
        pg::count(pg::Counter::validations_refused);
        return std::nullopt;
    }
    return SessionKey{.session_id = presented->session_id, .hash = presented->hash};
}

std::optional<store::SessionRow> validate(store::SessionLookup& lookup, const SessionKey& key,
                                          pg::Value ip_address) {
    const core::Micros now = pg::now();
    const std::optional<store::SessionRow> session = find_active(lookup, key, now);
    if (!session) {
        pg::count(pg::Counter::validations_refused);
        return std::nullopt;
    }
    pg::count(pg::Counter::validations);
    store::note_activity(lookup, *session, now, ip_address);
    return session;
}

} // namespace session_service::service
