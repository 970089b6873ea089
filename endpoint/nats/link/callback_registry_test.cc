#include "endpoint/nats/link/callback_registry.h"

#include <gtest/gtest.h>

#include <optional>

namespace meshwarden::callback_registry_test {
namespace {

TEST(CallbackRegistryTest, LivingTargetIsFound) {
  const auto target = std::make_shared<int>(7);
  const CallbackKey key(target);
  EXPECT_EQ(CallbackTarget<int>(key.closure()), target);
}

TEST(CallbackRegistryTest, DeadTargetIsNotFound) {
  auto target = std::make_shared<int>(7);
  const CallbackKey key(target);
  target.reset();
  EXPECT_EQ(CallbackTarget<int>(key.closure()), nullptr);
}

TEST(CallbackRegistryTest, EndedKeyFindsNothingAndIsNotUsedAgain) {
  const auto target = std::make_shared<int>(7);
  std::optional<CallbackKey> first(target);
  void* const closure = first->closure();
  first.reset();
  const CallbackKey second(target);
  EXPECT_EQ(CallbackTarget<int>(closure), nullptr);
  EXPECT_NE(second.closure(), closure);
  EXPECT_EQ(CallbackTarget<int>(nullptr), nullptr);
}

}  // namespace
}  // namespace meshwarden::callback_registry_test
