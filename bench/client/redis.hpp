// A connection to Redis: hiredis, with errors as exceptions.
#pragma once

#include "client/postgres.hpp"

#include <hiredis/hiredis.h>

namespace bench {

inline std::string redis_key(const std::string& token_hash) {
    return "session:" + token_hash;
}

class RedisConnection {
  public:
    explicit RedisConnection(const std::string& socket);

    /// The value, or "" where there is none.
    std::string get(const std::string& key);
    /// How many of the keys there are, by one MGET.
    std::size_t get_many(const std::vector<std::string>& keys);
    void set(const std::string& key, const std::string& value);

    /// SETs that are sent together; receive_all() waits for their answers.
    void send_set(const std::string& key, const std::string& value);
    void receive_all();

    /// The server's process.
    int server_pid();

  private:
    using Reply = std::unique_ptr<redisReply, void (*)(redisReply*)>;
    Reply checked(void* reply);

    std::unique_ptr<redisContext, decltype(&redisFree)> context_;
    int pending_ = 0;
};

} // namespace bench
