#include "manager/daemon/readiness.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

constexpr std::chrono::seconds kLeastLifetime{60};

// Without the word "ready", which scripts look for.
constexpr char kWaits[] = "waiting";
constexpr char kReadyAgain[] = "ready again";
constexpr char kNotUsed[] = "a renewed credential is not used";
constexpr char kMadeAnew[] =
    "the streams of the space were made anew, so that what agents had there is gone; provision them again";

}  // namespace

Readiness::~Readiness() { Stop(); }

void Readiness::Start(Parts parts) {
  chat_made_ = parts.chat_made;
  thread_ = std::thread([this, parts = std::move(parts)] { Run(parts); });
}

void Readiness::LookSoon() {
  const MutexLock lock(mutex_);
  soon_ = true;
  changed_.NotifyAll();
}

void Readiness::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Readiness::Run(const Parts& parts) {
  while (AwaitTurn()) Weigh(parts, Look(parts));
}

bool Readiness::AwaitTurn() {
  const auto due =
      std::chrono::steady_clock::now() + (amiss_ || !ready_ ? options_.when_amiss : options_.interval);
  const MutexLock lock(mutex_);
  while (!stopping_ && !soon_) {
    if (!changed_.WaitUntil(mutex_, due)) break;
  }
  soon_ = false;
  return !stopping_;
}

void Readiness::Weigh(const Parts& parts, const Finding& finding) {
  amiss_ = !finding.problem.empty();
  if (!amiss_) {
    in_doubt_since_.reset();
    if (!std::exchange(ready_, true)) parts.log.Write(LogLevel::kInfo, kReadyAgain, {{"space", parts.space}});
    return;
  }
  // A broker that has just come back, and a cluster that elects, don't tell at once.
  const auto now = std::chrono::steady_clock::now();
  if (!in_doubt_since_.has_value()) in_doubt_since_ = now;
  if (!finding.certain && now - *in_doubt_since_ < options_.doubt) return;
  ready_ = false;
  TellNotReady(parts, finding.problem);
}

void Readiness::TellNotReady(const Parts& parts, const std::string& problem) {
  if (!repeats_.Admit(kWaits, problem, std::chrono::steady_clock::now()).has_value()) return;
  parts.log.Write(LogLevel::kError, kWaits, {{"for", problem}});
}

Readiness::Finding Readiness::Look(const Parts& parts) {
  if (const std::string away = parts.away(); !away.empty()) {
    return {.problem = fmt::format("the connection {} to the broker", away), .certain = false};
  }
  if (std::string problem = LookAtCreds(parts); !problem.empty()) {
    return {.problem = std::move(problem), .certain = true};
  }
  return LookAtSpace(parts);
}

// What lies on disk counts: it is what the next login is made with.
std::string Readiness::LookAtCreds(const Parts& parts) {
  const SystemTime now = parts.clock.Now();
  for (const std::shared_ptr<CredsFile>& file : parts.creds) {
    const CredsFile::Offer offer = file->Read(now);
    const std::string trouble = MessageOf(offer.trouble);
    if (!HasExpired(offer.creds.front()->decoded().claims, now + kLeastLifetime)) {
      if (!offer.trouble.ok()) TellNotUsed(parts, trouble);
      continue;
    }
    if (!offer.trouble.ok()) {
      return fmt::format("the credential in use ends within a minute, or has ended; {}", trouble);
    }
    return fmt::format("{} ends within a minute, or has ended; write a new one there", file->path());
  }
  return "";
}

// While there is still time to write another one.
void Readiness::TellNotUsed(const Parts& parts, const std::string& trouble) {
  if (!repeats_.Admit(kNotUsed, trouble, std::chrono::steady_clock::now()).has_value()) return;
  parts.log.Write(LogLevel::kWarn, kNotUsed, {{"error", trouble}});
}

Readiness::Finding Readiness::LookAtSpace(const Parts& parts) {
  const absl::StatusOr<SpaceState> state = CheckSpace(parts.api, parts.space, parts.secrets);
  if (!state.ok()) return {.problem = MessageOf(state.status()), .certain = false};
  if (std::string problem = ProblemOf(*state); !problem.empty()) {
    if (std::find(state->missing.begin(), state->missing.end(), ChatStream(parts.space)) !=
        state->missing.end()) {
      problem = "the broker's store came back empty: " + problem;
    }
    return {.problem = std::move(problem), .certain = true};
  }
  if (!parts.in_cluster() && std::exchange(chat_made_, state->chat_made) != state->chat_made) {
    cut_back_owed_ = true;
    parts.log.Write(LogLevel::kWarn, kMadeAnew, {{"space", parts.space}});
  }
  if (!cut_back_owed_) return {};
  if (const absl::Status status = parts.cut_back(); !status.ok()) {
    return {.problem = MessageOf(status), .certain = false};
  }
  cut_back_owed_ = false;
  return {};
}

}  // namespace meshwarden
