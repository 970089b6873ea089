/* The cnats archive was compiled against glibc 2.38, whose headers rename two functions to their C23 forms.
 * An older glibc lacks the new names; the old functions do what cnats needs of them. */
#include <features.h>

#if !__GLIBC_PREREQ(2, 38)
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

long __isoc23_strtol(const char* text, char** end, int base);
int __isoc23_sscanf(const char* text, const char* format, ...);

long __isoc23_strtol(const char* text, char** end, int base) { return strtol(text, end, base); }

int __isoc23_sscanf(const char* text, const char* format, ...) {
  va_list args;
  va_start(args, format);
  int count = vsscanf(text, format, args);
  va_end(args);
  return count;
}
#endif
