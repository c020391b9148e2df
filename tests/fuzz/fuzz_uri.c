/* Any bytes as a URI: refused with a reason, or brought into a form that stays as it is. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "base/mem.h"
#include "base/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *uri = NULL, *again = NULL;
    struct error err = { 0 };
    int rc = uri_normalize((const char *)data, size, &uri, &err);
    FUZZ_ASSERT((rc == 0) == (uri != NULL) && (rc == 0 || *err.text));
    if (!uri)
        return 0;
    size_t len = strlen(uri);
    FUZZ_ASSERT(len == size && len <= URI_MAX); /* nothing is cut off or put in */
    FUZZ_ASSERT(uri_normalize(uri, len, &again, &err) == 0 && strcmp(uri, again) == 0);
    for (size_t i = 0; i < len; i++) {
        FUZZ_ASSERT((unsigned char)uri[i] > 0x20 && (unsigned char)uri[i] < 0x7f);
        FUZZ_ASSERT(uri[i] != '%' || (i + 2 < len && !strchr("abcdef", uri[i + 1])));
    }
    return 0;
}
