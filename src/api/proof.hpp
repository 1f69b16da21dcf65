// The proof that a client presents, from a function's arguments.
#pragma once

#include "core/http_uri.hpp"
#include "core/possession.hpp"

#include "pg/arguments.hpp"

namespace session_service::api {

/// No method that is longer is looked at.
inline constexpr std::size_t max_http_method_length = 64;

/// A proof, the method and the URI of its request, in three arguments from `first` on. What is NULL
/// or larger than it can be is empty, and so proves nothing. Of a URI only as much is looked at as
/// is compared: its query may have any length.
inline core::PresentedProof presented_proof(const pg::Arguments& arguments, int first) {
    return {.text = arguments.small_text(first, core::max_jws_length).value_or(""),
            .method = arguments.small_text(first + 1, max_http_method_length).value_or(""),
            .uri = arguments.first_bytes(first + 2, core::max_http_uri_length + 1)};
}

} // namespace session_service::api
