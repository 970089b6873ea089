#include "endpoint/api/endpoint_events.h"

namespace meshwarden {

std::string_view NameOf(PresenceChange change) {
  switch (change) {
    case PresenceChange::kJoin:
      return "join";
    case PresenceChange::kUpdate:
      return "update";
    case PresenceChange::kOffline:
      return "offline";
  }
  return "";
}

}  // namespace meshwarden
