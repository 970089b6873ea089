// A message as it goes over a connection.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace meshwarden {

struct NatsMessage {
  std::string subject;
  std::string reply;  // empty if the sender expects no answer
  std::string payload;
  std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace meshwarden
