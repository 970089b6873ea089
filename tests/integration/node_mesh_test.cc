// Endpoints of ours and independent ones (tests/node/mesh_peer.mjs, on the NATS project's JavaScript
// packages) in one space: whatever one says, the other must read as it was said.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "endpoint/endpoint.h"
#include "endpoint/nats/server/creds_file.h"
#include "proto/identity/creds.h"
#include "proto/identity/jwt.h"
#include "proto/identity/nkey.h"
#include "proto/message.h"
#include "proto/presence.h"
#include "tests/support/collector.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::node_mesh_test {
namespace {

using ::testing::ElementsAre;

constexpr char kPolicy[] = R"(
version: 1
space: main
defaults: { subscribe: [general] }
agents:
  ada: { role: planner, allowSubscribe: [general, ops, team.>], allowPublish: [general, ops, team.>] }
  bob: { role: reviewer, allowSubscribe: [general, ops, team.>], allowPublish: [general, ops, team.>] }
  nora: { role: painter, allowSubscribe: [general, ops, team.>], allowPublish: [general, ops, team.>] }
  nils: { role: tester, allowSubscribe: [general, ops, team.>], allowPublish: [general, ops, team.>] }
)";

// A line of the script's: a message as rich as may be, in a reply.
constexpr JsonLimits kLineLimits = {.max_bytes = 2 * kMaxMessageBytes,
                                    .max_depth = kMaxMessageDepth + 8,
                                    .max_values = 2 * kMaxMessageValues};

// The script as a child: commands go in through a pipe with a name, events are read from what it prints.
class NodePeer {
 public:
  static absl::StatusOr<std::unique_ptr<NodePeer>> Start(Mesh& mesh, const std::string& name,
                                                         const std::string& role) {
    std::unique_ptr<NodePeer> peer(new NodePeer());
    MW_ASSIGN_OR_RETURN(const TestAgent agent, mesh.Provision(name));
    peer->id_ = agent.id;
    const std::string base = fmt::format("{}/{}", mesh.directory(), name);
    MW_RETURN_IF_ERROR(agent.creds->Save(base + ".creds", IfExists::kFail));
    const std::string pipe = base + ".pipe";
    if (::mkfifo(pipe.c_str(), 0600) != 0) return absl::InternalError("cannot make " + pipe);
    // Open at both ends, so that neither side waits for the other.
    peer->input_ = ::open(pipe.c_str(), O_RDWR | O_CLOEXEC);
    if (peer->input_ < 0) return absl::InternalError("cannot open " + pipe);
    MW_ASSIGN_OR_RETURN(
        peer->process_,
        Process::Start(
            {.argv = {"/bin/sh", "-c", "exec /usr/bin/env node \"$0\" \"$@\" < \"$PEER_INPUT\"",
                      mesh.directory() + "/mesh_peer.mjs", mesh.url(), "main", base + ".creds", name, role},
             .environment = {{"PEER_INPUT", pipe}},
             .directory = ""}));
    MW_RETURN_IF_ERROR(
        peer->Await([](const Json& line) { return line.value("event", "") == "ready"; }).status());
    return peer;
  }
  ~NodePeer() {
    if (input_ >= 0) ::close(input_);
  }
  NodePeer(const NodePeer&) = delete;
  NodePeer& operator=(const NodePeer&) = delete;

  const std::string& id() const { return id_; }
  std::string Output() const { return process_->Output(); }
  absl::StatusOr<int> Wait() { return process_->Wait(kPatience); }

