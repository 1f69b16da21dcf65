// A User-Agent header, taken apart into its products and comments.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace session_service::core::user_agents {

/// A list of fixed capacity. What does not fit is dropped, which only a made-up header reaches.
template <typename T, std::size_t Capacity>
class FixedList {
  public:
    void add(const T& item) noexcept {
        if (size_ < Capacity) {
            items_[size_++] = item;
        }
    }
    [[nodiscard]] const T* begin() const noexcept { return items_.data(); }
    [[nodiscard]] const T* end() const noexcept { return items_.data() + size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] const T& front() const noexcept { return items_.front(); }
    [[nodiscard]] T& back() noexcept { return items_[size_ - 1]; }

  private:
    std::array<T, Capacity> items_{};
    std::size_t size_ = 0;
};

struct Product {
    std::string_view name;
    std::string_view version;
};

struct Header {
    FixedList<Product, 40> products;         // outside parentheses, in order
    FixedList<std::string_view, 20> system;  // the first comment, cut at its semicolons
    FixedList<std::string_view, 20> remarks; // the later comments
    bool explains_itself = false;            // a comment says "compatible" or has an address
};

/// Takes one word apart: `Name/version`, `Vendor/Name/version`, `Name` or, glued together,
/// `Name_1.2`.
Product product_of(std::string_view word) noexcept;

Header take_apart(std::string_view text) noexcept;

/// The product called `name`, or an empty one.
Product find_product(const Header& header, std::string_view name) noexcept;
bool has_product(const Header& header, std::string_view name) noexcept;

/// Whether the header has the form of a browser's: those call themselves Mozilla, but for a few.
bool has_form_of_browser(const Header& header) noexcept;

} // namespace session_service::core::user_agents
