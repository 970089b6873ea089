#include "tests/endpoint/space.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "base/status.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_answer.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "proto/uuid.h"

namespace meshwarden::testing {
namespace {

constexpr char kPolicy[] = R"(
version: 1
space: main
defaults: { subscribe: [general] }
agents:
  ada: { role: planner, allowSubscribe: [general, ops, quiet, team, team.>, room.>], allowPublish: [">"] }
  bob: { role: reviewer, allowSubscribe: [general, ops, quiet, team, team.>, room.>], allowPublish: [">"] }
  cy: { role: reviewer, allowSubscribe: [general, ops, quiet, team, team.>, room.>], allowPublish: [">"] }
  narrow: { allowSubscribe: [general, "star.*"], allowPublish: [general] }
)";
constexpr char kSpace[] = "main";
constexpr std::chrono::milliseconds kRequestTimeout{5000};

}  // namespace

std::string NameOf(Mode mode) { return mode == Mode::kOpen ? "Open" : "Auth"; }

std::vector<std::string> Member::Texts(std::size_t count, std::chrono::milliseconds timeout) {
  std::vector<std::string> texts;
  for (const ReceivedMessage& received : messages.Await(count, timeout)) {
    texts.push_back(TextOf(received.message));
  }
  return texts;
}

bool Member::AwaitText(std::string_view text, std::chrono::milliseconds timeout) {
  return messages.AwaitAny([&](const ReceivedMessage& m) { return TextOf(m.message) == text; }, timeout);
}

bool Member::AwaitError(std::string_view part, std::chrono::milliseconds timeout) {
  return errors.AwaitAny(
      [&](const absl::Status& status) { return MessageOf(status).find(part) != std::string::npos; }, timeout);
}

bool Member::AwaitConnected(bool connected, std::chrono::milliseconds timeout) {
  return connection.AwaitLast([&](bool last) { return last == connected; }, timeout);
}

absl::StatusOr<std::unique_ptr<TestSpace>> TestSpace::Start(Mode mode) {
  std::unique_ptr<TestSpace> space(new TestSpace(mode));
  if (mode == Mode::kAuth) {
    MW_ASSIGN_OR_RETURN(space->mesh_, Mesh::Start(kPolicy));
    return space;
  }
  MW_ASSIGN_OR_RETURN(space->broker_, TestBroker::Start({}));
  ConnectionOptions options;
  options.servers = {space->broker_->url()};
  options.name = "test";
  MW_ASSIGN_OR_RETURN(space->root_, Connection::Open(std::move(options)));
  space->root_api_ = std::make_unique<JetStreamApi>(*space->root_, kRequestTimeout);
  return space;
}

TestSpace::~TestSpace() = default;

TestBroker& TestSpace::broker() { return mesh_ != nullptr ? mesh_->broker() : *broker_; }
Connection& TestSpace::root() { return mesh_ != nullptr ? mesh_->root() : *root_; }
JetStreamApi& TestSpace::root_api() { return mesh_ != nullptr ? mesh_->root_api() : *root_api_; }

absl::Status TestSpace::DeleteStream(const std::string& stream) {
  const std::string tail = "STREAM.DELETE." + stream;
  const std::string subject = mesh_ != nullptr ? mesh_->SecretApi(tail) : "$JS.API." + tail;
  return DecodeAnswer(root().Request(subject, "", kRequestTimeout)).status();
}

absl::Status TestSpace::StartManager() {
  if (mode_ == Mode::kOpen) return absl::OkStatus();
  MW_ASSIGN_OR_RETURN(manager_, mesh_->StartManager());
  return absl::OkStatus();
}

void TestSpace::KillManager() { manager_.reset(); }

absl::StatusOr<EndpointOptions> TestSpace::OptionsFor(const std::string& name) {
  EndpointOptions options;
  options.space = kSpace;
  options.servers = {broker().url()};
  options.card.name = name;
  options.channels = {"general"};
  if (name == "ada") options.card.role = "planner";
  if (name == "bob" || name == "cy") options.card.role = "reviewer";
  options.retry_wait = std::chrono::milliseconds(500);
  if (mode_ == Mode::kOpen) {
    options.card.id = NewUuid();
    return options;
  }
  MW_ASSIGN_OR_RETURN(const TestAgent agent, mesh_->Provision(name));
  options.creds = agent.creds;
  options.card.id = agent.id;
  return options;
}

