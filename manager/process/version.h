// The version of this release, for --version.
#pragma once

namespace meshwarden {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace meshwarden
