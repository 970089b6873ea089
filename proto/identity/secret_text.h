// Text with a key in it, put together in locked memory.
#pragma once

#include <initializer_list>
#include <string_view>

#include "base/secret.h"

namespace meshwarden {

// The parts one after the other. The parts themselves are not wiped.
Secret JoinSecret(std::initializer_list<std::string_view> parts);

}  // namespace meshwarden
