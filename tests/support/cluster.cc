#include "tests/support/cluster.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "tests/support/eventually.h"

namespace meshwarden::testing {
namespace {

constexpr std::string_view kRoutePort = "Listening for route connections on 127.0.0.1:";
constexpr std::string_view kSelfLeads = "Self is new JetStream cluster metadata leader";
constexpr std::string_view kOtherLeads = "JetStream cluster new metadata leader: ";
constexpr std::string_view kOpen = "jetstream {}\nping_interval: \"2s\"\nping_max: 2\n";
constexpr std::chrono::seconds kElection{30};

// What a server said last of who leads, and when, as it writes times.
struct Word {
  std::string time;
  std::string leader;
};

std::optional<Word> LastWord(const std::string& log, const std::string& self) {
  std::optional<Word> word;
  std::size_t begin = 0;
  while (begin < log.size()) {
    const std::size_t end = std::min(log.find('\n', begin), log.size());
    const std::string_view line(log.data() + begin, end - begin);
    begin = end + 1;
    const std::size_t time = line.find(' ');
    if (time == std::string_view::npos || line.size() < time + 27) continue;
    const std::string when(line.substr(time + 1, 26));
    if (line.find(kSelfLeads) != std::string_view::npos) {
      word = Word{.time = when, .leader = self};
    } else if (const auto at = line.find(kOtherLeads); at != std::string_view::npos) {
      const std::string_view name = line.substr(at + kOtherLeads.size());
      word = Word{.time = when, .leader = std::string(name.substr(0, name.find('/')))};
    }
  }
  return word;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TestCluster>> TestCluster::Start(const std::string& config) {
  std::unique_ptr<TestCluster> cluster(new TestCluster());
  for (Server& server : cluster->servers_) {
    MW_ASSIGN_OR_RETURN(server.clients, TcpProxy::Start(0));
    for (std::size_t other = 0; other < kServers; ++other) {
      if (&server == &cluster->servers_[other]) continue;
      MW_ASSIGN_OR_RETURN(server.routes[other], TcpProxy::Start(0));
    }
  }
  const std::string shared(config.empty() ? kOpen : std::string_view(config));
  for (std::size_t i = 0; i < kServers; ++i) MW_RETURN_IF_ERROR(cluster->StartServer(i, shared));
  MW_RETURN_IF_ERROR(cluster->AwaitMetaLeader(kElection));
  return cluster;
}

TestCluster::~TestCluster() = default;

absl::Status TestCluster::StartServer(std::size_t index, const std::string& config) {
  Server& server = servers_[index];
  MW_ASSIGN_OR_RETURN(server.broker, TestBroker::Start({.config = ConfigOf(index, config, -1)}));
  MW_RETURN_IF_ERROR(server.broker->AwaitLog(kRoutePort));
  const std::string log = server.broker->log();
  const int port = std::atoi(log.c_str() + log.find(kRoutePort) + kRoutePort.size());
  // For when it is started again.
  MW_RETURN_IF_ERROR(server.broker->SetConfig(ConfigOf(index, config, port)));
  server.clients->Lead(server.broker->port());
  for (Server& other : servers_) {
    if (&other != &server) other.routes[index]->Lead(port);
  }
  return absl::OkStatus();
}

// What the servers tell each other of further ways, and clients of other servers, would lead around the
// proxies.
std::string TestCluster::ConfigOf(std::size_t index, const std::string& config, int route_port) const {
  std::vector<std::string> routes;
  for (const auto& route : servers_[index].routes) {
    if (route != nullptr) routes.push_back(fmt::format("\"nats-route://127.0.0.1:{}\"", route->port()));
  }
  return fmt::format(
      "{}\nserver_name: {}\nlame_duck_grace_period: \"1s\"\nlame_duck_duration: \"30s\"\n"
      "cluster {{\n  name: tests\n  listen: \"127.0.0.1:{}\"\n  advertise: \"127.0.0.1:1\"\n"
      "  no_advertise: true\n  pool_size: -1\n  routes: [{}]\n}}\n",
      config, NameOf(index), route_port, fmt::join(routes, ", "));
}

std::vector<std::string> TestCluster::urls() const {
  std::vector<std::string> urls;
  for (const Server& server : servers_) urls.push_back(server.clients->url());
  return urls;
}

std::vector<std::string> TestCluster::direct_urls() const {
  std::vector<std::string> urls;
  for (const Server& server : servers_) urls.push_back(server.broker->url());
  return urls;
}

std::string TestCluster::NameOf(std::size_t server) { return fmt::format("s{}", server); }

absl::Status TestCluster::Kill(std::size_t server) {
  servers_[server].state = State::kDown;
  return servers_[server].broker->Kill();
}

absl::Status TestCluster::Stop(std::size_t server) {
  servers_[server].state = State::kStopped;
  return servers_[server].broker->Stop();
}

std::vector<TcpProxy*> TestCluster::RoutesOf(std::size_t server) {
  std::vector<TcpProxy*> ways;
  for (std::size_t other = 0; other < kServers; ++other) {
    if (other == server) continue;
    ways.push_back(servers_[server].routes[other].get());
    ways.push_back(servers_[other].routes[server].get());
  }
  return ways;
}

void TestCluster::Cut(std::size_t server, Whom whom) {
  std::vector<TcpProxy*> ways = RoutesOf(server);
  if (whom == Whom::kAll) ways.push_back(servers_[server].clients.get());
  for (TcpProxy* way : ways) way->Refuse(true);
  for (TcpProxy* way : ways) way->Cut();
}

absl::Status TestCluster::BeLameDuck(std::size_t server) {
  servers_[server].state = State::kLameDuck;
  return servers_[server].broker->BeLameDuck();
}

absl::Status TestCluster::Mend(std::size_t server) {
  for (TcpProxy* way : RoutesOf(server)) way->Refuse(false);
  servers_[server].clients->Refuse(false);
  switch (std::exchange(servers_[server].state, State::kUp)) {
    case State::kUp:
      return absl::OkStatus();
    case State::kStopped:
      return servers_[server].broker->Continue();
    case State::kDown:
    case State::kLameDuck:
      return servers_[server].broker->Restart();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> TestCluster::MetaLeader() const {
  std::optional<Word> last;
  for (std::size_t i = 0; i < kServers; ++i) {
    if (servers_[i].state != State::kUp) continue;
    std::optional<Word> word = LastWord(servers_[i].broker->log(), NameOf(i));
    if (word.has_value() && (!last.has_value() || word->time > last->time)) last = std::move(word);
  }
  for (std::size_t i = 0; i < kServers; ++i) {
    if (last.has_value() && last->leader == NameOf(i)) return i;
  }
  return absl::UnavailableError("no server has said who leads the cluster");
}

absl::Status TestCluster::AwaitMetaLeader(std::chrono::milliseconds timeout) const {
  if (Eventually([this] { return MetaLeader().ok(); }, timeout)) return absl::OkStatus();
  return absl::DeadlineExceededError("the cluster has no leader:\n" + servers_[0].broker->log());
}

}  // namespace meshwarden::testing
