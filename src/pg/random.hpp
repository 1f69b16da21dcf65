// The server's cryptographically secure random numbers.
#pragma once

#include "core/bytes.hpp"

#include "pg/prelude.hpp"

namespace session_service::pg {

/// Fills `out`, or fails the call: there is no weaker source to fall back to.
inline void fill_random(core::MutableBytes out) {
    errno = 0;
    if (!pg_strong_random(out.data(), out.size())) {
        // The first numbers of a process may take memory.
        if (errno == ENOMEM) {
            ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
        }
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values"),
                        errhint("Check the server's OpenSSL configuration.")));
    }
}

/// An array of random bytes.
template <typename Array>
Array random_bytes() {
    Array bytes{};
    fill_random(bytes);
    return bytes;
}

} // namespace session_service::pg
