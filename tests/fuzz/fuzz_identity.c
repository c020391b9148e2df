/* A certificate becomes an identity whose name and attributes are clean text, and always the same,
 * or none. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "auth/identity.h"

static void check_attributes(const struct identity *who)
{
    for (size_t i = 0; i < who->n_attributes; i++) {
        const char *text = who->attributes[i];
        FUZZ_ASSERT(strncmp(text, "x509-uri:", 9) == 0 && strstr(text, "://"));
        FUZZ_ASSERT(i == 0 || strcmp(who->attributes[i - 1], text) < 0);
        for (; *text; text++)
            FUZZ_ASSERT((unsigned char)*text > 0x20 && (unsigned char)*text < 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct identity *a = NULL, *b = NULL;
    struct error err;
    int rc = identity_from_certificate(data, size, "", &a, &err);
    FUZZ_ASSERT((rc == 0) == (a != NULL));
    FUZZ_ASSERT(identity_from_certificate(data, size, "", &b, &err) == rc);
    if (a) {
        size_t len = strlen(a->name);
        FUZZ_ASSERT(len <= IDENTITY_NAME_MAX && strncmp(a->name, "x509:", 5) == 0);
        FUZZ_ASSERT(strchr(a->name, '=') && strcmp(a->name, b->name) == 0);
        for (size_t i = 0; i < len; i++)
            FUZZ_ASSERT((unsigned char)a->name[i] >= 0x20 && a->name[i] != 0x7f);
        FUZZ_ASSERT(strcmp(a->key, b->key) == 0);
        check_attributes(a);
    }
    identity_unref(a);
    identity_unref(b);
    return 0;
}
