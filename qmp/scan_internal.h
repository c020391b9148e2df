/* The inside of the scanner, shared by scan.c (structure), scan_string.c and scan_number.c. */
#ifndef QMP_SCAN_INTERNAL_H
#define QMP_SCAN_INTERNAL_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "qmp/names.h"
#include "qmp/scan.h"

/* Where in the text we are, between two bytes. */
enum scan_state {
    SCAN_VALUE,        /* a value must come */
    SCAN_VALUE_OR_END, /* after '[' */
    SCAN_NAME,         /* after ',' in an object */
    SCAN_NAME_OR_END,  /* after '{' */
    SCAN_COLON,        /* after a name */
    SCAN_COMMA_OR_END, /* after a part of a container */
    SCAN_IN_STRING,    /* details in string_state */
    SCAN_IN_NUMBER,    /* details in number_state */
    SCAN_IN_LITERAL,   /* details in literal */
};

enum string_state {
    STRING_PLAIN,
    STRING_ESCAPE, /* after a backslash */
    STRING_HEX,    /* in \uXXXX */
    STRING_HIGH,   /* after \uD8XX: \uDCXX must come */
    STRING_UTF8,   /* inside a sequence of bytes */
    STRING_CLOSED, /* after the closing quote */
};

struct qmp_scanner {
    struct qmp_scan_limits limits;
    enum qmp_scan_status status;
    struct qmp_fault fault; /* the first one; text is NULL while there is none */
    size_t pos;             /* bytes of the text that are done */
    size_t start;           /* of the lexeme that is being scanned */
    enum scan_state state;
    bool in_object; /* the innermost open container is one */
    bool in_name;   /* the string that is being scanned is a member's name */
    bool tainted;   /* the member of the outermost container that is under way breaks a rule */

    /* string under way */
    enum string_state string_state;
    bool decoding; /* it has escapes, and is decoded behind tape.decoded[decoded_start] */
    uint32_t decoded_start;
    uint8_t more;    /* hexadecimal digits or UTF-8 bytes to come */
    uint8_t utf8_lo; /* bounds of the next UTF-8 byte */
    uint8_t utf8_hi;
    uint32_t unit; /* value of \uXXXX so far */
    uint32_t high; /* high surrogate that waits for its low one, or 0 */

    uint8_t number_state; /* 0 at its end */
    const char *literal;  /* what must come still: "rue" */

    /* containers */
    uint32_t depth; /* that are open */
    uint64_t *nest; /* owned; bit d: the container at depth d is an object */
    size_t nest_words;

    /* the tape; tape.tokens and tape.decoded are owned, and point to where these do */
    struct qmp_tape tape;
    struct qmp_token *tokens;
    size_t tokens_cap;
    char *decoded;
    size_t decoded_cap;
    uint32_t token_depth; /* values deeper than this make no tokens */
    uint32_t open; /* innermost container that has a token; while open, its `next` is its parent */
    uint32_t top_value; /* the newest value in the outermost container */
    struct qmp_names names;
};

/* The first byte that is not plain: a quote, a backslash, a control byte, or not ASCII. */
static inline const char *qmp_skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        /* as signed bytes, those above 0x7f are below a space too */
        __m128i special =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),
                         _mm_cmplt_epi8(v, space));
        int mask = _mm_movemask_epi8(special);
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= ' ')
        p++;
    return p;
}

/* Each takes bytes from p on, leaves its own state behind when they end, and returns where it
 * stopped: at `end`, past the string or number, or at the byte of a lexical error. */
const char *qmp_scan_string(struct qmp_scanner *s, const char *p, const char *end);
const char *qmp_scan_number(struct qmp_scanner *s, const char *p, const char *end);

void qmp_scan_string_begin(struct qmp_scanner *s);
void qmp_scan_number_begin(struct qmp_scanner *s);

/* Is the number too large for a double? */
bool qmp_number_overflows(const char *lexeme, size_t len);

/* The message breaks a rule; the scan goes on. */
void qmp_scan_rule(struct qmp_scanner *s, const char *text, size_t offset);

/* The byte at p cannot be there; the scan ends. Returns p. */
const char *qmp_scan_lexical(struct qmp_scanner *s, const char *text, const char *p);

#endif
