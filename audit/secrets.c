#include "config.h"
#include "audit/secrets.h"

#include <pthread.h>
#include <string.h>
#include "audit/text.h"
#include "base/mem.h"

/* --- names ------------------------------------------------------------------------------------ */

/* Parts of a name that make it a secret, folded (lower case, `-` for `_`). */
static const struct span secret_parts[] = {
    SPAN_LIT("passw"),       SPAN_LIT("passphrase"), SPAN_LIT("secret"),         SPAN_LIT("cookie"),
    SPAN_LIT("token"),       SPAN_LIT("credential"), SPAN_LIT("authorization"),  SPAN_LIT("bearer"),
    SPAN_LIT("private-key"), SPAN_LIT("privkey"),    SPAN_LIT("api-key"),        SPAN_LIT("apikey"),
    SPAN_LIT("access-key"),  SPAN_LIT("signature"),  SPAN_LIT("keyvalue-pairs"),
};

/* Whole names. `osk` is the key that a Mac guest asks its machine for. */
static const struct span secret_wholes[] = { SPAN_LIT("pass"), SPAN_LIT("pwd"), SPAN_LIT("pw"),
                                             SPAN_LIT("osk") };

/* Whole names that are secrets where "=" and a value go with them. */
static const struct span option_wholes[] = { SPAN_LIT("data"), SPAN_LIT("key") };

static bool part_at(struct span name, size_t at)
{
    for (size_t i = 0; i < ARRAY_SIZE(secret_parts); i++) {
        struct span part = secret_parts[i];
        if (part.len <= name.len - at && text_folded_equal(name.data + at, part.data, part.len))
            return true;
    }
    return false;
}

static bool one_of(struct span name, const struct span *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text_folded_is(name, list[i]))
            return true;
    }
    return false;
}

/* One component of a dotted name. `...-secret` and `passwordid` are ids of secret objects: no
 * secrets themselves, and worth knowing. */
static bool component_is_secret(struct span name)
{
    static const struct span id_end = SPAN_LIT("-secret");
    if (name.len > id_end.len &&
        text_folded_equal(name.data + name.len - id_end.len, id_end.data, id_end.len))
        return false;
    if (text_folded_is(name, SPAN_LIT("passwordid")))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        switch (text_fold(name.data[i])) {
        case 'p':
        case 's':
        case 'c':
        case 't':
        case 'a':
        case 'b':
        case 'k':
            if (part_at(name, i))
                return true;
        }
    }
    return one_of(name, secret_wholes, ARRAY_SIZE(secret_wholes));
}

bool secret_name(struct span name)
{
    while (name.len > 0) {
        const char *dot = memchr(name.data, '.', name.len);
        size_t len = dot ? (size_t)(dot - name.data) : name.len;
        if (component_is_secret((struct span){ name.data, len }))
            return true;
        if (!dot)
            break;
        name.data += len + 1;
        name.len -= len + 1;
    }
    return false;
}

static struct span last_component(struct span name)
{
    const char *dot = name.len ? memrchr(name.data, '.', name.len) : NULL;
    if (dot) {
        name.len -= (size_t)(dot + 1 - name.data);
        name.data = dot + 1;
    }
    return name;
}

bool secret_name_of_option(struct span name)
{
    return secret_name(name) ||
           one_of(last_component(name), option_wholes, ARRAY_SIZE(option_wholes));
}

/* --- the table as it is written --------------------------------------------------------------- */

/* Scopes: the shapes, then each COMMANDS. */
enum {
    SCOPE_NONE,
    SCOPE_COMMANDS, /* whose words are the commands */
    SCOPE_WORDS,    /* whose words are those of the human monitor */
#define SHAPE(name) SCOPE_##name,
#define COMMANDS(words)
#define ALSO(name)
#define KNOWN(words)
#define PARTS(words)
#define SECRET(words)
#define LINE(words)
#define PROPERTY(words)
#define COMMAND(words)
#define WORDS(words)
#define OPTIONS(words, command)
#define HIDDEN_WORDS(words)
#include "audit/secrets.def"
#undef SHAPE
#undef COMMANDS
#undef ALSO
#undef KNOWN
#undef PARTS
#undef SECRET
#undef LINE
#undef PROPERTY
#undef COMMAND
#undef WORDS
#undef OPTIONS
#undef HIDDEN_WORDS
    SCOPE_FIRST_COMMANDS,
};

enum line_sort { LINE_SHAPE, LINE_COMMANDS, LINE_ALSO, LINE_MEMBERS, LINE_WORDS };

