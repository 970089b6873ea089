#include "manager/audit/filter_audit.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "manager/audit/side_by_side.h"
#include "manager/watch/suspect.h"
#include "policy/still_allowed.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "provisioning/records/recorded_agent.h"

namespace meshwarden {
namespace {

// Requests that wait for their answers at a time; far below what a server or a connection takes.
constexpr std::size_t kAtATime = 256;

bool IsBrokerAway(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

// A chat durable, and what its agent may read.
struct Reader {
  std::string id;
  std::vector<std::string> filters;
  const AgentPolicy* agent = nullptr;  // null: the policy has none for it
};

struct Cut {
  Reader reader;
  std::vector<std::string> channels;  // empty: parked
};

struct Outcome {
  std::optional<Cut> cut;  // none: there was nothing to be cut any more
};

class Audit {
 public:
  explicit Audit(const FilterAuditParts& parts) : parts_(parts), privileged_(parts.api, parts.space) {}

  absl::StatusOr<FilterAudit> Run() {
    MW_ASSIGN_OR_RETURN(std::vector<Reader> readers, ListReaders());
    audit_.durables = readers.size();
    MW_RETURN_IF_ERROR(FindAgents(readers));
    std::vector<Cut> cuts;
    for (Reader& reader : readers) {
      if (std::optional<Cut> cut = CutOf(std::move(reader))) cuts.push_back(*std::move(cut));
    }
    MW_RETURN_IF_ERROR(Move(cuts));
    return audit_;
  }

 private:
  absl::StatusOr<std::vector<Reader>> ListReaders() {
    std::vector<std::string> unreadable;
    MW_ASSIGN_OR_RETURN(const std::vector<ConsumerInfo> listed,
                        parts_.api.ListConsumers(ChatStream(parts_.space), &unreadable));
    for (const std::string& durable : unreadable) {
      const std::optional<std::string> id = AgentOfChatDurable(durable);
      if (!id.has_value()) continue;
      TellFailed(*id, "what a chat durable reads cannot be told, and is not compared with the policy",
                 absl::OutOfRangeError("it is larger than all that a manager makes; delete it, and provision "
                                       "its agent again"));
    }
    std::vector<Reader> readers;
    for (const ConsumerInfo& consumer : listed) {
      std::optional<std::string> id = AgentOfChatDurable(consumer.name);
      if (!id.has_value()) continue;
      readers.push_back({.id = *std::move(id), .filters = consumer.config.Filters(), .agent = nullptr});
    }
    return readers;
  }

  // Leaves those whose agent, or absence from the policy, is known.
  absl::Status FindAgents(std::vector<Reader>& readers) {
    const std::vector<absl::StatusOr<AgentRecord>> records = SideBySide<AgentRecord, Reader>(
        readers, kAtATime,
        [this](const Reader& reader, auto done) { ReadRecord(reader.id, std::move(done)); });
    std::vector<Reader> known;
    for (std::size_t i = 0; i < readers.size(); ++i) {
      const absl::StatusOr<AgentRecord>& record = records[i];
      if (IsBrokerAway(record.status())) return record.status();
      if (IsKnown(readers[i], record)) known.push_back(std::move(readers[i]));
    }
    readers = std::move(known);
    return absl::OkStatus();
  }

  // An agent that is pinned needs no record, and may have one.
  void ReadRecord(const std::string& id, std::function<void(absl::StatusOr<AgentRecord>)> done) {
    if (parts_.policy->FindByPinnedId(id) != nullptr) {
      return done(AgentRecord{.id = id, .agent = "", .provisioned_at = {}});
    }
    parts_.read_record(id, std::move(done));
  }

  bool IsKnown(Reader& reader, const absl::StatusOr<AgentRecord>& record) {
    if (record.ok() && record->state == RecordState::kLive) {
      reader.agent = RecordedAgent(*parts_.policy, *record);
      return true;
    }
    if (record.ok() || absl::IsNotFound(record.status())) {
      ++audit_.unknown;
    } else {
      TellFailed(reader.id,
                 "whose chat durable this is cannot be told; its filter is not compared with the policy",
                 record.status());
    }
    return false;
  }

  std::optional<Cut> CutOf(Reader reader) const {
    const std::vector<std::string> parked = {ParkedChatSubject(parts_.space)};
    if (reader.filters == parked) return std::nullopt;
    std::vector<std::string> channels;
    bool within = reader.agent != nullptr && !reader.filters.empty();
    for (const std::string& filter : reader.filters) {
      std::optional<std::string> channel = ChannelOfFilter(parts_.space, filter);
      within = within && channel.has_value() && IsAllowed(*reader.agent, *channel);
      if (channel.has_value()) channels.push_back(*std::move(channel));
    }
    if (within) return std::nullopt;
    if (reader.agent != nullptr) channels = StillAllowed(*reader.agent, channels);
    if (reader.agent == nullptr) channels.clear();
    return Cut{.reader = std::move(reader), .channels = std::move(channels)};
  }

  static bool IsAllowed(const AgentPolicy& agent, const std::string& channel) {
    const absl::StatusOr<ChannelPattern> pattern = ChannelPattern::Parse(channel);
    return pattern.ok() && MaySubscribe(agent, *pattern).allowed();
  }

  absl::Status Move(const std::vector<Cut>& cuts) {
    const std::vector<absl::StatusOr<Outcome>> moved = SideBySide<Outcome, Cut>(
        cuts, kAtATime, [this](const Cut& cut, auto done) { MoveInTurn(cut, std::move(done)); });
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      // One that was deleted meanwhile reads nothing.
      if (absl::IsNotFound(moved[i].status())) continue;
      if (IsBrokerAway(moved[i].status())) return moved[i].status();
      if (!moved[i].ok()) {
        TellFailed(cuts[i].reader.id,
                   "an agent reads more than its policy allows, and the broker does not take it back",
                   moved[i].status());
      } else if (moved[i]->cut.has_value()) {
        TellCut(*moved[i]->cut);
      }
    }
    return absl::OkStatus();
  }

  // Not between a request of the agent and its answer: that would be undone, and still said to be done.
  void MoveInTurn(const Cut& listed, std::function<void(absl::StatusOr<Outcome>)> done) {
    if (parts_.in_turn == nullptr) return MoveAsItIsNow(listed, std::move(done));
    parts_.in_turn(listed.reader.id, [this, &listed, done = std::move(done)](std::shared_ptr<void> turn) {
      MoveAsItIsNow(listed, [done, turn = std::move(turn)](absl::StatusOr<Outcome> outcome) {
        done(std::move(outcome));
      });
    });
  }

  // Listing took a while, in which another manager may have moved it: what it reads now is what is cut.
  void MoveAsItIsNow(const Cut& listed, std::function<void(absl::StatusOr<Outcome>)> done) {
    parts_.api.ConsumerInfoAsync(
        ChatStream(parts_.space), ChatDurable(listed.reader.id),
        [this, &listed, done = std::move(done)](const absl::StatusOr<ConsumerInfo>& now) {
          if (!now.ok()) return done(now.status());
          Reader reader = listed.reader;
          reader.filters = now->config.Filters();
          std::optional<Cut> cut = CutOf(std::move(reader));
          if (!cut.has_value()) return done(Outcome{});
          const std::string id = cut->reader.id;
          const std::vector<std::string> channels = cut->channels;
          const auto told = [done, cut = std::move(cut)](absl::Status status) {
            if (!status.ok()) return done(std::move(status));
            done(Outcome{.cut = cut});
          };
          if (channels.empty()) return privileged_.ParkChatAsync(id, told);
          privileged_.SetChatFilterAsync(id, channels, told);
        });
  }

  void TellCut(const Cut& cut) {
    ++(cut.channels.empty() ? audit_.parked : audit_.cut);
    std::vector<LogField> fields = {{"id", cut.reader.id}};
    if (cut.reader.agent != nullptr) fields.push_back({"agent", cut.reader.agent->name});
    fields.push_back({"read", std::span<const std::string>(cut.reader.filters)});
    fields.push_back({"reads", std::span<const std::string>(cut.channels)});
    parts_.log.Write(LogLevel::kWarn, "a chat filter was wider than the policy, and is cut back", fields);
  }

  void TellFailed(const std::string& id, std::string_view what, const absl::Status& status) {
    ++audit_.failed;
    const std::string error = MessageOf(status);
    parts_.log.Write(LogLevel::kError, what, {{"id", id}, {"error", error}});
  }

  const FilterAuditParts& parts_;
  Privileged privileged_;
  FilterAudit audit_;
};

}  // namespace

absl::StatusOr<FilterAudit> CutFiltersBack(const FilterAuditParts& parts) { return Audit(parts).Run(); }

}  // namespace meshwarden
