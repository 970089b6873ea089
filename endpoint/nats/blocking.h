// Waiting for an asynchronous call: the one place where a blocking form is made of an asynchronous one.
#pragma once

#include <absl/status/statusor.h>

#include <future>
#include <memory>
#include <utility>

namespace meshwarden {

// Calls `start` with a callback and returns what the callback is called with. Whoever starts the call
// promises to call back exactly once and in bounded time. Must not be used on the thread that the callback
// needs.
template <typename T, typename Start>
absl::StatusOr<T> Await(Start start) {
  const auto result = std::make_shared<std::promise<absl::StatusOr<T>>>();
  std::future<absl::StatusOr<T>> future = result->get_future();
  start([result](absl::StatusOr<T> value) { result->set_value(std::move(value)); });
  return future.get();
}

}  // namespace meshwarden
