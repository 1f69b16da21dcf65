#include "client/redis.hpp"

namespace bench {

RedisConnection::RedisConnection(const std::string& socket)
    : context_(redisConnectUnix(socket.c_str()), redisFree) {
    if (context_ == nullptr || context_->err != 0) {
        throw Failure("cannot connect to Redis at " + socket);
    }
}

RedisConnection::Reply RedisConnection::checked(void* reply) {
    Reply checked(static_cast<redisReply*>(reply), [](redisReply* r) { freeReplyObject(r); });
    if (checked == nullptr || checked->type == REDIS_REPLY_ERROR) {
        throw Failure(std::string("Redis: ") +
                      (checked == nullptr ? context_->errstr : checked->str));
    }
    return checked;
}

std::string RedisConnection::get(const std::string& key) {
    const Reply reply = checked(redisCommand(context_.get(), "GET %b", key.data(), key.size()));
    return reply->type == REDIS_REPLY_STRING ? std::string(reply->str, reply->len) : "";
}

std::size_t RedisConnection::get_many(const std::vector<std::string>& keys) {
    std::vector<const char*> parts{"MGET"};
    std::vector<std::size_t> sizes{4};
    for (const std::string& key : keys) {
        parts.push_back(key.data());
        sizes.push_back(key.size());
    }
    const Reply reply = checked(redisCommandArgv(context_.get(), static_cast<int>(parts.size()),
                                                 parts.data(), sizes.data()));
    std::size_t found = 0;
    for (std::size_t i = 0; i < reply->elements; ++i) {
        found += reply->element[i]->type == REDIS_REPLY_STRING ? 1 : 0;
    }
    return found;
}

void RedisConnection::set(const std::string& key, const std::string& value) {
    (void)checked(redisCommand(context_.get(), "SET %b %b", key.data(), key.size(), value.data(),
                               value.size()));
}

void RedisConnection::send_set(const std::string& key, const std::string& value) {
    redisAppendCommand(context_.get(), "SET %b %b", key.data(), key.size(), value.data(),
                       value.size());
    ++pending_;
}

void RedisConnection::receive_all() {
    for (; pending_ > 0; --pending_) {
        void* reply = nullptr;
        redisGetReply(context_.get(), &reply);
        (void)checked(reply);
    }
}

int RedisConnection::server_pid() {
    const Reply reply = checked(redisCommand(context_.get(), "INFO server"));
    const std::string info(reply->str, reply->len);
    const std::string name = "process_id:";
    return std::stoi(info.substr(info.find(name) + name.size()));
}

} // namespace bench
