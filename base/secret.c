#include "config.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

void secret_wipe(void *data, size_t len)
{
    if (data && len)
        explicit_bzero(data, len);
}

void secret_free(void *data, size_t len)
{
    secret_wipe(data, len);
    free(data);
}

__attribute__((noinline)) void secret_wipe_stack(void)
{
    unsigned char below[SECRET_STACK_BYTES];
    explicit_bzero(below, sizeof(below));
}

bool secret_equal(const void *a, const void *b, size_t len)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char diff = 0;
    for (size_t i = 0; i < len; i++)
        diff |= (unsigned char)(x[i] ^ y[i]);
    return diff == 0;
}
