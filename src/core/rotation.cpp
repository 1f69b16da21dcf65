#include "core/rotation.hpp"

#include "core/crypto.hpp"

#include <stdexcept>

namespace session_service::core {

SuccessorSecrets derive_successors(Bytes key_material, const RotationSalt& salt,
                                   std::size_t secret_length) {
    // The length may come from a stored row, so it is checked here, before any byte is written.
    if (secret_length < min_secret_length || secret_length > max_secret_length) {
        throw std::length_error("secret length out of bounds");
    }
    SuccessorSecrets secrets;
    secrets.session.length = secret_length;
    secrets.refresh.length = secret_length;
    hkdf_sha256(key_material, salt, "session", secrets.session.view());
    hkdf_sha256(key_material, salt, "refresh", secrets.refresh.view());
    return secrets;
}

FamilyKey derive_family_key(Bytes key_material, const Uuid& session_id) {
    FamilyKey key{};
    hkdf_sha256(key_material, session_id, "family", key);
    return key;
}

} // namespace session_service::core
