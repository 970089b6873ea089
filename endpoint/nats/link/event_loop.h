// The thread that does a connection's network input and output, and keeps its time.
//
// The C library is run in its event-loop mode: publishing only appends to a buffer, so that a server that no
// longer reads never blocks a caller, and the socket is read and written here. A publisher may write the
// buffer out by itself (WriteNow), which spares a change of threads; over TLS it leaves that to the loop,
// because the library must not read and write one TLS stream at a time.
//
// Serves one library connection at a time. Thread-safe, but for the destructor.
#pragma once

#include <nats/nats.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace meshwarden {

class EventLoop {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Callbacks {
    // Called after every wake-up; returns when it must be called next.
    std::function<TimePoint(TimePoint now)> on_tick;
    // Called when the connection being read has closed, whoever closed it.
    std::function<void()> on_closed;
  };
  enum class Writers {
    kAnyThread,
    kLoopOnly,  // TLS
  };

  EventLoop(Callbacks callbacks, Writers writers);
  // Ends the thread. No library connection may be attached any more.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Connections made with `options` will be served by this loop.
  natsStatus Adopt(natsOptions* options);
  // Begins to read the connection made last. False if it has closed already; on_closed is then not called.
  bool StartReading();
  // To be called once natsConnection_Close has returned: afterwards the loop does not touch that connection.
  void FinishClose();

  // Runs `task` on the loop's thread.
  void Post(std::function<void()> task);
  // Makes the loop call on_tick soon.
  void Wake();

  // Calls `publish` and writes out what it put into the buffer of `connection`, as far as the socket takes
  // it; the loop sends the rest. One call at a time.
  template <typename Publish>
  natsStatus PublishNow(natsConnection* connection, Publish publish) {
    direct_writer_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    const natsStatus status = publish();
    FinishDirectWrite(connection);
    return status;
  }
  // The same, but it may wait for more to be sent with it: a millisecond, or some dozens of calls. Many small
  // writes cost both sides more than what they carry.
  template <typename Publish>
  natsStatus PublishSoon(natsConnection* connection, Publish publish) {
    direct_writer_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    const natsStatus status = publish();
    FinishSoonWrite(connection);
    return status;
  }

 private:
  // The library's side of its event-loop mode; `self` is the EventLoop.
  static natsStatus OnAttach(void** user_data, void* self, natsConnection* connection, natsSock socket);
  static natsStatus OnPollRead(void* self, bool add);
  static natsStatus OnPollWrite(void* self, bool add);
  static natsStatus OnDetach(void*);

  void Run();
  void HandleSocket(std::uint32_t events);
  void CloseSockets();
  void ReportClosed();
  void RunTasks();
  void FinishDirectWrite(natsConnection* connection);
  void FinishSoonWrite(natsConnection* connection);
  enum class PutOff { kFirst, kWithOthers, kEnough };
  PutOff PutOffWrite();
  void WriteWhatIsDue();
  TimePoint NextWriteDue() const;
  void WriteBuffered(natsConnection* connection);
  void UpdatePolling() MW_REQUIRES(mutex_);

  // Constant after construction.
  const Callbacks callbacks_;
  const Writers writers_;
  const int epoll_;
  const int wake_event_;

  std::atomic<bool> wake_requested_{false};
  // The thread inside PublishNow or PublishSoon: its wish to write needs no polling yet.
  std::atomic<std::thread::id> direct_writer_{};

  // Held while writing, so that nobody writes an empty buffer: the library takes that for a closed
  // connection. Taken before the library's own locks, which are taken before mutex_.
  Mutex write_mutex_;

  mutable Mutex mutex_;
  natsConnection* connection_ MW_GUARDED_BY(mutex_) = nullptr;
  natsSock socket_ MW_GUARDED_BY(mutex_) = -1;
  bool reading_ MW_GUARDED_BY(mutex_) = false;
  bool want_write_ MW_GUARDED_BY(mutex_) = false;
  bool polling_write_ MW_GUARDED_BY(mutex_) = false;
  TimePoint write_due_ MW_GUARDED_BY(mutex_) =
      TimePoint::max();  // of what PublishSoon has left in the buffer
  int waiting_writes_ MW_GUARDED_BY(mutex_) = 0;
  bool closed_ MW_GUARDED_BY(mutex_) = false;  // not yet reported
  bool stopping_ MW_GUARDED_BY(mutex_) = false;
  std::vector<natsSock> to_close_ MW_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> tasks_ MW_GUARDED_BY(mutex_);

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace meshwarden
