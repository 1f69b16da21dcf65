// The SQL type token_hash as a datum: 32 bytes, passed by reference, at any address.
#pragma once

#include "core/bytes.hpp"

#include "pg/prelude.hpp"

namespace session_service::pg {

static_assert(sizeof(core::Digest) == 32 && alignof(core::Digest) == 1 &&
                  std::is_trivially_copyable_v<core::Digest> &&
                  std::is_standard_layout_v<core::Digest>,
              "token_hash is stored as INTERNALLENGTH = 32, ALIGNMENT = char");

/// The digest behind a token_hash that is not NULL; lives as long as the datum does.
inline const core::Digest& digest_of(Datum token_hash) noexcept {
    return *reinterpret_cast<const core::Digest*>(DatumGetPointer(token_hash));
}

/// A token_hash in the current memory context, not yet filled.
inline core::Digest& new_digest() {
    return *static_cast<core::Digest*>(palloc(sizeof(core::Digest)));
}

/// `digest` as a datum that points to it.
inline Datum token_hash_datum(const core::Digest& digest) noexcept {
    return PointerGetDatum(&digest);
}

} // namespace session_service::pg
