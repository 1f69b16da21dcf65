// The rules of a session's life as plain functions of times and settings.
//
// All times and durations are microseconds. The epoch does not matter here, as long as all times
// share it. Each deadline is exclusive: at the deadline itself it is over.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace session_service::core {

using Micros = std::int64_t;

inline constexpr Micros micros_per_second = 1'000'000;
inline constexpr Micros micros_per_day = 86'400 * micros_per_second;

/// A deadline that never comes.
inline constexpr Micros never = std::numeric_limits<Micros>::max();

/// How long the parts of a session live; 0 means "no such limit" for inactivity and absolute.
struct Lifetimes {
    Micros session = 0;
    Micros refresh = 0;
    Micros inactivity = 0;
    Micros absolute = 0;
};

/// The deadlines in force, `never` where there is none. `refresh` is `no_refresh` where the session
/// has no refresh token.
inline constexpr Micros no_refresh = std::numeric_limits<Micros>::min();
struct Deadlines {
    Micros expires = never;
    Micros refresh = no_refresh;
    Micros idle = never;
    Micros absolute = never;

    bool operator==(const Deadlines&) const = default;
};

enum class Status : std::uint8_t { active, expired, idle, revoked };

/// `time` + `duration`, held at the bounds of Micros instead of overflowing; `never` stays `never`.
Micros later(Micros time, Micros duration) noexcept;

/// The lifetimes that hold at a renewal: part by part the shorter of the session's own (kept from
/// its creation) and the settings of the moment, where 0 is longest for the parts that allow it.
Lifetimes shorter(const Lifetimes& own, const Lifetimes& settings) noexcept;

/// Deadlines of a session created, or wholly renewed, at `now`. `absolute` is kept as given.
Deadlines renewed(Micros now, const Lifetimes& lifetimes, Micros absolute,
                  bool with_refresh) noexcept;

/// Past both expiries: nothing can make it active again.
bool is_expired_for_good(const Deadlines& deadlines, Micros now) noexcept;

/// Usable: not idle, and before the later of both expiries. (Revocation is judged apart.)
bool is_usable(const Deadlines& deadlines, Micros now) noexcept;

/// When a session that is not revoked will be over unless something renews it; `never` where there
/// is no end.
Micros end_of(const Deadlines& deadlines) noexcept;

/// Revoked, then expired, then idle, then active.
Status status_of(bool revoked, const Deadlines& deadlines, Micros now) noexcept;

/// Whether activity is due to be written: `touch_interval` has passed since the last, or a tenth of
/// the session's inactivity timeout (0: none) where that is shorter, so that a session in use never
/// idles out. A clock that went backwards makes nothing due.
bool is_touch_due(Micros last_activity, Micros now, Micros touch_interval,
                  Micros inactivity) noexcept;

/// The expiry after sliding: unchanged while at least half of `session_lifetime` is left, else
/// `now` + `session_lifetime`, never past `absolute` and never earlier than it was. What has
/// expired by `now` stays so.
Micros slide(Micros expires, Micros absolute, Micros now, Micros session_lifetime) noexcept;

/// The expiry after an extension by `duration`: never past `absolute`, never earlier than it was.
Micros extended(Micros expires, Micros absolute, Micros now, Micros duration) noexcept;

/// Whether a call that began at `began` falls within `grace` of the rotation. One that began before
/// the rotation (it waited, or the clock went backwards) does; a grace of 0 lets nothing through.
bool is_within_grace(Micros rotated, Micros began, Micros grace) noexcept;

/// The start of a time's day (UTC, in an epoch that starts at a midnight).
Micros start_of_day(Micros time) noexcept;

/// When a session that is not revoked will be over at the latest, cut to the start of that day, so
/// that activity moves it at most once a day and an index on it stays quiet. Never later than the
/// true end, so that a search by it misses nothing; `never` where there is no end.
Micros purge_day(const Deadlines& deadlines) noexcept;

} // namespace session_service::core
