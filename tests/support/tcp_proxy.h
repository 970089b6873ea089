// A TCP proxy in front of a real server, for the faults that a network has.
//
//   MW_ASSERT_OK_AND_ASSIGN(const auto proxy, TcpProxy::Start(broker->port()));
//   Connection::Open({.servers = {proxy->url()}});
//   proxy->Cut();
//
// A fault is in force when the call that asks for it returns. Thread-safe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/mutex.h"

namespace meshwarden::testing {

class TcpProxy {
 public:
  // Listens on a port of its own and connects each client to `target_port` of this machine. 0: to be said by
  // Lead; until then clients are reset.
  static absl::StatusOr<std::unique_ptr<TcpProxy>> Start(int target_port);
  // Cuts all connections.
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  std::string url() const;
  int port() const { return port_; }

  // Resets all connections, on both sides; what was held or not yet forwarded is lost.
  void Cut();
  // Where the next clients are connected to.
  void Lead(int target_port);
  // True: connections that are there stay, new ones are refused.
  void Refuse(bool on);
  // True: connections stay open, also for new clients, and nothing is forwarded either way; false: all that
  // came meanwhile is.
  void Hang(bool on);
  // True: what clients send goes through, what the server sends is held; false: it is forwarded.
  void HoldAnswers(bool on);
  // As soon as one of the clients that are connected now sends `part`, that and all that it sends later is
  // held, also when it has gone away. Those that connect later aren't affected.
  void StrandFrom(std::string_view part);
  // Waits until one has sent it.
  absl::Status AwaitStranded(std::chrono::milliseconds timeout);
  // What is held goes on its way to the server, late.
  void ReleaseStranded();

  // Clients that are connected to the server through this proxy now. One that goes away while the proxy
  // hangs, or while what it sent is held, is counted until that ends.
  std::size_t connections() const;
  // Waits until there are exactly `count`.
  absl::Status AwaitConnections(std::size_t count, std::chrono::milliseconds timeout) const;

 private:
  struct Faults {
    int target_port = 0;
    bool refuse = false;
    bool hang = false;
    bool hold_answers = false;
    bool stop = false;
    std::uint64_t cuts = 0;
    std::string strand_from = "";  // empty: nothing is held
  };
  struct Pair;
  class Loop;

  TcpProxy(int port, int target_port, std::unique_ptr<Loop> loop);
  // Changes the faults and waits until the thread works by them.
  template <typename Change>
  void Apply(Change change) MW_EXCLUDES(mutex_);
  void Run() MW_EXCLUDES(mutex_);

  const int port_;
  const std::unique_ptr<Loop> loop_;  // used by the thread, but for its Wake()
  mutable Mutex mutex_;
  mutable CondVar changed_;
  Faults wanted_ MW_GUARDED_BY(mutex_);
  std::uint64_t asked_ MW_GUARDED_BY(mutex_) = 0;
  std::uint64_t applied_ MW_GUARDED_BY(mutex_) = 0;
  std::size_t connections_ MW_GUARDED_BY(mutex_) = 0;
  bool stranded_ MW_GUARDED_BY(mutex_) = false;  // one of the connections
  std::thread thread_;
};

}  // namespace meshwarden::testing
