// A server whose name has two addresses, of which the first swallows everything: the programs find the other.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/status_matchers.h"
#include "tests/support/agent_child.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::two_addresses_test {
namespace {

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  ada: { subscribe: [general], allowSubscribe: [general], allowPublish: [general] }
)";

class TwoAddresses : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    ASSERT_NO_FATAL_FAILURE(ListenAt("127.0.0.2"));
    ASSERT_NO_FATAL_FAILURE(NameThem());
  }
  // In files of this thread's own, which takes the rights of root. Where that is not allowed, the two are
  // named as two servers: all that can be shown then is that the programs get by one that is silent.
  void NameThem() {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      url_ = fmt::format("nats://127.0.0.2:{0},nats://127.0.0.1:{0}", mesh_->broker().port());
      fmt::print("no mounts of its own ({}); two servers in the place of two addresses\n",
                 std::strerror(errno));
      return;
    }
    url_ = fmt::format("nats://two-places:{}", mesh_->broker().port());
    // The resolver sorts what it finds: the address that answers would come first by itself.
    ASSERT_NO_FATAL_FAILURE(
        SeeInPlaceOf("/etc/hosts", "127.0.0.2 two-places\n127.0.0.1 two-places\n127.0.0.1 localhost\n"));
    ASSERT_NO_FATAL_FAILURE(
        SeeInPlaceOf("/etc/gai.conf", "precedence ::ffff:127.0.0.2/128 100\nprecedence ::/0 40\n"));
  }
  void TearDown() override {
    for (const std::string& place : covered_) ::umount2(place.c_str(), MNT_DETACH);
  }
  ~TwoAddresses() override {
    if (silent_ >= 0) ::close(silent_);
  }
  // Where the broker listens, but at another address: connections are taken, and nothing is said.
  void ListenAt(const char* address) {
    silent_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(silent_, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<std::uint16_t>(mesh_->broker().port()));
    ASSERT_EQ(::inet_pton(AF_INET, address, &where.sin_addr), 1);
    ASSERT_EQ(::bind(silent_, reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
    ASSERT_EQ(::listen(silent_, 16), 0);
  }
  // For what this thread starts from now on, `text` is what stands in the file `place`.
  void SeeInPlaceOf(const std::string& place, const std::string& text) {
    const std::string path = mesh_->directory() + "/" + place.substr(place.rfind('/') + 1);
    ASSERT_THAT(WriteFile(path, text, {.mode = FileMode::kReadable, .if_exists = IfExists::kFail}), IsOk());
    ASSERT_EQ(::mount(path.c_str(), place.c_str(), nullptr, MS_BIND, nullptr), 0) << std::strerror(errno);
    covered_.push_back(place);
  }

  std::unique_ptr<Mesh> mesh_;
  std::string url_;
  std::vector<std::string> covered_;
  int silent_ = -1;
};

TEST_F(TwoAddresses, TheManagerFindsTheOneThatAnswers) {
  MW_ASSERT_OK_AND_ASSIGN(const auto manager, mesh_->LaunchManager({"--server", url_}));
  EXPECT_THAT(manager->WaitForOutput("ready", kPatience), IsOk());
}

TEST_F(TwoAddresses, AnAgentDoesSoToo) {
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent ada, mesh_->Provision("ada"));
  const std::string creds = mesh_->directory() + "/ada.creds";
  ASSERT_THAT(ada.creds->Save(creds, IfExists::kFail), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto agent, AgentChild::Start({"--space", "main", "--server", url_, "--name",
                                                               "ada", "--creds", creds}));
  const auto is_ready = [](const Json& line) { return line.value("event", "") == "ready"; };
  EXPECT_THAT(agent->AwaitLine(is_ready, kPatience), IsOk());
}

}  // namespace
}  // namespace meshwarden::testing::two_addresses_test
