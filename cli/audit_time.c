#include "config.h"
#include "cli/audit_time.h"

#include <ctype.h>
#include <string.h>
#include "base/clock.h"
#include "base/util.h"

#define DAY_US (86400 * USEC_PER_SEC)

/* Up to ten digits, which *text is moved past. */
static bool take_number(const char **text, int64_t *out)
{
    const char *start = *text;
    for (*out = 0; isdigit((unsigned char)**text) && *text - start < 10; (*text)++)
        *out = *out * 10 + (**text - '0');
    return *text > start;
}

/* "2h": so long ago. */
static bool parse_ago(const char *text, int64_t now_us, int64_t *out)
{
    static const struct {
        char unit;
        int64_t us;
    } units[] = {
        { 's', USEC_PER_SEC }, { 'm', 60 * USEC_PER_SEC }, { 'h', 3600 * USEC_PER_SEC },
        { 'd', DAY_US },       { 'w', 7 * DAY_US },
    };
    int64_t n;
    if (!take_number(&text, &n) || text[0] == '\0' || text[1] != '\0' || n > 1000000)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (units[i].unit == *text) {
            *out = now_us - n * units[i].us;
            return true;
        }
    }
    return false;
}

/* What is given of it stands over the beginning of the day; the rest is checked by the clock. */
static bool parse_date(const char *text, int64_t *out)
{
    char whole[] = "2000-01-01T00:00:00.000000Z";
    size_t len = strlen(text);
    if (len > 0 && (text[len - 1] == 'Z' || text[len - 1] == 'z') && len > strlen("2000-01-01"))
        len--;
    /* date; with minutes; with seconds; with a fraction */
    if (len != 10 && len != 16 && len != 19 && (len < 21 || len > 26))
        return false;
    memcpy(whole, text, len);
    if (len > 10 && (text[10] == ' ' || text[10] == 't'))
        whole[10] = 'T';
    return clock_parse_utc(whole, CLOCK_UTC_TEXT - 1, out);
}

bool audit_time_parse(const char *text, int64_t now_us, int64_t *out)
{
    int64_t today = now_us - now_us % DAY_US;
    if (strcmp(text, "now") == 0)
        *out = now_us;
    else if (strcmp(text, "today") == 0)
        *out = today;
    else if (strcmp(text, "yesterday") == 0)
        *out = today - DAY_US;
    else if (text[0] == '@') {
        text++;
        if (!take_number(&text, out) || *text)
            return false;
        *out *= USEC_PER_SEC;
    } else {
        return parse_ago(text, now_us, out) || parse_date(text, out);
    }
    return true;
}
