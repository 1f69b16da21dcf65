// Sessions that are bound to a key whose private half never leaves the device: a stolen token alone
// is not enough. The key is proved at each refresh (DBSC) or with each request (DPoP, RFC 9449);
// core/possession.hpp has the rules of the proofs.
//
// Who has no key changes nothing: a refused proof takes no lock and writes nothing, but for one
// event a minute and session.
#pragma once

#include "core/possession.hpp"

#include "pg/value.hpp"
#include "service/tokens.hpp"
#include "store/sessions.hpp"

namespace session_service::service {

using core::Micros;
using core::PresentedProof;

/// What the client of this token has to sign next; nothing where there is nothing to prove.
std::optional<core::Challenge> challenge(const Presented& presented);

/// A session that is bound, as the client is told.
struct Bound {
    core::Uuid session_id{};
    store::Binding binding = store::Binding::none;
    core::KeyText key;
    Micros expires = 0;
    Micros refresh_expires = 0;
};

/// Binds the active session of the presented session token to the key of the proof. One that is
/// bound to the same key already stays as it is, and is told again.
std::optional<Bound> bind(const Presented& presented, const PresentedProof& proof);

/// Whether the session once issued the refresh token. Of an imported one its presence in the table
/// says so, until the user was checked again.
bool was_issued_by(const store::SessionRow& session, const Presented& presented);

/// The hash of a refresh token's family key; nothing of an imported one, which has none.
std::optional<core::Digest> family_of(const Presented& presented);

/// What a proof is worth to the bound session of a presented refresh token.
core::RefreshProof judge_refresh(const store::SessionRow& session, const Presented& presented,
                                 const PresentedProof& proof, bool may_repeat, Micros now);

/// Whether the proof of a request opens a session that is bound for requests, with the session
/// token that was presented.
bool is_proven(const store::SessionRow& session, const Presented& presented,
               const PresentedProof& proof, Micros now);

/// Counts a refused proof, and records it at most once a minute.
void note_rejection(const core::Uuid& user_id, const core::Uuid& session_id,
                    const core::Uuid& device_id, pg::Value ip_address);

} // namespace session_service::service
