// A space with endpoints in it, for the tests of the endpoint library: in auth mode under a policy, with
// minted creds and a manager, or in open mode on a server without authentication.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/endpoint.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"
#include "tests/support/eventually.h"
#include "tests/support/mesh.h"
#include "tests/support/process.h"

namespace meshwarden::testing {

enum class Mode { kOpen, kAuth };
// "Open", "Auth": for the names of parameterised tests.
std::string NameOf(Mode mode);

// An endpoint and all that it has told.
struct Member {
  Collector<ReceivedMessage> messages;
  Collector<PresenceEvent> presence;
  Collector<std::vector<Presence>> rosters;
  Collector<absl::Status> errors;
  Collector<bool> connection;
  std::unique_ptr<Endpoint> endpoint;  // last: its handlers use all of the above

  Endpoint* operator->() const { return endpoint.get(); }

  // The texts of the messages once there are `count`, or those that came in time, in the order of their
  // coming.
  std::vector<std::string> Texts(std::size_t count, std::chrono::milliseconds timeout = kPatience);
  bool AwaitText(std::string_view text, std::chrono::milliseconds timeout = kPatience);
  bool AwaitError(std::string_view part, std::chrono::milliseconds timeout = kPatience);
  // Waits until the last word about the connection is `connected`.
  bool AwaitConnected(bool connected, std::chrono::milliseconds timeout = kPatience);
};

enum class Settling { kAckAll, kByTest };

class TestSpace {
 public:
  static absl::StatusOr<std::unique_ptr<TestSpace>> Start(Mode mode);
  ~TestSpace();

  Mode mode() const { return mode_; }
  TestBroker& broker();
  Mesh& mesh() { return *mesh_; }  // auth mode only
  // The test's own eyes and hands: may do anything.
  Connection& root();
  JetStreamApi& root_api();
  // Deletes a stream, as a privileged party.
  absl::Status DeleteStream(const std::string& stream);

  // Auth mode: a manager that serves service `self`. Nothing in open mode, where nobody is needed.
  absl::Status StartManager();
  void KillManager();

  // A new identity: in auth mode provisioned as `name`, one of "ada" and "bob" (role "reviewer" as "cy"), or
  // "narrow", which may read `general` and `star.*` only. Options that are kept come back as the same
  // identity.
  absl::StatusOr<EndpointOptions> OptionsFor(const std::string& name);
  // Made, but not started.
  absl::StatusOr<std::unique_ptr<Member>> Make(EndpointOptions options,
                                               Settling settling = Settling::kAckAll);
  // Made and started.
  absl::StatusOr<std::unique_ptr<Member>> Enter(EndpointOptions options,
                                                Settling settling = Settling::kAckAll);
  absl::StatusOr<std::unique_ptr<Member>> Enter(const std::string& name);

  // Stores a well-formed message of a made-up sender in a channel, and returns its id.
  absl::StatusOr<std::string> Post(std::string_view channel, std::string_view text,
                                   std::string_view sender = "PEER");
  // Stores `payload` on `subject`, whatever they are.
  absl::StatusOr<std::uint64_t> Store(std::string_view subject, std::string_view payload);
  // The record of `id` in the presence bucket.
  absl::StatusOr<Presence> PresenceOf(std::string_view id);
  // The filter of the chat durable of `id`, as channels.
  absl::StatusOr<std::vector<std::string>> FilterOf(std::string_view id);
  // Sets it, as a launcher or an operator may.
  absl::Status MoveFilterOf(std::string_view id, const std::vector<std::string>& channels);

 private:
  explicit TestSpace(Mode mode) : mode_(mode) {}

  const Mode mode_;
  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<TestBroker> broker_;  // open mode
  std::unique_ptr<Connection> root_;
  std::unique_ptr<JetStreamApi> root_api_;
  std::unique_ptr<Process> manager_;
};

// Of this process.
std::size_t CountThreads();

Content Text(std::string text);
std::string TextOf(const MeshMessage& message);
// A message as a peer writes it.
std::string PeerMessage(std::string_view sender, std::string_view channel, std::string_view text,
                        std::string id = "");

// For tests that hold in both modes.
class BothModes : public ::testing::TestWithParam<Mode> {
 protected:
  void SetUp() override;
  std::unique_ptr<TestSpace> space_;
};
// INSTANTIATE_TEST_SUITE_P(, SomeTest, kBothModes, kModeName);
inline const auto kBothModes = ::testing::Values(Mode::kOpen, Mode::kAuth);
inline const auto kModeName = [](const ::testing::TestParamInfo<Mode>& tested) {
  return NameOf(tested.param);
};

}  // namespace meshwarden::testing
