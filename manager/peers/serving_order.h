// Whether this manager may act for an agent at this moment: at no time do two of them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace meshwarden {

// Thread-safe.
class ServingOrder {
 public:
  virtual ~ServingOrder() = default;

  // Calls `go` once: with true as soon as this manager may act for `agent_id`, with false once another is to,
  // or this one is going. At once, or later on another thread; never under a lock.
  virtual void WhenMayAct(const std::string& agent_id, std::function<void(bool)> go) = 0;
  // Whether it may at this very moment; to be asked right before something is changed.
  virtual bool MayAct(const std::string& agent_id) = 0;
  // A number that is the same as long as nobody but this manager can have acted for `agent_id`, as far as it
  // knows; 0 while the agent is another's.
  virtual std::uint64_t TenureOf(const std::string& agent_id) = 0;
};

// Where there is no other manager, or none that could be told of.
class AloneInOrder final : public ServingOrder {
 public:
  void WhenMayAct(const std::string&, std::function<void(bool)> go) override { go(true); }
  bool MayAct(const std::string&) override { return true; }
  std::uint64_t TenureOf(const std::string&) override { return 1; }
};

}  // namespace meshwarden
