// What to write instead of a channel name that is not strict.
#pragma once

#include <string>
#include <string_view>

namespace meshwarden {

// "did you mean X?" if there is a strict channel that the writer most likely meant ("#general",
// "team/backend", "team.**"), otherwise what a channel is made of. Advice only: nothing is ever granted on
// it.
std::string AdviseOnChannel(std::string_view channel);

}  // namespace meshwarden
