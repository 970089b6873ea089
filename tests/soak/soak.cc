#include "tests/soak/soak.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/mutex.h"
#include "base/status.h"
#include "proto/names.h"
#include "tests/soak/churn.h"
#include "tests/soak/member.h"
#include "tests/soak/publisher.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kPolicy[] = R"(
version: 1
space: main
defaults: { subscribe: [general] }
agents:
  talker: { allowSubscribe: [general, room.>], allowPublish: [general, room.>] }
  worker: { role: worker, allowSubscribe: [general, room.>], allowPublish: [general, room.>] }
)";

constexpr std::size_t kPublisherThreads = 4;
constexpr seconds kEpoch{20};
constexpr seconds kComeBack{60};
// What was in flight when a connection broke comes again after the broker's minute.
constexpr seconds kQuiet{180};
constexpr milliseconds kTick{100};

std::size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// Durables whose state the broker was killed in the middle of writing: it will know nothing of what they have
// delivered.
std::uint64_t EmptiedStates(const std::string& directory) {
  std::uint64_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.path().filename() == "o.dat" && entry.is_regular_file() && entry.file_size() == 0) ++count;
  }
  return count;
}

std::uint64_t CountOf(std::string_view part, std::string_view text) {
  std::uint64_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::string Tail(const std::string& text) {
  constexpr std::size_t kMost = 4000;
  return text.size() <= kMost ? text : text.substr(text.size() - kMost);
}

class Soak {
 public:
  explicit Soak(const SoakOptions& options)
      : options_(options),
        workers_from_(options.endpoints - std::max<std::size_t>(2, options.endpoints / 4)),
        ledger_(options.endpoints, workers_from_),
        random_(options.seed) {}

  absl::StatusOr<SoakReport> Run() {
    MW_RETURN_IF_ERROR(SetUp());
    churn_ = std::make_unique<Churn>(pointers_, ledger_, fault_);
    StartPublishers();
    const absl::Status ran = RunTraffic();
    traffic_.give_up = Clock::now() + (ran.ok() ? kComeBack : seconds(0));
    traffic_.stop = true;
    publishers_.clear();
    MW_RETURN_IF_ERROR(ran);
    AwaitQuiet();
    return Report();
  }

 private:
  absl::Status SetUp() {
    MW_ASSIGN_OR_RETURN(mesh_, Mesh::Start(kPolicy));
    MW_ASSIGN_OR_RETURN(manager_, mesh_->StartManager());
    traffic_.endpoints = options_.endpoints;
    traffic_.workers_from = workers_from_;
    traffic_.rate = options_.rate;
    for (std::size_t i = 0; i < options_.endpoints; ++i) MW_RETURN_IF_ERROR(AddMember(i));
    return absl::OkStatus();
  }

  absl::Status AddMember(std::size_t index) {
    const bool worker = index >= workers_from_;
    MW_ASSIGN_OR_RETURN(TestAgent agent, mesh_->Provision(worker ? "worker" : "talker"));
    agent.connection.reset();
    EndpointOptions options;
    options.servers = {mesh_->url()};
    options.card.name = fmt::format("e{}", index);
    if (worker) options.card.role = "worker";
    options.creds = agent.creds;
    options.retry_wait = milliseconds(500);
    traffic_.ids.push_back(agent.id);
    MW_ASSIGN_OR_RETURN(std::unique_ptr<Member> member,
                        Member::Start(index, std::move(options), ledger_, fault_));
    pointers_.push_back(member.get());
    members_.push_back(std::move(member));
    return absl::OkStatus();
  }

  void StartPublishers() {
    std::vector<std::vector<Member*>> shares(kPublisherThreads);
    for (Member* member : pointers_) shares[member->index() % kPublisherThreads].push_back(member);
    for (std::vector<Member*>& share : shares) {
      publishers_.push_back(
          std::make_unique<Publisher>(std::move(share), ledger_, traffic_, fault_, random_()));
    }
  }

  // Until the time is up or something is wrong: rooms change, the broker goes and comes.
  absl::Status RunTraffic() {
    const auto begin = Clock::now();
    auto next_epoch = begin;
    auto next_restart = begin + RestartWait();
    auto next_reconnect = begin + seconds(3);
    while (Clock::now() < begin + options_.traffic && fault_.Get().ok()) {
      if (Clock::now() >= next_epoch) {
        OpenEpoch();
        next_epoch += kEpoch;
      }
      if (Clock::now() >= next_reconnect) {
        churn_->Reconnect(random_() % options_.endpoints, Clock::now());
        next_reconnect += seconds(5);
      }
      if (Clock::now() >= next_restart) {
        MW_RETURN_IF_ERROR(RestartBroker());
        next_restart = Clock::now() + RestartWait();
      }
      AuditRooms();
      Pause(kTick);
    }
    churn_->Close(traffic_.epoch);
    return absl::OkStatus();
  }

  milliseconds RestartWait() { return Draw(milliseconds(10'000), milliseconds(15'000)); }
  milliseconds Draw(milliseconds from, milliseconds to) {
    return milliseconds(std::uniform_int_distribution<milliseconds::rep>(from.count(), to.count())(random_));
  }

  // A new room, which a random half joins sooner or later; some leave it before its time.
  void OpenEpoch() {
    const auto now = Clock::now();
    const std::size_t epoch = ++epochs_;
    if (epoch > 1) churn_->Close(epoch - 1);
    audits_.insert(epoch);
    traffic_.epoch = epoch;
    std::vector<std::size_t> order(options_.endpoints);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random_);
    order.resize(options_.endpoints / 2);
    for (const std::size_t endpoint : order) {
      const auto join = now + Draw(milliseconds(0), kEpoch * 3 / 5);
      churn_->Join(endpoint, epoch, join);
      if (random_() % 3 == 0) churn_->Leave(endpoint, epoch, join + Draw(milliseconds(500), kEpoch / 3));
    }
  }

  // Rooms whose epoch is over and whose members have all that they are owed; these leave it.
  void AuditRooms() {
    SampleMemory();
    for (auto room = audits_.begin(); room != audits_.end();) {
      const std::size_t epoch = *room;
      const bool over = epoch < traffic_.epoch || traffic_.stop;
      if (!over || !churn_->Idle(epoch) || ledger_.OwedInRoom(epoch) > 0) {
        ++room;
        continue;
      }
      CloseRoom(epoch);
      room = audits_.erase(room);
    }
  }

  void CloseRoom(std::size_t epoch) {
    for (const std::size_t endpoint : ledger_.MembersOf(epoch)) churn_->Leave(endpoint, epoch, Clock::now());
  }

  // Waits until every endpoint has lost its connection and has one again.
  absl::Status RestartBroker() {
    std::vector<std::uint64_t> before;
    for (const Member* member : pointers_) before.push_back(member->connects());
    MW_RETURN_IF_ERROR(mesh_->broker().Kill());
    forgotten_ += EmptiedStates(mesh_->broker().directory());
    if (random_() % 3 == 0) Pause(Draw(milliseconds(500), milliseconds(3000)));
    MW_RETURN_IF_ERROR(mesh_->broker().Restart());
    ++restarts_;
    const auto back = [&] {
      return std::all_of(pointers_.begin(), pointers_.end(), [&](Member* member) {
        return member->connects() > before[member->index()] && member->endpoint().connected();
      });
    };
    if (Await(back, kComeBack)) return absl::OkStatus();
    return absl::DeadlineExceededError("after a restart of the broker not every endpoint came back");
  }

  void AwaitQuiet() {
    const auto quiet = [this] {
      AuditRooms();
      return audits_.empty() && churn_->Idle() && ledger_.OwedElsewhere() == 0;
    };
    const auto begin = Clock::now();
    Await(quiet, kQuiet);
    lost_ = ledger_.OwedElsewhere();
    for (const std::size_t epoch : audits_) lost_ += ledger_.OwedInRoom(epoch);
    if (lost_ > 0) owed_ = ledger_.DescribeOwed() + DescribeErrors();
    // What is still unacknowledged is yet to be delivered again, and must not be handed over then.
    Await([this] { return (unsettled_ = UnsettledDurables()) == 0; },
          std::chrono::duration_cast<milliseconds>(kQuiet - (Clock::now() - begin)));
  }

  std::string DescribeErrors() {
    std::string text;
    for (const Member* member : pointers_) {
      text += fmt::format("endpoint {} {} was told: {}\n", member->index(), traffic_.ids[member->index()],
                          fmt::join(member->last_errors(), " | "));
    }
    return text;
  }

  std::uint64_t UnsettledDurables() {
    unsettled_details_.clear();
    CheckSettled(TaskStream("main"), TaskDurable("worker"));
    for (const std::string& id : traffic_.ids) {
      CheckSettled(ChatStream("main"), ChatDurable(id));
      CheckSettled(DmStream("main"), DmDurable(id));
    }
    return unsettled_details_.size();
  }
  void CheckSettled(const std::string& stream, const std::string& durable) {
    const auto answer =
        mesh_->root().Request(fmt::format("$JS.API.CONSUMER.INFO.{}.{}", stream, durable), "", seconds(5));
    const Json info = Json::parse(answer.ok() ? answer->payload : "", nullptr, /*allow_exceptions=*/false);
    const bool settled =
        info.is_object() && info.value("num_pending", 1) == 0 && info.value("num_ack_pending", 1) == 0;
    if (settled) return;
    unsettled_details_.push_back(durable + " " +
                                 (answer.ok() ? answer->payload : MessageOf(answer.status())));
  }

  // True once `condition` is, false if it is not in time.
  bool Await(const std::function<bool()>& condition, milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    while (!condition()) {
      if (Clock::now() >= deadline || !fault_.Get().ok()) return false;
      Pause(kTick);
    }
    return true;
  }
  void Pause(milliseconds time) {
    const MutexLock lock(mutex_);
    const auto deadline = Clock::now() + time;
    while (never_.WaitUntil(mutex_, deadline)) {
    }
  }

  void SampleMemory() { max_resident_ = std::max(max_resident_, ResidentBytes()); }

  SoakReport Report() {
    SoakReport report;
    report.options = options_;
    report.figures = ledger_.Figures();
    report.fault = fault_.Get();
    report.lost = lost_;
    report.unsettled = unsettled_;
    report.joins = churn_->joins();
    report.leaves = churn_->leaves();
    report.refused = churn_->refused();
    report.details =
        fmt::format("owed:\n{}last refusal: {}\nunsettled: {}\nmanager:\n{}", owed_, churn_->last_refusal(),
                    fmt::join(unsettled_details_, "\n"), Tail(manager_->Output()));
    report.restarts = restarts_;
    report.forgotten = forgotten_;
    report.remade = CountOf("role queue made anew", manager_->Output());
    for (const Member* member : pointers_) {
      report.historical += member->historical();
      report.reconnects += member->connects() - 1;
      report.errors += member->errors();
    }
    report.published = report.Confirmed() + report.figures.unknown;
    report.max_resident_bytes = max_resident_;
    return report;
  }

  const SoakOptions options_;
  Mutex mutex_;
  CondVar never_;  // nobody notifies it
  const std::size_t workers_from_;
  Ledger ledger_;
  Fault fault_;
  std::mt19937_64 random_;
  Traffic traffic_;
  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Process> manager_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Member*> pointers_;
  std::unique_ptr<Churn> churn_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::size_t epochs_ = 0;
  std::set<std::size_t> audits_;  // rooms that are still to be looked at
  std::uint64_t restarts_ = 0;
  std::uint64_t forgotten_ = 0;
  std::uint64_t lost_ = 0;
  std::string owed_;
  std::uint64_t unsettled_ = 0;
  std::vector<std::string> unsettled_details_;
  std::size_t max_resident_ = 0;
};

}  // namespace

absl::StatusOr<SoakReport> RunSoak(const SoakOptions& options) {
  if (options.endpoints < 4) return absl::InvalidArgumentError("a soak takes at least 4 endpoints");
  return Soak(options).Run();
}

}  // namespace meshwarden::testing
