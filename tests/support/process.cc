#include "tests/support/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/status.h"

namespace meshwarden::testing {
namespace {

absl::Status SystemError(std::string_view doing) {
  return absl::InternalError(fmt::format("{}: {}", doing, std::strerror(errno)));
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const ProcessOptions& options) {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) environment.emplace_back(*variable);
  for (const auto& [name, value] : options.environment) environment.push_back(name + "=" + value);
  return environment;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Start(const ProcessOptions& options) {
  const std::vector<char*> argv = Pointers(options.argv);
  const std::vector<std::string> environment = Environment(options);
  const std::vector<char*> envp = Pointers(environment);
  std::array<int, 2> output{};
  if (::pipe2(output.data(), O_CLOEXEC) != 0) return SystemError("pipe");
  const pid_t pid = ::fork();
  if (pid < 0) return SystemError("fork");
  if (pid == 0) {  // only async-signal-safe calls from here on
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(output[1], STDOUT_FILENO);
    ::dup2(output[1], STDERR_FILENO);
    if (!options.error_path.empty()) {
      ::dup2(::open(options.error_path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC), STDERR_FILENO);
    }
    if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) ::_exit(126);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(output[1]);
  return std::unique_ptr<Process>(new Process(pid, output[0]));
}

Process::Process(pid_t pid, int output_fd)
    : pid_(pid), output_fd_(output_fd), reader_([this] { ReadOutput(); }) {}

Process::~Process() {
  if (!reaped_) {
    Signal(SIGKILL);
    (void)Wait(std::chrono::seconds(10));
  }
  StallOutput(false);
  reader_.join();
  ::close(output_fd_);
}

void Process::ReadOutput() {
  std::array<char, 4096> buffer{};
  while (true) {
    AwaitTurnToRead();
    const ssize_t count = ::read(output_fd_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    const MutexLock lock(mutex_);
    if (count <= 0) {
      output_ended_ = true;
      changed_.NotifyAll();
      return;
    }
    output_.append(buffer.data(), static_cast<std::size_t>(count));
    changed_.NotifyAll();
  }
}

void Process::AwaitTurnToRead() {
  const MutexLock lock(mutex_);
  while (stalled_) changed_.Wait(mutex_);
}

void Process::StallOutput(bool stalled) {
  const MutexLock lock(mutex_);
  stalled_ = stalled;
  changed_.NotifyAll();
}

std::string Process::Output() const {
  const MutexLock lock(mutex_);
  return output_;
}

absl::Status Process::WaitForOutput(std::string_view text, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const MutexLock lock(mutex_);
  while (output_.find(text) == std::string::npos) {
    if (output_ended_) return absl::AbortedError(fmt::format("ended without \"{}\":\n{}", text, output_));
    if (!changed_.WaitUntil(mutex_, deadline)) {
      if (output_.find(text) != std::string::npos) break;
      return absl::DeadlineExceededError(fmt::format("no \"{}\" in time:\n{}", text, output_));
    }
  }
  return absl::OkStatus();
}

void Process::Signal(int signal) const {
  ::kill(pid_, signal);
  siginfo_t unread{};
  // A thread on another core goes on for a moment: the kernel tells when the last one stands.
  if (signal == SIGSTOP)
    (void)::waitid(P_PID, static_cast<id_t>(pid_), &unread, WSTOPPED | WEXITED | WNOWAIT);
}

absl::StatusOr<int> Process::Wait(std::chrono::milliseconds timeout) {
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
  return exit_code_;
}

std::size_t Process::ResidentBytes() const {
  std::ifstream statm(fmt::format("/proc/{}/statm", pid_));
  std::size_t total = 0;
  std::size_t resident = 0;
  if (!(statm >> total >> resident)) return 0;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

absl::StatusOr<Finished> RunProgram(const ProcessOptions& options, std::chrono::milliseconds timeout) {
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Process> process, Process::Start(options));
  MW_ASSIGN_OR_RETURN(const int exit_code, process->Wait(timeout));
  (void)process->WaitForOutput("\x01 never printed", timeout);  // returns when the output has ended
  return Finished{.exit_code = exit_code, .output = process->Output()};
}

std::string Runfile(std::string_view path) {
  const char* root = std::getenv("TEST_SRCDIR");
  // `bazel run` tells nothing and starts a program in the workspace's own folder among them.
  const std::string base = root == nullptr ? std::string("..") : std::string(root);
  if (path.substr(0, 9) == "external/") return fmt::format("{}/{}", base, path.substr(9));
  return fmt::format("{}/meshwarden/{}", base, path);
}

}  // namespace meshwarden::testing