  // The first line so far, or from now on, that `wanted` is true of.
  absl::StatusOr<Json> Await(const std::function<bool(const Json&)>& wanted) const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::size_t read = 0;
    while (std::chrono::steady_clock::now() < deadline) {
      const std::string output = process_->Output();
      for (std::size_t end = 0; (end = output.find('\n', read)) != std::string::npos; read = end + 1) {
        const absl::StatusOr<Json> line = ParseJsonObject(output.substr(read, end - read), kLineLimits);
        if (line.ok() && wanted(*line)) return *line;
      }
      std::this_thread::yield();
    }
    return absl::DeadlineExceededError("no such line in: " + process_->Output());
  }

  void Send(const Json& command) const { SendLine(DumpJson(command) + "\n"); }
  // With its line break.
  void SendLine(const std::string& line) const {
    ASSERT_EQ(::write(input_, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }
  // The data of the reply, which must be ok.
  absl::StatusOr<Json> Call(Json command) {
    command["ref"] = ++last_ref_;
    return CallLine(DumpJson(command) + "\n");
  }
  // The same of a line that holds what no text of ours can. Its "ref" must be the next one.
  int NextRef() { return ++last_ref_; }
  absl::StatusOr<Json> CallLine(const std::string& line) {
    SendLine(line);
    MW_ASSIGN_OR_RETURN(Json reply, Await([ref = last_ref_](const Json& read) {
                          return read.value("event", "") == "reply" && read.value("ref", 0) == ref;
                        }));
    if (!reply.at("ok").get<bool>()) return absl::InternalError(reply.at("error").get<std::string>());
    return reply.contains("data") ? reply.at("data") : Json();
  }

  // The message with `id` as it was delivered, with its "kind".
  absl::StatusOr<Json> AwaitMessage(const std::string& id) const {
    return Await([&](const Json& line) {
      return line.value("event", "") == "message" && line.at("message").at("id") == id;
    });
  }
  absl::StatusOr<Json> AwaitPresence(const std::string& id, const std::string& status,
                                     const std::string& activity = "") const {
    return Await([&](const Json& line) {
      return line.value("event", "") == "presence" && line.value("key", "") == id &&
             line.at("presence").is_object() && line.at("presence").value("status", "") == status &&
             line.at("presence").value("activity", "") == activity;
    });
  }

 private:
  NodePeer() = default;
  std::string id_;
  int input_ = -1;
  int last_ref_ = 0;
  std::unique_ptr<Process> process_;
};

struct OurPeer {
  const std::string& id() const { return endpoint->id(); }
  // The message with `id`, once it has been delivered.
  absl::StatusOr<ReceivedMessage> AwaitMessage(const std::string& id) {
    const auto is_it = [&](const ReceivedMessage& received) { return received.message.id == id; };
    if (!messages.AwaitAny(is_it, kPatience)) return absl::DeadlineExceededError("no message " + id);
    for (ReceivedMessage& received : messages.Await(0)) {
      if (is_it(received)) return received;
    }
    return absl::InternalError("unreachable");
  }
  bool AwaitPresence(const std::string& id, PresenceChange type, PresenceStatus status,
                     const std::optional<std::string>& activity = std::nullopt) {
    return presence.AwaitAny(
        [&](const PresenceEvent& event) {
          return event.presence.card.id == id && event.type == type && event.presence.status == status &&
                 event.presence.activity == activity;
        },
        kPatience);
  }

  Collector<ReceivedMessage> messages;
  Collector<PresenceEvent> presence;
  Collector<std::string> errors;
  std::unique_ptr<Endpoint> endpoint;
};

// Every field, in its order: the text of the whole.
void ExpectSame(const Json& message, const MeshMessage& expected) {
  EXPECT_EQ(DumpJson(message), EncodeMessage(expected));
}

Content Rich() {
  Content content;
  content.parts = {Part::Text("look — ☃"), Part::Data({{"zeta", 1.5}, {"alpha", {nullptr, true, "x"}}})};
  Part image;
  image.kind = "com.example.image";
  image.unknown = {{"url", "https://example.com/x.png"}, {"width", 64}};
  content.parts.push_back(image);
  content.mentions = {"nora", "bob"};
  content.reply_to = "0d8e6a3c-6b3c-4d6a-9d58-0a3f3b0c8f11";
  content.context_id = "ctx-1";
  return content;
}

Json RichCommand(Json command) {
  command["parts"] = {{{"kind", "text"}, {"text", "look — ☃"}},
                      {{"kind", "data"}, {"data", {{"zeta", 1.5}, {"alpha", {nullptr, true, "x"}}}}},
                      {{"kind", "com.example.image"}, {"url", "https://example.com/x.png"}, {"width", 64}}};
  command["mentions"] = {"ada", "nils"};
  command["replyTo"] = "0d8e6a3c-6b3c-4d6a-9d58-0a3f3b0c8f11";
  command["contextId"] = "ctx-1";
  return command;
}

class NodeMesh : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
    std::filesystem::copy_file(Runfile("tests/node/mesh_peer.mjs"), mesh_->directory() + "/mesh_peer.mjs");
    std::filesystem::create_directory_symlink(
        std::filesystem::canonical(Runfile("external/node_peer/node_modules")),
        mesh_->directory() + "/node_modules");
    MW_ASSERT_OK_AND_ASSIGN(ada_, Ours("ada", "planner"));
    MW_ASSERT_OK_AND_ASSIGN(bob_, Ours("bob", "reviewer"));
    MW_ASSERT_OK_AND_ASSIGN(nora_, NodePeer::Start(*mesh_, "nora", "painter"));
    MW_ASSERT_OK_AND_ASSIGN(nils_, NodePeer::Start(*mesh_, "nils", "tester"));
  }

  absl::StatusOr<std::unique_ptr<OurPeer>> Ours(const std::string& name, const std::string& role) {
    MW_ASSIGN_OR_RETURN(const TestAgent agent, mesh_->Provision(name));
    EndpointOptions options;
    options.creds = agent.creds;
    options.card.name = name;
    options.card.role = role;
    return Begin(std::move(options));
  }
  absl::StatusOr<std::unique_ptr<OurPeer>> Begin(EndpointOptions options) {
    auto peer = std::make_unique<OurPeer>();
    options.servers = {mesh_->url()};
    EndpointHandlers handlers;
    handlers.on_message = [raw = peer.get()](ReceivedMessage message) {
      (void)message.settle.Ack();
      raw->messages.Add(std::move(message));
    };
    handlers.on_presence = [raw = peer.get()](const PresenceEvent& event) { raw->presence.Add(event); };
    handlers.on_error = [raw = peer.get()](const absl::Status& error) { raw->errors.Add(MessageOf(error)); };
    MW_ASSIGN_OR_RETURN(peer->endpoint, Endpoint::Make(std::move(options), std::move(handlers)));
    MW_RETURN_IF_ERROR(peer->endpoint->Start());
    return peer;
  }

  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Process> manager_;
  std::unique_ptr<OurPeer> ada_;
  std::unique_ptr<OurPeer> bob_;
  std::unique_ptr<NodePeer> nora_;
  std::unique_ptr<NodePeer> nils_;
};

