#include "manager/agent/perform.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>

#include "base/json.h"
#include "base/status.h"
#include "manager/agent/data.h"
#include "proto/identity/instance_id.h"

namespace meshwarden {
namespace {

Content ContentOf(const verb::Words& words) {
  return {.parts = words.parts,
          .mentions = words.mentions,
          .reply_to = words.reply_to,
          .context_id = words.context_id,
          .message_id = {}};
}

Outcome OutcomeOf(const absl::Status& status) { return status.ok() ? Done() : Failed(status); }

// `data` of the value, or the error.
template <typename T, typename Data>
Outcome OutcomeOf(const absl::StatusOr<T>& value, Data data) {
  return value.ok() ? Done(data(*value)) : Failed(value.status());
}

absl::StatusOr<std::string> AddressOf(const Endpoint& endpoint, const std::string& name_or_id) {
  absl::StatusOr<Presence> peer = endpoint.ResolvePeer(name_or_id);
  if (peer.ok()) {
    return std::move(peer->card.id);
  }
  if (absl::IsNotFound(peer.status()) && IsInstanceId(name_or_id)) {
    return name_or_id;
  }
  return peer.status();
}

class Performer {
 public:
  Performer(Endpoint& endpoint, OpenDeliveries& deliveries) : endpoint_(endpoint), deliveries_(deliveries) {}

  Outcome operator()(const verb::Multicast& command) const {
    return OutcomeOf(endpoint_.Multicast(ContentOf(command.words), command.channel), SentData);
  }
  Outcome operator()(const verb::Unicast& command) const {
    const absl::StatusOr<std::string> to = AddressOf(endpoint_, command.to);
    return to.ok() ? OutcomeOf(endpoint_.Unicast(*to, ContentOf(command.words)), SentData)
                   : Failed(to.status());
  }
  Outcome operator()(const verb::Anycast& command) const {
    return OutcomeOf(endpoint_.Anycast(command.role, ContentOf(command.words)), SentData);
  }
  Outcome operator()(const verb::Join& command) const {
    return OutcomeOf(endpoint_.JoinChannel(command.channel), [](const JoinResult& result) {
      return fmt::format(R"({{"joined":{},"backfilled":{}{}}})", result.joined, result.backfilled,
                         result.history_owed ? R"(,"historyOwed":true)" : "");
    });
  }
  Outcome operator()(const verb::Leave& command) const {
    return OutcomeOf(endpoint_.LeaveChannel(command.channel),
                     [](bool left) { return fmt::format(R"({{"left":{}}})", left); });
  }
  Outcome operator()(const verb::Recall& command) const {
    return OutcomeOf(endpoint_.RecallChannel(command.channel, command.since), RecalledData);
  }
  Outcome operator()(const verb::History& command) const {
    return OutcomeOf(endpoint_.ChannelHistory(command.channel, command.limit), MessagesData);
  }
  Outcome operator()(const verb::Roster&) const { return Done(RosterData(endpoint_.Roster())); }
  Outcome operator()(const verb::Channels&) const {
    return OutcomeOf(endpoint_.ListChannels(), ChannelsData);
  }
  Outcome operator()(const verb::Joined&) const { return Done(DumpJson(Json(endpoint_.JoinedChannels()))); }
  Outcome operator()(const verb::Members& command) const {
    return OutcomeOf(endpoint_.ListMembers(command.channel), MembersData);
  }
  Outcome operator()(const verb::Status& command) const {
    return OutcomeOf(endpoint_.SetStatus(command.status));
  }
  Outcome operator()(const verb::Activity& command) const {
    return OutcomeOf(endpoint_.SetActivity(command.activity));
  }
  Outcome operator()(const verb::Control& command) const {
    const absl::StatusOr<ControlReply> reply =
        endpoint_.RequestControl(command.service, command.op, command.args, command.timeout);
    if (!reply.ok()) {
      return Failed(reply.status());
    }
    if (!reply->ok) {
      const std::string error =
          reply->error.empty() ? "the service refused, and gave no reason" : reply->error;
      // A peer's service gives none.
      return {.ok = false, .data = {}, .error = error, .code = reply->code.empty() ? "refused" : reply->code};
    }
    return Done(reply->data.is_null() ? std::string() : DumpJson(reply->data));
  }
  Outcome operator()(const verb::Ack& command) const { return OutcomeOf(deliveries_.Ack(command.delivery)); }
  Outcome operator()(const verb::Nak& command) const { return OutcomeOf(deliveries_.Nak(command.delivery)); }
  Outcome operator()(const verb::Frontier&) const {
    return OutcomeOf(endpoint_.ChatFrontier(),
                     [](std::uint64_t seq) { return fmt::format(R"({{"seq":{}}})", seq); });
  }
  Outcome operator()(const verb::Reconnect&) const { return OutcomeOf(endpoint_.Reconnect()); }
  Outcome operator()(const verb::Stop&) const { return Done(); }

 private:
  Endpoint& endpoint_;
  OpenDeliveries& deliveries_;
};

}  // namespace

Outcome Perform(const Command& command, Endpoint& endpoint, OpenDeliveries& deliveries) {
  return std::visit(Performer(endpoint, deliveries), command);
}

}  // namespace meshwarden