static const struct line {
    enum line_sort sort;
    uint16_t scope;
    enum secret_verdict verdict;
    const char *words; /* between spaces */
    const char *command;
} lines[] = {
#define SHAPE(name)             { LINE_SHAPE, SCOPE_##name, SECRET_UNKNOWN, "", NULL },
#define COMMANDS(words)         { LINE_COMMANDS, SCOPE_NONE, SECRET_UNKNOWN, words, NULL },
#define ALSO(name)              { LINE_ALSO, SCOPE_##name, SECRET_UNKNOWN, "", NULL },
#define KNOWN(words)            { LINE_MEMBERS, SCOPE_NONE, SECRET_KNOWN, words, NULL },
#define PARTS(words)            { LINE_MEMBERS, SCOPE_NONE, SECRET_PARTS, words, NULL },
#define SECRET(words)           { LINE_MEMBERS, SCOPE_NONE, SECRET_HIDDEN, words, NULL },
#define LINE(words)             { LINE_MEMBERS, SCOPE_NONE, SECRET_LINE, words, NULL },
#define PROPERTY(words)         { LINE_MEMBERS, SCOPE_NONE, SECRET_PROPERTY, words, NULL },
#define COMMAND(words)          { LINE_MEMBERS, SCOPE_NONE, SECRET_COMMAND, words, NULL },
#define WORDS(words)            { LINE_WORDS, SCOPE_NONE, SECRET_KNOWN, words, NULL },
#define OPTIONS(words, command) { LINE_WORDS, SCOPE_NONE, SECRET_KNOWN, words, command },
#define HIDDEN_WORDS(words)     { LINE_WORDS, SCOPE_NONE, SECRET_HIDDEN, words, NULL },
#include "audit/secrets.def"
#undef SHAPE
#undef COMMANDS
#undef ALSO
#undef KNOWN
#undef PARTS
#undef SECRET
#undef LINE
#undef PROPERTY
#undef COMMAND
#undef WORDS
#undef OPTIONS
#undef HIDDEN_WORDS
};

/* --- as it is looked up ----------------------------------------------------------------------- */

#define SLOTS    8192u /* a power of two, twice the words at least */
#define ALSO_MAX 2u

struct secret_word {
    const char *text; /* not ended; NULL: a free slot */
    uint16_t scope;   /* whose word it is */
    uint16_t target;  /* of a command: its scope; of a monitor's word: that of its options */
    uint8_t len;
    uint8_t verdict;
};

struct secret_command {
    const char *names;
    const struct secret_command *also[ALSO_MAX];
    uint16_t scope;
};

static struct {
    struct secret_word slots[SLOTS];
    struct secret_command *scopes; /* by number */
    size_t n_scopes, n_words;
} table; /* for the process; nothing changes after make_table */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint32_t hash_of(uint16_t scope, struct span name)
{
    uint32_t h = 0x811c9dc5u ^ scope * 0x9e3779b1u;
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.data[i]) * 0x01000193u;
    return h ^ h >> 15;
}

/* The word, or the free slot where it would be. */
static struct secret_word *find_slot(uint16_t scope, struct span name)
{
    for (uint32_t i = hash_of(scope, name);; i++) {
        struct secret_word *w = &table.slots[i % SLOTS];
        if (!w->text ||
            (w->scope == scope && w->len == name.len && memcmp(w->text, name.data, name.len) == 0))
            return w;
    }
}

static void add_words(const char *text, struct secret_word word)
{
    while (*(text += strspn(text, " "))) {
        struct span name = { text, strcspn(text, " ") };
        struct secret_word *slot = find_slot(word.scope, name);
        if (slot->text || ++table.n_words * 2 > SLOTS)
            abort(); /* a word twice: a test of this table cannot miss it */
        *slot = word;
        slot->text = text;
        slot->len = (uint8_t)name.len;
        text += name.len;
    }
}

static void read_line(const struct line *l, uint16_t *at, uint16_t *next)
{
    struct secret_command *scope = &table.scopes[*at];
    switch (l->sort) {
    case LINE_SHAPE:
        *at = l->scope;
        break;
    case LINE_COMMANDS:
        *at = (*next)++;
        table.scopes[*at].names = l->words;
        add_words(l->words, (struct secret_word){ .scope = SCOPE_COMMANDS, .target = *at });
        break;
    case LINE_ALSO:
        scope->also[scope->also[0] ? 1 : 0] = &table.scopes[l->scope];
        break;
    case LINE_MEMBERS:
        add_words(l->words, (struct secret_word){ .scope = *at, .verdict = (uint8_t)l->verdict });
        break;
    case LINE_WORDS: {
        struct secret_word word = { .scope = SCOPE_WORDS, .verdict = (uint8_t)l->verdict };
        if (l->command) {
            struct span name = { l->command, strlen(l->command) };
            word.target = find_slot(SCOPE_COMMANDS, name)->target;
        }
        add_words(l->words, word);
        break;
    }
    }
}

