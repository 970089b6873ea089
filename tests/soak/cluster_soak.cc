#include "tests/soak/cluster_soak.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/mutex.h"
#include "base/status.h"
#include "proto/names.h"
#include "tests/soak/churn.h"
#include "tests/soak/member.h"
#include "tests/soak/publisher.h"
#include "tests/support/eventually.h"
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

constexpr seconds kComeBack{60};
constexpr seconds kQuiet{60};
constexpr seconds kQuietWithTasks{180};
// A server that begins to lead may not have heard of the last change yet, and one that is cut off hears of
// none.
constexpr seconds kFilterShows{20};
// Of what an endpoint's call may take: the rest is for the last attempt.
constexpr milliseconds kCallTimeout{3500};
constexpr milliseconds kRequestTimeout{1500};

milliseconds Since(Clock::time_point begin) { return std::chrono::ceil<milliseconds>(Clock::now() - begin); }

// What calls took, and when each endpoint's last one succeeded. Thread-safe.
class Calls {
 public:
  explicit Calls(std::size_t endpoints) : last_ok_(endpoints) {}

  void Took(milliseconds took, milliseconds bound) {
    const MutexLock lock(mutex_);
    slowest_ = std::max(slowest_, took);
    slowest_of_all_ = std::max(slowest_of_all_, took);
    if (took > bound) ++late_;
  }
  void Published(std::size_t endpoint) {
    const MutexLock lock(mutex_);
    last_ok_[endpoint] = Clock::now();
  }
  // When the last of all endpoints had one that succeeded.
  Clock::time_point AllPublished() const {
    const MutexLock lock(mutex_);
    return *std::min_element(last_ok_.begin(), last_ok_.end());
  }
  // Since the last time that it was asked.
  milliseconds TakeSlowest() {
    const MutexLock lock(mutex_);
    return std::exchange(slowest_, milliseconds(0));
  }
  milliseconds slowest_of_all() const {
    const MutexLock lock(mutex_);
    return slowest_of_all_;
  }
  std::uint64_t late() const {
    const MutexLock lock(mutex_);
    return late_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<Clock::time_point> last_ok_ MW_GUARDED_BY(mutex_);
  milliseconds slowest_ MW_GUARDED_BY(mutex_){0};
  milliseconds slowest_of_all_ MW_GUARDED_BY(mutex_){0};
  std::uint64_t late_ MW_GUARDED_BY(mutex_) = 0;
};

// How long endpoints are without a connection for the first time, seen by looking.
class Absences {
 public:
  explicit Absences(const std::vector<Member*>& members) : members_(members), away_(members.size()) {
    for (Member* member : members_) connects_.push_back(member->connects());
  }

  void Look() {
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const bool connected = members_[i]->endpoint().connected();
      const bool again = members_[i]->connects() > connects_[i];
      if (again || (connected && lost_.contains(i))) back_.insert(i);
      if (!connected || again) lost_.insert(i);
      connects_[i] = members_[i]->connects();
      if (!connected && !back_.contains(i)) away_[i] = Since(begin_);
    }
  }
  std::size_t lost() const { return lost_.size(); }
  milliseconds longest() const { return *std::max_element(away_.begin(), away_.end()); }

 private:
  const std::vector<Member*>& members_;
  const Clock::time_point begin_ = Clock::now();
  std::vector<std::uint64_t> connects_;
  std::vector<milliseconds> away_;
  std::set<std::size_t> lost_;
  std::set<std::size_t> back_;
};

class ClusterSoak {
 public:
  explicit ClusterSoak(const ClusterSoakOptions& options)
      : options_(options),
        workers_from_(options.tasks ? options.endpoints - std::max<std::size_t>(2, options.endpoints / 4)
                                    : options.endpoints),
        ledger_(options.endpoints, workers_from_),
        calls_(options.endpoints),
        random_(options.seed) {}