absl::StatusOr<std::unique_ptr<Member>> TestSpace::Make(EndpointOptions options, Settling settling) {
  auto member = std::make_unique<Member>();
  EndpointHandlers handlers;
  handlers.on_message = [raw = member.get(), settling](ReceivedMessage message) {
    if (settling == Settling::kAckAll) (void)message.settle.Ack();
    raw->messages.Add(std::move(message));
  };
  handlers.on_presence = [raw = member.get()](const PresenceEvent& event) { raw->presence.Add(event); };
  handlers.on_roster = [raw = member.get()](const std::vector<Presence>& all) { raw->rosters.Add(all); };
  handlers.on_error = [raw = member.get()](const absl::Status& status) { raw->errors.Add(status); };
  handlers.on_connection = [raw = member.get()](bool connected) { raw->connection.Add(connected); };
  MW_ASSIGN_OR_RETURN(member->endpoint, Endpoint::Make(std::move(options), std::move(handlers)));
  return member;
}

absl::StatusOr<std::unique_ptr<Member>> TestSpace::Enter(EndpointOptions options, Settling settling) {
  MW_ASSIGN_OR_RETURN(std::unique_ptr<Member> member, Make(std::move(options), settling));
  MW_RETURN_IF_ERROR(member->endpoint->Start());
  return member;
}

absl::StatusOr<std::unique_ptr<Member>> TestSpace::Enter(const std::string& name) {
  MW_ASSIGN_OR_RETURN(EndpointOptions options, OptionsFor(name));
  return Enter(std::move(options));
}

absl::StatusOr<std::uint64_t> TestSpace::Store(std::string_view subject, std::string_view payload) {
  return root_api().PublishStored(subject, payload, std::nullopt);
}

absl::StatusOr<std::string> TestSpace::Post(std::string_view channel, std::string_view text,
                                            std::string_view sender) {
  std::string id = NewUuid();
  MW_ASSIGN_OR_RETURN(const std::string subject, ChatSubject(kSpace, sender, channel));
  MW_RETURN_IF_ERROR(Store(subject, PeerMessage(sender, channel, text, id)).status());
  return id;
}

absl::StatusOr<Presence> TestSpace::PresenceOf(std::string_view id) {
  const std::string bucket = PresenceBucket(kSpace);
  MW_ASSIGN_OR_RETURN(const StoredMessage record,
                      root_api().LastMessage(BucketStream(bucket), BucketSubject(bucket, id)));
  return DecodePresence(record.payload);
}

absl::StatusOr<std::vector<std::string>> TestSpace::FilterOf(std::string_view id) {
  MW_ASSIGN_OR_RETURN(const ConsumerInfo info, root_api().GetConsumer(ChatStream(kSpace), ChatDurable(id)));
  std::vector<std::string> channels;
  for (const std::string& filter : info.config.Filters()) {
    channels.push_back(ChannelOfFilter(kSpace, filter).value_or(filter));
  }
  std::sort(channels.begin(), channels.end());
  return channels;
}

absl::Status TestSpace::MoveFilterOf(std::string_view id, const std::vector<std::string>& channels) {
  MW_ASSIGN_OR_RETURN(ConsumerInfo info, root_api().GetConsumer(ChatStream(kSpace), ChatDurable(id)));
  MW_ASSIGN_OR_RETURN(const ConsumerConfig wanted, ChatDurableConfig(kSpace, id, channels));
  info.config.filter_subject = wanted.filter_subject;
  info.config.filter_subjects = wanted.filter_subjects;
  return root_api().UpdateConsumer(ChatStream(kSpace), info.config).status();
}

std::size_t CountThreads() {
  const std::filesystem::directory_iterator threads("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
}

Content Text(std::string text) {
  Content content;
  content.parts.push_back(Part::Text(std::move(text)));
  return content;
}

std::string TextOf(const MeshMessage& message) {
  return message.parts.empty() ? "" : message.parts.front().text;
}

std::string PeerMessage(std::string_view sender, std::string_view channel, std::string_view text,
                        std::string id) {
  MeshMessage message;
  message.id = id.empty() ? NewUuid() : std::move(id);
  message.ts = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  message.space = kSpace;
  message.from.id = std::string(sender);
  message.from.name = "peer";
  message.destination = {.delivery = Delivery::kChannel, .name = std::string(channel)};
  message.parts.push_back(Part::Text(std::string(text)));
  return EncodeMessage(message);
}

void BothModes::SetUp() {
  MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(GetParam()));
  ASSERT_THAT(space_->StartManager(), IsOk());
}

}  // namespace meshwarden::testing
