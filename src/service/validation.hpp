// Whether a presented session token is good, now.
#pragma once

#include "core/possession.hpp"

#include "service/tokens.hpp"
#include "store/sessions.hpp"

namespace session_service::service {

/// A session token as its id and hash, which is all that validation needs.
struct SessionKey {
    core::Uuid session_id;
    core::Digest hash;

    static SessionKey of(const Presented& presented) {
        return {.session_id = presented.session_id, .hash = presented.hash};
    }
};

/// Reads a session token; nothing for any other text.
std::optional<SessionKey> read_session_token(std::optional<std::string_view> text);

/// The last column that a validation reads.
inline constexpr table::sessions::Column last_validated_column = table::sessions::acr;

/// The row of the active session that the key opens, valid until the lookup moves on. Its activity
/// is noted where that is due; `ip_address` may be NULL. A session that is bound for requests is
/// not opened by its token alone.
std::optional<store::SessionRow> validate(store::SessionLookup& lookup, const SessionKey& key,
                                          pg::Value ip_address);

/// The same of one key; `use` sees the session, if there is one, while it is at hand.
template <typename Use>
void with_valid_session(const SessionKey& key, pg::Value ip_address, Use&& use) {
    store::SessionLookup lookup = store::SessionLookup::open(last_validated_column);
    if (const auto session = validate(lookup, key, ip_address)) {
        use(*session);
    }
    lookup.close();
}

/// The same whatever the session is bound to, for what opens nothing: the caller had a proof judged
/// before, where one is needed.
std::optional<store::SessionRow> validate_unproven(store::SessionLookup& lookup,
                                                   const SessionKey& key);

/// The same of one presented token; `use` sees the session, if there is one.
template <typename Use>
void with_unproven_session(const Presented& presented, Use&& use) {
    store::SessionLookup lookup = store::SessionLookup::open(last_validated_column);
    if (const auto session = validate_unproven(lookup, SessionKey::of(presented))) {
        use(*session);
    }
    lookup.close();
}

/// The same of a session that is bound for requests, with the proof of this one; of no other.
std::optional<store::SessionRow> validate_proven(store::SessionLookup& lookup,
                                                 const Presented& presented,
                                                 const core::PresentedProof& proof,
                                                 pg::Value ip_address);

} // namespace session_service::service