TEST_F(NodeMesh, WhatOursSayIsReadAsItWasSaid) {
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage to_all, ada_->endpoint->Multicast(Rich(), "general"));
  for (const NodePeer* peer : {nora_.get(), nils_.get()}) {
    MW_ASSERT_OK_AND_ASSIGN(const Json seen, peer->AwaitMessage(to_all.id));
    EXPECT_EQ(seen.at("kind"), "channel");
    EXPECT_EQ(seen.at("subject"), fmt::format("cotal.main.chat.{}.general", ada_->id()));
    ExpectSame(seen.at("message"), to_all);
  }
  MW_ASSERT_OK_AND_ASSIGN(const ReceivedMessage ours, bob_->AwaitMessage(to_all.id));
  EXPECT_EQ(ours.message, to_all);

  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage to_nora, ada_->endpoint->Unicast(nora_->id(), Rich()));
  MW_ASSERT_OK_AND_ASSIGN(const Json direct, nora_->AwaitMessage(to_nora.id));
  EXPECT_EQ(direct.at("kind"), "dm");
  ExpectSame(direct.at("message"), to_nora);

  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage to_testers, bob_->endpoint->Anycast("tester", Rich()));
  MW_ASSERT_OK_AND_ASSIGN(const Json task, nils_->AwaitMessage(to_testers.id));
  EXPECT_EQ(task.at("kind"), "anycast");
  ExpectSame(task.at("message"), to_testers);
}

TEST_F(NodeMesh, WhatTheySayIsReadAsItWasSaid) {
  MW_ASSERT_OK_AND_ASSIGN(const Json to_all,
                          nora_->Call(RichCommand({{"do", "multicast"}, {"channel", "general"}})));
  for (OurPeer* peer : {ada_.get(), bob_.get()}) {
    MW_ASSERT_OK_AND_ASSIGN(const ReceivedMessage seen, peer->AwaitMessage(to_all.at("id")));
    EXPECT_EQ(seen.kind, Delivery::kChannel);
    EXPECT_EQ(seen.message.destination.name, "general");
    EXPECT_EQ(seen.message.from.id, nora_->id());
    EXPECT_EQ(seen.message.from.name, "nora");
    EXPECT_EQ(seen.message.from.role, "painter");
    EXPECT_THAT(seen.message.mentions, ElementsAre("ada", "nils"));
    ExpectSame(to_all, seen.message);
  }
  MW_ASSERT_OK_AND_ASSIGN(const Json to_ada,
                          nora_->Call(RichCommand({{"do", "unicast"}, {"to", ada_->id()}})));
  MW_ASSERT_OK_AND_ASSIGN(const ReceivedMessage direct, ada_->AwaitMessage(to_ada.at("id")));
  EXPECT_EQ(direct.kind, Delivery::kDm);
  ExpectSame(to_ada, direct.message);

  MW_ASSERT_OK_AND_ASSIGN(const Json to_reviewers,
                          nils_->Call(RichCommand({{"do", "anycast"}, {"role", "reviewer"}})));
  MW_ASSERT_OK_AND_ASSIGN(const ReceivedMessage task, bob_->AwaitMessage(to_reviewers.at("id")));
  EXPECT_EQ(task.kind, Delivery::kAnycast);
  ExpectSame(to_reviewers, task.message);
}

