#include "tests/support/eventually.h"

#include "tests/support/collector.h"

namespace meshwarden::testing {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{20};

}  // namespace

bool Eventually(const std::function<bool()>& condition, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  Collector<bool> never;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    never.Await(1, kBetweenLooks);
  }
  return true;
}

}  // namespace meshwarden::testing
