// Any bytes: are refused, or are the one text of the three parts that come back. Any three parts:
// are a signature exactly where the first two are objects, and the first needs nothing to be
// understood.
#include "core/jws.hpp"

#include "core/base64url.hpp"
#include "fuzz.hpp"

namespace session_service {
namespace {

using core::Bytes;
using fuzz::require;

std::string encoded(Bytes bytes) {
    std::string text(core::base64url_length(bytes.size()), '\0');
    core::base64url_encode(bytes, text.data());
    return text;
}

/// Asks for each type of each of some names, and gives the objects that there are.
std::vector<core::JsonObject> objects_in(const core::JsonObject& object) {
    std::vector<core::JsonObject> objects;
    for (const std::string_view name : {"a", "b", "jwk", "key", "typ", "alg", "jti", "iat", ""}) {
        const auto text = object.string(name);
        const auto number = object.number(name);
        const auto inner = object.object(name);
        require((text ? 1 : 0) + (number ? 1 : 0) + (inner ? 1 : 0) <= (object.has(name) ? 1 : 0));
        require(!text || text->find('\0') == std::string_view::npos);
        if (inner) {
            objects.push_back(*inner);
        }
    }
    return objects;
}

/// The same of all that is in it, however deep.
void look_at(const core::JsonObject& object) {
    std::vector<core::JsonObject> level{object};
    for (std::size_t depth = 0; !level.empty(); ++depth) {
        require(depth < core::max_json_depth);
        std::vector<core::JsonObject> next;
        for (const core::JsonObject& member : level) {
            const auto inner = objects_in(member);
            next.insert(next.end(), inner.begin(), inner.end());
        }
        level = std::move(next);
    }
}

void check_text(std::string_view text) {
    const auto jws = core::parse_jws(text);
    if (!jws) {
        return;
    }
    require(text.size() <= core::max_jws_length);
    require(!jws->header.has("crit"));
    look_at(jws->header);
    look_at(jws->payload);
    require(std::string(jws->signing_input) + "." + encoded(jws->signature) == text);
    require(std::ranges::count(text, '.') == 2);
    require(text.find_first_of(" \t\r\n,=+/") == std::string_view::npos);
}

void check_object(std::string_view text) {
    if (const auto object = core::JsonObject::parse(text)) {
        look_at(*object);
        require(core::JsonObject::parse(" " + std::string(text) + "\n").has_value());
        require(!core::JsonObject::parse(std::string(text) + std::string(text)));
        require(!core::JsonObject::parse(text.substr(0, text.rfind('}'))));
        // Twice the same name, where there is one.
        require(text.find('"') == std::string_view::npos ||
                !core::JsonObject::parse(R"({"twice":1,"twice":)" + std::string(text) + "}"));
    }
}

/// Three parts, each after its length.
void check_parts(Bytes input) {
    fuzz::Source source(input);
    std::array<std::string, 3> parts;
    for (std::string& part : parts) {
        const Bytes rest = source.rest();
        const std::size_t size = std::min<std::size_t>(source.byte(), rest.size());
        part = fuzz::text_of(rest.first(size));
        source = fuzz::Source(rest.subspan(size));
    }
    const auto header = core::JsonObject::parse(parts[0]);
    const auto payload = core::JsonObject::parse(parts[1]);
    const bool right = header && !header->has("crit") && payload && !parts[2].empty();
    const auto jws = core::parse_jws(encoded(core::bytes_of(parts[0])) + "." +
                                     encoded(core::bytes_of(parts[1])) + "." +
                                     encoded(core::bytes_of(parts[2])));
    require(jws.has_value() == right);
    require(!jws || fuzz::text_of(jws->signature) == parts[2]);
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const session_service::core::Bytes input(data, size);
    session_service::check_text(session_service::fuzz::text_of(input));
    session_service::check_object(session_service::fuzz::text_of(input));
    session_service::check_parts(input);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    using namespace session_service;
    static const std::vector<std::string> seeds = [] {
        const std::string header =
            R"({"typ":"dpop+jwt","alg":"ES256","jwk":{"a":{"b":[1,{"a":-1.5e3}]}}})";
        const std::string payload =
            R"({"jti":"\u00e9\ud83d\ude00\"\\","iat":1562262616,"a":null,"b":[true,false,[]]})";
        const auto with_length = [](const std::string& part) {
            return static_cast<char>(part.size()) + part;
        };
        return std::vector<std::string>{
            header,
            payload,
            R"({"a":1,"a":2})",
            R"({"crit":["b64"]})",
            "e30.e30.eA",
            encoded(core::bytes_of(header)) + "." + encoded(core::bytes_of(payload)) + ".AAAA",
            with_length(header) + with_length(payload) + with_length("signature"),
        };
    }();
    return fuzz::mutate_from(seeds, data, size, max_size, random);
}
