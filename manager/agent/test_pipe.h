// A pipe or a pair of sockets for a test.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

namespace meshwarden::testing {

class TestPipe {
 public:
  enum class Kind { kPipe, kSockets };

  explicit TestPipe(Kind kind = Kind::kPipe) {
    std::signal(SIGPIPE, SIG_IGN);
    const int made = kind == Kind::kPipe ? ::pipe2(ends_.data(), O_CLOEXEC)
                                         : ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data());
    if (made != 0) std::abort();
  }
  ~TestPipe() {
    CloseIn();
    CloseOut();
  }
  TestPipe(const TestPipe&) = delete;
  TestPipe& operator=(const TestPipe&) = delete;

  int out() const { return ends_[0]; }  // to be read
  int in() const { return ends_[1]; }   // to be written
  void CloseOut() { Close(ends_[0]); }
  void CloseIn() { Close(ends_[1]); }

  void Put(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::write(in(), text.data(), text.size());
      if (count <= 0) std::abort();
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  // Waits for `count` bytes, or fewer if it ends before.
  std::string Take(std::size_t count) const {
    std::string text(count, '\0');
    std::size_t taken = 0;
    while (taken < count) {
      const ssize_t read = ::read(out(), text.data() + taken, count - taken);
      if (read <= 0) break;
      taken += static_cast<std::size_t>(read);
    }
    return text.substr(0, taken);
  }
  // Fills it until it takes no more.
  void Fill() const {
    const int flags = ::fcntl(in(), F_GETFL);
    ::fcntl(in(), F_SETFL, flags | O_NONBLOCK);
    const std::string bytes(4096, 'x');
    while (::write(in(), bytes.data(), bytes.size()) > 0) {
    }
    ::fcntl(in(), F_SETFL, flags);
  }

 private:
  static void Close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }

  std::array<int, 2> ends_{-1, -1};
};

}  // namespace meshwarden::testing
