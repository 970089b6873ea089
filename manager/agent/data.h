// The data of replies: what an endpoint answers, as JSON text.
#pragma once

#include <string>
#include <vector>

#include "endpoint/endpoint.h"

namespace meshwarden {

// {"id", "ts"} and where it went: "channel", "to" or "toService".
std::string SentData(const MeshMessage& message);
// {"messages": […]}
std::string MessagesData(const std::vector<MeshMessage>& messages);
// {"messages": […], "dropped"}
std::string RecalledData(const Recalled& recalled);
// [{presence}, …]
std::string RosterData(const std::vector<Presence>& roster);
// [{"channel", "messages", "config"}, …]
std::string ChannelsData(const std::vector<ChannelSummary>& channels);
// [{"channel", "ids", "present"}, …]
std::string MembersData(const std::vector<ChannelMembers>& members);

}  // namespace meshwarden