  absl::StatusOr<ClusterSoakReport> Run() {
    MW_RETURN_IF_ERROR(SetUp());
    churn_ =
        std::make_unique<Churn>(pointers_, ledger_, fault_, [this](const Churn::Call& call) { Judge(call); });
    for (Member* member : pointers_) {
      publishers_.push_back(
          std::make_unique<Publisher>(std::vector<Member*>{member}, ledger_, traffic_, fault_, random_()));
    }
    const absl::Status ran = RunFaults();
    traffic_.give_up = Clock::now() + (ran.ok() ? kComeBack : seconds(0));
    traffic_.stop = true;
    publishers_.clear();
    MW_RETURN_IF_ERROR(ran);
    AwaitQuiet();
    return Report();
  }

 private:
  absl::Status SetUp() {
    MW_ASSIGN_OR_RETURN(mesh_, Mesh::StartOnCluster(kPolicy));
    MW_ASSIGN_OR_RETURN(manager_, mesh_->StartManager());
    traffic_.endpoints = options_.endpoints;
    traffic_.workers_from = options_.tasks ? workers_from_ : 0;  // who has the workers do something
    traffic_.rate = options_.rate;
    traffic_.on_try = [this](std::size_t member, const absl::Status& status, milliseconds took) {
      calls_.Took(took, options_.bounds.call);
      if (status.ok()) calls_.Published(member);
    };
    for (std::size_t i = 0; i < options_.endpoints; ++i) MW_RETURN_IF_ERROR(AddMember(i));
    return absl::OkStatus();
  }

  absl::Status AddMember(std::size_t index) {
    const bool worker = index >= workers_from_;
    MW_ASSIGN_OR_RETURN(TestAgent agent, mesh_->Provision(worker ? "worker" : "talker"));
    agent.connection.reset();
    EndpointOptions options;
    options.servers = mesh_->urls();
    options.card.name = fmt::format("e{}", index);
    if (worker) options.card.role = "worker";
    options.creds = agent.creds;
    options.request_timeout = kRequestTimeout;
    options.publish_timeout = kCallTimeout;
    options.retry_wait = milliseconds(500);
    traffic_.ids.push_back(agent.id);
    MW_ASSIGN_OR_RETURN(std::unique_ptr<Member> member,
                        Member::Start(index, std::move(options), ledger_, fault_));
    pointers_.push_back(member.get());
    members_.push_back(std::move(member));
    return absl::OkStatus();
  }

  // On a thread of the churn. What was said to be done must show in the filter.
  void Judge(const Churn::Call& call) {
    calls_.Took(call.took, options_.bounds.call);
    if (!call.status.ok()) return;
    const std::string subject = FiltersFor({RoomOf(call.epoch)}).front();
    const std::string& id = traffic_.ids[call.endpoint];
    std::optional<Clock::time_point> looked;
    bool shows = false;
    // It can't be looked at as long as the test's own connection is with a server that is cut off.
    const auto settled = [&] {
      const auto info = mesh_->root_api().GetConsumer(ChatStream("main"), ChatDurable(id));
      if (!info.ok()) return false;
      const std::vector<std::string> filters = info->config.Filters();
      const bool held = std::find(filters.begin(), filters.end(), subject) != filters.end();
      shows = held == call.joins;
      if (!looked.has_value()) looked = Clock::now();
      return shows || Since(*looked) > kFilterShows;
    };
    (void)Eventually(settled, kComeBack);
    if (shows) return;
    ++wrong_oks_;
    const MutexLock lock(mutex_);
    wrong_ += fmt::format("endpoint {} {} {} does not show\n", call.endpoint, call.joins ? "join" : "leave",
                          RoomOf(call.epoch));
  }

  absl::Status RunFaults() {
    Wait(seconds(1));
    for (std::size_t round = 0; round < options_.rounds; ++round) {
      for (const ClusterFault& next : options_.faults) {
        MW_RETURN_IF_ERROR(fault_.Get());
        MW_RETURN_IF_ERROR(RunFault(next));
      }
    }
    return absl::OkStatus();
  }

