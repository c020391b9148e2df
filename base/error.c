#include "config.h"
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        err->code = code;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
    }
    return code;
}

int error_set_errno(struct error *err, const char *fmt, ...)
{
    int saved = errno;
    if (err) {
        va_list ap;
        err->code = ERROR_SYSTEM;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
        size_t used = strlen(err->text);
        char words[128];
        snprintf(err->text + used, sizeof(err->text) - used, ": %s",
                 strerror_r(saved, words, sizeof(words)));
    }
    errno = saved;
    return ERROR_SYSTEM;
}

void error_prefix(struct error *err, const char *fmt, ...)
{
    if (!err)
        return;
    char old[ERROR_TEXT_MAX];
    memcpy(old, err->text, sizeof(old));
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof(err->text) - used, ": %s", old);
}
