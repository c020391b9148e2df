/* What decodes is the one text of its bytes, and is as long as it said. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "base/base64.h"
#include "base/mem.h"
#include "base/secret.h"

#define MAX 512u /* bytes; so that the limit is met too */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    unsigned char *bytes = NULL;
    size_t n = 0;
    if (base64_decode((const char *)data, size, MAX, &bytes, &n, &err) == 0) {
        FUZZ_ASSERT(n <= MAX && BASE64_LEN(n) == size && bytes[n] == '\0');
        CLEANUP_FREE char *again = mem_alloc(BASE64_LEN(n) + 1);
        base64_encode(bytes, n, again);
        FUZZ_ASSERT(memcmp(again, data, size) == 0);
        secret_free(bytes, n);
    } else {
        FUZZ_ASSERT(!bytes && err.text[0]);
    }

    /* and the other way round */
    CLEANUP_FREE char *text = mem_alloc(BASE64_LEN(size) + 1);
    base64_encode(data, size, text);
    FUZZ_ASSERT(base64_decode(text, BASE64_LEN(size), size, &bytes, &n, &err) == 0);
    FUZZ_ASSERT(n == size && (size == 0 || memcmp(bytes, data, size) == 0));
    secret_free(bytes, n);
    return 0;
}
