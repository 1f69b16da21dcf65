// Stable UUIDs for applications whose user ids are numbers or texts.
#pragma once

#include "core/bytes.hpp"

#include <optional>

namespace session_service::core {

/// A UUIDv8 (RFC 9562, section 5.8) that holds the number, each number in one of its own:
///
///   custom_a   the 48 bits "sessid" in ASCII
///   custom_b   10 bits zero, then the number's upper 2 bits
///   custom_c   the number's lower 62 bits
///
/// Frozen: applications store it.
Uuid user_id_of_number(std::int64_t number) noexcept;

/// The number in such a UUID; nothing in any other.
std::optional<std::int64_t> number_of_user_id(const Uuid& id) noexcept;

/// A UUIDv5 (RFC 9562, section 5.5) of the text's bytes in the namespace
/// 5e551041-5e2f-5c1c-8e5d-1d0f0000aa5e. Frozen as well. Throws CryptoError.
Uuid user_id_of_text(std::string_view text);

} // namespace session_service::core
