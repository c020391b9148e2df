/* The tokens of a configuration text, exactly as libconfuse 3.3 sees them (its src/lexer.l), for
 * base/cfgtext. Where libconfuse passes silently over a mistake this reports it:
 * a string or comment that does not end, a bad escape, a NUL, `${`, a stray character. */
#ifndef BASE_CFGLEX_H
#define BASE_CFGLEX_H

#include <stdbool.h>
#include "base/buf.h"

enum cfglex_token {
    CFGLEX_END,
    CFGLEX_WORD, /* bare or quoted: `word` holds it, decoded */
    CFGLEX_OPEN,
    CFGLEX_CLOSE,
    CFGLEX_EQUALS,
    CFGLEX_APPEND, /* += */
    CFGLEX_COMMA,
    CFGLEX_PAREN,
    CFGLEX_BROKEN, /* reported; nothing that follows could be trusted */
};

typedef void cfglex_report_fn(void *opaque, unsigned line, const char *sentence);

struct cfglex {
    const char *next;
    const char *end;
    unsigned line;       /* of `next` */
    unsigned token_line; /* where the last token began */
    struct buf word;     /* of the last CFGLEX_WORD, with a NUL behind it; owned */
    char *plain;         /* a copy of the text with every comment blanked; owned */
    size_t offset;       /* of `next` in it */
    size_t token_offset; /* where the last token began in it */
    cfglex_report_fn *report;
    void *opaque;
};

/* `text` stays the caller's and must outlive the lexer. */
void cfglex_init(struct cfglex *lex, const char *text, size_t len, cfglex_report_fn *report,
                 void *opaque);
void cfglex_fini(struct cfglex *lex);

enum cfglex_token cfglex_next(struct cfglex *lex);

static inline const char *cfglex_word(const struct cfglex *lex)
{
    return buf_data(&lex->word);
}

/* The token as a reader would point at it: "'{'", "the end of the file". */
const char *cfglex_token_name(enum cfglex_token token);

#endif
