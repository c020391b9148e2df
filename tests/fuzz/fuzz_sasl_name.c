/* A name becomes USER@REALM of clean text, which stays what it is, or nothing. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "auth/identity.h"
#include "auth/sasl_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[SASL_NAME_SIZE], again[SASL_NAME_SIZE];
    struct error err;
    struct identity *i = NULL;
    if (sasl_name_canonical((struct span){ (const char *)data, size }, "example.com", name, &err) <
        0)
        return 0;
    size_t len = strlen(name);
    const char *at = strchr(name, '@');
    FUZZ_ASSERT(len < SASL_NAME_SIZE && at && at != name && !strchr(at + 1, '@'));
    FUZZ_ASSERT(memcmp(name, data, (size_t)(at - name)) == 0);
    FUZZ_ASSERT(sasl_name_is_realm(at + 1) && sasl_name_is_of(name, at + 1));
    for (size_t k = 0; k < len; k++)
        FUZZ_ASSERT((unsigned char)name[k] >= 0x20 && name[k] != 0x7f);
    FUZZ_ASSERT(sasl_name_canonical((struct span){ name, len }, "", again, &err) == 0);
    FUZZ_ASSERT(strcmp(name, again) == 0);
    FUZZ_ASSERT(identity_from_sasl(name, &i, &err) == 0);
    FUZZ_ASSERT(strncmp(i->name, "sasl:", 5) == 0 && strcmp(i->name + 5, name) == 0);
    identity_unref(i);
    return 0;
}
