// What a transaction's validations noted, until it commits.
//
// A log of notes, in the order in which they were taken, each with the subtransaction that it
// belongs to. Subtransactions nest, and their numbers grow. So the notes of one that ends are the
// last ones of the log, from the first whose number is not smaller: rolled back, they are cut off;
// committed, they become its parent's. Each ending looks at its own notes alone, and costs nothing
// where there are none.
#pragma once

#include "core/bytes.hpp"
#include "core/lifetime.hpp"

#include "pg/value.hpp"

extern "C" {
#include "utils/hsearch.h"
#include "utils/inet.h"
}

namespace session_service::store {

/// An inet as the server stores it: a header of up to 4 bytes, family, netmask and up to 16 bytes.
inline constexpr std::size_t max_inet_size = VARHDRSZ + sizeof(inet_struct);

struct Note {
    core::Uuid session_id;
    core::Micros at;
    SubTransactionId subtransaction;
    std::int32_t earlier; // the place of this session's note before this one, or -1
    bool has_ip_address;
    alignas(8) std::array<char, max_inet_size> ip_address;

    pg::Value ip_value() const {
        return has_ip_address ? pg::value(PointerGetDatum(ip_address.data())) : pg::null_value;
    }
};
static_assert(std::is_trivially_copyable_v<Note>, "lives in the server's memory");

/// The notes of one transaction, in its memory.
class Notes {
  public:
    /// None yet, in the memory of the current transaction.
    static Notes* create();

    /// Adds what a subtransaction noted of a session, or to what it noted before.
    void add(const core::Uuid& session_id, SubTransactionId subtransaction, core::Micros at,
             pg::Value ip_address);

    // These take no memory, so they cannot fail.
    void drop(SubTransactionId subtransaction);
    void hand_over(SubTransactionId subtransaction, SubTransactionId parent);

    /// The notes, one for each session once all subtransactions are over.
    std::span<const Note> all() const { return {notes_, static_cast<std::size_t>(count_)}; }

  private:
    std::int32_t first_of(SubTransactionId subtransaction) const;

    HTAB* latest_; // of each session: its place in the log
    Note* notes_;
    std::int32_t count_;
    std::int32_t room_;
};

} // namespace session_service::store
