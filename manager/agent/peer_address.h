// What a driver may call the receiver of a direct message.
#pragma once

#include <string_view>

namespace meshwarden {

// Whether `text` is an id that may be written to though nobody of that id is in the roster: a user's public
// key, as ids are in auth mode, or a UUID, as they are in open mode. Anything else is taken for a name.
bool IsAddress(std::string_view text);

}  // namespace meshwarden
