/* A line of the human monitor, and behind a byte 0xff a pattern of a role. The words are found
 * again by their names, and nothing but its name opens what reaches the host or is unknown. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include "acl/hmp.h"
#include "base/glob.h"
#include "base/mem.h"

static void check_word(const struct acl_hmp_word *word)
{
    size_t len = strlen(word->name);
    FUZZ_ASSERT(len < sizeof(word->name));
    FUZZ_ASSERT((word->kind == ACL_HMP_MALFORMED) == (word->fault != NULL));
    FUZZ_ASSERT((word->kind == ACL_HMP_MALFORMED) == (len == 0));
    for (size_t i = 0; i < len; i++)
        FUZZ_ASSERT((unsigned char)word->name[i] >= 0x20 && word->name[i] != 0x7f);
    if (word->kind == ACL_HMP_MALFORMED)
        return;
    struct acl_hmp_word again;
    acl_hmp_find((struct span){ word->name, len }, &again);
    FUZZ_ASSERT(again.kind == word->kind && strcmp(again.name, word->name) == 0);
}

static void check_pattern(const char *text, const struct acl_hmp_word *word)
{
    char *pattern = NULL;
    struct error err = { 0 };
    int rc = acl_hmp_pattern_parse(text, &pattern, &err);
    FUZZ_ASSERT((rc == 0) == (pattern != NULL) && (rc == 0) == !*err.text);
    if (rc < 0)
        return;
    bool opens = acl_hmp_pattern_match(pattern, word);
    FUZZ_ASSERT(!opens || acl_hmp_pattern_covers(pattern, word));
    FUZZ_ASSERT(!opens || word->kind == ACL_HMP_PLAIN || strcmp(pattern, word->name) == 0);
    if (!glob_is_pattern(pattern)) {
        struct acl_hmp_word named; /* a name is a line that it opens */
        acl_hmp_find((struct span){ text, strlen(text) }, &named);
        FUZZ_ASSERT(acl_hmp_pattern_match(pattern, &named));
    }
    free(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *mark = size ? memchr(data, 0xff, size) : NULL;
    size_t len = mark ? (size_t)(mark - data) : size;
    struct acl_hmp_word word;
    FUZZ_ASSERT(acl_hmp_find((struct span){ (const char *)data, len }, &word) == word.kind);
    check_word(&word);
    if (mark) {
        CLEANUP_FREE char *text = mem_strndup((const char *)mark + 1, size - len - 1);
        check_pattern(text, &word);
    }
    return 0;
}
