// The buckets that this server holds (session_service.buckets): the fence that lets a range of them
// move to another server. What is asked for by an id or token of another bucket is refused with
// 55000, never answered with "no", which would sign the user out; what goes over all rows passes
// over those of other buckets, so that a row which two servers have for a while counts once.
#pragma once

#include "core/uuid.hpp"

#include "pg/settings.hpp"
#include "pg/sql_text.hpp"

namespace session_service::store {

inline bool is_held(std::uint16_t bucket) {
    const core::BucketSet* held = pg::settings::buckets();
    return held == nullptr || held->contains(bucket);
}

[[noreturn]] void raise_not_held(std::uint16_t bucket);

/// The same bucket; 55000 where this server does not hold it.
inline std::uint16_t require_held(std::uint16_t bucket) {
    if (!is_held(bucket)) {
        raise_not_held(bucket);
    }
    return bucket;
}

namespace rules {

/// Of a session `s`, for a statement that goes over the rows of all buckets.
inline constexpr pg::SqlText held{"session_service.holds_bucket(s.bucket::int4)"};

} // namespace rules

} // namespace session_service::store
