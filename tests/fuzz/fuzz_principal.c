/* Two lines: a pattern and an identity. What is exact is found by its key, and by nothing else. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "acl/principal.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *first = mem_strndup((const char *)data, size);
    char *second = strchr(first, '\n');
    if (second)
        *second++ = '\0';
    CLEANUP_PRINCIPAL struct acl_principal *pattern = NULL, *self = NULL, *identity = NULL;
    struct error err = { 0 };
    int rc = acl_principal_parse_pattern(first, &pattern, &err);
    FUZZ_ASSERT((rc == 0) == (pattern != NULL) && (rc == 0 || *err.text));
    if (acl_principal_parse_identity(first, &self, NULL) == 0) {
        FUZZ_ASSERT(acl_principal_key(self) != NULL);
        FUZZ_ASSERT(acl_principal_match(self, self));
        /* what could be meant as an identity matches itself as a pattern, wildcards and all */
        FUZZ_ASSERT(!pattern || strstr(first, ",*") || acl_principal_match(pattern, self));
    }
    if (!pattern || !second || acl_principal_parse_identity(second, &identity, NULL) < 0)
        return 0;
    bool matched = acl_principal_match(pattern, identity);
    const char *key = acl_principal_key(pattern);
    FUZZ_ASSERT(!key || matched == (strcmp(key, acl_principal_key(identity)) == 0));
    return 0;
}
