// JSON objects (RFC 8259) from who may send anything, read by nlohmann/json: strict, and an object
// in which a name occurs twice is none (RFC 7515, section 4; RFC 8725, section 2.4).
#pragma once

#include "core/bytes.hpp"

#include <memory>
#include <optional>

namespace session_service::core {

struct JsonMembers;

/// No text in which objects and arrays are nested deeper is taken.
inline constexpr std::size_t max_json_depth = 16;

/// An object, or an object within one. Views that it gives live as long as it, or a copy of it.
class JsonObject {
  public:
    /// Nothing where the text is anything but one object, or a string in it holds U+0000. Where
    /// memory runs out, std::bad_alloc is thrown.
    static std::optional<JsonObject> parse(std::string_view text);

    bool has(std::string_view name) const noexcept;

    /// The member of that name; nothing where there is none, or it is of another type.
    std::optional<std::string_view> string(std::string_view name) const noexcept;
    std::optional<double> number(std::string_view name) const noexcept;
    std::optional<JsonObject> object(std::string_view name) const noexcept;

  private:
    explicit JsonObject(std::shared_ptr<const JsonMembers> members) noexcept;

    std::shared_ptr<const JsonMembers> members_;
};

} // namespace session_service::core
