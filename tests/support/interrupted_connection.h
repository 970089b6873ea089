// A connection that others get ahead of.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "endpoint/nats/connection.h"

namespace meshwarden::testing {

// Passes everything on, and runs something of the test's ahead of a message, a read or a request: at the very
// moment that a rule is about. What it runs must not wait for this connection. Not thread-safe.
class InterruptedConnection final : public Connection {
 public:
  explicit InterruptedConnection(Connection& inner) : inner_(inner) {}
  // Ahead of the next message that is stored.
  void BeforeMessage(std::function<void()> before) { before_message_ = std::move(before); }
  // Ahead of the read of a stored message that comes after `others` of them.
  void BeforeRead(int others, std::function<void()> before) {
    others_ = others;
    before_read_ = std::move(before);
  }
  // Ahead of the next request on a subject that begins with `prefix`.
  void BeforeRequest(std::string prefix, std::function<void()> before) {
    prefix_ = std::move(prefix);
    before_request_ = std::move(before);
  }

  // The answers to requests on a subject that begins with `prefix` come as `change` leaves their payloads, as
  // another server might have told the same. It runs on the connection's threads.
  void ChangeAnswers(std::string prefix, std::function<void(std::string& payload)> change) {
    changed_prefix_ = std::move(prefix);
    change_ = std::move(change);
  }

  absl::Status Publish(std::string_view subject, std::string_view payload) override {
    return inner_.Publish(subject, payload);
  }
  absl::Status PublishRequest(std::string_view subject, std::string_view reply,
                              std::string_view payload) override {
    return inner_.PublishRequest(subject, reply, payload);
  }
  absl::Status PublishMessage(const NatsMessage& message) override { return inner_.PublishMessage(message); }
  absl::Status PublishSoon(std::string_view subject, std::string_view payload) override {
    return inner_.PublishSoon(subject, payload);
  }
  void RequestAsync(std::string_view subject, std::string_view payload, std::chrono::milliseconds timeout,
                    ReplyCallback done) override {
    const bool reads = subject.starts_with("$JS.API.STREAM.MSG.GET.");
    if (reads && before_read_ && others_-- == 0) std::exchange(before_read_, nullptr)();
    if (before_request_ && subject.starts_with(prefix_)) std::exchange(before_request_, nullptr)();
    if (change_ && subject.starts_with(changed_prefix_)) done = Changed(std::move(done));
    inner_.RequestAsync(subject, payload, timeout, std::move(done));
  }
  void RequestMessageAsync(NatsMessage message, std::chrono::milliseconds timeout,
                           ReplyCallback done) override {
    if (before_message_) std::exchange(before_message_, nullptr)();
    inner_.RequestMessageAsync(std::move(message), timeout, std::move(done));
  }
  absl::Status Reconnect() override { return inner_.Reconnect(); }
  void ReconnectSoon() override { inner_.ReconnectSoon(); }
  absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(std::string_view subject, std::string_view queue,
                                                          Handler handler) override {
    return inner_.Subscribe(subject, queue, std::move(handler));
  }
  std::string NewInbox() override { return inner_.NewInbox(); }
  absl::Status Flush(std::chrono::milliseconds timeout) override { return inner_.Flush(timeout); }
  bool connected() const override { return inner_.connected(); }
  std::string server_version() const override { return inner_.server_version(); }
  bool in_cluster() const override { return inner_.in_cluster(); }
  const std::string& id() const override { return inner_.id(); }
  absl::Status Drain(std::chrono::milliseconds timeout) override { return inner_.Drain(timeout); }

 private:
  ReplyCallback Changed(ReplyCallback done) const {
    return [change = change_, done = std::move(done)](absl::StatusOr<NatsMessage> answer) {
      if (answer.ok()) change(answer->payload);
      done(std::move(answer));
    };
  }

  Connection& inner_;
  std::function<void()> before_message_;
  std::function<void()> before_read_;
  std::function<void()> before_request_;
  std::string prefix_;
  std::function<void(std::string&)> change_;
  std::string changed_prefix_;
  int others_ = 0;
};

}  // namespace meshwarden::testing
