#include "config.h"
#include "qmp/scan.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/secret.h"
#include "qmp/scan_internal.h"

#define KEEP_TOKENS  1024u            /* tokens kept between messages: 20 KiB */
#define KEEP_DECODED (16u << 10)      /* bytes of decoded strings, likewise */
#define KEEP_NEST    64u              /* words of 64 levels, likewise */
#define MAX_BYTES    (UINT32_MAX - 1) /* a token's offset has 32 bits */

/* --- life ------------------------------------------------------------------------------------- */

struct qmp_scanner *qmp_scanner_new(const struct qmp_scan_limits *limits)
{
    struct qmp_scanner *s = MEM_NEW(struct qmp_scanner);
    qmp_names_init(&s->names);
    qmp_scanner_set_limits(s, limits);
    qmp_scanner_reset(s);
    return s;
}

void qmp_scanner_free(struct qmp_scanner *s)
{
    if (!s)
        return;
    qmp_names_free(&s->names);
    free(s->tokens);
    free(s->decoded);
    free(s->nest);
    free(s);
}

void qmp_scanner_wipe(struct qmp_scanner *s)
{
    secret_wipe(s->decoded, s->tape.decoded_len);
}

void qmp_scanner_set_limits(struct qmp_scanner *s, const struct qmp_scan_limits *limits)
{
    s->limits = *limits;
    if (s->limits.max_bytes > MAX_BYTES)
        s->limits.max_bytes = MAX_BYTES;
    if (s->limits.max_tokens < 1)
        s->limits.max_tokens = 1; /* the root */
}

/* Frees an array that one large message made grow. */
static void trim(void *array, size_t *capacity, size_t keep)
{
    void **p = array;
    if (*capacity > keep) {
        free(*p);
        *p = NULL;
        *capacity = 0;
    }
}

void qmp_scanner_reset(struct qmp_scanner *s)
{
    trim(&s->tokens, &s->tokens_cap, KEEP_TOKENS);
    trim(&s->decoded, &s->decoded_cap, KEEP_DECODED);
    trim(&s->nest, &s->nest_words, KEEP_NEST);
    qmp_names_reset(&s->names);
    s->tape = (struct qmp_tape){ .tokens = s->tokens, .decoded = s->decoded };
    s->status = QMP_SCAN_MORE;
    s->fault = (struct qmp_fault){ 0 };
    s->state = SCAN_VALUE;
    s->pos = s->start = 0;
    s->depth = s->open = s->top_value = s->high = 0;
    s->in_object = s->in_name = s->tainted = s->decoding = false;
    s->token_depth = s->limits.top_level_only ? 1 : UINT32_MAX;
}

size_t qmp_scanner_consumed(const struct qmp_scanner *s)
{
    return s->pos;
}

const struct qmp_tape *qmp_scanner_tape(const struct qmp_scanner *s)
{
    return &s->tape;
}

struct qmp_fault qmp_scan_fault(const struct qmp_scanner *s)
{
    return s->fault;
}

/* --- faults ----------------------------------------------------------------------------------- */

void qmp_scan_rule(struct qmp_scanner *s, const char *text, size_t offset)
{
    if (!s->fault.text)
        s->fault = (struct qmp_fault){ text, offset };
    s->tainted = true;
    if (s->token_depth <= 1)
        return;
    /* From here on the tape has the top level only: enough to find the id. */
    s->token_depth = 1;
    if (s->depth >= 2) {
        struct qmp_token *top = &s->tokens[s->top_value];
        top->count = 0;
        top->next = 0; /* its parent, the root */
        s->open = s->top_value;
        s->tape.n_tokens = s->top_value + 1;
    }
}

const char *qmp_scan_lexical(struct qmp_scanner *s, const char *text, const char *p)
{
    if (!s->fault.text)
        s->fault = (struct qmp_fault){ text, (size_t)(p - s->tape.text) };
    s->status = QMP_SCAN_LEXICAL;
    return p;
}

