/* One text for each run of bytes, and no other is taken. */
#include "config.h"
#include "tests/unit/unit.h"

#include <stdbool.h>
#include "base/base64.h"
#include "base/secret.h"

/* RFC 4648, section 10, and the two digits that are no letters. */
static const struct {
    const char *bytes, *text;
} vectors[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
    { "\xfb\xef\xbe\xff\xff\xff", "++++////" },
};

static void is_refused(const char *text, size_t len, size_t max, enum error_code code)
{
    unsigned char *out = NULL;
    size_t n = 0;
    struct error err = { 0 };
    assert_int_equal(base64_decode(text, len, max, &out, &n, &err), code);
    assert_null(out);
    assert_true(err.text[0]);
}

static void refuses_what_is_not_canonical(void **state)
{
    static const char *const bad[] = {
        "Z",    "Zg",      "Zg=",        "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm9v\r\n\r\n",
        "Zm 9", "\tZm9",   "Zm-_",       "Zh==", "Zm9=", "Zg==\n",   "Zm9v=",  "=Zm9",
        "Z=m9", "Zm9\x80", "@AAA",       "[AAA", "`AAA", "{AAA",     ":AAA",   ",AAA",
        ".AAA", "*AAA",    "Zm\xc3\xa9",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        is_refused(bad[i], strlen(bad[i]), 100, ERROR_INVALID);
    is_refused("Zm\0v", 4, 100, ERROR_INVALID);
    is_refused("Zg==\0Zg=", 8, 100, ERROR_INVALID);
}

static void refuses_every_byte_that_is_no_digit(void **state)
{
    for (unsigned c = 0; c < 256; c++) {
        char text[4] = { 'A', (char)c, 'A', 'A' };
        unsigned char *out = NULL;
        size_t n;
        bool digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     c == '+' || c == '/';
        assert_int_equal(base64_decode(text, 4, 3, &out, &n, NULL) == 0, digit);
        secret_free(out, out ? n : 0);
    }
}

static void refuses_more_than_its_maximum(void **state)
{
    is_refused("Zm9v", 4, 2, ERROR_LIMIT);
    unsigned char *out;
    size_t n;
    assert_int_equal(base64_decode("Zm8=", 4, 2, &out, &n, NULL), 0);
    assert_int_equal(n, 2);
    secret_free(out, n);
}

static void knows_the_vectors_both_ways(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        size_t len = strlen(vectors[i].bytes), n = 0;
        char text[32] = { 0 };
        unsigned char *out = NULL;
        base64_encode(vectors[i].bytes, len, text);
        assert_string_equal(text, vectors[i].text);
        assert_int_equal(base64_decode(text, strlen(text), 100, &out, &n, NULL), 0);
        assert_int_equal(n, len);
        assert_string_equal((char *)out, vectors[i].bytes);
        secret_free(out, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_canonical),
        cmocka_unit_test(refuses_every_byte_that_is_no_digit),
        cmocka_unit_test(refuses_more_than_its_maximum),
        cmocka_unit_test(knows_the_vectors_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
