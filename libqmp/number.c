#include "config.h"
#include "libqmp/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/decimal.h"

#define NUMBER_TEXT_MAX 512 /* bytes; a double needs 24, a peer may write more digits */

/* --- integers --------------------------------------------------------------------------------- */

static bool store_signed(int64_t v, enum codec_kind kind, void *place)
{
    switch ((int)kind) {
    case CODEC_INT8:
        *(int8_t *)place = (int8_t)v;
        return v >= INT8_MIN && v <= INT8_MAX;
    case CODEC_INT16:
        *(int16_t *)place = (int16_t)v;
        return v >= INT16_MIN && v <= INT16_MAX;
    case CODEC_INT32:
        *(int32_t *)place = (int32_t)v;
        return v >= INT32_MIN && v <= INT32_MAX;
    default:
        *(int64_t *)place = v;
        return true;
    }
}

static bool store_unsigned(uint64_t v, enum codec_kind kind, void *place)
{
    switch ((int)kind) {
    case CODEC_UINT8:
        *(uint8_t *)place = (uint8_t)v;
        return v <= UINT8_MAX;
    case CODEC_UINT16:
        *(uint16_t *)place = (uint16_t)v;
        return v <= UINT16_MAX;
    case CODEC_UINT32:
        *(uint32_t *)place = (uint32_t)v;
        return v <= UINT32_MAX;
    default:
        *(uint64_t *)place = v;
        return true;
    }
}

bool number_read_integer(struct span lexeme, enum codec_kind kind, void *place)
{
    bool negative = lexeme.len > 0 && lexeme.data[0] == '-';
    uint64_t magnitude;
    if (!decimal_read((struct span){ lexeme.data + negative, lexeme.len - negative }, &magnitude))
        return false;
    if (kind >= CODEC_UINT8 && kind <= CODEC_UINT64)
        return (!negative || magnitude == 0) && store_unsigned(magnitude, kind, place);
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    return store_signed((int64_t)(negative ? -magnitude : magnitude), kind, place);
}

void number_write_integer(struct buf *out, enum codec_kind kind, const void *place)
{
    switch ((int)kind) {
    case CODEC_INT8:
        buf_add_int(out, *(const int8_t *)place);
        break;
    case CODEC_INT16:
        buf_add_int(out, *(const int16_t *)place);
        break;
    case CODEC_INT32:
        buf_add_int(out, *(const int32_t *)place);
        break;
    case CODEC_INT64:
        buf_add_int(out, *(const int64_t *)place);
        break;
    case CODEC_UINT8:
        buf_add_uint(out, *(const uint8_t *)place);
        break;
    case CODEC_UINT16:
        buf_add_uint(out, *(const uint16_t *)place);
        break;
    case CODEC_UINT32:
        buf_add_uint(out, *(const uint32_t *)place);
        break;
    default:
        buf_add_uint(out, *(const uint64_t *)place);
        break;
    }
}

/* --- doubles ---------------------------------------------------------------------------------- */

bool number_read_double(struct span lexeme, double *out)
{
    char text[NUMBER_TEXT_MAX];
    locale_t c;
    if (lexeme.len >= sizeof(text))
        return false;
    memcpy(text, lexeme.data, lexeme.len);
    text[lexeme.len] = '\0';
    c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0)
        return false;
    *out = strtod_l(text, NULL, c);
    freelocale(c);
    return isfinite(*out);
}

/* printf writes the locale's decimal point, which may have several bytes: whatever is between
 * digits is one. */
static void add_in_c(struct buf *out, const char *text)
{
    bool point = false;
    for (; *text; text++) {
        if ((*text >= '0' && *text <= '9') || *text == '-' || *text == '+' || *text == 'e') {
            buf_add_char(out, *text);
        } else if (!point) {
            buf_add_char(out, '.');
            point = true;
        }
    }
}

bool number_write_double(struct buf *out, double value)
{
    char text[64];
    if (!isfinite(value))
        return false;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) /* both in the same locale */
            break;
    }
    add_in_c(out, text);
    return true;
}
