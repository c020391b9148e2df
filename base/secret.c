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
