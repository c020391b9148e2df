#include "config.h"
#include "base/cfglex.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

void cfglex_init(struct cfglex *lex, const char *text, size_t len, cfglex_report_fn *report,
                 void *opaque)
{
    *lex = (struct cfglex){
        .next = text,
        .end = text + len,
        .line = 1,
        .token_line = 1,
        .plain = mem_strndup(text, len),
        .report = report,
        .opaque = opaque,
    };
}

void cfglex_fini(struct cfglex *lex)
{
    buf_free(&lex->word);
    free(lex->plain);
    lex->plain = NULL;
}

const char *cfglex_token_name(enum cfglex_token token)
{
    static const char *const names[] = {
        [CFGLEX_END] = "the end of the file",
        [CFGLEX_WORD] = "a word",
        [CFGLEX_OPEN] = "'{'",
        [CFGLEX_CLOSE] = "'}'",
        [CFGLEX_EQUALS] = "'='",
        [CFGLEX_APPEND] = "'+='",
        [CFGLEX_COMMA] = "','",
        [CFGLEX_PAREN] = "a parenthesis",
        [CFGLEX_BROKEN] = "a broken word",
    };
    return names[token];
}

static size_t left(const struct cfglex *lex)
{
    return (size_t)(lex->end - lex->next);
}

/* The byte `ahead` of the next one; -1 past the end. */
static int peek(const struct cfglex *lex, size_t ahead)
{
    return ahead < left(lex) ? (unsigned char)lex->next[ahead] : -1;
}

static void advance(struct cfglex *lex, size_t n)
{
    for (; n > 0; n--) {
        if (*lex->next == '\n')
            lex->line++;
        lex->next++;
        lex->offset++;
    }
}

/* Over bytes of a comment: gone from the plain text, but not its lines. */
static void blank(struct cfglex *lex, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (lex->next[i] != '\n')
            lex->plain[lex->offset + i] = ' ';
    }
    advance(lex, n);
}

static void complain(const struct cfglex *lex, unsigned line, const char *sentence)
{
    if (lex->report)
        lex->report(lex->opaque, line, sentence);
}

/* libconfuse would put the environment's value there, in double quotes and outside of quotes.
 * In single quotes it would not: refused as well, or the difference of a quote would be one of
 * meaning that nobody sees. */
static void refuse_expansion(struct cfglex *lex)
{
    if (peek(lex, 0) != '$' || peek(lex, 1) != '{')
        return;
    complain(lex, lex->line,
             "\"${\" is refused: it would be replaced from the environment; "
             "write the value itself");
    lex->plain[lex->offset] = '?'; /* who reads on must not have it replaced either */
}

/* --- white space and comments ----------------------------------------------------------------- */

static void skip_line_comment(struct cfglex *lex)
{
    const char *newline = memchr(lex->next, '\n', left(lex));
    blank(lex, newline ? (size_t)(newline - lex->next) : left(lex));
}

static bool skip_block_comment(struct cfglex *lex)
{
    const char *close = memmem(lex->next + 2, left(lex) - 2, "*/", 2);
    if (!close) {
        complain(lex, lex->line, "this comment never ends: close it with */");
        return false;
    }
    blank(lex, (size_t)(close + 2 - lex->next));
    return true;
}

/* False if a comment does not end. */
static bool skip_blanks(struct cfglex *lex)
{
    for (;;) {
        int c = peek(lex, 0);
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            advance(lex, 1);
        } else if (c == '#' || (c == '/' && peek(lex, 1) == '/')) {
            skip_line_comment(lex);
        } else if (c == '/' && peek(lex, 1) == '*') {
            if (!skip_block_comment(lex))
                return false;
        } else {
            return true;
        }
    }
}

/* --- words ------------------------------------------------------------------------------------ */

static bool is_bare(int c)
{
    return c > 0 && !strchr(" #\"'\t\n\r={}()+,*", c);
}

static enum cfglex_token lex_bare(struct cfglex *lex)
{
    while (is_bare(peek(lex, 0))) {
        refuse_expansion(lex);
        buf_add_char(&lex->word, *lex->next);
        advance(lex, 1);
    }
    return CFGLEX_WORD;
}

/* How many of the next bytes are digits of `base`, at most `max`. */
static size_t count_digits(const struct cfglex *lex, const char *digits, size_t from, size_t max)
{
    size_t n = 0;
    while (n < max && peek(lex, from + n) > 0 && strchr(digits, peek(lex, from + n)))
        n++;
    return n;
}

