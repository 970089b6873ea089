// What an endpoint reads back: joins and leaves, history, and what there is in the space.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/delivery/seen_messages.h"
#include "endpoint/endpoint_core.h"
#include "endpoint/space/channel_registry.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "proto/token.h"
#include "proto/uuid.h"

namespace meshwarden {
namespace {

// At this many kept messages of one subject the broker lets go of the oldest.
constexpr std::uint64_t kMessagesPerSubject = 1000;
// Most messages that one call brings; of so many, copies are known.
constexpr std::size_t kMaxRead = 100'000;

// Calls `take` for every stored message from `query` on, until it returns false.
template <typename Take>
absl::Status ReadAll(HistoryReader& reader, HistoryQuery query, Take take) {
  while (true) {
    MW_ASSIGN_OR_RETURN(HistoryPage page, reader.ReadPage(query));
    for (const HistoryMessage& message : page.messages) {
      if (!take(message)) return absl::OkStatus();
    }
    if (page.end) return absl::OkStatus();
    query.start_seq = page.next_seq;
    query.since.reset();
  }
}

// A copy that somebody had the broker make of a message is not that message again.
bool IsCopy(SeenMessages& met, const MeshMessage& message, Delivery stream, std::uint64_t seq) {
  return met.Admit(message.from.id, message.id, {.stream = stream, .seq = seq}) !=
         SeenMessages::Verdict::kNew;
}

void KeepLast(std::vector<MeshMessage>& messages, std::size_t limit) {
  if (messages.size() > limit) {
    messages.erase(messages.begin(), messages.end() - static_cast<std::ptrdiff_t>(limit));
  }
}

}  // namespace

absl::StatusOr<JoinResult> EndpointCore::JoinChannel(std::string_view channel) {
  MW_RETURN_IF_ERROR(CheckLive());
  // A join that took long has no time left for the history.
  const auto read_until = std::chrono::steady_clock::now() + options_.publish_timeout / 2;
  MW_ASSIGN_OR_RETURN(const bool joined, wire_->membership.Join(channel));
  if (!joined) return JoinResult{};
  absl::StatusOr<std::size_t> count =
      absl::UnavailableError(fmt::format("the history of channel \"{}\" follows later", channel));
  if (std::chrono::steady_clock::now() < read_until) count = wire_->backfiller.Run(channel, cancelled_);
  if (!count.ok()) TellError(count.status());
  // What is left of the history follows when it can be read, and the first channel of all is opened.
  WakeBackfill();
  return JoinResult{.joined = true,
                    .backfilled = count.value_or(0),
                    .history_owed = !count.ok() || wire_->membership.Owes(channel)};
}

absl::StatusOr<bool> EndpointCore::LeaveChannel(std::string_view channel) {
  MW_RETURN_IF_ERROR(CheckLive());
  MW_ASSIGN_OR_RETURN(const bool left, wire_->membership.Leave(channel));
  if (left) WakeBackfill();
  return left;
}

void EndpointCore::WakeBackfill() {
  std::shared_ptr<Session> session;
  {
    MutexLock lock(mutex_);
    session = session_;
  }
  if (session != nullptr) session->WakeBackfill();
}

// Read fresh, so that a channel that has just been closed to newcomers is.
absl::StatusOr<bool> EndpointCore::MayReplay(std::string_view channel) {
  std::optional<ChannelConfig> config;
  if (IsConcreteChannel(channel)) {
    MW_ASSIGN_OR_RETURN(config, ReadChannelConfig(wire_->api, options_.space, channel));
  }
  MW_ASSIGN_OR_RETURN(const auto defaults, ReadChannelDefaults(wire_->api, options_.space));
  return EffectiveReplay(config.value_or(ChannelConfig{}), defaults.value_or(ChannelDefaults{}));
}

absl::StatusOr<Recalled> EndpointCore::RecallChannel(std::string_view channel, std::uint64_t since_seq) {
  MW_RETURN_IF_ERROR(ValidateChannel(channel));
  MW_RETURN_IF_ERROR(CheckLive());
  Recalled recalled;
  if (!IsConcreteChannel(channel)) return recalled;
  MW_ASSIGN_OR_RETURN(const bool may, MayReplay(channel));
  if (!may) return recalled;
  MW_ASSIGN_OR_RETURN(const std::string subject, ChatSubject(options_.space, "*", channel));
  HistoryQuery query;
  query.subject = subject;
  query.start_seq = since_seq + 1;
  SeenMessages met(kMaxRead);
  std::uint64_t last = since_seq;
  bool more = false;
  MW_RETURN_IF_ERROR(ReadAll(wire_->history, query, [&](const HistoryMessage& stored) {
    MeshMessage message;
    if (!intake_->IsReadable(stored, message)) return true;
    if (IsCopy(met, message, Delivery::kChannel, stored.seq)) return true;
    more = recalled.messages.size() >= kMaxRead;
    if (more) return false;
    recalled.messages.push_back(std::move(message));
    last = stored.seq;
    return true;
  }));
  if (more) {
    return absl::ResourceExhaustedError(
        fmt::format("channel \"{}\" has more messages after sequence {} than the {} that one call brings, "
                    "which reach up to sequence {}; recall from a later sequence",
                    channel, since_seq, kMaxRead, last));
  }
  MW_ASSIGN_OR_RETURN(recalled.dropped, HasDropped(subject, since_seq));
  return recalled;
}

absl::StatusOr<bool> EndpointCore::HasDropped(const std::string& subject, std::uint64_t since_seq) {
  MW_ASSIGN_OR_RETURN(const auto subjects, wire_->api.GetStreamSubjects(ChatStream(options_.space), subject));
  const bool full = std::any_of(subjects.begin(), subjects.end(),
                                [](const auto& entry) { return entry.second >= kMessagesPerSubject; });
  if (!full) return false;
  HistoryQuery first;
  first.subject = subject;
  first.limit = 1;
  MW_ASSIGN_OR_RETURN(const HistoryPage page, wire_->history.ReadPage(first));
  return !page.messages.empty() && page.messages.front().seq > since_seq + 1;
}

absl::StatusOr<std::vector<MeshMessage>> EndpointCore::ChannelHistory(std::string_view channel,
                                                                      std::size_t limit) {
  MW_RETURN_IF_ERROR(ValidateChannel(channel));
  MW_RETURN_IF_ERROR(CheckLive());
  std::vector<MeshMessage> messages;
  MW_ASSIGN_OR_RETURN(const bool may, MayReplay(channel));
  if (!may) return messages;
  HistoryQuery query;
  MW_ASSIGN_OR_RETURN(query.subject, ChatSubject(options_.space, "*", channel));
  const std::size_t bound = std::min(limit, kMaxRead);
  SeenMessages met(kMaxRead);
  MW_RETURN_IF_ERROR(ReadAll(wire_->history, query, [&](const HistoryMessage& stored) {
    const Inbound inbound =
        Examine({.space = options_.space, .own_id = options_.card.id}, stored.subject, stored.payload);
    if (inbound.verdict == Inbound::Verdict::kRefused) return true;
    if (IsCopy(met, inbound.message, Delivery::kChannel, stored.seq)) return true;
    messages.push_back(inbound.message);
    if (messages.size() > 2 * bound + 1024) KeepLast(messages, bound);
    return true;
  }));
  KeepLast(messages, bound);
  return messages;
}

absl::StatusOr<std::vector<MeshMessage>> EndpointCore::DmHistory(std::string_view id, std::size_t limit) {
  if (!IsSafeToken(id)) {
    return absl::InvalidArgumentError(fmt::format("{} is no endpoint's id", Quoted(id)));
  }
  MW_RETURN_IF_ERROR(CheckLive());
  // A consumer of its own, so that readers of several histories at once don't take each other's away.
  HistoryReader reader(wire_->connection, wire_->api, DmStream(options_.space), "dmhist_" + NewUuid(),
                       options_.request_timeout);
  HistoryQuery query;
  query.subject = UnicastSubject(options_.space, id, "*");
  const std::size_t bound = std::min(limit, kMaxRead);
  std::vector<MeshMessage> messages;
  SeenMessages met(kMaxRead);
  MW_RETURN_IF_ERROR(ReadAll(reader, query, [&](const HistoryMessage& stored) {
    Inbound inbound = Examine({.space = options_.space, .own_id = id, .stream = Delivery::kDm},
                              stored.subject, stored.payload);
    if (inbound.verdict == Inbound::Verdict::kRefused) return true;
    if (IsCopy(met, inbound.message, Delivery::kDm, stored.seq)) return true;
    messages.push_back(std::move(inbound.message));
    if (messages.size() > 2 * bound + 1024) KeepLast(messages, bound);
    return true;
  }));
  KeepLast(messages, bound);
  return messages;
}

absl::StatusOr<std::uint64_t> EndpointCore::ChatFrontier() {
  MW_RETURN_IF_ERROR(CheckLive());
  MW_ASSIGN_OR_RETURN(const StreamInfo stream, wire_->api.GetStream(ChatStream(options_.space)));
  return stream.last_seq;
}

absl::StatusOr<std::vector<ChannelSummary>> EndpointCore::ListChannels() {
  MW_RETURN_IF_ERROR(CheckLive());
  MW_ASSIGN_OR_RETURN(
      const auto subjects,
      wire_->api.GetStreamSubjects(ChatStream(options_.space), SpacePrefix(options_.space) + ".chat.>"));
  std::map<std::string, ChannelSummary> channels;
  for (const auto& [subject, count] : subjects) {
    const auto parsed = ParseSubjectOf(options_.space, subject);
    // Whoever speaks raw NATS may publish on subjects that are no channel's.
    if (!parsed.has_value() || !IsChannelName(parsed->rest)) continue;
    ChannelSummary& summary = channels[parsed->rest];
    summary.channel = parsed->rest;
    summary.messages += count;
  }
  for (const auto& [channel, config] : channels_.All()) {
    ChannelSummary& summary = channels[channel];
    summary.channel = channel;
    summary.config = config;
  }
  std::vector<ChannelSummary> list;
  for (auto& [channel, summary] : channels) list.push_back(std::move(summary));
  return list;
}

absl::StatusOr<std::vector<ChannelMembers>> EndpointCore::ListMembers(
    const std::optional<std::string>& channel) {
  if (channel.has_value()) MW_RETURN_IF_ERROR(ValidateChannel(*channel));
  MW_RETURN_IF_ERROR(CheckLive());
  MW_ASSIGN_OR_RETURN(const auto consumers, wire_->api.ListConsumers(ChatStream(options_.space)));
  std::map<std::string, std::set<std::string>> ids;
  if (channel.has_value()) ids[*channel];
  for (const ConsumerInfo& consumer : consumers) {
    const std::string_view name = consumer.name;
    if (!name.starts_with("chat_") || !IsSafeToken(name.substr(5))) continue;
    for (const std::string& filter : consumer.config.Filters()) {
      const auto pattern = ChannelOfFilter(options_.space, filter);
      if (!pattern.has_value() || (channel.has_value() && !PatternCovers(*pattern, *channel))) continue;
      ids[channel.value_or(*pattern)].emplace(name.substr(5));
    }
  }
  const std::vector<Presence> roster = roster_.List();
  std::vector<ChannelMembers> list;
  for (const auto& [name, ids_there] : ids) {
    const std::set<std::string>& members = ids_there;
    ChannelMembers entry{.channel = name, .ids = {members.begin(), members.end()}, .present = {}};
    std::copy_if(roster.begin(), roster.end(), std::back_inserter(entry.present), [&](const Presence& peer) {
      return peer.status != PresenceStatus::kOffline && members.contains(peer.card.id);
    });
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace meshwarden
