/* Prints what arguments reach the host for the manual (scdoc), from the table and a schema. Runs at
 * build time only. */
#include "config.h"
#include "acl/shape_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "qmp/agent.h"

static const struct acl_reach_map *map;
static const struct qmp_schema *schema;
static unsigned n_told; /* in the paragraph */

/* --- words ----------------------------------------------------------------------------------- */

/* scdoc: what could be taken for markup is escaped. */
static void add_escaped(struct buf *b, const char *s)
{
    for (; *s; s++) {
        if (strchr("*_\\[]<>#", *s))
            buf_add_char(b, '\\');
        buf_add_char(b, *s);
    }
}

static void print_bold(const char *s)
{
    CLEANUP_BUF struct buf b = { 0 };
    add_escaped(&b, s);
    printf("*%.*s*", (int)buf_len(&b), buf_data(&b));
}

static const char *name_of(uint32_t type, uint32_t part)
{
    return qmp_type_part(schema, type, part).name.data;
}

static void print_verdict(uint32_t verdict)
{
    static const char *const owners[] = {
        [ACL_OWNER_NONE] = NULL,
        [ACL_OWNER_TRANSACTION] = "each judged as the command of its name",
        [ACL_OWNER_HMP] = "judged by its words",
        [ACL_OWNER_DEVICE] = "judged by the driver",
    };
    const char *owner = owners[VERDICT_OWNER(verdict)];
    fputs(owner ? owner : acl_reach_name(VERDICT_REACH(verdict)), stdout);
}

/* --- places ---------------------------------------------------------------------------------- */

static const struct shape_node *node_at(uint32_t place)
{
    return &map->nodes[place - PLACE_NODE];
}

/* What may be in the place reaches the host; it has a line of its own. */
static bool is_told(uint32_t place)
{
    return place_is_node(place) ? node_at(place)->reaches : place != 0;
}

/* `path` is the way to the place from the object that is printed; "" for a branch. */
static void print_place(const struct buf *path, const char *when, uint32_t place);

static void begin(const struct buf *path, const char *when)
{
    CLEANUP_BUF struct buf text = { 0 };
    buf_add(&text, buf_data(path), buf_len(path));
    buf_add_char(&text, '\0');
    printf("%s\t%s", n_told++ ? ";\n" : "", when);
    if (buf_len(path))
        print_bold(buf_data(&text));
    fputs(buf_len(path) ? ": " : "", stdout);
}

/* The words of an enum, by what they reach. */
static void print_values(const struct buf *path, const char *when, const struct shape_node *node)
{
    for (uint32_t i = 0; i < qmp_type_n_parts(schema, node->type); i++) {
        uint32_t verdict = map->places[node->first + i];
        if (!verdict)
            continue;
        begin(path, when);
        print_verdict(verdict);
        fputs(" if it is ", stdout);
        print_bold(name_of(node->type, i));
    }
}

/* An object that is there only to hold another one. */
static bool is_wrapper(const struct shape_node *node)
{
    return node->kind == QMP_TYPE_OBJECT && shape_n_places(schema, node->type) == 1;
}

static void print_member(const struct buf *path, const char *when, const char *name, uint32_t place)
{
    CLEANUP_BUF struct buf longer = { 0 };
    buf_add(&longer, buf_data(path), buf_len(path));
    buf_printf(&longer, "%s%s", buf_len(path) ? "." : "", name);
    print_place(&longer, when, place);
}

static void print_node(const struct buf *path, const char *when, const struct shape_node *node)
{
    if (node->kind == QMP_TYPE_ENUM) {
        print_values(path, when, node);
    } else if (node->kind == QMP_TYPE_ARRAY) {
        CLEANUP_BUF struct buf longer = { 0 };
        buf_printf(&longer, "%.*s[]", (int)buf_len(path), buf_data(path));
        print_place(&longer, when, map->places[node->first]);
    } else if (node->kind == QMP_TYPE_ALTERNATE) {
        for (uint32_t kind = 0; kind < SHAPE_N_KINDS; kind++)
            print_place(path, when, map->places[node->first + kind]);
    } else if (is_wrapper(node)) {
        print_member(path, when, name_of(node->type, 0), map->places[node->first]);
    } else {
        begin(path, when);
        fputs("as ", stdout);
        print_bold(shape_table_name((uint16_t)node->shape));
    }
}