TEST_F(NodeMesh, EachSeesTheOthersComeChangeAndGo) {
  // Ours see theirs.
  EXPECT_TRUE(ada_->AwaitPresence(nora_->id(), PresenceChange::kJoin, PresenceStatus::kIdle));
  MW_ASSERT_OK_AND_ASSIGN(const Presence nora, ada_->endpoint->ResolvePeer("nora"));
  EXPECT_EQ(nora.card.id, nora_->id());
  EXPECT_EQ(nora.card.role, "painter");
  EXPECT_EQ(nora.card.protocol_version, "0.2");
  ASSERT_THAT(nora_->Call({{"do", "presence"}, {"status", "working"}, {"activity", "painting"}}), IsOk());
  EXPECT_TRUE(
      ada_->AwaitPresence(nora_->id(), PresenceChange::kUpdate, PresenceStatus::kWorking, "painting"));
  nora_->Send({{"do", "stop"}});
  EXPECT_TRUE(
      ada_->AwaitPresence(nora_->id(), PresenceChange::kOffline, PresenceStatus::kOffline, "painting"));
  MW_ASSERT_OK_AND_ASSIGN(const int code, nora_->Wait());
  EXPECT_EQ(code, 0) << nora_->Output();

  // Theirs see ours.
  MW_ASSERT_OK_AND_ASSIGN(const Json seen, nils_->AwaitPresence(ada_->id(), "idle"));
  EXPECT_EQ(seen.at("presence").at("card").at("name"), "ada");
  EXPECT_EQ(seen.at("presence").at("card").at("role"), "planner");
  EXPECT_EQ(seen.at("presence").at("card").at("kind"), "agent");
  EXPECT_EQ(seen.at("presence").at("card").at("protocolVersion"), "0.2");
  ASSERT_THAT(ada_->endpoint->SetStatus(PresenceStatus::kWaiting), IsOk());
  ASSERT_THAT(ada_->endpoint->SetActivity("for an answer"), IsOk());
  EXPECT_THAT(nils_->AwaitPresence(ada_->id(), "waiting", "for an answer"), IsOk());
  ada_->endpoint->Stop();
  EXPECT_THAT(nils_->AwaitPresence(ada_->id(), "offline", "for an answer"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const Json roster, nils_->Call({{"do", "roster"}}));
  std::vector<std::string> names;
  for (const Json& record : roster) names.push_back(record.at("card").at("name").get<std::string>());
  EXPECT_THAT(names, ElementsAre("ada", "bob", "nils", "nora"));
}

// What theirs say while the credential of one of ours has ended comes once a new one lies on disk.
TEST_F(NodeMesh, OursAreRenewedOnDiskWhileTheirsTalk) {
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent agent, mesh_->Provision("bob"));
  const std::string path = mesh_->directory() + "/renewed.creds";
  const auto write = [&](std::chrono::seconds lifetime) {
    JwtClaims claims = agent.creds->decoded().claims;
    claims.expires = Clock::System().Now() + lifetime;
    MW_ASSERT_OK_AND_ASSIGN(const std::string jwt,
                            EncodeJwt(claims, mesh_->issuer().signing_key(), Clock::System().Now()));
    const auto seed = agent.creds->key_pair().Seed();
    MW_ASSERT_OK_AND_ASSIGN(const Creds creds, Creds::Make(jwt, *KeyPair::FromSeed(seed.ExposeText())));
    ASSERT_THAT(creds.Save(path, IfExists::kReplace), IsOk());
  };
  ASSERT_NO_FATAL_FAILURE(write(std::chrono::seconds(6)));
  EndpointOptions options;
  MW_ASSERT_OK_AND_ASSIGN(options.creds_file, CredsFile::Open(path));
  options.card.name = "bob";
  MW_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<OurPeer> ours, Begin(std::move(options)));
  ASSERT_TRUE(ours->errors.AwaitAny(
      [](const std::string& error) { return error.find("the credential expired at") != std::string::npos; },
      kPatience));
  MW_ASSERT_OK_AND_ASSIGN(const Json said,
                          nora_->Call({{"do", "multicast"}, {"channel", "general"}, {"text", "meanwhile"}}));
  ASSERT_NO_FATAL_FAILURE(write(std::chrono::seconds(1000)));
  EXPECT_THAT(ours->AwaitMessage(said.at("id")), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage back, ours->endpoint->Multicast(Rich(), "general"));
  EXPECT_THAT(nora_->AwaitMessage(back.id), IsOk());
}

