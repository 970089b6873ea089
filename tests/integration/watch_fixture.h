// A space with a manager that may watch it, and an agent, mallory, that aims the broker's answers at what is
// others': for the rows T23 to T25 of the threat model.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/endpoint/space.h"
#include "tests/support/mesh.h"
#include "tests/support/process.h"

namespace meshwarden::testing {

class WatchFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth));
    MW_ASSERT_OK_AND_ASSIGN(mallory_, mesh().Provision("ada"));
  }
  void TearDown() override {
    if (HasFailure() && manager_ != nullptr) ADD_FAILURE() << "the manager printed:\n" << manager_->Output();
  }
  void Watch() { MW_ASSERT_OK_AND_ASSIGN(manager_, mesh().StartWatchingManager()); }
  bool Logs(const std::string& line, std::chrono::milliseconds within = kPatience) {
    return manager_->WaitForOutput(line, within).ok();
  }

  // One whose policy is another, or whose flags.
  void WatchWith(const std::vector<std::string>& flags) {
    std::vector<std::string> arguments = {"--watcher-credentials", mesh().PathOf("creds/watcher.creds")};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh().LaunchManager(arguments));
    ASSERT_TRUE(Logs("ready"));
  }

  Mesh& mesh() { return space_->mesh(); }
  JetStreamApi& api() { return space_->root_api(); }
  // From 2.14 on a durable's place can be moved; on older servers nobody can.
  bool places_move() { return mesh().root().server_version().rfind("2.10.", 0) != 0; }

  // Mallory pulls one message of its own durable, the one given or none, and has the answer sent to `target`.
  void Aim(const std::string& target, std::string_view message = "") {
    // What has just been stored may not have been counted for the durable yet, so that one waits for it.
    std::string pull = R"({"batch":1,"no_wait":true})";
    if (!message.empty()) {
      pull = R"({"batch":1,"expires":20000000000})";
      const std::string own = *ChatSubject("main", mallory_.id, channel_);
      ASSERT_THAT(mallory_.connection->Request(own, message, kPatience), IsOk());
    }
    ASSERT_THAT(mallory_.connection->PublishRequest(
                    "$JS.API.CONSUMER.MSG.NEXT.CHAT_main." + ChatDurable(mallory_.id), target, pull),
                IsOk());
    ASSERT_THAT(mallory_.connection->Flush(kPatience), IsOk());
  }
  // Mallory has read all that waits for it, so that its next pull brings what is aimed.
  void Drain() { ASSERT_THAT(Receive(mallory_, "CHAT_main", ChatDurable(mallory_.id)), IsOk()); }
  // Has it deleted; until it is, since 2.15 at times sends no status. `aimed_at_` is when it worked.
  void AimDeletionOf(const std::string& id) {
    ASSERT_NO_FATAL_FAILURE(Drain());
    const absl::StatusOr<ConsumerInfo> before = Chat(id);
    const auto deleted = [&] {
      const absl::StatusOr<ConsumerInfo> now = Chat(id);
      return !before.ok() || !now.ok() || now->created != before->created;
    };
    ASSERT_TRUE(Eventually([&] {
      aimed_at_ = std::chrono::steady_clock::now();
      Aim("$JS.API.CONSUMER.DELETE.CHAT_main." + ChatDurable(id));
      return Eventually(deleted, std::chrono::seconds(2));
    }));
  }
  void AimMoveOf(const std::string& id) {
    ASSERT_NO_FATAL_FAILURE(Drain());
    Aim("$JS.API.CONSUMER.RESET.DM_main." + DmDurable(id), R"({"seq":1000})");
  }

  absl::StatusOr<ConsumerInfo> Chat(const std::string& id) {
    return api().GetConsumer("CHAT_main", ChatDurable(id));
  }
  bool IsGone(const std::string& id) { return HasJsError(Chat(id).status(), JsError::kConsumerNotFound); }
  static std::vector<std::string> Payloads(const absl::StatusOr<std::vector<NatsMessage>>& messages) {
    std::vector<std::string> payloads;
    if (messages.ok()) {
      for (const NatsMessage& message : *messages) payloads.push_back(message.payload);
    }
    return payloads;
  }

  std::chrono::steady_clock::time_point aimed_at_;
  std::unique_ptr<TestSpace> space_;
  TestAgent mallory_;
  std::string channel_ = "general";  // in which it writes what it aims
  std::unique_ptr<Process> manager_;
};

}  // namespace meshwarden::testing