  absl::Status RunFault(const ClusterFault& next) {
    OpenRoom();
    MW_ASSIGN_OR_RETURN(const std::vector<std::size_t> victims, Choose(next));
    Say(fmt::format("{} of {}", NameOf(next), fmt::join(victims, " and ")));
    FaultFigures figures{.name = NameOf(next)};
    calls_.TakeSlowest();
    Absences absences(pointers_);
    for (const std::size_t victim : victims) MW_RETURN_IF_ERROR(Do(next.deed, victim));
    const auto end = Clock::now() + options_.hold;
    while (Clock::now() < end) {
      absences.Look();
      AuditRooms();
      Wait(milliseconds(20));
    }
    figures.away = absences.longest();
    figures.lost_connection = absences.lost();
    for (const std::size_t victim : victims) MW_RETURN_IF_ERROR(mesh_->cluster().Mend(victim));
    const auto mended = Clock::now();
    const bool back = Await([&] { return AllConnected(); }, kComeBack);
    figures.back = Since(mended);
    const bool published = Await([&] { return calls_.AllPublished() > mended; }, kComeBack);
    figures.published = Since(mended);
    figures.slowest_call = calls_.TakeSlowest();
    Say(fmt::format("away {} ms, back after {} ms, published after {} ms, slowest call {} ms",
                    figures.away.count(), figures.back.count(), figures.published.count(),
                    figures.slowest_call.count()));
    faults_.push_back(figures);
    MW_RETURN_IF_ERROR(fault_.Get());
    if (!back || !published)
      return absl::DeadlineExceededError(figures.name + ": not every endpoint came back");
    Wait(options_.pause);
    return absl::OkStatus();
  }

  bool AllConnected() const {
    return std::all_of(pointers_.begin(), pointers_.end(),
                       [](Member* member) { return member->endpoint().connected(); });
  }

  absl::StatusOr<std::vector<std::size_t>> Choose(const ClusterFault& next) {
    MW_ASSIGN_OR_RETURN(const std::size_t meta, mesh_->cluster().MetaLeader());
    MW_ASSIGN_OR_RETURN(const std::size_t chat, ChatLeader());
    if (next.deed == Deed::kKillTwo)
      return std::vector<std::size_t>{chat, (chat + 1) % TestCluster::kServers};
    switch (next.victim) {
      case Victim::kMetaLeader:
        return std::vector<std::size_t>{meta};
      case Victim::kChatLeader:
        return std::vector<std::size_t>{chat};
      case Victim::kFollower:
        break;
    }
    std::size_t follower = random_() % TestCluster::kServers;
    while (follower == meta || follower == chat) follower = (follower + 1) % TestCluster::kServers;
    return std::vector<std::size_t>{follower};
  }

  absl::StatusOr<std::size_t> ChatLeader() {
    std::string leader;
    const auto known = [&] {
      const auto answer =
          mesh_->root().Request(fmt::format("$JS.API.STREAM.INFO.{}", ChatStream("main")), "", seconds(2));
      const Json info = Json::parse(answer.ok() ? answer->payload : "", nullptr, /*allow_exceptions=*/false);
      leader = info.is_object() && info.contains("cluster") ? info["cluster"].value("leader", "") : "";
      return !leader.empty();
    };
    if (!Await(known, kComeBack)) return absl::UnavailableError("nobody leads the channels' stream");
    for (std::size_t i = 0; i < TestCluster::kServers; ++i) {
      if (leader == TestCluster::NameOf(i)) return i;
    }
    return absl::InternalError(leader + " leads the channels' stream");
  }

  absl::Status Do(Deed deed, std::size_t victim) {
    TestCluster& cluster = mesh_->cluster();
    switch (deed) {
      case Deed::kKill:
      case Deed::kKillTwo:
        return cluster.Kill(victim);
      case Deed::kStop:
        return cluster.Stop(victim);
      case Deed::kCut:
        cluster.Cut(victim, TestCluster::Whom::kAll);
        return absl::OkStatus();
      case Deed::kCutServers:
        cluster.Cut(victim, TestCluster::Whom::kServers);
        return absl::OkStatus();
      case Deed::kLameDuck:
        return cluster.BeLameDuck(victim);
    }
    return absl::OkStatus();
  }

