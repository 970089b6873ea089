#include "manager/watch/suspect.h"

#include <utility>

#include "endpoint/delivery/ack_subject.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

std::string_view TailOf(std::string_view name) {
  const std::size_t underscore = name.find('_');
  return underscore == std::string_view::npos ? std::string_view() : name.substr(underscore + 1);
}

}  // namespace

std::optional<std::string> AgentOfDurable(std::string_view name) {
  const std::string_view id = TailOf(name);
  if (!PublicNkey::ParseAs(NkeyKind::kUser, id).ok()) return std::nullopt;
  const bool own = name == ChatDurable(id) || name == ChatHistoryConsumer(id) || name == DmDurable(id);
  return own ? std::optional<std::string>(id) : std::nullopt;
}

std::optional<std::string> AgentOfChatDurable(std::string_view name) {
  std::optional<std::string> id = AgentOfDurable(name);
  // Its history reader is named after it, too, and comes and goes by its own hand.
  if (id.has_value() && name != ChatDurable(*id)) return std::nullopt;
  return id;
}

std::optional<Suspect> SuspectOf(std::string_view space, std::string_view reply) {
  std::optional<AckSubject> ack = ParseAckSubject(reply);
  if (!ack.has_value()) return std::nullopt;
  Suspect suspect{
      .stream = std::move(ack->stream), .durable = std::move(ack->consumer), .id = {}, .role = {}};
  if (suspect.stream == TaskStream(space)) {
    const std::string_view role = TailOf(suspect.durable);
    if (role.empty() || TaskDurable(role) != suspect.durable) return std::nullopt;
    suspect.role = std::string(role);
    return suspect;
  }
  if (suspect.stream != ChatStream(space) && suspect.stream != DmStream(space)) return std::nullopt;
  std::optional<std::string> id = AgentOfDurable(suspect.durable);
  if (!id.has_value()) return std::nullopt;
  suspect.id = *std::move(id);
  return suspect;
}

}  // namespace meshwarden
