#include "core/json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace session_service::core {
namespace {

bool is_object(std::string_view text) {
    return JsonObject::parse(text).has_value();
}

TEST(JsonObject, GivesMembersByNameAndType) {
    const auto object = JsonObject::parse(
        R"( {"text": "a\u00e9\"\n", "number": -1.5e3, "whole": 7, "inner": {"text": "b", "": "c"},
            "none": null, "yes": true, "list": ["d", {"e": [1]}], "empty": "", "big": 18446744073709551615} )");
    ASSERT_TRUE(object);
    EXPECT_EQ(object->string("text"), "a\xc3\xa9\"\n");
    EXPECT_EQ(object->string("empty"), "");
    EXPECT_EQ(object->number("number"), -1500);
    EXPECT_EQ(object->number("whole"), 7);
    EXPECT_EQ(object->number("big"), 18446744073709551615.0);
    ASSERT_TRUE(object->object("inner"));
    EXPECT_EQ(object->object("inner")->string("text"), "b");
    EXPECT_EQ(object->object("inner")->string(""), "c");

    for (const char* name : {"text", "number", "inner", "none", "yes", "list"}) {
        EXPECT_TRUE(object->has(name)) << name;
        EXPECT_EQ(object->string(name).has_value(), std::string_view(name) == "text") << name;
        EXPECT_EQ(object->number(name).has_value(), std::string_view(name) == "number") << name;
        EXPECT_EQ(object->object(name).has_value(), std::string_view(name) == "inner") << name;
    }
    EXPECT_FALSE(object->has("tex"));
    EXPECT_EQ(object->string("other"), std::nullopt);
    EXPECT_EQ(object->number("other"), std::nullopt);
    EXPECT_FALSE(object->object("other"));
}

TEST(JsonObject, APartOutlivesTheWhole) {
    auto whole = JsonObject::parse(R"({"part": {"text": "long enough to be allocated apart"}})");
    const auto part = whole->object("part");
    whole.reset();
    EXPECT_EQ(part->string("text"), "long enough to be allocated apart");
}

TEST(JsonObject, RefusesWhatIsNoObject) {
    for (const char* text : {"",
                             " ",
                             "null",
                             "1",
                             "\"a\"",
                             "[]",
                             "[{}]",
                             "{",
                             "}",
                             "{}{}",
                             "{} {}",
                             "{},",
                             "{}x",
                             "{a:1}",
                             "{'a':1}",
                             R"({"a":1,})",
                             R"({"a" 1})",
                             R"({"a":})",
                             R"({"a":01})",
                             R"({"a":+1})",
                             R"({"a":.5})",
                             R"({"a":1.})",
                             R"({"a":NaN})",
                             R"({"a":Infinity})",
                             R"({"a":1e999})",
                             R"({"a":True})",
                             R"({,})",
                             R"({"a":"\x"})",
                             R"({"a":"\u12"})",
                             R"({"a":"\ud800"})",
                             R"({"a":"\udc00\ud800"})",
                             "{\"a\":\"\n\"}",
                             "{\"a\":\"\t\"}",
                             "{\"a\":\"\x80\"}",
                             "{\"a\":\"\xc0\xaf\"}",
                             "{\"a\":\"\xed\xa0\x80\"}",
                             "{\"a\":\"\xf4\x90\x80\x80\"}",
                             "{\"\xff\":1}",
                             "// c\n{}",
                             "{/**/}",
                             "{}//",
                             "\xef\xbb\xbf{}",
                             "\xef\xbb\xbf",
                             "\x0b{}",
                             "{\"a\":\"b}",
                             "{\"a\":[}",
                             "{\"a\":]}"}) {
        EXPECT_FALSE(is_object(text)) << text;
    }
}

// To some readers a null byte is the end of a text.
TEST(JsonObject, RefusesNullBytesAndCharacters) {
    using namespace std::string_view_literals;
    EXPECT_FALSE(is_object("{}\0"sv));
    EXPECT_FALSE(is_object("{}\0x"sv));
    EXPECT_FALSE(is_object("\0{}"sv));
    EXPECT_FALSE(is_object("{\"a\":\"b\0\"}"sv));
    EXPECT_FALSE(is_object(R"({"a":"b\u0000"})"));
    EXPECT_FALSE(is_object(R"({"a\u0000":"b"})"));
    EXPECT_FALSE(is_object(R"({"a":["\u0000"]})"));
    EXPECT_FALSE(is_object(R"({"a":[{"\u0000":1}]})"));
}

TEST(JsonObject, RefusesANameThatOccursTwiceAtAnyDepth) {
    EXPECT_FALSE(is_object(R"({"a":1,"a":1})"));
    EXPECT_FALSE(is_object(R"({"a":1,"b":2,"a":3})"));
    EXPECT_FALSE(is_object(R"({"alg":"none","\u0061lg":"ES256"})"));
    EXPECT_FALSE(is_object(R"({"a":{"b":1,"b":2}})"));
    EXPECT_FALSE(is_object(R"({"a":[[{"b":1,"b":2}]]})"));
    EXPECT_FALSE(is_object(R"({"a":{"b":{}},"a":{"c":{}}})"));
    EXPECT_FALSE(is_object(R"({"":1,"":2})"));
    EXPECT_TRUE(is_object(R"({"a":{"a":{"a":[{"a":1},{"a":1}]}},"A":1,"a ":1})"));
}

TEST(JsonObject, RefusesDepthAndDoesNotRunAway) {
    const auto nested = [](std::size_t depth, std::string_view open, std::string_view close) {
        std::string text = R"({"a":)";
        for (std::size_t i = 1; i < depth; ++i) {
            text += open;
        }
        text += "1";
        for (std::size_t i = 1; i < depth; ++i) {
            text += close;
        }
        return text + "}";
    };
    EXPECT_TRUE(is_object(nested(max_json_depth, "[", "]")));
    EXPECT_FALSE(is_object(nested(max_json_depth + 1, "[", "]")));
    EXPECT_TRUE(is_object(nested(max_json_depth, R"({"b":)", "}")));
    EXPECT_FALSE(is_object(nested(max_json_depth + 1, R"({"b":)", "}")));
    EXPECT_FALSE(is_object(R"({"a":)" + std::string(1'000'000, '[')));
    EXPECT_FALSE(is_object(std::string(1'000'000, '{')));
    EXPECT_FALSE(is_object(nested(1'000'000, R"({"b":)", "}")));
    // Many, but not deep.
    std::string wide = R"({"a":[)";
    for (int i = 0; i < 1'000; ++i) {
        wide += "{},[],";
    }
    EXPECT_TRUE(is_object(wide + "1]}"));
}

} // namespace
} // namespace session_service::core