static void make_table(void)
{
    uint16_t at = SCOPE_NONE, next = SCOPE_FIRST_COMMANDS;
    table.n_scopes = SCOPE_FIRST_COMMANDS;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        table.n_scopes += lines[i].sort == LINE_COMMANDS;
    table.scopes = MEM_NEW_N(struct secret_command, table.n_scopes);
    for (size_t i = 0; i < table.n_scopes; i++)
        table.scopes[i].scope = (uint16_t)i;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        read_line(&lines[i], &at, &next);
}

const struct secret_command *secret_command_find(struct span command)
{
    pthread_once(&once, make_table);
    const struct secret_word *w = find_slot(SCOPE_COMMANDS, command);
    return w->text ? &table.scopes[w->target] : NULL;
}

static const struct secret_word *find_member(const struct secret_command *c, struct span name)
{
    const struct secret_word *w = find_slot(c->scope, name);
    for (size_t i = 0; !w->text && i < ALSO_MAX && c->also[i]; i++)
        w = find_member(c->also[i], name);
    return w;
}

enum secret_verdict secret_member(const struct secret_command *c, struct span name)
{
    return c ? (enum secret_verdict)find_member(c, name)->verdict : SECRET_UNKNOWN;
}

bool secret_option_is_shown(const struct secret_command *c, struct span name)
{
    enum secret_verdict v = secret_member(c, name);
    if (v == SECRET_UNKNOWN)
        v = secret_member(c, last_component(name));
    return v == SECRET_KNOWN;
}

enum secret_verdict secret_word(struct span word, const struct secret_command **options)
{
    pthread_once(&once, make_table);
    const struct secret_word *w = find_slot(SCOPE_WORDS, word);
    *options = w->target ? &table.scopes[w->target] : NULL;
    return (enum secret_verdict)w->verdict;
}

void secret_visit(secret_visit_fn *visit, void *opaque)
{
    pthread_once(&once, make_table);
    for (size_t i = 0; i < SLOTS; i++) {
        const struct secret_word *w = &table.slots[i];
        if (w->text)
            visit(opaque, w->scope < SCOPE_FIRST_COMMANDS ? NULL : table.scopes[w->scope].names,
                  w->scope == SCOPE_WORDS, (struct span){ w->text, w->len },
                  (enum secret_verdict)w->verdict);
    }
}

/* --- answers ---------------------------------------------------------------------------------- */

static const char *find_quote(struct span text, bool last)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *p = text.data + (last ? text.len - 1 - i : i);
        if (*p == '\'' || *p == '"')
            return p;
    }
    return NULL;
}

/* Everything that any of the values is in, taken out. */
static void take_out(struct span text, const struct span *values, size_t n, struct buf *out)
{
    for (size_t i = 0; i < text.len;) {
        size_t longest = 0;
        for (size_t k = 0; k < n; k++) {
            if (values[k].len > longest && values[k].len <= text.len - i &&
                memcmp(text.data + i, values[k].data, values[k].len) == 0)
                longest = values[k].len;
        }
        if (longest)
            BUF_ADD_LIT(out, AUDIT_REDACTED);
        else
            buf_add_char(out, text.data[i]);
        i += longest ? longest : 1;
    }
}

bool secret_scrub_answer(const struct secret_values *hidden, struct span text, struct buf *out)
{
    if (!hidden || !hidden->any)
        return secret_scrub(text, out);
    /* a secret may hold quotes, so from the first to the last */
    const char *first = find_quote(text, false);
    const char *last = find_quote(text, true);
    const char *end = text.data + text.len;
    CLEANUP_BUF struct buf quoted = { 0 };
    if (first) {
        buf_add(&quoted, text.data, (size_t)(first + 1 - text.data));
        BUF_ADD_LIT(&quoted, AUDIT_REDACTED);
        buf_add(&quoted, last, (size_t)(end - last));
        text = (struct span){ buf_data(&quoted), buf_len(&quoted) };
    }
    CLEANUP_BUF struct buf plain = { 0 };
    take_out(text, hidden->values, hidden->n, &plain);
    struct span rest = { buf_data(&plain), buf_len(&plain) };
    if (secret_scrub(rest, out))
        return true;
    if (!first && rest.len == text.len && memcmp(rest.data, text.data, rest.len) == 0)
        return false;
    buf_add_span(out, rest);
    return true;
}
