#include "core/json.hpp"

#include <map>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

namespace session_service::core {
namespace {

/// The values that are asked for. All others are told from a member that is missing, no more.
using JsonValue =
    std::variant<std::monostate, std::string, double, std::shared_ptr<const JsonMembers>>;

} // namespace

struct JsonMembers {
    std::map<std::string, JsonValue, std::less<>> by_name;
};

namespace {

/// Takes what the parser reads, piece by piece, and stops it by false. The parser keeps all that is
/// open in memory of its own, so that no depth of the text runs away with the stack.
class Reader {
  public:
    // NOLINTBEGIN(readability-identifier-naming): the parser's names
    bool null() { return take({}); }
    bool boolean(bool /*value*/) { return take({}); }
    bool number_integer(std::int64_t value) { return take(static_cast<double>(value)); }
    bool number_unsigned(std::uint64_t value) { return take(static_cast<double>(value)); }
    bool number_float(double value, const std::string& /*text*/) { return take(value); }
    bool string(std::string& value) { return has_no_null(value) && take(std::move(value)); }
    static bool binary(std::vector<std::uint8_t>& /*value*/) { return false; }

    bool start_object(std::size_t /*size*/) {
        auto members = std::make_shared<JsonMembers>();
        if (open_.empty()) {
            whole_ = members;
        }
        return take(members) && open(std::move(members));
    }
    bool key(std::string& name) {
        const auto [place, is_new] = open_.back()->by_name.try_emplace(std::move(name));
        next_ = &place->second;
        return is_new && has_no_null(place->first);
    }
    bool end_object() { return close(); }

    bool start_array(std::size_t /*size*/) { return take({}) && open(nullptr); }
    bool end_array() { return close(); }

    static bool parse_error(std::size_t /*place*/, const std::string& /*token*/,
                            const nlohmann::json::exception& /*error*/) {
        return false;
    }
    // NOLINTEND(readability-identifier-naming)

    /// Null where the text is no object.
    std::shared_ptr<const JsonMembers> whole() const { return whole_; }

  private:
    static bool has_no_null(std::string_view text) {
        return text.find('\0') == std::string_view::npos;
    }

    /// An element of an array is read, and left.
    bool take(JsonValue value) {
        if (next_ != nullptr) {
            *next_ = std::move(value);
            next_ = nullptr;
        }
        return true;
    }
    bool open(std::shared_ptr<JsonMembers> members) {
        open_.push_back(std::move(members));
        return open_.size() <= max_json_depth;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    std::shared_ptr<JsonMembers> whole_;
    std::vector<std::shared_ptr<JsonMembers>> open_; // null for an array
    JsonValue* next_ = nullptr;                      // where the value of the last name belongs
};

/// The member of that name where it is of that type, or null.
template <typename Value>
const Value* find(const JsonMembers& members, std::string_view name) noexcept {
    const auto place = members.by_name.find(name);
    return place == members.by_name.end() ? nullptr : std::get_if<Value>(&place->second);
}

} // namespace

JsonObject::JsonObject(std::shared_ptr<const JsonMembers> members) noexcept
    : members_(std::move(members)) {}

std::optional<JsonObject> JsonObject::parse(std::string_view text) {
    // Two things that the parser is kinder to: it takes a null byte for the end of the text, and
    // leaves out a byte order mark.
    if (text.find('\0') != std::string_view::npos || text.starts_with("\xef\xbb\xbf")) {
        return std::nullopt;
    }
    Reader reader;
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader) ||
        reader.whole() == nullptr) {
        return std::nullopt;
    }
    return JsonObject(reader.whole());
}

bool JsonObject::has(std::string_view name) const noexcept {
    return members_->by_name.contains(name);
}

std::optional<std::string_view> JsonObject::string(std::string_view name) const noexcept {
    const auto* value = find<std::string>(*members_, name);
    return value == nullptr ? std::nullopt : std::optional<std::string_view>(*value);
}

std::optional<double> JsonObject::number(std::string_view name) const noexcept {
    const auto* value = find<double>(*members_, name);
    return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<JsonObject> JsonObject::object(std::string_view name) const noexcept {
    const auto* value = find<std::shared_ptr<const JsonMembers>>(*members_, name);
    return value == nullptr ? std::nullopt : std::optional(JsonObject(*value));
}

} // namespace session_service::core