  // A new one for each fault, which half of the endpoints join at some time of it.
  void OpenRoom() {
    const std::size_t epoch = ++epochs_;
    audits_.insert(epoch);
    traffic_.epoch = epoch;
    std::vector<std::size_t> order(options_.endpoints);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random_);
    order.resize((options_.endpoints + 1) / 2);
    for (const std::size_t endpoint : order) {
      const auto after = milliseconds(std::uniform_int_distribution<milliseconds::rep>(
          0, (options_.hold + options_.pause).count())(random_));
      churn_->Join(endpoint, epoch, Clock::now() + after);
    }
  }

  // Rooms that are closed and whose members have all that they are owed; these leave it.
  void AuditRooms() {
    for (auto room = audits_.begin(); room != audits_.end();) {
      const std::size_t epoch = *room;
      const bool over = epoch < traffic_.epoch || traffic_.stop;
      if (!over || !churn_->Idle(epoch) || ledger_.OwedInRoom(epoch) > 0) {
        ++room;
        continue;
      }
      for (const std::size_t endpoint : ledger_.MembersOf(epoch)) {
        churn_->Leave(endpoint, epoch, Clock::now());
      }
      room = audits_.erase(room);
    }
  }

  void AwaitQuiet() {
    const auto quiet = [this] {
      AuditRooms();
      return audits_.empty() && churn_->Idle() && ledger_.OwedElsewhere() == 0;
    };
    Await(quiet, options_.tasks ? kQuietWithTasks : kQuiet);
    lost_ = ledger_.OwedElsewhere();
    for (const std::size_t epoch : audits_) lost_ += ledger_.OwedInRoom(epoch);
    if (lost_ > 0) owed_ = ledger_.DescribeOwed();
  }

  bool Await(const std::function<bool()>& condition, milliseconds timeout) {
    return Eventually([&] { return condition() || !fault_.Get().ok(); }, timeout) && fault_.Get().ok();
  }
  void Wait(milliseconds time) {
    (void)Eventually([] { return false; }, time);
  }
  void Say(const std::string& text) const {
    if (options_.verbose) fmt::print(stderr, "{}\n", text);
  }

  ClusterSoakReport Report() {
    ClusterSoakReport report;
    report.options = options_;
    report.figures = ledger_.Figures();
    report.faults = faults_;
    report.fault = fault_.Get();
    report.lost = lost_;
    report.joins = churn_->joins();
    report.leaves = churn_->leaves();
    report.refused = churn_->refused();
    report.wrong_oks = wrong_oks_;
    report.late_calls = calls_.late();
    report.slowest_call = calls_.slowest_of_all();
    const MutexLock lock(mutex_);
    report.details = fmt::format("{}owed:\n{}last refusal: {}\n", wrong_, owed_, churn_->last_refusal());
    for (const Member* member : pointers_) {
      report.durables_lost += member->durables_lost();
      report.details += fmt::format("endpoint {} {} was told: {}\n", member->index(),
                                    traffic_.ids[member->index()], fmt::join(member->last_errors(), " | "));
    }
    report.details += fmt::format("manager:\n{}\n", manager_->Output());
    return report;
  }

  const ClusterSoakOptions options_;
  const std::size_t workers_from_;
  Ledger ledger_;
  Fault fault_;
  Traffic traffic_;
  Calls calls_;
  std::mt19937_64 random_;
  std::atomic<std::uint64_t> wrong_oks_{0};
  Mutex mutex_;
  std::string wrong_ MW_GUARDED_BY(mutex_);
  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Process> manager_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Member*> pointers_;
  std::unique_ptr<Churn> churn_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<FaultFigures> faults_;
  std::size_t epochs_ = 0;
  std::set<std::size_t> audits_;  // rooms that are still to be looked at
  std::uint64_t lost_ = 0;
  std::string owed_;
};

}  // namespace

absl::StatusOr<ClusterSoakReport> RunClusterSoak(const ClusterSoakOptions& options) {
  if (options.endpoints < 4) return absl::InvalidArgumentError("a soak takes at least 4 endpoints");
  return ClusterSoak(options).Run();
}

}  // namespace meshwarden::testing
