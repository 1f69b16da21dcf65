#include "store/open_sessions.hpp"

#include "core/uuid.hpp"

#include "table/table.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/memutils.h"
}

namespace session_service::store {

namespace {

using table::For;
using table::Is;
using table::Table;
using table::TableName;
namespace sessions = table::sessions;

constexpr sessions::Column last_column = sessions::ip_address;

constinit auto by_id = table::Search{TableName::sessions,
                                     0,
                                     {{sessions::id, Is::equal}, {sessions::bucket, Is::equal}}}
                           .with_hints();

constinit table::Search open_of_user{TableName::sessions,
                                     1,
                                     {{sessions::user_id, Is::equal},
                                      {sessions::bucket, Is::equal},
                                      {sessions::revoked_at, Is::null},
                                      {sessions::is_closed, Is::equal}}};

constinit table::Search open_of_device{TableName::sessions,
                                       1,
                                       {{sessions::user_id, Is::equal},
                                        {sessions::bucket, Is::equal},
                                        {sessions::revoked_at, Is::null},
                                        {sessions::is_closed, Is::equal},
                                        {sessions::device_id, Is::equal}}};

// A list that grows, in memory of the context that was current when it was made.
template <typename Element>
class List {
  public:
    static List create() {
        List list;
        list.elements_ = static_cast<Element*>(palloc(sizeof(Element) * at_first));
        list.room_ = at_first;
        return list;
    }

    void add(const Element& element) {
        if (count_ == room_) {
            room_ *= 2;
            elements_ = static_cast<Element*>(repalloc(elements_, sizeof(Element) * room_));
        }
        elements_[count_++] = element;
    }
    void clear() { count_ = 0; }
    std::span<Element> all() const { return {elements_, count_}; }

  private:
    static constexpr std::size_t at_first = 16;

    Element* elements_ = nullptr;
    std::size_t count_ = 0;
    std::size_t room_ = 0;
};

// A user that signed in in this transaction; the list is there from the second sign-in on.
struct Remembered {
    std::uint64_t era = 0; // of the transaction, or of what is left of it after a rollback
    bool has_list = false;
    core::Uuid user_id{};
    List<core::Uuid> ids;
};

// One of the users that share a place makes room for the other.
std::array<Remembered, 1024> remembered{};
std::uint64_t era = 1;

Remembered& place_of(const UserKey& user) {
    return remembered[user.bucket % remembered.size()];
}

bool is_of(const Remembered& place, const UserKey& user) {
    return place.era == era && place.user_id == user.id;
}

// The list of this user's sessions, if there is one.
List<core::Uuid>* list_of(const UserKey& user) {
    Remembered& place = place_of(user);
    return is_of(place, user) && place.has_list ? &place.ids : nullptr;
}

void remember(const UserKey& user, std::span<const CountedSession> counted) {
    Remembered& place = place_of(user);
    if (!is_of(place, user)) {
        place = {.era = era, .has_list = false, .user_id = user.id, .ids = {}};
        return;
    }
    if (!place.has_list) {
        const MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
        place.ids = List<core::Uuid>::create();
        place.has_list = true;
        MemoryContextSwitchTo(caller);
    }
    place.ids.clear();
    for (const CountedSession& session : counted) {
        place.ids.add(session.id);
    }
}

// The memory goes with the transaction.
void forget_all() {
    ++era;
}

CountedSession counted(const SessionRow& session) {
    return {.id = session.uuid(sessions::id),
            .device_id = session.uuid(sessions::device_id),
            .created = session.time(sessions::created_at),
            .last_activity = session.time(sessions::last_activity_at),
            .has_address = !session.is_null(sessions::ip_address),
            .end = core::end_of(session.deadlines())};
}

void add_remembered(Table& table, const UserKey& user, std::span<const core::Uuid> ids,
                    List<CountedSession>& list) {
    for (const core::Uuid& id : ids) {
        const auto found = table.find(by_id, {pg::uuid_value(id), user.bucket_value()});
        if (found && SessionRow{*found}.is_open()) {
            list.add(counted(SessionRow{*found}));
        }
    }
}

using Found = std::optional<table::RowView>;

Found of_user(Table& table, const UserKey& user) {
    return table.find(open_of_user,
                      {user.id_value(), user.bucket_value(), pg::boolean_value(false)});
}

Found of_device(Table& table, const UserKey& user, const core::Uuid& device_id) {
    return table.find(open_of_device, {user.id_value(), user.bucket_value(),
                                       pg::boolean_value(false), pg::uuid_value(device_id)});
}

void add_found(Table& table, const UserKey& user, List<CountedSession>& list) {
    for (Found found = of_user(table, user); found; found = table.next()) {
        list.add(counted(SessionRow{*found}));
    }
}

// Whether one of the first few, which are the oldest where none has been changed, is like that.
template <typename IsLike>
bool is_any_of_a_few(Table& table, Found found, IsLike is_like) {
    constexpr int few = 8;
    for (int i = 0; found && i < few; ++i, found = table.next()) {
        if (is_like(SessionRow{*found})) {
            return true;
        }
    }
    return false;
}

void at_transaction_end(XactEvent /*event*/, void* /*unused*/) {
    forget_all();
}

void at_subtransaction_event(SubXactEvent event, SubTransactionId /*subtransaction*/,
                             SubTransactionId /*parent*/, void* /*unused*/) {
    if (event == SUBXACT_EVENT_ABORT_SUB) {
        forget_all();
    }
}

} // namespace

std::span<CountedSession> open_sessions(const UserKey& user) {
    auto list = List<CountedSession>::create();
    Table table = Table::open(TableName::sessions, For::reading, last_column);
    const List<core::Uuid>* known = list_of(user);
    // What a DBA added to the table may add or reopen sessions.
    if (known != nullptr && table.is_written_directly()) {
        add_remembered(table, user, known->all(), list);
    } else {
        add_found(table, user, list);
    }
    table.close();
    remember(user, list.all());
    return list.all();
}

void remember_open_session(const UserKey& user, const core::Uuid& id) {
    if (List<core::Uuid>* known = list_of(user)) {
        known->add(id);
    }
}

bool has_open_session(const UserKey& user, const core::Uuid& device_id, Micros at) {
    Table table = Table::open(TableName::sessions, For::reading, last_column);
    const bool has_one =
        is_any_of_a_few(table, of_device(table, user, device_id),
                        [at](const SessionRow& session) { return session.is_usable(at); });
    table.close();
    return has_one;
}

bool finds_open_session_over(const UserKey& user, const core::Uuid& device_id, Micros now) {
    const auto is_over = [now](const SessionRow& session) { return !session.is_usable(now); };
    Table table = Table::open(TableName::sessions, For::reading, last_column);
    const bool has_one = is_any_of_a_few(table, of_device(table, user, device_id), is_over) ||
                         is_any_of_a_few(table, of_user(table, user), is_over);
    table.close();
    return has_one;
}

void watch_open_sessions() {
    RegisterXactCallback(at_transaction_end, nullptr);
    RegisterSubXactCallback(at_subtransaction_event, nullptr);
}

} // namespace session_service::store
