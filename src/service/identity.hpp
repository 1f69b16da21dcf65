// Who the current transaction acts for, as of its authenticate().
#pragma once

#include "core/bytes.hpp"

#include "pg/prelude.hpp"
#include "store/session_rules.hpp"

namespace session_service::service {

struct Identity {
    core::Uuid session_id;
    core::Uuid user_id;
    core::Micros authenticated;
    core::Micros mfa_verified; // `never` where it was not
    std::string_view scopes;   // separated by spaces, which no scope has
    std::string_view metadata; // as JSON
};

/// Whether the user was checked less than `max_age` ago.
bool is_authenticated_within(const Identity& identity, core::Micros max_age);

/// Whether the session passed multi-factor authentication, less than `max_age` ago where that is
/// given.
bool is_mfa_verified(const Identity& identity, std::optional<core::Micros> max_age);

/// Binds the session to the rest of the transaction.
void bind_identity(const store::SessionRow& session);

/// The same for a session that another server vouches for. REQUIRES: scopes as they are stored.
void bind_identity(const core::Uuid& session_id, const core::Uuid& user_id,
                   core::Micros authenticated, core::Micros mfa_verified, Datum scopes,
                   Datum metadata);

/// Takes any binding away.
void clear_identity();

/// The binding in force, valid until it changes.
std::optional<Identity> current_identity();

/// Whether `scope` is one of `scopes`.
bool has_scope(std::string_view scopes, std::string_view scope);

} // namespace session_service::service
