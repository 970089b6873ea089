#include "manager/process/process_memory.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace meshwarden {

void ForbidCoreDumps() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

// Each further arena may keep some megabytes of its own.
void LimitHeapArenas() { mallopt(M_ARENA_MAX, 2); }

void ReturnFreeMemory() { malloc_trim(0); }

}  // namespace meshwarden
