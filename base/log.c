#include "config.h"
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LINE_MAX 2048 /* bytes; a longer line is cut */

static const char *log_program = "qmpgate"; /* set once before threads */
static bool log_to_journal;                 /* likewise */
static _Atomic int log_level_now = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level level)
{
    log_program = program;
    log_to_journal = getenv("JOURNAL_STREAM") != NULL;
    atomic_store(&log_level_now, (int)level);
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

static const char *level_word(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error: ";
    case LOG_LEVEL_WARNING:
        return "warning: ";
    case LOG_LEVEL_INFO:
        return "";
    case LOG_LEVEL_DEBUG:
        return "debug: ";
    }
    return "";
}

/* One write(2) a line, so that lines of several threads do not mix. */
void log_write(enum log_level level, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    int saved = errno;
    char line[LOG_LINE_MAX];
    int n = log_to_journal ? snprintf(line, sizeof(line), "<%d>%s", (int)level, level_word(level))
                           : snprintf(line, sizeof(line), "%s: %s", log_program, level_word(level));
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
    va_end(ap);
    size_t len = (size_t)n + (size_t)(m > 0 ? m : 0);
    if (len > sizeof(line) - 2)
        len = sizeof(line) - 2;
    line[len++] = '\n';
    (void)!write(STDERR_FILENO, line, len);
    errno = saved;
}

const char *log_escape(const char *data, size_t len, char out[LOG_ESCAPE_MAX])
{
    static const char hex[] = "0123456789abcdef";
    size_t o = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (o + 8 > LOG_ESCAPE_MAX) {
            memcpy(out + o, "...", 3);
            o += 3;
            break;
        }
        if (c >= 0x20 && c < 0x7f && c != '\\') {
            out[o++] = (char)c;
        } else {
            out[o++] = '\\';
            out[o++] = 'x';
            out[o++] = hex[c >> 4];
            out[o++] = hex[c & 15];
        }
    }
    out[o] = '\0';
    return out;
}
