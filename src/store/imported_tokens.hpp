// Hashes of tokens that another system issued. Of all tokens only these are found by their hash.
#pragma once

#include "pg/statement.hpp"
#include "store/users.hpp"

namespace session_service::store {

struct ImportedToken {
    core::Uuid session_id;
    bool is_refresh;
};

std::optional<ImportedToken> find_imported_token(const core::Digest& hash);

/// Adds a hash; false where it is known already.
bool add_imported_token(const pg::OwnerScope& owner, const core::Digest& hash, const UserKey& user,
                        const core::Uuid& session_id, bool is_refresh);

} // namespace session_service::store
