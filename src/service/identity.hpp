// Who the current transaction acts for, as of its authenticate().
#pragma once

#include "core/bytes.hpp"

#include "pg/prelude.hpp"
#include "store/session_rules.hpp"

namespace session_service::service {

struct Identity {
    core::Uuid session_id;
    core::Uuid user_id;
    bool is_mfa_verified;
    std::string_view scopes; // separated by spaces, which no scope has
};

/// Binds the session to the rest of the transaction.
void bind_identity(const store::SessionRow& session);

/// Takes any binding away.
void clear_identity();

/// The binding in force, valid until it changes.
std::optional<Identity> current_identity();

/// Whether `scope` is one of `scopes`.
bool has_scope(std::string_view scopes, std::string_view scope);

} // namespace session_service::service
