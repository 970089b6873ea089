// What an instance's id looks like, as opposed to a name.
#pragma once

#include <string_view>

namespace meshwarden {

// Whether `text` has the form that ids are made in: a user's public key, as in auth mode, or a UUID, as in
// open mode. Whoever is called so is meant by id, though nobody of that id may be known; never by name, which
// anybody may take.
bool IsInstanceId(std::string_view text);

}  // namespace meshwarden
