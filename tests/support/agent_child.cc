#include "tests/support/agent_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/status.h"
#include "tests/support/process.h"

namespace meshwarden::testing {
namespace {

absl::Status SystemError(std::string_view doing) {
  return absl::InternalError(fmt::format("{}: {}", doing, std::strerror(errno)));
}

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return SystemError("pipe");
  return Pipe{.read_end = ends[0], .write_end = ends[1]};
}

// In the child: only async-signal-safe calls.
[[noreturn]] void Become(const Pipe& input, const Pipe& output, const Pipe& errors,
                         const std::vector<char*>& argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(input.read_end, STDIN_FILENO);
  ::dup2(output.write_end, STDOUT_FILENO);
  ::dup2(errors.write_end, STDERR_FILENO);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

void CloseEnd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AgentChild>> AgentChild::Start(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {Runfile("manager/meshwarden"), "agent"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // a child that has ended reads nothing
  MW_ASSIGN_OR_RETURN(const Pipe input, MakePipe());
  MW_ASSIGN_OR_RETURN(const Pipe output, MakePipe());
  MW_ASSIGN_OR_RETURN(const Pipe errors, MakePipe());
  const pid_t pid = ::fork();
  if (pid < 0) return SystemError("fork");
  if (pid == 0) Become(input, output, errors, argv);
  ::close(input.read_end);
  ::close(output.write_end);
  ::close(errors.write_end);
  return std::unique_ptr<AgentChild>(
      new AgentChild(pid, {.input = input.write_end, .output = output.read_end, .errors = errors.read_end}));
}

AgentChild::AgentChild(pid_t pid, Streams streams)
    : pid_(pid),
      streams_(streams),
      wake_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      reader_([this] { ReadStreams(); }) {}

AgentChild::~AgentChild() {
  if (!reaped_) {
    Signal(SIGKILL);
    (void)Wait(std::chrono::seconds(10));
  }
  {
    const MutexLock lock(mutex_);
    closing_ = true;
  }
  Wake();
  reader_.join();
  CloseEnd(streams_.input);
  CloseEnd(streams_.output);
  CloseEnd(streams_.errors);
  ::close(wake_event_);
}

void AgentChild::Wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_event_, &one, sizeof(one));
}

void AgentChild::SendLine(std::string_view line) const {
  std::string text = std::string(line) + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = ::write(streams_.input, rest.data(), rest.size());
    if (count < 0 && errno != EINTR) return;
    if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
  }
}

void AgentChild::CloseInput() { CloseEnd(streams_.input); }

void AgentChild::ReadStreams() {
  bool output_open = true;
  bool errors_open = true;
  while (output_open || errors_open) {
    bool paused = false;
    {
      const MutexLock lock(mutex_);
      if (closing_) return;
      paused = paused_;
      if (drop_output_) {
        output_open = false;
        CloseEnd(streams_.output);
        output_closed_ = true;
        changed_.NotifyAll();
      }
    }
    std::array<pollfd, 3> waits = {
        pollfd{.fd = output_open && !paused ? streams_.output : -1, .events = POLLIN, .revents = 0},
        pollfd{.fd = errors_open ? streams_.errors : -1, .events = POLLIN, .revents = 0},
        pollfd{.fd = wake_event_, .events = POLLIN, .revents = 0}};
    (void)::poll(waits.data(), waits.size(), -1);
    if (waits[2].revents != 0) {
      std::uint64_t wakes = 0;
      [[maybe_unused]] const ssize_t count = ::read(wake_event_, &wakes, sizeof(wakes));
      continue;
    }
    if (waits[0].revents != 0) output_open = ReadOutput();
    if (waits[1].revents != 0) errors_open = ReadErrors();
  }
}

