/* Numbers: the grammar of RFC 8259, section 6, and whether a double holds them. */
#include "config.h"
#include "qmp/scan_internal.h"

#include <string.h>

enum number_state {
    NUMBER_END, /* the byte is not part of the number */
    NUMBER_BAD, /* the byte cannot be there */
    NUMBER_MINUS,
    NUMBER_ZERO,
    NUMBER_INT,
    NUMBER_POINT,
    NUMBER_FRACTION,
    NUMBER_E,
    NUMBER_E_SIGN,
    NUMBER_EXPONENT,
    N_NUMBER_STATES,
};

enum number_class {
    CLASS_OTHER,
    CLASS_0,
    CLASS_1_9,
    CLASS_POINT,
    CLASS_E,
    CLASS_PLUS,
    CLASS_MINUS,
    N_NUMBER_CLASSES,
};

static const uint8_t class_of[256] = {
    ['0'] = CLASS_0, ['1' ... '9'] = CLASS_1_9, ['.'] = CLASS_POINT, ['e'] = CLASS_E,
    ['E'] = CLASS_E, ['+'] = CLASS_PLUS,        ['-'] = CLASS_MINUS,
};

#define ALL_BAD    [0 ... N_NUMBER_CLASSES - 1] = NUMBER_BAD
#define END_OR_BAD ALL_BAD, [CLASS_OTHER] = NUMBER_END

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const uint8_t next_state[N_NUMBER_STATES][N_NUMBER_CLASSES] = {
    [NUMBER_MINUS] = { ALL_BAD, [CLASS_0] = NUMBER_ZERO, [CLASS_1_9] = NUMBER_INT },
    [NUMBER_ZERO] = { END_OR_BAD, [CLASS_POINT] = NUMBER_POINT, [CLASS_E] = NUMBER_E },
    [NUMBER_INT] = { END_OR_BAD, [CLASS_0] = NUMBER_INT, [CLASS_1_9] = NUMBER_INT,
                     [CLASS_POINT] = NUMBER_POINT, [CLASS_E] = NUMBER_E },
    [NUMBER_POINT] = { ALL_BAD, [CLASS_0] = NUMBER_FRACTION, [CLASS_1_9] = NUMBER_FRACTION },
    [NUMBER_FRACTION] = { END_OR_BAD, [CLASS_0] = NUMBER_FRACTION, [CLASS_1_9] = NUMBER_FRACTION,
                          [CLASS_E] = NUMBER_E },
    [NUMBER_E] = { ALL_BAD, [CLASS_0] = NUMBER_EXPONENT, [CLASS_1_9] = NUMBER_EXPONENT,
                   [CLASS_PLUS] = NUMBER_E_SIGN, [CLASS_MINUS] = NUMBER_E_SIGN },
    [NUMBER_E_SIGN] = { ALL_BAD, [CLASS_0] = NUMBER_EXPONENT, [CLASS_1_9] = NUMBER_EXPONENT },
    [NUMBER_EXPONENT] = { END_OR_BAD, [CLASS_0] = NUMBER_EXPONENT, [CLASS_1_9] = NUMBER_EXPONENT },
};
#pragma GCC diagnostic pop

void qmp_scan_number_begin(struct qmp_scanner *s)
{
    char c = s->tape.text[s->start];
    s->state = SCAN_IN_NUMBER;
    s->number_state = c == '-' ? NUMBER_MINUS : c == '0' ? NUMBER_ZERO : NUMBER_INT;
}

const char *qmp_scan_number(struct qmp_scanner *s, const char *p, const char *end)
{
    uint8_t state = s->number_state;
    for (; p < end; p++) {
        uint8_t next = next_state[state][class_of[(unsigned char)*p]];
        if (next == NUMBER_BAD)
            return qmp_scan_lexical(s, "malformed number", p);
        if (next == NUMBER_END) {
            s->number_state = NUMBER_END;
            return p;
        }
        state = next;
    }
    s->number_state = state;
    return p;
}

/* 2^1024 - 2^970, the smallest number that rounds to infinity; its first digit is worth 10^308. */
static const char first_infinite[] =
    "179769313486231580793728971405303415079934132710037826936173778980444968292764"
    "750946649017977587207096330286416692887910946555547851940402630657488671505820"
    "681908902000708383676273854845817711531764475730270069855571366959622842914819"
    "860834936475292719074168444365510704342711559699508093042880177904174497792";

#define FIRST_INFINITE_EXPONENT 308

/* The number after 'e', kept away from the ends of its type; no lexeme has as many digits. */
static int64_t parse_exponent(const char *p, const char *end)
{
    bool negative = p < end && *p == '-';
    int64_t value = 0;
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    for (; p < end; p++) {
        if (value < INT64_MAX / 100)
            value = value * 10 + (*p - '0');
    }
    return negative ? -value : value;
}

bool qmp_number_overflows(const char *lexeme, size_t len)
{
    const char *e = lexeme;
    const char *end = lexeme + len;
    while (e < end && (*e | 0x20) != 'e')
        e++;
    /* the common case: too few digits, and no exponent */
    if (e == end && len <= FIRST_INFINITE_EXPONENT)
        return false;
    const char *point = memchr(lexeme, '.', (size_t)(e - lexeme));
    const char *int_end = point ? point : e;
    const char *first = lexeme;
    while (first < e && (*first < '1' || *first > '9'))
        first++;
    if (first == e)
        return false; /* zero, whatever its exponent */
    int64_t exponent = e < end ? parse_exponent(e + 1, end) : 0;
    /* what the first digit that counts is worth: a power of ten */
    exponent += first < int_end ? int_end - first - 1 : int_end - first;
    if (exponent != FIRST_INFINITE_EXPONENT)
        return exponent > FIRST_INFINITE_EXPONENT;
    const char *limit = first_infinite;
    for (; first < e; first++) {
        if (*first == '.')
            continue;
        char bound = *limit ? *limit++ : '0';
        if (*first != bound)
            return *first > bound;
    }
    /* all digits alike: it overflows unless the limit has digits other than zero left */
    return limit[strspn(limit, "0")] == '\0';
}
