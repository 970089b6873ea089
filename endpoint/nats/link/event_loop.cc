#include "endpoint/nats/link/event_loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace meshwarden {
namespace {

// How long PublishSoon may wait for more, and for how much.
constexpr std::chrono::milliseconds kSoon{1};
constexpr int kTogether = 64;

// A process that has no descriptors left can't do its work; there is nothing to fall back to.
int MustBeOpen(int descriptor) {
  if (descriptor < 0) std::abort();
  return descriptor;
}

int MillisecondsUntil(EventLoop::TimePoint when) {
  if (when == EventLoop::TimePoint::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

}  // namespace

EventLoop::EventLoop(Callbacks callbacks, Writers writers)
    : callbacks_(std::move(callbacks)),
      writers_(writers),
      epoll_(MustBeOpen(epoll_create1(EPOLL_CLOEXEC))),
      wake_event_(MustBeOpen(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_event_;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_event_, &event);
  thread_ = std::thread([this] { Run(); });
}

EventLoop::~EventLoop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
  close(wake_event_);
  close(epoll_);
}

natsStatus EventLoop::Adopt(natsOptions* options) {
  return natsOptions_SetEventLoop(options, this, &OnAttach, &OnPollRead, &OnPollWrite, &OnDetach);
}

bool EventLoop::StartReading() {
  MutexLock lock(mutex_);
  if (socket_ < 0) return false;
  epoll_event event{};
  event.data.fd = socket_;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_, &event);
  reading_ = true;
  polling_write_ = !want_write_;
  UpdatePolling();
  return true;
}

void EventLoop::FinishClose() {
  Mutex mutex;
  CondVar reached;
  bool done = false;
  Post([&] {
    MutexLock lock(mutex);
    done = true;
    reached.NotifyOne();
  });
  MutexLock lock(mutex);
  while (!done) reached.Wait(mutex);
}

void EventLoop::Post(std::function<void()> task) {
  {
    MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  Wake();
}

void EventLoop::Wake() {
  if (wake_requested_.exchange(true)) return;
  const std::uint64_t one = 1;
  // Can only fail when the counter is full, and then the loop is awake anyway.
  [[maybe_unused]] const ssize_t written = write(wake_event_, &one, sizeof one);
}

natsStatus EventLoop::OnAttach(void** user_data, void* self, natsConnection* connection, natsSock socket) {
  auto* loop = static_cast<EventLoop*>(self);
  *user_data = loop;
  // A program started by this one must not get hold of an authenticated connection.
  fcntl(socket, F_SETFD, FD_CLOEXEC);
  MutexLock lock(loop->mutex_);
  loop->connection_ = connection;
  loop->socket_ = socket;
  loop->reading_ = false;
  loop->want_write_ = false;
  loop->write_due_ = TimePoint::max();
  loop->waiting_writes_ = 0;
  loop->closed_ = false;
  return NATS_OK;
}

// The library asks for this when it closes the connection; the socket itself is then closed on the loop's
// thread, which may be reading it just now.
natsStatus EventLoop::OnPollRead(void* self, bool add) {
  auto* loop = static_cast<EventLoop*>(self);
  if (add) return NATS_OK;
  {
    MutexLock lock(loop->mutex_);
    if (loop->socket_ < 0) return NATS_OK;
    if (loop->reading_) epoll_ctl(loop->epoll_, EPOLL_CTL_DEL, loop->socket_, nullptr);
    loop->closed_ = loop->reading_;
    loop->reading_ = false;
    loop->to_close_.push_back(std::exchange(loop->socket_, -1));
    loop->connection_ = nullptr;
  }
  loop->Wake();
  return NATS_OK;
}

natsStatus EventLoop::OnPollWrite(void* self, bool add) {
  auto* loop = static_cast<EventLoop*>(self);
  MutexLock lock(loop->mutex_);
  loop->want_write_ = add;
  if (!add) {
    loop->write_due_ = TimePoint::max();
    loop->waiting_writes_ = 0;
  }
  if (loop->direct_writer_.load(std::memory_order_relaxed) != std::this_thread::get_id()) {
    loop->UpdatePolling();
  }
  return NATS_OK;
}

// Comes late if the library closes the connection by itself, on its timers' thread: natsConnection_Close
// doesn't wait for this, so the next connection may be attached by now, or the loop be gone. OnPollRead has
// let go of the connection already; it is called before natsConnection_Close returns.
natsStatus EventLoop::OnDetach(void*) { return NATS_OK; }

void EventLoop::UpdatePolling() {
  if (!reading_ || polling_write_ == want_write_) return;
  polling_write_ = want_write_;
  epoll_event event{};
  event.events = EPOLLIN;
  if (want_write_) event.events |= EPOLLOUT;
  event.data.fd = socket_;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, socket_, &event);
}