static const char *unexpected(struct qmp_scanner *s, const char *p)
{
    static const char *const wanted[] = {
        [SCAN_VALUE] = "a value is expected",
        [SCAN_VALUE_OR_END] = "a value or ']' is expected",
        [SCAN_NAME] = "a member name is expected",
        [SCAN_NAME_OR_END] = "a member name or '}' is expected",
        [SCAN_COLON] = "':' is expected",
        [SCAN_COMMA_OR_END] = "',' or the end of an array is expected",
        [SCAN_IN_STRING] = "bad string",
        [SCAN_IN_NUMBER] = "malformed number",
        [SCAN_IN_LITERAL] = "'true', 'false' or 'null' is expected",
    };
    if (*p == '\'')
        return qmp_scan_lexical(s, "strings have double quotes", p);
    if (p == s->tape.text && (unsigned char)*p == 0xef)
        return qmp_scan_lexical(s, "byte-order mark", p);
    if (s->state == SCAN_COMMA_OR_END && s->in_object)
        return qmp_scan_lexical(s, "',' or the end of an object is expected", p);
    return qmp_scan_lexical(s, wanted[s->state], p);
}

/* --- tokens ----------------------------------------------------------------------------------- */

/* Adds a token where there is room for `room` of them; QMP_NONE if not. */
static uint32_t add_token(struct qmp_scanner *s, enum qmp_kind kind, size_t end, uint32_t room)
{
    uint32_t i = s->tape.n_tokens;
    if (UNLIKELY(s->limits.max_tokens - i < room)) {
        qmp_scan_rule(s, "too many values", s->start);
        if (s->depth <= 1)
            s->token_depth = 0;
        return QMP_NONE;
    }
    if (UNLIKELY(i >= s->tokens_cap)) {
        mem_grow((void **)&s->tokens, &s->tokens_cap, (size_t)i + 1, sizeof(*s->tokens));
        s->tape.tokens = s->tokens;
    }
    s->tokens[i] = (struct qmp_token){ .kind = (uint8_t)kind,
                                       .offset = (uint32_t)s->start,
                                       .length = (uint32_t)(end - s->start) };
    s->tape.n_tokens = i + 1;
    return i;
}

/* A token for the value that begins at s->start, if the tape goes as deep. */
static uint32_t add_value(struct qmp_scanner *s, enum qmp_kind kind, size_t end)
{
    if (s->depth > s->token_depth)
        return QMP_NONE;
    uint32_t i = add_token(s, kind, end, 1);
    if (i == QMP_NONE)
        return QMP_NONE;
    if (s->depth > 0)
        s->tokens[s->open].count++;
    if (s->depth == 1)
        s->top_value = i;
    return i;
}

static void add_decoded(struct qmp_scanner *s, uint32_t token)
{
    if (token == QMP_NONE || !s->decoding)
        return;
    s->tokens[token].escaped = 1;
    s->tokens[token].next = s->decoded_start;
    s->tokens[token].count = s->tape.decoded_len - s->decoded_start;
}

static void add_name(struct qmp_scanner *s, size_t end)
{
    if (s->depth > s->token_depth)
        return;
    /* room for its value too, so that no name is on the tape without one */
    uint32_t i = add_token(s, QMP_KIND_STRING, end, 2);
    if (i == QMP_NONE)
        return;
    add_decoded(s, i);
    if (qmp_names_repeats(&s->names, &s->tape, s->open, i))
        qmp_scan_rule(s, "duplicate member name", s->start);
}

/* A value is complete; s->depth is what it is in. */
static void value_done(struct qmp_scanner *s)
{
    if (s->depth == 0) {
        s->status = s->fault.text ? QMP_SCAN_RULE : QMP_SCAN_DONE;
        return;
    }
    s->state = SCAN_COMMA_OR_END;
    if (UNLIKELY(s->depth == 1 && s->tainted)) {
        s->tainted = false;
        if (s->token_depth >= 1)
            s->tokens[s->top_value].faulty = 1;
    }
}

/* --- containers ------------------------------------------------------------------------------- */

