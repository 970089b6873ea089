#include "manager/agent/data.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "manager/agent/encode.h"
#include "proto/message.h"
#include "proto/presence.h"
#include "proto/registry.h"
#include "proto/timestamp.h"

namespace meshwarden {
namespace {

const char* KeyOf(Delivery delivery) {
  switch (delivery) {
    case Delivery::kChannel:
      return "channel";
    case Delivery::kDm:
      return "to";
    case Delivery::kAnycast:
      break;
  }
  return "toService";
}

template <typename T, typename Encode>
std::string ListOfAll(const std::vector<T>& items, Encode encode) {
  std::vector<std::string> texts;
  texts.reserve(items.size());
  for (const T& item : items) texts.push_back(encode(item));
  return ListOf(texts);
}

}  // namespace

std::string SentData(const MeshMessage& message) {
  return fmt::format(R"({{"id":{},"ts":{},"{}":{}}})", QuoteJson(message.id),
                     DumpJson(EncodeTimestamp(message.ts)), KeyOf(message.destination.delivery),
                     QuoteJson(message.destination.name));
}

std::string MessagesData(const std::vector<MeshMessage>& messages) {
  return fmt::format(R"({{"messages":{}}})", ListOfAll(messages, EncodeMessage));
}

std::string RecalledData(const Recalled& recalled) {
  return fmt::format(R"({{"messages":{},"dropped":{}}})", ListOfAll(recalled.messages, EncodeMessage),
                     recalled.dropped);
}

std::string RosterData(const std::vector<Presence>& roster) { return ListOfAll(roster, EncodePresence); }

std::string ChannelsData(const std::vector<ChannelSummary>& channels) {
  return ListOfAll(channels, [](const ChannelSummary& channel) {
    return fmt::format(R"({{"channel":{},"messages":{},"config":{}}})", QuoteJson(channel.channel),
                       channel.messages, EncodeChannelConfig(channel.config));
  });
}

std::string MembersData(const std::vector<ChannelMembers>& members) {
  return ListOfAll(members, [](const ChannelMembers& channel) {
    return fmt::format(R"({{"channel":{},"ids":{},"present":{}}})", QuoteJson(channel.channel),
                       DumpJson(Json(channel.ids)), RosterData(channel.present));
  });
}

}  // namespace meshwarden
