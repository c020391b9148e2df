/* The daemon's log: for whoever runs it, not a record of who did what (that is audit/).
 * Lines go to stderr, with a <priority> before them where stderr is the journal. Thread-safe. What
 * a peer sent goes through log_escape first; secrets never come here. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include "base/util.h"

enum log_level {
    LOG_LEVEL_ERROR = 3, /* numbers of syslog(3) */
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

/* Once, before threads: the program's name for each line, and what is still written. */
void log_init(const char *program, enum log_level level);
bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                               \
    do {                                             \
        if (log_enabled(LOG_LEVEL_DEBUG))            \
            log_write(LOG_LEVEL_DEBUG, __VA_ARGS__); \
    } while (0)

#define LOG_ESCAPE_MAX 256

/* Makes bytes of a peer fit for a line: control and non-ASCII bytes as \xHH, cut at the size of
 * `out` with "..." at the end. Returns out. */
const char *log_escape(const char *data, size_t len, char out[LOG_ESCAPE_MAX]);

#endif
