// Carries out what a driver asks for.
#pragma once

#include "endpoint/endpoint.h"
#include "manager/agent/command.h"
#include "manager/agent/encode.h"
#include "manager/agent/open_deliveries.h"

namespace meshwarden {

// Blocks as long as the endpoint's method does. `stop` is for the caller to carry out; here it only succeeds.
Outcome Perform(const Command& command, Endpoint& endpoint, OpenDeliveries& deliveries);

}  // namespace meshwarden
