#include "endpoint/endpoint.h"

#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/endpoint_core.h"
#include "endpoint/nats/server/server_probe.h"
#include "endpoint/nats/server/server_url.h"
#include "proto/channel_pattern.h"
#include "proto/name.h"
#include "proto/token.h"
#include "proto/uuid.h"

namespace meshwarden {
namespace {

absl::Status SetIdentity(EndpointOptions& options) {
  if (options.creds_file != nullptr) {
    if (options.creds != nullptr) {
      return absl::InvalidArgumentError("an endpoint takes creds or a creds file, not both");
    }
    options.creds = options.creds_file->in_hand();
  }
  const bool other_login = options.token != nullptr || !options.user.empty() || options.password != nullptr;
  if (options.creds != nullptr && other_login) {
    return absl::InvalidArgumentError("creds can't be combined with a token or with a user and password");
  }
  std::string& id = options.card.id;
  if (options.creds != nullptr) {
    if (!id.empty() && id != options.creds->id()) {
      return absl::InvalidArgumentError(fmt::format("the card's id {} is not the identity of the creds, {}",
                                                    Printable(id, kMaxQuotedBytes), options.creds->id()));
    }
    id = options.creds->id();
  }
  if (id.empty()) id = NewUuid();
  if (IsSafeToken(id)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} can't be an id: use letters, digits, '_' and '-' only", Quoted(id)));
}

absl::Status CheckOptions(EndpointOptions& options) {
  MW_RETURN_IF_ERROR(ValidateName(options.card.name));
  MW_RETURN_IF_ERROR(SetIdentity(options));
  // "*" would be a queue of every role's tasks.
  if (options.card.role.has_value() &&
      (options.card.role->empty() || RoutingToken(*options.card.role) == "*")) {
    return absl::InvalidArgumentError("the card's role must be a name, or left out");
  }
  if (!IsSafeToken(options.space)) {
    return absl::InvalidArgumentError(
        fmt::format("{} can't be a space: use letters, digits, '_' and '-' only", Quoted(options.space)));
  }
  if (options.heartbeat.count() <= 0 || options.liveness.count() <= 0 || options.retry_wait.count() <= 0 ||
      options.request_timeout.count() <= 0 || options.publish_timeout.count() <= 0) {
    return absl::InvalidArgumentError("times of an endpoint must be positive");
  }
  if (!options.channels.has_value() && options.creds == nullptr) options.channels = {"general"};
  if (!options.channels.has_value() || options.channels->empty()) return absl::OkStatus();
  return ChatFilterSubjects(options.space, *options.channels).status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Endpoint>> Endpoint::Make(EndpointOptions options, EndpointHandlers handlers) {
  MW_RETURN_IF_ERROR(CheckOptions(options));
  return std::unique_ptr<Endpoint>(new Endpoint(EndpointCore::Make(std::move(options), std::move(handlers))));
}

Endpoint::Endpoint(std::shared_ptr<EndpointCore> core) : core_(std::move(core)) {}

Endpoint::~Endpoint() {
  core_->Stop();
  core_->AwaitStopped();
}

absl::Status Endpoint::Start() { return core_->Start(); }
absl::Status Endpoint::Reconnect() { return core_->Reconnect(); }
void Endpoint::Stop() { core_->Stop(); }
bool Endpoint::connected() const { return core_->connected(); }

const std::string& Endpoint::id() const { return core_->options().card.id; }
const std::string& Endpoint::space() const { return core_->options().space; }
const Card& Endpoint::card() const { return core_->options().card; }

absl::StatusOr<MeshMessage> Endpoint::Multicast(Content content, std::optional<std::string> channel) {
  return core_->Multicast(std::move(content), std::move(channel));
}

absl::StatusOr<MeshMessage> Endpoint::Unicast(std::string_view to_id, Content content) {
  return core_->Unicast(to_id, std::move(content));
}

absl::StatusOr<MeshMessage> Endpoint::Anycast(std::string_view role, Content content) {
  return core_->Anycast(role, std::move(content));
}

absl::StatusOr<JoinResult> Endpoint::JoinChannel(std::string_view channel) {
  return core_->JoinChannel(channel);
}

absl::StatusOr<bool> Endpoint::LeaveChannel(std::string_view channel) { return core_->LeaveChannel(channel); }
std::vector<std::string> Endpoint::JoinedChannels() const { return core_->joined().List(); }
std::string Endpoint::DefaultChannel() const { return core_->joined().DefaultChannel(); }

absl::StatusOr<Recalled> Endpoint::RecallChannel(std::string_view channel, std::uint64_t since_seq) {
  return core_->RecallChannel(channel, since_seq);
}

absl::StatusOr<std::vector<MeshMessage>> Endpoint::ChannelHistory(std::string_view channel,
                                                                  std::size_t limit) {
  return core_->ChannelHistory(channel, limit);
}

absl::StatusOr<std::vector<MeshMessage>> Endpoint::DmHistory(std::string_view id, std::size_t limit) {
  return core_->DmHistory(id, limit);
}

absl::StatusOr<std::uint64_t> Endpoint::ChatFrontier() { return core_->ChatFrontier(); }
absl::StatusOr<std::vector<ChannelSummary>> Endpoint::ListChannels() { return core_->ListChannels(); }

absl::StatusOr<std::vector<ChannelMembers>> Endpoint::ListMembers(const std::optional<std::string>& channel) {
  return core_->ListMembers(channel);
}

ChannelConfig Endpoint::GetChannelConfig(std::string_view channel) const {
  return core_->channels().Config(channel);
}

bool Endpoint::ChannelReplay(std::string_view channel) const { return core_->channels().Replay(channel); }
std::vector<Presence> Endpoint::Roster() const { return core_->roster().List(); }

absl::StatusOr<Presence> Endpoint::ResolvePeer(std::string_view name_or_id) const {
  return core_->roster().Resolve(name_or_id);
}

absl::Status Endpoint::SetStatus(PresenceStatus status) {
  return core_->PublishPresence([status](OwnPresence& own) { own.SetStatus(status); });
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): callers hand over what they have made for it
absl::Status Endpoint::SetActivity(std::optional<std::string> activity) {
  return core_->SetActivity(activity);
}

absl::StatusOr<ControlReply> Endpoint::RequestControl(std::string_view service, std::string_view op,
                                                      Json args, std::chrono::milliseconds timeout) {
  return core_->RequestControl(service, op, std::move(args), timeout);
}

absl::Status Endpoint::ServeControl(std::string_view service, ControlFunction handler) {
  return core_->ServeControl(service, std::move(handler));
}

absl::Status Endpoint::Tap(std::string_view pattern, std::function<void(const Tapped&)> handler) {
  return core_->Tap(pattern, std::move(handler));
}

bool IsReachable(const std::vector<std::string>& servers, std::chrono::milliseconds timeout) {
  const Cancellation never;
  for (const std::string& server : servers) {
    const absl::StatusOr<ServerUrl> url = ParseServerUrl(server);
    if (url.ok() && ProbeServer(*url, timeout, never).ok()) return true;
  }
  return false;
}

}  // namespace meshwarden
