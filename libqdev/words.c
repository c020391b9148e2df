#include "config.h"
#include "libqdev/words.h"

#include <string.h>
#include "base/buf.h"
#include "base/utf8.h"
#include "base/decimal.h"

bool word_is_text(struct span s)
{
    size_t i = 0;
    while (i < s.len) {
        uint32_t c;
        size_t n = utf8_decode((const unsigned char *)s.data + i, s.len - i, &c);
        if (n == 0 || c == 0)
            return false;
        i += n;
    }
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Only letters, digits and what is in `more`. */
static bool is_made_of(struct span s, const char *more)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_letter(s.data[i]) && !is_digit(s.data[i]) &&
            (s.data[i] == '\0' || !strchr(more, s.data[i])))
            return false;
    }
    return true;
}

bool word_is_id(struct span s)
{
    return s.len > 0 && is_letter(s.data[0]) && is_made_of(s, "-._");
}

/* A downstream's names begin with "__RFQDN_", in which dots may be: dots part a key, so none here.
 */
bool word_is_qapi_name(struct span s)
{
    return s.len > 0 && is_letter(s.data[0]) && is_made_of(s, "-_");
}

bool word_is_enum(struct span s)
{
    return s.len > 0 && is_made_of(s, "-_.+");
}

bool word_is_index(struct span s)
{
    if (s.len == 0 || (s.data[0] == '0' && s.len > 1))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.data[i]))
            return false;
    }
    return true;
}

bool word_is_help(struct span s)
{
    return word_is(s, "help") || word_is(s, "?");
}

/* As qapi_bool_parse (qapi/qapi-util.c). */
bool word_to_bool(struct span s, bool *out)
{
    static const char *const words[][4] = { { "off", "no", "false", "n" },
                                            { "on", "yes", "true", "y" } };
    for (size_t value = 0; value < 2; value++) {
        for (size_t i = 0; i < ARRAY_SIZE(words[value]); i++) {
            if (word_is(s, words[value][i])) {
                *out = value;
                return true;
            }
        }
    }
    return false;
}

bool word_to_uint(struct span s, uint64_t *out)
{
    uint64_t value;
    if (!word_is_index(s) || !decimal_read(s, &value))
        return false;
    *out = value;
    return true;
}

bool word_to_int(struct span s, int64_t *out)
{
    bool negative = s.len > 0 && s.data[0] == '-';
    uint64_t magnitude;
    if (!word_to_uint((struct span){ s.data + negative, s.len - negative }, &magnitude) ||
        magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *out = (int64_t)(negative ? -magnitude : magnitude);
    return true;
}

bool word_to_size(struct span s, uint64_t *out)
{
    static const char suffixes[] = "bkmgtpe";
    uint64_t value;
    if (s.len == 0)
        return false;
    char last = (char)(s.data[s.len - 1] | 0x20);
    const char *suffix = is_letter(s.data[s.len - 1]) ? strchr(suffixes, last) : NULL;
    if (!word_to_uint((struct span){ s.data, s.len - (suffix ? 1 : 0) }, &value))
        return false;
    uint64_t unit = (uint64_t)1 << (suffix ? 10 * (suffix - suffixes) : 0);
    return !__builtin_mul_overflow(value, unit, out);
}
