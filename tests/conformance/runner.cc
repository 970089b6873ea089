// The program behind tests/conformance/run: every case of the vectors in a folder, run against our code and,
// for broker.json, against a real nats-server.
#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "tests/conformance/broker.h"
#include "tests/conformance/case_results.h"
#include "tests/conformance/credentials.h"
#include "tests/conformance/profiles.h"
#include "tests/conformance/subjects.h"
#include "tests/support/broker.h"

namespace meshwarden::conformance {
namespace {

constexpr JsonLimits kVectorLimits{.max_bytes = 64 << 20, .max_depth = 64, .max_values = 10'000'000};

absl::StatusOr<Json> Read(const std::string& folder, const std::string& name) {
  MW_ASSIGN_OR_RETURN(const std::string text, ReadFile(folder + "/" + name, kVectorLimits.max_bytes));
  absl::StatusOr<Json> json = ParseJson(text, kVectorLimits);
  if (!json.ok()) return Annotate(json.status(), name);
  return json;
}

absl::StatusOr<CaseResults> RunOnBroker(const Json& vector) {
  MW_ASSIGN_OR_RETURN(const auto broker, testing::TestBroker::Start({}));
  ConnectionOptions options;
  options.servers = {broker->url()};
  options.name = "conformance";
  MW_ASSIGN_OR_RETURN(const auto connection, Connection::Open(std::move(options)));
  JetStreamApi api(*connection, std::chrono::seconds(10));
  return RunBrokerCases(vector, api, connection->server_version());
}

absl::StatusOr<CaseResults> RunFolder(const std::string& folder) {
  CaseResults total;
  MW_ASSIGN_OR_RETURN(const Json subjects, Read(folder, "subjects.json"));
  total.Add(RunSubjectCases(subjects));
  MW_ASSIGN_OR_RETURN(const Json credentials, Read(folder, "credentials.json"));
  total.Add(RunCredentialCases(credentials));
  MW_ASSIGN_OR_RETURN(const Json profiles, Read(folder, "profiles.json"));
  total.Add(RunProfileCases(profiles, credentials));
  MW_ASSIGN_OR_RETURN(const Json broker, Read(folder, "broker.json"));
  MW_ASSIGN_OR_RETURN(const CaseResults on_broker, RunOnBroker(broker));
  total.Add(on_broker);
  return total;
}

int Run(const std::string& folder) {
  const absl::StatusOr<CaseResults> results = RunFolder(folder);
  if (!results.ok()) {
    fmt::print(stderr, "conformance: {}\n", MessageOf(results.status()));
    return 1;
  }
  for (const std::string& failure : results->failures) fmt::print("FAILED {}\n", failure);
  fmt::print(
      "{} cases that the contract decides otherwise than the vectors, each with our own expected result\n",
      results->decided_otherwise);
  fmt::print("{} passed, {} failed\n", results->passed, results->failed);
  return results->failed == 0 && results->passed > 0 ? 0 : 1;
}

}  // namespace
}  // namespace meshwarden::conformance

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: runner FOLDER (see tests/conformance/run)\n");
    return 2;
  }
  return meshwarden::conformance::Run(argv[1]);
}
