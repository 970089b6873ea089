// `meshwarden agent`: an endpoint as a program that any language can drive, by lines of JSON.
#pragma once

#include <absl/status/status.h>

#include "endpoint/api/endpoint_options.h"
#include "manager/agent/event_output.h"

namespace meshwarden {

struct AgentProgramOptions {
  EndpointOptions endpoint;
  EventOutput::Settling settling = EventOutput::Settling::kOnceWritten;
};

// Runs an endpoint that is driven by the lines on `in_fd` and tells what happens on `out_fd`, one reply to
// each line in order. Both stay the caller's. Returns OK once the input has ended, `stop` was asked for,
// SIGTERM, SIGINT or SIGHUP came, or nobody reads the output any more; the error if the endpoint did not
// start. To be called before the process has other threads: see SteeringSignals.
absl::Status RunAgent(const AgentProgramOptions& options, int in_fd, int out_fd);

}  // namespace meshwarden
