#include "config.h"
#include "acl/shape_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/* --- the table as it is written -------------------------------------------------------------- */

enum {
    SHAPE_BEFORE_NAMED = SHAPE_FIRST - 1,
#define HEAD(sort, name) SHAPE_##name,
#define COMMANDS(words)
#define COMMANDS_ARE(words, shape)
#define ITEM(sort, kind, shape, words)
#include "acl/arguments.def"
#undef HEAD
#undef COMMANDS
#undef COMMANDS_ARE
#undef ITEM
    SHAPE_FIRST_UNNAMED, /* of commands whose members are written with them */
};

enum {
    KIND_NOTHING = ACL_REACH_NOTHING,
    KIND_PATH = ACL_REACH_PATH,
    KIND_URI = ACL_REACH_URI,
    KIND_EXEC = ACL_REACH_EXEC,
    KIND_HOST = ACL_REACH_HOST,
    KIND_PORT = ACL_REACH_PORT,
    KIND_COST = ACL_REACH_COST,
    KIND_FD = ACL_REACH_FD,
    KIND_SECRET = ACL_REACH_SECRET,
    KIND_QOM = ACL_REACH_QOM,
    KIND_TRANSACTION = VERDICT_OF_OWNER(ACL_OWNER_TRANSACTION),
    KIND_HMP = VERDICT_OF_OWNER(ACL_OWNER_HMP),
    KIND_DEVICE = VERDICT_OF_OWNER(ACL_OWNER_DEVICE),
};

enum line_sort { LINE_HEAD, LINE_COMMANDS, LINE_COMMANDS_ARE, LINE_ITEM };

static const struct line {
    enum line_sort line;
    uint8_t sort; /* enum shape_sort or expected */
    uint8_t verdict;
    uint16_t shape;
    const char *words; /* between spaces; of a head its name */
} lines[] = {
#define HEAD(sort_, name) \
    { .line = LINE_HEAD, .sort = SHAPE_##sort_, .shape = SHAPE_##name, .words = #name },
#define COMMANDS(words_) { .line = LINE_COMMANDS, .words = words_ },
#define COMMANDS_ARE(words_, shape_) \
    { .line = LINE_COMMANDS_ARE, .shape = SHAPE_##shape_, .words = words_ },
#define ITEM(sort_, kind, shape_, words_) \
    { .line = LINE_ITEM,                  \
      .sort = EXPECT_##sort_,             \
      .verdict = KIND_##kind,             \
      .shape = SHAPE_##shape_,            \
      .words = words_ },
#include "acl/arguments.def"
#undef HEAD
#undef COMMANDS
#undef COMMANDS_ARE
#undef ITEM
};

/* --- as it is looked up ---------------------------------------------------------------------- */

struct shape {
    const char *name; /* of unnamed ones the commands */
    enum shape_sort sort;
    uint8_t further;
    uint32_t first, n; /* in words */
};

static struct {
    struct table_word *words; /* by shape, members before values, then by name */
    struct shape *shapes;
    size_t n_words, cap;
    uint16_t n_shapes;
} table; /* for the process; nothing changes after make_table */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static int compare_words(const struct table_word *a, const struct table_word *b)
{
    bool a_is_value = a->expected == EXPECT_VALUE, b_is_value = b->expected == EXPECT_VALUE;
    if (a->shape != b->shape)
        return a->shape < b->shape ? -1 : 1;
    if (a_is_value != b_is_value)
        return a_is_value ? 1 : -1;
    if (a->text.len != b->text.len)
        return a->text.len < b->text.len ? -1 : 1;
    return memcmp(a->text.data, b->text.data, a->text.len);
}

static int compare_for_qsort(const void *a, const void *b)
{
    return compare_words(a, b);
}

/* One for each word of the text. */
static void add_words(const char *text, struct table_word word)
{
    while (*(text += strspn(text, " "))) {
        word.text = (struct span){ text, strcspn(text, " ") };
        mem_grow((void **)&table.words, &table.cap, table.n_words + 1, sizeof(word));
        table.words[table.n_words++] = word;
        text += word.text.len;
    }
}

static uint16_t count_shapes(void)
{
    uint16_t n = SHAPE_FIRST_UNNAMED;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        n = (uint16_t)(n + (lines[i].line == LINE_COMMANDS));
    return n;
}

static void read_lines(void)
{
    uint16_t unnamed = SHAPE_FIRST_UNNAMED, at = SHAPE_EMPTY;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        const struct line *l = &lines[i];
        switch (l->line) {
        case LINE_HEAD:
            at = l->shape;
            table.shapes[at] = (struct shape){ .name = l->words, .sort = (enum shape_sort)l->sort };
            break;
        case LINE_COMMANDS:
            at = unnamed++;
            table.shapes[at] = (struct shape){ .name = l->words };
            add_words(l->words, (struct table_word){ .shape = SHAPE_COMMANDS, .target = at });
            break;
        case LINE_COMMANDS_ARE:
            add_words(l->words, (struct table_word){ .shape = SHAPE_COMMANDS, .target = l->shape });
            break;
        case LINE_ITEM:
            if (l->sort == EXPECT_FURTHER)
                table.shapes[at].further = l->verdict;
            add_words(l->words, (struct table_word){ .shape = at,
                                                     .target = l->shape,
                                                     .expected = l->sort,
                                                     .verdict = l->verdict });
            break;
        }
    }
}

static void make_table(void)
{
    table.n_shapes = count_shapes();
    table.shapes = MEM_NEW_N(struct shape, table.n_shapes);
    table.shapes[SHAPE_EMPTY].name = "nothing";
    table.shapes[SHAPE_COMMANDS].name = "commands";
    read_lines();
    qsort(table.words, table.n_words, sizeof(*table.words), compare_for_qsort);
    for (size_t i = table.n_words; i-- > 0;) {
        struct shape *s = &table.shapes[table.words[i].shape];
        s->first = (uint32_t)i;
        s->n++;
    }
}

static const struct table_word *find(uint16_t shape, enum expected expected, struct span name)
{
    pthread_once(&once, make_table);
    const struct table_word wanted = { .shape = shape,
                                       .expected = (uint8_t)expected,
                                       .text = name };
    size_t low = table.shapes[shape].first, high = low + table.shapes[shape].n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_words(&wanted, &table.words[middle]);
        if (order == 0)
            return &table.words[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct table_word *shape_table_member(uint16_t shape, struct span name)
{
    return find(shape, EXPECT_TEXT, name);
}

const struct table_word *shape_table_value(uint16_t shape, struct span name)
{
    return find(shape, EXPECT_VALUE, name);
}

const struct table_word *shape_table_words(uint16_t shape, size_t *n)
{
    pthread_once(&once, make_table);
    *n = table.shapes[shape].n;
    return table.words + table.shapes[shape].first;
}

uint16_t shape_table_size(void)
{
    pthread_once(&once, make_table);
    return table.n_shapes;
}

const char *shape_table_name(uint16_t shape)
{
    pthread_once(&once, make_table);
    return table.shapes[shape].name;
}

enum shape_sort shape_table_sort(uint16_t shape)
{
    pthread_once(&once, make_table);
    return table.shapes[shape].sort;
}

uint8_t shape_table_further(uint16_t shape)
{
    pthread_once(&once, make_table);
    return table.shapes[shape].further;
}
