// Whether a list of names, chosen by somebody hostile, has one of them twice.
#pragma once

#include <span>
#include <string>

namespace meshwarden {

// One of `keys` that is there twice, as long as they live; nullptr if each is there once. Takes time linear
// in their bytes, whoever chose them: they are told apart by a hash with a secret of this process.
const std::string* FindRepeatedKey(std::span<const std::string> keys);

}  // namespace meshwarden