bool AgentChild::ReadOutput() {
  std::array<char, 64 * 1024> buffer;
  const ssize_t count = ::read(streams_.output, buffer.data(), buffer.size());
  if (count < 0 && errno == EINTR) return true;
  const MutexLock lock(mutex_);
  changed_.NotifyAll();
  if (count <= 0) {
    output_ended_ = true;
    return false;
  }
  unfinished_.append(buffer.data(), static_cast<std::size_t>(count));
  std::size_t begin = 0;
  for (std::size_t end = unfinished_.find('\n'); end != std::string::npos;
       end = unfinished_.find('\n', begin)) {
    const std::string line = unfinished_.substr(begin, end - begin);
    // A line that is no JSON is kept as a string, for a test to stumble over.
    absl::StatusOr<Json> json =
        ParseJson(line, {.max_bytes = 16 << 20, .max_depth = 40, .max_values = 1'000'000});
    lines_.push_back(json.ok() ? *std::move(json) : Json(line));
    begin = end + 1;
  }
  unfinished_.erase(0, begin);
  return true;
}

bool AgentChild::ReadErrors() {
  std::array<char, 4096> buffer;
  const ssize_t count = ::read(streams_.errors, buffer.data(), buffer.size());
  if (count < 0 && errno == EINTR) return true;
  const MutexLock lock(mutex_);
  if (count <= 0) {
    errors_ended_ = true;
    changed_.NotifyAll();
    return false;
  }
  errors_.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

absl::StatusOr<Json> AgentChild::AwaitLine(const std::function<bool(const Json&)>& wanted,
                                           std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const MutexLock lock(mutex_);
  bool in_time = true;
  while (true) {
    const auto found = std::find_if(lines_.begin(), lines_.end(), wanted);
    if (found != lines_.end()) {
      Json line = std::move(*found);
      lines_.erase(found);
      return line;
    }
    if ((output_ended_ && errors_ended_) || !in_time) break;
    in_time = changed_.WaitUntil(mutex_, deadline);
  }
  std::string there;
  for (const Json& line : lines_) there += DumpJson(line).substr(0, 300) + "\n";
  const std::string message =
      fmt::format("no such line; there are:\n{}standard error:\n{}", there.substr(0, 10'000), errors_);
  return output_ended_ ? absl::AbortedError(message) : absl::DeadlineExceededError(message);
}

absl::StatusOr<Json> AgentChild::NextLine(std::chrono::milliseconds timeout) {
  return AwaitLine([](const Json&) { return true; }, timeout);
}

absl::StatusOr<Json> AgentChild::Call(const Json& line, std::chrono::milliseconds timeout) {
  SendLine(DumpJson(line));
  const Json ref = line.at("ref");
  return AwaitLine(
      [&ref](const Json& reply) {
        return reply.is_object() && reply.value("event", "") == "reply" && reply.contains("ref") &&
               reply.at("ref") == ref;
      },
      timeout);
}

void AgentChild::PauseReading() {
  {
    const MutexLock lock(mutex_);
    paused_ = true;
  }
  Wake();
}

void AgentChild::ResumeReading() {
  {
    const MutexLock lock(mutex_);
    paused_ = false;
  }
  Wake();
}

void AgentChild::CloseOutput() {
  {
    const MutexLock lock(mutex_);
    drop_output_ = true;
  }
  Wake();
  const MutexLock lock(mutex_);
  while (!output_closed_) changed_.Wait(mutex_);
}

void AgentChild::Signal(int signal) const { ::kill(pid_, signal); }

absl::StatusOr<int> AgentChild::Wait(std::chrono::milliseconds timeout) {
  if (reaped_) return exit_code_;
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (fd < 0) return SystemError("pidfd_open");
  pollfd ended{.fd = fd, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&ended, 1, static_cast<int>(timeout.count()));
  ::close(fd);
  if (ready == 0) return absl::DeadlineExceededError(fmt::format("process {} does not end", pid_));
  int state = 0;
  if (::waitpid(pid_, &state, 0) != pid_) return SystemError("waitpid");
  reaped_ = true;
  exit_code_ = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const MutexLock lock(mutex_);
  while (!errors_ended_) {
    if (!changed_.WaitUntil(mutex_, deadline)) {
      return absl::DeadlineExceededError(fmt::format("the standard error of process {} does not end", pid_));
    }
  }
  return exit_code_;
}

std::size_t AgentChild::ResidentBytes() const {
  std::ifstream statm(fmt::format("/proc/{}/statm", pid_));
  std::size_t total = 0;
  std::size_t resident = 0;
  if (!(statm >> total >> resident)) return 0;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::string AgentChild::Errors() const {
  const MutexLock lock(mutex_);
  return errors_;
}

}  // namespace meshwarden::testing
