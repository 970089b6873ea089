// Who an endpoint is, where it connects, and what it takes part in.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "endpoint/nats/server/connection_options.h"
#include "endpoint/nats/server/creds_file.h"
#include "proto/identity/creds.h"
#include "proto/presence.h"

namespace meshwarden {

struct EndpointOptions {
  std::string space = "main";
  // "nats://host:port", tried in a random order.
  std::vector<std::string> servers = {"nats://127.0.0.1:4222"};
  // `card.name` is required. `card.id` empty: the creds' identity, else a random one. `card.role` makes this
  // endpoint a member of that role's queue.
  Card card;

  // With creds the endpoint is in auth mode: it binds the durables that a trusted party made for it and
  // creates none. Without, it is in open mode and makes its own. Creds exclude the token, and the user and
  // password.
  std::shared_ptr<const Creds> creds = nullptr;
  // Creds that lie in a file: read anew at each connect, so that they can be renewed there. In the place of
  // `creds`.
  std::shared_ptr<CredsFile> creds_file = nullptr;
  std::shared_ptr<const Secret> token = nullptr;
  std::string user = {};
  std::shared_ptr<const Secret> password = nullptr;
  TlsOptions tls = {};

  // Channels and patterns ("team.>") read from the start. Absent: in auth mode what the chat durable reads,
  // also what somebody adds to its filter later; in open mode "general". Empty: none until one is joined.
  std::optional<std::vector<std::string>> channels = std::nullopt;
  bool receive = true;            // false: no durables are bound; sends, asks and watches only
  bool register_presence = true;  // false: nobody sees this endpoint
  bool watch_presence = true;     // false: the roster stays empty

  std::chrono::milliseconds heartbeat{2000};   // between two of one's own presence records
  std::chrono::milliseconds liveness{6000};    // a peer silent for longer is offline
  std::chrono::milliseconds retry_wait{3000};  // between two attempts to get back after a loss
  std::chrono::milliseconds connect_timeout{5000};
  // A server that answers no ping for two of these is given up.
  std::chrono::milliseconds ping_interval{2000};
  // Of each request to the broker, and of a call that publishes.
  std::chrono::milliseconds request_timeout{5000};
  std::chrono::milliseconds publish_timeout{10'000};
  // For how long a join or leave that nothing answered may still be carried out. A system gives up sooner on
  // what a closed connection had left to send.
  std::chrono::milliseconds request_lifetime{300'000};
  // Open mode only: how long the broker waits for an acknowledgement before it delivers again, and how long
  // it keeps the durable of an endpoint that is gone.
  std::chrono::milliseconds ack_wait{60'000};
  std::chrono::milliseconds inactive_threshold{600'000};
};

}  // namespace meshwarden
