// SQL text put together as the library is compiled, so that a list of columns or a rule is written
// once and each statement is still one plain text.
#pragma once

#include "pg/prelude.hpp"

namespace session_service::pg {

/// A piece of SQL; `Size` counts its closing NUL.
template <std::size_t Size>
struct SqlText {
    char text[Size]{}; // NOLINT(*-avoid-c-arrays): made from a literal

    constexpr SqlText() noexcept = default;
    // A literal is as good as a piece of text wherever one is expected.
    constexpr SqlText(
        const char (&literal)[Size]) noexcept { // NOLINT(*-avoid-c-arrays,*-explicit-*)
        std::copy_n(literal, Size, text);
    }
};

template <std::size_t Left, std::size_t Right>
constexpr SqlText<Left + Right - 1> operator+(const SqlText<Left>& left,
                                              const SqlText<Right>& right) noexcept {
    SqlText<Left + Right - 1> joined;
    std::copy_n(left.text, Left - 1, joined.text);
    std::copy_n(right.text, Right, joined.text + Left - 1);
    return joined;
}

template <std::size_t Left, std::size_t Right>
constexpr SqlText<Left + Right - 1> operator+(const char (&left)[Left], // NOLINT(*-avoid-c-arrays)
                                              const SqlText<Right>& right) noexcept {
    return SqlText<Left>{left} + right;
}

template <std::size_t Left, std::size_t Right>
constexpr SqlText<Left + Right - 1>
operator+(const SqlText<Left>& left,
          const char (&right)[Right]) noexcept { // NOLINT(*-avoid-c-arrays)
    return left + SqlText<Right>{right};
}

} // namespace session_service::pg
