#include "store/notes.hpp"
#include "pg/assert.hpp"

extern "C" {
#include "utils/memutils.h"
}

namespace session_service::store {

namespace {

struct Latest {
    core::Uuid session_id;
    std::int32_t place;
};

void set_ip_address(Note& note, pg::Value ip_address) {
    if (ip_address.isnull) {
        return;
    }
    const auto* address = reinterpret_cast<const char*>(PG_DETOAST_DATUM_PACKED(ip_address.value));
    SESSION_SERVICE_ASSERT(VARSIZE_ANY(address) <= max_inet_size);
    std::copy_n(address, VARSIZE_ANY(address), note.ip_address.begin());
    note.has_ip_address = true;
}

} // namespace

Notes* Notes::create() {
    constexpr std::int32_t at_first = 16;
    auto* notes = static_cast<Notes*>(MemoryContextAlloc(TopTransactionContext, sizeof(Notes)));
    HASHCTL control{};
    control.keysize = sizeof(core::Uuid);
    control.entrysize = sizeof(Latest);
    control.hcxt = TopTransactionContext;
    notes->latest_ = hash_create("session_service activity", at_first, &control,
                                 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    notes->notes_ =
        static_cast<Note*>(MemoryContextAlloc(TopTransactionContext, at_first * sizeof(Note)));
    notes->count_ = 0;
    notes->room_ = at_first;
    return notes;
}

void Notes::add(const core::Uuid& session_id, SubTransactionId subtransaction, core::Micros at,
                pg::Value ip_address) {
    if (count_ == room_) {
        notes_ =
            static_cast<Note*>(repalloc_huge(notes_, static_cast<Size>(room_) * 2 * sizeof(Note)));
        room_ *= 2;
    }
    bool is_known = false;
    auto* latest = static_cast<Latest*>(hash_search(latest_, &session_id, HASH_ENTER, &is_known));
    if (!is_known || notes_[latest->place].subtransaction != subtransaction) {
        notes_[count_] = {.session_id = session_id,
                          .at = at,
                          .subtransaction = subtransaction,
                          .earlier = is_known ? latest->place : -1,
                          .has_ip_address = false,
                          .ip_address = {}};
        latest->place = count_++;
    }
    Note& note = notes_[latest->place];
    note.at = at;
    set_ip_address(note, ip_address);
}

std::int32_t Notes::first_of(SubTransactionId subtransaction) const {
    std::int32_t first = count_;
    while (first > 0 && notes_[first - 1].subtransaction >= subtransaction) {
        --first;
    }
    return first;
}

void Notes::drop(SubTransactionId subtransaction) {
    const std::int32_t first = first_of(subtransaction);
    for (; count_ > first; --count_) {
        const Note& note = notes_[count_ - 1];
        if (note.earlier < 0) {
            (void)hash_search(latest_, &note.session_id, HASH_REMOVE, nullptr);
        } else {
            auto* latest =
                static_cast<Latest*>(hash_search(latest_, &note.session_id, HASH_FIND, nullptr));
            latest->place = note.earlier;
        }
    }
}

// A note that adds to one of the parent's is merged with it; the others move up to fill its place.
void Notes::hand_over(SubTransactionId subtransaction, SubTransactionId parent) {
    std::int32_t kept = first_of(subtransaction);
    for (std::int32_t i = kept; i < count_; ++i) {
        Note& note = notes_[i];
        auto* latest =
            static_cast<Latest*>(hash_search(latest_, &note.session_id, HASH_FIND, nullptr));
        if (note.earlier >= 0 && notes_[note.earlier].subtransaction == parent) {
            Note& earlier = notes_[note.earlier];
            earlier.at = note.at;
            if (note.has_ip_address) {
                earlier.has_ip_address = true;
                earlier.ip_address = note.ip_address;
            }
            latest->place = note.earlier;
        } else {
            note.subtransaction = parent;
            latest->place = kept;
            notes_[kept++] = note;
        }
    }
    count_ = kept;
}

} // namespace session_service::store
