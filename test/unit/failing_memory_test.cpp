#include "failing_memory.hpp"

// For the whole program. In a file without a `new`, beside which compilers would warn of free().
// All kinds that end in the same `delete`, since a sanitizer has its own for those that are left.
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
    return session_service::test::Memory::is_out() ? nullptr : std::malloc(size);
}
void* operator new(std::size_t size) {
    void* const block = operator new(size, std::nothrow);
    if (block == nullptr) {
        throw std::bad_alloc();
    }
    return block;
}
void operator delete(void* block, const std::nothrow_t& /*tag*/) noexcept {
    std::free(block);
}
void operator delete(void* block) noexcept {
    std::free(block);
}
void operator delete(void* block, std::size_t /*size*/) noexcept {
    std::free(block);
}

namespace {

const bool is_installed = session_service::test::Memory::install();

} // namespace