static void print_place(const struct buf *path, const char *when, uint32_t place)
{
    if (!is_told(place))
        return;
    if (place_is_node(place)) {
        print_node(path, when, node_at(place));
    } else {
        begin(path, when);
        print_verdict(place);
    }
}

/* --- objects --------------------------------------------------------------------------------- */

static void print_branches(const struct shape_node *node)
{
    uint32_t tag = qmp_type_tag(schema, node->type);
    uint32_t n = qmp_type_n_parts(schema, node->type);
    static const struct buf here;
    for (uint32_t v = 0; v < shape_n_branches(schema, node->type); v++) {
        CLEANUP_BUF struct buf when = { 0 };
        BUF_ADD_LIT(&when, "with *");
        add_escaped(&when, name_of(node->type, tag));
        buf_add_char(&when, ' ');
        add_escaped(&when, name_of(qmp_type_part(schema, node->type, tag).type, v));
        BUF_ADD_LIT(&when, "*: \0");
        print_place(&here, buf_data(&when), map->places[node->first + n + v]);
    }
}

static void print_object(const struct shape_node *node)
{
    static const struct buf here;
    n_told = 0;
    for (uint32_t i = 0; i < qmp_type_n_parts(schema, node->type); i++)
        print_member(&here, "", name_of(node->type, i), map->places[node->first + i]);
    print_branches(node);
    fputs(".\n\n", stdout);
}

static bool has_name(const struct shape_node *node)
{
    return node->shape < SHAPE_IS_VERDICT &&
           isupper((unsigned char)shape_table_name((uint16_t)node->shape)[0]);
}

static void print_command(unsigned i)
{
    if (!acl_reach_is_possible(map, i))
        return;
    const struct shape_node *node = node_at(map->commands[i]);
    print_bold(qmp_schema_command(schema, i)->name);
    putchar('\n');
    if (qmp_command_is_open(schema, i))
        puts("\tEach property, judged by the driver.\n");
    else if (has_name(node))
        printf("\tAs *%s*.\n\n", shape_table_name((uint16_t)node->shape));
    else
        print_object(node);
}

static int compare_nodes(const void *a, const void *b)
{
    const struct shape_node *const *x = a, *const *y = b;
    return strcmp(shape_table_name((uint16_t)(*x)->shape), shape_table_name((uint16_t)(*y)->shape));
}

static void print_types(void)
{
    const struct shape_node **nodes = MEM_NEW_N(const struct shape_node *, map->n_nodes);
    size_t n = 0;
    for (size_t i = 0; i < map->n_nodes; i++) {
        const struct shape_node *node = &map->nodes[i];
        if (node->kind == QMP_TYPE_OBJECT && node->reaches && has_name(node) && !is_wrapper(node))
            nodes[n++] = node;
    }
    qsort(nodes, n, sizeof(*nodes), compare_nodes);
    for (size_t i = 0; i < n; i++) {
        print_bold(shape_table_name((uint16_t)nodes[i]->shape));
        putchar('\n');
        print_object(nodes[i]);
    }
    free(nodes);
}

/* --- all ------------------------------------------------------------------------------------- */

static struct qmp_schema *read_schema(const char *path)
{
    CLEANUP_BUF struct buf b = { 0 };
    struct qmp_schema *s = NULL;
    struct error err;
    FILE *f = fopen(path, "rb");
    size_t n = 0;
    if (!f) {
        perror(path);
        exit(1);
    }
    do {
        buf_commit(&b, n);
        n = fread(buf_reserve(&b, 65536), 1, 65536, f);
    } while (n > 0);
    fclose(f);
    if (qmp_schema_parse(buf_data(&b), buf_len(&b), &s, &err) < 0) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        exit(1);
    }
    return s;
}

static void print_commands(const char *title, struct qmp_schema *take_schema, bool types)
{
    struct acl_reach_map *m = acl_reach_map_new(take_schema);
    schema = take_schema;
    map = m;
    printf("# %s\n\n", title);
    for (unsigned i = 0; i < qmp_schema_n_commands(take_schema); i++)
        print_command(i);
    if (types) {
        puts("# TYPES\n");
        print_types();
    }
    acl_reach_map_free(m);
    qmp_schema_unref(take_schema);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: print_arguments SCHEMA\n", stderr);
        return 2;
    }
    print_commands("COMMANDS", read_schema(argv[1]), true);
    print_commands("COMMANDS OF GUEST AGENTS", qmp_agent_schema(), false);
    return 0;
}
