#include "core/lifetime.hpp"

#include <algorithm>

namespace session_service::core {
namespace {

bool is_past(Micros deadline, Micros now) noexcept {
    return deadline != never && now >= deadline;
}

/// The shorter of two durations of which 0 means "no limit".
Micros shorter_limit(Micros left, Micros right) noexcept {
    if (left == 0 || right == 0) {
        return std::max(left, right);
    }
    return std::min(left, right);
}

/// `expires` moved to `wanted` as far as `absolute` allows, but never back.
Micros moved_on(Micros expires, Micros wanted, Micros absolute) noexcept {
    return std::max(expires, std::min(wanted, absolute));
}

} // namespace

Micros later(Micros time, Micros duration) noexcept {
    if (time == never) {
        return never;
    }
    Micros sum = 0;
    if (__builtin_add_overflow(time, duration, &sum)) {
        return duration > 0 ? never : std::numeric_limits<Micros>::min();
    }
    return sum;
}

Lifetimes shorter(const Lifetimes& own, const Lifetimes& settings) noexcept {
    return {.session = std::min(own.session, settings.session),
            .refresh = std::min(own.refresh, settings.refresh),
            .inactivity = shorter_limit(own.inactivity, settings.inactivity),
            .absolute = shorter_limit(own.absolute, settings.absolute)};
}

Deadlines renewed(Micros now, const Lifetimes& lifetimes, Micros absolute,
                  bool with_refresh) noexcept {
    return {.expires = std::min(later(now, lifetimes.session), absolute),
            .refresh =
                with_refresh ? std::min(later(now, lifetimes.refresh), absolute) : no_refresh,
            .idle = lifetimes.inactivity == 0 ? never : later(now, lifetimes.inactivity),
            .absolute = absolute};
}

bool is_expired_for_good(const Deadlines& deadlines, Micros now) noexcept {
    return is_past(std::max(deadlines.expires, deadlines.refresh), now);
}

bool is_usable(const Deadlines& deadlines, Micros now) noexcept {
    return !is_past(deadlines.idle, now) && !is_expired_for_good(deadlines, now);
}

Micros end_of(const Deadlines& deadlines) noexcept {
    return std::min(deadlines.idle, std::max(deadlines.expires, deadlines.refresh));
}

Status status_of(bool revoked, const Deadlines& deadlines, Micros now) noexcept {
    if (revoked) {
        return Status::revoked;
    }
    if (is_past(deadlines.expires, now)) {
        return Status::expired;
    }
    if (is_past(deadlines.idle, now)) {
        return Status::idle;
    }
    return Status::active;
}

bool is_touch_due(Micros last_activity, Micros now, Micros touch_interval,
                  Micros inactivity) noexcept {
    const Micros interval =
        inactivity == 0 ? touch_interval : std::min(touch_interval, inactivity / 10);
    return now >= later(last_activity, interval);
}

Micros slide(Micros expires, Micros absolute, Micros now, Micros session_lifetime) noexcept {
    if (is_past(expires, now)) {
        return expires;
    }
    // At least half is left when going back from the expiry by what is to be left reaches `now`;
    // half of an odd lifetime is rounded up, so that nothing less than half passes for it.
    const Micros half = session_lifetime / 2 + session_lifetime % 2;
    if (expires >= later(now, half)) {
        return expires;
    }
    return moved_on(expires, later(now, session_lifetime), absolute);
}

Micros extended(Micros expires, Micros absolute, Micros now, Micros duration) noexcept {
    return moved_on(expires, later(now, duration), absolute);
}

bool is_within_grace(Micros rotated, Micros began, Micros grace) noexcept {
    return grace > 0 && began < later(rotated, grace);
}

Micros start_of_day(Micros time) noexcept {
    if (time == never) {
        return never;
    }
    const Micros since_midnight = (time % micros_per_day + micros_per_day) % micros_per_day;
    return later(time, -since_midnight);
}

Micros purge_day(const Deadlines& deadlines) noexcept {
    return start_of_day(end_of(deadlines));
}

} // namespace session_service::core
