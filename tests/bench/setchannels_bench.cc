// How fast channels move through the manager, against the same consumer updates sent straight to JetStream.
//
// Prints tables; asserts nothing by the clock. Machines differ, so the figures to quote are the ratios:
// direct, echoed and managed rounds alternate within one run, and a ratio is the median over them.
//
// A manager hears a request and then sends an update, so what it cannot beat is both in series: the same
// request to a service that does nothing but answer (bare_echo), and the update. That bound is printed beside
// what it reaches. The manager watches the space meanwhile, as it does in use: for that the broker tells of
// each use of its API, which slows down both.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/status.h"
#include "endpoint/space/privileged.h"
#include "policy/loader.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/support/mesh.h"
#include "tests/support/process.h"

namespace meshwarden::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 9;
constexpr std::chrono::milliseconds kRoundTime{1000};
constexpr int kPolicyAgents = 10'000;
constexpr int kProvisionedAgents = 500;

struct Round {
  double rate = 0;  // operations a second, all connections together
  double p50 = 0;   // milliseconds
  double p99 = 0;
};

double Percentile(const std::vector<double>& sorted, double share) {
  return sorted[std::min(sorted.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// One worker a connection, each with its own kind of operation; `operation(worker, turn)` is called in a
// closed loop until the time is up.
using Operation = std::function<absl::Status(std::size_t worker, int turn)>;

absl::StatusOr<Round> RunRound(std::size_t workers, const Operation& operation) {
  std::vector<std::vector<double>> latencies(workers);
  std::vector<absl::Status> failures(workers);
  const auto start = Clock::now();
  std::vector<std::thread> threads;
  for (std::size_t worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      for (int turn = 0; Clock::now() - start < kRoundTime && failures[worker].ok(); ++turn) {
        const auto sent = Clock::now();
        failures[worker] = operation(worker, turn);
        latencies[worker].push_back(std::chrono::duration<double, std::milli>(Clock::now() - sent).count());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::vector<double> all;
  for (const auto& some : latencies) all.insert(all.end(), some.begin(), some.end());
  for (const absl::Status& failure : failures) MW_RETURN_IF_ERROR(failure);
  std::sort(all.begin(), all.end());
  return Round{.rate = static_cast<double>(all.size()) / seconds,
               .p50 = Percentile(all, 0.5),
               .p99 = Percentile(all, 0.99)};
}

std::vector<std::string> ChannelsOfTurn(int turn) { return {"general", fmt::format("team.c{}", turn % 7)}; }

absl::Status SetThroughManager(TestAgent& agent, int turn) {
  MW_ASSIGN_OR_RETURN(const ControlReply reply, SetChannels(agent, ChannelsOfTurn(turn)));
  return reply.ok ? absl::OkStatus() : absl::InternalError(reply.error);
}

// To a service that answers whatever it is asked; agents of the benchmark may ask the service "manager",
// which nobody else serves here.
absl::Status Echo(TestAgent& agent, int turn) {
  return agent.connection
      ->Request(ControlSubject("main", "manager", agent.id),
                SetChannelsPayload(agent.id, ChannelsOfTurn(turn)), kPatience)
      .status();
}

absl::Status SetDirectly(JetStreamApi& api, const std::string& id, int turn) {
  MW_ASSIGN_OR_RETURN(const ConsumerConfig config, ChatDurableConfig("main", id, ChannelsOfTurn(turn)));
  return api.UpdateConsumer(ChatStream("main"), config).status();
}

struct Medians {
  std::vector<double> rate, p50, p99;
  void Add(const Round& round) {
    rate.push_back(round.rate);
    p50.push_back(round.p50);
    p99.push_back(round.p99);
  }
};

// What both take in series.
Round InSeries(const Round& a, const Round& b) {
  return {.rate = 1 / (1 / a.rate + 1 / b.rate), .p50 = a.p50 + b.p50, .p99 = a.p99 + b.p99};
}

Round RatioOf(const Round& of, const Round& to) {
  return {.rate = of.rate / to.rate, .p50 = of.p50 / to.p50, .p99 = of.p99 / to.p99};
}

void PrintRatio(const char* what, const Medians& ratios) {
  fmt::print("{:>11}  {:<9}  {:>9.2f}  {:>8.2f}  {:>8.2f}\n", "", what, Median(ratios.rate),
             Median(ratios.p50), Median(ratios.p99));
}

void PrintRow(const char* what, std::size_t connections, const Medians& medians) {
  fmt::print("{:>11}  {:<9}  {:>9.0f}  {:>8.3f}  {:>8.3f}\n", connections, what, Median(medians.rate),
             Median(medians.p50), Median(medians.p99));
}

absl::Status CompareAt(Mesh& mesh, std::size_t connections) {
  std::vector<TestAgent> agents;
  std::vector<std::unique_ptr<Connection>> direct;
  std::vector<std::unique_ptr<JetStreamApi>> apis;
  for (std::size_t i = 0; i < connections; ++i) {
    MW_ASSIGN_OR_RETURN(TestAgent agent, mesh.Provision("bench"));
    agents.push_back(std::move(agent));
    MW_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, mesh.ConnectAs("setup"));
    apis.push_back(std::make_unique<JetStreamApi>(*connection, kPatience));
    direct.push_back(std::move(connection));
  }
  const Operation straight = [&](std::size_t i, int turn) {
    return SetDirectly(*apis[i], agents[i].id, turn);
  };
  const Operation managed = [&](std::size_t i, int turn) { return SetThroughManager(agents[i], turn); };
  const Operation echoed = [&](std::size_t i, int turn) { return Echo(agents[i], turn); };
  Medians straight_rounds;
  Medians echoed_rounds;
  Medians managed_rounds;
  Medians to_direct;
  Medians to_bound;
  for (int round = -1; round < kRounds; ++round) {  // the first pair warms up
    MW_ASSIGN_OR_RETURN(const Round a, RunRound(connections, straight));
    MW_ASSIGN_OR_RETURN(const Round b, RunRound(connections, echoed));
    MW_ASSIGN_OR_RETURN(const Round c, RunRound(connections, managed));
    if (round < 0) continue;
    straight_rounds.Add(a);
    echoed_rounds.Add(b);
    managed_rounds.Add(c);
    to_direct.Add(RatioOf(c, a));
    to_bound.Add(RatioOf(c, InSeries(a, b)));
  }
  PrintRow("direct", connections, straight_rounds);
  PrintRow("echo", connections, echoed_rounds);
  PrintRow("manager", connections, managed_rounds);
  PrintRatio("to direct", to_direct);
  PrintRatio("to bound", to_bound);
  std::fflush(stdout);
  return absl::OkStatus();
}

std::string LargePolicy() {
  std::string yaml =
      "version: 1\nspace: main\ngroups:\n  engineering: { allowSubscribe: [team.>], allowPublish: [team.>] "
      "}\n"
      "agents:\n  bench: { subscribe: [general], allowSubscribe: [general, team.>], allowPublish: [general], "
      "capabilities: [spawn] "
      "}\n";
  for (int i = 0; i < kPolicyAgents - 1; ++i) {
    yaml += fmt::format(
        "  agent-{}:\n    groups: [engineering]\n    subscribe: [general, project.p{}]\n"
        "    allowSubscribe: [general, project.p{}, ops.*]\n    allowPublish: [general, project.p{}]\n",
        i, i % 100, i % 100, i % 100);
  }
  return yaml;
}

absl::Status Run() {
  const std::string yaml = LargePolicy();
  const auto start = Clock::now();
  const PolicyLoadResult loaded = ParsePolicy(yaml, "bench.yaml");
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  MW_RETURN_IF_ERROR(loaded.ToStatus());
  fmt::print("policy of {} agents ({:.1f} MB of YAML) loaded in {:.3f} s\n", loaded.policy->size(),
             static_cast<double>(yaml.size()) / 1e6, seconds);

  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Mesh> mesh, Mesh::Start(yaml));
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Process> manager, mesh->StartWatchingManager());
  MW_ASSIGN_OR_RETURN(
      const std::unique_ptr<Process> echo,
      Process::Start({.argv = {Runfile("tests/bench/bare_echo"), mesh->url(),
                               mesh->PathOf("creds/manager.creds"), "cotal.main.ctl.manager.*", "manager"}}));
  MW_RETURN_IF_ERROR(echo->WaitForOutput("serving", kPatience));
  fmt::print("manager with that policy, watching: {:.1f} MB resident\n",
             static_cast<double>(manager->ResidentBytes()) / 1e6);
  fmt::print("\nconnections  through       rate/s    p50 ms    p99 ms   (medians of {} rounds)\n", kRounds);
  for (const std::size_t connections : {std::size_t{1}, std::size_t{8}, std::size_t{32}})
    MW_RETURN_IF_ERROR(CompareAt(*mesh, connections));

  for (int i = 0; i < kProvisionedAgents; ++i) {
    MW_ASSIGN_OR_RETURN(TestAgent agent, mesh->Provision("bench"));
    MW_RETURN_IF_ERROR(SetThroughManager(agent, i));
  }
  fmt::print("\nmanager after all this and {} more agents served: {:.1f} MB resident\n", kProvisionedAgents,
             static_cast<double>(manager->ResidentBytes()) / 1e6);
  return absl::OkStatus();
}

}  // namespace
}  // namespace meshwarden::testing

int main() {
  const absl::Status status = meshwarden::testing::Run();
  if (status.ok()) return 0;
  fmt::print(stderr, "bench: {}\n", meshwarden::MessageOf(status));
  return 1;
}