static void open_container(struct qmp_scanner *s, enum qmp_kind kind)
{
    if (s->depth >= s->limits.max_depth)
        qmp_scan_rule(s, "nested too deeply", s->start);
    uint32_t i = add_value(s, kind, s->start);
    if (i != QMP_NONE) {
        s->tokens[i].next = s->open;
        s->open = i;
    }
    uint64_t bit = UINT64_C(1) << s->depth % 64;
    mem_grow((void **)&s->nest, &s->nest_words, s->depth / 64 + 1, sizeof(*s->nest));
    s->in_object = kind == QMP_KIND_OBJECT;
    if (s->in_object)
        s->nest[s->depth / 64] |= bit;
    else
        s->nest[s->depth / 64] &= ~bit;
    s->depth++;
    s->state = s->in_object ? SCAN_NAME_OR_END : SCAN_VALUE_OR_END;
}

static void close_container(struct qmp_scanner *s, size_t end)
{
    s->depth--;
    if (s->depth <= s->token_depth) {
        struct qmp_token *t = &s->tokens[s->open];
        s->open = t->next;
        t->next = s->tape.n_tokens;
        t->length = (uint32_t)(end - t->offset);
        t->folded = s->depth == s->token_depth;
    }
    if (s->depth > 0) {
        uint32_t around = s->depth - 1;
        s->in_object = s->nest[around / 64] >> around % 64 & 1;
    }
    value_done(s);
}

/* --- one step --------------------------------------------------------------------------------- */

/* p is past the closing quote. */
static const char *string_done(struct qmp_scanner *s, const char *p)
{
    size_t at = (size_t)(p - s->tape.text);
    if (s->in_name) {
        s->in_name = false;
        add_name(s, at);
        s->state = SCAN_COLON;
    } else {
        add_decoded(s, add_value(s, QMP_KIND_STRING, at));
        value_done(s);
    }
    return p;
}

static const char *in_string(struct qmp_scanner *s, const char *p, const char *end)
{
    p = qmp_scan_string(s, p, end);
    return s->string_state == STRING_CLOSED ? string_done(s, p) : p;
}

static const char *in_number(struct qmp_scanner *s, const char *p, const char *end)
{
    p = qmp_scan_number(s, p, end);
    if (s->number_state != 0 || s->status != QMP_SCAN_MORE)
        return p;
    const char *lexeme = s->tape.text + s->start;
    if (qmp_number_overflows(lexeme, (size_t)(p - lexeme)))
        qmp_scan_rule(s, "number out of range", s->start);
    (void)add_value(s, QMP_KIND_NUMBER, (size_t)(p - s->tape.text));
    value_done(s);
    return p;
}

static const char *in_literal(struct qmp_scanner *s, const char *p, const char *end)
{
    for (; p < end && *s->literal; p++, s->literal++) {
        if (*p != *s->literal)
            return unexpected(s, p);
    }
    if (*s->literal)
        return p;
    char first = s->tape.text[s->start];
    enum qmp_kind kind = first == 't'   ? QMP_KIND_TRUE
                         : first == 'f' ? QMP_KIND_FALSE
                                        : QMP_KIND_NULL;
    (void)add_value(s, kind, (size_t)(p - s->tape.text));
    value_done(s);
    return p;
}

static const char *begin_string(struct qmp_scanner *s, const char *p, const char *end)
{
    qmp_scan_string_begin(s);
    p = qmp_skip_plain(p + 1, end);
    if (LIKELY(p < end && *p == '"'))
        return string_done(s, p + 1);
    return in_string(s, p, end);
}

static const char *begin_literal(struct qmp_scanner *s, const char *rest, const char *p,
                                 const char *end)
{
    s->state = SCAN_IN_LITERAL;
    s->literal = rest;
    return in_literal(s, p + 1, end);
}

static const char *begin_value(struct qmp_scanner *s, const char *p, const char *end)
{
    s->start = (size_t)(p - s->tape.text);
    switch (*p) {
    case '"':
        return begin_string(s, p, end);
    case '{':
        open_container(s, QMP_KIND_OBJECT);
        return p + 1;
    case '[':
        open_container(s, QMP_KIND_ARRAY);
        return p + 1;
    case 't':
        return begin_literal(s, "rue", p, end);
    case 'f':
        return begin_literal(s, "alse", p, end);
    case 'n':
        return begin_literal(s, "ull", p, end);
    case '-':
    case '0' ... '9':
        qmp_scan_number_begin(s);
        return in_number(s, p + 1, end);
    default:
        return unexpected(s, p);
    }
}

