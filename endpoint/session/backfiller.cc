#include "endpoint/session/backfiller.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

// Above this many unhandled messages no further page is read.
constexpr std::size_t kRoom = 512;

}  // namespace

Backfiller::Backfiller(Options options, HistoryReader& reader, Intake& intake, JoinedChannels& channels,
                       Dispatcher& dispatcher)
    : options_(std::move(options)),
      reader_(reader),
      intake_(intake),
      channels_(channels),
      dispatcher_(dispatcher) {}

absl::StatusOr<std::size_t> Backfiller::Run(std::string_view channel, const std::atomic<bool>& cancelled) {
  const std::string name(channel);
  std::size_t count = 0;
  absl::StatusOr<bool> ended = true;
  bool more = true;
  while (more && Claim(name)) {
    ended = RunClaimed(name, cancelled, count);
    Release(name);
    // Whoever noted some between the last look and the release has found the channel claimed.
    more = ended.ok() && *ended && IsPending(name);
  }
  if (!ended.ok()) return ended.status();
  return count;
}

absl::Status Backfiller::RunAll(const std::atomic<bool>& cancelled) {
  absl::Status result;
  for (const PendingBackfill& pending : channels_.Backfills()) {
    if (cancelled) break;
    absl::Status status = Run(pending.channel, cancelled).status();
    // Unavailable passes by itself, so whoever waits for that hears of it.
    if (result.ok() || (absl::IsUnavailable(status) && !absl::IsUnavailable(result))) {
      result = std::move(status);
    }
  }
  // What another thread is at may yet fail there.
  if (result.ok() && !channels_.Backfills().empty() && !cancelled) {
    return absl::UnavailableError("history is still being read; looking again later");
  }
  return result;
}

absl::StatusOr<bool> Backfiller::RunClaimed(const std::string& channel, const std::atomic<bool>& cancelled,
                                            std::size_t& count) {
  // No lock is held while waiting for room: the handler that makes it may itself read history.
  while (dispatcher_.AwaitRoom(kRoom, cancelled)) {
    MW_ASSIGN_OR_RETURN(const bool more, ReadOnePage(channel, count));
    if (!more) return true;
  }
  return false;
}

bool Backfiller::IsPending(const std::string& channel) const {
  const std::vector<PendingBackfill> all = channels_.Backfills();
  return std::any_of(all.begin(), all.end(), [&](const PendingBackfill& b) { return b.channel == channel; });
}

absl::StatusOr<bool> Backfiller::ReadOnePage(const std::string& channel, std::size_t& count) {
  const std::vector<PendingBackfill> all = channels_.Backfills();
  const auto pending =
      std::find_if(all.begin(), all.end(), [&](const PendingBackfill& b) { return b.channel == channel; });
  if (pending == all.end()) return false;
  HistoryQuery query;
  MW_ASSIGN_OR_RETURN(query.subject, ChatSubject(options_.space, "*", channel));
  query.start_seq = pending->next_seq;
  query.since = pending->since;
  absl::StatusOr<HistoryPage> page = reader_.ReadPage(query);
  if (absl::IsPermissionDenied(page.status())) {
    channels_.DropBackfill(*pending);
    options_.on_error(absl::PermissionDeniedError(fmt::format(
        "no history of channel \"{}\": the credential has no right to read it (a right that ends in "
        "* is live only)",
        channel)));
    return true;
  }
  if (!page.ok()) return Annotate(page.status(), fmt::format("history of channel \"{}\"", channel));
  bool more = !page->end;
  for (const HistoryMessage& message : page->messages) {
    if (message.seq > pending->until) {
      more = false;
      break;
    }
    // No reason to end: a broker's clock may have been put back.
    if (pending->before != 0 && message.time >= pending->before) continue;
    if (intake_.TakeHistorical(message, *pending)) ++count;
  }
  channels_.Progress(*pending, more ? std::min(page->next_seq, pending->until + 1) : pending->until + 1);
  return true;
}

bool Backfiller::Claim(const std::string& channel) {
  MutexLock lock(mutex_);
  return running_.insert(channel).second;
}

void Backfiller::Release(const std::string& channel) {
  MutexLock lock(mutex_);
  running_.erase(channel);
}

}  // namespace meshwarden
