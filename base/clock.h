/* Time, asked for in one place. Monotonic for durations, UTC for records. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USEC_PER_SEC  1000000LL
#define USEC_PER_MSEC 1000LL

/* Microseconds of CLOCK_MONOTONIC. */
int64_t clock_monotonic_us(void);

/* Microseconds since 1970-01-01T00:00:00Z. */
int64_t clock_utc_us(void);

#define DEADLINE_NEVER INT64_MAX /* of clock_monotonic_us */

/* `timeout_us` from now; 0 or less is never. */
int64_t deadline_after(int64_t timeout_us);

#define CLOCK_UTC_TEXT 28 /* "2026-01-31T12:34:56.123456Z" and the NUL */

/* RFC 3339 in UTC with microseconds, always CLOCK_UTC_TEXT - 1 characters. */
void clock_format_utc(int64_t utc_us, char text[CLOCK_UTC_TEXT]);

/* Reads exactly what clock_format_utc writes; false for anything else, and for days that are none.
 */
bool clock_parse_utc(const char *text, size_t len, int64_t *utc_us);

#endif
