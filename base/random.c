#include "config.h"
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *out, size_t len)
{
    char *at = out;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno != EINTR)
            abort(); /* a kernel without randomness: nothing here can be kept safe */
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
}
