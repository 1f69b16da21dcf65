// Renewing a session: refresh, reauthentication, rotation and extension.
//
// A refresh decides without a lock which case it has. The rotation replaces the very row that was
// read, so that of any number of calls with one token exactly one rotates; the others then find
// their token to be the one replaced last, and derive the same pair from it (core/rotation.hpp).
#pragma once

#include "core/possession.hpp"
#include "core/token.hpp"

#include "pg/value.hpp"
#include "service/tokens.hpp"

namespace session_service::service {

using core::Micros;

struct Refreshed {
    core::Uuid session_id;
    core::Uuid user_id;
    core::TokenText token;
    core::TokenText refresh_token;
    Micros expires;
    Micros refresh_expires;
    bool repeated;
};

/// Exchanges a refresh token for a new pair, or for the same new pair again within the grace. Any
/// other refresh token that the session once issued ends the session; nothing comes back, and no
/// error is raised, since that would undo it. A bound session needs a proof by its key, and without
/// a good one nothing happens to it; of any other session the proof does not matter.
std::optional<Refreshed> refresh(const Presented& presented, const core::PresentedProof& proof,
                                 pg::Value ip_address, pg::Value user_agent);

/// What the application tells of a new check of the user.
struct NewAuthentication {
    pg::Value acr;
    pg::Value amr;
    pg::Value ip_address;
};

struct Reauthenticated {
    core::Uuid session_id;
    core::Uuid user_id;
    core::TokenText token;
    std::optional<core::TokenText> refresh_token;
    Micros expires;
    Micros refresh_expires;
};

/// A fresh pair, which does not follow from the old one, for the active session that the presented
/// token opens, whose user was checked again. Every lifetime starts anew.
std::optional<Reauthenticated> reauthenticate(const Presented& presented,
                                              const NewAuthentication& authentication);

struct Rotated {
    core::Uuid session_id;
    core::TokenText token;
    Micros expires;
};

/// A new session token for the active session that the presented one opens.
std::optional<Rotated> rotate(const Presented& presented);

/// Extends an active session to now + `by`, by default its own lifetime or the setting's if that is
/// shorter. The expiry then in force.
std::optional<Micros> extend(const core::Uuid& session_id, std::optional<Micros> by);

} // namespace session_service::service
