#include "service/validation.hpp"

#include "pg/counters.hpp"
#include "service/binding.hpp"
#include "store/activity.hpp"

namespace session_service::service {

namespace {

using store::Binding;
using store::SessionRow;

// The session's row if the key opens it, it is active at `now`, and `accept` takes it.
template <typename Accept>
std::optional<SessionRow> find_active(store::SessionLookup& lookup, const SessionKey& key,
                                      core::Micros now, Accept&& accept) {
    const std::optional<SessionRow> session = lookup.find(key.session_id);
    const bool is_valid = session && session->is_opened_by(key.hash, now) &&
                          session->is_active(now) && accept(*session);
    return is_valid ? session : std::nullopt;
}

// Counts a validation, and notes its activity.
template <typename Accept>
std::optional<SessionRow> validate_accepted(store::SessionLookup& lookup, const SessionKey& key,
                                            pg::Value ip_address, Accept&& accept) {
    const core::Micros now = pg::now();
    const auto session = find_active(lookup, key, now, std::forward<Accept>(accept));
    if (!session) {
        pg::count(pg::Counter::validations_refused);
        return std::nullopt;
    }
    pg::count(pg::Counter::validations);
    store::note_activity(lookup, *session, now, ip_address);
    return session;
}

} // namespace

std::optional<SessionKey> read_session_token(std::optional<std::string_view> text) {
    const auto presented = read_token(text, core::TokenKind::session);
    if (!presented) {
        pg::count(pg::Counter::validations_refused);
        return std::nullopt;
    }
    return SessionKey::of(*presented);
}

std::optional<store::SessionRow> validate(store::SessionLookup& lookup, const SessionKey& key,
                                          pg::Value ip_address) {
    return validate_accepted(lookup, key, ip_address, [](const SessionRow& session) {
        return session.binding() != Binding::request;
    });
}

std::optional<store::SessionRow> validate_unproven(store::SessionLookup& lookup,
                                                   const SessionKey& key) {
    return validate_accepted(lookup, key, pg::null_value,
                             [](const SessionRow& /*unused*/) { return true; });
}

std::optional<store::SessionRow> validate_proven(store::SessionLookup& lookup,
                                                 const Presented& presented,
                                                 const core::PresentedProof& proof,
                                                 pg::Value ip_address) {
    return validate_accepted(
        lookup, SessionKey::of(presented), ip_address, [&](const SessionRow& session) {
            if (session.binding() != Binding::request) {
                return false;
            }
            const bool is_good = is_proven(session, presented, proof, pg::now());
            if (!is_good) {
                note_rejection(session.uuid(table::sessions::user_id), presented.session_id,
                               session.uuid(table::sessions::device_id), ip_address);
            }
            return is_good;
        });
}

} // namespace session_service::service
