#include "manager/peers/peer_ledger.h"

#include <algorithm>
#include <utility>

namespace meshwarden {
namespace {

// Views that are remembered.
constexpr std::size_t kMostPast = 32;

// Stands for views that nobody has told of.
PeerView Missed() {
  return {.revision = 0, .number = 0, .members = {{.instance = "missed", .id = "missed"}}};
}

}  // namespace

bool PeerLedger::TakeView(const PeerView& view, Time asked, Time now) {
  const bool lost = view.revision < view_.revision;
  if (lost && asked <= learned_at_) return false;
  const bool is_news = view.revision != view_.revision;
  if (is_news) {
    learned_at_ = now;
    if (now >= settled_at_) before_.clear();
    before_.push_back(view_);
    // One in between was missed, in which anything may have been another's. Before this manager came it had
    // nothing.
    const bool is_first = view_.revision == 0 && !view.Has(self_);
    if (lost || (!is_first && view.number != view_.number + 1)) {
      before_.push_back(Missed());
      Remember(Missed());
    }
    Remember(view);
    finish_until_ = fresh_until_;
    view_ = view;
    // Where nobody was at work, nobody has to be waited for.
    const bool was_empty = std::all_of(before_.begin(), before_.end(),
                                       [](const PeerView& before) { return before.members.empty(); });
    settled_at_ = was_empty ? now : now + times_.settle;
    std::erase_if(heard_, [&view](const auto& entry) { return !view.Has(entry.first); });
    for (const Peer& member : view.members) {
      if (member.instance != self_) heard_.try_emplace(member.instance, Heard{.last = now});
    }
  }
  // Who was out of touch itself has not listened.
  if (now >= fresh_until_) ListenAnew(now);
  fresh_until_ = std::max(fresh_until_, asked + times_.fresh);
  return is_news;
}

void PeerLedger::Hear(const std::string& instance, Time now) {
  const auto member = heard_.find(instance);
  if (member != heard_.end()) member->second = {.last = now, .ever = true};
}

void PeerLedger::HearSelf(Time now) {
  if (!IsListening(now)) ListenAnew(now);
  listens_until_ = now + times_.deaf;
}

void PeerLedger::ListenAnew(Time now) {
  for (auto& [instance, heard] : heard_) heard.last = now;
}

void PeerLedger::Remember(PeerView view) {
  if (past_.size() == kMostPast) past_.erase(past_.begin());
  past_.push_back({.count = ++count_, .view = std::move(view)});
}

std::uint64_t PeerLedger::TenureOf(std::string_view agent_id) const {
  std::uint64_t since = 0;
  for (auto past = past_.rbegin(); past != past_.rend() && Owns(past->view, agent_id); ++past) {
    since = past->count;
  }
  return since;
}

bool PeerLedger::Owns(const PeerView& view, std::string_view agent_id) const {
  const Peer* owner = view.OwnerOf(agent_id);
  return owner != nullptr && owner->instance == self_;
}

bool PeerLedger::MayAct(std::string_view agent_id, Time now) {
  if (now >= settled_at_) before_.clear();
  const bool was_ours = std::all_of(before_.begin(), before_.end(), [&](const PeerView& view) {
    return view.members.empty() || Owns(view, agent_id);
  });
  if (Owns(view_, agent_id)) return was_ours && now < fresh_until_;
  return was_ours && !before_.empty() && Owns(before_.back(), agent_id) && now < finish_until_;
}

const Peer* PeerLedger::OtherFor(std::string_view agent_id) const {
  const Peer* owner = view_.OwnerOf(agent_id);
  return owner == nullptr || owner->instance == self_ ? nullptr : owner;
}

bool PeerLedger::IsSettled(Time now) const {
  return is_member() && now >= settled_at_ && now < fresh_until_ &&
         std::all_of(heard_.begin(), heard_.end(), [](const auto& member) { return member.second.ever; });
}

std::vector<std::string> PeerLedger::Silent(Time now) const {
  std::vector<std::string> silent;
  if (now >= fresh_until_ || !IsListening(now)) return silent;
  for (const auto& [instance, heard] : heard_) {
    if (now - heard.last >= times_.silent) silent.push_back(instance);
  }
  return silent;
}

}  // namespace meshwarden