static const char *begin_name(struct qmp_scanner *s, const char *p, const char *end)
{
    if (*p != '"')
        return unexpected(s, p);
    s->start = (size_t)(p - s->tape.text);
    s->in_name = true;
    return begin_string(s, p, end);
}

static const char *end_container(struct qmp_scanner *s, const char *p)
{
    close_container(s, (size_t)(p + 1 - s->tape.text));
    return p + 1;
}

/* Moves *p past white space to a byte that counts; false where there is none yet. */
static inline bool skip_space(struct qmp_scanner *s, const char **p, const char *end)
{
    const char *at = *p;
    while (at < end && (unsigned char)*at <= ' ') {
        if (*at != ' ' && *at != '\n' && *at != '\r' && *at != '\t')
            break;
        if (*at == '\n' && s->limits.one_line) {
            *p = qmp_scan_lexical(s, "line feed inside a message", at);
            return false;
        }
        at++;
    }
    *p = at;
    return at < end;
}

static const char *after_part(struct qmp_scanner *s, const char *p, const char *end)
{
    if (*p == (s->in_object ? '}' : ']'))
        return end_container(s, p);
    if (*p++ != ',')
        return unexpected(s, p - 1);
    s->state = s->in_object ? SCAN_NAME : SCAN_VALUE;
    if (!skip_space(s, &p, end))
        return p;
    return s->in_object ? begin_name(s, p, end) : begin_value(s, p, end);
}

static const char *after_name(struct qmp_scanner *s, const char *p, const char *end)
{
    if (*p++ != ':')
        return unexpected(s, p - 1);
    s->state = SCAN_VALUE;
    return skip_space(s, &p, end) ? begin_value(s, p, end) : p;
}

/* Takes at least one byte, unless it is the end of a number or an error. */
static inline const char *step(struct qmp_scanner *s, const char *p, const char *end)
{
    if (s->state < SCAN_IN_STRING && !skip_space(s, &p, end))
        return p;
    switch (s->state) {
    case SCAN_VALUE_OR_END:
        return *p == ']' ? end_container(s, p) : begin_value(s, p, end);
    case SCAN_VALUE:
        return begin_value(s, p, end);
    case SCAN_NAME_OR_END:
        return *p == '}' ? end_container(s, p) : begin_name(s, p, end);
    case SCAN_NAME:
        return begin_name(s, p, end);
    case SCAN_COLON:
        return after_name(s, p, end);
    case SCAN_COMMA_OR_END:
        return after_part(s, p, end);
    case SCAN_IN_STRING:
        return in_string(s, p, end);
    case SCAN_IN_NUMBER:
        return in_number(s, p, end);
    case SCAN_IN_LITERAL:
        return in_literal(s, p, end);
    }
    __builtin_unreachable();
}

enum qmp_scan_status qmp_scanner_feed(struct qmp_scanner *s, const char *text, size_t len)
{
    bool too_long = len > s->limits.max_bytes;
    const char *end = text + (too_long ? s->limits.max_bytes : len);
    const char *p = text + s->pos;

    s->tape.text = text;
    while (p < end && s->status == QMP_SCAN_MORE)
        p = step(s, p, end);
    if (too_long && s->status == QMP_SCAN_MORE)
        qmp_scan_lexical(s, "message is too long", p);
    s->pos = (size_t)(p - text);
    s->tape.text_len = (uint32_t)s->pos;
    return s->status;
}

struct qmp_scanner *qmp_scan_object(const struct qmp_scan_limits *limits, struct span text)
{
    struct qmp_scanner *s = qmp_scanner_new(limits);
    if (qmp_scanner_feed(s, text.data, text.len) == QMP_SCAN_DONE &&
        qmp_tape_kind(qmp_scanner_tape(s), 0) == QMP_KIND_OBJECT)
        return s;
    qmp_scanner_free(s);
    return NULL;
}
