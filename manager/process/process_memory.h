// What the process leaves lying around: core dumps, and memory that it took only to start.
#pragma once

namespace meshwarden {

// Keeps keys and requests out of core dumps, and debuggers of the same user out of the process.
void ForbidCoreDumps();

// Tells the allocator that few threads share the heap; before the first one starts.
void LimitHeapArenas();

// Gives what is free back to the system, after something large has been read and dropped.
void ReturnFreeMemory();

}  // namespace meshwarden
