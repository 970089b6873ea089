#include "manager/watch/place_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/status.h"
#include "manager/watch/suspect.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

using std::chrono::steady_clock;

}  // namespace

PlaceKeeper::PlaceKeeper(const Parts& parts, const WatchOptions& options)
    : parts_(parts),
      options_(options),
      delay_(options),
      streams_{Stream{.name = ChatStream(parts.space), .pace = LookPace(options)},
               Stream{.name = DmStream(parts.space), .pace = LookPace(options)},
               Stream{.name = TaskStream(parts.space), .pace = LookPace(options)}} {}

void PlaceKeeper::Heard(const PlaceMove& move, std::string_view by) {
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [&move](const Stream& stream) { return stream.name == move.stream; });
  if (found == streams_.end()) return;
  Stream& stream = *found;
  if (!move.driven()) {
    // A manager, this one or another, or an operator: who may.
    if (move.next_seq.has_value()) stream.places.MovedTo(move.consumer, *move.next_seq);
    return;
  }
  const Time now = steady_clock::now();
  stream.asked.Add(move.next_seq, by, now);
  stream.pace.Ask(now + delay_.Next());
}

void PlaceKeeper::LookSoon() {
  const Time now = steady_clock::now();
  for (Stream& stream : streams_) stream.pace.Ask(now);
}

PlaceKeeper::Time PlaceKeeper::next_due() const {
  return std::min_element(
             streams_.begin(), streams_.end(),
             [](const Stream& one, const Stream& other) { return one.pace.due() < other.pace.due(); })
      ->pace.due();
}

bool PlaceKeeper::knows_all() const {
  return std::all_of(streams_.begin(), streams_.end(), [](const Stream& stream) { return stream.known; });
}

PlaceKeeper::Findings PlaceKeeper::LookAtDue(const Attend& attend) {
  Findings findings;
  for (Stream& stream : streams_) {
    if (stream.pace.due() <= steady_clock::now()) Look(stream, attend, findings);
  }
  return findings;
}

PlaceKeeper::Findings PlaceKeeper::LookAtAll(const Attend& attend) {
  Findings findings;
  for (Stream& stream : streams_) Look(stream, attend, findings);
  return findings;
}

void PlaceKeeper::Look(Stream& stream, const Attend& attend, Findings& findings) {
  const Time begun = steady_clock::now();
  stream.pace.Begin(begun);
  stream.asked.Forget(begun - options_.heed_for);
  stream.places.Begin();
  const absl::Status status = TakePages(stream, attend, findings);
  stream.pace.End(steady_clock::now());
  if (status.ok()) {
    stream.known = true;
    NoteMissing(stream, findings);
  } else if (!absl::IsCancelled(status)) {
    LookFailed(stream, status);
  }
}

absl::Status PlaceKeeper::TakePages(Stream& stream, const Attend& attend, Findings& findings) {
  for (std::size_t listed = 0;;) {
    MW_ASSIGN_OR_RETURN(const ConsumerPage page, parts_.repairs.api().ListConsumersFrom(stream.name, listed));
    for (const ConsumerInfo& durable : page.consumers) Take(stream, durable, findings);
    if (page.listed > page.consumers.size()) TellUnreadable(stream, page.listed - page.consumers.size());
    // What is there and cannot be asked is neither gone nor known: the next look may tell.
    if (!page.missing.empty()) {
      return absl::UnavailableError(fmt::format("nobody could tell how {} durables of {} are, {} among them",
                                                page.missing.size(), stream.name, page.missing.front()));
    }
    listed += page.listed;
    if (page.listed == 0 || listed >= page.total) return absl::OkStatus();
    if (!attend()) return absl::CancelledError("broken off");
  }
}

void PlaceKeeper::Take(Stream& stream, const ConsumerInfo& durable, Findings& findings) {
  // History readers come and go.
  if (durable.config.durable_name.empty()) return;
  const std::optional<std::uint64_t> settled = stream.places.Take(durable, stream.asked);
  if (settled.has_value()) GiveBack(stream, durable, *settled);
  CountPulls(stream, durable, findings);
}

void PlaceKeeper::GiveBack(Stream& stream, const ConsumerInfo& durable, std::uint64_t settled) {
  const absl::Status status = parts_.repairs.GiveBack(stream.name, durable.name, settled);
  const std::string error = MessageOf(status);
  std::vector<LogField> fields = {{"stream", stream.name}, {"durable", durable.name}};
  const std::vector<std::string> by = stream.asked.By(durable.delivered_stream_seq + 1);
  // A list where it can't be told which of them it was.
  if (by.size() == 1) fields.push_back({"by", by.front()});
  if (by.size() > 1) fields.push_back({"by", by});
  if (status.ok()) {
    stream.places.MovedTo(durable.name, settled + 1);
    fields.push_back({"after", static_cast<std::int64_t>(settled)});
    parts_.log.Tell(
        {.level = LogLevel::kError,
         .message = "a durable was moved past messages that were not settled; its place was given back",
         .of = durable.name,
         .fields = std::move(fields)});
    return;
  }
  fields.push_back({"error", error});
  parts_.log.Tell({.level = LogLevel::kError,
                   .message =
                       "a durable was moved past messages that were not settled, and its place could not "
                       "be given back",
                   .of = durable.name,
                   .fields = std::move(fields)});
}

void PlaceKeeper::CountPulls(const Stream& stream, const ConsumerInfo& durable, Findings& findings) {
  if (durable.num_waiting <= options_.strange_pulls) return;
  // Of a role queue all the members are readers.
  const std::optional<std::string> id = AgentOfDurable(durable.name);
  if (!id.has_value()) return;
  parts_.log.Tell({.level = LogLevel::kWarn,
                   .message = "more pulls wait on an agent's durable than its reader makes",
                   .of = durable.name,
                   .fields = {{"stream", stream.name},
                              {"durable", durable.name},
                              {"pulls", static_cast<std::int64_t>(durable.num_waiting)}}});
  const bool chat = &stream == &streams_.front();
  if (chat && durable.num_waiting > options_.crowded_pulls) findings.crowded.insert(*id);
}

void PlaceKeeper::NoteMissing(Stream& stream, Findings& findings) {
  const bool chat = &stream == &streams_.front();
  for (const std::string& name : stream.places.End()) {
    const std::optional<std::string> id = chat ? AgentOfChatDurable(name) : std::nullopt;
    if (id.has_value()) {
      findings.without_chat.insert(*id);
    } else {
      stream.places.Forget(name);
    }
  }
}

void PlaceKeeper::TellUnreadable(const Stream& stream, std::size_t count) {
  parts_.log.Tell({.level = LogLevel::kWarn,
                   .message = "what the broker says of some consumers cannot be read; they are not watched",
                   .of = stream.name,
                   .fields = {{"stream", stream.name}, {"consumers", static_cast<std::int64_t>(count)}}});
}

void PlaceKeeper::LookFailed(const Stream& stream, const absl::Status& status) {
  // A space without such a stream, or a broker that is away for a moment, is no news.
  const bool usual =
      absl::IsNotFound(status) || absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  const std::string error = MessageOf(status);
  parts_.log.Tell({.level = usual ? LogLevel::kDebug : LogLevel::kWarn,
                   .message = "the durables of a stream could not be looked at, trying again",
                   .of = stream.name,
                   .fields = {{"stream", stream.name}, {"error", error}}});
}

}  // namespace meshwarden
