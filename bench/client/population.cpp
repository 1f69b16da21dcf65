#include "client/population.hpp"

#include "core/uuid.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace bench {

namespace {

/// SplitMix64 (Steele, Lea, Flood 2014): good enough for load, and seeded in one step.
class Random {
  public:
    Random(std::uint64_t stream, std::uint64_t seed)
        : state_(seed * 0x9e37'79b9'7f4a'7c15 + stream * 0xd1b5'4a32'd192'ed03) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e37'79b9'7f4a'7c15);
        z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
        z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
        return z ^ (z >> 31);
    }

    void fill(core::MutableBytes bytes) {
        for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
            const std::uint64_t word = next();
            std::memcpy(&bytes[at], &word, std::min(sizeof word, bytes.size() - at));
        }
    }

    template <std::size_t size>
    std::array<std::uint8_t, size> bytes() {
        std::array<std::uint8_t, size> result{};
        fill(result);
        return result;
    }

  private:
    std::uint64_t state_;
};

constexpr std::uint64_t user_stream = 1;
constexpr std::uint64_t session_stream = 2;

constexpr std::array<const char*, 5> user_agents{
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Safari/605.1.15",
};

core::Uuid random_uuid4(Random& random) {
    core::Uuid id = random.bytes<16>();
    id[6] = static_cast<std::uint8_t>((id[6] & 0x0f) | 0x40);
    id[8] = static_cast<std::uint8_t>((id[8] & 0x3f) | 0x80);
    return id;
}

core::Secret random_secret(Random& random) {
    core::Secret secret;
    secret.length = 32;
    random.fill(secret.view());
    return secret;
}

} // namespace

std::int64_t Population::created(std::uint64_t n) const {
    const auto place = static_cast<double>(n + 1) / static_cast<double>(count_);
    return now_ - spread_ + static_cast<std::int64_t>(place * static_cast<double>(spread_));
}

core::Uuid Population::user_id(std::uint64_t user) {
    Random random(user_stream, user);
    return random_uuid4(random);
}

MadeSession Population::session(std::uint64_t n) const {
    Random random(session_stream, n);
    MadeSession made;
    // Neighbours in time belong to different users.
    made.user_id = user_id(n % users());
    made.bucket = core::user_bucket(made.user_id);
    made.created = created(n);
    const std::int64_t milliseconds = made.created / 1000;
    made.device_id = core::make_uuid7(milliseconds, made.bucket, random.bytes<8>());
    made.session_id = core::make_uuid7(milliseconds, made.bucket, random.bytes<8>());
    made.event_id = core::make_ordered_uuid7(made.created, 0, random.bytes<8>());
    made.token = core::format_session_token(made.session_id, random_secret(random)).view();
    made.family_key = random.bytes<16>();
    made.refresh_token =
        core::format_refresh_token(made.session_id, made.family_key, random_secret(random)).view();
    made.device_key = hex(random.bytes<16>());
    made.device_name = "Device " + std::to_string(random.next() % 1000);
    made.user_agent = user_agents[random.next() % user_agents.size()];
    made.address = random.bytes<4>();
    made.address[0] = 10;
    made.peer_id = random_uuid4(random);
    made.peer_token = hex(random.bytes<32>());
    made.peer_refresh_token = hex(random.bytes<32>());
    return made;
}

std::string hex(core::Bytes bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 0x0f];
    }
    return text;
}

std::string uuid_text(const core::Uuid& id) {
    std::string text = hex(id);
    for (const std::size_t at : {20U, 16U, 12U, 8U}) {
        text.insert(at, 1, '-');
    }
    return text;
}

std::string address_text(const std::array<std::uint8_t, 4>& address) {
    return std::to_string(address[0]) + "." + std::to_string(address[1]) + "." +
           std::to_string(address[2]) + "." + std::to_string(address[3]);
}

std::string sha256_hex(const std::string& text) {
    core::Digest digest{};
    if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
        throw std::runtime_error("SHA-256 failed");
    }
    return hex(digest);
}

} // namespace bench