/* A byte given by its number; `from` is where its digits begin. False if it cannot be one. */
static bool lex_numbered_byte(struct cfglex *lex, size_t from, size_t digits, int base)
{
    char text[4] = { 0 };
    memcpy(text, lex->next + from, digits);
    unsigned long value = strtoul(text, NULL, base);
    if (value == 0 || value > 0xff) {
        complain(lex, lex->line, "this escape is not a byte from 1 to 255");
        return false;
    }
    buf_add_char(&lex->word, (char)value);
    advance(lex, from + digits);
    return true;
}

static bool lex_double_quoted_escape(struct cfglex *lex)
{
    static const char named[][2] = {
        { 'n', '\n' }, { 'r', '\r' }, { 'b', '\b' },   { 'f', '\f' },
        { 'a', '\a' }, { 't', '\t' }, { 'e', '\033' }, { 'v', '\v' },
    };
    int c = peek(lex, 1);
    if (c == '\n') { /* the string goes on in the next line */
        advance(lex, 2);
        return true;
    }
    if (c >= '0' && c <= '9') {
        size_t octal = count_digits(lex, "01234567", 1, 3);
        if (octal == 0 || count_digits(lex, "0123456789", 1, octal + 1) > octal) {
            complain(lex, lex->line, "this escape is not \\ and one to three octal digits");
            return false;
        }
        return lex_numbered_byte(lex, 1, octal, 8);
    }
    size_t hex = c == 'x' ? count_digits(lex, "0123456789abcdefABCDEF", 2, 2) : 0;
    if (hex > 0)
        return lex_numbered_byte(lex, 2, hex, 16);
    for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
        if (c == named[i][0])
            c = (unsigned char)named[i][1];
    }
    buf_add_char(&lex->word, (char)c);
    advance(lex, 1);
    refuse_expansion(lex);
    advance(lex, 1);
    return true;
}

static bool lex_single_quoted_escape(struct cfglex *lex)
{
    int c = peek(lex, 1);
    if (c != '\n') {
        if (c != '\\' && c != '\'')
            buf_add_char(&lex->word, '\\');
        buf_add_char(&lex->word, (char)c);
    }
    advance(lex, 1);
    refuse_expansion(lex);
    advance(lex, 1);
    return true;
}

static enum cfglex_token lex_quoted(struct cfglex *lex, char quote)
{
    advance(lex, 1);
    for (;;) {
        int c = peek(lex, 0);
        if (c < 0 || (c == '\\' && left(lex) < 2)) {
            complain(lex, lex->token_line, "this string never ends: close it with its quote");
            return CFGLEX_BROKEN;
        }
        if (c == quote) {
            advance(lex, 1);
            return CFGLEX_WORD;
        }
        if (c == '\\') {
            if (!(quote == '"' ? lex_double_quoted_escape(lex) : lex_single_quoted_escape(lex)))
                return CFGLEX_BROKEN;
            continue;
        }
        refuse_expansion(lex);
        buf_add_char(&lex->word, (char)c);
        advance(lex, 1);
    }
}

/* --- tokens ----------------------------------------------------------------------------------- */

static enum cfglex_token lex_symbol(struct cfglex *lex, int c)
{
    static const enum cfglex_token symbols[] = {
        ['{'] = CFGLEX_OPEN,  ['}'] = CFGLEX_CLOSE, ['='] = CFGLEX_EQUALS,
        [','] = CFGLEX_COMMA, ['('] = CFGLEX_PAREN, [')'] = CFGLEX_PAREN,
    };
    if (c == '+' && peek(lex, 1) == '=') {
        advance(lex, 2);
        return CFGLEX_APPEND;
    }
    if (c == '+' || c == '*') { /* libconfuse would drop it without a word */
        complain(lex, lex->line,
                 c == '+' ? "a stray '+': put it in quotes, or remove it"
                          : "a stray '*': put it in quotes, or remove it");
        return CFGLEX_BROKEN;
    }
    advance(lex, 1);
    return symbols[c];
}

enum cfglex_token cfglex_next(struct cfglex *lex)
{
    bool ended = !skip_blanks(lex);
    lex->token_line = lex->line;
    lex->token_offset = lex->offset;
    if (ended)
        return CFGLEX_BROKEN;
    int c = peek(lex, 0);
    if (c < 0)
        return CFGLEX_END;
    buf_clear(&lex->word);
    enum cfglex_token token = c == '"' || c == '\'' ? lex_quoted(lex, (char)c)
                              : is_bare(c)          ? lex_bare(lex)
                                                    : lex_symbol(lex, c);
    buf_add_char(&lex->word, '\0');
    return token;
}
