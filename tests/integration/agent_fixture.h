// `meshwarden agent` as a driver in any language uses it: real processes, real credentials, a real broker.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "tests/support/agent_child.h"
#include "tests/support/mesh.h"
#include "tests/support/process.h"

namespace meshwarden::testing {

// A program that has been told to stop is gone within this, with some to spare for a loaded machine.
inline constexpr std::chrono::milliseconds kStopsWithin{10'000};

// Whether a line is the event `name`, or the event of message `id`.
std::function<bool(const Json&)> IsEvent(const std::string& name);
std::function<bool(const Json&)> IsMessage(const std::string& id);

// A space of three agents, "alice", "bob" and "reader", with its manager running. The test's BUILD rule lists
// the programs in `data`.
class AgentCommandTest : public ::testing::Test {
 protected:
  void SetUp() override;

  TestAgent Provision(const std::string& name);
  // Of a command line for `agent`, with `more` behind.
  std::vector<std::string> Arguments(const TestAgent& agent, const std::vector<std::string>& more);
  std::unique_ptr<AgentChild> Launch(const std::vector<std::string>& arguments);
  // Started, and its first line read, which must be `ready`.
  std::unique_ptr<AgentChild> Drive(const TestAgent& agent, const std::vector<std::string>& more = {});

  // The reply to a command; null if none came.
  Json Call(AgentChild& child, Json line);
  // The data of a reply, which must be ok.
  Json Ask(AgentChild& child, const Json& line);
  // The error of a reply, which must not be ok.
  std::string AskInVain(AgentChild& child, const Json& line);

  // Publishes a message of `sender` without the program, and returns its id.
  std::string Post(const TestAgent& sender, const std::string& channel, const std::string& text);
  // Waits until the broker has what `sender` posted.
  static void Flush(const TestAgent& sender);

  // So that what is not acknowledged comes again soon.
  void ShortenAckWait(const TestAgent& agent, const std::vector<std::string>& channels);
  ConsumerInfo ChatConsumer(const TestAgent& agent);
  // Waits until the broker has an acknowledgement of everything up to `seq`.
  void AwaitAcknowledged(const TestAgent& agent, std::uint64_t seq);

  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Process> manager_;

 private:
  int last_ref_ = 0;
  int last_message_ = 0;
};

}  // namespace meshwarden::testing
