// Three real nats-servers that form a JetStream cluster on loopback, each of which a test may kill, stop, or
// cut off from the others and from its clients.
//
//   MW_ASSERT_OK_AND_ASSIGN(const auto cluster, TestCluster::Start(""));
//   Connection::Open({.servers = cluster->urls()});
//   cluster->Cut(0);
//
// All that servers say to each other goes through proxies of the cluster's, and so do the clients of urls().
// Not thread-safe; start it on a thread that lives as long, as a TestBroker.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/broker.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing {

class TestCluster {
 public:
  static constexpr std::size_t kServers = 3;

  // `config` is what all servers have in their configurations besides names and routes; empty: open servers
  // with JetStream. Returns once the cluster has a leader, of which not
  // all servers need know yet: until then they answer that it is unavailable.
  static absl::StatusOr<std::unique_ptr<TestCluster>> Start(const std::string& config);
  ~TestCluster();
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;

  // What clients are to connect to, and the same without the proxies, which no cut concerns.
  std::vector<std::string> urls() const;
  std::vector<std::string> direct_urls() const;
  // "s0" and so on: as the servers name themselves where they tell who leads.
  static std::string NameOf(std::size_t server);

  absl::Status Kill(std::size_t server);
  absl::Status Stop(std::size_t server);
  // Cuts it off from the other servers, and with kAll from its clients too; these can't come back.
  enum class Whom { kServers, kAll };
  void Cut(std::size_t server, Whom whom);
  // It gives its leaderships away and asks its clients to go; it ends half a minute later.
  absl::Status BeLameDuck(std::size_t server);
  // Ends whatever was done to it: it runs, and can be reached. Restarted if it was killed or is a lame duck.
  absl::Status Mend(std::size_t server);

  // Which server leads the cluster itself, by what those that can be reached have said last.
  absl::StatusOr<std::size_t> MetaLeader() const;
  // Waits for one.
  absl::Status AwaitMetaLeader(std::chrono::milliseconds timeout) const;

  TestBroker& server(std::size_t index) { return *servers_[index].broker; }

 private:
  enum class State { kUp, kDown, kStopped, kLameDuck };
  struct Server {
    std::unique_ptr<TestBroker> broker;
    std::unique_ptr<TcpProxy> clients;
    // Its own ways to the others, by their numbers; none to itself.
    std::array<std::unique_ptr<TcpProxy>, kServers> routes;
    State state = State::kUp;
  };

  TestCluster() = default;
  absl::Status StartServer(std::size_t index, const std::string& config);
  std::string ConfigOf(std::size_t index, const std::string& config, int route_port) const;
  // All ways between it and the others.
  std::vector<TcpProxy*> RoutesOf(std::size_t server);

  std::array<Server, kServers> servers_;
};

}  // namespace meshwarden::testing