TEST_F(NodeMesh, OursJoinAChannelWhereTheirsTalk) {
  MW_ASSERT_OK_AND_ASSIGN(
      const Json before, nora_->Call({{"do", "multicast"}, {"channel", "ops"}, {"text", "before the join"}}));
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, ada_->endpoint->JoinChannel("ops"));
  EXPECT_TRUE(joined.joined);
  EXPECT_EQ(joined.backfilled, 1u);
  MW_ASSERT_OK_AND_ASSIGN(const Json after,
                          nora_->Call({{"do", "multicast"}, {"channel", "ops"}, {"text", "after"}}));
  MW_ASSERT_OK_AND_ASSIGN(const ReceivedMessage history, ada_->AwaitMessage(before.at("id")));
  EXPECT_TRUE(history.historical);
  ExpectSame(before, history.message);
  MW_ASSERT_OK_AND_ASSIGN(const ReceivedMessage live, ada_->AwaitMessage(after.at("id")));
  EXPECT_FALSE(live.historical);
  ExpectSame(after, live.message);
  EXPECT_THAT(mesh_->FiltersOf(ada_->id()), IsOkAndHolds(FiltersFor({"general", "ops"})));
  // And leave it again.
  EXPECT_THAT(ada_->endpoint->LeaveChannel("ops"), IsOkAndHolds(true));
  MW_ASSERT_OK_AND_ASSIGN(const Json unheard,
                          nora_->Call({{"do", "multicast"}, {"channel", "ops"}, {"text", "x"}}));
  MW_ASSERT_OK_AND_ASSIGN(const Json heard,
                          nora_->Call({{"do", "multicast"}, {"channel", "general"}, {"text", "y"}}));
  ASSERT_THAT(ada_->AwaitMessage(heard.at("id")), IsOk());
  for (const ReceivedMessage& received : ada_->messages.Await(0)) {
    EXPECT_NE(received.message.id, unheard.at("id"));
  }
}

TEST_F(NodeMesh, TheirsMoveIntoAChannelWhereOursTalk) {
  MW_ASSERT_OK_AND_ASSIGN(const Json granted,
                          nora_->Call({{"do", "setChannels"}, {"channels", {"general", "team.backend"}}}));
  EXPECT_EQ(granted.at("channels"), Json({"general", "team.backend"}));
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage said, bob_->endpoint->Multicast(Rich(), "team.backend"));
  MW_ASSERT_OK_AND_ASSIGN(const Json seen, nora_->AwaitMessage(said.id));
  ExpectSame(seen.at("message"), said);
  EXPECT_FALSE(nora_->Call({{"do", "setChannels"}, {"channels", {"general", "secret"}}}).ok());
  EXPECT_THAT(mesh_->FiltersOf(nora_->id()), IsOkAndHolds(FiltersFor({"general", "team.backend"})));
}

// 8,200 numbers, whole and broken, small and large, and arrays in arrays, 30 deep.
Json RichData() {
  Json numbers = Json::array();
  for (int i = 0; i < 8200; ++i) {
    numbers.push_back(i % 3 == 0 ? Json(i * 1000003LL) : i % 3 == 1 ? Json(i + 0.25) : Json(-i * 1e20));
  }
  Json nested = Json::array({"innermost", nullptr});
  for (int depth = 1; depth < 30; ++depth) nested = Json::array({std::move(nested)});
  return {{"numbers", std::move(numbers)}, {"nested", std::move(nested)}, {"empty", Json::object()}};
}

