// `meshwarden agent`.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/private_file.h"
#include "base/status.h"
#include "endpoint/nats/server/creds_file.h"
#include "manager/agent/agent_program.h"
#include "manager/cli/command_line.h"
#include "manager/process/default_server.h"
#include "manager/process/process_memory.h"
#include "proto/channel_pattern.h"
#include "proto/name.h"
#include "proto/token.h"
#include "provisioning/minting/credential.h"
#include "provisioning/minting/credential_role.h"
#include "provisioning/space/control_line.h"

namespace meshwarden {
namespace {

constexpr char kFooter[] =
    "\nReads commands from standard input and writes events and replies to standard output, one JSON object "
    "a\n"
    "line. The end of the input, the command stop, or SIGTERM ends it. Commands:\n"
    "  {\"do\":\"multicast\",\"channel\":\"general\",\"text\":\"hello\",\"ref\":1}\n"
    "  {\"do\":\"unicast\",\"to\":\"bob\",\"text\":\"hello\"}      "
    "{\"do\":\"anycast\",\"role\":\"reviewer\",\"text\":\"…\"}\n"
    "  {\"do\":\"join\",\"channel\":\"team.a\"}                {\"do\":\"leave\",\"channel\":\"team.a\"}\n"
    "  {\"do\":\"recall\",\"channel\":\"team.a\",\"since\":42}   "
    "{\"do\":\"history\",\"channel\":\"team.a\",\"limit\":10}\n"
    "  {\"do\":\"status\",\"status\":\"working\"}              "
    "{\"do\":\"activity\",\"activity\":\"reading\"}\n"
    "  {\"do\":\"control\",\"service\":\"self\",\"op\":\"whoami\"} "
    "{\"do\":\"members\",\"channel\":\"team.a\"}\n"
    "  {\"do\":\"ack\",\"delivery\":\"channel:42\"}            {\"do\":\"nak\",\"delivery\":\"channel:42\"}\n"
    "  and roster, channels, joined, frontier, reconnect, stop, which take nothing.\n"
    "What is sent takes mentions, replyTo, contextId, and parts in the place of text.\n"
    "\nExample:\n"
    "  meshwarden agent --space main --name Ada --creds planner.creds";

struct AgentArguments {
  EndpointOptions endpoint;
  std::string creds;
  std::optional<std::string> role;  // empty: none, whatever the credential says
  std::string kind = "agent";
  bool manual_ack = false;
};

// What CLI11 prints; empty if the value is fine.
std::string ChannelProblem(const std::string& channel) { return MessageOf(ValidateChannel(channel)); }
std::string NameProblem(const std::string& name) { return MessageOf(ValidateName(name)); }
std::string RoleProblem(const std::string& role) {
  return role.empty() || IsSafeToken(role) ? std::string() : "must be letters, digits, '_' and '-'";
}
std::string TokenProblem(const std::string& text) {
  return IsSafeToken(text) ? std::string() : "must be letters, digits, '_' and '-'";
}

// With a credential the agent is what that makes it, unless the command line says otherwise.
absl::Status TakeCredential(AgentArguments& arguments, std::ostream& err) {
  absl::StatusOr<std::shared_ptr<CredsFile>> file = CredsFile::Open(arguments.creds);
  MW_RETURN_IF_ERROR(Annotate(file.status(), "--creds"));
  if (const std::optional<std::string> warning = WarnIfOpenToOthers(arguments.creds)) {
    err << "warning: " << *warning << '\n';
  }
  const std::shared_ptr<const Creds> creds = (*file)->in_hand();
  absl::StatusOr<CredentialView> credential = ViewCredential(creds->decoded());
  MW_RETURN_IF_ERROR(Annotate(credential.status(), arguments.creds));
  if (const auto warning = WarnIfTooLarge(arguments.creds, creds->jwt().size())) {
    err << "warning: " << *warning << '\n';
  }
  if (!arguments.role.has_value()) arguments.role = RoleOf(*credential);
  arguments.endpoint.creds_file = *std::move(file);
  return absl::OkStatus();
}

absl::Status Run(AgentArguments& arguments, std::ostream& err) {
  LimitHeapArenas();
  arguments.endpoint.card.kind = arguments.kind == "agent" ? CardKind::kAgent : CardKind::kEndpoint;
  if (!arguments.creds.empty()) MW_RETURN_IF_ERROR(TakeCredential(arguments, err));
  if (arguments.role.has_value() && !arguments.role->empty()) arguments.endpoint.card.role = arguments.role;
  const AgentProgramOptions options{.endpoint = arguments.endpoint,
                                    .settling = arguments.manual_ack ? EventOutput::Settling::kByDriver
                                                                     : EventOutput::Settling::kOnceWritten};
  return RunAgent(options, STDIN_FILENO, STDOUT_FILENO);
}

void AddTlsOptions(CLI::App& agent, TlsOptions& tls) {
  CLI::Option* ca = agent.add_option("--tls-ca", tls.ca_file,
                                     "Connect with TLS; certificates that the server's must go back to");
  ca->each([&tls](const std::string&) { tls.required = true; });
  CLI::Option* cert = agent.add_option("--tls-cert", tls.cert_file, "Certificate of this client");
  CLI::Option* key = agent.add_option("--tls-key", tls.key_file, "Its key");
  cert->needs(key, ca);
  key->needs(cert, ca);
  agent
      .add_flag("--tls-first", tls.handshake_first,
                "Connect with TLS; the server speaks it from the first byte on (handshake_first)")
      ->each([&tls](const std::string&) { tls.required = true; });
}

void AddOptions(CLI::App& agent, AgentArguments& arguments) {
  EndpointOptions& endpoint = arguments.endpoint;
  endpoint.servers = {kDefaultServer};
  agent.add_option("--space", endpoint.space, "Name of the space")
      ->envname("MESHWARDEN_SPACE")
      ->check(TokenProblem)
      ->required();
  agent.add_option("--name", endpoint.card.name, "Name to be seen by")->check(NameProblem)->required();
  agent
      .add_option("--server", endpoint.servers,
                  "Address of a NATS server, or of several with commas between; may be given several times")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->envname("MESHWARDEN_SERVER")
      ->capture_default_str();
  agent
      .add_option("--creds", arguments.creds,
                  "Creds file of the agent, read anew at each connect (default: a broker without logins)")
      ->envname("MESHWARDEN_CREDS");
  agent.add_option("--id", endpoint.card.id, "Id (default: the creds' identity, else a random one)")
      ->check(TokenProblem);
  agent
      .add_option("--role", arguments.role,
                  "Role whose tasks it takes (default: the credential's; \"\" for none)")
      ->check(RoleProblem);
  agent
      .add_option("--channels", endpoint.channels,
                  "Channels read from the start (default: those of its durable; without creds, general)")
      ->delimiter(',')
      ->check(ChannelProblem)
      ->allow_extra_args(false);
  agent.add_option("--kind", arguments.kind, "agent or endpoint")
      ->check(CLI::IsMember({"agent", "endpoint"}))
      ->capture_default_str();
  agent.add_flag("--manual-ack", arguments.manual_ack,
                 "Messages stay open until ack or nak; what is open when it ends comes again");
  AddTlsOptions(agent, endpoint.tls);
}

}  // namespace

void AddAgentCommand(CLI::App& app, CommandLine& line) {
  const auto arguments = std::make_shared<AgentArguments>();
  CLI::App* agent =
      app.add_subcommand("agent", "Take part in a space, driven by lines of JSON on standard input");
  agent->footer(kFooter);
  AddOptions(*agent, *arguments);
  agent->callback(
      [arguments, &line] { line.deed = [arguments, &line] { return Run(*arguments, line.err); }; });
}

}  // namespace meshwarden
