/* Points in time as people write them. The log is in UTC, and so are these. */
#ifndef CLI_AUDIT_TIME_H
#define CLI_AUDIT_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* "2026-09-21", "2026-09-21T14:13:20.5Z" (or a space for the T, and less of it), "90s", "2h", "7d"
 * (ago), "now", "today", "yesterday", "@1790000000". False if it is none of them. */
bool audit_time_parse(const char *text, int64_t now_us, int64_t *out);

#endif
