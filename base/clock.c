#include "config.h"
#include "base/clock.h"

#include <string.h>
#include <time.h>

static int64_t now_us(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t clock_utc_us(void)
{
    return now_us(CLOCK_REALTIME);
}

int64_t deadline_after(int64_t timeout_us)
{
    return timeout_us <= 0 ? DEADLINE_NEVER : clock_monotonic_us() + timeout_us;
}

static char *put_digits(char *p, unsigned value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + digits;
}

/* Days to civil date after Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms":
 * gmtime_r takes a lock on the time zone, which the audit path can do without. */
static void format_seconds(int64_t seconds, char text[CLOCK_UTC_TEXT])
{
    int64_t days = seconds / 86400;
    unsigned rest = (unsigned)(seconds % 86400);

    days += 719468;
    int64_t era = days / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    unsigned day = doy - (153 * mp + 2) / 5 + 1;
    unsigned month = mp < 10 ? mp + 3 : mp - 9;
    unsigned year = (unsigned)(yoe + era * 400) + (month <= 2);

    char *p = put_digits(text, year, 4);
    *p++ = '-';
    p = put_digits(p, month, 2);
    *p++ = '-';
    p = put_digits(p, day, 2);
    *p++ = 'T';
    p = put_digits(p, rest / 3600, 2);
    *p++ = ':';
    p = put_digits(p, rest / 60 % 60, 2);
    *p++ = ':';
    p = put_digits(p, rest % 60, 2);
    memcpy(p, ".000000Z", 9);
}

void clock_format_utc(int64_t utc_us, char text[CLOCK_UTC_TEXT])
{
    /* what the thread formatted last: records come by the thousand in one second */
    static _Thread_local struct {
        int64_t seconds;
        char text[CLOCK_UTC_TEXT];
    } last = { .seconds = -1 };

    if (utc_us < 0)
        utc_us = 0;
    if (last.seconds != utc_us / USEC_PER_SEC) {
        last.seconds = utc_us / USEC_PER_SEC;
        format_seconds(last.seconds, last.text);
    }
    memcpy(text, last.text, CLOCK_UTC_TEXT);
    put_digits(text + CLOCK_UTC_TEXT - 8, (unsigned)(utc_us % USEC_PER_SEC), 6);
}

static bool take_digits(const char *text, unsigned digits, unsigned *out)
{
    *out = 0;
    for (unsigned i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (unsigned)(text[i] - '0');
    }
    return true;
}

/* Civil date to days, after the same. */
static int64_t days_of_date(unsigned year, unsigned month, unsigned day)
{
    unsigned y = year - (month <= 2);
    unsigned era = y / 400, yoe = y % 400;
    unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (int64_t)era * 146097 + doe - 719468;
}

bool clock_parse_utc(const char *text, size_t len, int64_t *utc_us)
{
    unsigned year, month, day, hour, minute, second, us;
    if (len != CLOCK_UTC_TEXT - 1 || !take_digits(text, 4, &year) ||
        !take_digits(text + 5, 2, &month) || !take_digits(text + 8, 2, &day) ||
        !take_digits(text + 11, 2, &hour) || !take_digits(text + 14, 2, &minute) ||
        !take_digits(text + 17, 2, &second) || !take_digits(text + 20, 6, &us))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    int64_t seconds = days_of_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *utc_us = seconds * USEC_PER_SEC + us;
    /* the marks between the digits, and the 31st of a month that has none */
    char again[CLOCK_UTC_TEXT];
    clock_format_utc(*utc_us, again);
    return memcmp(again, text, CLOCK_UTC_TEXT - 1) == 0;
}
