// The application's text for a session of an identity provider (its issuer and sid, say), which is
// stored as its hash.
#pragma once

#include "core/crypto.hpp"

#include "pg/value.hpp"

namespace session_service::service {

inline core::Digest hash_external_id(pg::Value id) {
    return core::sha256(core::bytes_of(pg::to_view(id.value)));
}

} // namespace session_service::service