void EventLoop::WriteBuffered(natsConnection* connection) {
  MutexLock write_lock(write_mutex_);
  {
    MutexLock lock(mutex_);
    if (!want_write_) return;
  }
  natsConnection_ProcessWriteEvent(connection);
}

void EventLoop::FinishDirectWrite(natsConnection* connection) {
  if (writers_ == Writers::kAnyThread) WriteBuffered(connection);
  direct_writer_.store({}, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  UpdatePolling();
}

void EventLoop::FinishSoonWrite(natsConnection* connection) {
  switch (PutOffWrite()) {
    case PutOff::kFirst:
      direct_writer_.store({}, std::memory_order_relaxed);
      return Wake();  // it sleeps until then at most
    case PutOff::kWithOthers:
      return direct_writer_.store({}, std::memory_order_relaxed);
    case PutOff::kEnough:
      return FinishDirectWrite(connection);
  }
}

EventLoop::PutOff EventLoop::PutOffWrite() {
  MutexLock lock(mutex_);
  // Nothing is in the buffer, or the loop is about to write it anyway.
  if (!want_write_ || polling_write_) return PutOff::kEnough;
  if (++waiting_writes_ >= kTogether) return PutOff::kEnough;
  if (write_due_ != TimePoint::max()) return PutOff::kWithOthers;
  write_due_ = std::chrono::steady_clock::now() + kSoon;
  return PutOff::kFirst;
}

void EventLoop::WriteWhatIsDue() {
  natsConnection* connection = nullptr;
  {
    MutexLock lock(mutex_);
    if (write_due_ > std::chrono::steady_clock::now()) return;
    write_due_ = TimePoint::max();
    waiting_writes_ = 0;
    if (reading_) connection = connection_;
  }
  // Not destroyed before FinishClose, which waits for this thread.
  if (connection == nullptr) return;
  WriteBuffered(connection);
  MutexLock lock(mutex_);
  UpdatePolling();
}

EventLoop::TimePoint EventLoop::NextWriteDue() const {
  MutexLock lock(mutex_);
  return write_due_;
}

void EventLoop::Run() {
  std::array<epoll_event, 2> events;
  bool stopping = false;
  while (!stopping) {
    const TimePoint next = std::min(callbacks_.on_tick(std::chrono::steady_clock::now()), NextWriteDue());
    const int count = epoll_wait(epoll_, events.data(), events.size(), MillisecondsUntil(next));
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<std::size_t>(i)].data.fd != wake_event_) {
        HandleSocket(events[static_cast<std::size_t>(i)].events);
        continue;
      }
      std::uint64_t counter = 0;
      [[maybe_unused]] const ssize_t got = read(wake_event_, &counter, sizeof counter);
      wake_requested_.store(false);
    }
    WriteWhatIsDue();
    CloseSockets();
    ReportClosed();
    RunTasks();
    MutexLock lock(mutex_);
    stopping = stopping_;
  }
  RunTasks();
}

void EventLoop::HandleSocket(std::uint32_t events) {
  natsConnection* connection = nullptr;
  {
    MutexLock lock(mutex_);
    if (reading_) connection = connection_;
  }
  // It is not destroyed before FinishClose, which waits for this thread.
  if (connection == nullptr) return;
  if ((events & EPOLLOUT) != 0) WriteBuffered(connection);
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) natsConnection_ProcessReadEvent(connection);
}

void EventLoop::CloseSockets() {
  std::vector<natsSock> sockets;
  {
    MutexLock lock(mutex_);
    sockets.swap(to_close_);
  }
  for (natsSock& socket : sockets) natsConnection_ProcessCloseEvent(&socket);
}

void EventLoop::ReportClosed() {
  {
    MutexLock lock(mutex_);
    if (!std::exchange(closed_, false)) return;
  }
  callbacks_.on_closed();
}

void EventLoop::RunTasks() {
  std::vector<std::function<void()>> tasks;
  {
    MutexLock lock(mutex_);
    tasks.swap(tasks_);
  }
  for (std::function<void()>& task : tasks) task();
}

}  // namespace meshwarden
