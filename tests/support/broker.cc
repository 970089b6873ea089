#include "tests/support/broker.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/status.h"

namespace meshwarden::testing {
namespace {

constexpr std::chrono::seconds kStartTimeout{30};
constexpr std::chrono::seconds kEndTimeout{30};
constexpr std::string_view kReady = "Server is ready";
constexpr std::string_view kListening = "Listening for client connections on 127.0.0.1:";

std::string ServerProgram() {
  const char* chosen = std::getenv("MESHWARDEN_NATS_SERVER");
  return chosen != nullptr ? chosen : Runfile("external/nats_server/nats-server");
}

absl::StatusOr<std::string> MakeFolder() {
  const char* parent = std::getenv("TEST_TMPDIR");
  std::string path = fmt::format("{}/broker.XXXXXX", parent != nullptr ? parent : "/tmp");
  if (::mkdtemp(path.data()) == nullptr) return absl::InternalError("can't make the folder " + path);
  return path;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TestBroker>> TestBroker::Start(BrokerOptions options) {
  MW_ASSIGN_OR_RETURN(std::string directory, MakeFolder());
  std::unique_ptr<TestBroker> broker(new TestBroker(std::move(options), std::move(directory)));
  if (!broker->options_.config.empty()) MW_RETURN_IF_ERROR(broker->SetConfig(broker->options_.config));
  MW_RETURN_IF_ERROR(broker->Launch());
  return broker;
}

TestBroker::TestBroker(BrokerOptions options, std::string directory)
    : options_(std::move(options)), directory_(std::move(directory)), config_file_(options_.config_file) {}

TestBroker::~TestBroker() {
  server_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string TestBroker::url() const { return fmt::format("nats://127.0.0.1:{}", port_); }

std::string TestBroker::log() const { return server_ == nullptr ? "" : server_->Output(); }

absl::Status TestBroker::AwaitLog(std::string_view text) {
  if (server_ == nullptr) return absl::FailedPreconditionError("the server is down");
  return server_->WaitForOutput(text, kStartTimeout);
}

absl::Status TestBroker::SetConfig(const std::string& config) {
  config_file_ = directory_ + "/server.conf";
  std::ofstream file(config_file_);
  file << config;
  file.close();
  return file ? absl::OkStatus() : absl::InternalError("can't write " + config_file_);
}

std::vector<std::string> TestBroker::Arguments() const {
  std::vector<std::string> arguments = {ServerProgram(),       "-a",  "127.0.0.1",       "-p",
                                        std::to_string(port_), "-sd", directory_ + "/js"};
  if (config_file_.empty()) {
    arguments.push_back("-js");
  } else {
    arguments.insert(arguments.end(), {"-c", config_file_});
  }
  arguments.insert(arguments.end(), options_.extra_args.begin(), options_.extra_args.end());
  return arguments;
}

absl::Status TestBroker::Launch() {
  MW_ASSIGN_OR_RETURN(server_, Process::Start({.argv = Arguments()}));
  MW_RETURN_IF_ERROR(server_->WaitForOutput(kReady, kStartTimeout));
  const std::string output = server_->Output();
  const std::size_t listening = output.find(kListening);
  if (listening == std::string::npos) return absl::InternalError("the server tells no port:\n" + output);
  port_ = std::atoi(output.c_str() + listening + kListening.size());
  return absl::OkStatus();
}

absl::Status TestBroker::Kill() {
  if (server_ == nullptr) return absl::OkStatus();
  server_->Signal(SIGKILL);
  const absl::Status ended = server_->Wait(kEndTimeout).status();
  server_.reset();
  return ended;
}

absl::Status TestBroker::Stop() {
  if (server_ == nullptr) return absl::FailedPreconditionError("the server is down");
  server_->Signal(SIGSTOP);
  // Its threads run on for a moment; the kernel tells when the last has stopped.
  siginfo_t stopped{};
  if (::waitid(P_PID, static_cast<id_t>(server_->pid()), &stopped, WSTOPPED | WEXITED | WNOWAIT) != 0) {
    return absl::InternalError("can't wait for the server to stop");
  }
  return absl::OkStatus();
}

absl::Status TestBroker::Continue() {
  if (server_ == nullptr) return absl::FailedPreconditionError("the server is down");
  server_->Signal(SIGCONT);
  return absl::OkStatus();
}

absl::Status TestBroker::BeLameDuck() {
  if (server_ == nullptr) return absl::FailedPreconditionError("the server is down");
  server_->Signal(SIGUSR2);
  return absl::OkStatus();
}

absl::Status TestBroker::Restart() {
  MW_RETURN_IF_ERROR(Kill());
  return Launch();
}

absl::Status TestBroker::RestartEmpty() {
  MW_RETURN_IF_ERROR(Kill());
  std::error_code error;
  std::filesystem::remove_all(directory_ + "/js", error);
  if (error) return absl::InternalError("can't empty the store: " + error.message());
  return Launch();
}

absl::Status TestBroker::RestartForgetting(const std::string& stream) {
  namespace fs = std::filesystem;
  if (server_ == nullptr) return absl::FailedPreconditionError("the server is down");
  // Ended in good order, so that the durables' places are on disk.
  server_->Signal(SIGTERM);
  MW_RETURN_IF_ERROR(server_->Wait(kEndTimeout).status());
  server_.reset();
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(directory_ + "/js", error)) {
    const fs::path& path = entry.path();
    if (path.filename() == "msgs" && path.parent_path().filename() == stream) found.push_back(path);
  }
  if (found.size() != 1) return absl::NotFoundError("the store has no stream " + stream);
  fs::remove_all(found.front(), error);
  if (error) return absl::InternalError("can't empty " + found.front().string() + ": " + error.message());
  return Launch();
}

}  // namespace meshwarden::testing
