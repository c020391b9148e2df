/* A shell line: cut into words, made into arguments, written as JSON that the strict scanner takes
 * and that means the same. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "cli/arguments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *line = mem_strndup((const char *)data, size);
    CLEANUP_WORDS struct words words;
    CLEANUP_DOCUMENT struct json_object *args = NULL, *again = NULL;
    struct error err;
    if (words_split(line, &words, &err) < 0) {
        FUZZ_ASSERT(words.n == 0 && err.text[0]);
        return 0;
    }
    if (arguments_parse(words.n, words.list, &args, &err) < 0) {
        FUZZ_ASSERT(!args && err.text[0]);
        return 0;
    }
    FUZZ_ASSERT(!args == (words.n == 0));
    if (!args)
        return 0;
    const char *text = json_object_to_json_string_ext(args, JSON_C_TO_STRING_PLAIN);
    if (document_parse(text, strlen(text), &again, &err) < 0) {
        /* dotted names and JSON at their ends can go deeper together than a message may */
        FUZZ_ASSERT(strstr(err.text, "deep"));
        return 0;
    }
    FUZZ_ASSERT(json_object_equal(args, again));
    return 0;
}