TEST_F(NodeMesh, RichDataGoesBothWays) {
  const Json data = RichData();
  Content content;
  content.parts = {Part::Data(data), Part::Text("and a word")};
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage ours, ada_->endpoint->Multicast(content, "general"));
  for (const NodePeer* peer : {nora_.get(), nils_.get()}) {
    MW_ASSERT_OK_AND_ASSIGN(const Json seen, peer->AwaitMessage(ours.id));
    EXPECT_EQ(seen.at("message").at("parts").at(0).at("data"), data);
    ExpectSame(seen.at("message"), ours);
  }
  MW_ASSERT_OK_AND_ASSIGN(const ReceivedMessage own_kind, bob_->AwaitMessage(ours.id));
  EXPECT_EQ(own_kind.message, ours);

  const Json parts = {{{"kind", "data"}, {"data", data}}, {{"kind", "text"}, {"text", "and a word"}}};
  MW_ASSERT_OK_AND_ASSIGN(const Json theirs,
                          nora_->Call({{"do", "multicast"}, {"channel", "general"}, {"parts", parts}}));
  for (OurPeer* peer : {ada_.get(), bob_.get()}) {
    MW_ASSERT_OK_AND_ASSIGN(const ReceivedMessage seen, peer->AwaitMessage(theirs.at("id")));
    ASSERT_EQ(seen.message.parts.size(), 2u);
    ExpectSame(theirs, seen.message);
  }
  MW_ASSERT_OK_AND_ASSIGN(const Json direct,
                          nils_->Call({{"do", "unicast"}, {"to", bob_->id()}, {"parts", parts}}));
  MW_ASSERT_OK_AND_ASSIGN(const ReceivedMessage dm, bob_->AwaitMessage(direct.at("id")));
  ExpectSame(direct, dm.message);
}

// JavaScript's texts may hold half of a character. It takes the place of one that can't be shown, everywhere,
// and spoils nothing beside it; what is whole stays whole.
TEST_F(NodeMesh, HalvesOfCharactersAreReadAndGoOn) {
  constexpr char kWhole[] = "\xF0\x9F\x98\x80";
  constexpr char kInstead[] = "\xEF\xBF\xBD";
  const std::string line = fmt::format(
      R"({{"do":"multicast","ref":{},"channel":"general","parts":[{{"kind":"text","text":"cut \ud83d here \ud83d\ude00"}},)"
      R"({{"kind":"data","data":{{"k\ude00y":["\ud83d","\\ud83d",{{"deep":"\udbff\ud83d\ude00"}}]}}}}],)"
      R"("mentions":["ada"],"contextId":"c\ud800"}})",
      nora_->NextRef());
  MW_ASSERT_OK_AND_ASSIGN(const Json said, nora_->CallLine(line + "\n"));
  for (OurPeer* peer : {ada_.get(), bob_.get()}) {
    MW_ASSERT_OK_AND_ASSIGN(const ReceivedMessage seen, peer->AwaitMessage(said.at("id")));
    ASSERT_EQ(seen.message.parts.size(), 2u);
    EXPECT_EQ(seen.message.parts[0].text, fmt::format("cut {} here {}", kInstead, kWhole));
    EXPECT_EQ(seen.message.parts[1].data,
              Json({{fmt::format("k{}y", kInstead),
                     {kInstead, "\\ud83d", {{"deep", fmt::format("{}{}", kInstead, kWhole)}}}}}));
    EXPECT_EQ(seen.message.context_id, fmt::format("c{}", kInstead));
  }
  // Their own kind still sees what was said.
  MW_ASSERT_OK_AND_ASSIGN(const Json seen, nils_->AwaitMessage(said.at("id")));
  EXPECT_EQ(seen.at("message").at("id"), said.at("id"));
  EXPECT_NE(nils_->Output().find(R"(cut \ud83d here)"), std::string::npos);

  // Handed on by ours to both kinds, and answered in turn.
  MW_ASSERT_OK_AND_ASSIGN(const ReceivedMessage received, ada_->AwaitMessage(said.at("id")));
  Content again;
  again.parts = received.message.parts;
  again.context_id = received.message.context_id;
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage passed_on, ada_->endpoint->Unicast(nils_->id(), again));
  MW_ASSERT_OK_AND_ASSIGN(const Json direct, nils_->AwaitMessage(passed_on.id));
  ExpectSame(direct.at("message"), passed_on);

  // What stands in a presence record as well.
  const std::string busy = fmt::format(
      R"({{"do":"presence","ref":{},"status":"working","activity":"half \udc00"}})", nora_->NextRef());
  ASSERT_THAT(nora_->CallLine(busy + "\n"), IsOk());
  EXPECT_TRUE(ada_->AwaitPresence(nora_->id(), PresenceChange::kUpdate, PresenceStatus::kWorking,
                                  fmt::format("half {}", kInstead)));
}

}  // namespace
}  // namespace meshwarden::testing::node_mesh_test
