// Many asynchronous calls of one kind, some at a time, waited for.
#pragma once

#include <absl/status/statusor.h>

#include <algorithm>
#include <cstddef>
#include <future>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace meshwarden {

// Calls `start(item, done)` for each of `items`, at most `at_a_time` of them before the earlier ones have
// called back, and returns what `done` was given, in the order of the items. Whoever starts a call promises
// to call back exactly once and in bounded time. Must not be used on a thread that a callback needs.
template <typename T, typename Item, typename Start>
std::vector<absl::StatusOr<T>> SideBySide(std::span<const Item> items, std::size_t at_a_time, Start start) {
  std::vector<absl::StatusOr<T>> results;
  results.reserve(items.size());
  while (results.size() < items.size()) {
    const std::span<const Item> some =
        items.subspan(results.size(), std::min(at_a_time, items.size() - results.size()));
    std::vector<std::future<absl::StatusOr<T>>> waiting;
    waiting.reserve(some.size());
    for (const Item& item : some) {
      const auto result = std::make_shared<std::promise<absl::StatusOr<T>>>();
      waiting.push_back(result->get_future());
      start(item, [result](absl::StatusOr<T> value) { result->set_value(std::move(value)); });
    }
    for (std::future<absl::StatusOr<T>>& one : waiting) results.push_back(one.get());
  }
  return results;
}

}  // namespace meshwarden
