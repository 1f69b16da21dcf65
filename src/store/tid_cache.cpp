#include "store/tid_cache.hpp"

#include <algorithm>

namespace session_service::store {

namespace {

// Not the whole id, since the row tells it: a wrong hint costs one page, and one in 65,536 is
// wrong.
struct Hint {
    ItemPointerData tid;
    std::uint16_t tag;
};

// The hints of a set lie in one line of the processor's cache, the latest first.
using Set = std::array<Hint, 8>;
static_assert(sizeof(Set) == 64);

// Room for 65,536 sessions in half a megabyte, which the system gives a backend page by page as it
// is used.
constexpr std::size_t set_count = 8192;
alignas(sizeof(Set)) std::array<Set, set_count> sets;

struct Place {
    Set& set;
    std::uint16_t tag;
};

// The end of a UUIDv7 is random.
Place place_of(const core::Uuid& id) {
    std::uint64_t random = 0;
    std::memcpy(&random, &id[id.size() - sizeof(random)], sizeof(random));
    return {.set = sets[(random >> 16) % set_count],
            .tag = static_cast<std::uint16_t>(random >> 32)};
}

// Moves `hint` to the front of its set.
void bring_forward(Set& set, Set::iterator hint) {
    std::rotate(set.begin(), hint, std::next(hint));
}

} // namespace

std::optional<ItemPointerData> remembered_tid(const core::Uuid& id) {
    const auto [set, tag] = place_of(id);
    auto* const hint = std::ranges::find(set, tag, &Hint::tag);
    // One that was never written is all zeros, which is no address.
    if (hint == set.end() || !ItemPointerIsValid(&hint->tid)) {
        return std::nullopt;
    }
    bring_forward(set, hint);
    return set.front().tid;
}

void remember_tid(const core::Uuid& id, const ItemPointerData& tid) {
    const auto [set, tag] = place_of(id);
    auto* hint = std::ranges::find(set, tag, &Hint::tag);
    if (hint == set.end()) {
        hint = std::prev(set.end());
    }
    *hint = {.tid = tid, .tag = tag};
    bring_forward(set, hint);
}

} // namespace session_service::store
